"""A refusal outlives the person by keyed hash, and is asked for when they are back.

One data root has the people of most tests: all leave on one night, and are back on another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assets.ingest import deliveries, refusals
from assets.requests import ledger
from assets.rights import restriction_and_objection
from assets.storage.data_root import DataRoot
from tests.support import population_register_messages as messages
from tests.support.data_roots import copied, files_containing
from tests.support.dated_records import contract
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.known_registrants import NOW
from tests.support.marketing import contact as any_contact
from tests.support.marketing import event
from tests.support.registers import build, rows, take_in

BEFORE, LEFT, BACK = "2026-11-09", "2026-11-10", "2026-11-18"
CODE = messages.code("010170-944")
Record = dict[str, str]


def contact(number: str, **fields: str) -> Record:
    """A contact who is of age; the number is too high for a birth year of its own."""
    born = f"19{int(number) % 40 + 50}-0{int(number) % 9 + 1}-1{int(number) % 7}"
    return any_contact(number, **{"Date_of_birth": born, **fields})


def person(number: str, **fields: str) -> Record:
    """A contact of long ago, who leaves on the first night: no contact since 2021."""
    return {
        **contact(number, Phone_Number=phone(number), Street_Address=f"Koivukuja {number}",
            Postal_Code="33100", City="TAMPERE"),
        "Create Date": "2021-05-01 10:00", "Last Activity Date": "",
        "Customer number": f"C{number}", "Recent Conversion Date": "",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }  # fmt: skip


def phone(number: str) -> str:
    return f"+358401234{number}"


def email(number: str) -> str:
    return f"n{number}@example.fi"


def traces(number: str) -> list[str]:
    return [email(number), f"Nimi{number}", phone(number)]


def old(status: str, channel: str = "all", **fields: str) -> Record:
    return event("", status, channel, "2023-03-01T10:00:00Z", **fields)


def granted(at: str = "2026-11-17T10:00:00Z") -> Record:
    return event("", "granted", "email", at)


def about(kind: str, value: str, status: str, channel: str = "all", **fields: str) -> Record:
    return old(status, channel, subject_key_type=kind, subject_key=value, **fields)


@dataclass(frozen=True)
class Case:
    """Somebody who leaves: what they have stated until then, and while they are away; and what is
    otherwise in the export in which they are back.

    A statement without a subject is under their contact id.
    """

    stated: tuple[Record, ...] = ()
    away: tuple[Record, ...] = ()
    known_by: Record = field(default_factory=dict)
    first: Record = field(default_factory=dict)


EMAIL_REFUSED = (old("objected", "email"),)
OTHER_ID = {"Record_ID": "79{}", "Customer_number": ""}
CASES: dict[str, Case] = {
    "nothing": Case(),
    "objected": Case((old("objected"),)),
    "prohibited": Case((old("prohibited"),)),
    "withdrawn": Case((old("withdrawn"),)),
    "by e-mail": Case((old("objected"),),
        known_by={**OTHER_ID, "Phone_Number": "", "Street_Address": ""}),
    "by phone": Case((old("objected"),), known_by={**OTHER_ID, "Email": "", "Street_Address": ""}),
    "by customer number": Case((old("objected"),), known_by={
        "Record_ID": "79{}", "Email": "", "Phone_Number": "", "Street_Address": ""}),
    "by name and address": Case((old("objected"),), known_by={"Record_ID": "79{}",
        "Customer_number": "C79{}", "Email": "uusi{}@example.fi", "Phone_Number": ""}),
    "about the phone": Case((about("phone", phone("7{}"), "objected"),),
        known_by={**OTHER_ID, "Street_Address": "", "Phone_Number": ""}),
    "about the e-mail": Case((about("email", email("7{}"), "objected"),),
        known_by={**OTHER_ID, "Street_Address": "", "Email": ""}),
    "lifted while away": Case((old("objected"),),
        (event("", "lifted", "all", "2026-11-17T10:00:00Z"),)),
    "banned by a list": Case((
        about("phone", phone("7{}"), "prohibited", "phone", event_ts="2023-12-01T10:00:00Z",
            source="prohibition-list"),)),
    "unsubscribed": Case(known_by={"Record_ID": "79{}", "Customer_number": "C79{}"},
        first={"Unsubscribed_from_all_email": "true"}),
    "prohibited by the register": Case(),
    "objected by request": Case(first={"Recent_Conversion_Date": "2023-11-12 10:00"}),
    "granted before": Case(EMAIL_REFUSED, (granted("2023-02-28T10:00:00Z"),)),
    "banned by vtj": Case(({**old("prohibited", "email"), "source": "vtj"},), (granted(),)),
    "banned by a list for e-mail": Case(
        ({**old("prohibited", "email"), "source": "prohibition-list"},), (granted(),)),
    "not for marketing": Case((old("objected"),)),
    "follows": Case((old("objected"),), known_by={"Record_ID": "79{}",
        "Customer_number": "C79{}", "Phone_Number": "+358401239999"}),
}  # fmt: skip
NUMBERS = {case: f"7{number:02d}" for number, case in enumerate(CASES, 10)}


def filled(record: Record, number: str) -> Record:
    """Their own number in place of `{}`: the last two digits."""
    return {name: value.replace("{}", number[1:]) for name, value in record.items()}


def statement(record: Record, number: str) -> Record:
    return filled({**record, "subject_key": record["subject_key"] or number}, number)


def export(data_root: DataRoot, day: str, *people: Record, **manifest: Any) -> None:
    put(data_root, "crm", day, "contacts", csv(list(people)), len(people), **manifest)


def log(data_root: DataRoot, day: str, *events: Record) -> None:
    put(data_root, "consents", day, "consent_log", csv(list(events)), len(events))


def night(data_root: DataRoot, day: str) -> None:
    take_in(data_root, date.fromisoformat(day))
    build(data_root, date.fromisoformat(day))


def known(data_root: DataRoot) -> set[str]:
    return {row["given_names"] for row in rows(data_root, "SELECT given_names FROM registrants")}


def marketed(data_root: DataRoot, number: str) -> set[str]:
    """The channels on which direct marketing reaches somebody who is there."""
    assert f"Nimi{number}" in known(data_root)
    query = f"""SELECT channel FROM admission JOIN registrants USING (registrant_id)
        WHERE purpose = 'direct_marketing' AND given_names = 'Nimi{number}'
        GROUP BY registrant_id, channel
        HAVING bool_or(effect = 'in') AND NOT bool_or(effect = 'out')"""
    return {row["channel"] for row in rows(data_root, query)}


def out(data_root: DataRoot, number: str) -> set[str]:
    query = f"""SELECT DISTINCT code FROM admission JOIN registrants USING (registrant_id)
        WHERE effect = 'out' AND given_names = 'Nimi{number}'
        AND purpose = 'direct_marketing' AND code <> 'ADM-UNREACHABLE'"""
    return {row["code"] for row in rows(data_root, query)}


# The spouse of the one who objected, with the same telephone.
SPOUSE = {
    **person("702", Phone_Number=phone(NUMBERS["objected"]), Street_Address=""),
    "Date of birth": "1985-06-07", "First Name": "Nimi702", "Last Name": "Öhman",
    "Recent Conversion Date": "2026-10-01 10:00",
}  # fmt: skip


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody has left by retention but the spouse."""
    data_root = DataRoot(tmp_path_factory.mktemp("left") / "data")
    data_root.create()
    people = [person(number, **CASES[case].first) for case, number in NUMBERS.items()
        if case != "prohibited by the register"]  # fmt: skip
    export(data_root, BEFORE, *people, SPOUSE)
    stated = [
        statement(record, NUMBERS[case]) for case, each in CASES.items() for record in each.stated
    ]
    # Whom a telephone or an address alone is known of has no purpose, and leaves after 30 days.
    alone = [record for record in stated if record["subject_key_type"] != "contact_id"]
    log(data_root, "2026-09-01", *alone)
    log(data_root, BEFORE, *(record for record in stated if record not in alone))
    prohibited = messages.part("SUORAMARKKINOINTIKIELTO", alkupv=messages.day("2020-01-01"))
    basic_data(
        data_root, "2026-09-01",
        [messages.person(CODE, messages.name("Kielto", "Kieltäjä"), prohibited)],
    )  # fmt: skip
    night(data_root, LEFT)
    asked = NOW.replace(day=11)
    number = NUMBERS["objected by request"]
    request_id = ledger.receive(
        data_root, "objection", "written", [f"customer_number:C{number}"], asked
    )
    restriction_and_objection.apply(data_root, [request_id], asked)
    night(data_root, "2026-11-11")
    assert known(data_root) == {"Nimi702", f"Nimi{number}"}
    night(data_root, "2026-11-12")
    assert known(data_root) == {"Nimi702"}
    return data_root.root


