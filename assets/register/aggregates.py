"""What is told of visits when they have gone: how many there were, per month, channel and kind of device.

A month's numbers are counted from its visits while these are there, and never fall: of what was counted before and what is
counted now the larger holds, so that counting again, or after a visit has left, changes nothing. When the last of a month's
visits is past its time the month is closed: what is told of few is merged until it is told of at least the policy's
`profiles.segment_floor` (what is left, of the month as a whole), and nothing is counted for it again.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register.clocks import local_day, over, visits_are_over
from assets.storage.data_root import Home
from assets.storage.quoting import parquet
from schemas.columns import duckdb_columns
from schemas.register import VisitsPerMonth

MERGED = "any"


def gather(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `visits_per_month`, from `held_visits` and from what is staged of visits that are past their time today."""
    path = home.register("visits_per_month")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE counted_before AS SELECT * FROM {parquet(path)}"
        if path.exists()
        else f"CREATE OR REPLACE TEMP TABLE counted_before ({duckdb_columns(VisitsPerMonth)})"
    )
    month = f"date_trunc('month', {local_day(home.policy, 'started_at')})::DATE"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE counted AS
        WITH seen AS (
            SELECT started_at, channel, device_type FROM held_visits
            UNION ALL BY NAME
            SELECT any_value(started_at) AS started_at, arg_max(channel, coalesce(duration_s, 0)) AS channel,
                arg_max(device_type, coalesce(duration_s, 0)) AS device_type
            FROM staged_visits WHERE {visits_are_over(home.policy, today)} GROUP BY visit),
        now AS (
            SELECT {month} AS month, coalesce(channel, '{MERGED}') AS channel, coalesce(device_type, '{MERGED}') AS device_type, count(*) AS visits
            FROM seen GROUP BY ALL)
        SELECT month, channel, device_type, max(visits) AS visits, last_day(month) <= {over(home.policy, "visits", today)} AS closed
        FROM (SELECT * FROM now UNION ALL BY NAME SELECT month, channel, device_type, visits FROM counted_before WHERE NOT closed)
        WHERE month NOT IN (SELECT month FROM counted_before WHERE closed) GROUP BY month, channel, device_type"""
    )
    floor = home.policy.profiles.segment_floor
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE visits_per_month AS
        WITH ranked AS (
            SELECT *, visits < {floor} AS few, sum(visits) FILTER (visits < {floor}) OVER (PARTITION BY month) AS of_few,
                row_number() OVER (PARTITION BY month, visits < {floor} ORDER BY visits, channel, device_type) AS nth
            FROM counted WHERE closed),
        merged AS (
            SELECT *, few OR (coalesce(of_few < {floor}, false) AND nth = 1) AS merge FROM ranked)
        SELECT month, CASE WHEN merge THEN '{MERGED}' ELSE channel END AS channel, CASE WHEN merge THEN '{MERGED}' ELSE device_type END AS device_type,
            sum(visits)::BIGINT AS visits, true AS closed
        FROM merged GROUP BY ALL
        UNION ALL BY NAME SELECT * FROM counted WHERE NOT closed
        UNION ALL BY NAME SELECT * FROM counted_before WHERE closed"""
    )
