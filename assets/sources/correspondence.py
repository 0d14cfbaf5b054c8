"""Correspondence: headers of mail, and the metadata of calls (IETF vCon). Never their content.

Source: docs/vendor-formats.md, "Correspondence"; docs/deliveries.md. At ingest a message is cut to
its writer or recipients outside the controller, its time, and which message it answers; the length
and the hash of its text show that a message elsewhere is the same. Subjects and names are not kept.
Staff are no registrants: the controller's own addresses and numbers are dropped. Somebody who
unsubscribes by mail, or has complained to a provider that reports it (RFC 5965), refuses marketing
by e-mail; that is never delayed by anything else in the message, and outlives it: such a message is
kept as the refusal alone.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonDocument, JsonLines, Mail
from assets.sources.source import Dataset, Frame, Source
from schemas.activities import Calls, Correspondence
from schemas.sources.correspondence import CallRecord, MessageRecord
from schemas.staged import ContactPoints, Identifiers, MarketingChoices

# Messages ---------------------------------------------------------------------------------------

_REPEATING = ("from", "to", "cc", "original-rcpt-to")
_HEADERS = {
    **dict.fromkeys(
        ("message-id", "date", "in-reply-to", "subject", "auto-submitted", "precedence"), "VARCHAR"
    ),
    **{name: ["VARCHAR"] for name in ("from", "to", "cc")},
}
_REPORT = {
    "type": "VARCHAR",
    "fields": {
        "feedback-type": "VARCHAR",
        **{name: ["VARCHAR"] for name in ("from", "to", "original-rcpt-to")},
    },
}
_MESSAGE = json.dumps(
    {
        "headers": _HEADERS,
        "body": {"sha256": "VARCHAR", "bytes": "VARCHAR"},
        "reports": [_REPORT],
    }
)
_READ = f"from_json(payload, '{_MESSAGE}')"


def _addresses(texts: str) -> str:
    """SQL: the valid addresses in headers, canonical; what stands in quotes or brackets is none."""
    return rf"""list_sort(list_distinct(list_filter(list_transform(regexp_extract_all(
        regexp_replace(coalesce(array_to_string({texts}, ', '), ''), '"[^"]*"|\([^)]*\)', ' ', 'g'),
        '[^\s<>,;:"()\[\]]+@[^\s<>,;:"()\[\]]+'), lambda text: email_canonical(text)),
        lambda address: coalesce(email_valid(address), false)
            AND NOT regexp_matches(address, '{_MAIL_SYSTEM}'))))"""


# What no person reads or writes.
_MAIL_SYSTEM = r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([-+.=].*)?@"
_UNSUBSCRIBE_MAILBOX = r"^(unsub(scribe)?|opt-?out|peru(uta)?|avsluta|avregistrera)([-+.=].*)?@"
_UNSUBSCRIBE_SUBJECT = (
    r"\W*((re|vs|sv|fwd?):\s*)*(please )?(unsubscribe( me)?|opt[ -]?out|stop|peru(uta)?( tilaus)?|"
    r"poista (minut )?(posti(tus)?)?listalta|avsluta( prenumeration(en)?)?|avregistrera( mig)?)\W*"
)
_OURS = "list_filter({0}, lambda address: of_controller(address))"
_OTHERS = "list_filter({0}, lambda address: NOT of_controller(address))"
_FROM = _addresses(f'{_READ}.headers."from"')
_TO = _addresses(f'list_concat({_READ}.headers."to", {_READ}.headers.cc)')
_COMPLAINTS = f"""list_filter(coalesce({_READ}.reports, []), lambda report:
    lower(report.fields."feedback-type") IN ('abuse', 'opt-out', 'fraud'))"""
_COMPLAINED = _addresses(
    f"""flatten(list_transform(coalesce({_READ}.reports, []), lambda report:
        coalesce(report.fields."original-rcpt-to",
            CASE WHEN len({_OURS.format(_addresses('report.fields."from"'))}) > 0
                THEN report.fields."to" END, [])))"""
)
_UNSUBSCRIBES = f"""(len({_OTHERS.format(_FROM)}) > 0 AND (
    len(list_filter({_TO}, lambda address: of_controller(address)
        AND regexp_matches(address, '{_UNSUBSCRIBE_MAILBOX}'))) > 0
    OR regexp_full_match(lower({_READ}.headers.subject), '{_UNSUBSCRIBE_SUBJECT}')))"""
# RFC 3834, and what was there before it.
_AUTOMATIC = f"""coalesce(lower(filled({_READ}.headers."auto-submitted")) <> 'no', false)
    OR coalesce(lower({_READ}.headers."precedence") IN ('auto_reply', 'bulk', 'junk'), false)"""
_MAIL_MINIMISED = f"""json_merge_patch(json_object(
    'message', nullif(regexp_extract({_READ}.headers."message-id", '<[^<>\\s]+>'), ''),
    'date', filled({_READ}.headers."date"),
    'direction', CASE WHEN len({_COMPLAINTS}) > 0 THEN NULL
        WHEN len({_OURS.format(_FROM)}) > 0 THEN 'to_registrant' ELSE 'from_registrant' END,
    'parties', CASE WHEN len({_COMPLAINTS}) > 0 OR {_UNSUBSCRIBES} THEN []
        WHEN len({_OURS.format(_FROM)}) > 0 THEN {_OTHERS.format(_TO)}
        ELSE {_OTHERS.format(_FROM)} END,
    'answer_to', nullif(regexp_extract({_READ}.headers."in-reply-to", '<[^<>\\s]+>'), ''),
    'refusal', CASE WHEN len({_COMPLAINTS}) > 0 THEN 'complaint'
        WHEN {_UNSUBSCRIBES} THEN 'unsubscribe' END,
    'refused', CASE WHEN len({_COMPLAINTS}) > 0 THEN {_OTHERS.format(_COMPLAINED)}
        WHEN {_UNSUBSCRIBES} THEN {_OTHERS.format(_FROM)} ELSE [] END,
    'body', {_READ}.body),
    CASE WHEN {_AUTOMATIC} THEN '{{"automatic": true}}' ELSE '{{}}' END)::VARCHAR"""
_KEPT_MESSAGE = {
    **dict.fromkeys(
        ("message", "date", "direction", "answer_to", "refusal", "automatic"), "VARCHAR"
    ),
    **{name: ["VARCHAR"] for name in ("parties", "refused")},
    "body": {"sha256": "VARCHAR", "bytes": "VARCHAR"},
}
_MONTHS = "['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']"
# RFC 5322, 3.3: [Tue, ]1 Sep 2026 10:02[:11] +0300
_DATE = r"(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}(?::\d{2})?) ([-+]\d{4}|GMT|UTC?|Z)"


def _iso(date: str) -> str:
    """SQL: the date of a header as a moment of ISO 8601; null if it is none."""
    parts = [f"regexp_extract({date}, '{_DATE}', {place})" for place in range(1, 6)]
    return f"""CASE WHEN regexp_matches({date}, '{_DATE}') THEN
    {parts[2]} || '-' || lpad(list_position({_MONTHS}, {parts[1]})::VARCHAR, 2, '0')
    || '-' || lpad({parts[0]}, 2, '0') || 'T' || {parts[3]}
    || CASE WHEN left({parts[4]}, 1) IN ('+', '-') THEN {parts[4]} ELSE 'Z' END END"""


def _up_to_delivery(day: str) -> str:
    """SQL: the day, unless it is after the delivery that is being ingested."""
    return f"CASE WHEN {day} <= delivered_on() + 1 THEN {day} END"


_WRITTEN_ON = "local_day(moment(" + _iso("(payload ->> '$.date')") + "))"
# Who writes to us, or refuses marketing; no machine that answers for them.
_MAIL_GIVEN = f"""CASE WHEN (payload ->> '$.refusal') IS NOT NULL
        OR (payload ->> '$.direction') = 'from_registrant'
            AND (payload ->> '$.automatic') IS NULL
    THEN {_up_to_delivery(_WRITTEN_ON)} END"""
_MAIL_IDENTIFY = f"""
    WITH read AS (
        SELECT record_no, payload ->> '$.message' AS message,
            from_json(payload, '{json.dumps(_KEPT_MESSAGE)}') AS row FROM raw_records)
    SELECT record_no, message AS native_key,
        list_transform(list_sort(list_distinct(list_concat(row.parties, row.refused))),
            lambda address: 'email:' || address) AS identifiers
    FROM read"""
_MAIL_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE messages AS
    SELECT *, coalesce(written_at, delivered_at) AS stated_at FROM (
        SELECT record_no, record_key, delivered_at,
            past_moment({_iso("date")}, delivered_at) AS written_at, row,
            coalesce(row.message, 'without-id:' || record_key) AS message
        FROM (SELECT *, row.date AS date FROM (
            SELECT *, from_json(payload, '{json.dumps(_KEPT_MESSAGE)}') AS row FROM records)))""",
    """CREATE OR REPLACE TEMP TABLE message_parties AS
    SELECT *, person_key('email', address) AS person_key FROM (
        SELECT record_no, record_key, stated_at, written_at, row, message,
            unnest(row.parties) AS address, generate_subscripts(row.parties, 1) AS position
        FROM messages)""",
    """CREATE OR REPLACE TEMP TABLE mail_refusals AS
    SELECT *, person_key('email', address) AS person_key FROM (
        SELECT record_no, record_key, stated_at, row.refusal AS refusal,
            unnest(row.refused) AS address, generate_subscripts(row.refused, 1) AS position
        FROM messages)""",
)
_C = "record_no, record_key, person_key, stated_at"
_MAIL_VENDOR = """
    SELECT record_no, written_at IS NOT NULL OR row.refusal IS NOT NULL AS date_readable,
        coalesce(len(row.parties), 0) > 0 OR row.refusal IS NOT NULL AS has_party,
        row.refusal IS NULL OR coalesce(len(row.refused), 0) > 0 AS complainant_named
    FROM messages"""
