"""Profiles: each rule by its limits, all of them against a slow reference, and what no table may
tell.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from assets.marts import profiles
from assets.marts.queries import QUERIES
from assets.register.building import TABLES
from schemas.columns import categories, duckdb_types, table_name
from schemas.marts import MARTS
from schemas.policy.loader import load_policy
from schemas.profiles import CODES, VALUES
from tests.assets.marts import profile_reference as reference
from tests.assets.marts.profile_reference import Order, Person, Visit
from tests.assets.marts.profile_world import VALUE_TABLES, profile_tables, value_of, values
from tests.support.examples import examples

pytestmark = pytest.mark.clause("P4.4", "P5.6")

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)


def days_ago(days: int) -> datetime:
    return NOON - timedelta(days=days)


def born(day: str, precision: str = "day") -> Person:
    return Person("R", date.fromisoformat(day), precision, has_contract=True)


class TestAgeBands:
    @pytest.mark.parametrize(
        ("birth", "today", "band"),
        [
            ("2008-11-21", "2026-11-20", None),
            ("2008-11-20", "2026-11-20", "18-24"),
            ("2001-11-21", "2026-11-20", "18-24"),
            ("2001-11-20", "2026-11-20", "25-34"),
            ("1951-11-21", "2026-11-20", "65-74"),
            ("1951-11-20", "2026-11-20", "75+"),
            ("1900-01-01", "2026-11-20", "75+"),
            ("2027-01-01", "2026-11-20", None),
            # Born on a 29 February: of age on 1 March, not on 28 February.
            ("2008-02-29", "2026-02-28", None),
            ("2008-02-29", "2026-03-01", "18-24"),
            # Born on other days, seen on a 29 February.
            ("2010-02-28", "2028-02-29", "18-24"),
            ("2010-03-01", "2028-02-29", None),
        ],
    )
    def test_a_band_begins_on_a_birthday(self, birth: str, today: str, band: str | None) -> None:
        assert value_of(born(birth), "age_band", date.fromisoformat(today)) == band

    @pytest.mark.parametrize(
        ("birth", "precision", "band"),
        [
            ("2008-01-01", "year", None),  # may be 17 still
            ("2007-06-15", "year", "18-24"),
            ("2001-01-01", "year", None),  # 24 or 25
            ("2000-01-01", "year", "25-34"),
            ("2008-11-01", "month", None),  # may be born on the 30th
            ("2008-10-31", "month", "18-24"),
            ("1980-02-29", "month", "45-54"),
            ("1980-02-29", "unknown", None),
        ],
    )
    def test_of_a_birth_date_that_is_not_known_to_the_day_only_what_is_sure_counts(
        self, birth: str, precision: str, band: str | None
    ) -> None:
        assert value_of(born(birth, precision), "age_band", TODAY) == band

    def test_without_birth_date_or_precision_there_is_no_band(self) -> None:
        assert value_of(Person("R", has_contract=True), "age_band", TODAY) is None
        assert (
            value_of(Person("R", date(1980, 1, 1), None, has_contract=True), "age_band", TODAY)
            is None
        )

    def test_the_birth_date_is_nowhere_in_the_table(self) -> None:
        rows = profile_tables(
            [
                Person(f"R{number}", date(1980, 5, 17), "day", has_contract=True)
                for number in range(20)
            ],
            TODAY,
        )["age_bands"]
        assert {row["inputs"] for row in rows} == {"birth date"}
        assert not any(
            "1980" in str(value) or "05-17" in str(value) for row in rows for value in row.values()
        )


class TestEngagement:
    @pytest.mark.parametrize(
        ("visits", "value"),
        [
            ([], None),
            ([Visit(days_ago(180))], "lapsed"),
            ([Visit(days_ago(179))], "low"),
            ([Visit(days_ago(1))] * 2, "low"),
            ([Visit(days_ago(1))] * 3, "medium"),
            ([Visit(days_ago(1), clicks=1)], "medium"),
            ([Visit(days_ago(1), actions=11)], "low"),
            ([Visit(days_ago(1), actions=12)], "medium"),
            ([Visit(days_ago(1))] * 7, "medium"),
            ([Visit(days_ago(1))] * 8, "high"),
            ([Visit(days_ago(1), actions=40)], "high"),
            ([Visit(days_ago(1), clicks=4)], "high"),
            ([Visit(days_ago(1)), Visit(days_ago(200), actions=90, clicks=9)], "low"),
            ([Visit(days_ago(-1))], None),
        ],
    )
    def test_enough_of_one_kind_in_the_window_is_enough(
        self, visits: list[Visit], value: str | None
    ) -> None:
        assert (
            value_of(Person("R", has_contract=True, visits=tuple(visits)), "engagement", TODAY)
            == value
        )

    def test_it_says_what_it_looked_at_and_since_when(self) -> None:
        people = [
            Person(f"R{number}", visits=(Visit(days_ago(1), 5, 1), Visit(days_ago(300))))
            for number in range(20)
        ]
        (row,) = {
            (row["value"], row["rule"], row["inputs"], row["as_of"])
            for row in profile_tables(people, TODAY)["engagement"]
        }
        assert row == (
            "medium",
            "PROFILE-ENGAGEMENT",
            "visits, actions and clicks since 2026-05-25",
            TODAY,
        )

    @pytest.mark.parametrize(
        ("started", "value"),
        [
            ("2026-11-20T21:59:59+00:00", "low"),  # 23.59 of the day in Helsinki
            ("2026-11-20T23:30:00+00:00", None),  # tomorrow there
            (
                "2026-05-24T20:59:59+00:00",
                "lapsed",
            ),  # summer time: 23.59 of the day before the first
            ("2026-05-24T21:00:00+00:00", "low"),
        ],
    )
    def test_days_are_those_of_the_policy_s_time_zone(
        self, started: str, value: str | None
    ) -> None:
        assert (
            value_of(
                Person("R", has_contract=True, visits=(Visit(datetime.fromisoformat(started)),)),
                "engagement",
                TODAY,
            )
            == value
        )

    def test_in_another_time_zone_the_same_moment_is_another_day(self) -> None:
        people = [
            Person(f"R{number}", visits=(Visit(datetime(2026, 11, 20, 23, 30, tzinfo=UTC)),))
            for number in range(20)
        ]
        assert profile_tables(people, TODAY)["engagement"] == []
        assert len(profile_tables(people, TODAY, time_zone="America/New_York")["engagement"]) == 20


def order(
    days: int,
    amount: str = "10.00",
    currency: str = "EUR",
    status: str = "delivered",
    number: str = "",
) -> Order:
    return Order(number or f"O{days}/{amount}", days_ago(days), Decimal(amount), currency, status)


class TestConsumption:
    @pytest.mark.parametrize(
        ("orders", "recency", "frequency", "amount"),
        [
            ([order(0)], "within 30 days", "1", "under 100 EUR"),
            ([order(30), order(31, "90")], "within 30 days", "2 to 4", "100 to under 500 EUR"),
            ([order(31)] * 5, "31 to 90 days", "5 to 9", "under 100 EUR"),
            ([order(91, "499.99")], "91 to 365 days", "1", "100 to under 500 EUR"),
            ([order(365, "500")], "91 to 365 days", "1", "500 to under 2000 EUR"),
            ([order(366, "200")] * 10, "over 365 days", "10 or more", "2000 EUR or more"),
            ([order(729)], "over 365 days", "1", "under 100 EUR"),
            ([order(730)], None, None, None),
            ([order(-1)], None, None, None),
            ([order(3, status="cancelled"), order(4, status="returned")], None, None, None),
            (
                [order(3, "120", status="placed"), order(2, "-30")],
                "within 30 days",
                "1",
                "under 100 EUR",
            ),
            ([order(2, "-30")], None, None, None),
            ([order(3, "5"), order(2, "-30")], "within 30 days", "1", None),
            (
                [order(3, "900"), order(2, "1200", "SEK")],
                "within 30 days",
                "2 to 4",
                "1000 to under 5000 SEK",
            ),
            ([order(2, "40", "USD")], "within 30 days", "1", None),
        ],
    )
    def test_recency_frequency_and_amount(
        self, orders: list[Order], recency: str | None, frequency: str | None, amount: str | None
    ) -> None:
        person = Person("R", has_contract=True, orders=tuple(orders))
        assert [
            value_of(person, attribute, TODAY) for attribute in ("recency", "frequency", "amount")
        ] == [recency, frequency, amount]

    def test_each_says_what_it_looked_at(self) -> None:
        people = [
            Person(f"R{number}", orders=(order(3, "120.50"), order(9, "80")))
            for number in range(20)
        ]
        rows = {
            row["attribute"]: (row["rule"], row["inputs"])
            for row in profile_tables(people, TODAY)["consumption"]
        }
        assert rows == {
            "recency": ("PROFILE-RECENCY", "orders since 2024-11-21"),
            "frequency": ("PROFILE-FREQUENCY", "orders since 2024-11-21"),
            "amount": ("PROFILE-AMOUNT", "orders since 2024-11-21"),
        }


class TestInterests:
    def test_once_is_not_enough(self) -> None:
        def with_times(times: int) -> Person:
            return Person("R", has_contract=True, interests={"mobile": (times, TODAY)})

        assert value_of(with_times(1), "interest", TODAY) is None
        assert value_of(with_times(2), "interest", TODAY) == "mobile"


def people_like(count: int, prefix: str, **known: Any) -> list[Person]:
    return [Person(f"{prefix}{number}", has_contract=True, **known) for number in range(count)]


class TestFloor:
    @pytest.mark.parametrize(("count", "is_disclosed"), [(19, False), (20, True), (21, True)])
    def test_a_value_is_disclosed_from_the_floor_on(self, count: int, is_disclosed: bool) -> None:
        tables = profile_tables(people_like(count, "R", language="sv"), TODAY)
        assert [(row["value"], row["registrants"]) for row in tables["segments"]] == (
            [("sv", count)] if is_disclosed else []
        )
        assert len(tables["languages"]) == (count if is_disclosed else 0)

    def test_an_ineligible_registrant_does_not_raise_a_segment_over_the_floor(self) -> None:
        people = [
            *people_like(19, "R", language="sv"),
            Person("X", language="sv", has_contract=True, eligible=False),
        ]
        assert not values(profile_tables(people, TODAY))

    def test_what_would_disclose_a_small_segment_by_subtraction_is_withheld_too(self) -> None:
        people = [
            *people_like(5, "A", language="se"),
            *people_like(30, "B", language="sv"),
            *people_like(40, "C", language="en"),
            *people_like(90, "D", language="fi"),
        ]
        assert {row["value"] for row in profile_tables(people, TODAY)["segments"]} == {"fi"}

    def test_few_without_a_value_are_not_disclosed_by_subtraction(self) -> None:
        people = [
            *people_like(3, "A"),
            *people_like(50, "B", language="sv"),
            *people_like(90, "C", language="fi"),
        ]
        assert {row["value"] for row in profile_tables(people, TODAY)["segments"]} == {"fi"}
        everyone_but_few = people_like(50, "R", interests={"mobile": (2, TODAY)}) + people_like(
            3, "S"
        )
        assert not profile_tables(everyone_but_few, TODAY)["interests"]

    def test_no_size_under_the_floor_can_be_inferred_even_knowing_the_rule(self) -> None:
        assert sizes_inferred_by_elimination(reference.published) == 0

    def test_the_attack_infers_sizes_when_only_the_small_are_withheld(self) -> None:
        assert (
            sizes_inferred_by_elimination(
                lambda sizes, without, floor: {
                    value for value, size in sizes.items() if size >= floor
                }
            )
            > 100
        )


def sizes_inferred_by_elimination(published: Callable[[dict[str, int], int, int], set[str]]) -> int:
    """Try every possible world of a few groups: how often does the published
    table leave only one possible size for a group under the floor?

    The attacker knows the rule, and how many there are in all, or how many of them have a value, or
    both.
    """
    floor, most, groups = 2, 10, 3
    worlds = defaultdict(list)
    for *sizes, without in itertools.product(range(most + 1), repeat=groups + 1):
        shown = published(
            {str(number): size for number, size in enumerate(sizes) if size}, without, floor
        )
        seen = tuple(sizes[number] if str(number) in shown else None for number in range(groups))
        for known in (
            ("all", sum(sizes) + without),
            ("with", sum(sizes)),
            ("both", sum(sizes), without),
        ):
            worlds[seen, known].append((*sizes, without))
    # Where a size is at its most, larger worlds than were tried would fit as well.
    tried = (possible for possible in worlds.values() if max(map(max, possible)) < most)
    return sum(
        len({world[group] for world in possible}) == 1 and 0 < possible[0][group] < floor
        for possible in tried
        for group in range(groups)
    )


@st.composite
def worlds(draw: st.DrawFn) -> list[Person]:
    """A few people with histories around every limit."""
    moments = st.sampled_from([0, 1, 30, 31, 90, 91, 179, 180, 365, 366, 729, 730, -1]).flatmap(
        lambda days: st.sampled_from([0, 11, 12, 13.5]).map(
            lambda hours: days_ago(days) + timedelta(hours=hours)
        )
    )
    visits = st.builds(
        Visit, moments, st.sampled_from([1, 6, 12, 40]), st.sampled_from([0, 0, 1, 4])
    )
    orders = st.builds(
        Order,
        st.integers(0, 10**9).map(str),
        moments,
        st.sampled_from(["-30.00", "0.00", "10.00", "99.99", "100.00", "700.00"]).map(Decimal),
        st.sampled_from(["EUR", "EUR", "SEK", "USD"]),
        st.sampled_from(["placed", "delivered", "returned", "cancelled"]),
    )
    births = st.sampled_from(
        [
            date(2008, 11, 20),
            date(2008, 11, 21),
            date(2008, 2, 29),
            date(2001, 12, 1),
            date(1980, 2, 29),
            date(1951, 11, 20),
        ]
    )
    people = []
    for number in range(draw(st.integers(0, 14))):
        people.append(
            Person(
                f"R{number}",
                draw(st.none() | births),
                draw(st.sampled_from([None, "day", "day", "month", "year", "unknown"])),
                draw(st.sampled_from([None, "fi", "fi", "sv"])),
                draw(st.sampled_from([None, "091", "091", "049"])),
                draw(st.booleans()),
                tuple(draw(st.lists(visits, max_size=4))),
                tuple(draw(st.lists(orders, max_size=4, unique_by=lambda order: order.number))),
                draw(
                    st.dictionaries(
                        st.sampled_from(["mobile", "offers"]),
                        st.tuples(st.integers(1, 3), st.just(TODAY)),
                        max_size=2,
                    )
                ),
                draw(st.sampled_from([True, True, True, False])),
            )
        )
    return people


class TestAgainstTheReference:
    @settings(max_examples=examples(30), deadline=None, derandomize=True)
    @given(worlds(), st.integers(2, 4))
    def test_the_tables_hold_what_the_rules_say_in_words(
        self, people: list[Person], floor: int
    ) -> None:
        tables = profile_tables(people, TODAY, floor)
        wanted, sizes = reference.profiles(people, TODAY, floor)
        assert values(tables) == wanted
        assert {
            (row["attribute"], row["value"]): row["registrants"] for row in tables["segments"]
        } == sizes

    @settings(max_examples=examples(10), deadline=None, derandomize=True)
    @given(worlds())
    def test_every_value_explains_itself_and_stands_once(self, people: list[Person]) -> None:
        tables = profile_tables(people, TODAY, 2)
        rows = [row for table in VALUE_TABLES for row in tables[table]]
        assert all(row["rule"] in CODES and row["inputs"] and row["as_of"] == TODAY for row in rows)
        single = [
            (row["pseudonym"], row["attribute"]) for row in rows if row["attribute"] != "interest"
        ]
        assert len(set(single)) == len(single)

    @settings(max_examples=examples(10), deadline=None, derandomize=True)
    @given(worlds())
    def test_an_ineligible_registrant_is_in_no_table_and_no_segment(
        self, people: list[Person]
    ) -> None:
        out = {person.registrant_id for person in people if not person.eligible}
        tables = profile_tables(people, TODAY, 2)
        assert not out & {who for who, _, _ in values(tables)}
        assert values(tables) == values(
            profile_tables([person for person in people if person.eligible], TODAY, 2)
        )


class TestNoPathFromWhatMustNotBeProfiled:
    """Credit data, special categories, identity: neither in the declarations nor in the SQL."""

    READ: ClassVar = {
        "registrants",
        "contracts",
        "orders",
        "visits",
        "interests",
        "eligible_analytics",
    }
    USED: ClassVar = {
        "birth_date",
        "language",
        "region",
        "order",
        "website",
        "interests",
        "technical",
        "registrant_id",
    }

    @pytest.mark.parametrize("table", [*VALUE_TABLES, "segments"])
    def test_the_queries_read_no_other_table(self, table: str) -> None:
        assert tables_read(QUERIES["analytics"][table]) <= self.READ

    def test_no_column_that_they_look_at_is_of_a_category_that_may_not_be_profiled(self) -> None:
        looked_at = {
            pair
            for table, query in QUERIES["analytics"].items()
            if table not in ("visits", "participations", "social_media")
            for pair in columns_read(query)
        }
        assert ("registrants", "birth_date") in looked_at
        assert {
            pair
            for pair in looked_at
            if pair[0] != "eligible_analytics"
            and categories(TABLES[pair[0]])[pair[1]] not in self.USED
        } == set()

    def test_a_query_that_did_would_be_found(self) -> None:
        poisoned = (
            "SELECT 1 FROM visits WHERE registrant_id IN (SELECT registrant_id FROM credit_marks "
            "WHERE amount > 0)"
        )
        assert "credit_marks" in tables_read(poisoned)
        assert ("credit_marks", "amount") in columns_read(poisoned)

    def test_no_category_of_the_mart_is_derived_from_credit_diet_or_protected_identity(
        self,
    ) -> None:
        policy = load_policy()
        used = {
            category for model in MARTS["analytics"] for category in categories(model).values()
        } - {"technical"}
        behind = set().union(*(policy.derivation(category) for category in used - {"pseudonym"}))
        assert not behind & {
            "credit",
            "diet",
            "protection",
            "identity_code",
            "website_identifier",
            "marketing_choice",
            "correspondence",
            "call_recording",
        }
        assert "credit_bureau" not in set().union(
            *(policy.origins(category) for category in used - {"pseudonym"})
        )
        assert all(policy.categories[category].special is None for category in behind)

    def test_no_table_of_values_names_anybody(self) -> None:
        for model in VALUES:
            assert "pseudonym" in categories(model).values()
            assert not set(categories(model).values()) & {
                "registrant_id",
                "name",
                "contact",
                "birth_date",
                "customer_number",
            }, table_name(model)

    def test_every_table_of_values_is_queried(self) -> None:
        assert (
            set(profiles.queries("registrant_id"))
            == {*VALUE_TABLES, "combinations", "segments"}
            == {table_name(model) for model in VALUES} | {"combinations", "segments"}
        )


def tables_read(query: str) -> set[str]:
    """The tables of the register that a query reads, wherever in it."""
    parsed = sqlglot.parse_one(query, dialect="duckdb")
    own = {expression.alias for expression in parsed.find_all(exp.CTE)}
    return {table.name for table in parsed.find_all(exp.Table)} - own


def columns_read(query: str) -> set[tuple[str, str]]:
    """Every column of a table of the register that a query names anywhere: in what it answers, or
    in a condition.
    """
    columns = {table: duckdb_types(model) for table, model in TABLES.items()} | {
        "eligible_analytics": {"registrant_id": "VARCHAR"}
    }
    whole = qualify(
        sqlglot.parse_one(query, dialect="duckdb"),
        schema=columns,
        dialect="duckdb",
        validate_qualify_columns=False,
    )
    return {
        (source.name, column.name)
        for scope in traverse_scope(whole)
        for column in scope.columns
        if isinstance(source := scope.sources.get(column.table), exp.Table)
    }
