"""The CRM: HubSpot's export of all contacts, and contracts and orders in a layout of ours.

Source: docs/vendor-formats.md, "CRM"; docs/deliveries.md. A contact in a newer export replaces the
older one as a whole. An opt-out is a prohibition; its absence is never consent. An opt-out is never
delayed: a contact with one is used even if its dates cannot be parsed, without the dates.
"""

from __future__ import annotations

import json

from assets.sources.formats import Csv
from assets.sources.source import Dataset, Frame, Source
from schemas.sources.crm import ContactRecord, ContractRecord, OrderRecord
from schemas.staged import (
    Addresses,
    CompanyContacts,
    ContactPoints,
    Contracts,
    Identifiers,
    MarketingChoices,
    Names,
    Orders,
    Persons,
)

_CONTACT = json.dumps(
    dict.fromkeys(
        [
            "Record ID", "First Name", "Last Name", "Email", "Phone Number", "Job Title",
            "Create Date", "Last Activity Date", "Recent Conversion Date",
            "Recent Sales Email Replied Date", "Last Marketing Email Reply Date",
            "Last Marketing Email Click Date", "Associated Company",
            "Street Address", "Postal Code", "City", "Country/Region", "Preferred language",
            "Date of birth", "Customer number", "Merged contact IDs",
            "Unsubscribed from all email", "Global bounce",
        ],
        "VARCHAR",
    )
)  # fmt: skip
_CONTRACT_FIELDS = (
    "contract_number", "contact_id", "customer_number", "identity_code", "product", "status",
    "starts_on", "ends_on", "monthly_fee", "currency", "updated_at",
)  # fmt: skip
_ORDER_FIELDS = (
    "order_number",
    "contact_id",
    "customer_number",
    "ordered_at",
    "status",
    "amount",
    "currency",
    "items",
)

_MACROS = (
    # Any value that is not clearly a no is an opt-out.
    "CREATE OR REPLACE TEMP MACRO is_opted_out(text) AS coalesce(lower(filled(text)) NOT IN "
    "('false', 'no', '0', 'ei', 'nej'), false)",
)

# Of a contact under protected identity only the fields that are read here and have no place stay: a
# custom field may have one.
_PLACES = ("Street Address", "Postal Code", "City", "Country/Region")
_PLACELESS = [name for name in json.loads(_CONTACT) if name not in _PLACES]
_WITHOUT_LOCATION = f"""
    json_merge_patch(payload, '{{' || array_to_string(list_transform(
        list_filter(json_keys(payload), lambda name: name NOT IN {tuple(_PLACELESS)!r}),
        lambda name: to_json(name)::VARCHAR || ':null'), ',') || '}}')::VARCHAR"""

_IDENTIFY = """
    SELECT record_no, opaque_id(payload ->> '$."{number}"') AS native_key, list_filter(list_concat([
        identifier('{type}', opaque_id(payload ->> '$."{number}"')),
        {more}], {listed}), lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM raw_records"""


def _merged(text: str) -> str:
    """Return, as SQL, the ids that the contact had in the CRM before contacts were merged into it:
    what is known by one of them is the same person's.
    """
    return f"""list_distinct(list_filter(
        list_transform(string_split({text}, ';'), lambda text: opaque_id(filled(text))),
        lambda id: id IS NOT NULL))"""


_CONTACT_PREPARE = (
    *_MACROS,
    f"""CREATE OR REPLACE TEMP TABLE contacts AS
    SELECT record_no, record_key, delivered_at AS stated_at,
        opaque_id(row."Record ID") AS contact_id,
        person_key('contact_id', opaque_id(row."Record ID")) AS person_key,
            email_canonical(filled(row."Email")) AS email,
        coalesce(customer_number_canonical(row."Customer number"),
            damaged_number(row."Customer number")) AS customer_number,
        is_opted_out(row."Unsubscribed from all email") AS unsubscribed,
            is_opted_out(row."Global bounce") AS bounced, row
    FROM (SELECT *, from_json(payload, '{_CONTACT}') AS row FROM records)""",
)

