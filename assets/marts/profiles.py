"""Profiles of registrants (P4.4), as SQL: each value with its rule, inputs and day.

Reads `eligible_analytics(registrant_id)`, restricted to registrants with a contract, an order or a
visit. A value is published only if enough registrants share it: those under the policy's floor are
withheld. So that these cannot be inferred by subtraction, the next smallest are withheld with them
until they have `HIDDEN_FLOORS` floors of registrants in total (of equal sizes, all); the same if
fewer than the floor have no value. A topic of interest is an attribute of its own here, present or
absent. Needs the variables `today`, `time_zone` and `segment_floor`.
See docs/decisions/profiles.md.
"""

from __future__ import annotations

import duckdb

from assets.marts.coarsening import classes, coarsened
from assets.storage.queries import count
from schemas.columns import arrow_schema, table_name
from schemas.policy.model import Policy
from schemas.profiles import (
    AGE_BANDS,
    AMOUNTS,
    CONSUMPTION_DAYS,
    COUNTED_ORDERS,
    ENGAGEMENT,
    ENGAGEMENT_DAYS,
    FREQUENCY,
    HIDDEN_FLOORS,
    INTEREST_TIMES,
    LAPSED,
    RECENCY,
    VALUES,
    AgeBands,
    Combinations,
    Consumption,
    Engagement,
    InterestValues,
    Languages,
    Municipalities,
)

_TODAY = "getvariable('today')::DATE"
_FLOOR = "getvariable('segment_floor')"
_SINCE = f"({_TODAY} - {{0}} + 1)"
_LOCAL_DAY = "timezone(getvariable('time_zone'), {0})::DATE"


def _age(born: str) -> str:
    """Return whole years on `today`; born on 29 February, one ages on 1 March of a common year."""
    before_birthday = f"month({_TODAY}) * 100 + day({_TODAY}) < month({born}) * 100 + day({born})"
    return f"year({_TODAY}) - year({born}) - CASE WHEN {before_birthday} THEN 1 ELSE 0 END"


_ANALYSED = """
    SELECT registrant_id, birth_date, birth_date_precision, language, municipality_code
    FROM registrants
    SEMI JOIN (
        SELECT registrant_id FROM contracts
        UNION ALL SELECT registrant_id FROM orders
        UNION ALL SELECT registrant_id FROM visits WHERE len(consented) > 0
    ) AS connected USING (registrant_id)
    WHERE registrant_id IN (SELECT registrant_id FROM eligible_analytics)"""

# The first and the last day that the birth date may mean, by how exactly it is known.
_AGE_BANDS = f"""
    SELECT
        registrant_id,
        'age_band' AS attribute,
        CASE
            WHEN {classes("oldest", AGE_BANDS)} = {classes("youngest", AGE_BANDS)}
            THEN {classes("youngest", AGE_BANDS)}
        END AS value,
        'PROFILE-AGE-BAND' AS rule,
        'birth date' AS inputs
    FROM (
        SELECT
            registrant_id,
            {_age("first_day")} AS oldest,
            {_age("last_day")} AS youngest
        FROM (
            SELECT
                registrant_id,
                CASE birth_date_precision
                    WHEN 'day' THEN birth_date
                    WHEN 'month' THEN make_date(year(birth_date), month(birth_date), 1)
                    WHEN 'year' THEN make_date(year(birth_date), 1, 1)
                END AS first_day,
                CASE birth_date_precision
                    WHEN 'day' THEN birth_date
                    WHEN 'month' THEN last_day(birth_date)
                    WHEN 'year' THEN make_date(year(birth_date), 12, 31)
                END AS last_day
            FROM analysed
        ) AS born
    ) AS aged"""

_LANGUAGES = """
    SELECT
        registrant_id,
        'language' AS attribute,
        language AS value,
        'PROFILE-LANGUAGE' AS rule,
        'as registered' AS inputs
    FROM analysed"""

_MUNICIPALITIES = """
    SELECT
        registrant_id,
        'municipality' AS attribute,
        municipality_code AS value,
        'PROFILE-MUNICIPALITY' AS rule,
        'as registered' AS inputs
    FROM analysed"""

