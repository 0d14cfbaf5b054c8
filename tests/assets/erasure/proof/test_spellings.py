"""An identifier is recognised in every spelling that people and systems give it, and in nobody
else's.
"""

from __future__ import annotations

import pytest

from assets.erasure.proof.spellings import spelling_of, squeeze
from tests.support.spellings import OTHERS, THEIRS


@pytest.mark.parametrize(
    ("identifier", "text"),
    [(identifier, text) for identifier, texts in THEIRS.items() for text in texts],
)
def test_it_is_recognised_as_it_is_written(identifier: str, text: str) -> None:
    spelling = spelling_of(identifier)
    assert spelling is not None
    assert spelling.is_in(text)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [(identifier, text) for identifier, texts in OTHERS.items() for text in texts],
)
def test_somebody_elses_is_not_taken_for_it(identifier: str, text: str) -> None:
    spelling = spelling_of(identifier)
    assert spelling is not None
    assert not spelling.is_in(text)


@pytest.mark.parametrize("identifier", ["customer_number:C12", "contact_id:500001", "email:a@b.fi"])
def test_what_is_too_short_has_no_spelling(identifier: str) -> None:
    assert spelling_of(identifier) is None


def test_a_text_is_squeezed_to_its_letters_and_digits() -> None:
    assert squeeze("Äino +358 (40) x") == b"ino35840x"


def test_a_number_that_a_record_declares_as_its_own_id_is_no_phone() -> None:
    spelling = spelling_of("phone:+358401234567")
    assert spelling is not None
    assert not spelling.is_in("contact_id:401234567")
    assert spelling.is_in("call 401234567 today")


def test_a_short_id_of_letters_and_digits_is_a_whole_word() -> None:
    spelling = spelling_of("user_id:AINO-L77")
    assert spelling is not None
    assert [text for text in ("aino-l77", "/u/AINO_L77/x") if not spelling.is_in(text)] == []
    assert [text for text in ("AINO-L771", "xaino-l77", "aino l77") if spelling.is_in(text)] == []


def test_digits_that_are_all_of_a_field_are_neither_found_nor_forgotten() -> None:
    spelling = spelling_of("phone:+358401234567")
    assert spelling is not None
    assert not spelling.is_in('{"Meter":"401234567"}')
    assert spelling.is_field_number_of('{"Meter":"401234567"}')
    assert not spelling.is_field_number_of('{"Meter":"040 1234567"}')
    assert not spelling.is_field_number_of('{"Meter":"14012345678"}')
