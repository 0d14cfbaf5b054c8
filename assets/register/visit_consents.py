"""Consents to the use of visits: for which purposes each visit may be used (917/2014, 205 §).

- A visit may be used for what the visitor had consented to when it began, and has not taken back:
  by the banner or in another way, on the web or on all channels. A consent that comes later does
  not reach back.
- A consent given by a cookie concerns the visits with that cookie alone: it was given on that
  device. One given by the person concerns all of their visits.
- A withdrawal ends all earlier consents of the registrant to the purpose.
- When the cookie's time is over, its consents are removed, and the visits are used no more.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import relationships
from assets.storage.relations import Relation, Scope
from schemas.policy.model import Policy

# What a visit may be used for: the purposes without names, and profiles of behaviour.
PURPOSES = ("analytics", "products_and_services", "profiling")

CONSENTED_VISITS = Relation(
    name="consented_visits",
    summary="Visits, with the purposes that they may be used for.",
    columns={**relationships.REGISTRANT_VISITS.columns, "consented": "VARCHAR[]"},
    reads=("registrant_visits", "registrant_choice_log"),
    scope=Scope.COMPONENT,
)


def gather(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `consented_visits` as of `today`."""
    connection.execute(
        CONSENTED_VISITS.create_table(
            f"""WITH dated AS (
                SELECT registrant_id, purpose, choice, said_at,
                    CASE WHEN subject_type = 'visitor_id' THEN subject END AS browser,
                    max(said_at) FILTER (choice = 'withdrawn')
                        OVER (PARTITION BY registrant_id, purpose) AS withdrawn_last
                FROM registrant_choice_log
                WHERE purpose IN {PURPOSES} AND channel IN ('web', 'all')
                    AND choice IN ('granted', 'withdrawn')),
            consents AS (
                SELECT registrant_id, purpose, browser, min(said_at) AS since
                FROM dated
                WHERE choice = 'granted' AND coalesce(said_at > withdrawn_last, true)
                    AND timezone('{policy.time_zone}', said_at)::DATE <= DATE '{today}'
                GROUP BY ALL),
            covered AS (
                SELECT visit, list(DISTINCT purpose ORDER BY purpose) AS consented
                FROM registrant_visits AS visited
                JOIN consents ON consents.registrant_id = visited.registrant_id
                    AND since <= started_at
                    AND coalesce(browser = 'visitor_id:' || visitor_id, browser IS NULL)
                GROUP BY visit)
            SELECT visited.*, coalesce(covered.consented, []::VARCHAR[]) AS consented
            FROM registrant_visits AS visited
            LEFT JOIN covered USING (visit)"""
        )
    )