@pytest.fixture(scope="module")
def returned(left: Path, tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """They are in the next export, with a contact of the day before."""
    data_root = DataRoot(copied(left, tmp_path_factory.mktemp("returned") / "data"))
    again = {"Recent_Conversion_Date": "2026-11-17 10:00"}
    people = {
        case: person(number, **{**again, **filled(CASES[case].known_by, number)})
        for case, number in NUMBERS.items()
    }
    export(data_root, BACK, *(people[case] for case in people if case != "not for marketing"))
    stranger = {**person("703"), "Recent Conversion Date": "2026-11-01 10:00"}
    export(data_root, BACK, stranger, people["not for marketing"], purpose="direct_marketing")
    log(
        data_root,
        BACK,
        *(statement(record, NUMBERS[case]) for case in CASES for record in CASES[case].away),
    )
    unsubscribed, prohibited = NUMBERS["unsubscribed"], NUMBERS["prohibited by the register"]
    of_code = {"identity_code": CODE, "contact_id": prohibited}
    agreed = [
        {**contract(f"K-{number}", customer, ""), "status": "active", "starts_on": starts, **more}
        for number, customer, starts, more in (
            (unsubscribed, f"C79{unsubscribed[1:]}", "2026-11-01", {}),
            (prohibited, f"C{prohibited}", "2019-01-01", of_code),
        )
    ]
    put(data_root, "crm", BACK, "contracts", csv(agreed), 2)
    night(data_root, BACK)
    return data_root


def test_nothing_of_those_who_left_is_left_but_hashes(left: Path) -> None:
    erased = [number for case, number in NUMBERS.items() if case != "objected"]
    assert files_containing(left, [trace for number in erased for trace in traces(number)]) == []
    assert files_containing(left, traces(NUMBERS["objected"])[:2]) == []
    assert refusals.REFUSALS.place(DataRoot(left)).exists()


def test_without_a_refusal_who_returns_is_called(returned: DataRoot) -> None:
    assert {"phone", "post"} <= marketed(returned, NUMBERS["nothing"])


@pytest.mark.clause("P9.6", "P5.4")
@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("objected", "ADM-OBJECTION"),
        ("prohibited", "ADM-PROHIBITED"),
        ("withdrawn", "ADM-WITHDRAWN"),
    ],
)
def test_a_refusal_of_the_past_keeps_who_returns_out(
    returned: DataRoot, status: str, code: str
) -> None:
    assert marketed(returned, NUMBERS[status]) == set()
    assert code in out(returned, NUMBERS[status])


