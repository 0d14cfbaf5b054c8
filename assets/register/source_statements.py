"""Source statements: what each source states of each person, in the order in which it was stated.

The statements are a pure function of what is staged, so the order in which deliveries arrive cannot
matter:

1. Of the versions of a record (a contact in each day's export) only the latest counts. What only
   an earlier one could state, because the later export lacks the column, still counts of an
   opt-out.
2. A corrected identity code stands for its person under the code in force (`corrected_codes`).
3. Statements are ordered by when the source made them. Basic data without a time of its own counts
   as made just before the first change that was delivered on the same day or later.
4. A change that is in quarantine delays the same person's later changes, until basic data or the
   repaired change comes; protection and prohibitions are never delayed.
5. Dated facts are kept apart by their start (an address since a day), or by their content; the last
   statement about a fact decides (`current_statements`). A move states the new address first and
   ends the old one after it: each keeps its own dates.
6. Protected identity wins in any order: location data stated before its end is forgotten, and comes
   back only if it is stated again.

Source: docs/vendor-formats.md, "Population register"; docs/law.md (turvakielto). Cost grows with
the statements of the whole register.
"""

from __future__ import annotations

import itertools
from datetime import date

import duckdb

from assets.ingest import deliveries, suppression
from assets.register import (
    clocks,
    corrected_codes,
    current_statements,
    expired_registrants,
    incremental,
    lasting_refusals,
    protected_identity,
    statutory_segregation,
)
from assets.register.current_statements import STATEMENT
from assets.register.holds import unless_on_hold
from assets.sources import statement_macros
from assets.sources.all_sources import SOURCES, is_authority
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view, create_view
from assets.storage.relations import Relation, Scope
from schemas.activities import OF_TABLE
from schemas.columns import TableModel
from schemas.quarantine import Outcome, Quarantine
from schemas.staged import CANONICAL, REFUSALS

_EXCLUDED = "SELECT person_key FROM excluded_persons"
_ROLES = {
    (source.name, dataset.name): (dataset.role, dataset.confirms)
    for source in SOURCES
    for dataset in source.datasets
}

DELIVERY_LEDGER = Relation(
    name="delivery_ledger",
    summary="The deliveries of the ledger: which dataset, period and number, which columns lack; "
    "of an authority's, its role and whether it confirms those who are not in it.",
    columns={
        "delivery_id": "VARCHAR",
        "of_source": "VARCHAR",
        "dataset": "VARCHAR",
        "role": "VARCHAR",
        "confirms": "BOOLEAN",
        "period_last": "DATE",
        "sequence": "BIGINT",
        "missing_columns": "VARCHAR[]",
    },
    scope=Scope.BROADCAST,
)
LATEST_RECORDS = Relation(
    name="latest_records",
    summary="Of each record key the latest staged version; of a visit the longest.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT"},
    reads=("staged_records", "staged_visits", "delivery_ledger"),
    scope=Scope.RECORD,
)
COUNTED_CHOICES = Relation(
    name="counted_choices",
    summary="The choices that count, by record and by the signal of the source.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT", "origin": "VARCHAR"},
    reads=("staged_marketing_choices", "staged_records", "current_records", "delivery_ledger"),
    scope=Scope.RECORD,
)
REGISTER_MESSAGES = Relation(
    name="register_messages",
    summary="Messages of the population register, by the person that they are about.",
    columns={
        "person_key": "VARCHAR",
        "role": "VARCHAR",
        "delivery_id": "VARCHAR",
        "record_no": "BIGINT",
        "day": "DATE",
        "stated_at": "TIMESTAMPTZ",
    },
    reads=("staged_identifiers", "current_records", "delivery_ledger", "renamed_persons"),
    scope=Scope.COMPONENT,
)
BASE_TIMES = Relation(
    name="base_times",
    summary="When basic data counts as stated, where changes were delivered with or after it.",
    columns={"person_key": "VARCHAR", "delivery_id": "VARCHAR", "moment": "TIMESTAMPTZ"},
    reads=("register_messages",),
    scope=Scope.COMPONENT,
)
DELAYED_CHANGES = Relation(
    name="delayed_changes",
    summary="Persons with a change in quarantine, and the moment after which their changes wait.",
    columns={"person_key": "VARCHAR", "after": "TIMESTAMPTZ"},
    reads=("quarantine", "delivery_ledger", "renamed_persons", "register_messages"),
    scope=Scope.COMPONENT,
)
PROTECTION_STATUS = Relation(
    name="protection_status",
    summary="Persons whose identity was ever protected: whether it is now, and when that ended.",
    columns={"person_key": "VARCHAR", "protected": "BOOLEAN", "lifted": STATEMENT},
    reads=("statements_persons",),
    amended_from=("excluded_persons",),
    scope=Scope.COMPONENT,
)
KNOWN_IDENTIFIERS = Relation(
    name="known_identifiers",
    summary="Identifiers of a person as stated, and identity codes as those in force.",
    columns={
        "person_key": "VARCHAR",
        "type": "VARCHAR",
        "stated_value": "VARCHAR",
        "value": "VARCHAR",
    },
    reads=("statements_identifiers", "corrected_codes"),
    amended_from=("excluded_persons",),
    scope=Scope.COMPONENT,
)
CODE_CLAIMS = Relation(
    name="code_claims",
    summary="Identity codes of a person: the latest statement, and whether the register made one.",
    columns={
        "person_key": "VARCHAR",
        "code": "VARCHAR",
        "own": "BOOLEAN",
        "statement": STATEMENT,
        "source": "VARCHAR",
        "record_key": "VARCHAR",
    },
    reads=("statements_identifiers", "corrected_codes"),
    scope=Scope.COMPONENT,
)


