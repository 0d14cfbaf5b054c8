"""What linkage remembers makes no difference to the register; decisions do, survive reruns, and go
with the person.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assets.register import build_state, building, pair_cache, review
from assets.register.pair_cache import Decision
from assets.register.review import ReviewError
from assets.storage.data_root import DataRoot
from tests.support.crm_people import AINO, NAMESAKE, deliver, key
from tests.support.data_roots import copied
from tests.support.registers import TODAY, build, rows, take_in

DAY = date(2026, 11, 18)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("first") / "data")
    data_root.create()
    deliver(data_root, "2026-11-10", n1=AINO, n2=AINO, n3=NAMESAKE)
    refresh(data_root)
    return data_root.root


@pytest.fixture
def world(first: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(first, tmp_path / "world"))


def refresh(data_root: DataRoot, today: date = TODAY) -> building.Built:
    take_in(data_root, today)
    return build(data_root, today)


def current(data_root: DataRoot) -> bool:
    """Whether the last build is of what is staged and decided now."""
    return bool(build_state.read(data_root)["inputs"] == building.inputs(data_root, TODAY))


def member(data_root: DataRoot, number: str) -> str:
    return str(
        rows(data_root, f"SELECT registrant_id FROM membership WHERE person_key = '{key(number)}'")[
            0
        ]["registrant_id"]
    )


def register(data_root: DataRoot) -> dict[str, list[dict[str, object]]]:
    return {
        table: rows(data_root, f"SELECT * FROM {table} ORDER BY ALL") for table in building.TABLES
    }


class TestDelta:
    def test_compares_what_is_new_and_gives_what_a_full_run_gives(self, world: DataRoot) -> None:
        assert build(world).links["compared_pairs"] == 0
        deliver(
            world, "2026-11-12", n1=AINO | {"Last Name": "Korpela"}, n2=AINO, n3=NAMESAKE, n4=AINO
        )
        delta = refresh(world)
        by_delta = register(world)
        pair_cache.forget(world)
        full = build(world)
        assert register(world) == by_delta
        assert delta.links["links"] == full.links["links"]
        assert 0 < delta.links["compared_pairs"] < full.links["compared_pairs"]

    def test_full_rerun_reports_the_drift_and_there_is_none(self, world: DataRoot) -> None:
        pair_cache.forget(world)
        assert build(world).links["drift"] == {
            "pairs_on_other_levels": 0,
            "pairs_only_now": 0,
            "pairs_only_before": 0,
        }
        assert build(world).links["drift"] == {}, "reported once"

    def test_nothing_stays_of_registrants_who_have_left(self, world: DataRoot) -> None:
        pair_cache.decide(world, [Decision(key("1"), key("2"), True, DAY)])
        build(world)
        deliver(world, "2026-11-12", n2=AINO, n3=NAMESAKE)
        refresh(world, date(2031, 1, 1))
        assert not any(
            key("1").encode() in path.read_bytes() for path in world.lake.glob("*.parquet")
        )
        assert not pair_cache.DECISIONS.place(world).exists()


class TestDecisions:
    def test_act_on_the_next_build_and_on_those_after_it(self, world: DataRoot) -> None:
        assert member(world, "1") == member(world, "2") != member(world, "3")
        assert current(world)
        pair_cache.decide(
            world,
            [Decision(key("1"), key("3"), True, DAY), Decision(key("2"), key("1"), False, DAY)],
        )
        assert not current(world), "the register depends on what was decided"
        for _ in range(2):
            build(world)
            assert member(world, "1") == member(world, "3") != member(world, "2")

    def test_latest_about_a_pair_counts(self, world: DataRoot) -> None:
        pair_cache.decide(world, [Decision(key("1"), key("3"), True, DAY)])
        pair_cache.decide(world, [Decision(key("3"), key("1"), False, date(2026, 11, 19))])
        build(world)
        assert member(world, "1") != member(world, "3")


class TestReview:
    def test_lists_possible_duplicates_without_a_value(self, world: DataRoot) -> None:
        pairs = review.listed(world)
        assert {(pair.left, pair.right) for pair in pairs} >= {tuple(sorted((key("1"), key("3"))))}
        text = (world.lake / review.GREY_PAIRS).read_bytes().lower()
        assert not any(value.encode() in text for value in ("aino", "bergman", "koivukuja"))
        assert all(
            pair.weight
            == pytest.approx(
                pair.explained["start"] + sum(bits for _, _, bits in pair.explained["steps"]),
                abs=0.05,
            )
            for pair in pairs
        )

    def test_shows_the_two_side_by_side(self, world: DataRoot) -> None:
        pair = next(
            candidate
            for candidate in review.listed(world)
            if {candidate.left, candidate.right} == {key("1"), key("3")}
        )
        shown = {what: {left, right} for what, left, right in review.side_by_side(world, pair)}
        assert shown["names"] == {"Aino Bergman"}
        assert shown["addresses"] == {"Koivukuja 5, 33100, TAMPERE", "-"}

    def test_what_is_decided_is_asked_no_more(self, world: DataRoot) -> None:
        pair = next(
            candidate
            for candidate in review.listed(world)
            if {candidate.left, candidate.right} == {key("1"), key("3")}
        )
        assert review.decide(world, [pair.pair], DAY, same=True) == 1
        build(world)
        assert pair.pair not in {candidate.pair for candidate in review.listed(world)}
        assert member(world, "1") == member(world, "3")

    def test_unknown_pair_is_refused(self, world: DataRoot) -> None:
        with pytest.raises(ReviewError, match="no open pair"):
            review.decide(world, ["0000000000"], DAY, same=True)


class TestIdentityEvents:
    def test_merges_and_splits_are_recorded(self, world: DataRoot) -> None:
        first, third = member(world, "1"), member(world, "3")
        pair_cache.decide(world, [Decision(key("1"), key("3"), True, DAY)])
        merged = build(world)
        kept = member(world, "1")
        ceased = ({first, third} - {kept}).pop()
        assert merged.links["succession"] == {
            "merged": 1,
            "split": 0,
            "renamed": 0,
            "ids_kept": 6,
            "ids_ceased": 1,
        }
        assert events(world) == [("merged", ceased, kept)]
        pair_cache.decide(world, [Decision(key("1"), key("3"), False, date(2026, 11, 19))])
        assert build(world).links["succession"]["split"] == 1
        assert ("split", kept, ceased) in events(world)

    def test_a_build_that_changes_nothing_records_no_events(self, world: DataRoot) -> None:
        assert build(world).links["succession"] == {
            "merged": 0,
            "split": 0,
            "renamed": 0,
            "ids_kept": 7,
            "ids_ceased": 0,
        }
        assert events(world) == []

    @pytest.mark.parametrize("number", ["801", "802", "803", "804", "805"])
    def test_later_delivery_of_the_same_day_leaves_the_id_whatever_its_hash(
        self, world: DataRoot, number: str
    ) -> None:
        before = member(world, "1")
        later = {f"n{number}": {"First Name": "Väinö", "Last Name": f"Uusi{number}"}}
        deliver(world, "2026-11-10", until="2026-11-11", n1=AINO, n2=AINO, n3=NAMESAKE, **later)
        assert refresh(world).links["succession"]["renamed"] == 0
        assert member(world, "1") == before


def events(data_root: DataRoot) -> list[tuple[str, str, str]]:
    import duckdb

    path = data_root.lake / "identity_events.parquet"
    return duckdb.sql(
        f"SELECT event, registrant_id, became FROM read_parquet('{path}') ORDER BY ALL"
    ).fetchall()
