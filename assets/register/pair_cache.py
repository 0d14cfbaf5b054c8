"""What linkage keeps from run to run, beside the register's tables, in the lake: pairs compared, and decisions.

- `compared.parquet`: the levels of the pairs of the last build, under a stamp of both records. A pair whose records say what
  they said is not compared again; what the register becomes does not depend on it.
- `decisions.parquet`: pairs of source persons that somebody has looked at and said are one person, or two.

Both name source persons by their keys, and are written anew with each build: of whoever has left, nothing stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from assets.storage.atomic_files import remove
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet

COMPARED, BEFORE = "compared.parquet", "compared_before.parquet"
DECISIONS = "decisions.parquet"


@dataclass(frozen=True)
class Decision:
    """Two source persons (keys) are one person, or two; decided on a day."""

    one: str
    other: str
    same: bool
    decided_on: date


def load(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `decisions(one, other, same)` under the keys that hold now, and `compared_before(one, other, stamp, pattern)`.

    Reads `renamed`, which `facts.gather` made.
    """
    decided = _read(
        home,
        DECISIONS,
        "NULL::VARCHAR AS one, NULL::VARCHAR AS other, NULL::BOOLEAN AS same, NULL::DATE AS decided_on",
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE decisions AS
        SELECT least(one, other) AS one, greatest(one, other) AS other, arg_max(same, decided_on) AS same, max(decided_on) AS decided_on FROM (
            SELECT coalesce(l.now, one) AS one, coalesce(r.now, other) AS other, same, decided_on
            FROM ({decided}) LEFT JOIN renamed AS l ON l.person_key = one LEFT JOIN renamed AS r ON r.person_key = other)
        GROUP BY ALL"""
    )
    compared = _read(
        home,
        COMPARED,
        "NULL::VARCHAR AS one, NULL::VARCHAR AS other, NULL::UBIGINT AS stamp, NULL::UBIGINT AS pattern",
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW compared_before AS {compared}")


def keep(home: Home, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Write down what was compared (`linkage_used`), and the decisions about who is still there; answers the drift of a full rerun.

    Drift, in pairs: on other levels than before (must be 0: nothing else about them has changed), compared only now, only before.
    """
    used = "FROM linkage_used JOIN linkage_pair_cache USING (one, other, stamp)"
    numbers = "JOIN linkage_numbers AS l ON l.id = pairs.one JOIN linkage_numbers AS r ON r.id = pairs.other"
    copy_parquet(
        connection,
        f"SELECT l.person_key AS one, r.person_key AS other, stamp, pattern FROM ({used}) AS pairs {numbers} ORDER BY ALL",
        home.lake / COMPARED,
    )
    _write_decisions(
        home,
        connection,
        "FROM decisions SEMI JOIN membership AS l ON l.person_key = one SEMI JOIN membership AS r ON r.person_key = other",
    )
    before = home.lake / BEFORE
    if not before.exists():
        return {}
    row = connection.execute(
        f"""SELECT count(*) FILTER (a.pattern <> b.pattern), count(*) FILTER (a.pattern IS NULL), count(*) FILTER (b.pattern IS NULL)
        FROM {parquet(before)} AS a FULL JOIN {parquet(home.lake / COMPARED)} AS b USING (one, other, stamp)"""
    ).fetchone()
    remove(before)
    return dict(
        zip(
            ("pairs_on_other_levels", "pairs_only_now", "pairs_only_before"),
            map(int, row or ()),
            strict=True,
        )
    )


def forget(home: Home) -> None:
    """Let the next build compare every pair anew, and tell how that differs from before."""
    path = home.lake / COMPARED
    if path.exists():
        path.replace(home.lake / BEFORE)


def decide(home: Home, decisions: Iterable[Decision]) -> None:
    """Add decisions; the latest about a pair counts. Under the writer's lock."""
    rows = [(*sorted((one.one, one.other)), one.same, one.decided_on) for one in decisions]
    if not rows:
        return
    with home.connect() as connection:
        connection.execute(
            "CREATE TEMP TABLE said (one VARCHAR, other VARCHAR, same BOOLEAN, decided_on DATE)"
        )
        connection.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", rows)
        earlier = _read(
            home,
            DECISIONS,
            "NULL::VARCHAR AS one, NULL::VARCHAR AS other, NULL::BOOLEAN AS same, NULL::DATE AS decided_on",
        )
        _write_decisions(
            home,
            connection,
            f"FROM said UNION ALL (FROM ({earlier}) AS earlier ANTI JOIN said USING (one, other))",
        )


def fingerprint(home: Home) -> str:
    """A hash of the decisions: the register depends on them."""
    path = home.lake / DECISIONS
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _write_decisions(home: Home, connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    path: Path = home.lake / DECISIONS
    there = connection.execute(f"SELECT count(*) FROM ({rows})").fetchone()
    if there and there[0]:
        copy_parquet(
            connection, f"SELECT one, other, same, decided_on FROM ({rows}) ORDER BY ALL", path
        )
    else:
        remove(path)


def _read(home: Home, name: str, columns: str) -> str:
    path = home.lake / name
    return f"SELECT * FROM {parquet(path)}" if path.exists() else f"SELECT {columns} WHERE false"
