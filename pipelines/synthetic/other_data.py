"""Other data that customers have consented to, and withdrawals of that consent."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import either, iso_time, join, number, pick, vocabulary
from pipelines.synthetic.cases import Case
from pipelines.synthetic.formats import Format
from pipelines.synthetic.people import CUSTOMER
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import Records
from pipelines.synthetic.samples import Drawn, Sample

SHARE = 0.02
DATASET = "other_data"
OTHER_DATA = Format("other-data", "self", DATASET, "customer_care", "other-data-{day}.jsonl")
_TOPICS = vocabulary(["harrastus", "kotitalouden koko", "yhteydenottoaika"])
_VALUES = vocabulary(["purjehdus", "neljä", "iltaisin"])


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Some customers say more about themselves, and a few take the consent back."""
    rng, days = chunk.rng("other data"), chunk.days
    among = rng.permutation(np.flatnonzero(drawn.people.kind == CUSTOMER))
    who = among[: max(int(len(among) * SHARE), min(len(among), 8 if chunk.each_case else 1))]
    count = len(who)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    withdrawn = planting.rows("other_data_withdrawn")
    planting.rows("other_data_without_text")
    numbers, topic = drawn.numbers("other data").take(count), rng.integers(0, 3, count)
    day = rng.integers(0, days.count, count)
    given = days.day_no[day] - 10

    def made(rows: np.ndarray, status: str, on: np.ndarray, delivered: np.ndarray) -> Records:
        arrow = pa.array(rows)
        text = join(
            '{"data_id":"D',
            number(numbers[rows]),
            '","given_at":"',
            iso_time(on * 86_400 + 40_000),
            '","subject_key_type":"customer_number","subject_key":"',
            drawn.contact_keys.customer_number.take(pa.array(who[rows])),
            '","topic":"',
            pick(_TOPICS, topic[rows]),
            '","value":"',
            pick(_VALUES, topic[rows]),
            f'","status":"{status}","text_version":"',
            either(planting.has("other_data_without_text")[rows], "", "2026-1"),
            '"}',
        )
        return Records(
            text,
            delivered,
            pa.nulls(len(arrow), pa.string()),
            drawn.people.person[who[rows]],
            planting.case[rows],
            on,
        )

    every = np.arange(count)
    parts = [made(every, "granted", given, day)]
    if len(withdrawn):
        parts.append(made(withdrawn, "withdrawn", given[withdrawn] + 5, days.next(day[withdrawn])))
    return [(OTHER_DATA, Records.concat(parts))]


SAMPLE = Sample(
    formats=(OTHER_DATA,),
    draw=draw,
    cases=(
        Case("other_data_withdrawn", DATASET, 60, "a consent, and its withdrawal"),
        Case("other_data_without_text", DATASET, 20, "no version of the text that was accepted"),
    ),
)
