"""Cluster ids: the key of a member, which a cluster keeps as long as it keeps that member.

So an id belongs to one cluster, whatever merges and splits: it moves with the record that gave it.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.storage.relations import Relation, Scope

CLUSTER_IDS = Relation(
    name="linkage_cluster_ids",
    summary="The id of each cluster.",
    columns={"first": "INTEGER", "cluster": "VARCHAR"},
    reads=("linkage_clusters", "linkage_keys"),
    scope=Scope.COMPONENT,
)
EVENTS = Relation(
    name="linkage_events",
    summary="Clusters that were merged or split since the last time.",
    columns={"event": "VARCHAR", "cluster": "VARCHAR", "became": "VARCHAR"},
    amended_from=("linkage_cluster_ids", "linkage_clusters", "linkage_keys"),
    scope=Scope.COMPONENT,
)


@dataclass(frozen=True)
class Drift:
    """The changes to earlier clusters: `changed` of the earlier `records` have another cluster
    id."""

    records: int = 0
    changed: int = 0
    merged: int = 0
    split: int = 0

    @property
    def unchanged(self) -> float:
        """The share of earlier records in a cluster with the same id."""
        return 1 - self.changed / self.records if self.records else 1.0


def assign_cluster_ids(connection: duckdb.DuckDBPyConnection, previous: str | None = None) -> Drift:
    """Make `linkage_cluster_ids(first, cluster)` of `linkage_clusters(id, first)` and
    `linkage_keys`.

    A cluster gets the id that most of its members had in the table `previous` (key, cluster), among
    the ids that name one of its records; without any, its first key. Makes
    `linkage_events(event, cluster, became)` of the ids that were merged into another, and of the
    clusters that were split.
    """
    run = connection.execute
    run(EVENTS.create_empty())
    if previous is None:
        run(
            f"""{CLUSTER_IDS.create} AS
            SELECT first, min(key) AS cluster
            FROM linkage_clusters
            JOIN linkage_keys USING (id)
            GROUP BY first"""
        )
        return Drift()
    run(
        f"""CREATE OR REPLACE TEMP TABLE linkage_previous AS
        SELECT first, linkage_keys.key, previous.cluster
        FROM linkage_clusters
        JOIN linkage_keys USING (id)
        LEFT JOIN {previous} AS previous ON previous.key = linkage_keys.key"""
    )
    run(
        f"""{CLUSTER_IDS.create} AS
        WITH available AS (SELECT first, cluster FROM linkage_previous WHERE key = cluster),
        counts AS (
            SELECT first, cluster, count(*) AS n
            FROM linkage_previous
            SEMI JOIN available USING (first, cluster)
            GROUP BY ALL),
        usual AS (
            SELECT first, arg_min(cluster, (-n, cluster)) AS cluster
            FROM counts
            GROUP BY first)
        SELECT first, coalesce(any_value(usual.cluster), min(key)) AS cluster
        FROM linkage_previous
        LEFT JOIN usual USING (first)
        GROUP BY first"""
    )
    run(
        """INSERT INTO linkage_events
        WITH moved AS (
            SELECT previous.cluster, ids.cluster AS became, count(*) AS n
            FROM linkage_previous AS previous
            JOIN linkage_cluster_ids AS ids USING (first)
            WHERE previous.cluster IS NOT NULL
            GROUP BY ALL),
        outcomes AS (
            SELECT
                cluster,
                arg_min(became, (-n, became)) AS became,
                count(*) AS parts,
                bool_or(cluster = became) AS kept
            FROM moved
            GROUP BY cluster)
        SELECT 'split', cluster, NULL FROM outcomes WHERE parts > 1
        UNION ALL
        SELECT 'merged', cluster, became FROM outcomes WHERE NOT kept AND parts = 1"""
    )
    row = run(
        """SELECT count(*), count(*) FILTER (previous.cluster <> ids.cluster)
        FROM linkage_previous AS previous
        JOIN linkage_cluster_ids AS ids USING (first)
        WHERE previous.cluster IS NOT NULL"""
    ).fetchone()
    counts = dict(run("SELECT event, count(*) FROM linkage_events GROUP BY event").fetchall())
    run("DROP TABLE linkage_previous")
    records, changed = map(int, row or (0, 0))
    return Drift(records, changed, counts.get("merged", 0), counts.get("split", 0))
