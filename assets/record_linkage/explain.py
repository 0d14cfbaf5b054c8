"""Explanations of match weights: the level of every field of a pair, and the bits that it adds.

The bits of a row add up to its weight: `start` (the prior of any pair) and `<field>_bits` for each
field. With several kinds of match and of non-match, a field's bits are its mean over the kinds that
explain the pair, each by its share. Explanations contain levels, weights and keys, but no value.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.expectation_maximisation import (
    HOUSEHOLD,
    RANDOM,
    log_likelihood,
    unpack_levels,
)
from assets.record_linkage.fields import LEVEL_BITS, Field, share_columns
from assets.record_linkage.model import Model
from assets.record_linkage.scoring import BOTH_SHARES
from assets.storage.relations import Relation, Scope

MIN_BITS = -10.0
"""Pairs of a lower weight are explained only if they are in one cluster."""
LINKAGE_EXPLAINED = Relation(
    name="linkage_explained",
    summary="Why a pair has its weight; with <field> and <field>_bits for each field as well.",
    columns={
        "one": "VARCHAR",
        "other": "VARCHAR",
        "weight": "DOUBLE",
        "linked": "BOOLEAN",
        "found_by": "VARCHAR[]",
        "start": "DOUBLE",
    },
    reads=("linkage_keys", "linkage_clusters", "linkage_pairs"),
    scope=Scope.GLOBAL,
    merge="made of the whole table by `register link`, in no build",
)


def explain(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    model: Model,
    rules: Sequence[str],
) -> None:
    """Make `linkage_explained` of `linkage_pairs`.

    Its columns are one, other, weight, linked, found_by (the names of `rules`), start, and <field>
    and <field>_bits for each field.
    """
    explain_pairs(
        connection,
        fields,
        model,
        f"""SELECT linkage_pairs.*
        FROM linkage_pairs
        JOIN linkage_clusters AS l ON l.id = one
        JOIN linkage_clusters AS r ON r.id = other
        WHERE weight >= {MIN_BITS} OR l.first = r.first""",
    )
    names = ", ".join(f"'{name}'" for name in rules) or "NULL"
    connection.execute(
        f"""{LINKAGE_EXPLAINED.create} AS
        SELECT
            least(lk.key, rk.key) AS one,
            greatest(lk.key, rk.key) AS other,
            weight,
            lc.first = rc.first AS linked,
            list_filter(
                [{names}]::VARCHAR[],
                lambda name, place: passes >> (place - 1) & 1 = 1) AS found_by,
            start,
            {_field_columns(fields)}
        FROM linkage_reasons AS reasons
        JOIN linkage_keys AS lk ON lk.id = reasons.one
        JOIN linkage_keys AS rk ON rk.id = reasons.other
        JOIN linkage_clusters AS lc ON lc.id = reasons.one
        JOIN linkage_clusters AS rc ON rc.id = reasons.other
        ORDER BY weight DESC, one, other"""
    )


def explain_pairs(
    connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], model: Model, pairs: str
) -> None:
    """Make `linkage_reasons` of pairs: with `start`, and `<field>` and `<field>_bits` for each
    field.

    Args:
        pairs: SQL of scored pairs (one, other, pattern, weight, ...).
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE linkage_requested AS {pairs}")
    pattern = np.asarray(
        connection.execute(
            "SELECT DISTINCT pattern FROM linkage_requested ORDER BY pattern"
        ).fetchnumpy()["pattern"],
        np.uint64,
    )
    connection.register("linkage_usual", _usual_bits(fields, model, pattern))
    shares = "".join(
        f", greatest(ls.{name}_share, rs.{name}_share) AS {name}_share"
        for name in share_columns(fields)
    )
    bits = ", ".join(
        f"round({model.slope} * ({_bits(position, field, model)}), 2)::FLOAT AS {field.name}_bits"
        for position, field in enumerate(fields)
    )
    total = " + ".join(f"{field.name}_bits" for field in fields)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_reasons AS
        WITH requested AS (
            SELECT linkage_requested.*{shares}
            FROM linkage_requested
            {BOTH_SHARES}),
        explained AS (
            SELECT requested.*, usual.* EXCLUDE (pattern), {bits}
            FROM requested
            JOIN linkage_usual AS usual USING (pattern))
        SELECT
            linkage_requested.*,
            round(explained.weight - ({total}), 2)::FLOAT AS start,
            {_field_columns(fields)}
        FROM explained
        JOIN linkage_requested USING (one, other)"""
    )
    connection.unregister("linkage_usual")
    connection.execute("DROP TABLE linkage_requested")


def _field_columns(fields: Sequence[Field]) -> str:
    return ", ".join(f"{field.name}, {field.name}_bits" for field in fields)


def _usual_bits(fields: Sequence[Field], model: Model, patterns: np.ndarray) -> pa.Table:
    """For each pattern, the level's name and the usual bits of every field (for values of average
    share), and the share of random pairs in the non-matches."""
    levels = unpack_levels(patterns, len(fields))
    logs = log_likelihood(model.theta, levels) / np.log(2.0) + np.log2(model.priors)[:, None]
    match = np.exp2(logs[:HOUSEHOLD] - np.logaddexp2.reduce(logs[:HOUSEHOLD], axis=0))
    other = np.exp2(logs[HOUSEHOLD:] - np.logaddexp2.reduce(logs[HOUSEHOLD:], axis=0))
    theta = np.log2(np.maximum(model.theta, 1e-12))
    theta[:, :, 0] = 0.0
    table: dict[str, object] = {"pattern": patterns, "as_random": other[RANDOM - HOUSEHOLD]}
    for position, field in enumerate(fields):
        names = np.array(["missing", *(level.name for level in field.levels)])
        bits = theta[:, position, levels[:, position]]
        table[field.name] = names[levels[:, position]]
        table[f"{field.name}_usual"] = (match * bits[:HOUSEHOLD]).sum(axis=0) - (
            other * bits[HOUSEHOLD:]
        ).sum(axis=0)
    return pa.table(table)


def _bits(position: int, field: Field, model: Model) -> str:
    """SQL: the field's usual bits, and more where the value that agrees is rarer than average."""
    factor = "as_random" if field.shared else "1"
    cases = " ".join(
        f"WHEN {number} THEN {factor} * "
        f"({float(np.log2(model.agreement[level.share]))} - {level.share}_share)"
        for number, level in enumerate(field.levels, 1)
        if level.share
    )
    if not cases:
        return f"{field.name}_usual"
    return f"{field.name}_usual + CASE (pattern >> {LEVEL_BITS * position}) & 7 {cases} ELSE 0 END"
