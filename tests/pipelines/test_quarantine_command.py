"""`register quarantine` shows which records failed which rules; records to the entitled only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result

from assets.ingest import raw
from assets.sources.all_sources import SOURCES
from assets.staging import staged
from assets.storage.data_root import DataRoot
from pipelines.cli import private_views
from pipelines.cli.quarantine import quarantine
from tests.support.dated_records import order
from tests.support.deliveries import csv, put
from tests.support.made_once import made_once
from tests.support.registers import TODAY, typed

DAYS = ("2026-11-03", "2026-11-04")
AT = "2026-11-02T10:00:00+02:00"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of orders, staged: the second and third are in quarantine, each day; the third has
    neither a number nor a party.
    """

    def make(folder: Path) -> None:
        data_root = DataRoot(folder / "data")
        data_root.create()
        for amount, day in zip(("10.00", "20.00"), DAYS, strict=True):
            orders = [
                order(number, customer, AT, amount)
                for number, customer in (("1", "C0000001"), ("", "C0000777"), ("", ""))
            ]
            put(data_root, "crm", day, "orders", csv(orders), len(orders))
        [crm] = [source for source in SOURCES if source.name == "crm"]
        raw.ingest(data_root, crm, None, TODAY)
        staged.stage(data_root, crm, set(DAYS))

    return made_once(tmp_path_factory, "quarantined", make) / "data"


@pytest.fixture
def data_root(filled: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(Path(shutil.copytree(filled, tmp_path / "data")))


def shown(data_root: DataRoot, *words: str) -> Result:
    ended = typed(data_root, quarantine, *words)
    assert ended.exit_code == 0, ended.output
    return ended


def records(data_root: DataRoot, *words: str) -> list[tuple[str, int]]:
    listed = json.loads(shown(data_root, *words, "--json").output)["records"]
    return [(each["day"], each["record_no"]) for each in listed]


def test_it_lists_place_and_rules_of_each_record_and_what_they_mean(data_root: DataRoot) -> None:
    text = shown(data_root).output
    lines = [line.split() for line in text.splitlines()]
    [delivery] = {line[2] for line in lines if line[:2] == ["crm", DAYS[0]]}
    assert ["crm", DAYS[0], delivery, "2", "ORDER-NUMBER", "ORDER-PARTY"] in lines
    assert "crm     ORDER-NUMBER        4  the order has no number" in text
    assert "crm     ORDER-PARTY         2  the order names neither" in text
    assert "docs/operators-guide.md#quarantine" in text
    assert "C0000777" not in text


def test_rule_day_and_source_choose_among_them(data_root: DataRoot) -> None:
    assert records(data_root) == [(day, number) for day in DAYS for number in (1, 2)]
    assert records(data_root, "ORDER-PARTY") == [(day, 2) for day in DAYS]
    assert records(data_root, "--day", DAYS[1]) == [(DAYS[1], 1), (DAYS[1], 2)]
    assert records(data_root, "--source", "website") == []
    assert records(data_root, "--limit", "1") == [(DAYS[0], 1)]
    assert "and 3 more" in shown(data_root, "--limit", "1").output
    assert "No such record" in shown(data_root, "NOSUCH-RULE").output


def test_a_source_that_is_none_is_refused(data_root: DataRoot) -> None:
    ended = typed(data_root, quarantine, "--source", "nosuch")
    assert ended.exit_code == 1
    assert "no source nosuch; there are" in ended.output


def test_the_records_themselves_are_shown_on_request_and_who_looked_is_recorded(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "testi")
    path = data_root.root / private_views.FILE
    assert not path.exists()
    assert "C0000777" in shown(data_root, "--private", "--day", DAYS[0]).output
    [line] = map(json.loads, path.read_text().splitlines())
    assert (line["actor"], line["command"]) == ("testi", "quarantine")
    assert [each.split("/")[:2] for each in line["ids"]] == [["crm", DAYS[0]]] * 2
    assert "C0000777" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_raw_does_not_have_any_more_is_listed_without_the_record(data_root: DataRoot) -> None:
    for file in data_root.files("raw", "crm", DAYS[0]):
        file.unlink()
    data = json.loads(shown(data_root, "--private", "--json").output)
    assert [("record" in each, each["day"]) for each in data["records"]] == [
        (day == DAYS[1], day) for day in DAYS for _ in range(2)
    ]
