"""The consent log: grants and refusals, their time and the text shown. Events are append-only.

Source: docs/vendor-formats.md, "Consent log"; docs/deliveries.md. A grant counts only without
doubt; a refusal needs no origin, and without a time that can be parsed it counts from its delivery.
"""

from __future__ import annotations

import json

from assets.sources import tcf
from assets.sources.formats import Csv
from assets.sources.source import Dataset, Frame, Source
from schemas.eligibility import REFUSED, UNTIL_LIFTED
from schemas.sources.consents import ConsentRecord
from schemas.staged import CHOICES, Identifiers, MarketingChoices
from schemas.vocabulary import CHANNELS, REGISTRANT_PURPOSES

_FIELDS = (
    "event_ts", "subject_key_type", "subject_key", "purpose", "channel", "status", "source",
    "evidence", "text_version", "language",
)  # fmt: skip

# The log's type of subject -> the register's type of identifier.
_KIND = """CASE lower({0}) WHEN 'henkilotunnus' THEN 'identity_code' WHEN 'cookie' THEN 'visitor_id'
        WHEN 'email' THEN 'email' WHEN 'phone' THEN 'phone'
            WHEN 'customer_number' THEN 'customer_number' WHEN 'contact_id' THEN 'contact_id' END"""
_IDENTIFY = f"""
    WITH read AS (
        SELECT record_no, {_KIND.format("filled(payload ->> '$.subject_key_type')")} AS kind,
            filled(payload ->> '$.subject_key') AS key
        FROM raw_records)
    SELECT record_no, NULL::VARCHAR AS native_key,
        list_filter([CASE WHEN kind IS NOT NULL THEN identifier(kind,
            identifier_canonical(kind, key)) END],
            lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM read"""

_PREPARE = (
    *tcf.MACROS,
    f"""CREATE OR REPLACE TEMP TABLE events AS
    SELECT record_no, record_key, person_key(kind, value) AS person_key,
        coalesce(event_at, delivered_at) AS stated_at, event_at, kind, value,
        coalesce(regexp_matches(lower(source), 'tcf|iab|cmp'), false) AS by_tcf,
            split_part(evidence, '.', 1) AS core,
        coalesce(tcf_sound(split_part(evidence, '.', 1), event_at), false) AS sound,
        kind IS NOT NULL AND identifier_valid(kind, value) AS subject_known,
        lower(purpose) AS purpose, lower(channel) AS channel, lower(status) AS choice, source,
            evidence, text_version, language
    FROM (
        SELECT *, past_moment(event_ts, delivered_at) AS event_at,
            identifier_canonical(kind, subject_key) AS value
        FROM (SELECT *, {_KIND.format("subject_key_type")} AS kind FROM (
            SELECT record_no, record_key, delivered_at,
                {", ".join(f'filled(row."{name}") AS {name}' for name in _FIELDS)}
            FROM (SELECT *, from_json(payload,
                '{json.dumps(dict.fromkeys(_FIELDS, "VARCHAR"))}') AS row FROM records))))""",
)

_VENDOR = f"""
    SELECT record_no, event_at IS NOT NULL
        OR coalesce(choice IN {(*REFUSED, *UNTIL_LIFTED)}, false) AS time_readable, subject_known,
        coalesce(purpose IN {REGISTRANT_PURPOSES}, false) AS purpose_known,
            coalesce(channel IN {CHANNELS}, false) AS channel_known,
        coalesce(choice IN {CHOICES}, false) AS status_known, choice IS DISTINCT FROM 'granted'
            OR source IS NOT NULL AS source_given,
        choice IS DISTINCT FROM 'granted' OR NOT by_tcf OR event_at IS NULL
            OR sound AS evidence_sound,
        choice IS DISTINCT FROM 'granted' OR NOT by_tcf OR NOT sound
            OR coalesce(tcf_grants(core, purpose), false) AS evidence_grants
    FROM events"""

_CHOICES = f"""
    SELECT record_no, record_key, person_key, stated_at, 0 AS position, purpose, channel, choice,
        'consents:' || coalesce(source, 'unknown') AS origin, kind || ':' || value AS subject,
            text_version, language, evidence
    FROM events WHERE subject_known AND purpose IN {REGISTRANT_PURPOSES} AND channel IN {CHANNELS}
        AND choice IN {CHOICES}"""

_IDENTIFIERS = """
    SELECT record_no, record_key, person_key, stated_at, 1 AS position, kind AS type, value,
        NULL::VARCHAR AS replaced_by
    FROM events WHERE subject_known"""

SOURCE = Source(
    name="consents",
    description="The log of consents, withdrawals and prohibitions",
    about={
        "consent_log": "CSV: one consent event",
    },
    purpose="direct_marketing",
    datasets=(
        Dataset(
            name="consent_log",
            format=Csv(_FIELDS),
            given="given_day(payload ->> '$.event_ts')",
            ends="lower(filled(payload ->> '$.status')) = 'lifted'",
            identify=_IDENTIFY,
            prepare=_PREPARE,
            disclosable=dict.fromkeys(_FIELDS, "VARCHAR"),
            vendor=ConsentRecord,
            vendor_query=_VENDOR,
            frames=(Frame(MarketingChoices, _CHOICES), Frame(Identifiers, _IDENTIFIERS)),
        ),
    ),
)
