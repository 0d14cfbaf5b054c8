"""What the law forbids reaches no mart: visits without consent, hashes by a cookie's consent or
after a refusal, other people's credit reports, the young by a small order, and mobile subscriptions
by telephone.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from assets.marts import building as marts
from assets.marts.building import mart_path
from assets.marts.eligibility_explanation import explain
from assets.register import building
from assets.storage.data_root import DataRoot
from pipelines.synthetic.consents import tcf_string
from schemas.policy.model import Policy
from tests.support.changed_policy import changed
from tests.support.dated_records import visit
from tests.support.deliveries import csv, put
from tests.support.marketing import Event, contact, deliver_all, event, of
from tests.support.population_register_messages import code
from tests.support.registers import TODAY, rows, take_in

DAY = "2026-11-18"
ADVERTISED = {"purpose": "targeted_advertising", "channel": "all"}


def refresh(data_root: DataRoot, *purposes: str) -> None:
    take_in(data_root)
    building.build(data_root, TODAY)
    for purpose in purposes:
        marts.build(data_root, purpose, TODAY)
        marts.publish(data_root, purpose)


def published(data_root: DataRoot, mart: str, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(mart_path(data_root, mart)), read_only=True) as connection:
        return connection.execute(query).fetchall()


def rules(data_root: DataRoot, given_names: str, purpose: str, channel: str) -> set[str]:
    decisions = explain(data_root, of(data_root, given_names), purpose)
    return {
        rule.code
        for decision in decisions
        if decision.channel == channel
        for rule in decision.rules
    }


def own_browser(number: int) -> str:
    return f"{number:015x}a"


def by_cookie(**fields: str) -> Event:
    return event(
        "",
        **{
            "channel": "web",
            "purpose": "analytics",
            "subject_key_type": "cookie",
            "source": "cookie-banner",
            **fields,
        },
    )


# The consents of a browser, and for what its visits of September and November may be used.
CONSENTS: dict[str, tuple[list[Event], list[list[str]]]] = {
    "none": ([], [[], []]),
    "between the visits": ([by_cookie()], [[], ["analytics"]]),
    "by a TCF string that grants the purposes": (
        [
            by_cookie(
                source="tcf2",
                purpose="products_and_services",
                evidence=tcf_string(0b100000000100000000000000, 17_900_000_000),
            )
        ],
        [[], ["products_and_services"]],
    ),
    "to another purpose or channel": (
        [by_cookie(purpose="targeted_advertising"), by_cookie(channel="email")],
        [[], []],
    ),
    "withdrawn, for all visits": (
        [by_cookie(), by_cookie(status="withdrawn", at="2026-11-05T08:00:00Z")],
        [[], []],
    ),
    "given again, which does not reach back": (
        [
            by_cookie(at="2026-08-01T08:00:00Z"),
            by_cookie(status="withdrawn", at="2026-08-02T08:00:00Z"),
            by_cookie(at="2026-10-01T08:00:00Z"),
        ],
        [[], ["analytics"]],
    ),
    "renewed, counted from the first": (
        [by_cookie(at="2026-08-01T08:00:00Z"), by_cookie(at="2026-11-10T08:00:00Z")],
        [["analytics"], ["analytics"]],
    ),
}


class TestVisits:
    """917/2014, 205 §: a visit is used for what its visitor had consented to, and nothing else."""

    pytestmark = pytest.mark.clause("P4.4", "P5.8")

    @pytest.fixture(scope="class")
    @staticmethod
    def visited(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
        """Three visits of each case: two of the browser of its consents, one of another."""
        data_root = DataRoot(tmp_path_factory.mktemp("visited"))
        data_root.create()
        visits = [
            visit(10 * number + nth, browser, datetime(2026, month, 1, 12, tzinfo=UTC))
            for number in range(len(CONSENTS))
            for nth, browser, month in (
                (1, own_browser(number), 9),
                (2, own_browser(number), 11),
                (3, f"{number:015x}b", 11),
            )
        ]
        put(data_root, "website", DAY, "visits", json.dumps(visits).encode(), len(visits))
        events = [
            {**each, "subject_key": own_browser(number)}
            for number, (stated, _) in enumerate(CONSENTS.values())
            for each in stated
        ]
        put(data_root, "consents", DAY, "consent_log", csv(events), len(events))
        refresh(data_root)
        return data_root

    @pytest.mark.parametrize("case", CONSENTS)
    def test_a_consent_by_cookie_is_for_later_visits_of_that_browser(
        self, visited: DataRoot, case: str
    ) -> None:
        number = list(CONSENTS).index(case)
        consented = {
            row["visit"]: row["consented"] for row in rows(visited, "SELECT * FROM visits")
        }
        expected = CONSENTS[case][1]
        assert [consented[f"1|{10 * number + nth}"] for nth in (1, 2, 3)] == [*expected, []]

    def test_a_visitor_is_let_in_by_their_consent_alone(self, visited: DataRoot) -> None:
        codes = rows(
            visited,
            "SELECT purpose, count(*) AS visitors FROM admission WHERE code = 'ADM-VISITOR' "
            "GROUP BY purpose ORDER BY purpose",
        )
        assert codes == [
            {"purpose": "analytics", "visitors": 3},
            {"purpose": "products_and_services", "visitors": 1},
        ]

    def test_measuring_counts_all_visits_and_profiles_none_without_consent(
        self, data_root: DataRoot
    ) -> None:
        content = changed(
            ("purposes", "analytics", "visits"),
            {"by": "own_measurement", "reason": "counts only, on our own server"},
        )
        content["profiles"]["segment_floor"] = 2
        data_root = DataRoot(data_root.root, Policy.model_validate(content))
        visits = [
            visit(nth, browser, datetime(2026, 11, nth, 12, tzinfo=UTC))
            for nth, browser in enumerate((own_browser(0), own_browser(0), own_browser(1)), 1)
        ]
        put(data_root, "website", DAY, "visits", json.dumps(visits).encode(), len(visits))
        refresh(data_root, "analytics")
        assert published(data_root, "analytics", "SELECT count(*) FROM visits") == [(3,)]
        assert published(data_root, "analytics", "SELECT count(*) FROM engagement") == [(0,)]


BOTH = {"emails", "phones"}
REFUSED_BY = {
    "email": {"phones"},
    "sms": {"emails"},
    "phone": {"emails"},
    "post": BOTH,
    "web": set(),
    "all": set(),
}
# Name -> events beside a consent to advertising on all channels, fields of the contact, what is
# left.
REFUSALS: dict[str, tuple[list[Event], Event, set[str]]] = {
    "nothing refused": ([], {}, BOTH),
    **{
        f"{status} on {channel}": ([event("", status, channel)], {}, left)
        for status in ("withdrawn", "prohibited", "objected")
        for channel, left in REFUSED_BY.items()
    },
    "opted out in the CRM": ([], {"Unsubscribed_from_all_email": "true"}, {"phones"}),
    "bounced for good": ([], {"Global_bounce": "true"}, {"phones"}),
}
# Consents to cookies, of any person and with any identifier in the log.
COOKIE_CONSENTS: dict[str, Event] = {
    "on the web": {"channel": "web"},
    "by TCF": {"source": "tcf2", "evidence": tcf_string(0xF00000, 17_900_000_000)},
    "by a banner": {"source": "cookie-banner"},
}


class TestAudiences:
    """No hash of an address or number is uploaded by a cookie's consent, or after a refusal."""

    pytestmark = pytest.mark.clause("P4.6")

    @pytest.fixture(scope="class")
    @staticmethod
    def audiences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
        """In which audiences the contact of each case is."""
        data_root = DataRoot(tmp_path_factory.mktemp("audiences"))
        data_root.create()
        contacts, events = [], []
        for number, (name, (refused, fields, _)) in enumerate(REFUSALS.items(), 1):
            assert name
            contacts.append(contact(str(number), Phone_Number=phone(number), **fields))
            events += [event(str(number), **ADVERTISED)]
            events += [{**each, "subject_key": str(number)} for each in refused]
        for number, fields in enumerate(COOKIE_CONSENTS.values(), len(REFUSALS) + 1):
            contacts.append(contact(str(number), Phone_Number=phone(number)))
            events.append(event(str(number), **{**ADVERTISED, **fields}))
        deliver_all(data_root, contacts, events)
        refresh(data_root, "targeted_advertising")
        hashed = {
            kind: {
                value for _, value in published(data_root, "targeted_advertising", f"FROM {kind}")
            }
            for kind in sorted(BOTH)
        }
        return {
            name: {
                kind
                for kind, value in (("emails", f"n{number}@example.fi"), ("phones", e164(number)))
                if hashlib.sha256(value.encode()).hexdigest() in hashed[kind]
            }
            for number, name in enumerate([*REFUSALS, *COOKIE_CONSENTS], 1)
        }

    @pytest.mark.parametrize("name", REFUSALS)
    def test_a_refusal_of_marketing_ends_advertising_by_the_same_address(
        self, audiences: dict[str, set[str]], name: str
    ) -> None:
        assert audiences[name] == REFUSALS[name][2]

    @pytest.mark.parametrize("name", COOKIE_CONSENTS)
    def test_a_consent_to_cookies_is_none_to_uploading_hashes(
        self, audiences: dict[str, set[str]], name: str
    ) -> None:
        assert audiences[name] == set()


