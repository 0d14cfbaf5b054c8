"""The pair cache and the decisions: what linkage keeps from build to build, beside the register.

- `compared.parquet`: the comparison levels of the pairs of the last build, under a stamp of both
  records. A pair of unchanged records is not compared again; the register's content does not
  depend on it.
- `decisions.parquet`: pairs of source persons that somebody has reviewed and decided to be one
  person, or two.

Both name source persons by their keys, and are written again by each build: nothing stays of
persons who have left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import duckdb

from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.recorded_files import move, remove
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect

COMPARED, BEFORE = "compared.parquet", "compared_before.parquet"
DECISIONS = KeptFile(
    "lake/decisions.parquet",
    "which pairs somebody has decided to be one person, or two",
    "they are linked by score alone until they are decided again",
    {"one": "VARCHAR", "other": "VARCHAR", "same": "BOOLEAN", "decided_on": "DATE"},
)
_COMPARISON = {"one": "VARCHAR", "other": "VARCHAR", "stamp": "UBIGINT", "pattern": "UBIGINT"}

CURRENT_DECISIONS = Relation(
    name="decisions",
    summary="The latest decision about each pair of source persons, under their current keys.",
    columns=DECISIONS.columns,
    reads=("renamed_persons",),
    scope=Scope.COMPONENT,
)
EARLIER_COMPARISONS = Relation(
    name="earlier_comparisons",
    summary="The comparison levels of the pairs of the last build.",
    columns=_COMPARISON,
    scope=Scope.GLOBAL,
    merge="The pairs of all shards, of records that the engine compared in any of them.",
)


@dataclass(frozen=True)
class Decision:
    """Two source persons (keys) are one person, or two; decided on a day."""

    left: str
    right: str
    same: bool
    decided_on: date


def load(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `decisions` and `earlier_comparisons`."""
    connection.execute(
        CURRENT_DECISIONS.create_table(
            f"""SELECT least(one, other) AS one, greatest(one, other) AS other,
                arg_max(same, decided_on) AS same, max(decided_on) AS decided_on
            FROM (
                SELECT coalesce(l.current_key, one) AS one, coalesce(r.current_key, other) AS other,
                    same, decided_on
                FROM ({DECISIONS.rows(data_root)})
                LEFT JOIN renamed_persons AS l ON l.person_key = one
                LEFT JOIN renamed_persons AS r ON r.person_key = other)
            GROUP BY ALL"""
        )
    )
    compared = data_root.lake / COMPARED
    connection.execute(
        EARLIER_COMPARISONS.create_view(f"FROM {parquet(compared)}")
        if compared.exists()
        else EARLIER_COMPARISONS.create_empty()
    )


def write(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Write what was compared, and the decisions about persons who are still there.

    Returns:
        The drift of a full rerun, in pairs: on other levels than before (must be 0: nothing else
        about them has changed), compared only now, compared only before. Empty after other builds.
    """
    copy_parquet(
        connection,
        """SELECT l.person_key AS one, r.person_key AS other, stamp, pattern
        FROM (FROM linkage_used JOIN linkage_pair_cache USING (one, other, stamp)) AS pairs
        JOIN linkage_numbers AS l ON l.id = pairs.one
        JOIN linkage_numbers AS r ON r.id = pairs.other
        ORDER BY ALL""",
        data_root.lake / COMPARED,
    )
    _write_decisions(
        data_root,
        connection,
        """FROM decisions
        SEMI JOIN membership AS l ON l.person_key = one
        SEMI JOIN membership AS r ON r.person_key = other""",
    )
    before = data_root.lake / BEFORE
    if not before.exists():
        return {}
    row = connection.execute(
        f"""SELECT count(*) FILTER (l.pattern <> r.pattern),
            count(*) FILTER (l.pattern IS NULL), count(*) FILTER (r.pattern IS NULL)
        FROM {parquet(before)} AS l
        FULL JOIN {parquet(data_root.lake / COMPARED)} AS r USING (one, other, stamp)"""
    ).fetchone()
    remove(before)
    return dict(
        zip(
            ("pairs_on_other_levels", "pairs_only_now", "pairs_only_before"),
            map(int, row or ()),
            strict=True,
        )
    )


def forget(data_root: DataRoot) -> None:
    """Let the next build compare every pair again, and return how that differs from before."""
    path = data_root.lake / COMPARED
    if path.exists():
        move(path, data_root.lake / BEFORE)


def decide(data_root: DataRoot, decisions: Iterable[Decision]) -> None:
    """Add decisions; the latest about a pair counts. Under the writer's lock."""
    rows = [
        (*sorted((decision.left, decision.right)), decision.same, decision.decided_on)
        for decision in decisions
    ]
    if not rows:
        return
    with connect(data_root) as connection:
        connection.execute(
            """CREATE TEMP TABLE added_decisions
            (one VARCHAR, other VARCHAR, same BOOLEAN, decided_on DATE)"""
        )
        connection.executemany("INSERT INTO added_decisions VALUES (?, ?, ?, ?)", rows)
        _write_decisions(
            data_root,
            connection,
            f"""FROM added_decisions
            UNION ALL (
                FROM ({DECISIONS.rows(data_root)}) AS earlier
                ANTI JOIN added_decisions USING (one, other))""",
        )


def fingerprint(data_root: DataRoot) -> str:
    """Return a hash of the decisions: the register depends on them."""
    if not DECISIONS.exists(data_root):
        return ""
    return hashlib.sha256(DECISIONS.place(data_root).read_bytes()).hexdigest()


def _write_decisions(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    path = DECISIONS.place(data_root)
    if count(connection, f"SELECT count(*) FROM ({rows})"):
        copy_parquet(
            connection, f"SELECT one, other, same, decided_on FROM ({rows}) ORDER BY ALL", path
        )
    else:
        remove(path)
