"""The CRM: HubSpot's export of all contacts, and contracts and orders in a layout of ours.

Source: formats.md, section 9; docs/deliveries.md. A contact in a newer export replaces the older one as a whole. An
opt-out is a prohibition, the lack of one is nothing: it never stands for consent.
"""

from __future__ import annotations

import json

from assets.sources.source import Dataset, Frame, Source
from schemas.sources.crm import ContactRecord, ContractRecord, OrderRecord
from schemas.staged import Addresses, CompanyContacts, ContactPoints, Contracts, Identifiers, MarketingChoices, Names, Orders, Persons

_CONTACT = json.dumps(
    dict.fromkeys(
        [
            "Record ID", "First Name", "Last Name", "Email", "Phone Number", "Job Title", "Create Date", "Last Activity Date", "Associated Company",
            "Street Address", "Postal Code", "City", "Country/Region", "Preferred language", "Date of birth", "Customer number",
            "Unsubscribed from all email", "Global bounce",
        ],
        "VARCHAR",
    )
)  # fmt: skip
_CONTRACT_FIELDS = (
    "contract_number", "contact_id", "customer_number", "identity_code", "product", "status", "starts_on", "ends_on", "monthly_fee", "currency", "updated_at",
)  # fmt: skip
_ORDER_FIELDS = ("order_number", "contact_id", "customer_number", "ordered_at", "status", "amount", "currency", "items")

# Both formats occur in one export; a day without a time is midnight.
_MOMENT_MACRO = """CREATE OR REPLACE TEMP MACRO local_moment(text) AS
    try_strptime(trim(text), ['%Y-%m-%d %H:%M', '%m/%d/%Y %I:%M %p', '%Y-%m-%d', '%m/%d/%Y', '%Y-%m-%d %H:%M:%S'])"""

# Passwords are dropped at ingest (P5.1 names them; law.md: dropped, counted, never stored).
_WITHOUT_PASSWORDS = """
    CASE WHEN regexp_matches(payload, '(?i)"[^"]*passw[^"]*"\\s*:') THEN
        json_merge_patch(payload, '{' || array_to_string(list_transform(
            list_filter(json_keys(payload), lambda name: regexp_matches(name, '(?i)passw')),
            lambda name: to_json(name)::VARCHAR || ':null'), ',') || '}')::VARCHAR
    ELSE payload END"""

_IDENTIFY = """
    SELECT record_no, filled(payload ->> '$."{number}"') AS native_key, list_filter([
        identifier('{type}', filled(payload ->> '$."{number}"')),
        {more}], lambda one: one IS NOT NULL) AS identifiers
    FROM records"""

_CONTACT_PREPARE = (
    _MOMENT_MACRO,
    f"""CREATE OR REPLACE TEMP TABLE contacts AS
    SELECT record_no, record_key, delivered_at AS stated_at, filled(row."Record ID") AS contact_id,
        person_key('contact_id', filled(row."Record ID")) AS person_key, row
    FROM (SELECT *, from_json(payload, '{_CONTACT}') AS row FROM records)""",
)

_C = "record_no, record_key, person_key, stated_at"

_CONTACT_VENDOR = """
    SELECT record_no, contact_id,
        (filled(row."Create Date") IS NULL OR local_moment(row."Create Date") IS NOT NULL)
        AND (filled(row."Last Activity Date") IS NULL OR local_moment(row."Last Activity Date") IS NOT NULL)
        AND (filled(row."Date of birth") IS NULL OR local_moment(row."Date of birth") IS NOT NULL) AS dates_readable
    FROM contacts"""

_CONTACT_PERSONS = f"""
    SELECT {_C}, 0 AS position, local_moment(row."Date of birth")::DATE AS birth_date,
        CASE WHEN local_moment(row."Date of birth") IS NOT NULL THEN 'day' END AS birth_date_precision,
        CASE lower(filled(row."Preferred language")) WHEN 'finnish' THEN 'fi' WHEN 'suomi' THEN 'fi' WHEN 'swedish' THEN 'sv'
            WHEN 'svenska' THEN 'sv' WHEN 'english' THEN 'en' ELSE lower(filled(row."Preferred language")) END AS language,
        NULL::VARCHAR AS native_language, NULL::BOOLEAN AS deceased, NULL::DATE AS death_date, NULL::BOOLEAN AS protected,
        NULL::DATE AS protected_until,
        greatest(local_moment(row."Last Activity Date"), local_moment(row."Create Date"))::DATE AS last_contact_on
    FROM contacts"""