def gather(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    today: date,
    *,
    only_touched: bool = False,
) -> None:
    """Make every relation of this module, and those of `current_statements`; `only_touched`: of the
    records of an incremental build (`incremental.begin`).

    A view `statements_<table>` of each canonical table has the rows that count, each with
    `statement` (its place in the order of statements) and `person_key`; `current_names`,
    `current_addresses`, `current_contact_points` and `current_persons` are folded from them.
    """
    make_staged(data_root, connection)
    if only_touched:
        incremental.restrict(connection)
    _delivery_ledger(data_root, connection)
    _latest_records(connection)
    corrected_codes.follow(connection, data_root.policy)
    expired_registrants.load_expired_cookies(data_root, connection)
    expired_registrants.leave_out_rows(connection, data_root.policy, today)
    _counted_choices(connection)
    statutory_segregation.load_consent_proofs(data_root, connection, today)
    lasting_refusals.load(data_root, connection, today)
    _base_times(connection)
    _delayed_changes(connection)
    for table in CANONICAL:
        _statements(data_root, connection, table, today)
    suppression.find_consents_of_erased(
        data_root,
        connection,
        "SELECT DISTINCT subject FROM statements_marketing_choices WHERE choice = 'granted'",
    )
    current_statements.fold_persons(connection)
    _protection_status(connection)
    protected_identity.find_unconfirmed(data_root, connection, today)
    for table in current_statements.DATED_FACTS:
        current_statements.fold(connection, table, today)
    _known_identifiers(connection)