_C = "record_no, record_key, person_key, stated_at"

# What the registrant did: came into the CRM, sent a form, answered a mail, followed a link in one.
# HubSpot's Last Activity Date also counts what the company sends, so it is no contact of theirs;
# nor is the opening of a mail (docs/law.md, "prospect").
_CONTACT_DATES = (
    "Create Date",
    "Recent Conversion Date",
    "Recent Sales Email Replied Date",
    "Last Marketing Email Reply Date",
    "Last Marketing Email Click Date",
)
_DATES = (*_CONTACT_DATES, "Date of birth")
_DATES_READABLE = " AND ".join(
    f'(filled(row."{name}") IS NULL OR export_day(row."{name}") IS NOT NULL)' for name in _DATES
)
_CONTACT_VENDOR = f"""
    SELECT record_no, contact_id, unsubscribed OR bounced OR (
        {_DATES_READABLE}) AS dates_readable
    FROM contacts"""

_LANGUAGES = {
    "fi": "fi|fin|finnish|suomi|finska",
    "sv": "sv|swe|swedish|svenska|ruotsi",
    "en": "en|eng|english|englanti|engelska",
}
_LANGUAGE = " ".join(
    f"""WHEN regexp_full_match(lower(filled(row."Preferred language")), '({words})([-_ (].*)?')
        THEN '{code}'"""
    for code, words in _LANGUAGES.items()
)

# A contact cannot be later than its delivery: a day that is to come is a fault, and none.
_LAST_CONTACT = "greatest({})".format(
    ", ".join(
        f"""CASE WHEN export_day(row."{name}") <= local_day(stated_at)
            THEN export_day(row."{name}") END"""
        for name in _CONTACT_DATES
    )
)

_CONTACT_PERSONS = f"""
    SELECT {_C}, 0 AS position, export_day(row."Date of birth") AS birth_date,
        CASE
            WHEN export_day(row."Date of birth") IS NOT NULL THEN 'day'
        END AS birth_date_precision,
        CASE {_LANGUAGE} ELSE filled(row."Preferred language") END AS language,
        NULL::VARCHAR AS native_language, NULL::BOOLEAN AS deceased, NULL::DATE AS death_date,
            NULL::BOOLEAN AS protected,
        NULL::DATE AS protected_until,
        {_LAST_CONTACT} AS last_contact_on
    FROM contacts"""

_CONTACT_NAMES = f"""
    SELECT {_C}, 1 AS position, 'official' AS kind, 'state' AS op,
        filled(row."First Name") AS given_names, filled(row."Last Name") AS family_name,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts WHERE filled(row."First Name") IS NOT NULL
        OR filled(row."Last Name") IS NOT NULL"""

_MERGED_INTO_IT = """payload ->> '$."Merged contact IDs"'"""
# Behind the positions of everything else that a contact states.
_MERGED_FROM = 1000

_CONTACT_IDENTIFIERS = f"""
    SELECT {_C}, 2 AS position, 'contact_id' AS type, contact_id AS value,
        NULL::VARCHAR AS replaced_by FROM contacts WHERE contact_id IS NOT NULL
    UNION ALL
    SELECT {_C}, 3 AS position, 'customer_number', customer_number, NULL FROM contacts
        WHERE customer_number IS NOT NULL
    UNION ALL
    SELECT {_C}, {_MERGED_FROM} + nth, 'contact_id', former_id, NULL FROM (
        SELECT {_C}, contact_id, unnest(former_ids) AS former_id,
            generate_subscripts(former_ids, 1) AS nth
        FROM (SELECT *, {_merged('row."Merged contact IDs"')} AS former_ids FROM contacts))
    WHERE contact_id IS NOT NULL AND former_id <> contact_id"""

