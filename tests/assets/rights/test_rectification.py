"""A correction stands until the source that was wrong agrees; what was wrong is history for its
time, and then in no file.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from assets.erasure import erasing
from assets.ingest import deliveries
from assets.register import corrections as corrections_module
from assets.requests import ledger
from assets.rights import rectification
from assets.rights.rectification import RectificationError
from assets.staging import staged
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.support.corrections import (
    CONTACT,
    FIRST,
    NEW_MAIL,
    NUMBER,
    OLD_MAIL,
    OVER,
    REQUEST,
    aino,
    crm,
)
from tests.support.data_roots import copied, files_containing, mart_tables
from tests.support.deliveries import basic_data, csv, put
from tests.support.erasing import find_cleared
from tests.support.population_register_messages import (
    code,
    day,
    home_address,
    name,
    part,
    person,
    protection,
)
from tests.support.registers import TODAY, build, refresh, rows, take_in

CODE = code("140285-912")


def rectify(data_root: DataRoot, on: date = TODAY, **values: str) -> None:
    now = datetime(on.year, on.month, on.day, 9, 0, tzinfo=UTC)
    rectification.deliver(data_root, aino(data_root)["registrant_id"], REQUEST, values, now)
    refresh(data_root, on)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register of the CRM's first delivery, which each test works on a copy of."""
    data_root = DataRoot(tmp_path_factory.mktemp("first") / "data")
    data_root.create()
    crm(data_root, FIRST)
    refresh(data_root)
    return data_root.root


@pytest.fixture
def known(first: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(first, tmp_path / "data"))


