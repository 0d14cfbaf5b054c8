"""Eligibility: who may be in which mart, by every rule of `schemas.eligibility` as one predicate.

Evaluated for all registrants at once. Reads the register's tables and makes `admission`, which the
marts choose their registrants by (`assets.marts.eligible`), and `register why` explains. Cost: one
scan of a row per registrant for each rule; nothing is evaluated per mart.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import duckdb

from assets.sources.all_sources import AUTHORITIES, is_authority, is_provider
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.eligibility import BOUNCED, FROM_LIST, REFUSED, RULES, STATUSES, concerned
from schemas.job_titles import titles_with_duties
from schemas.policy.model import Policy
from schemas.register import Eligibility, Registrants
from schemas.sources.consents import BANNERS
from schemas.staged import CHOICE_PURPOSES
from schemas.vocabulary import CHANNELS


class Predicate(NamedTuple):
    """A rule over `registrant_facts` or `choices_in_force`.

    Attributes:
        when: The condition; it can also use `target.purpose`, `target.channel` and
            `target.minimum_age`.
        source: The source of the signal.
        since: The day of the signal.
        over: The relation.
    """

    when: str
    source: str = "NULL"
    since: str = "NULL"
    over: str = "registrant_facts"


def _chosen(when: str) -> Predicate:
    """A rule over the choices in force."""
    return Predicate(when, "subject.source", "subject.made_on", "choices_in_force")


_CRM = "'crm'"
_AUTHORITY = repr(", ".join(AUTHORITIES))
_TODAY = "getvariable('today')::DATE"
_REFUSAL_CODE = f"""CASE
    WHEN reach.purpose NOT IN ('direct_marketing', 'targeted_advertising') THEN 'ADM-PROHIBITED'
    WHEN {is_authority("split_part(origin, ':', 1)")} OR starts_with(origin, 'consents:vtj')
        THEN 'ADM-REGISTER-PROHIBITION'
    WHEN {FROM_LIST} THEN 'ADM-PROHIBITION-LIST'
    WHEN {BOUNCED} THEN 'ADM-BOUNCE'
    WHEN starts_with(origin, 'crm:') THEN 'ADM-CRM-OPT-OUT'
    ELSE 'ADM-PROHIBITED' END"""
# A banner asks for cookies, whichever identifier the log has for the answer.
_OF_COOKIES = f"""subject_type IS NOT DISTINCT FROM 'visitor_id'
    OR regexp_matches(lower(origin), '^consents:.*({BANNERS})')"""
# An address that only a provider of contact information states is no relationship.
_RELATED = f"""customer_number IS NOT NULL
    OR (email IS NOT NULL AND {is_provider("email_source")} IS DISTINCT FROM true)
    OR (phone IS NOT NULL AND {is_provider("phone_source")} IS DISTINCT FROM true)
    OR party_since IS NOT NULL OR ordered_on IS NOT NULL"""
_NO_NAME = "coalesce(given_names, family_name, call_name) IS NULL"

_VISITED = """CASE target.purpose WHEN 'analytics' THEN visited_for_analytics
    WHEN 'products_and_services' THEN visited_for_products END"""

PREDICATES: dict[str, Predicate] = {
    "ADM-CONTRACT": Predicate("party_since IS NOT NULL", _CRM, "party_since"),
    "ADM-OPEN-CONTRACT": Predicate("running_since IS NOT NULL", _CRM, "running_since"),
    "ADM-RELATIONSHIP": Predicate(
        f"({_RELATED}) AND (target.purpose <> 'direct_marketing' OR company_name IS NULL)",
        _CRM,
        "coalesce(ordered_on, party_since, last_contact_on)",
    ),
    "ADM-VISITOR": Predicate(f"{_VISITED} IS NOT NULL", "'website'", _VISITED),
    "ADM-CONSENT": _chosen(
        "choice = 'granted' AND (purpose <> 'targeted_advertising' OR NOT of_cookies)"
    ),
    "ADM-SOFT-OPT-IN": Predicate(
        """company_name IS NULL AND coalesce(running_since, bought_on) IS NOT NULL
            AND CASE target.channel WHEN 'email' THEN email_source ELSE phone_source END = 'crm'""",
        _CRM,
        "coalesce(bought_on, running_since)",
    ),
    "ADM-COMPANY-ADDRESS": Predicate(f"company_name IS NOT NULL AND {_NO_NAME}", _CRM),
    "ADM-COMPANY-DUTIES": Predicate(
        f"company_name IS NOT NULL AND NOT ({_NO_NAME}) AND duties_fit",
        _CRM,
    ),
    "ADM-CREDIT-CONTRACT": Predicate("assessed AND running_since IS NOT NULL", "'credit_bureau'"),
    "ADM-CREDIT-SUBJECT": Predicate("assessed", "'credit_bureau'"),
    "ADM-CLAIM": Predicate(
        "coalesce(party_since, ordered_on) IS NOT NULL", _CRM, "coalesce(party_since, ordered_on)"
    ),
    "ADM-DECEASED": Predicate("deceased OR death_date IS NOT NULL", _AUTHORITY, "death_date"),
    "ADM-PROTECTED": Predicate("protected", _AUTHORITY),
    "ADM-RESTRICTED": _chosen("choice = 'restricted'"),
    "ADM-MINOR": Predicate(
        f"""target.minimum_age > 0
            AND born_by > ({_TODAY} - to_years(target.minimum_age))::DATE""",
        "birth_source",
    ),
    "ADM-AGE-UNKNOWN": Predicate("target.minimum_age > 0 AND born_by IS NULL AND NOT grown_up"),
    "ADM-OBJECTION": _chosen("choice = 'objected' AND NOT needed"),
    "ADM-WITHDRAWN": _chosen("choice = 'withdrawn' AND NOT needed"),
    "ADM-PROHIBITED": _chosen(
        """choice = 'prohibited' AND refusal = 'ADM-PROHIBITED'
            AND NOT of_register AND NOT needed"""
    ),
    **{
        code: _chosen(f"choice = 'prohibited' AND refusal = '{code}' AND NOT of_register")
        for code in (
            "ADM-REGISTER-PROHIBITION",
            "ADM-PROHIBITION-LIST",
            "ADM-CRM-OPT-OUT",
            "ADM-BOUNCE",
        )
    },
    "ADM-CONTACT-DISCLOSURE": _chosen(
        """choice = 'prohibited' AND about = 'contact_disclosure'
            AND (purpose <> 'direct_marketing' OR registered_address)"""
    ),
    "ADM-REGISTER-UPDATE": _chosen(
        """choice = 'prohibited' AND about = 'customer_register_update'
            AND registered_address"""
    ),
    "ADM-MOBILE-BY-PHONE": Predicate("NOT callable"),
    "ADM-REVIEW": _chosen("choice = 'review_requested'"),
    "ADM-UNREACHABLE": Predicate(
        "CASE target.channel WHEN 'email' THEN email WHEN 'post' THEN street ELSE phone END IS NULL"
    ),
}


_FACTS = {
    "party_since": "DATE",
    "running_since": "DATE",
    "ordered_on": "DATE",
    "bought_on": "DATE",
    "visited_for_analytics": "DATE",
    "visited_for_products": "DATE",
    "assessed": "BOOLEAN",
    "email_source": "VARCHAR",
    "phone_source": "VARCHAR",
    "address_source": "VARCHAR",
    "birth_source": "VARCHAR",
    "duties_fit": "BOOLEAN",
    "callable": "BOOLEAN",
    "grown_up": "BOOLEAN",
    "born_by": "DATE",
}
REGISTRANT_FACTS = Relation(
    name="registrant_facts",
    summary="The golden records, with what the rules ask of contracts, orders, visits and age.",
    columns={**duckdb_types(Registrants), **_FACTS},
    reads=(
        "registrants",
        "contracts",
        "orders",
        "visits",
        "credit_reports",
        "credit_marks",
        "provenance",
    ),
    scope=Scope.COMPONENT,
)
CHOICES_IN_FORCE = Relation(
    name="choices_in_force",
    summary="Every choice in force, under each purpose and channel that it concerns.",
    columns={
        "registrant_id": "VARCHAR",
        "purpose": "VARCHAR",
        "channel": "VARCHAR",
        "choice": "VARCHAR",
        "about": "VARCHAR",
        "origin": "VARCHAR",
        "source": "VARCHAR",
        "made_on": "DATE",
        "of_cookies": "BOOLEAN",
        "refusal": "VARCHAR",
        "of_register": "BOOLEAN",
        "needed": "BOOLEAN",
        "registered_address": "BOOLEAN",
    },
    reads=("choice_log", "registrant_facts"),
    scope=Scope.COMPONENT,
)
ELIGIBILITY = Relation.of(
    Eligibility,
    amended_from=("registrant_facts", "choices_in_force"),
    scope=Scope.COMPONENT,
)


READ = {*REGISTRANT_FACTS.reads, "choice_log"}
"""The tables of the register that the rules ask."""


def evaluate(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `admission` from the register's tables, which the connection has under their names."""
    connection.execute(f"SET VARIABLE today = DATE '{today}'")
    _registrant_facts(connection, policy)
    _choices_in_force(connection, policy)
    connection.execute(ELIGIBILITY.create_empty())
    for code, predicate in PREDICATES.items():
        targets = _targets(code, policy)
        if targets:
            connection.execute(f"INSERT INTO admission {_rows(code, predicate, targets)}")


