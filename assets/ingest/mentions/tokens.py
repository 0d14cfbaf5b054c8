"""Cutting a plain text into what may be an address, an identity code or a phone, wherever it
stands.

What separates and ends a token is a rule of `schemas.token_rules`. Tokens may overlap: a number may
begin at each of its groups of digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from schemas.token_rules import DECIMALS, DOMAIN_ENDS, GAP, JOINTS, SEPARATORS, WIDE_GAP

_AT = re.compile(r" *@ *")
_LOCAL = re.compile(r"[^\s@,;:<>\"()\[\]\\|]{1,64}\Z")
_LABEL = re.compile(r"(?P<dot> ?[.,] ?)?(?P<label>[^\W_](?:[\w-]{0,62}[^\W_])?)")
_DOMAIN_ENDS = re.compile(DOMAIN_ENDS)
_LABELS = 8
_DIGITS = re.compile(r"[0-9]+")
_DECIMALS = re.compile(DECIMALS)
# A date without the zeros of day or month.
_SHORT_DATE = r"[0-9]{1,2}[./ -]{1,2}[0-9]{1,2}[./ -]{1,2}(?:[0-9]{2}){1,2}"
_DATE = re.compile(r"([0-9]{1,2})\D+([0-9]{1,2})\D+([0-9]+)")
# A word that may be glued to a number, such as `tel`; another single letter makes it an id.
_GLUED_BEFORE = re.compile(r"(?<![^\W_])(?:[^\W\d_]{2,}|[ptmgPTMG])\Z")
_GLUED_AFTER = re.compile(r"[^\W\d_]+(?![^\W_])")
# A phone with all its prefixes is not longer, and a part of a number not so long.
_LONGEST, _PART = 17, 6


class Address(NamedTuple):
    """An address from `begin` to `end` of a text; `local` may begin before it (see `spellings`)."""

    begin: int
    end: int
    local: str
    domain: str


class Code(NamedTuple):
    """The digits of an identity code without its check character: where they begin and end.

    `sign` is empty when there is none; `compact` when no other sign shows that it may be a date.
    """

    begin: int
    end: int
    digits: str
    sign: str
    compact: bool


class Number(NamedTuple):
    """Groups of digits that may be one phone; `glued`: a word stands directly beside them."""

    begin: int
    end: int
    digits: str
    glued: bool


def addresses(text: str) -> Iterator[Address]:
    """Yield what may be an address, with each domain that it may have."""
    for sign in _AT.finditer(text):
        local = _LOCAL.search(text[max(0, sign.start() - 64) : sign.start()])
        if not local:
            continue
        domain, place = "", sign.end()
        for number in range(_LABELS):
            label = _LABEL.match(text, place)
            if not label or bool(number) != bool(label["dot"]):
                break
            place = label.end()
            domain += "." * bool(number) + label["label"]
            # A word behind a dash may be an ending that belongs to the sentence.
            ends = {place, text.find("-", label.start("label"), place)} if number else set()
            for end in sorted(ends):
                if end > 0 and _DOMAIN_ENDS.match(text, end):
                    shorter = domain[: len(domain) - (place - end)]
                    yield Address(sign.start() - len(local[0]), end, local[0], shorter)


def codes(text: str, *, wide: bool = False) -> Iterator[Code]:
    """Yield what may be the digits of an identity code; a year has two or four of them."""
    for pattern in _code_patterns(WIDE_GAP if wide else GAP):
        for match in pattern.finditer(text):
            day, between, number = match.groups()
            signs = {sign.upper() for sign in between if sign.isalpha() or sign in "+-"}
            # A blank in a query is a plus sign, and a dash may stand beside a letter.
            signs -= {"+"} if len(signs) > 1 else set()
            signs -= {"-"} if len(signs) > 1 else set()
            if len(signs) < 2:
                sign = "".join(signs)
                digits = "".join(_DIGITS.findall(_padded(day) + number))
                compact = between.upper() == sign or day.replace(" ", "").isdigit()
                yield Code(match.start(), match.end(3), digits, sign, compact)


def _padded(day: str) -> str:
    """A date with day and month in two digits."""
    parts = _DATE.fullmatch(day)
    return f"{parts[1]:0>2}{parts[2]:0>2}{parts[3]}" if parts else day


@lru_cache
def _code_patterns(gap: str) -> list[re.Pattern[str]]:
    between = f"(?:[{SEPARATORS}A-Fa-fU-Yu-y]{{0,6}})"
    if gap == WIDE_GAP:
        between = r"(?:[^\w\x00]|[_A-Fa-fU-Yu-y]){0,6}"
    number = gap.join(["[0-9]"] * 3)
    days = [gap.join(["[0-9]"] * digits) for digits in (6, 8)]
    return [
        re.compile(f"(?<![0-9])(?=({day})({between})({number}))") for day in (*days, _SHORT_DATE)
    ]


def code_end(text: str, end: int, check: str, *, wide: bool = False) -> tuple[int, bool] | None:
    """Return the end of the code with its last digit at `end`, and whether it has the check
    character.

    None when more follows than a wrong one: it is another token.
    """
    behind = re.compile(WIDE_GAP if wide else GAP).match(text, end)
    at = behind.end() if behind else end
    after = text[at + 1 : at + 2]
    if text[at : at + 1].upper() == check and not (
        after.isdigit() or (at > end and after.isalpha())
    ):
        return at + 1, True
    if not text[end : end + 1].isalnum():
        return end, False
    return None if text[end + 1 : end + 2].isalnum() else (end + 1, False)


def phone_tokens(text: str, *, wide: bool = False) -> Iterator[Number]:
    """Yield groups of digits that may be one number.

    A number begins and ends where something separates it from the next, so that a decimal number or
    a date is not cut in pieces; `wide` takes it wherever no digit adjoins.
    """
    gap = WIDE_GAP if wide else GAP
    for run in _run(gap).finditer(text):
        groups = list(_DIGITS.finditer(text, *run.span()))
        for first, group in enumerate(groups):
            if first and not wide and not _separates(text, groups[first - 1], group, 0):
                continue
            digits = ""
            for last in range(first, len(groups)):
                digits += groups[last][0]
                if len(digits) > _LONGEST:
                    break
                begin, end = group.start(), groups[last].end()
                ended = last + 1 == len(groups) or _separates(
                    text, groups[last], groups[last + 1], 1
                )
                if len(digits) < _PART or not (ended or wide):
                    continue
                glued = _glued(text, begin, end)
                if glued is not None or wide:
                    while begin and text[begin - 1] in "+(":
                        begin -= 1
                    yield Number(begin, end, digits, bool(glued))


@lru_cache
def _run(gap: str) -> re.Pattern[str]:
    return re.compile(f"[0-9](?:{gap}[0-9])*")


def _separates(text: str, left: re.Match[str], right: re.Match[str], side: int) -> bool:
    """Whether two groups of digits are not of one number: a blank, or a joint before a long one."""
    between = text[left.end() : right.start()]
    return bool(between.strip(JOINTS)) or len((left, right)[side][0]) >= _PART


def _glued(text: str, begin: int, end: int) -> bool | None:
    """Whether a word adjoins a number; None when what adjoins makes it a part of something else."""
    before, after = text[max(0, begin - 24) : begin], text[end : end + 24]
    if _DECIMALS.match(after):
        return None
    glued = False
    if before[-1:].isalnum():
        if not _GLUED_BEFORE.search(before):
            return None
        glued = True
    if after[:1].isalnum():
        if not _GLUED_AFTER.match(after):
            return None
        glued = True
    return glued
