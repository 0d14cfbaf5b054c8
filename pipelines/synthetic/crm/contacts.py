"""The CRM's contacts in HubSpot's export, as typed by people, twice for some of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    csv_field,
    either,
    empty,
    iso_date,
    iso_time,
    join,
    number,
    only,
    padded,
    pick,
    us_time,
    vocabulary,
)
from pipelines.synthetic.cases import NO_CASE, case_code
from pipelines.synthetic.contact_points import SPELLINGS, ContactPoints, phone_text, scrambled
from pipelines.synthetic.formats import CONTACT_COLUMNS, LATER_CONTACT_COLUMNS
from pipelines.synthetic.lives import Lives
from pipelines.synthetic.names import LANGUAGES, TYPING_ERRORS, family_names, given_names
from pipelines.synthetic.people import CUSTOMER, PROSPECT, People
from pipelines.synthetic.places import draw_addresses
from pipelines.synthetic.planting import Chunk, Planting, Sequence, in_case
from pipelines.synthetic.records import Records, nullable

_OF_ONE_CONTACT = (
    "contact_impossible_date",
    "record_id_missing",
    "too_few_fields",
    "too_many_fields",
    "replacement_character",
    "email_broken",
    "line_break_in_address",
    "quotes_and_commas",
    "transposed_names",
    "initial_only",
    "middle_initial",
    "nickname",
    "capitals",
    "several_companies",
    "typing_error",
    "name_missing",
    "global_bounce",
    "email_missing",
    "unsubscribed",
    "phone_missing",
)
_DUPLICATES = (
    "duplicate_typing_error",
    "duplicate_email_alias",
    "duplicate_email_capitals",
    "duplicate_abbreviated",
    "duplicate_old_address",
    "duplicate_phone_only",
)
_TITLES = vocabulary(
    [
        "",
        "Toimitusjohtaja",
        "Myyntipäällikkö",
        "CFO",
        "Konsultti",
        "Inköpare",
        "Controller",
        "IT Manager",
        "Opettaja",
        "Yrittäjä",
    ]
)
_QUOTED_TITLE = csv_field('Päällikkö "Key Account", Pohjola')
_COMPANIES = vocabulary(
    [
        "",
        "Esimerkki Oy",
        "Malli Ab",
        "Näyte ja Pojat Ky",
        "Testi Group Oyj",
        "Exempel Handels Ab",
        "Koe Consulting Oy",
        "Sample Nordic Ltd",
    ]
)
_BROKEN_EMAILS = vocabulary(
    ["ei ole", "matti(at)example.fi", "n/a", "@example.com", "etu.suku@@example.org", "suku@"]
)
_OWNERS = vocabulary(["", "owner-1@example.com", "owner-2@example.com", "owner-3@example.com"])
_PASSWORDS = vocabulary(["", "Salasana1", "hemligt!", "correct horse", "kesa2024"])
_COUNTRIES = vocabulary(["Finland", "Suomi", "FI", ""])
_LANGUAGES = vocabulary([*LANGUAGES, ""])


@dataclass(frozen=True)
class ContactKeys:
    """The CRM's keys of each person, for the other datasets; -1 and "" for none."""

    record_id: Ints
    customer_number: Text
    rows: Ints  # the people who have a contact


@dataclass(frozen=True)
class _Contacts:
    """The contacts of one chunk as columns of CSV fields."""

    who: Ints
    case: Ints
    day: Ints
    touched: Ints  # the day of the last activity
    columns: dict[str, Text]

    def records(self, people: People, columns: tuple[str, ...], rows: Ints) -> Records:
        """The rows as records with these columns."""
        arrow = pa.array(rows)
        fields = [self.columns[name].take(arrow) for name in columns]
        parts: list[Text | str] = [fields[0]]
        for column in fields[1:]:
            parts.extend([",", column])
        case = self.case[rows]
        short = join(*parts[:9])
        text = either(case == case_code("too_few_fields"), short, join(*parts))
        text = join(text, only(case == case_code("too_many_fields"), ",one too many"))
        return Records(
            text=text,
            day=self.day[rows],
            native_key=nullable(fields[0]),
            person=people.person[self.who[rows]],
            case=case,
            about=self.touched[rows],
        )


