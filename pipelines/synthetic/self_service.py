"""Edits of one's own data: customers, signed in, change their telephone or language."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.synthetic import cases
from pipelines.synthetic.arrow_text import either, join, number, pick, vocabulary
from pipelines.synthetic.contact_points import SPELLINGS, phone_text
from pipelines.synthetic.crm.contracts import updated_text
from pipelines.synthetic.formats import Format
from pipelines.synthetic.people import CUSTOMER
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import Records
from pipelines.synthetic.samples import Drawn, Sample

# How many customers edit something in the days of the sample.
SHARE = 0.03
_LANGUAGES = vocabulary(["fi", "sv", "en"])
EDITS = Format("edits", "self", cases.EDITS, "customer_care", "edits-{day}.jsonl")


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return edits of the chunk's customers."""
    people, points, contact_keys = drawn.people, drawn.points, drawn.contact_keys
    numbers = drawn.numbers("edits")
    rng, days = chunk.rng("edits"), chunk.days
    customers = np.flatnonzero(people.kind == CUSTOMER)
    wanted = max(int(len(customers) * SHARE), min(len(customers), 2 if chunk.each_case else 0))
    who = rng.permutation(customers)[:wanted]
    if len(who) == 0:
        return []
    count = len(who)
    day = rng.integers(0, days.count, count)
    planting = Planting(chunk, rng, count)
    for case in ("edit_part_of_a_name", "edit_email_broken"):
        planting.rows(case)
    day_no = days.day_no[day] - 1
    edited = updated_text(day_no * 86_400 + rng.integers(0, 86_000, count), rng.random(count) < 0.5)
    phone = phone_text(points.phone[who], rng.integers(0, SPELLINGS, count))
    changes = either(
        (points.phone[who] >= 0) & (rng.random(count) < 0.7),
        join('{"phone":"', phone, '"}'),
        join('{"language":"', pick(_LANGUAGES, rng.integers(0, 3, count)), '"}'),
    )
    changes = either(planting.has("edit_part_of_a_name"), '{"family_name":"Muuttunut"}', changes)
    changes = either(planting.has("edit_email_broken"), '{"email":"puuttuu"}', changes)
    text = join(
        '{"edit_id":"E',
        number(numbers.take(count)),
        '","edited_at":"',
        edited,
        '","subject_key_type":"customer_number","subject_key":"',
        contact_keys.customer_number.take(pa.array(who)),
        '","changes":',
        changes,
        "}",
    )
    nobody = pa.nulls(count, pa.string())
    return [(EDITS, Records(text, day, nobody, people.person[who], planting.case, day_no))]


SAMPLE = Sample(formats=(EDITS,), draw=draw)
