"""A refusal outlives the person by keyed hash, and is asked for when they are back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from assets.ingest import deliveries, refusals
from assets.requests import ledger
from assets.rights import restriction_and_objection
from assets.storage.data_root import DataRoot
from tests.support import population_register_messages as messages
from tests.support.data_roots import files_containing
from tests.support.dated_records import contract
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.known_registrants import NOW
from tests.support.marketing import contact as any_contact
from tests.support.marketing import event
from tests.support.registers import build, rows, take_in

LEFT, BACK = "2026-11-10", "2026-11-18"
CODE = messages.code("010170-944")


def contact(number: str, **fields: str) -> dict[str, str]:
    """A contact who is of age; the number is too high for a birth year of its own."""
    return any_contact(number, Date_of_birth="1970-01-02", **fields)


def person(number: str = "701", **fields: str) -> dict[str, str]:
    """A contact of long ago, who leaves on the first night: no contact since 2021."""
    return {
        **contact(number, Phone_Number="+358401234701", Street_Address="Koivukuja 7",
            Postal_Code="33100", City="TAMPERE"),
        "Create Date": "2021-05-01 10:00", "Last Activity Date": "", "Customer number": "C701",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }  # fmt: skip


def export(data_root: DataRoot, day: str, *people: dict[str, str], **manifest: Any) -> None:
    put(data_root, "crm", day, "contacts", csv(list(people)), len(people), **manifest)


def log(data_root: DataRoot, day: str, *events: dict[str, str]) -> None:
    put(data_root, "consents", day, "consent_log", csv(list(events)), len(events))


def night(data_root: DataRoot, day: str) -> None:
    take_in(data_root, date.fromisoformat(day))
    build(data_root, date.fromisoformat(day))


def leave(data_root: DataRoot) -> None:
    """The night in which retention removes everybody; only the hashes are left."""
    night(data_root, LEFT)
    assert rows(data_root, "SELECT registrant_id FROM registrants") == []
    assert files_containing(data_root.root, ["701@example.fi", "Nimi701", "+358401234701"]) == []


def marketed(data_root: DataRoot) -> set[str]:
    """The channels on which direct marketing reaches the people in the register."""
    query = """SELECT channel FROM admission WHERE purpose = 'direct_marketing'
        GROUP BY registrant_id, channel
        HAVING bool_or(effect = 'in') AND NOT bool_or(effect = 'out')"""
    return {row["channel"] for row in rows(data_root, query)}


def out(data_root: DataRoot, purpose: str = "direct_marketing") -> set[str]:
    query = f"""SELECT DISTINCT code FROM admission WHERE effect = 'out'
        AND purpose = '{purpose}' AND code <> 'ADM-UNREACHABLE'"""
    return {row["code"] for row in rows(data_root, query)}


def back(data_root: DataRoot, **fields: str) -> None:
    """They are in the next export, with a contact of the day before."""
    export(data_root, BACK, person(**{"Recent_Conversion_Date": "2026-11-17 10:00", **fields}))
    night(data_root, BACK)
    assert len(rows(data_root, "SELECT registrant_id FROM registrants")) == 1


def old(status: str, channel: str = "all", **fields: str) -> dict[str, str]:
    return event("701", status, channel, "2023-03-01T10:00:00Z", **fields)


def test_without_a_refusal_who_returns_is_called(data_root: DataRoot) -> None:
    export(data_root, "2026-11-09", person())
    leave(data_root)
    back(data_root)
    assert {"phone", "post"} <= marketed(data_root)
    assert not refusals.path(data_root).exists()


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
    data_root: DataRoot, status: str, code: str
) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old(status))
    leave(data_root)
    assert refusals.path(data_root).exists()
    back(data_root)
    assert marketed(data_root) == set()
    assert code in out(data_root)


@pytest.mark.parametrize(
    "known_by",
    [
        {"Record_ID": "799", "Customer_number": "", "Phone_Number": "", "Street_Address": ""},
        {"Record_ID": "799", "Customer_number": "", "Email": "", "Street_Address": ""},
        {"Record_ID": "799", "Email": "", "Phone_Number": "", "Street_Address": ""},
        {"Record_ID": "799", "Customer_number": "C799", "Email": "uusi@example.fi",
         "Phone_Number": ""},
    ],
    ids=["email", "phone", "customer-number", "name-and-address"],
)  # fmt: skip
def test_they_are_known_again_by_any_identifier_or_contact_point(
    data_root: DataRoot, known_by: dict[str, str]
) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected"))
    leave(data_root)
    back(data_root, **known_by)
    assert marketed(data_root) == set()


@pytest.mark.parametrize(
    ("subject", "known_by"),
    [
        (("phone", "+358401234701"), {"Phone_Number": ""}),
        (("email", "n701@example.fi"), {"Email": ""}),
    ],
    ids=["phone", "email"],
)
def test_an_objection_about_one_contact_is_found_again_by_the_other(
    data_root: DataRoot, subject: tuple[str, str], known_by: dict[str, str]
) -> None:
    export(data_root, "2026-11-09", person())
    kind, value = subject
    stated = {**old("objected"), "subject_key_type": kind, "subject_key": value}
    log(data_root, "2026-09-01", stated)
    leave(data_root)
    back(data_root, Record_ID="799", Customer_number="", Street_Address="", **known_by)
    assert marketed(data_root) == set()


def test_it_follows_them_to_what_they_became_known_by_when_they_were_back(
    data_root: DataRoot,
) -> None:
    """They leave a second time, and return by a telephone that nobody had when they refused."""
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected"))
    leave(data_root)
    back(data_root, Record_ID="799", Customer_number="C799", Phone_Number="+358401234799")
    night(data_root, "2029-12-01")
    assert rows(data_root, "SELECT registrant_id FROM registrants") == []
    export(data_root, "2029-12-05", person(Record_ID="811", Customer_number="", Email="",
        Phone_Number="+358401234799", Street_Address="", First_Name="Muu",
        Recent_Conversion_Date="2029-12-04 10:00"))  # fmt: skip
    night(data_root, "2029-12-05")
    assert len(rows(data_root, "SELECT registrant_id FROM registrants")) == 1
    assert "phone" not in marketed(data_root)


def test_what_was_ended_when_they_were_back_is_not_kept_again(data_root: DataRoot) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected", "email"))
    leave(data_root)
    log(data_root, BACK, event("701", "granted", "email", "2026-11-17T10:00:00Z"))
    back(data_root)
    night(data_root, "2029-12-01")
    assert rows(data_root, "SELECT registrant_id FROM registrants") == []
    kept = f"SELECT * FROM '{refusals.path(data_root)}'"
    assert not refusals.path(data_root).exists() or rows(data_root, kept) == []


def test_what_is_lifted_while_they_are_away_is_lifted_when_they_are_back(
    data_root: DataRoot,
) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected"))
    leave(data_root)
    log(data_root, BACK, event("701", "lifted", "all", "2026-11-17T10:00:00Z"))
    back(data_root)
    assert "phone" in marketed(data_root)


def test_a_telephone_prohibition_bars_the_telephone_alone_and_for_three_years(
    data_root: DataRoot,
) -> None:
    """A list's ban of 1 December 2023 holds until that day in 2026."""
    export(data_root, "2026-11-09", person())
    ban = event("", "prohibited", "phone", "2023-12-01T10:00:00Z", source="prohibition-list",
        subject_key_type="phone", subject_key="+358401234701")  # fmt: skip
    # The list's telephone alone is somebody without a purpose, who leaves after 30 days.
    log(data_root, "2026-09-01", ban)
    leave(data_root)
    back(data_root)
    assert "phone" not in marketed(data_root)
    assert "post" in marketed(data_root)
    night(data_root, "2026-12-02")
    assert "phone" in marketed(data_root)


