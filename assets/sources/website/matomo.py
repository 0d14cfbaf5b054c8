"""The website's visitor log: Matomo's `Live.getLastVisitsDetails`, one visit an element.

Source: docs/vendor-formats.md, "Website"; docs/deliveries.md. Times are the epochs, never the site-
local strings beside them. An IP address is truncated to /24 or /48 and geolocation is dropped
before anything reaches the disk (GDPR 5 and 25; P5.8 does not name it). Active visits are exported
again when they are longer: the longest counts. Revenue is not read at all.
"""

from __future__ import annotations

import json

from assets.sources.formats import JsonArray
from assets.sources.source import Dataset, Frame
from schemas.sources.website import VisitRecord
from schemas.staged import ContactPoints, Identifiers, VisitActions, Visits

_ACTION = dict.fromkeys(
    [
        "type", "url", "timestamp", "siteSearchKeyword", "siteSearchCategory", "siteSearchCount",
        "contentName", "contentPiece", "contentTarget",
        "contentInteraction",
    ],
    "VARCHAR",
)  # fmt: skip
_VISIT = json.dumps(
    {
        **dict.fromkeys(
            [
                "idSite", "idVisit", "visitIp", "visitorId", "fingerprint", "userId",
                "serverTimestamp", "firstActionTimestamp", "visitDuration",
                "referrerType", "referrerName", "referrerUrl", "referrerKeyword", "deviceType",
                "deviceBrand", "deviceModel", "browserCode",
                "browserName", "browserVersion", "operatingSystemName", "operatingSystemVersion",
                "resolution", "result",
            ],
            "VARCHAR",
        ),
        "actionDetails": [_ACTION],
    }
)  # fmt: skip

# What no rule reads and is the visitor's own all the same: titles of the pages they opened, and the
# names of their system and browser.
_DISCLOSABLE = {
    **json.loads(_VISIT),
    **dict.fromkeys(
        ["operatingSystem", "operatingSystemCode", "browser", "browserFamily"], "VARCHAR"
    ),
    "actionDetails": [
        {**_ACTION, **dict.fromkeys(["pageTitle", "title", "subtitle"], "VARCHAR")},
    ],
}

# IPv4 keeps three octets; IPv6 three groups, or fewer where zeros are left out before the third.
_FOUR = (r'("visitIp"\s*:\s*"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}"', r'\1.0"')
_SIX = (
    r'("visitIp"\s*:\s*"[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}):[0-9a-fA-F:.]*"',
    r'\1::"',
)
_SHORT_SIX = (r'("visitIp"\s*:\s*"(?:(?:[0-9a-fA-F]{1,4}:){1,2}|:)):[0-9a-fA-F:.]*"', r'\1:"')
_SIX_OR_NONE = r'"visitIp"\s*:\s*("[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]*"|""|null)'
# Matomo's location of the visitor: its value becomes null, every other byte stays as delivered.
_PLACE = (
    "latitude",
    "longitude",
    "city",
    "region",
    "regionCode",
    "location",
    "country",
    "countryCode",
    "countryFlag",
    "continent",
    "continentCode",
)
_PLACE_KEY = rf'"({"|".join(_PLACE)})"\s*:\s*'


def _replaced(text: str, pattern: str, replacement: str) -> str:
    return f"regexp_replace({text}, '{pattern}', '{replacement}', 'g')"


def _without(text: str, names: tuple[str, ...]) -> str:
    return f"json_merge_patch({text}, '{json.dumps(dict.fromkeys(names))}')::VARCHAR"


def _minimised() -> str:
    # A value in an unknown form may be a full address: it is removed.
    cut = f"""CASE WHEN NOT contains(payload, '"visitIp"') THEN payload
        WHEN regexp_matches(payload, '{_FOUR[0]}') THEN {_replaced("payload", *_FOUR)}
        WHEN regexp_matches(payload, '{_SIX_OR_NONE}')
        THEN {_replaced(_replaced("payload", *_SIX), *_SHORT_SIX)}
        ELSE {_without("payload", ("visitIp",))} END"""
    placeless = _replaced(
        cut, _PLACE_KEY + r'("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false)', r'"\1":null'
    )
    return (
        f"CASE WHEN regexp_matches(payload, '{_PLACE_KEY}[\\[{{]') THEN "
        f"{_without(placeless, _PLACE)} ELSE {placeless} END"
    )


def _text(value: str) -> str:
    """Return the filled text of a field; null if the source has an object or a list."""
    return f"stated_text({value})"


def _account(value: str) -> str:
    """Return the signed-in user in canonical form; null for a tracking code's placeholder."""
    return f"user_id_canonical({_text(value)})"


def _cookie(value: str) -> str:
    return f"visitor_id_canonical({_text(value)})"


# A signed-in visitor is identified by the account, an e-mail address or a customer number; any
# other by the cookie.
_VISITOR = """
    CASE WHEN contains(user_id, '@') THEN 'email' WHEN user_id IS NOT NULL THEN 'customer_number'
        WHEN visitor_id IS NOT NULL THEN 'visitor_id' END AS kind,
    coalesce(user_id, visitor_id) AS value"""

_IDENTIFY = f"""
    WITH fields AS (
        SELECT record_no, json_extract_string(payload,
            ['$.idSite', '$.idVisit', '$.userId', '$.visitorId']) AS field FROM raw_records),
    read AS (
        SELECT record_no, {_text("field[1]")} || '|' || {_text("field[2]")} AS visit,
            {_account("field[3]")} AS user_id, {_cookie("field[4]")} AS visitor_id
        FROM fields),
    visitors AS (SELECT *, {_VISITOR} FROM read)
    SELECT record_no, visit AS native_key,
        list_distinct(list_filter(
            [identifier('visit', visit), identifier(kind, value), identifier('user_id', user_id),
                identifier('visitor_id', visitor_id)],
            lambda identifier: identifier IS NOT NULL)) AS identifiers
    FROM visitors"""

