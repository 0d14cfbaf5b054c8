"""From scored pairs to clusters: deterministic links first, then components of strong links, in
which every pair is scored, then average linkage."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.average_linkage import STRONG, average_linkage, components
from assets.record_linkage.exact_copies import joined_copies
from assets.record_linkage.fields import Field
from assets.record_linkage.model import Model
from assets.record_linkage.scoring import compare, score
from assets.record_linkage.u_probabilities import ValueShares
from assets.record_linkage.value_hashes import ValueHashes
from assets.storage.relations import Relation, Scope

Ints = NDArray[np.int64]

MAX_COMPLETE = 150
"""Components of at most so many records are scored pair by pair."""
MORE_PAIRS, MORE_PAIRS_PER_RECORD = 1_000_000, 5
"""So many pairs of larger components are scored as well, of the smallest first; the largest may
have uncompared pairs."""
CERTAIN = 60.0
"""Bits: the weight of an identity code or a decision."""

TWO_CODE_CLUSTERS = """SELECT count(*)
    FROM (
        SELECT first
        FROM temp.linkage_clusters
        JOIN temp.linkage_codes USING (id)
        GROUP BY first
        HAVING count(DISTINCT code) > 1)"""
"""SQL: the number of clusters that have several identity codes, which must be 0."""

CLUSTERS = Relation(
    name="linkage_clusters",
    summary="The cluster of each record, by its first record.",
    columns={"id": "INTEGER", "first": "INTEGER"},
    reads=("linkage_pairs", "linkage_marks", "linkage_late"),
    scope=Scope.COMPONENT,
    external=True,
)
GROUPS = Relation(
    name="linkage_groups",
    summary="Components of several records that candidate pairs tie together.",
    columns={"id": "INTEGER", "part": "INTEGER", "n": "INTEGER"},
    reads=("linkage_pairs",),
    scope=Scope.COMPONENT,
    external=True,
)
LATE = Relation(
    name="linkage_late",
    summary="Scored pairs within components that no blocking rule has found.",
    columns={
        "one": "INTEGER",
        "other": "INTEGER",
        "passes": "UINTEGER",
        "pattern": "UBIGINT",
        "weight": "FLOAT",
    },
    reads=("linkage_groups", "linkage_pairs"),
    scope=Scope.COMPONENT,
    external=True,
)


def cluster(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    shares: ValueShares,
    fields: tuple[Field, ...],
    model: Model,
    decisions: str | None,
) -> Ints:
    """Make `linkage_clusters(id, first)` and `linkage_groups(id, part, n)`, the components.

    Adds the pairs that it scores to `linkage_pairs`. Records that codes and decisions join are one
    node from the beginning; a decision that two are one person does not outweigh codes.

    Returns:
        (records,): `first`, the smallest id of each record's cluster.
    """
    records = len(hashes)
    marks = connection.execute(
        """SELECT coalesce(code, -1)::BIGINT AS code, coalesce(source, -1)::BIGINT AS source
        FROM linkage_marks
        ORDER BY id"""
    ).fetchnumpy()
    code, source = np.asarray(marks["code"], np.int64), np.asarray(marks["source"], np.int64)
    same, different = _decided_pairs(connection, decisions)
    label = _deterministic(code, same, different)
    counted = np.ones(records, np.bool_)
    first, copies = joined_copies(connection, STRONG)
    label[copies] = label[first]
    counted[copies] = False
    left, right, weight = _pairs(connection, "linkage_pairs")
    strong = weight >= STRONG
    group = components(
        records,
        np.concatenate([label, left[strong]]),
        np.concatenate([np.arange(records), right[strong]]),
    )
    _score_components(connection, hashes, shares, fields, model, group, counted)
    late = _pairs(connection, "linkage_late")
    connection.execute("INSERT INTO linkage_pairs FROM linkage_late; DROP TABLE linkage_late")
    inside = group[left] == group[right]
    left, right, weight = (
        np.concatenate([early[inside], more])
        for early, more in zip((left, right, weight), late, strict=True)
    )
    node_code = np.full(records, -1, np.int64)
    np.maximum.at(node_code, label, code)
    vetoes = label[different] if len(different) else np.zeros((0, 2), np.int64)
    final = average_linkage(
        records,
        np.concatenate([label[left], vetoes[:, 0]]),
        np.concatenate([label[right], vetoes[:, 1]]),
        np.concatenate([weight, np.full(len(vetoes), -CERTAIN)]),
        np.concatenate([weight <= -CERTAIN, np.ones(len(vetoes), np.bool_)]),
        node_code,
        source,
        np.bincount(label[counted], minlength=records).astype(np.float64),
    )[label]
    connection.register(
        "linkage_labels",
        pa.table({"id": np.arange(records, dtype=np.int32), "first": final.astype(np.int32)}),
    )
    connection.execute(f"{CLUSTERS.create} AS FROM linkage_labels")
    connection.unregister("linkage_labels")
    return final


def _decided_pairs(
    connection: duckdb.DuckDBPyConnection, decisions: str | None
) -> tuple[Ints, Ints]:
    """The pairs that were decided to be one person, and those decided to be two: (k, 2) each."""
    if decisions is None:
        return np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64)
    rows = connection.execute(
        f"""SELECT
            least(l.id, r.id)::BIGINT AS one,
            greatest(l.id, r.id)::BIGINT AS other,
            bool_and(same) AS same
        FROM {decisions} AS decisions
        JOIN linkage_keys AS l ON l.key = decisions.one
        JOIN linkage_keys AS r ON r.key = decisions.other
        WHERE l.id <> r.id
        GROUP BY ALL
        ORDER BY ALL"""
    ).fetchnumpy()
    pairs = np.stack([np.asarray(rows[name], np.int64) for name in ("one", "other")], axis=1)
    same = np.asarray(rows["same"], np.bool_)
    return pairs[same], pairs[~same]


def _deterministic(code: Ints, same: Ints, different: Ints) -> Ints:
    """The smallest member of each record's deterministic group.

    Groups are joined by code, and by decisions that no code and no other decision forbids.
    """
    records = len(code)
    label = np.arange(records, dtype=np.int64)
    coded = np.flatnonzero(code >= 0)
    if len(coded):
        first = np.full(int(code.max()) + 1, records, np.int64)
        np.minimum.at(first, code[coded], coded)
        label[coded] = first[code[coded]]
    if len(same):
        node_code = np.full(records, -1, np.int64)
        np.maximum.at(node_code, label, code)
        left, right = label[np.concatenate([same, different])].T
        weight = np.concatenate([np.full(len(same), CERTAIN), np.full(len(different), -CERTAIN)])
        label = average_linkage(records, left, right, weight, weight < 0, node_code)[label]
    return label


def _pairs(
    connection: duckdb.DuckDBPyConnection, table: str
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    rows = connection.execute(f"SELECT one, other, weight FROM {table}").fetchnumpy()
    return (
        np.asarray(rows["one"], np.int64),
        np.asarray(rows["other"], np.int64),
        np.asarray(rows["weight"], np.float64),
    )


def _score_components(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    shares: ValueShares,
    fields: tuple[Field, ...],
    model: Model,
    group: Ints,
    counted: NDArray[np.bool_],
) -> None:
    """Make `linkage_groups(id, part, n)` of the components of several records, and `linkage_late`
    of the pairs in them that no blocking rule has found, scored.

    Args:
        counted: (records,): not the exact copies that are joined already.
    """
    sizes = np.bincount(group, minlength=len(group))[group]
    complete = _complete(group, counted)
    grouped = np.flatnonzero(sizes > 1)
    connection.register("linkage_whole", pa.table({"id": complete.astype(np.int32)}))
    connection.register(
        "linkage_parts",
        pa.table(
            {
                "id": grouped.astype(np.int32),
                "part": group[grouped].astype(np.int32),
                "n": sizes[grouped].astype(np.int32),
            }
        ),
    )
    connection.execute(f"{GROUPS.create} AS FROM linkage_parts")
    connection.unregister("linkage_parts")
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE linkage_uncompared AS
        SELECT one, other, 0::UINTEGER AS passes
        FROM (
            SELECT l.id AS one, r.id AS other
            FROM (FROM linkage_groups SEMI JOIN linkage_whole USING (id)) AS l
            JOIN (FROM linkage_groups SEMI JOIN linkage_whole USING (id)) AS r
                ON l.part = r.part AND l.id < r.id) AS pairs
        ANTI JOIN linkage_pairs AS known
            ON known.one = pairs.one AND known.other = pairs.other"""
    )
    connection.unregister("linkage_whole")
    compare(connection, hashes, shares, fields, "linkage_uncompared", "linkage_compared_late")
    score(connection, fields, model, "linkage_compared_late", "linkage_late")
    connection.execute("DROP TABLE linkage_uncompared; DROP TABLE linkage_compared_late")


def _complete(group: Ints, counted: NDArray[np.bool_]) -> Ints:
    """The ids of the records in components of three or more that are scored pair by pair."""
    sizes = np.bincount(group[counted], minlength=len(group)).astype(np.float64)
    parts = np.flatnonzero(sizes > 2)
    parts = parts[np.argsort(sizes[parts], kind="stable")]
    larger = np.where(sizes[parts] > MAX_COMPLETE, sizes[parts] * (sizes[parts] - 1) / 2, 0)
    fits = np.cumsum(larger) <= MORE_PAIRS + MORE_PAIRS_PER_RECORD * len(group)
    complete = np.zeros(len(group), np.bool_)
    complete[parts[fits]] = True
    return np.flatnonzero(complete[group] & counted)
