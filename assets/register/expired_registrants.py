"""What is past its time, by the policy's retention rules; decided here, and nowhere else.

When clocks start and end is in `clocks`. What a row's own dates decide is left out before anyone is
linked (`leave_out_rows`); then expired registrants are removed (`remove_expired`), and
the rest is resolved again until no other is; last those without any purpose
(`remove_purposeless`). A contract has no time of its own: it leaves with its registrant. What is
under a hold stays (`holds`). So the register is built from just what the sweep will leave, and is
the same after it.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import holds, lasting_refusals, no_purpose, statutory_segregation
from assets.register.clocks import (
    CONTRACT_ENDS,
    clocked,
    code,
    due,
    following_accounts,
    party_ends,
)
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import create_keyed_hash
from schemas.activities import ACTIVITIES
from schemas.policy.model import Policy
from schemas.retention import Expired, ExpiredRegistrants

EXPIRED_COOKIES = KeptFile(
    "lake/expired_cookies.parquet",
    "which cookies have expired",
    "a cookie whose first visit was deleted counts from the first visit that is left",
    {"token": "VARCHAR"},
)
HASHED_COOKIE = "keyed_hash('cookie|' || {0})"
# Each row of these is of one source person alone: without that person, the others' rows are what
# they would have been.
_OF_A_SOURCE_PERSON = (
    "current_names",
    "current_addresses",
    "current_contact_points",
    "current_persons",
    "known_identifiers",
    "protection_status",
    "source_persons",
    "people",
    "person_identifiers",
)
_CLOCK = {
    "registrant_id": "VARCHAR",
    "started": "DATE",
    "rule": "VARCHAR",
    "due": "DATE",
}

WHOLE = (
    "visit",
    "order",
    *(activity.what for activity in ACTIVITIES if activity.whole),
)
"""Kinds of things of which an expired one takes its record along."""

EXPIRED_COOKIE_HASHES = Relation(
    name="expired_cookie_hashes",
    summary="Keyed hashes of cookies that have expired.",
    columns={"token": "VARCHAR"},
    scope=Scope.BROADCAST,
)
EXPIRED = Relation.of(
    Expired,
    reads=(
        "persons_on_hold",
        "staged_orders",
        "staged_visits",
        "staged_credit_reports",
        "staged_credit_marks",
        "staged_identifiers",
        *(f"staged_{activity.table}" for activity in ACTIVITIES),
        "expired_cookie_hashes",
    ),
    amended_from=("consent_proofs", "expiring_registrants", "registrant_contracts"),
    scope=Scope.COMPONENT,
)
CONTRACT_ENDS_OF_PERSONS = Relation(
    name="contract_ends",
    summary="The end of the last contract of each person that has had one, for the clocks.",
    columns={"person_key": "VARCHAR", "ends_on": "DATE"},
    reads=(
        "party_ends",
        "staged_contracts",
        "contract_endings",
        "renamed_persons",
        "latest_records",
    ),
    scope=Scope.COMPONENT,
)
CURRENT_RECORDS = Relation(
    name="current_records",
    summary="The latest records, without those that are past their time as a whole.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT"},
    reads=(
        "latest_records",
        "persons_on_hold",
        "staged_visits",
        "staged_orders",
        *(f"staged_{activity.table}" for activity in ACTIVITIES if activity.whole),
    ),
    scope=Scope.COMPONENT,
)
EXCLUDED_PERSONS = Relation(
    name="excluded_persons",
    summary="Source persons with nothing that counts: an expired cookie's, or expired themselves.",
    columns={"person_key": "VARCHAR", "by_cookie": "BOOLEAN"},
    reads=("expired",),
    amended_from=("membership", "expiring_registrants", "departed"),
    scope=Scope.COMPONENT,
)
EXPIRED_IDENTIFIERS = Relation.of(
    ExpiredRegistrants,
    amended_from=("registrant_identifiers", "expiring_registrants"),
    scope=Scope.COMPONENT,
)
REGISTRANT_CLOCKS = Relation(
    name="registrant_clocks",
    summary="When the time of each registrant without an open contract began, and when it ends.",
    columns=_CLOCK,
    reads=("contract_ends", "membership", "registrant_state", "following_accounts"),
    scope=Scope.COMPONENT,
)
EXPIRING_REGISTRANTS = Relation(
    name="expiring_registrants",
    summary="The registrants who leave in this round.",
    columns=_CLOCK,
    reads=("registrant_clocks", "registrants_on_hold"),
    amended_from=("without_purpose", "registrants_on_hold"),
    scope=Scope.COMPONENT,
)


STARTED = """CASE WHEN deceased THEN coalesce(death_date, death_stated_on)
    ELSE greatest(relationship_ends_on,
        coalesce(last_contact_on, CASE WHEN NOT has_contract THEN first_seen_on END)) END"""
"""SQL: the day from which the time of a registrant without an open contract counts; over the
columns of the register's `registrants`.
"""


def load_expired_cookies(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `expired_cookie_hashes`, so that a cookie stays expired without its first visit."""
    create_keyed_hash(data_root, connection)
    connection.execute(EXPIRED_COOKIE_HASHES.create_table(EXPIRED_COOKIES.rows(data_root)))


