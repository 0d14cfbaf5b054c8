"""Which topics of the policy a registrant has turned to, from the contents of the visits that are kept.

A content is what somebody chose: a page they opened, what they clicked, the category that they narrowed a search to. What
was only shown to them, what they wrote into a search and whatever follows `?` in an address is never looked at. Contents
of no topic, and those with a word of a special category, leave no trace. Source: policy.yaml, `profiles.interests`.
"""

from __future__ import annotations

from datetime import date

import duckdb

from schemas.policy import Policy
from schemas.sensitive import SENSITIVE_SQL

# A page's path without the site; of a search nothing, for sites put the words there. What cannot be read tells nothing.
_PATH = "CASE WHEN search_keyword IS NULL THEN try(url_decode(regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/([^?#]*)', 1))) END"
_CLICKED = "CASE WHEN content_interaction IS NOT NULL THEN {0} END"
_BETWEEN = "chr(10)"


def gather(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `held_interests(registrant_id, topic, times, last_seen_on)`; an action counts once for a topic, whatever of it fits.

    Reads `said_visit_actions` and `held_visits`, so it ends with the visit. Topics are matched once per distinct content.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE topic_patterns (topic VARCHAR, pattern VARCHAR)"
    )
    patterns = [
        (name, like(content))
        for name, topic in policy.profiles.interests.items()
        for content in topic.contents
    ]
    if patterns:
        connection.executemany("INSERT INTO topic_patterns VALUES (?, ?)", patterns)
    parts = f"{_PATH}, {_CLICKED.format('content_name')}, {_CLICKED.format('content_piece')}, search_category"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE held_interests AS
        WITH chosen AS MATERIALIZED (
            SELECT visit, lower(concat_ws({_BETWEEN}, {parts})) AS contents, count(*) AS times FROM said_visit_actions GROUP BY ALL),
        harmless AS (
            SELECT contents, unnest(string_split(contents, {_BETWEEN})) AS content
            FROM (SELECT DISTINCT contents FROM chosen) WHERE NOT regexp_matches(strip_accents(contents), '{SENSITIVE_SQL}')),
        told AS (SELECT DISTINCT contents, topic FROM harmless JOIN topic_patterns ON content LIKE pattern ESCAPE '\\')
        SELECT registrant_id, topic, sum(times) AS times, max(timezone('{policy.time_zone}', started_at)::DATE) AS last_seen_on
        FROM chosen JOIN told USING (contents) JOIN held_visits USING (visit)
        WHERE registrant_id IS NOT NULL AND timezone('{policy.time_zone}', started_at)::DATE <= DATE '{today}'
        GROUP BY registrant_id, topic"""
    )


def like(content: str) -> str:
    """A content of the policy as a pattern of SQL's LIKE, in small letters; only `*` stands for something else."""
    escaped = content.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