_MESSAGES = f"""
    SELECT {_C}, position, message, written_at AS sent_at, row.direction AS direction,
        row.answer_to AS answer_to, whole_number(row.body.bytes) AS body_bytes,
        row.body.sha256 AS body_sha256
    FROM message_parties WHERE written_at IS NOT NULL"""
_REFUSALS = f"""
    SELECT {_C}, position, 'direct_marketing' AS purpose, 'email' AS channel,
        'prohibited' AS choice, 'correspondence:' || refusal AS origin,
        'email:' || address AS subject, NULL::VARCHAR AS text_version,
        NULL::VARCHAR AS language, NULL::VARCHAR AS evidence
    FROM mail_refusals"""
_MAIL_PERSONS = f"""(SELECT {_C}, address, position FROM message_parties
        UNION ALL SELECT {_C}, address, 1000 + position FROM mail_refusals)"""
_MAIL_IDENTIFIERS = f"""
    SELECT {_C}, position, 'email' AS type, address AS value, NULL::VARCHAR AS replaced_by
    FROM {_MAIL_PERSONS} AS named"""
_MAIL_POINTS = f"""
    SELECT {_C}, 2000 + position AS position, 'email' AS kind, 'state' AS op, address AS value,
        address AS match_key, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM {_MAIL_PERSONS} AS named"""