def _targets(code: str, policy: Policy) -> list[tuple[str, str, int]]:
    """Return where the rule applies under this policy: purpose, channel, minimum age.

    A rule that makes eligible applies only where its basis is one of the purpose's.
    """
    rule = RULES[code]
    return [
        (purpose, channel, policy.purposes[purpose].minimum_age)
        for purpose, channels in rule.reach.items()
        if purpose in policy.purposes
        and (rule.basis is None or rule.basis in policy.purposes[purpose].bases)
        for channel in channels
    ]


def _rows(code: str, predicate: Predicate, targets: list[tuple[str, str, int]]) -> str:
    """SQL: the rows of `admission` of one rule, the latest signal of each purpose and channel."""
    rule = RULES[code]
    written = ", ".join(str(target) for target in targets)
    if predicate.over == "registrant_facts":
        joined, of = "registrant_facts AS subject CROSS JOIN target", "target"
    else:
        joined, of = "choices_in_force AS subject JOIN target USING (purpose, channel)", "subject"
    basis = f"'{rule.basis}'" if rule.basis else "NULL"
    return f"""
        WITH target(purpose, channel, minimum_age) AS (VALUES {written}),
        matched AS (
            SELECT subject.registrant_id, {of}.purpose AS purpose, {of}.channel AS channel,
                {predicate.source}::VARCHAR AS source, {predicate.since}::DATE AS since
            FROM {joined} WHERE {predicate.when})
        SELECT registrant_id, purpose, channel, '{rule.effect}', '{code}', {basis}, source, since
        FROM matched
        QUALIFY row_number() OVER (PARTITION BY registrant_id, purpose, channel
            ORDER BY since DESC NULLS LAST, source) = 1"""


