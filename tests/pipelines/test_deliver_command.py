"""`register deliver`: what a refresh would refuse is refused now, the rest is in the inbox."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assets.ingest import deliveries
from assets.ingest.raw import ingest
from assets.sources.all_sources import SOURCES
from assets.staging.staged import stage
from assets.storage.data_root import DataRoot
from pipelines.cli.main import register
from pipelines.days import last_day
from tests.support.data_roots import inbox_files
from tests.support.deliveries import csv

DAY = "2026-11-20"
REPORT = {
    "socialSecurityNumber": "010190-999W",
    "dateOfBirth": "1990-01-01",
    "creditClass": "A",
    "scale": "A-D",
    "remarks": [],
    "purposeCode": "1",
}
CONTACTS = csv(
    [
        {"Record ID": "1", "First Name": "Maija", "Last Name": "Möttönen", "Email": "m@example.fi"},
        {"Record ID": "", "First Name": "Matti", "Last Name": "Möttönen", "Email": "n@example.fi"},
        {"Record ID": "1", "First Name": "Maija", "Last Name": "Möttönen", "Email": "m@example.fi"},
    ]
)
Deliver = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    made = DataRoot(tmp_path / "data")
    made.create()
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


@pytest.fixture
def deliver(root: DataRoot, tmp_path: Path) -> Deliver:
    def command(content: bytes, *arguments: str, source: str = "crm", name: str = "f") -> Result:
        path = tmp_path / name
        path.write_bytes(content)
        given = ["deliver", str(path), "--source", source, "--day", DAY, *arguments]
        return CliRunner().invoke(register, given)

    return command


def everything(root: Path) -> list[tuple[str, int]]:
    return sorted(
        (str(path), 0 if path.is_dir() else path.lstat().st_mtime_ns) for path in root.rglob("*")
    )


def test_what_is_predicted_is_what_ingest_and_staging_do(root: DataRoot, deliver: Deliver) -> None:
    done = deliver(CONTACTS, "--encoding", "utf-8", "--json")
    assert done.exit_code == 0, done.output
    predicted: dict[str, Any] = json.loads(done.stdout)
    crm = next(source for source in SOURCES if source.name == "crm")
    ingest(root, crm, {DAY}, last_day(root))
    (entry,) = stage(root, crm, {DAY})
    assert (predicted["dataset"], predicted["before"]) == ("contacts", "new")
    assert (
        {name: predicted[name] for name in ("delivered", "staged", "quarantined", "duplicates")}
        == {
            "delivered": entry.delivered,
            "staged": entry.staged,
            "quarantined": entry.quarantined,
            "duplicates": entry.duplicates,
        }
        == {"delivered": 3, "staged": 1, "quarantined": 1, "duplicates": 1}
    )
    assert predicted["codes"] == entry.codes
    assert deliver(CONTACTS, "--encoding", "utf-8").stdout.endswith(
        "the same file was taken in already on that day: nothing was done\n"
    )
    assert inbox_files(root.root) == []


def test_a_dry_run_writes_nothing_anywhere(root: DataRoot, deliver: Deliver) -> None:
    deliver(CONTACTS, "--encoding", "utf-8", "--dry-run")
    before = everything(root.root)
    done = deliver(CONTACTS, "--encoding", "utf-8", "--dry-run")
    assert done.exit_code == 0
    assert everything(root.root) == before
    assert inbox_files(root.root) == []


def test_no_value_of_the_file_is_shown(deliver: Deliver) -> None:
    for arguments in (("--encoding", "utf-8"), ("--encoding", "utf-8", "--dataset", "orders")):
        done = deliver(CONTACTS, *arguments)
        assert not any(value in done.output for value in ("Maija", "ttönen", "example.fi"))


def test_the_same_file_twice_says_so(root: DataRoot, deliver: Deliver) -> None:
    deliver(CONTACTS, "--encoding", "utf-8")
    again = deliver(CONTACTS, "--encoding", "utf-8")
    assert "the same file waits in the inbox already" in again.stdout
    assert len(inbox_files(root.root)) == 2


def test_a_mended_declaration_replaces_what_waits(root: DataRoot, deliver: Deliver) -> None:
    text = b"Record ID,Email\n1,m@example.fi\n"
    deliver(text, "--encoding", "cp1252")
    assert "replaces the manifest" in deliver(text, "--encoding", "utf-8").stdout
    (item,) = deliveries.waiting(root, "crm")
    assert json.loads(item.manifest_path.read_text())["encoding"] == "utf-8"


@pytest.mark.parametrize(
    ("content", "arguments", "code"),
    [
        (b"\xff\xfea\x00", ("--encoding", "utf-8"), "DEL-ENCODING"),
        (
            CONTACTS.decode().encode("cp1252"),
            ("--encoding", "utf-8", "--dataset", "contacts"),
            "DEL-ENCODING",
        ),
        (CONTACTS, ("--encoding", "ebcdic"), "DEL-ENCODING"),
        (CONTACTS, ("--encoding", "utf-8", "--dataset", "letters"), "DEL-DATASET"),
        (CONTACTS, ("--encoding", "utf-8", "--purpose", "curiosity"), "DEL-MANIFEST"),
        (CONTACTS, ("--encoding", "utf-8", "--day", "2014-12-31"), "DEL-DAY"),
        (CONTACTS, ("--encoding", "utf-8", "--day", "2199-12-31"), "DEL-DAY"),
        (CONTACTS, ("--encoding", "utf-8", "--period", "2026-11-02", "2026-11-01"), "DEL-MANIFEST"),
        (CONTACTS, ("--encoding", "utf-8", "--dataset", "orders"), "DEL-STRUCTURE"),
        (
            b"Record ID,Email\n",
            ("--encoding", "utf-8", "--dataset", "contacts"),
            "DEL-EMPTY-SNAPSHOT",
        ),
        (b"\x00\x01\x02", ("--encoding", "utf-8"), "DEL-DATASET"),
    ],
)
def test_what_a_refresh_would_refuse_is_refused_now(
    root: DataRoot, deliver: Deliver, content: bytes, arguments: tuple[str, ...], code: str
) -> None:
    done = deliver(content, *arguments)
    assert (done.exit_code, code in done.stderr) == (1, True), done.output
    assert inbox_files(root.root) == []
    assert "\n" not in done.stderr.strip()


def test_without_a_mark_the_encoding_is_asked_for(deliver: Deliver) -> None:
    assert deliver(CONTACTS).exit_code == 2
    assert deliver(b"\xef\xbb\xbf" + CONTACTS).exit_code == 0


def test_a_link_a_folder_and_no_file_are_refused(root: DataRoot, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    for path, code in ((link, 1), (tmp_path, 1), (tmp_path / "none", 2)):
        done = CliRunner().invoke(register, ["deliver", str(path), "--source", "crm"])
        assert done.exit_code == code
    unknown = CliRunner().invoke(register, ["deliver", str(link), "--source", "gossip"])
    assert "DEL-SOURCE" in unknown.stderr


def test_two_datasets_that_fit_need_a_name(deliver: Deliver) -> None:
    done = deliver(b"\n", "--encoding", "utf-8", source="self")
    assert "edits, corrections, other_data fit the file" in done.stderr


def test_a_zip_file_stays_one(root: DataRoot, deliver: Deliver) -> None:
    """Readers know it by its name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("contacts.csv", CONTACTS)
    done = deliver(
        packed.getvalue(), "--encoding", "utf-8", "--dataset", "contacts", "--json", name="x.ZIP"
    )
    assert json.loads(done.stdout)["delivered"] == 3
    (item,) = deliveries.waiting(root, "crm")
    assert item.path.suffix == ".zip"
    crm = next(source for source in SOURCES if source.name == "crm")
    assert [entry.delivered for entry in ingest(root, crm, {DAY}, last_day(root)).entries] == [3]


def test_the_one_dataset_that_fits_needs_no_name(root: DataRoot, deliver: Deliver) -> None:
    done = deliver(
        json.dumps(REPORT).encode(), "--encoding", "utf-8", "--json", source="credit_bureau"
    )
    assert json.loads(done.stdout)["dataset"] == "credit_reports"
    (item,) = deliveries.waiting(root, "credit_bureau")
    assert json.loads(item.manifest_path.read_text())["purpose"] == "credit_decision"


def test_what_fits_no_dataset_is_refused_with_the_reason_of_each(deliver: Deliver) -> None:
    report = {**REPORT, "socialSecurityNumber": "010190-999X"}
    done = deliver(json.dumps(report).encode(), "--encoding", "utf-8", source="credit_bureau")
    assert done.exit_code == 1
    assert "credit_reports: all quarantined by CREDIT-HETU-CHECKSUM" in done.stderr
    assert "uc_reports: DEL-STRUCTURE" in done.stderr
