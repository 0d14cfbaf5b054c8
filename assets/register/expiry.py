"""What is past its time, by the policy's retention rules; decided here, and nowhere else.

A clock that started on or before `Period.before(today)` is over. What a row's own dates decide is left out before anyone
is linked (`leave_out_rows`); then registrants whose time is over leave (`depart`), and the rest is resolved again until
nobody else does. So the register is built from just what the sweep will leave, and is the same after it.
"""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from assets.home import Home, copy_parquet
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
    known = f"SELECT token FROM read_parquet('{path}')" if path.exists() else "SELECT NULL::VARCHAR AS token WHERE false"
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
    zone = policy.time_zone
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE contract_ends AS
        SELECT person_key, max(coalesce(ends_on, CASE WHEN status <> 'active' THEN starts_on END)) AS ends_on,
            bool_or(ends_on IS NULL AND status = 'active') AS open
        FROM staged_contracts AS one SEMI JOIN current_records USING (delivery_id, record_no) GROUP BY person_key"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE expired AS
        SELECT DISTINCT 'RET-CUSTOMER-3Y' AS rule, 'contract' AS what, contract_number AS key
        FROM staged_contracts JOIN contract_ends USING (person_key)
        WHERE NOT open AND contract_ends.ends_on <= {over(policy, "RET-CUSTOMER-3Y", today)}
        UNION ALL
        SELECT DISTINCT 'RET-VOUCHER-6Y', 'order', order_number FROM staged_orders WHERE {vouchers_are_over(policy, today)}
        UNION ALL
        SELECT DISTINCT 'RET-VISITS-25M', 'visit', visit FROM staged_visits WHERE {visits_are_over(policy, today)}
        UNION ALL
        SELECT 'RET-COOKIE-13M', 'cookie', visitor_id FROM staged_visits WHERE visitor_id IS NOT NULL GROUP BY visitor_id
        HAVING timezone('{zone}', min(started_at))::DATE <= {over(policy, "RET-COOKIE-13M", today)}
            OR {HASHED_COOKIE.format("visitor_id")} IN (SELECT token FROM old_cookies)
        UNION ALL
        SELECT DISTINCT 'RET-CREDIT-REPORT-13M', 'credit_report', record_key FROM staged_credit_reports WHERE {reports_are_over(policy, today)}
        UNION ALL
        SELECT DISTINCT 'RET-CREDIT-EXPIRY', 'credit_mark', record_key || '/' || position FROM staged_credit_marks WHERE {marks_are_over(policy, today)}"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE current_records AS
        SELECT delivery_id, record_no FROM current_records
        EXCEPT
        (SELECT delivery_id, record_no FROM staged_visits WHERE {visits_are_over(policy, today)}
        UNION ALL SELECT delivery_id, record_no FROM staged_orders WHERE {vouchers_are_over(policy, today)}
        UNION ALL SELECT delivery_id, record_no FROM staged_contracts WHERE contract_number IN (SELECT key FROM expired WHERE what = 'contract'))"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE left_out AS
        SELECT person_key('visitor_id', key) AS person_key, true AS by_cookie FROM expired WHERE what = 'cookie'"""
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE departed (rule VARCHAR, type VARCHAR, value VARCHAR)")


def over(policy: Policy, rule: str, today: date) -> str:
    """The last day, as SQL, on which a clock must have started for the rule's period to be over."""
    return f"DATE '{policy.retention[rule].period.before(today)}'"


def visits_are_over(policy: Policy, today: date) -> str:
    """The condition on visits."""
    return f"timezone('{policy.time_zone}', started_at)::DATE <= {over(policy, 'RET-VISITS-25M', today)}"


def reports_are_over(policy: Policy, today: date) -> str:
    """The condition on credit reports."""
    return f"timezone('{policy.time_zone}', stated_at)::DATE <= {over(policy, 'RET-CREDIT-REPORT-13M', today)}"


def vouchers_are_over(policy: Policy, today: date) -> str:
    """The condition on orders: the calendar year's end plus the period is past (1336/1997, 2:10)."""
    last_year = (policy.retention["RET-VOUCHER-6Y"].period.before(today) + timedelta(days=1)).year - 1
    return f"year(timezone('{policy.time_zone}', ordered_at)) <= {last_year}"


def marks_are_over(policy: Policy, today: date) -> str:
    """The condition on credit marks: expired at the bureau, or three years old where the bureau gives no date (law.md)."""
    expiry = over(policy, "RET-CREDIT-EXPIRY", today)
    return f"coalesce(coalesce(expires_on, (remark_date + INTERVAL 3 YEAR)::DATE) <= {expiry}, false)"


def depart(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> bool:
    """Let registrants whose time is over leave; answers whether any did, so that the rest must be resolved again.

    A registrant stays while a contract has not ended or its end, or the last active contact, is recent enough (for want
    of both: when first seen). Of a deceased person the clock starts at death, or when first seen if that was later.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE leaving AS
        WITH customers AS (SELECT DISTINCT registrant_id FROM contract_ends JOIN membership USING (person_key)),
        clocks AS (
            SELECT registrant_id, customers.registrant_id IS NOT NULL AS was_customer,
                CASE WHEN deceased AND death_date IS NOT NULL THEN greatest(death_date, first_seen_on)
                    ELSE greatest(relationship_ends_on, coalesce(last_contact_on, CASE WHEN NOT has_contract THEN first_seen_on END)) END AS started
            FROM whole LEFT JOIN customers USING (registrant_id) WHERE NOT has_open_contract)
        SELECT registrant_id, CASE WHEN was_customer THEN 'RET-CUSTOMER-3Y' ELSE 'RET-PROSPECT-3Y' END AS rule FROM clocks
        WHERE started <= CASE WHEN was_customer THEN {over(policy, "RET-CUSTOMER-3Y", today)} ELSE {over(policy, "RET-PROSPECT-3Y", today)} END"""
    )
    if not (connection.execute("SELECT count(*) FROM leaving").fetchone() or (0,))[0]:
        return False
    connection.execute("INSERT INTO expired SELECT rule, 'registrant', registrant_id FROM leaving")
    connection.execute("INSERT INTO departed SELECT DISTINCT rule, type, value FROM held_identifiers JOIN leaving USING (registrant_id)")
    connection.execute(
        """INSERT INTO left_out SELECT person_key, false FROM membership SEMI JOIN leaving USING (registrant_id)
        UNION SELECT person_key(type, value), false FROM departed"""
    )
    for table in _OF_A_SOURCE_PERSON:
        connection.execute(f"DELETE FROM {table} WHERE person_key IN (SELECT person_key FROM left_out)")
    return True
