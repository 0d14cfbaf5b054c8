"""The notice: ten sections in three languages, and nothing in it that the running system does not
do.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import date
from typing import Any, get_args

import pytest

from assets.documents import grammar, notice, stored_data
from assets.documents.pages import html
from schemas.columns import categories
from schemas.declarations import LAYERS
from schemas.policy.loader import load_policy
from schemas.staged import VisitActions, Visits
from schemas.vocabulary import Language
from tests.assets.documents.mended import policy

TODAY = date(2026, 11, 20)
LANGUAGES: tuple[Language, ...] = get_args(Language)
POLICY = load_policy()


def written(language: Language, *changes: tuple[tuple[str, ...], Any], today: date = TODAY) -> str:
    return notice.markdown(policy(*changes), language, today)


def section(text: str, number: int) -> str:
    """One numbered section."""
    return text.split(f"\n## {number}. ")[1].split("\n## ", maxsplit=1)[0]


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    return request.param


@pytest.fixture
def text(language: Language) -> str:
    return written(language)


class TestShape:
    def test_it_has_the_ten_sections_in_their_order(self, text: str) -> None:
        assert re.findall(r"^## (\d+)\. \S", text, re.MULTILINE) == [
            str(number) for number in range(1, 11)
        ]

    def test_nothing_is_left_empty(self, text: str) -> None:
        assert not re.search(r"\{\{|\{%|None|\bundefined\b|  +\(|\(\)|: *\.|,,|\.\.", text)
        assert "\n\n\n" not in text

    def test_its_html_is_whole_and_fetches_and_runs_nothing(
        self, text: str, language: Language
    ) -> None:
        page = html(text, language)
        root = ET.fromstring(page.split("\n", 1)[1])  # noqa: S314  (our own page)
        assert root.get("lang") == language
        assert [
            element.tag
            for element in root.iter()
            if element.tag in ("script", "link", "img", "iframe", "object")
        ] == []
        assert [
            value
            for element in root.iter()
            for name, value in element.attrib.items()
            if name in ("src", "href") or name.startswith("on")
        ] == []
        assert len(root.findall(".//h2")) == 10

    def test_what_a_policy_file_says_cannot_break_the_page(self, language: Language) -> None:
        nasty = 'A | B <script>alert(1)</script> *[x](javascript:1)* # & "q"'
        page = html(written(language, (("controller", "name"), nasty)), language)
        root = ET.fromstring(page.split("\n", 1)[1])  # noqa: S314
        assert root.find(".//script") is None
        assert root.find(".//a") is None
        assert nasty in "".join(root.itertext())

    def test_a_language_that_the_policy_lacks_is_no_notice(self) -> None:
        with pytest.raises(KeyError):
            written("sv", (("register", "name", "sv"), None))


class TestFacts:
    @pytest.mark.clause("P1")
    def test_the_controller_is_in_section_1(self, text: str) -> None:
        for fact in (
            POLICY.controller.name,
            POLICY.controller.address,
            POLICY.controller.phone,
            POLICY.controller.email,
        ):
            assert fact in section(text, 1)

    @pytest.mark.clause("P2", "P10")
    def test_the_contact_has_role_and_address_and_is_named_in_section_10(
        self, text: str, language: Language
    ) -> None:
        role = POLICY.contact.role[language]
        assert role.lower() in section(text, 2).lower()
        assert POLICY.contact.email in section(text, 2)
        assert role in section(text, 10)

    @pytest.mark.clause("P3")
    def test_the_register_is_called_by_its_name(self, text: str, language: Language) -> None:
        assert POLICY.register_name.name[language].lower() in section(text, 3).lower()

    @pytest.mark.clause("P4")
    def test_purposes_are_those_that_have_a_mart_each_with_its_bases(
        self, text: str, language: Language
    ) -> None:
        purposes = section(text, 4)
        for name, purpose in POLICY.purposes.items():
            assert (purpose.name[language].lower() in purposes.lower()) == (
                f"marts.{name}" in LAYERS
            ), name
        assert len(re.findall(r"^- \*\*", purposes, re.MULTILINE)) == len(
            stored_data.purposes(POLICY)
        )

    @pytest.mark.clause("P4", "P4.4")
    def test_automated_decisions_are_those_that_the_policy_states(
        self, text: str, language: Language
    ) -> None:
        stated = POLICY.transparency.automated_decisions
        assert stated is not None
        assert stated.identify[language] in section(text, 4)
        without = written(language, (("transparency", "automated_decisions"), None))
        assert stated.identify[language] not in without

    @pytest.mark.clause("P4")
    def test_significant_effects_are_stated_only_if_the_policy_states_them(self) -> None:
        where = ("transparency", "automated_decisions", "significant")
        none = "is made without a person"
        assert none not in section(written("en"), 4)
        assert none in section(written("en", (where, False)), 4)
        assert "contest it" in section(written("en", (where, True)), 4)

    @pytest.mark.clause("P4", "P5")
    def test_every_purpose_has_its_data_and_bases_in_a_table(
        self, text: str, language: Language
    ) -> None:
        rows = [line for line in section(text, 5).splitlines() if line.startswith("| ")]
        assert len(rows) == 1 + len(stored_data.purposes(POLICY))
        [credit] = [row for row in rows if POLICY.categories["credit"].name[language] in row]
        assert POLICY.purposes["credit_decision"].name[language][1:] in credit

    @pytest.mark.clause("P5.8", "P5.9")
    def test_what_cookies_tell_is_used_as_each_purpose_says(self, language: Language) -> None:
        """By consent, or counted without one where the policy measures itself (P5.8)."""
        words = {
            "en": ("only if you have consented to it: ", "without asking for your consent"),
            "fi": ("vain, jos olet antanut siihen suostumuksesi: ", "pyytämättä suostumusta"),
            "sv": ("endast om du har samtyckt till det: ", "utan att be om ditt samtycke"),
        }
        consented, measured = words[language]
        analysed = POLICY.purposes["analytics"].name[language]
        developed = POLICY.purposes["products_and_services"].name[language]
        by_consent = section(written(language), 5)
        assert f"{consented}{developed}, {analysed}." in by_consent
        assert measured not in by_consent
        use = {"by": "own_measurement", "reason": "counts only"}
        counted = (("purposes", "products_and_services", "visits"), use)
        both = section(written(language, counted), 5)
        assert f"{consented}{analysed}." in both
        assert f": {developed}." in both.split(measured)[1].split("\n")[0]

    def test_cookies_have_their_own_section_with_consent_links_and_others_buttons(
        self, text: str, language: Language
    ) -> None:
        cookies = POLICY.transparency.cookies
        assert cookies is not None
        for third_party in cookies.third_parties:
            assert f"{third_party.name}: {third_party.policy}" in section(text, 5)
        link = "https://example.fi/cookies"
        assert link in written(language, (("transparency", "cookies", "policy"), link))

    @pytest.mark.clause("P5.8")
    def test_what_a_visit_has_is_what_has_a_column(self, text: str, language: Language) -> None:
        columns = {name for model in (Visits, VisitActions) for name in categories(model)}
        items = grammar.words()["visit_items"]
        assert len(set(items) & columns) >= 16
        for name, named in items.items():
            assert (named[language] in section(text, 5)) == (name in columns), name

    @pytest.mark.clause("P8.1")
    def test_measures_of_the_organisation_are_those_of_the_policy(self) -> None:
        assert "locked premises" in section(written("en"), 8)
        fewer = (("transparency", "protection", "measures"), ["personal_accounts"])
        assert "locked premises" not in section(written("en", fewer), 8)
        assert "personal user name" in section(written("en", fewer), 8)

    @pytest.mark.clause("P2")
    def test_a_data_protection_officer_is_stated_only_if_the_policy_states_it(self) -> None:
        where = ("transparency", "officer")
        assert "officer" not in section(written("en"), 2)
        assert "have not designated" in section(written("en", (where, {"designated": False})), 2)
        named = {"designated": True, "email": "dpo@example.fi"}
        assert "dpo@example.fi" in section(written("en", (where, named)), 2)

    @pytest.mark.clause("P5.1")
    def test_identity_codes_link_records_and_have_their_purposes(
        self, text: str, language: Language
    ) -> None:
        for name in stored_data.purposes(POLICY):
            if POLICY.allows("identity_code", name):
                assert POLICY.purposes[name].name[language] in section(text, 5)

    @pytest.mark.clause("P5.8", "P8.2")
    def test_a_shortened_address_stays_with_its_visit(self) -> None:
        assert "the shortened IP address with the visit, 25 months" in section(written("en"), 8)

    def test_orders_keep_their_numbers(self) -> None:
        assert "order numbers stay" in section(written("en"), 8)
        assert "Ordernumren finns kvar" in section(written("sv"), 8)
        assert "Tilausnumerot säilyvät" in section(written("fi"), 8)

    @pytest.mark.clause("P5", "P5.5", "P5.7", "P5.9")
    def test_data_is_listed_only_if_a_table_has_a_column_for_it(
        self, text: str, language: Language
    ) -> None:
        columns = stored_data.columns()
        for name, category in POLICY.categories.items():
            if name not in columns:
                assert category.name[language].lower() not in section(text, 5).lower().replace(
                    "inga lösenord", ""
                ).replace("passwords", ""), name
            elif name in stored_data.noticed(POLICY):
                assert category.name[language] in section(text, 5), name

    @pytest.mark.clause("P5.1")
    def test_passwords_are_not_stored_and_the_notice_says_so(self) -> None:
        assert "We do not store passwords." in section(written("en"), 5)
        assert "Vi sparar inga lösenord." in section(written("sv"), 5)
        assert "Emme tallenna salasanoja." in section(written("fi"), 5)

    @pytest.mark.clause("P5.8")
    def test_addresses_of_visitors_are_shortened_and_the_notice_says_so(self, text: str) -> None:
        assert re.search(
            r"shortened as soon as|förkortas så snart|lyhennetään heti", section(text, 5)
        )

    @pytest.mark.clause("P6", "P6.1", "P6.2", "P6.3", "P6.4", "P6.5")
    def test_sources_are_those_that_are_read(self, text: str, language: Language) -> None:
        for name, source in POLICY.sources.items():
            assert (f"- {source.name[language]}\n" in section(text, 6)) == (
                name in stored_data.read(POLICY)
            ), name

    @pytest.mark.clause("P6.6")
    def test_registrants_known_from_others_only_are_informed_within_the_time(self) -> None:
        assert "within one month" in section(written("en"), 6)
        assert "inom 14 dagar" in section(
            written("sv", (("article_14", "informed_within"), "14 days")), 6
        )
        assert "kuukauden kuluessa" in section(written("fi"), 6)


class TestTransfers:
    @pytest.mark.clause("P7", "P7.2")
    def test_every_recipient_is_named_with_its_country(self, text: str, language: Language) -> None:
        countries = {
            "fi": ("Suomi", "Yhdysvallat"),
            "sv": ("Finland", "USA"),
            "en": ("Finland", "the United States"),
        }[language]
        for recipient, country in zip(POLICY.recipients.values(), countries, strict=True):
            assert f"{recipient.name[language][1:]} ({country})" in section(text, 7)

    @pytest.mark.clause("P7.3")
    def test_a_mechanism_that_is_void_is_printed_only_as_what_earlier_transfers_rested_on(
        self, text: str
    ) -> None:
        [line] = [line for line in text.splitlines() if re.search("privacy.?shield", line, re.I)]
        assert "2010" in line
        assert re.search("no valid ground|ingen giltig grund|pätevää perustetta", line)

    @pytest.mark.clause("P7.2", "P7.3")
    def test_a_recipient_is_named_where_the_policy_names_it(self, language: Language) -> None:
        where = ("recipients", "it_operations", "organisation")
        assert "Esimerkki IT Oy, " in section(written(language, (where, "Esimerkki IT Oy")), 7)

    @pytest.mark.clause("P7.3")
    def test_without_a_valid_ground_nothing_is_released(self) -> None:
        assert "no valid ground for a transfer" in section(written("en"), 7)
        assert "ingen giltig grund för överföring" in section(written("sv"), 7)
        assert "eikä siirrolle ole tällä hetkellä pätevää perustetta" in section(written("fi"), 7)

    @pytest.mark.clause("P7.3")
    def test_one_that_holds_is_printed_for_as_long_as_it_holds(self) -> None:
        mended = (
            (("recipients", "marketing_automation", "mechanisms"), ["dpf"]),
            (("recipients", "marketing_automation", "checked"), date(2026, 5, 1)),
            (("recipients", "marketing_automation", "certified_on"), date(2024, 1, 1)),
        )
        assert "Data Privacy Framework" in section(written("en", *mended), 7)
        assert "no valid ground" in section(written("en", *mended, today=date(2027, 5, 2)), 7)

    @pytest.mark.clause("P7.3")
    def test_a_notice_of_an_earlier_day_names_what_was_in_force_then(self) -> None:
        """The shipped policy's mechanisms were checked in June 2019."""
        assert "Privacy Shield" in section(written("en", today=date(2019, 12, 1)), 7)
        assert "no valid ground" in section(written("en", today=date(2020, 7, 16)), 7)

    @pytest.mark.clause("P7.3")
    def test_a_mechanism_of_another_country_is_not_printed(self) -> None:
        changes = (
            (("recipients", "marketing_automation", "mechanisms"), ["adequacy", "dpf"]),
            (("recipients", "marketing_automation", "checked"), date(2026, 5, 1)),
            (("recipients", "marketing_automation", "certified_on"), date(2024, 1, 1)),
            (("recipients", "marketing_automation", "country"), "CN"),
        )
        assert "no valid ground" in section(written("en", *changes), 7)