@pytest.fixture(scope="module")
def corrected(first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with an address and a name corrected."""
    data_root = DataRoot(copied(first, tmp_path_factory.mktemp("corrected") / "data"))
    rectify(data_root, email=NEW_MAIL, family_name="Oikea")
    return data_root.root


@pytest.fixture
def mended(corrected: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(corrected, tmp_path / "mended"))


@pytest.mark.clause("P9.1")
def test_the_golden_record_has_the_correction_and_its_provenance(corrected: Path) -> None:
    known = DataRoot(corrected)
    row = aino(known)
    assert (row["email"], row["family_name"], row["given_names"]) == (NEW_MAIL, "Oikea", "Aino")
    provenance = rows(
        known, "SELECT attribute, source FROM provenance WHERE rectified ORDER BY attribute"
    )
    assert provenance == [
        {"attribute": "email", "source": "self"},
        {"attribute": "family_name", "source": "self"},
    ]


def test_the_old_value_is_history_and_not_current(corrected: Path) -> None:
    known = DataRoot(corrected)
    points = rows(
        known,
        (
            "SELECT value, is_current, source FROM contact_points WHERE value IN "
            "('vaara@example.fi', 'oikea@example.fi') ORDER BY value"
        ),
    )
    assert [(point["value"], point["is_current"], point["source"]) for point in points] == [
        (NEW_MAIL, True, "self"),
        (OLD_MAIL, False, "crm"),
    ]
    names = rows(
        known,
        "SELECT family_name, is_current FROM names WHERE given_names = 'Aino' ORDER BY family_name",
    )
    assert [(name["family_name"], name["is_current"]) for name in names] == [
        ("Oikea", True),
        ("Vaaranimi", False),
    ]
    corrections = rows(
        known,
        "SELECT attribute, value, old_value, stands, overrides FROM corrections ORDER BY attribute",
    )
    assert [tuple(correction.values()) for correction in corrections] == [
        ("email", NEW_MAIL, OLD_MAIL, True, "crm"),
        ("family_name", "Oikea", "Vaaranimi", True, "crm"),
    ]


def test_marts_have_the_corrected_value(mended: DataRoot) -> None:
    build(mended, marts=["customer_care"])
    values = {
        str(value)
        for row in mart_tables(mended.marts / "customer_care.duckdb")["registrants"]
        for value in row
    }
    assert NEW_MAIL in values
    assert OLD_MAIL not in values


@pytest.mark.parametrize("changed", [{}, {"Job Title": "ostaja"}])
def test_it_survives_later_deliveries_of_the_wrong_value(
    mended: DataRoot, changed: dict[str, str]
) -> None:
    """Word for word the same, which is a repetition, and in a newer version of the record."""
    crm(mended, TODAY + timedelta(1), **changed)
    refresh(mended, TODAY + timedelta(1))
    assert aino(mended)["email"] == NEW_MAIL


OF_THE_MAIL = "FROM corrections WHERE attribute = 'email'"


def test_it_ends_by_itself_when_the_source_agrees(mended: DataRoot) -> None:
    crm(mended, TODAY + timedelta(1), Email=" Oikea@example.fi")
    refresh(mended, TODAY + timedelta(1))
    ended = rows(mended, f"SELECT stands, ended_on, ended_by {OF_THE_MAIL}")[0]
    assert tuple(ended.values()) == (False, TODAY + timedelta(1), "crm")
    assert aino(mended)["email"].strip().lower() == NEW_MAIL
    crm(mended, TODAY + timedelta(2), Email="uudempi@example.fi")
    refresh(mended, TODAY + timedelta(2))
    assert aino(mended)["email"] == "uudempi@example.fi"


def test_another_source_that_agrees_does_not_end_it(data_root: DataRoot) -> None:
    basic_data(
        data_root,
        str(FIRST),
        [person(CODE, name("Aino", "Vaara"), part("SYNTYMAPAIVA", syntymapv=day("1985-02-14")))],
    )
    crm(data_root, FIRST)
    contract = {
        "contract_number": "K-1",
        "contact_id": CONTACT,
        "customer_number": NUMBER,
        "identity_code": CODE,
        "product": "sähkö",
        "status": "active",
    }
    more = {
        "starts_on": "2024-01-01",
        "ends_on": "",
        "monthly_fee": "1.00",
        "currency": "EUR",
        "updated_at": "2026-10-01T10:00:00Z",
    }
    put(data_root, "crm", str(FIRST), "contracts", csv([{**contract, **more}]), 1)
    refresh(data_root)
    rectify(data_root, family_name="Oikea")
    crm(data_root, TODAY + timedelta(1), **{"Last Name": "Oikea"})
    refresh(data_root, TODAY + timedelta(1))
    assert rows(data_root, "SELECT stands, overrides FROM corrections")[0] == {
        "stands": True,
        "overrides": "population_register",
    }
    assert aino(data_root)["family_name"] == "Oikea"


def test_a_later_correction_replaces_an_earlier_correction(known: DataRoot) -> None:
    rectify(known, email="ensin@example.fi")
    rectify(known, TODAY + timedelta(1), email=NEW_MAIL)
    assert aino(known)["email"] == NEW_MAIL
    corrections = rows(
        known,
        "SELECT value, old_value, stands, ended_by, overrides FROM corrections ORDER BY since",
    )
    assert [tuple(correction.values()) for correction in corrections] == [
        ("ensin@example.fi", OLD_MAIL, False, "self", "crm"),
        (NEW_MAIL, "ensin@example.fi", True, None, "crm"),
    ]


def test_the_order_in_which_runs_came_does_not_matter(mended: DataRoot) -> None:
    """Rebuilt from what is staged, with no build in between, it is the same."""
    for days, mail in ((1, NEW_MAIL), (2, OLD_MAIL)):
        crm(mended, TODAY + timedelta(days), Email=mail)
    take_in(mended, TODAY + timedelta(2))
    build(mended, TODAY + timedelta(2))
    assert aino(mended)["email"] == OLD_MAIL
    assert rows(mended, f"SELECT ended_on {OF_THE_MAIL}")[0]["ended_on"] == TODAY + timedelta(1)


EVERYTHING = {
    "given_names": "Oikea Aino", "family_name": "Oikeanimi", "birth_date": "1986-03-15",
    "email": NEW_MAIL, "street": "Oikeakatu 5", "postcode": "00200",
    "town": "HELSINKI", "language": "sv", "phone": "+358401234567", "company_name": "Oikea Oy",
    "job_title": "ostaja", "call_name": "Ansku", "country": "SE",
}  # fmt: skip


def test_every_attribute_can_be_corrected(known: DataRoot) -> None:
    rectify(known, **EVERYTHING)
    row = aino(known)
    assert {name: str(row[name]) for name in EVERYTHING} == EVERYTHING
    assert rows(known, "SELECT count(*) AS n FROM corrections WHERE stands")[0]["n"] == len(
        EVERYTHING
    )


WRONG = [OLD_MAIL, "Vaaranimi", "Vaarakatu"]


@pytest.mark.clause("P8.3", "P9.1")
def test_when_its_time_is_over_the_old_value_is_in_no_file(known: DataRoot) -> None:
    rectify(known, email=NEW_MAIL, family_name="Oikea", street="Oikeakatu 4")
    assert files_containing(known.root, WRONG) != []
    before = rows(known, "SELECT count(*) AS n FROM registrants")
    # Until then the source goes on saying it: word for word, and in a newer version of its record.
    crm(known, TODAY + timedelta(1))
    crm(known, TODAY + timedelta(2), **{"Job Title": "ostaja"})
    take_in(known, OVER)
    build(known, OVER, MARTS)
    assert files_containing(known.root, WRONG) == []
    assert rows(known, "SELECT count(*) AS n FROM registrants") == before
    row = aino(known)
    assert (row["email"], row["family_name"], row["street"], row["given_names"]) == (
        NEW_MAIL,
        "Oikea",
        "Oikeakatu 4",
        "Aino",
    )
    assert rows(known, "SELECT DISTINCT old_value FROM corrections") == [{"old_value": None}]


def test_a_source_that_goes_on_delivering_it_does_not_bring_it_back(known: DataRoot) -> None:
    rectify(known, email=NEW_MAIL, family_name="Oikea", street="Oikeakatu 4")
    refresh(known, OVER)
    for days, changed in (
        (1, {}),
        (2, {"Job Title": "ostaja"}),
        (3, {"Job Title": "ostaja"}),
        (4, {}),
    ):
        crm(known, OVER + timedelta(days), **changed)
        refresh(known, OVER + timedelta(days))
        assert files_containing(known.root, WRONG) == [], days
        assert aino(known)["email"] == NEW_MAIL


def test_records_of_others_and_the_count_of_records_stay_as_they_were(
    first: Path, mended: DataRoot
) -> None:
    others = "SELECT * FROM registrants WHERE customer_number IS DISTINCT FROM 'C7000001'"
    before = rows(DataRoot(first), others)
    refresh(mended, OVER)
    assert rows(mended, others) == before
    assert all(entry.conserved for entry in deliveries.ledger(mended))
    assert staged.lost_by_key(mended, deliveries.ledger(mended)) == 0


def test_the_register_built_after_the_sweep_is_unchanged(mended: DataRoot) -> None:
    refresh(mended, OVER)
    every = {
        table: rows(mended, f"SELECT * FROM {table} ORDER BY ALL")
        for table in ("registrants", "names", "contact_points", "corrections", "provenance")
    }
    build(mended, OVER)
    assert {table: rows(mended, f"SELECT * FROM {table} ORDER BY ALL") for table in every} == every


def test_an_erasure_takes_the_corrections_along(known: DataRoot) -> None:
    rectify(known, email=NEW_MAIL, family_name="Oikeanimi")
    build(known, OVER, ["customer_care"])
    request_id = ledger.receive(
        known,
        "erasure",
        "written",
        [f"customer_number:{NUMBER}"],
        datetime(2026, 12, 21, tzinfo=UTC),
    )
    find_cleared(known, [request_id])
    erasing.suppress(known, [request_id], OVER)
    erasing.remove(known, [request_id], OVER)
    build(known, OVER)
    assert erasing.close(known, [request_id], datetime(2026, 12, 21, tzinfo=UTC)).findings == []
    assert files_containing(known.root, [NEW_MAIL, "Oikeanimi", NUMBER, CONTACT]) == []
    assert rows(known, "SELECT * FROM corrections") == []
    assert not corrections_module.LET_GO.place(known).exists()
    crm(known, OVER)
    refresh(known, OVER)
    assert rows(known, "SELECT * FROM registrants WHERE family_name <> 'Muu'") == []


def test_of_someone_under_protected_identity_no_corrected_address_stays(
    data_root: DataRoot,
) -> None:
    basic_data(
        data_root,
        str(FIRST),
        [
            person(
                CODE,
                name("Aino", "Vaara"),
                home_address("Vaarakatu", "4", "00100", "HELSINKI", "2015-05-01"),
            )
        ],
    )
    refresh(data_root)
    registrant = rows(data_root, "SELECT registrant_id FROM registrants")[0]["registrant_id"]
    rectification.deliver(
        data_root,
        registrant,
        REQUEST,
        {"street": "Salakatu 7"},
        datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    )
    refresh(data_root)
    assert rows(data_root, "SELECT street FROM registrants")[0]["street"] == "Salakatu 7"
    basic_data(data_root, "2026-11-21", [person(CODE, name("Aino", "Vaara"), protection(True))])
    refresh(data_root, date(2026, 11, 21))
    assert rows(data_root, "SELECT street FROM registrants")[0]["street"] is None
    assert files_containing(data_root.root, ["Salakatu"]) == []


def test_what_was_refused_under_an_old_address_goes_on_to_hold(known: DataRoot) -> None:
    event = {
        "event_ts": "2026-11-11T08:00:00Z", "subject_key_type": "email", "subject_key": OLD_MAIL,
        "purpose": "direct_marketing", "channel": "all",
        "status": "objected", "source": "web-form", "evidence": "", "text_version": "",
        "language": "fi",
    }  # fmt: skip
    put(known, "consents", "2026-11-12", "consent_log", csv([event]), 1)
    refresh(known)
    holding = (
        "SELECT purpose, channel, choice FROM choices JOIN registrants USING (registrant_id) "
        "WHERE customer_number = 'C7000001' AND choice = 'objected'"
    )
    before = rows(known, holding)
    assert len(before) == 1
    rectify(known, email=NEW_MAIL)
    for on in (OVER, OVER + timedelta(1)):
        refresh(known, on)
        assert rows(known, holding) == before
    assert rows(known, f"SELECT is_current FROM contact_points WHERE value = '{OLD_MAIL}'") == [
        {"is_current": False}
    ]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"email": "not an address"}, "SELF-VALUE"),
        ({"birth_date": "1985-02-30"}, "SELF-VALUE"),
        ({"family_name": " "}, "SELF-VALUE"),
        ({"identity_code": "x"}, "nothing that can be corrected"),
        ({"family_name": "vaaranimi"}, "already says"),
    ],
)
def test_what_cannot_be_corrected_is_refused_without_its_value(
    known: DataRoot, values: dict[str, str], why: str
) -> None:
    with pytest.raises(RectificationError, match=why) as refused:
        rectification.deliver(
            known, aino(known)["registrant_id"], REQUEST, values, datetime(2026, 11, 20, tzinfo=UTC)
        )
    assert not any(value in str(refused.value) for value in values.values() if len(value) > 2)
    assert not list((known.inbox / "self").rglob("*.dat"))