def phone(number: int) -> str:
    return f"04012345{number:02}"


def e164(number: int) -> str:
    return f"+3584012345{number:02}"


# An order's amount and currency -> whether it shows majority.
SHOWN = {
    ("9.90", "EUR"): False,
    ("200.00", "EUR"): False,
    ("200.01", "EUR"): True,
    ("-300.00", "EUR"): False,
    ("2000.01", "SEK"): True,
    ("9999.00", "NOK"): False,
}


class TestAge:
    """442/1999, 24 §: what minors do alone shows no majority."""

    pytestmark = pytest.mark.clause("P4.5")

    def test_an_order_shows_majority_above_the_policys_amount_and_a_consent_never(
        self, data_root: DataRoot
    ) -> None:
        orders = [
            {
                "order_number": f"T{number}",
                "contact_id": str(number),
                "customer_number": "",
                "ordered_at": "2026-10-01T10:00:00Z",
                "status": "delivered",
                "amount": amount,
                "currency": currency,
                "items": "1",
            }
            for number, (amount, currency) in enumerate(SHOWN, 1)
        ]
        consenting = str(len(SHOWN) + 1)
        contacts = [contact(str(number), Date_of_birth="") for number in range(1, len(SHOWN) + 2)]
        consents = [event(consenting, channel="all"), event(consenting, **ADVERTISED)]
        deliver_all(data_root, contacts, consents)
        put(data_root, "crm", DAY, "orders", csv(orders), len(orders))
        refresh(data_root)
        asked = [
            ("direct_marketing", "email"),
            ("targeted_advertising", "phone"),
            ("analytics", "all"),
        ]
        for purpose, channel in asked:
            shown = [
                "ADM-AGE-UNKNOWN" not in rules(data_root, f"Nimi{number}", purpose, channel)
                for number in range(1, len(SHOWN) + 2)
            ]
            assert shown == [*SHOWN.values(), False]


