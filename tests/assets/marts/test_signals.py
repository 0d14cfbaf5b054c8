"""From what sources deliver to who is in a mart: signals as they really come, one registrant
each.
"""

from __future__ import annotations

import csv as text_csv
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from dateutil.relativedelta import relativedelta

from assets.marts import audience_export
from assets.marts import building as marts
from assets.marts.building import mart_path
from assets.marts.eligibility_explanation import UnknownRegistrantError, explain
from assets.register import building
from assets.rights.withdrawal import deliver, recognise
from assets.storage.data_root import DataRoot
from schemas.eligibility import NOTHING_LETS_IN
from schemas.policy.model import Policy
from tests.support.deliveries import basic_data, csv, put
from tests.support.marketing import Event, contact, deliver_all, event, of
from tests.support.population_register_messages import code, part, person
from tests.support.registers import TODAY, rows, take_in


def refresh(data_root: DataRoot, today: date = TODAY, *purposes: str) -> None:
    """Inbox to marts; only those that the test looks at."""
    take_in(data_root)
    building.build(data_root, today)
    for purpose in purposes or ("direct_marketing",):
        marts.build(data_root, purpose, today)
        marts.publish(data_root, purpose)


def reached(
    data_root: DataRoot, table: str = "by_email", mart: str = "direct_marketing"
) -> set[str]:
    """First names in a table of a mart."""
    with duckdb.connect(str(mart_path(data_root, mart)), read_only=True) as connection:
        return {row[0] for row in connection.execute(f"SELECT given_names FROM {table}").fetchall()}


