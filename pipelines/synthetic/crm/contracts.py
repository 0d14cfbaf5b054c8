"""The CRM's contracts: who has bought what on terms, since when and until when."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    choose,
    either,
    iso_date,
    iso_time,
    join,
    money,
    number,
    only,
    padded,
    pick,
    vocabulary,
)
from pipelines.synthetic.cases import NO_CASE, case_code
from pipelines.synthetic.crm.contacts import ContactKeys
from pipelines.synthetic.identity_codes import with_wrong_check
from pipelines.synthetic.lives import Lives
from pipelines.synthetic.people import CUSTOMER, YEAR, People
from pipelines.synthetic.planting import Chunk, Planting, Sequence
from pipelines.synthetic.records import Records, nullable

_PRODUCTS = vocabulary(
    [
        "Sähkö Tasainen",
        "Sähkö Pörssi",
        "Kotivakuutus",
        "Mobiili 5G",
        "Laajakaista 200M",
        "Lehti 1 € kokeilu",
        "Kuntosali",
        "Huoltosopimus",
    ]
)
_STATUS = vocabulary(["active", "ended", "cancelled", "dormant"])
_ACTIVE, _ENDED, _CANCELLED, _UNKNOWN = range(4)
_HOW_MANY = np.cumsum([0.18, 0.55, 0.19, 0.08])
_LONG_ENDED = (
    ("ended_over_10_years", 10.1, 13.0),
    ("ended_over_6_years", 6.1, 9.9),
    ("ended_over_3_years", 3.1, 5.9),
)
_DEFECTS = (
    "contract_number_missing",
    "contract_too_few_fields",
    "contract_unknown_status",
    "contract_code_checksum",
    "contract_end_before_start",
    "contract_unknown_contact",
    "contract_without_contact",
)
LONG_ENDED = tuple(case for case, _, _ in _LONG_ENDED)
NO_END = np.iinfo(np.int32).min


def updated_text(seconds: Ints, offset: Mask) -> Text:
    """ISO 8601, some in UTC with Z and some with Finland's winter offset."""
    return either(offset, iso_time(seconds + 7_200, ending="+02:00"), iso_time(seconds))


def contact_id_text(contact_keys: ContactKeys, who: Ints) -> Text:
    """The contact's Record ID; empty where the person has no contact."""
    return only(contact_keys.record_id[who] >= 0, number(contact_keys.record_id[who]))


def _terms(
    chunk: Chunk, rng: np.random.Generator, planting: Planting, day: Ints, later: Mask
) -> tuple[Ints, Ints, Ints]:
    """Return status, first and last day of contracts; no old ends with `later` data."""
    count, today = len(day), chunk.days.last_no - chunk.days.count
    draw = rng.random(count)
    status = np.where(draw < 0.74, _ACTIVE, np.where(draw < 0.93, _ENDED, _CANCELLED))
    start = today - rng.integers(30, int(8 * YEAR), count)
    ended_ago = np.minimum(rng.integers(1, int(2.9 * YEAR), count), today - start - 1)
    end = np.where(status == _ACTIVE, NO_END, today - np.maximum(ended_ago, 1))
    for case, least, most in _LONG_ENDED:
        rows = planting.rows(case, (day == 0) & ~later)
        status[rows] = _ENDED
        end[rows] = today - rng.integers(int(least * YEAR), int(most * YEAR), len(rows))
        start[rows] = end[rows] - rng.integers(200, 2_000, len(rows))
    fresh = day > 0
    status[fresh], start[fresh], end[fresh] = _ACTIVE, chunk.days.day_no[day[fresh]] - 1, NO_END
    return status, start, end