def make_staged(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views of everything staged and in quarantine, and the macros of statements."""
    statement_macros.create(connection)
    staged: list[type[TableModel]] = [*CANONICAL.values(), Outcome]
    for model in staged:
        create_staged_view(data_root, connection, model)
    create_view(data_root, connection, "quarantine", Quarantine, data_root.files("quarantine"))


def _known_identifiers(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `known_identifiers` and `code_claims`.

    A code that only a correction gave which does not count any more is not the person's: the
    population register speaks of each person under one code.
    """
    counted = f"""FROM statements_identifiers
        LEFT JOIN corrected_codes
            ON type = 'identity_code' AND value = corrected_codes.code
        WHERE (NOT {is_authority("source")}
            OR type <> 'identity_code' OR person_key IS NULL
            OR person_key
                = person_key('identity_code', coalesce(corrected_codes.active, value)))"""
    connection.execute(
        KNOWN_IDENTIFIERS.create_table(
            f"""SELECT DISTINCT person_key, type, value AS stated_value,
                coalesce(corrected_codes.active, value) AS value
            {counted}"""
        )
    )
    connection.execute(
        CODE_CLAIMS.create_table(
            f"""SELECT person_key, coalesce(corrected_codes.active, value) AS code,
                bool_or({is_authority("source")}) AS own,
                max(statement) AS statement,
                arg_max(source, statement) AS source,
                arg_max(record_key, statement) AS record_key
            {counted} AND type = 'identity_code' AND person_key IS NOT NULL
            GROUP BY ALL"""
        )
    )


def _delivery_ledger(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(DELIVERY_LEDGER.create_empty())
    rows = [
        (
            entry.delivery_id,
            entry.source,
            entry.dataset,
            *_ROLES.get((entry.source, entry.dataset), (None, False)),
            entry.period_last,
            entry.sequence or 0,
            entry.missing_columns or [],
        )
        for entry in deliveries.ledger(data_root)
    ]
    if rows:
        connection.executemany("INSERT INTO delivery_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _latest_records(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        LATEST_RECORDS.create_table(
            """SELECT delivery_id, record_no
            FROM staged_records JOIN delivery_ledger USING (delivery_id)
            WHERE outcome = 'staged' AND dataset <> 'visits'
            QUALIFY row_number() OVER (PARTITION BY source, record_key
                ORDER BY day DESC, period_last DESC, delivery_id DESC, record_no DESC) = 1
            UNION ALL
            SELECT delivery_id, record_no
            FROM staged_visits JOIN delivery_ledger USING (delivery_id)
            QUALIFY row_number() OVER (PARTITION BY record_key
                ORDER BY duration_s DESC NULLS LAST, day DESC, period_last DESC,
                    delivery_id DESC, record_no DESC) = 1"""
        )
    )


def _counted_choices(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `counted_choices`.

    Those of current records; opt-outs of the latest version of a contact that had a column for
    them, for an export that no longer has it does not lift them; and refusals of quarantined
    records that no later version of their key replaces.
    """
    lacking = connection.execute(
        "SELECT 1 FROM delivery_ledger WHERE list_has_any(missing_columns, $1) LIMIT 1",
        [[column for *_, column in _opt_outs()]],
    ).fetchone()
    opt_outs = " UNION ".join(itertools.starmap(_last_opt_outs, _opt_outs()))
    connection.execute(
        COUNTED_CHOICES.create_table(
            f"""SELECT delivery_id, record_no, origin
            FROM staged_marketing_choices
            SEMI JOIN current_records USING (delivery_id, record_no)
            UNION
            SELECT delivery_id, record_no, origin
            FROM staged_marketing_choices
            JOIN (
                SELECT delivery_id, record_no, outcome
                FROM staged_records JOIN delivery_ledger USING (delivery_id)
                WHERE outcome <> 'duplicate'
                QUALIFY rank() OVER (PARTITION BY source, record_key
                    ORDER BY day DESC, period_last DESC, delivery_id DESC) = 1
            ) AS latest USING (delivery_id, record_no)
            WHERE outcome = 'quarantined' AND choice IN {REFUSALS}
            {f"UNION ({opt_outs})" if lacking else ""}"""
        )
    )


def _opt_outs() -> list[tuple[str, str, str, str]]:
    """Source, dataset, origin and column of every opt-out that a column states."""
    return [
        (source.name, dataset.name, origin, column)
        for source in SOURCES
        for dataset in source.datasets
        for origin, column in dataset.opt_outs.items()
    ]


def _last_opt_outs(source: str, dataset: str, origin: str, column: str) -> str:
    """SQL: the latest version of each contact that has the column of the opt-out."""
    return f"""
        SELECT delivery_id, record_no, '{origin}' AS origin
        FROM (
            SELECT delivery_id, record_no
            FROM staged_records JOIN delivery_ledger USING (delivery_id)
            WHERE outcome = 'staged' AND source = '{source}' AND dataset = '{dataset}'
                AND NOT list_contains(missing_columns, '{column}')
            QUALIFY row_number() OVER (PARTITION BY record_key
                ORDER BY day DESC, period_last DESC, delivery_id DESC, record_no DESC) = 1)"""


def _base_times(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `register_messages` and `base_times`."""
    connection.execute(
        REGISTER_MESSAGES.create_table(
            """SELECT coalesce(renamed_persons.current_key, staged.person_key) AS person_key,
                role, delivery_id, record_no, staged.day, min(stated_at) AS stated_at
            FROM staged_identifiers AS staged
            SEMI JOIN current_records USING (delivery_id, record_no)
            JOIN delivery_ledger USING (delivery_id)
            LEFT JOIN renamed_persons USING (person_key)
            WHERE role IS NOT NULL
            GROUP BY ALL"""
        )
    )
    connection.execute(
        BASE_TIMES.create_table(
            """SELECT base.person_key, base.delivery_id,
                min(change.stated_at) - INTERVAL 1 SECOND AS moment
            FROM register_messages AS base
            JOIN register_messages AS change
                ON base.person_key = change.person_key AND change.day >= base.day
            WHERE base.role = 'basic_data' AND change.role = 'changes'
                AND change.stated_at <= base.stated_at
            GROUP BY ALL"""
        )
    )


def _delayed_changes(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        DELAYED_CHANGES.create_table(
            """WITH broken AS (
                SELECT DISTINCT
                    coalesce(renamed_persons.current_key, quarantine.person_key) AS person_key,
                    stated_at, quarantine.day
                FROM quarantine
                JOIN delivery_ledger USING (delivery_id)
                LEFT JOIN renamed_persons USING (person_key)
                WHERE role = 'changes' AND scope = 'record'
                    AND quarantine.person_key IS NOT NULL)
            SELECT person_key, min(stated_at) AS after
            FROM broken
            WHERE NOT EXISTS (
                SELECT 1 FROM register_messages AS message
                WHERE message.person_key = broken.person_key AND message.day > broken.day
                AND (role = 'basic_data' OR message.stated_at = broken.stated_at))
            GROUP BY person_key"""
        )
    )


def _statements(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, table: str, today: date
) -> None:
    """Make `statements_<table>`: the table's rows that count, under the person's current key."""
    counted = (
        "counted_choices AS counted USING (delivery_id, record_no, origin)"
        if table == "marketing_choices"
        else "current_records AS counted USING (delivery_id, record_no)"
    )
    person = "coalesce(renamed_persons.current_key, staged.person_key)"
    blanked, left_out = _exclusion(table)
    shown = person
    if blanked:
        shown = f"CASE WHEN NOT coalesce({person} IN ({blanked}), false) THEN {person} END"
    excluded = f"coalesce({person} IN ({left_out}), false)" if left_out else "false"
    delayed = "coalesce(role = 'changes' AND staged.stated_at > delayed_changes.after, false)"
    connection.execute(
        current_statements.STATEMENTS[table].create_view(
            f"""SELECT staged.* EXCLUDE (person_key), {shown} AS person_key, role,
                {{'moment': coalesce(base_times.moment, staged.stated_at),
                    'sequence': sequence, 'day': staged.day, 'period_last': period_last,
                    'delivery_id': staged.delivery_id,
                    'record_no': staged.record_no}}::{STATEMENT} AS statement
            FROM staged_{table} AS staged
            SEMI JOIN {counted}
            JOIN delivery_ledger ON staged.delivery_id = delivery_ledger.delivery_id
            LEFT JOIN renamed_persons ON staged.person_key = renamed_persons.person_key
            LEFT JOIN base_times ON {person} = base_times.person_key
                AND staged.delivery_id = base_times.delivery_id
            LEFT JOIN delayed_changes ON {person} = delayed_changes.person_key
            WHERE NOT coalesce({_own_expiry(data_root, table, today)}, false)
                AND NOT {excluded}
                AND (NOT {delayed} OR coalesce({_never_delayed(table)}, false))"""
        )
    )


def _exclusion(table: str) -> tuple[str | None, str | None]:
    """Queries of the persons that are taken off their rows, and of those that lose their rows.

    An order or a visit outlives its person: it stays, without them.
    """
    if table in ("visits", "visit_actions"):
        return f"{_EXCLUDED} WHERE by_cookie", f"{_EXCLUDED} WHERE NOT by_cookie"
    if table == "orders":
        return _EXCLUDED, None
    return None, _EXCLUDED


def _own_expiry(data_root: DataRoot, table: str, today: date) -> str:
    """SQL: whether a row of the table is past its time by its own dates."""
    over = {"credit_reports": clocks.reports_are_over, "credit_marks": clocks.marks_are_over}
    if table in over:
        return unless_on_hold(over[table](data_root.policy, today), "credit", "staged.person_key")
    if table in OF_TABLE and not OF_TABLE[table].whole:
        activity = OF_TABLE[table]
        return unless_on_hold(
            clocks.activities_are_over(activity, data_root.policy, today),
            activity.category,
            "staged.person_key",
        )
    if table == "identifiers":
        return "type = 'visitor_id' AND value IN (SELECT key FROM expired WHERE what = 'cookie')"
    return "false"


def _never_delayed(table: str) -> str:
    """SQL: whether a row of the table counts at once, whatever is in quarantine before it."""
    return {"persons": "staged.protected", "marketing_choices": "staged.choice = 'prohibited'"}.get(
        table, "false"
    )


def _protection_status(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `protection_status`.

    A record that censors a field protects as the flag does. The statements of the message that
    lifts the protection count as made after it.
    """
    connection.execute(
        PROTECTION_STATUS.create_table(
            """WITH flags AS (
                SELECT person_key, statement, bool_or(protected) AS protected
                FROM statements_persons
                WHERE protected IS NOT NULL AND person_key IS NOT NULL
                GROUP BY ALL),
            last_on AS (
                SELECT person_key, max(statement) AS statement
                FROM flags WHERE protected GROUP BY person_key)
            SELECT last_on.person_key, min(flags.statement) IS NULL AS protected,
                min(flags.statement) AS lifted
            FROM last_on
            LEFT JOIN flags ON flags.person_key = last_on.person_key
                AND flags.statement > last_on.statement
            GROUP BY last_on.person_key"""
        )
    )
