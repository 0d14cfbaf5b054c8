"""Snowplow's enriched events, a line of 131 fields each; an empty field is null.

Source: docs/vendor-formats.md, "Website". An event is one action of a visit, which is Snowplow's
session: the register puts a session's events together. Only the fields that are read here reach
the disk: geolocation, the provider's name and the contexts do not, and an IP address is truncated.
Of self-describing events those of advertisements, links and searches are read.
"""

from __future__ import annotations

import json

from assets.sources.formats import TabSeparated
from assets.sources.source import Dataset, Frame
from schemas.sources.website import EventRecord
from schemas.staged import ContactPoints, Identifiers, VisitActions, Visits

FIELDS = tuple(
    """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id
    name_tracker v_tracker v_collector v_etl user_id user_ipaddress user_fingerprint
    domain_userid domain_sessionidx network_userid geo_country geo_region geo_city geo_zipcode
    geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain ip_netspeed
    page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath
    page_urlquery page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath
    refr_urlquery refr_urlfragment refr_medium refr_source refr_term mkt_medium mkt_source
    mkt_term mkt_content mkt_campaign contexts se_category se_action se_label se_property
    se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city
    tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
    pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family
    br_version br_type br_renderengine br_lang br_features_pdf br_features_flash
    br_features_java br_features_director br_features_quicktime br_features_realplayer
    br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth
    br_viewwidth br_viewheight os_name os_family os_manufacturer os_timezone dvce_type
    dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width doc_height
    tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base
    base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid derived_tstamp
    event_vendor event_name event_format event_version event_fingerprint true_tstamp
    """.split()  # noqa: SIM905
)
_READ = (
    "platform", "collector_tstamp", "derived_tstamp", "event", "event_name", "event_id", "user_id",
    "user_ipaddress", "user_fingerprint", "domain_userid", "domain_sessionidx", "domain_sessionid",
    "network_userid", "page_url", "page_referrer", "refr_medium", "refr_source", "refr_term",
    "se_category", "se_action", "se_label", "unstruct_event", "br_name", "br_family", "br_version",
    "os_name", "os_family", "dvce_type", "dvce_ismobile", "dvce_screenwidth", "dvce_screenheight",
)  # fmt: skip
_SHAPE = json.dumps(dict.fromkeys(_READ, "VARCHAR"))
_KEPT = ", ".join(
    f"'{name}', "
    + (
        f"truncated_ip(payload ->> '$.{name}')"
        if name == "user_ipaddress"
        else f"payload ->> '$.{name}'"
    )
    for name in _READ
)
_MINIMISE = f"CASE WHEN json_valid(payload) THEN json_object({_KEPT})::VARCHAR ELSE '{{}}' END"

_COOKIE = "visitor_id_canonical(coalesce(row.domain_userid, row.network_userid))"
_ACCOUNT = "user_id_canonical(row.user_id)"
_SESSION = """'snowplow|' || coalesce(filled(row.domain_sessionid),
        row.domain_userid || '|' || row.domain_sessionidx, opaque_id(row.event_id))"""
_KIND = """CASE WHEN contains(user_id, '@') THEN 'email' WHEN user_id IS NOT NULL
        THEN 'customer_number' WHEN visitor_id IS NOT NULL THEN 'visitor_id' END"""

_IDENTIFY = f"""
    WITH read AS (
        SELECT record_no, opaque_id(row.event_id) AS event_id, {_SESSION} AS visit,
            {_ACCOUNT} AS user_id, {_COOKIE} AS visitor_id
        FROM (SELECT record_no, from_json(payload, '{_SHAPE}') AS row FROM raw_records))
    SELECT record_no, event_id AS native_key, list_distinct(list_filter([identifier('visit', visit),
        identifier({_KIND}, coalesce(user_id, visitor_id)), identifier('user_id', user_id),
        identifier('visitor_id', visitor_id)], lambda identifier: identifier IS NOT NULL))
        AS identifiers
    FROM read"""

_PREPARE = (
    f"""CREATE OR REPLACE TEMP TABLE events AS
    SELECT *, {_KIND} AS kind, coalesce(user_id, visitor_id) AS value,
        person_key({_KIND}, coalesce(user_id, visitor_id)) AS person_key,
        coalesce(seen_at, delivered_at) AS stated_at,
        CASE WHEN json_valid(row.unstruct_event)
            THEN json_extract(row.unstruct_event, '$.data.data') END AS detail
    FROM (
        SELECT record_no, record_key, delivered_at, row, opaque_id(row.event_id) AS event_id,
            {_SESSION} AS visit, {_ACCOUNT} AS user_id, {_COOKIE} AS visitor_id,
            coalesce(past_moment(row.derived_tstamp || 'Z', delivered_at),
                past_moment(row.collector_tstamp || 'Z', delivered_at)) AS seen_at
        FROM (SELECT *, from_json(payload, '{_SHAPE}') AS row FROM records))""",
)

