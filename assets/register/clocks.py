"""Clocks: when the time of each kind of data began, as SQL over what is staged, and when it ends.

Codes, periods and holds are the policy's: a rule is looked up by what it applies to, never by its
name. A period that started on a day is over on that day plus the period, counted by the calendar
(31 January + 1 month = the last of February); the end never rolls forward over a weekend or
holiday, for it is no time to act in but the end of a permission to keep. The clocks of the accounts
start when a year has *ended*, that is on the day after it, so that the last day of the last year
still belongs to the hold (1336/1997, 2:10).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from assets.register.holds import unless_on_hold
from assets.register.published_tables import read_register
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view
from assets.storage.relations import Relation, Scope
from schemas.activities import ACTIVITIES, Activity
from schemas.columns import table_name
from schemas.policy import retention_constraints as law
from schemas.policy.model import Period, Policy
from schemas.register import (
    AddressHistory,
    ContactPointHistory,
    Membership,
    NameHistory,
    RegistrantContracts,
)
from schemas.staged import Contracts, Identifiers
from schemas.values import LAST_DAY
from schemas.vocabulary import AppliesTo

# The rules of the statutes on accounts, longest first where the policy's category names both.
STATUTORY: tuple[AppliesTo, ...] = ("books", "vouchers")

CONTRACT_PARTIES = Relation(
    name="contract_parties",
    summary="The party of each contract record: the customer's account that it names.",
    columns={
        "delivery_id": "VARCHAR",
        "record_no": "BIGINT",
        "contract_number": "VARCHAR",
        "party": "VARCHAR",
    },
    reads=("staged_contracts", "staged_identifiers"),
    scope=Scope.COMPONENT,
)
PARTY_ENDS = Relation(
    name="party_ends",
    summary="The end of the last contract of each party, and whether one is open.",
    columns={"party": "VARCHAR", "ends_on": "DATE", "open": "BOOLEAN"},
    reads=("staged_contracts", "contract_parties", "contract_endings", "latest_records"),
    scope=Scope.COMPONENT,
)
CONTRACT_ENDINGS = Relation(
    name="contract_endings",
    summary="The day on which each contract was first stated as ended, since it was last active.",
    columns={"contract_number": "VARCHAR", "first_stated_on": "DATE"},
    reads=("staged_contracts",),
    scope=Scope.COMPONENT,
)
FOLLOWING_ACCOUNTS = Relation(
    name="following_accounts",
    summary="Registrants that are only the account of contracts that name another registrant: they "
    "leave with that one.",
    columns={"registrant_id": "VARCHAR"},
    reads=("contract_parties", "registrant_contracts", "membership", "people"),
    scope=Scope.COMPONENT,
)


@dataclass(frozen=True)
class Clocked:
    """One kind of thing with a clock of its own, as SQL.

    Attributes:
        what: The kind, as in the table `expired`.
        category: The policy's category.
        rule: The rule's code.
        rows: The staged rows that have it.
        key: What names the thing.
        due: The day on which its time is over.
        over: Whether it is over.
        remaining: The rows that are left when the register has been resolved, for the forecast.
    """

    what: str
    category: str
    rule: str
    rows: str
    key: str
    due: str
    over: str
    remaining: str


def code(policy: Policy, applies_to: AppliesTo) -> str:
    """Return the rule's code, as the policy has it."""
    return policy.rule(applies_to)[0]


def over(policy: Policy, applies_to: AppliesTo, today: date) -> str:
    """SQL: the last day on which a clock must have started for the rule's period to be over."""
    return f"DATE '{policy.rule(applies_to)[1].period.before(today)}'"


def after(period: Period, started: str) -> str:
    """SQL: the day on which a period that began on `started` is over, as `Period.after` counts."""
    over = f"({started} + INTERVAL {period.count} {period.unit})::DATE"
    last = period.before(date.max)
    if last >= LAST_DAY:
        return over
    return f"(CASE WHEN {started} > DATE '{last}' THEN DATE '{date.max}' ELSE {over} END)"