# Calls --------------------------------------------------------------------------------------------

_PARTY = dict.fromkeys(("tel", "mailto", "role"), "VARCHAR")
_DIALOG = {
    **dict.fromkeys(
        ("type", "start", "duration", "originator", "mediatype", "url", "content_hash"), "VARCHAR"
    ),
    "parties": "JSON",
}
_CALL = json.dumps(
    {"uuid": "VARCHAR", "created_at": "VARCHAR", "parties": [_PARTY], "dialog": [_DIALOG]}
)
_STAFF = "agent|employee|staff|operator|internal|asiakaspalvelija|handlaggare"
_TEL = "phone_canonical(filled(party.tel))"
_MAILTO = "email_canonical(filled(party.mailto))"
# The places in the list stay: the parts of a call name their parties by them.
_CALL_MINIMISED = f"""json_object(
    'uuid', payload -> '$.uuid', 'created_at', payload -> '$.created_at',
    'parties', list_transform(from_json(payload, '{_CALL}').parties, lambda party: CASE
        WHEN coalesce(regexp_matches(lower(party.role), '{_STAFF}'), false)
            OR coalesce(of_controller({_TEL}), false) OR coalesce(of_controller({_MAILTO}), false)
        THEN {{'tel': NULL, 'mailto': NULL}}
        ELSE {{'tel': party.tel, 'mailto': party.mailto}} END),
    'dialog', from_json(payload, '{_CALL}').dialog)::VARCHAR"""
