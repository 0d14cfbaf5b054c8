"""Contacts of a CRM, whichever vendor exports them: a vendor's module names the columns.

Source: docs/vendor-formats.md, "CRM"; docs/deliveries.md. A contact in a newer export replaces the
older one as a whole. An opt-out is a prohibition; its absence is never consent. An opt-out is never
delayed: a contact with one is used even if its dates cannot be parsed, without the dates. What a
contact was known by before others were merged into it, is the same person's. Of a contact that was
deleted in the CRM, its ids and opt-outs stay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from assets.sources.formats import Csv, JsonArray
from assets.sources.source import Dataset, Frame
from schemas.sources.crm import ContactRecord
from schemas.staged import (
    Addresses,
    CompanyContacts,
    ContactPoints,
    Identifiers,
    MarketingChoices,
    Names,
    Persons,
)


@dataclass(frozen=True)
class OptOut:
    """A column by which a contact refuses marketing.

    Attributes:
        origin: The signal's name in `MarketingChoices.origin`.
        column: The column.
        values: Condition, as SQL over `value`, under which it is a refusal.
        channel: What is refused, for every address of the contact by which it is reached.
    """

    origin: str
    column: str
    values: str = "is_opted_out(value)"
    channel: str = "email"


@dataclass(frozen=True)
class Export:
    """The columns of a vendor's export of contacts; those with several names in their order.

    Attributes:
        number: The contact's own id.
        contact_id: The identifier that an id of the vendor is, as SQL with `{}` in its place.
        merged: Ids of contacts that are one with this one, with semicolons between.
        full_name: Given and family name, of a contact without its parts.
        made: The day on which the registrant came into the CRM.
        contacted: Days on which the registrant did something.
        companies: Companies, with semicolons between.
        deleted: Filled with yes for a contact that was deleted in the CRM.
        format: The format of an answer of the vendor's API; None: a CSV export of everything.
        flat: Expression, over `payload`, of the record with a member for each column.
        other: Columns that nothing reads and that are the registrant's own.
    """

    dataset: str
    number: str
    opt_outs: tuple[OptOut, ...]
    given_names: str
    family_name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    customer_number: str
    made: str
    companies: str
    job_title: str
    birth_date: str
    contact_id: str = "contact_id_canonical({})"
    merged: str | None = None
    full_name: str | None = None
    contacted: tuple[str, ...] = ()
    language: str | None = None
    street: str | None = None
    postcode: str | None = None
    town: str | None = None
    country: str | None = None
    deleted: str | None = None
    format: JsonArray | None = None
    flat: str = "payload"
    other: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The columns with a location."""
        return tuple(filter(None, (self.street, self.postcode, self.town, self.country)))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read."""
        single = (
            self.number, self.merged, self.given_names, self.family_name, self.full_name,
            self.customer_number, self.language, self.birth_date, self.made, self.companies,
            self.job_title, self.deleted,
        )  # fmt: skip
        opt_outs = (opt_out.column for opt_out in self.opt_outs)
        several = (
            *self.emails,
            *self.phones,
            *self.contacted,
            *self.places,
            *opt_outs,
            *self.other,
        )
        return tuple(dict.fromkeys(name for name in (*single, *several) if name))


def contacts(export: Export) -> Dataset:
    """Return the dataset of a vendor's export."""
    return Dataset(
        name=export.dataset,
        format=export.format or Csv(export.columns),
        snapshot=export.format is None,
        minimise=export.flat,
        given=f"given_day({_of_payload(export.made)})",
        without_location=_without_location(export),
        identify=_identify(export),
        identity=_identity(export),
        prepare=_prepare(export),
        disclosable=dict.fromkeys(export.columns, "VARCHAR"),
        opt_outs={opt_out.origin: opt_out.column for opt_out in export.opt_outs},
        vendor=ContactRecord,
        vendor_query=_VENDOR,
        frames=(
            Frame(Persons, _PERSONS, essential=False),
            Frame(Names, _NAMES),
            Frame(Identifiers, _IDENTIFIERS, essential=False),
            Frame(ContactPoints, _CONTACT_POINTS, essential=False),
            Frame(Addresses, _ADDRESSES, essential=False),
            Frame(CompanyContacts, _COMPANY_CONTACTS, essential=False),
            Frame(MarketingChoices, _OPT_OUTS),
        ),
    )