class TestPeriods:
    @pytest.mark.clause("P8.2")
    def test_a_period_that_is_changed_in_the_policy_is_changed_in_the_notice(self) -> None:
        assert "25 months from the visit" in section(written("en"), 8)
        changed = written("en", (("retention", "RET-VISITS-25M", "period"), "1 years"))
        assert "one year from the visit" in section(changed, 8)
        assert "25 months" not in changed

    @pytest.mark.clause("P8.2")
    def test_the_clock_is_the_one_of_the_policy(self) -> None:
        assert "three years from the end of your last contract" in section(written("en"), 8)
        assert "three years from your last active contact" in section(
            written("en", (("retention", "RET-CUSTOMER-3Y", "clock"), "last_contact")), 8
        )

    @pytest.mark.clause("P8.2")
    def test_every_category_in_the_notice_has_a_period(self, text: str, language: Language) -> None:
        for name in stored_data.noticed(POLICY):
            assert POLICY.categories[name].name[language].lower() in section(text, 8).lower(), name

    def test_a_period_of_zero_is_stated(self) -> None:
        assert "only for as long as the entry is valid" in section(written("en"), 8)
        assert "poistetaan heti" in section(
            written("fi", (("retention", "RET-VISITS-25M", "period"), "0 days")), 8
        )

    @pytest.mark.clause("P8.1")
    def test_protection_is_described_as_it_is(self, text: str) -> None:
        assert re.search(
            r"only by the user account|endast av det användarkonto|vain se käyttäjätili",
            section(text, 8),
        )


