"""Events: participants of Eventbrite and Lyyti. Their companions are other people, and their diet
is kept only with an explicit consent.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.events import SOURCE
from assets.sources.formats import Csv
from tests.support.activity_records import attendee, participant
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

EVENTBRITE, LYYTI, LYYTI_API = SOURCE.datasets
CONSENT = "Suostun erikoisruokavalioni tallentamiseen"
UNKNOWN = "Info Requested"
BUYER = {
    "Buyer First Name": "Matti",
    "Buyer Last Name": "Meri",
    "Buyer Email": "matti.meri@example.fi",
}


def row(**more: str) -> dict[str, str]:
    """A row as the reader of CSV makes it, under the declared names."""
    renamed = {"Order No.": "Order no."}
    return {
        renamed.get(name, name): value
        for name, value in attendee(1, "Aino", "Salo", **more).items()
    }


@pytest.mark.clause("P5.5")
class TestWhoParticipates:
    def test_an_attendee_is_a_person_of_their_own(self) -> None:
        staged = stage(EVENTBRITE, [row(Quantity="2")])
        participation = staged.only("participations")
        assert (participation["status"], participation["seats"], participation["ticket"]) == (
            "attended",
            2,
            "Perus",
        )
        assert staged.only("names")["given_names"] == "Aino"
        assert staged.only("contact_points")["match_key"] == "aino.salo@example.fi"

    def test_companions_who_share_an_address_are_two_people(self) -> None:
        shared = {"Email": "koti@example.fi"}
        staged = stage(EVENTBRITE, [row(**shared), row(**shared, **{"First Name": "Eero"})])
        assert len({name["person_key"] for name in staged.tables["names"]}) == 2

    def test_the_buyer_is_not_the_attendee(self) -> None:
        bought = row(**BUYER, Email="matti.meri@example.fi")
        assert "matti" not in keep(EVENTBRITE, [bought]).payloads[0].lower()
        staged = stage(EVENTBRITE, [bought])
        assert staged.only("names")["given_names"] == "Aino"
        assert staged.tables["contact_points"] == []

    def test_a_buyer_who_attends_keeps_the_address(self) -> None:
        own = row(**{**BUYER, "Buyer First Name": "aino", "Buyer Last Name": "SALO"})
        own["Buyer Email"] = own["Email"]
        assert stage(EVENTBRITE, [own]).only("contact_points")["value"] == "aino.salo@example.fi"

    def test_of_a_ticket_for_nobody_by_name_the_place_alone_is_known(self) -> None:
        nobody = row(
            **BUYER,
            **{"First Name": UNKNOWN, "Last Name": UNKNOWN, "Email": "matti.meri@example.fi"},
        )
        staged = stage(EVENTBRITE, [nobody])
        assert staged.only("participations")["person_key"] is None
        assert staged.tables["names"] == staged.tables["identifiers"] == []

    def test_a_later_export_of_a_participant_replaces_the_earlier(self) -> None:
        assert len(set(keep(EVENTBRITE, [row(), row(Quantity="2")]).native_keys)) == 1

    def test_a_record_is_found_by_number_address_and_phone(self) -> None:
        assert keep(LYYTI, [participant(1)]).identifiers == [
            ["contact_id:lyyti:321-1", "email:liisa.testi@example.fi", "phone:+358401234567"]
        ]

    def test_the_old_headers_are_read_too(self) -> None:
        assert isinstance(EVENTBRITE.format, Csv)
        assert EVENTBRITE.format.also_called["Last Name"] == ("Surname",)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("notreacted", "invited"),
        ("reactedyes", "registered"),
        ("reactedno", "declined"),
        ("show", "attended"),
        ("noshow", "absent"),
    ],
)
def test_statuses_of_lyyti(word: str, status: str) -> None:
    assert stage(LYYTI, [participant(1, status=word)]).only("participations")["status"] == status


@pytest.mark.parametrize(
    ("order", "word", "status"),
    [
        ("Free Order", "Attending", "registered"),
        ("Refunded", "Attending", "refunded"),
        ("Eventbrite Completed", "Not Attending", "cancelled"),
        ("Free Order", "", "registered"),
    ],
)
def test_statuses_of_eventbrite(order: str, word: str, status: str) -> None:
    staged = stage(EVENTBRITE, [row(**{"Order Type": order, "Attendee Status": word})])
    assert staged.only("participations")["status"] == status


class TestDays:
    @pytest.mark.parametrize(
        ("start", "end", "ends_on"),
        [
            ("2026-12-01", "2026-12-03", "2026-12-03"),
            ("2026-12-01", "", "2026-12-01"),
            ("", "2026-12-03T23:30:00+02:00", "2026-12-03"),
            ("", "", "2024-09-01"),
        ],
    )
    def test_the_clock_starts_when_the_event_ends_else_at_the_sign_up(
        self, start: str, end: str, ends_on: str
    ) -> None:
        staged = stage(EVENTBRITE, [row(**{"Event Start Date": start, "Event End Date": end})])
        assert str(staged.only("participations")["event_ends_on"]) == ends_on

    @pytest.mark.parametrize(
        ("start", "end"),
        [("2026-12-03", "2026-12-01"), ("soon", ""), ("", "2099-01-01"), ("", "infinity")],
    )
    def test_impossible_days_have_a_code(self, start: str, end: str) -> None:
        wrong = row(**{"Event Start Date": start, "Event End Date": end})
        assert codes(EVENTBRITE, wrong) == {"EVENT-DATE"}


@pytest.mark.clause("P5.5")
class TestDiet:
    def test_without_consent_it_never_reaches_the_disk(self) -> None:
        for answer in ("", "Ei", "no", "en tiedä"):
            asked = row(Erityisruokavalio="keliakia", **{CONSENT: answer})
            assert "keliakia" not in keep(EVENTBRITE, [asked]).payloads[0]
            assert stage(EVENTBRITE, [asked]).tables["diets"] == []

    def test_nor_does_any_other_answer_to_an_organisers_question(self) -> None:
        asked = row(Huomioitavaa="pyörätuoli", Allergies="nuts", notes="sairas")
        kept = keep(EVENTBRITE, [asked]).payloads[0]
        assert not any(word in kept for word in ("pyörätuoli", "nuts", "sairas"))

    @pytest.mark.parametrize("answer", ["Kyllä", "yes", "Ja", "I agree", "Suostun"])
    def test_with_consent_it_is_kept_with_the_answer_in_a_table_of_its_own(
        self, answer: str
    ) -> None:
        diet = stage(
            EVENTBRITE,
            [
                row(
                    **{
                        "Erityisruokavalio": "keliakia",
                        CONSENT: answer,
                        "Event End Date": "2026-12-01",
                    }
                )
            ],
        ).only("diets")
        assert (diet["diet"], diet["consent"], str(diet["event_ends_on"])) == (
            "keliakia",
            answer,
            "2026-12-01",
        )

    @pytest.mark.parametrize(
        "answers",
        [
            {"Ruokavalio": "vegaani", "Suostun ruokavalion tallentamiseen": "Kyllä"},
            [
                {"question": "Ruokavalio", "answer": "vegaani"},
                {"question": "Suostun ruokavalion tallentamiseen", "answer": "Kyllä"},
            ],
            {
                "7": {"question": "Ruokavalio", "answer": "vegaani"},
                "8": {"question": "Suostun ruokavalion tallentamiseen", "answer": "Kyllä"},
            },
        ],
        ids=["by question", "list", "by number"],
    )
    def test_answers_of_lyyti_in_any_shape(self, answers: Any) -> None:
        assert (
            stage(LYYTI_API, [participant(1, answers=answers)]).only("diets")["diet"] == "vegaani"
        )


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"participant_id": ""}, "EVENT-PARTICIPANT"),
        ({"status": "perhaps"}, "EVENT-STATUS"),
    ],
)
def test_what_cannot_be_used_says_why(wrong: dict[str, str], code: str) -> None:
    assert codes(LYYTI, participant(1, **wrong)) == {code}


def test_a_number_of_places_is_a_count() -> None:
    assert codes(EVENTBRITE, row(Quantity="many")) == {"EVENT-SEATS"}


VALUES = st.one_of(st.text(), st.sampled_from(["", "2026-12-01", "show", "Kyllä", "1e309", "null"]))


@settings(max_examples=examples(10), deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*participant(1), "answers", "Ruokavalio", "Suostun ruokavalio"]),
            st.one_of(VALUES, st.lists(VALUES), st.dictionaries(VALUES, VALUES)),
        ),
        min_size=1,
    )
)
def test_every_participant_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    done = stage(LYYTI_API, rows)
    assert {staged["record_no"] for staged in done.tables["participations"]} | {
        number for number, failed in done.codes.items() if failed
    } == set(range(len(rows)))
