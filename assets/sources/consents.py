"""The consent log: who allowed or forbade what, when, and on which words. Append-only: an event never replaces another.

Source: formats.md, section 8; docs/deliveries.md.
"""

from __future__ import annotations

import json

from assets.sources.source import Dataset, Frame, Source
from schemas.sources.consents import ConsentRecord
from schemas.staged import CHANNELS, Identifiers, MarketingChoices

_FIELDS = (
    "event_ts", "subject_key_type", "subject_key", "purpose", "channel", "status", "source", "evidence", "text_version", "language",
)  # fmt: skip
_PURPOSES = ("direct_marketing", "analytics", "profiling", "targeted_advertising")

# The log's word for a kind of subject -> the register's, and the subject's canonical form.
_SUBJECT_MACROS = (
    """CREATE OR REPLACE TEMP MACRO subject_type(kind) AS
    CASE kind WHEN 'henkilotunnus' THEN 'identity_code' WHEN 'cookie' THEN 'visitor_id'
        WHEN 'email' THEN 'email' WHEN 'phone' THEN 'phone' WHEN 'customer_number' THEN 'customer_number' WHEN 'contact_id' THEN 'contact_id' END""",
    """CREATE OR REPLACE TEMP MACRO subject_value(kind, key) AS
    CASE kind WHEN 'henkilotunnus' THEN identity_code_canonical(key) WHEN 'email' THEN email_canonical(key)
        WHEN 'phone' THEN phone_canonical(key) ELSE trim(key) END""",
)

_IDENTIFY = """
    WITH read AS (
        SELECT record_no, filled(payload ->> '$.subject_key_type') AS kind, filled(payload ->> '$.subject_key') AS key FROM records)
    SELECT record_no, NULL::VARCHAR AS native_key,
        CASE WHEN kind IS NULL OR key IS NULL THEN [] ELSE list_filter([
            CASE kind WHEN 'henkilotunnus' THEN 'identity_code:' || identity_code_canonical(key) WHEN 'cookie' THEN 'visitor_id:' || key
                WHEN 'email' THEN 'email:' || email_canonical(key) WHEN 'phone' THEN 'phone:' || phone_canonical(key)
                WHEN 'customer_number' THEN 'customer_number:' || key WHEN 'contact_id' THEN 'contact_id:' || key END],
            lambda one: one IS NOT NULL) END AS identifiers
    FROM read"""

_PREPARE = (
    *_SUBJECT_MACROS,
    """CREATE OR REPLACE TEMP MACRO moment(text) AS
    CASE WHEN regexp_matches(text, '(Z|[+-][0-9][0-9]:?[0-9][0-9])$') THEN TRY_CAST(text AS TIMESTAMPTZ) END""",
    f"""CREATE OR REPLACE TEMP TABLE events AS
    SELECT record_no, record_key, delivered_at, {", ".join(f'filled(row."{name}") AS {name}' for name in _FIELDS)},
        subject_type(filled(row.subject_key_type)) AS kind, subject_value(filled(row.subject_key_type), filled(row.subject_key)) AS value
    FROM (SELECT *, from_json(payload, '{json.dumps(dict.fromkeys(_FIELDS, "VARCHAR"))}') AS row FROM records)""",
)

# A TCF 2 core string has at least 213 bits, 36 characters of base64url, and begins with C (version 2 in six bits).
_VENDOR = f"""
    SELECT record_no, moment(event_ts) IS NOT NULL AS time_readable,
        coalesce(kind IS NOT NULL AND value IS NOT NULL AND CASE kind WHEN 'identity_code' THEN identity_code_valid(value)
            WHEN 'email' THEN email_valid(value) WHEN 'phone' THEN phone_valid(value) ELSE true END, false) AS subject_known,
        coalesce(purpose IN {_PURPOSES}, false) AS purpose_known, coalesce(channel IN {CHANNELS}, false) AS channel_known,
        coalesce(status IN ('granted', 'withdrawn', 'prohibited'), false) AS status_known,
        NOT (coalesce(source = 'tcf2', false) AND coalesce(status = 'granted', false))
            OR coalesce(length(split_part(evidence, '.', 1)) >= 36 AND regexp_full_match(split_part(evidence, '.', 1), 'C[A-Za-z0-9_-]+'), false)
            AS evidence_sound
    FROM events"""

_CHOICES = """
    SELECT record_no, record_key, person_key(kind, value) AS person_key, coalesce(moment(event_ts), delivered_at) AS stated_at, 0 AS position,
        purpose, channel, status AS choice, 'consents:' || coalesce(source, '') AS origin, kind || ':' || value AS subject,
        text_version, language, evidence
    FROM events"""

_IDENTIFIERS = """
    SELECT record_no, record_key, person_key(kind, value) AS person_key, coalesce(moment(event_ts), delivered_at) AS stated_at, 1 AS position,
        kind AS type, value, NULL::VARCHAR AS replaced_by
    FROM events WHERE kind IS NOT NULL AND value IS NOT NULL"""

SOURCE = Source(
    name="consents",
    description="The log of consents, withdrawals and prohibitions",
    datasets=(
        Dataset(
            name="consent_log",
            format="csv",
            identify=_IDENTIFY,
            prepare=_PREPARE,
            vendor=ConsentRecord,
            vendor_query=_VENDOR,
            frames=(Frame(MarketingChoices, _CHOICES), Frame(Identifiers, _IDENTIFIERS)),
        ),
    ),
)
