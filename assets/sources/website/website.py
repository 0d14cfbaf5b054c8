"""The source `website`: Matomo's visits, Snowplow's events, and the web server's log."""

from __future__ import annotations

from assets.sources.source import Source
from assets.sources.website import access_log, matomo, snowplow

SOURCE = Source(
    name="website",
    description="Visits to the website (Matomo, Snowplow, access logs)",
    about={
        "snowplow_events": "Snowplow's enriched events, 131 values with tabs between: one event",
        "access_log": "the combined format of web servers: one request",
        "visits": "JSON array of Matomo `Live.getLastVisitsDetails`: one visit",
    },
    purpose="analytics",
    datasets=(matomo.VISITS, snowplow.EVENTS, access_log.REQUESTS),
)
