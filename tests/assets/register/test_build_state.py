"""Up to date is what is built, has passed its blocking checks, and is published in every mart;
nothing less.
"""

from __future__ import annotations

import pytest

from assets.register import build_state
from assets.storage.data_root import DataRoot

MARTS = ("contracts", "customer_care")


def published(data_root: DataRoot) -> None:
    for check in build_state.CHECKS:
        build_state.note_passed(data_root, check)
    for purpose in MARTS:
        build_state.note_mart_made(data_root, purpose)
        build_state.note_published(data_root, purpose)


def test_a_build_counts_when_it_is_checked_and_in_every_mart(data_root: DataRoot) -> None:
    build_state.note_built(data_root, inputs="a")
    assert not build_state.is_published(data_root, MARTS)
    published(data_root)
    assert build_state.is_checked(data_root)
    assert build_state.is_published(data_root, MARTS)


@pytest.mark.parametrize("check", build_state.CHECKS)
def test_a_build_that_failed_one_check_is_not_checked(data_root: DataRoot, check: str) -> None:
    build_state.note_built(data_root, inputs="a")
    build_state.note_passed(data_root, check)
    assert not build_state.is_checked(data_root)


def test_a_new_build_must_be_checked_and_published_again(data_root: DataRoot) -> None:
    """Though the marts of the build before are still there."""
    build_state.note_built(data_root, inputs="a")
    published(data_root)
    build_state.note_built(data_root, inputs="b")
    assert not build_state.is_checked(data_root)
    for check in build_state.CHECKS:
        build_state.note_passed(data_root, check)
    assert not build_state.is_published(data_root, MARTS)
    build_state.note_published(data_root, MARTS[0])
    assert not build_state.is_published(data_root, MARTS)


def test_a_state_from_before_there_were_marks_is_not_up_to_date(data_root: DataRoot) -> None:
    path = data_root.lake / "register" / build_state.STATE
    path.parent.mkdir(parents=True)
    path.write_text('{"inputs": "a", "as_of": "2026-11-20", "counts": {}}')
    assert not build_state.is_checked(data_root)
    assert not build_state.is_published(data_root, MARTS)


def test_without_a_build_nothing_is_noted(data_root: DataRoot) -> None:
    build_state.note_passed(data_root, build_state.CHECKS[0])
    assert build_state.read(data_root) == {}