def _of_payload(column: str) -> str:
    return f"""payload ->> '$."{column}"'"""


def _of_row(column: str | None) -> str:
    return f'row."{column}"' if column else "NULL::VARCHAR"


def _several(split: str, columns: tuple[str, ...]) -> str:
    """SQL: the filled values of columns that may each have several, as one list."""
    values = ", ".join(f"{split}({_of_row(column)})" for column in columns)
    return f"several_filled([{values}])"


def _ids(export: Export) -> str:
    """SQL: the other ids of the contact."""
    one_id = export.contact_id.format("filled(id)")
    return f"""list_distinct(list_filter(
        list_transform(string_split({_of_row(export.merged)}, ';'), lambda id: {one_id}),
        lambda id: id IS NOT NULL))::VARCHAR[]"""


def _identify(export: Export) -> str:
    """The query of the ids and addresses by which a record is found."""
    names = (export.number, export.merged, export.customer_number, *export.emails, *export.phones)
    shape = json.dumps(dict.fromkeys(filter(None, names), "VARCHAR"))
    return f"""
    WITH read AS (
        SELECT record_no, {export.contact_id.format(_of_row(export.number))} AS contact_id,
            {_ids(export)} AS other_ids,
            customer_number_canonical({_of_row(export.customer_number)}) AS customer_number,
            {_several("several_addresses", export.emails)} AS emails,
            {_several("several_numbers", export.phones)} AS phones
        FROM (SELECT record_no, from_json(payload, '{shape}') AS row FROM raw_records))
    SELECT record_no, contact_id AS native_key, list_filter(list_concat(
        [identifier('contact_id', contact_id), identifier('customer_number', customer_number)],
        list_transform(emails, lambda text: identifier('email', email_canonical(text))),
        list_distinct(
            list_transform(phones, lambda text: identifier('phone', phone_canonical(text)))),
        list_transform(coalesce(other_ids, []), lambda id: identifier('contact_id', id))),
        lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM read"""


def _identity(export: Export) -> tuple[str, ...]:
    names = (export.given_names, export.family_name)
    parts = ", ".join(f"filled({_of_payload(name)})" for name in names)
    whole = [f"lower(filled({_of_payload(export.full_name)}))"] if export.full_name else []
    return (
        *(f"email_canonical(filled({_of_payload(name)}))" for name in export.emails),
        *(f"phone_canonical(filled({_of_payload(name)}))" for name in export.phones),
        f"lower(filled(concat_ws(' ', {parts})))",
        *whole,
        f"given_day({_of_payload(export.birth_date)})::VARCHAR",
    )


def _without_location(export: Export) -> str:
    """Only the fields that are read and have no place stay: a custom field may have one."""
    stay = tuple(name for name in export.columns if name not in export.places)
    return f"""
    json_merge_patch(payload, '{{' || array_to_string(list_transform(
        list_filter(json_keys(payload), lambda name: name NOT IN {stay!r}),
        lambda name: to_json(name)::VARCHAR || ':null'), ',') || '}}')::VARCHAR"""


_LANGUAGES = {
    "fi": "fi|fin|finnish|suomi|finska",
    "sv": "sv|swe|swedish|svenska|ruotsi",
    "en": "en|eng|english|englanti|engelska",
}
_LANGUAGE = " ".join(
    f"""WHEN regexp_full_match(lower(filled({{0}})), '({words})([-_ (].*)?') THEN '{code}'"""
    for code, words in _LANGUAGES.items()
)
_MACROS = (
    # Any value that is not clearly a no is an opt-out.
    "CREATE OR REPLACE TEMP MACRO is_opted_out(text) AS coalesce(lower(filled(text)) NOT IN "
    "('false', 'no', '0', 'ei', 'nej'), false)",
    f"CREATE OR REPLACE TEMP MACRO language_code(text) AS "
    f"CASE {_LANGUAGE.format('text')} ELSE filled(text) END",
    # A contact cannot be later than its delivery: a day that is to come is a fault, and none.
    """CREATE OR REPLACE TEMP MACRO contact_day(text, delivered_at) AS
    CASE WHEN given_day(text) <= local_day(delivered_at) THEN given_day(text) END""",
    """CREATE OR REPLACE TEMP MACRO foreign_country(text) AS
    CASE WHEN NOT regexp_matches(text, '(?i)^ *fin?( |-|$)|fin+land|suomi')
        AND NOT placeholder(text) THEN filled(text) END""",
    # Of a name in one piece the last word is the family name.
    r"""CREATE OR REPLACE TEMP MACRO name_part(text, part) AS
    filled(regexp_extract(trim(regexp_replace(text, '\s+', ' ', 'g')),
        '^(.*?) ?([^ ]+)$', part))""",
)