class TestMobileSubscriptions:
    """917/2014, 201 §: not by telephone."""

    pytestmark = pytest.mark.clause("P4.5")

    def test_each_row_says_what_may_be_marketed_and_by_phone_never_mobile_subscriptions(
        self, data_root: DataRoot
    ) -> None:
        deliver_all(
            data_root,
            [contact("1", Phone_Number="0401234567", Street_Address="Katu 1")],
            [event("1", channel="all")],
        )
        refresh(data_root, "direct_marketing")
        allowed = {
            table: published(data_root, "direct_marketing", f"SELECT products FROM {table}")
            for table in ("by_email", "by_sms", "by_phone")
        }
        assert allowed == {
            "by_email": [(["electricity", "insurance", "mobile"],)],
            "by_sms": [(["electricity", "insurance", "mobile"],)],
            "by_phone": [(["electricity", "insurance"],)],
        }

    def test_where_nothing_else_is_marketed_nobody_is_called(self, data_root: DataRoot) -> None:
        content = changed(("products", "electricity"), None)
        del content["products"]["insurance"]
        data_root = DataRoot(data_root.root, Policy.model_validate(content))
        deliver_all(
            data_root, [contact("1", Phone_Number="0401234567")], [event("1", channel="all")]
        )
        refresh(data_root, "direct_marketing")
        assert published(data_root, "direct_marketing", "FROM by_phone") == []
        assert published(data_root, "direct_marketing", "SELECT count(*) FROM by_sms") == [(1,)]
        assert "ADM-MOBILE-BY-PHONE" in rules(data_root, "Nimi1", "direct_marketing", "phone")


def report(who: int, purpose_code: str, credit_class: str) -> str:
    return json.dumps(
        {
            "socialSecurityNumber": code(f"01019{who}-900"),
            "creditClass": credit_class,
            "scale": "AAA-C",
            "purposeCode": purpose_code,
            "remarks": [{"remarkId": f"M{purpose_code}", "remarkDate": "2026-10-01"}],
        }
    )


def deliver_reports(data_root: DataRoot, day: str, *reports: str) -> None:
    lines = "\n".join(reports).encode()
    put(data_root, "credit_bureau", day, "credit_reports", lines, len(reports))


class TestCreditReports:
    """527/2007: a report for choosing an employee or for an authority decides on no credit."""

    pytestmark = pytest.mark.clause("P6.4")

    @pytest.fixture(scope="class")
    @staticmethod
    def reported(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
        """Two people with a report that may be used, and a later one that may not; three with the
        latter alone.
        """
        data_root = DataRoot(tmp_path_factory.mktemp("reported"))
        data_root.create()
        deliver_reports(data_root, "2026-11-17", *(report(who, "1", "AA") for who in (0, 1)))
        later = [report(0, "8", "C"), report(1, "9", "C")]
        for who, written in enumerate(('"8"', "9", '" 9 "'), 2):
            later.append(report(who, "8", "C9").replace('"8"', written))
        deliver_reports(data_root, DAY, *later)
        refresh(data_root, "credit_decision")
        return data_root

    def test_it_is_quarantined_and_replaces_no_report_that_may_be_used(
        self, reported: DataRoot
    ) -> None:
        reports = "SELECT purpose_code, credit_class FROM credit_reports"
        assert published(reported, "credit_decision", reports) == [("1", "AA")] * 2
        marks = published(reported, "credit_decision", "SELECT remark_id FROM credit_marks")
        assert marks == [("M1",)] * 2

    def test_of_one_alone_only_its_subject_reaches_the_disk(self, reported: DataRoot) -> None:
        people = "SELECT count(*) FROM registrants"
        assert published(reported, "credit_decision", people) == [(2,)]
        for path in reported.lake.rglob("*.parquet"):
            with duckdb.connect() as connection:
                stored = connection.execute(f"FROM '{path}'").fetchall()
            assert "C9" not in str(stored)
