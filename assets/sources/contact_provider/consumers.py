"""Consumers as a provider of contact information answers about them, one a line.

Source: docs/vendor-formats.md, "Contact providers". An answer is the person or has it as `person`;
a callback also names our customer number, and when the provider saw the change. A newer answer
about a person replaces the older one as a whole; after the event `deleted` the provider says
nothing more of them. `directMarketingRestriction` is what the population register or the trade's
own register refuses: direct marketing on every channel. Anything but a clear no is one. `deceased:
false` says nothing: the population register takes a death back, no provider does. Sex is cut out.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonLines
from assets.sources.source import Dataset, Frame
from schemas.sources.contact_provider import ConsumerRecord
from schemas.staged import Addresses, ContactPoints, Identifiers, MarketingChoices, Names, Persons

_PERSON: dict[str, object] = {
    **dict.fromkeys(
        (
            "gedi", "legalId", "preferredFirstName", "familyName", "dateOfBirth", "yearOfBirth",
            "deceased", "dateOfDeath", "privateIdentity", "directMarketingRestriction",
            "communicationLanguageScript",
        ),
        "VARCHAR",
    ),
    "firstNames": ["VARCHAR"],
    "phoneList": [{"number": "VARCHAR"}],
    "addressList": [
        dict.fromkeys(
            (
                "type", "streetName", "streetNumber", "entrance", "apartment", "postalCode", "city",
                "country",
            ),
            "VARCHAR",
        )
    ],
}  # fmt: skip
_ANSWER: dict[str, object] = {
    **_PERSON,
    **dict.fromkeys(("customerNumber", "event", "updatedAt"), "VARCHAR"),
    "person": _PERSON,
}
_LISTS = {"firstNames": "VARCHAR", "phoneList": "OBJECT", "addressList": "OBJECT"}

_SEX = r'"gender"\s*:\s*("(?:[^"\\]|\\.)*"|null)'
_MINIMISE = f"""regexp_replace(payload, '{_SEX}', '"gender":null', 'g')"""
_WITHOUT_LOCATION = (
    "json_merge_patch(payload, '"
    + json.dumps({"addressList": None, "person": {"addressList": None}})
    + "')::VARCHAR"
)


def _read(table: str) -> str:
    """SQL: the records of the table, with the person, wherever they stand in the answer, as
    `row`."""
    return f"""
    SELECT * EXCLUDE (answer),
        CASE WHEN coalesce(json_type(payload, '$.person') = 'OBJECT', false) THEN answer.person
            ELSE struct_pack({", ".join(f'"{name}" := answer."{name}"' for name in _PERSON)})
            END AS row,
        coalesce(json_type(payload, '$.person') = 'OBJECT', false) AS nested,
        customer_number_canonical(answer.customerNumber) AS customer_number,
        answer.event AS event, answer.updatedAt AS updated_at
    FROM (SELECT *, from_json(payload, '{json.dumps(_ANSWER)}') AS answer FROM {table})"""


# The provider's own number of the person.
_GEDI = "CASE WHEN upper(trim(row.gedi)) <> 'UNKNOWN' THEN 'gedi-' || opaque_id(row.gedi) END"
_CODE = "identity_code_canonical(stated_text(row.legalId))"

_IDENTIFY = f"""
    WITH read AS ({_read("raw_records")}),
    named AS (
        SELECT record_no, {_CODE} AS code, {_GEDI} AS gedi, customer_number,
            list_transform(coalesce(row.phoneList, []), lambda phone: filled(phone.number))
                AS phones
        FROM read)
    SELECT record_no,
        coalesce(CASE WHEN identity_code_valid(code) THEN code END, gedi, customer_number)
            AS native_key,
        list_distinct(list_filter(
            [identifier('identity_code', code), identifier('customer_number', customer_number),
                identifier('contact_id', gedi)]
            || list_transform(phones, lambda text: identifier('phone', phone_canonical(text))),
            lambda identifier: identifier IS NOT NULL)) AS identifiers
    FROM named"""

_PREPARE = (
    """CREATE OR REPLACE TEMP MACRO true_or_false(text) AS
    CASE lower(filled(text)) WHEN 'true' THEN true WHEN '1' THEN true
        WHEN 'false' THEN false WHEN '0' THEN false END""",
    f"""CREATE OR REPLACE TEMP TABLE consumers AS
    SELECT *, CASE WHEN identity_code_valid(code) THEN person_key('identity_code', code)
            WHEN customer_number IS NOT NULL THEN person_key('customer_number', customer_number)
            WHEN gedi IS NOT NULL THEN person_key('contact_id', gedi) END AS person_key,
        coalesce(updated, delivered_at) AS stated_at,
        coalesce(lower(filled(event)) = 'deleted', false) AS deleted,
        coalesce(lower(filled(row.directMarketingRestriction))
            NOT IN ('false', '0', 'no', 'null'), false) AS restricted
    FROM (
        SELECT *, {_CODE} AS code, {_GEDI} AS gedi,
            past_moment(updated_at, delivered_at) AS updated
        FROM ({_read("records")}))""",
    """CREATE OR REPLACE TEMP TABLE consumer_phones AS
    SELECT *, phone_canonical(text) AS phone FROM (
        SELECT record_no, record_key, person_key, stated_at, deleted,
            filled(unnest(row.phoneList).number) AS text,
            generate_subscripts(row.phoneList, 1) AS nth
        FROM consumers)
    WHERE text IS NOT NULL""",
)

_YEAR = "past_day(filled(row.yearOfBirth) || '-01-01', delivered_at)"
_READABLE = " AND ".join(
    f"(filled({text}) IS NULL OR {day} IS NOT NULL)"
    for text, day in {
        "row.dateOfBirth": "past_day(without_midnight(row.dateOfBirth), delivered_at)",
        "row.yearOfBirth": _YEAR,
        "row.dateOfDeath": "past_day(without_midnight(row.dateOfDeath), delivered_at)",
        "updated_at": "updated",
    }.items()
)
_FLAGS = " AND ".join(
    f"(filled(row.{name}) IS NULL OR true_or_false(row.{name}) IS NOT NULL)"
    for name in ("deceased", "privateIdentity")
)


def _lists_fine(within: str) -> str:
    """SQL: the lists within the person are lists of what they should have, or null."""
    return " AND ".join(
        f"""coalesce(json_type(payload, '{within}.{name}') IN ('ARRAY', 'NULL'), true)
            AND list_has_all(['{kind}', 'NULL'], json_type(payload, '{within}.{name}[*]'))"""
        for name, kind in _LISTS.items()
    )


_VENDOR = f"""
    SELECT record_no, person_key IS NOT NULL AS subject_known, {_READABLE} AS dates_readable,
        {_FLAGS} AS flags_readable, CASE WHEN nested THEN {_lists_fine("$.person")}
            ELSE {_lists_fine("$")} END AS lists_fine
    FROM consumers"""

_C = "record_no, record_key, person_key, stated_at"
_PERSONS = f"""
    SELECT {_C}, 0 AS position,
        coalesce(past_day(without_midnight(row.dateOfBirth), delivered_at), {_YEAR}) AS birth_date,
        CASE WHEN past_day(without_midnight(row.dateOfBirth), delivered_at) IS NOT NULL THEN 'day'
            WHEN {_YEAR} IS NOT NULL THEN 'year' END AS birth_date_precision,
        lower(regexp_extract(row.communicationLanguageScript, '^([A-Za-z]{{2}})-', 1)) AS language,
        NULL::VARCHAR AS native_language,
        CASE WHEN true_or_false(row.deceased) THEN true END AS deceased,
        CASE WHEN true_or_false(row.deceased)
            THEN past_day(without_midnight(row.dateOfDeath), delivered_at) END AS death_date,
        CASE WHEN true_or_false(row.privateIdentity) THEN true END AS protected,
        NULL::DATE AS protected_until, NULL::DATE AS last_contact_on
    FROM consumers WHERE NOT deleted"""

_NAMES = f"""
    SELECT {_C}, 1 AS position, 'official' AS kind, 'state' AS op,
        filled(array_to_string(row.firstNames, ' ')) AS given_names,
        filled(row.familyName) AS family_name, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM consumers WHERE NOT deleted
        AND coalesce(filled(array_to_string(row.firstNames, ' ')), filled(row.familyName))
            IS NOT NULL
    UNION ALL
    SELECT {_C}, 2, 'call', 'state', filled(row.preferredFirstName), NULL, NULL, NULL
    FROM consumers WHERE NOT deleted AND filled(row.preferredFirstName) IS NOT NULL"""

_IDENTIFIERS = f"""
    SELECT {_C}, 3 AS position, 'identity_code' AS type, code AS value,
        NULL::VARCHAR AS replaced_by
    FROM consumers WHERE person_key IS NOT NULL AND filled(code) IS NOT NULL
    UNION ALL
    SELECT {_C}, 4, 'customer_number', customer_number, NULL
    FROM consumers WHERE customer_number IS NOT NULL
    UNION ALL
    SELECT {_C}, 5, 'contact_id', gedi, NULL FROM consumers WHERE gedi IS NOT NULL"""

# Of one record the highest position counts: the provider lists the best number first.
_CONTACT_POINTS = f"""
    SELECT {_C}, 500 - nth AS position, 'phone' AS kind, 'state' AS op, phone AS value,
        phone AS match_key, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM consumer_phones WHERE NOT deleted"""

_ABROAD = "upper(filled(home.country)) NOT IN ('FI', 'FIN', 'FINLAND', 'SUOMI', '246')"
_ADDRESSES = f"""
    SELECT {_C}, 600 + nth AS position,
        CASE WHEN regexp_matches(lower(home.type), 'perm|home|visit|regist')
            THEN CASE WHEN {_ABROAD} THEN 'permanent_abroad' ELSE 'permanent' END
            WHEN {_ABROAD} THEN 'postal_abroad' ELSE 'postal' END AS kind,
        'state' AS op,
        filled(concat_ws(' ', filled(home.streetName), filled(home.streetNumber),
            filled(home.entrance), filled(home.apartment))) AS street,
        NULL::VARCHAR AS street_sv,
        postcode_canonical(filled(home.postalCode),
            CASE WHEN {_ABROAD} THEN home.country END) AS postcode,
        filled(home.city) AS town, NULL::VARCHAR AS town_sv, NULL::VARCHAR AS municipality_code,
        CASE WHEN {_ABROAD} THEN filled(home.country) END AS country,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM (SELECT {_C}, unnest(row.addressList) AS home,
        generate_subscripts(row.addressList, 1) AS nth FROM consumers WHERE NOT deleted)
    WHERE coalesce(filled(home.streetName), filled(home.postalCode), filled(home.city))
        IS NOT NULL"""

# About the person, and about their numbers: these count of a quarantined record, too.
_REFUSED = """0 + {0} AS position, 'direct_marketing' AS purpose, 'all' AS channel,
        'prohibited' AS choice, 'contact_provider:direct_marketing_restriction' AS origin,
        {1} AS subject, NULL::VARCHAR AS text_version, NULL::VARCHAR AS language,
        NULL::VARCHAR AS evidence"""
_CHOICES = f"""
    SELECT {_C}, {_REFUSED.format("0", "NULL::VARCHAR")}
    FROM consumers WHERE restricted AND person_key IS NOT NULL
    UNION ALL
    SELECT {_C}, {_REFUSED.format("nth", "'phone:' || phone")}
    FROM consumer_phones SEMI JOIN (SELECT record_no FROM consumers WHERE restricted)
        USING (record_no)
    WHERE phone_valid(phone)"""


def _dataset(name: str) -> Dataset:
    return Dataset(
        name=name,
        format=JsonLines(),
        minimise=_MINIMISE,
        without_location=_WITHOUT_LOCATION,
        identify=_IDENTIFY,
        prepare=_PREPARE,
        disclosable=_ANSWER,
        vendor=ConsumerRecord,
        vendor_query=_VENDOR,
        frames=(
            Frame(Persons, _PERSONS, essential=False),
            Frame(Names, _NAMES),
            Frame(Identifiers, _IDENTIFIERS, essential=False),
            Frame(ContactPoints, _CONTACT_POINTS, essential=False),
            Frame(Addresses, _ADDRESSES, essential=False),
            Frame(MarketingChoices, _CHOICES),
        ),
    )


CONSUMERS = _dataset("consumers")
CALLBACKS = _dataset("callbacks")
