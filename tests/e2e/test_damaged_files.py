"""Every kind of file cut, changed by a bit, and deleted: it is noticed and named, and what can be
made again is, to the same rows.

A few files of each kind, by seed; with EVERY_FILE=1 (`make campaign`) every one.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assets.backup import generations, repairing
from assets.backup.damage import examine
from assets.connectors import watermarks
from assets.ingest import deliveries
from assets.ingest.raw import ingest
from assets.marts import building as mart_building
from assets.register import building, pair_cache
from assets.requests import holds, ledger
from assets.sources.all_sources import SOURCES
from assets.staging import staged
from assets.storage import recorded_files
from assets.storage.data_root import RECORDED, DataRoot
from assets.storage.recorded_files import SUMS, DamagedFileError
from schemas.marts import MARTS
from tests.support.commands import register
from tests.support.data_roots import copied, mart_tables, parquet_rows
from tests.support.deliveries import csv, put
from tests.support.erasing import erased
from tests.support.killing import killed_at
from tests.support.known_registrants import NOW, TODAY
from tests.support.namesakes import AGAIN, STAYS, contact
from tests.support.registers import build, take_in

SEED = 16
LATE = "2026-11-19"
EVERYTHING = "EVERY_FILE" in os.environ
KINDS = {
    "raw": "lake/raw/*/*/*.parquet",
    "staged": "lake/staged/*/*/*/*.parquet",
    "quarantine": "lake/quarantine/*/*/*.parquet",
    "ledger": "lake/deliveries/*/*/*.json",
    "register": "lake/register/*",
    "incremental": "lake/incremental/*",
    "what the register keeps": "lake/*.parquet",
    "note of a refused delivery": "lake/refused/*.json",
    "watermark": "lake/fetched/*.json",
    "marts": "marts/*.duckdb",
    "requests": "requests/Q*.json",
    "holds": "requests/holds/*.json",
    "certificates": "requests/certificates/*",
    "suppressions": "requests/suppressions.parquet",
    "pepper": "secrets/pepper",
}


def cut(path: Path, chosen: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chosen.randrange(len(content))])


def flip(path: Path, chosen: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    path.write_bytes(content)


def delete(path: Path, _chosen: random.Random) -> None:
    path.unlink()


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "cut": cut,
    "a bit": flip,
    "deleted": delete,
}


@pytest.fixture(scope="module", autouse=True)
def incrementally() -> Iterator[None]:
    """Builds keep what incremental ones go on from."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REGISTER_INCREMENTAL", "1")
        yield