def test_an_opt_out_in_the_crm_outlives_the_export_that_had_it(data_root: DataRoot) -> None:
    """The new export has no opt-out, for the contact is a new one; a contract allows e-mail."""
    export(data_root, "2026-11-09", person(Unsubscribed_from_all_email="true"))
    leave(data_root)
    agreed = {**contract("K-70", "C799", ""), "status": "active", "starts_on": "2026-11-01"}
    put(data_root, "crm", BACK, "contracts", csv([agreed]), 1)
    back(data_root, Record_ID="799", Customer_number="C799")
    assert "email" not in marketed(data_root)
    assert "ADM-CRM-OPT-OUT" in out(data_root)


@pytest.mark.clause("P6.2")
def test_a_prohibition_of_the_population_register_outlives_the_person(
    data_root: DataRoot,
) -> None:
    """Known from the register alone, they leave after the time without a purpose."""
    prohibited = messages.part("SUORAMARKKINOINTIKIELTO", alkupv=messages.day("2020-01-01"))
    basic_data(
        data_root, "2026-09-01",
        [messages.person(CODE, messages.name("Kielto", "Kieltäjä"), prohibited)],
    )  # fmt: skip
    night(data_root, LEFT)
    assert rows(data_root, "SELECT registrant_id FROM registrants") == []
    agreed = {**contract("K-71", "C701", ""), "status": "active", "identity_code": CODE,
        "contact_id": "701"}  # fmt: skip
    put(data_root, "crm", BACK, "contracts", csv([agreed]), 1)
    back(data_root)
    assert marketed(data_root) == set()
    assert "ADM-REGISTER-PROHIBITION" in out(data_root)


