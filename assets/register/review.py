"""Clerical review: pairs that only a person can decide, ranked, shown side by side, decided.

Each build writes `lake/grey_pairs.parquet`: keys of source persons, levels and bits, no values. A
decision is stored in `pair_cache`, counts from the next build, and goes with either of the two
persons.
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
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet, create_staged_view
from assets.storage.quoting import parquet
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect
from schemas.columns import TableModel, duckdb_columns, table_name
from schemas.register import Membership, Registrants
from schemas.staged import CANONICAL

GREY_PAIRS = "grey_pairs.parquet"


class ReviewError(PlainError):
    """The pair cannot be shown or decided; the message has the reason, without a value."""


@dataclass(frozen=True)
class GreyPair:
    """Two source persons who may be one.

    Attributes:
        pair: The name of the pair.
        left: The key of one person.
        right: The key of the other.
        together: They are one registrant now.
        proven: More than names agrees.
        weight: Bits.
        explained: The weight as a waterfall shows it.
    """

    pair: str
    left: str
    right: str
    together: bool
    proven: bool
    weight: float
    explained: dict[str, Any]


def write_grey_pairs(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> int:
    """Write the grey pairs of the last round that are not decided, and return how many there are.

    Ranked: customers first, then pairs of which more than names agrees, then the most uncertain.
    """
    return copy_parquet(
        connection,
        """WITH customers AS (
            SELECT registrant_id FROM registrant_contracts WHERE registrant_id IS NOT NULL)
        SELECT left(sha256(l.person_key || r.person_key), 10) AS pair,
            l.person_key AS one, r.person_key AS other,
            row_number() OVER (ORDER BY
                (lm.registrant_id IN (FROM customers)
                    OR rm.registrant_id IN (FROM customers)) DESC,
                proven DESC, abs(weight), l.person_key, r.person_key) AS rank,
            reasons.* EXCLUDE (one, other, pattern, grey)
        FROM linkage_reasons AS reasons
        JOIN linkage_numbers AS l ON l.id = reasons.one
        JOIN linkage_numbers AS r ON r.id = reasons.other
        JOIN membership AS lm ON lm.person_key = l.person_key
        JOIN membership AS rm ON rm.person_key = r.person_key
        WHERE grey
            AND (l.person_key, r.person_key) NOT IN (SELECT (one, other) FROM decisions)
        ORDER BY rank""",
        data_root.lake / GREY_PAIRS,
    )


def listed(
    data_root: DataRoot, limit: int | None = None, pair: str | None = None
) -> list[GreyPair]:
    """Return the grey pairs of the last build, the most useful to review first; or the named one.

    Raises:
        ReviewError: Nothing has been built, or there is no open pair of the name.
    """
    path = data_root.lake / GREY_PAIRS
    if not path.exists():
        raise ReviewError("no register has been built yet: run `register refresh`")
    with connect(data_root) as connection:
        which = "WHERE pair = ?" if pair else ""
        rows = connection.execute(
            f"SELECT * FROM {parquet(path)} {which} ORDER BY rank LIMIT {limit or 1_000_000}",
            [pair] if pair else [],
        )
        names = [name for name, *_ in rows.description]
        pairs = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    if pair and not pairs:
        raise ReviewError("there is no open pair of that name; `register review` lists them")
    return [
        GreyPair(
            row["pair"],
            row["one"],
            row["other"],
            row["together"],
            row["proven"],
            round(row["weight"], 2),
            steps(row),
        )
        for row in pairs
    ]


# What is compared -> SQL: the values that sources have stated of a person.
_STATED = {
    "source": "source FROM staged_identifiers WHERE person_key = ?",
    "names": "concat_ws(' ', given_names, family_name) FROM staged_names WHERE person_key = ?",
    "birth date": "birth_date::VARCHAR FROM staged_persons WHERE person_key = ?",
    "contacts": "value FROM staged_contact_points WHERE person_key = ?",
    "addresses": """concat_ws(', ', street, postcode, town)
        FROM staged_addresses WHERE person_key = ?""",
    "numbers": """CASE WHEN type = 'identity_code' THEN 'an identity code'
            ELSE type || ' ' || value END
        FROM staged_identifiers
        WHERE person_key = ? AND type NOT IN ('email', 'phone', 'visitor_id')""",
}


def side_by_side(data_root: DataRoot, pair: GreyPair) -> list[tuple[str, str, str]]:
    """Return what sources have stated of the two: rows of what, the one's, the other's.

    Personal: for those who are entitled to the register. Locations are left out where either is
    protected; of identity codes only whether there is one.
    """
    with connect(data_root) as connection:
        for model in (Membership, Registrants):
            _register(data_root, connection, model)
        for table in ("names", "persons", "contact_points", "addresses", "identifiers"):
            create_staged_view(data_root, connection, CANONICAL[table])
        protected = connection.execute(
            """SELECT coalesce(bool_or(protected), false)
            FROM registrants JOIN membership USING (registrant_id)
            WHERE person_key IN (?, ?)""",
            [pair.left, pair.right],
        ).fetchone()

        def stated(values: str, key: str) -> str:
            rows = connection.execute(
                f"""SELECT string_agg(stated.value, '; ' ORDER BY stated.value)
                FROM (SELECT DISTINCT {values}) AS stated(value) WHERE stated.value <> ''""",
                [key],
            ).fetchone()
            return str(rows[0]) if rows and rows[0] else "-"

        return [
            (what, stated(values, pair.left), stated(values, pair.right))
            for what, values in _STATED.items()
            if what != "addresses" or not (protected and protected[0])
        ]


def decide(data_root: DataRoot, pairs: Iterable[str], today: date, *, same: bool) -> int:
    """Record that each named pair is one person, or two; return how many. Under the writer's lock.

    Raises:
        ReviewError: There is no open pair of a name.
    """
    decided = [listed(data_root, pair=pair)[0] for pair in pairs]
    pair_cache.decide(data_root, [Decision(pair.left, pair.right, same, today) for pair in decided])
    return len(decided)


def _register(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, model: type[TableModel]
) -> None:
    name, path = table_name(model), data_root.register(table_name(model))
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {parquet(path)}"
        if path.exists()
        else f"CREATE TEMP TABLE {name} ({duckdb_columns(model)})"
    )