def _name(column: str, full_name: str | None, part: int) -> str:
    """SQL: a part of the name; of the name in one piece if no part is filled."""
    return f"coalesce(filled({_of_row(column)}), {_split_name(full_name, part)})"


def _split_name(full_name: str | None, part: int) -> str:
    return f"name_part({_of_row(full_name)}, {part})" if full_name else "NULL"


_C = "record_no, record_key, person_key, stated_at"

# The addresses and numbers of each contact, each once, in their order.
_POINTS = f"""CREATE OR REPLACE TEMP TABLE points AS
    WITH texts AS (
        SELECT {_C}, deleted, 'email' AS kind, unnest(emails) AS text,
            generate_subscripts(emails, 1) AS nth FROM contacts
        UNION ALL
        SELECT {_C}, deleted, 'phone', unnest(phones), generate_subscripts(phones, 1)
        FROM contacts),
    canonical AS (
        SELECT * EXCLUDE (text), text,
            CASE kind WHEN 'email' THEN email_canonical(text) ELSE phone_canonical(text) END
                AS match_key,
            CASE kind WHEN 'email' THEN email_shown(text) ELSE phone_canonical(text) END AS value
        FROM texts)
    SELECT * FROM canonical QUALIFY row_number() OVER (
        PARTITION BY record_no, kind, coalesce(match_key, text) ORDER BY nth) = 1"""


def _prepare(export: Export) -> tuple[str, ...]:
    """The table `contacts`, the same for every vendor."""
    shape = json.dumps(dict.fromkeys(export.columns, "VARCHAR"))
    dates = [_of_row(name) for name in (export.made, *export.contacted, export.birth_date)]
    readable = " AND ".join(
        f"(filled({date}) IS NULL OR given_day({date}) IS NOT NULL)" for date in dates
    )
    contacted = ", ".join(f"contact_day({date}, delivered_at)" for date in dates[:-1])
    refused = ", ".join(
        f"""CASE WHEN coalesce({opt_out.values.replace("value", _of_row(opt_out.column))}, false)
            THEN {{'nth': {nth}, 'origin': '{opt_out.origin}', 'channel': '{opt_out.channel}'}}
            END"""
        for nth, opt_out in enumerate(export.opt_outs)
    )
    parted = (
        f"coalesce(filled({_of_row(export.given_names)}), filled({_of_row(export.family_name)}))"
    )
    deleted = f"is_opted_out({_of_row(export.deleted)})" if export.deleted else "false"
    return (
        *_MACROS,
        f"""CREATE OR REPLACE TEMP TABLE contacts AS
        SELECT *, person_key('contact_id', contact_id) AS person_key FROM (
            SELECT record_no, record_key, delivered_at AS stated_at,
                {export.contact_id.format(_of_row(export.number))} AS contact_id,
                {_ids(export)} AS other_ids, {deleted} AS deleted,
                coalesce(filled({_of_row(export.given_names)}),
                    CASE WHEN {parted} IS NULL THEN {_split_name(export.full_name, 1)} END)
                    AS given_names,
                coalesce(filled({_of_row(export.family_name)}),
                    CASE WHEN {parted} IS NULL THEN {_split_name(export.full_name, 2)} END)
                    AS family_name,
                {_several("several_addresses", export.emails)} AS emails,
                {_several("several_numbers", export.phones)} AS phones,
                coalesce(customer_number_canonical({_of_row(export.customer_number)}),
                    damaged_number({_of_row(export.customer_number)})) AS customer_number,
                {readable} AS dates_readable, greatest({contacted}) AS last_contact_on,
                given_day({_of_row(export.birth_date)}) AS birth_date,
                language_code({_of_row(export.language)}) AS language,
                {_of_row(export.street)} AS street, {_of_row(export.postcode)} AS postcode,
                {_of_row(export.town)} AS town,
                foreign_country({_of_row(export.country)}) AS country,
                string_split({_of_row(export.companies)}, ';') AS companies,
                filled({_of_row(export.job_title)}) AS job_title,
                list_filter([{refused}], lambda opt_out: opt_out IS NOT NULL) AS refused
            FROM (SELECT *, from_json(payload, '{shape}') AS row FROM records))""",
        _POINTS,
    )


