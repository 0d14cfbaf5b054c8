"""The marts hold exactly the registrants that a slow and obvious evaluator of the rules finds
eligible; every row and column.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from assets.marts import building as marts
from assets.register import eligibility
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from schemas.columns import arrow_schema, table_name
from schemas.eligibility import RULES, channels
from schemas.marts import MARTS
from schemas.policy.loader import POLICY_FILE, load_policy
from schemas.policy.model import Policy
from tests.assets.marts.random_register import World, random_world
from tests.assets.marts.reference import Person, allowed
from tests.support.examples import examples
from tests.support.registers import evaluate_eligibility

POLICY = load_policy()
DAYS = [
    date(2026, 11, 20),
    date(2026, 2, 28),
    date(2026, 3, 1),
    date(2028, 2, 29),
    date(2019, 6, 27),
    date(2040, 1, 1),
]


def published(data_root: DataRoot, today: date) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Evaluate eligibility and build every mart; returns their rows."""
    evaluate_eligibility(data_root, today)
    tables: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for purpose, models in MARTS.items():
        marts.build(data_root, purpose, today)
        marts.publish(data_root, purpose)
        with duckdb.connect(str(marts.mart_path(data_root, purpose)), read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            tables[purpose] = {}
            for model in models:
                read = connection.execute(f"SELECT * FROM {table_name(model)}")
                names = [column[0] for column in read.description]
                assert names == arrow_schema(model).names
                tables[purpose][table_name(model)] = [
                    dict(zip(names, row, strict=True)) for row in read.fetchall()
                ]
    return tables


def people(world: World) -> dict[str, Person]:
    def of(table: str) -> dict[str, list[dict[str, Any]]]:
        grouped = defaultdict(list)
        for row in world.tables[table]:
            grouped[row["registrant_id"]].append(row)
        return grouped

    contracts, orders, visits, words, provenance = (
        of("contracts"),
        of("orders"),
        of("visits"),
        of("choice_log"),
        of("provenance"),
    )
    reports, remarks = of("credit_reports"), of("credit_marks")
    return {
        registrant["registrant_id"]: Person(
            registrant,
            contracts[registrant["registrant_id"]],
            orders[registrant["registrant_id"]],
            visits[registrant["registrant_id"]],
            reports[registrant["registrant_id"]] + remarks[registrant["registrant_id"]],
            words[registrant["registrant_id"]],
            {row["attribute"]: row["source"] for row in provenance[registrant["registrant_id"]]},
        )
        for registrant in world.tables["registrants"]
    }


def eligible(
    everyone: dict[str, Person], purpose: str, channel: str, policy: Policy, today: date
) -> set[str]:
    return {
        registrant_id
        for registrant_id, person in everyone.items()
        if allowed(person, purpose, channel, policy, today)
    }


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["registrant_id"] for row in rows if row["registrant_id"]}


def without_bases(**removed: str) -> Policy:
    """The policy without a basis of a purpose, such as `direct_marketing="legitimate_interest"`."""
    policy = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    for purpose, basis in removed.items():
        policy["purposes"][purpose]["bases"].remove(basis)
    return Policy.model_validate(policy)


POLICIES = [
    POLICY,
    without_bases(direct_marketing="legitimate_interest", customer_care="contract"),
    without_bases(
        products_and_services="legitimate_interest",
        customer_care="legitimate_interest",
        credit_decision="legitimate_interest",
    ),
]


# A world is one seed: there is nothing to shrink.
@settings(max_examples=examples(6), deadline=None, phases=[Phase.generate])
@given(
    seed=st.integers(0, 2**32), today=st.sampled_from(DAYS), which=st.integers(0, len(POLICIES) - 1)
)
def test_the_marts_hold_exactly_the_registrants_that_the_rules_allow(
    tmp_path_factory: pytest.TempPathFactory, seed: int, today: date, which: int
) -> None:
    policy = POLICIES[which]
    data_root = DataRoot(tmp_path_factory.mktemp("home"), policy)
    data_root.create()
    assert pepper(data_root)
    world = random_world(seed, today, 120)
    world.write(data_root)
    marts_read, everyone = published(data_root, today), people(world)
    rows = world.tables

    def may(purpose: str, channel: str = "all") -> set[str]:
        return eligible(everyone, purpose, channel, policy, today)

    for channel in channels("direct_marketing"):
        assert ids(marts_read["direct_marketing"][f"by_{channel}"]) == may(
            "direct_marketing", channel
        )
    assert ids(marts_read["contracts"]["registrants"]) == may("contracts")
    assert ids(marts_read["customer_care"]["registrants"]) == may("customer_care")
    assert ids(marts_read["legal_claims"]["registrants"]) == may("legal_claims")
    assert ids(marts_read["credit_decision"]["registrants"]) == may("credit_decision")
    for purpose in ("contracts", "customer_care", "legal_claims"):
        for table, number in (("contracts", "contract_number"), ("orders", "order_number")):
            assert {row[number] for row in marts_read[purpose][table]} == {
                row[number] for row in rows[table] if row["registrant_id"] in may(purpose)
            }
    assert ids(marts_read["credit_decision"]["credit_reports"]) | ids(
        marts_read["credit_decision"]["credit_marks"]
    ) == may("credit_decision")
    floor = policy.profiles.segment_floor
    for purpose, table in (
        *(("products_and_services", table) for table in ("contracts", "orders", "visits")),
        ("analytics", "visits"),
    ):
        mine = [
            row
            for row in rows[table]
            if row["registrant_id"] in may(purpose) and purpose in row.get("consented", [purpose])
        ]
        expected_rows = len(mine) if len(ids(mine)) >= floor else 0
        assert len(marts_read[purpose][table]) == expected_rows, (purpose, table)
    customers = len(may("products_and_services"))
    assert len(marts_read["products_and_services"]["customers"]) == (
        customers if customers >= floor else 0
    )
    for channel, kind in (("email", "emails"), ("phone", "phones")):
        let_in = may("targeted_advertising", channel)
        by_value = defaultdict(set)
        for row in rows["contact_points"]:
            if row["kind"] == channel:
                by_value[row["match_key"]].add(row["registrant_id"])
        expected = {
            hashlib.sha256(value.encode()).hexdigest()
            for value, reached in by_value.items()
            if reached <= let_in
        }
        assert {
            row[f"{channel}_sha256"] for row in marts_read["targeted_advertising"][kind]
        } == expected


