"""Incremental builds: row for row what a full build gives, whatever came, and in whatever order.

A machine of Hypothesis lets deliveries, late ones, decisions and days come in any order; each night
is built both ways. It takes a minute of the processor for what no smaller thing can state: that the
two agree in every table.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from assets.register import building, holds, incremental, pair_cache, source_statements
from assets.register.pair_cache import Decision
from assets.retention import sweep
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from tests.support import dated_records
from tests.support.crm_people import key
from tests.support.data_roots import copied
from tests.support.deliveries import basic_data, csv, put
from tests.support.made_once import made_once
from tests.support.marketing import contact, deliver_all, event
from tests.support.population_register_messages import code, home_address, name, person
from tests.support.registers import TODAY, build, take_in

NUMBERS = ("1", "2", "3", "4", "5", "6")
CODES = {number: code(f"0101{number}0-90{number}") for number in NUMBERS}


@pytest.fixture(scope="module", autouse=True)
def incrementally() -> Iterator[None]:
    """Builds keep what incremental ones go on from."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REGISTER_INCREMENTAL", "1")
        yield


@pytest.fixture(scope="module")
def first(incrementally: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of all ages, and a few contacts; built, and swept."""

    def make(folder: Path) -> None:
        data_root = DataRoot(folder)
        data_root.create()
        dated_records.deliver(data_root)
        contacts = [contact(number, Customer_number=f"C900000{number}") for number in NUMBERS]
        deliver_all(data_root, contacts, [event("1"), event("2", "withdrawn")])
        take_in(data_root)
        build(data_root)

    return made_once(tmp_path_factory, "incremental", make)


@pytest.fixture(autouse=True)
def few_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of so few records nearly all may be touched, and many are in the sample."""
    monkeypatch.setattr(incremental, "MOST_TOUCHED", 10)
    monkeypatch.setattr(incremental, "BUCKETS", 4)


@pytest.fixture
def world(first: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(first, tmp_path / "world"))


def night(data_root: DataRoot, today: date) -> building.Built:
    """Build, and check that everything made again gives the same; sweep."""
    whole = DataRoot(copied(data_root.root, data_root.root.with_name("whole")))
    incremental.forget(whole)
    full = building.build(whole, today)
    built = building.build(data_root, today)
    assert not full.incremental
    assert differing(data_root, whole) == {}
    assert built.missed == {}
    assert counted(built) == counted(full)
    shutil.rmtree(whole.root)
    sweep.sweep(data_root, today)
    return built


def differing(data_root: DataRoot, whole: DataRoot) -> dict[str, list[object]]:
    """File -> how many rows only the one and only the other has, of all that a build writes."""
    differences = {}
    for path in sorted(whole.lake.glob("*.parquet")) + sorted(whole.lake.glob("*/*.parquet")):
        name = path.relative_to(whole.lake)
        # The components of those that are not touched can still be tied by what has been swept.
        if path.stem == "next_changes":
            continue
        ours, theirs = (f"FROM {parquet(root / name)}" for root in (data_root.lake, whole.lake))
        with duckdb.connect() as connection:
            only = [
                connection.execute(f"SELECT count(*) FROM ({left} EXCEPT ALL {right})").fetchone()
                for left, right in ((ours, theirs), (theirs, ours))
            ]
        if only != [(0,), (0,)]:
            differences[str(name)] = only
    return differences


def counted(built: building.Built) -> dict[str, object]:
    """What is reported of a build, but for how it was done."""
    report = asdict(built)
    for own in ("seconds", "incremental", "touched_records"):
        del report[own]
    del report["links"]["compared_pairs"]
    return report


def can_go_on(data_root: DataRoot, today: date = TODAY) -> bool:
    with connect(data_root) as connection:
        source_statements.make_staged(data_root, connection)
        holds.load(data_root, connection, today)
        files = building.table_files(data_root)
        return incremental.begin(data_root, connection, files, today)


def changed_table(data_root: DataRoot) -> None:
    path = data_root.register("provenance")
    with duckdb.connect() as connection, recorded_files.writing(path) as unfinished:
        connection.execute(
            f"COPY (FROM {parquet(path)} LIMIT 1) TO '{unfinished}' (FORMAT parquet)"
        )


def restaged(data_root: DataRoot) -> None:
    path = data_root.files("staged", "crm", name="*/persons")[0]
    with duckdb.connect() as connection, recorded_files.writing(path) as unfinished:
        connection.execute(
            f"COPY (FROM {parquet(path)} LIMIT 0) TO '{unfinished}' (FORMAT parquet)"
        )


def decided(data_root: DataRoot) -> None:
    pair_cache.decide(data_root, [Decision(key("1"), key("2"), True, TODAY)])


def test_a_build_can_go_on_from_the_last_one_for_a_week(world: DataRoot) -> None:
    assert can_go_on(world)
    assert can_go_on(world, TODAY + timedelta(days=incremental.FULL_EVERY - 1))
    assert not can_go_on(world, TODAY + timedelta(days=incremental.FULL_EVERY))
    assert not can_go_on(world, TODAY - timedelta(days=1))


@pytest.mark.parametrize("change", [changed_table, restaged, decided, incremental.forget])
def test_everything_is_made_again_after_other_changes(
    world: DataRoot, change: Callable[[DataRoot], None]
) -> None:
    change(world)
    assert not can_go_on(world)


def test_everything_is_made_again_after_a_build_that_was_killed_or_not_swept(
    world: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(incremental, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            building.build(world, TODAY)
    assert not can_go_on(world)
    building.build(world, TODAY)
    assert not can_go_on(world)
    sweep.sweep(world, TODAY)
    assert can_go_on(world)


class Nights(RuleBasedStateMachine):
    """What comes between nights, and the nights."""

    first: Path
    incremental: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.first.parent))
        self.today = TODAY
        self.came = 0

    @initialize()
    def copy(self) -> None:
        self.world = DataRoot(copied(self.first, self.folder / "world"))

    def day(self, late: bool) -> str:
        """The day of a delivery, and a number that no other delivery has had."""
        self.came += 1
        return str(self.today - timedelta(days=9 if late else 0))

    @rule(
        number=st.sampled_from(NUMBERS),
        like=st.sampled_from(NUMBERS),
        email=st.booleans(),
        late=st.booleans(),
    )
    def a_contact_changes(self, number: str, like: str, email: bool, late: bool) -> None:
        """It comes to be known as another is: by name and birth date, or by e-mail address."""
        other = contact(like)
        names = ("Email",) if email else ("First Name", "Last Name", "Date of birth")
        fields = {name.replace(" ", "_"): other[name] for name in names}
        day = self.day(late)
        deliver_all(
            self.world, [contact(number, Last_Activity_Date=f"{day} 10:00", **fields)], [], day
        )

    @rule(
        number=st.sampled_from(NUMBERS),
        status=st.sampled_from(("granted", "withdrawn", "restricted", "objected")),
        late=st.booleans(),
    )
    def a_choice_is_made(self, number: str, status: str, late: bool) -> None:
        day = self.day(late)
        events = [event(number, status, at=f"{day}T0{self.came % 10}:00:00Z")]
        put(self.world, "consents", day, "consent_log", csv(events), 1)

    @rule(number=st.sampled_from(NUMBERS), days=st.integers(-400, 40), late=st.booleans())
    def a_contract_is_signed(self, number: str, days: int, late: bool) -> None:
        ends_on = self.today + timedelta(days=days)
        row = dated_records.contract(f"K-{number}", f"C900000{number}", str(ends_on))
        put(
            self.world,
            "crm",
            self.day(late),
            "contracts",
            csv([row | {"status": "active", "updated_at": f"{self.today}T10:00:00Z"}]),
            1,
        )

    @rule(number=st.sampled_from(NUMBERS), days=st.integers(0, 700))
    def a_visit_is_delivered(self, number: str, days: int) -> None:
        moment = datetime(*self.today.timetuple()[:3], 9, tzinfo=UTC) - timedelta(days=days)
        visit = dated_records.visit(self.came + 100, f"b00000000000000{number}", moment)
        day = self.day(late=False)
        data = json.dumps([visit | {"userId": f"n{number}@example.fi"}]).encode()
        put(self.world, "website", day, "visits", data, 1)

    @rule(number=st.sampled_from(NUMBERS), moved=st.integers(-30, 30))
    def basic_data_come(self, number: str, moved: int) -> None:
        since = str(self.today + timedelta(days=moved))
        home = home_address("Koivukuja", number, "33100", "TAMPERE", since)
        named = name(f"Nimi{number}", contact(number)["Last Name"])
        basic_data(self.world, self.day(late=False), [person(CODES[number], named, home)])

    @rule(number=st.sampled_from(NUMBERS), other=st.sampled_from(NUMBERS), same=st.booleans())
    def a_pair_is_decided(self, number: str, other: str, same: bool) -> None:
        if number != other:
            pair_cache.decide(self.world, [Decision(key(number), key(other), same, self.today)])

    @rule(days=st.sampled_from((1, 2, 5, 31, 400)))
    def night_falls(self, days: int) -> None:
        take_in(self.world, self.today)
        type(self).incremental += night(self.world, self.today).incremental
        self.today += timedelta(days=days)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.night_falls(1)
        shutil.rmtree(self.folder)


def test_any_sequence_of_days_gives_what_full_builds_give(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "FULL_EVERY", 10_000)
    Nights.first = first
    run_state_machine_as_test(
        Nights,
        settings=settings(
            max_examples=2,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Nights.incremental
