"""The pepper is made once, with the data root, and never made again when it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from assets.storage.secrets import PepperError, create_pepper, pepper


def lost(data_root: DataRoot) -> Path:
    path = data_root.secrets / "pepper"
    path.unlink()
    return path


def test_a_new_data_root_has_a_pepper_that_only_its_owner_can_read(data_root: DataRoot) -> None:
    assert len(pepper(data_root)) == 32
    assert (data_root.secrets / "pepper").stat().st_mode & 0o777 == 0o600


def test_creating_the_data_root_again_keeps_its_pepper(data_root: DataRoot) -> None:
    before = pepper(data_root)
    data_root.create()
    assert pepper(data_root) == before


def test_reading_the_pepper_does_not_make_one(data_root: DataRoot) -> None:
    path = lost(data_root)
    with pytest.raises(PepperError, match="restore secrets/pepper"):
        pepper(data_root)
    assert not path.exists()


@pytest.mark.parametrize(
    "used",
    [
        "requests/suppressions.parquet",
        "requests/Q20261120AAAAAA.json",
        "lake/register/membership.parquet",
        "lake/raw/crm/2026-11-20/00000000000000000000.parquet",
    ],
)
def test_a_lost_pepper_is_not_replaced_once_something_was_made_with_it(
    data_root: DataRoot, used: str
) -> None:
    """With another one, nobody who was erased would be recognised."""
    path = lost(data_root)
    (data_root.root / used).parent.mkdir(parents=True, exist_ok=True)
    (data_root.root / used).write_bytes(b"")
    create_pepper(data_root)
    assert not path.exists()


def test_a_data_root_without_data_gets_its_pepper_when_it_is_created_again(
    data_root: DataRoot,
) -> None:
    lost(data_root)
    data_root.create()
    assert len(pepper(data_root)) == 32


@pytest.mark.parametrize("size", [0, 16, 33])
def test_a_pepper_of_another_length_is_refused(data_root: DataRoot, size: int) -> None:
    (data_root.secrets / "pepper").write_bytes(b"x" * size)
    with pytest.raises(PepperError, match=f"has {size} bytes and not 32"):
        pepper(data_root)
