"""Which identifiers are not followed, because those who have them are known to differ.

Works on the tables of a round of linkage (linkage.py): `held`, `bases`, `records`, `decided`; and
for one type of identifier `shared(value, first, of_several, reason)`, whose `reason` is null for
what is followed, and `linkage_followed(value, one, other)`, the links along it. All is set-based;
the cost grows with the number of records.
"""

from __future__ import annotations

import duckdb

from assets.register.linkage_configuration import (
    MANY_CONTACTS,
    MANY_FACTS,
    MANY_PEOPLE,
    PEOPLE_DIFFER,
)

_NUMBERS = ("customer_number", "contact_id", "user_id")
_KNOWN = "given_names IS NOT NULL OR family_name IS NOT NULL OR birth_date IS NOT NULL"
_CROWDS = f"""
    SELECT cohort FROM cohorts JOIN bases USING (base) JOIN linkage_standardised USING (id) GROUP BY cohort
    HAVING count(DISTINCT (given, family, born)) > {MANY_FACTS}
        OR {MANY_CONTACTS} <= least(count(DISTINCT emails),
            count(DISTINCT base) FILTER (len(emails) > 0))
        OR {MANY_CONTACTS} <= least(count(DISTINCT phones),
            count(DISTINCT base) FILTER (len(phones) > 0))"""
"""SQL: the cohorts of more people than are compared, or of more contacts than one person has."""


def begin(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `disputed_identifiers` of source persons that cannot be one person, by what they state:
    the codes of those with several (`two_coded`), and the numbers of those known by nothing but
    several numbers of one type, as of two customers' orders that name one contact."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE disputed_identifiers AS
        SELECT DISTINCT type, value, person_key, 'two_codes' AS reason
        FROM identifiers SEMI JOIN two_coded USING (person_key)
        WHERE type = 'identity_code' AND value IS NOT NULL
        UNION ALL
        SELECT DISTINCT type, value, person_key, 'two_numbers'
        FROM identifiers JOIN linkage_numbers USING (person_key)
        ANTI JOIN (FROM linkage_people WHERE {_KNOWN}) USING (id)
        ANTI JOIN two_coded USING (person_key)
        WHERE type IN {_NUMBERS} AND value IS NOT NULL
        WINDOW each AS (PARTITION BY person_key, type)
        QUALIFY min(value) OVER each <> max(value) OVER each"""
    )


def settle(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `linkage_decided_same(one, other)` of the bases that a person has said are one person."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE linkage_decided_same AS
        SELECT DISTINCT least(l.base, r.base) AS one, greatest(l.base, r.base) AS other
        FROM decided JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other
        WHERE same AND l.base <> r.base"""
    )


def doubt(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Give values in `shared` that stand for people who differ, or for too many, a reason."""
    run = connection.execute
    run(
        f"""CREATE OR REPLACE TEMP TABLE cohorts AS
        SELECT DISTINCT value AS cohort, base FROM held JOIN bases USING (id)
        SEMI JOIN (FROM shared WHERE of_several AND reason IS NULL) AS asked USING (value)
        WHERE type = '{kind}'"""
    )
    run(
        f"""CREATE OR REPLACE TEMP TABLE linkage_doubted AS
        WITH compared AS MATERIALIZED ({PEOPLE_DIFFER.format("cohorts")}),
        known AS (
            SELECT cohort, other, bool_or(NOT unlike) AS known FROM compared GROUP BY ALL)
        SELECT cohort FROM compared WHERE differ
        UNION SELECT cohort FROM known GROUP BY cohort
        HAVING 1 + count(*) FILTER (NOT known) >= {MANY_PEOPLE}
        UNION FROM ({_CROWDS})"""
    )
    run("UPDATE shared SET reason = 'people_differ' FROM linkage_doubted WHERE cohort = value")
    run("DROP TABLE cohorts; DROP TABLE linkage_doubted")


def doubt_broken(connection: duckdb.DuckDBPyConnection) -> None:
    """Give values in `shared` a reason whose links did not hold, though nobody has decided so:
    people who differ, or who have two identity codes, would have met through a third."""
    connection.execute(
        """UPDATE shared SET reason = doubted.reason FROM (
            WITH broken AS (
                SELECT value, one, other, l.code IS NOT NULL OR r.code IS NOT NULL AS coded
                FROM linkage_followed
                JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other
                WHERE l.base <> r.base),
            ruled AS (SELECT unnest([one, other]) AS id FROM decided WHERE NOT same),
            settled AS (
                SELECT value FROM broken SEMI JOIN ruled ON ruled.id = one
                UNION SELECT value FROM broken SEMI JOIN ruled ON ruled.id = other)
            SELECT value,
                CASE WHEN bool_or(coded) THEN 'identity_codes'
                    ELSE 'people_differ' END AS reason
            FROM broken ANTI JOIN settled USING (value) GROUP BY value) AS doubted
        WHERE doubted.value = shared.value"""
    )


def record(connection: duckdb.DuckDBPyConnection, kind: str, values: str) -> None:
    """Add to `disputed_identifiers` everybody who has one of the values (value, reason)."""
    connection.execute(
        f"""INSERT INTO disputed_identifiers
        SELECT '{kind}', value, person_key, reason
        FROM ({values}) JOIN held USING (value) JOIN records USING (id)
        WHERE type = '{kind}' ORDER BY ALL"""
    )
