"""Blocking rules: the exact keys that find the pairs worth comparing, chosen for their selectivity
and coverage.

A *key part* is a fact that two records of a person likely share: a birth date, the first letters of
a surname. A *blocking rule* has one to three key parts of different fields. Simulated pairs of one
person, with slips, moves and marriages, show what a rule would find; the data show how many pairs
it would make. The rule of the best ratio is chosen first, until next to nothing is gained or the
budget is spent.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.value_hashes import (
    HashArray,
    Positions,
    ValueHashes,
    combine,
    group_equal,
)

Mask = NDArray[np.bool_]

SIMULATED = 8192
"""Simulated pairs of one person."""
SEED = 20_190_501
ALL_PAIRS_LIMIT = 1_000_000
"""Where there are at most so many pairs, all are compared."""
FREE_PAIRS, PAIRS_PER_RECORD = 1_500_000, 3.0
"""The budget: candidate pairs of any data set, and more for each record."""
OVERHEAD = 0.1
"""The fixed cost of a rule in pairs per record; or that share of the free pairs, if it is more."""
OVERHEAD_OF_FREE = 1 / 25
MIN_GAIN = 0.01
"""What the whole budget must buy, in newly found simulated pairs, at the price of the rule."""
MAX_RULES = 14
SAMPLE = 100_000
SHARED = {"name", "family", "place", "organisation"}
"""Fields that people of one household or workplace share. Not contacts: those of three people are
left out."""
MAX_HOUSEHOLD_PAIRS = 1.0
MAX_BLOCK_SIZE = 60
"""Keys of more records are split or dropped (candidates.py)."""


@dataclass(frozen=True)
class KeyPart:
    """One part of a key.

    Attributes:
        sql: An expression over a row of `linkage_records`.
        intact: Which part of the value it needs: errors elsewhere leave it intact.
        is_list: Whether the expression is a list, of which each value makes a key.
    """

    name: str
    field: str
    sql: str
    intact: str
    is_list: bool = False


@dataclass(frozen=True)
class BlockingRule:
    """A key of one or more parts; `splitter` divides its oversized blocks. Without parts, all pairs
    that have one of `any_of` in common; all pairs if there are none of these either."""

    parts: tuple[KeyPart, ...]
    splitter: KeyPart | None = None
    any_of: tuple[KeyPart, ...] = ()

    @property
    def name(self) -> str:
        """The names of the parts, which must be equal."""
        return " + ".join(part.name for part in self.parts) or "all pairs"

    @property
    def fields(self) -> frozenset[str]:
        """The fields that agree, in part or whole, because of the rule."""
        own = {part.field for part in self.parts}
        # Mailboxes are mostly made of names.
        return frozenset(
            own | {"name"} if any(part.name == MAILBOX for part in self.parts) else own
        )

    def keys(self, hashes: ValueHashes, *, split: bool = False) -> tuple[Positions, HashArray]:
        """The positions and keys of the records that have all parts; several where one is a
        list. Exact copies have none."""
        parts = (*self.parts, *((self.splitter,) if split and self.splitter else ()))
        positions, key = hashes.distinct, np.zeros(len(hashes.distinct), np.uint64)
        for part in parts:
            if not part.is_list:
                value = hashes.single(part.sql)[positions]
                filled = value != 0
                positions, key = positions[filled], combine(key[filled], value[filled])
        # A record occurs at most once in each chunk.
        chunks = [(positions, key)]
        for part in parts:
            if part.is_list:
                chunks = [
                    longer
                    for chunk in chunks
                    for longer in _with_list(*chunk, hashes.of_list(part.sql), len(hashes))
                ]
        return (
            np.concatenate([positions[:0], *(positions for positions, _ in chunks)]),
            np.concatenate([key[:0], *(key for _, key in chunks)]),
        )


def _with_list(
    positions: Positions,
    key: HashArray,
    values: Iterable[tuple[Positions, HashArray]],
    records: int,
) -> Iterator[tuple[Positions, HashArray]]:
    """The keys extended by each value of a list, of the records that have it."""
    keyed, keys = np.zeros(records, np.bool_), np.zeros(records, np.uint64)
    keyed[positions], keys[positions] = True, key
    for holders, value in values:
        both = keyed[holders]
        yield holders[both], combine(keys[holders[both]], value[both])


MAILBOX = "mailbox"

_KEY_PARTS: dict[str, tuple[tuple[str, str, str, str, bool], ...]] = {
    # the column that is needed: name, field, SQL, what must be intact, whether a list
    "given": (
        ("given name", "given", "given", "exact", False),
        (
            "given name, beginning",
            "given",
            "CASE WHEN length(given) >= 3 THEN given[1:3] END",
            "start",
            False,
        ),
    ),
    "family": (
        ("family name", "family", "family", "exact", False),
        (
            "family name, beginning",
            "family",
            "CASE WHEN length(family) >= 3 THEN family[1:4] END",
            "start",
            False,
        ),
        (
            "family name, end",
            "family",
            "CASE WHEN length(family) >= 3 THEN right(family, 4) END",
            "end",
            False,
        ),
    ),
    "names": (("any name", "name", "names", "exact", True),),
    "born": (
        ("birth date", "born", "born", "exact", False),
        ("birth year and month", "born", "born[1:6]", "end", False),
        ("birth month and day", "born", "born[5:8]", "start", False),
        ("birth year and day", "born", "born_year || right(born, 2)", "middle", False),
    ),
    "born_year": (("birth year", "born", "born_year", "start", False),),
    "years": (
        ("birth decade", "born", "born_year[1:3]", "start", False),
        (
            "digits of the birth year",
            "born",
            "array_to_string(list_sort(string_split(born_year, '')), '')",
            "middle",
            False,
        ),
    ),
    "given_sound": (("sound of the given name", "given", "given_sound", "start", False),),
    "family_sound": (("sound of the family name", "family", "family_sound", "start", False),),
    "home": (("street and number", "place", "street || house", "exact", False),),
    "street": (("street", "place", "street", "start", False),),
    "postcode": (("postcode", "place", "postcode", "end", False),),
    "town": (("town", "place", "town", "middle", False),),
    "emails": (
        ("e-mail", "email", "emails", "exact", True),
        (MAILBOX, "email", "CASE WHEN length(mailbox) >= 4 THEN mailbox END", "start", False),
    ),
    "phones": (("telephone", "phone", "phones", "exact", True),),
    "number": (("identity number", "number", "number", "exact", False),),
    "organisation": (("organisation", "organisation", "organisation", "exact", False),),
}
INTACT = {"exact": 0.0, "start": 0.45, "middle": 0.35, "end": 0.55}
"""The share of pairs with a slip in the field in which the slip leaves this part of it intact."""
CORRECT = {
    "given": 0.86,
    "family": 0.84,
    "born": 0.90,
    "place": 0.75,
    "email": 0.65,
    "phone": 0.65,
    "number": 0.85,
    "organisation": 0.7,
}
SLIPPED = {
    "given": 0.07,
    "family": 0.08,
    "born": 0.07,
    "place": 0.1,
    "email": 0.1,
    "phone": 0.04,
    "number": 0.1,
    "organisation": 0.1,
}
"""The shares of one person's pairs in which a field is the same, or the same but for a slip."""
CARELESS, CARELESS_FACTOR = 0.25, 1.5
"""The share of pairs that are worse in every field, and by how much: errors cluster."""