def _names(
    rng: np.random.Generator, people: People, lives: Lives, who: Ints, case: Ints
) -> tuple[Text, Text, Mask]:
    """First and last names as typed, and whether the last name is outdated."""
    given, family = given_names(), family_names()
    first_no, count = people.given[who], len(who)
    kept = (people.former[who] >= 0) & (rng.random(count) < 0.12)
    family_no = np.where(kept, people.former[who], lives.basic_family[who])
    first, last = pick(given.text, first_no), pick(family.text, family_no)
    second = people.second[who]
    both = (second >= 0) & (rng.random(count) < 0.08)
    first = join(first, only(both, join(" ", pick(given.text, second))))
    wrong = in_case(case, "typing_error", "duplicate_typing_error")
    way, in_first = rng.integers(0, TYPING_ERRORS, count), rng.random(count) < 0.5
    for error in range(TYPING_ERRORS):
        first = either(
            wrong & in_first & (way == error), pick(given.misspelled[error], first_no), first
        )
        last = either(
            wrong & ~in_first & (way == error), pick(family.misspelled[error], family_no), last
        )
    first = either(
        in_case(case, "initial_only", "duplicate_abbreviated"),
        join(pick(given.initial, first_no), "."),
        first,
    )
    other = pick(given.initial, np.where(second >= 0, second, first_no))
    first = either(
        in_case(case, "middle_initial"), join(pick(given.text, first_no), " ", other), first
    )
    first = either(in_case(case, "nickname"), pick(given.nickname, first_no), first)
    first = either(in_case(case, "capitals"), pick(given.capitals, first_no), first)
    last = either(in_case(case, "capitals"), pick(family.capitals, family_no), last)
    last = either(
        in_case(case, "replacement_character"), pc.utf8_replace_slice(last, 1, 2, "\ufffd"), last
    )
    swapped = in_case(case, "transposed_names")
    first, last = either(swapped, last, first), either(swapped, first, last)
    nameless = in_case(case, "name_missing")
    return either(nameless, "", first), either(nameless, "", last), family_no != people.family[who]


def _dates(chunk: Chunk, rng: np.random.Generator, awake: Mask, day: Ints) -> tuple[Ints, Ints]:
    """When each contact was created and last active, in epoch seconds; `awake` ones lately."""
    count = len(day)
    delivered = chunk.days.day_no[day]
    dormant = ~awake & (rng.random(count) < 0.2)
    quiet = np.where(dormant, rng.integers(1_110, 3_200, count), rng.integers(2, 900, count))
    active = np.where(day > 0, delivered - 1, delivered - quiet)
    created = active - np.where(day > 0, 0, rng.integers(0, 1_500, count))
    return created * 86_400 + rng.integers(0, 43_200, count), active * 86_400 + rng.integers(
        43_200, 86_400, count
    )


def _written_time(seconds: Ints, american: Mask) -> Text:
    return either(
        american, us_time(seconds), pc.utf8_slice_codeunits(iso_time(seconds, " ", ""), 0, 16)
    )