_CALL_IDENTIFY = f"""
    WITH read AS (
        SELECT record_no, opaque_id(payload ->> '$.uuid') AS uuid,
            coalesce(from_json(payload, '{_CALL}').parties, []) AS parties FROM raw_records)
    SELECT record_no, lower(uuid) AS native_key, list_distinct(list_filter(list_concat(
        list_transform(parties, lambda party: identifier('phone', {_TEL})),
        list_transform(parties, lambda party: identifier('email', {_MAILTO}))),
        lambda identifier: identifier IS NOT NULL)) AS identifiers
    FROM read"""
# Who calls us, not who is called: the first to be named of a part, unless they are of ours.
_CALLER = f"""from_json(payload, '{_CALL}').parties[1 + TRY_CAST(
    regexp_extract(coalesce(part.originator, part.parties::VARCHAR), '[0-9]{{1,4}}') AS BIGINT)]"""
_CALL_GIVEN = f"""list_min(list_transform(from_json(payload, '{_CALL}').dialog, lambda part:
    CASE WHEN coalesce(filled(({_CALLER}).tel), filled(({_CALLER}).mailto)) IS NOT NULL
        THEN {_up_to_delivery("local_day(moment(part.start))")} END))"""
# A lone number, a list of them, or a list of lists.
_PLACES = r"""list_transform(regexp_extract_all(coalesce({0}::VARCHAR, ''), '\d{{1,4}}'),
    lambda place: place::BIGINT)"""
