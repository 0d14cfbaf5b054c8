"""Nothing of the data reaches Dagster's storage, the delivery ledger, a log or a mart that the
policy keeps it from, also when things go wrong.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from assets.register import building
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from pipelines.dagster_home import prepare_dagster
from pipelines.definitions import build_definitions
from schemas.marts import MARTS
from tests.support.activity_records import (
    attendee,
    call,
    mail,
    other_data,
    put_csv,
    put_lines,
    social_use,
)
from tests.support.commands import Ended, refresh
from tests.support.data_roots import copied, mart_tables, parquet_rows, texts_of_parquet
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.population_register_messages import (
    code,
    day,
    home_address,
    message,
    municipality,
    name,
    part,
    person,
    protection,
)

# Every text that a source may fill freely begins with this word, in whatever case it is written
# later.
MARK = "qzmark"
DAY = "2026-11-19"
KNOWN, HIDDEN, ODD, STRANGER = (
    code("010170-931"),
    code("020270-932"),
    code("030370-933"),
    code("040470-934"),
)
PHONE, ODD_PHONE = "+358457654321", "+358457654329"
AMOUNT = "31337.77"
# Values that have a form of their own and cannot hold the word.
SHAPED = [
    KNOWN,
    HIDDEN,
    ODD,
    STRANGER,
    PHONE,
    PHONE[1:],
    PHONE[4:],
    ODD_PHONE[4:],
    AMOUNT,
    "424242001",
    "424242002",
    "424242003",
]
MARKERS = [MARK, *SHAPED]


def marked(*fields: str, prefix: str = "") -> dict[str, str]:
    return {field: f"{MARK}{prefix}{re.sub('[^a-z]', '', field.lower())}" for field in fields}


def population_register(data_root: DataRoot) -> None:
    def described(identity_code: str, mark: str, *more: dict[str, Any]) -> dict[str, Any]:
        return person(
            identity_code,
            name(f"{MARK}given{mark}", f"{MARK}family{mark}"),
            part("SYNTYMAPAIVA", syntymapv=day("1970-01-01")),
            home_address(f"{MARK}street{mark}", "7", "00100", f"{MARK}town{mark}", "2015-05-01"),
            municipality("091", "2015-05-01"),
            part("SAHKOPOSTIOSOITE", sahkopostiosoite=f"{MARK}mail{mark}@example.fi"),
            part("USKONTO", uskonto=f"{MARK}creed"),
            *more,
        )

    hidden = described(HIDDEN, "hidden", protection(True))
    persons = [
        described(KNOWN, "known"),
        hidden,
        described(ODD, "odd", part("SYNTYMAPAIVA", syntymapv=day(f"{MARK}date"))),
        f"{MARK} broken",
    ]
    basic_data(data_root, DAY, persons, note=f"{MARK}manifest")
    odd = [
        message(ODD, DAY, name(f"{MARK}g", f"{MARK}f", f"{MARK}operation")),
        message(f"{MARK}code", DAY, name(f"{MARK}g", f"{MARK}f", "LISATTY")),
        {
            "henkilotunnus": STRANGER,
            "tietoryhmat": f"{MARK}groups",
            "muutospv": f"{MARK}moment",
            f"{MARK}field": 1,
        },
        [f"{MARK} list"],
    ]
    changes(data_root, DAY, odd, name=f"{MARK}-muutokset.json")


def crm(data_root: DataRoot) -> None:
    texts = (
        "First Name",
        "Last Name",
        "Job Title",
        "Associated Company",
        "Street Address",
        "City",
        "Country/Region",
        "Preferred language",
        "Notes",
    )
    own = {
        "Record ID": "424242001",
        "Phone Number": PHONE,
        "Postal Code": "00100",
        "Date of birth": "1970-01-01",
        "Create Date": "2026-01-02 10:00",
    }
    known = {
        **marked(*texts),
        **own,
        "Email": f"{MARK}mail@example.fi",
        "Customer number": f"{MARK}customer",
        f"{MARK} password": f"{MARK}secret",
    }
    hidden = {
        **known,
        **marked(*texts, prefix="hidden"),
        "Record ID": "424242002",
        "Email": f"{MARK}hidden@example.fi",
        "Phone Number": "",
        "Customer number": "",
    }
    nobody = {**known, "Record ID": "", "Phone Number": ODD_PHONE}
    dated = {
        **known,
        "Record ID": "424242003",
        "Date of birth": f"{MARK}date",
        "Phone Number": f"{MARK}phone",
        "Email": f"{MARK}@@nowhere",
    }
    contacts = csv([known, hidden, nobody, dated]) + f"424242009,{MARK}short\n".encode()
    put(data_root, "crm", DAY, "contacts", contacts, 5, name=f"{MARK}-contacts.csv")
    contract = {
        "contract_number": f"{MARK}contract",
        "contact_id": "424242001",
        "customer_number": f"{MARK}customer",
        "identity_code": KNOWN,
        "product": f"{MARK}product",
        "status": "active",
        "starts_on": "2024-01-01",
        "ends_on": "",
        "monthly_fee": "12.50",
        "currency": "EUR",
        "updated_at": "2026-10-01T10:00:00Z",
        "remark": f"{MARK}remark",
    }
    hidden = {
        **contract,
        "contract_number": f"{MARK}hiddencontract",
        "contact_id": "424242002",
        "customer_number": "",
        "identity_code": HIDDEN,
    }
    odd = {
        **contract,
        "contract_number": f"{MARK}odd",
        **marked("starts_on", "monthly_fee", "status", "updated_at", "currency"),
        "identity_code": ODD,
    }
    put(data_root, "crm", DAY, "contracts", csv([contract, hidden, odd]), 3)
    order = {
        "order_number": f"{MARK}order",
        "contact_id": "424242001",
        "customer_number": f"{MARK}customer",
        "ordered_at": "2026-09-01T10:00:00Z",
        "status": "delivered",
        "amount": "20.00",
        "currency": "EUR",
        "items": "2",
    }
    odd_order = {
        **order,
        "order_number": f"{MARK}oddorder",
        **marked("ordered_at", "amount", "status", "items"),
    }
    put(data_root, "crm", DAY, "orders", csv([order, odd_order]), 2)


def website(data_root: DataRoot) -> None:
    free = (
        "visitorId",
        "fingerprint",
        "referrerType",
        "referrerName",
        "referrerUrl",
        "referrerKeyword",
        "deviceBrand",
        "deviceModel",
        "browserCode",
        "browserName",
        "browserVersion",
        "operatingSystemName",
        "operatingSystemVersion",
        "resolution",
        "city",
        "visitIp",
        "another",
    )
    action = marked(
        "type",
        "url",
        "siteSearchKeyword",
        "siteSearchCategory",
        "contentName",
        "contentPiece",
        "contentTarget",
        "contentInteraction",
        "title",
    )
    visit = {
        "idSite": 1,
        "idVisit": 1,
        **marked(*free),
        "userId": f"{MARK}mail@example.fi",
        "deviceType": "Desktop",
        "firstActionTimestamp": 1_794_900_000,
        "visitDuration": "60",
        "actionDetails": [action],
    }
    odd = {
        **visit,
        "idVisit": f"{MARK}visit",
        "firstActionTimestamp": f"{MARK}time",
        "visitDuration": f"{MARK}long",
        "actionDetails": f"{MARK}actions",
    }
    put(data_root, "website", DAY, "visits", json.dumps([visit, odd, f"{MARK} broken"]).encode(), 3)


def consents(data_root: DataRoot) -> None:
    event = {
        "event_ts": "2026-10-03T08:00:00Z",
        "subject_key_type": "email",
        "subject_key": f"{MARK}mail@example.fi",
        "purpose": "direct_marketing",
        "channel": "email",
        "status": "granted",
        **marked("source", "evidence", "text_version", "language"),
    }
    odd = {
        **event,
        **marked("event_ts", "subject_key_type", "purpose", "channel", "status"),
        "subject_key": ODD,
    }
    measured = {**event, "purpose": "analytics", "channel": "web"}
    put(data_root, "consents", DAY, "consent_log", csv([event, measured, odd]), 3)


def credit_bureau(data_root: DataRoot) -> None:
    mark = {
        **marked("remarkId", "remarkType", "remarkCode", "remarkSource", "creditor"),
        "remarkDate": "2025-05-14",
        "amount": 31337.77,
    }
    report = {
        "socialSecurityNumber": KNOWN,
        "dateOfBirth": "1970-01-01T00:00:00Z",
        "purposeCode": "1",
        "remarks": [mark],
        **marked("creditClass", "scale", "other"),
    }
    odd = {
        **report,
        "socialSecurityNumber": STRANGER,
        **marked("purposeCode", "dateOfBirth"),
        "remarks": [{**mark, "amount": f"{MARK}amount"}],
    }
    positive = {**report, "socialSecurityNumber": ODD, "loans": f"{MARK}loans"}
    lines = [
        json.dumps(report),
        json.dumps(odd),
        json.dumps(positive),
        f'{{"socialSecurityNumber": "{ODD}", "{MARK}',
        f"{MARK} no json",
    ]
    put(data_root, "credit_bureau", DAY, "credit_reports", "\n".join(lines).encode(), len(lines))


def self_service(data_root: DataRoot) -> None:
    subject = {"subject_key_type": "customer_number", "subject_key": f"{MARK}customer"}
    changes = {"call_name": f"{MARK}call", "company_name": f"{MARK}firm", "job_title": f"{MARK}job"}
    edit = {
        "edit_id": f"{MARK}edit",
        "edited_at": "2026-11-18T10:00:00Z",
        **subject,
        "changes": changes,
        "note": f"{MARK}note",
    }
    odd = {
        **edit,
        **marked("edited_at", "subject_key_type"),
        "changes": {**marked("family_name", "birth_date", "email"), f"{MARK}field": 1},
    }
    lines = [json.dumps(edit), json.dumps(odd), f"{MARK} no json"]
    put(data_root, "self", DAY, "edits", "\n".join(lines).encode(), len(lines))
    correction = {
        "made_at": "2026-11-18T11:00:00Z",
        "request_id": "Q0123456789ABCDEFG",
        **subject,
        "attribute": "job_title",
        "value": f"{MARK}title",
        "overrides": "crm",
        "replaces": "ab" * 32,
    }
    odd = {
        **correction,
        **marked("made_at", "request_id", "attribute", "value", "overrides", "replaces"),
    }
    put(
        data_root,
        "self",
        DAY,
        "corrections",
        "\n".join(map(json.dumps, [correction, odd])).encode(),
        2,
    )


def activities(data_root: DataRoot) -> None:
    """What people do with us: events, messages, calls, social media, other data."""
    kept = marked("event name", "ticket type")
    cut = marked("notes", "diet", "text", prefix="cut")
    attended = attendee(
        1, f"{MARK}given", f"{MARK}family",
        **{"Event Name": kept["event name"], "Ticket Type": kept["ticket type"]},
        Erityisruokavalio=cut["diet"], Huomioitavaa=cut["notes"],
    )  # fmt: skip
    odd = {**attended, **marked("Attendee Status", "Quantity", "Event End Date")}
    put_csv(data_root, DAY, [attended, odd])
    liisa = f"{MARK}liisa@example.fi"
    for number, date in enumerate(("Thu, 20 Nov 2025 10:00:00 +0200", f"{MARK}date"), 1):
        sent = mail(number, f"{MARK}cutsender <{liisa}>", "info@qvik.com", date)
        put(data_root, "correspondence", DAY, "message", sent, 1)
    called = call(f"{MARK}call1", PHONE, "2026-11-01T08:00:00Z", subject=f"{MARK}cutsubject")
    odd_call = {**called, "dialog": [{"start": f"{MARK}start", "duration": f"{MARK}long"}]}
    put_lines(data_root, "correspondence", DAY, "calls", [called, odd_call])
    use = social_use(
        1, f"{MARK}customer", "2026-11-01T08:00:00Z", **marked("handle"), text=cut["text"]
    )
    put_lines(data_root, "social_media", DAY, "uses", [use, {**use, **marked("action", "used_at")}])
    other = {
        **other_data(1, "2026-11-01T08:00:00Z"),
        **marked("data_id", "topic", "value", "text_version"),
        "subject_key": liisa,
    }
    put_lines(data_root, "self", DAY, "other_data", [other, {**other, **marked("given_at")}])


def refused(data_root: DataRoot) -> None:
    """Deliveries that do not hold, under names that tell, and folders that are none of ours."""
    row = csv([{"order_number": f"{MARK}refused"}])
    put(data_root, "crm", DAY, f"{MARK}dataset", row, 1, name=f"{MARK}-a.csv")
    put(data_root, "crm", DAY, "orders", row, 9, name=f"{MARK}-b.csv")
    put(
        data_root,
        "crm",
        DAY,
        "orders",
        row,
        1,
        name=f"{MARK}-c.csv",
        period=f"{MARK}many",
        encoding=f"{MARK}code",
        sha256=f"{MARK}sum",
    )
    put(data_root, "crm", DAY, "orders", row, 1, name=f"{MARK} ääkkösin.csv")
    put(data_root, "crm", f"{MARK}-day", "orders", row, 1)
    put(data_root, "website", DAY, "visits", f'[{{"{MARK}": '.encode(), 1, name=f"{MARK}-d.json")
    put(data_root, "website", DAY, "visits", f'"{MARK} text"'.encode(), 1, name=f"{MARK}-e.json")
    (data_root.inbox / f"{MARK}-source").mkdir()


@dataclass(frozen=True)
class Taken:
    root: Path
    ended: Ended


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """A data root with a marker in every field, after a refresh."""
    root = tmp_path_factory.mktemp("marked") / "data"
    data_root = DataRoot(root)
    data_root.create()
    for fill in (
        population_register,
        crm,
        website,
        consents,
        credit_bureau,
        self_service,
        activities,
        refused,
    ):
        fill(data_root)
    return Taken(root, refresh(root))


def markers_in(text: str | bytes) -> list[str]:
    whole = text.lower() if isinstance(text, bytes) else text.encode().lower()
    return [marker for marker in MARKERS if marker.lower().encode() in whole]


def markers_under(folder: Path) -> dict[str, list[str]]:
    """Which files under the folder hold a marker, or have one in their name."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert paths
    markers_by_path = {
        str(path.relative_to(folder)): markers_in(path.name) + markers_in(path.read_bytes())
        for path in paths
    }
    return {path: markers for path, markers in markers_by_path.items() if markers}


