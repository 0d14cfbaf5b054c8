"""Conflicts are computed from the policy: each is reported while its cause is there, and not
once that is mended.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import date
from typing import Any, get_args

import pytest

from assets.documents import conflicts
from assets.documents.pages import html
from assets.sources.all_sources import SOURCES
from schemas.citations import CITATIONS
from schemas.policy.conflicts import CODES, KINDS
from schemas.policy.loader import load_policy
from schemas.vocabulary import Language
from tests.assets.documents.mended import policy

TODAY = date(2026, 11, 20)
ABROAD = ("recipients", "marketing_automation")
Change = tuple[tuple[str, ...], Any]


def reported(*changes: Change, today: date = TODAY) -> set[tuple[str, str]]:
    """(code, what it is about) of the policy after the changes."""
    return {
        (conflict.code, conflict.subject)
        for conflict in conflicts.conflicts(policy(*changes), today)
    }


def codes(*changes: Change, today: date = TODAY) -> set[str]:
    return {code for code, _ in reported(*changes, today=today)}


def added(name: str, **more: object) -> Change:
    """A category of the controller's own, of which no table has a column."""
    diet = policy().categories["diet"].model_dump()
    return ("categories", name), {**diet, "special": None, "purposes": ["customer_care"], **more}


class TestWhatTheLawOfTheIssueNames:
    """Every item of docs/law.md, "Where the policy is stale or incomplete"."""

    @pytest.mark.clause("P7", "P7.1", "P7.3")
    @pytest.mark.parametrize(
        "code",
        [
            "CONFLICT-PRIVACY-SHIELD",
            "CONFLICT-SCC-2010",
            "CONFLICT-NO-MECHANISM",
            "CONFLICT-RECIPIENT-CHECK",
            "CONFLICT-NO-PERIOD",
            "CONFLICT-OBJECTION-SITUATION",
            "CONFLICT-CHANNEL",
            "CONFLICT-NO-PORTABILITY",
            "CONFLICT-NO-HUMAN-REVIEW",
            "CONFLICT-SEVERAL-BASES",
            "CONFLICT-CREDIT-DATA",
            "CONFLICT-NOT-STORED",
            "CONFLICT-VAGUE-SOURCE",
            "CONFLICT-DISCLOSURE",
        ],
    )
    def test_the_shipped_policy_has_it(self, code: str) -> None:
        assert code in codes()


MENDED: list[tuple[str, str, list[Change]]] = [
    ("CONFLICT-PRIVACY-SHIELD", "marketing_automation", [((*ABROAD, "mechanisms"), ["scc_2021"])]),
    ("CONFLICT-SCC-2010", "marketing_automation", [((*ABROAD, "mechanisms"), ["scc_2021"])]),
    (
        "CONFLICT-NO-MECHANISM",
        "marketing_automation",
        [((*ABROAD, "mechanisms"), ["scc_2021"]), ((*ABROAD, "checked"), date(2026, 1, 1))],
    ),
    ("CONFLICT-NO-MECHANISM", "marketing_automation", [((*ABROAD, "country"), "SE")]),
    (
        "CONFLICT-RECIPIENT-CHECK",
        "it_operations",
        [(("recipients", "it_operations", "checked"), date(2026, 1, 1))],
    ),
    (
        "CONFLICT-OBJECTION-SITUATION",
        "objection",
        [(("rights", "objection", "situation_required"), False)],
    ),
    (
        "CONFLICT-CHANNEL",
        "requests",
        [(("requests", "channels"), ["written", "in_person", "other"])],
    ),
    ("CONFLICT-NO-PORTABILITY", "portability", [(("rights", "portability"), {"clause": "P9.1"})]),
    (
        "CONFLICT-NO-HUMAN-REVIEW",
        "human_review",
        [(("rights", "human_review"), {"clause": "P9.1"})],
    ),
    ("CONFLICT-EDITING", "editing", [(("rights", "editing"), None)]),
    ("CONFLICT-SEVERAL-BASES", "contracts", [(("purposes", "contracts", "bases"), ["contract"])]),
    (
        "CONFLICT-PURPOSE-NOT-NAMED",
        "credit_decision",
        [(("purposes", "credit_decision", "clause"), "P4.7")],
    ),
    ("CONFLICT-CATEGORY-NOT-NAMED", "credit", [(("categories", "credit", "clause"), "P5.6")]),
    ("CONFLICT-NOT-STORED", "password", [(("categories", "password"), None)]),
    (
        "CONFLICT-VAGUE-SOURCE",
        "social_media",
        [(("sources", "social_media"), None), (("categories", "social_media"), None)],
    ),
    (
        "CONFLICT-SOURCE-FILLS",
        "birth_date",
        [
            (
                ("categories", "birth_date", "sources"),
                ["population_register", "crm", "self", "contact_provider"],
            )
        ],
    ),
    (
        "CONFLICT-AGE",
        "products_and_services",
        [(("purposes", "products_and_services", "minimum_age"), 18)],
    ),
    ("CONFLICT-DISCLOSURE", "targeted_advertising", [(("purposes", "targeted_advertising"), None)]),
    ("CONFLICT-NOT-REVIEWED", "version 2019-06-27", [(("version",), "2026-11-01")]),
]


