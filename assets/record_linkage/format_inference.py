"""Formats that a single value leaves open: the first part of dates, and the order of full names."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.record_linkage.dates import DatePart, date_parts
from assets.storage.queries import count

MIN_PAIRS = 10
"""So many pairs of a household must share the first word before family names count as first."""
RATIO = 2.0
"""So many times more pairs must share the first word than the last."""
MAX_HOUSEHOLD = 8
"""An address or contact of more records than this is no household."""
MOSTLY = 0.9
SAMPLE = 200_000
"""A table of more records than this is sampled."""


@dataclass(frozen=True)
class TableFormat:
    """The formats of one table: the first part of its dates, whether full names begin with the
    family name, and whether dates are years only."""

    first_date_part: DatePart = DatePart.DAY
    family_first: bool = False
    years_only: bool = False


def infer_date_part(connection: duckdb.DuckDBPyConnection, table: str, text: str) -> DatePart:
    """The first part of the dates in `text` (SQL over a row of the table).

    Numbers that can be no day, or no month, decide, by majority: a year of four digits at the end
    is one that can be no day. Each distinct date counts once, and those that begin with a year of
    four digits not at all.
    """
    counts = connection.execute(
        rf"""SELECT
            count(*) FILTER (first > 31),
            count(*) FILTER (third > 31),
            count(*) FILTER (first > 12),
            count(*) FILTER (second > 12)
        FROM (
            SELECT
                TRY_CAST(n[1] AS INTEGER) AS first,
                TRY_CAST(n[2] AS INTEGER) AS second,
                TRY_CAST(n[3] AS INTEGER) AS third
            FROM (
                SELECT {date_parts("value")} AS n
                FROM (SELECT DISTINCT {text} AS value FROM {table})
                WHERE NOT coalesce(value[5] = '-' AND value[8] = '-', true))
            WHERE len(n) >= 3 AND length(n[1]) <= 2 AND length(n[2]) <= 2)"""
    ).fetchone()
    no_day, third_no_day, no_month, second_no_month = counts or (0, 0, 0, 0)
    if no_day > third_no_day:
        return DatePart.YEAR
    return DatePart.MONTH if second_no_month > no_month else DatePart.DAY


def infer_years_only(connection: duckdb.DuckDBPyConnection, table: str, text: str) -> bool:
    """Whether nine in ten of the dates in `text` (SQL over a row of the table) are a year."""
    row = connection.execute(
        rf"""SELECT avg(regexp_full_match({text}, '\d{{4}}')::INTEGER) >= {MOSTLY}
        FROM {table}
        WHERE {text} <> ''"""
    ).fetchone()
    return bool(row and row[0])


def infer_family_first(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    words: str,
    homes: list[str],
    born: str | None = None,
) -> bool:
    """Whether people of one home share the first word of their full names rather than the last.

    Two records are two people if their birth dates differ. Without birth dates it may be one
    person who has married, and first words must also be more varied than last ones: there are
    more family names than first names.

    Args:
        words: SQL of the words of a row's name.
        homes: SQL of what people of one household share: an address or a contact.
        born: SQL of the birth date as eight digits.
    """
    if not homes:
        return False
    every = 1 + count(connection, f"SELECT count(*) FROM {table}") // SAMPLE
    all_homes = " UNION ALL ".join(
        f"""SELECT {number} AS kind, home{number} AS home,
            words[1] AS first_word, words[-1] AS last_word, born
        FROM named"""
        for number in range(len(homes))
    )
    # The table may have columns of these names.
    own = ", ".join(f"{home} AS home{number}" for number, home in enumerate(homes))
    two_people = "AND hamming(l.born, r.born) > 2" if born else ""
    counts = connection.execute(
        f"""WITH named AS (
            SELECT {own}, {words} AS words, {born or "NULL"} AS born FROM {table}),
        homes AS (
            FROM ({all_homes})
            WHERE home IS NOT NULL AND first_word <> last_word AND hash(home) % {every} = 0
            QUALIFY count(*) OVER (PARTITION BY kind, home) BETWEEN 2 AND {MAX_HOUSEHOLD}),
        different AS (
            SELECT l.first_word = r.first_word AS first, l.last_word = r.last_word AS last
            FROM homes AS l
            JOIN homes AS r ON l.kind = r.kind AND l.home = r.home
            WHERE (
                l.first_word < r.first_word AND l.last_word = r.last_word
                AND jaro_winkler_similarity(l.first_word, r.first_word) < 0.8
                OR l.last_word < r.last_word AND l.first_word = r.first_word
                AND jaro_winkler_similarity(l.last_word, r.last_word) < 0.8) {two_people})
        SELECT
            count(*) FILTER (first),
            count(*) FILTER (last),
            (SELECT count(DISTINCT words[1]) > count(DISTINCT words[-1]) FROM named)
        FROM different"""
    ).fetchone()
    first, last, more_varied = counts or (0, 0, False)
    return bool(first >= MIN_PAIRS and first > RATIO * last and (born is not None or more_varied))
