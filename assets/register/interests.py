"""Interests: the topics of the policy that a registrant has turned to, by visits that are kept.

Only visits count that the visitor has consented to be used in a profile (`visit_consents`).
A content is what somebody chose: a page they opened, what they clicked, the category that they
narrowed a search to. What was only shown to them, what they wrote into a search and whatever
follows `?` in an address is never looked at. Contents of no topic, and those with a word of a
special category, leave no trace. Source: policy.yaml, `profiles.interests`.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.storage.relations import Relation, Scope
from schemas.policy.model import Policy
from schemas.sensitive import SENSITIVE_SQL

# A page's path without the site; nothing of a search, for sites put its words there. A path that
# cannot be read shows nothing.
_PATH = """CASE WHEN search_keyword IS NULL THEN try(url_decode(
    regexp_extract(url, '^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*/([^?#]*)', 1))) END"""
_CLICKED = "CASE WHEN content_interaction IS NOT NULL THEN {0} END"
_BETWEEN = "chr(10)"

REGISTRANT_INTERESTS = Relation(
    name="registrant_interests",
    summary="How often a registrant has turned to a topic, in the visits that are kept.",
    columns={
        "registrant_id": "VARCHAR",
        "topic": "VARCHAR",
        "times": "HUGEINT",
        "last_seen_on": "DATE",
    },
    reads=("statements_visit_actions", "consented_visits", "topic_patterns"),
    scope=Scope.COMPONENT,
)
TOPIC_PATTERNS = Relation(
    name="topic_patterns",
    summary="The contents of the policy's topics, as patterns.",
    columns={"topic": "VARCHAR", "pattern": "VARCHAR"},
    scope=Scope.BROADCAST,
)


def gather(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `registrant_interests`; an action counts once for a topic, whatever of it fits.

    It reads visits that are kept and may be used for a profile, so an interest ends with its visit.
    Topics are matched once per distinct content.
    """
    connection.execute(TOPIC_PATTERNS.create_empty())
    patterns = [
        (name, like(content))
        for name, topic in policy.profiles.interests.items()
        for content in topic.contents
    ]
    if patterns:
        connection.executemany("INSERT INTO topic_patterns VALUES (?, ?)", patterns)
    parts = ", ".join(
        (
            _PATH,
            _CLICKED.format("content_name"),
            _CLICKED.format("content_piece"),
            "search_category",
        )
    )
    day = f"timezone('{policy.time_zone}', started_at)::DATE"
    connection.execute(
        REGISTRANT_INTERESTS.create_table(
            f"""WITH chosen AS MATERIALIZED (
                SELECT visit, lower(concat_ws({_BETWEEN}, {parts})) AS contents,
                    count(*) AS times
                FROM statements_visit_actions GROUP BY ALL),
            harmless AS (
                SELECT contents, unnest(string_split(contents, {_BETWEEN})) AS content
                FROM (SELECT DISTINCT contents FROM chosen)
                WHERE NOT regexp_matches(strip_accents(contents), '{SENSITIVE_SQL}')),
            matched AS (
                SELECT DISTINCT contents, topic
                FROM harmless JOIN topic_patterns ON content LIKE pattern ESCAPE '\\')
            SELECT registrant_id, topic, sum(times) AS times, max({day}) AS last_seen_on
            FROM chosen
            JOIN matched USING (contents)
            JOIN consented_visits USING (visit)
            WHERE registrant_id IS NOT NULL AND {day} <= DATE '{today}'
                AND list_contains(consented, 'profiling')
            GROUP BY registrant_id, topic"""
        )
    )


def like(content: str) -> str:
    """Return a content of the policy as a pattern of LIKE, in small letters; `*` is any text."""
    escaped = content.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
