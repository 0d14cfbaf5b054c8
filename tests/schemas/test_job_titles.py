"""Job titles show duties by whole words, and not those of somebody that they serve."""

from __future__ import annotations

import duckdb
import pytest

from schemas.job_titles import EXCLUDED, duties, titles_with_duties

pytestmark = pytest.mark.clause("P4.5")

WANTED = ("buyer", "managing_director", "marketing")
WITH_DUTIES = (
    "Ostopäällikkö",
    "ostaja",
    "IT-hankintapäällikkö",
    "Hankintajohtaja",
    "Toimitusjohtaja",
    "Toimitusjohtaja / CEO",
    "Markkinointipäällikkö",
    "Myynti- ja markkinointijohtaja",
    "VD",
    "vd, grundare",
    "Verkställande  direktör",
    "Inköpschef",
    "Upphandlare",
    "Marknadschef",
    "Chief Executive Officer",
    "Managing Director",
    "Senior Marketing Lead",
    "Head of Procurement",
    "Strategic Buyer",
)
WITHOUT = (
    "VD:n sihteeri",
    "VD:n autonkuljettaja",
    "Toimitusjohtajan assistentti",
    "Johdon assistentti, toimitusjohtaja",
    "VD-assistent",
    "Assistent till VD",
    "Chaufför åt VD",
    "Verkställande direktörens sekreterare",
    "Assistant to the CEO",
    "CEO's driver",
    "CEO’s wife",
    "PA to Managing Director",
    "Marketing Assistant",
    "Marketing intern",
    "Former CEO",
    "Ex-CEO",
    "Entinen toimitusjohtaja",
    "f.d. VD",
    "Markkinointiharjoittelija",
    "Hankintasihteeri",
    "Hankintapäällikön sihteeri",
    "kostaja",
    "Mostaja",
    "Telemarketing agent",
    "vdsl-asentaja",
    "CEOP technician",
    "Siivooja",
    "myyjä",
    "",
)


def fits(title: str | None, *wanted: str) -> bool:
    with duckdb.connect() as connection:
        row = connection.execute(
            f"SELECT {titles_with_duties('title', wanted or WANTED)} FROM (SELECT ? AS title)",
            [title],
        ).fetchone()
    assert row
    return bool(row[0])


@pytest.mark.parametrize("title", WITH_DUTIES)
def test_the_title_shows_the_duties_in_any_case_and_form_of_its_letters(title: str) -> None:
    assert fits(title)
    assert fits(title.upper())
    # Letters and their marks as two characters each.
    assert fits(title.replace("ä", "a\u0308").replace("ö", "o\u0308"))


@pytest.mark.parametrize("title", WITHOUT)
def test_the_title_does_not_show_them(title: str) -> None:
    assert not fits(title)
    assert not fits(title.upper())


def test_no_title_shows_nothing() -> None:
    assert not fits(None)


def test_only_the_duties_that_the_policy_names_count() -> None:
    assert not fits("Toimitusjohtaja", "buyer")
    assert fits("Ostopäällikkö", "buyer")


def test_a_duty_that_is_not_listed_is_the_words_of_a_title_themselves() -> None:
    assert fits("Johtava sähköasentaja", "sähköasentaja")
    assert fits("Facility Manager", "facility manager")
    assert not fits("Assistant Facility Manager", "facility manager")
    assert not fits("Sähköasentajan apulainen", "sähköasentaja")


def test_every_listed_word_shows_its_duties_and_every_excluded_one_rules_them_out() -> None:
    for duty, words in duties().items():
        for word in words:
            title = word.replace("*", "")
            if duty == EXCLUDED:
                assert not fits(f"CEO {title}"), word
            else:
                assert fits(title, duty), word
