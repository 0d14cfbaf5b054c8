"""Disputed identifiers: those that are not followed, because their bearers are known to differ.

Works on the relations of a round of linkage (`entity_resolution`); for one type of identifier on
`shared_values` (`reason` is null for what is followed), and `followed_links`, the links along
it. All is set-based; the cost grows with the number of records.
"""

from __future__ import annotations

import duckdb

from assets.register.linkage_configuration import (
    MANY_CONTACTS,
    MANY_FACTS,
    MANY_PEOPLE,
    PEOPLE_DIFFER,
)
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

_NUMBERS = ("customer_number", "contact_id", "user_id")
_KNOWN = "given_names IS NOT NULL OR family_name IS NOT NULL OR birth_date IS NOT NULL"
_CROWDS = f"""
    SELECT cohort FROM cohorts JOIN bases USING (base) JOIN linkage_standardised USING (id)
    GROUP BY cohort
    HAVING count(DISTINCT (given, family, born)) > {MANY_FACTS}
        OR {MANY_CONTACTS} <= least(count(DISTINCT emails),
            count(DISTINCT base) FILTER (len(emails) > 0))
        OR {MANY_CONTACTS} <= least(count(DISTINCT phones),
            count(DISTINCT base) FILTER (len(phones) > 0))"""
"""SQL: the cohorts of more people than are compared, or of more contacts than one person has."""

DISPUTED_IDENTIFIERS = Relation(
    name="disputed_identifiers",
    summary="Identifiers that were not followed, with their persons and the reason.",
    columns={
        "type": "VARCHAR",
        "value": "VARCHAR",
        "person_key": "VARCHAR",
        "reason": "VARCHAR",
    },
    reads=("person_identifiers", "two_code_persons", "linkage_numbers", "linkage_people"),
    amended_from=("shared_values", "disputed_browsers", "record_identifiers", "linked_records"),
    scope=Scope.COMPONENT,
)
DECIDED_SAME = Relation(
    name="linkage_decided_same",
    summary="Pairs of clusters that a person has decided to be one person.",
    columns={"one": "INTEGER", "other": "INTEGER"},
    reads=("decided_pairs", "bases"),
    scope=Scope.COMPONENT,
)


def start(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `disputed_identifiers` of source persons that cannot be one person.

    The codes of those with several (`two_code_persons`), and the numbers of those known by nothing
    but several numbers of one type, as of two customers' orders that name one contact.
    """
    connection.execute(
        DISPUTED_IDENTIFIERS.create_table(
            f"""SELECT DISTINCT type, value, person_key, 'two_codes' AS reason
            FROM person_identifiers SEMI JOIN two_code_persons USING (person_key)
            WHERE type = 'identity_code' AND value IS NOT NULL
            UNION ALL
            SELECT DISTINCT type, value, person_key, 'two_numbers'
            FROM person_identifiers
            JOIN linkage_numbers USING (person_key)
            ANTI JOIN (FROM linkage_people WHERE {_KNOWN}) USING (id)
            ANTI JOIN two_code_persons USING (person_key)
            WHERE type IN {_NUMBERS} AND value IS NOT NULL
            WINDOW each AS (PARTITION BY person_key, type)
            QUALIFY min(value) OVER each <> max(value) OVER each"""
        )
    )


def apply_decisions(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `linkage_decided_same` of the clusters so far."""
    connection.execute(
        DECIDED_SAME.create_table(
            """SELECT DISTINCT least(l.base, r.base) AS one, greatest(l.base, r.base) AS other
            FROM decided_pairs
            JOIN bases AS l ON l.id = one
            JOIN bases AS r ON r.id = other
            WHERE same AND l.base <> r.base"""
        )
    )


def dispute_differing(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Give values in `shared_values` of people who differ, or of too many, a reason."""
    run = connection.execute
    run(
        f"""CREATE OR REPLACE TEMP TABLE cohorts AS
        SELECT DISTINCT value AS cohort, base
        FROM record_identifiers
        JOIN bases USING (id)
        SEMI JOIN (
            FROM shared_values WHERE of_several AND reason IS NULL) AS undecided USING (value)
        WHERE type = '{kind}'"""
    )
    if not count(connection, "SELECT count(*) FROM cohorts"):
        return
    run(
        f"""CREATE OR REPLACE TEMP TABLE differing_cohorts AS
        WITH compared AS MATERIALIZED ({PEOPLE_DIFFER.format("cohorts")}),
        known AS (
            SELECT cohort, other, bool_or(NOT unlike) AS known FROM compared GROUP BY ALL)
        SELECT cohort FROM compared WHERE differ
        UNION
        SELECT cohort FROM known GROUP BY cohort
        HAVING 1 + count(*) FILTER (NOT known) >= {MANY_PEOPLE}
        UNION FROM ({_CROWDS})"""
    )
    run(
        """UPDATE shared_values SET reason = 'people_differ'
        FROM differing_cohorts WHERE cohort = value"""
    )
    run("DROP TABLE cohorts")
    run("DROP TABLE differing_cohorts")


def dispute_broken(connection: duckdb.DuckDBPyConnection) -> None:
    """Give values in `shared_values` a reason if their links were rejected without any decision.

    People who differ, or who have two identity codes, would have met through a third.
    """
    connection.execute(
        """UPDATE shared_values SET reason = broken_values.reason FROM (
            WITH broken AS (
                SELECT value, one, other, l.code IS NOT NULL OR r.code IS NOT NULL AS coded
                FROM followed_links
                JOIN bases AS l ON l.id = one
                JOIN bases AS r ON r.id = other
                WHERE l.base <> r.base),
            ruled AS (SELECT unnest([one, other]) AS id FROM decided_pairs WHERE NOT same),
            settled AS (
                SELECT value FROM broken SEMI JOIN ruled ON ruled.id = one
                UNION SELECT value FROM broken SEMI JOIN ruled ON ruled.id = other)
            SELECT value,
                CASE WHEN bool_or(coded) THEN 'identity_codes'
                    ELSE 'people_differ' END AS reason
            FROM broken ANTI JOIN settled USING (value) GROUP BY value) AS broken_values
        WHERE broken_values.value = shared_values.value"""
    )


def record(connection: duckdb.DuckDBPyConnection, kind: str, values: str) -> None:
    """Add to `disputed_identifiers` every person with one of the values (value, reason)."""
    connection.execute(
        f"""INSERT INTO disputed_identifiers
        SELECT '{kind}', value, person_key, reason
        FROM ({values})
        JOIN record_identifiers USING (value)
        JOIN linked_records USING (id)
        WHERE type = '{kind}'
        ORDER BY ALL"""
    )
