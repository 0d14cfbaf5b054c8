"""Values of the access page as a person reads them, in each language."""

from __future__ import annotations

from datetime import date

import pytest

from assets.rights.access import labels, page
from assets.rights.access.gathering import Gathered
from assets.rights.access.recipients import receiving
from schemas.policy.loader import load_policy
from schemas.staged import ADDRESS_KINDS, CHOICES, OPS, REGISTER_FLAGS
from schemas.vocabulary import Language
from tests.assets.documents.mended import policy

POLICY = load_policy()


@pytest.mark.parametrize(
    ("column", "stored", "language", "shown"),
    [
        ("attribute", "birth_date", "fi", "syntymäaika"),
        ("kind", "official", "sv", "officiellt"),
        ("kind", "official", "fi", "virallinen"),
        ("value", "puhuttu [redacted]", "fi", "puhuttu [poistettu: toinen henkilö]"),
        ("value", "official", "fi", "official"),
        ("stated_at", "2026-11-19T22:30:00+00:00", "fi", "20.11.2026 klo 00.30"),
        ("stated_at", "2026-11-19T22:30:00+00:00", "sv", "20 november 2026 kl. 00.30"),
        ("starts_on", "2026-11-19", "en", "19 November 2026"),
        ("type", "identity_code", "sv", "personbeteckning"),
        ("language", "sv", "fi", "ruotsi"),
    ],
)
def test_words_days_and_moments_are_in_the_language(
    column: str, stored: str, language: Language, shown: str
) -> None:
    assert page._value(POLICY, column, stored, language) == shown


def test_the_recipients_of_the_purposes_in_use_are_named_where_the_policy_names_them() -> None:
    named = policy((("recipients", "it_operations", "organisation"), "Esimerkki IT Oy"))
    gathered = Gathered("R1", "2026-11-20", None)
    gathered.marts = [
        {"mart": "contracts", "channels": [{"channel": "all", "admitted": True}]},
        {"mart": "direct_marketing", "channels": [{"channel": "email", "admitted": False}]},
    ]
    [only] = receiving(named, gathered, "en", date(2026, 11, 20))
    assert only["name"].startswith("Esimerkki IT Oy, ")
    assert (only["purposes"], only["receives"]) == (["contracts"], True)


@pytest.mark.parametrize(
    "word",
    [*OPS, *CHOICES, *ADDRESS_KINDS, *REGISTER_FLAGS, "official", "call", "former", "active"],
)
def test_every_word_of_the_registers_own_lists_is_in_every_language(word: str) -> None:
    assert set(labels.words()["values"]["any"][word]) == {"en", "sv", "fi"}