def test_an_objection_by_request_outlives_its_closing_and_the_person(data_root: DataRoot) -> None:
    export(data_root, "2026-11-09", person(Recent_Conversion_Date="2023-11-12 10:00"))
    night(data_root, "2026-11-10")
    asked = NOW.replace(day=11)
    request_id = ledger.receive(data_root, "objection", "written", ["customer_number:C701"], asked)
    restriction_and_objection.apply(data_root, [request_id], asked)
    night(data_root, "2026-11-11")
    assert rows(data_root, "SELECT registrant_id FROM registrants") != []
    night(data_root, "2026-11-12")
    assert rows(data_root, "SELECT registrant_id FROM registrants") == []
    back(data_root)
    assert marketed(data_root) == set()


def test_a_new_consent_of_their_own_ends_it_on_its_channel_only(data_root: DataRoot) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected", "email"), old("objected", "phone"))
    leave(data_root)
    log(data_root, BACK, event("701", "granted", "email", "2026-11-17T10:00:00Z"))
    back(data_root)
    assert "email" in marketed(data_root)
    assert "phone" not in marketed(data_root)
    # The hash of what has ended is no longer kept.
    kept = rows(data_root, f"SELECT DISTINCT channel FROM '{refusals.path(data_root)}'")
    assert kept == [{"channel": "phone"}]


def test_a_consent_from_before_ends_nothing(data_root: DataRoot) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected", "email"))
    leave(data_root)
    log(data_root, BACK, event("701", "granted", "email", "2023-02-28T10:00:00Z"))
    back(data_root)
    assert "email" not in marketed(data_root)


@pytest.mark.parametrize(
    "ban",
    [{"source": "vtj"}, {"source": "prohibition-list", "channel": "email"}],
    ids=["register", "list"],
)
def test_no_consent_ends_the_prohibition_of_a_register_or_a_list(
    data_root: DataRoot, ban: dict[str, str]
) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", {**old("prohibited", "email"), **ban})
    leave(data_root)
    log(data_root, BACK, event("701", "granted", "email", "2026-11-17T10:00:00Z"))
    back(data_root)
    assert "email" not in marketed(data_root)


def test_what_was_lifted_before_they_left_is_not_kept(data_root: DataRoot) -> None:
    export(data_root, "2026-11-09", person())
    lifted = {**old("lifted"), "event_ts": "2023-04-01T10:00:00Z"}
    log(data_root, "2026-11-09", old("objected"), lifted)
    leave(data_root)
    assert not refusals.path(data_root).exists()


def test_a_household_is_not_barred_by_what_one_of_them_refused(data_root: DataRoot) -> None:
    """The objection is made under the customer number; the spouse has the same telephone."""
    spouse = {
        **contact("702", Phone_Number="+358401234701"), "Customer number": "C702",
        "Date of birth": "1985-06-07", "First Name": "Väinö", "Last Name": "Öhman",
        "Recent Conversion Date": "2026-10-01 10:00",
    }  # fmt: skip
    export(data_root, "2026-11-09", person(), {**person(), **spouse})
    log(data_root, "2026-11-09", old("objected"))
    night(data_root, LEFT)
    assert "phone" in marketed(data_root)


def test_a_refusal_keeps_nothing_else(data_root: DataRoot) -> None:
    """Years later there are hashes and no person, whatever was built in between."""
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected"))
    leave(data_root)
    night(data_root, "2032-01-01")
    assert files_containing(data_root.root, ["701@example.fi", "Nimi701", "+358401234701"]) == []
    assert rows(data_root, f"SELECT * FROM '{refusals.path(data_root)}' LIMIT 1")


def test_what_is_delivered_for_a_purpose_they_refused_is_left_out_at_intake(
    data_root: DataRoot,
) -> None:
    export(data_root, "2026-11-09", person())
    log(data_root, "2026-11-09", old("objected"))
    leave(data_root)
    other = {**contact("703"), "Recent Conversion Date": "2026-11-01 10:00"}
    export(data_root, BACK, {**other, **{k: "" for k in person() if k not in other}}, person(),
        purpose="direct_marketing")  # fmt: skip
    night(data_root, BACK)
    [entry] = [entry for entry in deliveries.ledger(data_root, "crm") if entry.day == BACK]
    assert (entry.delivered, entry.suppressed, entry.staged) == (2, 1, 1)
    assert files_containing(data_root.root, ["701@example.fi"]) == []


def test_the_change_of_a_message_is_no_refusal(data_root: DataRoot) -> None:
    """Only what refuses is kept: a name of long ago is not."""
    changes(data_root, "2026-09-01", [messages.message(CODE, "2026-08-31",
        messages.name("Uusi", "Nimi"))])  # fmt: skip
    night(data_root, LEFT)
    assert not refusals.path(data_root).exists()
