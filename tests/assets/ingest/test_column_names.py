"""Names that look the same are the same, whatever their code points."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingest import column_names

NAME = "Unsubscribed from all email"
AROUND = st.text(st.sampled_from(" \t\u00a0\u2003\u3000\ufeff\u200b\u200e\u00ad"), max_size=3)


@given(before=AROUND, after=AROUND, form=st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_white_space_around_case_and_unicode_form_distinguish_nothing(
    before: str, after: str, form: str
) -> None:
    other = before + unicodedata.normalize(form, "Älä Myy").upper() + after
    assert column_names.folded(other) == column_names.folded("Älä myy")
    assert column_names.trimmed(f"{before}Älä myy{after}") == "Älä myy"


@pytest.mark.parametrize(
    "name",
    [NAME.upper(), NAME.replace(" ", "\u00a0"), NAME.replace("e", "ｅ"), f"\ufeff{NAME}\u200b "],
)
def test_a_declared_column_is_known_in_any_form(name: str) -> None:
    assert column_names.compatible(name) == column_names.compatible(NAME)


def test_letters_that_are_only_alike_stay_two_columns() -> None:
    assert column_names.folded("Area m²") != column_names.folded("Area m2")


@pytest.mark.parametrize("word", ["password", "Passwd", "salasana", "lösenord", "Old Password 2"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("disguise", [str, str.upper, "\u00ad".join, "\u200b".join])
def test_a_password_is_one_in_every_unicode_form(word: str, form: str, disguise: object) -> None:
    name = unicodedata.normalize(form, disguise(word))  # type: ignore[operator]
    assert column_names.is_secret(name)
    wide = "".join(
        chr(ord(character) + 0xFEE0) if "!" < character < "~" else character for character in name
    )
    assert column_names.is_secret(wide)


@pytest.mark.parametrize("name", ["Compass west", "Salary", "Passenger", "Email", "Salasaari"])
def test_other_words_are_no_passwords(name: str) -> None:
    assert not column_names.is_secret(name)