def test_counting_visits_without_a_consent_is_reported_with_the_reason() -> None:
    reason = "counts only, on our own server"
    use = {"by": "own_measurement", "reason": reason}
    found = [
        (conflict.subject, conflict.policy_text)
        for conflict in conflicts.conflicts(
            policy((("purposes", "analytics", "visits"), use)), TODAY
        )
        if conflict.code == "CONFLICT-COOKIES"
    ]
    assert found == [("analytics", reason)]
    assert "CONFLICT-COOKIES" not in codes()


class TestMending:
    @pytest.mark.parametrize(
        ("code", "about", "changes"),
        MENDED,
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_mended_is_not_reported(
        self, code: str, about: str, changes: list[Change]
    ) -> None:
        assert (code, about) in reported()
        assert (code, about) not in reported(*changes)

    def test_a_policy_that_states_its_periods_has_no_conflict_of_periods(self) -> None:
        stated: list[Change] = [
            (("retention", code, "basis"), "P") for code in load_policy().retention
        ]
        assert not {"CONFLICT-NO-PERIOD", "CONFLICT-PERIOD-UNCONFIRMED"} & codes(*stated)

    def test_a_mended_file_has_fewer(self) -> None:
        every = {
            where: value
            for _, _, changes in MENDED
            for where, value in changes
            if where != (*ABROAD, "country")
        }
        before, after = (
            conflicts.conflicts(policy(), TODAY),
            conflicts.conflicts(policy(*every.items()), TODAY),
        )
        assert len(after) <= len(before) - len({(code, about) for code, about, _ in MENDED})

    @pytest.mark.parametrize("code", ["CONFLICT-NO-MART", "CONFLICT-PURPOSE-WITHOUT-DATA"])
    def test_a_purpose_without_mart_or_data_is_reported(
        self, code: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare = policy(
            *(
                (
                    ("categories", name, "purposes"),
                    [purpose for purpose in what.purposes if purpose != "analytics"],
                )
                for name, what in policy().categories.items()
            )
        )
        monkeypatch.setattr(conflicts.stored_data, "purposes", lambda policy: [])
        assert (code, "analytics") in {
            (conflict.code, conflict.subject) for conflict in conflicts.conflicts(bare, TODAY)
        }


class TestTransfers:
    """The dates are those of schemas.policy.transfers."""

    DPF: tuple[Change, ...] = (
        ((*ABROAD, "mechanisms"), ["dpf"]),
        ((*ABROAD, "checked"), date(2026, 1, 1)),
        ((*ABROAD, "certified_on"), date(2024, 1, 1)),
    )

    def test_a_certification_needs_a_fallback(self) -> None:
        assert "CONFLICT-DPF-ALONE" in codes(*self.DPF)
        assert "CONFLICT-DPF-ALONE" not in codes(
            ((*ABROAD, "mechanisms"), ["dpf", "scc_2021"]), *self.DPF[1:]
        )

    def test_a_certification_is_checked_every_year(self) -> None:
        assert "CONFLICT-DPF-CHECK" not in codes(*self.DPF, today=date(2026, 12, 31))
        assert {"CONFLICT-DPF-CHECK", "CONFLICT-NO-MECHANISM"} <= codes(
            *self.DPF, today=date(2027, 1, 2)
        )

    def test_a_certification_is_recorded_and_of_a_recipient_in_the_us(self) -> None:
        for changes in (self.DPF[:2], (*self.DPF, ((*ABROAD, "country"), "CA"))):
            assert {"CONFLICT-DPF-CHECK", "CONFLICT-NO-MECHANISM"} <= codes(*changes)

    @pytest.mark.clause("P7.3")
    def test_adequacy_is_the_countrys(self) -> None:
        checked = ((*ABROAD, "mechanisms"), ["adequacy"]), self.DPF[1]
        assert "CONFLICT-NO-MECHANISM" in codes(*checked)
        assert "CONFLICT-NO-MECHANISM" in codes(*checked, ((*ABROAD, "country"), "CN"))
        assert "CONFLICT-NO-MECHANISM" not in codes(*checked, ((*ABROAD, "country"), "CH"))

    @pytest.mark.clause("P7.3")
    def test_old_clauses_are_a_conflict_from_the_day_they_may_not_be_relied_on(self) -> None:
        assert "CONFLICT-SCC-2010" not in codes(today=date(2022, 12, 26))
        assert "CONFLICT-SCC-2010" in codes(today=date(2022, 12, 27))


class TestRightsAndSources:
    @pytest.mark.parametrize(
        "right",
        [
            "access",
            "rectification",
            "erasure",
            "restriction",
            "objection",
            "withdrawal",
            "complaint",
        ],
    )
    def test_a_right_of_the_law_that_is_left_out_is_reported(self, right: str) -> None:
        assert ("CONFLICT-RIGHT-MISSING", right) in reported((("rights", right), None))

    @pytest.mark.clause("P6.3", "P6.5")
    def test_every_source_that_is_not_read_is_reported_and_none_that_is(self) -> None:
        read = {source.name for source in SOURCES}
        assert {about for code, about in reported() if code == "CONFLICT-VAGUE-SOURCE"} == set(
            load_policy().sources
        ) - read

    @pytest.mark.clause("P5.5", "P5.7", "P5.9")
    def test_data_that_no_table_has_is_reported(self) -> None:
        assert "CONFLICT-NO-COLUMN" not in codes()
        assert ("CONFLICT-NO-COLUMN", "shoe_size") in reported(added("shoe_size"))

    @pytest.mark.clause("P5.5")
    def test_a_special_category_needs_the_consent_in_each_row(self) -> None:
        assert "CONFLICT-SPECIAL-CATEGORY" not in codes()
        disability = added("disability", special="explicit_consent", purposes=[])
        assert ("CONFLICT-SPECIAL-CATEGORY", "disability") in reported(disability)


class TestReport:
    def test_the_gravest_come_first(self) -> None:
        order = [conflict.kind.severity for conflict in conflicts.conflicts(policy(), TODAY)]
        assert order == sorted(order, key=["high", "medium", "low"].index)
        assert (
            conflicts.per_severity(conflicts.conflicts(policy(), TODAY))["high"]
            == order.count("high")
            > 0
        )

    @pytest.mark.parametrize("language", get_args(Language))
    def test_it_proposes_a_text_for_each_in_the_language_that_is_asked_for(
        self, language: Language
    ) -> None:
        report = conflicts.markdown(policy(), TODAY, language)
        assert all(f"`{code}`" in report for code in codes())
        page = html(report, "en").split("\n", 1)[1]
        assert ET.fromstring(page).find(".//table") is not None  # noqa: S314
        assert {"sv": "direktmarknadsföring", "fi": "suoramarkkinointia", "en": "direct marketing"}[
            language
        ] in report

    def test_a_policy_without_conflicts_reports_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conflicts, "conflicts", lambda policy, today: [])
        assert "There is none." in conflicts.markdown(policy(), TODAY)

    def test_for_machines_it_has_everything(self) -> None:
        data = conflicts.conflicts(policy(), TODAY)[0].as_data()
        assert set(data) == {
            "code",
            "severity",
            "clause",
            "subject",
            "policy_says",
            "law_or_data_say",
            "article",
            "proposed",
        }

    def test_a_citation_that_nobody_has_verified_is_marked(self) -> None:
        age = next(
            conflict
            for conflict in conflicts.conflicts(policy(), TODAY)
            if conflict.code == "CONFLICT-AGE"
        )
        assert "1050/2018, 5 § (citation not verified)" in age.as_data()["article"]


def test_every_kind_cites_and_proposes_in_every_language() -> None:
    assert [
        code
        for code, kind in KINDS.items()
        if set(kind.proposal) != set(get_args(Language)) or not kind.citations
    ] == []
    assert {name for kind in KINDS.values() for name in kind.citations} <= set(CITATIONS)
    assert set(CODES) == set(KINDS)


def test_no_proposal_relies_on_what_is_void() -> None:
    assert not [
        code
        for code, kind in KINDS.items()
        for text in kind.proposal.values()
        if "privacy shield" in text.lower() or "2010" in text
    ]
