"""Aggregates that outlive visits: how many there were, per month, channel and kind of device.

A month's counts are made from its visits while these are there, and never fall: of the earlier
count and the present one the larger counts, so that counting again, or after a visit has been
removed, changes nothing. When the last of a month's visits is past its time the month is closed:
small counts are merged until each is at least the policy's `profiles.segment_floor` (the remainder
into the month as a whole), and nothing is counted for it again.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register.clocks import local_day, over, visits_are_over
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.retention import VisitsPerMonth

MERGED = "any"

EARLIER_COUNTS = Relation(
    name="earlier_counts",
    summary="The counts of visits of the last build.",
    columns=duckdb_types(VisitsPerMonth),
    scope=Scope.BROADCAST,
)
VISIT_COUNTS = Relation(
    name="visit_counts",
    summary="The counts of visits of every month that was not closed.",
    columns=duckdb_types(VisitsPerMonth),
    reads=("registrant_visits", "staged_visits", "earlier_counts"),
    scope=Scope.GLOBAL,
    merge="The counts of the shards are added before they are compared with the earlier ones.",
)
VISITS_PER_MONTH = Relation.of(
    VisitsPerMonth,
    reads=("visit_counts", "earlier_counts"),
    scope=Scope.GLOBAL,
    merge="Made of the merged `visit_counts`, as small counts are merged over all shards.",
)


def gather(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `visits_per_month`, from visits that are kept and from staged visits that are past their
    time today."""
    _earlier_counts(data_root, connection)
    # Of several exports of a visit the longest counts, of equally long ones always the same.
    version = "(coalesce(duration_s, 0), day, delivery_id, record_no)"
    month = f"date_trunc('month', {local_day(data_root.policy, 'started_at')})::DATE"
    connection.execute(
        VISIT_COUNTS.create_table(
            f"""WITH seen AS (
                SELECT started_at, channel, device_type FROM registrant_visits
                UNION ALL BY NAME
                SELECT arg_max(started_at, {version}) AS started_at,
                    arg_max(channel, {version}) AS channel,
                    arg_max(device_type, {version}) AS device_type
                FROM staged_visits WHERE {visits_are_over(data_root.policy, today)} GROUP BY visit),
            present AS (
                SELECT {month} AS month, coalesce(channel, '{MERGED}') AS channel,
                    coalesce(device_type, '{MERGED}') AS device_type, count(*) AS visits
                FROM seen GROUP BY ALL)
            SELECT month, channel, device_type, max(visits) AS visits,
                last_day(month) <= {over(data_root.policy, "visits", today)} AS closed
            FROM (
                SELECT * FROM present
                UNION ALL BY NAME
                SELECT month, channel, device_type, visits FROM earlier_counts WHERE NOT closed)
            WHERE month NOT IN (SELECT month FROM earlier_counts WHERE closed)
            GROUP BY month, channel, device_type"""
        )
    )
    floor = data_root.policy.profiles.segment_floor
    connection.execute(
        VISITS_PER_MONTH.create_table(
            f"""WITH ranked AS (
                SELECT *, visits < {floor} AS few,
                    sum(visits) FILTER (visits < {floor}) OVER (PARTITION BY month) AS of_few,
                    row_number() OVER (PARTITION BY month, visits < {floor}
                        ORDER BY visits, channel, device_type) AS nth
                FROM visit_counts WHERE closed),
            merged AS (
                SELECT *,
                    few OR (coalesce(of_few < {floor}, false) AND nth = 1) AS merge
                FROM ranked)
            SELECT month, CASE WHEN merge THEN '{MERGED}' ELSE channel END AS channel,
                CASE WHEN merge THEN '{MERGED}' ELSE device_type END AS device_type,
                sum(visits)::BIGINT AS visits, true AS closed
            FROM merged GROUP BY ALL
            UNION ALL BY NAME SELECT * FROM visit_counts WHERE NOT closed
            UNION ALL BY NAME SELECT * FROM earlier_counts WHERE closed"""
        )
    )


def _earlier_counts(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    path = data_root.register("visits_per_month")
    connection.execute(
        EARLIER_COUNTS.create_table(f"SELECT * FROM {parquet(path)}")
        if path.exists()
        else EARLIER_COUNTS.create_empty()
    )
