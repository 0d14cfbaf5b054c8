"""The consent log: grants and refusals, their time and the text shown. Events are append-only.

Source: docs/vendor-formats.md, "Consent log"; docs/deliveries.md. A grant counts only without
doubt; a refusal needs no origin, and without a time that can be parsed it counts from its delivery.
"""

from __future__ import annotations

import json

from assets.sources.formats import Csv
from assets.sources.source import Dataset, Frame, Source
from schemas.eligibility import REFUSED, UNTIL_LIFTED
from schemas.sources.consents import TCF_PURPOSES, ConsentRecord
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

# A TCF 2 core string has six bits a letter: the version, then twice 36 bits of tenths of seconds
# since 1970 (created, last updated); the purposes consented to are the 24 bits from the 153rd
# (IAB Europe, TCF 2.2, "the core string").
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FIRST_PURPOSE_BIT = 152


def _letter(place: int) -> str:
    return f"(strpos('{_LETTERS}', substr(core, {place}, 1)) - 1)"


def _tenths(first: int) -> str:
    return " + ".join(
        f"{_letter(place)} * {64 ** (first + 5 - place)}::BIGINT"
        for place in range(first, first + 6)
    )


def _consented(purpose: int) -> str:
    letter, bit = divmod(_FIRST_PURPOSE_BIT + purpose - 1, 6)
    return f"({_letter(letter + 1)} >> {5 - bit}) % 2 = 1"


_TCF_GRANTS = " ".join(
    f"WHEN '{purpose}' THEN {' AND '.join(_consented(number) for number in needed)}"
    for purpose, needed in TCF_PURPOSES.items()
)

_PREPARE = (
    # At least 213 bits (36 letters), last updated since TCF exists and not after the event.
    f"""CREATE OR REPLACE TEMP MACRO tcf_sound(core, event_at) AS
    CASE WHEN regexp_full_match(core, 'C[A-Za-z0-9_-]{{35,}}')
        THEN ({_tenths(8)}) / 10 BETWEEN epoch(TIMESTAMP '2018-04-25') AND epoch(event_at) + 86400
            AND {_tenths(2)} <= {_tenths(8)} ELSE false END""",
    f"CREATE OR REPLACE TEMP MACRO tcf_grants(core, theme) AS CASE theme {_TCF_GRANTS} ELSE false "
    f"END",
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
