"""UC's reports: XML about people in Sweden that no other source knows."""

from __future__ import annotations

import numpy as np

from pipelines.synthetic.arrow_text import Ints, either, join, number, only, padded
from pipelines.synthetic.cases import Case
from pipelines.synthetic.formats import Format
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

UC = Format(
    "uc",
    "credit_bureau",
    "uc_reports",
    "credit_decision",
    "uc-{day}.xml",
    encoding="iso-8859-1",
    header='<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    '<ucReply xmlns="http://www.uc.se/schemas/ucOrderReply/"><status result="ok" id="0"/>'
    '<ucReport><xmlReply><reports lang="swe">\n',
    closing="\n</reports></xmlReply></ucReport></ucReply>\n",
)
CASES = (
    Case("uc_without_purpose", "uc_reports", 20, "no purposeCode"),
    Case("uc_other_purpose", "uc_reports", 20, "requested for an employee"),
    Case("uc_number_checksum", "uc_reports", 20, "a number with a wrong check digit"),
    Case("uc_without_number", "uc_reports", 20, "no term W08001"),
)
# The tax agency issues no numbers from 980 to 999: they are for tests.
_FIRST = 980


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return some reports."""
    rng = chunk.rng("uc")
    count = max(chunk.people // 1_000, 8 if chunk.each_case else 0)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    for case in CASES:
        planting.rows(case.name)
    nth = drawn.numbers("uc").take(count)
    days = np.datetime64("1960-01-01").astype("datetime64[D]").astype(int) + nth % 9_000
    digits = _digits(days, _FIRST + nth % 20)
    check = (10 - _luhn(digits) % 10) % 10
    check = np.where(planting.has("uc_number_checksum"), (check + 1) % 10, check)
    ten = join(padded(digits, 9), number(check))
    without = planting.has("uc_without_number")
    text = join(
        '<report id="R',
        number(nth),
        '" name="Testperson, Åke" styp="K39"',
        only(
            ~planting.has("uc_without_purpose"),
            join(' purposeCode="', either(planting.has("uc_other_purpose"), "8", "1"), '"'),
        ),
        '><group id="W080" index="0" name="Person">',
        only(~without, join('<term id="W08001">', ten, "</term>")),
        '<term id="W08003">Testperson, Åke</term></group>'
        '<group id="W131" index="0"><term id="W13105">',
        either(rng.random(count) < 0.8, "J", "N"),
        "</term></group></report>",
    )
    day = np.zeros(count, np.int64)
    key = either(without, None, join("19", ten))
    about = chunk.days.day_no[day]
    return [(UC, Records(text, day, key, np.full(count, NOBODY), planting.case, about))]


def _digits(days: Ints, serial: Ints) -> Ints:
    """The first nine digits: year, month and day of birth, and the serial number."""
    dates = days.astype("datetime64[D]")
    years = dates.astype("datetime64[Y]").astype(int) + 1970
    months = dates.astype("datetime64[M]").astype(int) % 12 + 1
    of_month = (dates - dates.astype("datetime64[M]")).astype(int) + 1
    return np.asarray(((years % 100 * 100 + months) * 100 + of_month) * 1_000 + serial)


def _luhn(digits: Ints) -> Ints:
    """The sum of the nine digits, every second one doubled, the first one included."""
    total = np.zeros(len(digits), np.int64)
    for place in range(9):
        digit = digits // 10 ** (8 - place) % 10 * (2 if place % 2 == 0 else 1)
        total += digit // 10 + digit % 10
    return total


SAMPLE = Sample(formats=(UC,), draw=draw, cases=CASES)
