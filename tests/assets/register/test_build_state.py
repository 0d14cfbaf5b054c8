"""Up to date is what is built, has passed its blocking checks, and is published in every mart; nothing less."""

from __future__ import annotations

import pytest

from assets.register import build_state
from assets.storage.data_root import Home

MARTS = ("contracts", "customer_care")


def published(home: Home) -> None:
    for check in build_state.CHECKS:
        build_state.note_passed(home, check)
    for purpose in MARTS:
        build_state.note_mart_made(home, purpose)
        build_state.note_published(home, purpose)


def test_a_build_counts_when_it_is_checked_and_in_every_mart(home: Home) -> None:
    build_state.note_built(home, inputs="a")
    assert not build_state.is_published(home, MARTS)
    published(home)
    assert build_state.is_checked(home)
    assert build_state.is_published(home, MARTS)


@pytest.mark.parametrize("check", build_state.CHECKS)
def test_a_build_that_failed_one_check_is_not_checked(home: Home, check: str) -> None:
    build_state.note_built(home, inputs="a")
    build_state.note_passed(home, check)
    assert not build_state.is_checked(home)


def test_a_new_build_must_be_checked_and_published_anew(home: Home) -> None:
    """Though the marts of the build before are still there."""
    build_state.note_built(home, inputs="a")
    published(home)
    build_state.note_built(home, inputs="b")
    assert not build_state.is_checked(home)
    for check in build_state.CHECKS:
        build_state.note_passed(home, check)
    assert not build_state.is_published(home, MARTS)
    build_state.note_published(home, MARTS[0])
    assert not build_state.is_published(home, MARTS)


def test_a_state_from_before_there_were_marks_is_not_up_to_date(home: Home) -> None:
    path = home.lake / "register" / build_state.STATE
    path.parent.mkdir(parents=True)
    path.write_text('{"inputs": "a", "as_of": "2026-11-20", "counts": {}}')
    assert not build_state.is_checked(home)
    assert not build_state.is_published(home, MARTS)


def test_without_a_build_nothing_is_noted(home: Home) -> None:
    build_state.note_passed(home, build_state.CHECKS[0])
    assert build_state.read(home) == {}