def texts_of_mart(root: Path, purpose: str) -> str:
    """Everything that a mart says, as one lower-case text."""
    tables = mart_tables(root / "marts" / f"{purpose}.duckdb")
    return "\n".join(
        str(value) for rows in tables.values() for row in rows for value in row if value is not None
    ).lower()


PURPOSES = tuple(MARTS)


def test_the_marked_records_were_ingested_and_the_odd_records_were_not(taken: Taken) -> None:
    raw = "\n".join(
        text for _, texts in texts_of_parquet(taken.root / "lake" / "raw") for text in texts
    ).lower()
    assert all(marker.lower() in raw for marker in (MARK, KNOWN, HIDDEN, ODD, PHONE, AMOUNT))
    assert f"{MARK}secret" not in raw
    assert f"{MARK}loans" not in raw
    assert f"{MARK}creed" not in raw
    assert f"{MARK}cut" not in raw
    for dataset in (
        "contacts",
        "contracts",
        "orders",
        "visits",
        "consent_log",
        "credit_reports",
        "perustiedot",
        "muutokset",
        "edits",
        "corrections",
        "eventbrite_attendees",
        "message",
        "calls",
        "uses",
        "other_data",
    ):
        entries = [
            json.loads(path.read_text())
            for path in (taken.root / "lake" / "deliveries").rglob("*.json")
        ]
        assert sum(entry["quarantined"] for entry in entries if entry["dataset"] == dataset), (
            dataset
        )


