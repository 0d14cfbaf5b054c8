"""What each source now says of each person: statements folded in the order in which they were made, not delivered.

The fold is a pure function of what is staged, so the order in which deliveries arrive cannot matter:

1. Of the versions of a record (a contact in each day's export) only the latest counts. What only
   an earlier one could say, because the later export lacks the column, still counts of an opt-out.
2. A corrected identity code stands for its person under the code that holds now (`corrected_codes`).
3. Statements are ordered by when the source made them. Basic data without a time of its own counts as made just before
   the first change that was delivered on the same day or later.
4. A change that is in quarantine holds back the same person's later changes, until basic data or the mended change
   comes; protection and prohibitions are never held back.
5. Facts with dates are kept apart by their start (an address since a day), or by what they say; the last statement
   about a fact decides. A move tells the new address first and ends the old one after it: each keeps its own dates.
6. Protected identity wins in any order: location data stated before its end is forgotten, and comes back only if sent anew.

Source: docs/vendor-formats.md, "Population register"; docs/law.md (turvakielto). Cost grows with
the statements of the whole register.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.ingest import deliveries, suppression
from assets.register import (
    clocks,
    corrected_codes,
    expired_registrants,
    protected_identity,
    statutory_segregation,
)
from assets.register.current_statements import CONTACT_POINT, LOCATION, NAME, fold
from assets.sources.source import STATEMENT_MACROS
from assets.storage.data_root import Home
from schemas.columns import TableModel
from schemas.quarantine import Outcome, Quarantine
from schemas.staged import CANONICAL, REFUSALS

SAID = "STRUCT(moment TIMESTAMPTZ, sequence BIGINT, day DATE, period_last DATE, delivery_id VARCHAR, record_no BIGINT)"
# The column of a contact that an opt-out is read from; a contact without the column lifts nothing.
OPT_OUT_COLUMNS = {
    "crm:hs_email_optout": "Unsubscribed from all email",
    "crm:global_bounce": "Global bounce",
}


def gather(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make, for every canonical table, the view `said_<table>`: its rows that count, each with `said` and `person_key`.

    Then fold: tables `names_held`, `addresses_held`, `contact_points_held` (dated facts with `is_current`), and
    `persons_held` (single facts per person and source), and `known_as` (identifiers under the codes that hold now).
    """
    connection.execute(STATEMENT_MACROS)
    _book(home, connection)
    staged: list[type[TableModel]] = [*CANONICAL.values(), Outcome]
    for model in staged:
        home.staged(connection, model)
    home.view(connection, "quarantine", Quarantine, home.files("quarantine"))
    _current_records(connection)
    corrected_codes.follow(connection, home.policy)
    expired_registrants.remember_cookies(home, connection)
    expired_registrants.leave_out_rows(connection, home.policy, today)
    _current_choices(connection)
    statutory_segregation.remember(home, connection, today)
    _base_times(connection)
    _held_back(connection)
    for table in CANONICAL:
        _said(home, connection, table, today)
    suppression.find_consents_of_erased(
        home,
        connection,
        "SELECT DISTINCT subject FROM said_marketing_choices WHERE choice = 'granted'",
    )
    _persons(connection)
    _protection(connection)
    protected_identity.doubt(home, connection, today)
    fold(connection, "names", NAME, today)
    fold(connection, "addresses", LOCATION, today)
    fold(connection, "contact_points", CONTACT_POINT, today)
    _known_as(connection)


def _known_as(connection: duckdb.DuckDBPyConnection) -> None:
    """`known_as(person_key, type, told, value)`: identifiers, identity codes as those in force.

    A code that only a correction gave which does not count any more is not the person's: the
    population register speaks of each person under one code. Of the codes alone
    `code_claims(person_key, code, own, said, source, record_key)` has the latest statement, and
    whether the population register itself has said so.
    """
    counted = f"""FROM said_identifiers
        LEFT JOIN corrected ON type = 'identity_code' AND value = corrected.code
        WHERE (source <> '{protected_identity.TELLS_OF_IT}' OR type <> 'identity_code' OR person_key IS NULL
            OR person_key = person_key('identity_code', coalesce(corrected.active, value)))"""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known_as AS
        SELECT DISTINCT person_key, type, value AS told, coalesce(corrected.active, value) AS value
        {counted}"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE code_claims AS
        SELECT person_key, coalesce(corrected.active, value) AS code,
            bool_or(source = '{protected_identity.TELLS_OF_IT}') AS own, max(said) AS said,
            arg_max(source, said) AS source, arg_max(record_key, said) AS record_key
        {counted} AND type = 'identity_code' AND person_key IS NOT NULL GROUP BY ALL"""
    )


def _book(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE book (delivery_id VARCHAR, dataset VARCHAR, period_last DATE, sequence BIGINT, missing_columns VARCHAR[])"
    )
    rows = [
        (
            one.delivery_id,
            one.dataset,
            one.period_last,
            one.sequence or 0,
            one.missing_columns or [],
        )
        for one in deliveries.book(home)
    ]
    if rows:
        connection.executemany("INSERT INTO book VALUES (?, ?, ?, ?, ?)", rows)


def _current_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Of each record key the latest staged version; of a visit the longest."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE current_records AS
        SELECT delivery_id, record_no FROM staged_records JOIN book USING (delivery_id)
        WHERE outcome = 'staged' AND dataset <> 'visits'
        QUALIFY row_number() OVER (PARTITION BY source, record_key ORDER BY day DESC, period_last DESC, delivery_id DESC, record_no DESC) = 1
        UNION ALL
        SELECT delivery_id, record_no FROM staged_visits JOIN book USING (delivery_id)
        QUALIFY row_number() OVER (PARTITION BY record_key
            ORDER BY duration_s DESC NULLS LAST, day DESC, period_last DESC, delivery_id DESC, record_no DESC) = 1"""
    )