@pytest.mark.parametrize(
    "case", ["by e-mail", "by phone", "by customer number", "by name and address"]
)
def test_they_are_known_again_by_any_identifier_or_contact_point(
    returned: DataRoot, case: str
) -> None:
    assert marketed(returned, NUMBERS[case]) == set()


@pytest.mark.parametrize("case", ["about the phone", "about the e-mail"])
def test_an_objection_about_one_contact_is_found_again_by_the_other(
    returned: DataRoot, case: str
) -> None:
    assert marketed(returned, NUMBERS[case]) == set()


def test_what_is_lifted_while_they_are_away_is_lifted_when_they_are_back(
    returned: DataRoot,
) -> None:
    assert "phone" in marketed(returned, NUMBERS["lifted while away"])


def test_an_opt_out_in_the_crm_outlives_the_export_that_had_it(returned: DataRoot) -> None:
    """The new export has no opt-out, for the contact is a new one; a contract allows e-mail."""
    assert "email" not in marketed(returned, NUMBERS["unsubscribed"])
    assert "ADM-CRM-OPT-OUT" in out(returned, NUMBERS["unsubscribed"])


@pytest.mark.clause("P6.2")
def test_a_prohibition_of_the_population_register_outlives_the_person(
    left: Path, returned: DataRoot
) -> None:
    """Known from the register alone, they leave after the time without a purpose."""
    assert "Kielto" not in known(DataRoot(left))
    [person] = rows(returned, f"SELECT * FROM registrants WHERE identity_code = '{CODE}'")
    number = NUMBERS["prohibited by the register"]
    assert person["given_names"] == f"Nimi{number}"
    assert marketed(returned, number) == set()
    assert "ADM-REGISTER-PROHIBITION" in out(returned, number)


def test_an_objection_by_request_outlives_its_closing_and_the_person(returned: DataRoot) -> None:
    assert marketed(returned, NUMBERS["objected by request"]) == set()


