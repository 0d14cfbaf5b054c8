"""What people do with us: each kind in its table and its marts, and in no layer any more when its
own time is over.

As of 20 November 2026, by calendar: of each pair the first is over, the second is not.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.marts import building as marts
from assets.register import aggregates, building, clocks, source_statements, visit_consents
from assets.retention import overdue_check, sweep
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.policy.loader import load_policy
from tests.support.activity_records import (
    attendee,
    call,
    mail,
    other_data,
    put_csv,
    put_lines,
    social_use,
)
from tests.support.deliveries import csv, put
from tests.support.registers import TODAY, rows, take_in

DAY = "2026-11-18"
CONSENT = "Suostun erikoisruokavalioni tallentamiseen"
OVER = (
    "2024-11-20",
    "datetime.date(2024, 11, 20)",
    "call-over",
    "<1@",
    "Lakannut",
    "purjehdus 1",
    "keliakia",
)
TABLES = ("participations", "diets", "calls", "correspondence", "social_media", "other_data")


def with_diet(ends_on: str, diet: str) -> dict[str, str]:
    return {"Event End Date": ends_on, "Erityisruokavalio": diet, CONSENT: "Kyllä"}


def deliver(data_root: DataRoot) -> None:
    put(
        data_root,
        "crm",
        DAY,
        "contacts",
        csv(
            [
                {
                    "Record ID": "501",
                    "First Name": "Liisa",
                    "Last Name": "Testi",
                    "Email": "liisa.testi@example.fi",
                    "Phone Number": "+358 50 0012345",
                    "Customer number": "C501",
                    "Create Date": "2026-01-01 10:00",
                }
            ]
        ),
        1,
    )
    put_csv(
        data_root,
        DAY,
        [
            attendee(1, "Aino", "Salo", **{"Event End Date": "2024-11-20"}),
            attendee(2, "Eero", "Korpi", **{"Event End Date": "2024-11-21"}),
            attendee(3, "Saga", "Lampi", **with_diet("2026-11-06", "keliakia")),
            attendee(4, "Ilmari", "Niemi", **with_diet("2026-11-07", "vegaani")),
        ],
    )
    put_lines(
        data_root,
        "correspondence",
        DAY,
        "calls",
        [
            call("call-over", "+358500012345", "2026-05-20T08:00:00Z"),
            call("call-kept", "+358500012345", "2026-05-21T08:00:00Z"),
        ],
    )
    for number, written in (
        (1, "Wed, 20 Nov 2024 10:00:00 +0200"),
        (2, "Thu, 21 Nov 2024 10:00:00 +0200"),
    ):
        data = mail(number, "Liisa <liisa.testi@example.fi>", "info@qvik.com", written)
        put(data_root, "correspondence", DAY, "message", data, 1)
    put_lines(
        data_root,
        "social_media",
        DAY,
        "uses",
        [
            social_use(1, "C501", "2024-10-20T08:00:00Z", link="https://x.example.com/Lakannut"),
            social_use(2, "C501", "2024-10-21T08:00:00Z"),
        ],
    )
    put_lines(
        data_root,
        "self",
        "2026-11-17",
        "other_data",
        [other_data(1, "2026-11-16T08:00:00Z"), other_data(2, "2026-11-16T08:00:00Z")],
    )
    put_lines(
        data_root, "self", DAY, "other_data", [other_data(1, "2026-11-17T09:00:00Z", "withdrawn")]
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("activities") / "data")
    data_root.create()
    deliver(data_root)
    take_in(data_root)
    building.build(data_root, TODAY)
    for purpose in ("customer_care", "legal_claims", "analytics"):
        marts.build(data_root, purpose, TODAY)
    return data_root


@pytest.fixture(scope="module")
def swept(built: DataRoot) -> tuple[list[sweep.Removal], dict[str, Any], dict[str, Any]]:
    before = {table: rows(built, f"SELECT * FROM {table}") for table in TABLES}
    removed = sweep.sweep(built, TODAY)
    return removed, before, {table: rows(built, f"SELECT * FROM {table}") for table in TABLES}


def column(data_root: DataRoot, table: str, name: str) -> list[str]:
    return sorted(row[name] for row in rows(data_root, f"SELECT {name} FROM {table}"))


def in_mart(data_root: DataRoot, purpose: str, table: str) -> int:
    path = marts.candidate_path(data_root, purpose)
    with duckdb.connect(str(path), read_only=True) as connection:
        (selected,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
    return int(selected)


def tables_of(data_root: DataRoot, purpose: str) -> set[str]:
    path = marts.candidate_path(data_root, purpose)
    with duckdb.connect(str(path), read_only=True) as connection:
        return {name for (name,) in connection.execute("SHOW TABLES").fetchall()}


def test_a_customer_is_known_by_address_phone_and_linked_account(built: DataRoot) -> None:
    kinds = ("calls", "correspondence", "social_media", "other_data")
    selected = [row["registrant_id"] for kind in kinds for row in rows(built, f"FROM {kind}")]
    (customer,) = rows(built, "FROM registrants WHERE customer_number = 'C501'")
    assert selected == [customer["registrant_id"]] * 5


@pytest.mark.clause("P5.5", "P8.2")
def test_participations_stay_for_24_months_after_the_event(built: DataRoot) -> None:
    assert [name[:17] for name in column(built, "participations", "participation")] == [
        "eventbrite:900002",
        "eventbrite:900003",
        "eventbrite:900004",
    ]
    assert in_mart(built, "customer_care", "participations") == 3


@pytest.mark.clause("P5.5", "P8.2")
def test_a_diet_stays_for_14_days_after_its_event_and_is_in_no_mart(built: DataRoot) -> None:
    assert column(built, "diets", "diet") == ["vegaani"]
    assert not any(
        "diets" in tables_of(built, purpose)
        for purpose in ("customer_care", "legal_claims", "analytics")
    )


@pytest.mark.clause("P5.6", "P8.2")
def test_calls_stay_for_6_months_and_messages_for_24(built: DataRoot) -> None:
    assert column(built, "calls", "call") == ["call-kept/1"]
    assert column(built, "correspondence", "message") == ["<2@example.fi>"]
    assert in_mart(built, "customer_care", "calls") == 1
    # There is no contract and no order from which a claim could arise.
    assert in_mart(built, "legal_claims", "correspondence") == 0


@pytest.mark.clause("P5.9", "P8.2")
def test_uses_of_social_media_stay_for_25_months_and_are_in_no_mart_by_name(
    built: DataRoot,
) -> None:
    assert column(built, "social_media", "use") == ["S2"]
    assert "social_media" not in tables_of(built, "customer_care")
    # One person is fewer than the floor.
    assert in_mart(built, "analytics", "social_media") == 0


@pytest.mark.clause("P5.7", "P9.3")
def test_other_data_stays_until_its_consent_is_withdrawn(built: DataRoot) -> None:
    assert rows(built, "SELECT value, consent FROM other_data ORDER BY consent") == [
        {"value": "purjehdus 2", "consent": "granted"},
        {"value": None, "consent": "withdrawn"},
    ]
    assert in_mart(built, "customer_care", "other_data") == 1


@pytest.mark.clause("P8.2")
def test_what_is_over_goes_from_every_layer_and_nothing_else(
    built: DataRoot, swept: tuple[list[sweep.Removal], dict[str, Any], dict[str, Any]]
) -> None:
    removed, before, after = swept
    assert after == before
    left = {
        (removal.rule, removal.category): removal.rows
        for removal in removed
        if removal.layer == "register"
    }
    assert left == {
        ("RET-PARTICIPATION-24M", "participation"): 1,
        ("RET-DIET-14D", "diet"): 1,
        ("RET-CALL-6M", "call_recording"): 1,
        ("RET-CORRESPONDENCE-24M", "correspondence"): 1,
        ("RET-VISITS-25M", "social_media"): 1,
        ("RET-WITHDRAWN-0D", "other_with_consent"): 1,
    }
    assert overdue_check.overdue(built, TODAY)["staged"] == 0
    assert overdue_check.overdue(built, TODAY)["register"] == 0
    assert texts_in(built.lake / "raw", OVER) == set()
    assert texts_in(built.lake / "staged", OVER) == set()


def texts_in(folder: Path, texts: tuple[str, ...]) -> set[str]:
    """Which of the texts any value of the folder's tables holds."""
    with duckdb.connect() as connection:
        values = " ".join(
            str(row)
            for path in folder.rglob("*.parquet")
            for row in connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        )
    return {text for text in texts if text in values}