_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE seen AS
    SELECT *, {_VISITOR} FROM (
        SELECT record_no, record_key, delivered_at, row,
            {_text("row.idSite")} || '|' || {_text("row.idVisit")} AS visit,
            {_account("row.userId")} AS user_id, {_cookie("row.visitorId")} AS visitor_id,
                json_type(payload, '$.actionDetails') AS actions_type,
            coalesce(epoch_moment(row.firstActionTimestamp, delivered_at),
                epoch_moment(row.serverTimestamp, delivered_at)) AS started_at,
            whole_number(regexp_replace(row.visitDuration, '\\.0*\\s*$', '')) AS duration_s
        FROM (SELECT *, from_json(payload, '{_VISIT}') AS row FROM records))""",
    """CREATE OR REPLACE TEMP TABLE identified_visits AS
    SELECT *, CASE WHEN kind IS NOT NULL THEN person_key(kind, value) END AS person_key,
        coalesce(started_at, delivered_at) AS stated_at FROM seen""",
    """CREATE OR REPLACE TEMP TABLE acted AS
    SELECT record_no, record_key, person_key, stated_at, delivered_at, visit,
        unnest(row.actionDetails) AS act, generate_subscripts(row.actionDetails, 1) AS position
    FROM identified_visits""",
)

_VENDOR = """
    SELECT record_no, visit, coalesce(row.result <> 'error', true) AS is_a_visit,
        started_at IS NOT NULL AS time_readable,
        filled(row.visitDuration) IS NULL
            OR coalesce(duration_s <= 172800, false) AS duration_readable,
        coalesce(actions_type IN ('ARRAY', 'NULL'), true) AS actions_are_a_list
    FROM identified_visits"""

# Matomo has no browser for visits by an app.
_CHANNEL = """
    CASE WHEN lower(row.deviceType) NOT IN ('smartphone', 'tablet', 'phablet', 'feature phone',
        'portable media player', 'wearable')
            OR (row.deviceType IS NULL AND row.browserCode IS NOT NULL) THEN 'browser'
        WHEN row.deviceType IS NULL THEN NULL
        WHEN coalesce(upper(filled(row.browserCode)), 'UNK') IN ('UNK', 'XX') THEN 'app'
            ELSE 'mobile browser' END"""


def _texts(row: str, **columns: str) -> str:
    return ", ".join(f"{_text(f'{row}.{field}')} AS {column}" for column, field in columns.items())


_VISITS = f"""
    SELECT record_no, record_key, person_key, stated_at, 0 AS position, visit, visitor_id, user_id,
        started_at, duration_s,
        CASE WHEN regexp_full_match(row.visitIp,
            '[0-9.]+\\.0|[0-9a-fA-F:]*::') THEN row.visitIp END AS ip, {_CHANNEL} AS channel,
        {
    _texts(
        "row",
        fingerprint="fingerprint",
        referrer_type="referrerType",
        referrer_name="referrerName",
        referrer_url="referrerUrl",
        referrer_keyword="referrerKeyword",
        device_type="deviceType",
        device_brand="deviceBrand",
        device_model="deviceModel",
        browser_name="browserName",
        browser_version="browserVersion",
        os_name="operatingSystemName",
        os_version="operatingSystemVersion",
        resolution="resolution",
    )
}
    FROM identified_visits WHERE visit IS NOT NULL AND started_at IS NOT NULL
        AND coalesce(duration_s <= 172800, true)"""

_ACTIONS = f"""
    SELECT record_no, record_key, person_key, stated_at, position, visit,
        epoch_moment(act.timestamp, delivered_at) AS at,
        whole_number(act.siteSearchCount) AS search_count,
        {
    _texts(
        "act",
        type="type",
        url="url",
        search_keyword="siteSearchKeyword",
        search_category="siteSearchCategory",
        content_name="contentName",
        content_piece="contentPiece",
        content_target="contentTarget",
        content_interaction="contentInteraction",
    )
}
    FROM acted WHERE visit IS NOT NULL"""

_IDENTIFIERS = """
    SELECT record_no, record_key, person_key, stated_at, 1 AS position, kind AS type, value,
        NULL::VARCHAR AS replaced_by
    FROM identified_visits WHERE kind IS NOT NULL
    UNION ALL
    SELECT record_no, record_key, person_key, stated_at, 2, 'user_id', user_id, NULL
        FROM identified_visits WHERE user_id IS NOT NULL
    UNION ALL
    SELECT record_no, record_key, person_key, stated_at, 3, 'visitor_id', visitor_id, NULL
    FROM identified_visits WHERE kind <> 'visitor_id' AND visitor_id IS NOT NULL"""

_ACCOUNT_ADDRESS = """
    SELECT record_no, record_key, person_key, stated_at, 4 AS position, 'email' AS kind,
        'state' AS op, email_shown(row.userId) AS value, user_id AS match_key,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM identified_visits WHERE kind = 'email'"""

VISITS = Dataset(
    name="visits",
    format=JsonArray(),
    minimise=_minimised(),
    without_location=_without("payload", ("visitIp", *_PLACE)),
    identify=_IDENTIFY,
    prepare=_PREPARE,
    disclosable=_DISCLOSABLE,
    vendor=VisitRecord,
    vendor_query=_VENDOR,
    frames=(
        Frame(Visits, _VISITS),
        Frame(VisitActions, _ACTIONS, essential=False),
        Frame(Identifiers, _IDENTIFIERS),
        Frame(ContactPoints, _ACCOUNT_ADDRESS, essential=False),
    ),
)
