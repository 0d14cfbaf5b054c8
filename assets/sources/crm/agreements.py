"""Contracts and orders of the CRM, in a layout of ours.

Source: docs/vendor-formats.md, "CRM"; docs/deliveries.md.
"""

from __future__ import annotations

import json

from assets.sources.formats import Csv
from assets.sources.source import Dataset, Frame
from schemas.sources.crm import ContractRecord, OrderRecord
from schemas.staged import Contracts, Identifiers, Orders

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

_IDENTIFY = """
    SELECT record_no, opaque_id(payload ->> '$.{number}') AS native_key, list_filter([
        identifier('{number}', opaque_id(payload ->> '$.{number}')),
        {more}], lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM raw_records"""

_PARTIES = ("contact_id", "customer_number")
# The macro that parses a field of a contract or an order; others are text.
_READ = {
    **dict.fromkeys(("contract_number", "order_number"), "opaque_id"),
    "contact_id": "contact_id_canonical",
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

CONTRACTS = Dataset(
    name="contracts",
    format=Csv(_CONTRACT_FIELDS),
    given=_AGREED,
    identify=_IDENTIFY.format(
        number="contract_number",
        more=f"{_MORE}, identifier('identity_code', {_PARTY_CODE})",
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
)
ORDERS = Dataset(
    name="orders",
    format=Csv(_ORDER_FIELDS),
    given=_day("ordered_at"),
    identify=_IDENTIFY.format(number="order_number", more=_MORE),
    identity=_PARTY,
    prepare=_prepare(_ORDER_FIELDS),
    disclosable=dict.fromkeys(_ORDER_FIELDS, "VARCHAR"),
    vendor=OrderRecord,
    vendor_query=_ORDER_VENDOR,
    frames=(
        Frame(Orders, _ORDERS),
        Frame(Identifiers, _party("order_number"), essential=False),
    ),
)