def test_the_refused_deliveries_are_reported_in_one_line(taken: Taken) -> None:
    assert taken.ended.code == 1
    assert len(taken.ended.err.splitlines()) == 1
    assert "DEL-" in taken.ended.err


def test_nothing_is_printed_to_the_terminal(taken: Taken) -> None:
    assert (markers_in(taken.ended.out), markers_in(taken.ended.err)) == ([], [])


@pytest.mark.clause("P8.1")
@pytest.mark.parametrize("folder", ["dagster", "lake/deliveries", "lake/refused"])
def test_nothing_is_written_outside_the_data(taken: Taken, folder: str) -> None:
    assert markers_under(taken.root / folder) == {}


def test_names_of_files_in_the_lake_disclose_nothing(taken: Taken) -> None:
    assert [
        path
        for path in (taken.root / "lake").rglob("*")
        if markers_in(str(path.relative_to(taken.root)))
    ] == []


@pytest.mark.clause("P4.2", "P5.1")
@pytest.mark.parametrize("purpose", PURPOSES)
def test_identity_codes_are_where_a_contract_or_a_credit_decision_needs_them(
    taken: Taken, purpose: str
) -> None:
    assert (KNOWN.lower() in texts_of_mart(taken.root, purpose)) == (
        purpose in ("contracts", "credit_decision", "legal_claims")
    )
    assert not [
        text for text in (ODD, STRANGER) if text.lower() in texts_of_mart(taken.root, purpose)
    ] or purpose in (
        "contracts",
        "credit_decision",
        "legal_claims",
    )