def _current_choices(connection: duckdb.DuckDBPyConnection) -> None:
    """`current_choices(delivery_id, record_no, origin)`: the choices that count.

    Those of current records; opt-outs of the latest version of a contact that had a column for
    them, for an export that no longer has it does not lift them; and refusals of quarantined
    records that no later version of their key replaces.
    """
    standing = " UNION ".join(
        f"""
        SELECT delivery_id, record_no, '{origin}' AS origin FROM (
            SELECT delivery_id, record_no FROM staged_records
            JOIN book USING (delivery_id)
            WHERE outcome = 'staged' AND dataset = 'contacts'
            AND NOT list_contains(missing_columns, '{column}')
            QUALIFY row_number() OVER (PARTITION BY source, record_key
                ORDER BY day DESC, period_last DESC, delivery_id DESC, record_no DESC) = 1)"""
        for origin, column in OPT_OUT_COLUMNS.items()
    )
    lacking = connection.execute(
        "SELECT 1 FROM book WHERE list_has_any(missing_columns, $1) LIMIT 1",
        [list(OPT_OUT_COLUMNS.values())],
    ).fetchone()
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE current_choices AS
        SELECT delivery_id, record_no, origin FROM staged_marketing_choices
        SEMI JOIN current_records USING (delivery_id, record_no)
        UNION SELECT delivery_id, record_no, origin FROM staged_marketing_choices
        JOIN (
            SELECT delivery_id, record_no, outcome FROM staged_records JOIN book USING (delivery_id)
            WHERE outcome <> 'duplicate'
            QUALIFY rank() OVER (PARTITION BY source, record_key
                ORDER BY day DESC, period_last DESC, delivery_id DESC) = 1
        ) AS latest USING (delivery_id, record_no)
        WHERE outcome = 'quarantined' AND choice IN {REFUSALS}
        {f"UNION ({standing})" if lacking else ""}"""
    )


def _base_times(connection: duckdb.DuckDBPyConnection) -> None:
    """`base_times(person_key, delivery_id, moment)`: when basic data counts as stated, where changes were delivered with or after it."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE messages AS
        SELECT coalesce(renamed.now, one.person_key) AS person_key, dataset, delivery_id, record_no, one.day, min(stated_at) AS stated_at
        FROM staged_identifiers AS one SEMI JOIN current_records USING (delivery_id, record_no)
        JOIN book USING (delivery_id) LEFT JOIN renamed USING (person_key)
        WHERE dataset IN ('perustiedot', 'muutokset') GROUP BY ALL"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE base_times AS
        SELECT base.person_key, base.delivery_id, min(change.stated_at) - INTERVAL 1 SECOND AS moment
        FROM messages AS base JOIN messages AS change ON base.person_key = change.person_key AND change.day >= base.day
        WHERE base.dataset = 'perustiedot' AND change.dataset = 'muutokset' AND change.stated_at <= base.stated_at
        GROUP BY ALL"""
    )


def _held_back(connection: duckdb.DuckDBPyConnection) -> None:
    """`held_back(person_key, after)`: persons with an unmended change in quarantine, and the moment after which changes wait."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_back AS
        WITH broken AS (
            SELECT DISTINCT coalesce(renamed.now, quarantine.person_key) AS person_key, stated_at, quarantine.day
            FROM quarantine JOIN book USING (delivery_id) LEFT JOIN renamed USING (person_key)
            WHERE dataset = 'muutokset' AND scope = 'record' AND quarantine.person_key IS NOT NULL)
        SELECT person_key, min(stated_at) AS after FROM broken
        WHERE NOT EXISTS (
            SELECT 1 FROM messages WHERE messages.person_key = broken.person_key AND messages.day > broken.day
            AND (dataset = 'perustiedot' OR messages.stated_at = broken.stated_at))
        GROUP BY person_key"""
    )


def _said(home: Home, connection: duckdb.DuckDBPyConnection, table: str, today: date) -> None:
    """The table's rows that count. An order or visit outlives the person it was of: it stays, without them."""
    own_time = {
        "credit_reports": clocks.reports_are_over(home.policy, today),
        "credit_marks": clocks.marks_are_over(home.policy, today),
        "identifiers": "type = 'visitor_id' AND value IN (SELECT key FROM expired WHERE what = 'cookie')",
    }.get(table, "false")
    whose = "coalesce(renamed.now, one.person_key)"
    by_cookie, departed = (
        "SELECT person_key FROM left_out WHERE by_cookie",
        "SELECT person_key FROM left_out WHERE NOT by_cookie",
    )
    seen = table in ("visits", "visit_actions")
    unknown = (
        by_cookie if seen else "SELECT person_key FROM left_out" if table == "orders" else None
    )
    gone = (
        departed
        if seen
        else "SELECT person_key FROM left_out"
        if table != "orders"
        else "SELECT person_key FROM left_out WHERE false"
    )
    person = (
        f"CASE WHEN NOT coalesce({whose} IN ({unknown}), false) THEN {whose} END"
        if unknown
        else whose
    )
    never_held = {"persons": "one.protected", "marketing_choices": "one.choice = 'prohibited'"}.get(
        table, "false"
    )
    current = (
        "current_choices AS current USING (delivery_id, record_no, origin)"
        if table == "marketing_choices"
        else "current_records AS current USING (delivery_id, record_no)"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW said_{table} AS
        SELECT one.* EXCLUDE (person_key), {person} AS person_key, dataset,
            {{'moment': coalesce(base_times.moment, one.stated_at), 'sequence': sequence, 'day': one.day, 'period_last': period_last,
              'delivery_id': one.delivery_id, 'record_no': one.record_no}}::{SAID} AS said
        FROM staged_{table} AS one
        SEMI JOIN {current}
        JOIN book ON one.delivery_id = book.delivery_id
        LEFT JOIN renamed ON one.person_key = renamed.person_key
        LEFT JOIN base_times ON coalesce(renamed.now, one.person_key) = base_times.person_key
            AND one.delivery_id = base_times.delivery_id
        LEFT JOIN held_back ON coalesce(renamed.now, one.person_key) = held_back.person_key
        WHERE NOT coalesce({own_time}, false) AND NOT coalesce({whose} IN ({gone}), false)
        AND (NOT coalesce(dataset = 'muutokset' AND one.stated_at > held_back.after, false) OR coalesce({never_held}, false))"""
    )


def _persons(connection: duckdb.DuckDBPyConnection) -> None:
    """Single facts: for each, the last statement that says anything; death and its date come from one statement."""
    last = "arg_max({0}, (said, position)) FILTER ({1} IS NOT NULL) AS {2}"
    columns = ", ".join(
        last.format(value, told, name)
        for value, told, name in (
            ("birth_date", "birth_date", "birth_date"),
            ("birth_date_precision", "birth_date", "birth_date_precision"),
            ("language", "language", "language"),
            ("native_language", "native_language", "native_language"),
            ("deceased", "deceased", "deceased"),
        )
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE persons_held AS
        SELECT person_key, source, {columns},
            arg_max({{'died': death_date}}, (said, position)) FILTER (deceased IS NOT NULL).died AS death_date,
            max(last_contact_on) AS last_contact_on, max(said) AS said, arg_max(record_key, said) AS record_key
        FROM said_persons WHERE person_key IS NOT NULL GROUP BY person_key, source"""
    )


def _protection(connection: duckdb.DuckDBPyConnection) -> None:
    """`protection(person_key, protected, lifted)`: whether the identity is protected now, and when it last ceased to be.

    A record that censors a field protects as the flag does. The lifting message's own statements count as sent anew.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE protection AS
        WITH flags AS (
            SELECT person_key, said, bool_or(protected) AS protected FROM said_persons
            WHERE protected IS NOT NULL AND person_key IS NOT NULL GROUP BY ALL),
        last_on AS (SELECT person_key, max(said) AS said FROM flags WHERE protected GROUP BY person_key)
        SELECT last_on.person_key, min(flags.said) IS NULL AS protected, min(flags.said) AS lifted
        FROM last_on LEFT JOIN flags ON flags.person_key = last_on.person_key AND flags.said > last_on.said
        GROUP BY last_on.person_key"""
    )
