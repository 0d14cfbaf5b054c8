"""Errors of real disks and owners, where the tests' user may make them.

A clock that goes backwards is not among them: the machine's clock is not the tests' to set, and a
time namespace has no clock of days. `tests/pipelines/` gives commands a day instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import write_all
from assets.storage.safe_errors import PlainError, describe
from tests.campaign.disturbances import may_mount, small_disk


def test_a_disk_without_a_free_inode_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    if not may_mount(disk):
        pytest.skip("a disk with few inodes is mounted, which this machine forbids")
    monkeypatch.setenv("REGISTER_HOME", str(disk))
    folder = disk / "lake" / "raw" / "website"
    with small_disk(disk, 10_000_000, files=12):
        with pytest.raises(OSError) as full:  # noqa: PT011  (what it says is compared below)
            write_all({folder / f"{number:020x}.json": b"{}" for number in range(20)})
        assert describe(full.value).startswith("no inode is free on the device: lake/raw/website")
    with small_disk(disk, 100_000):
        with pytest.raises(OSError) as full:  # noqa: PT011
            write_all({folder / f"{0:020x}.json": b" " * 200_000})
        assert describe(full.value).startswith("no space left on device")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_a_data_root_that_was_given_to_another_user_is_refused(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    os.chown(data_root.root, 12345, -1)
    with pytest.raises(PlainError, match="belongs to the user with number 12345"):
        data_root.create()
