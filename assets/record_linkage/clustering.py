"""From weighed pairs to clusters: what is certain first, then components of strong links, every pair in them weighed, then refinement."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.average_linkage import STRONG, components, refine
from assets.record_linkage.fields import Field
from assets.record_linkage.model import Model
from assets.record_linkage.scoring import compare, weigh
from assets.record_linkage.u_probabilities import Shares
from assets.record_linkage.value_hashes import Hashes

Ints = NDArray[np.int64]

WHOLE = 150
"""Components of so many records are weighed pair by pair; in larger ones, what was not compared stays unseen."""
CERTAIN = 60.0
"""Bits: what an identity code or a person's decision weighs."""


def cluster(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    shares: Shares,
    fields: tuple[Field, ...],
    model: Model,
    decisions: str | None,
) -> Ints:
    """Make `linkage_clusters(id, first)`, `first` being the smallest id of the cluster, and `linkage_groups(id, part, n)`, the components; answers the firsts.

    Adds what it weighs to `linkage_pairs`.
    What codes and decisions join is one node from the beginning. A decision that two are one person does not outweigh codes.
    """
    records = len(hashes)
    marks = connection.execute(
        "SELECT coalesce(code, -1)::BIGINT AS code, coalesce(source, -1)::BIGINT AS source FROM linkage_marks ORDER BY id"
    ).fetchnumpy()
    code, source = np.asarray(marks["code"], np.int64), np.asarray(marks["source"], np.int64)
    same, apart = _decided(connection, decisions)
    label = _certain(code, same, apart)
    one, other, weight = _pairs(connection, "linkage_pairs")
    strong = weight >= STRONG
    group = components(
        records,
        np.concatenate([label, one[strong]]),
        np.concatenate([np.arange(records), other[strong]]),
    )
    _weigh_components(connection, hashes, shares, fields, model, group)
    late = _pairs(connection, "linkage_late")
    connection.execute("INSERT INTO linkage_pairs FROM linkage_late; DROP TABLE linkage_late")
    inside = group[one] == group[other]
    one, other, weight = (
        np.concatenate([found[inside], more])
        for found, more in zip((one, other, weight), late, strict=True)
    )
    nodes_code = np.full(records, -1, np.int64)
    np.maximum.at(nodes_code, label, code)
    vetoes = label[apart] if len(apart) else np.zeros((0, 2), np.int64)
    final = refine(
        records,
        np.concatenate([label[one], vetoes[:, 0]]),
        np.concatenate([label[other], vetoes[:, 1]]),
        np.concatenate([weight, np.full(len(vetoes), -CERTAIN)]),
        np.concatenate([weight <= -CERTAIN, np.ones(len(vetoes), np.bool_)]),
        nodes_code,
        source if (source >= 0).all() and records else None,
        np.bincount(label, minlength=records).astype(np.float64),
    )[label]
    connection.register(
        "linkage_labels",
        pa.table({"id": np.arange(records, dtype=np.int32), "first": final.astype(np.int32)}),
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_clusters AS FROM linkage_labels")
    connection.unregister("linkage_labels")
    return final


def _decided(connection: duckdb.DuckDBPyConnection, decisions: str | None) -> tuple[Ints, Ints]:
    """The pairs that somebody has said are one person, and those that are two: (k, 2) each."""
    if decisions is None:
        return np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64)
    rows = connection.execute(
        f"""SELECT least(l.id, r.id)::BIGINT AS one, greatest(l.id, r.id)::BIGINT AS other, bool_and(same) AS same
        FROM {decisions} AS said JOIN linkage_keys AS l ON l.key = said.one JOIN linkage_keys AS r ON r.key = said.other
        WHERE l.id <> r.id GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    pairs = np.stack(
        [np.asarray(rows["one"], np.int64), np.asarray(rows["other"], np.int64)], axis=1
    )
    same = np.asarray(rows["same"], np.bool_)
    return pairs[same], pairs[~same]


def _certain(code: Ints, same: Ints, apart: Ints) -> Ints:
    """Who is together by code, or by decision as far as no code and no other decision forbids: the smallest of each."""
    records = len(code)
    label = np.arange(records, dtype=np.int64)
    coded = np.flatnonzero(code >= 0)
    if len(coded):
        first = np.full(int(code.max()) + 1, records, np.int64)
        np.minimum.at(first, code[coded], coded)
        label[coded] = first[code[coded]]
    if len(same):
        held = np.full(records, -1, np.int64)
        np.maximum.at(held, label, code)
        one, other = label[np.concatenate([same, apart])].T
        weight = np.concatenate([np.full(len(same), CERTAIN), np.full(len(apart), -CERTAIN)])
        label = refine(records, one, other, weight, weight < 0, held)[label]
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


def _weigh_components(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    shares: Shares,
    fields: tuple[Field, ...],
    model: Model,
    group: Ints,
) -> None:
    """Make `linkage_groups(id, part)` of the components of two or more, and `linkage_late` of the pairs in them that no pass has found, weighed."""
    sizes = np.bincount(group, minlength=len(group))[group]
    there = np.flatnonzero(sizes > 1)
    connection.register(
        "linkage_parts",
        pa.table(
            {
                "id": there.astype(np.int32),
                "part": group[there].astype(np.int32),
                "n": sizes[there].astype(np.int32),
            }
        ),
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_groups AS FROM linkage_parts")
    connection.unregister("linkage_parts")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_unseen AS
        SELECT one, other, 0::UINTEGER AS passes FROM (
            SELECT l.id AS one, r.id AS other FROM linkage_groups AS l JOIN linkage_groups AS r ON l.part = r.part AND l.id < r.id
            WHERE l.n BETWEEN 3 AND {WHOLE})
        AS pairs ANTI JOIN linkage_pairs AS known ON known.one = pairs.one AND known.other = pairs.other"""
    )
    compare(connection, hashes, shares, fields, "linkage_unseen", "linkage_compared_late")
    weigh(connection, fields, model, "linkage_compared_late", "linkage_late")
    connection.execute("DROP TABLE linkage_unseen; DROP TABLE linkage_compared_late")
