"""How a table writes what a single value leaves open: what its dates begin with, and whether its full names begin with the family's."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.record_linkage.dates import First, parts

ENOUGH = 10
"""So many pairs of a household must tell that family names come first."""
TWICE = 2.0
MOST_TOGETHER = 8
"""A home or contact of more records than this is no household."""
LOOKED_AT = 200_000
"""Of a table of more records than this, a part is looked at."""


@dataclass(frozen=True)
class Habits:
    """Of one table."""

    dates_begin: First = First.DAY
    family_first: bool = False


def dates_begin(connection: duckdb.DuckDBPyConnection, table: str, said: str) -> First:
    """Of the text `said` (SQL over a row of the table): numbers that can be no day, or no month, tell which of the numbers they are.

    Each date counts once, and those that begin with a year of four digits not at all; a slip here and there does not decide.
    """
    found = connection.execute(
        rf"""SELECT count(*) FILTER (one > 31), count(*) FILTER (three > 31), count(*) FILTER (one > 12), count(*) FILTER (two > 12)
        FROM (SELECT TRY_CAST(n[1] AS INTEGER) AS one, TRY_CAST(n[2] AS INTEGER) AS two, if(length(n[3]) <= 2, TRY_CAST(n[3] AS INTEGER), NULL) AS three
            FROM (SELECT {parts("said")} AS n FROM (SELECT DISTINCT {said} AS said FROM {table}) WHERE NOT coalesce(said[5] = '-' AND said[8] = '-', true))
            WHERE len(n) >= 3 AND length(n[1]) <= 2 AND length(n[2]) <= 2)"""
    ).fetchone()
    no_day, last_no_day, no_month, second_no_month = found or (0, 0, 0, 0)
    if no_day > last_no_day:
        return First.YEAR
    return First.MONTH if second_no_month > no_month else First.DAY


def family_first(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    words: str,
    homes: list[str],
    born: str | None = None,
) -> bool:
    """Of full names, `words` (SQL: the words of a row's name): whether people of one home share the first word rather than the last.

    `homes`: SQL of what people of one household share, an address or a contact. Two people are told apart by their birth dates, `born`; where there
    are none, it may be one person who has married, and the first words must also be the more: there are more family names than first names.
    """
    if not homes:
        return False
    records = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    every = 1 + (records[0] if records else 0) // LOOKED_AT
    held = " UNION ALL ".join(
        f"SELECT {number} AS kind, {home} AS home, words[1] AS one, words[-1] AS other, born FROM named"
        for number, home in enumerate(homes)
    )
    apart = "AND hamming(l.born, r.born) > 2" if born else ""
    found = connection.execute(
        f"""WITH named AS (SELECT *, {words} AS words, {born or "NULL"} AS born FROM {table}),
        homes AS (FROM ({held}) WHERE home IS NOT NULL AND one <> other AND hash(home) % {every} = 0
            QUALIFY count(*) OVER (PARTITION BY kind, home) BETWEEN 2 AND {MOST_TOGETHER}),
        unlike AS (
            SELECT l.one = r.one AS first, l.other = r.other AS last FROM homes AS l JOIN homes AS r ON l.kind = r.kind AND l.home = r.home
            WHERE (l.one < r.one AND l.other = r.other AND jaro_winkler_similarity(l.one, r.one) < 0.8
                OR l.other < r.other AND l.one = r.one AND jaro_winkler_similarity(l.other, r.other) < 0.8) {apart})
        SELECT count(*) FILTER (first), count(*) FILTER (last), (SELECT count(DISTINCT words[1]) > count(DISTINCT words[-1]) FROM named) FROM unlike"""
    ).fetchone()
    first, last, more = found or (0, 0, False)
    return bool(first >= ENOUGH and first > TWICE * last and (born is not None or more))
