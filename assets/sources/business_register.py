"""Authorities: the business register (PRH / YTJ open data, v3), companies as the API and its bulk
file have them.

Source: docs/vendor-formats.md, "Business register"; docs/deliveries.md. A legal person is no
registrant: nothing here is about a person, and no clock of people runs. What names a person is cut
before anything is written: the recipient of an address (`co`), and all but the business id of a
sole trader. `type` comes as a number or a text; absent, null and "" mean the same; `status` is
always "2" and is not read.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonArray
from assets.sources.source import Dataset, Frame, Source
from schemas.companies import Companies, CompanyNames
from schemas.sources.business_register import CompanyRecord

_DESCRIBED = [dict.fromkeys(("languageCode", "description"), "VARCHAR")]
_DATED = {"type": "VARCHAR", "registrationDate": "VARCHAR", "endDate": "VARCHAR"}
_COMPANY: dict[str, object] = {
    "businessId": dict.fromkeys(("value", "registrationDate"), "VARCHAR"),
    "names": [{"name": "VARCHAR", **_DATED}],
    "mainBusinessLine": {"type": "VARCHAR", "descriptions": _DESCRIBED},
    "website": {"url": "VARCHAR"},
    "companyForms": [{**_DATED, "descriptions": _DESCRIBED}],
    "companySituations": [_DATED],
    "registeredEntries": [{**_DATED, "register": "VARCHAR"}],
    "addresses": [
        {
            **dict.fromkeys(
                (
                    "type", "street", "postCode", "postOfficeBox", "buildingNumber", "entrance",
                    "apartmentNumber", "country", "freeAddressLine",
                ),
                "VARCHAR",
            ),
            "postOffices": [dict.fromkeys(("city", "languageCode"), "VARCHAR")],
        }
    ],
    "tradeRegisterStatus": "VARCHAR",
    "endDate": "VARCHAR",
}  # fmt: skip
_LISTS = ("names", "companyForms", "companySituations", "registeredEntries", "addresses")

# The codes of company forms of one person, and their names, should they come under another code.
_SOLE_TRADER = (
    "yksityinen (elinkeinonharjoittaja|liikkeenharjoittaja)|toiminimi|"
    "enskild näringsidkare|sole trader|sole proprietor|private trader"
)
_FORMS = "json_extract(payload, '$.companyForms')"
_IS_SOLE_TRADER = f"""coalesce(CASE WHEN json_valid(payload) THEN
    list_contains(json_extract_string({_FORMS}, '$[*].type'), '26')
    OR regexp_matches(lower(array_to_string(json_extract_string({_FORMS},
        '$[*].descriptions[*].description'), '|')), '{_SOLE_TRADER}') END, false)"""
_RECIPIENT = r'"co"\s*:\s*"(?:[^"\\]|\\.)*"'
_MINIMISE = f"""
    CASE WHEN {_IS_SOLE_TRADER} THEN json_object('businessId', payload -> '$.businessId',
        'companyForms', [json_object('type', '26')])::VARCHAR
    ELSE regexp_replace(payload, '{_RECIPIENT}', '"co":null', 'g') END"""

_BUSINESS_ID = "business_id_canonical(filled({}))"
_IDENTIFY = f"""
    WITH numbered AS (
        SELECT record_no, {_BUSINESS_ID.format("payload ->> '$.businessId.value'")} AS business_id
        FROM raw_records)
    SELECT record_no, nullif(business_id, '') AS native_key,
        list_filter([identifier('business_id', business_id)],
            lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM numbered"""


def _in_language(descriptions: str, text: str) -> str:
    """SQL: the text in Finnish, else in Swedish, else in any language."""
    return f"""filled(coalesce(
        list_filter({descriptions}, lambda each: each.languageCode = '1')[1].{text},
        list_filter({descriptions}, lambda each: each.languageCode = '2')[1].{text},
        ({descriptions})[1].{text}))"""


# Each use of the whole payload parses it: of so large a record, once for all lists.
_LISTS_FINE = """coalesce(list_bool_and(list_transform(lists, lambda part:
        json_type(part) = 'ARRAY' AND list_has_all(['OBJECT', 'NULL'], json_type(part, '$[*]'))
            OR json_type(part) = 'NULL' OR (part ->> '$') = '')), true)"""
_IN_FORCE = "list_filter({}, lambda each: filled(each.endDate) IS NULL)"
_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE companies AS
    SELECT *, coalesce(list_filter(row.addresses, lambda each: each.type = '2')[1],
            list_filter(row.addresses, lambda each: each.type = '1')[1], row.addresses[1]) AS home,
        coalesce(calendar_day(row.endDate),
            calendar_day(list_filter(row.registeredEntries, lambda each: each.type = '4'
                AND each.register = '1')[1].registrationDate)) AS ceased_on
    FROM (
        SELECT record_no, record_key, delivered_at, {_LISTS_FINE} AS lists_fine,
            nullif({_BUSINESS_ID.format("row.businessId.value")}, '') AS business_id, row,
            {_IS_SOLE_TRADER} AS sole_trader
        FROM (
            SELECT *, from_json(payload, '{json.dumps(_COMPANY)}') AS row,
                json_extract(payload, {[f"$.{name}" for name in _LISTS]}) AS lists
            FROM records))""",
    """CREATE OR REPLACE TEMP TABLE names AS
    SELECT *, CASE type WHEN '1' THEN 'main' WHEN '2' THEN 'parallel' WHEN '3' THEN 'auxiliary'
        END AS kind,
        calendar_day(valid_from) AS first_day, calendar_day(valid_to) AS last_day
    FROM (
        SELECT record_no, record_key, delivered_at, business_id, nth, filled(part.name) AS name,
            filled(part.type) AS type, filled(part.registrationDate) AS valid_from,
            filled(part.endDate) AS valid_to
        FROM (
            SELECT *, unnest(row.names) AS part, generate_subscripts(row.names, 1) AS nth
            FROM companies))
    WHERE name IS NOT NULL""",
    # The main name in force; of a company that has none any more, the last.
    """CREATE OR REPLACE TEMP TABLE main_names AS
    SELECT record_no, name FROM names WHERE kind = 'main'
    QUALIFY row_number() OVER (PARTITION BY record_no ORDER BY (last_day IS NULL) DESC,
        last_day DESC, first_day DESC NULLS LAST, nth) = 1""",
)

