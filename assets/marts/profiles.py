"""What is worked out about registrants (P4.4), as SQL over the register: each value with its rule, inputs and day.

Reads `admitted_analytics(registrant_id)`, whoever may be analysed, and of them whom a contract, an order or a visit
connects with us. A value is given only where enough registrants share it: those under the policy's floor are withheld,
and with them the next smallest, until what is withheld of an attribute is none or at least `HIDDEN_FLOORS` floors. Who
has no value counts as a group as well; a topic of interest is an attribute of its own, which one has or has not.
Needs the variables `today`, `time_zone` and `segment_floor`. See docs/decisions/profiles.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.columns import table_name
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
    AgeBands,
    Consumption,
    Engagement,
    InterestValues,
    Languages,
    Municipalities,
)

_TODAY = "getvariable('today')::DATE"
_SINCE = f"({_TODAY} - {{0}} + 1)"
_LOCAL_DAY = "timezone(getvariable('time_zone'), {0})::DATE"


def _class(number: str, limits: Mapping[int, str]) -> str:
    """The class that a number falls into; null below the lowest."""
    return "CASE " + " ".join(f"WHEN {number} >= {lowest} THEN '{name}'" for lowest, name in sorted(limits.items(), reverse=True)) + " END"


def _age(born: str) -> str:
    """Whole years on `today`; who was born on 29 February is a year older on 1 March of a common year."""
    before_birthday = f"month({_TODAY}) * 100 + day({_TODAY}) < month({born}) * 100 + day({born})"
    return f"year({_TODAY}) - year({born}) - CASE WHEN {before_birthday} THEN 1 ELSE 0 END"


_ANALYSED = """
    SELECT registrant_id, birth_date, birth_date_precision, language, municipality_code
    FROM registrants
    SEMI JOIN (SELECT registrant_id FROM contracts UNION ALL SELECT registrant_id FROM orders UNION ALL SELECT registrant_id FROM visits)
        AS connected USING (registrant_id)
    WHERE registrant_id IN (SELECT registrant_id FROM admitted_analytics)"""

# The first and the last day that the birth date may mean, by how exactly it is known.
_AGE_BANDS = f"""
    SELECT registrant_id, 'age_band' AS attribute, CASE WHEN {_class("oldest", AGE_BANDS)} = {_class("youngest", AGE_BANDS)}
            THEN {_class("youngest", AGE_BANDS)} END AS value,
        'PROFILE-AGE-BAND' AS rule, 'birth_date_precision=' || birth_date_precision AS inputs
    FROM (SELECT registrant_id, birth_date_precision, {_age("first_day")} AS oldest, {_age("last_day")} AS youngest
        FROM (SELECT registrant_id, birth_date_precision,
                CASE birth_date_precision WHEN 'day' THEN birth_date WHEN 'month' THEN make_date(year(birth_date), month(birth_date), 1)
                    WHEN 'year' THEN make_date(year(birth_date), 1, 1) END AS first_day,
                CASE birth_date_precision WHEN 'day' THEN birth_date WHEN 'month' THEN last_day(birth_date)
                    WHEN 'year' THEN make_date(year(birth_date), 12, 31) END AS last_day
            FROM analysed) AS born) AS aged"""

_LANGUAGES = """
    SELECT registrant_id, 'language' AS attribute, language AS value, 'PROFILE-LANGUAGE' AS rule, 'as registered' AS inputs FROM analysed"""

_MUNICIPALITIES = """
    SELECT registrant_id, 'municipality' AS attribute, municipality_code AS value, 'PROFILE-MUNICIPALITY' AS rule, 'as registered' AS inputs
    FROM analysed"""

_ENGAGED = " ".join(
    f"WHEN {' OR '.join(f'{what} >= {enough}' for what, enough in enough_of.items())} THEN '{name}'" for name, enough_of in ENGAGEMENT.items()
)
_ENGAGEMENT = f"""
    SELECT registrant_id, 'engagement' AS attribute, CASE {_ENGAGED} ELSE '{LAPSED}' END AS value, 'PROFILE-ENGAGEMENT' AS rule,
        'visits=' || visits || ' actions=' || actions || ' clicks=' || clicks || ' since=' || {_SINCE.format(ENGAGEMENT_DAYS)} AS inputs
    FROM (SELECT registrant_id, count(*) FILTER (recent) AS visits, coalesce(sum(actions) FILTER (recent), 0) AS actions,
            coalesce(sum(contents_clicked) FILTER (recent), 0) AS clicks
        FROM (SELECT registrant_id, actions, contents_clicked, day >= {_SINCE.format(ENGAGEMENT_DAYS)} AS recent
            FROM (SELECT registrant_id, actions, contents_clicked, {_LOCAL_DAY.format("started_at")} AS day FROM visits) AS dated
            WHERE day <= {_TODAY}) AS judged
        GROUP BY registrant_id) AS seen
    SEMI JOIN analysed USING (registrant_id)"""

_BOUGHT = f"""
    SELECT registrant_id, ordered_at, order_number, amount, currency, day
    FROM (SELECT registrant_id, ordered_at, order_number, status, amount, currency, {_LOCAL_DAY.format("ordered_at")} AS day FROM orders) AS dated
    SEMI JOIN analysed USING (registrant_id)
    WHERE status IN {COUNTED_ORDERS} AND day BETWEEN {_SINCE.format(CONSUMPTION_DAYS)} AND {_TODAY}"""

# A credit note is no order; it only takes off the amount.
_HABITS = f"""
    SELECT registrant_id, latest.currency AS currency, count(*) FILTER (amount > 0) AS orders, max(day) FILTER (amount > 0) AS last_on,
        sum(amount) FILTER (bought.currency = latest.currency) AS amount
    FROM ({_BOUGHT}) AS bought
    JOIN (SELECT registrant_id, arg_max(currency, (ordered_at, order_number)) AS currency FROM ({_BOUGHT}) AS bought WHERE amount > 0
        GROUP BY registrant_id) AS latest USING (registrant_id)
    GROUP BY registrant_id, latest.currency"""

_AMOUNT_CLASS = " ".join(f"WHEN '{currency}' THEN {_class('amount', limits)}" for currency, limits in AMOUNTS.items())
_CONSUMPTION = f"""
    SELECT registrant_id, 'recency' AS attribute, {_class(f"date_diff('day', last_on, {_TODAY})", RECENCY)} AS value, 'PROFILE-RECENCY' AS rule,
        'orders=' || orders || ' last=' || last_on || ' since=' || {_SINCE.format(CONSUMPTION_DAYS)} AS inputs
    FROM ({_HABITS}) AS habits
    UNION ALL
    SELECT registrant_id, 'frequency', {_class("orders", FREQUENCY)}, 'PROFILE-FREQUENCY',
        'orders=' || orders || ' since=' || {_SINCE.format(CONSUMPTION_DAYS)} FROM ({_HABITS}) AS habits
    UNION ALL
    SELECT registrant_id, 'amount', CASE currency {_AMOUNT_CLASS} END, 'PROFILE-AMOUNT',
        'amount=' || amount || ' currency=' || currency || ' orders=' || orders || ' since=' || {_SINCE.format(CONSUMPTION_DAYS)} FROM ({_HABITS}) AS habits"""

_INTERESTS = f"""
    SELECT registrant_id, 'interest' AS attribute, topic AS value, 'PROFILE-INTEREST' AS rule, 'times=' || times || ' last=' || last_seen_on AS inputs
    FROM interests SEMI JOIN analysed USING (registrant_id) WHERE times >= {INTEREST_TIMES}"""

_FAMILIES = {
    table_name(AgeBands): _AGE_BANDS,
    table_name(Languages): _LANGUAGES,
    table_name(Municipalities): _MUNICIPALITIES,
    table_name(Engagement): _ENGAGEMENT,
    table_name(Consumption): _CONSUMPTION,
    table_name(InterestValues): _INTERESTS,
}


def _judged(*families: str) -> str:
    """The tables `valued`, a row per registrant and value, and `judged(attribute, value, registrants, withheld)`, a row per value."""
    valued = " UNION ALL ".join(f"SELECT registrant_id, attribute, value, rule, inputs FROM ({family}) AS family WHERE value IS NOT NULL" for family in families)
    return f"""
    WITH analysed AS ({_ANALYSED}),
    valued AS ({valued}),
    shared AS (
        SELECT attribute, CASE WHEN attribute = 'interest' THEN value END AS topic, value, count(*) AS registrants FROM valued GROUP BY attribute, value),
    everyone AS (SELECT count(*) AS registrants FROM analysed),
    without AS (
        SELECT attribute, topic, NULL::VARCHAR AS value, max(everyone.registrants) - sum(shared.registrants) AS registrants
        FROM shared CROSS JOIN everyone GROUP BY attribute, topic),
    sized AS (SELECT attribute, topic, value, registrants FROM shared UNION ALL SELECT attribute, topic, value, registrants FROM without WHERE registrants > 0),
    ranked AS (
        SELECT attribute, value, registrants, min(registrants) OVER (PARTITION BY attribute, topic) AS least,
            coalesce(sum(registrants) OVER (PARTITION BY attribute, topic ORDER BY registrants, value NULLS FIRST
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS smaller
        FROM sized),
    judged AS (
        SELECT attribute, value, registrants,
            least < getvariable('segment_floor') AND (registrants < getvariable('segment_floor')
                OR smaller < {HIDDEN_FLOORS} * getvariable('segment_floor')) AS withheld
        FROM ranked WHERE value IS NOT NULL)"""


def queries(pseudonym: str) -> dict[str, str]:
    """Table -> query; `pseudonym` is the mart's keyed hash of a `registrant_id`, as SQL."""
    values = {
        table: f"""{_judged(family)}
        SELECT {pseudonym} AS pseudonym, attribute, value, rule, inputs, {_TODAY} AS as_of
        FROM valued SEMI JOIN (SELECT attribute, value FROM judged WHERE NOT withheld) AS published USING (attribute, value)"""
        for table, family in _FAMILIES.items()
    }
    every = _judged(*_FAMILIES.values())
    return {
        **values,
        "segments": f"{every} SELECT attribute, value, registrants, {_TODAY} AS as_of FROM judged WHERE NOT withheld",
        "segments_withheld": f"{every} SELECT attribute, count(*) AS segments, {_TODAY} AS as_of FROM judged WHERE withheld GROUP BY attribute",
    }
