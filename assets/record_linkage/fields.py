"""The fields that are compared, each with its comparison levels, best first.

Conditions are SQL over two rows `l` and `r` of `linkage_records`. Level 0 is *missing*, which is no
evidence; the last level is *differs*. The probabilities of the levels are estimated
(expectation_maximisation.py); `match` and `household` here are the initial values and the prior
where there are few data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from assets.record_linkage.roles import RolesError

LEVEL_BITS = 3
"""Bits of a level in a pattern: at most seven levels and *missing*."""
MAX_FIELDS = 64 // LEVEL_BITS
"""The levels of so many fields fit into one number."""


@dataclass(frozen=True)
class Level:
    """A comparison level, with its expected frequency in pairs of one person and of a household.

    `share` names the column with log2 of the value's share of all records, where a rare value is
    stronger evidence than a frequent one.
    """

    name: str
    condition: str
    match: float
    household: float
    share: str = ""


@dataclass(frozen=True)
class Field:
    """A comparison that is independent of the others, given the kind of pair.

    Most pairs are decided by equality of hashes, which is cheap: `known`, `same` and `implied_by`
    are SQL over one record. A pair is *missing* unless both have `known`, and where both have the
    same `implied_by`, which has been compared already; it is on the first level where both have
    the same `same`.

    `shared`: a household may share the field, so that its agreement in households is estimated.
    """

    name: str
    missing: str
    levels: tuple[Level, ...]
    shared: bool
    group: str
    known: str
    same: str
    implied_by: str = ""

    def level(self) -> str:
        """SQL: the number of the first level with a true condition."""
        cases = " ".join(
            f"WHEN {level.condition} THEN {number}" for number, level in enumerate(self.levels, 1)
        )
        return f"(CASE WHEN {self.missing} THEN 0 {cases} END)::UTINYINT"


def _null(column: str) -> str:
    return f"l.{column} IS NULL OR r.{column} IS NULL"


def _alike(column: str, least: float) -> str:
    return f"jaro_winkler_similarity(l.{column}, r.{column}) >= {least}"


def _slip(column: str) -> str:
    """SQL: one letter or digit wrong, missing or added, or two swapped; cheap conditions first."""
    left, right = f"l.{column}", f"r.{column}"
    return (
        f"abs(length({left}) - length({right})) <= 1 AND levenshtein({left}, {right}) <= 2"
        f" AND damerau_levenshtein({left}, {right}) <= 1"
    )


NAMES_SWAPPED = (
    "((l.given = r.family AND jaro_winkler_similarity(r.given, l.family) >= 0.85)"
    " OR (r.given = l.family AND jaro_winkler_similarity(l.given, r.family) >= 0.85))"
    " AND l.given <> l.family"
)
LATER_NAME = (
    "list_contains(r.names, l.given) OR (r.given <> l.family AND list_contains(l.names, r.given))"
)
NICKNAME = (
    "list_contains(l.forms, r.given) OR list_contains(r.forms, l.given)"
    " OR list_has_any(l.forms, r.forms)"
)
CALL_NAME = "coalesce(l.called = r.given OR r.called = l.given OR l.called = r.called, false)"


def given_name(columns: Iterable[str]) -> Field:
    """First names.

    Where call names are known, agreement on them is one level, and a shared later name, which is
    common among relatives, another.
    """
    known = "called" in columns
    other = (
        Level("called", CALL_NAME, 0.06, 0.001)
        if known
        else Level(
            "other",
            f"length(least(l.given, r.given)) > 1 AND ({LATER_NAME}"
            f"{f' OR {NICKNAME}' if 'forms' in columns else ''})",
            0.05,
            0.012,
        )
    )
    later = f" OR (length(least(l.given, r.given)) > 1 AND ({LATER_NAME}))" if known else ""
    return Field(
        "given",
        _null("given"),
        (
            Level("exact", "l.given = r.given AND length(l.given) > 1", 0.80, 0.003, "given"),
            # Matti Virtanen and Virtanen Matti: counted once, here; the surname is then missing.
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
                f"{_alike('given', 0.9)} OR "
                f"(least(length(l.given), length(r.given)) > 2 AND {_slip('given')})"
                f"{_or_sound('given', columns)}",
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


def _or_sound(name: str, columns: Iterable[str]) -> str:
    """SQL: or they sound the same, where names of other scripts are compared."""
    return f" OR l.{name}_sound = r.{name}_sound" if f"{name}_sound" in columns else ""


FAMILY = Field(
    "family",
    f"{_null('family')} OR (l.given <> r.given AND {NAMES_SWAPPED})",
    (
        Level("exact", "l.family = r.family", 0.84, 0.75, "family"),
        # A former surname or a part of a double one, unless the first name has agreed with it.
        Level(
            "other",
            "list_contains(r.names, l.family) OR "
            "(r.family <> l.given AND list_contains(l.names, r.family))",
            0.04,
            0.04,
        ),
        Level("near", f"{_alike('family', 0.9)} OR ({_slip('family')})", 0.06, 0.02),
        Level("alike", _alike("family", 0.75), 0.02, 0.02),
        # An unrecorded marriage.
        Level("differs", "true", 0.04, 0.17),
    ),
    shared=True,
    group="name",
    known="family",
    # Virtanen Virtanen may be a swapped Matti Virtanen.
    same="CASE WHEN given IS DISTINCT FROM family THEN family END",
)


def family_name(columns: Iterable[str]) -> Field:
    """Family names; near ones sound the same, where names of other scripts are compared."""
    sound = _or_sound("family", columns)
    levels = list(FAMILY.levels)
    levels[2] = replace(levels[2], condition=levels[2].condition + sound)
    return replace(FAMILY, levels=tuple(levels))


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
            "hamming(l.born, r.born) = 1 OR (l.born[1:4] = r.born[1:4]"
            " AND l.born[5:6] = r.born[7:8] AND l.born[7:8] = r.born[5:6])",
            0.05,
            0.003,
        ),
        Level("two parts", TWO_PARTS, 0.015, 0.04),
        Level("two digits", "hamming(l.born, r.born) = 2", 0.01, 0.01),
        Level("year", SAME_YEAR, 0.01, 0.03),
        Level("differs", "true", 0.015, 0.90),
    ),
    shared=False,
    group="born",
    known="born_year",
    same="born",
)
YEARS = "abs(l.born_year::INTEGER - r.born_year::INTEGER)"
BORN_YEAR = Field(
    "born_year",
    _null("born_year"),
    (
        Level("exact", "l.born_year = r.born_year", 0.80, 0.02, "born_year"),
        Level("next", f"{YEARS} = 1", 0.08, 0.04),
        Level("slip", _slip("born_year"), 0.03, 0.04),
        Level("near", f"{YEARS} <= 3", 0.05, 0.12),
        Level("differs", "true", 0.04, 0.78),
    ),
    shared=False,
    group="born",
    known="born_year",
    same="born_year",
)
"""Where nothing else is known of births; also ages."""
MIDDLE = Field(
    "middle",
    _null("middle"),
    (
        Level("exact", "l.middle = r.middle AND length(l.middle) > 1", 0.70, 0.02, "middle"),
        Level(
            "other",
            "length(least(l.middle, r.middle)) > 1"
            " AND (list_contains(r.names, l.middle) OR list_contains(l.names, r.middle))",
            0.05,
            0.02,
        ),
        Level(
            "initial",
            "least(length(l.middle), length(r.middle)) = 1 AND l.middle[1] = r.middle[1]",
            0.10,
            0.06,
        ),
        Level("near", f"{_alike('middle', 0.9)} OR ({_slip('middle')})", 0.05, 0.01),
        Level("differs", "true", 0.10, 0.89),
    ),
    shared=False,
    group="name",
    known="middle",
    same="CASE WHEN length(middle) > 1 THEN middle END",
)
NUMBER = Field(
    "number",
    _null("number"),
    (
        Level("exact", "l.number = r.number", 0.90, 0.001, "number"),
        Level(
            "slip",
            "CASE WHEN length(l.number) = length(r.number) THEN hamming(l.number, r.number) <= 2"
            f" ELSE false END OR ({_slip('number')})",
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
    "(l.mailbox = r.mailbox AND contains(l.mailbox, l.family)"
    " AND NOT list_has_any(l.emails, r.emails) "
    f"AND jaro_winkler_similarity({DOMAIN.format('l')}, {DOMAIN.format('r')}) < 0.9)"
)
SAME_DIGITS = (
    "regexp_replace(l.emails[1], '\\D', '', 'g') = regexp_replace(r.emails[1], '\\D', '', 'g')"
)
NAMESAKES = (
    f"(contains(l.mailbox, l.family) AND contains(r.mailbox, r.family) AND NOT {SAME_DIGITS})"
)


def email(columns: Iterable[str]) -> Field:
    """E-mail addresses.

    Equal mailboxes made of a name (matti.virtanen@) at two domains are *missing*, as the names
    have been compared already; matti.virtanen1@ and matti.virtanen2@ are two people's.
    """
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
            f"{_alike('organisation', 0.9)} OR contains(l.organisation, r.organisation)"
            " OR contains(r.organisation, l.organisation)",
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


def address(columns: Iterable[str]) -> list[Field]:
    """The parts of an address.

    They have errors one by one but change together: see the kind *moved* of
    expectation_maximisation.py.
    """
    available = set(columns)
    parts: list[Field] = []
    if "street" in available:
        other = (
            [Level("other", "list_has_any(l.streets, r.streets)", 0.04, 0.02)]
            if "streets" in available
            else []
        )
        near = (
            f"{_alike('street', 0.9)} OR starts_with(l.street, r.street)"
            " OR starts_with(r.street, l.street)"
        )
        levels = [
            Level("exact", "l.street = r.street", 0.85, 0.9, "street"),
            *other,
            Level("near", near, 0.1, 0.05),
            Level("differs", "true", 0.05, 0.05),
        ]
        parts.append(_address_part("street", levels))
    if "house" in available:
        levels = [
            Level("exact", "l.house = r.house", 0.9, 0.9, "house"),
            Level("slip", _slip("house"), 0.05, 0.03),
            Level("differs", "true", 0.05, 0.07),
        ]
        parts.append(_address_part("house", levels))
    if "postcode" in available:
        near = f"({_slip('postcode')}) OR l.postcode[1:-4] = r.postcode[1:-4]"
        levels = [
            Level("exact", "l.postcode = r.postcode", 0.88, 0.9, "postcode"),
            Level("near", near, 0.07, 0.04),
            Level("differs", "true", 0.05, 0.06),
        ]
        parts.append(_address_part("postcode", levels))
    if "town" in available:
        levels = [
            Level("exact", "l.town = r.town", 0.88, 0.92, "town"),
            Level("near", f"{_alike('town', 0.88)} OR ({_slip('town')})", 0.07, 0.03),
            Level("differs", "true", 0.05, 0.05),
        ]
        # The postcode implies the town: equal postcodes would count twice.
        parts.append(_address_part("town", levels, "postcode" if "postcode" in available else ""))
    return parts


def _address_part(column: str, levels: list[Level], implied_by: str = "") -> Field:
    implied = f" OR coalesce(l.{implied_by} = r.{implied_by}, false)" if implied_by else ""
    return Field(
        column,
        _null(column) + implied,
        tuple(levels),
        shared=True,
        group="place",
        known=column,
        same=column,
        implied_by=implied_by,
    )


def text_field(column: str) -> Field:
    """Free text: equal, similar or different."""
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
    """The fields that these columns of `linkage_records` allow to compare.

    Raises:
        RolesError: There are more than `MAX_FIELDS`.
    """
    available = tuple(columns)
    fields = [
        field
        for column, field in (
            ("given", given_name(available)),
            ("family", family_name(available)),
            ("middle", MIDDLE),
            ("born", BORN),
            ("number", NUMBER),
            ("emails", email(available)),
            ("phones", PHONE),
        )
        if column in available
    ]
    fields += address(available)
    if "born_year" in available and "born" not in available:
        fields.append(BORN_YEAR)
    if "organisation" in available:
        fields.append(ORGANISATION)
    fields += [text_field(column) for column in available if column.startswith("text")]
    if len(fields) > MAX_FIELDS:
        raise RolesError(
            f"roles: {len(fields)} fields would be compared, and at most {MAX_FIELDS} can be; "
            "leave out some of the free texts"
        )
    return tuple(fields)


def share_columns(fields: Iterable[Field]) -> tuple[str, ...]:
    """The columns that need the shares of their values."""
    return tuple(
        dict.fromkeys(level.share for field in fields for level in field.levels if level.share)
    )


def hashed_expressions(fields: Iterable[Field]) -> set[str]:
    """SQL of the values that decide most pairs by their hashes."""
    return {sql for field in fields for sql in (field.known, field.same, field.implied_by) if sql}


def pattern(fields: tuple[Field, ...]) -> str:
    """SQL: the levels of all fields in one number."""
    return (
        "("
        + " + ".join(
            f"({field.level()}::UBIGINT << {LEVEL_BITS * position})"
            for position, field in enumerate(fields)
        )
        + ")"
    )