class TestRights:
    @pytest.mark.clause("P9", "P9.1", "P9.3", "P9.4", "P9.5", "P9.6")
    def test_every_right_of_the_law_is_listed_whether_the_policy_names_it_or_not(
        self, text: str
    ) -> None:
        assert len(re.findall(r"^- \*\*", section(text, 9), re.MULTILINE)) == 10

    @pytest.mark.clause("P9.6")
    def test_an_objection_to_marketing_needs_no_situation(self) -> None:
        assert "without giving a reason" in section(written("en"), 9)
        assert "utan att ange något skäl" in section(written("sv"), 9)
        assert "syytä ilmoittamatta" in section(written("fi"), 9)

    @pytest.mark.clause("P9.1")
    def test_erased_data_does_not_come_back_and_the_notice_says_so(self, text: str) -> None:
        assert re.search(r"do not come back|kommer inte tillbaka|eivät palaa", section(text, 9))

    @pytest.mark.clause("P9.2")
    def test_editing_ones_data_oneself_is_not_promised_while_there_is_no_such_service(
        self, text: str
    ) -> None:
        assert not re.search(r"yourself edit|edit your data|redigera|muokata", text)

    @pytest.mark.clause("P9.5")
    @pytest.mark.parametrize(
        ("country", "name"),
        [
            ("FI", "Dataombudsmannens byrå"),
            ("SE", "Integritetsskyddsmyndigheten"),
            ("DE", "där vi är etablerade"),
        ],
    )
    def test_the_authority_is_the_one_of_the_controllers_country(
        self, country: str, name: str
    ) -> None:
        assert name in section(written("sv", (("country",), country)), 9)

    @pytest.mark.clause("P10.1")
    def test_requests_are_answered_within_the_time_of_the_policy_and_need_no_form(self) -> None:
        assert "within one month" in section(written("en"), 10)
        assert "med två månader" in section(written("sv"), 10)
        assert "kahdella kuukaudella" in section(written("fi"), 10)
        assert "ei tarvitse käyttää tiettyä lomaketta" in section(written("fi"), 10)