def due(policy: Policy, applies_to: AppliesTo, started: str) -> str:
    """SQL: the day on which the rule's period that began on `started` is over."""
    return after(policy.rule(applies_to)[1].period, started)


def local_day(policy: Policy, moment: str) -> str:
    """SQL: the calendar day of a moment, in the policy's time zone."""
    return f"timezone('{policy.time_zone}', {moment})::DATE"


def after_calendar_year(policy: Policy, day: str) -> str:
    """SQL: when a voucher's clock starts.

    The day after the calendar year in which the financial year of `day` ends.
    """
    return f"make_date({_financial_year(policy, day)} + 1, 1, 1)"


def after_financial_year(policy: Policy, day: str) -> str:
    """SQL: when the books' clock starts: the day after the financial year of `day`.

    A year that ends in February ends with the month.
    """
    month, last = _ends(policy)
    following = date(2001, month, last) + timedelta(days=1)
    year = f"{_financial_year(policy, day)} + {following.year - 2001}"
    return f"make_date({year}, {following.month}, {following.day})"


def _ends(policy: Policy) -> tuple[int, int]:
    month, last = policy.controller.financial_year_ends.split("-")
    return int(month), int(last)


def _financial_year(policy: Policy, day: str) -> str:
    """SQL: the calendar year in which the financial year of `day` ends."""
    month, last = _ends(policy)
    last = 29 if (month, last) == (2, 28) else last
    later = f"month({day}) * 100 + day({day}) > {month * 100 + last}"
    return f"(year({day}) + ({later})::INTEGER)"


_STARTS = {"vouchers": after_calendar_year, "books": after_financial_year}


def accounts_hold(policy: Policy, moment: str) -> tuple[str, str]:
    """SQL: until when the accounts need an order, and the code of the rule.

    The longest period of the rules that the policy's category `order` names.
    """
    day = local_day(policy, moment)
    named = [
        rule for rule in STATUTORY if code(policy, rule) in policy.categories["order"].retention
    ]
    ends = [(code(policy, rule), due(policy, rule, _STARTS[rule](policy, day))) for rule in named]
    longest = f"greatest({', '.join(end for _, end in ends)})"
    cases = " ".join(f"WHEN {end} = {longest} THEN '{name}'" for name, end in ends)
    return longest, f"CASE {cases} END"


def mark_expiry(policy: Policy) -> str:
    """SQL: the day on which a credit mark expires at the bureau, or by law if earlier (527/2007).

    A month after its payment was recorded, whatever expiry the bureau gives: our copy never
    outlives theirs. Without an expiry of the bureau's, three years after the mark, or after the
    report where it has no date either.
    """
    reported = local_day(policy, "stated_at")
    undated = after(Period.parse(law.UNDATED_MARK_KEPT), f"coalesce(remark_date, {reported})")
    paid = after(Period.parse(law.PAID_MARK_KEPT), "paid_on")
    return f"least(coalesce(expires_on, {undated}), {paid})"


def orders_are_over(policy: Policy, today: date) -> str:
    """SQL: the condition on orders."""
    return f"{accounts_hold(policy, 'ordered_at')[0]} <= DATE '{today}'"


def visits_are_over(policy: Policy, today: date) -> str:
    """SQL: the condition on visits."""
    return f"{local_day(policy, 'started_at')} <= {over(policy, 'visits', today)}"


def reports_are_over(policy: Policy, today: date) -> str:
    """SQL: the condition on credit reports."""
    return f"{local_day(policy, 'stated_at')} <= {over(policy, 'credit_reports', today)}"


def marks_are_over(policy: Policy, today: date) -> str:
    """SQL: the condition on credit marks."""
    return f"{mark_expiry(policy)} <= {over(policy, 'credit_marks', today)}"


