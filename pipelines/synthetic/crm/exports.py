"""Contacts of two more CRMs: Salesforce's export, and Pipedrive's of people."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import Ints, Text, either, iso_date, join, number, padded, pick
from pipelines.synthetic.cases import Case
from pipelines.synthetic.contact_points import phone_text
from pipelines.synthetic.formats import Format
from pipelines.synthetic.names import family_names, given_names
from pipelines.synthetic.people import CUSTOMER
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.records import Records
from pipelines.synthetic.samples import Drawn, Sample

SHARE = 0.01
"""Of the customers, in each of the two."""

SALESFORCE = Format(
    "salesforce",
    "crm",
    "salesforce_contacts",
    "customer_care",
    "salesforce-contacts-{day}.csv",
    header="Id,IsDeleted,MasterRecordId,FirstName,LastName,Email,MobilePhone,MailingStreet,"
    "MailingCity,HasOptedOutOfEmail,DoNotCall,HasOptedOutOfFax,CreatedDate\n",
)
PIPEDRIVE = Format(
    "pipedrive",
    "crm",
    "pipedrive_people",
    "customer_care",
    "pipedrive-people-{day}.csv",
    header="Person - ID,Person - Name,Person - Email - Work,Person - Email - Home,"
    "Person - Phone - Work,Person - Marketing status,Person - Person created\n",
)
CASES = (
    Case("salesforce_opted_out", "salesforce_contacts", 40, "HasOptedOutOfEmail and DoNotCall"),
    Case("salesforce_short_id", "salesforce_contacts", 30, "an id of 15 characters"),
    Case("salesforce_deleted", "salesforce_contacts", 30, "IsDeleted, with its MasterRecordId"),
    Case("salesforce_bad_date", "salesforce_contacts", 20, "CreatedDate on 30 February"),
    Case("salesforce_without_id", "salesforce_contacts", 20, "no Id"),
    Case("pipedrive_unsubscribed", "pipedrive_people", 40, "Marketing status Unsubscribed"),
    Case("pipedrive_two_addresses", "pipedrive_people", 30, "two addresses in one field"),
    Case("pipedrive_without_id", "pipedrive_people", 20, "no ID"),
)


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Give some of the customers a contact in each."""
    return [
        *_drawn(chunk, drawn, SALESFORCE, _salesforce),
        *_drawn(chunk, drawn, PIPEDRIVE, _pipedrive),
    ]


def _drawn(
    chunk: Chunk, drawn: Drawn, form: Format, write: Callable[..., tuple[Text, Text]]
) -> list[tuple[Format, Records]]:
    rng = chunk.rng(form.name)
    fit = np.flatnonzero((drawn.people.kind == CUSTOMER) & ~drawn.lives.protected)
    least = 12 if chunk.each_case else 0
    who = np.sort(rng.permutation(fit)[: max(int(len(fit) * SHARE), least)])
    if len(who) == 0:
        return []
    planting = Planting(chunk, rng, len(who))
    planting.cases_of(form.dataset, CASES)
    day = np.zeros(len(who), np.int64)
    made = chunk.days.day_no[day] - rng.integers(30, 900, len(who))
    numbers = drawn.numbers(form.name).take(len(who))
    text, key = write(drawn, who, planting, numbers, made)
    return [(form, Records(text, day, key, drawn.people.person[who], planting.case, made))]


def _salesforce(
    drawn: Drawn, who: Ints, planting: Planting, numbers: Ints, made: Ints
) -> tuple[Text, Text]:
    long = join("003000", padded(numbers, 9), "AAA")
    shown = either(planting.has("salesforce_short_id"), join("003000", padded(numbers, 9)), long)
    shown = either(planting.has("salesforce_without_id"), "", shown)
    deleted = planting.has("salesforce_deleted")
    refused = either(planting.has("salesforce_opted_out"), "true,true,true", "false,false,false")
    text = join(
        shown,
        either(deleted, ",true,", ",false,"),
        either(deleted, join("003000", padded(numbers + 500_000_000, 9), "AAA"), ""),
        ",",
        pick(given_names().text, drawn.people.given[who]),
        ",",
        pick(family_names().text, drawn.people.family[who]),
        ",",
        drawn.points.email.take(pa.array(who)),
        ",",
        phone_text(drawn.points.phone[who], np.ones(len(who), np.int64)),
        ',"Testikatu ',
        number(1 + numbers % 90),
        '\nA 1",Helsinki,',
        refused,
        ",",
        either(planting.has("salesforce_bad_date"), "2025-02-30", iso_date(made)),
        "T08:00:00.000Z",
    )
    return text, either(planting.has("salesforce_without_id"), None, long)


def _pipedrive(
    drawn: Drawn, who: Ints, planting: Planting, numbers: Ints, made: Ints
) -> tuple[Text, Text]:
    without = planting.has("pipedrive_without_id")
    email = drawn.points.email.take(pa.array(who))
    both = join('"', email, ", toinen.", email, '"')
    text = join(
        either(without, "", number(numbers)),
        ",",
        pick(given_names().text, drawn.people.given[who]),
        " ",
        pick(family_names().text, drawn.people.family[who]),
        ",",
        either(planting.has("pipedrive_two_addresses"), both, email),
        ",,",
        phone_text(drawn.points.phone[who], np.zeros(len(who), np.int64)),
        ",",
        either(planting.has("pipedrive_unsubscribed"), "Unsubscribed", "No consent"),
        ",",
        iso_date(made),
        " 09:30:00",
    )
    return text, either(without, None, join("pipedrive-", number(numbers)))


SAMPLE = Sample(formats=(SALESFORCE, PIPEDRIVE), draw=draw, cases=CASES)
