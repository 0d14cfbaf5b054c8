"""The pairs that are compared: records that share a pass's key, each pass bounded, each pair once.

A key of more than `CAP` records is split by the pass's second key; what is oversized still is dropped and counted. So
the pairs are at most passes x CAP x records.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.linkage.passes import OVERSIZED, Pass

CAP = OVERSIZED


@dataclass
class Opened:
    """What one pass found: pairs (before other passes' are taken off), and keys that were split or, if nothing splits them, dropped as oversized."""

    name: str
    pairs: int = 0
    split: int = 0
    dropped: int = 0


def open_passes(connection: duckdb.DuckDBPyConnection, passes: list[Pass], allowed: str) -> list[Opened]:
    """Make `linkage_candidates(one, other, passes)`, one < other; bit i of `passes` is set if pass i found the pair.

    `allowed` is a condition over two rows `l` and `r` of `linkage_marks(id, ...)`: which pairs may be compared at all.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_found (one INTEGER, other INTEGER, passes UINTEGER)")
    opened = [_open(connection, one, 1 << number, allowed) for number, one in enumerate(passes)]
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE linkage_candidates AS
        SELECT one, other, bit_or(passes) AS passes FROM linkage_found GROUP BY one, other"""
    )
    connection.execute("DROP TABLE linkage_found")
    return opened


def _open(connection: duckdb.DuckDBPyConnection, one: Pass, bit: int, allowed: str) -> Opened:
    opened = Opened(one.name)
    if not one.atoms:
        opened.pairs = _changed(
            connection, f"INSERT INTO linkage_found SELECT l.id, r.id, {bit} FROM linkage_marks AS l JOIN linkage_marks AS r ON l.id < r.id AND ({allowed})"
        )
        return opened
    _blocks(connection, one.keys())
    opened.pairs = _pairs(connection, bit, allowed)
    oversized = _count(connection, f"SELECT count(*) FROM linkage_sizes WHERE n > {CAP}")
    if oversized and one.second:
        opened.split = oversized
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE linkage_oversized AS
            SELECT id, key FROM linkage_blocks SEMI JOIN (FROM linkage_sizes WHERE n > {CAP}) USING (key)"""
        )
        _blocks(connection, f"FROM ({one.keys(split=True)}) SEMI JOIN linkage_oversized USING (id)")
        opened.pairs += _pairs(connection, bit, allowed)
        split = "(SELECT DISTINCT id, true AS split FROM linkage_blocks)"
        whole = f"SELECT key FROM linkage_oversized LEFT JOIN {split} USING (id) GROUP BY key HAVING count(split) = 0"
        oversized = _count(connection, f"SELECT (SELECT count(*) FROM linkage_sizes WHERE n > {CAP}) + (SELECT count(*) FROM ({whole}))")
        connection.execute("DROP TABLE linkage_oversized")
    opened.dropped = oversized
    connection.execute("DROP TABLE linkage_blocks; DROP TABLE linkage_sizes; DROP TABLE linkage_shut")
    return opened


def _blocks(connection: duckdb.DuckDBPyConnection, keys: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE linkage_blocks AS {keys}")
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_sizes AS SELECT key, count(*) AS n FROM linkage_blocks GROUP BY key HAVING n > 1")


def _pairs(connection: duckdb.DuckDBPyConnection, bit: int, allowed: str) -> int:
    """Add the pairs of all blocks that are not oversized."""
    marked = "" if allowed == "true" else "JOIN linkage_marks USING (id)"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_shut AS
        SELECT * FROM linkage_blocks SEMI JOIN (FROM linkage_sizes WHERE n <= {CAP}) USING (key) {marked}"""
    )
    return _changed(
        connection,
        f"INSERT INTO linkage_found SELECT l.id, r.id, {bit} FROM linkage_shut AS l JOIN linkage_shut AS r ON l.key = r.key AND l.id < r.id AND ({allowed})",
    )


def _changed(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    return _count(connection, statement)


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