_CONTACT_NAMES = f"""
    SELECT {_C}, 1 AS position, 'official' AS kind, 'state' AS op, filled(row."First Name") AS given_names, filled(row."Last Name") AS family_name,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts WHERE filled(row."First Name") IS NOT NULL OR filled(row."Last Name") IS NOT NULL"""

_CONTACT_IDENTIFIERS = f"""
    SELECT {_C}, 2 AS position, 'contact_id' AS type, contact_id AS value, NULL::VARCHAR AS replaced_by FROM contacts WHERE contact_id IS NOT NULL
    UNION ALL
    SELECT {_C}, 3 AS position, 'customer_number', filled(row."Customer number"), NULL FROM contacts WHERE filled(row."Customer number") IS NOT NULL"""

_CONTACT_POINTS = f"""
    SELECT {_C}, 4 AS position, 'email' AS kind, 'state' AS op, filled(row."Email") AS value, email_canonical(filled(row."Email")) AS match_key,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts WHERE filled(row."Email") IS NOT NULL
    UNION ALL
    SELECT {_C}, 5 AS position, 'phone', 'state', phone_canonical(filled(row."Phone Number")), phone_canonical(filled(row."Phone Number")), NULL, NULL
    FROM contacts WHERE filled(row."Phone Number") IS NOT NULL"""

_CONTACT_ADDRESSES = f"""
    SELECT {_C}, 6 AS position, 'postal' AS kind, 'state' AS op, regexp_replace(filled(row."Street Address"), '\\s+', ' ', 'g') AS street,
        NULL::VARCHAR AS street_sv, filled(row."Postal Code") AS postcode, filled(row."City") AS town, NULL::VARCHAR AS town_sv,
        NULL::VARCHAR AS municipality_code, CASE WHEN upper(filled(row."Country/Region")) IN ('FI', 'FINLAND', 'SUOMI') THEN NULL
            ELSE filled(row."Country/Region") END AS country, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts WHERE filled(row."Street Address") IS NOT NULL"""

_COMPANY_CONTACTS = f"""
    SELECT {_C}, 7 AS position, trim(unnest(string_split(filled(row."Associated Company"), ';'))) AS company_name, filled(row."Job Title") AS job_title
    FROM contacts WHERE filled(row."Associated Company") IS NOT NULL"""

_OPT_OUTS = f"""
    SELECT {_C}, 8 AS position, 'direct_marketing' AS purpose, 'email' AS channel, 'prohibited' AS choice, 'crm:hs_email_optout' AS origin,
        'contact_id:' || contact_id AS subject, NULL::VARCHAR AS text_version, NULL::VARCHAR AS language, NULL::VARCHAR AS evidence
    FROM contacts WHERE lower(filled(row."Unsubscribed from all email")) IN ('true', 'yes', '1')
    UNION ALL
    SELECT {_C}, 9 AS position, 'direct_marketing', 'email', 'prohibited', 'crm:global_bounce', 'contact_id:' || contact_id, NULL, NULL, NULL
    FROM contacts WHERE lower(filled(row."Global bounce")) IN ('true', 'yes', '1')"""


def _prepare(fields: tuple[str, ...]) -> tuple[str, ...]:
    """The table `agreements`: the record's fields as text, and whom it belongs to."""
    shape = json.dumps(dict.fromkeys(fields, "VARCHAR"))
    columns = ", ".join(f'filled(row."{name}") AS "{name}"' for name in fields)
    return (
        f"""CREATE OR REPLACE TEMP TABLE agreements AS
        SELECT *, coalesce(person_key('contact_id', contact_id), person_key('customer_number', customer_number)) AS person_key
        FROM (SELECT record_no, record_key, delivered_at, {columns} FROM (SELECT *, from_json(payload, '{shape}') AS row FROM records))""",
        # A time without an offset is nobody's: it is not read.
        """CREATE OR REPLACE TEMP MACRO moment(text) AS
        CASE WHEN regexp_matches(text, '(Z|[+-][0-9][0-9]:?[0-9][0-9])$') THEN TRY_CAST(text AS TIMESTAMPTZ) END""",
    )


_CONTRACT_VENDOR = """
    SELECT record_no, contract_number, contact_id IS NOT NULL OR customer_number IS NOT NULL AS party_named,
        TRY_CAST(starts_on AS DATE) IS NOT NULL AND (ends_on IS NULL OR TRY_CAST(ends_on AS DATE) IS NOT NULL) AS dates_readable,
        coalesce(TRY_CAST(ends_on AS DATE) >= TRY_CAST(starts_on AS DATE), true) AS dates_in_order,
        updated_at IS NULL OR moment(updated_at) IS NOT NULL AS updated_readable,
        monthly_fee IS NULL OR TRY_CAST(monthly_fee AS DECIMAL(18, 2)) IS NOT NULL AS fee_readable
    FROM agreements"""