_ENGAGED = " ".join(
    f"WHEN {' OR '.join(f'{what} >= {enough}' for what, enough in enough_of.items())} THEN '{name}'"
    for name, enough_of in ENGAGEMENT.items()
)
_ENGAGEMENT = f"""
    SELECT
        registrant_id,
        'engagement' AS attribute,
        CASE {_ENGAGED} ELSE '{LAPSED}' END AS value,
        'PROFILE-ENGAGEMENT' AS rule,
        'visits, actions and clicks since ' || {_SINCE.format(ENGAGEMENT_DAYS)} AS inputs
    FROM (
        SELECT
            registrant_id,
            count(*) FILTER (recent) AS visits,
            coalesce(sum(actions) FILTER (recent), 0) AS actions,
            coalesce(sum(contents_clicked) FILTER (recent), 0) AS clicks
        FROM (
            SELECT
                registrant_id,
                actions,
                contents_clicked,
                day >= {_SINCE.format(ENGAGEMENT_DAYS)} AS recent
            FROM (
                SELECT
                    registrant_id,
                    actions,
                    contents_clicked,
                    {_LOCAL_DAY.format("started_at")} AS day
                FROM visits
                WHERE list_contains(consented, 'profiling')
            ) AS dated
            WHERE day <= {_TODAY}
        ) AS judged
        GROUP BY registrant_id
    ) AS seen
    SEMI JOIN analysed USING (registrant_id)"""

# A credit note is no order; it only reduces the amount, which is in the latest currency alone.
_PURCHASES = f"""
    SELECT
        registrant_id,
        any_value(latest_currency) AS currency,
        count(*) FILTER (amount > 0) AS orders,
        max(day) FILTER (amount > 0) AS last_on,
        sum(amount) FILTER (currency = latest_currency) AS amount
    FROM (
        SELECT
            registrant_id,
            amount,
            currency,
            day,
            first_value(currency) OVER (
                PARTITION BY registrant_id
                ORDER BY amount > 0 DESC, ordered_at DESC, order_number DESC
            ) AS latest_currency
        FROM (
            SELECT
                registrant_id,
                order_number,
                ordered_at,
                status,
                amount,
                currency,
                {_LOCAL_DAY.format("ordered_at")} AS day
            FROM orders
        ) AS dated
        SEMI JOIN analysed USING (registrant_id)
        WHERE status IN {COUNTED_ORDERS}
            AND day BETWEEN {_SINCE.format(CONSUMPTION_DAYS)} AND {_TODAY}
    ) AS bought
    GROUP BY registrant_id
    HAVING count(*) FILTER (amount > 0) > 0"""

_AMOUNT_CLASS = " ".join(
    f"WHEN '{currency}' THEN {classes('amount', limits)}" for currency, limits in AMOUNTS.items()
)
_CONSUMPTION = f"""
    WITH purchases AS ({_PURCHASES})
    SELECT
        registrant_id,
        'recency' AS attribute,
        {classes(f"date_diff('day', last_on, {_TODAY})", RECENCY)} AS value,
        'PROFILE-RECENCY' AS rule,
        'orders since ' || {_SINCE.format(CONSUMPTION_DAYS)} AS inputs
    FROM purchases
    UNION ALL
    SELECT
        registrant_id,
        'frequency',
        {classes("orders", FREQUENCY)},
        'PROFILE-FREQUENCY',
        'orders since ' || {_SINCE.format(CONSUMPTION_DAYS)}
    FROM purchases
    UNION ALL
    SELECT
        registrant_id,
        'amount',
        CASE currency {_AMOUNT_CLASS} END,
        'PROFILE-AMOUNT',
        'orders since ' || {_SINCE.format(CONSUMPTION_DAYS)}
    FROM purchases"""

_INTERESTS = f"""
    SELECT
        registrant_id,
        'interest' AS attribute,
        topic AS value,
        'PROFILE-INTEREST' AS rule,
        'visits that are kept' AS inputs
    FROM interests
    SEMI JOIN analysed USING (registrant_id)
    WHERE times >= {INTEREST_TIMES}"""

# What a pseudonym is for: a registrant can have several topics of interest, one value of the rest.
ATTRIBUTES = tuple(arrow_schema(Combinations).names)
SUBJECT = "CASE WHEN attribute = 'interest' THEN 'interest:' || value ELSE attribute END"

_FAMILIES = {
    table_name(AgeBands): _AGE_BANDS,
    table_name(Languages): _LANGUAGES,
    table_name(Municipalities): _MUNICIPALITIES,
    table_name(Engagement): _ENGAGEMENT,
    table_name(Consumption): _CONSUMPTION,
    table_name(InterestValues): _INTERESTS,
}