def write_expired_cookies(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Write the keyed hashes of the cookies that have expired so far."""
    copy_parquet(
        connection,
        f"""SELECT token FROM expired_cookie_hashes
        UNION
        SELECT {HASHED_COOKIE.format("key")} FROM expired WHERE what = 'cookie'
        ORDER BY token""",
        EXPIRED_COOKIES.place(data_root),
    )


def leave_out_rows(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `expired`, `contract_ends`, `current_records`, `excluded_persons` and, without rows,
    `departed`.

    Visits and orders expire by their own time, credit data by expiry, cookies by when they were
    first seen; a contract with its registrant.
    """
    party_ends(connection, "SEMI JOIN latest_records USING (delivery_id, record_no)")
    _expired(connection, policy, today)
    _contract_ends(connection)
    expired = " UNION ALL ".join(
        f"SELECT delivery_id, record_no FROM {kind.rows} WHERE {kind.over}"
        for kind in clocked(policy, today)
        if kind.what in WHOLE
    )
    connection.execute(
        CURRENT_RECORDS.create_table(
            f"SELECT delivery_id, record_no FROM latest_records EXCEPT ({expired})"
        )
    )
    connection.execute(
        EXCLUDED_PERSONS.create_table(
            """SELECT person_key('visitor_id', key) AS person_key, true AS by_cookie
            FROM expired WHERE what = 'cookie'"""
        )
    )
    connection.execute(EXPIRED_IDENTIFIERS.create_empty())


def _expired(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    kinds = [
        f"""SELECT DISTINCT {kind.rule} AS rule, '{kind.what}' AS what, {kind.key} AS key
        FROM {kind.rows} WHERE {kind.over}"""
        for kind in clocked(policy, today)
    ]
    cookies = f"""SELECT DISTINCT '{code(policy, "cookies")}', 'cookie', value
        FROM staged_identifiers
        WHERE type = 'visitor_id'
            AND {HASHED_COOKIE.format("value")} IN (SELECT token FROM expired_cookie_hashes)"""
    connection.execute(
        EXPIRED.create_table(f"SELECT DISTINCT * FROM ({' UNION ALL '.join([*kinds, cookies])})")
    )


def _contract_ends(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `contract_ends`: of the account, and of the person that the contract names."""
    connection.execute(
        CONTRACT_ENDS_OF_PERSONS.create_table(
            f"""SELECT person_key, max(ends_on) AS ends_on FROM (
                SELECT party AS person_key, ends_on FROM party_ends
                UNION ALL
                SELECT coalesce(renamed_persons.current_key, staged.person_key), {CONTRACT_ENDS}
                FROM staged_contracts AS staged
                LEFT JOIN renamed_persons USING (person_key)
                LEFT JOIN contract_endings USING (contract_number)
                SEMI JOIN latest_records USING (delivery_id, record_no)
                GROUP BY ALL)
            WHERE person_key IS NOT NULL GROUP BY person_key"""
        )
    )


def remove_expired(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> bool:
    """Remove expired registrants from everything that linkage and the register read.

    Returns:
        Whether any was removed, so that the rest must be resolved again.
    """
    _clocks(connection, policy)
    holds.find_registrants(connection)
    connection.execute(
        EXPIRING_REGISTRANTS.create_table(
            f"""SELECT * FROM registrant_clocks
            ANTI JOIN registrants_on_hold USING (registrant_id) WHERE due <= DATE '{today}'"""
        )
    )
    return _remove(connection, policy, today)


def remove_purposeless(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> bool:
    """Remove the registrants that have had no purpose for the policy's period.

    After eligibility has been evaluated (`admission`).

    Returns:
        Whether any was removed, so that the rest must be resolved again.
    """
    no_purpose.find(connection, policy, today)
    connection.execute(f"INSERT INTO expiring_registrants {no_purpose.leaving(today)}")
    return _remove(connection, policy, today)


def _remove(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> bool:
    """Remove `expiring_registrants`; return whether there are any."""
    if not count(connection, "SELECT count(*) FROM expiring_registrants"):
        return False
    connection.execute(
        "INSERT INTO expired SELECT rule, 'registrant', registrant_id FROM expiring_registrants"
    )
    connection.execute(
        """INSERT INTO expired SELECT rule, 'contract', contract_number
        FROM registrant_contracts JOIN expiring_registrants USING (registrant_id)"""
    )
    connection.execute(
        """INSERT INTO departed
        SELECT DISTINCT rule, type, value
        FROM registrant_identifiers JOIN expiring_registrants USING (registrant_id)"""
    )
    statutory_segregation.keep_proofs(connection, policy, today)
    lasting_refusals.remember(connection, today)
    connection.execute(
        """INSERT INTO excluded_persons
        SELECT person_key, false
        FROM membership SEMI JOIN expiring_registrants USING (registrant_id)
        UNION SELECT person_key(type, value), false FROM departed"""
    )
    for table in _OF_A_SOURCE_PERSON:
        connection.execute(
            f"DELETE FROM {table} WHERE person_key IN (SELECT person_key FROM excluded_persons)"
        )
    return True


def _clocks(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `registrant_clocks`.

    A registrant stays while the end of the last contract, or the last active contact, is recent
    enough (for want of both: the first record). Of a deceased person the clock starts at death, or
    without its date on the day on which the death was first stated. An account of which only the
    number is known leaves with the registrant that its contracts name.
    """
    following_accounts(connection)
    customers, prospects = (
        (code(policy, rule), due(policy, rule, "started")) for rule in ("customers", "prospects")
    )
    connection.execute(
        REGISTRANT_CLOCKS.create_table(
            f"""WITH customers AS (
                SELECT DISTINCT registrant_id
                FROM contract_ends JOIN membership USING (person_key)),
            started AS (
                SELECT registrant_id, customers.registrant_id IS NOT NULL AS was_customer,
                    {STARTED} AS started
                FROM registrant_state
                LEFT JOIN customers USING (registrant_id)
                ANTI JOIN following_accounts USING (registrant_id)
                WHERE NOT has_open_contract)
            SELECT registrant_id, started,
                CASE WHEN was_customer THEN '{customers[0]}' ELSE '{prospects[0]}' END AS rule,
                CASE WHEN was_customer THEN {customers[1]} ELSE {prospects[1]} END AS due
            FROM started WHERE started IS NOT NULL"""
        )
    )
