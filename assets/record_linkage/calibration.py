"""Calibration of the match weights by pairs of records that both have an identity code.

Logistic regression of being one person on the weight, over pairs that were found by other facts
than the code.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_LABELS = 200
"""With fewer labels of either class, the weights stay as they are."""


@dataclass(frozen=True)
class Calibration:
    """Calibrated bits are `slope` times the weight plus `offset`; `table` has a row per bin of
    weights."""

    slope: float
    offset: float
    table: list[dict[str, float]]


def calibrate(weight: Floats, same: Floats, pairs: Floats) -> Calibration:
    """Fit the calibration to counted labelled pairs; slope 1 and offset 0 without enough labels.

    Args:
        weight: Bits.
        same: 1 for one person, 0 for two.
        pairs: How many pairs have that weight and label.
    """
    table = _table(weight, same, pairs)
    if min((pairs * same).sum(), (pairs * (1 - same)).sum()) < MIN_LABELS:
        return Calibration(1.0, 0.0, table)
    features = np.stack([np.clip(weight, -15, 15), np.ones_like(weight)], axis=1)
    prior = np.array([np.log(2.0), 0.0])
    fitted = prior.copy()

    def loss(parameters: Floats) -> float:
        odds = features @ parameters
        return float(
            (pairs * (np.logaddexp(0, odds) - same * odds)).sum()
            + ((parameters - prior) ** 2).sum() / 2
        )

    for _ in range(50):
        probability = np.exp(-np.logaddexp(0, -features @ fitted))
        gradient = features.T @ (pairs * (same - probability)) - (fitted - prior)
        variance = (pairs * probability * (1 - probability))[:, None]
        step = np.linalg.solve((features * variance).T @ features + np.eye(2), gradient)
        # A full Newton step can overshoot and diverge.
        while float(np.abs(step).max()) >= 1e-9 and loss(fitted + step) > loss(fitted):
            step = step / 2
        fitted = fitted + step
        if float(np.abs(step).max()) < 1e-9:
            break
    bits = fitted / np.log(2.0)
    return Calibration(float(np.clip(bits[0], 0.4, 1.5)), float(np.clip(bits[1], -6, 6)), table)


def calibrate_by_codes(connection: duckdb.DuckDBPyConnection, scored: str) -> Calibration:
    """The calibration of the pairs of `scored` (one, other, weight) that both have a code."""
    rows = connection.execute(
        f"""SELECT
            weight::DOUBLE AS weight,
            (l.code = r.code)::DOUBLE AS same,
            count(*)::DOUBLE AS n
        FROM {scored}
        JOIN linkage_codes AS l ON l.id = one
        JOIN linkage_codes AS r ON r.id = other
        GROUP BY ALL
        ORDER BY ALL"""
    ).fetchnumpy()
    weight, same, pairs = (np.asarray(rows[name], np.float64) for name in ("weight", "same", "n"))
    return calibrate(weight, same, pairs)


def _table(weight: Floats, same: Floats, pairs: Floats) -> list[dict[str, float]]:
    """For each two bits of weight: pairs, those of one person, and the number that the weight
    expects."""
    bins = np.clip(np.floor(weight / 2) * 2, -16, 16)
    return [
        {
            "bits": float(low),
            "pairs": float(pairs[bins == low].sum()),
            "one_person": float((pairs * same)[bins == low].sum()),
            "expected": float((pairs / (1 + np.exp2(-weight)))[bins == low].sum()),
        }
        for low in np.unique(bins)
    ]
