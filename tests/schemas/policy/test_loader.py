"""The policy as data: periods counted as the law counts, and a file that contradicts itself is
refused."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.all_sources import check_sources
from schemas import declarations
from schemas.declarations import declared
from schemas.marts import PurposeError
from schemas.policy import legal_constraints as law
from schemas.policy.diagnostics import PolicyError
from schemas.policy.loader import POLICY_FILE, load_policy
from schemas.policy.model import Period, Policy
from tests.support.changed_policy import changed, refused, written
from tests.support.examples import examples

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


def slowly_before(count: int, unit: str, day: date) -> date:
    """The latest start of a period that has ended on the day, by trying every day back from it."""
    start = day
    while start + relativedelta(**{unit: count}) > day:
        start -= timedelta(days=1)
    return start


class TestPeriod:
    @settings(max_examples=examples(60), deadline=None)
    @given(st.integers(0, 40), st.sampled_from(["days", "months"]), DAYS)
    def test_it_ends_when_a_calendar_says_so(self, count: int, unit: str, day: date) -> None:
        assert Period.parse(f"{count} {unit}").before(day) == slowly_before(count, unit, day)

    @settings(max_examples=examples(15), deadline=None)
    @given(st.integers(0, 6), DAYS)
    def test_years_too(self, count: int, day: date) -> None:
        assert Period.parse(f"{count} years").before(day) == slowly_before(count, "years", day)

    @given(st.integers(0, 9999), st.sampled_from(["days", "months", "years"]), st.dates())
    def test_no_day_is_too_early_or_too_late_for_it(self, count: int, unit: str, day: date) -> None:
        period = Period.parse(f"{count} {unit}")
        assert period.before(day) <= day <= period.after(day)
        assert period.after(date.max) == date.max

    @given(st.integers(0, 40), st.sampled_from(["days", "months", "years"]), DAYS)
    def test_a_later_day_never_keeps_less_time(self, count: int, unit: str, day: date) -> None:
        period = Period.parse(f"{count} {unit}")
        assert period.before(day) <= period.before(day + timedelta(days=1))

    @pytest.mark.parametrize(
        ("period", "day", "start"),
        [
            ("13 months", "2026-11-20", "2025-10-20"),
            ("25 months", "2026-11-20", "2024-10-20"),
            ("1 months", "2026-02-28", "2026-01-31"),
            ("1 months", "2026-02-27", "2026-01-27"),
            ("1 years", "2025-02-28", "2024-02-29"),
            ("3 years", "2027-02-28", "2024-02-29"),
            ("30 days", "2026-11-20", "2026-10-21"),
            ("0 days", "2026-11-20", "2026-11-20"),
        ],
    )
    def test_it_is_over_for_whatever_started_on_or_before(
        self, period: str, day: str, start: str
    ) -> None:
        assert Period.parse(period).before(date.fromisoformat(day)) == date.fromisoformat(start)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "months",
            "13",
            "13 month",
            "thirteen months",
            "-1 days",
            "1.5 years",
            "13 months 2 days",
            "13months",
            None,
            13,
            "² months",
        ],
    )
    def test_what_is_no_period_is_refused_by_its_text(self, text: object) -> None:
        with pytest.raises(ValueError, match="a period is"):
            Period.parse(text)


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
    (("profiles", "segment_floor"), 1, "write 2 or more"),
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
            ("a: [", "not YAML"),
            ("a: b: c", "not YAML"),
            ("\xff", "is missing"),
            ("version: '1'\nversion: '2'", "the key stands twice, again on line 2"),
            ("version: !!python/object/apply:os.system ['true']", "not YAML"),
        ],
    )
    def test_what_is_no_policy_at_all_is_refused(
        self, text: str, message: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "policy.yaml"
        path.write_bytes(b"\xff" if text == "\xff" else text.encode())
        with pytest.raises(PolicyError, match="not YAML" if text == "\xff" else message):
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
        }
        assert load_policy().derivation("consumption") == {"consumption", "order"}


class TestTransfers:
    """When data may go outside the EEA (GDPR 44-49)."""

    @pytest.mark.clause("P7", "P7.3")
    @pytest.mark.parametrize(
        ("mechanism", "checked", "today", "holds"),
        [
            ("privacy_shield", "2019-06-27", "2020-07-15", True),
            ("privacy_shield", "2019-06-27", "2020-07-16", False),
            ("scc_2010", "2019-06-27", "2022-12-26", True),
            ("scc_2010", "2019-06-27", "2022-12-27", False),
            ("scc_2021", "2026-01-01", "2026-11-20", True),
            ("scc_2021", "2026-12-01", "2026-11-20", False),
            ("dpf", "2026-01-01", "2026-11-20", True),
            ("dpf", "2025-01-01", "2026-11-20", False),
            ("dpf", "2023-01-01", "2023-08-01", False),
        ],
    )
    def test_a_mechanism_holds_on_its_days_only(
        self, mechanism: str, checked: str, today: str, holds: bool
    ) -> None:
        assert (
            law.mechanism_holds(mechanism, date.fromisoformat(checked), date.fromisoformat(today))
            is holds
        )


def policy_with(where: tuple[str, ...], value: object) -> Policy:
    return Policy.model_validate(changed(where, value))


class TestDeclarations:
    def test_a_column_that_its_purpose_may_not_see_is_named(self) -> None:
        with pytest.raises(
            PurposeError,
            match=r"registrants\.identity_code of mart 'contracts' has category 'identity_code'",
        ):
            declarations.check(
                policy_with(("categories", "identity_code", "purposes"), ["credit_decision"])
            )

    def test_a_mart_without_a_purpose_is_named(self) -> None:
        with pytest.raises(PurposeError, match="mart 'analytics' has no purpose"):
            declarations.check(policy_with(("purposes", "analytics"), None))

    def test_a_category_that_tables_use_cannot_be_taken_out(self) -> None:
        with pytest.raises(
            declarations.DeclarationError, match=r"persons\.deceased \('life_event'\)"
        ):
            declarations.check(
                policy_with(("categories", "life_event"), None),
                {"staged": declarations.LAYERS["staged"]},
            )

    def test_what_is_not_stored_has_no_column(self) -> None:
        with pytest.raises(declarations.DeclarationError, match="is not stored"):
            declarations.check(policy_with(("categories", "life_event", "stored"), False))

    @pytest.mark.clause("P6")
    def test_a_source_that_is_read_has_an_entry(self) -> None:
        with pytest.raises(declarations.DeclarationError, match="says nothing of crm"):
            check_sources(policy_with(("sources", "crm"), None))

    @pytest.mark.clause("P5", "P8.2")
    @pytest.mark.parametrize("layer", declarations.LAYERS)
    def test_every_column_declares_category_basis_source_retention_and_clause(
        self, layer: str
    ) -> None:
        policy = load_policy()
        for model in declarations.LAYERS[layer]:
            for name, declaration in declared(
                policy, model, layer.split(".", maxsplit=1)[0]
            ).items():
                assert declaration.category, name
                assert declaration.sources, name
                assert set(declaration.retention) <= set(policy.retention), name
                assert declaration.retention, name
                assert declaration.clause.startswith("P"), name
                assert not declaration.purposes or declaration.bases, name

    def test_a_technical_column_lives_as_long_as_its_row(self) -> None:
        policy = load_policy()
        orders = next(
            model for model in declarations.LAYERS["register"] if model.to_schema().name == "orders"
        )
        assert declared(policy, orders, "register")["order_number"].retention == ("RET-VOUCHER-6Y",)
        assert declared(policy, declarations.LAYERS["raw"][0], "raw")["payload"].retention == (
            "RET-RAW-13M",
        )

    @pytest.mark.clause("P4.2")
    @pytest.mark.parametrize(
        ("category", "purposes"),
        [
            ("identity_code", {"contracts", "credit_decision", "legal_claims"}),
            ("credit", {"credit_decision"}),
            ("protection", set()),
            ("website_identifier", set()),
        ],
    )
    def test_the_most_sensitive_categories_stay_where_the_law_has_them(
        self, category: str, purposes: set[str]
    ) -> None:
        assert set(load_policy().categories[category].purposes) == purposes