def draw_contracts(
    chunk: Chunk, people: People, lives: Lives, contact_keys: ContactKeys, numbers: Sequence
) -> Records | None:
    """The contracts of the chunk's customers; None where nobody has one."""
    rng = chunk.rng("contracts")
    customers = np.flatnonzero(people.kind == CUSTOMER)
    how_many = np.searchsorted(_HOW_MANY, rng.random(len(customers)) * _HOW_MANY[-1], side="right")
    corrected = pc.not_equal(people.code, lives.basic_code).to_numpy(zero_copy_only=False)
    who = rng.permutation(np.repeat(customers, np.maximum(how_many, corrected[customers])))
    if len(who) == 0:
        return None
    count, days = len(who), chunk.days
    day = days.bulk(rng, count, 0.9)
    planting = Planting(chunk, rng, count)
    planting.take("contract_old_code", np.flatnonzero(corrected[who]))
    for case in _DEFECTS:
        planting.rows(case)
    status, start, end = _terms(chunk, rng, planting, day, lives.changed_later[who])

    backwards = planting.has("contract_end_before_start")
    end = choose(backwards, start - 10, end)
    status = choose(
        backwards, _ENDED, choose(planting.has("contract_unknown_status"), _UNKNOWN, status)
    )
    code = people.code.take(pa.array(who))
    code = either(planting.has("contract_old_code"), lives.basic_code.take(pa.array(who)), code)
    code = either(planting.has("contract_code_checksum"), with_wrong_check(code), code)
    has_code = (
        (rng.random(count) < 0.4)
        | planting.has("contract_old_code")
        | planting.has("contract_code_checksum")
    )
    contact = only(~planting.has("contract_without_contact"), contact_id_text(contact_keys, who))
    contact = either(
        planting.has("contract_unknown_contact"), join("9", padded(people.person[who], 9)), contact
    )
    known_number = join("S", padded(numbers.take(count), 8))
    contract_number = either(planting.has("contract_number_missing"), "", known_number)
    product = pick(_PRODUCTS, rng.integers(0, len(_PRODUCTS), count))
    fee, offset = money(rng.integers(490, 9_990, count)), rng.random(count) < 0.4
    customer_number = contact_keys.customer_number.take(pa.array(who))

    def text(rows: Ints, state: Ints, last: Ints, updated: Ints) -> Text:
        arrow = pa.array(rows)
        head = join(
            contract_number.take(arrow),
            ",",
            contact.take(arrow),
            ",",
            customer_number.take(arrow),
            ",",
            only(has_code[rows], code.take(arrow)),
            ",",
            product.take(arrow),
        )
        ends = only(last != NO_END, iso_date(choose(last == NO_END, 0, last)))
        whole = join(
            head,
            ",",
            pick(_STATUS, state),
            ",",
            iso_date(start[rows]),
            ",",
            ends,
            ",",
            fee.take(arrow),
            ",EUR,",
            updated_text(updated, offset[rows]),
        )
        return either(planting.has("contract_too_few_fields")[rows], head, whole)

    today = days.day_no[day]
    touched = np.where(
        day > 0, today - 1, np.where(end == NO_END, start, np.minimum(end, today - 1))
    )
    updated = touched * 86_400 + rng.integers(0, 86_000, count)
    everything = np.arange(count)
    records = Records(
        text(everything, status, end, updated),
        day,
        nullable(contract_number),
        people.person[who],
        planting.case,
        updated // 86_400,
    )
    changing = rng.permutation(np.flatnonzero((status == _ACTIVE) & (day == 0) & planting.free))
    changing = changing[: chunk.wanted("contract_changed")]
    again = days.later(rng, len(changing))
    last = days.day_no[again] - 1
    state = np.where(rng.random(len(changing)) < 0.7, _ENDED, _CANCELLED)
    newer = Records(
        text(changing, state, last, last * 86_400 + 60_000 + changing % 20_000),
        again,
        nullable(contract_number.take(pa.array(changing))),
        people.person[who[changing]],
        np.full(len(changing), case_code("contract_changed"), np.int16),
        last,
    )
    twice = rng.permutation(np.flatnonzero(records.case == NO_CASE))
    twice = twice[: chunk.wanted("contract_exact_duplicate")]
    return Records.concat([records.with_duplicates(twice, "contract_exact_duplicate"), newer])
