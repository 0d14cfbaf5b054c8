"""`self`: registrants about themselves: edits in self-service, other data with their consent, and
corrections made on request.

An edit is a statement like any other, weighed by the policy's trust in the source. A correction
overrides every source until the corrected one agrees (`assets.register.corrections`), so it goes
into a table of its own. Source: docs/deliveries.md.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonLines
from assets.sources.source import Dataset, Frame, Source
from schemas.activities import CONSENTS, OtherData
from schemas.sources.self_service import CorrectionRecord, EditRecord, OtherDataRecord
from schemas.staged import (
    Addresses,
    CompanyContacts,
    ContactPoints,
    Corrections,
    Identifiers,
    Names,
    Persons,
)
from schemas.vocabulary import RECTIFIABLE

SUBJECTS = ("identity_code", "customer_number", "contact_id", "email", "phone")
_EDIT = {
    "edit_id": "VARCHAR",
    "edited_at": "VARCHAR",
    "subject_key_type": "VARCHAR",
    "subject_key": "VARCHAR",
    "changes": dict.fromkeys(RECTIFIABLE, "VARCHAR"),
}
_CORRECTION_FIELDS = (
    "made_at",
    "request_id",
    "subject_key_type",
    "subject_key",
    "attribute",
    "value",
    "overrides",
    "replaces",
)
# Names and addresses are complete: the golden record takes them from one source as a whole.
WHOLE = (("given_names", "family_name"), ("street", "postcode", "town"))

_VALID = f"({{0}} IN {SUBJECTS} AND identifier_valid({{0}}, {{1}}))"

_MACROS = (
    # A correction has no country: digits alone are a Finnish postcode, another country's has its
    # letters before it.
    """CREATE OR REPLACE TEMP MACRO corrected_postcode(value) AS
    CASE
        WHEN postcode_valid(finnish_postcode(plain_text(value)))
        THEN finnish_postcode(plain_text(value))
        WHEN regexp_matches(value, '[^0-9., ]')
            AND NOT placeholder(value) THEN plain_text(value) END""",
    """CREATE OR REPLACE TEMP MACRO fits(attribute, value) AS value IS NULL
        OR coalesce(CASE attribute
        WHEN 'email' THEN email_valid(email_canonical(value))
            WHEN 'phone' THEN phone_valid(phone_canonical(value))
        WHEN 'birth_date' THEN year(calendar_day(value)) BETWEEN 1850 AND 2100
        WHEN 'language' THEN regexp_full_match(lower(value), '[a-z]{2}')
        WHEN 'postcode' THEN corrected_postcode(value) IS NOT NULL
            ELSE strlen(value) <= 1000 END, false)""",
)

# Everybody named: the subject, and the address or number after the change.
_IDENTIFY = f"""
    WITH read AS (
        SELECT record_no, opaque_id(payload ->> '$.data_id') AS number,
            payload ->> '$.subject_key_type' AS kind,
            filled(payload ->> '$.subject_key') AS key,
            filled({{email}}) AS email, filled({{phone}}) AS phone FROM raw_records)
    SELECT record_no, {{number}} AS native_key, list_distinct(list_filter([
        CASE WHEN kind IN {SUBJECTS} THEN identifier(kind, identifier_canonical(kind, key)) END,
        identifier('email', email_canonical(email)), identifier('phone', phone_canonical(phone))],
            lambda identifier: identifier IS NOT NULL)) AS identifiers
    FROM read"""

_SUBJECT = f"CASE WHEN kind IN {SUBJECTS} THEN identifier_canonical(kind, key) END AS subject"
_C = "record_no, record_key, person_key, stated_at"


def _subjects(query: str, time: str) -> str:
    """Return the query with `kind`, `subject`, `person_key` and the statement's time."""
    return f"""
    SELECT *, coalesce({_VALID.format("kind", "subject")}, false) AS subject_known,
        person_key(kind, subject) AS person_key,
        past_moment({time}, delivered_at) AS own_time,
        coalesce(past_moment({time}, delivered_at), delivered_at) AS stated_at
    FROM (SELECT *, {_SUBJECT} FROM (SELECT *, stated_text(row.subject_key_type) AS kind,
        stated_text(row.subject_key) AS key FROM ({query})))"""


_EDITS = (
    *_MACROS,
    f"""CREATE OR REPLACE TEMP TABLE edits AS {
        _subjects(
            f'''SELECT record_no, record_key, delivered_at, row, payload,
            json_type(payload, '$.changes') AS changes_type,
            coalesce(json_keys(payload, '$.changes'), []) AS changed,
            {", ".join(f'stated_text(row.changes."{name}") AS {name}' for name in RECTIFIABLE)}
            FROM (SELECT *, from_json(payload, '{json.dumps(_EDIT)}') AS row FROM records)''',
            "row.edited_at",
        )
    }""",
)

