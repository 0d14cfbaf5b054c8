"""Candidate pairs: records that share the key of a blocking rule, each pair once.

A block of more than `MAX_BLOCK_SIZE` records is split by the rule's splitter; what is still
oversized is dropped and counted. So there are at most rules x MAX_BLOCK_SIZE x records pairs. On
request each record of an oversized block is compared with some others of it nevertheless: hundreds
of records of one person have one key, and a few links join them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.blocking_rules import MAX_BLOCK_SIZE, BlockingRule
from assets.record_linkage.value_hashes import (
    HashArray,
    Positions,
    ValueHashes,
    group_repeated,
    map_parallel,
    run_starts,
)
from assets.storage.relations import Relation, Scope

PairFilter = Callable[[Positions, Positions], NDArray[np.bool_]]
"""Mask of the pairs of ids that may be compared."""
LOW = np.uint64(0xFFFFFFFF)

MARKS = Relation(
    name="linkage_marks",
    summary="What excludes pairs of records from comparison: code and source.",
    columns={"id": "INTEGER", "code": "INTEGER", "source": "INTEGER"},
    reads=("linkage_codes", "linkage_records"),
    scope=Scope.RECORD,
)
CANDIDATES = Relation(
    name="linkage_candidates",
    summary="Pairs that a blocking rule has found, and which.",
    columns={"one": "INTEGER", "other": "INTEGER", "passes": "UINTEGER"},
    reads=("incoming_matches", "incoming_subset", "linkage_marks"),
    amended_from=("linkage_copies",),
    scope=Scope.GLOBAL,
    merge="A rule's blocks are those of all shards.",
)


@dataclass
class RuleCounts:
    """The pairs of one rule, those of other rules included, its blocks that were split, and those
    of which pairs were dropped, as they were still oversized or have no splitter."""

    name: str
    pairs: int = 0
    split: int = 0
    dropped: int = 0


def mark(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> None:
    """Make `linkage_marks(id, code, source)`: what excludes pairs of records from comparison."""
    source = (
        "CASE WHEN source IS NOT NULL THEN dense_rank() OVER (ORDER BY source)::INTEGER - 1 END"
        if "source" in columns
        else "NULL::INTEGER"
    )
    connection.execute(
        f"""{MARKS.create} AS
        SELECT id, code, {source} AS source
        FROM temp.linkage_records
        LEFT JOIN temp.linkage_codes USING (id)"""
    )


def generate_candidates(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    rules: list[BlockingRule],
    allowed: PairFilter,
    neighbours: int = 0,
) -> list[RuleCounts]:
    """Make `linkage_candidates(one, other, passes)`, one < other and in order.

    Bit i of `passes` is set if rule i found the pair.

    Args:
        neighbours: With how many others each record of an oversized block is compared.
    """
    parts = [
        part
        for rule in rules
        for part in (*rule.parts, *((rule.splitter,) if rule.splitter else ()), *rule.any_of)
    ]
    hashes.load(
        [part.sql for part in parts if not part.is_list],
        {part.sql for part in parts if part.is_list},
    )
    by_rule = map_parallel(lambda rule: _allowed_pairs(hashes, rule, allowed, neighbours), rules)
    pairs, bits = _merged([pairs for pairs, _ in by_rule])
    left, right = _ids(hashes, pairs)
    table = pa.table(
        {"one": left.astype(np.int32), "other": right.astype(np.int32), "passes": bits}
    )
    connection.register("linkage_generated", table)
    connection.execute(f"{CANDIDATES.create} AS FROM linkage_generated")
    connection.unregister("linkage_generated")
    return [counts for _, counts in by_rule]


def _merged(lists: list[HashArray]) -> tuple[HashArray, NDArray[np.uint32]]:
    """Each pair once, in order, with the bits of the lists that contain it."""
    pairs = np.concatenate([np.zeros(0, np.uint64), *lists])
    bits = np.concatenate(
        [
            np.zeros(0, np.uint32),
            *(np.full(len(pairs), 1 << number, np.uint32) for number, pairs in enumerate(lists)),
        ]
    )
    order = np.argsort(pairs)
    pairs, bits = pairs[order], bits[order]
    starts = np.flatnonzero(run_starts(pairs))
    return pairs[starts], np.bitwise_or.reduceat(bits, starts) if len(starts) else bits


def _allowed_pairs(
    hashes: ValueHashes, rule: BlockingRule, allowed: PairFilter, neighbours: int
) -> tuple[HashArray, RuleCounts]:
    """The pairs of a rule that may be compared, each once and packed into one number."""
    counts = RuleCounts(rule.name)
    pairs = (
        _block_pairs(hashes, rule, counts, neighbours) if rule.parts else _all_pairs(hashes, rule)
    )
    pairs = pairs[allowed(*_ids(hashes, pairs))]
    counts.pairs = len(pairs)
    return pairs, counts


def _block_pairs(
    hashes: ValueHashes, rule: BlockingRule, counts: RuleCounts, neighbours: int
) -> HashArray:
    """The pairs that share a key; adds split and dropped blocks to `counts`."""
    blocks = _Blocks(*rule.keys(hashes))
    pairs = [blocks.pairs(), blocks.neighbours(neighbours)]
    if blocks.oversized and rule.splitter:
        counts.split = blocks.oversized
        positions, keys = rule.keys(hashes, split=True)
        crowded = np.zeros(len(hashes), np.bool_)
        crowded[blocks.crowded] = True
        inside = crowded[positions]
        parts = _Blocks(positions[inside], keys[inside])
        pairs += [parts.pairs(), parts.neighbours(neighbours)]
        counts.dropped = parts.oversized + blocks.oversized_beyond(parts.records)
    else:
        counts.dropped = blocks.oversized
    ordered = np.sort(np.concatenate(pairs))
    return ordered[run_starts(ordered)]


def _all_pairs(hashes: ValueHashes, rule: BlockingRule) -> HashArray:
    """The pairs of all records that have one of the rule's `any_of` in common."""
    left, right = (hashes.distinct[half] for half in np.triu_indices(len(hashes.distinct), 1))
    common = np.full(len(left), not rule.any_of)
    for part in rule.any_of:
        value = hashes.single(part.sql)
        common |= (value[left] == value[right]) & (value[left] != 0)
    return _packed(left[common], right[common])


