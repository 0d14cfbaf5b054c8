"""Answers of population registers about one person: VTJkysely, people monitoring, SPAR."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingest.file_formats import reading
from assets.sources import person_monitoring, spar, vtj_query
from assets.sources.source import Dataset
from tests.support.examples import examples
from tests.support.source_batches import Staged, codes, keep, stage

CODE = "020180-999Y"
# Twelve digits: born on 1 February 1980, and the coordination number of the same day.
NUMBER, COORDINATION = "198002019985", "198002619982"
FORMER = "198002019993"


def key(code: str) -> str:
    return hashlib.md5(f"identity_code:{code}".encode()).hexdigest()  # noqa: S324


def shown(done: Staged, table: str, *names: str) -> list[tuple[Any, ...]]:
    rows = sorted(done.tables[table], key=lambda row: (row["record_no"], row["position"]))
    return [tuple(None if row[n] is None else str(row[n]) for n in names) for row in rows]


def xml_records(dataset: Dataset, path: Path) -> list[str]:
    batches = reading.records(path, "utf-8-sig", dataset.format)
    return [text for batch in batches for text in batch["payload"].to_pylist()]


def swedish(**blocks: Any) -> dict[str, Any]:
    return {
        "PersonId": {"IdNummer": NUMBER, "Typ": "PERSONNUMMER"},
        "Sekretessmarkering": "NEJ",
        "SkyddadFolkbokforing": "NEJ",
        **blocks,
    }


CURRENT = {"DatumFrom": "2019-12-02", "DatumTill": "9999-12-31"}
PAST = {"DatumFrom": "2010-02-02", "DatumTill": "2019-12-02"}


class TestSpar:
    DATASET = spar.ANSWERS

    @pytest.mark.clause("P6.2")
    def test_a_person_with_names_and_an_address_of_each_period(self) -> None:
        done = stage(
            self.DATASET,
            [
                swedish(
                    Namn=[
                        {**CURRENT, "Fornamn": "Eva Maria Testa", "Tilltalsnamn": "20",
                         "Mellannamn": "Mellan", "Efternamn": "Provsson"},
                        {**PAST, "Fornamn": "Eva Maria Testa", "Tilltalsnamn": "10",
                         "Efternamn": "Exempel"},
                    ],
                    Persondetaljer=[{**CURRENT, "Fodelsedatum": "1980-02-01", "Kon": "KVINNA"}],
                    Folkbokforingsadress=[
                        {"SvenskAdress": {**CURRENT, "CareOf": "c/o Test",
                                          "Utdelningsadress2": "Gatan 8", "PostNr": "11146",
                                          "Postort": "STOCKHOLM"}},
                        {"SvenskAdress": {**PAST, "Utdelningsadress2": "Vägen 1",
                                          "PostNr": "11147", "Postort": "STOCKHOLM"}},
                    ],
                    SarskildPostadress=[
                        {"InternationellAdress": {**CURRENT, "Utdelningsadress1": "Road 1",
                                                  "Land": "NORGE"}}
                    ],
                )
            ],
        )  # fmt: skip
        assert shown(done, "names", "kind", "given_names", "family_name", "valid_to") == [
            ("official", "Eva Maria Testa", "Provsson", None),
            ("former", "Eva Maria Testa", "Exempel", "2019-12-01"),
            ("call", "Maria", None, None),
        ]
        assert shown(done, "addresses", "kind", "street", "country", "valid_to") == [
            ("permanent", "c/o Test, Gatan 8", "SE", None),
            ("permanent", "Vägen 1", "SE", "2019-12-01"),
            ("postal_abroad", "Road 1", "NORGE", None),
        ]
        person = done.only("persons")
        assert (person["person_key"], str(person["birth_date"]), person["protected"]) == (
            key(NUMBER), "1980-02-01", False,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("secret", "shielded", "protected"),
        [
            ("JA", "NEJ", True),
            ("NEJ", "JA", True),
            ({"@sattAvSPAR": "JA", "#text": "JA"}, "NEJ", True),
            ("NEJ", "NEJ", False),
            (None, "NEJ", None),
        ],
    )
    def test_either_flag_protects_and_only_both_end_it(
        self, secret: object, shielded: str, protected: bool | None
    ) -> None:
        payload = swedish(Sekretessmarkering=secret, SkyddadFolkbokforing=shielded)
        assert stage(self.DATASET, [payload]).only("persons")["protected"] is protected

    @pytest.mark.parametrize(
        ("text", "death", "birth"),
        [
            ("2019-01-02", "2019-01-02", ("2019-01-02", "day")),
            ("2019-01-00", None, ("2019-01-01", "month")),
            ("2019-00-00", None, ("2019-01-01", "year")),
            ("200101", None, ("2001-01-01", "month")),
            ("2001", None, ("2001-01-01", "year")),
        ],
    )
    def test_incomplete_days_are_as_exact_as_they_are(
        self, text: str, death: str | None, birth: tuple[str, str]
    ) -> None:
        details = {**CURRENT, "Avlidendatum": text, "Fodelsedatum": text}
        done = stage(self.DATASET, [swedish(Persondetaljer=[details])])
        assert shown(
            done, "persons", "deceased", "death_date", "birth_date", "birth_date_precision"
        ) == [("True", death, *birth)]

    @pytest.mark.parametrize("text", ["0", "0000-00-00", "", None])
    def test_a_day_that_is_none_is_no_death(self, text: str | None) -> None:
        details = {**CURRENT, "Avlidendatum": text, "AvregistreringsorsakKod": "UV"}
        assert not stage(self.DATASET, [swedish(Persondetaljer=[details])]).only("persons")[
            "deceased"
        ]

    @pytest.mark.parametrize("text", ["2019-13-00", "2019-02-30", "igår", "2999-01-01", "2019-1"])
    def test_a_day_that_cannot_be_read_or_lies_ahead_is_a_fault(self, text: str) -> None:
        details = {**CURRENT, "Avlidendatum": text}
        assert codes(self.DATASET, swedish(Persondetaljer=[details])) == {"ANSWER-DATE"}

    def test_a_changed_number_is_replaced_by_the_one_in_force(self) -> None:
        def of(number: str, reference: dict[str, str]) -> set[tuple[Any, ...]]:
            payload = swedish(Persondetaljer=[{**CURRENT, "Hanvisning": [reference]}])
            payload["PersonId"]["IdNummer"] = number
            kept = keep(self.DATASET, [payload])
            assert set(kept.identifiers[0]) == {
                f"identity_code:{number}", f"identity_code:{reference['IdNummer']}",
            }  # fmt: skip
            return set(shown(stage(self.DATASET, [payload]), "identifiers", "value", "replaced_by"))

        assert of(FORMER, {"IdNummer": NUMBER, "Typ": "Till"}) == {(FORMER, NUMBER)}
        assert of(NUMBER, {"IdNummer": FORMER, "Typ": "Fran"}) == {
            (FORMER, NUMBER), (NUMBER, None),
        }  # fmt: skip
        assert of(NUMBER, {"IdNummer": FORMER}) == {(NUMBER, None)}

    @pytest.mark.parametrize(
        ("number", "code"),
        [
            (COORDINATION, set()),
            ("19800201-9985", set()),
            ("8002019985", {"ANSWER-CODE-INVALID"}),
            ("198002019984", {"ANSWER-CODE-INVALID"}),
            ("198013019985", {"ANSWER-CODE-INVALID"}),
            (None, {"ANSWER-CODE-MISSING"}),
        ],
    )
    def test_a_number_has_twelve_digits(self, number: str | None, code: set[str]) -> None:
        payload = swedish(PersonId={"IdNummer": number})
        assert codes(self.DATASET, payload) == code

    def test_an_immunity_number_is_the_register_s_own(self) -> None:
        payload = swedish(PersonId={"IdNummer": "302001010007", "Typ": "IMMUNITETSNUMMER"})
        assert keep(self.DATASET, [payload]).identifiers == [["contact_id:spar-302001010007"]]
        done = stage(self.DATASET, [payload])
        assert shown(done, "identifiers", "type", "value") == [("contact_id", "spar-302001010007")]
        assert done.only("persons")["person_key"] is not None

    def test_relatives_sex_and_taxes_are_not_stored(self) -> None:
        payload = swedish(
            Relation={"IdNummer": FORMER}, Inkomsttaxering={"Belopp": "1"},
            Persondetaljer=[{"Kon": "MAN", "SvenskMedborgare": "JA", "FodelselanKod": "01"}],
        )  # fmt: skip
        (text,) = keep(self.DATASET, [payload]).payloads
        assert not [
            word for word in ("Relation", "Inkomst", "Kon", "Medborgare", "lanKod") if word in text
        ]


class TestVtjQuery:
    DATASET = vtj_query.ANSWERS

    def answer(self, **person: Any) -> dict[str, Any]:
        return {
            "Paluukoodi": {"@koodi": "0000", "#text": "Haku onnistui"},
            "Henkilo": {"Henkilotunnus": {"@voimassaolokoodi": "1", "#text": CODE}, **person},
        }

    @pytest.mark.clause("P6.2")
    def test_a_person_with_empty_elements(self) -> None:
        done = stage(
            self.DATASET,
            [
                self.answer(
                    NykyinenSukunimi={"Sukunimi": "Koe"},
                    NykyisetEtunimet={"Etunimet": "Aino Testi"},
                    VakinainenKotimainenLahiosoite={
                        "LahiosoiteS": "Koetie 1", "LahiosoiteR": "Provvägen 1",
                        "Postinumero": "00100", "PostitoimipaikkaS": "HELSINKI",
                        "PostitoimipaikkaR": "HELSINGFORS", "AsuminenAlkupvm": "20200131",
                        "AsuminenLoppupvm": "",
                    },
                    TilapainenKotimainenLahiosoite={"LahiosoiteS": "", "Postinumero": ""},
                    Kotikunta={"Kuntanumero": "091", "KuntasuhdeAlkupvm": ""},
                    Kuolintiedot={"Kuollut": "", "Kuolinpvm": ""},
                    Aidinkieli={"Kielikoodi": "fi"},
                    Turvakielto={"TurvakieltoTieto": "", "TurvakieltoPaattymispvm": ""},
                )
            ],
        )  # fmt: skip
        assert shown(done, "persons", "deceased", "protected", "native_language") == [
            (None, None, "fi")
        ]
        assert shown(done, "names", "given_names", "family_name") == [("Aino Testi", "Koe")]
        assert shown(done, "addresses", "kind", "street", "street_sv", "valid_from") == [
            ("permanent", "Koetie 1", "Provvägen 1", "2020-01-31"),
            ("municipality", None, None, None),
        ]

    @pytest.mark.parametrize(("text", "protected"), [("1", True), ("0", False), ("", None)])
    def test_the_mark_of_protected_identity(self, text: str, protected: bool | None) -> None:
        payload = self.answer(Turvakielto={"TurvakieltoTieto": text})
        assert stage(self.DATASET, [payload]).only("persons")["protected"] is protected

    @pytest.mark.parametrize(
        ("person", "code"),
        [
            ({"Turvakielto": {"TurvakieltoTieto": "K"}}, "ANSWER-FLAG"),
            ({"Kuolintiedot": {"Kuolinpvm": "20190231"}}, "ANSWER-DATE"),
            ({"Kuolintiedot": {"Kuolinpvm": "29990101"}}, "ANSWER-DATE"),
            ({"Henkilotunnus": {"#text": "020180-999X"}}, "ANSWER-CODE-INVALID"),
            ({"Henkilotunnus": ""}, "ANSWER-CODE-MISSING"),
        ],
    )
    def test_faults(self, person: dict[str, Any], code: str) -> None:
        assert codes(self.DATASET, self.answer(**person)) == {code}

    def test_nobody_found_is_found_again_by_the_code_that_was_requested(self) -> None:
        payload = {
            "Paluukoodi": {"@koodi": "0001", "#text": "Ei löydy"},
            "Hakuperusteet": {"Henkilotunnus": {"#text": CODE}},
        }
        assert codes(self.DATASET, payload) == {"ANSWER-NOT-FOUND"}
        assert keep(self.DATASET, [payload]).identifiers == [[f"identity_code:{CODE}"]]

    def test_an_answer_to_a_former_code_names_the_one_in_force(self) -> None:
        payload = self.answer() | {"Hakuperusteet": {"Henkilotunnus": {"#text": "020180-998X"}}}
        assert set(
            shown(stage(self.DATASET, [payload]), "identifiers", "value", "replaced_by")
        ) == {(CODE, None), ("020180-998X", CODE)}

    def test_relatives_and_sex_are_not_stored_and_a_place_can_be_taken_out(self) -> None:
        payload = self.answer(
            Sukupuoli={"Sukupuolikoodi": "1"}, Edunvalvonta={"HenkiloEdunvalvoja": "x"},
            Kansalaisuus={"KansalaisuusS": "Suomi"}, Huollettava=[{"Henkilotunnus": "x"}],
        )  # fmt: skip
        (text,) = keep(self.DATASET, [payload]).payloads
        assert set(json.loads(text)["Henkilo"]) == {"Henkilotunnus"}


class TestPersonMonitoring:
    DATASET = person_monitoring.ANSWERS
    PERSON: ClassVar[dict[str, Any]] = {
        "_op": "Upsert", "socialSecurityNumber": CODE, "dateOfBirth": "1980-01-02",
        "firstName": "Aino", "lastName": "Koe", "languageCode": "FI", "isDead": False,
        "homeMunicipality": {"code": "091", "name": "Helsinki", "startedAt": "2020-01-31"},
        "warnings": [],
        "allAddresses": [
            {"addressPriorityType": "Permanent", "streetAddress": "Koetie 1", "postCode": "00100",
             "postOffice": "HELSINKI", "countryCode": "FI", "startDate": "2020-01-31"},
            {"addressPriorityType": "Temporary", "streetAddress": "Gatan 1", "postCode": "11146",
             "postOffice": "STOCKHOLM", "countryCode": "SE", "startDate": "2021-05-01",
             "endDate": "2021-04-01"},
        ],
    }  # fmt: skip

    @pytest.mark.clause("P6.2")
    def test_a_person(self) -> None:
        done = stage(self.DATASET, [self.PERSON])
        assert shown(done, "persons", "birth_date", "language", "deceased", "protected") == [
            ("1980-01-02", "fi", "False", None)
        ]
        assert shown(done, "addresses", "kind", "country", "valid_from", "valid_to") == [
            ("municipality", None, "2020-01-31", None),
            ("permanent", None, "2020-01-31", None),
            ("temporary_abroad", "SE", None, "2021-04-01"),
        ]

    def test_a_warning_protects(self) -> None:
        payload = self.PERSON | {"warnings": [{"code": "Prc_Disclaimer"}]}
        assert stage(self.DATASET, [payload]).only("persons")["protected"] is True

    def test_of_a_deleted_person_nothing_is_in_force(self) -> None:
        done = stage(self.DATASET, [self.PERSON | {"_op": "Delete"}])
        assert not done.tables["names"]
        assert not done.tables["addresses"]
        assert done.only("persons")["birth_date"] is None

    def test_a_person_without_an_identity_code_is_known_by_name_and_day_of_birth(self) -> None:
        payload = {**self.PERSON, "socialSecurityNumber": None}
        moved = {**payload, "firstName": " AINO ", "allAddresses": []}
        done = stage(self.DATASET, [payload, moved])
        assert done.codes == {}
        assert len({row["person_key"] for row in done.tables["persons"]}) == 1
        kept = keep(self.DATASET, [payload, moved])
        (identifier,) = kept.identifiers[0]
        assert kept.identifiers[1] == [identifier]
        assert kept.native_keys[0] == kept.native_keys[1]
        named = {(row["type"], row["value"]) for row in done.tables["identifiers"]}
        assert {":".join(each) for each in named} == {identifier}
        answer = TestVtjQuery().answer(
            Henkilotunnus="", Syntymaaika="19800102", NykyisetEtunimet={"Etunimet": "Aino"},
            NykyinenSukunimi={"Sukunimi": "Koe"},
        )  # fmt: skip
        assert keep(vtj_query.ANSWERS, [answer]).identifiers == [[identifier]]
        assert str(stage(vtj_query.ANSWERS, [answer]).only("persons")["birth_date"]) == "1980-01-02"

    @pytest.mark.parametrize("missing", ["dateOfBirth", "firstName", "lastName"])
    def test_with_less_than_that_the_answer_is_set_aside(self, missing: str) -> None:
        payload = {**self.PERSON, "socialSecurityNumber": None, missing: ""}
        assert codes(self.DATASET, payload) == {"ANSWER-CODE-MISSING"}

    def test_faults(self) -> None:
        assert codes(self.DATASET, self.PERSON | {"isDead": "maybe"}) == {"ANSWER-FLAG"}
        assert codes(self.DATASET, self.PERSON | {"dateOfDeath": "31.1.2020"}) == {"ANSWER-DATE"}


@pytest.mark.parametrize(
    ("dataset", "payload"),
    [
        (spar.ANSWERS, swedish(
            Namn=[{"Fornamn": "Eva"}], Folkbokforing=[{"FolkbokfordKommunKod": "place"}],
            Folkbokforingsadress=[{"SvenskAdress": {"Postort": "place"}}], Okand={"x": "place"},
        )),
        (vtj_query.ANSWERS, TestVtjQuery().answer(
            NykyisetEtunimet={"Etunimet": "Eva"}, Kotikunta={"Kuntanumero": "place"},
            VakinainenAsuinpaikka={"Asuinpaikantunnus": "place"}, Tuntematon="place",
        )),
        (person_monitoring.ANSWERS, {
            "socialSecurityNumber": CODE, "firstName": "Eva", "newAddress": "place",
            "homeMunicipality": {"code": "place"}, "allAddresses": [{"postOffice": "place"}],
        }),
    ],
)  # fmt: skip
def test_under_protected_identity_only_what_names_no_place_stays(
    dataset: Dataset, payload: dict[str, Any]
) -> None:
    bare = replace(dataset, minimise=dataset.without_location)
    kept = keep(bare, [payload])
    assert "place" not in kept.payloads[0]
    assert "Eva" in kept.payloads[0]
    assert kept.identifiers == keep(dataset, [payload]).identifiers
    assert not stage(bare, [payload]).codes


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(
        [NUMBER, CODE, "JA", "1", "2019-01-00", "99991231"]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(
            [
                "PersonId", "IdNummer", "Namn", "Persondetaljer", "Henkilo", "Henkilotunnus",
                "#text", "@koodi", "Paluukoodi", "socialSecurityNumber", "allAddresses",
                "Tilltalsnamn", "Fornamn", "DatumTill", "Avlidendatum", "Hanvisning", "Typ",
            ]
        ), inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("dataset", [spar.ANSWERS, vtj_query.ANSWERS, person_monitoring.ANSWERS])
@settings(max_examples=examples(8), deadline=None)
@given(payloads=st.lists(st.dictionaries(
    st.sampled_from(
        ["PersonId", "Persondetaljer", "Namn", "Henkilo", "Paluukoodi", "Hakuperusteet",
         "socialSecurityNumber", "allAddresses", "Sekretessmarkering", "warnings"]
    ), ANYTHING, max_size=5), min_size=1, max_size=5))  # fmt: skip
def test_every_answer_is_staged_or_has_a_code(
    dataset: Dataset, payloads: list[dict[str, Any]]
) -> None:
    done = stage(dataset, payloads)
    staged = {row["record_no"] for row in done.tables["persons"]}
    quarantined = {number for number, given_codes in done.codes.items() if given_codes}
    assert staged | quarantined == set(range(len(payloads)))


@pytest.mark.parametrize(
    ("dataset", "text", "may"),
    [
        (spar.ANSWERS, '{"Sekretessmarkering":"NEJ","SkyddadFolkbokforing":"NEJ"}', False),
        (spar.ANSWERS, '{"Sekretessmarkering":"NEJ","SkyddadFolkbokforing":"JA"}', True),
        (spar.ANSWERS, '{"Sekretessmarkering":{"@sattAvSPAR":"JA","#text":"JA"}}', True),
        (spar.ANSWERS, '{"Sekretessmarkering":"KANSKE"}', True),
        (vtj_query.ANSWERS, '{"Turvakielto":{"TurvakieltoTieto":""}}', False),
        (vtj_query.ANSWERS, '{"Turvakielto":{"TurvakieltoTieto":"0"}}', False),
        (vtj_query.ANSWERS, '{"Turvakielto":{"TurvakieltoTieto":"K"}}', True),
        (person_monitoring.ANSWERS, '{"warnings":[]}', False),
        (person_monitoring.ANSWERS, '{"warnings":[{"code":"PRC_Disclaimer"}]}', True),
    ],
)
def test_a_record_in_quarantine_that_may_protect_does(
    dataset: Dataset, text: str, may: bool
) -> None:
    with duckdb.connect() as connection:
        query = "SELECT regexp_matches($1, $2)"
        assert connection.execute(query, [text, dataset.protection]).fetchone() == (may,)
