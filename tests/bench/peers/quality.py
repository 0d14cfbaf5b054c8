"""How well clusters agree with the truth: pairs, and B-cubed; the one evaluator of every engine.

*Pairwise*: of the pairs that were joined, how many are one person (precision); of one person's
pairs, how many were joined (recall). *B-cubed*: the same asked of each record and its cluster, and
averaged over the records, so that large clusters do not outvote small ones. Records without a known
truth are left out.

    python -m tests.bench.peers.quality PEOPLE CLUSTERS

prints the measures as JSON: PEOPLE has `uid`, `cluster` (the truth) and perhaps `identity_code`;
CLUSTERS has `uid`, `cluster`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

import duckdb

from schemas.identifiers import install


@dataclass(frozen=True)
class Quality:
    """Shares between 0 and 1; `two_codes` counts the clusters in which two valid identity codes
    meet.
    """

    precision: float
    recall: float
    bcubed_precision: float
    bcubed_recall: float
    two_codes: int = 0

    @property
    def f1(self) -> float:
        return _harmonic(self.precision, self.recall)

    @property
    def bcubed(self) -> float:
        return _harmonic(self.bcubed_precision, self.bcubed_recall)


def _harmonic(first: float, other: float) -> float:
    return 2 * first * other / (first + other) if first + other else 0.0


def quality(connection: duckdb.DuckDBPyConnection, judged: str) -> Quality:
    """Of `judged(truth, cluster)`, a row per record. Where there are no pairs, none is wrong and
    none is missed.
    """
    row = connection.execute(
        f"""WITH cells AS (SELECT truth, cluster, count(*) AS n FROM {judged}
            WHERE truth IS NOT NULL GROUP BY ALL),
        sized AS (SELECT n, sum(n) OVER (PARTITION BY truth) AS of_truth,
            sum(n) OVER (PARTITION BY cluster) AS of_cluster FROM cells)
        SELECT sum(n * (n - 1))::DOUBLE, sum(n * (of_cluster - 1))::DOUBLE,
            sum(n * (of_truth - 1))::DOUBLE,
            sum(n * n / of_cluster)::DOUBLE, sum(n * n / of_truth)::DOUBLE, sum(n)::DOUBLE
        FROM sized"""
    ).fetchone()
    if not row or not row[-1]:
        raise ValueError("there is no record whose truth is known")
    right, joined, true, precise, recalled, records = row
    return Quality(
        right / joined if joined else 1.0,
        right / true if true else 1.0,
        precise / records,
        recalled / records,
    )


def two_codes(connection: duckdb.DuckDBPyConnection, coded: str) -> int:
    """Of `coded(cluster, code)`: the clusters with two codes, both valid."""
    install(connection)
    row = connection.execute(
        f"""SELECT count(*) FROM (
            SELECT cluster FROM {coded} WHERE identity_code_valid(identity_code_canonical(code))
                GROUP BY cluster
            HAVING count(DISTINCT identity_code_canonical(code)) > 1)"""
    ).fetchone()
    return int(row[0]) if row else 0


def of_files(people: str, clusters: str) -> Quality:
    """Raises ValueError unless every row of the people has exactly one cluster."""
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TEMP TABLE judged AS
            SELECT people.* RENAME (cluster AS truth), linked.cluster
            FROM read_parquet(?) AS people
            LEFT JOIN read_parquet(?) AS linked USING (uid)""",
            [people, clusters],
        )
        rows = connection.execute(
            "SELECT count(*), count(cluster), (SELECT count(*) FROM read_parquet(?)) FROM judged",
            [people],
        ).fetchone()
        if not rows or len(set(rows)) != 1:
            raise ValueError(
                f"rows, rows with a cluster, and people: {rows}; every row needs one cluster"
            )
        measured = quality(connection, "judged")
        if "identity_code" not in {
            name for name, *_ in connection.execute("DESCRIBE judged").fetchall()
        }:
            return measured
        return Quality(
            **{
                **asdict(measured),
                "two_codes": two_codes(
                    connection, "(SELECT cluster, identity_code AS code FROM judged)"
                ),
            }
        )


if __name__ == "__main__":
    print(json.dumps(asdict(of_files(*sys.argv[1:]))))