@pytest.fixture(scope="module")
def whole(
    incrementally: None, known_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> DataRoot:
    """A refreshed data root with an erasure, an open request, and a backup."""
    data_root = DataRoot(copied(known_root, tmp_path_factory.mktemp("whole") / "data"))
    erased(data_root)
    ledger.receive(data_root, "access", "written", [f"email:{STAYS.email}"], NOW)
    identifier = f"customer_number:{STAYS.customer_number}"
    holds.add(data_root, [identifier], "HOLD-CLAIM", "legal", "tester", NOW)
    watermarks.write(data_root, "crm-contacts", {"since": "2026-11-20"})
    put(data_root, "crm", LATE, "contacts", b"cut", 2)
    take_in(data_root)
    shutil.rmtree(data_root.inbox / "crm" / LATE)
    build(data_root, TODAY, MARTS)
    generations.make(data_root, None, datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert examine(data_root).damages == []
    return data_root


@pytest.fixture
def data_root(whole: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    """A copy of it, and REGISTER_HOME, below which errors name paths."""
    copy = DataRoot(copied(whole.root, tmp_path / "data"))
    monkeypatch.setenv("REGISTER_HOME", str(copy.root))
    return copy


def rows(root: Path) -> dict[str, Any]:
    """The rows of every table of lake and marts, and the bytes of all else that is not a record.

    But the pair cache and the components: what they have of pairs that are compared no more, and of
    records that have been swept, depends on the builds before.
    """
    read: dict[str, Any] = {}
    for folder in ("lake", "marts", "requests", "secrets"):
        for path in sorted((root / folder).rglob("*")):
            name = str(path.relative_to(root))
            if not path.is_file() or path.name == SUMS or path.name.startswith("built.json"):
                continue
            if path.name in (pair_cache.COMPARED, "next_changes.parquet"):
                continue
            if path.suffix == ".parquet":
                read[name] = parquet_rows(path)
            elif path.suffix == ".duckdb":
                read[name] = mart_tables(path)
            elif folder != "lake" or "deliveries" in name:
                read[name] = path.read_bytes()
    return read


@pytest.fixture(scope="module")
def before(whole: DataRoot) -> dict[str, Any]:
    return rows(whole.root)


def repaired(data_root: DataRoot) -> list[repairing.Step]:
    steps = repairing.plan(data_root, examine(data_root).damages)
    if repairing.carry_out(data_root, steps):
        build(data_root, TODAY, MARTS)
    return steps


def chosen_files(root: Path, kind: str, chosen: random.Random) -> list[Path]:
    files = sorted(path for path in root.glob(KINDS[kind]) if path.name != SUMS)
    return files if EVERYTHING else [chosen.choice(files)]


def test_every_file_of_the_lake_is_recorded_by_its_folder(data_root: DataRoot) -> None:
    """After deliveries, also a refused one, builds, an erasure and a backup: what writes there also
    records.
    """
    put(data_root, "crm", AGAIN, "contacts", b"cut", 2)
    take_in(data_root)
    mart_building.build(data_root, "contracts", TODAY)
    assert {path.parent.name for path in data_root.lake.glob("*/*.*")} >= {"refused", "built"}
    unrecorded = [
        str(path.relative_to(data_root.lake))
        for path in sorted(data_root.lake.rglob("*"))
        if path.is_file()
        and path.name != SUMS
        and path.name not in recorded_files.read(path.parent).accepted
    ]
    assert unrecorded == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_damage_is_noticed_and_named_and_can_be_put_right(
    data_root: DataRoot, kind: str
) -> None:
    chosen = random.Random(f"{SEED} {kind}")
    for damage in DAMAGES.values():
        for path in chosen_files(data_root.root, kind, chosen):
            name, content = str(path.relative_to(data_root.root)), path.read_bytes()
            damage(path, chosen)
            damages = examine(data_root).damages
            assert [each.path for each in damages] == [name]
            assert all(step.is_possible for step in repairing.plan(data_root, damages)), name
            path.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_again_has_the_same_rows(
    data_root: DataRoot, before: dict[str, Any], kind: str
) -> None:
    chosen = random.Random(f"{SEED} {kind}")
    for path in chosen_files(data_root.root, kind, chosen):
        name = str(path.relative_to(data_root.root))
        DAMAGES[chosen.choice(sorted(DAMAGES))](path, chosen)
        repaired(data_root)
        assert examine(data_root).damages == [], name
        after = rows(data_root.root)
        assert [each for each in before if after.get(each) != before[each]] == [], name


def test_a_damage_is_named_by_layer_source_day_and_delivery(data_root: DataRoot) -> None:
    path = data_root.files("staged", "crm", name="*/persons")[0]
    flip(path, random.Random(SEED))
    (found,) = examine(data_root).damages
    assert (found.code, found.layer, found.source) == ("FILE-CHANGED", "staged", "crm")
    assert (found.day, found.delivery) == path.parts[-3:-1]


@pytest.mark.parametrize("layer", ["raw", "staged", "quarantine", "deliveries"])
def test_a_lost_folder_is_noticed(data_root: DataRoot, layer: str) -> None:
    folder = next((data_root.lake / layer / "crm").iterdir())
    shutil.rmtree(folder)
    found = [each.path for each in examine(data_root).damages]
    assert any(each.split("/")[2:4] == ["crm", folder.name] for each in found), found


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_of_a_folder_is_noticed_and_written_again(
    data_root: DataRoot, damage: str
) -> None:
    path = next((data_root.lake / "raw" / "crm").glob(f"*/{SUMS}"))
    flip(path, random.Random(SEED)) if damage == "a bit" else DAMAGES[damage](
        path, random.Random(SEED)
    )
    found = [each.path for each in examine(data_root).damages]
    assert any(each.startswith("lake/raw/crm/") for each in found)
    repaired(data_root)
    assert examine(data_root).damages == []


def test_what_no_backup_has_is_named_and_the_rest_is_repaired(data_root: DataRoot) -> None:
    shutil.rmtree(data_root.root / "backups")
    lost = data_root.files("raw", "crm")[0]
    lost.unlink()
    flip(data_root.register("registrants"), random.Random(SEED))
    steps = {step.damage.path: step.action for step in repaired(data_root)}
    name = str(lost.relative_to(data_root.root))
    assert steps == {name: repairing.NOTHING, "lake/register/registrants.parquet": repairing.BUILD}
    assert [each.path for each in examine(data_root).damages] == [name]


def test_staged_is_not_made_again_of_a_raw_that_has_fewer_records(data_root: DataRoot) -> None:
    shutil.rmtree(data_root.root / "backups")
    entry = next(entry for entry in deliveries.ledger(data_root, "crm") if entry.staged)
    deliveries.enter(
        data_root, replace(entry, staged=entry.staged + 1, delivered=entry.delivered + 1)
    )
    next(staged.staged_folder(data_root, entry).glob("*.parquet")).unlink()
    (step,) = repairing.plan(data_root, examine(data_root).damages)
    assert step.action == repairing.NOTHING


def test_with_a_staged_file_lost_other_sources_go_on_and_nothing_is_published(
    data_root: DataRoot,
) -> None:
    published = {path: path.read_bytes() for path in data_root.marts.glob("*.duckdb")}
    data_root.files("staged", "website", name="*/*")[0].unlink()
    people = [contact("880007770001", "Uusi", "Tulokas", "uusi@example.fi", "1970-01-01")]
    put(data_root, "crm", AGAIN, "contacts", csv(people), len(people))
    crm = next(source for source in SOURCES if source.name == "crm")
    assert len(ingest(data_root, crm, None, TODAY).entries) == 1
    assert len(staged.stage(data_root, crm, {AGAIN})) == 1
    with pytest.raises(DamagedFileError, match="FILE-MISSING: lake/staged/website"):
        building.build(data_root, TODAY)
    assert {path: path.read_bytes() for path in data_root.marts.glob("*.duckdb")} == published


def test_a_bit_of_the_same_size_is_found_when_the_file_is_used(data_root: DataRoot) -> None:
    uses: dict[Path, tuple[str, ...]] = {
        data_root.files("staged", "crm", name="*/persons")[0]: ("refresh", "--as-of", AGAIN),
        data_root.register("registrants"): ("why", "R0123456789ABCDEF", "direct_marketing"),
        data_root.marts / "customer_care.duckdb": ("sql", "customer_care"),
    }
    for path, command in uses.items():
        content = path.read_bytes()
        flip(path, random.Random(SEED))
        ended = register(data_root.root, *command)
        assert ended.code == 1
        assert f"FILE-CHANGED: {path.relative_to(data_root.root)}" in ended.err, ended.err
        path.write_bytes(content)


def test_raw_is_compared_before_it_is_staged_or_rewritten(data_root: DataRoot) -> None:
    """What is derived from a damaged file would pass for intact from then on."""
    path = data_root.files("raw", "crm")[0]
    flip(path, random.Random(SEED))
    crm = next(source for source in SOURCES if source.name == "crm")
    with pytest.raises(DamagedFileError, match="FILE-CHANGED: lake/raw/crm"):
        staged.stage(data_root, crm, {path.parent.name}, again=True)


def test_an_older_data_root_has_no_damage_and_is_recorded_by_a_repair(
    data_root: DataRoot,
) -> None:
    for path in [*data_root.root.rglob(SUMS), data_root.lake / RECORDED]:
        path.unlink(missing_ok=True)
    examined = examine(data_root)
    assert (examined.damages, examined.unrecorded["raw"] > 0) == ([], True)
    repairing.record_all(data_root)
    examined = examine(data_root)
    assert (examined.damages, examined.unrecorded.total()) == ([], 0)
    data_root.files("staged", "crm", name="*/*")[0].unlink()
    assert [each.code for each in examine(data_root).damages] == ["FILE-MISSING"]


def test_the_commands_name_it_and_repair_it(data_root: DataRoot) -> None:
    root, path = data_root.root, data_root.register("registrants")
    name = str(path.relative_to(root))
    assert register(root, "verify", "--files").code == 0
    cut(path, random.Random(SEED))
    ended = register(root, "verify", "--files", "--json")
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert [damage["path"] for damage in ended.data["damages"]] == [name]
    ended = register(root, "refresh", "--as-of", AGAIN)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert f"FILE-CHANGED: {name}" in ended.err
    content = path.read_bytes()
    listed = register(root, "repair")
    assert (listed.code, name in listed.out, path.read_bytes() == content) == (1, True, True)
    ended = register(root, "repair", "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert register(root, "verify", "--files").code == 0


MOMENTS = {
    "raw is written": "lake/raw/crm/*/*.parquet",
    "the entry is written": "lake/deliveries/crm/*/*.json",
    "staged is moved in": "lake/staged/crm/*/*",
    "the register is being written": "lake/register/.unfinished-*",
    "a mart is published": "marts/contracts.duckdb",
}


def test_what_a_kill_leaves_is_no_damage(data_root: DataRoot) -> None:
    people = [contact("880007770001", "Uusi", "Tulokas", "uusi@example.fi", "1970-01-01")]
    put(data_root, "crm", AGAIN, "contacts", csv(people), len(people))
    for moment, pattern in MOMENTS.items():
        assert killed_at(data_root.root, pattern, "refresh", "--as-of", AGAIN), moment
        ended = register(data_root.root, "verify", "--files")
        assert (ended.code, ended.err) == (0, ""), moment
    assert register(data_root.root, "refresh", "--as-of", AGAIN).code == 0
    assert register(data_root.root, "verify", "--files").code == 0
