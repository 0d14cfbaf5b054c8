"""The true registrants: families, their names, birth dates, codes, and the sources of each."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import Ints, Mask, Text, choose, replaced
from pipelines.synthetic.identity_codes import IdentityCodes
from pipelines.synthetic.names import draw_family, draw_given
from pipelines.synthetic.places import Addresses, draw_addresses
from pipelines.synthetic.planting import Chunk

KINDS = ("customer", "prospect", "register_only", "website_only")
CUSTOMER, PROSPECT, REGISTER_ONLY, WEBSITE_ONLY = range(len(KINDS))
YEAR = 365.25

_HOUSEHOLD_SIZES = np.cumsum([0.46, 0.34, 0.11, 0.07, 0.02])
_LANGUAGE_SHARES = np.cumsum([0.90, 0.055, 0.045])
_ADULT_KINDS = np.cumsum([0.33, 0.242, 0.315, 0.113])
_MINOR_KINDS = np.cumsum([0.0, 0.05, 0.92, 0.03])
_IN_REGISTER = np.array([0.75, 0.43, 1.0, 0.0])


@dataclass(frozen=True)
class People:
    """The registrants of a chunk, an element each; `family` and `code` are the final ones."""

    person: Ints
    household: Ints  # within the chunk; index into `homes`
    child: Mask
    sex: Ints
    language: Ints
    birth: Ints  # days since 1970
    given: Ints
    second: Ints  # -1 none
    family: Ints
    former: Ints  # -1 none
    kind: Ints
    code: Text
    in_register: Mask
    twin: Mask
    sign_pair: Mask
    shares_mailbox: Mask
    shares_phone: Mask
    homes: Addresses

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Ints) -> People:
        """The people at these rows; their homes stay those of the whole chunk."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return People(
            **{
                name: value
                if name == "homes"
                else value.take(pa.array(rows))
                if name == "code"
                else value[rows]
                for name, value in columns.items()
            }
        )

    def age(self, day: int) -> Ints:
        """Whole years on a day (days since 1970)."""
        return ((day - self.birth) / YEAR).astype(np.int64)

    @property
    def home(self) -> Addresses:
        """Each person's address on the first day."""
        return self.homes.take(self.household)


def _pick_share(rng: np.random.Generator, shares: np.ndarray, count: int) -> Ints:
    return np.asarray(
        np.searchsorted(shares, rng.random(count) * shares[-1], side="right"), np.int8
    )


@dataclass(frozen=True)
class _Roofs:
    """Each person's household, the place in it, and the household's size."""

    household: Ints
    place: Ints
    size: Ints
    head: Ints

    @classmethod
    def draw(cls, rng: np.random.Generator, people: int) -> _Roofs:
        sizes = 1 + _pick_share(rng, _HOUSEHOLD_SIZES, people).astype(np.int64)
        if people >= 4:
            sizes[0] = 4
        sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), people)) + 1]
        household = np.repeat(np.arange(len(sizes)), sizes)[:people]
        head = np.searchsorted(household, household)
        return cls(household, np.arange(people) - head, np.bincount(household)[household], head)


def _within(rng: np.random.Generator, ages: np.ndarray, least: float, most: float) -> np.ndarray:
    """The ages, those outside the bounds replaced by any within them."""
    return np.where((ages < least) | (ages > most), rng.uniform(least, most, len(ages)), ages)


def _birth_days(rng: np.random.Generator, roofs: _Roofs, child: Mask, today: int) -> Ints:
    """Heads by a broad age pyramid, partners near them, children of their parents' age."""
    count = len(child)
    parent = np.bincount(roofs.household, child)[roofs.household] > 0
    head_age = choose(
        parent,
        _within(rng, rng.normal(43, 9, count), 24, 64),
        _within(rng, rng.normal(50, 19, count), 18.1, 97),
    )
    head_age = head_age[roofs.head]
    partner_age = _within(rng, head_age + rng.normal(0, 3.5, count), 18.1, 99)
    child_age = np.sqrt(rng.random(count)) * np.minimum(27, head_age - 19)
    age = np.where(roofs.place == 0, head_age, np.where(child, child_age, partner_age))
    return today - 1 - np.floor(age * YEAR + rng.random(count)).astype(np.int64)


def _twins(rng: np.random.Generator, chunk: Chunk, roofs: _Roofs, child: Mask, birth: Ints) -> Ints:
    """Persons born with the sibling before them; the first family of a large sample has twins."""
    second_child = (
        np.flatnonzero(child[1:] & child[:-1] & (roofs.household[1:] == roofs.household[:-1])) + 1
    )
    twins = second_child[rng.random(len(second_child)) < 0.03]
    if chunk.each_case and len(second_child):
        twins = np.unique(np.r_[second_child[0], twins])
        birth[second_child[0] - 1] = chunk.days.last_no - int(22.4 * YEAR)
        youngest = np.flatnonzero(child & (roofs.household > roofs.household[second_child[0]]))[:6]
        birth[youngest] = chunk.days.last_no - 20 - 9 * np.arange(len(youngest))
    birth[twins] = birth[twins - 1]
    return twins