_SINGLE_DAYS = ("row.businessId.registrationDate", "row.endDate")
_READABLE = " AND ".join(
    [f"(filled({text}) IS NULL OR calendar_day({text}) IS NOT NULL)" for text in _SINGLE_DAYS]
    + [
        f"""len(list_filter(row.{name}, lambda each:
            filled(each.registrationDate) IS NOT NULL
                AND past_day(each.registrationDate, delivered_at) IS NULL
            OR filled(each.endDate) IS NOT NULL AND calendar_day(each.endDate) IS NULL)) = 0"""
        for name in ("names", "companySituations")
    ]
)
_VENDOR = f"""
    SELECT record_no, business_id, sole_trader OR name IS NOT NULL AS named,
        coalesce({_READABLE}, true) AS dates_readable, lists_fine,
        NOT sole_trader AS legal_person
    FROM companies LEFT JOIN main_names USING (record_no)"""

_C = "record_no, record_key, NULL::VARCHAR AS person_key, delivered_at AS stated_at"
_COMPANIES = f"""
    SELECT {_C}, 0 AS position, business_id, name,
        filled({_IN_FORCE.format("row.companyForms")}[1].type) AS company_form,
        nullif(array_to_string(list_sort(list_distinct(list_transform(
            {_IN_FORCE.format("row.companySituations")}, lambda each: filled(each.type)))), ','),
            '') AS situation,
        calendar_day(row.businessId.registrationDate) AS registered_on, ceased_on,
        filled(row.tradeRegisterStatus) AS trade_register_status,
        filled(row.mainBusinessLine.type) AS business_line,
        {_in_language("row.mainBusinessLine.descriptions", "description")} AS business_line_name,
        filled(row.website.url) AS website,
        coalesce(filled(concat_ws(' ', filled(home.street), filled(home.buildingNumber),
            filled(home.entrance), filled(home.apartmentNumber))),
            'PL ' || filled(home.postOfficeBox), filled(home.freeAddressLine)) AS street,
        postcode_canonical(filled(home.postCode), filled(home.country)) AS postcode,
        {_in_language("home.postOffices", "city")} AS town,
        CASE WHEN upper(filled(home.country)) NOT IN ('FI', 'FIN') THEN home.country END AS country
    FROM companies JOIN main_names USING (record_no)
    WHERE business_id IS NOT NULL AND NOT sole_trader"""

_NAMES = f"""
    SELECT {_C}, nth AS position, business_id, coalesce(kind, 'auxiliary') AS kind, name,
        first_day AS valid_from, last_day AS valid_to
    FROM names WHERE business_id IS NOT NULL"""


def _dataset(name: str, *keys: str) -> Dataset:
    return Dataset(
        name=name,
        format=JsonArray(keys),
        minimise=_MINIMISE,
        identify=_IDENTIFY,
        prepare=_PREPARE,
        vendor=CompanyRecord,
        vendor_query=_VENDOR,
        frames=(Frame(Companies, _COMPANIES), Frame(CompanyNames, _NAMES)),
    )


SOURCE = Source(
    name="authorities",
    description="Companies of the business register",
    about={
        "companies": "JSON array, in PRH's `.zip` or alone: one company",
        "companies_found": 'JSON `{"totalResults": N, "companies": [...]}`: one company',
    },
    datasets=(_dataset("companies"), _dataset("companies_found", "companies")),
)