def draw_contacts(
    chunk: Chunk, people: People, lives: Lives, points: ContactPoints, record_ids: Sequence
) -> tuple[Records, Records | None, ContactKeys]:
    """The first day's snapshot, later exports (None for none), and everybody's keys."""
    rng = chunk.rng("contacts")
    known = (people.kind == PROSPECT) | (
        (people.kind == CUSTOMER) & (rng.random(len(people)) < 0.98)
    )
    base = rng.permutation(np.flatnonzero(known))
    planting = Planting(chunk, rng, len(base))
    if chunk.each_case:  # left as they are, so that each kind of person has an ordinary contact
        for kind in (
            people.twin,
            lives.protected,
            lives.deceased,
            people.age(chunk.days.last_no) < 18,
        ):
            planting.free[np.flatnonzero(kind[base])[:2]] = False
    for name in _OF_ONE_CONTACT:
        among = None
        if name == "nickname":
            table = given_names()
            among = pc.not_equal(table.nickname, table.text).to_numpy(zero_copy_only=False)[
                people.given[base]
            ]
        planting.rows(name, among)
    changed = planting.rows("contact_changed")
    plain_again = [(name, planting.rows(name)) for name in _DUPLICATES]
    planting.case[planting.has(*_DUPLICATES, "contact_changed")] = (
        NO_CASE  # it is the other record that is odd
    )

    who = np.concatenate([base, *(base[rows] for _, rows in plain_again)])
    case = np.concatenate(
        [
            planting.case,
            *(np.full(len(rows), case_code(name), np.int16) for name, rows in plain_again),
        ]
    )
    day = chunk.days.bulk(rng, len(who), 0.88)
    day[changed] = 0
    ids = rng.permutation(record_ids.take(len(who)))
    again = np.isin(who, np.concatenate([who[day > 0], base[changed]]))
    contacts = _write(
        chunk, rng, people, lives, points=points, draft=_Draft(who, case, day, ids, again)
    )
    record_id = np.full(len(people), -1, np.int64)
    record_id[who[::-1]] = ids[::-1]
    customer_number = only(
        people.kind == CUSTOMER, join("C", padded(scrambled(people.person, 9_999_991), 7))
    )

    newer = _changed(chunk, rng, contacts, changed)
    snapshot = contacts.records(people, CONTACT_COLUMNS, np.flatnonzero(day == 0))
    twice = rng.permutation(np.flatnonzero(snapshot.case == NO_CASE))[
        : chunk.wanted("contact_exact_duplicate")
    ]
    snapshot = snapshot.with_duplicates(twice, "contact_exact_duplicate")
    later = [
        part
        for part in (
            contacts.records(people, LATER_CONTACT_COLUMNS, np.flatnonzero(day > 0)),
            newer.records(people, LATER_CONTACT_COLUMNS, np.arange(len(changed))),
        )
        if len(part)
    ]
    contact_keys = ContactKeys(record_id, customer_number, np.flatnonzero(known))
    return snapshot, Records.concat(later) if later else None, contact_keys


@dataclass(frozen=True)
class _Draft:
    who: Ints
    case: Ints
    day: Ints
    ids: Ints
    again: Mask  # their contacts come on a later day, too: they have been active lately