HISTORIES: dict[str, tuple[list[Event], bool]] = {
    "granted": ([event("1")], True),
    "granted on all": ([event("1", channel="all")], True),
    "granted on another channel": ([event("1", channel="sms")], False),
    "nothing said": ([], False),
    "withdrawn": ([event("1"), event("1", "withdrawn", at="2026-10-04T08:00:00Z")], False),
    "withdrawn at the same time": ([event("1"), event("1", "withdrawn")], False),
    "granted again": ([event("1", "withdrawn"), event("1", at="2026-10-04T08:00:00Z")], True),
    "all withdrawn, then one channel granted": (
        [event("1", "withdrawn", "all"), event("1", at="2026-10-04T08:00:00Z")],
        False,
    ),
    "all withdrawn, then all granted": (
        [event("1", "withdrawn", "all"), event("1", channel="all", at="2026-10-04T08:00:00Z")],
        True,
    ),
    "granted after a prohibition": (
        [event("1", "prohibited"), event("1", at="2026-11-04T08:00:00Z")],
        False,
    ),
    "a prohibition lifted by its own source": (
        [
            event("1"),
            event("1", "prohibited", source="customer-service"),
            event("1", "lifted", at="2026-10-05T08:00:00Z", source="customer-service"),
        ],
        True,
    ),
    "a list's prohibition lifted by another": (
        [
            event("1"),
            event("1", "prohibited", source="prohibition-list"),
            event("1", "lifted", at="2026-10-05T08:00:00Z"),
        ],
        False,
    ),
    "objected to marketing": ([event("1"), event("1", "objected", "all")], False),
    "an objection lifted": (
        [
            event("1"),
            event("1", "objected", "all"),
            event("1", "lifted", "all", at="2026-10-05T08:00:00Z"),
        ],
        True,
    ),
    "objected to legitimate interest": (
        [event("1"), event("1", "objected", "all", purpose="legitimate_interest")],
        False,
    ),
    "restricted": ([event("1"), event("1", "restricted", "all", purpose="customer_care")], False),
    "granted in the future": ([event("1", at="2027-01-01T00:00:00Z")], False),
    "withdrawn in the future": (
        [event("1"), event("1", "withdrawn", at="2027-01-01T00:00:00Z")],
        False,
    ),
}


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Recipients of e-mail when each history belongs to a contact of its own."""
    data_root = DataRoot(tmp_path_factory.mktemp("histories"))
    data_root.create()
    contacts = [contact(str(number)) for number, _ in enumerate(HISTORIES, 1)]
    events = [
        {**choice, "subject_key": str(number)}
        for number, (words, _) in enumerate(HISTORIES.values(), 1)
        for choice in words
    ]
    deliver_all(data_root, contacts, events)
    refresh(data_root)
    return reached(data_root)


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_of_consents_ends_in_or_out(histories: set[str], name: str) -> None:
    assert (f"Nimi{list(HISTORIES).index(name) + 1}" in histories) is HISTORIES[name][1]


def test_a_refusal_for_a_shared_address_concerns_both_and_a_grant_for_it_neither(
    data_root: DataRoot,
) -> None:
    shared = {"subject_key_type": "email", "subject_key": "yhteinen@example.fi"}
    deliver_all(
        data_root,
        [contact("1", Email="yhteinen@example.fi"), contact("2", Email="yhteinen@example.fi")],
        [event("", **shared)],
    )
    refresh(data_root)
    assert reached(data_root) == set()
    put(
        data_root,
        "consents",
        "2026-11-19",
        "consent_log",
        csv([event("1"), event("2", at="2026-10-03T09:00:00Z")]),
        2,
    )
    refresh(data_root)
    assert reached(data_root) == {"Nimi1", "Nimi2"}
    put(
        data_root,
        "consents",
        "2026-11-20",
        "consent_log",
        csv([event("", "withdrawn", at="2026-11-01T09:00:00Z", **shared)]),
        1,
    )
    refresh(data_root)
    assert reached(data_root) == set()


MAIJA = code("010190-900")
# Contacts by number: 11 has a new address; 21 to 25 are a company's, by title; 31 to 34 by their
# birthday; 41 is the one with Maija's contract; 46 has withdrawn.
TITLES = {"22": "Hankintajohtaja", "23": "CEO", "24": "Siivooja", "25": ""}
BORN = {"31": "2008-11-20", "32": "2008-11-21", "33": "", "34": ""}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """Contacts who have nothing to do with each other."""
    data_root = DataRoot(tmp_path_factory.mktemp("many"))
    data_root.create()
    company = {"Associated_Company": "Esimerkki Oy", "Date_of_birth": ""}
    former = {"subject_key_type": "email", "subject_key": "vanha@example.fi"}
    of_code = {"subject_key_type": "henkilotunnus", "subject_key": MAIJA}
    deliver_all(
        data_root,
        [
            contact("11", Email="vanha@example.fi"),
            contact("21", First_Name="", Last_Name="", **company),
            *(contact(number, Job_Title=title, **company) for number, title in TITLES.items()),
            *(
                contact(number, Date_of_birth=day, Phone_Number=f"040123456{number[1]}")
                for number, day in BORN.items()
            ),
            contact("41", Customer_number="C1"),
            contact("46"),
        ],
        [
            event("11"),
            event("", "prohibited", **former),
            *(event(number) for number in ("31", "32", "33")),
            event("", at="2026-11-18T08:00:00Z", channel="all", **of_code),
            event("41", channel="all"),
            event("46"),
            event("46", "withdrawn", at="2026-10-04T08:00:00Z", text_version="2"),
        ],
    )
    moved = contact("11", Email="uusi@example.fi")
    put(data_root, "crm", "2026-11-19", "contacts", csv([moved]), 1)
    basic_data(data_root, "2026-11-17", [person(MAIJA, part("SUORAMARKKINOINTIKIELTO"))])
    contract = {
        "contract_number": "S1",
        "contact_id": "41",
        "customer_number": "C1",
        "identity_code": MAIJA,
        "product": "sähkö",
        "status": "active",
        "starts_on": "2026-01-01",
        "ends_on": "",
        "monthly_fee": "1.00",
        "currency": "EUR",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    put(data_root, "crm", "2026-11-18", "contracts", csv([contract]), 1)
    refresh(data_root)
    return data_root


def reached_of(data_root: DataRoot, numbers: Iterable[str], table: str = "by_email") -> set[str]:
    return {number for number in numbers if f"Nimi{number}" in reached(data_root, table)}


def test_a_refusal_for_a_former_address_still_concerns_its_registrant(many: DataRoot) -> None:
    assert rows(many, "SELECT email FROM registrants WHERE given_names = 'Nimi11'") == [
        {"email": "uusi@example.fi"}
    ]
    assert reached_of(many, ["11"]) == set()


def test_a_company_s_address_is_open_and_a_named_contact_only_by_their_duties(
    many: DataRoot,
) -> None:
    assert None in reached(many)
    assert reached_of(many, TITLES) == {"22", "23"}


def test_a_child_becomes_of_age_on_the_day_and_a_consent_shows_no_age(many: DataRoot) -> None:
    assert reached_of(many, BORN) == {"31"}
    assert reached_of(many, ["34"], "by_phone") == set()


def test_the_registers_prohibition_stands_whatever_is_granted_later(many: DataRoot) -> None:
    assert reached_of(many, ["41"]) == set()
    codes = {
        rule.code
        for decision in explain(many, of(many, "Nimi41"), "direct_marketing")
        for rule in decision.rules
    }
    assert "ADM-REGISTER-PROHIBITION" in codes


def test_the_log_keeps_every_word_with_its_proof(many: DataRoot) -> None:
    kept = rows(
        many,
        "SELECT choice, text_version, language, channel, origin, holds FROM choice_log "
        f"WHERE registrant_id = '{of(many, 'Nimi46')}' ORDER BY said_at",
    )
    assert kept == [
        {
            "choice": "granted",
            "text_version": "1",
            "language": "fi",
            "channel": "email",
            "origin": "consents:web-form",
            "holds": False,
        },
        {
            "choice": "withdrawn",
            "text_version": "2",
            "language": "fi",
            "channel": "email",
            "origin": "consents:web-form",
            "holds": True,
        },
    ]


@pytest.mark.parametrize(
    ("today", "expected"), [(date(2026, 2, 28), False), (date(2026, 3, 1), True)]
)
def test_who_is_born_on_29_february_is_of_age_on_1_march(
    data_root: DataRoot, today: date, *, expected: bool
) -> None:
    deliver_all(
        data_root,
        [contact("1", Date_of_birth="2008-02-29")],
        [event("1", at="2026-02-01T08:00:00Z")],
        day="2026-02-20",
    )
    refresh(data_root, today)
    assert bool(reached(data_root)) is expected


def test_what_is_decided_for_a_past_day_does_not_know_the_grants_since(data_root: DataRoot) -> None:
    deliver_all(data_root, [contact("1")], [event("1")])
    refresh(data_root, date(2026, 10, 2))
    assert reached(data_root) == set()
    refresh(data_root, date(2026, 10, 3))
    assert reached(data_root) == {"Nimi1"}


def test_the_restricted_are_in_legal_claims_alone(data_root: DataRoot) -> None:
    order = {
        "order_number": "T1",
        "contact_id": "1",
        "customer_number": "",
        "ordered_at": "2026-10-01T10:00:00Z",
        "status": "delivered",
        "amount": "5.00",
        "currency": "EUR",
        "items": "1",
    }
    deliver_all(
        data_root,
        [contact("1")],
        [event("1"), event("1", "restricted", "all", purpose="direct_marketing")],
    )
    put(data_root, "crm", "2026-11-18", "orders", csv([order]), 1)
    refresh(data_root, TODAY, "legal_claims", "customer_care", "products_and_services", "analytics")
    assert reached(data_root, "registrants", "legal_claims") == {"Nimi1"}
    assert reached(data_root, "registrants", "customer_care") == set()
    for purpose in ("products_and_services", "analytics"):
        with duckdb.connect(str(mart_path(data_root, purpose)), read_only=True) as connection:
            assert connection.execute(
                "SELECT sum(estimated_size) FROM duckdb_tables() WHERE table_name <> 'about'"
            ).fetchone() == (0,)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """Two contacts: one who has granted and then prohibited, and one who has stated nothing."""
    data_root = DataRoot(tmp_path_factory.mktemp("two"))
    data_root.create()
    deliver_all(
        data_root,
        [contact("1"), contact("2")],
        [event("1"), event("1", "prohibited", at="2026-10-09T22:30:00Z")],
    )
    refresh(data_root)
    return data_root


class TestWithdrawal:
    def test_it_is_a_delivery_that_the_next_build_heeds(self, data_root: DataRoot) -> None:
        deliver_all(data_root, [contact("1"), contact("2")], [event("1"), event("2")])
        refresh(data_root)
        now = datetime(2026, 11, 19, 12, tzinfo=ZoneInfo("Europe/Helsinki"))
        digest = deliver(data_root, "email:n1@example.fi", "direct_marketing", "all", now)
        take_in(data_root)
        refresh(data_root)
        assert reached(data_root) == {"Nimi2"}
        assert rows(
            data_root, "SELECT choice, origin FROM choice_log WHERE choice = 'withdrawn'"
        ) == [{"choice": "withdrawn", "origin": "consents:self-service"}]
        assert digest

    @pytest.mark.parametrize(
        ("given", "meant"),
        [
            ("N1@Example.fi", "email:n1@example.fi"),
            ("1", "contact_id:1"),
            ("040 123 4567", "phone:+358401234567"),
        ],
    )
    def test_an_identifier_is_recognised_by_its_registrant(
        self, two: DataRoot, given: str, meant: str
    ) -> None:
        assert recognise(two, given) == meant
        assert recognise(two, of(two, "Nimi1")) in (
            "contact_id:1",
            "email:n1@example.fi",
        )


class TestExplanation:
    def test_it_lists_each_rule_with_basis_source_and_day_and_no_value(self, two: DataRoot) -> None:
        email = explain(two, of(two, "Nimi1"), "direct_marketing")[0]
        assert (email.channel, email.eligible) == ("email", False)
        rules = {
            (rule.code, rule.effect, rule.basis, rule.source, str(rule.since))
            for rule in email.rules
        }
        assert rules == {
            ("ADM-CONSENT", "in", "consent", "consents", "2026-10-03"),
            ("ADM-PROHIBITED", "out", None, "consents", "2026-10-10"),
        }

    def test_it_says_when_nothing_lets_in(self, two: DataRoot) -> None:
        [explained, *_] = explain(two, of(two, "Nimi2"), "credit_decision")
        assert [rule.code for rule in explained.rules] == [NOTHING_LETS_IN]

    @pytest.mark.parametrize("unknown", ["R0000000000000000", "", "' OR 1=1 --"])
    def test_an_unknown_id_is_refused(self, data_root: DataRoot, unknown: str) -> None:
        with pytest.raises(UnknownRegistrantError):
            explain(data_root, unknown, "analytics")


class TestExport:
    TO = ("targeted_advertising", "marketing_automation")

    def accepting(self, data_root: DataRoot, **change: object) -> DataRoot:
        recipients = {
            **data_root.policy.recipients,
            "marketing_automation": data_root.policy.recipients["marketing_automation"].model_copy(
                update=change
            ),
        }
        return DataRoot(
            data_root.root, data_root.policy.model_copy(update={"recipients": recipients})
        )

    @pytest.fixture(scope="class")
    @staticmethod
    def published(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
        data_root = DataRoot(tmp_path_factory.mktemp("published"))
        data_root.create()
        events = [
            event("1", channel="all", purpose="targeted_advertising"),
            event("2", channel="all", purpose="targeted_advertising"),
        ]
        deliver_all(data_root, [contact("1"), contact("2")], events)
        refresh(data_root, TODAY, "targeted_advertising")
        return data_root

    def test_the_shipped_policy_relies_on_what_is_void(
        self, published: DataRoot, tmp_path: Path
    ) -> None:
        with pytest.raises(audience_export.ExportError) as refused:
            audience_export.export(
                published,
                "targeted_advertising",
                "marketing_automation",
                tmp_path / "out.csv",
                TODAY,
            )
        message = str(refused.value)
        assert all(
            part in message
            for part in (
                "marketing_automation",
                "privacy_shield is void since 2020-07-16",
                "scc_2010 is void since 2022-12-27",
                "scc_2021",
            )
        )
        assert not (tmp_path / "out.csv").exists()

    def test_a_mechanism_that_holds_lets_it_go(self, published: DataRoot, tmp_path: Path) -> None:
        data_root = self.accepting(
            published, mechanisms=("privacy_shield", "scc_2021"), checked=date(2026, 1, 1)
        )
        assert (
            audience_export.export(
                data_root,
                "targeted_advertising",
                "marketing_automation",
                tmp_path / "out.csv",
                TODAY,
            )
            == 2
        )
        with (tmp_path / "out.csv").open(newline="") as file:
            written = list(text_csv.reader(file))
        assert written[0] == ["identifier", "audience", "sha256"]
        assert {row[0] for row in written[1:]} == {"email"}
        assert all(len(row[2]) == 64 for row in written[1:])
        assert not [
            cell for row in written for cell in row if cell.startswith(("=", "+", "-", "@"))
        ]

    @pytest.mark.parametrize(
        ("country", "mechanism", "reason"),
        [
            ("CN", "adequacy", "has not found CN adequate"),
            ("US", "adequacy", "only certified recipients are (dpf)"),
            ("US", "dpf", "no certification is recorded (certified_on)"),
            ("DE", "dpf", None),
            ("CA", "dpf", "dpf is for recipients in US only"),
            ("IN", "bcr", "none is recorded (approval)"),
            ("CH", "adequacy", None),
        ],
    )
    def test_a_mechanism_of_another_country_or_without_its_record_does_not(
        self, data_root: DataRoot, country: str, mechanism: str, reason: str | None
    ) -> None:
        accepting = self.accepting(
            data_root, country=country, mechanisms=(mechanism,), checked=date(2026, 1, 1)
        )
        if reason is None:
            audience_export.check(accepting, *self.TO, TODAY)
        else:
            with pytest.raises(audience_export.ExportError, match=re.escape(reason)):
                audience_export.check(accepting, *self.TO, TODAY)

    def test_a_check_counts_for_the_policys_period(self, data_root: DataRoot) -> None:
        accepting = self.accepting(
            data_root, mechanisms=("scc_2021",), checked=TODAY - relativedelta(months=12)
        )
        audience_export.check(accepting, *self.TO, TODAY)
        with pytest.raises(audience_export.ExportError, match="more than 12 months ago"):
            audience_export.check(accepting, *self.TO, TODAY + timedelta(days=1))

    def test_in_the_eea_no_mechanism_is_needed(self, published: DataRoot, tmp_path: Path) -> None:
        data_root = self.accepting(published, country="SE", mechanisms=())
        assert (
            audience_export.export(
                data_root,
                "targeted_advertising",
                "marketing_automation",
                tmp_path / "out.csv",
                TODAY,
            )
            == 2
        )

    @pytest.mark.parametrize(
        ("recipient", "message"),
        [
            ("it_operations", "is not named for targeted_advertising"),
            ("nobody", "has no recipient 'nobody'"),
        ],
    )
    def test_a_recipient_not_named_for_the_purpose_gets_nothing(
        self, published: DataRoot, tmp_path: Path, recipient: str, message: str
    ) -> None:
        policy = published.policy
        contracts_only = {"purposes": ("contracts",)}
        provider = policy.recipients["it_operations"].model_copy(update=contracts_only)
        recipients = {**policy.recipients, "it_operations": provider}
        data_root = DataRoot(published.root, policy.model_copy(update={"recipients": recipients}))
        with pytest.raises(audience_export.ExportError, match=message):
            audience_export.export(
                data_root, "targeted_advertising", recipient, tmp_path / "out.csv", TODAY
            )

    @pytest.mark.parametrize("cell", ["=1+1", "+358", "-1", "@x", "\tx", "\rx"])
    def test_no_cell_is_a_formula(self, cell: str) -> None:
        assert audience_export.plain(cell) == f"'{cell}"


def test_a_basis_that_leaves_the_file_lets_nobody_in_any_more(data_root: DataRoot) -> None:
    order = {
        "order_number": "T1",
        "contact_id": "1",
        "customer_number": "",
        "ordered_at": "2026-10-01T10:00:00Z",
        "status": "delivered",
        "amount": "5.00",
        "currency": "EUR",
        "items": "1",
    }
    deliver_all(data_root, [contact("1", Street_Address="Katu 1", Phone_Number="0401234567")], [])
    put(data_root, "crm", "2026-11-18", "orders", csv([order]), 1)
    refresh(data_root)
    tables = ("by_email", "by_sms", "by_phone", "by_post")
    assert [len(reached(data_root, table)) for table in tables] == [1, 1, 1, 1]
    marketing = data_root.policy.purposes["direct_marketing"].model_copy(
        update={"bases": ("consent",)}
    )
    strict: Policy = data_root.policy.model_copy(
        update={"purposes": {**data_root.policy.purposes, "direct_marketing": marketing}}
    )
    refresh(DataRoot(data_root.root, strict))
    assert [len(reached(data_root, table)) for table in tables] == [0, 0, 0, 0]