def _judged(*families: str) -> str:
    """Return the CTEs `valued`, a row per registrant and value, and `judged`, a row per value.

    `judged` has attribute, value, registrants and withheld.
    """
    valued = " UNION ALL ".join(
        f"""
        SELECT registrant_id, attribute, value, rule, inputs
        FROM ({family}) AS family
        WHERE value IS NOT NULL"""
        for family in families
    )
    return f"""
    WITH analysed AS ({_ANALYSED}),
    valued AS ({valued}),
    shared AS (
        SELECT
            attribute,
            CASE WHEN attribute = 'interest' THEN value END AS topic,
            value,
            count(*) AS registrants
        FROM valued
        GROUP BY attribute, value
    ),
    ranked AS (
        SELECT
            attribute,
            value,
            shared.registrants AS registrants,
            min(shared.registrants) OVER every AS least,
            everyone.registrants - sum(shared.registrants) OVER every AS without,
            coalesce(
                sum(shared.registrants) OVER (
                    PARTITION BY attribute, topic
                    ORDER BY shared.registrants
                    RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                0
            ) AS smaller
        FROM shared
        CROSS JOIN (SELECT count(*) AS registrants FROM analysed) AS everyone
        WINDOW every AS (PARTITION BY attribute, topic)
    ),
    judged AS (
        SELECT
            attribute,
            value,
            registrants,
            registrants < {_FLOOR}
                OR (
                    (least < {_FLOOR} OR (without > 0 AND without < {_FLOOR}))
                    AND smaller < {HIDDEN_FLOORS} * {_FLOOR}
                ) AS withheld
        FROM ranked
    )"""


def queries(pseudonym: str) -> dict[str, str]:
    """Return table -> query.

    Args:
        pseudonym: The mart's keyed hash of `registrant_id` and `subject`, as SQL.
    """
    values = {
        table: f"""{_judged(family)}
        SELECT {pseudonym} AS pseudonym, attribute, value, rule, inputs, {_TODAY} AS as_of
        FROM (
            SELECT registrant_id, attribute, value, rule, inputs, {SUBJECT} AS subject
            FROM valued
        ) AS each_value
        SEMI JOIN (SELECT attribute, value FROM judged WHERE NOT withheld) AS published
            USING (attribute, value)"""
        for table, family in _FAMILIES.items()
    }
    segments = f"""{_EVERY}
        SELECT attribute, value, registrants, {_TODAY} AS as_of
        FROM judged
        WHERE NOT withheld"""
    return {**values, "combinations": _COMBINED, "segments": segments}


def subjects(policy: Policy) -> list[str]:
    """Return all that a registrant can have one value of: the attributes, and each topic."""
    return [*ATTRIBUTES, *(f"interest:{topic}" for topic in policy.profiles.interests)]


_EVERY = _judged(*_FAMILIES.values())
_PER_REGISTRANT = f"""{_EVERY},
    published AS (
        SELECT registrant_id, attribute, value
        FROM valued
        SEMI JOIN (SELECT attribute, value FROM judged WHERE NOT withheld) AS shown
            USING (attribute, value)
    )
    SELECT
        analysed.registrant_id AS registrant_id,
        {
    ", ".join(
        f"max(value) FILTER (attribute = '{name}') AS {name}"
        for name in arrow_schema(Combinations).names
    )
}
    FROM analysed
    LEFT JOIN published ON published.registrant_id = analysed.registrant_id
    GROUP BY analysed.registrant_id"""
_COMBINED = coarsened(_PER_REGISTRANT, tuple(arrow_schema(Combinations).names))
# Only their number: which ones, or how many of an attribute, would help to infer their sizes.
WITHHELD = f"{_EVERY} SELECT count(*) FROM judged WHERE withheld"


def under_floor(connection: duckdb.DuckDBPyConnection, floor: int) -> int:
    """Count the mart's values with fewer registrants than `floor`; it is published only at 0."""
    every = " UNION ALL ".join(
        f"SELECT pseudonym, attribute, value FROM {table_name(model)}" for model in VALUES
    )
    return count(
        connection,
        f"""SELECT count(*) FROM (
            SELECT count(DISTINCT pseudonym) AS registrants
            FROM ({every})
            GROUP BY attribute, value
            UNION ALL
            SELECT registrants FROM segments
        )
        WHERE registrants < {floor}""",
    )
