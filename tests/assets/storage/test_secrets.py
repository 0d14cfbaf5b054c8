"""The pepper is made once, with the data root, and never made again when it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.storage.data_root import Home
from assets.storage.secrets import PepperError, create_pepper, pepper


def lost(home: Home) -> Path:
    path = home.secrets / "pepper"
    path.unlink()
    return path


def test_a_new_data_root_has_a_pepper_that_only_its_owner_can_read(home: Home) -> None:
    assert len(pepper(home)) == 32
    assert (home.secrets / "pepper").stat().st_mode & 0o777 == 0o600


def test_creating_the_data_root_again_keeps_its_pepper(home: Home) -> None:
    before = pepper(home)
    home.create()
    assert pepper(home) == before


def test_reading_the_pepper_does_not_make_one(home: Home) -> None:
    path = lost(home)
    with pytest.raises(PepperError, match="restore it"):
        pepper(home)
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
    home: Home, used: str
) -> None:
    """With another one, nobody who was erased would be recognised."""
    path = lost(home)
    (home.root / used).parent.mkdir(parents=True, exist_ok=True)
    (home.root / used).write_bytes(b"")
    create_pepper(home)
    assert not path.exists()


def test_a_data_root_without_data_gets_its_pepper_when_it_is_created_again(home: Home) -> None:
    lost(home)
    home.create()
    assert len(pepper(home)) == 32
