"""Who must be informed that we have their data from others, by when, and who need not (GDPR 14)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.erasure import erasing
from assets.register import information_duty
from assets.register.information_duty import InformingError
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied
from tests.support.deliveries import basic_data, csv, put
from tests.support.erasing import find_cleared
from tests.support.population_register_messages import (
    code,
    death,
    home_address,
    municipality,
    name,
    part,
    person,
    protection,
)
from tests.support.registers import build, refresh, registrant, rows, take_in

OBTAINED = date(2026, 10, 31)
# 31 October + 1 month is 30 November.
DUE = date(2026, 11, 30)
CODES = {
    who: code(body)
    for who, body in (
        ("known", "010190-900"),
        ("gave", "010190-901"),
        ("dead", "010190-902"),
        ("hidden", "010190-903"),
        ("credit", "010190-904"),
    )
}
FAMILY = {"known": "Esimerkki", "gave": "Malli", "dead": "Näyte", "hidden": "Koe"}


def registered(who: str, *more: dict[str, Any]) -> dict[str, Any]:
    lives = (
        ()
        if who == "hidden"
        else (
            home_address(f"{FAMILY[who]}katu", "1", "00100", "HELSINKI", "2010-05-01"),
            municipality("091", "2010-05-01"),
        )
    )
    return person(
        CODES[who],
        name("Maija", FAMILY[who]),
        part("SYNTYMAPAIVA", syntymapv={"arvo": "1990-01-01", "tarkkuus": "PAIVA"}),
        *lives,
        *more,
    )


def consent(identity_code: str, day: str) -> bytes:
    """The registrant's own word, in the consent log."""
    event = {
        "event_ts": f"{day}T08:00:00Z", "subject_key_type": "henkilotunnus",
        "subject_key": identity_code, "purpose": "direct_marketing", "channel": "post",
        "status": "granted", "source": "web-form", "evidence": "", "text_version": "2025-03",
        "language": "fi",
    }  # fmt: skip
    return csv([event])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One known from the register only, one who gave data too, one dead, one protected without any
    contact, one of the credit bureau.
    """
    data_root = DataRoot(tmp_path_factory.mktemp("first") / "data")
    data_root.create()
    everyone = [
        registered("known"),
        registered("gave"),
        registered("dead", death(True, on="2026-10-01")),
        registered("hidden", protection(True)),
    ]
    basic_data(data_root, str(OBTAINED), everyone)
    put(data_root, "consents", "2026-11-05", "consent_log", consent(CODES["gave"], "2026-11-04"), 1)
    report = {
        "socialSecurityNumber": CODES["credit"],
        "creditClass": 2,
        "purposeCode": "1",
        "remarks": [],
    }
    put(data_root, "credit_bureau", "2026-11-02", "credit_reports", json.dumps(report).encode(), 1)
    refresh(data_root, marts=["direct_marketing"])
    return data_root.root


@pytest.fixture
def world(first: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(first, tmp_path / "world"))


def ids(data_root: DataRoot) -> dict[str, str]:
    return {
        who: registrant(data_root, identity_code)["registrant_id"]
        for who, identity_code in CODES.items()
    }


@pytest.mark.clause("P6.6")
def test_each_is_in_the_state_that_the_data_decide(world: DataRoot) -> None:
    assert information_duty.counts(world, DUE) == {
        "overdue": 0,
        "due": 1,
        "informed": 0,
        "gave_it_themselves": 1,
        "deceased": 1,
        "unreachable": 2,
    }


@pytest.mark.clause("P6.6", "P6.2")
def test_due_is_a_calendar_month_after_the_data_came(world: DataRoot) -> None:
    [duty] = information_duty.due(world, DUE)
    assert (duty.registrant_id, duty.obtained_on, duty.due_on, duty.sources) == (
        ids(world)["known"],
        OBTAINED,
        DUE,
        ("population_register",),
    )


def test_overdue_is_the_day_after(world: DataRoot) -> None:
    assert not information_duty.due(world, DUE)[0].overdue
    assert information_duty.due(world, date(2026, 12, 1))[0].overdue
    assert information_duty.counts(world, date(2026, 12, 1))["overdue"] == 1


def test_the_period_is_the_policys(world: DataRoot) -> None:
    days = world.policy.model_copy(
        update={
            "article_14": world.policy.article_14.model_copy(
                update={
                    "informed_within": type(world.policy.article_14.informed_within).parse(
                        "14 days"
                    )
                }
            )
        }
    )
    assert information_duty.due(DataRoot(world.root, days), DUE)[0].due_on == date(2026, 11, 14)


def test_a_source_that_is_no_third_party_causes_no_duty(world: DataRoot) -> None:
    sources = {
        name: source.model_copy(update={"third_party": False})
        for name, source in world.policy.sources.items()
    }
    assert (
        sum(
            information_duty.counts(
                DataRoot(world.root, world.policy.model_copy(update={"sources": sources})), DUE
            ).values()
        )
        == 0
    )


def test_later_deliveries_do_not_put_the_day_off(world: DataRoot) -> None:
    basic_data(world, "2026-11-15", [registered("known", part("AMMATTI", ammatti="esimerkki"))])
    take_in(world)
    build(world)
    assert information_duty.due(world, DUE)[0].due_on == DUE


def test_the_day_stays_when_the_first_records_have_been_removed(world: DataRoot) -> None:
    for path in world.files("staged", "population_register"):
        path.unlink()
    assert {duty.registrant_id: duty.due_on for duty in information_duty.due(world, DUE)} == {
        ids(world)["known"]: DUE
    }


def test_recipients_of_marketing_are_informed_with_the_first_message(world: DataRoot) -> None:
    """Marketing by post needs no consent; a prohibition ends it."""
    import duckdb

    with duckdb.connect(str(world.marts / "direct_marketing.duckdb"), read_only=True) as mart:
        reached = {row[0] for row in mart.execute("SELECT registrant_id FROM by_post").fetchall()}
    assert information_duty.due(world, DUE)[0].with_first_message is (
        ids(world)["known"] in reached
    )
    (world.marts / "direct_marketing.duckdb").unlink()
    assert not information_duty.due(world, DUE)[0].with_first_message


class TestRecording:
    def test_an_informed_registrant_is_no_longer_due(self, world: DataRoot) -> None:
        assert information_duty.record(world, [ids(world)["known"]], date(2026, 11, 20), DUE) == 1
        assert information_duty.due(world, DUE) == []
        assert information_duty.counts(world, DUE)["informed"] == 1

    def test_recording_it_twice_changes_nothing(self, world: DataRoot) -> None:
        known = ids(world)["known"]
        information_duty.record(world, [known], date(2026, 11, 20), DUE)
        before = information_duty.NOTICES.place(world).read_bytes()
        assert information_duty.record(world, [known, known], date(2026, 11, 20), DUE) == 0
        assert information_duty.NOTICES.place(world).read_bytes() == before

    def test_earlier_notes_stay(self, world: DataRoot) -> None:
        known = ids(world)["known"]
        information_duty.record(world, [known], date(2026, 11, 20), DUE)
        information_duty.record(world, [known], date(2026, 11, 21), DUE)
        assert [row["informed_on"] for row in noted(world)] == [
            date(2026, 11, 20),
            date(2026, 11, 21),
        ]

    def test_it_holds_ids_and_days_alone_and_is_its_owners(self, world: DataRoot) -> None:
        information_duty.record(world, [ids(world)["known"]], date(2026, 11, 20), DUE)
        [note] = noted(world)
        assert note == {
            "registrant_id": ids(world)["known"],
            "informed_on": date(2026, 11, 20),
            "policy_version": world.policy.version,
        }
        assert information_duty.NOTICES.place(world).stat().st_mode & 0o777 == 0o600

    def test_an_id_that_nobody_has_is_refused_by_count_and_nothing_is_noted(
        self, world: DataRoot
    ) -> None:
        with pytest.raises(InformingError, match=r"^1 of the ids") as refusal:
            information_duty.record(
                world, [ids(world)["known"], CODES["known"]], date(2026, 11, 20), DUE
            )
        assert CODES["known"] not in str(refusal.value)
        assert not information_duty.NOTICES.place(world).exists()

    def test_a_day_that_has_not_come_is_refused(self, world: DataRoot) -> None:
        with pytest.raises(InformingError, match="2026-12-01 has not come"):
            information_duty.record(world, [ids(world)["known"]], date(2026, 12, 1), DUE)


def noted(data_root: DataRoot) -> list[dict[str, Any]]:
    return rows(
        data_root,
        f"SELECT * FROM read_parquet('{information_duty.NOTICES.place(data_root)}') ORDER BY ALL",
    )


class TestLeaving:
    def test_the_note_goes_when_the_registrant_does(self, world: DataRoot) -> None:
        everyone = ids(world)
        information_duty.record(
            world, [everyone["known"], everyone["gave"]], date(2026, 11, 20), DUE
        )
        take_in(world)
        build(world, date(2029, 12, 1))
        assert noted(world) == []

    @pytest.mark.clause("P9.1")
    def test_it_goes_with_an_erasure_and_the_others_stay(self, world: DataRoot) -> None:
        everyone = ids(world)
        information_duty.record(
            world, [everyone["known"], everyone["gave"]], date(2026, 11, 20), DUE
        )
        now = datetime(2026, 11, 20, tzinfo=UTC)
        asked = ledger.receive(
            world, "erasure", "written", [f"identity_code:{CODES['known']}"], now
        )
        find_cleared(world, [asked])
        erasing.suppress(world, [asked], now.date())
        erasing.remove(world, [asked], now.date())
        build(world)
        erasing.close(world, [asked], now)
        assert [row["registrant_id"] for row in noted(world)] == [everyone["gave"]]
        assert everyone["known"].encode() not in b"".join(
            path.read_bytes() for path in Path(world.lake).rglob("*.parquet")
        )

    def test_a_build_without_notes_makes_none(self, world: DataRoot) -> None:
        assert not information_duty.NOTICES.place(world).exists()


def test_an_empty_data_root_has_nobody_to_inform(data_root: DataRoot) -> None:
    assert set(information_duty.counts(data_root, DUE).values()) == {0}
    assert information_duty.due(data_root, DUE) == []
