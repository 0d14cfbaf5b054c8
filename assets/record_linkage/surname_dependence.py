"""Agreement that follows from the family name.

People of one surname come from one country or town more often than others: a rare surname and the
rare country that goes with it are one fact, not two. Among people of one surname, a field agrees
with probability c + (1 - c) u, where u is the share of the value among all. `c`, the *dependence*
of the field, is counted in pairs of one surname that are two people (u_probabilities.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.fields import Field

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def of_one_surname(fields: Sequence[Field], levels: Ints) -> Mask:
    """(rows,): whether the family names agree, more or less."""
    for number, field in enumerate(fields):
        if field.name == "family":
            return (levels[:, number] > 0) & (levels[:, number] < len(field.levels))
    return np.zeros(len(levels), np.bool_)


def random_correction(
    fields: Sequence[Field],
    dependence: Mapping[str, float],
    usual: Floats,
    levels: Ints,
    one_surname: Mask,
) -> Floats:
    """(rows,): what dependence adds to the log likelihood of random pairs.

    Args:
        usual: (fields, 8): the u probabilities, independent of the surname.
        one_surname: (rows,): whether the family names agree.
    """
    total = np.zeros(len(levels))
    for number, field in enumerate(fields):
        if c := dependence.get(field.name, 0.0):
            ratio = np.full(usual.shape[1], np.log(1 - c))
            ratio[1] = np.log(c / usual[number, 1] + 1 - c)
            ratio[0] = 0.0
            total += np.where(one_surname, ratio[levels[:, number]], 0.0)
    return total
