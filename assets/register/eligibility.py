"""Who may be in which mart: every rule of `schemas.eligibility` as one predicate, evaluated for all registrants at once.

Reads the register's tables and makes `admission`; the marts take from it whom they admit (`assets.marts.eligible`), and
`register why` reads it out. Cost: one scan of a row per registrant for each rule; nothing is evaluated per mart.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

import duckdb

from schemas.eligibility import LIST_ORIGIN, REFUSED, RULES, STATUSES, concerned
from schemas.policy import Policy
from schemas.staged import CHOICE_PURPOSES
from schemas.vocabulary import CHANNELS


class Predicate(NamedTuple):
    """A rule over `people` (a row per registrant) or `heard` (a row per word that concerns a purpose and channel).

    `when` may also speak of `target.purpose`, `target.channel` and `target.minimum_age`; `source` and `since` say whose
    signal it is and of which day.
    """

    when: str
    source: str = "NULL"
    since: str = "NULL"
    over: str = "people"


def _said(when: str) -> Predicate:
    return Predicate(when, "one.source", "one.said_on", "heard")


_CRM = "'crm'"
_REFUSAL_CODE = f"""CASE WHEN reach.purpose NOT IN ('direct_marketing', 'targeted_advertising') THEN 'ADM-PROHIBITED'
    WHEN starts_with(origin, 'population_register:') OR starts_with(origin, 'consents:vtj') THEN 'ADM-REGISTER-PROHIBITION'
    WHEN starts_with(origin, '{LIST_ORIGIN}') THEN 'ADM-PROHIBITION-LIST'
    WHEN origin = 'crm:global_bounce' THEN 'ADM-BOUNCE' WHEN starts_with(origin, 'crm:') THEN 'ADM-CRM-OPT-OUT' ELSE 'ADM-PROHIBITED' END"""
_RELATED = "coalesce(customer_number, email, phone) IS NOT NULL OR party_since IS NOT NULL OR ordered_on IS NOT NULL"

PREDICATES: dict[str, Predicate] = {
    "ADM-CONTRACT": Predicate("party_since IS NOT NULL", _CRM, "party_since"),
    "ADM-OPEN-CONTRACT": Predicate("running_since IS NOT NULL", _CRM, "running_since"),
    "ADM-RELATIONSHIP": Predicate(
        f"({_RELATED}) AND (target.purpose <> 'direct_marketing' OR company_name IS NULL)",
        _CRM,
        "coalesce(ordered_on, party_since, last_contact_on)",
    ),
    "ADM-VISITOR": Predicate("visited_on IS NOT NULL", "'website'", "visited_on"),
    "ADM-CONSENT": _said("choice = 'granted'"),
    "ADM-SOFT-OPT-IN": Predicate(
        """company_name IS NULL AND coalesce(running_since, bought_on) IS NOT NULL
            AND CASE target.channel WHEN 'email' THEN email_source ELSE phone_source END = 'crm'""",
        _CRM,
        "coalesce(bought_on, running_since)",
    ),
    "ADM-COMPANY-ADDRESS": Predicate(
        "company_name IS NOT NULL AND coalesce(given_names, family_name, call_name) IS NULL", _CRM
    ),
    "ADM-COMPANY-DUTIES": Predicate(
        "company_name IS NOT NULL AND coalesce(given_names, family_name, call_name) IS NOT NULL AND duties_fit",
        _CRM,
    ),
    "ADM-CREDIT-CONTRACT": Predicate("assessed AND running_since IS NOT NULL", "'credit_bureau'"),
    "ADM-CREDIT-SUBJECT": Predicate("assessed", "'credit_bureau'"),
    "ADM-CLAIM": Predicate(
        "coalesce(party_since, ordered_on) IS NOT NULL", _CRM, "coalesce(party_since, ordered_on)"
    ),
    "ADM-DECEASED": Predicate(
        "deceased OR death_date IS NOT NULL", "'population_register'", "death_date"
    ),
    "ADM-PROTECTED": Predicate("protected", "'population_register'"),
    "ADM-RESTRICTED": _said("choice = 'restricted'"),
    "ADM-MINOR": Predicate(
        "target.minimum_age > 0 AND born_by > (getvariable('today')::DATE - to_years(target.minimum_age))::DATE",
        "birth_source",
    ),
    "ADM-AGE-UNKNOWN": Predicate(
        """target.minimum_age > 0 AND born_by IS NULL AND NOT grown_up AND NOT EXISTS (
            FROM heard WHERE heard.registrant_id = one.registrant_id AND heard.purpose = target.purpose AND choice = 'granted' AND NOT by_cookie)"""
    ),
    "ADM-OBJECTION": _said("choice = 'objected' AND NOT needed"),
    "ADM-WITHDRAWN": _said("choice = 'withdrawn' AND NOT needed"),
    "ADM-PROHIBITED": _said(
        "choice = 'prohibited' AND refusal = 'ADM-PROHIBITED' AND NOT of_register AND NOT needed"
    ),
    **{
        code: _said(f"choice = 'prohibited' AND refusal = '{code}' AND NOT of_register")
        for code in (
            "ADM-REGISTER-PROHIBITION",
            "ADM-PROHIBITION-LIST",
            "ADM-CRM-OPT-OUT",
            "ADM-BOUNCE",
        )
    },
    "ADM-CONTACT-DISCLOSURE": _said(
        "choice = 'prohibited' AND about = 'contact_disclosure' AND (purpose <> 'direct_marketing' OR registered_address)"
    ),
    "ADM-REGISTER-UPDATE": _said(
        "choice = 'prohibited' AND about = 'customer_register_update' AND registered_address"
    ),
    "ADM-REVIEW": _said("choice = 'review_requested'"),
    "ADM-UNREACHABLE": Predicate(
        "CASE target.channel WHEN 'email' THEN email WHEN 'post' THEN street ELSE phone END IS NULL"
    ),
}


def evaluate(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make the table `admission` from the register's tables, which the connection has under their names."""
    connection.execute(f"SET VARIABLE today = DATE '{today}'")
    _people(connection, policy)
    _heard(connection, policy)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE admission (registrant_id VARCHAR, purpose VARCHAR, channel VARCHAR, effect VARCHAR, code VARCHAR,
        basis VARCHAR, source VARCHAR, since DATE)"""
    )
    for code, predicate in PREDICATES.items():
        targets = _targets(code, policy)
        if targets:
            connection.execute(f"INSERT INTO admission {_rows(code, predicate, targets)}")


def _targets(code: str, policy: Policy) -> list[tuple[str, str, int]]:
    """Where the rule applies under this policy: a rule that lets in only where its basis is one of the purpose's."""
    rule = RULES[code]
    return [
        (purpose, channel, policy.purposes[purpose].minimum_age)
        for purpose, reached in rule.reach.items()
        if purpose in policy.purposes
        and (rule.basis is None or rule.basis in policy.purposes[purpose].bases)
        for channel in reached
    ]