def cookies_are_over(policy: Policy, today: date) -> str:
    """SQL: the condition on cookies, by when each was first seen."""
    return f"{local_day(policy, 'started_at')} <= {over(policy, 'cookies', today)}"


def activities_are_over(activity: Activity, policy: Policy, today: date) -> str:
    """SQL: the condition on what people did, by the clock of its kind."""
    return f"{_started(activity, policy)} <= {over(policy, activity.applies_to, today)}"


def _removable(activity: Activity, policy: Policy, today: date) -> str:
    """SQL: the condition, where no hold covers the row; of a whole record, none of its rows."""
    condition = activities_are_over(activity, policy, today)
    if not activity.whole:
        return unless_on_hold(condition, activity.category)
    return f"""(({condition}) AND (delivery_id, record_no) NOT IN (
        SELECT (delivery_id, record_no) FROM staged_{activity.table}
        WHERE person_key IN (
            SELECT person_key FROM persons_on_hold WHERE category = '{activity.category}')))"""


def _started(activity: Activity, policy: Policy) -> str:
    return local_day(policy, activity.started) if activity.by_moment else activity.started


CONTRACT_END = "coalesce(ends_on, CASE WHEN status <> 'active' THEN first_stated_on END)"
"""SQL: the end of a contract, joined with `contract_endings`: without an end date, the day on which
it was first stated that it has ended.
"""
CONTRACT_ENDS = f"max({CONTRACT_END}) AS ends_on"
"""SQL: the last end of a group of contracts."""