_CONTRACTS = """
    SELECT record_no, record_key, person_key, coalesce(moment(updated_at), delivered_at) AS stated_at, 0 AS position, contract_number, customer_number, product,
        status, TRY_CAST(starts_on AS DATE) AS starts_on, TRY_CAST(ends_on AS DATE) AS ends_on,
        TRY_CAST(monthly_fee AS DECIMAL(18, 2)) AS monthly_fee, currency
    FROM agreements"""

_ORDER_VENDOR = """
    SELECT record_no, order_number, contact_id IS NOT NULL OR customer_number IS NOT NULL AS party_named,
        moment(ordered_at) IS NOT NULL AS time_readable, TRY_CAST(amount AS DECIMAL(18, 2)) IS NOT NULL AS amount_readable,
        items IS NULL OR regexp_full_match(items, '[0-9]{1,9}') AS items_readable
    FROM agreements"""

_ORDERS = """
    SELECT record_no, record_key, person_key, coalesce(moment(ordered_at), delivered_at) AS stated_at, 0 AS position, order_number, customer_number,
        moment(ordered_at) AS ordered_at, status, TRY_CAST(amount AS DECIMAL(18, 2)) AS amount, currency, TRY_CAST(items AS BIGINT) AS items
    FROM agreements"""


def _party(number: str) -> str:
    """Identifiers that a contract or order states of one party."""
    named = [("contact_id", "contact_id"), ("customer_number", "customer_number")]
    if number == "contract_number":
        named.append(("identity_code", "identity_code_canonical(identity_code)"))
    return " UNION ALL ".join(
        f"""SELECT record_no, record_key, person_key, delivered_at AS stated_at, {place} AS position, '{type_}' AS type, {value} AS value,
        NULL::VARCHAR AS replaced_by FROM agreements WHERE {value} IS NOT NULL"""
        for place, (type_, value) in enumerate(named, 1)
    )


_MORE = "identifier('contact_id', filled(payload ->> '$.contact_id')), identifier('customer_number', filled(payload ->> '$.customer_number'))"

SOURCE = Source(
    name="crm",
    description="Contacts (HubSpot), contracts and orders",
    datasets=(
        Dataset(
            name="contacts",
            format="csv",
            snapshot=True,
            minimise=_WITHOUT_PASSWORDS,
            identify=_IDENTIFY.format(
                number="Record ID",
                type="contact_id",
                more="""identifier('customer_number', filled(payload ->> '$."Customer number"')),
                identifier('email', email_canonical(filled(payload ->> '$.Email'))),
                identifier('phone', phone_canonical(filled(payload ->> '$."Phone Number"')))""",
            ),
            prepare=_CONTACT_PREPARE,
            vendor=ContactRecord,
            vendor_query=_CONTACT_VENDOR,
            frames=(
                Frame(Persons, _CONTACT_PERSONS),
                Frame(Names, _CONTACT_NAMES),
                Frame(Identifiers, _CONTACT_IDENTIFIERS),
                Frame(ContactPoints, _CONTACT_POINTS, essential=False),
                Frame(Addresses, _CONTACT_ADDRESSES, essential=False),
                Frame(CompanyContacts, _COMPANY_CONTACTS, essential=False),
                Frame(MarketingChoices, _OPT_OUTS),
            ),
        ),
        Dataset(
            name="contracts",
            format="csv",
            identify=_IDENTIFY.format(
                number="contract_number",
                type="contract_number",
                more=_MORE + ", identifier('identity_code', identity_code_canonical(filled(payload ->> '$.identity_code')))",
            ),
            prepare=_prepare(_CONTRACT_FIELDS),
            vendor=ContractRecord,
            vendor_query=_CONTRACT_VENDOR,
            frames=(Frame(Contracts, _CONTRACTS), Frame(Identifiers, _party("contract_number"), essential=False)),
        ),
        Dataset(
            name="orders",
            format="csv",
            identify=_IDENTIFY.format(number="order_number", type="order_number", more=_MORE),
            prepare=_prepare(_ORDER_FIELDS),
            vendor=OrderRecord,
            vendor_query=_ORDER_VENDOR,
            frames=(Frame(Orders, _ORDERS), Frame(Identifiers, _party("order_number"), essential=False)),
        ),
    ),
)
