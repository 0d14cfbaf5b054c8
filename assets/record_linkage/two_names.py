"""Two first names, rather than two spellings of one.

A slip makes a name that hardly anybody has. Two names that many have, or that are listed first
names, are two names, however alike (Jani and Joni): only then is a different first name evidence
of another person, as of a twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import duckdb
import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.expectation_maximisation import unpack_levels
from assets.record_linkage.fields import LEVEL_BITS, Field
from assets.record_linkage.text_standardisation import folded
from assets.record_linkage.u_probabilities import ValueShares
from assets.record_linkage.value_hashes import HashArray, Positions, ValueHashes
from schemas.reference.tables import read_reference

TWO_NAMES = np.uint64(1 << 63)
"""The bit of a pattern that is above the levels of all fields."""
SEVERAL = 4.0
"""A name that so many others have is no slip, unless another is more than `RARER` times as
frequent."""
RARER = 100.0


def mark_two_names(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    shares: ValueShares,
    fields: Sequence[Field],
    left: Positions,
    right: Positions,
    pattern: HashArray,
) -> HashArray:
    """The patterns with `TWO_NAMES` where the first names are two; near ones are only alike then.

    Args:
        left: Positions of one record of each pair; `right` of the other.
    """
    position = next((n for n, field in enumerate(fields) if field.name == "given"), None)
    if position is None:
        return pattern
    names = [level.name for level in fields[position].levels]
    near, alike, differs = (1 + names.index(name) for name in ("near", "alike", "differs"))
    level = unpack_levels(pattern, len(fields))[:, position]
    marked = np.flatnonzero(np.isin(level, (near, alike, differs)))
    given, log2 = hashes.single("given"), shares.log2["given"]
    listed = np.isin(given, _listed(connection))
    several = shares.rare["given"] + np.log2(SEVERAL / 0.2)
    first, second = log2[left[marked]], log2[right[marked]]
    frequent = np.minimum(first, second) >= several
    frequent &= np.abs(first - second) <= np.log2(RARER)
    both = frequent | (listed[left[marked]] & listed[right[marked]])
    marked = marked[both]
    pattern = pattern.copy()
    shift = np.uint64(LEVEL_BITS * position)
    demoted = marked[level[marked] == near]
    pattern[demoted] += np.uint64(alike - near) << shift
    pattern[marked] |= TWO_NAMES
    return pattern


def two_names(pattern: HashArray) -> NDArray[np.bool_]:
    """Mask of the patterns of two first names."""
    mask: NDArray[np.bool_] = (pattern & TWO_NAMES) != 0
    return mask


@cache
def _first_names() -> tuple[str, ...]:
    return tuple(row["name"] for row in read_reference("given_names.csv"))


def _listed(connection: duckdb.DuckDBPyConnection) -> HashArray:
    """The hashes of the listed first names."""
    names = list(_first_names())
    rows = connection.execute(
        f"SELECT hash({folded('name')}) AS name FROM (SELECT unnest($names) AS name)",
        {"names": names},
    ).fetchnumpy()
    return np.asarray(rows["name"], np.uint64)
