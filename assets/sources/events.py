"""Events: participants as Eventbrite exports them, and as Lyyti does, in CSV and JSON.

Source: docs/vendor-formats.md, "Events"; docs/deliveries.md. Only what is declared here reaches the
disk: answers to an organiser's own questions may tell of health or belief (GDPR 9), and who bought
a ticket for somebody else is not needed. A special diet is kept only where the record itself has an
explicit consent to it, and only in a table of its own. Who shares an address with a companion is
another person: each is known by the number of the participation. The day on which the event ends
starts the clocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from assets.sources.formats import Csv, Format, JsonArray
from assets.sources.source import Dataset, Frame, Source
from schemas.activities import Diets, Participations
from schemas.sources.events import ParticipantRecord
from schemas.staged import ContactPoints, Identifiers, Names, Persons

# What a payload calls a diet that was consented to, whatever the organiser's question.
_DIET, _CONSENT = "diet", "consent to keep the diet"
# How many days after its delivery an event may end.
_FURTHEST = 1826

# What a question's name holds that is about food, and about consent; without accents, in small
# letters.
_OF_DIET = r"diet|ruokavalio|ruoka-?aine|ruokarajoit|specialkost|kosthall|allerg|dining|\bfood\b"
_OF_CONSENT = "consent|suostu|samtyck|hyvaks|godkann|agree|permission"
_YES = (
    r"\s*(yes|kylla|ja|true|1|x|on|checked|(i )?(agree|consent)|suostun|hyvaksyn|"
    r"(jag )?(samtycker|godkanner))\b.*"
)
_PLAIN = "strip_accents(lower({0}))"


def _about(member: str) -> str:
    """SQL: whether a question is about food."""
    return f"regexp_matches({_PLAIN.format(f'{member}.key')}, '{_OF_DIET}')"


def _asks_consent(member: str) -> str:
    name = _PLAIN.format(f"{member}.key")
    return f"({_about(member)} AND regexp_matches({name}, '{_OF_CONSENT}'))"


def _consents(members: str) -> str:
    """SQL: the answers to questions of consent to keep a diet."""
    return f"""list_filter(list_transform(
        list_filter({members}, lambda member: {_asks_consent("member")}),
        lambda member: filled(member.value)), lambda answer: answer IS NOT NULL)"""


def _consented(members: str) -> str:
    """SQL: whether all answers to questions of consent are a yes, and there is one."""
    return f"""(len({_consents(members)}) > 0 AND len(list_filter({_consents(members)},
        lambda answer: NOT regexp_full_match({_PLAIN.format("answer")}, '{_YES}'))) = 0)"""


def _diets(members: str) -> str:
    """SQL: the answers to questions about food."""
    return f"""list_filter(list_transform(
        list_filter({members},
            lambda member: {_about("member")} AND NOT {_asks_consent("member")}),
        lambda member: filled(member.value)), lambda answer: answer IS NOT NULL)"""


def _kept(members: str, names: Iterable[str], unless: str = "false") -> str:
    """SQL: the payload with the members of these names, and a diet that was consented to.

    Args:
        unless: SQL: what else of `member` is left out.
    """
    listed = ", ".join(f"'{name}'" for name in names)
    declared = f"""list_filter({members},
        lambda member: member.key IN ({listed}) AND NOT coalesce({unless}, false))"""
    diet = f"""CASE WHEN {_consented(members)} AND len({_diets(members)}) > 0
        THEN [{{'key': '{_DIET}', 'value': array_to_string({_diets(members)}, '; ')}},
            {{'key': '{_CONSENT}', 'value': array_to_string({_consents(members)}, '; ')}}]
        ELSE [] END"""
    return f"""CASE WHEN len({declared}) = len(json_keys(payload)) THEN payload
        ELSE '{{' || array_to_string(list_transform(list_concat({declared}, {diet}), lambda member:
            to_json(member.key)::VARCHAR || ':'
                || coalesce(to_json(member.value)::VARCHAR, 'null')), ',') || '}}' END"""


# Eventbrite ---------------------------------------------------------------------------------------

_EVENTBRITE = (
    "Order no.", "Order Date", "First Name", "Last Name", "Email", "Cell Phone", "Quantity",
    "Ticket Type", "Order Type", "Attendee no.", "Attendee Status", "Event Name", "Event ID",
    "Event Start Date", "Event End Date",
)  # fmt: skip
_ALSO_CALLED = {
    "Order no.": ("Order #", "Order ID", "Order number"),
    "Last Name": ("Surname",),
    "Cell Phone": ("Mobile Phone",),
    "Ticket Type": ("Ticket type name",),
    "Attendee no.": ("Attendee #", "Attendee ID"),
    "Quantity": ("Ticket quantity",),
    "Email": ("Email Address",),
    "Event Start Date": ("Event Date", "Event start"),
    "Event End Date": ("Event end",),
}
_BUYER = ("Buyer First Name", "Buyer Last Name", "Buyer Surname", "Buyer Email")
# What stands for a name that the buyer has not given.
_UNKNOWN = "info requested"


def _named(*names: str) -> str:
    """SQL: the fields as one name, in small letters; null where none is filled."""
    parts = ", ".join(f"""filled(payload ->> '$."{name}"')""" for name in names)
    return f"filled(replace(lower(concat_ws(' ', {parts})), '{_UNKNOWN}', ''))"


_ATTENDEE = _named("First Name", "Last Name")
# The address in the row of somebody else's ticket is the buyer's.
_BUYERS_OWN = f"""(member.key = 'Email' AND lower(filled(member.value))
        = lower(filled(payload ->> '$."Buyer Email"'))
    AND coalesce({_ATTENDEE}
        <> {_named("Buyer First Name", "Buyer Last Name", "Buyer Surname")}, true))"""
_EVENTBRITE_NUMBER = f"""opaque_id(payload ->> '$."Order no."') || coalesce(
        '-' || opaque_id(payload ->> '$."Attendee no."'),
        '-' || left(md5({_ATTENDEE}), 8),
        '-' || left(md5(email_canonical(filled(payload ->> '$.Email'))), 8), '')"""
_EVENTBRITE_STATUS = """CASE
        WHEN regexp_matches(lower(concat_ws(' ', row."Order Type", row."Attendee Status")),
            'refund') THEN 'refunded'
        WHEN regexp_matches(lower(concat_ws(' ', row."Order Type", row."Attendee Status")),
            'cancel|deleted|transferred|not attending') THEN 'cancelled'
        WHEN regexp_matches(lower(row."Attendee Status"), 'check(ed)?[ -]?in') THEN 'attended'
        WHEN lower(coalesce(filled(row."Attendee Status"), 'attending'))
            IN ('attending', 'completed', 'unpaid') THEN 'registered' END"""

# Lyyti --------------------------------------------------------------------------------------------

_LYYTI = (
    "eid", "participant_id", "firstname", "lastname", "email", "phone", "language", "status",
    "participation type", "event_name", "event_start", "event_end", "reacted_at",
)  # fmt: skip
_LYYTI_ALSO = {
    "participation type": ("participation_type", "participationtype"),
    "event_name": ("event name",),
    "event_start": ("start_time", "event start"),
    "event_end": ("end_time", "event end"),
    "reacted_at": ("registration_time",),
}
_ANSWER = dict.fromkeys(("question", "name", "title", "answer", "value"), "VARCHAR")
_ANSWERED = """{'key': coalesce(part.question, part.name, part.title),
    'value': coalesce(part.answer, part.value)}"""
# The organiser's questions, and what was answered: by question, or a list of both.
_ANSWERS = f"""CASE json_type(payload, '$.answers')
    WHEN 'OBJECT' THEN list_transform(members(payload -> '$.answers'), lambda member:
        CASE WHEN left(ltrim(member.value), 1) = '{{' AND json_valid(member.value)
            THEN list_transform([from_json(member.value, '{json.dumps(_ANSWER)}')],
                lambda part: {_ANSWERED})[1]
            ELSE member END)
    WHEN 'ARRAY' THEN list_transform(
        from_json(payload -> '$.answers', '{json.dumps([_ANSWER])}'), lambda part: {_ANSWERED})
    ELSE [] END"""
_STATUSES = {
    "notreacted": "invited",
    "reactedyes": "registered",
    "reactedno": "declined",
    "show": "attended",
    "noshow": "absent",
    "cancelled": "cancelled",
}
_LYYTI_STATUS = f"""CASE regexp_replace(lower(filled(row.status)), '[^a-z]', '', 'g')
    {" ".join(f"WHEN '{word}' THEN '{status}'" for word, status in _STATUSES.items())} END"""
_LYYTI_NUMBER = "opaque_id(payload ->> '$.eid') || '-' || opaque_id(payload ->> '$.participant_id')"

# Both ---------------------------------------------------------------------------------------------


def _identify(service: str, number: str, email: str, phone: str) -> str:
    return f"""
    WITH read AS (
        SELECT record_no, '{service}:' || {number} AS number,
            email_canonical(filled(payload ->> '$."{email}"')) AS email,
            phone_canonical(filled(payload ->> '$."{phone}"')) AS phone FROM raw_records)
    SELECT record_no, number AS native_key, list_filter([identifier('contact_id', number),
        identifier('email', email), identifier('phone', phone)],
        lambda identifier: identifier IS NOT NULL) AS identifiers
    FROM read"""


def _prepare(fields: tuple[str, ...], service: str, number: str, **columns: str) -> str:
    """SQL: the table `participants`, from the columns that a service gives."""
    shape = json.dumps(dict.fromkeys((*fields, _DIET, _CONSENT), "VARCHAR"))
    selected = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"""CREATE OR REPLACE TEMP TABLE participants AS
    SELECT *, CASE WHEN coalesce(given_names, family_name, email, phone) IS NOT NULL
            THEN person_key('contact_id', participation) END AS person_key,
        coalesce(ends_on, starts_on, local_day(registered_at), local_day(stated_at))
            AS event_ends_on
    FROM (
        SELECT record_no, record_key, delivered_at AS stated_at,
            '{service}:' || {number} AS participation, {selected},
            filled(row."{_DIET}") AS diet, filled(row."{_CONSENT}") AS consent
        FROM (SELECT *, from_json(payload, '{shape}') AS row FROM records))"""


def _name(field: str) -> str:
    return f"""CASE WHEN lower(filled(row."{field}")) <> '{_UNKNOWN}'
        THEN filled(row."{field}") END"""


_C = "record_no, record_key, person_key, stated_at"

_VENDOR = f"""
    SELECT record_no, participation, status IS NOT NULL AS status_known,
        (starts_text IS NULL OR starts_on IS NOT NULL)
            AND (ends_text IS NULL OR ends_on IS NOT NULL)
            AND coalesce(starts_on <= ends_on, true)
            AND coalesce(greatest(starts_on, ends_on)
                <= local_day(stated_at) + {_FURTHEST}, true) AS dates_readable,
        seats_text IS NULL OR coalesce(seats BETWEEN 1 AND 1000, false) AS seats_readable
    FROM participants"""

_PARTICIPATIONS = f"""
    SELECT {_C}, 0 AS position, participation, event, event_ends_on,
        coalesce(starts_on, ends_on) AS event_starts_on, registered_at, status, ticket,
        coalesce(seats, 1) AS seats
    FROM participants WHERE participation IS NOT NULL AND status IS NOT NULL"""

_DIETS = f"""
    SELECT {_C}, 1 AS position, diet, consent, participation, event_ends_on
    FROM participants
    WHERE diet IS NOT NULL AND participation IS NOT NULL AND person_key IS NOT NULL"""

_IDENTIFIERS = f"""
    SELECT {_C}, 2 AS position, 'contact_id' AS type, participation AS value,
        NULL::VARCHAR AS replaced_by
    FROM participants WHERE person_key IS NOT NULL"""

_NAMES = f"""
    SELECT {_C}, 3 AS position, 'official' AS kind, 'state' AS op, given_names, family_name,
        NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM participants
    WHERE person_key IS NOT NULL AND coalesce(given_names, family_name) IS NOT NULL"""

_POINTS = f"""
    SELECT {_C}, 4 AS position, 'email' AS kind, 'state' AS op, email_shown(email) AS value,
        email_canonical(email) AS match_key, NULL::DATE AS valid_from, NULL::DATE AS valid_to
    FROM participants WHERE person_key IS NOT NULL AND email IS NOT NULL
    UNION ALL
    SELECT {_C}, 5, 'phone', 'state', phone_canonical(phone), phone_canonical(phone), NULL, NULL
    FROM participants WHERE person_key IS NOT NULL AND phone IS NOT NULL"""

_PERSONS = f"""
    SELECT {_C}, 6 AS position, NULL::DATE AS birth_date, NULL::VARCHAR AS birth_date_precision,
        lower(language) AS language, NULL::VARCHAR AS native_language, NULL::BOOLEAN AS deceased,
        NULL::DATE AS death_date, NULL::BOOLEAN AS protected, NULL::DATE AS protected_until,
        NULL::DATE AS last_contact_on
    FROM participants
    WHERE person_key IS NOT NULL AND regexp_full_match(language, '[A-Za-z]{{2}}')"""


def _dataset(
    name: str,
    declared: Format,
    fields: tuple[str, ...],
    signed_up: str,
    minimise: str,
    identify: str,
    prepare: str,
) -> Dataset:
    return Dataset(
        name=name,
        format=declared,
        minimise=minimise,
        given=f"""stated_day(payload ->> '$."{signed_up}"')""",
        identify=identify,
        prepare=(prepare,),
        disclosable=dict.fromkeys((*fields, _DIET, _CONSENT), "VARCHAR"),
        vendor=ParticipantRecord,
        vendor_query=_VENDOR,
        frames=(
            Frame(
                Participations,
                _PARTICIPATIONS,
                flags={"EVENT-END-UNSTATED": "event_starts_on IS NULL"},
            ),
            Frame(Diets, _DIETS),
            Frame(Identifiers, _IDENTIFIERS),
            Frame(Names, _NAMES, essential=False),
            Frame(ContactPoints, _POINTS, essential=False),
            Frame(Persons, _PERSONS, essential=False),
        ),
    )


_EVENTBRITE_PREPARE = _prepare(
    _EVENTBRITE,
    "eventbrite",
    _EVENTBRITE_NUMBER,
    given_names=_name("First Name"),
    family_name=_name("Last Name"),
    email="filled(row.Email)",
    phone='filled(row."Cell Phone")',
    language="NULL::VARCHAR",
    event='coalesce(filled(row."Event Name"), filled(row."Event ID"))',
    starts_text='filled(row."Event Start Date")',
    starts_on='stated_day(row."Event Start Date")',
    ends_text='filled(row."Event End Date")',
    ends_on='stated_day(row."Event End Date")',
    registered_at='stated_moment(row."Order Date", delivered_at)',
    status=_EVENTBRITE_STATUS,
    ticket='filled(row."Ticket Type")',
    seats_text="filled(row.Quantity)",
    seats="whole_number(row.Quantity)",
)
_LYYTI_PREPARE = _prepare(
    _LYYTI,
    "lyyti",
    _LYYTI_NUMBER,
    given_names="stated_text(row.firstname)",
    family_name="stated_text(row.lastname)",
    email="stated_text(row.email)",
    phone="stated_text(row.phone)",
    language="stated_text(row.language)",
    event="coalesce(stated_text(row.event_name), stated_text(row.eid))",
    starts_text="filled(row.event_start)",
    starts_on="stated_day(row.event_start)",
    ends_text="filled(row.event_end)",
    ends_on="stated_day(row.event_end)",
    registered_at="stated_moment(row.reacted_at, delivered_at)",
    status=_LYYTI_STATUS,
    ticket='stated_text(row."participation type")',
    seats_text="NULL::VARCHAR",
    seats="NULL::BIGINT",
)
_LYYTI_IDENTIFY = _identify("lyyti", _LYYTI_NUMBER, "email", "phone")
_LYYTI_MINIMISED = _kept(
    f"""list_concat(
        list_filter(members(payload), lambda member: member.key <> 'answers'), {_ANSWERS})""",
    _LYYTI,
)

SOURCE = Source(
    name="events",
    description="Participants of events (Eventbrite, Lyyti)",
    about={
        "eventbrite_attendees": "Eventbrite's attendee export, CSV: one attendee",
        "lyyti_participants": "Lyyti's export, CSV with semicolons: one participant",
        "lyyti_api": 'JSON `{"results": [...]}` of Lyyti\'s API: one participant',
    },
    datasets=(
        _dataset(
            "eventbrite_attendees",
            Csv((*_EVENTBRITE, *_BUYER), also_called=_ALSO_CALLED),
            _EVENTBRITE,
            "Order Date",
            _kept("members(payload)", _EVENTBRITE, _BUYERS_OWN),
            _identify("eventbrite", _EVENTBRITE_NUMBER, "Email", "Cell Phone"),
            _EVENTBRITE_PREPARE,
        ),
        _dataset(
            "lyyti_participants",
            Csv(_LYYTI, delimiter=";", also_called=_LYYTI_ALSO),
            _LYYTI,
            "reacted_at",
            _LYYTI_MINIMISED,
            _LYYTI_IDENTIFY,
            _LYYTI_PREPARE,
        ),
        _dataset(
            "lyyti_api",
            JsonArray(("results",)),
            _LYYTI,
            "reacted_at",
            _LYYTI_MINIMISED,
            _LYYTI_IDENTIFY,
            _LYYTI_PREPARE,
        ),
    ),
)
