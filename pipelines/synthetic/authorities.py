"""Companies of the business register."""

from __future__ import annotations

import numpy as np

from pipelines.synthetic.arrow_text import either, join, pick, vocabulary
from pipelines.synthetic.cases import Case
from pipelines.synthetic.credit_bureau import business_ids
from pipelines.synthetic.formats import Format
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

COMPANIES = Format(
    "companies",
    "authorities",
    "companies",
    "customer_care",
    "prh-companies-{day}.json",
    separator=",\n",
    closing="]\n",
    header="[",
)
CASES = (
    Case("company_without_id", "companies", 20, "businessId.value is null"),
    Case("company_ceased", "companies", 40, "endDate"),
    Case("company_bankrupt", "companies", 30, "companySituations KONK"),
    Case("company_type_as_number", "companies", 30, "the type of a name is a number"),
    Case("company_sole_trader", "companies", 20, "a sole trader"),
    Case("company_without_name", "companies", 20, "names is empty"),
)
# Those that contacts of the CRM name come first.
_NAMES = vocabulary(
    [
        "Esimerkki Oy",
        "Malli Ab",
        "Näyte ja Pojat Ky",
        "Testi Group Oyj",
        "Exempel Handels Ab",
        "Koe Consulting Oy",
        "Sample Nordic Ltd",
        "Toinen Näyte Oy",
        "Tredje Exempel Ab",
    ]
)


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return a company for every two hundredth person, or some at least."""
    rng = chunk.rng("companies")
    count = max(chunk.people // 200, 20 if chunk.each_case else 0)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    for case in CASES:
        planting.rows(case.name)
    nth = drawn.numbers("companies").take(count)
    number = business_ids(300_000 + nth)
    name = pick(_NAMES, np.minimum(nth - 1, len(_NAMES) - 1))
    name = either(nth > len(_NAMES), join(name, " ", number), name)
    without_id = planting.has("company_without_id")
    kind = either(planting.has("company_type_as_number"), "1", '"1"')
    names = join('[{"name":"', name, '","type":', kind, ',"registrationDate":"2001-02-03"}]')
    text = join(
        '{"businessId":{"value":',
        either(without_id, "null", join('"', number, '"')),
        ',"registrationDate":"2001-02-03"},"names":',
        either(planting.has("company_without_name"), "[]", names),
        ',"companyForms":[{"type":',
        either(planting.has("company_sole_trader"), '"26"', '"16"'),
        '}],"companySituations":',
        either(planting.has("company_bankrupt"), '[{"type":"KONK"}]', "[]"),
        ',"addresses":[{"type":2,"street":"Testikatu","buildingNumber":"1","postCode":"00100",'
        '"postOffices":[{"city":"HELSINKI","languageCode":"1"}]}],"endDate":',
        either(planting.has("company_ceased"), '"2024-05-06"', "null"),
        "}",
    )
    day = np.zeros(count, np.int64)
    return [
        (
            COMPANIES,
            Records(
                text,
                day,
                either(without_id, None, number),
                np.full(count, NOBODY),
                planting.case,
                chunk.days.day_no[day],
            ),
        )
    ]


SAMPLE = Sample(formats=(COMPANIES,), draw=draw, cases=CASES)
