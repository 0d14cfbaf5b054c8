"""The website's visitor log: Matomo's `Live.getLastVisitsDetails`, one visit an element.

Source: formats.md, section 7. Times are the epochs, never the site-local strings beside them. An IP address is cut to
/24 or /48 and geolocation is dropped before anything reaches the disk (GDPR Art. 5 and 25; P5.8 does not name it).
Active visits are exported again when they are longer: the longest counts. Revenue is not taken over at all.
"""

from __future__ import annotations

import json

from assets.sources.source import Dataset, Frame, Source
from schemas.sources.website import VisitRecord
from schemas.staged import ContactPoints, Identifiers, VisitActions, Visits

_ACTION = dict.fromkeys(
    [
        "type", "url", "timestamp", "siteSearchKeyword", "siteSearchCategory", "siteSearchCount", "contentName", "contentPiece", "contentTarget",
        "contentInteraction",
    ],
    "VARCHAR",
)  # fmt: skip
_VISIT = json.dumps(
    {
        **dict.fromkeys(
            [
                "idSite", "idVisit", "visitIp", "visitorId", "fingerprint", "userId", "serverTimestamp", "firstActionTimestamp", "visitDuration",
                "referrerType", "referrerName", "referrerUrl", "referrerKeyword", "deviceType", "deviceBrand", "deviceModel", "browserCode",
                "browserName", "browserVersion", "operatingSystemName", "operatingSystemVersion", "resolution", "result",
            ],
            "VARCHAR",
        ),
        "actionDetails": [_ACTION],
    }
)  # fmt: skip

_GEOLOCATION = json.dumps(dict.fromkeys(["latitude", "longitude", "city", "region", "regionCode", "location"]))
_TRUNCATED = r"""regexp_replace(regexp_replace(payload,
        '"visitIp"\s*:\s*"([0-9]+\.[0-9]+\.[0-9]+)\.[0-9]+"', '"visitIp":"\1.0"'),
        '"visitIp"\s*:\s*"([0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F]*):[0-9a-fA-F:.]*"', '"visitIp":"\1::"')"""
_MINIMISE = f"""
    CASE WHEN regexp_matches(payload, '"(latitude|longitude|city|location|region)"\\s*:\\s*["0-9-]')
        THEN json_merge_patch({_TRUNCATED}, '{_GEOLOCATION}')::VARCHAR ELSE {_TRUNCATED} END"""

# A signed-in visitor is whom the account names: an e-mail address or a customer number; any other is their cookie.
_VISITOR = """
    CASE WHEN contains(user_id, '@') THEN 'email' WHEN user_id IS NOT NULL THEN 'customer_number' WHEN visitor_id IS NOT NULL THEN 'visitor_id' END AS kind,
    CASE WHEN contains(user_id, '@') THEN email_canonical(user_id) ELSE coalesce(user_id, visitor_id) END AS value"""

_IDENTIFY = f"""
    WITH read AS (
        SELECT record_no, filled(payload ->> '$.idSite') || '|' || filled(payload ->> '$.idVisit') AS visit,
            filled(payload ->> '$.userId') AS user_id, filled(payload ->> '$.visitorId') AS visitor_id FROM records),
    who AS (SELECT *, {_VISITOR} FROM read)
    SELECT record_no, visit AS native_key,
        list_distinct(list_filter([identifier('visit', visit), identifier(kind, value), identifier('visitor_id', visitor_id)], lambda one: one IS NOT NULL)) AS identifiers
    FROM who"""

_PREPARE = (
    # An epoch between 2000 and 2100, in seconds.
    """CREATE OR REPLACE TEMP MACRO epoch(text) AS
    CASE WHEN TRY_CAST(text AS DOUBLE) BETWEEN 946684800 AND 4102444800 THEN make_timestamptz((TRY_CAST(text AS DOUBLE) * 1000000)::BIGINT) END""",
    f"""CREATE OR REPLACE TEMP TABLE seen AS
    SELECT *, {_VISITOR} FROM (
        SELECT record_no, record_key, delivered_at, row, filled(row.idSite) || '|' || filled(row.idVisit) AS visit,
            filled(row.userId) AS user_id, filled(row.visitorId) AS visitor_id,
            coalesce(epoch(row.firstActionTimestamp), epoch(row.serverTimestamp)) AS started_at
        FROM (SELECT *, from_json(payload, '{_VISIT}') AS row FROM records))""",
    """CREATE OR REPLACE TEMP TABLE identified_visits AS
    SELECT *, CASE WHEN kind IS NOT NULL THEN person_key(kind, value) END AS person_key, coalesce(started_at, delivered_at) AS stated_at FROM seen""",
    """CREATE OR REPLACE TEMP TABLE acted AS
    SELECT record_no, record_key, person_key, stated_at, visit, unnest(row.actionDetails) AS act, generate_subscripts(row.actionDetails, 1) AS position
    FROM identified_visits""",
)

