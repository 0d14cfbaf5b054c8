"""A damaged Dagster database, or its settings, blocks nothing that is not Dagster's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import dagster as dg
import pytest

from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import DAMAGED_HISTORY, describe
from pipelines.cli.janitor import janitor
from pipelines.cli.refresh import dagster, execute
from pipelines.cli.repair import repair
from pipelines.cli.verify import verify_command
from pipelines.dagster_home import prepare_dagster
from pipelines.dagster_instance import DamagedHistoryError, opened
from pipelines.writer_lock import COMMAND, writer
from tests.support.data_roots import copied
from tests.support.known_registrants import TODAY
from tests.support.registers import typed

FILES = {
    "runs": "history/runs.db",
    "events": "history/runs/index.db",
    "schedules": "schedules/schedules.db",
    "settings": "dagster.yaml",
}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path: Path) -> None:
    path.write_bytes("Matti Meikäläinen\n".encode("latin-1") * 400)


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": cut,
    "text": text,
    "empty": empty,
    "missing": Path.unlink,
}
HEALED = {("runs", "missing"), ("events", "missing"), ("schedules", "missing")}
"""What Dagster makes again, and says nothing of."""
HEALED |= {("runs", "empty"), ("schedules", "empty")}
HEALED |= {("settings", damage) for damage in ("cut", "empty", "missing")}
READING: dict[str, tuple[click.Command, tuple[str, ...]]] = {
    "verify --certificates": (verify_command, ("--certificates",)),
    "verify --files": (verify_command, ("--files",)),
    "verify": (verify_command, ()),
    "repair": (repair, ()),
}


@pytest.fixture(scope="module")
def with_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root without data, with a run in Dagster."""
    data_root = DataRoot(tmp_path_factory.mktemp("history") / "data")
    data_root.create()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REGISTER_HOME", str(data_root.root))
        patched.setenv("DAGSTER_HOME", "")
        with opened() as instance:
            instance.add_dynamic_partitions("requests", ["Q"])
            instance.add_run(dg.DagsterRun(job_name="refresh", run_id="1"))
    return data_root.root


@pytest.fixture
def damaged(
    with_history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], DataRoot]:
    def make(file: str, damage: str) -> DataRoot:
        data_root = DataRoot(copied(with_history, tmp_path / "data"))
        monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
        monkeypatch.setenv("DAGSTER_HOME", "")
        prepare_dagster()
        path = data_root.dagster / FILES[file]
        for leftover in path.parent.glob(f"{path.name}-*"):
            leftover.unlink()
        DAMAGES[damage](path)
        return data_root

    return make


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_what_only_compares_or_reports_goes_on(
    damaged: Callable[[str, str], DataRoot], file: str, damage: str
) -> None:
    data_root = damaged(file, damage)
    # All commands look for runs that died in the same way: each once.
    commands = READING if (file, damage) == ("runs", "cut") else [*READING][:1]
    for name in commands:
        command, words = READING[name]
        (data_root.root / "writer.lock").write_text(COMMAND)  # a run died, and is to be ended
        ended = typed(data_root, command, *words)
        assert ended.exit_code == 0, (name, ended.output, ended.exception)
        assert "Matti" not in ended.output
        if (file, damage) not in HEALED and name == "verify --certificates":
            assert DAMAGED_HISTORY in ended.stderr


@pytest.mark.parametrize(
    ("file", "damage"),
    [("runs", "cut"), ("events", "empty"), ("schedules", "text"), ("settings", "missing")],
)
def test_what_starts_a_run_goes_on_without_recording_it(
    damaged: Callable[[str, str], DataRoot],
    file: str,
    damage: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data_root = damaged(file, damage)
    with writer(data_root):
        instance, job = dagster()
        execute(job("rotation"), instance, TODAY, {})
        instance.dispose()
    printed = capsys.readouterr().err
    is_healed = (file, damage) in HEALED
    expected = "" if is_healed else f"this run is recorded nowhere: {DAMAGED_HISTORY}"
    assert printed.strip() == expected


@pytest.mark.parametrize(("file", "damage"), [("runs", "cut"), ("settings", "text")])
def test_what_is_dagster_s_says_how_to_begin_a_new_history_and_that_helps(
    damaged: Callable[[str, str], DataRoot], file: str, damage: str
) -> None:
    data_root = damaged(file, damage)
    ended = typed(data_root, janitor)
    assert isinstance(ended.exception, DamagedHistoryError)
    assert describe(ended.exception) == DAMAGED_HISTORY
    shutil.move(data_root.dagster, data_root.root.parent / "moved")
    assert typed(data_root, janitor).exit_code == 0
