"""`register refresh` as an operator runs it: what it takes in, what it refuses, and that running it
again changes nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from pipelines.writer_lock import NOT_IN_PATHS
from schemas.delivery import REFUSALS
from schemas.marts import MARTS
from tests.support.commands import Refreshed, refresh, register
from tests.support.data_roots import (
    contents,
    copied,
    delivery_days,
    differing,
    inbox_files,
    ledger_entries,
    leftovers,
    unfinished_runs,
)
from tests.support.deliveries import basic_data, put
from tests.support.population_register_messages import code, name, person


def test_the_first_refresh_ends_well_with_a_table_of_everything(refreshed: Refreshed) -> None:
    assert (refreshed.ended.code, refreshed.ended.err) == (0, "")
    for heading in ("Deliveries", "Register", "Marts"):
        assert f"\n{heading}\n" in refreshed.ended.out
    for purpose in MARTS:
        assert f"\n{purpose} " in refreshed.ended.out


def test_every_delivered_record_is_accounted_for(refreshed: Refreshed, sampled: Path) -> None:
    entries = ledger_entries(refreshed.root)
    promised: dict[tuple[str, str], int] = {}
    for path in inbox_files(sampled):
        if path.name.endswith(".manifest.json"):
            manifest = json.loads(path.read_text())
            promised[path.parent.name, manifest["sha256"]] = manifest["records"]
    assert {(entry.day, entry.sha256): entry.delivered for entry in entries} == promised
    assert [entry.delivery_id for entry in entries if not entry.conserved] == []


def test_originals_are_removed_from_the_inbox(refreshed: Refreshed) -> None:
    assert inbox_files(refreshed.root) == []


def test_nothing_unfinished_is_left(refreshed: Refreshed) -> None:
    assert leftovers(refreshed.root) == []
    assert unfinished_runs(refreshed.root) == []


@pytest.mark.clause("P8.1", "P8")
def test_only_the_owner_may_read_the_data_root(refreshed: Refreshed) -> None:
    open_to_others = [
        path
        for path in refreshed.root.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    assert [str(path.relative_to(refreshed.root)) for path in open_to_others] == []


def test_a_second_refresh_finds_nothing_new_and_is_quick(
    refreshed: Refreshed, tmp_path: Path
) -> None:
    root = copied(refreshed.root, tmp_path / "data")
    again = refresh(root)
    assert (again.code, again.err) == (0, "")
    assert again.out.startswith("Nothing new")
    assert again.seconds < refreshed.ended.seconds / 2
    assert differing(contents(root), refreshed.contents) == []


def test_a_refresh_reports_the_same_to_machines(refreshed: Refreshed, tmp_path: Path) -> None:
    output = refresh(copied(refreshed.root, tmp_path / "data"), "--json").data
    entries = ledger_entries(refreshed.root)
    assert output["new"] is False
    assert sum(source["delivered"] for source in output["sources"].values()) == sum(
        entry.delivered for entry in entries
    )
    assert output["registrants"] == len(refreshed.contents["register/registrants"])
    assert output["marts"] == {
        purpose: {
            table: len(refreshed.contents[f"{purpose}/{table}"])
            for table in output["marts"][purpose]
        }
        for purpose in MARTS
    }


def test_the_same_deliveries_again_change_nothing(
    refreshed: Refreshed, sampled: Path, tmp_path: Path
) -> None:
    root = copied(refreshed.root, tmp_path / "data")
    shutil.copytree(sampled / "inbox", root / "inbox", dirs_exist_ok=True)
    ended = refresh(root)
    assert (ended.code, ended.err) == (0, "")
    assert inbox_files(root) == []
    assert ledger_entries(root) == ledger_entries(refreshed.root)
    assert differing(contents(root), refreshed.contents) == []


def test_days_taken_in_one_by_one_and_out_of_order_give_the_same_register(
    refreshed: Refreshed, sampled: Path, tmp_path: Path
) -> None:
    root = copied(sampled, tmp_path / "data")
    for day in reversed(delivery_days(root)):
        ended = refresh(root, "--date", day)
        assert (ended.code, ended.err) == (0, "")
        assert day not in delivery_days(root)
    assert differing(contents(root), refreshed.contents) == []
    # A record that raw had already let go of when its predecessor came late keeps the outcome
    # `staged`: the sum is what holds.
    assert [
        (entry.delivery_id, entry.staged + entry.duplicates) for entry in ledger_entries(root)
    ] == [
        (entry.delivery_id, entry.staged + entry.duplicates)
        for entry in ledger_entries(refreshed.root)
    ]


PERSON = person(code("010190-900"), name("Nimekäs", "Salainen"))
BODY = json.dumps({"perustiedot": [PERSON], "ajanTasalla": True}, ensure_ascii=False).encode()
DAY = "2026-11-20"
SECRETS = ("Nimekäs", "Salainen", code("010190-900"), "asiakas-salainen", "hatch")


def _deliver(
    data_root: DataRoot,
    data: bytes = BODY,
    records: int = 1,
    *,
    day: str = DAY,
    dataset: str = "perustiedot",
    file: str = "",
    **manifest: object,
) -> Path:
    return put(data_root, "population_register", day, dataset, data, records, name=file, **manifest)


def _link(data_root: DataRoot) -> Path:
    path = _deliver(data_root, file="a-link.json")
    target = data_root.root.parent / "hatch.json"
    path.rename(target)
    path.symlink_to(target)
    return path


def _folder(data_root: DataRoot) -> Path:
    path = _deliver(data_root, file="a-folder.json")
    path.unlink()
    path.mkdir()
    return path


def _manifest(text: str) -> Callable[[DataRoot], Path]:
    def deliver(data_root: DataRoot) -> Path:
        path = _deliver(data_root, file=f"manifest-{len(text)}.json")
        path.with_name(path.name + ".manifest.json").write_text(text)
        return path

    return deliver


HOSTILE = "asiakas-salainen\n\x1b[31m$(touch hatch)"
REFUSED: dict[str, tuple[str, Callable[[DataRoot], Path]]] = {
    "a name with other characters": (
        "DEL-NAME",
        lambda data_root: _deliver(data_root, file=HOSTILE),
    ),
    "a name with a blank": (
        "DEL-NAME",
        lambda data_root: _deliver(data_root, file="asiakas-salainen Nimekäs.json"),
    ),
    "a link": ("DEL-NOT-A-FILE", _link),
    "a folder": ("DEL-NOT-A-FILE", _folder),
    "a manifest that is not JSON": ("DEL-MANIFEST", _manifest("Salainen {")),
    "a manifest without fields": ("DEL-MANIFEST", _manifest("{}")),
    "a manifest that is empty": ("DEL-MANIFEST", _manifest("")),
    "a manifest nested deep": ("DEL-MANIFEST", _manifest("[" * 100_000)),
    "an unknown encoding": (
        "DEL-ENCODING",
        lambda data_root: _deliver(data_root, file="encoding.json", encoding="Salainen"),
    ),
    "bytes in another encoding": (
        "DEL-ENCODING",
        lambda data_root: _deliver(
            data_root, BODY.replace("ä".encode(), "ä".encode("cp1252")), file="latin.json"
        ),
    ),
    "an unknown dataset": (
        "DEL-DATASET",
        lambda data_root: _deliver(data_root, file="dataset.json", dataset="Salainen"),
    ),
    "another size": (
        "DEL-SIZE",
        lambda data_root: _deliver(data_root, file="size.json", bytes=len(BODY) + 1),
    ),
    "another hash": (
        "DEL-SHA256",
        lambda data_root: _deliver(data_root, file="hash.json", sha256="0" * 64),
    ),
    "fewer records than promised": (
        "DEL-RECORDS",
        lambda data_root: _deliver(data_root, records=2, file="records.json"),
    ),
    "an empty file": (
        "DEL-STRUCTURE",
        lambda data_root: _deliver(data_root, b"", 0, file="empty.json"),
    ),
    "half a file": (
        "DEL-STRUCTURE",
        lambda data_root: _deliver(data_root, BODY[:-25], 1, file="half.json"),
    ),
    "another format": (
        "DEL-STRUCTURE",
        lambda data_root: _deliver(data_root, b"nimi\nSalainen\n", 1, file="other.json"),
    ),
    "a future day": ("DEL-DAY", lambda data_root: _deliver(data_root, day="2099-01-01")),
    "a day before there were deliveries": (
        "DEL-DAY",
        lambda data_root: _deliver(data_root, day="2014-12-31"),
    ),
    "a folder that is no day": (
        "DEL-DAY",
        lambda data_root: _deliver(data_root, day="asiakas-salainen"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_delivery_is_refused_with_its_code_and_stays(case: str, tmp_path: Path) -> None:
    """Each alone, through the steps of a refresh without Dagster; the whole command is tried below
    with all of them.
    """
    from assets.ingest import raw
    from assets.sources import population_register
    from tests.support.registers import TODAY

    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    wanted, deliver = REFUSED[case]
    path = deliver(data_root)
    done = raw.ingest(data_root, population_register.SOURCE, None, TODAY)
    assert [why.split(":")[0] for _, why in done.refused] == [wanted]
    assert wanted in REFUSALS
    assert path.exists()
    assert path.with_name(path.name + ".manifest.json").exists()
    assert done.entries == []
    assert list(data_root.lake.rglob("*.parquet")) == []
    for secret in SECRETS:
        assert secret not in repr(done.refused)


@pytest.fixture(scope="module")
def with_refusals(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[Path], list[object]]:
    """A data root with one good delivery among every bad one, refreshed twice."""
    data_root = DataRoot(tmp_path_factory.mktemp("refused") / "data")
    data_root.create()
    bad = [deliver(data_root) for _, deliver in REFUSED.values()]
    basic_data(data_root, DAY, [PERSON])
    lonely = data_root.inbox / "population_register" / DAY / "no-manifest.json"
    lonely.write_bytes(BODY)
    return data_root.root, [*bad, lonely], [refresh(data_root.root), refresh(data_root.root)]


@pytest.mark.parametrize("time", [0, 1])
def test_refusals_end_the_refresh_with_one_line_without_personal_data(
    with_refusals: tuple[Path, list[Path], list[object]], time: int
) -> None:
    _, _, ended = with_refusals
    assert ended[time].code == 1
    assert ended[time].err.startswith(f"register: refused {len(REFUSED)} of the deliveries")
    assert ended[time].err.count("\n") == 1
    for secret in SECRETS:
        assert secret not in ended[time].err + ended[time].out


def test_refused_deliveries_stay_and_the_valid_delivery_is_ingested(
    with_refusals: tuple[Path, list[Path], list[object]],
) -> None:
    root, bad, _ = with_refusals
    assert [path.name for path in bad if not path.exists()] == []
    assert [entry.delivered for entry in ledger_entries(root)] == [1]
    assert len(contents(root)["register/registrants"]) == 1


def test_refused_deliveries_do_not_make_every_refresh_start_over(
    with_refusals: tuple[Path, list[Path], list[object]],
) -> None:
    _, _, (first, second) = with_refusals
    assert second.seconds < first.seconds / 2


@pytest.mark.parametrize("character", NOT_IN_PATHS)
def test_a_data_root_with_a_path_that_reads_as_a_pattern_is_refused(
    character: str, tmp_path: Path
) -> None:
    ended = register(tmp_path / f"a{character}b", "refresh")
    assert ended.code == 1
    assert "choose a folder without" in ended.err
    assert list(tmp_path.iterdir()) == []