@pytest.mark.clause("P6.4", "P7.1")
@pytest.mark.parametrize("purpose", PURPOSES)
def test_credit_data_is_in_credit_decisions_alone(taken: Taken, purpose: str) -> None:
    text = texts_of_mart(taken.root, purpose)
    values = [
        AMOUNT,
        *(
            f"{MARK}{field}"
            for field in (
                "creditclass",
                "scale",
                "creditor",
                "remarkid",
                "remarktype",
                "remarkcode",
                "remarksource",
            )
        ),
    ]
    assert [value for value in values if value in text] == (
        values if purpose == "credit_decision" else []
    )


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_protected_address_is_nowhere(taken: Taken, purpose: str) -> None:
    text = texts_of_mart(taken.root, purpose)
    hidden = ("streethidden", "townhidden", "hiddenstreetaddress", "hiddencity")
    assert [value for value in hidden if f"{MARK}{value}" in text] == []


def test_the_register_has_no_protected_address_either(taken: Taken) -> None:
    text = "\n".join(
        text for _, texts in texts_of_parquet(taken.root / "lake" / "register") for text in texts
    ).lower()
    assert [
        value
        for value in ("streethidden", "townhidden", "hiddenstreetaddress", "hiddencity")
        if f"{MARK}{value}" in text
    ] == []


