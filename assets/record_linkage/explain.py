"""Why two records are, or are not, one person: the level of every field and the bits it adds to the weight.

The bits of a row add up to its weight: `start` (what is believed of any pair) and `<field>_bits` for each field. With several kinds of match
and of stranger, a field's bits are its mean over the kinds that explain the pair, each by its share. No value is told,
only levels and weights; keys are.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.expectation_maximisation import (
    HOUSEHOLD,
    RANDOM,
    levels_of,
    log_likelihood,
)
from assets.record_linkage.fields import BITS, Field, share_columns
from assets.record_linkage.model import Model
from assets.record_linkage.scoring import BOTH_SHARES

LEAST_BITS = -10.0
"""Pairs that are further from being one person are not explained, unless they are in one cluster."""


def explain(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    model: Model,
    passes: Sequence[str],
) -> None:
    """Make `linkage_explained(one, other, weight, linked, found_by, start, <field>, <field>_bits ...)` of `linkage_pairs`."""
    reasons(
        connection,
        fields,
        model,
        f"""SELECT linkage_pairs.* FROM linkage_pairs JOIN linkage_clusters AS l ON l.id = one JOIN linkage_clusters AS r ON r.id = other
        WHERE weight >= {LEAST_BITS} OR l.first = r.first""",
    )
    names = ", ".join(f"'{name}'" for name in passes) or "NULL"
    told = ", ".join(f"{field.name}, {field.name}_bits" for field in fields)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_explained AS
        SELECT least(lk.key, rk.key) AS one, greatest(lk.key, rk.key) AS other, weight, lc.first = rc.first AS linked,
            list_filter([{names}]::VARCHAR[], lambda name, place: passes >> (place - 1) & 1 = 1) AS found_by, start, {told}
        FROM linkage_reasons AS reasons JOIN linkage_keys AS lk ON lk.id = reasons.one JOIN linkage_keys AS rk ON rk.id = reasons.other
        JOIN linkage_clusters AS lc ON lc.id = reasons.one JOIN linkage_clusters AS rc ON rc.id = reasons.other
        ORDER BY weight DESC, one, other"""
    )


def reasons(
    connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], model: Model, pairs: str
) -> None:
    """Make `linkage_reasons`: the pairs (one, other, pattern, weight, ...) with `start`, and `<field>`, `<field>_bits` for each field."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE linkage_asked AS {pairs}")
    patterns = np.asarray(
        connection.execute(
            "SELECT DISTINCT pattern FROM linkage_asked ORDER BY pattern"
        ).fetchnumpy()["pattern"],
        np.uint64,
    )
    connection.register("linkage_usual", _reasons(fields, model, patterns))
    shares = "".join(
        f", greatest(ls.{name}_share, rs.{name}_share) AS {name}_share"
        for name in share_columns(fields)
    )
    bits = ", ".join(
        f"round({model.slope} * ({_rarity(place, field, model)}), 2)::FLOAT AS {field.name}_bits"
        for place, field in enumerate(fields)
    )
    told = ", ".join(f"{field.name}, {field.name}_bits" for field in fields)
    total = " + ".join(f"{field.name}_bits" for field in fields)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_reasons AS
        WITH asked AS (SELECT linkage_asked.*{shares} FROM linkage_asked {BOTH_SHARES}),
        explained AS (SELECT asked.*, usual.* EXCLUDE (pattern), {bits} FROM asked JOIN linkage_usual AS usual USING (pattern))
        SELECT linkage_asked.*, round(explained.weight - ({total}), 2)::FLOAT AS start, {told}
        FROM explained JOIN linkage_asked USING (one, other)"""
    )
    connection.unregister("linkage_usual")
    connection.execute("DROP TABLE linkage_asked")


def _reasons(fields: Sequence[Field], model: Model, patterns: np.ndarray) -> pa.Table:
    """For each pattern: the level's name and the usual bits of every field; how much of the stranger is random, and of a household."""
    levels = levels_of(patterns, len(fields))
    logs = log_likelihood(model.theta, levels) / np.log(2.0) + np.log2(model.mix)[:, None]
    match = np.exp2(logs[:HOUSEHOLD] - np.logaddexp2.reduce(logs[:HOUSEHOLD], axis=0))
    other = np.exp2(logs[HOUSEHOLD:] - np.logaddexp2.reduce(logs[HOUSEHOLD:], axis=0))
    theta = np.log2(np.maximum(model.theta, 1e-12))
    theta[:, :, 0] = 0.0
    table: dict[str, object] = {"pattern": patterns, "as_random": other[RANDOM - HOUSEHOLD]}
    for place, field in enumerate(fields):
        names = np.array(["missing", *(level.name for level in field.levels)])
        seen = theta[:, place, levels[:, place]]
        table[field.name] = names[levels[:, place]]
        table[f"{field.name}_usual"] = (match * seen[:HOUSEHOLD]).sum(axis=0) - (
            other * seen[HOUSEHOLD:]
        ).sum(axis=0)
    return pa.table(table)


def _rarity(place: int, field: Field, model: Model) -> str:
    """SQL: the field's usual bits, and more where the value that agrees is rarer than usual."""
    heard = "as_random" if field.shared else "1"
    cases = " ".join(
        f"WHEN {number} THEN {heard} * ({float(np.log2(model.alike[level.share]))} - {level.share}_share)"
        for number, level in enumerate(field.levels, 1)
        if level.share
    )
    return f"{field.name}_usual" + (
        f" + CASE (pattern >> {BITS * place}) & 7 {cases} ELSE 0 END" if cases else ""
    )
