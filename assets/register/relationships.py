"""Contracts, orders, visits and credit data, each under the registrant that it belongs to."""

from __future__ import annotations

import duckdb


def contracts(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `held_contracts`, with `registrant_id`; reads the view `said_contracts` and `membership`."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE held_contracts AS {_latest('contracts', 'contract_number')}"
    )


def gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `held_orders`, `held_visits`, `held_credit_reports`, `held_credit_marks`, with `registrant_id`.

    Reads the `said_…` views and `membership`.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE held_orders AS {_latest('orders', 'order_number')}"
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_visits AS
        WITH acted AS (
            SELECT visit, count(*) AS actions, count(*) FILTER (search_keyword IS NOT NULL) AS searches,
                count(*) FILTER (content_name IS NOT NULL) AS contents_seen,
                count(*) FILTER (content_interaction IS NOT NULL) AS contents_clicked
            FROM said_visit_actions GROUP BY visit)
        SELECT registrant_id, one.*, coalesce(actions, 0) AS actions, coalesce(searches, 0) AS searches,
            coalesce(contents_seen, 0) AS contents_seen, coalesce(contents_clicked, 0) AS contents_clicked
        FROM said_visits AS one LEFT JOIN membership USING (person_key) LEFT JOIN acted USING (visit)"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_credit_reports AS
        SELECT registrant_id, one.*, stated_at AS reported_at FROM said_credit_reports AS one LEFT JOIN membership USING (person_key)
        QUALIFY row_number() OVER (PARTITION BY coalesce(registrant_id, business_id, person_key) ORDER BY said DESC, position DESC) = 1"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_credit_marks AS
        SELECT registrant_id, one.* FROM said_credit_marks AS one LEFT JOIN membership USING (person_key)
        QUALIFY row_number() OVER (PARTITION BY coalesce(registrant_id, business_id, person_key), remark_id
            ORDER BY said DESC, position DESC) = 1"""
    )


def _latest(table: str, number: str) -> str:
    """Several clusters may hold one number only by a fault of the source; the latest statement counts."""
    return f"""
        SELECT registrant_id, one.* FROM said_{table} AS one LEFT JOIN membership USING (person_key)
        QUALIFY row_number() OVER (PARTITION BY {number} ORDER BY stated_at DESC, said DESC) = 1"""
