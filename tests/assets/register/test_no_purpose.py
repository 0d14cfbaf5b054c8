"""Who is eligible for no purpose leaves after the policy's period; intake can be limited."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assets.documents import conflicts, notice
from assets.ingest import deliveries
from assets.register import no_purpose
from assets.register.assets import everybody_has_a_purpose
from assets.retention import registrant_dates, sweep
from assets.storage.data_root import DataRoot
from schemas.policy.loader import load_policy
from schemas.policy.model import Policy
from tests.support import population_register_messages as messages
from tests.support.data_roots import copied, files_containing
from tests.support.dated_records import contract, order
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.marketing import contact as any_contact
from tests.support.marketing import event
from tests.support.registers import build, rows, take_in

ALONE, CUSTOMER, LATER = (messages.code(f"010170-9{number}") for number in (51, 52, 53))
DAY = "2026-10-20"


def contact(number: str, **fields: str) -> dict[str, str]:
    """A contact who is of age; the number is too high for a birth year of its own."""
    return any_contact(number, Date_of_birth="1970-01-02", **fields)


def named(code: str, family: str) -> dict[str, object]:
    return messages.person(code, messages.name("Aino", family))


def agreed(number: str, code: str, **fields: str) -> dict[str, str]:
    return {**contract(f"K-{number}", f"C{number}", ""), "status": "active",
        "identity_code": code, **fields}  # fmt: skip


def families(data_root: DataRoot) -> set[str]:
    return {row["family_name"] for row in rows(data_root, "SELECT family_name FROM registrants")}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("first") / "data")
    data_root.create()
    basic_data(data_root, DAY, [named(ALONE, "Yksinään"), named(CUSTOMER, "Asiakas")])
    put(data_root, "crm", DAY, "contracts", csv([agreed("901", CUSTOMER)]), 1)
    take_in(data_root)
    build(data_root, date(2026, 11, 18))
    return data_root.root


@pytest.fixture
def both(first: Path, tmp_path: Path) -> DataRoot:
    """Of two people of the population register one has a contract; built on 18 November."""
    return DataRoot(copied(first, tmp_path / "both"))


@pytest.mark.clause("P8.2", "P6.2")
def test_who_is_eligible_for_nothing_leaves_30_days_after_the_first_record(both: DataRoot) -> None:
    """First known on 20 October; 30 days later is 19 November."""
    assert families(both) == {"Yksinään", "Asiakas"}
    built = build(both, date(2026, 11, 19))
    assert families(both) == {"Asiakas"}
    assert built.expired == {"RET-NO-PURPOSE-30D": 1}
    assert sweep.per_rule(sweep.last_sweep(both), "register") == {"RET-NO-PURPOSE-30D": 1}
    assert files_containing(both.root, ["Yksinään", ALONE]) == []


def test_building_twice_or_every_night_makes_no_difference(both: DataRoot) -> None:
    for day in (19, 19, 20):
        build(both, date(2026, 11, day))
    nightly = rows(both, "SELECT * FROM registrants")
    build(both, date(2026, 11, 20))
    assert rows(both, "SELECT * FROM registrants") == nightly


def test_who_has_become_a_customer_in_time_stays(both: DataRoot) -> None:
    put(both, "crm", "2026-11-19", "contracts", csv([agreed("902", ALONE)]), 1)
    take_in(both)
    build(both, date(2026, 11, 19))
    assert families(both) == {"Yksinään", "Asiakas"}


def test_who_has_refused_every_use_leaves_30_days_after_the_refusal(data_root: DataRoot) -> None:
    """A contact who objects on 1 November to all that rests on legitimate interest: 1 December."""
    put(data_root, "crm", DAY, "contacts", csv([contact("903")]), 1)
    refused = event("903", "objected", "all", "2026-11-01T10:00:00Z",
        purpose="legitimate_interest")  # fmt: skip
    put(data_root, "consents", "2026-11-02", "consent_log", csv([refused]), 1)
    take_in(data_root)
    build(data_root, date(2026, 11, 30))
    assert len(families(data_root)) == 1
    build(data_root, date(2026, 12, 1))
    assert families(data_root) == set()


def test_a_consent_is_a_purpose_although_nothing_reaches_the_person_yet(
    data_root: DataRoot,
) -> None:
    granted = event("", "granted", "email", "2026-10-19T10:00:00Z", subject_key_type="email",
        subject_key="uusi@example.fi")  # fmt: skip
    put(data_root, "consents", DAY, "consent_log", csv([granted]), 1)
    take_in(data_root)
    build(data_root, date(2027, 10, 1))
    assert len(rows(data_root, "SELECT * FROM registrants")) == 1


def test_an_order_is_a_purpose(data_root: DataRoot) -> None:
    basic_data(data_root, DAY, [named(ALONE, "Tilaaja")])
    put(data_root, "crm", DAY, "contracts", csv([agreed("904", ALONE, status="ended",
        ends_on="2026-10-01")]), 1)  # fmt: skip
    put(data_root, "crm", DAY, "orders", csv([order("T-904", "C904", "2026-10-19T10:00:00Z")]), 1)
    take_in(data_root)
    build(data_root, date(2027, 10, 1))
    assert families(data_root) == {"Tilaaja"}


def test_a_protected_identity_is_not_forgotten_so_soon(data_root: DataRoot) -> None:
    """Who forgets that an identity is protected shows the address with the next delivery."""
    flagged = messages.person(ALONE, messages.name("Aino", "Suojattu"),
        messages.protection(active=True))  # fmt: skip
    basic_data(data_root, DAY, [flagged])
    take_in(data_root)
    build(data_root, date(2027, 6, 1))
    assert families(data_root) == {"Suojattu"}
    build(data_root, date(2029, 10, 20))
    assert families(data_root) == set()


def test_the_check_and_why_count_and_show_them(both: DataRoot) -> None:
    [row] = rows(both, "SELECT registrant_id FROM registrants WHERE family_name = 'Yksinään'")
    shown = registrant_dates.explain(both, row["registrant_id"], date(2026, 11, 18))
    assert (shown.rule, shown.started, shown.due) == (
        "RET-NO-PURPOSE-30D",
        date(2026, 10, 20),
        date(2026, 11, 19),
    )
    assert no_purpose.counts(both, date(2026, 11, 18)) == {
        "without_purpose": 1,
        "past_their_time": 0,
    }


def test_the_dagster_check_warns_of_them(both: DataRoot) -> None:
    from assets.dagster_support.runs import Today

    result = everybody_has_a_purpose(data_root=both, today=Today(as_of="2026-11-18"))
    assert not result.passed
    assert result.metadata["without_purpose"].value == 1


def test_the_rule_is_in_the_policy_the_notice_and_the_conflicts() -> None:
    policy = load_policy()
    code, rule = policy.rule("without_purpose")
    assert (code, str(rule.period), rule.basis) == ("RET-NO-PURPOSE-30D", "30 days", "C")
    for language, words in (("en", "30 days"), ("fi", "30 päivää"), ("sv", "30 dagar")):
        text = notice.markdown(policy, language, date(2026, 11, 20))  # type: ignore[arg-type]
        assert words in text
    codes = [each.code for each in conflicts.conflicts(policy, date(2026, 11, 20))]
    assert "CONFLICT-NO-PURPOSE" in codes
    assert "CONFLICT-NO-PURPOSE" not in [
        each.code for each in conflicts.conflicts(limited(policy), date(2026, 11, 20))
    ]


# --- intake limited to the known ----------------------------------------------------------------


def limited(policy: Policy) -> Policy:
    """The policy of a controller who subscribes to the changes of known people only."""
    source = policy.sources["population_register"].model_copy(update={"subscription": "known"})
    return policy.model_copy(update={"sources": {**policy.sources, "population_register": source}})


@pytest.fixture
def limited_root(data_root: DataRoot) -> DataRoot:
    return DataRoot(data_root.root, limited(data_root.policy))


def test_of_a_limited_subscription_only_the_known_are_written(limited_root: DataRoot) -> None:
    basic_data(limited_root, DAY, [named(ALONE, "Yksinään"), named(CUSTOMER, "Asiakas")])
    put(limited_root, "crm", DAY, "contracts", csv([agreed("901", CUSTOMER)]), 1)
    take_in(limited_root)
    build(limited_root)
    assert families(limited_root) == {"Asiakas"}
    assert files_containing(limited_root.root, ["Yksinään", ALONE]) == []
    [entry] = deliveries.ledger(limited_root, "population_register")
    assert (entry.delivered, entry.unsubscribed, entry.staged) == (2, 1, 1)
    assert entry.conserved


def test_who_becomes_known_is_taken_in_from_then_on(limited_root: DataRoot) -> None:
    basic_data(limited_root, DAY, [named(LATER, "Myöhempi")])
    take_in(limited_root)
    build(limited_root)
    assert families(limited_root) == set()
    put(limited_root, "crm", "2026-11-12", "contracts", csv([agreed("905", LATER)]), 1)
    basic_data(limited_root, "2026-11-13", [named(LATER, "Myöhempi")])
    take_in(limited_root)
    build(limited_root)
    assert families(limited_root) == {"Myöhempi"}


def test_a_corrected_code_of_somebody_known_is_theirs(limited_root: DataRoot) -> None:
    put(limited_root, "crm", DAY, "contracts", csv([agreed("906", CUSTOMER)]), 1)
    corrected = messages.message(
        CUSTOMER,
        "2026-10-19",
        messages.part("HENKILOTUNNUS_KORJAUS", "MUUTETTU", voimassaolo="PASSIIVI",
            muutettuHenkilotunnus=CUSTOMER, aktiivinenHenkilotunnus=LATER),
    )  # fmt: skip
    changes(limited_root, DAY, [corrected])
    basic_data(limited_root, "2026-10-21", [named(LATER, "Uusitunnus")])
    take_in(limited_root)
    build(limited_root)
    assert families(limited_root) == {"Uusitunnus"}


def test_the_order_in_which_sources_are_taken_in_does_not_matter(limited_root: DataRoot) -> None:
    """The contract of the same night makes the person known."""
    basic_data(limited_root, DAY, [named(CUSTOMER, "Asiakas")])
    put(limited_root, "crm", DAY, "contracts", csv([agreed("907", CUSTOMER)]), 1)
    take_in(limited_root)
    build(limited_root)
    assert families(limited_root) == {"Asiakas"}