@dataclass(frozen=True)
class _Names:
    given: Ints
    second: Ints
    family: Ints
    former: Ints


def _names(
    rng: np.random.Generator,
    roofs: _Roofs,
    child: Mask,
    *,
    sex: Ints,
    language: Ints,
    by_roof: Ints,
    twins: Ints,
) -> _Names:
    """One surname per household, except partners who keep theirs; twins have other first names."""
    count = len(child)
    given = draw_given(rng, sex, language)
    second = choose(rng.random(count) < 0.75, draw_given(rng, sex, language), np.int32(-1))
    for row in twins[given[twins] == given[twins - 1]]:
        while given[row] == given[row - 1]:
            given[row] = draw_given(rng, sex[row : row + 1], language[row : row + 1])[0]
    family = draw_family(rng, by_roof)[roofs.household]
    own_name = (roofs.place == 1) & ~child & (rng.random(count) < 0.22)
    family[own_name] = draw_family(rng, language[own_name])
    married = ~child & (rng.random(count) < choose(sex == 1, 0.28, 0.04))
    former = choose(married, draw_family(rng, language), np.int32(-1))
    former[former == family] = -1
    return _Names(given, second, family, former)


def draw_people(chunk: Chunk, codes: IdentityCodes) -> People:
    """The chunk's people; all chunks draw their codes from the same `codes`."""
    rng, count = chunk.rng("people"), chunk.people
    today = chunk.days.last_no
    roofs = _Roofs.draw(rng, count)
    households = int(roofs.household[-1]) + 1
    child = (roofs.place >= 2) | ((roofs.place == 1) & (rng.random(count) < 0.12))
    birth = _birth_days(rng, roofs, child, today)
    twins = _twins(rng, chunk, roofs, child, birth)
    alone = np.flatnonzero(roofs.size == 1)
    ancient = alone[rng.random(len(alone)) < 0.0012]
    pair = (
        alone[2:4] if chunk.people >= 100 else alone[:0]
    )  # their codes differ by the century sign only
    if chunk.each_case:
        ancient = np.unique(np.r_[alone[:2], ancient])
    birth[ancient] = rng.integers(-36_000, -25_600, len(ancient))  # 1871-1899
    birth[pair] = -3_000 + 37 * (chunk.number % 400)

    by_roof = _pick_share(rng, _LANGUAGE_SHARES, households)
    homes, language = draw_addresses(rng, by_roof), by_roof[roofs.household]
    sex = rng.integers(0, 2, count).astype(np.int8)
    opposite = (roofs.place == 1) & ~child & (rng.random(count) < 0.96)
    sex = choose(opposite, 1 - sex[roofs.head], sex)
    names = _names(rng, roofs, child, sex=sex, language=language, by_roof=by_roof, twins=twins)

    age = ((today - birth) / YEAR).astype(np.int64)
    kind = choose(
        age < 18, _pick_share(rng, _MINOR_KINDS, count), _pick_share(rng, _ADULT_KINDS, count)
    )
    kind[ancient] = REGISTER_ONLY
    certain = pair
    if chunk.each_case:
        kind[np.flatnonzero((age >= 14) & (age < 18))[:4]] = PROSPECT
        certain = np.r_[pair, twins[:1] - 1, twins[:1]].astype(np.int64)
    kind[certain] = CUSTOMER
    in_register = rng.random(count) < _IN_REGISTER[kind]
    in_register[certain] = True

    code = codes.issue(birth)
    if len(pair) == 2:
        first, other = codes.issue_pairs(birth[pair[:1]])
        code = replaced(replaced(code, pair[:1], first), pair[1:], other)

    return People(
        person=chunk.first_person + np.arange(count),
        household=roofs.household,
        child=child,
        sex=sex,
        language=language,
        birth=birth,
        given=names.given,
        second=names.second,
        family=names.family,
        former=names.former,
        kind=kind,
        code=code,
        in_register=in_register,
        twin=np.isin(np.arange(count), np.r_[twins, twins - 1]),
        sign_pair=np.isin(np.arange(count), pair if len(pair) == 2 else pair[:0]),
        shares_mailbox=(rng.random(households) < 0.07)[roofs.household] & (roofs.size > 1),
        shares_phone=(rng.random(households) < 0.09)[roofs.household] & (roofs.size > 1),
        homes=homes,
    )
