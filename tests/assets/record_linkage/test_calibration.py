"""Weights are calibrated by labelled pairs: overconfident ones shrink, and the fit never
diverges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.record_linkage.calibration import MIN_LABELS, calibrate


def labelled(
    slope: float, offset: float, pairs: float = 1000.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """So many pairs at each weight, with the share of one person that `slope` and `offset`
    imply."""
    weight = np.arange(-14.0, 15.0)
    probability = 1 / (1 + np.exp2(-(slope * weight + offset)))
    return (
        np.tile(weight, 2),
        np.repeat([1.0, 0.0], len(weight)),
        np.concatenate([probability, 1 - probability]) * pairs,
    )


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.6, 0.0), (1.2, -3.0), (0.8, 4.0)])
def test_slope_and_offset_of_the_labels_are_fitted(slope: float, offset: float) -> None:
    fitted = calibrate(*labelled(slope, offset))
    assert (fitted.slope, fitted.offset) == (
        pytest.approx(slope, abs=0.02),
        pytest.approx(offset, abs=0.1),
    )


def test_weights_that_separate_all_pairs_are_kept() -> None:
    """Matches weigh much and others little: a full Newton step overshoots from there."""
    fitted = calibrate(
        np.array([-15.0, -12.0, 12.0, 15.0]),
        np.array([0.0, 0.0, 1.0, 1.0]),
        np.array([1e6, 3e5, 2e4, 1e6]),
    )
    assert fitted.slope * 5 + fitted.offset > 0 > fitted.slope * -5 + fitted.offset


@given(
    st.lists(
        st.tuples(st.floats(-60, 60), st.booleans(), st.integers(1, 10**6)), min_size=2, max_size=40
    )
)
def test_higher_weights_always_stay_higher(labels: list[tuple[float, bool, int]]) -> None:
    fitted = calibrate(*(np.array(column, np.float64) for column in zip(*labels, strict=True)))
    assert 0.4 <= fitted.slope <= 1.5
    assert -6 <= fitted.offset <= 6


def test_few_labels_change_nothing() -> None:
    weight, same, pairs = labelled(0.6, 2.0)
    fitted = calibrate(weight, same, pairs * (MIN_LABELS - 1) / pairs[same == 1].sum())
    assert (fitted.slope, fitted.offset) == (1.0, 0.0)
