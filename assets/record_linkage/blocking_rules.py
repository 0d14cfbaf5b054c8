"""Which exact keys find the pairs worth comparing: chosen from what the columns are, how selective and how full they are.

An *atom* is one thing that two records of a person likely share: a birth date, the first letters of a surname. A *pass*
is one to three atoms of different fields. Imagined pairs of one person, with slips, moves and marriages, say what a pass would find;
the data say how many pairs it would make. The best buy comes first, until next to nothing is gained or the budget is spent.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.value_hashes import Hashed, Hashes, Places, in_order, mixed

Mask = NDArray[np.bool_]

IMAGINED = 8192
"""Imagined pairs of one person."""
SEED = 20_190_501
SMALL = 1_000_000
"""So few pairs are compared all with all."""
FREE_PAIRS, PAIRS_PER_RECORD = 1_500_000, 3.0
"""The budget: candidate pairs that any data set may make, and more for each record."""
OVERHEAD = 0.1
"""What a pass costs however few pairs it makes, in pairs per record; or so much of the free pairs, if that is more."""
OF_THE_FREE = 1 / 25
WORTH = 0.01
"""What the whole budget must buy, in imagined pairs found anew, at the price of the pass in question."""
MOST_PASSES = 14
SAMPLE = 100_000
SHARED = {"name", "family", "place", "organisation"}
"""Fields that people of one household or workplace have in common. Not contacts: those of three people are left out."""
MOST_IN_A_HOUSEHOLD = 1.0
OVERSIZED = 60
"""Keys of more records are split or dropped (candidates.py)."""


@dataclass(frozen=True)
class Atom:
    """One part of a key: SQL over a row of `linkage_records`; `every` unnests a list. `survives`: how an error leaves it whole."""

    name: str
    field: str
    sql: str
    survives: str
    every: bool = False


@dataclass(frozen=True)
class Pass:
    """A key of one or more atoms; `second` splits its oversized blocks. `fields`: the fields that it takes part in."""

    atoms: tuple[Atom, ...]
    second: Atom | None = None

    @property
    def name(self) -> str:
        """What the pass asks to be the same."""
        return " + ".join(atom.name for atom in self.atoms) or "all pairs"

    @property
    def fields(self) -> frozenset[str]:
        """The fields that agree, in part or whole, because of the pass."""
        own = {atom.field for atom in self.atoms}
        # Mailboxes are mostly made of names.
        return frozenset(
            own | {"name"} if any(atom.name == MAILBOX for atom in self.atoms) else own
        )

    def keys(self, hashes: Hashes, *, split: bool = False) -> tuple[Places, Hashed]:
        """The key of every record that has all of the atoms, and its place; several where an atom is a list."""
        atoms = (*self.atoms, *((self.second,) if split and self.second else ()))
        places, key = np.arange(len(hashes)), np.zeros(len(hashes), np.uint64)
        for atom in atoms:
            if not atom.every:
                value = hashes.single(atom.sql)[places]
                there = value != 0
                places, key = places[there], mixed(key[there], value[there])
        # In each part, a record is there at most once.
        parts = [(places, key)]
        for atom in atoms:
            if atom.every:
                parts = [
                    longer
                    for part in parts
                    for longer in _with_every(*part, hashes.every(atom.sql), len(hashes))
                ]
        return np.concatenate([places[:0], *(places for places, _ in parts)]), np.concatenate(
            [key[:0], *(key for _, key in parts)]
        )


def _with_every(
    places: Places, key: Hashed, several: Iterable[tuple[Places, Hashed]], records: int
) -> Iterator[tuple[Places, Hashed]]:
    """The keys made longer by each value of a list, of the records that have it."""
    there, keyed = np.zeros(records, np.bool_), np.zeros(records, np.uint64)
    there[places], keyed[places] = True, key
    for holders, values in several:
        both = there[holders]
        yield holders[both], mixed(keyed[holders[both]], values[both])


ALL_PAIRS = Pass(())
MAILBOX = "mailbox"

_ATOMS: dict[str, tuple[tuple[str, str, str, str, bool], ...]] = {
    # column that must be there: atoms as name, field, SQL, what leaves them whole, list
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
PARTS_LEFT = {"exact": 0.0, "start": 0.45, "middle": 0.35, "end": 0.55}
"""Of the pairs whose field has a slip, in what share this part of it is left whole."""
RIGHT = {
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
"""Of one person's pairs, in how many a field is the same, or the same but for a slip."""
CARELESS, WORSE = 0.25, 1.5
"""So many pairs are worse in every field, by so much: errors do not come alone."""


