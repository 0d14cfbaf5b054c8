"""Folding facts that have dates: names, addresses, contact points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb


@dataclass(frozen=True)
class DatedFact:
    """How statements about a fact are recognised as being about the same one.

    `content` is what the fact says, folded to what two spellings of it share; `by_start` facts are kept apart by the
    day they began (a person has one permanent address since a day), others by content alone; `location` facts are
    forgotten under protected identity.
    """

    content: str
    by_start: bool
    location: bool


NAME = DatedFact("lower(concat_ws('|', given_names, family_name))", by_start=True, location=False)
LOCATION = DatedFact(
    "lower(concat_ws('|', street, postcode, municipality_code, country))",
    by_start=True,
    location=True,
)
CONTACT_POINT = DatedFact("match_key", by_start=False, location=False)

UNKNOWN_START = "DATE '0001-01-01'"


def fold(connection: duckdb.DuckDBPyConnection, table: str, fact: DatedFact, today: date) -> None:
    """Make `<table>_held` from `said_<table>`: the facts that were never taken back, with `is_current`.

    `is_current` holds for facts that are in force today; of the facts of one kind by one source, `newest` is the rank
    from the latest start (a change without a start counts from when it was stated, basic data from before all).
    """
    start = (
        "valid_from::VARCHAR, (max(valid_from) OVER (PARTITION BY person_key, source, kind, content))::VARCHAR, "
        if fact.by_start
        else ""
    )
    forgotten = (
        "LEFT JOIN protection USING (person_key) WHERE NOT coalesce(protection.protected, false) "
        "AND (lifted IS NULL OR latest.said >= lifted OR (latest.source <> 'population_register' AND latest.said.moment >= lifted.moment))"
        if fact.location
        else "WHERE true"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {table}_held AS
        WITH told AS (SELECT *, {fact.content} AS content FROM said_{table} WHERE person_key IS NOT NULL),
        keyed AS (SELECT *, coalesce({start}content, '') AS fact FROM told),
        wiped AS (
            SELECT person_key, source, kind,
                max({{'said': said, 'position': position}}) FILTER (op = 'reset') AS reset,
                max({{'said': said, 'position': position}}) FILTER (op = 'censor') AS censored
            FROM keyed WHERE op IN ('reset', 'censor') GROUP BY ALL),
        latest AS (
            SELECT * FROM keyed WHERE op IN ('state', 'retract')
            QUALIFY row_number() OVER (PARTITION BY person_key, source, kind, fact ORDER BY said DESC, position DESC) = 1),
        standing AS (
            SELECT latest.*, coalesce(valid_from, CASE WHEN dataset <> 'perustiedot' THEN said.moment::DATE END, {UNKNOWN_START}) AS started
            FROM latest LEFT JOIN wiped USING (person_key, source, kind)
            {forgotten} AND op = 'state'
            AND NOT coalesce(censored > {{'said': said, 'position': position}}, false)
            AND NOT coalesce(valid_to IS NULL AND reset > {{'said': said, 'position': position}}, false))
        SELECT * EXCLUDE (op, content, fact),
            coalesce(valid_to >= DATE '{today}', true) AND coalesce(valid_from <= DATE '{today}', true) AS is_current,
            row_number() OVER (PARTITION BY person_key, source, kind
                ORDER BY coalesce(valid_to >= DATE '{today}', true) AND coalesce(valid_from <= DATE '{today}', true) DESC,
                    started DESC, said DESC, position DESC) AS newest
        FROM standing"""
    )
