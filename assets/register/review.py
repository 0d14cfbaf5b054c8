"""Pairs about which only a person can decide: found by each build, ranked, shown side by side, decided.

`lake/grey_pairs.parquet` is written anew with each build: keys of source persons, levels and bits, no values. What is decided is kept
in `remembered`, acts on the next build, and goes with either of the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from assets.register import pair_cache
from assets.register.link_report import steps
from assets.register.pair_cache import Decision
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet
from assets.storage.safe_errors import PlainError
from schemas.columns import TableModel, duckdb_columns, table_name
from schemas.register import Membership, Registrants
from schemas.staged import CANONICAL

GREY_PAIRS = "grey_pairs.parquet"


class ReviewError(PlainError):
    """The pair cannot be shown or decided; says why, without a value."""


@dataclass(frozen=True)
class GreyPair:
    """Two source persons who may be one: `together` as the register has it now; `explained` as a waterfall shows it."""

    pair: str
    one: str
    other: str
    together: bool
    proven: bool
    weight: float
    explained: dict[str, Any]


def keep(home: Home, connection: duckdb.DuckDBPyConnection) -> int:
    """Write down the grey pairs of the last round that nobody has decided; answers how many.

    Ranked: those of whom something is sold or delivered first, then those of whom more than names agrees, then the most uncertain.
    """
    return copy_parquet(
        connection,
        """WITH customers AS (SELECT registrant_id FROM held_contracts WHERE registrant_id IS NOT NULL)
        SELECT left(sha256(one.person_key || other.person_key), 10) AS pair, one.person_key AS one, other.person_key AS other,
            row_number() OVER (ORDER BY (l.registrant_id IN (FROM customers) OR r.registrant_id IN (FROM customers)) DESC, proven DESC,
                abs(weight), one.person_key, other.person_key) AS rank,
            reasons.* EXCLUDE (one, other, pattern, grey)
        FROM linkage_reasons AS reasons JOIN linkage_numbers AS one ON one.id = reasons.one JOIN linkage_numbers AS other ON other.id = reasons.other
        JOIN membership AS l ON l.person_key = one.person_key JOIN membership AS r ON r.person_key = other.person_key
        WHERE grey AND (one.person_key, other.person_key) NOT IN (SELECT (one, other) FROM decisions)
        ORDER BY rank""",
        home.lake / GREY_PAIRS,
    )


def listed(home: Home, limit: int | None = None, pair: str | None = None) -> list[GreyPair]:
    """The grey pairs of the last build, best worth a look first; or the one of that name. Raises ReviewError if there is none of it."""
    path = home.lake / GREY_PAIRS
    if not path.exists():
        raise ReviewError("no register has been built yet: run `register refresh`")
    with home.connect() as connection:
        which = "WHERE pair = ?" if pair else ""
        rows = connection.execute(
            f"SELECT * FROM {parquet(path)} {which} ORDER BY rank LIMIT {limit or 1_000_000}",
            [pair] if pair else [],
        )
        names = [name for name, *_ in rows.description]
        found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    if pair and not found:
        raise ReviewError("there is no open pair of that name; `register review` lists them")
    return [
        GreyPair(
            one["pair"],
            one["one"],
            one["other"],
            one["together"],
            one["proven"],
            round(one["weight"], 2),
            steps(one),
        )
        for one in found
    ]


def side_by_side(home: Home, pair: GreyPair) -> list[tuple[str, str, str]]:
    """What sources have said of the two: rows of what, the one's, the other's. Personal: for whoever is entitled to the register.

    Locations are left out where either is protected; of identity codes only whether there is one.
    """
    with home.connect() as connection:
        for model in (Membership, Registrants):
            _register(home, connection, model)
        for table in ("names", "persons", "contact_points", "addresses", "identifiers"):
            home.staged(connection, CANONICAL[table])
        hidden = connection.execute(
            "SELECT coalesce(bool_or(protected), false) FROM registrants JOIN membership USING (registrant_id) WHERE person_key IN (?, ?)",
            [pair.one, pair.other],
        ).fetchone()
        wanted = {
            "source": "SELECT DISTINCT source AS said FROM staged_identifiers WHERE person_key = ?",
            "names": "SELECT DISTINCT concat_ws(' ', given_names, family_name) AS said FROM staged_names WHERE person_key = ?",
            "birth date": "SELECT DISTINCT birth_date::VARCHAR AS said FROM staged_persons WHERE person_key = ?",
            "contacts": "SELECT DISTINCT value AS said FROM staged_contact_points WHERE person_key = ?",
            "addresses": "SELECT DISTINCT concat_ws(', ', street, postcode, town) AS said FROM staged_addresses WHERE person_key = ?",
            "numbers": """SELECT DISTINCT CASE WHEN type = 'identity_code' THEN 'an identity code' ELSE type || ' ' || value END AS said
                FROM staged_identifiers WHERE person_key = ? AND type NOT IN ('email', 'phone', 'visitor_id')""",
        }
        if hidden and hidden[0]:
            wanted.pop("addresses")

        def said(query: str, key: str) -> str:
            rows = connection.execute(
                f"SELECT string_agg(said, '; ' ORDER BY said) FROM ({query}) WHERE said <> ''",
                [key],
            ).fetchone()
            return str(rows[0]) if rows and rows[0] else "-"

        return [
            (what, said(query, pair.one), said(query, pair.other)) for what, query in wanted.items()
        ]


def decide(home: Home, pairs: Iterable[str], today: date, *, same: bool) -> int:
    """Record that each pair is one person, or two; answers how many. Under the writer's lock. Raises ReviewError."""
    meant = [listed(home, pair=pair)[0] for pair in pairs]
    pair_cache.decide(home, [Decision(one.one, one.other, same, today) for one in meant])
    return len(meant)


def _register(home: Home, connection: duckdb.DuckDBPyConnection, model: type[TableModel]) -> None:
    name, path = table_name(model), home.register(table_name(model))
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {parquet(path)}"
        if path.exists()
        else f"CREATE TEMP TABLE {name} ({duckdb_columns(model)})"
    )
