"""Prohibition lists of telephone numbers and of addresses, and the signals of browsers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import Ints, Text, either, iso_date, join, padded, pick
from pipelines.synthetic.cases import Case
from pipelines.synthetic.contact_points import phone_text
from pipelines.synthetic.formats import Format
from pipelines.synthetic.names import family_names, given_names
from pipelines.synthetic.people import CUSTOMER
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

SHARE = 0.01
"""Of the customers, in each list."""

PHONES = Format(
    "telephone-list",
    "prohibitions",
    "telephone_list",
    "direct_marketing",
    "telephone-list-{day}.csv",
    header="phone,listed_from,valid_to\n",
)
ADDRESSES = Format(
    "postal-list",
    "prohibitions",
    "postal_list",
    "direct_marketing",
    "postal-list-{day}.csv",
    header="given_names,family_name,street,postcode,town,listed_from,valid_to\n",
)
SIGNALS = Format(
    "web-signals", "prohibitions", "web_signals", "targeted_advertising", "signals-{day}.jsonl"
)
CASES = (
    Case("listed_phone_over", "telephone_list", 30, "valid_to is past"),
    Case("listed_phone_without_date", "telephone_list", 20, "listed_from is a word"),
    Case("listed_phone_broken", "telephone_list", 20, "no telephone number"),
    Case("listed_address_incomplete", "postal_list", 20, "no postcode"),
    Case("signal_cut_string", "web_signals", 20, "a TCF string that was cut off"),
    Case("signal_without_cookie", "web_signals", 20, "no visitor_id"),
)
_CUT = "CQF0FMAQF0FMAAAAAAAA"


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Write some of the customers into the lists; the browsers are nobody's."""
    return [
        *_listed(chunk, drawn, PHONES),
        *_listed(chunk, drawn, ADDRESSES),
        *_signals(chunk, drawn),
    ]


def _listed(chunk: Chunk, drawn: Drawn, form: Format) -> list[tuple[Format, Records]]:
    rng = chunk.rng(form.name)
    fit = np.flatnonzero(
        (drawn.people.kind == CUSTOMER) & (drawn.points.phone >= 0) & ~drawn.lives.protected
    )
    least = 6 if chunk.each_case else 0
    who = np.sort(rng.permutation(fit)[: max(int(len(fit) * SHARE), least)])
    if len(who) == 0:
        return []
    planting = _planted(chunk, rng, form, len(who))
    since = chunk.days.last_no - rng.integers(10, 900, len(who))
    over = planting.has("listed_phone_over")
    days = join(
        either(planting.has("listed_phone_without_date"), "eilen", iso_date(since)),
        ",",
        either(over, iso_date(since + 5), ""),
    )
    write = _phone if form is PHONES else _address
    day = np.zeros(len(who), np.int64)
    key = pa.nulls(len(who), pa.string())
    person = drawn.people.person[who]
    text = join(write(drawn, who, planting), ",", days)
    return [(form, Records(text, day, key, person, planting.case, since))]


def _planted(chunk: Chunk, rng: np.random.Generator, form: Format, count: int) -> Planting:
    planting = Planting(chunk, rng, count)
    planting.cases_of(form.dataset, CASES)
    return planting


def _phone(drawn: Drawn, who: Ints, planting: Planting) -> Text:
    phone = phone_text(drawn.points.phone[who], np.zeros(len(who), np.int64))
    return either(planting.has("listed_phone_broken"), "12", phone)


def _address(drawn: Drawn, who: Ints, planting: Planting) -> Text:
    return join(
        pick(given_names().text, drawn.people.given[who]),
        ",",
        pick(family_names().text, drawn.people.family[who]),
        ",Testikatu 1,",
        either(planting.has("listed_address_incomplete"), "", "00100"),
        ",Helsinki",
    )


def _signals(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    rng = chunk.rng("signals")
    count = max(chunk.people // 500, 8 if chunk.each_case else 0)
    if count == 0:
        return []
    planting = _planted(chunk, rng, SIGNALS, count)
    day = np.zeros(count, np.int64)
    about = chunk.days.day_no[day] - 1
    cookie = join("5a5a5a5a", padded(drawn.numbers("signals").take(count), 8))
    string = join('"tc_string":"', _CUT, '"')
    text = join(
        '{"at":"',
        iso_date(about),
        'T10:00:00Z",',
        either(planting.has("signal_without_cookie"), "", join('"visitor_id":"', cookie, '",')),
        either(planting.has("signal_cut_string"), string, '"gpc":true'),
        "}",
    )
    key = pa.nulls(count, pa.string())
    return [(SIGNALS, Records(text, day, key, np.full(count, NOBODY), planting.case, about))]


SAMPLE = Sample(formats=(PHONES, ADDRESSES, SIGNALS), draw=draw, cases=CASES)