_GROUPS_WHOLE = " AND ".join(
    f"({' + '.join(f'({name} IS NOT NULL)::INTEGER' for name in group)}) IN (0, {len(group)})"
    for group in WHOLE
)
# An edit's postcode is checked with its country, as an address.
_FINE = " AND ".join(
    f"fits('{'town' if name == 'postcode' else name}', {name})"
    f" AND (filled(row.changes.{name}) IS NULL OR {name} IS NOT NULL)"
    for name in RECTIFIABLE
)
_EDIT_VENDOR = f"""
    SELECT record_no, own_time IS NOT NULL AS time_readable, subject_known,
        coalesce(changes_type = 'OBJECT', false)
            AND coalesce({" OR ".join(f"{name} IS NOT NULL" for name in RECTIFIABLE)}, false)
            AND list_has_all({list(RECTIFIABLE)}, changed) AS changes_known,
        {_GROUPS_WHOLE} AND (job_title IS NULL OR company_name IS NOT NULL)
            AND (country IS NULL OR street IS NOT NULL) AS groups_whole,
        {_FINE} AS values_fine
    FROM edits"""

_PERSONS = f"""
    SELECT {_C}, 0 AS position, calendar_day(birth_date) AS birth_date, CASE
        WHEN calendar_day(birth_date) IS NOT NULL THEN 'day' END AS birth_date_precision,
        lower(language) AS language, NULL::VARCHAR AS native_language, NULL::BOOLEAN AS deceased,
            NULL::DATE AS death_date, NULL::BOOLEAN AS protected,
        NULL::DATE AS protected_until, local_day(stated_at) AS last_contact_on
    FROM edits"""
_NAMES = f"""
    SELECT {_C}, 1 AS position, 'official' AS kind, 'state' AS op, given_names, family_name,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM edits WHERE given_names IS NOT NULL OR family_name IS NOT NULL
    UNION ALL
    SELECT {_C}, 2, 'call', 'state', call_name, NULL, NULL, NULL FROM edits
        WHERE call_name IS NOT NULL"""
_CONTACT_POINTS = f"""
    SELECT {_C}, 3 AS position, 'email' AS kind, 'state' AS op, email_shown(email) AS value,
        email_canonical(email) AS match_key, NULL::DATE AS valid_from,
        NULL::DATE AS valid_to FROM edits WHERE email IS NOT NULL
    UNION ALL
    SELECT {_C}, 4, 'phone', 'state', phone_canonical(phone), phone_canonical(phone), NULL, NULL
        FROM edits WHERE phone IS NOT NULL"""
_ADDRESSES = f"""
    SELECT {_C}, 5 AS position, 'postal' AS kind, 'state' AS op, street, NULL::VARCHAR AS street_sv,
        postcode_canonical(postcode, country) AS postcode, town, NULL::VARCHAR AS town_sv,
        NULL::VARCHAR AS municipality_code, country, NULL::DATE AS valid_from,
            NULL::DATE AS valid_to
    FROM edits WHERE street IS NOT NULL"""
_COMPANIES = (
    f"SELECT {_C}, 6 AS position, company_name, job_title FROM edits WHERE company_name IS NOT NULL"
)
_IDENTIFIERS = (
    f"SELECT {_C}, 7 AS position, kind AS type, subject AS value, NULL::VARCHAR AS replaced_by "
    f"FROM {{0}} WHERE subject_known"
)

_CORRECTIONS = (
    *_MACROS,
    f"""CREATE OR REPLACE TEMP TABLE stated_corrections AS {
        _subjects(
            f'''SELECT record_no, record_key, delivered_at, row,
            stated_text(row.attribute) AS attribute, stated_text(row.value) AS value,
            stated_text(row.request_id) AS request_id, stated_text(row.overrides) AS overrides,
                stated_text(row.replaces) AS replaces
            FROM (SELECT *, from_json(payload,
                '{json.dumps(dict.fromkeys(_CORRECTION_FIELDS, "VARCHAR"))}') AS row
                FROM records)''',
            "row.made_at",
        )
    }""",
)
_CORRECTED_VALUE = "CASE WHEN (payload ->> '$.attribute') = '{0}' THEN payload ->> '$.value' END"
_CORRECTION_VENDOR = f"""
    SELECT record_no, own_time IS NOT NULL AS time_readable, subject_known,
        coalesce(attribute IN {RECTIFIABLE}, false) AND value IS NOT NULL AS changes_known,
        fits(attribute, value) AS values_fine,
        coalesce(regexp_full_match(request_id, 'Q[0-9A-Z]{{16,20}}'), false)
            AND (replaces IS NULL OR regexp_full_match(replaces, '[0-9a-f]{{64}}')) AS request_named
    FROM stated_corrections"""
_CORRECTED = f"""
    SELECT {_C}, 0 AS position, attribute, CASE attribute WHEN 'phone' THEN phone_canonical(value)
        WHEN 'email' THEN email_shown(value)
            WHEN 'postcode' THEN corrected_postcode(value) WHEN 'language' THEN lower(value)
                ELSE value END AS value,
        request_id AS request, overrides, replaces
    FROM stated_corrections WHERE attribute IN {RECTIFIABLE} AND value IS NOT NULL
        AND request_id IS NOT NULL"""