_CONTACT_POINTS = f"""
    SELECT {_C}, 4 AS position, 'email' AS kind, 'state' AS op, email_shown(row."Email") AS value,
        email AS match_key,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts WHERE filled(row."Email") IS NOT NULL
    UNION ALL
    SELECT {_C}, 5 AS position, 'phone', 'state', phone_canonical(filled(row."Phone Number")),
        phone_canonical(filled(row."Phone Number")), NULL, NULL
    FROM contacts WHERE filled(row."Phone Number") IS NOT NULL"""

_CONTACT_ADDRESSES = f"""
    SELECT {_C}, 6 AS position, 'postal' AS kind, 'state' AS op,
        regexp_replace(filled(row."Street Address"), '\\s+', ' ', 'g') AS street,
        NULL::VARCHAR AS street_sv, postcode_canonical(filled(row."Postal Code"),
            country) AS postcode, filled(row."City") AS town, NULL::VARCHAR AS town_sv,
        NULL::VARCHAR AS municipality_code, country, NULL::DATE AS valid_from,
            NULL::DATE AS valid_to
    FROM (SELECT *, CASE WHEN NOT regexp_matches(row."Country/Region",
        '(?i)^ *fin?( |-|$)|fin+land|suomi') AND NOT placeholder(row."Country/Region")
        THEN filled(row."Country/Region") END AS country FROM contacts)
    WHERE coalesce(filled(row."Street Address"), filled(row."Postal Code"),
        filled(row."City")) IS NOT NULL"""

_COMPANY_CONTACTS = f"""
    SELECT {_C}, 6 + nth AS position, filled(name) AS company_name, job_title
    FROM (SELECT {_C}, unnest(names) AS name, generate_subscripts(names, 1) AS nth, job_title FROM (
        SELECT {_C}, string_split(row."Associated Company", ';') AS names,
            filled(row."Job Title") AS job_title FROM contacts))
    WHERE filled(name) IS NOT NULL"""

# The address is opted out, for every contact with it.
_OPTED_OUT = f"""{_C}, 'direct_marketing' AS purpose, 'email' AS channel, 'prohibited' AS choice,
        CASE WHEN email_valid(email) THEN 'email:' || email
            ELSE 'contact_id:' || contact_id END AS subject,
        NULL::VARCHAR AS text_version, NULL::VARCHAR AS language, NULL::VARCHAR AS evidence"""
_OPT_OUTS = f"""
    SELECT {_OPTED_OUT}, 0 AS position, 'crm:hs_email_optout' AS origin FROM contacts
        WHERE unsubscribed
    UNION ALL
    SELECT {_OPTED_OUT}, 1, 'crm:global_bounce' FROM contacts WHERE bounced"""


_PARTIES = ("contact_id", "customer_number")
# The macro that parses a field of a contract or an order; others are text.
_READ = {
    **dict.fromkeys(("contact_id", "contract_number", "order_number"), "opaque_id"),
    "customer_number": "customer_number_canonical",
}


