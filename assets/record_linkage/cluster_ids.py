"""What clusters are called: by the key of a member, which the cluster keeps as long as that member stays.

So a name tells one cluster, whatever merges and splits: it moves with the record that gave it.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Drift:
    """What has become of the clusters that there were before: of `records` that were there, how many are called otherwise now."""

    records: int = 0
    changed: int = 0
    merged: int = 0
    split: int = 0

    @property
    def unchanged(self) -> float:
        """Of the records, the share whose cluster has the name it had."""
        return 1 - self.changed / self.records if self.records else 1.0


def name_clusters(connection: duckdb.DuckDBPyConnection, before: str | None = None) -> Drift:
    """Make `linkage_names(first, cluster)` of `linkage_clusters(id, first)` and `linkage_keys(id, key)`.

    A cluster is called as the most of its members were in the table `before` (key, cluster), among the names that it has the record of;
    without any, by its first key. Adds to `linkage_events(event, cluster, became)` which names have ceased, and which clusters were split.
    """
    run = connection.execute
    run(
        "CREATE OR REPLACE TEMP TABLE linkage_events (event VARCHAR, cluster VARCHAR, became VARCHAR)"
    )
    if before is None:
        run(
            """CREATE OR REPLACE TEMP TABLE linkage_names AS
            SELECT first, min(key) AS cluster FROM linkage_clusters JOIN linkage_keys USING (id) GROUP BY first"""
        )
        return Drift()
    run(
        f"""CREATE OR REPLACE TEMP TABLE linkage_called AS
        SELECT first, linkage_keys.key, before.cluster
        FROM linkage_clusters JOIN linkage_keys USING (id) LEFT JOIN {before} AS before ON before.key = linkage_keys.key"""
    )
    run(
        """CREATE OR REPLACE TEMP TABLE linkage_names AS
        WITH kept AS (SELECT first, cluster FROM linkage_called WHERE key = cluster),
        borne AS (SELECT first, cluster, count(*) AS n FROM linkage_called SEMI JOIN kept USING (first, cluster) GROUP BY ALL),
        usual AS (SELECT first, arg_min(cluster, (-n, cluster)) AS cluster FROM borne GROUP BY first)
        SELECT first, coalesce(any_value(usual.cluster), min(key)) AS cluster FROM linkage_called LEFT JOIN usual USING (first) GROUP BY first"""
    )
    run(
        """INSERT INTO linkage_events
        WITH moved AS (
            SELECT called.cluster, names.cluster AS became, count(*) AS n FROM linkage_called AS called JOIN linkage_names AS names USING (first)
            WHERE called.cluster IS NOT NULL GROUP BY ALL),
        judged AS (SELECT cluster, arg_min(became, (-n, became)) AS became, count(*) AS parts, bool_or(cluster = became) AS there FROM moved GROUP BY cluster)
        SELECT 'split', cluster, NULL FROM judged WHERE parts > 1
        UNION ALL SELECT 'merged', cluster, became FROM judged WHERE NOT there AND parts = 1"""
    )
    row = run(
        """SELECT count(*), count(*) FILTER (called.cluster <> names.cluster)
        FROM linkage_called AS called JOIN linkage_names AS names USING (first) WHERE called.cluster IS NOT NULL"""
    ).fetchone()
    counts = dict(run("SELECT event, count(*) FROM linkage_events GROUP BY event").fetchall())
    run("DROP TABLE linkage_called")
    records, changed = map(int, row or (0, 0))
    return Drift(records, changed, counts.get("merged", 0), counts.get("split", 0))
