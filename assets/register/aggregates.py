"""Aggregates that outlive what they count: visits per month, and attendance at events.

A month is counted while its visits or participations are there, and no count ever falls: of the
earlier count and the present one the larger counts, so that counting again, or after a visit has
been removed, changes nothing. When the last of a month is past its time the month is closed: small
counts are merged until each is at least the policy's `profiles.segment_floor` (the remainder into
the month as a whole), and nothing is counted for it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.register.clocks import local_day, over, visits_are_over
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.relations import Relation, Scope
from schemas.columns import TableModel, duckdb_types, table_name
from schemas.policy.model import Policy
from schemas.retention import EventAttendance, VisitsPerMonth
from schemas.vocabulary import AppliesTo

MERGED = "any"


@dataclass(frozen=True)
class Aggregate:
    """A table of counts per month.

    Attributes:
        model: Its model.
        month: The column of the month's first day.
        details: The columns that are merged where few share a value.
        counted: The column of the number.
        applies_to: The retention rule of what is counted.
        kept: The file of the counts of the last build.
        earlier: Relation of these counts.
        counts: Relation of the counts of the months that are not closed.
        result: Relation that is written.
    """

    model: type[TableModel]
    month: str
    details: tuple[str, str]
    counted: str
    applies_to: AppliesTo
    kept: KeptFile
    earlier: Relation
    counts: Relation
    result: Relation


def _aggregate(
    model: type[TableModel],
    month: str,
    details: tuple[str, str],
    counted: str,
    applies_to: AppliesTo,
    *reads: str,
) -> Aggregate:
    columns, name = duckdb_types(model), table_name(model)
    kept = KeptFile(
        f"lake/register/{name}.parquet",
        f"the {counted} of months of which all {counted} have been deleted",
        f"only {counted} that are still staged are counted",
        columns,
    )
    earlier = Relation(
        name=f"earlier_{name}",
        summary=f"The counts of {counted} of the last build.",
        columns=columns,
        scope=Scope.BROADCAST,
    )
    counts = Relation(
        name=f"open_{name}",
        summary=f"The counts of {counted} of every month that was not closed.",
        columns=columns,
        reads=(*reads, earlier.name),
        scope=Scope.GLOBAL,
        merge="The counts of the shards are added before they are compared with the earlier ones.",
    )
    result = Relation.of(
        model,
        reads=(counts.name, earlier.name),
        scope=Scope.GLOBAL,
        merge="Made of the merged counts, as small ones are merged over all shards.",
    )
    return Aggregate(model, month, details, counted, applies_to, kept, earlier, counts, result)


VISITS = _aggregate(
    VisitsPerMonth, "month", ("channel", "device_type"), "visits", "visits",
    "consented_visits", "staged_visits",
)  # fmt: skip
ATTENDANCE = _aggregate(
    EventAttendance, "ended_in", ("event", "status"), "participants", "participations",
    "staged_participations",
)  # fmt: skip
EARLIER_COUNTS = {aggregate.counted: aggregate.earlier for aggregate in (VISITS, ATTENDANCE)}
COUNTS = {aggregate.counted: aggregate.counts for aggregate in (VISITS, ATTENDANCE)}
RESULTS = {aggregate.counted: aggregate.result for aggregate in (VISITS, ATTENDANCE)}


def gather(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `visits_per_month` and `event_attendance`, from what is kept and from what is staged and
    past its time today."""
    policy = data_root.policy
    _count(data_root, connection, VISITS, _visits(policy, today), today)
    if policy.rule("participations")[1].effect == "anonymise":
        _count(data_root, connection, ATTENDANCE, _PARTICIPATIONS, today)
    else:
        connection.execute(ATTENDANCE.result.create_empty())


def _visits(policy: Policy, today: date) -> str:
    """SQL: month and details of each visit.

    Of several exports of a visit the longest counts, of equally long ones always the same.
    """
    version = "(coalesce(duration_s, 0), day, delivery_id, record_no)"
    return f"""SELECT date_trunc('month', {local_day(policy, "started_at")})::DATE AS month,
            channel, device_type
        FROM (
            SELECT started_at, channel, device_type FROM consented_visits
            UNION ALL BY NAME
            SELECT arg_max(started_at, {version}) AS started_at,
                arg_max(channel, {version}) AS channel,
                arg_max(device_type, {version}) AS device_type
            FROM staged_visits WHERE {visits_are_over(policy, today)} GROUP BY visit)"""


_PARTICIPATIONS = """SELECT date_trunc('month', event_ends_on)::DATE AS ended_in, event, status
    FROM staged_participations
    QUALIFY row_number() OVER (PARTITION BY source, participation
        ORDER BY day DESC, delivery_id DESC, record_no DESC) = 1"""
"""SQL: month and details of each participation, by its latest statement."""


def _count(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    aggregate: Aggregate,
    rows: str,
    today: date,
) -> None:
    """Make the relations of one aggregate, of the month and details of each thing counted."""
    connection.execute(aggregate.earlier.create_table(aggregate.kept.rows(data_root)))
    month, counted, earlier = aggregate.month, aggregate.counted, aggregate.earlier.name
    details = ", ".join(aggregate.details)
    known = ", ".join(f"coalesce({name}, '{MERGED}') AS {name}" for name in aggregate.details)
    last = over(data_root.policy, aggregate.applies_to, today)
    connection.execute(
        aggregate.counts.create_table(
            f"""WITH present AS (
                SELECT {month}, {known}, count(*) AS {counted} FROM ({rows}) GROUP BY ALL)
            SELECT {month}, {details}, max({counted}) AS {counted},
                last_day({month}) <= {last} AS closed
            FROM (
                SELECT * FROM present
                UNION ALL BY NAME
                SELECT {month}, {details}, {counted} FROM {earlier} WHERE NOT closed)
            WHERE {month} NOT IN (SELECT {month} FROM {earlier} WHERE closed)
            GROUP BY {month}, {details}"""
        )
    )
    floor = data_root.policy.profiles.segment_floor
    merged = ", ".join(
        f"CASE WHEN merge THEN '{MERGED}' ELSE {name} END AS {name}" for name in aggregate.details
    )
    connection.execute(
        aggregate.result.create_table(
            f"""WITH ranked AS (
                SELECT *, {counted} < {floor} AS few,
                    sum({counted}) FILTER ({counted} < {floor})
                        OVER (PARTITION BY {month}) AS of_few,
                    row_number() OVER (PARTITION BY {month}, {counted} < {floor}
                        ORDER BY {counted}, {details}) AS nth
                FROM {aggregate.counts.name} WHERE closed),
            merged AS (
                SELECT *,
                    few OR (coalesce(of_few < {floor}, false) AND nth = 1) AS merge
                FROM ranked)
            SELECT {month}, {merged},
                sum({counted})::BIGINT AS {counted}, true AS closed
            FROM merged GROUP BY ALL
            UNION ALL BY NAME SELECT * FROM {aggregate.counts.name} WHERE NOT closed
            UNION ALL BY NAME SELECT * FROM {earlier} WHERE closed"""
        )
    )