def key_parts(columns: Iterable[str]) -> list[KeyPart]:
    """The key parts that these columns of `linkage_records` allow."""
    available = tuple(columns)
    if {"street", "house"} <= set(available):
        available = (*available, "home")
    if "born_year" in available and "born" not in available:
        available = (*available, "years")
    parts = [
        KeyPart(*values)
        for column, several in _KEY_PARTS.items()
        if column in available
        for values in several
    ]
    return parts + [
        KeyPart(column, column, column, "exact")
        for column in available
        if column.startswith("text")
    ]


def part_names(rule: BlockingRule) -> tuple[str, ...]:
    """A rule as a model keeps it: its parts' names, and the splitter's last and in brackets."""
    splitter = [f"({rule.splitter.name})"] if rule.splitter else []
    return (*(part.name for part in rule.parts), *splitter)


def rules_named(columns: Iterable[str], rules: Iterable[Iterable[str]]) -> list[BlockingRule]:
    """The rules with these part names, as far as the columns allow them."""
    available = {part.name: part for part in key_parts(columns)}
    named = []
    for names in rules:
        parts = [name for name in names if not name.startswith("(")]
        if all(name in available for name in parts):
            splitter = next(
                (available.get(name.strip("()")) for name in names if name.startswith("(")), None
            )
            named.append(BlockingRule(tuple(available[name] for name in parts), splitter))
    return named