_VENDOR = """
    SELECT record_no, visit, coalesce(row.result <> 'error', true) AS is_a_visit, started_at IS NOT NULL AS time_readable,
        filled(row.visitDuration) IS NULL OR TRY_CAST(row.visitDuration AS BIGINT) IS NOT NULL AS duration_readable
    FROM identified_visits"""

_VISITS = """
    SELECT record_no, record_key, person_key, stated_at, 0 AS position, visit, visitor_id, filled(row.fingerprint) AS fingerprint, user_id, started_at,
        TRY_CAST(row.visitDuration AS BIGINT) AS duration_s, filled(row.visitIp) AS ip, filled(row.referrerType) AS referrer_type,
        filled(row.referrerName) AS referrer_name, filled(row.referrerUrl) AS referrer_url, filled(row.referrerKeyword) AS referrer_keyword,
        filled(row.deviceType) AS device_type, filled(row.deviceBrand) AS device_brand, filled(row.deviceModel) AS device_model,
        CASE WHEN filled(row.browserCode) IS NULL OR row.browserCode = 'UNK' THEN 'app'
            WHEN lower(row.deviceType) IN ('smartphone', 'tablet', 'phablet', 'feature phone') THEN 'mobile browser' ELSE 'browser' END AS channel,
        filled(row.browserName) AS browser_name, filled(row.browserVersion) AS browser_version, filled(row.operatingSystemName) AS os_name,
        filled(row.operatingSystemVersion) AS os_version, filled(row.resolution) AS resolution
    FROM identified_visits WHERE visit IS NOT NULL AND started_at IS NOT NULL"""

_ACTIONS = """
    SELECT record_no, record_key, person_key, stated_at, position, visit, filled(act.type) AS type, epoch(act.timestamp) AS at, filled(act.url) AS url,
        filled(act.siteSearchKeyword) AS search_keyword, filled(act.siteSearchCategory) AS search_category,
        TRY_CAST(act.siteSearchCount AS BIGINT) AS search_count, filled(act.contentName) AS content_name, filled(act.contentPiece) AS content_piece,
        filled(act.contentTarget) AS content_target, filled(act.contentInteraction) AS content_interaction
    FROM acted WHERE visit IS NOT NULL"""

_IDENTIFIERS = """
    SELECT record_no, record_key, person_key, stated_at, 1 AS position, kind AS type, value, NULL::VARCHAR AS replaced_by
    FROM identified_visits WHERE kind IS NOT NULL
    UNION ALL
    SELECT record_no, record_key, person_key, stated_at, 2, 'visitor_id', visitor_id, NULL
    FROM identified_visits WHERE kind <> 'visitor_id' AND visitor_id IS NOT NULL"""

_ACCOUNT_ADDRESS = """
    SELECT record_no, record_key, person_key, stated_at, 3 AS position, 'email' AS kind, 'state' AS op, user_id AS value, value AS match_key,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM identified_visits WHERE kind = 'email'"""

SOURCE = Source(
    name="website",
    description="Visits to the website (Matomo)",
    datasets=(
        Dataset(
            name="visits",
            format="json_array",
            minimise=_MINIMISE,
            identify=_IDENTIFY,
            prepare=_PREPARE,
            vendor=VisitRecord,
            vendor_query=_VENDOR,
            frames=(
                Frame(Visits, _VISITS),
                Frame(VisitActions, _ACTIONS, essential=False),
                Frame(Identifiers, _IDENTIFIERS),
                Frame(ContactPoints, _ACCOUNT_ADDRESS, essential=False),
            ),
        ),
    ),
)
