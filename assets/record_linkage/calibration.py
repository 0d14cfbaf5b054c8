"""Weights made honest: pairs in which both records have an identity code are labels for nothing.

Logistic regression of being one person on the weight, over pairs that other facts than the code have found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_LABELS = 200
"""So many of either kind, or the weights stay as they are."""


@dataclass(frozen=True)
class Calibrated:
    """Calibrated bits are `slope` times the weight plus `offset`; `table` has a row per bin of weights."""

    slope: float
    offset: float
    table: list[dict[str, float]]


def calibrate(weight: Floats, same: Floats, pairs: Floats) -> Calibrated:
    """Of counted labelled pairs: weight in bits, 1 if one person, how many. Without enough labels, slope 1 and offset 0."""
    table = _table(weight, same, pairs)
    if min((pairs * same).sum(), (pairs * (1 - same)).sum()) < LEAST_LABELS:
        return Calibrated(1.0, 0.0, table)
    features = np.stack([np.clip(weight, -15, 15), np.ones_like(weight)], axis=1)
    believed = np.array([np.log(2.0), 0.0])
    answer = believed.copy()

    def surprise(said: Floats) -> float:
        odds = features @ said
        return float(
            (pairs * (np.logaddexp(0, odds) - same * odds)).sum()
            + ((said - believed) ** 2).sum() / 2
        )

    for _ in range(50):
        chance = np.exp(-np.logaddexp(0, -features @ answer))
        slope = features.T @ (pairs * (same - chance)) - (answer - believed)
        curve = (features * (pairs * chance * (1 - chance))[:, None]).T @ features + np.eye(2)
        step = np.linalg.solve(curve, slope)
        # A whole step can lead too far, and from there never back.
        while float(np.abs(step).max()) >= 1e-9 and surprise(answer + step) > surprise(answer):
            step = step / 2
        answer = answer + step
        if float(np.abs(step).max()) < 1e-9:
            break
    bits = answer / np.log(2.0)
    return Calibrated(float(np.clip(bits[0], 0.4, 1.5)), float(np.clip(bits[1], -6, 6)), table)


def _table(weight: Floats, same: Floats, pairs: Floats) -> list[dict[str, float]]:
    """For each two bits of weight: pairs, and how many of them were one person, beside what the weight says."""
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
