"""The CRM's orders: single purchases, some older than the years of the accounting law."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Text,
    either,
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
from pipelines.synthetic.crm.contracts import contact_id_text, updated_text
from pipelines.synthetic.people import CUSTOMER, YEAR, People
from pipelines.synthetic.planting import Chunk, Planting, Sequence
from pipelines.synthetic.records import Records, nullable

_STATUS = vocabulary(["delivered", "placed", "returned", "cancelled"])
_SHARES = np.cumsum([0.80, 0.12, 0.05, 0.03])
_DELIVERED, _PLACED, _RETURNED, _CANCELLED = range(4)
_NEXT = np.array([_RETURNED, _DELIVERED, _RETURNED, _CANCELLED])
_DEFECTS = (
    "order_number_missing",
    "order_too_many_fields",
    "order_absurd_amount",
    "order_decimal_comma",
    "order_without_contact",
)


def draw_orders(
    chunk: Chunk, people: People, contact_keys: ContactKeys, numbers: Sequence
) -> Records | None:
    """The orders of the chunk's customers; None where there are none."""
    rng, days = chunk.rng("orders"), chunk.days
    customers = np.flatnonzero(people.kind == CUSTOMER)
    who = rng.permutation(np.repeat(customers, rng.poisson(2.0, len(customers))))
    if len(who) == 0:
        return None
    count = len(who)
    day = days.bulk(rng, count, 0.7)
    planting = Planting(chunk, rng, count)
    age = np.minimum(rng.exponential(1.4 * YEAR, count), 5.4 * YEAR).astype(np.int64)
    for case, least, most in (
        ("order_over_10_years", 11.2, 14.0),
        ("order_over_6_years", 7.2, 10.0),
    ):
        rows = planting.rows(case, day == 0)
        age[rows] = rng.integers(int(least * YEAR), int(most * YEAR), len(rows))
    for case in _DEFECTS:
        planting.rows(case)

    day_no = np.where(day > 0, days.day_no[day] - 1, days.day_no[0] - 1 - age)
    ordered = day_no * 86_400 + rng.integers(0, 86_000, count)
    status = np.searchsorted(_SHARES, rng.random(count) * _SHARES[-1], side="right")
    status = np.where((status == _PLACED) & (age > 60) & (day == 0), _DELIVERED, status)
    amount = money(rng.integers(500, 90_000, count))
    amount = either(
        planting.has("order_decimal_comma"),
        join('"', pc.replace_substring(amount, ".", ","), '"'),
        amount,
    )
    amount = either(planting.has("order_absurd_amount"), "100000000.00", amount)
    known_number = join("T", padded(numbers.take(count), 9))
    order_number = either(planting.has("order_number_missing"), "", known_number)
    contact = only(~planting.has("order_without_contact"), contact_id_text(contact_keys, who))
    customer_number = contact_keys.customer_number.take(pa.array(who))
    when, items = updated_text(ordered, rng.random(count) < 0.4), number(rng.integers(1, 9, count))
    too_many = only(planting.has("order_too_many_fields"), ",extra")

    def text(rows: Ints, state: Ints) -> Text:
        arrow = pa.array(rows)
        return join(
            order_number.take(arrow),
            ",",
            contact.take(arrow),
            ",",
            customer_number.take(arrow),
            ",",
            when.take(arrow),
            ",",
            pick(_STATUS, state),
            ",",
            amount.take(arrow),
            ",EUR,",
            items.take(arrow),
            too_many.take(arrow),
        )

    records = Records(
        text(np.arange(count), status),
        day,
        nullable(order_number),
        people.person[who],
        planting.case,
        day_no,
    )
    open_orders = np.flatnonzero(
        planting.free & (day_no > days.day_no[0] - 90) & (status <= _PLACED)
    )
    changing = rng.permutation(open_orders)[: chunk.wanted("order_changed")]
    again = np.maximum(days.later(rng, len(changing)), day[changing])
    newer = Records(
        text(changing, _NEXT[status[changing]]),
        again,
        nullable(order_number.take(pa.array(changing))),
        people.person[who[changing]],
        np.full(len(changing), case_code("order_changed"), np.int16),
        days.day_no[again] - 1,
    )
    twice = rng.permutation(np.flatnonzero(records.case == NO_CASE))
    twice = twice[: chunk.wanted("order_exact_duplicate")]
    return Records.concat([records.with_duplicates(twice, "order_exact_duplicate"), newer])
