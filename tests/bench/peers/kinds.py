"""Invented tables of the kinds that are hard to link, each with its roles and its truth:

    python -m tests.bench.peers.kinds KIND RECORDS SEED OUT

Sparse historical records that are linked only across two sources, ages instead of dates,
transliterated names, people and companies in one column, middle names and initials, one to
hundreds of records of a person, half of all values missing. The same kind, number and seed is the
same table.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.reference.tables import read_reference

Row = dict[str, str | None]
LETTERS = "abcdefghijklmnoprstuvy"


class Draw(random.Random):
    """Draws of names, errors and gaps."""

    def happens(self, share: float) -> bool:
        return self.random() < share

    def of(self, pool: Sequence[str], skew: float = 2.0) -> str:
        """One of a pool; the larger the skew, the more frequent its first."""
        return pool[int(len(pool) * self.random() ** skew)]

    def word(self, syllables: Sequence[str], least: int, most: int) -> str:
        return "".join(self.choices(syllables, k=self.randint(least, most))).capitalize()

    def slip(self, text: str) -> str:
        """The text with one letter left out, doubled, replaced or exchanged with the next."""
        place = self.randrange(1, max(len(text) - 1, 2))
        before, letter, after = text[:place], text[place : place + 1], text[place + 1 :]
        match self.randrange(4):
            case 0:
                return before + after
            case 1:
                return before + letter * 2 + after
            case 2:
                return (
                    before
                    + (str(self.randrange(10)) if letter.isdigit() else self.choice(LETTERS))
                    + after
                )
            case _:
                return before + after[:1] + letter + after[1:]

    def worn(self, row: Row, errors: float, gaps: float, keep: Sequence[str] = ()) -> Row:
        """A copy with errors and gaps in all columns but those to keep."""
        return {
            name: value
            if name in keep or value is None
            else None
            if self.happens(gaps)
            else self.slip(value)
            if self.happens(errors)
            else value
            for name, value in row.items()
        }

    def date(self) -> str:
        year, month, day = self.randint(1930, 2005), self.randint(1, 12), self.randint(1, 28)
        return f"{year}-{month:02}-{day:02}"


@cache
def _pool(table: str, column: str = "name", language: str = "") -> tuple[str, ...]:
    return tuple(
        row[column]
        for row in read_reference(f"{table}.csv")
        if not language or row["language"] == language
    )


def _homes(draw: Draw) -> Row:
    place = draw.choice(read_reference("postcodes.csv"))
    street = f"{draw.choice(_pool('streets', 'fi'))} {draw.randint(1, 90)}"
    return {"street": street, "postcode": place["postcode"], "town": place["town_fi"]}


def _households(draw: Draw, people: int) -> Iterator[tuple[int, Row]]:
    """People of Finland: households share a surname and a home, some a telephone."""
    person = 0
    while person < people:
        family, home = draw.of(_pool("family_names")), _homes(draw)
        telephone = f"040{draw.randrange(10**7):07}" if draw.happens(0.05) else None
        for _ in range(draw.choice((1, 1, 2, 2, 3, 4))):
            person += 1
            given = draw.of(_pool("given_names"))
            yield (
                person,
                {
                    "given": given,
                    "family": family,
                    "born": draw.date(),
                    **home,
                    "email": f"{given}.{family}{draw.randrange(999)}@example.fi".lower(),
                    "phone": telephone or f"050{draw.randrange(10**7):07}",
                },
            )


HOUSEHOLD = {
    "given": "given_name", "family": "family_name", "born": "birth_date", "street": "street",
    "postcode": "postcode", "town": "town", "email": "email", "phone": "phone",
}  # fmt: skip


def names_and_birth_parts(draw: Draw, records: int) -> Iterator[Row]:
    """First, second and double names and the parts of a birth date; one in ten a copy."""
    for person in range(int(records / 1.1)):
        born = draw.date()
        row: Row = {
            "first": draw.of(_pool("given_names"), 3),
            "second": draw.of(_pool("given_names"), 3) if draw.happens(0.3) else None,
            "last": draw.of(_pool("family_names"), 3),
            "double": draw.of(_pool("family_names"), 3) if draw.happens(0.05) else None,
            "year": born[:4], "month": str(int(born[5:7])), "day": str(int(born[8:])),
        }  # fmt: skip
        yield {**row, "cluster": str(person)}
        if draw.happens(0.1):
            copy = dict(row)
            for name in draw.sample(sorted(row), draw.choice((1, 1, 2))):
                value = row[name]
                if name == "second":
                    copy[name] = draw.choice((None, value and value[0]))
                elif value:
                    copy[name] = draw.slip(value) if len(value) > 2 else str(draw.randint(1, 28))
            yield {**copy, "cluster": str(person)}


def errors_and_gaps(draw: Draw, records: int) -> Iterator[Row]:
    """Names, birth date, address and telephone, a fifth wrong and a fifth missing."""
    for person, row in _households(draw, int(records / 1.6)):
        known = {name: row[name] for name in ("given", "family", "born", "street", "town", "phone")}
        for _ in range(draw.choice((1, 1, 1, 2, 2, 3))):
            yield {**draw.worn(known, 0.2, 0.2), "cluster": str(person)}


COUNTRIES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("mu", "ha", "sh", "ab", "du", "kha", "li", "yu", "sef", "ah", "med"),
     ("al", "khou", "ri", "has", "san", "sha", "mu", "tou", "yef", "dah")),
    (("yu", "ri", "vla", "di", "mir", "na", "ta", "sha", "ser", "ge", "olek"),
     ("ov", "shev", "chen", "ko", "iva", "petr", "zhuk", "khor", "yats", "tsev")),
    (("ngu", "thi", "minh", "anh", "van", "duc", "hoa"), ("tran", "le", "pham", "vu", "do", "bui")),
    (("ma", "ria", "jo", "se", "lu", "car", "ana"), ("gon", "za", "lez", "rui", "fer", "nan")),
    (("abe", "bek", "yo", "nas", "tse", "hay", "da"), ("ge", "bre", "wol", "de", "te", "kle")),
    (("raj", "esh", "pri", "ya", "sun", "il", "dee"), ("sha", "rma", "pat", "el", "sin", "gh")),
)  # fmt: skip
SPELLINGS = (
    ("kh", "h"), ("sh", "sch"), ("y", "i"), ("y", "j"), ("ou", "u"), ("v", "w"), ("ts", "c"),
    ("zh", "j"), ("ee", "i"), ("ch", "tsch"), ("u", "ou"),
)  # fmt: skip


def _transliterated(draw: Draw, name: str) -> str:
    for letters, others in SPELLINGS:
        if draw.happens(0.2):
            name = name.replace(letters, others)
    return name


def transliterated_registers(draw: Draw, records: int) -> Iterator[Row]:
    """Foreigners in several registers: spellings differ, of births the year, much is missing."""
    pools = [
        ([draw.word(given, 2, 3) for _ in range(60)], [draw.word(family, 2, 4) for _ in range(150)])
        for given, family in COUNTRIES
    ]
    for person in range(int(records / 1.8)):
        country = int(len(COUNTRIES) * draw.random() ** 3)
        given, family = (draw.of(pool, 1.5) for pool in pools[country])
        row: Row = {
            "name": given, "surname": family, "year": str(draw.randint(1940, 2005)),
            "country": f"Country {country}" if draw.happens(0.95) else "Country 0",
            "sex": draw.choice("mf"), "town": draw.of(_pool("postcodes", "town_fi"), 4),
        }  # fmt: skip
        for _ in range(draw.choice((1, 1, 1, 2, 3, 4))):
            copy = draw.worn(row, 0.04, 0.0, ("year",))
            copy["name"], copy["surname"] = (
                _transliterated(draw, name) for name in (copy["name"] or "", copy["surname"] or "")
            )
            if draw.happens(0.1):
                copy["year"] = str(int(row["year"] or 0) + draw.choice((-1, 1, 10)))
            if draw.happens(0.3):
                copy["town"] = draw.of(_pool("postcodes", "town_fi"), 4)
            yield {**draw.worn(copy, 0, 0.25, ("name", "surname")), "cluster": str(person)}


def soldiers_and_census(draw: Draw, records: int) -> Iterator[Row]:
    """Soldiers in a census four times as large: names, birth year and state of birth."""
    states = [f"State {number}" for number in range(30)]
    given, family = _pool("given_names")[:200], _pool("family_names")
    person = 0
    for _ in range(int(records / 1.2)):
        surname, state = draw.of(family, 3), draw.of(states, 2)
        for _ in range(draw.choice((1, 1, 2))):
            person += 1
            year = draw.randint(1800, 1850)
            row: Row = {"first": draw.of(given, 2.5), "last": surname, "place": state}
            yield {**draw.worn(row, 0.05, 0.03), "year": str(year), "source": "census",
                   "cluster": str(person)}  # fmt: skip
            if draw.happens(0.2):
                other = draw.worn({**row, "year": str(year + draw.choice((0, 0, 0, 0, -1, 1, 2)))},
                                  0.08, 0.1)  # fmt: skip
                if other["first"] and draw.happens(0.1):
                    other["first"] = other["first"][0]
                yield {**other, "source": "soldiers", "cluster": str(person)}


def two_censuses(draw: Draw, records: int) -> Iterator[Row]:
    """A small census in a large one: names, sex and an age that is off by some years."""
    for person in range(int(records / 1.15)):
        age = draw.randint(1, 80)
        row: Row = {"first": draw.of(_pool("given_names")[:400]),
                    "last": draw.of(_pool("family_names")), "sex": draw.choice("mf")}  # fmt: skip
        yield {**draw.worn(row, 0.03, 0.0), "age": str(age), "source": "1850",
               "cluster": str(person)}  # fmt: skip
        if draw.happens(0.15):
            other = draw.worn(row, 0.1, 0.0)
            yield {**other, "age": str(max(1, age + draw.choice((0, 0, 0, 1, -1, 2, -2, 5)))),
                   "source": "part", "cluster": str(person)}  # fmt: skip


def people_and_companies(draw: Draw, records: int) -> Iterator[Row]:
    """People and companies in one name column, with their entries on lists; half have no date."""
    for entity in range(int(records / 1.7)):
        company = draw.happens(0.4)
        given, family = draw.of(_pool("given_names")), draw.of(_pool("family_names"))
        kind = draw.choice(("Trading", "Shipping", "Holding", "Energy", "Services"))
        form = draw.choice(("Oy", "Ltd", "LLC"))
        name = f"{family} {kind} {form}" if company else f"{given} {family}"
        row: Row = {"name": name, "born": None if company else draw.date(),
                    "country": draw.choice(("FI", "SE", "EE", "RU", "CY")),
                    "address": _homes(draw)["street"]}  # fmt: skip
        for copy in range(draw.choice((1, 1, 2, 2, 3))):
            other = draw.worn(row, 0.08, 0.15, ("name",)) if copy else dict(row)
            if copy and draw.happens(0.4):
                other["name"] = (
                    name.rsplit(" ", 1)[0].upper() if company else f"{family}, {given}".upper()
                )
            elif copy and draw.happens(0.3):
                other["name"] = draw.slip(name)
            if draw.happens(0.3):
                other["born"] = None
            yield {**other, "cluster": str(entity)}


def hundreds_each(draw: Draw, records: int) -> Iterator[Row]:
    """Events of some people, one to hundreds each, with initials, employers and moves."""
    employers = [f"{draw.of(_pool('family_names'))} {kind} Oy"
                 for kind in ("Tech", "Works", "Labs") for _ in range(30)]  # fmt: skip
    left, person = records, 0
    while left > 0:
        person += 1
        given, middle = draw.of(_pool("given_names")), draw.of(_pool("given_names"))
        family = draw.of(_pool("family_names"))
        towns = [_homes(draw)["town"] for _ in range(draw.choice((1, 1, 2)))]
        works = [draw.choice(employers) for _ in range(draw.choice((1, 2, 3)))]
        for _ in range(min(left, int(500 ** draw.random()))):
            left -= 1
            name = draw.choice((f"{given} {middle}", f"{given} {middle[0]}.", given, given))
            yield {
                "given": name, "family": draw.slip(family) if draw.happens(0.03) else family,
                "town": draw.choice(towns) if draw.happens(0.9) else None,
                "employer": draw.choice(works) if draw.happens(0.8) else None,
                "cluster": str(person),
            }  # fmt: skip


def half_missing(draw: Draw, records: int) -> Iterator[Row]:
    """Households, half of all values missing."""
    for person, row in _households(draw, int(records / 1.7)):
        for _ in range(draw.choice((1, 1, 2, 2, 3))):
            yield {**draw.worn(row, 0.04, 0.5), "cluster": str(person)}


SLAVIC = {
    "а": "a", "в": "v", "г": "g", "д": "d", "е": "e", "и": "i", "й": "y", "к": "k", "л": "l",
    "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ш": "sh",
    "х": "kh", "ц": "ts", "ч": "ch", "ж": "zh", "я": "ya", "ю": "yu", "ь": "", "ф": "f", "б": "b",
    "з": "z",
}  # fmt: skip
GREEK = {
    "α": "a", "γ": "g", "δ": "d", "ε": "e", "ι": "i", "κ": "k", "λ": "l", "μ": "m", "ν": "n",
    "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "β": "v", "θ": "th", "χ": "ch",
    "φ": "f", "η": "i", "υ": "y", "ω": "o",
}  # fmt: skip
ARABIC = {
    "محمد": "Mohammed", "أحمد": "Ahmad", "خالد": "Khaled", "حسن": "Hassan", "يوسف": "Youssef",
    "فاطمة": "Fatima", "مريم": "Maryam", "سالم": "Salem", "كريم": "Karim", "نور": "Nour",
    "رشيد": "Rashid", "سمير": "Samir", "منصور": "Mansour", "حداد": "Haddad", "نجار": "Najjar",
}  # fmt: skip
CHINESE = {
    "伟": "Wei", "芳": "Fang", "娜": "Na", "敏": "Min", "静": "Jing", "强": "Qiang", "磊": "Lei",
    "洋": "Yang", "王": "Wang", "李": "Li", "张": "Zhang", "刘": "Liu", "陈": "Chen",
}  # fmt: skip


def _two_scripts(draw: Draw) -> tuple[tuple[str, str], tuple[str, str]]:
    """A first name and a surname, each in its own script and in Latin letters."""
    kind = draw.choice((0, 0, 0, 0, 1, 1, 1, 1, 2, 3))
    if kind > 1:
        names = list((ARABIC if kind == 2 else CHINESE).items())
        half = len(names) * 2 // 3
        return draw.choice(names[:half]), draw.choice(names[half:])
    table = SLAVIC if kind == 0 else GREEK
    syllables = (
        ("вла", "ди", "мир", "на", "та", "ша", "сер", "гей", "юр", "ий", "пет", "ров", "ченк", "хо")
        if kind == 0
        else ("γι", "ωρ", "γος", "νι", "κο", "λα", "δη", "μη", "τρη", "πα", "θα", "χα", "ρι")
    )

    def name(least: int) -> tuple[str, str]:
        word = draw.word(syllables, least, least + 1)
        return word, "".join(table.get(letter, letter) for letter in word.lower()).capitalize()

    return name(2), name(3)


def scripts(draw: Draw, records: int) -> Iterator[Row]:
    """Cyrillic, Greek, Arabic and Chinese names, of each person some in Latin letters."""
    for person in range(int(records / 1.6)):
        given, family = _two_scripts(draw)
        row: Row = {"born": draw.date(), **_homes(draw)}
        first = draw.randrange(2)
        for copy in range(draw.choice((1, 1, 2, 2, 2))):
            script = (first + copy) % 2
            yield {
                "given": given[script], "family": family[script],
                **draw.worn(row, 0.05, 0.3), "cluster": str(person),
            }  # fmt: skip


NICKNAMES = (
    ("William", "Bill"), ("Robert", "Bob"), ("Elizabeth", "Liz"), ("Margaret", "Peggy"),
    ("Richard", "Dick"), ("John", "Jack"), ("Katherine", "Kate"), ("James", "Jim"),
    ("Johannes", "Jussi"), ("Matti", "Masa"), ("Antti", "Ana"), ("Lars", "Lasse"),
    ("Karl", "Kalle"), ("Thomas", "Tom"), ("Edward", "Ted"), ("Susan", "Sue"), ("Mary", "Molly"),
    ("Anna", "Annie"), ("Michael", "Mike"), ("Peter", "Pete"), ("George", "George"),
    ("Helen", "Helen"), ("Laura", "Laura"), ("Martin", "Martin"),
)  # fmt: skip


def nicknames(draw: Draw, records: int) -> Iterator[Row]:
    """Half of the copies have the nickname; siblings at one home, some of them twins."""
    person = 0
    for _ in range(int(records / 2.4)):
        family, home = draw.of(_pool("family_names")), _homes(draw)
        born = draw.date()
        for given, short in draw.sample(NICKNAMES, draw.choice((1, 1, 2, 3))):
            person += 1
            born = born if draw.happens(0.03) else draw.date()
            row: Row = {"family": family, "born": born, "street": home["street"],
                        "town": home["town"]}  # fmt: skip
            for _ in range(draw.choice((1, 1, 2))):
                yield {"given": draw.choice((given, short)), **draw.worn(row, 0.05, 0.1),
                       "cluster": str(person)}  # fmt: skip


def near_namesakes(draw: Draw, records: int) -> Iterator[Row]:
    """Households; in some, two with names a letter or two apart, born on one day, each with
    contacts of their own."""
    twins = ("Jani", "Joni"), ("Anna", "Anni"), ("Maria", "Marja"), ("Mika", "Mikko")
    for person, row in _households(draw, int(records / 1.5)):
        if draw.happens(0.06):
            for number, given in enumerate(draw.choice(twins)):
                contacts = {
                    "email": f"{given}.{row['family']}@example.fi".lower(),
                    "phone": f"044{draw.randrange(10**7):07}",
                }
                yield {**row, "given": given, **contacts, "cluster": f"{person} {number}"}
            continue
        for _ in range(draw.choice((1, 1, 2))):
            yield {**draw.worn(row, 0.03, 0.1), "cluster": str(person)}


@dataclass(frozen=True)
class Kind:
    """A kind of table: how its rows are drawn, and the role of each column."""

    draw: Callable[[Draw, int], Iterator[Row]]
    roles: dict[str, str]


KINDS = {
    kind.draw.__name__: kind
    for kind in (
        Kind(names_and_birth_parts, {
            "first": "given_name", "second": "other_name", "last": "family_name",
            "double": "other_name", "year": "birth_year", "month": "birth_month",
            "day": "birth_day"}),
        Kind(errors_and_gaps, {name: HOUSEHOLD[name] for name in (
            "given", "family", "born", "street", "town", "phone")}),
        Kind(transliterated_registers, {
            "name": "given_name", "surname": "family_name", "year": "birth_year",
            "country": "free_text", "sex": "free_text", "town": "town"}),
        Kind(soldiers_and_census, {
            "first": "given_name", "last": "family_name", "year": "birth_year", "place": "town",
            "source": "source"}),
        Kind(two_censuses, {
            "first": "given_name", "last": "family_name", "age": "birth_year", "sex": "free_text",
            "source": "source"}),
        Kind(people_and_companies, {
            "name": "full_name", "born": "birth_date", "country": "free_text",
            "address": "street"}),
        Kind(hundreds_each, {
            "given": "given_name", "family": "family_name", "town": "town",
            "employer": "organisation"}),
        Kind(half_missing, HOUSEHOLD),
        Kind(scripts, {name: HOUSEHOLD[name] for name in (
            "given", "family", "born", "street", "postcode", "town")}),
        Kind(nicknames, {name: HOUSEHOLD[name] for name in (
            "given", "family", "born", "street", "town")}),
        Kind(near_namesakes, HOUSEHOLD),
    )
}  # fmt: skip


def table_of(kind: str, records: int, seed: int) -> pa.Table:
    """About so many records, in an order without meaning, with `uid` and `cluster` (the truth)."""
    draw = Draw(f"{kind} {seed}")
    rows = list(KINDS[kind].draw(draw, records))
    draw.shuffle(rows)
    columns = ["uid", *KINDS[kind].roles, "cluster"]
    rows = [{"uid": str(number), **row} for number, row in enumerate(rows)]
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns}
    )


if __name__ == "__main__":
    pq.write_table(table_of(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), Path(sys.argv[4]))
