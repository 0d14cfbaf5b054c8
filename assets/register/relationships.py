"""Contracts, orders, visits, credit data and activities, each under its registrant."""

from __future__ import annotations

import duckdb

from assets.register import current_statements
from assets.storage.relations import Relation, Scope
from schemas.activities import ACTIVITIES, Activity


def _of_registrant(table: str, summary: str, *reads: str, **more: str) -> Relation:
    """Return the relation `registrant_<table>`: statements, `registrant_id`, and more columns."""
    return Relation(
        name=f"registrant_{table}",
        summary=summary,
        columns={
            "registrant_id": "VARCHAR",
            **current_statements.STATEMENTS[table].columns,
            **more,
        },
        reads=(f"statements_{table}", "membership", *reads),
        scope=Scope.COMPONENT,
    )


REGISTRANT_CONTRACTS = _of_registrant("contracts", "The latest statement of each contract.")
REGISTRANT_ORDERS = _of_registrant("orders", "The latest statement of each order.")
REGISTRANT_VISITS = _of_registrant(
    "visits",
    "Visits, with counts of what was done in each.",
    "statements_visit_actions",
    actions="BIGINT",
    searches="BIGINT",
    contents_seen="BIGINT",
    contents_clicked="BIGINT",
)
REGISTRANT_CREDIT_REPORTS = _of_registrant(
    "credit_reports",
    "The latest credit report about each registrant or company.",
    reported_at="TIMESTAMPTZ",
)
REGISTRANT_CREDIT_MARKS = _of_registrant(
    "credit_marks", "The latest statement of each credit mark about a registrant or company."
)
REGISTRANT_ACTIVITIES = {
    activity.table: _of_registrant(
        activity.table, f"The latest statement of each {activity.what} of a registrant."
    )
    for activity in ACTIVITIES
}


# A record of Snowplow is an event: a session is the visit of all its events, and of a person who is
# known by one of them.
SESSIONS = """SELECT * REPLACE (min(started_at) OVER session AS started_at,
        date_diff('second', min(started_at) OVER session, max(started_at) OVER session)
            AS duration_s)
    FROM statements_visits WHERE starts_with(visit, 'snowplow|')
    WINDOW session AS (PARTITION BY visit)
    QUALIFY row_number() OVER (PARTITION BY visit
        ORDER BY user_id IS NULL, statements_visits.started_at, record_key, delivery_id) = 1"""


def gather_contracts(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registrant_contracts`; part of each round of resolution."""
    connection.execute(REGISTRANT_CONTRACTS.create_table(_latest("contracts", "contract_number")))


def gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the other relations of this module, each row with its `registrant_id`, if it has one."""
    connection.execute(REGISTRANT_ORDERS.create_table(_latest("orders", "order_number")))
    # Apart, so that not all of their joins have to fit into memory at the same time.
    parts = {
        "counted_actions": """SELECT visit, count(*) AS actions,
                count(*) FILTER (search_keyword IS NOT NULL) AS searches,
                count(*) FILTER (content_name IS NOT NULL) AS contents_seen,
                count(*) FILTER (content_interaction IS NOT NULL) AS contents_clicked
            FROM statements_visit_actions GROUP BY visit""",
        "visits_stated": f"""SELECT * FROM statements_visits
            WHERE NOT starts_with(visit, 'snowplow|')
            UNION ALL BY NAME ({SESSIONS})""",
    }
    for name, query in parts.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    connection.execute(
        REGISTRANT_VISITS.create_table(
            """SELECT registrant_id, stated.*, coalesce(actions, 0) AS actions,
                coalesce(searches, 0) AS searches,
                coalesce(contents_seen, 0) AS contents_seen,
                coalesce(contents_clicked, 0) AS contents_clicked
            FROM visits_stated AS stated
            LEFT JOIN membership USING (person_key)
            LEFT JOIN counted_actions USING (visit)"""
        )
    )
    for name in parts:
        connection.execute(f"DROP TABLE {name}")
    connection.execute(
        REGISTRANT_CREDIT_REPORTS.create_table(
            """SELECT registrant_id, stated.*, stated_at AS reported_at
            FROM statements_credit_reports AS stated LEFT JOIN membership USING (person_key)
            QUALIFY row_number() OVER (
                PARTITION BY coalesce(registrant_id, business_id, person_key)
                ORDER BY statement DESC, position DESC) = 1"""
        )
    )
    connection.execute(
        REGISTRANT_CREDIT_MARKS.create_table(
            """SELECT registrant_id, stated.*
            FROM statements_credit_marks AS stated LEFT JOIN membership USING (person_key)
            QUALIFY row_number() OVER (
                PARTITION BY coalesce(registrant_id, business_id, person_key), remark_id
                ORDER BY statement DESC, position DESC) = 1"""
        )
    )
    for activity in ACTIVITIES:
        connection.execute(
            REGISTRANT_ACTIVITIES[activity.table].create_table(_latest_activities(activity))
        )


def _latest_activities(activity: Activity) -> str:
    """SQL: the latest statement of each of the kind about each person; one of nobody is left out.

    A message or a call is with several persons.
    """
    return f"""SELECT registrant_id, stated.*
        FROM statements_{activity.table} AS stated JOIN membership USING (person_key)
        QUALIFY row_number() OVER (PARTITION BY source, {activity.key}, registrant_id
            ORDER BY stated_at DESC, statement DESC) = 1"""


def _latest(table: str, number: str) -> str:
    """SQL: the latest statement of each number.

    Several clusters have one number only by a fault of the source.
    """
    return f"""SELECT registrant_id, stated.*
        FROM statements_{table} AS stated LEFT JOIN membership USING (person_key)
        QUALIFY row_number() OVER (PARTITION BY {number}
            ORDER BY stated_at DESC, statement DESC) = 1"""
