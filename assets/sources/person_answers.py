"""What the answers of registers about one person have in common, whichever their format.

An answer is everything that is in force about its person. A dataset brings it into four tables
(`TABLES`); how they become statements is the same for all. An answer confirms the status of nobody
but its own person. Who has no identity code is known by another number of the register, or by name
and day of birth together: with less they could not be found again, nor erased.
"""

from __future__ import annotations

from collections.abc import Mapping

from assets.sources.formats import Format
from assets.sources.source import Dataset, Frame
from schemas.sources.person_answers import PersonAnswer
from schemas.staged import Addresses, Identifiers, Names, Persons

TABLES = {
    "answers": "record_no, record_key, delivered_at, code, known, dates_fine, flags_fine, "
    "birth_date, birth_date_precision, language, native_language, deceased, death_date, protected, "
    "protected_until",
    "answered_names": "record_no, position, kind, given_names, family_name, valid_from, valid_to",
    "answered_codes": "record_no, position, value, replaced_by",
    "answered_addresses": "record_no, position, kind, street, street_sv, postcode, town, town_sv, "
    "municipality_code, country, valid_from, valid_to",
}
"""The tables that `prepare` makes, and their columns."""

_VENDOR = """
    SELECT record_no, code AS identity_code, own_id, known AS person_known,
        dates_fine AS dates_readable, flags_fine
    FROM answers"""
_OF_ANSWER = "record_key, person_key, delivered_at AS stated_at"
_PERSONS = f"""
    SELECT record_no, 0 AS position, {_OF_ANSWER}, birth_date, birth_date_precision, language,
        native_language, deceased, death_date, protected, protected_until,
        NULL::DATE AS last_contact_on
    FROM answers WHERE known AND person_key IS NOT NULL"""
_NAMES = f"""
    SELECT record_no, position, {_OF_ANSWER}, kind, 'state' AS op, given_names, family_name,
        valid_from, valid_to
    FROM answered_names JOIN answers USING (record_no)
    WHERE given_names IS NOT NULL OR family_name IS NOT NULL"""
_ADDRESSES = f"""
    SELECT record_no, position, {_OF_ANSWER}, kind, 'state' AS op, street, street_sv, postcode,
        town, town_sv, municipality_code, country, valid_from, valid_to
    FROM answered_addresses JOIN answers USING (record_no)
    WHERE coalesce(street, postcode, town, municipality_code, country) IS NOT NULL"""
_IDENTIFIERS = f"""
    SELECT record_no, 0 AS position, {_OF_ANSWER}, 'contact_id' AS type, own_id AS value,
        NULL AS replaced_by
    FROM answers WHERE known AND own_id IS NOT NULL
    UNION ALL
    SELECT record_no, position, {_OF_ANSWER}, 'identity_code', value,
        CASE WHEN identity_code_valid(replaced_by) AND replaced_by <> value
            THEN replaced_by END AS replaced_by
    FROM (
        SELECT record_no, 0 AS position, code AS value, NULL AS replaced_by
        FROM answers
        WHERE code NOT IN (
            SELECT value FROM answered_codes AS other
            WHERE other.record_no = answers.record_no AND replaced_by IS NOT NULL)
        UNION ALL
        SELECT * FROM answered_codes)
    JOIN answers USING (record_no)
    WHERE identity_code_valid(value)"""


def answers(
    name: str,
    form: Format,
    *,
    code: str,
    codes: tuple[str, ...],
    own_id: str,
    prepare: tuple[str, ...],
    persons: str,
    names: str,
    replaced: str,
    addresses: str,
    disclosable: Mapping[str, object],
    minimise: str,
    without_location: str,
    protection: str,
) -> Dataset:
    """Return the dataset of answers in a format.

    Args:
        code: Expression of the identity code of the person.
        codes: Expressions of lists of the other identity codes in a payload.
        own_id: Expression of what identifies a person without an identity code.
        prepare: Makes the tables and macros for the four queries.
        persons: Selects the columns of `answers`, a row for every record.
        names: Selects the columns of `answered_names`.
        replaced: Selects the columns of `answered_codes`: codes that others replace.
        addresses: Selects the columns of `answered_addresses`.
    """
    named = " || ".join([f"[{code}]", *(f"coalesce({expression}, [])" for expression in codes)])
    canonical = f"identity_code_canonical(filled({code}))"
    uncoded = f"CASE WHEN {canonical} IS NULL THEN {own_id} END"
    return Dataset(
        name=name,
        format=form,
        identify=f"""
    SELECT record_no, coalesce({canonical}, {uncoded}) AS native_key,
        list_distinct(list_filter(
            list_transform({named}, lambda value: identifier('identity_code',
                identity_code_canonical(filled(value)))) || [identifier('contact_id', {uncoded})],
            lambda value: value IS NOT NULL)) AS identifiers
    FROM raw_records""",
        prepare=(
            *prepare,
            f"""CREATE OR REPLACE TEMP TABLE answers AS
            SELECT *, coalesce(person_key('identity_code', code), person_key('contact_id', own_id))
                AS person_key
            FROM ({persons}) JOIN (SELECT record_no, {uncoded} AS own_id FROM records)
                USING (record_no)""",
            f"CREATE OR REPLACE TEMP TABLE answered_names AS {names}",
            f"CREATE OR REPLACE TEMP TABLE answered_codes AS {replaced}",
            f"CREATE OR REPLACE TEMP TABLE answered_addresses AS {addresses}",
        ),
        minimise=minimise,
        without_location=without_location,
        vendor=PersonAnswer,
        vendor_query=_VENDOR,
        disclosable=disclosable,
        role="basic_data",
        protection=protection,
        frames=(
            Frame(Persons, _PERSONS),
            Frame(Names, _NAMES),
            Frame(Identifiers, _IDENTIFIERS),
            Frame(Addresses, _ADDRESSES, essential=False),
        ),
    )


def without_members(member: str, names: str) -> str:
    """Return an expression: the payload without the members of an object with such names.

    Args:
        member: The key of the object; "" for the payload itself.
        names: A regular expression (RE2) for the whole name.
    """
    place = f"$.{member}" if member else "$"
    opening, closing = (f'{{"{member}":', "}") if member else ("", "")
    return f"""
    CASE WHEN json_type(payload, '{place}') = 'OBJECT'
            AND list_count(list_filter(json_keys(payload, '{place}'),
                lambda name: regexp_full_match(name, '{names}'))) > 0
        THEN json_merge_patch(payload, '{opening}{{' || array_to_string(list_transform(
            list_filter(json_keys(payload, '{place}'),
                lambda name: regexp_full_match(name, '{names}')),
            lambda name: to_json(name) || ':null'), ',') || '}}{closing}')::VARCHAR
        ELSE payload END"""


def with_only(names: tuple[str, ...], **inner: tuple[str, ...]) -> str:
    """Return an expression: an object with these members of the payload alone.

    Args:
        inner: Of members that are objects themselves: which of their members stay.
    """
    members = [f"'{name}', payload -> '$.\"{name}\"'" for name in names]
    members += [
        f"'{name}', json_object("
        + ", ".join(f"'{part}', payload -> '$.\"{name}\".\"{part}\"'" for part in parts)
        + ")"
        for name, parts in inner.items()
    ]
    # A patch leaves members that are null out.
    return f"json_merge_patch('{{}}', json_object({', '.join(members)}))::VARCHAR"