@pytest.fixture(scope="module")
def large(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[DataRoot, World, dict[str, dict[str, list[dict[str, Any]]]]]:
    """A register large enough that every rule speaks of somebody."""
    data_root = DataRoot(tmp_path_factory.mktemp("home"))
    data_root.create()
    assert pepper(data_root)
    world = random_world(7, DAYS[0], 1_500)
    world.write(data_root)
    return data_root, world, published(data_root, DAYS[0])


def texts(tables: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield from (
        str(value).lower()
        for rows in tables.values()
        for row in rows
        for value in row.values()
        if value is not None
    )


def test_every_rule_has_a_predicate_and_applies_to_somebody(
    large: tuple[DataRoot, World, Any],
) -> None:
    assert set(eligibility.PREDICATES) == set(RULES)
    rules = set().union(*(marts.per_rule(large[0], purpose) for purpose in MARTS))
    # It applies only where nothing but mobile subscriptions is marketed (test_signals).
    assert rules == set(RULES) - {"ADM-MOBILE-BY-PHONE"}


def test_each_mart_admits_some_and_not_all(large: tuple[DataRoot, World, Any]) -> None:
    everyone = people(large[1])
    for purpose in MARTS:
        for channel in channels(purpose):
            assert 0 < len(eligible(everyone, purpose, channel, POLICY, DAYS[0])) < len(everyone), (
                purpose,
                channel,
            )


def test_a_pseudonym_is_of_one_attribute_and_holds_no_id(
    large: tuple[DataRoot, World, Any],
) -> None:
    owners = defaultdict(set)
    for rows in large[2]["analytics"].values():
        for row in rows:
            if row.get("pseudonym"):
                owners[row["pseudonym"]].add(row["attribute"])
    assert owners
    assert all(len(attributes) == 1 for attributes in owners.values())
    assert not {row["registrant_id"] for row in large[1].tables["registrants"]} & set(owners)


@pytest.mark.parametrize("purpose", ["analytics", "products_and_services", "targeted_advertising"])
def test_nothing_that_identifies_a_registrant_leaves_a_pseudonymous_mart(
    large: tuple[DataRoot, World, Any], purpose: str
) -> None:
    disclosed = set(texts(large[2][purpose]))
    for registrant in large[1].tables["registrants"]:
        secret = {
            str(registrant[name]).lower()
            for name in ("registrant_id", "customer_number", "email", "phone", "street")
            if registrant[name]
        }
        assert disclosed.isdisjoint(secret)
    numbers = {
        row[number].lower()
        for table, number in (("contracts", "contract_number"), ("orders", "order_number"))
        for row in large[1].tables[table]
    }
    assert disclosed.isdisjoint(numbers)


def test_what_sending_needs_and_no_more(large: tuple[DataRoot, World, Any]) -> None:
    tables = large[2]["direct_marketing"]
    who = {"registrant_id", "given_names", "family_name", "language", "products"}
    assert {name: set(rows[0]) - who for name, rows in tables.items()} == {
        "by_email": {"email"},
        "by_sms": {"phone"},
        "by_phone": {"phone"},
        "by_post": {"street", "postcode", "town", "country"},
    }
    assert {name: set(rows[0]) for name, rows in large[2]["targeted_advertising"].items()} == {
        "emails": {"audience", "email_sha256"},
        "phones": {"audience", "phone_sha256"},
    }


def test_no_location_of_the_protected_is_anywhere(large: tuple[DataRoot, World, Any]) -> None:
    protected = {
        registrant["registrant_id"]
        for registrant in large[1].tables["registrants"]
        if registrant["protected"]
    }
    for tables in large[2].values():
        for rows in tables.values():
            assert not [
                row
                for row in rows
                if row.get("registrant_id") in protected
                and (row.get("street") or row.get("town") or row.get("postcode"))
            ]


def test_a_register_without_eligibility_has_nobody_eligible(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path)
    data_root.create()
    assert pepper(data_root)
    random_world(1, DAYS[0], 50).write(data_root)
    recorded_files.remove(data_root.register("admission"))
    for purpose in MARTS:
        marts.build(data_root, purpose, DAYS[0])
        rows = {
            name: count for name, count in _counts(data_root, purpose).items() if name != "about"
        }
        assert sum(rows.values()) == 0, purpose


def _counts(data_root: DataRoot, purpose: str) -> dict[str, int]:
    with duckdb.connect(
        str(marts.candidate_path(data_root, purpose)), read_only=True
    ) as connection:
        names = [
            row[0]
            for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        ]
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names
        }  # type: ignore[index]
