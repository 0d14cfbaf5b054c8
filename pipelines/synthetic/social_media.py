"""Uses of social media by customers who have linked their account."""

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
from schemas.activities import SOCIAL_ACTIONS

SHARE = 0.02
USES = Format("uses", "social_media", "uses", "analytics", "social-media-{day}.jsonl")
_NETWORKS = vocabulary(["linkedin", "x", "instagram"])
_ACTIONS = vocabulary(SOCIAL_ACTIONS)


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Some customers mention the company, or link their profile."""
    rng, days = chunk.rng("social media"), chunk.days
    among = rng.permutation(np.flatnonzero(drawn.people.kind == CUSTOMER))
    who = among[: max(int(len(among) * SHARE), min(len(among), 6 if chunk.each_case else 1))]
    count = len(who)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    for case in SAMPLE.cases:
        planting.rows(case.name)
    day = rng.integers(0, days.count, count)
    old = planting.has("social_over_25_months")
    used = np.where(old, days.last_no - 780, days.day_no[day] - 1)
    numbers = drawn.numbers("uses").take(count)
    text = join(
        '{"use_id":"S',
        number(numbers),
        '","network":"',
        pick(_NETWORKS, rng.integers(0, 3, count)),
        '","handle":"',
        either(
            planting.has("social_account_unreadable"),
            "two words",
            join("@testi", number(drawn.people.person[who])),
        ),
        '","action":"',
        pick(_ACTIONS, rng.integers(0, len(SOCIAL_ACTIONS), count)),
        '","used_at":"',
        iso_time(used * 86_400 + rng.integers(25_000, 70_000, count)),
        '","link":"https://social.example.com/',
        number(numbers),
        '","customer_number":"',
        drawn.contact_keys.customer_number.take(pa.array(who)),
        '"}',
    )
    return [
        (
            USES,
            Records(
                text,
                day,
                pa.nulls(count, pa.string()),
                drawn.people.person[who],
                planting.case,
                used,
            ),
        )
    ]


SAMPLE = Sample(
    formats=(USES,),
    draw=draw,
    cases=(
        Case("social_over_25_months", "uses", 60, "a use of more than 25 months ago"),
        Case("social_account_unreadable", "uses", 20, "a handle of two words"),
    ),
)
