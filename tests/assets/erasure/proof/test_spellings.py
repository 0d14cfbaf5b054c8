"""An identifier is recognised in every spelling that people and systems give it, and in nobody
else's.
"""

from __future__ import annotations

import pytest

from assets.erasure.proof.spellings import spelling_of, squeeze
from tests.support.spellings import OTHERS, THEIRS


@pytest.mark.parametrize(
    ("identifier", "text"), [(one, text) for one, texts in THEIRS.items() for text in texts]
)
def test_it_is_recognised_as_it_is_written(identifier: str, text: str) -> None:
    spelling = spelling_of(identifier)
    assert spelling is not None
    assert spelling.is_in(text)


@pytest.mark.parametrize(
    ("identifier", "text"), [(one, text) for one, texts in OTHERS.items() for text in texts]
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