_DATA_FIELDS = (
    "data_id",
    "given_at",
    "subject_key_type",
    "subject_key",
    "topic",
    "value",
    "status",
    "text_version",
)
# What is withdrawn keeps no value; without the status of a consent nothing shows that it may be
# kept.
_DATA_MINIMISED = """CASE WHEN lower(filled(payload ->> '$.status')) = 'granted' THEN payload
    ELSE json_merge_patch(payload, '{"value": null}')::VARCHAR END"""
_DATA_IDENTIFY = _IDENTIFY.format(number="number", email="NULL", phone="NULL")
_DATA = (
    f"""CREATE OR REPLACE TEMP TABLE other AS {
        _subjects(
            f'''SELECT record_no, record_key, delivered_at, row,
            opaque_id(row.data_id) AS number, stated_text(row.topic) AS topic,
            stated_text(row.value) AS value, lower(filled(row.status)) AS status,
            stated_text(row.text_version) AS text_version
            FROM (SELECT *, from_json(payload,
                '{json.dumps(dict.fromkeys(_DATA_FIELDS, "VARCHAR"))}') AS row
                FROM records)''',
            "row.given_at",
        )
    }""",
)
_DATA_VENDOR = """
    SELECT record_no, own_time IS NOT NULL OR coalesce(status = 'withdrawn', false)
            AS time_readable, subject_known,
        number IS NOT NULL AND coalesce(strlen(topic) <= 200, false) AND CASE status
            WHEN 'granted' THEN coalesce(strlen(value) <= 10000, false)
                AND text_version IS NOT NULL
            ELSE coalesce(status = 'withdrawn', false) END AS consent_stated
    FROM other"""
_OTHER_DATA = f"""
    SELECT {_C}, 0 AS position, topic, CASE WHEN status = 'granted' THEN value END AS value,
        status AS consent, text_version
    FROM other WHERE number IS NOT NULL AND topic IS NOT NULL AND status IN {CONSENTS}"""

# Of a registrant under protected identity no address stays, in either dataset.
_PLACES = ("street", "postcode", "town", "country")
_PLACELESS_EDIT = (
    f"json_merge_patch(payload, '{json.dumps({'changes': dict.fromkeys(_PLACES)})}')::VARCHAR"
)
_PLACELESS_CORRECTION = (
    f"CASE WHEN (payload ->> '$.attribute') IN {_PLACES} THEN json_merge_patch(payload, "
    f"'{{\"value\": null}}')::VARCHAR ELSE payload END"
)

SOURCE = Source(
    name="self",
    description="What registrants say of themselves: edits in self-service, corrections on request",
    about={
        "edits": "JSON lines: one edit of one's own data",
        "other_data": "JSON lines: other data with the registrant's consent, or the withdrawal",
        "corrections": "JSON lines: one corrected attribute; `register rectify` writes them",
    },
    datasets=(
        Dataset(
            name="edits",
            format=JsonLines(),
            without_location=_PLACELESS_EDIT,
            identify=_IDENTIFY.format(
                number="NULL::VARCHAR",
                email="payload ->> '$.changes.email'",
                phone="payload ->> '$.changes.phone'",
            ),
            prepare=_EDITS,
            disclosable=_EDIT,
            vendor=EditRecord,
            vendor_query=_EDIT_VENDOR,
            frames=(
                Frame(Persons, _PERSONS),
                Frame(Names, _NAMES),
                Frame(ContactPoints, _CONTACT_POINTS),
                Frame(Addresses, _ADDRESSES),
                Frame(CompanyContacts, _COMPANIES),
                Frame(Identifiers, _IDENTIFIERS.format("edits")),
            ),
        ),
        Dataset(
            name="corrections",
            format=JsonLines(),
            without_location=_PLACELESS_CORRECTION,
            identify=_IDENTIFY.format(
                number="NULL::VARCHAR",
                email=_CORRECTED_VALUE.format("email"),
                phone=_CORRECTED_VALUE.format("phone"),
            ),
            prepare=_CORRECTIONS,
            disclosable=dict.fromkeys(_CORRECTION_FIELDS, "VARCHAR"),
            vendor=CorrectionRecord,
            vendor_query=_CORRECTION_VENDOR,
            frames=(
                Frame(Corrections, _CORRECTED),
                Frame(Identifiers, _IDENTIFIERS.format("stated_corrections")),
            ),
        ),
        Dataset(
            name="other_data",
            format=JsonLines(),
            minimise=_DATA_MINIMISED,
            given="given_day(payload ->> '$.given_at')",
            ends="lower(filled(payload ->> '$.status')) = 'withdrawn'",
            identify=_DATA_IDENTIFY,
            prepare=_DATA,
            disclosable=dict.fromkeys(_DATA_FIELDS, "VARCHAR"),
            vendor=OtherDataRecord,
            vendor_query=_DATA_VENDOR,
            frames=(
                Frame(OtherData, _OTHER_DATA),
                Frame(Identifiers, _IDENTIFIERS.format("other")),
            ),
        ),
    ),
)
