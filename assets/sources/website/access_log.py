"""The web server's log in the combined format: best effort, and about nobody.

Source: docs/vendor-formats.md, "Website". Only the first page of a visit is taken in: one that was
opened from another site or from none. Programs are left out by what they call themselves. The IP
address is truncated, the signed-in user and what follows `?` are cut before anything is written.
"""

from __future__ import annotations

import json

from assets.sources.formats import TextLines
from assets.sources.source import Dataset, Frame
from schemas.sources.website import RequestRecord
from schemas.staged import VisitActions, Visits

_FIELDS = ("host", "ip", "at", "method", "path", "status", "referrer", "agent")
_LINE = (
    r"^(?:([A-Za-z0-9.-]+[.][A-Za-z-]{2,}) )?([0-9a-fA-F.:]+) [^ ]+ .*? \[([^\]]+)\] "
    r"\"([A-Z]+) ([^\" ?]*)[^\"]*\" ([0-9]{3}) [^ ]+"
    r"(?: \"([^\"?]*)[^\"]*\" \"((?:[^\"\\]|\\.)*)\")?"
)


def _part(place: int) -> str:
    """SQL: a group of the line; null if it is empty."""
    return f"nullif(regexp_extract(payload ->> '$.line', '{_LINE}', {place}), '')"


_KEPT = ", ".join(
    f"'{name}', " + (f"truncated_ip({_part(place)})" if name == "ip" else _part(place))
    for place, name in enumerate(_FIELDS, 1)
)
_MINIMISE = f"CASE WHEN json_valid(payload) THEN json_object({_KEPT})::VARCHAR ELSE '{{}}' END"

# What programs call themselves; a request without a name is of one, too.
_BOTS = (
    "bot|crawl|spider|slurp|preview|facebookexternal|curl|wget|python|go-http|java/|libwww|"
    "httpclient|headless|lighthouse|monitor|uptime|pingdom|scrapy|scan|okhttp|axios|node-fetch|"
    "feed|validator|archive|fetch|check"
)
_NO_PAGE = r"[.](css|js|mjs|map|png|jpe?g|gif|svg|ico|webp|woff2?|ttf|txt|xml|json|pdf|zip|mp4)$"
_BROWSERS = {
    "Edge": "edg(e|a|ios)?/", "Opera": "opr/|opera", "Firefox": "firefox|fxios",
    "Chrome": "chrome|crios", "Safari": "safari",
}  # fmt: skip
_SYSTEMS = {
    "Android": "android", "iOS": "iphone|ipad", "Windows": "windows", "Mac": "mac os x",
    "GNU/Linux": "linux",
}  # fmt: skip


def _called(names: dict[str, str]) -> str:
    """SQL: the first name of which the agent has the mark."""
    cases = " ".join(
        f"WHEN regexp_matches(agent, '{mark}') THEN '{name}'" for name, mark in names.items()
    )
    return f"CASE {cases} END"


_SHAPE = json.dumps(dict.fromkeys(_FIELDS, "VARCHAR"))
_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE requests AS
    SELECT *, log_moment(row.at, delivered_at) AS seen_at, lower(nullif(row.agent, '-')) AS agent,
        coalesce(row.referrer, '-') = '-'
            OR coalesce(NOT regexp_matches(row.referrer,
                '^https?://' || regexp_escape(row.host) || '([:/]|$)'), row.host IS NOT NULL)
            AS enters
    FROM (
        SELECT record_no, record_key, delivered_at, from_json(payload, '{_SHAPE}') AS row
        FROM records)""",
)
_VENDOR = f"""
    SELECT record_no, seen_at IS NOT NULL AND row.path IS NOT NULL AS line_readable,
        seen_at IS NULL OR coalesce(NOT regexp_matches(agent, '{_BOTS}'), false) AS by_a_person,
        seen_at IS NULL OR coalesce(row.method = 'GET' AND regexp_full_match(row.status, '2..|304')
            AND NOT regexp_matches(lower(row.path), '{_NO_PAGE}'), false) AS a_page,
        seen_at IS NULL OR enters AS enters
    FROM requests"""

_C = """record_no, record_key, NULL::VARCHAR AS person_key,
    coalesce(seen_at, delivered_at) AS stated_at"""
_VISIT = "'log|' || record_key AS visit"
_VISITS = f"""
    SELECT {_C}, 0 AS position, {_VISIT}, NULL::VARCHAR AS visitor_id,
        NULL::VARCHAR AS fingerprint, NULL::VARCHAR AS user_id, seen_at AS started_at,
        NULL::BIGINT AS duration_s, row.ip AS ip,
        CASE WHEN coalesce(row.referrer, '-') = '-' THEN 'direct' ELSE 'website' END
            AS referrer_type,
        nullif(regexp_extract(row.referrer, '^https?://([^/:]+)', 1), '') AS referrer_name,
        nullif(row.referrer, '-') AS referrer_url, NULL::VARCHAR AS referrer_keyword,
        CASE WHEN regexp_matches(agent, 'ipad|tablet') THEN 'tablet'
            WHEN contains(agent, 'mobile') THEN 'smartphone' ELSE 'desktop' END AS device_type,
        NULL::VARCHAR AS device_brand, NULL::VARCHAR AS device_model,
        CASE WHEN regexp_matches(agent, 'ipad|tablet|mobile') THEN 'mobile browser'
            ELSE 'browser' END AS channel,
        {_called(_BROWSERS)} AS browser_name, NULL::VARCHAR AS browser_version,
        {_called(_SYSTEMS)} AS os_name, NULL::VARCHAR AS os_version, NULL::VARCHAR AS resolution
    FROM requests WHERE seen_at IS NOT NULL"""
_ACTIONS = f"""
    SELECT {_C}, 1 AS position, {_VISIT}, 'action' AS type, seen_at AS at,
        'https://' || coalesce(row.host, 'host.invalid') || row.path AS url,
        NULL::VARCHAR AS search_keyword, NULL::VARCHAR AS search_category,
        NULL::BIGINT AS search_count, NULL::VARCHAR AS content_name,
        NULL::VARCHAR AS content_piece, NULL::VARCHAR AS content_target,
        NULL::VARCHAR AS content_interaction
    FROM requests WHERE seen_at IS NOT NULL"""

REQUESTS = Dataset(
    name="access_log",
    format=TextLines(),
    minimise=_MINIMISE,
    identify="SELECT record_no, NULL::VARCHAR AS native_key, []::VARCHAR[] AS identifiers "
    "FROM raw_records",
    prepare=_PREPARE,
    vendor=RequestRecord,
    vendor_query=_VENDOR,
    frames=(Frame(Visits, _VISITS), Frame(VisitActions, _ACTIONS, essential=False)),
)
