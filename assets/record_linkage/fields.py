"""How far two records can agree: the fields that are compared, each with its levels, best first.

Conditions are SQL over two rows `l` and `r` of `linkage_records`. Level 0 is *missing*: it says nothing. The last level
is *differs*. What each level weighs is learned (mixture.py); `match` and `household` here are where learning begins, and
what it falls back to when there is little to learn from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assets.record_linkage.roles import RolesError

BITS = 3
"""Bits of a level in a pattern: at most seven levels and *missing*."""
MOST_FIELDS = 64 // BITS
"""The levels of so many fields go into one number."""


@dataclass(frozen=True)
class Level:
    """One degree of agreement: how often it is expected among pairs of one person, and of two in a household.

    `share` names the column with log2 of the value's share in the data, where a rare value says more than a frequent one.
    """

    name: str
    condition: str
    match: float
    household: float
    share: str = ""


@dataclass(frozen=True)
class Field:
    """What is compared on its own. `shared`: a household may share it, so that its likeness in households is learned.

    Most pairs are told by equality, which is cheap. SQL over one record: both must have `known`, or it is *missing*; who has the
    same `told` has said it already, which is *missing* too; who has the same `same` is on the first level.
    """

    name: str
    missing: str
    levels: tuple[Level, ...]
    shared: bool
    group: str
    known: str
    same: str
    told: str = ""

    def level(self) -> str:
        """SQL: the number of the level that holds first."""
        cases = " ".join(
            f"WHEN {level.condition} THEN {number}" for number, level in enumerate(self.levels, 1)
        )
        return f"(CASE WHEN {self.missing} THEN 0 {cases} END)::UTINYINT"


def _null(column: str) -> str:
    return f"l.{column} IS NULL OR r.{column} IS NULL"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity(l.{column}, r.{column}) >= {least}"


def _slip(column: str) -> str:
    """One letter or digit wrong, missing, too many, or two swapped; what follows from it, and is cheap, comes first."""
    left, right = f"l.{column}", f"r.{column}"
    lengths = f"abs(length({left}) - length({right})) <= 1"
    return f"{lengths} AND levenshtein({left}, {right}) <= 2 AND damerau_levenshtein({left}, {right}) <= 1"


NAMES_SWAPPED = (
    "((l.given = r.family AND jaro_winkler_similarity(r.given, l.family) >= 0.85)"
    " OR (r.given = l.family AND jaro_winkler_similarity(l.given, r.family) >= 0.85))"
    " AND l.given <> l.family"
)
LATER = (
    "list_contains(r.names, l.given) OR (r.given <> l.family AND list_contains(l.names, r.given))"
)
CALLED = "coalesce(l.called = r.given OR r.called = l.given OR l.called = r.called, false)"


def given(columns: Iterable[str]) -> Field:
    """First names. Where call names are known, agreeing by them is one thing, and sharing a later name, as relatives like to, another."""
    known = "called" in columns
    other = (
        Level("called", CALLED, 0.06, 0.001)
        if known
        else Level("other", f"length(least(l.given, r.given)) > 1 AND ({LATER})", 0.05, 0.012)
    )
    later = f" OR (length(least(l.given, r.given)) > 1 AND ({LATER}))" if known else ""
    return Field(
        "given",
        _null("given"),
        (
            Level("exact", "l.given = r.given AND length(l.given) > 1", 0.80, 0.003, "given"),
            # Matti Virtanen and Virtanen Matti: told once, here; the surname then says nothing more.
            Level(
                "swapped",
                f"l.family IS NOT NULL AND r.family IS NOT NULL AND {NAMES_SWAPPED}",
                0.02,
                0.0001,
            ),
            other,
            Level(
                "initial",
                "least(length(l.given), length(r.given)) = 1 AND l.given[1] = r.given[1]",
                0.02,
                0.01,
            ),
            Level(
                "near",
                f"{_alike('given', 0.9)} OR (least(length(l.given), length(r.given)) > 2 AND {_slip('given')})",
                0.06,
                0.004,
            ),
            Level(
                "alike",
                f"{_alike('given', 0.75)} OR (l.given[1:3] = r.given[1:3]){later}",
                0.02,
                0.03,
            ),
            Level("differs", "true", 0.01, 0.94),
        ),
        shared=False,
        group="name",
        known="given",
        same="CASE WHEN length(given) > 1 THEN given END",
    )


FAMILY = Field(
    "family",
    f"{_null('family')} OR (l.given <> r.given AND {NAMES_SWAPPED})",
    (
        Level("exact", "l.family = r.family", 0.84, 0.75, "family"),
        # A former surname or a part of a double one; what one name tells is not told twice.
        Level(
            "other",
            "list_contains(r.names, l.family) OR (r.family <> l.given AND list_contains(l.names, r.family))",
            0.04,
            0.04,
        ),
        Level("near", f"{_alike('family', 0.9)} OR ({_slip('family')})", 0.06, 0.02),
        Level("alike", _alike("family", 0.75), 0.02, 0.02),
        # A marriage that nobody has told of.
        Level("differs", "true", 0.04, 0.17),
    ),
    shared=True,
    group="name",
    known="family",
    # Virtanen Virtanen may be a swapped Matti Virtanen.
    same="CASE WHEN given IS DISTINCT FROM family THEN family END",
)
SAME_DAY, SAME_MONTH, SAME_YEAR = (
    "l.born[7:8] = r.born[7:8]",
    "l.born[5:6] = r.born[5:6]",
    "l.born_year = r.born_year",
)
DAY_AND_MONTH_SWAPPED = "l.born[5:6] = r.born[7:8] AND l.born[7:8] = r.born[5:6]"
TWO_PARTS = f"""CASE WHEN {SAME_YEAR} THEN {SAME_MONTH} OR {SAME_DAY} OR ({DAY_AND_MONTH_SWAPPED})
    ELSE {SAME_MONTH} AND {SAME_DAY} END"""
BORN = Field(
    "born",
    "l.born_year IS NULL OR r.born_year IS NULL",
    (
        Level("exact", "l.born = r.born", 0.90, 0.01, "born"),
        Level(
            "slip",
            "hamming(l.born, r.born) = 1 OR (l.born[1:4] = r.born[1:4] AND l.born[5:6] = r.born[7:8] AND l.born[7:8] = r.born[5:6])",
            0.05,
            0.003,
        ),
        Level("two parts", TWO_PARTS, 0.015, 0.04),
        Level("two digits", "hamming(l.born, r.born) = 2", 0.01, 0.01),
        Level("year", f"{SAME_YEAR}", 0.01, 0.03),
        Level("differs", "true", 0.015, 0.90),
    ),
    shared=False,
    group="born",
    known="born_year",
    same="born",
)
NUMBER = Field(
    "number",
    _null("number"),
    (
        Level("exact", "l.number = r.number", 0.90, 0.001, "number"),
        Level(
            "slip",
            f"CASE WHEN length(l.number) = length(r.number) THEN hamming(l.number, r.number) <= 2 ELSE false END OR ({_slip('number')})",
            0.08,
            0.002,
        ),
        Level("differs", "true", 0.02, 0.997),
    ),
    shared=False,
    group="number",
    known="number",
    same="number",
)
DOMAIN = "split_part({}.emails[1], '@', 2)"
NAMED_MAILBOX = (
    "(l.mailbox = r.mailbox AND contains(l.mailbox, l.family) AND NOT list_has_any(l.emails, r.emails) "
    f"AND jaro_winkler_similarity({DOMAIN.format('l')}, {DOMAIN.format('r')}) < 0.9)"
)


SAME_DIGITS = (
    "regexp_replace(l.emails[1], '\\D', '', 'g') = regexp_replace(r.emails[1], '\\D', '', 'g')"
)
NAMESAKES = (
    f"(contains(l.mailbox, l.family) AND contains(r.mailbox, r.family) AND NOT {SAME_DIGITS})"
)


def email(columns: Iterable[str]) -> Field:
    """matti.virtanen@ here and there tells no more than the names do, and those have been heard; matti.virtanen1@ and matti.virtanen2@ are two."""
    missing = "coalesce(len(l.emails), 0) = 0 OR coalesce(len(r.emails), 0) = 0"
    named = f" OR coalesce({NAMED_MAILBOX}, false)" if "family" in columns else ""
    unlike = f" AND NOT coalesce({NAMESAKES}, false)" if "family" in columns else ""
    return Field(
        "email",
        missing + named,
        (
            Level("exact", "list_has_any(l.emails, r.emails)", 0.60, 0.12),
            Level("local part", "length(l.mailbox) >= 5 AND l.mailbox = r.mailbox", 0.04, 0.01),
            Level("near", _alike("emails[1]", 0.92) + unlike, 0.10, 0.02),
            Level("differs", "true", 0.26, 0.85),
        ),
        shared=True,
        group="email",
        known="emails[1]",
        same="emails[1]",
    )


PHONE = Field(
    "phone",
    "coalesce(len(l.phones), 0) = 0 OR coalesce(len(r.phones), 0) = 0",
    (
        Level("exact", "list_has_any(l.phones, r.phones)", 0.65, 0.15),
        Level("slip", _slip("phones[1]"), 0.04, 0.01),
        Level("differs", "true", 0.31, 0.84),
    ),
    shared=True,
    group="phone",
    known="phones[1]",
    same="phones[1]",
)
ORGANISATION = Field(
    "organisation",
    _null("organisation"),
    (
        Level("exact", "l.organisation = r.organisation", 0.70, 0.6, "organisation"),
        Level(
            "near",
            f"{_alike('organisation', 0.9)} OR contains(l.organisation, r.organisation) OR contains(r.organisation, l.organisation)",
            0.1,
            0.05,
        ),
        Level("differs", "true", 0.20, 0.35),
    ),
    shared=True,
    group="organisation",
    known="organisation",
    same="organisation",
)


def place(columns: Iterable[str]) -> list[Field]:
    """The parts of an address. They slip one by one but change together: see the *moved* of mixture.py."""
    there = set(columns)
    found: list[Field] = []
    if "street" in there:
        other = (
            [Level("other", "list_has_any(l.streets, r.streets)", 0.04, 0.02)]
            if "streets" in there
            else []
        )
        levels = [
            Level("exact", "l.street = r.street", 0.85, 0.9, "street"),
            *other,
            Level(
                "near",
                f"{_alike('street', 0.9)} OR starts_with(l.street, r.street) OR starts_with(r.street, l.street)",
                0.1,
                0.05,
            ),
            Level("differs", "true", 0.05, 0.05),
        ]
        found.append(
            Field(
                "street",
                _null("street"),
                tuple(levels),
                shared=True,
                group="place",
                known="street",
                same="street",
            )
        )
    if "house" in there:
        found.append(
            Field(
                "house",
                _null("house"),
                (
                    Level("exact", "l.house = r.house", 0.9, 0.9, "house"),
                    Level("slip", _slip("house"), 0.05, 0.03),
                    Level("differs", "true", 0.05, 0.07),
                ),
                shared=True,
                group="place",
                known="house",
                same="house",
            )
        )
    if "postcode" in there:
        near = f"({_slip('postcode')}) OR l.postcode[1:-4] = r.postcode[1:-4]"
        levels = [
            Level("exact", "l.postcode = r.postcode", 0.88, 0.9, "postcode"),
            Level("near", near, 0.07, 0.04),
            Level("differs", "true", 0.05, 0.06),
        ]
        found.append(
            Field(
                "postcode",
                _null("postcode"),
                tuple(levels),
                shared=True,
                group="place",
                known="postcode",
                same="postcode",
            )
        )
    if "town" in there:
        levels = [
            Level("exact", "l.town = r.town", 0.88, 0.92, "town"),
            Level("near", f"{_alike('town', 0.88)} OR ({_slip('town')})", 0.07, 0.03),
            Level("differs", "true", 0.05, 0.05),
        ]
        # Where the postcode is the same, so is the town: that would be told twice.
        told = "postcode" if "postcode" in there else ""
        missing = f"{_null('town')}{' OR coalesce(l.postcode = r.postcode, false)' if told else ''}"
        found.append(
            Field(
                "town",
                missing,
                tuple(levels),
                shared=True,
                group="place",
                known="town",
                same="town",
                told=told,
            )
        )
    return found


def text_field(column: str) -> Field:
    """Free text: as written, nearly so, or not."""
    return Field(
        column,
        _null(column),
        (
            Level("exact", f"l.{column} = r.{column}", 0.75, 0.3, column),
            Level("near", f"{_alike(column, 0.9)}", 0.1, 0.05),
            Level("differs", "true", 0.15, 0.65),
        ),
        shared=True,
        group=column,
        known=column,
        same=column,
    )


def fields_of(columns: Iterable[str]) -> tuple[Field, ...]:
    """The fields that these columns of `linkage_records` allow to compare."""
    there = tuple(columns)
    found: list[Field] = []
    for needed, one in (
        ("given", given(there)),
        ("family", FAMILY),
        ("born", BORN),
        ("number", NUMBER),
        ("emails", email(there)),
        ("phones", PHONE),
    ):
        if needed in there:
            found.append(one)
    found += place(there)
    if "organisation" in there:
        found.append(ORGANISATION)
    found += [text_field(column) for column in there if column.startswith("text")]
    if len(found) > MOST_FIELDS:
        raise RolesError(
            f"roles: {len(found)} things would be compared, and at most {MOST_FIELDS} can be; leave out some of the free texts"
        )
    return tuple(found)


def share_columns(fields: Iterable[Field]) -> tuple[str, ...]:
    """The columns of which each value's share is needed."""
    return tuple(
        dict.fromkeys(level.share for field in fields for level in field.levels if level.share)
    )


def looked_at(fields: Iterable[Field]) -> set[str]:
    """SQL of the values whose hashes tell whether two records are alike."""
    return {sql for field in fields for sql in (field.known, field.same, field.told) if sql}


def pattern(fields: tuple[Field, ...]) -> str:
    """SQL: the levels of all fields in one number."""
    return (
        "("
        + " + ".join(
            f"({field.level()}::UBIGINT << {BITS * place})" for place, field in enumerate(fields)
        )
        + ")"
    )