_CALL_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE conversations AS
    SELECT record_no, record_key, delivered_at, lower(opaque_id(row.uuid)) AS uuid,
        coalesce(row.parties, []) AS parties, coalesce(row.dialog, []) AS dialog
    FROM (SELECT *, from_json(payload, '{_CALL}') AS row FROM records)""",
    f"""CREATE OR REPLACE TEMP TABLE call_parties AS
    SELECT *, kind || ':' || value AS named, person_key(kind, value) AS person_key FROM (
        SELECT record_no, place - 1 AS place,
            CASE WHEN phone_valid(phone) THEN 'phone' WHEN email_valid(email) THEN 'email' END
                AS kind,
            CASE WHEN phone_valid(phone) THEN phone WHEN email_valid(email) THEN email END AS value
        FROM (
            SELECT record_no, place, {_TEL} AS phone, {_MAILTO} AS email FROM (
                SELECT record_no, unnest(parties) AS party,
                    generate_subscripts(parties, 1) AS place FROM conversations)))
    WHERE kind IS NOT NULL""",
    f"""CREATE OR REPLACE TEMP TABLE call_parts AS
    SELECT record_no, record_key, delivered_at, uuid, nth, part,
        past_moment(part.start, delivered_at) AS began_at,
        CASE WHEN regexp_full_match(part.duration, '[0-9]{{1,9}}([.][0-9]+)?')
            THEN floor(TRY_CAST(part.duration AS DOUBLE))::BIGINT END AS duration_s,
        coalesce({_PLACES.format("part.originator")}[1], {_PLACES.format("part.parties")}[1])
            AS originator,
        {_PLACES.format("part.parties")} AS places
    FROM (
        SELECT record_no, record_key, delivered_at, uuid, unnest(dialog) AS part,
            generate_subscripts(dialog, 1) AS nth FROM conversations)""",
    """CREATE OR REPLACE TEMP TABLE calls_with AS
    SELECT record_no, record_key, person_key, coalesce(began_at, delivered_at) AS stated_at,
        (nth - 1) * 1000 + place AS position, kind, value, uuid, nth, part, began_at, duration_s,
        CASE WHEN originator = place THEN 'from_registrant'
            WHEN originator IS NOT NULL THEN 'to_registrant' END AS direction
    FROM call_parts JOIN call_parties USING (record_no)
    WHERE len(places) = 0 OR list_contains(places, place)""",
)
_CALL_VENDOR = """
    SELECT record_no, uuid IS NOT NULL AS has_id,
        record_no IN (SELECT record_no FROM call_parties) AS has_party,
        coalesce(starts, false) AS starts_readable, coalesce(durations, true) AS durations_readable
    FROM conversations LEFT JOIN (
        SELECT record_no, bool_and(began_at IS NOT NULL) AS starts,
            bool_and(filled(part.duration) IS NULL OR coalesce(duration_s <= 86400, false))
                AS durations
        FROM call_parts GROUP BY record_no) AS judged USING (record_no)"""
_CALLS = f"""
    SELECT {_C}, position, uuid || '/' || nth AS call, began_at, duration_s, direction,
        stated_text(part.mediatype) AS medium,
        CASE WHEN regexp_matches(part.url, '^https?://') THEN stated_text(part.url) END
            AS recording,
        regexp_extract(part.content_hash, '[A-Za-z0-9_=+/-]{{8,}}') AS content_hash
    FROM calls_with WHERE uuid IS NOT NULL AND began_at IS NOT NULL"""
_CALLED = f"(SELECT {_C}, kind, value, min(position) AS position FROM calls_with GROUP BY ALL)"
_CALL_IDENTIFIERS = f"""
    SELECT {_C}, position, kind AS type, value, NULL::VARCHAR AS replaced_by
    FROM {_CALLED} AS called"""
_CALL_POINTS = f"""
    SELECT {_C}, 1000000 + position AS position, kind, 'state' AS op, value, value AS match_key,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM {_CALLED} AS called"""


def _mail(name: str, *, mailbox: bool) -> Dataset:
    return Dataset(
        name=name,
        format=Mail(mailbox=mailbox, repeating=_REPEATING),
        minimise=_MAIL_MINIMISED,
        given=_MAIL_GIVEN,
        ends="(payload ->> '$.refusal') IS NOT NULL",
        identify=_MAIL_IDENTIFY,
        prepare=_MAIL_PREPARE,
        disclosable={
            name: shape
            for name, shape in _KEPT_MESSAGE.items()
            if name not in ("parties", "refused")
        },
        vendor=MessageRecord,
        vendor_query=_MAIL_VENDOR,
        frames=(
            Frame(Correspondence, _MESSAGES),
            Frame(MarketingChoices, _REFUSALS),
            Frame(Identifiers, _MAIL_IDENTIFIERS),
            Frame(ContactPoints, _MAIL_POINTS),
        ),
    )


def _calls(name: str, declared: JsonDocument | JsonLines) -> Dataset:
    return Dataset(
        name=name,
        format=declared,
        minimise=_CALL_MINIMISED,
        given=_CALL_GIVEN,
        identify=_CALL_IDENTIFY,
        prepare=_CALL_PREPARE,
        disclosable={"uuid": "VARCHAR", "created_at": "VARCHAR", "dialog": [_DIALOG]},
        vendor=CallRecord,
        vendor_query=_CALL_VENDOR,
        frames=(
            Frame(Calls, _CALLS),
            Frame(Identifiers, _CALL_IDENTIFIERS),
            Frame(ContactPoints, _CALL_POINTS),
        ),
    )


SOURCE = Source(
    name="correspondence",
    description="Messages (headers of mail) and calls (vCon)",
    about={
        "message": "mail, one message (EML): one message",
        "mailbox": "mail, many messages (mbox): one message",
        "call": "JSON, one vCon: one call",
        "calls": "JSON lines, a vCon each: one call",
    },
    datasets=(
        _mail("message", mailbox=False),
        _mail("mailbox", mailbox=True),
        _calls("call", JsonDocument()),
        _calls("calls", JsonLines()),
    ),
)
