"""Birth dates, however they are written, as eight digits with the year first.

`1970-03-09`, `19700309`, `9.3.1970`, `3/9/70`, `09031970`, `700309`, `9 March 1970`, `Mar 9, 1970`. What a date begins with is not told by a
value alone: `habits.py` finds it out of the whole column.
"""

from __future__ import annotations

from enum import StrEnum


class First(StrEnum):
    """What dates begin with that do not begin with a year of four digits."""

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
"""How the names of months begin in English, Finnish, Swedish, Danish, Norwegian, German, Dutch, French, Spanish, Italian, Portuguese and Polish."""
THIS_CENTURY = "30"
"""Years of two digits below this are of the years from 2000 on."""

_NUMBERS = {beginning: number for number, several in enumerate(MONTHS, 1) for beginning in several}
_BEGINNINGS = "|".join(sorted(_NUMBERS, key=lambda beginning: (-len(beginning), beginning)))


def parts(said: str) -> str:
    """SQL: the numbers of a date as a list of texts, a month's name as a number of three digits. Six or eight digits in one are parted."""
    plain = f"strip_accents(lower({said}))"
    named = rf"regexp_extract({plain}, '\b({_BEGINNINGS})', 1)"
    months = (
        "MAP {"
        + ", ".join(f"'{beginning}': '{number:03}'" for beginning, number in _NUMBERS.items())
        + "}"
    )
    numbered = rf"CASE WHEN {named} <> '' THEN regexp_replace({plain}, '\b({_BEGINNINGS})[a-z]*', ' ' || {months}[{named}] || ' ') ELSE {said} END"
    # Of eight digits, 19 and 20 are no months.
    in_one = f"[if(length(d) = 8 AND d[5:6] <= '12', [d[1:4], d[5:6], d[7:8]], [d[1:2], d[3:4], d[5:8]]) FOR d IN [{_padded(said)}]][1]"
    return rf"""CASE WHEN regexp_full_match({said}, '\d{{6,8}}(\.0)?') THEN {in_one}
        WHEN regexp_matches({said}, '\pL') THEN regexp_extract_all({numbered}, '\d+')
        ELSE regexp_extract_all({said}, '\d+') END"""


def _padded(said: str) -> str:
    """SQL: digits in one, of which a number has lost the zero in front."""
    whole = f"replace({said}, '.0', '')"
    return f"CASE WHEN length({whole}) = 6 THEN {whole} ELSE lpad({whole}, 8, '0') END"


def digits(said: str, first: First) -> str:
    """SQL: eight digits, valid or not, of a trimmed text; null if it is no date. What is usual comes first, and without a list."""
    return rf"""CASE WHEN length({said}) = 10 AND {said}[5] = '-' AND {said}[8] = '-' THEN replace({said}, '-', '')
        WHEN length({said}) = 8 AND {said}[5:6] <= '12' AND regexp_full_match({said}, '\d{{8}}') THEN {said}
        WHEN regexp_matches({said}, '\d') THEN [{_ordered("n", first)} FOR n IN [{parts(said)}] IF len(n) >= 3][1] END"""


def _ordered(n: str, first: First) -> str:
    """SQL: the first three numbers of a list, put in order."""
    month_first = f"length({n}[1]) = 3" + (
        f" OR length({n}[2]) <> 3" if first == First.MONTH else ""
    )
    year_first = f"length({n}[1]) = 4" + (
        f" OR (length({n}[3]) <= 2 AND length({n}[1]) <> 3 AND length({n}[2]) <> 3)"
        if first == First.YEAR
        else ""
    )
    return f"""CASE WHEN {year_first} THEN {_written(f"{n}[1]", f"{n}[2]", f"{n}[3]")}
        WHEN {month_first} THEN {_written(f"{n}[3]", f"{n}[1]", f"{n}[2]")}
        ELSE {_written(f"{n}[3]", f"{n}[2]", f"{n}[1]")} END"""


def _written(year: str, month: str, day: str) -> str:
    whole = f"CASE WHEN length({year}) = 4 THEN {year} ELSE if(lpad({year}, 2, '0') < '{THIS_CENTURY}', '20', '19') || right(lpad({year}, 2, '0'), 2) END"
    return f"({whole}) || lpad(right({month}, 2), 2, '0') || lpad(right({day}, 2), 2, '0')"