@pytest.mark.clause("P4.4")
def test_analytics_knows_nobody(taken: Taken) -> None:
    """Nothing of a single person: what fewer than the floor have in common is not published."""
    visits = parquet_rows(taken.root / "lake" / "register" / "visits.parquet")
    assert any("analytics" in str(value) for visit in visits for value in visit)
    text = texts_of_mart(taken.root, "analytics")
    assert "analytics" in text
    ids = [
        text
        for path, texts in texts_of_parquet(taken.root / "lake" / "register")
        if path.stem == "registrants"
        for text in texts
        if text.startswith("R")
    ]
    personal = (MARK, *SHAPED, *ids)
    assert [value for value in personal if value.lower() in text] == []


@pytest.mark.clause("P4.5")
def test_people_under_protection_are_in_no_marketing(taken: Taken) -> None:
    assert f"{MARK}hidden" not in texts_of_mart(taken.root, "direct_marketing")


# --- when code raises


def garbage(path: Path) -> None:
    path.write_bytes(f"PAR1 {MARK} {KNOWN} {MARK}PAR1".encode())
    recorded_files.record(path.parent, [path.name])


def wrong_types(path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE ('{MARK} {KNOWN}' AS valid_from) FROM read_parquet('"
            f"{path}')) TO '{path}.new' (FORMAT parquet)"
        )
    Path(f"{path}.new").replace(path)
    recorded_files.record(path.parent, [path.name])


def quoting(data_root: DataRoot, today: object) -> None:
    try:
        raise KeyError(f"{MARK} {KNOWN}")
    except KeyError as cause:
        raise ValueError(f"{MARK} of {PHONE}") from cause


@pytest.mark.parametrize("spoil", [garbage, wrong_types, None])
def test_an_error_that_quotes_data_leaves_its_kind_and_place_alone(
    taken: Taken,
    spoil: Callable[[Path], None] | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    root = copied(taken.root, tmp_path / "data")
    monkeypatch.setenv("REGISTER_HOME", str(root))
    monkeypatch.setenv("DAGSTER_HOME", str(root / "dagster"))
    monkeypatch.setenv("DAGSTER_REDACT_USER_CODE_ERRORS", "1")
    prepare_dagster()
    if spoil:
        spoil(next((root / "lake" / "staged").rglob("names.parquet")))
    else:
        monkeypatch.setattr(building, "build", quoting)
    with (
        caplog.at_level(logging.DEBUG),
        dg.DagsterInstance.from_config(str(root / "dagster")) as instance,
    ):
        job = build_definitions().resolve_job_def("retention")
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"resources": {"today": {"config": {"as_of": "2026-11-20"}}}},
        )
        events = "\n".join(
            record.to_json() if hasattr(record, "to_json") else str(record)
            for record in instance.all_logs(result.run_id)
        )
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert not result.success
    described = failed[0].user_failure_data.description
    assert re.match(
        r"\w+(Exception|Error) at (assets|tests)/\S+\.py:\d+ in \w+; its message is withheld",
        described,
    ), described
    assert markers_under(root / "dagster") == {}
    captured = capfd.readouterr()
    assert [markers_in(text) for text in (events, captured.out, captured.err, caplog.text)] == [
        [],
        [],
        [],
        [],
    ]


def test_a_failed_command_reports_kind_and_place_in_one_line(taken: Taken, tmp_path: Path) -> None:
    root = copied(taken.root, tmp_path / "data")
    wrong_types(next((root / "lake" / "staged").rglob("names.parquet")))
    recorded_files.remove(root / "lake" / "register" / "built.json")
    ended = refresh(root)
    assert ended.code == 1
    assert (markers_in(ended.out), markers_in(ended.err), markers_under(root / "dagster")) == (
        [],
        [],
        {},
    )
    assert len(ended.err.splitlines()) == 1