_VENDOR = """
    SELECT record_no, event_id IS NOT NULL AS event_named, seen_at IS NOT NULL AS time_readable
    FROM events"""

_C = "record_no, record_key, person_key, stated_at"
_VISITS = f"""
    SELECT {_C}, 0 AS position, visit, visitor_id, filled(row.user_fingerprint) AS fingerprint,
        user_id, seen_at AS started_at, NULL::BIGINT AS duration_s,
        filled(row.user_ipaddress) AS ip,
        CASE filled(row.refr_medium) WHEN 'unknown' THEN 'website'
            ELSE coalesce(row.refr_medium, 'direct') END AS referrer_type,
        filled(row.refr_source) AS referrer_name, filled(row.page_referrer) AS referrer_url,
        filled(row.refr_term) AS referrer_keyword, lower(filled(row.dvce_type)) AS device_type,
        NULL::VARCHAR AS device_brand, NULL::VARCHAR AS device_model,
        CASE WHEN row.platform IN ('mob', 'app') THEN 'app'
            WHEN row.dvce_ismobile = '1' THEN 'mobile browser' ELSE 'browser' END AS channel,
        coalesce(filled(row.br_family), filled(row.br_name)) AS browser_name,
        filled(row.br_version) AS browser_version,
        coalesce(filled(row.os_family), filled(row.os_name)) AS os_name,
        NULL::VARCHAR AS os_version,
        row.dvce_screenwidth || 'x' || row.dvce_screenheight AS resolution
    FROM events WHERE event_id IS NOT NULL AND seen_at IS NOT NULL"""

_OF_EVENT = "coalesce(filled(row.event_name), filled(row.event), 'event')"
_ACTIONS = f"""
    SELECT {_C}, 1 AS position, visit, {_OF_EVENT} AS type, seen_at AS at,
        filled(row.page_url) AS url,
        CASE WHEN {_OF_EVENT} = 'site_search'
            THEN filled(array_to_string(json_extract_string(detail, '$.terms[*]'), ' '))
            WHEN lower(row.se_action) LIKE '%search%' THEN filled(row.se_label)
            END AS search_keyword,
        NULL::VARCHAR AS search_category,
        CASE WHEN {_OF_EVENT} = 'site_search'
            THEN whole_number(detail ->> '$.totalResults') END AS search_count,
        CASE WHEN starts_with({_OF_EVENT}, 'ad_')
            THEN coalesce(detail ->> '$.campaignId', detail ->> '$.advertiserId', 'advertisement')
            WHEN {_OF_EVENT} = 'link_click' THEN coalesce(detail ->> '$.elementId', 'link')
            END AS content_name,
        CASE WHEN starts_with({_OF_EVENT}, 'ad_') THEN detail ->> '$.bannerId' END AS content_piece,
        detail ->> '$.targetUrl' AS content_target,
        CASE WHEN {_OF_EVENT} IN ('ad_click', 'link_click') THEN 'click' END AS content_interaction
    FROM events WHERE event_id IS NOT NULL AND seen_at IS NOT NULL"""

_IDENTIFIERS = f"""
    SELECT {_C}, 2 AS position, kind AS type, value, NULL::VARCHAR AS replaced_by
    FROM events WHERE kind IS NOT NULL
    UNION ALL
    SELECT {_C}, 3, 'user_id', user_id, NULL FROM events WHERE user_id IS NOT NULL
    UNION ALL
    SELECT {_C}, 4, 'visitor_id', visitor_id, NULL FROM events
    WHERE kind <> 'visitor_id' AND visitor_id IS NOT NULL"""

_ACCOUNT_ADDRESS = f"""
    SELECT {_C}, 5 AS position, 'email' AS kind, 'state' AS op, email_shown(row.user_id) AS value,
        user_id AS match_key, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM events WHERE kind = 'email'"""

EVENTS = Dataset(
    name="snowplow_events",
    format=TabSeparated(FIELDS),
    minimise=_MINIMISE,
    without_location="json_merge_patch(payload, '{\"user_ipaddress\": null}')::VARCHAR",
    identify=_IDENTIFY,
    prepare=_PREPARE,
    disclosable=dict.fromkeys(_READ, "VARCHAR"),
    vendor=EventRecord,
    vendor_query=_VENDOR,
    frames=(
        Frame(Visits, _VISITS),
        Frame(VisitActions, _ACTIONS, essential=False),
        Frame(Identifiers, _IDENTIFIERS, essential=False),
        Frame(ContactPoints, _ACCOUNT_ADDRESS, essential=False),
    ),
)