def test_attendance_outlives_the_participations(built: DataRoot, swept: object) -> None:
    assert rows(
        built,
        "SELECT event, ended_in::VARCHAR AS month, participants FROM event_attendance "
        "ORDER BY ended_in",
    ) == [
        {"event": "Kevätseminaari", "month": "2024-11-01", "participants": 2},
        {"event": "Kevätseminaari", "month": "2026-11-01", "participants": 2},
    ]


def test_a_months_attendance_is_merged_when_its_participations_are_over(
    built: DataRoot, swept: object
) -> None:
    with connect(built) as connection:
        source_statements.make_staged(built, connection)
        connection.execute(visit_consents.CONSENTED_VISITS.create_empty())
        aggregates.gather(built, connection, date(2028, 12, 1))
        counted = connection.execute(
            "SELECT event, status, participants, closed FROM event_attendance ORDER BY ended_in"
        ).fetchall()
    assert counted == [("any", "any", 2, True)] * 2


@pytest.mark.parametrize(
    ("category", "over"), [("correspondence", []), ("order", ["both", "alone"])]
)
def test_a_hold_on_one_party_keeps_a_message_for_both(category: str, over: list[str]) -> None:
    message = next(kind for kind in clocks.clocked(load_policy(), TODAY) if kind.what == "message")
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE staged_correspondence AS
            SELECT * FROM (VALUES ('d', 1, 'both', 'held'), ('d', 1, 'both', 'other'),
                ('d', 2, 'alone', 'held'))
                AS staged(delivery_id, record_no, message, person_key),
                (SELECT TIMESTAMPTZ '2020-01-01 00:00:00+00' AS sent_at)"""
        )
        connection.execute(
            f"""CREATE TABLE persons_on_hold AS
            SELECT 'held' AS person_key, '{category}' AS category"""
        )
        selected = connection.execute(
            f"SELECT DISTINCT message FROM {message.rows} WHERE {message.over} ORDER BY ALL DESC"
        ).fetchall()
    assert [row[0] for row in selected] == over
