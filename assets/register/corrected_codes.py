"""Which identity code stands for each corrected one: the population register's latest statement decides.

A correction names the code that replaces another. Corrections follow one another, lead back to an
earlier code, or are taken back; none of that may keep a register from being built.

1. Of the corrections of a code the latest counts.
2. The register's later statement that the code is in force ends it: an AKTIIVI entry, basic data
   under the code, or a correction that is taken back.
3. Of corrections that lead in a circle the oldest does not count.
"""

from __future__ import annotations

import duckdb

from schemas.policy import Policy

_STATEMENT = """STRUCT(moment TIMESTAMPTZ, sequence BIGINT, day DATE, delivery_id VARCHAR,
    record_no BIGINT)"""


def follow(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `corrected(code, active)` and, by keys of source persons, `renamed(person_key, now)`.

    Also `code_changes`: the corrections that do not count, for review (`contradictions`). No code in
    `active` is itself a `code`. Reads `staged_identifiers`, `staged_records`, `current_records` and
    `book`; cost grows with the codes that a correction names.
    """
    _statements(connection, policy)
    _latest(connection)
    _cut_circles(connection)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE corrected AS
        WITH RECURSIVE chain AS (
            SELECT code, next AS active FROM code_steps
            UNION
            SELECT chain.code, code_steps.next FROM chain JOIN code_steps
                ON chain.active = code_steps.code)
        SELECT code, active FROM chain ANTI JOIN code_steps ON chain.active = code_steps.code"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE renamed AS
        SELECT person_key('identity_code', code) AS person_key,
            person_key('identity_code', active) AS now
        FROM corrected"""
    )


def _statements(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """`code_statements`: what each record says of a code that some correction names.

    `next` is the code that replaces it; null where the record says that the code is in force. Basic
    data counts as stated just before the first change that came with it or after it, as elsewhere;
    repeated word for word, from its last repetition.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE code_statements AS
        WITH corrections AS (
            SELECT value, replaced_by FROM staged_identifiers
            WHERE type = 'identity_code' AND replaced_by IS NOT NULL),
        named AS (SELECT value AS code FROM corrections UNION SELECT replaced_by FROM corrections),
        repeated AS (
            SELECT record_key, max(day) AS day FROM staged_records JOIN book USING (delivery_id)
            WHERE outcome = 'duplicate' AND dataset = 'perustiedot' GROUP BY record_key),
        told AS (
            SELECT one.value AS code, one.replaced_by, one.position, one.record_key, dataset,
                sequence, one.delivery_id, one.record_no,
                greatest(one.day, repeated.day) AS day,
                CASE WHEN repeated.day > one.day
                    THEN timezone('{policy.time_zone}', repeated.day::TIMESTAMP)
                    ELSE one.stated_at END AS stated_at
            FROM staged_identifiers AS one
            SEMI JOIN named ON one.value = named.code
            SEMI JOIN current_records USING (delivery_id, record_no)
            JOIN book USING (delivery_id)
            LEFT JOIN repeated ON dataset = 'perustiedot' AND repeated.record_key = one.record_key
            WHERE type = 'identity_code' AND dataset IN ('perustiedot', 'muutokset')),
        changes AS (SELECT DISTINCT code, day, stated_at FROM told WHERE dataset = 'muutokset'),
        based AS (
            SELECT told.delivery_id, told.record_no, min(changes.stated_at) - INTERVAL 1 SECOND AS moment
            FROM told JOIN changes
                ON told.code = changes.code AND changes.day >= told.day
                AND changes.stated_at <= told.stated_at
            WHERE dataset = 'perustiedot' GROUP BY ALL)
        SELECT code, arg_max(replaced_by, position) AS next, any_value(record_key) AS record_key,
            any_value({{'moment': coalesce(based.moment, stated_at), 'sequence': sequence, 'day': day,
                'delivery_id': delivery_id, 'record_no': record_no}}::{_STATEMENT}) AS said
        FROM told LEFT JOIN based USING (delivery_id, record_no)
        GROUP BY code, delivery_id, record_no
        HAVING next IS NOT NULL OR bool_or(dataset = 'perustiedot' OR position > 0)"""
    )


def _latest(connection: duckdb.DuckDBPyConnection) -> None:
    """`code_steps(code, next, said, …)`: of each code the latest statement, where it is a correction."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE latest_statements AS
        SELECT * FROM code_statements
        QUALIFY row_number() OVER (PARTITION BY code ORDER BY said DESC) = 1"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE code_steps AS
        SELECT * FROM latest_statements WHERE next IS NOT NULL"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE code_changes AS
        SELECT before.code, before.next, before.record_key, before.said
        FROM code_statements AS before JOIN latest_statements AS latest USING (code)
        WHERE before.next IS NOT NULL AND latest.next IS NULL"""
    )


def _cut_circles(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the oldest step of each circle out of `code_steps`. A code has one next: circles are disjoint."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE cut_steps AS
        WITH RECURSIVE reached AS (
            SELECT code, next AS reaches FROM code_steps
            UNION
            SELECT reached.code, code_steps.next FROM reached JOIN code_steps
                ON reached.reaches = code_steps.code),
        circles AS (
            SELECT code, min(reaches) AS circle FROM reached
            GROUP BY code HAVING bool_or(reaches = code))
        SELECT code, next, record_key, said FROM code_steps JOIN circles USING (code)
        QUALIFY row_number() OVER (PARTITION BY circle ORDER BY said, code) = 1"""
    )
    connection.execute("DELETE FROM code_steps WHERE code IN (SELECT code FROM cut_steps)")
    connection.execute("INSERT INTO code_changes FROM cut_steps")
