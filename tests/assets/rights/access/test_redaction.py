"""Other people in a text are redacted, in whatever spelling; the registrant's own data stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.rights.access import redaction
from assets.rights.access.belonging import Own
from assets.rights.access.redaction import REDACTED, Redaction
from assets.sources.all_sources import SOURCES
from tests.support.examples import examples
from tests.support.population_register_messages import code

OWN_CODE, OTHER_CODE = code("140285-912"), code("150386-914")
MINE = Own(
    "R1",
    frozenset(
        {
            f"identity_code:{OWN_CODE}",
            "email:aino@example.fi",
            "phone:+358401112223",
            "customer_number:C1",
        }
    ),
    frozenset({f"identity_code:{OWN_CODE}"}),
)
KEEPING = Redaction(MINE, {("liisa", "virtanen")})
OTHERS = [
    OTHER_CODE,
    OTHER_CODE.lower(),
    "liisa@example.fi",
    "Liisa.V@Example.fi",
    "+358 40 999 8887",
    "040-9998887",
    "00358409998887",
    "Liisa Virtanen",
]
OTHERS += ["VIRTANEN, Liisa", "liisa%40example.fi", "Liisa+Virtanen"]
OWNS = [
    OWN_CODE,
    "aino@example.fi",
    "AINO@example.fi",
    "+358401112223",
    "040 111 2223",
    "Liisa Muu",
    "K-700001",
    "2026-11-20T10:00:00+00:00",
    "00100 HELSINKI",
]
AROUND = st.sampled_from(["", "ks. ", "soita (", ") tai ", " / ", "\n", "; "])


@pytest.mark.parametrize("text", OTHERS)
def test_somebody_else_goes(text: str) -> None:
    assert KEEPING.text(f"ks. {text} heti") == f"ks. {REDACTED} heti"


@pytest.mark.parametrize("text", OWNS)
def test_the_registrants_own_data_stays(text: str) -> None:
    assert KEEPING.text(f"ks. {text} heti") == f"ks. {text} heti"


@settings(max_examples=examples(100))
@given(st.lists(st.tuples(AROUND, st.sampled_from([*OTHERS, *OWNS])), max_size=6))
def test_in_any_combination_of_both_nobody_else_is_left(parts: list[tuple[str, str]]) -> None:
    kept = KEEPING.text(" ".join(before + " " + text for before, text in parts)).lower()
    assert [identifier for identifier in OTHERS if identifier.lower() in kept] == []


def test_of_those_who_live_there_no_single_name_is_left() -> None:
    keeping = Redaction(MINE, near={"veikko", "kumppani"}, kept={"kumppani"})
    assert keeping.text("puoliso Veikko soitti, Veikkola") == f"puoliso {REDACTED} soitti, Veikkola"
    assert keeping.text("Kumppani") == "Kumppani"


def test_what_a_record_is_known_to_carry_goes_whatever_its_form() -> None:
    assert (
        KEEPING.text("asiakas C2, ei C1 eikä C22", ["customer_number:C2", "customer_number:C1"])
        == f"asiakas {REDACTED}, ei C1 eikä C22"
    )


DATASETS = [(source.name, dataset) for source in SOURCES for dataset in source.datasets]
NESTED = st.recursive(
    st.just("Qzannex"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    "dataset",
    [dataset for _, dataset in DATASETS],
    ids=[f"{source}-{dataset.name}" for source, dataset in DATASETS],
)
def test_what_a_source_does_not_read_is_withheld(dataset: redaction.Dataset) -> None:
    """A field that a dataset does not declare as disclosable is never handed out."""

    @settings(max_examples=examples(30))
    @given(
        st.text(min_size=1, max_size=8).filter(lambda name: name not in dataset.disclosable), NESTED
    )
    def withheld(name: str, value: object) -> None:
        kept, fields = redaction.disclosed(
            dataset, json.dumps({name: value, **dict.fromkeys(dataset.disclosable, "own")})
        )
        assert "Qzannex" not in json.dumps(kept)
        assert len(fields) >= (value not in ([], {}))

    withheld()


def test_every_dataset_about_registrants_declares_what_it_discloses() -> None:
    """Of the postal list only the key of a name and address is kept; a line of an access log is
    about no person.
    """
    assert {
        f"{source}.{dataset.name}" for source, dataset in DATASETS if not dataset.disclosable
    } == {
        "authorities.companies",
        "authorities.companies_found",
        "contact_provider.postcodes",
        "contact_provider.streets",
        "prohibitions.postal_list",
        "website.access_log",
    }


@pytest.mark.parametrize("group", ["HUOLTAJA", "HUOLLETTAVA_X", "PUOLISON_NIMI", None, 7])
def test_groups_about_relatives_are_withheld_whatever_their_fields_are_called(
    group: object,
) -> None:
    dataset = next(dataset for source, dataset in DATASETS if source == "population_register")
    payload = {
        "henkilotunnus": OWN_CODE,
        "tietoryhmat": [
            {"tietoryhma": group, "etunimi": "Qzannex"},
            {"tietoryhma": "HENKILON_NIMI", "etunimi": "Aino"},
            "x",
        ],
    }
    kept, fields = redaction.disclosed(dataset, json.dumps(payload))
    assert "Qzannex" not in json.dumps(kept)
    assert [group["etunimi"] for group in kept["tietoryhmat"]] == ["Aino"]
    assert len(fields) == 2


@pytest.mark.parametrize("value", [{"etunimi": "Qzannex"}, ["Qzannex"]])
def test_what_is_nested_where_a_text_belongs_is_withheld(value: object) -> None:
    dataset = next(dataset for source, dataset in DATASETS if source == "credit_bureau")
    kept, fields = redaction.disclosed(
        dataset, json.dumps({"creditClass": value, "remarks": "Qzannex", "scale": "1"})
    )
    assert kept == {"creditClass": None, "remarks": None, "scale": "1"}
    assert len(fields) == 2


def test_titles_of_own_pages_own_systems_and_own_homes_are_handed_out() -> None:
    by_name = {(source, dataset.name): dataset for source, dataset in DATASETS}
    visit = {
        "operatingSystem": "Windows 10",
        "actionDetails": [{"pageTitle": "Sopimus", "title": "Sopimus"}],
    }
    home = {
        "tietoryhmat": [
            {"tietoryhma": "VAKINAINEN_KOTIMAINEN_OSOITE", "rakennustunnus": "103456789A"},
            {"tietoryhma": "HUOLTAJA", "rakennustunnus": "199999999X"},
        ]
    }
    kept, fields = redaction.disclosed(by_name["website", "visits"], json.dumps(visit))
    assert (kept, fields) == (visit, [])
    kept, fields = redaction.disclosed(
        by_name["population_register", "perustiedot"], json.dumps(home)
    )
    assert "103456789A" in json.dumps(kept)
    assert "199999999X" not in json.dumps(kept)
