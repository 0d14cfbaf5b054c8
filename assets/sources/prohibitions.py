"""Prohibitions that others keep: lists of telephone numbers and addresses, and browsers' signals.

Source: docs/vendor-formats.md, "Prohibitions"; docs/deliveries.md. A listed number or address is
prohibited from `listed_from` until `valid_to`, which ends it as a lifting of the same list; no
consent does (docs/decisions/eligibility.md). Of a row of the postal list only the key of the name
at the address is stored, never the name. A TCF string consents or refuses purpose by purpose, and
Global Privacy Control refuses advertising and profiling; of both the refusals count first.
"""

from __future__ import annotations

import json

from assets.sources import tcf
from assets.sources.formats import Csv, JsonLines
from assets.sources.source import Dataset, Frame, Source
from schemas.sources.consents import TCF_PURPOSES
from schemas.sources.prohibitions import ListedAddress, ListedPhone, WebSignal
from schemas.staged import Identifiers, MarketingChoices

_DAYS = ("listed_from", "valid_to")
_ADDRESS = ("given_names", "family_name", "street", "postcode")
_SIGNAL = dict.fromkeys(("at", "visitor_id", "tc_string", "gpc"), "VARCHAR")

_NO_TEXT = """NULL::VARCHAR AS text_version, NULL::VARCHAR AS language"""


def _listed(columns: str, fields: tuple[str, ...]) -> str:
    """SQL of the table `listed`: `subject`, and the days of the prohibition."""
    shape = json.dumps(dict.fromkeys((*fields, *_DAYS), "VARCHAR"))
    return f"""CREATE OR REPLACE TEMP TABLE listed AS
    SELECT *, coalesce(utc_midnight(first_day), delivered_at) AS stated_at,
        (listed_from IS NULL OR first_day IS NOT NULL) AND (valid_to IS NULL
            OR is_end_day(valid_to) AND coalesce(calendar_day(valid_to) >= first_day, true))
            AS dates_readable,
        CASE WHEN coalesce(calendar_day(valid_to) >= first_day, true)
            THEN end_day(valid_to) END AS last_day
    FROM (
        SELECT record_no, record_key, delivered_at, {columns},
            filled(row.listed_from) AS listed_from, filled(row.valid_to) AS valid_to,
            past_day(row.listed_from, delivered_at) AS first_day
        FROM (SELECT *, from_json(payload, '{shape}') AS row FROM records))"""


def _choices(channel: str, origin: str) -> str:
    """SQL: the prohibition, and its end."""
    stated = f"""'direct_marketing' AS purpose, '{channel}' AS channel, {{0}} AS choice,
        '{origin}' AS origin, subject, {_NO_TEXT}, NULL::VARCHAR AS evidence
    FROM listed WHERE subject IS NOT NULL"""
    return f"""
    SELECT record_no, record_key, NULL::VARCHAR AS person_key, stated_at, 0 AS position,
        {stated.format("'prohibited'")}
    UNION ALL
    SELECT record_no, record_key, NULL, utc_midnight(last_day + 1), 1,
        {stated.format("'lifted'")} AND last_day IS NOT NULL"""


_PHONE = "phone_canonical(filled(payload ->> '$.phone'))"
_PHONES = Dataset(
    name="telephone_list",
    format=Csv(("phone", *_DAYS)),
    identify=f"""
    SELECT record_no, phone AS native_key, list_filter([identifier('phone', phone)],
        lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM (SELECT record_no, {_PHONE} AS phone FROM raw_records)""",
    prepare=(
        _listed(
            """CASE WHEN phone_valid(phone_canonical(filled(row.phone)))
                THEN 'phone:' || phone_canonical(filled(row.phone)) END AS subject""",
            ("phone",),
        ),
    ),
    disclosable=dict.fromkeys(("phone", *_DAYS), "VARCHAR"),
    vendor=ListedPhone,
    vendor_query="""
    SELECT record_no, subject IS NOT NULL AS phone_valid, dates_readable FROM listed""",
    frames=(Frame(MarketingChoices, _choices("phone", "prohibitions:phone-list")),),
)

_KEY = "postal_key({})".format(", ".join(f"payload ->> '$.{name}'" for name in _ADDRESS))
_ADDRESSES = Dataset(
    name="postal_list",
    format=Csv((*_ADDRESS, "town", *_DAYS)),
    minimise=f"""json_object('key', {_KEY}, 'listed_from', payload ->> '$.listed_from',
        'valid_to', payload ->> '$.valid_to')::VARCHAR""",
    identify="""
    SELECT record_no, payload ->> '$.key' AS native_key, []::VARCHAR[] AS identifiers
    FROM raw_records""",
    prepare=(_listed("'postal:' || filled(row.key) AS subject", ("key",)),),
    vendor=ListedAddress,
    vendor_query="""
    SELECT record_no, subject IS NOT NULL AS address_whole, dates_readable FROM listed""",
    frames=(Frame(MarketingChoices, _choices("post", "prohibitions:post-list")),),
)