def _write(
    chunk: Chunk,
    rng: np.random.Generator,
    people: People,
    lives: Lives,
    *,
    points: ContactPoints,
    draft: _Draft,
) -> _Contacts:
    who, case, day = draft.who, draft.case, draft.day
    count = len(who)

    def drawn(values: Text, share_of_first: float) -> Text:
        return pick(
            values,
            np.where(rng.random(count) < share_of_first, 0, rng.integers(1, len(values), count)),
        )

    arrow = pa.array(who)
    customer = people.kind[who] == CUSTOMER
    first, last, outdated = _names(rng, people, lives, who, case)
    email = points.email.take(arrow)
    email = either(
        in_case(case, "duplicate_email_alias"), pc.replace_substring(email, "@", "+tilaus@"), email
    )
    email = either(in_case(case, "duplicate_email_capitals"), pc.utf8_upper(email), email)
    email = either(rng.random(count) < 0.04, pc.utf8_capitalize(email), email)
    email = either(in_case(case, "email_missing", "duplicate_phone_only"), "", email)
    email = either(
        in_case(case, "email_broken"),
        pick(_BROKEN_EMAILS, rng.integers(0, len(_BROKEN_EMAILS), count)),
        email,
    )
    phone = either(
        in_case(case, "phone_missing"),
        "",
        phone_text(points.phone[who], rng.integers(0, SPELLINGS, count)),
    )

    created, active = _dates(chunk, rng, customer | lives.changed_later[who] | draft.again, day)
    has_activity = (rng.random(count) < 0.95) | draft.again
    active = np.where(has_activity, active, created)
    american = rng.random(count) < 0.3
    company = drawn(_COMPANIES, 0.86)
    company = either(in_case(case, "several_companies"), "Esimerkki Oy;Toinen Malli Oy", company)
    title = either(in_case(case, "quotes_and_commas"), _QUOTED_TITLE, drawn(_TITLES, 0.75))

    home, elsewhere = people.home.take(who), draw_addresses(rng, people.language[who])
    at_old = in_case(case, "duplicate_old_address")
    address = type(home)(
        *(
            np.where(at_old, old, new)
            for old, new in zip(vars(elsewhere).values(), vars(home).values(), strict=True)
        )
    )
    line = address.street_line(people.language[who])
    line = either(
        in_case(case, "line_break_in_address"), join('"c/o ', last, "\n", line, '"'), line
    )
    has_address = (
        (rng.random(count) < 0.75) & ~in_case(case, "duplicate_phone_only")
        | in_case(case, "line_break_in_address", "duplicate_old_address")
        | lives.protected[who]
    )

    label = Planting(chunk, rng, count)
    label.case = case
    age = people.age(chunk.days.last_no)[who]
    for name, where in (
        ("protected_contact", lives.protected[who]),
        ("deceased_contact", lives.deceased[who]),
        ("minor_contact", age < 18),
        ("twin_contact", people.twin[who]),
        ("old_family_name", outdated),
        ("dormant_prospect", ~customer & (active < (chunk.days.last_no - 1_100) * 86_400)),
        ("shared_mailbox", points.shared_mailbox[who]),
        ("shared_phone", points.shared_phone[who]),
    ):
        label.label(name, where)

    columns = {
        "Record ID": either(in_case(case, "record_id_missing"), "", number(draft.ids)),
        "First Name": first,
        "Last Name": last,
        "Email": email,
        "Phone Number": phone,
        "Job Title": title,
        "Lifecycle Stage": either(
            customer,
            "Customer",
            pick(vocabulary(["Lead", "Subscriber", "Opportunity"]), rng.integers(0, 3, count)),
        ),
        "Lead Status": only(~customer & (rng.random(count) < 0.3), "Open"),
        "Create Date": either(
            in_case(case, "contact_impossible_date"),
            "2023-06-31 10:00",
            _written_time(created, american),
        ),
        "Last Activity Date": only(has_activity, _written_time(active, american)),
        # What the registrant did themselves; the company's own mails are in neither column.
        "Recent Conversion Date": only(has_activity, _written_time(active, american)),
        "Contact owner": drawn(_OWNERS, 0.6),
        "Associated Company": company,
        "Street Address": only(has_address, line),
        "Postal Code": only(has_address, address.postcode_text()),
        "City": only(has_address, address.town(people.language[who])),
        "Country/Region": only(has_address, drawn(_COUNTRIES, 0.6)),
        "Preferred language": pick(
            _LANGUAGES, np.where(rng.random(count) < 0.3, 3, people.language[who])
        ),
        "Date of birth": only(rng.random(count) < 0.35, iso_date(people.birth[who])),
        "Customer number": only(
            customer, join("C", padded(scrambled(people.person[who], 9_999_991), 7))
        ),
        "Unsubscribed from all email": either(
            in_case(case, "unsubscribed"), "true", either(rng.random(count) < 0.5, "false", "")
        ),
        "Global bounce": only(in_case(case, "global_bounce"), "true"),
        "Password": drawn(_PASSWORDS, 0.9),
        "NPS score": only(rng.random(count) < 0.1, number(rng.integers(0, 11, count))),
    }
    return _Contacts(who, case, day, active // 86_400, columns)


def _changed(chunk: Chunk, rng: np.random.Generator, contacts: _Contacts, rows: Ints) -> _Contacts:
    """The same contacts once more, later: another title, telephone and last activity."""
    arrow, count = pa.array(rows), len(rows)
    day = chunk.days.later(rng, count)
    columns = {name: column.take(arrow) for name, column in contacts.columns.items()}
    seconds = chunk.days.day_no[day] * 86_400 - rng.integers(3_600, 80_000, count)
    columns["Job Title"] = pick(_TITLES, rng.integers(1, len(_TITLES), count))
    columns["Last Activity Date"] = _written_time(seconds, rng.random(count) < 0.3)
    columns["Recent Conversion Date"] = columns["Last Activity Date"]
    columns["Phone Number"] = either(rng.random(count) < 0.4, empty(count), columns["Phone Number"])
    return _Contacts(
        contacts.who[rows],
        np.full(count, case_code("contact_changed"), np.int16),
        day,
        seconds // 86_400,
        columns,
    )
