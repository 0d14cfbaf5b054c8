"""Answers and callbacks of a provider of contact information, and Posti's files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import Ints, either, iso_date, join, number, only, pick
from pipelines.synthetic.cases import NO_CASE, Case, case_code
from pipelines.synthetic.contact_points import phone_text
from pipelines.synthetic.formats import Format
from pipelines.synthetic.names import family_names, given_names
from pipelines.synthetic.people import CUSTOMER
from pipelines.synthetic.places import places
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

SHARE = 0.02
"""Of the customers, that the provider is asked about."""

CONSUMERS = Format(
    "consumers", "contact_provider", "consumers", "customer_care", "consumers-{day}.jsonl"
)
CALLBACKS = Format(
    "callbacks", "contact_provider", "callbacks", "customer_care", "callbacks-{day}.jsonl"
)
POSTCODES = Format(
    "postcodes",
    "contact_provider",
    "postcodes",
    "customer_care",
    "PCF_{day}.dat",
    encoding="iso-8859-1",
)
CASES = (
    Case("consumer_restricted", "consumers", 60, "directMarketingRestriction is true"),
    Case("consumer_year_only", "consumers", 30, "yearOfBirth, no dateOfBirth"),
    Case("consumer_unknown", "consumers", 20, "gedi UNKNOWN and no legalId"),
    Case("consumer_bad_date", "consumers", 20, "dateOfBirth 31.2.1980"),
    Case("callback_deleted", "callbacks", 20, "the provider deletes the person"),
    Case("postcode_other_record", "postcodes", 0, "a line that is not of the file's kind"),
)


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Ask about some of the customers; one chunk has the postcodes."""
    posti = [(POSTCODES, _postcodes(chunk))] if chunk.number == 0 else []
    return [*_answers(chunk, drawn, CONSUMERS), *_answers(chunk, drawn, CALLBACKS), *posti]


def _answers(chunk: Chunk, drawn: Drawn, form: Format) -> list[tuple[Format, Records]]:
    rng, people = chunk.rng(form.name), drawn.people
    fit = np.flatnonzero((people.kind == CUSTOMER) & ~drawn.lives.protected & ~drawn.lives.deceased)
    least = 8 if chunk.each_case else 0
    who = np.sort(rng.permutation(fit)[: max(int(len(fit) * SHARE), least)])
    if len(who) == 0:
        return []
    planting = Planting(chunk, rng, len(who))
    planting.cases_of(form.dataset, CASES)
    day = np.zeros(len(who), np.int64)
    unknown = planting.has("consumer_unknown")
    code = people.code.take(pa.array(who))
    born = iso_date(people.birth[who])
    birth = either(
        planting.has("consumer_year_only"),
        join('"yearOfBirth":', pc.utf8_slice_codeunits(born, 0, 4)),
        join('"dateOfBirth":"', born, '"'),
    )
    birth = either(planting.has("consumer_bad_date"), '"dateOfBirth":"31.2.1980"', birth)
    phone = phone_text(drawn.points.phone[who], np.zeros(len(who), np.int64))
    person = join(
        '{"gedi":"',
        either(unknown, "UNKNOWN", join("FI", number(people.person[who]))),
        '",',
        only(~unknown, join('"legalId":"', code, '",')),
        '"firstNames":["',
        pick(given_names().text, people.given[who]),
        '"],"familyName":"',
        pick(family_names().text, people.family[who]),
        '",',
        birth,
        ',"deceased":false,"directMarketingRestriction":',
        either(planting.has("consumer_restricted"), "true", "false"),
        ',"phoneList":[',
        only(drawn.points.phone[who] >= 0, join('{"number":"', phone, '"}')),
        '],"addressList":[]}',
    )
    text = person if form is CONSUMERS else _callback(drawn, who, planting, person)
    key = either(unknown, None, code)
    about = chunk.days.day_no[day]
    return [(form, Records(text, day, key, people.person[who], planting.case, about))]


def _callback(drawn: Drawn, who: Ints, planting: Planting, person: pa.Array) -> pa.Array:
    return join(
        '{"customerNumber":"',
        drawn.contact_keys.customer_number.take(pa.array(who)),
        '","event":"',
        either(planting.has("callback_deleted"), "deleted", "updated"),
        '","person":',
        person,
        "}",
    )


def _postcodes(chunk: Chunk) -> Records:
    """Posti's file: every postcode of the sample, and a line of another kind."""
    codes = sorted(set(places().postcode.to_pylist()))
    lines = [_line("PONOT", code) for code in codes]
    if chunk.each_case:
        lines.append(_line("PONUT", "00100"))
    count = len(lines)
    case = np.full(count, NO_CASE, np.int16)
    if chunk.each_case:
        case[-1] = case_code("postcode_other_record")
    day = np.zeros(count, np.int64)
    return Records(
        pa.array(lines),
        day,
        pa.array([*codes, "00100"][:count]),
        np.full(count, NOBODY),
        case,
        chunk.days.day_no[day],
    )


def _line(kind: str, postcode: str) -> str:
    """A line of 220 characters."""
    head = f"{kind}20260101{postcode}{'POSTITOIMIPAIKKA':30}{'POSTANSTALT':30}{'PTP':12}{'PA':12}"
    rest = f"199901011FI1B1{'Uusimaa':30}{'Nyland':30}091{'Helsinki':20}{'Helsingfors':20}3"
    return head + rest


SAMPLE = Sample(formats=(CONSUMERS, CALLBACKS, POSTCODES), draw=draw, cases=CASES)