_SIGNALS_PREPARE = (
    *tcf.MACROS,
    f"""CREATE OR REPLACE TEMP TABLE signals AS
    SELECT *, person_key('visitor_id', visitor_id) AS person_key,
        coalesce(seen_at, delivered_at) AS stated_at,
        tc_string IS NOT NULL AND coalesce(tcf_sound(core, seen_at), false) AS sound,
        coalesce(gpc IN ('1', 'true'), false) AS refused
    FROM (
        SELECT record_no, record_key, delivered_at,
            visitor_id_canonical(stated_text(row.visitor_id)) AS visitor_id,
            past_moment(row.at, delivered_at) AS seen_at, lower(stated_text(row.gpc)) AS gpc,
            stated_text(row.tc_string) AS tc_string,
            split_part(stated_text(row.tc_string), '.', 1) AS core
        FROM (SELECT *, from_json(payload, '{json.dumps(_SIGNAL)}') AS row FROM records))""",
    f"CREATE OR REPLACE TEMP TABLE themes AS SELECT unnest({list(TCF_PURPOSES)}) AS theme",
)
# It is used, as a refusal.
DOUBTFUL = "prohibitions:tcf-doubtful"
_REFUSED_BY_GPC = "('targeted_advertising', 'profiling')"
_SIGNALS_CHOICES = f"""
    WITH asked AS (
        SELECT *, list_position({list(TCF_PURPOSES)}, theme) AS nth
        FROM signals CROSS JOIN themes WHERE visitor_id IS NOT NULL)
    SELECT record_no, record_key, person_key, stated_at, nth AS position, theme AS purpose,
        'web' AS channel, CASE WHEN sound AND tcf_grants(core, theme)
            AND NOT (refused AND theme IN {_REFUSED_BY_GPC}) THEN 'granted'
            ELSE 'withdrawn' END AS choice,
        CASE WHEN sound THEN 'prohibitions:tcf' ELSE '{DOUBTFUL}' END AS origin,
        'visitor_id:' || visitor_id AS subject, {_NO_TEXT},
        tc_string AS evidence
    FROM asked WHERE tc_string IS NOT NULL
    UNION ALL
    SELECT record_no, record_key, person_key, stated_at, 10 + nth, theme, 'web', 'prohibited',
        'prohibitions:gpc', 'visitor_id:' || visitor_id, NULL, NULL, NULL
    FROM asked WHERE refused AND theme IN {_REFUSED_BY_GPC}
    UNION ALL
    SELECT record_no, record_key, person_key, stated_at, 20 + nth, theme, 'web', 'lifted',
        'prohibitions:gpc', 'visitor_id:' || visitor_id, NULL, NULL, NULL
    FROM asked WHERE seen_at IS NOT NULL AND gpc IN ('0', 'false') AND theme IN {_REFUSED_BY_GPC}"""

_SIGNALS = Dataset(
    name="web_signals",
    format=JsonLines(),
    given="given_day(payload ->> '$.at')",
    identify="""
    SELECT record_no, NULL::VARCHAR AS native_key, list_filter([identifier('visitor_id',
        visitor_id_canonical(stated_text(payload ->> '$.visitor_id')))],
        lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM raw_records""",
    prepare=_SIGNALS_PREPARE,
    disclosable=_SIGNAL,
    vendor=WebSignal,
    vendor_query="""
    SELECT record_no, visitor_id IS NOT NULL AS subject_known,
        tc_string IS NOT NULL OR coalesce(gpc IN ('0', '1', 'true', 'false'), false)
            AS signal_given
    FROM signals""",
    frames=(
        Frame(
            MarketingChoices,
            _SIGNALS_CHOICES,
            flags={"PROHIBITION-TCF-DOUBTFUL": f"origin = '{DOUBTFUL}'"},
        ),
        Frame(
            Identifiers,
            """
    SELECT record_no, record_key, person_key, stated_at, 40 AS position, 'visitor_id' AS type,
        visitor_id AS value, NULL::VARCHAR AS replaced_by
    FROM signals WHERE visitor_id IS NOT NULL""",
        ),
    ),
)

SOURCE = Source(
    name="prohibitions",
    description="Prohibition lists, and the signals of browsers",
    about={
        "telephone_list": "CSV: one prohibition",
        "postal_list": "CSV: one prohibition",
        "web_signals": "JSON lines: what one browser signalled at one time",
    },
    datasets=(_PHONES, _ADDRESSES, _SIGNALS),
)