@dataclass
class _SimulatedPairs:
    """Simulated pairs of one person: which key parts they share."""

    parts: list[KeyPart]
    coverage: dict[str, float]
    shares: dict[str, Mask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = np.random.default_rng(SEED)
        state: dict[str, NDArray[np.float64]] = {
            name: random.random(SIMULATED)
            for name in [*CORRECT, *sorted({part.field for part in self.parts} - set(CORRECT))]
        }
        swapped = random.random(SIMULATED) < 0.03
        slips = {name: random.random(SIMULATED) for name in state}
        careless = random.random(SIMULATED) < CARELESS
        state = {
            name: np.where(careless, drawn * CARELESS_FACTOR, drawn)
            for name, drawn in state.items()
        }
        moved = state["place"]
        shares: dict[str, Mask] = {}
        for part in self.parts:
            known = random.random(SIMULATED) < self.coverage[part.name] ** 2
            if part.field == "name":
                shares[part.name] = known & (
                    (state["given"] < CORRECT["given"]) | (state["family"] < CORRECT["family"])
                )
                continue
            correct, slipped = CORRECT.get(part.field, 0.75), SLIPPED.get(part.field, 0.1)
            # The parts of an address slip one by one, but change together in a move.
            own = state[part.field]
            if part.field == "place":
                own = np.where(
                    moved < correct + slipped,
                    random.random(SIMULATED)
                    * np.where(careless, CARELESS_FACTOR, 1.0)
                    * (correct + slipped),
                    1.0,
                )
            whole = own < correct
            intact = (own < correct + slipped) & (slips[part.field] < INTACT[part.intact])
            if part.intact == "end" and part.field == "family":
                intact = (own < correct + slipped) & (slips[part.field] >= 1 - INTACT["end"])
            agrees = (whole | intact) & known
            shares[part.name] = agrees & ~swapped if part.field in ("given", "family") else agrees
        self.shares = shares

    def pairs_sharing(self, parts: tuple[KeyPart, ...]) -> Mask:
        return np.logical_and.reduce([self.shares[part.name] for part in parts])


def choose_rules(hashes: ValueHashes, columns: Iterable[str]) -> list[BlockingRule]:
    """The rules to use, best first, by the frequencies of every key part in a sample of the
    records."""
    columns, records = tuple(columns), len(hashes)
    parts = key_parts(columns)
    hashes.load(
        [part.sql for part in parts if not part.is_list],
        [part.sql for part in parts if part.is_list],
    )
    agreement, coverage = _selectivity(hashes, parts)
    simulated = _SimulatedPairs(parts, coverage)
    if records < 2:
        return []
    budget = FREE_PAIRS / records + PAIRS_PER_RECORD
    offers = _offers(parts, agreement, coverage, budget / 3, records, _households(hashes, parts))
    price = MIN_GAIN / budget
    overhead = max(OVERHEAD, FREE_PAIRS / records * OVERHEAD_OF_FREE)
    chosen: list[BlockingRule] = []
    missed = np.ones(SIMULATED, np.bool_)
    masks = [simulated.pairs_sharing(combination) for combination, _ in offers]
    while offers and len(chosen) < MAX_RULES:
        gains = np.array([np.count_nonzero(mask & missed) / SIMULATED for mask in masks])
        costs = np.array([cost for _, cost in offers])
        value = np.where(costs <= budget, gains / (costs + overhead), 0.0)
        best = int(np.argmax(value))
        if value[best] <= price:
            break
        combination, cost = offers[best]
        chosen.append(BlockingRule(combination, _splitter(combination, parts, agreement, coverage)))
        missed &= ~masks[best]
        budget -= cost
    return [*chosen, *_all_pairs(columns, records)]


def _offers(
    parts: list[KeyPart],
    agreement: dict[str, float],
    coverage: dict[str, float],
    limit: float,
    records: int,
    households: float,
) -> list[tuple[tuple[KeyPart, ...], float]]:
    """The combinations of one to three key parts, each with its cost in pairs per record, at most
    `limit`."""
    offers = []
    available = [part for part in parts if coverage[part.name] > 0]
    for size in (1, 2, 3):
        for combination in itertools.combinations(available, size):
            own = {part.field for part in combination}
            if len(own) < size or ("name" in own and own & {"given", "family"}):
                continue
            cost = records / 2 * float(np.prod([agreement[part.name] for part in combination]))
            # Fields that households share agree together: such a key makes more pairs than
            # independent parts would.
            cost += households if own <= SHARED else 0.0
            if cost <= limit:
                offers.append((combination, cost))
    return offers


def rules_of_model(
    columns: Iterable[str], rules: Iterable[Iterable[str]], records: int
) -> list[BlockingRule]:
    """The rules that a model has kept, for so many records."""
    return [*rules_named(columns, rules), *_all_pairs(columns, records)]


def _all_pairs(columns: Iterable[str], records: int) -> list[BlockingRule]:
    """All pairs with anything in common, as the last rule, where they are few; nothing is estimated
    from it."""
    if records * (records - 1) // 2 > ALL_PAIRS_LIMIT:
        return []
    parts = [part for part in key_parts(columns) if not part.is_list]
    distinct = tuple(part for part in parts if not part.name.startswith("text"))
    return [BlockingRule((), any_of=distinct or tuple(parts))]


def _households(hashes: ValueHashes, parts: list[KeyPart]) -> float:
    """Pairs of one surname, one home and two first names for each record, by a sample."""
    named, records = {part.name: part for part in parts}, len(hashes)
    home = next(
        (named[name] for name in ("street and number", "street", "postcode") if name in named), None
    )
    if home is None or not {"family name", "given name"} <= set(named):
        return 0.0
    size = min(records, SAMPLE)
    head = hashes.head(size)

    def count_pairs(*combination: KeyPart) -> float:
        n = group_equal(BlockingRule(combination).keys(head)[1])[2].astype(np.float64)
        n = n[n <= MAX_BLOCK_SIZE]
        return float((n * (n - 1) / 2).sum())

    family = named["family name"]
    pairs = (
        (count_pairs(family, home) - count_pairs(family, home, named["given name"]))
        * (records / size) ** 2
        / records
    )
    # More than that are no households, but people whose first names are unreliable.
    return min(pairs, MAX_HOUSEHOLD_PAIRS)


def _splitter(
    combination: tuple[KeyPart, ...],
    parts: list[KeyPart],
    agreement: dict[str, float],
    coverage: dict[str, float],
) -> KeyPart | None:
    """The most selective key part of another field that most records have."""
    fields = {part.field for part in combination}
    others = [
        part
        for part in parts
        if part.field not in fields and not part.is_list and coverage[part.name] >= 0.5
    ]
    return min(others, key=lambda part: (agreement[part.name], part.name), default=None)


def _selectivity(
    hashes: ValueHashes, parts: list[KeyPart]
) -> tuple[dict[str, float], dict[str, float]]:
    """By key part: the probability that two records share it, and the share of records that have
    it.

    Counted in the first records, which are a random sample.
    """
    size = min(len(hashes), SAMPLE)
    head = hashes.head(size)
    agreement: dict[str, float] = {}
    coverage: dict[str, float] = {}
    for part in parts:
        n = group_equal(BlockingRule((part,)).keys(head)[1])[2].astype(np.float64)
        agreement[part.name] = float((n * (n - 1)).sum()) / max(size * (size - 1), 1)
        coverage[part.name] = min(float(n.sum()) / max(size, 1), 1.0)
    return agreement, coverage