def contract_endings(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `contract_endings`, of every version of each contract."""
    connection.execute(
        CONTRACT_ENDINGS.create_table(
            """WITH versions AS (
                SELECT contract_number, status, day,
                    max(day) FILTER (status = 'active')
                        OVER (PARTITION BY contract_number) AS last_active
                FROM staged_contracts)
            SELECT contract_number, min(day) AS first_stated_on
            FROM versions
            WHERE status <> 'active' AND coalesce(day >= last_active, true)
            GROUP BY contract_number"""
        )
    )


def party_ends(connection: duckdb.DuckDBPyConnection, current: str) -> None:
    """Make `contract_parties`, `contract_endings` and `party_ends`.

    The party of a contract is the customer's account: the key of the contact or customer number
    that the record names, whichever person of the household it is with.

    Args:
        connection: Has the views `staged_contracts` and `staged_identifiers`.
        current: A clause that restricts `staged_contracts` to the versions that count, or "".
    """
    connection.execute(
        CONTRACT_PARTIES.create_table(
            """WITH named AS (
                SELECT delivery_id, record_no, person_key(type, value) AS party, position
                FROM staged_identifiers SEMI JOIN staged_contracts USING (delivery_id, record_no)
                WHERE type IN ('contact_id', 'customer_number'))
            SELECT delivery_id, record_no, contract_number,
                coalesce(arg_min(named.party, named.position), any_value(staged.person_key))
                    AS party
            FROM staged_contracts AS staged
            LEFT JOIN named USING (delivery_id, record_no)
            GROUP BY ALL"""
        )
    )
    contract_endings(connection)
    connection.execute(
        PARTY_ENDS.create_table(
            f"""SELECT party, {CONTRACT_ENDS},
                bool_or(ends_on IS NULL AND status = 'active') AS open
            FROM staged_contracts
            JOIN contract_parties USING (delivery_id, record_no, contract_number)
            LEFT JOIN contract_endings USING (contract_number)
            {current}
            GROUP BY party"""
        )
    )


def following_accounts(
    connection: duckdb.DuckDBPyConnection,
    contracts: str = "registrant_contracts",
    described: str = "SELECT registrant_id FROM people JOIN membership USING (person_key)",
) -> None:
    """Make `following_accounts`.

    Args:
        connection: Has what `party_ends` makes, and `membership`.
        contracts: The table of contracts by registrant.
        described: A query of the registrants that are known by more than a number.
    """
    connection.execute(
        FOLLOWING_ACCOUNTS.create_table(
            f"""SELECT DISTINCT account.registrant_id
            FROM contract_parties
            JOIN membership AS account ON account.person_key = party
            JOIN {contracts} AS named USING (contract_number)
            WHERE named.registrant_id <> account.registrant_id
                AND account.registrant_id NOT IN ({described})
                AND account.registrant_id NOT IN (
                    SELECT registrant_id FROM {contracts} WHERE registrant_id IS NOT NULL)"""
        )
    )


def published_following_accounts(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection
) -> None:
    """Make `following_accounts` by the register as last built."""
    for model in (Contracts, Identifiers):
        create_staged_view(data_root, connection, model)
    party_ends(connection, "")
    described = (NameHistory, AddressHistory, ContactPointHistory)
    for table in (Membership, RegistrantContracts, *described):
        read_register(data_root, connection, table_name(table), table)
    names = " UNION ".join(f"SELECT registrant_id FROM {table_name(each)}" for each in described)
    following_accounts(connection, table_name(RegistrantContracts), names)


_FIRST_SEEN = """(SELECT visitor_id, min(started_at) AS started_at,
        coalesce(min(person_key) FILTER (person_key IN (
            SELECT person_key FROM persons_on_hold WHERE category = 'website_identifier')),
            person_key('visitor_id', visitor_id)) AS person_key
    FROM staged_visits WHERE visitor_id IS NOT NULL GROUP BY visitor_id)"""
_A_REPORT, _A_MARK = (
    "delivery_id || '/' || record_no",
    "delivery_id || '/' || record_no || '/' || position",
)


def clocked(policy: Policy, today: date) -> tuple[Clocked, ...]:
    """Return everything staged that ends by a clock of its own, with what is over on `today`."""

    def clock(
        what: str,
        category: str,
        applies_to: AppliesTo,
        rows: str,
        key: str,
        started: str,
        over: str,
        remaining: str = "",
    ) -> Clocked:
        rule = f"'{code(policy, applies_to)}'"
        ends = due(policy, applies_to, started)
        return Clocked(what, category, rule, rows, key, ends, over, remaining or rows)

    hold_ends, hold_rule = accounts_hold(policy, "ordered_at")
    reported, visited = local_day(policy, "stated_at"), local_day(policy, "started_at")
    return (
        Clocked(
            "order",
            "order",
            hold_rule,
            "staged_orders",
            "order_number",
            hold_ends,
            unless_on_hold(orders_are_over(policy, today), "order"),
            "registrant_orders",
        ),
        clock(
            "visit",
            "website",
            "visits",
            "staged_visits",
            "visit",
            visited,
            unless_on_hold(visits_are_over(policy, today), "website"),
            "consented_visits",
        ),
        clock(
            "cookie",
            "website_identifier",
            "cookies",
            _FIRST_SEEN,
            "visitor_id",
            visited,
            unless_on_hold(cookies_are_over(policy, today), "website_identifier"),
        ),
        clock(
            "credit_report",
            "credit",
            "credit_reports",
            "staged_credit_reports",
            _A_REPORT,
            reported,
            unless_on_hold(reports_are_over(policy, today), "credit"),
        ),
        clock(
            "credit_mark",
            "credit",
            "credit_marks",
            "staged_credit_marks",
            _A_MARK,
            mark_expiry(policy),
            unless_on_hold(marks_are_over(policy, today), "credit"),
        ),
        *(
            clock(
                activity.what,
                activity.category,
                activity.applies_to,
                activity.rows or f"staged_{activity.table}",
                activity.key,
                _started(activity, policy),
                _removable(activity, policy, today),
                "" if activity.rows else f"registrant_{activity.table}",
            )
            for activity in ACTIVITIES
        ),
    )
