"""The website in two more logs: Snowplow's events, and the lines of a web server."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from assets.sources.website.snowplow import FIELDS
from pipelines.synthetic.arrow_text import Ints, Text, either, iso_date, join, number, padded
from pipelines.synthetic.cases import Case
from pipelines.synthetic.formats import Format
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

EVENTS = Format("snowplow", "website", "snowplow_events", "analytics", "enriched-{day}.tsv")
REQUESTS = Format("access-log", "website", "access_log", "analytics", "access-{day}.log")
CASES = (
    Case("event_130_values", "snowplow_events", 20, "130 values"),
    Case("event_without_id", "snowplow_events", 20, "no event_id"),
    Case("event_without_time", "snowplow_events", 20, "no collector_tstamp"),
    Case("event_clicked", "snowplow_events", 40, "a click on an advertisement"),
    Case("request_of_a_program", "access_log", 40, "a bot"),
    Case("request_of_an_image", "access_log", 40, "a part of a page"),
    Case("request_within", "access_log", 40, "a page opened from the site"),
    Case("request_broken", "access_log", 20, "half a line"),
)
_CLICK = (
    '{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",'
    '"data":{"schema":"iglu:com.snowplowanalytics.snowplow/ad_click/jsonschema/1-0-0","data":{"bannerId":"b1",'
    '"campaignId":"kesa","targetUrl":"https://www.example.fi/"}}}'
)
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return a few events and requests, of browsers that nobody knows."""
    count = max(chunk.people // 200, 12 if chunk.each_case else 0)
    if count == 0:
        return []
    numbers = drawn.numbers("other logs").take(count)
    return [
        _records(chunk, form, numbers, write)
        for form, write in ((EVENTS, _events), (REQUESTS, _requests))
    ]


def _records(
    chunk: Chunk,
    form: Format,
    numbers: Ints,
    write: Callable[[Planting, Ints, Ints], tuple[Text, Text]],
) -> tuple[Format, Records]:
    planting = Planting(chunk, chunk.rng(form.name), len(numbers))
    planting.cases_of(form.dataset, CASES)
    day = np.zeros(len(numbers), np.int64)
    about = chunk.days.day_no[day] - 1
    text, key = write(planting, numbers, about)
    return form, Records(text, day, key, np.full(len(numbers), NOBODY), planting.case, about)


def _events(planting: Planting, numbers: Ints, about: Ints) -> tuple[Text, Text]:
    without_id = planting.has("event_without_id")
    event_id = join("5e5e5e5e-0000-4000-8000-", padded(numbers, 12))
    at = join(iso_date(about), " 10:00:", padded(numbers % 60, 2), ".125")
    clicked = planting.has("event_clicked")
    values: dict[str, Text | str] = {
        "app_id": "site",
        "platform": "web",
        "collector_tstamp": either(planting.has("event_without_time"), "", at),
        "event": either(clicked, "unstruct", "page_view"),
        "event_id": either(without_id, "", event_id),
        "user_ipaddress": "198.51.100.7",
        "domain_userid": join("5e5e", padded(numbers // 2, 12)),
        "domain_sessionid": join("session-", number(numbers // 2)),
        "geo_city": "Espoo",
        "page_url": "https://www.example.fi/tuotteet",
        "unstruct_event": either(clicked, _CLICK, ""),
        "br_family": "Firefox",
        "dvce_type": "Computer",
        "event_name": either(clicked, "ad_click", "page_view"),
    }
    parts: list[Text | str] = []
    for name in FIELDS:
        parts += [values.get(name, ""), "\t"]
    whole = join(*parts[:-1])
    short = join(*parts[:-3], "")
    return (
        either(planting.has("event_130_values"), short, whole),
        either(without_id, None, event_id),
    )


def _requests(planting: Planting, numbers: Ints, about: Ints) -> tuple[Text, Text]:
    dates = about.astype("datetime64[D]").astype(object)
    when = pa.array([f"{date:%d/%b/%Y}:10:00:00 +0200" for date in dates])
    path = either(planting.has("request_of_an_image"), "/logo.png", "/tuotteet?x=1")
    referrer = either(planting.has("request_within"), "https://www.example.fi/", "-")
    agent = either(planting.has("request_of_a_program"), "ExampleBot/1.0", _BROWSER)
    line = join(
        "www.example.fi 198.51.100.", number(numbers % 250), " - - [", when, '] "GET ', path,
        ' HTTP/2.0" 200 ', number(500 + numbers), ' "', referrer, '" "', agent, '"',
    )  # fmt: skip
    text = either(planting.has("request_broken"), "www.example.fi 198.51", line)
    return text, pa.nulls(len(numbers), pa.string())


SAMPLE = Sample(formats=(EVENTS, REQUESTS), draw=draw, cases=CASES)
