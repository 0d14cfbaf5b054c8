"""What is past its time, by the policy's retention rules; decided here, and nowhere else.

A clock that started on or before `Period.before(today)` is over. Reads the tables of `golden` and `relationships`.
"""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from schemas.policy import Policy


def decide(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `expired(rule, what, registrant_id, key)`: registrants, contracts, orders, visits, cookies, credit data.

    A registrant goes when neither a contract nor an active contact keeps them: a customer's clock starts at the later of
    the last contract's end and the last active contact, a prospect's at the last active contact (or when first seen), and
    of a deceased person both start at death, or when first seen if that was later.
    """

    def over(rule: str) -> str:
        return f"DATE '{policy.retention[rule].period.before(today)}'"

    year_over = last_voucher_year(policy, today)
    zone = policy.time_zone
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE expired AS
        WITH clocks AS (
            SELECT registrant_id, has_contract,
                CASE WHEN deceased AND death_date IS NOT NULL THEN greatest(death_date, first_seen_on)
                    ELSE greatest(relationship_ends_on, coalesce(last_contact_on, CASE WHEN NOT has_contract THEN first_seen_on END)) END AS started
            FROM registrants WHERE NOT has_open_contract)
        SELECT CASE WHEN has_contract THEN 'RET-CUSTOMER-3Y' ELSE 'RET-PROSPECT-3Y' END AS rule, 'registrant' AS what, registrant_id, registrant_id AS key
        FROM clocks WHERE started <= CASE WHEN has_contract THEN {over("RET-CUSTOMER-3Y")} ELSE {over("RET-PROSPECT-3Y")} END
        UNION ALL
        SELECT 'RET-CUSTOMER-3Y', 'contract', registrant_id, contract_number FROM held_contracts JOIN registrants USING (registrant_id)
        WHERE NOT has_open_contract AND relationship_ends_on <= {over("RET-CUSTOMER-3Y")}
        UNION ALL
        SELECT 'RET-VOUCHER-6Y', 'order', registrant_id, order_number FROM held_orders
        WHERE year(timezone('{zone}', ordered_at)) <= {year_over}
        UNION ALL
        SELECT 'RET-VISITS-25M', 'visit', registrant_id, visit FROM held_visits
        WHERE timezone('{zone}', started_at)::DATE <= {over("RET-VISITS-25M")}
        UNION ALL
        SELECT 'RET-COOKIE-13M', 'cookie', any_value(registrant_id), visitor_id FROM held_visits
        WHERE timezone('{zone}', cookie_first_seen)::DATE <= {over("RET-COOKIE-13M")} GROUP BY visitor_id
        UNION ALL
        SELECT 'RET-CREDIT-REPORT-13M', 'credit_report', registrant_id, record_key FROM held_credit_reports
        WHERE timezone('{zone}', reported_at)::DATE <= {over("RET-CREDIT-REPORT-13M")}
        UNION ALL
        SELECT 'RET-CREDIT-EXPIRY', 'credit_mark', registrant_id, record_key || '/' || position FROM held_credit_marks
        WHERE {marks_are_over(policy, today)}"""
    )
    connection.execute(
        """INSERT INTO expired
        SELECT 'RET-COOKIE-13M', 'registrant', registrant_id, registrant_id FROM held_identifiers
        LEFT JOIN (SELECT key AS value, 'visitor_id' AS type, true AS old FROM expired WHERE what = 'cookie') USING (type, value)
        WHERE registrant_id NOT IN (SELECT registrant_id FROM expired WHERE what = 'registrant')
        GROUP BY registrant_id HAVING bool_and(coalesce(old, false))"""
    )


def last_voucher_year(policy: Policy, today: date) -> int:
    """The latest calendar year whose vouchers need no longer be kept: its end plus the period is past (1336/1997, 2:10)."""
    return (policy.retention["RET-VOUCHER-6Y"].period.before(today) + timedelta(days=1)).year - 1


def marks_are_over(policy: Policy, today: date) -> str:
    """The condition on credit marks: expired at the bureau, or three years old where the bureau gives no date (law.md)."""
    over = policy.retention["RET-CREDIT-EXPIRY"].period.before(today)
    return f"coalesce(expires_on, (remark_date + INTERVAL 3 YEAR)::DATE) <= DATE '{over}'"


# What is kept of each table, and what is not: an expired registrant takes everything along but orders that the books need.
KEPT = {
    "contracts": "WHERE NOT gone(registrant_id) AND contract_number NOT IN (SELECT key FROM expired WHERE what = 'contract')",
    "orders": "WHERE order_number NOT IN (SELECT key FROM expired WHERE what = 'order')",
    "visits": "WHERE visit NOT IN (SELECT key FROM expired WHERE what = 'visit') AND NOT gone(registrant_id)",
    "credit_reports": "WHERE record_key NOT IN (SELECT key FROM expired WHERE what = 'credit_report') AND NOT gone(registrant_id)",
    "credit_marks": "WHERE record_key || '/' || position NOT IN (SELECT key FROM expired WHERE what = 'credit_mark') AND NOT gone(registrant_id)",
}
