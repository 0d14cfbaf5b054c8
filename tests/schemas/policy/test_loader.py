"""A policy file that contradicts itself or the law is refused, with line, clause and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from schemas import declarations
from schemas.policy.diagnostics import PolicyError
from schemas.policy.loader import POLICY_FILE, load_policy
from tests.support.changed_policy import changed, refused, written

MUTATIONS: list[tuple[tuple[str, ...], object, str]] = [
    (("purposes", "analytics", "bases"), [], "name at least one"),
    (("purposes", "analytics", "bases"), None, "add `bases:`"),
    (("purposes", "analytics", "bases"), ["consnt"], "write 'consent'"),
    (("purposes", "analytics", "bases"), ["curiosity"], "write one of consent, contract"),
    (("purposes", "analytics", "clause"), "P11", "such as P5.4"),
    (("purposes", "analytics", "minimum_age"), 13, "minors"),
    (("purposes", "direct_marketing", "bases"), ["legitimate_interest"], "917/2014"),
    (("purposes", "targeted_advertising", "bases"), ["legitimate_interest"], "917/2014"),
    (("purposes", "contracts", "bases"), ["legal_obligation"], "add contract"),
    (
        ("purposes", "gossip"),
        {"name": {}, "clause": "P4.1", "bases": ["consent"]},
        "products_and_services",
    ),
    (
        ("purposes", "contract"),
        {"name": {}, "clause": "P4.1", "bases": ["consent"]},
        "write 'contracts'",
    ),
    (("purposes", "credit_decision", "name"), {"en": "credit", "sv": "kredit"}, "add `fi:`"),
    (("purposes", "analytics"), None, "add `analytics:`"),
    (("profiles", "segment_floor"), 0, "write 1 or more"),
    (("profiles", "segment_floor"), None, "add `segment_floor:`"),
    (("profiles", "interests"), None, "add `interests:`"),
    (("profiles", "intrests"), {}, "write 'interests'"),
    (("profiles", "interests", "mobile", "contents"), [], "name at least one"),
    (("profiles", "interests", "mobile", "contents"), None, "add `contents:`"),
    (("profiles", "interests", "mobile", "contents"), ["*"], "at least 4 characters in a row"),
    (
        ("profiles", "interests", "mobile", "contents"),
        ["tuotteet/mobiili*", "*a*b*c*d*"],
        "at least 4 characters in a row",
    ),
    (("profiles", "interests", "mobile", "contents"), ["*terveys*"], "health (GDPR 9)"),
    (("profiles", "interests", "mobile", "words"), ["5g"], "write one of name, contents"),
    (
        ("profiles", "interests", "mobile", "name"),
        {"en": "mobile", "fi": "matkapuhelin"},
        "add `sv:`",
    ),
    (
        ("profiles", "interests", "mobile", "name"),
        {"en": "health", "fi": "terveys", "sv": "hälsa"},
        "nobody is profiled by",
    ),
    (
        ("profiles", "interests", "Mobile Phones"),
        {"name": {}, "contents": ["tuotteet/mobiili"]},
        "small letters",
    ),
    (
        ("profiles", "interests", "health"),
        {"name": {}, "contents": ["tuotteet/vakuutus"]},
        "health (GDPR 9)",
    ),
    (
        ("profiles", "interests", "politics"),
        {"name": {}, "contents": ["tuotteet/vakuutus"]},
        "politics (GDPR 9)",
    ),
    (
        ("profiles", "interests", "sexuality"),
        {"name": {}, "contents": ["tuotteet/vakuutus"]},
        "sexual life or orientation (GDPR 9)",
    ),
    (
        ("profiles", "interests", "trade_union"),
        {"name": {}, "contents": ["tuotteet/vakuutus"]},
        "trade union membership (GDPR 9)",
    ),
    (
        ("profiles", "interests", "seurakunnat"),
        {"name": {}, "contents": ["tuotteet/vakuutus"]},
        "religion or belief (GDPR 9)",
    ),
    (
        ("profiles", "interests", "offences"),
        {"name": {}, "contents": ["rikosrekisteri"]},
        "offences (GDPR 10)",
    ),
    (
        ("profiles", "interests", "loans"),
        {"name": {}, "contents": ["laina/luottotiedot*"]},
        "credit data (527/2007)",
    ),
    (("categories", "age_band", "derived_from"), ["birth_date", "credit"], "527/2007"),
    (("categories", "interests", "derived_from"), ["website", "diet"], "GDPR 9"),
    (("categories", "segment", "derived_from"), ["consumption", "credit"], "527/2007"),
    (("categories", "name", "clause"), "5.1", "such as P5.4"),
    (("categories", "name", "clause"), 5.1, "such as P5.4"),
    (("categories", "name", "purposes"), ["gossip"], "write one of analytics"),
    (("categories", "name", "purposes"), ["contract"], "write 'contracts'"),
    (("categories", "name", "purposes"), ["analytics"], "pseudonyms only"),
    (("categories", "name", "purposes"), None, "add `purposes:`"),
    (("categories", "name", "sources"), ["crn"], "write 'crm'"),
    (("categories", "name", "sources"), None, "the category has no source"),
    (("categories", "name", "sources"), [], "the category has no source"),
    (("categories", "name", "retention"), [], "no retention rule"),
    (("categories", "name", "retention"), None, "add `retention:`"),
    (("categories", "name", "retention"), ["RET-PROSPECT-2Y"], "write 'RET-PROSPECT-3Y'"),
    (("categories", "name", "retention"), ["with_row"], "only `technical`"),
    (("categories", "name", "sorces"), ["crm"], "write 'sources'"),
    (("categories", "name", "name"), "namn", "as the shipped"),
    (("categories", "credit", "purposes"), ["credit_decision", "direct_marketing"], "527/2007"),
    (("categories", "credit", "purposes"), ["analytics"], "527/2007"),
    (("categories", "credit", "retention"), [], "no retention rule"),
    (("categories", "consumption", "derived_from"), ["order", "credit"], "527/2007"),
    (("categories", "consumption", "derived_from"), ["consumption"], "break the circle"),
    (("categories", "consumption", "derived_from"), ["ordre"], "write 'order'"),
    (("categories", "identity_code", "purposes"), ["customer_care"], "1050/2018"),
    (("categories", "protection", "purposes"), ["customer_care"], "661/2009"),
    (("categories", "website_identifier", "purposes"), ["analytics"], "take the purpose out"),
    (("categories", "diet", "purposes"), ["analytics"], "GDPR 9"),
    (("categories", "diet", "special"), None, "explicit_consent"),
    (("categories", "password", "purposes"), ["customer_care"], "not stored"),
    (("sources", "crm", "trust"), 0, "write 1 or more"),
    (("sources", "crm", "owner"), "sales", "team:data"),
    (("sources", "crm"), None, "is none of the sources"),
    (("recipients", "it_operations", "country"), "Finland", "such as FI"),
    (("recipients", "it_operations", "purposes"), ["marketing"], "is none of the purposes"),
    (("recipients", "it_operations", "checked"), "yesterday", "checked"),
    (
        ("recipients", "marketing_automation", "mechanisms"),
        ["privacy_sheild"],
        "write 'privacy_shield'",
    ),
    (("retention", "RET-RAW-13M", "period"), "soon", "such as '13 months'"),
    (("retention", "RET-RAW-13M", "period"), "2 yaers", "such as '13 months'"),
    (("retention", "RET-RAW-13M", "effect"), "keep", "write one of delete"),
    (("retention", "RET-RAW-13M", "clock"), "delivry", "write 'delivery'"),
    (("retention", "RET-RAW-13M", "basis"), "Z", "write one of P, L, A, C"),
    (("retention", "RET-RAW-13M", "grace"), "1 days", "take it out"),
    (("retention", "RET-RAW-13M", "applies_to"), "visits", "applies_to: raw"),
    (("retention", "RET-RAW-13M"), None, "applies_to: raw"),
    (("retention", "RET-VOUCHER-6Y", "period"), "5 years", "1336/1997"),
    (("retention", "RET-VOUCHER-6Y", "period"), "71 months", "1336/1997"),
    (("retention", "RET-VOUCHER-6Y", "clock"), "made", "write calendar_year_end"),
    (("retention", "RET-VOUCHER-6Y", "effect"), "delete", "write segregate"),
    (("retention", "RET-CREDIT-EXPIRY", "period"), "1 months", "527/2007"),
    (("retention", "RET-IP-30D", "period"), "2 months", "GDPR 5(1)(c)"),
    (("requests", "answered_within"), "2 months", "GDPR 12(3)"),
    (("requests", "extended_by"), "90 days", "GDPR 12(3)"),
    (("requests", "channels"), [], "name at least one"),
    (("article_14", "informed_within"), "6 months", "GDPR 14(3)"),
    (("rights", "oblivion"), {"clause": "P9.1"}, "write one of access"),
    (("controller", "financial_year_ends"), "31.12.", "such as 12-31"),
    (("controller", "financial_year_ends"), "02-29", "such as 12-31"),
    (("time_zone",), "Europe/Nowhere", "such as Europe/Helsinki"),
    (("languages",), ["fi", "sv", "ru"], "write one of fi, sv, en"),
    (("version",), 2019, "write a text in quotes"),
    (("version",), None, "add `version:`"),
    (("surplus",), 1, "take it out"),
]


class TestPolicy:
    def test_the_file_that_is_shipped_holds_and_fits_every_table(self) -> None:
        declarations.check(load_policy())

    @pytest.mark.parametrize(
        ("where", "value", "leads_to"),
        MUTATIONS,
        ids=lambda value: ".".join(value) if isinstance(value, tuple) else str(value)[:30],
    )
    def test_a_wrong_file_is_refused_with_line_and_mending(
        self, where: tuple[str, ...], value: object, leads_to: str, tmp_path: Path
    ) -> None:
        message = str(refused(tmp_path, changed(where, value)))
        assert leads_to in message
        assert all(
            re.match(r"policy\.yaml line \d+( \(P\d[.\d]*\))?: \S", line)
            for line in message.splitlines()
        )

    def test_the_line_is_the_one_that_is_wrong_and_the_clause_is_its_own(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "policy.yaml"
        lines = POLICY_FILE.read_text(encoding="utf-8").splitlines()
        number = next(number for number, line in enumerate(lines) if "RET-VISITS-25M: {" in line)
        lines[number] = lines[number].replace("25 months", "2 yaers")
        path.write_text("\n".join(lines), encoding="utf-8")
        with pytest.raises(
            PolicyError,
            match=rf"line {number + 1} \(P8\.2\): retention\.RET-VISITS-25M\.period: .*'2 yaers'",
        ):
            load_policy(path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not a mapping"),
            ("- a", "not a mapping"),
            ("a: [", "line 1: the file: the file is not plain YAML"),
            ("a: b: c", "not plain YAML"),
            ("version: '1'\nversion: '2'", "the key stands twice, on lines 1 and 2"),
            ("version: !!python/object/apply:os.system ['true']", "tags are refused"),
        ],
    )
    def test_what_is_no_policy_at_all_is_refused(
        self, text: str, message: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PolicyError, match=message):
            load_policy(path)

    def test_every_fault_is_reported_at_once_in_the_order_of_the_file(self, tmp_path: Path) -> None:
        policy = changed(("retention", "RET-RAW-13M", "applies_to"), "visits")
        policy["categories"]["credit"]["purposes"] = ["analytics"]
        policy["time_zone"] = "Mars"
        lines = str(refused(tmp_path, policy)).splitlines()
        assert len(lines) >= 4
        assert [int(line.split()[2].strip(":")) for line in lines] == sorted(
            int(line.split()[2].strip(":")) for line in lines
        )

    def test_its_fingerprint_changes_with_what_it_says_and_not_with_its_layout(
        self, tmp_path: Path
    ) -> None:
        same = tmp_path / "same.yaml"
        same.write_text(
            yaml.safe_dump(written(), allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
        assert load_policy(same).fingerprint == load_policy().fingerprint
        other = tmp_path / "other.yaml"
        other.write_text(
            yaml.safe_dump(changed(("retention", "RET-RAW-13M", "period"), "14 months")),
            encoding="utf-8",
        )
        assert load_policy(other).fingerprint != load_policy().fingerprint

    def test_an_unknown_category_may_be_used_for_nothing(self) -> None:
        assert not any(
            load_policy().allows("horoscope", purpose) for purpose in load_policy().purposes
        )

    def test_what_is_derived_has_the_sources_of_what_it_is_derived_from(self) -> None:
        assert load_policy().origins("pseudonym") == {
            "population_register",
            "crm",
            "consents",
            "website",
            "credit_bureau",
            "self",
            "events",
            "correspondence",
            "social_media",
        }
        assert load_policy().derivation("consumption") == {"consumption", "order"}