def _packed(left: Positions, right: Positions) -> HashArray:
    low, high = np.minimum(left, right), np.maximum(left, right)
    packed: HashArray = low.astype(np.uint64) << np.uint64(32) | high.astype(np.uint64)
    return packed


def _ids(hashes: ValueHashes, pairs: HashArray) -> tuple[Positions, Positions]:
    """The ids of packed pairs of positions."""
    return (
        hashes.ids[(pairs >> np.uint64(32)).astype(np.int64)],
        hashes.ids[(pairs & LOW).astype(np.int64)],
    )


class _Blocks:
    """Records by key. Only keys of several records are kept; `crowded` are the records of those
    with more than `MAX_BLOCK_SIZE`."""

    def __init__(self, positions: Positions, keys: HashArray) -> None:
        self.records = positions
        order, _, sizes = group_repeated(keys)
        several = (sizes > 1) & (sizes <= MAX_BLOCK_SIZE)
        self.members = positions[order[np.repeat(several, sizes)]]
        fit = sizes[several]
        self.remaining = np.repeat(np.cumsum(fit), fit) - np.arange(len(self.members))
        oversized = sizes > MAX_BLOCK_SIZE
        self.oversized = int(np.count_nonzero(oversized))
        self.crowded = positions[order[np.repeat(oversized, sizes)]]
        self.crowded_block = np.repeat(np.arange(self.oversized), sizes[oversized])

    def pairs(self) -> HashArray:
        """The pairs of all blocks that are not oversized; a record is no pair with itself."""
        pairs: list[HashArray] = [np.zeros(0, np.uint64)]
        at = np.arange(len(self.members))
        for step in range(1, MAX_BLOCK_SIZE):
            # `remaining`: members of the block from here on.
            at = at[self.remaining[at] > step]
            if not len(at):
                break
            left, right = self.members[at], self.members[at + step]
            different = left != right
            pairs.append(_packed(left[different], right[different]))
        return np.concatenate(pairs)

    def neighbours(self, each: int) -> HashArray:
        """Pairs of records of oversized blocks: each with so many others, in a random order."""
        pairs: list[HashArray] = [np.zeros(0, np.uint64)]
        for step in range(1, each // 2 + 1):
            at = np.flatnonzero(self.crowded_block[:-step] == self.crowded_block[step:])
            left, right = self.crowded[at], self.crowded[at + step]
            different = left != right
            pairs.append(_packed(left[different], right[different]))
        return np.concatenate(pairs)

    def oversized_beyond(self, positions: Positions) -> int:
        """The number of oversized blocks with several records that are not among these."""
        rest = self.crowded_block[~np.isin(self.crowded, positions)]
        return int(np.count_nonzero(np.bincount(rest) > 1))
