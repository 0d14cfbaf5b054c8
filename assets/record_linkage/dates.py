"""Birth dates in any common notation, as eight digits with the year first.

`1970-03-09`, `19700309`, `9.3.1970`, `3/9/70`, `09031970`, `700309`, `9 March 1970`, `Mar 9, 1970`.
Which part of a numeric date comes first cannot be inferred from one value: `format_inference.py`
infers it from the whole column.
"""

from __future__ import annotations

from enum import StrEnum


class DatePart(StrEnum):
    """The first part of dates that do not begin with a year of four digits."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


MONTHS = (
    ("jan", "ene", "gen", "tam", "sty"),
    ("feb", "fev", "hel", "lut"),
    ("mar", "maa", "mrt"),
    ("apr", "avr", "abr", "huh", "kwi"),
    ("may", "mai", "maj", "mag", "mei", "tou"),
    ("jun", "juin", "giu", "kes", "cze"),
    ("jul", "juil", "lug", "hei", "lip"),
    ("aug", "aou", "ago", "elo", "sie"),
    ("sep", "set", "syy", "wrz"),
    ("oct", "okt", "ott", "out", "lok", "paz"),
    ("nov", "marr", "lis"),
    ("dec", "dez", "des", "dic", "jou", "gru"),
)
"""Prefixes of month names in English, Finnish, Swedish, Danish, Norwegian, German, Dutch, French,
Spanish, Italian, Portuguese and Polish."""
THIS_CENTURY = "30"
"""Two-digit years below this are in the years from 2000 on."""

_NUMBERS = {prefix: number for number, prefixes in enumerate(MONTHS, 1) for prefix in prefixes}
_PREFIXES = "|".join(sorted(_NUMBERS, key=lambda prefix: (-len(prefix), prefix)))


def date_parts(text: str) -> str:
    """SQL: the numbers of a date as a list of texts.

    The name of a month becomes a number of three digits; six or eight digits in a row are split.
    """
    plain = f"strip_accents(lower({text}))"
    named = rf"regexp_extract({plain}, '\b({_PREFIXES})', 1)"
    months = (
        "MAP {"
        + ", ".join(f"'{prefix}': '{number:03}'" for prefix, number in _NUMBERS.items())
        + "}"
    )
    numbered = rf"""CASE
        WHEN {named} <> ''
        THEN regexp_replace({plain}, '\b({_PREFIXES})[a-z]*', ' ' || {months}[{named}] || ' ')
        ELSE {text} END"""
    # Of eight digits, 19 and 20 are no months.
    contiguous = f"""[
        if(length(d) = 8 AND d[5:6] <= '12',
            [d[1:4], d[5:6], d[7:8]], [d[1:2], d[3:4], d[5:8]])
        FOR d IN [{_padded(text)}]][1]"""
    return rf"""CASE WHEN regexp_full_match({text}, '\d{{6,8}}(\.0)?') THEN {contiguous}
        WHEN regexp_matches({text}, '\pL') THEN regexp_extract_all({numbered}, '\d+')
        ELSE regexp_extract_all({text}, '\d+') END"""


def _padded(text: str) -> str:
    """SQL: digits in a row, with the leading zero that a numeric column has lost."""
    whole = f"replace({text}, '.0', '')"
    return f"CASE WHEN length({whole}) = 6 THEN {whole} ELSE lpad({whole}, 8, '0') END"


def date_digits(text: str, first: DatePart) -> str:
    """SQL: eight digits, valid or not, of a trimmed text; null if it is no date.

    The usual notations come first, and need no list.
    """
    return rf"""CASE
        WHEN length({text}) = 10 AND {text}[5] = '-' AND {text}[8] = '-'
            AND length(replace({text}, '-', '')) = 8
        THEN replace({text}, '-', '')
        WHEN length({text}) = 8 AND {text}[5:6] <= '12' AND regexp_full_match({text}, '\d{{8}}')
        THEN {text}
        WHEN regexp_matches({text}, '\d')
        THEN [{_ordered("n", first)} FOR n IN [{date_parts(text)}] IF len(n) >= 3][1] END"""


def _ordered(n: str, first: DatePart) -> str:
    """SQL: eight digits of the first three numbers of a list."""
    month_first = f"length({n}[1]) = 3" + (
        f" OR length({n}[2]) <> 3" if first == DatePart.MONTH else ""
    )
    year_first = f"length({n}[1]) = 4" + (
        f" OR (length({n}[3]) <= 2 AND length({n}[1]) <> 3 AND length({n}[2]) <> 3)"
        if first == DatePart.YEAR
        else ""
    )
    return f"""CASE WHEN {year_first} THEN {_joined(f"{n}[1]", f"{n}[2]", f"{n}[3]")}
        WHEN {month_first} THEN {_joined(f"{n}[3]", f"{n}[1]", f"{n}[2]")}
        ELSE {_joined(f"{n}[3]", f"{n}[2]", f"{n}[1]")} END"""


def _joined(year: str, month: str, day: str) -> str:
    """SQL: year, month and day as eight digits."""
    short = f"lpad({year}, 2, '0')"
    century = f"if({short} < '{THIS_CENTURY}', '20', '19')"
    whole = f"CASE WHEN length({year}) = 4 THEN {year} ELSE {century} || right({short}, 2) END"
    two_digits = " || ".join(f"lpad(right({part}, 2), 2, '0')" for part in (month, day))
    return f"({whole}) || {two_digits}"
