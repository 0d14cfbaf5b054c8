"""What is past its time, by the policy's retention rules; decided here, and nowhere else.

When clocks start and end is in `clocks`. What a row's own dates decide is left out before anyone is linked
(`leave_out_rows`); then registrants whose time is over leave (`depart`), and the rest is resolved again until
nobody else does. So the register is built from just what the sweep will leave, and is the same after it.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import statutory_segregation
from assets.register.clocks import (
    CONTRACT_ENDS,
    clocked,
    code,
    due,
    orders_are_over,
    party_ends,
    visits_are_over,
)
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet
from schemas.policy import Policy

EXPIRED_COOKIES = "expired_cookies.parquet"
# Each row of these is of one source person alone: without that person, the others' rows are what they would have been.
_OF_A_SOURCE_PERSON = (
    "names_held", "addresses_held", "contact_points_held", "persons_held", "known_as", "protection", "source_persons", "people", "identifiers",
)  # fmt: skip
HASHED_COOKIE = "keyed_hash('cookie|' || {0})"


def remember_cookies(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """`old_cookies(token)`: keyed hashes of cookies that have expired, so that one stays expired when its first visit is gone."""
    home.keyed_hash(connection)
    path = home.lake / EXPIRED_COOKIES
    known = (
        f"SELECT token FROM {parquet(path)}"
        if path.exists()
        else "SELECT NULL::VARCHAR AS token WHERE false"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE old_cookies AS {known}")


def keep_cookies(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Write down the cookies that have expired by now, as keyed hashes."""
    copy_parquet(
        connection,
        f"""SELECT token FROM old_cookies
        UNION SELECT {HASHED_COOKIE.format("key")} FROM expired WHERE what = 'cookie' ORDER BY token""",
        home.lake / EXPIRED_COOKIES,
    )


def leave_out_rows(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `expired(rule, what, key)` and take the records that go whole out of `current_records`.

    Visits and orders by their own time, contracts when the last one of their party has ended long enough ago, credit
    data by expiry, cookies by when they were first seen. `left_out(person_key, by_cookie)` are source persons of whom nothing
    counts: for now those known by an expired cookie; `contract_ends(person_key, ends_on)` remembers ends for the clocks.
    """
    current = "SEMI JOIN current_records USING (delivery_id, record_no)"
    party_ends(connection, current)
    kinds = [
        f"SELECT DISTINCT {one.rule} AS rule, '{one.what}' AS what, {one.key} AS key FROM {one.rows} WHERE {one.over}"
        for one in clocked(policy, today)
    ]
    remembered = f"""SELECT DISTINCT '{code(policy, "cookies")}', 'cookie', value FROM staged_identifiers
        WHERE type = 'visitor_id' AND {HASHED_COOKIE.format("value")} IN (SELECT token FROM old_cookies)"""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE expired AS SELECT DISTINCT * FROM ({' UNION ALL '.join([*kinds, remembered])})"
    )
    # What is over was of the account; what is not also binds the person whom it names.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE contract_ends AS
        SELECT person_key, max(ends_on) AS ends_on FROM (
            SELECT party AS person_key, ends_on FROM party_ends
            UNION ALL
            SELECT coalesce(renamed.now, one.person_key), {CONTRACT_ENDS}
            FROM staged_contracts AS one LEFT JOIN renamed USING (person_key) {current}
            WHERE contract_number NOT IN (SELECT key FROM expired WHERE what = 'contract')
            GROUP BY ALL)
        WHERE person_key IS NOT NULL GROUP BY person_key"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE current_records AS
        SELECT delivery_id, record_no FROM current_records
        EXCEPT
        (SELECT delivery_id, record_no FROM staged_visits WHERE {visits_are_over(policy, today)}
        UNION ALL SELECT delivery_id, record_no FROM staged_orders WHERE {orders_are_over(policy, today)}
        UNION ALL SELECT delivery_id, record_no FROM staged_contracts WHERE contract_number IN (SELECT key FROM expired WHERE what = 'contract'))"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE left_out AS
        SELECT person_key('visitor_id', key) AS person_key, true AS by_cookie FROM expired WHERE what = 'cookie'"""
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE departed (rule VARCHAR, type VARCHAR, value VARCHAR)"
    )


def depart(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> bool:
    """Let registrants whose time is over leave; answers whether any did, so that the rest must be resolved again.

    `clocks(registrant_id, rule, started, due)` is made for whoever has no contract that goes on. A registrant stays while
    the end of the last contract, or the last active contact, is recent enough (for want of both: when first seen). Of a
    deceased person the clock starts at death, or when first seen if that was later.
    """
    customers, prospects = due(policy, "customers", "started"), due(policy, "prospects", "started")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE clocks AS
        WITH customers AS (SELECT DISTINCT registrant_id FROM contract_ends JOIN membership USING (person_key)),
        started AS (
            SELECT registrant_id, customers.registrant_id IS NOT NULL AS was_customer,
                CASE WHEN deceased AND death_date IS NOT NULL THEN greatest(death_date, first_seen_on)
                    ELSE greatest(relationship_ends_on, coalesce(last_contact_on, CASE WHEN NOT has_contract THEN first_seen_on END)) END AS started
            FROM whole LEFT JOIN customers USING (registrant_id) WHERE NOT has_open_contract)
        SELECT registrant_id, started, CASE WHEN was_customer THEN '{code(policy, "customers")}' ELSE '{code(policy, "prospects")}' END AS rule,
            CASE WHEN was_customer THEN {customers} ELSE {prospects} END AS due
        FROM started WHERE started IS NOT NULL"""
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE leaving AS SELECT * FROM clocks WHERE due <= DATE '{today}'"
    )
    if not (connection.execute("SELECT count(*) FROM leaving").fetchone() or (0,))[0]:
        return False
    connection.execute("INSERT INTO expired SELECT rule, 'registrant', registrant_id FROM leaving")
    connection.execute(
        "INSERT INTO departed SELECT DISTINCT rule, type, value FROM held_identifiers JOIN leaving USING (registrant_id)"
    )
    statutory_segregation.keep_proofs(connection, policy, today)
    connection.execute(
        """INSERT INTO left_out SELECT person_key, false FROM membership SEMI JOIN leaving USING (registrant_id)
        UNION SELECT person_key(type, value), false FROM departed"""
    )
    for table in _OF_A_SOURCE_PERSON:
        connection.execute(
            f"DELETE FROM {table} WHERE person_key IN (SELECT person_key FROM left_out)"
        )
    return True