def _rows(code: str, predicate: Predicate, targets: list[tuple[str, str, int]]) -> str:
    rule = RULES[code]
    written = ", ".join(str(target) for target in targets)
    joined = (
        "people AS one CROSS JOIN target"
        if predicate.over == "people"
        else "heard AS one JOIN target USING (purpose, channel)"
    )
    purpose, channel = (
        ("target.purpose", "target.channel")
        if predicate.over == "people"
        else ("one.purpose", "one.channel")
    )
    basis = f"'{rule.basis}'" if rule.basis else "NULL"
    return f"""
        WITH target(purpose, channel, minimum_age) AS (VALUES {written}),
        found AS (
            SELECT one.registrant_id, {purpose} AS purpose, {channel} AS channel, {predicate.source}::VARCHAR AS source, {predicate.since}::DATE AS since
            FROM {joined} WHERE {predicate.when})
        SELECT registrant_id, purpose, channel, '{rule.effect}', '{code}', {basis}, source, since FROM found
        QUALIFY row_number() OVER (PARTITION BY registrant_id, purpose, channel ORDER BY since DESC NULLS LAST, source) = 1"""


def _people(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """`people`: the golden rows, with what the rules ask of each registrant's contracts, orders, visits and age.

    `born_by` is the last day on which they can have been born by any known date: a date of less precision, or a code that
    says otherwise, makes nobody older. `bought_on` looks back as far as customers are kept.
    """
    _, customers = policy.rule("customers")
    today = "getvariable('today')::DATE"
    duties = "|".join(
        re.escape(word.lower()).replace("'", "''")
        for word in policy.purposes["direct_marketing"].duties
    )
    fits = (
        f"coalesce(regexp_matches(lower(job_title), '(^|[^\\pL])({duties})'), false)"
        if duties
        else "false"
    )
    since = f"getvariable('today')::DATE - INTERVAL {customers.period.count} {customers.period.unit.upper()}"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE people AS
        WITH agreed AS (
            SELECT registrant_id, min(starts_on) AS party_since, bool_or(status <> 'cancelled') AS agreed,
                min(starts_on) FILTER (status = 'active' AND starts_on <= {today} AND coalesce(ends_on >= {today}, true)) AS running_since
            FROM contracts WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
        bought AS (
            SELECT registrant_id, max(day) AS ordered_on, bool_or(status <> 'cancelled') AS ordered,
                max(day) FILTER (status IN ('placed', 'delivered') AND day <= {today} AND day > {since}) AS bought_on
            FROM (SELECT *, timezone('{policy.time_zone}', ordered_at)::DATE AS day FROM orders) WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
        seen AS (SELECT registrant_id, max(timezone('{policy.time_zone}', started_at)::DATE) AS visited_on
            FROM visits WHERE registrant_id IS NOT NULL GROUP BY registrant_id),
        judged AS (FROM (FROM credit_reports SELECT registrant_id UNION FROM credit_marks SELECT registrant_id) WHERE registrant_id IS NOT NULL),
        told AS (SELECT registrant_id, any_value(source) FILTER (attribute = 'email') AS email_source,
                any_value(source) FILTER (attribute = 'phone') AS phone_source, any_value(source) FILTER (attribute = 'address') AS address_source,
                any_value(source) FILTER (attribute = 'birth_date') AS birth_source
            FROM provenance GROUP BY registrant_id)
        SELECT registrants.*, party_since, running_since, ordered_on, bought_on, visited_on, judged.registrant_id IS NOT NULL AS assessed,
            email_source, phone_source, address_source, birth_source, {fits} AS duties_fit,
            coalesce(agreed, false) OR coalesce(ordered, false) OR company_name IS NOT NULL AS grown_up,
            greatest(identity_code_birth_date(identity_code), CASE birth_date_precision WHEN 'unknown' THEN NULL
                WHEN 'year' THEN make_date(year(birth_date), 12, 31) WHEN 'month' THEN last_day(birth_date) ELSE birth_date END)::DATE AS born_by
        FROM registrants LEFT JOIN agreed USING (registrant_id) LEFT JOIN bought USING (registrant_id) LEFT JOIN seen USING (registrant_id)
            LEFT JOIN judged USING (registrant_id) LEFT JOIN told USING (registrant_id)"""
    )


def _heard(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """`heard`: every word that holds, under each purpose and channel that it concerns."""
    reach = [
        (about, by, choice, purpose, channel)
        for about in CHOICE_PURPOSES
        for by in CHANNELS
        for choice in STATUSES
        for purpose, reached in concerned(about, by, choice).items()
        for channel in reached
    ]
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE heard AS
        WITH reach(about, said_channel, choice, purpose, channel) AS (VALUES {", ".join(str(one) for one in reach)})
        SELECT log.registrant_id, reach.purpose, reach.channel, log.choice, about, log.origin, log.source,
            timezone('{policy.time_zone}', said_at)::DATE AS said_on, subject_type IS NOT DISTINCT FROM 'visitor_id' AS by_cookie,
            {_REFUSAL_CODE} AS refusal, about IN ('contact_disclosure', 'customer_register_update') AS of_register,
            -- What a contract in force needs goes on whatever the registrant refuses (GDPR 6(1)(b), 21(1)).
            log.choice IN {REFUSED} AND reach.purpose IN ('customer_care', 'credit_decision') AND one.running_since IS NOT NULL AS needed,
            coalesce(address_source = 'population_register', false) AS registered_address
        FROM choice_log AS log JOIN reach ON log.purpose = about AND log.channel = said_channel AND log.choice = reach.choice
        JOIN people AS one ON one.registrant_id = log.registrant_id
        WHERE log.holds"""
    )
