"""Corrected identity codes: which code stands for each, by the population register's last word.

A correction names the code that replaces another. Corrections follow one another, lead back to an
earlier code, or are taken back; none of that may keep a register from being built.

1. Of the corrections of a code the latest counts.
2. The register's later statement that the code is in force ends it: an AKTIIVI entry, basic data
   under the code, or a correction that is taken back.
3. Of corrections that lead in a circle the oldest does not count.
"""

from __future__ import annotations

import duckdb

from assets.storage.relations import Relation, Scope
from schemas.policy.model import Policy

_STATEMENT = """STRUCT(moment TIMESTAMPTZ, sequence BIGINT, day DATE, delivery_id VARCHAR,
    record_no BIGINT)"""
_STEP = {
    "code": "VARCHAR",
    "next": "VARCHAR",
    "record_key": "VARCHAR",
    "statement": _STATEMENT,
}

CODE_STATEMENTS = Relation(
    name="code_statements",
    summary="What each record states of a code that some correction names: the code that replaces "
    "it, or null where the code is in force.",
    columns=_STEP,
    reads=("staged_identifiers", "staged_records", "latest_records", "delivery_ledger"),
    scope=Scope.COMPONENT,
)
CODE_STEPS = Relation(
    name="code_steps",
    summary="Of each code the latest statement, where that is a correction, without circles.",
    columns=_STEP,
    reads=("code_statements",),
    amended_from=("cut_steps",),
    scope=Scope.COMPONENT,
)
DISCOUNTED_CORRECTIONS = Relation(
    name="discounted_corrections",
    summary="Corrections of codes that do not count, for review.",
    columns=_STEP,
    reads=("code_statements",),
    amended_from=("cut_steps",),
    scope=Scope.COMPONENT,
)
CUT_STEPS = Relation(
    name="cut_steps",
    summary="The oldest correction of each circle of corrections.",
    columns=_STEP,
    reads=("code_steps",),
    scope=Scope.COMPONENT,
)
CORRECTED_CODES = Relation(
    name="corrected_codes",
    summary="Each corrected identity code, and the code in force that stands for it.",
    columns={"code": "VARCHAR", "active": "VARCHAR"},
    reads=("code_steps",),
    scope=Scope.COMPONENT,
)
RENAMED_PERSONS = Relation(
    name="renamed_persons",
    summary="The key of each person under a corrected code, and the key under the code in force.",
    columns={"person_key": "VARCHAR", "current_key": "VARCHAR"},
    reads=("corrected_codes",),
    scope=Scope.COMPONENT,
)


def follow(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make the relations of this module.

    No code in `corrected_codes.active` is itself a corrected one. Cost grows with the codes that a
    correction names.
    """
    _code_statements(connection, policy)
    _code_steps(connection)
    _cut_circles(connection)
    connection.execute(
        CORRECTED_CODES.create_table(
            """WITH RECURSIVE chain AS (
                SELECT code, next AS active FROM code_steps
                UNION
                SELECT chain.code, code_steps.next
                FROM chain JOIN code_steps ON chain.active = code_steps.code)
            SELECT code, active
            FROM chain ANTI JOIN code_steps ON chain.active = code_steps.code"""
        )
    )
    connection.execute(
        RENAMED_PERSONS.create_table(
            """SELECT person_key('identity_code', code) AS person_key,
                person_key('identity_code', active) AS current_key
            FROM corrected_codes"""
        )
    )


def _code_statements(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `code_statements`.

    Basic data counts as stated just before the first change that came with it or after it, as
    elsewhere; repeated word for word, from its last repetition.
    """
    connection.execute(
        CODE_STATEMENTS.create_table(
            f"""WITH replacements AS (
                SELECT value, replaced_by
                FROM staged_identifiers
                WHERE type = 'identity_code' AND replaced_by IS NOT NULL),
            named AS (
                SELECT value AS code FROM replacements
                UNION SELECT replaced_by FROM replacements),
            repeated AS (
                SELECT record_key, max(day) AS day
                FROM staged_records JOIN delivery_ledger USING (delivery_id)
                WHERE outcome = 'duplicate' AND role = 'basic_data'
                GROUP BY record_key),
            stated AS (
                SELECT staged.value AS code, staged.replaced_by, staged.position,
                    staged.record_key, role, sequence, staged.delivery_id, staged.record_no,
                    greatest(staged.day, repeated.day) AS day,
                    CASE WHEN repeated.day > staged.day
                        THEN timezone('{policy.time_zone}', repeated.day::TIMESTAMP)
                        ELSE staged.stated_at END AS stated_at
                FROM staged_identifiers AS staged
                SEMI JOIN named ON staged.value = named.code
                SEMI JOIN latest_records USING (delivery_id, record_no)
                JOIN delivery_ledger USING (delivery_id)
                LEFT JOIN repeated ON role = 'basic_data'
                    AND repeated.record_key = staged.record_key
                WHERE type = 'identity_code' AND role IS NOT NULL),
            changes AS (
                SELECT DISTINCT code, day, stated_at FROM stated WHERE role = 'changes'),
            based AS (
                SELECT stated.delivery_id, stated.record_no,
                    min(changes.stated_at) - INTERVAL 1 SECOND AS moment
                FROM stated JOIN changes
                    ON stated.code = changes.code AND changes.day >= stated.day
                    AND changes.stated_at <= stated.stated_at
                WHERE role = 'basic_data'
                GROUP BY ALL)
            SELECT code, arg_max(replaced_by, position) AS next,
                any_value(record_key) AS record_key,
                any_value({{'moment': coalesce(based.moment, stated_at), 'sequence': sequence,
                    'day': day, 'delivery_id': delivery_id,
                    'record_no': record_no}}::{_STATEMENT}) AS statement
            FROM stated LEFT JOIN based USING (delivery_id, record_no)
            GROUP BY code, delivery_id, record_no
            HAVING next IS NOT NULL OR bool_or(role = 'basic_data' OR position > 0)"""
        )
    )


def _code_steps(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `code_steps` and `discounted_corrections`; circles are still in the first."""
    latest = """SELECT * FROM code_statements
        QUALIFY row_number() OVER (PARTITION BY code ORDER BY statement DESC) = 1"""
    connection.execute(CODE_STEPS.create_table(f"SELECT * FROM ({latest}) WHERE next IS NOT NULL"))
    connection.execute(
        DISCOUNTED_CORRECTIONS.create_table(
            f"""SELECT earlier.code, earlier.next, earlier.record_key, earlier.statement
            FROM code_statements AS earlier JOIN ({latest}) AS latest USING (code)
            WHERE earlier.next IS NOT NULL AND latest.next IS NULL"""
        )
    )


def _cut_circles(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the oldest step of each circle out of `code_steps`.

    A code has one next code, so circles are disjoint.
    """
    connection.execute(
        CUT_STEPS.create_table(
            """WITH RECURSIVE reached AS (
                SELECT code, next AS reaches FROM code_steps
                UNION
                SELECT reached.code, code_steps.next
                FROM reached JOIN code_steps ON reached.reaches = code_steps.code),
            circles AS (
                SELECT code, min(reaches) AS circle
                FROM reached GROUP BY code HAVING bool_or(reaches = code))
            SELECT code, next, record_key, statement
            FROM code_steps JOIN circles USING (code)
            QUALIFY row_number() OVER (PARTITION BY circle ORDER BY statement, code) = 1"""
        )
    )
    connection.execute("DELETE FROM code_steps WHERE code IN (SELECT code FROM cut_steps)")
    connection.execute("INSERT INTO discounted_corrections FROM cut_steps")