def _no_everyday_act(policy: Policy) -> str:
    """SQL: whether an order is more than a minor may make alone (442/1999, 24 §).

    In a currency for which the policy has no limit, none is.
    """
    limits = " ".join(
        f"WHEN '{currency}' THEN amount > {limit}"
        for currency, limit in policy.minors.everyday_acts.items()
    )
    return f"CASE currency {limits} ELSE false END"


def _callable(policy: Policy) -> str:
    """SQL: whether anything may be marketed by telephone; mobile subscriptions may not."""
    return str(bool(policy.marketed_by("phone"))).lower()


def _registrant_facts(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `registrant_facts`.

    `born_by` is the last day on which they can have been born by any known date: a date of less
    precision, or a code that states another, makes nobody older. `bought_on` looks back as far as
    customers are kept.
    """
    period = policy.rule("customers")[1].period
    since = f"{_TODAY} - INTERVAL {period.count} {period.unit.upper()}"
    local = f"timezone('{policy.time_zone}', {{}})::DATE"
    connection.execute(
        REGISTRANT_FACTS.create_table(
            f"""WITH agreed AS (
                SELECT registrant_id, min(starts_on) AS party_since,
                    bool_or(status <> 'cancelled') AS agreed,
                    min(starts_on) FILTER (status = 'active' AND starts_on <= {_TODAY}
                        AND coalesce(ends_on >= {_TODAY}, true)) AS running_since
                FROM contracts WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
            bought AS (
                SELECT registrant_id, max(day) AS ordered_on,
                    bool_or(status <> 'cancelled' AND {_no_everyday_act(policy)}) AS ordered,
                    max(day) FILTER (status IN ('placed', 'delivered')
                        AND day <= {_TODAY} AND day > {since}) AS bought_on
                FROM (SELECT *, {local.format("ordered_at")} AS day FROM orders)
                WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
            seen AS (
                SELECT registrant_id,
                    max({local.format("started_at")}) FILTER (
                        list_contains(consented, 'analytics')
                            OR list_contains(consented, 'profiling')
                    ) AS visited_for_analytics,
                    max({local.format("started_at")}) FILTER (
                        list_contains(consented, 'products_and_services')
                    ) AS visited_for_products
                FROM visits WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
            judged AS (
                SELECT registrant_id FROM (
                    SELECT registrant_id FROM credit_reports
                    UNION SELECT registrant_id FROM credit_marks)
                WHERE registrant_id IS NOT NULL),
            attributed AS (
                SELECT registrant_id,
                    any_value(source) FILTER (attribute = 'email') AS email_source,
                    any_value(source) FILTER (attribute = 'phone') AS phone_source,
                    any_value(source) FILTER (attribute = 'address') AS address_source,
                    any_value(source) FILTER (attribute = 'birth_date') AS birth_source
                FROM provenance GROUP BY registrant_id)
            SELECT registrants.*, party_since, running_since, ordered_on, bought_on,
                visited_for_analytics, visited_for_products,
                judged.registrant_id IS NOT NULL AS assessed,
                email_source, phone_source, address_source, birth_source,
                {titles_with_duties("job_title", policy.purposes["direct_marketing"].duties)}
                    AS duties_fit,
                {_callable(policy)} AS callable,
                coalesce(agreed, false) OR coalesce(ordered, false)
                    OR company_name IS NOT NULL AS grown_up,
                greatest(
                    identity_code_birth_date(identity_code),
                    CASE birth_date_precision
                        WHEN 'unknown' THEN NULL
                        WHEN 'year' THEN make_date(year(birth_date), 12, 31)
                        WHEN 'month' THEN last_day(birth_date)
                        ELSE birth_date END)::DATE AS born_by
            FROM registrants
            LEFT JOIN agreed USING (registrant_id)
            LEFT JOIN bought USING (registrant_id)
            LEFT JOIN seen USING (registrant_id)
            LEFT JOIN judged USING (registrant_id)
            LEFT JOIN attributed USING (registrant_id)"""
        )
    )


def _choices_in_force(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `choices_in_force`.

    `needed`: what a contract in force needs goes on whatever the registrant refuses
    (GDPR 6(1)(b), 21(1)).
    """
    # As one text: a list of so many values takes longer to plan than the rest of the statement.
    reach = ";".join(
        f"{about}|{by}|{choice}|{purpose}|{channel}"
        for about in CHOICE_PURPOSES
        for by in CHANNELS
        for choice in STATUSES
        for purpose, channels in concerned(about, by, choice).items()
        for channel in channels
    )
    connection.execute(
        CHOICES_IN_FORCE.create_table(
            f"""WITH reach AS (
                SELECT cell[1] AS about, cell[2] AS by_channel, cell[3] AS choice,
                    cell[4] AS purpose, cell[5] AS channel
                FROM (SELECT string_split(unnest(string_split('{reach}', ';')), '|') AS cell))
            SELECT log.registrant_id, reach.purpose, reach.channel, log.choice, about,
                log.origin, log.source,
                timezone('{policy.time_zone}', said_at)::DATE AS made_on,
                {_OF_COOKIES} AS of_cookies,
                {_REFUSAL_CODE} AS refusal,
                about IN ('contact_disclosure', 'customer_register_update') AS of_register,
                log.choice IN {REFUSED}
                    AND reach.purpose IN ('customer_care', 'credit_decision')
                    AND facts.running_since IS NOT NULL AS needed,
                coalesce({is_authority("address_source")}, false) AS registered_address
            FROM choice_log AS log
            JOIN reach ON log.purpose = about AND log.channel = by_channel
                AND log.choice = reach.choice
            JOIN registrant_facts AS facts ON facts.registrant_id = log.registrant_id
            WHERE log.holds"""
        )
    )