_VENDOR = """
    SELECT record_no, contact_id, len(refused) > 0 OR deleted OR dates_readable AS dates_readable
    FROM contacts"""


_PERSONS = f"""
    SELECT {_C}, 0 AS position, birth_date,
        CASE WHEN birth_date IS NOT NULL THEN 'day' END AS birth_date_precision,
        language, NULL::VARCHAR AS native_language, NULL::BOOLEAN AS deceased,
        NULL::DATE AS death_date, NULL::BOOLEAN AS protected, NULL::DATE AS protected_until,
        last_contact_on
    FROM contacts WHERE NOT deleted"""

_NAMES = f"""
    SELECT {_C}, 1 AS position, 'official' AS kind, 'state' AS op, given_names, family_name,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts WHERE NOT deleted AND coalesce(given_names, family_name) IS NOT NULL"""

# Behind the positions of everything else that a contact states.
_OTHER_IDS = 1000

_IDENTIFIERS = f"""
    SELECT {_C}, 2 AS position, 'contact_id' AS type, contact_id AS value,
        NULL::VARCHAR AS replaced_by FROM contacts WHERE contact_id IS NOT NULL
    UNION ALL
    SELECT {_C}, 3 AS position, 'customer_number', customer_number, NULL FROM contacts
        WHERE customer_number IS NOT NULL
    UNION ALL
    SELECT {_C}, {_OTHER_IDS} + nth, 'contact_id', other_id, NULL FROM (
        SELECT {_C}, contact_id, unnest(other_ids) AS other_id,
            generate_subscripts(other_ids, 1) AS nth
        FROM contacts)
    WHERE contact_id IS NOT NULL AND other_id <> contact_id"""


# Of one record the highest position counts, so the first address has it.
_CONTACT_POINTS = f"""
    SELECT {_C}, (CASE kind WHEN 'email' THEN 500 ELSE 900 END) - nth AS position, kind,
        'state' AS op, value, match_key, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM points WHERE NOT deleted"""

_ADDRESSES = f"""
    SELECT {_C}, 6 AS position, 'postal' AS kind, 'state' AS op,
        regexp_replace(filled(street), '\\s+', ' ', 'g') AS street,
        NULL::VARCHAR AS street_sv, postcode_canonical(filled(postcode), country) AS postcode,
        filled(town) AS town, NULL::VARCHAR AS town_sv, NULL::VARCHAR AS municipality_code,
        country, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM contacts
    WHERE NOT deleted AND coalesce(filled(street), filled(postcode), filled(town)) IS NOT NULL"""

_COMPANY_CONTACTS = f"""
    SELECT {_C}, 6 + nth AS position, filled(name) AS company_name, job_title
    FROM (SELECT {_C}, unnest(companies) AS name, generate_subscripts(companies, 1) AS nth,
        job_title FROM contacts WHERE NOT deleted)
    WHERE filled(name) IS NOT NULL"""

# The addresses are opted out, for every contact with them; without one, the contact.
_OPT_OUTS = f"""
    WITH opted_out AS (SELECT *, opt_out.channel AS kind FROM (
        SELECT {_C}, contact_id, unnest(refused) AS opt_out FROM contacts)),
    reached AS (
        SELECT record_no, kind, match_key, nth FROM points
        WHERE CASE kind WHEN 'email' THEN email_valid(match_key) ELSE phone_valid(match_key) END)
    SELECT {_C}, opt_out.nth + 10 * (coalesce(reached.nth, 1) - 1) AS position,
        'direct_marketing' AS purpose, opt_out.channel AS channel, 'prohibited' AS choice,
        opt_out.origin AS origin,
        coalesce(kind || ':' || match_key, 'contact_id:' || contact_id) AS subject,
        NULL::VARCHAR AS text_version, NULL::VARCHAR AS language, NULL::VARCHAR AS evidence
    FROM opted_out
    LEFT JOIN reached USING (record_no, kind)"""