@pytest.mark.parametrize("case", ["granted before", "banned by vtj", "banned by a list for e-mail"])
def test_no_consent_from_before_and_none_against_a_register_or_a_list_ends_it(
    returned: DataRoot, case: str
) -> None:
    assert "email" not in marketed(returned, NUMBERS[case])


def test_a_household_is_not_barred_by_what_one_of_them_refused(left: Path) -> None:
    """The objection is made under the contact's id; the spouse has the same telephone."""
    assert "phone" in marketed(DataRoot(left), "702")


def test_what_is_delivered_for_a_purpose_they_refused_is_left_out_at_intake(
    returned: DataRoot,
) -> None:
    [entry] = [
        entry
        for entry in deliveries.ledger(returned, "crm")
        if (entry.day, entry.dataset, entry.delivered) == (BACK, "contacts", 2)
    ]
    assert (entry.suppressed, entry.staged) == (1, 1)
    assert files_containing(returned.root, [email(NUMBERS["not for marketing"])]) == []


def test_a_telephone_prohibition_bars_the_telephone_alone_and_for_three_years(
    returned: DataRoot, tmp_path: Path
) -> None:
    """A list's ban of 1 December 2023 holds until that day in 2026."""
    number = NUMBERS["banned by a list"]
    assert "phone" not in marketed(returned, number)
    assert "post" in marketed(returned, number)
    later = DataRoot(copied(returned.root, tmp_path / "later"))
    night(later, "2026-12-02")
    assert "phone" in marketed(later, number)


def test_it_follows_them_to_what_they_became_known_by_when_they_were_back(
    returned: DataRoot, tmp_path: Path
) -> None:
    """They leave a second time, and return by a telephone that nobody had when they refused."""
    data_root = DataRoot(copied(returned.root, tmp_path / "again"))
    assert marketed(data_root, NUMBERS["follows"]) == set()
    night(data_root, "2029-12-01")
    assert f"Nimi{NUMBERS['follows']}" not in known(data_root)
    export(data_root, "2029-12-05", person("811", Customer_number="", Email="",
        Phone_Number="+358401239999", Street_Address="",
        Recent_Conversion_Date="2029-12-04 10:00"))  # fmt: skip
    night(data_root, "2029-12-05")
    assert "phone" not in marketed(data_root, "811")


def test_a_new_consent_of_their_own_ends_it_on_its_channel_only(data_root: DataRoot) -> None:
    """What has ended is not kept when they leave again; what is kept has no person."""
    people = [person("701"), person("704")]
    export(data_root, BEFORE, *people)
    refused = [
        old("objected", "email", subject_key="701"),
        old("objected", "phone", subject_key="701"),
        old("objected", "email", subject_key="704"),
    ]
    log(data_root, BEFORE, *refused)
    night(data_root, LEFT)
    assert known(data_root) == set()
    log(data_root, BACK, *({**granted(), "subject_key": number} for number in ("701", "704")))
    again = {"Recent Conversion Date": "2026-11-17 10:00"}
    export(data_root, BACK, *({**each, **again} for each in people))
    night(data_root, BACK)
    assert "email" in marketed(data_root, "701")
    assert "phone" not in marketed(data_root, "701")
    assert {"email", "phone"} <= marketed(data_root, "704")
    # The hash of what has ended is no longer kept.
    kept = f"SELECT DISTINCT channel FROM '{refusals.REFUSALS.place(data_root)}'"
    assert rows(data_root, kept) == [{"channel": "phone"}]
    for day in ("2029-12-01", "2032-01-01"):
        night(data_root, day)
        assert known(data_root) == set()
        assert rows(data_root, kept) == [{"channel": "phone"}]
        assert files_containing(data_root.root, [*traces("701"), *traces("704")]) == []


def test_what_was_lifted_before_they_left_is_not_kept(data_root: DataRoot) -> None:
    """Nor is anything of those who refused nothing, or only changed their name."""
    export(data_root, BEFORE, person("701"), person("704"))
    lifted = {**old("lifted"), "event_ts": "2023-04-01T10:00:00Z"}
    log(data_root, BEFORE, *({**each, "subject_key": "701"} for each in (old("objected"), lifted)))
    changes(data_root, "2026-09-01", [messages.message(CODE, "2026-08-31",
        messages.name("Uusi", "Nimi"))])  # fmt: skip
    night(data_root, LEFT)
    assert known(data_root) == set()
    assert not refusals.REFUSALS.place(data_root).exists()
