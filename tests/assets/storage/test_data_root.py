"""The data root is its owner's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_existing_data_root_is_closed_to_others_but_where_they_deliver(
    data_root: DataRoot,
) -> None:
    delivered_into = (data_root.inbox, data_root.requests / "inbox")
    kept = (data_root.root, data_root.lake, data_root.secrets, data_root.marts)
    for folder in (*kept, *delivered_into):
        folder.chmod(0o775)
    data_root.create()
    assert {mode(folder) for folder in kept} == {0o700}
    assert {mode(folder) for folder in delivered_into} == {0o775}


def test_the_data_root_of_another_user_is_refused_before_anything_is_written(
    tmp_path: Path, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_root.secrets / "pepper").unlink()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(PlainError, match=f"runs as number {other}: run it as its owner"):
        data_root.create()
    assert not (data_root.secrets / "pepper").exists()