def _prepare(fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return the SQL of the table `agreements`: the record's fields as text, and its party.

    A valid identity code identifies the party: an account (contact or customer number) may be that
    of two people of a household. Without a code the account does.
    """
    shape = json.dumps(dict.fromkeys(fields, "VARCHAR"))
    columns = ", ".join(f'{_READ.get(name, "filled")}(row."{name}") AS "{name}"' for name in fields)
    damaged = ", ".join(f"damaged_number(row.{name}) AS damaged_{name}" for name in _PARTIES)
    code = (
        "identity_code_canonical(identity_code)" if "identity_code" in fields else "NULL::VARCHAR"
    )
    return (
        f"""CREATE OR REPLACE TEMP TABLE agreements AS
        SELECT *, coalesce(
                CASE WHEN identity_code_valid({code}) THEN person_key('identity_code', {code}) END,
                account) AS person_key
        FROM (
            SELECT *, coalesce(
                person_key('contact_id', contact_id),
                person_key('customer_number', customer_number)) AS account
            FROM (
                SELECT record_no, record_key, delivered_at, {columns}, {damaged}
                FROM (SELECT *, from_json(payload, '{shape}') AS row FROM records)))""",
    )


_CONTRACT_VENDOR = """
    SELECT record_no, contract_number, contact_id IS NOT NULL
        OR customer_number IS NOT NULL AS party_named,
        calendar_day(starts_on) IS NOT NULL
            AND (ends_on IS NULL OR is_end_day(ends_on)) AS dates_readable,
        coalesce(end_day(ends_on) >= calendar_day(starts_on), true) AS dates_in_order,
        updated_at IS NULL OR past_moment(updated_at, delivered_at) IS NOT NULL AS updated_readable,
        monthly_fee IS NULL OR money(monthly_fee) IS NOT NULL AS fee_readable
    FROM agreements"""

_CONTRACTS = """
    SELECT record_no, record_key, person_key,
        coalesce(past_moment(updated_at, delivered_at), delivered_at) AS stated_at,
        0 AS position, contract_number, customer_number, product,
        status, calendar_day(starts_on) AS starts_on, end_day(ends_on) AS ends_on,
        money(monthly_fee) AS monthly_fee, upper(currency) AS currency
    FROM agreements WHERE contract_number IS NOT NULL AND calendar_day(starts_on) IS NOT NULL"""

# It is used: the day on which it was first stated as ended counts (`register.clocks`).
WITHOUT_END = "status <> 'active' AND ends_on IS NULL"

_ORDER_VENDOR = """
    SELECT record_no, order_number, contact_id IS NOT NULL
        OR customer_number IS NOT NULL AS party_named,
        past_moment(ordered_at, delivered_at) IS NOT NULL AS time_readable,
        money(amount) IS NOT NULL AS amount_readable,
        items IS NULL OR whole_number(items) IS NOT NULL AS items_readable
    FROM agreements"""

_ORDERS = """
    SELECT record_no, record_key, person_key, ordered AS stated_at,
        0 AS position, order_number, customer_number, ordered AS ordered_at, status,
        money(amount) AS amount, upper(currency) AS currency, whole_number(items) AS items
    FROM (SELECT *, past_moment(ordered_at, delivered_at) AS ordered FROM agreements)
    WHERE order_number IS NOT NULL AND ordered IS NOT NULL AND money(amount) IS NOT NULL"""


def _party(number: str) -> str:
    """Return the SQL of the identifiers of a contract's or order's party and account."""
    named = [(name, f"coalesce({name}, damaged_{name})") for name in _PARTIES]
    if number == "contract_number":
        named.append(("identity_code", "identity_code_canonical(identity_code)"))
    stated = [
        f"""SELECT record_no, record_key, person_key, delivered_at AS stated_at,
            {place} AS position, '{type_}' AS type, {value} AS value,
        NULL::VARCHAR AS replaced_by FROM agreements WHERE {value} IS NOT NULL"""
        for place, (type_, value) in enumerate(named, 1)
    ]
    account = f"""SELECT record_no, record_key, account, delivered_at, {len(named) + 1},
        CASE WHEN contact_id IS NULL THEN 'customer_number' ELSE 'contact_id' END,
        coalesce(contact_id, customer_number), NULL
        FROM agreements WHERE account <> person_key"""
    return " UNION ALL ".join([*stated, account])


_MORE = ", ".join(
    f"identifier('{name}', identifier_canonical('{name}', payload ->> '$.{name}'))"
    for name in _PARTIES
)
_PARTY = (*(f"identifier_canonical('{name}', payload ->> '$.{name}')" for name in _PARTIES),)
_PARTY_CODE = "identity_code_canonical(filled(payload ->> '$.identity_code'))"


def _day(field: str) -> str:
    """Return the calendar day of a field, as SQL."""
    return f"""given_day(payload ->> '$."{field}"')"""


# A contract made before an erasure that starts after it is not new, nor is one that started before
# and changed since. One without the time of its change is new once it has started.
_AGREED = f"""CASE WHEN filled(payload ->> '$.updated_at') IS NULL
        THEN CASE WHEN {_day("starts_on")} <= delivered_on() THEN {_day("starts_on")} END
    WHEN {_day("starts_on")} IS NOT NULL AND {_day("updated_at")} IS NOT NULL
        THEN least({_day("starts_on")}, {_day("updated_at")}) END"""

SOURCE = Source(
    name="crm",
    description="Contacts (HubSpot), contracts and orders",
    datasets=(
        Dataset(
            name="contacts",
            format=Csv(tuple(json.loads(_CONTACT))),
            snapshot=True,
            given=_day("Create Date"),
            without_location=_WITHOUT_LOCATION,
            identify=_IDENTIFY.format(
                number="Record ID",
                type="contact_id",
                more="""identifier('customer_number',
                    customer_number_canonical(payload ->> '$."Customer number"')),
                identifier('email', email_canonical(filled(payload ->> '$.Email'))),
                identifier('phone', phone_canonical(filled(payload ->> '$."Phone Number"')))""",
                listed=f"""list_transform({_merged(_MERGED_INTO_IT)},
                    lambda id: identifier('contact_id', id))""",
            ),
            identity=(
                "email_canonical(filled(payload ->> '$.Email'))",
                """phone_canonical(filled(payload ->> '$."Phone Number"'))""",
                """lower(filled(concat_ws(
                    ' ',
                    filled(payload ->> '$."First Name"'),
                    filled(payload ->> '$."Last Name"')
                )))""",
                """given_day(payload ->> '$."Date of birth"')::VARCHAR""",
            ),
            prepare=_CONTACT_PREPARE,
            disclosable=json.loads(_CONTACT),
            vendor=ContactRecord,
            vendor_query=_CONTACT_VENDOR,
            frames=(
                Frame(Persons, _CONTACT_PERSONS, essential=False),
                Frame(Names, _CONTACT_NAMES),
                Frame(Identifiers, _CONTACT_IDENTIFIERS, essential=False),
                Frame(ContactPoints, _CONTACT_POINTS, essential=False),
                Frame(Addresses, _CONTACT_ADDRESSES, essential=False),
                Frame(CompanyContacts, _COMPANY_CONTACTS, essential=False),
                Frame(MarketingChoices, _OPT_OUTS),
            ),
        ),
        Dataset(
            name="contracts",
            format=Csv(_CONTRACT_FIELDS),
            given=_AGREED,
            identify=_IDENTIFY.format(
                number="contract_number",
                type="contract_number",
                more=f"{_MORE}, identifier('identity_code', {_PARTY_CODE})",
                listed="[]",
            ),
            identity=(*_PARTY, _PARTY_CODE),
            prepare=_prepare(_CONTRACT_FIELDS),
            disclosable=dict.fromkeys(_CONTRACT_FIELDS, "VARCHAR"),
            vendor=ContractRecord,
            vendor_query=_CONTRACT_VENDOR,
            frames=(
                Frame(Contracts, _CONTRACTS, flags={"CONTRACT-NO-END": WITHOUT_END}),
                Frame(Identifiers, _party("contract_number"), essential=False),
            ),
        ),
        Dataset(
            name="orders",
            format=Csv(_ORDER_FIELDS),
            given=_day("ordered_at"),
            identify=_IDENTIFY.format(
                number="order_number", type="order_number", more=_MORE, listed="[]"
            ),
            identity=_PARTY,
            prepare=_prepare(_ORDER_FIELDS),
            disclosable=dict.fromkeys(_ORDER_FIELDS, "VARCHAR"),
            vendor=OrderRecord,
            vendor_query=_ORDER_VENDOR,
            frames=(
                Frame(Orders, _ORDERS),
                Frame(Identifiers, _party("order_number"), essential=False),
            ),
        ),
    ),
)
