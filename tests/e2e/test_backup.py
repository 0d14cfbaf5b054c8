"""Backup, erase, restore as an operator does it: nothing of the person comes back, wherever the
restore is killed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from tests.support.commands import console_script, register
from tests.support.data_roots import contents, copied, files_containing
from tests.support.erasing import cleared
from tests.support.killing import killed_at
from tests.support.namesakes import AGAIN, LEAVES


@pytest.fixture(scope="module")
def erased(namesakes_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data root with a generation from before the erasure, and the generation's name."""
    root = copied(namesakes_root, tmp_path_factory.mktemp("erased") / "data")
    made = console_script(root, "backup", "--json")
    assert (made.code, made.err) == (0, "")
    asked = register(
        root, "request", "erasure", "--channel", "written", "--identity-code", LEAVES.identity_code
    )
    assert asked.code == 0
    cleared(DataRoot(root), [asked.out.strip()])
    assert register(root, "erase", "--as-of", AGAIN).code == 0
    return root, str(made.data["made"])


MOMENTS = {
    "it is unpacked": ".restored/secrets/pepper",
    "the register is being built": ".restored/lake/register/.unfinished-*",
    "the exchange has been noted": "restore.json",
    "the lake is moved away": ".replaced/lake",
}


def test_a_restore_killed_again_and_again_brings_nobody_back(
    erased: tuple[Path, str], tmp_path: Path
) -> None:
    root, generation = copied(erased[0], tmp_path / "data"), erased[1]
    before = contents(root)
    for moment, pattern in MOMENTS.items():
        assert killed_at(root, pattern, "restore", generation, "--as-of", AGAIN), moment
        assert files_containing(root / "lake", LEAVES.identifiers) == []
    ended = console_script(root, "restore", generation, "--as-of", AGAIN)
    assert (ended.code, ended.err) == (0, "")
    assert register(root, "refresh", "--as-of", AGAIN).code == 0
    assert contents(root) == before
    assert files_containing(root, LEAVES.identifiers) == []
    assert sorted(path.name for path in root.glob(".re*")) == []
    ended = register(root, "verify", "--json")
    assert (ended.code, ended.data["findings"]) == (0, [])
    assert register(root, "verify", "--certificates").code == 0


def test_a_destroyed_generation_cannot_be_restored(
    erased: tuple[Path, str], tmp_path: Path
) -> None:
    root, generation = copied(erased[0], tmp_path / "data"), erased[1]
    kept_elsewhere = copied(root / "backups", tmp_path / "tape")
    assert register(root, "backup", "--destroy", generation).code == 0
    ended = register(root, "restore", generation, "--from", str(kept_elsewhere))
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "BACKUP-UNKNOWN" in ended.err