def atoms_of(columns: Iterable[str]) -> list[Atom]:
    """The atoms that these columns of `linkage_records` allow."""
    there = tuple(columns)
    if {"street", "house"} <= set(there):
        there = (*there, "home")
    found = [
        Atom(*said) for column, several in _ATOMS.items() if column in there for said in several
    ]
    return found + [
        Atom(column, column, column, "exact") for column in there if column.startswith("text")
    ]


def spelling(one: Pass) -> tuple[str, ...]:
    """A pass as its atoms' names, the one that splits it last and in brackets: what a model keeps."""
    return (*(atom.name for atom in one.atoms), *([f"({one.second.name})"] if one.second else []))


def named(columns: Iterable[str], spelt: Iterable[Iterable[str]]) -> list[Pass]:
    """The passes that a model has kept, as far as the columns allow them."""
    there = {atom.name: atom for atom in atoms_of(columns)}
    found = []
    for names in spelt:
        atoms = [name for name in names if not name.startswith("(")]
        if all(name in there for name in atoms):
            second = next(
                (there.get(name.strip("()")) for name in names if name.startswith("(")), None
            )
            found.append(Pass(tuple(there[name] for name in atoms), second))
    return found


@dataclass
class _Imagined:
    """Pairs of one person that were never there: which atoms they share."""

    atoms: list[Atom]
    full: dict[str, float]
    shares: dict[str, Mask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        random = np.random.default_rng(SEED)
        state: dict[str, NDArray[np.float64]] = {
            one: random.random(IMAGINED)
            for one in [*RIGHT, *sorted({atom.field for atom in self.atoms} - set(RIGHT))]
        }
        swapped = random.random(IMAGINED) < 0.03
        slips = {one: random.random(IMAGINED) for one in state}
        careless = random.random(IMAGINED) < CARELESS
        state = {one: np.where(careless, drawn * WORSE, drawn) for one, drawn in state.items()}
        moved = state["place"]
        both: dict[str, Mask] = {}
        for atom in self.atoms:
            known = random.random(IMAGINED) < self.full[atom.name] ** 2
            if atom.field == "name":
                both[atom.name] = known & (
                    (state["given"] < RIGHT["given"]) | (state["family"] < RIGHT["family"])
                )
                continue
            right, slipped = RIGHT.get(atom.field, 0.75), SLIPPED.get(atom.field, 0.1)
            # The parts of an address slip one by one, but change together when somebody moves.
            own = state[atom.field]
            if atom.field == "place":
                own = np.where(
                    moved < right + slipped,
                    random.random(IMAGINED) * np.where(careless, WORSE, 1.0) * (right + slipped),
                    1.0,
                )
            whole = own < right
            left = (own < right + slipped) & (slips[atom.field] < PARTS_LEFT[atom.survives])
            if atom.survives == "end" and atom.field == "family":
                left = (own < right + slipped) & (slips[atom.field] >= 1 - PARTS_LEFT["end"])
            agrees = (whole | left) & known
            both[atom.name] = agrees & ~swapped if atom.field in ("given", "family") else agrees
        self.shares = both

    def found_by(self, atoms: tuple[Atom, ...]) -> Mask:
        return np.logical_and.reduce([self.shares[atom.name] for atom in atoms])


def choose(hashes: Hashes, columns: Iterable[str]) -> list[Pass]:
    """The passes to open, best first, by a count of every atom over a sample of the records."""
    atoms, records = atoms_of(columns), len(hashes)
    hashes.read(
        [atom.sql for atom in atoms if not atom.every], [atom.sql for atom in atoms if atom.every]
    )
    alike, full = _selectivity(hashes, atoms)
    imagined = _Imagined(atoms, full)
    if records < 2:
        return []
    budget = FREE_PAIRS / records + PAIRS_PER_RECORD
    households = _households(hashes, atoms)
    offers: list[tuple[tuple[Atom, ...], float]] = []
    for size in (1, 2, 3):
        for several in itertools.combinations(
            [atom for atom in atoms if full[atom.name] > 0], size
        ):
            own = {atom.field for atom in several}
            if len(own) < size or ("name" in own and own & {"given", "family"}):
                continue
            cost = records / 2 * float(np.prod([alike[atom.name] for atom in several]))
            # What a household shares goes together: such a key makes more pairs than its parts would let expect.
            cost += households if own <= SHARED else 0.0
            if cost <= budget / 3:
                offers.append((several, cost))
    price, overhead = WORTH / budget, max(OVERHEAD, FREE_PAIRS / records * OF_THE_FREE)
    chosen: list[Pass] = []
    missed = np.ones(IMAGINED, np.bool_)
    masks = [imagined.found_by(several) for several, _ in offers]
    while offers and len(chosen) < MOST_PASSES:
        gains = np.array([np.count_nonzero(mask & missed) / IMAGINED for mask in masks])
        costs = np.array([cost for _, cost in offers])
        worth = np.where(costs <= budget, gains / (costs + overhead), 0.0)
        best = int(np.argmax(worth))
        if worth[best] <= price:
            break
        several, cost = offers[best]
        chosen.append(Pass(several, _second(several, atoms, alike, full)))
        missed &= ~masks[best]
        budget -= cost
    return [*chosen, *_rest(records)]


def again(columns: Iterable[str], spelt: Iterable[Iterable[str]], records: int) -> list[Pass]:
    """The passes that a model has kept, for so many records."""
    return [*named(columns, spelt), *_rest(records)]


def _rest(records: int) -> list[Pass]:
    """What finds the rest last of all, where the rest is little; nothing is learned from it."""
    return [ALL_PAIRS] if records * (records - 1) // 2 <= SMALL else []


def _households(hashes: Hashes, atoms: list[Atom]) -> float:
    """How many pairs of one surname, one home and two first names there are for each record, by a sample."""
    named, records = {atom.name: atom for atom in atoms}, len(hashes)
    home = next(
        (named[name] for name in ("street and number", "street", "postcode") if name in named), None
    )
    if home is None or not {"family name", "given name"} <= set(named):
        return 0.0
    size = min(records, SAMPLE)
    head = hashes.head(size)

    def pairs(*several: Atom) -> float:
        n = in_order(Pass(several).keys(head)[1])[2].astype(np.float64)
        n = n[n <= OVERSIZED]
        return float((n * (n - 1) / 2).sum())

    family = named["family name"]
    found = (
        (pairs(family, home) - pairs(family, home, named["given name"]))
        * (records / size) ** 2
        / records
    )
    # More than that are no households, but people whose first names are badly kept.
    return min(found, MOST_IN_A_HOUSEHOLD)


def _second(
    several: tuple[Atom, ...], atoms: list[Atom], alike: dict[str, float], full: dict[str, float]
) -> Atom | None:
    """What splits an oversized block best: the most selective atom of another field that most records have."""
    fields = {atom.field for atom in several}
    others = [
        atom
        for atom in atoms
        if atom.field not in fields and not atom.every and full[atom.name] >= 0.5
    ]
    return min(others, key=lambda atom: (alike[atom.name], atom.name), default=None)


def _selectivity(hashes: Hashes, atoms: list[Atom]) -> tuple[dict[str, float], dict[str, float]]:
    """For each atom: how likely two records share it, and how many records have it; of the first records, which are a random sample."""
    size = min(len(hashes), SAMPLE)
    head = hashes.head(size)
    alike: dict[str, float] = {}
    full: dict[str, float] = {}
    for atom in atoms:
        n = in_order(Pass((atom,)).keys(head)[1])[2].astype(np.float64)
        alike[atom.name] = float((n * (n - 1)).sum()) / max(size * (size - 1), 1)
        full[atom.name] = min(float(n.sum()) / max(size, 1), 1.0)
    return alike, full
