"""Participants of events: Eventbrite's export in both generations, and Lyyti's in CSV and JSON."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.synthetic.arrow_text import (
    Ints,
    Text,
    either,
    iso_date,
    iso_time,
    join,
    number,
    only,
    pick,
    vocabulary,
)
from pipelines.synthetic.cases import Case
from pipelines.synthetic.contact_points import phone_text
from pipelines.synthetic.formats import Format
from pipelines.synthetic.people import CUSTOMER, PROSPECT
from pipelines.synthetic.planting import Chunk, Planting
from pipelines.synthetic.population_register.groups import family_text, given_text
from pipelines.synthetic.records import NOBODY, Records
from pipelines.synthetic.samples import Drawn, Sample

# How many of those with a contact take part in an event of each service.
SHARE = 0.02
ATTENDEES, PARTICIPANTS = "eventbrite_attendees", "lyyti_participants"
_DIET, _CONSENT = "Erityisruokavalio", "Suostun erikoisruokavalioni tallentamiseen"
_SHARED = (
    "Order no.,Order Date,First Name,{family},Email,Quantity,Ticket Type,Order Type,"
    "Attendee Status,Event Name,Event Start Date,Event End Date"
)
EVENTBRITE = Format(
    "eventbrite",
    "events",
    ATTENDEES,
    "customer_care",
    "eventbrite-attendees-{day}.csv",
    header=f"\ufeff{_SHARED.format(family='Last Name')},{_DIET},{_CONSENT},"
    "Buyer First Name,Buyer Last Name,Buyer Email\n",
)
OLD_EVENTBRITE = Format(
    "eventbrite-old",
    "events",
    ATTENDEES,
    "customer_care",
    "attendee-summary-{day}.csv",
    header=_SHARED.format(family="Surname") + "\n",
)
LYYTI = Format(
    "lyyti",
    "events",
    PARTICIPANTS,
    "customer_care",
    "lyyti-{day}.csv",
    header="eid;participant_id;firstname;lastname;email;phone;language;status;participation type;"
    "event_name;event_start;event_end;notes\n",
)
LYYTI_API = Format(
    "lyyti-api",
    "events",
    "lyyti_api",
    "customer_care",
    "lyyti-{day}.json",
    separator=",\n",
    closing="]}\n",
    header='{"results":[\n',
)
_EVENTS = vocabulary(["Kevätseminaari", "Asiakasilta", "Höstmässan", "Avoimet ovet"])
_TICKETS = vocabulary(["Perus", "VIP", "Opiskelija"])
_DIETS = vocabulary(["kasvis", "gluteeniton", "laktoositon", "vegaani"])
_LYYTI_WORDS = vocabulary(["reactedyes", "show", "noshow", "reactedno"])
_EVENTBRITE_WORDS = vocabulary(["Attending", "Checked In"])
_CASES = (
    Case("event_over_24_months", ATTENDEES, 60, "an event that ended more than 24 months ago"),
    Case("event_diet_with_consent", ATTENDEES, 60, "a diet, with explicit consent"),
    Case("event_diet_without_consent", ATTENDEES, 60, "a diet without consent: not kept"),
    Case("event_two_places", ATTENDEES, 60, "quantity 2 under one name"),
    Case("event_name_not_given", ATTENDEES, 40, "Info Requested: the buyer alone is named"),
    Case("event_refunded", ATTENDEES, 40, "a refunded order"),
    Case("event_without_days", ATTENDEES, 40, "no day of the event"),
    Case("event_ends_before_start", ATTENDEES, 20, "the event ends before it starts"),
    Case("event_without_number", ATTENDEES, 20, "no order number"),
    Case("lyyti_invited", PARTICIPANTS, 60, "notreacted: invited, no answer"),
    Case("lyyti_status_unknown", PARTICIPANTS, 20, "a status that Lyyti does not have"),
    Case("lyyti_diet_answer", PARTICIPANTS, 40, "notes about health: not kept"),
)


def _who(chunk: Chunk, drawn: Drawn, rng: np.random.Generator) -> Ints:
    """Rows of some of the people with a contact in the CRM."""
    with_contact = np.isin(drawn.people.kind, [CUSTOMER, PROSPECT]) & (
        drawn.contact_keys.record_id >= 0
    )
    among = rng.permutation(np.flatnonzero(with_contact))
    return among[: max(int(len(among) * SHARE), min(len(among), 24 if chunk.each_case else 1))]


def _names(drawn: Drawn, who: Ints) -> tuple[Text, Text]:
    people = drawn.people
    return (
        given_text(people.given[who], np.full(len(who), -1)),
        family_text(people.family[who]),
    )


def _eventbrite(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    rng, days = chunk.rng("eventbrite"), chunk.days
    who = _who(chunk, drawn, rng)
    count = len(who)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    old = rng.random(count) < 0.3
    for case in _CASES[:9]:
        if case.dataset == ATTENDEES:
            new_only = case.name.startswith(("event_diet", "event_name"))
            planting.rows(case.name, ~old if new_only else None)
    has = planting.has
    day = rng.integers(0, days.count, count)
    ends = days.day_no[day] + rng.integers(-300, 60, count)
    ends = np.where(has("event_over_24_months"), days.last_no - 760, ends)
    ends = np.where(has("event_diet_with_consent"), days.last_no + 7, ends)
    ordered = np.minimum(ends - rng.integers(3, 40, count), days.day_no[day] - 1)
    starts = np.where(has("event_ends_before_start"), ends + 3, ends)
    given, family = _names(drawn, who)
    email = drawn.points.email.take(pa.array(who))
    unnamed = has("event_name_not_given")
    dated = ~has("event_without_days")
    shared = join(
        only(~has("event_without_number"), number(drawn.numbers("orders", 900_001).take(count))),
        ",",
        iso_time(ordered * 86_400 + rng.integers(25_000, 70_000, count), " ", "+02:00"),
        ",",
        either(unnamed, "Info Requested", given),
        ",",
        either(unnamed, "Info Requested", family),
        ",",
        email,
        ",",
        either(has("event_two_places"), "2", "1"),
        ",",
        pick(_TICKETS, rng.integers(0, 3, count)),
        ",",
        either(has("event_refunded"), "Refunded", "Free Order"),
        ",",
        pick(_EVENTBRITE_WORDS, rng.integers(0, 2, count)),
        ",",
        pick(_EVENTS, rng.integers(0, 4, count)),
        ",",
        only(dated, iso_date(starts)),
        ",",
        only(dated, iso_date(ends)),
    )
    asked = has("event_diet_with_consent", "event_diet_without_consent")
    new = join(
        shared,
        ",",
        only(asked, pick(_DIETS, rng.integers(0, 4, count))),
        ",",
        either(has("event_diet_with_consent"), "Kyllä", only(asked, "Ei")),
        ",",
        given,
        ",",
        family,
        ",",
        email,
    )
    records = Records(
        either(old, shared, new),
        day,
        pa.nulls(count, pa.string()),
        np.where(unnamed, NOBODY, drawn.people.person[who]),
        planting.case,
        ordered,
    )
    return [
        (form, records.take(np.flatnonzero(rows)))
        for form, rows in ((EVENTBRITE, ~old), (OLD_EVENTBRITE, old))
        if rows.any()
    ]


def _lyyti(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    rng, days = chunk.rng("lyyti"), chunk.days
    who = _who(chunk, drawn, rng)
    count = len(who)
    if count == 0:
        return []
    planting = Planting(chunk, rng, count)
    by_api = rng.random(count) < 0.4
    for case in _CASES[9:]:
        planting.rows(case.name, ~by_api)
    day = rng.integers(0, days.count, count)
    ends = days.day_no[day] + rng.integers(-300, 60, count)
    given, family = _names(drawn, who)
    status = pick(_LYYTI_WORDS, rng.integers(0, 4, count))
    status = either(planting.has("lyyti_invited"), "notreacted", status)
    status = either(planting.has("lyyti_status_unknown"), "perhaps", status)
    event = rng.integers(0, 4, count)
    fields = {
        "eid": number(event + 321),
        "participant_id": number(drawn.numbers("participants").take(count)),
        "firstname": given,
        "lastname": family,
        "email": drawn.points.email.take(pa.array(who)),
        "phone": phone_text(drawn.points.phone[who], rng.integers(0, 3, count)),
        "language": pick(vocabulary(["fi", "sv"]), rng.integers(0, 2, count)),
        "status": status,
        "participation type": pick(
            vocabulary(["Osallistuja", "Puhuja"]), rng.integers(0, 2, count)
        ),
        "event_name": pick(_EVENTS, event),
        "event_start": iso_date(ends),
        "event_end": iso_date(ends),
    }
    row = join(*(part for value in fields.values() for part in (value, ";")))
    row = join(row, only(planting.has("lyyti_diet_answer"), "allerginen pähkinöille"))
    element = join(
        *(part for name, value in fields.items() for part in (f',"{name}":"', value, '"')),
        ',"answers":{"Erityisruokavalio":"kasvis"}}',
    )
    opened = pa.compute.utf8_replace_slice(element, 0, 1, "{")
    records = Records(
        either(by_api, opened, row),
        day,
        pa.nulls(count, pa.string()),
        drawn.people.person[who],
        planting.case,
        np.minimum(days.day_no[day], ends),
    )
    return [
        (form, records.take(np.flatnonzero(rows)))
        for form, rows in ((LYYTI, ~by_api), (LYYTI_API, by_api))
        if rows.any()
    ]


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Some of the people with a contact take part in events."""
    return [*_eventbrite(chunk, drawn), *_lyyti(chunk, drawn)]


SAMPLE = Sample(formats=(EVENTBRITE, OLD_EVENTBRITE, LYYTI, LYYTI_API), draw=draw, cases=_CASES)
