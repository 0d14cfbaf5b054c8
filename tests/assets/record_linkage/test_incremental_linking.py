"""Later records are linked to those of a saved run: as by a full run, all or nothing, and once."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.record_linkage import (
    blocking_rules,
    candidates,
    comparison_levels,
    engine,
    fields,
    incremental_linking,
    linkage_state,
)
from assets.record_linkage.cluster_ids import assign_cluster_ids
from assets.record_linkage.incremental_linking import IncrementalReport, link_incrementally
from assets.record_linkage.linkage_state import LinkageStateError
from assets.record_linkage.roles import Roles, RolesError
from assets.record_linkage.state_update import StateUpdate
from assets.record_linkage.value_hashes import ValueHashes
from tests.assets.record_linkage.invented import ROLES, Row, Table, identity_code, population
from tests.support.examples import examples

HOME = {"street": "Koivukuja 5 A 3", "postcode": "33100", "town": "TAMPERE"}
BORN = "1971-06-24"
ONE, OTHER = identity_code(BORN, 1), identity_code(BORN, 2)
AINO = {"first": "Aino", "last": "Bergman", "born": BORN, **HOME}


class SavedState:
    """Linked records in a file."""

    def __init__(self, path: Path, rows: list[Row], **options: str) -> None:
        self.path = path
        with self._connection() as connection:
            Table(rows).load(connection)
            self.run = engine.link_table(
                connection,
                "people",
                Roles.of(ROLES),
                save_to="kept",
                **_with_tables(connection, options),
            )

    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute(f"ATTACH '{self.path}' AS kept")
        return connection

    def add(self, *rows: Row, **options: str) -> IncrementalReport:
        """Link these rows to the saved ones; `result` is their clusters."""
        with self._connection() as connection:
            Table(list(rows)).load(connection)
            report = link_incrementally(
                connection, "people", Roles.of(ROLES), "kept", **_with_tables(connection, options)
            )
            self.result = dict(
                connection.execute("SELECT key, cluster FROM temp.linkage_out").fetchall()
            )
            return report

    def clusters(self) -> dict[str, str]:
        with self._connection() as connection:
            return dict(connection.execute("SELECT key, cluster FROM kept.linkage_out").fetchall())

    def all_tables(self) -> dict[str, list[str]]:
        with self._connection() as connection:
            names = [
                name
                for (name,) in connection.execute(
                    """SELECT table_name
                    FROM duckdb_tables()
                    WHERE database_name = 'kept'
                    ORDER BY ALL"""
                ).fetchall()
            ]
            return {
                name: sorted(map(str, connection.execute(f"FROM kept.{name}").fetchall()))
                for name in names
            }


def _with_tables(connection: duckdb.DuckDBPyConnection, options: dict[str, str]) -> dict[str, str]:
    """Make a table of each query; returns their names."""
    for name, query in options.items():
        connection.execute(f"CREATE TEMP TABLE {name} AS {query}")
    return {name: name for name in options}


def person(uid: str, **known: str) -> Row:
    return Row(person=0, uid=uid, **known)


def joined(clusters: dict[str, str], *keys: str) -> bool:
    return len({clusters[key] for key in keys}) == 1


def agreement(left: dict[str, str], right: dict[str, str]) -> float:
    """The share of records with the same cluster members in both."""
    members: list[dict[str, set[str]]] = []
    for clusters in (left, right):
        groups: dict[str, set[str]] = {}
        for key, cluster in clusters.items():
            groups.setdefault(cluster, set()).add(key)
        members.append({key: groups[cluster] for key, cluster in clusters.items()})
    return sum(members[0][key] == members[1][key] for key in left) / len(left)


@pytest.fixture(scope="module")
def town() -> list[Row]:
    return population(250, seed=3, codes=True).rows


@pytest.fixture(scope="module")
def linked_town(tmp_path_factory, town) -> Path:
    path = tmp_path_factory.mktemp("kept") / "stages.duckdb"
    SavedState(path, town)
    return path


def copied(linked: Path, to: Path) -> SavedState:
    """The linked records in another file."""
    state = SavedState.__new__(SavedState)
    state.path = to
    state.path.write_bytes(linked.read_bytes())
    return state


@pytest.fixture
def saved(tmp_path, linked_town) -> SavedState:
    """A linked town, in a file of the test's own."""
    return copied(linked_town, tmp_path / "stages.duckdb")


@pytest.fixture(scope="module")
def parts() -> list[list[Row]]:
    """Most of a town, and three later parts."""
    rows = population(500, seed=17).rows
    random.Random(5).shuffle(rows)
    return [rows[:500], rows[500:550], rows[550:600], rows[600:]]


class TestAsAFullRun:
    def link_parts(
        self, saved: SavedState, parts: list[list[Row]], order: Iterable[int]
    ) -> dict[str, str]:
        before = saved.clusters()
        for number in order:
            saved.add(*parts[number])
        after = saved.clusters()
        assert sum(after[key] == cluster for key, cluster in before.items()) >= 0.99 * len(before)
        return after

    @pytest.mark.parametrize(("compared", "cap"), [("all", 60), ("by keys", 60), ("by keys", 8)])
    def test_in_any_order_of_the_parts(self, tmp_path, parts, monkeypatch, compared, cap):
        """With all pairs compared, with keys alone, and with many oversized keys."""
        if compared == "by keys":
            monkeypatch.setattr(blocking_rules, "ALL_PAIRS_LIMIT", 0)
        for module in (candidates, linkage_state, incremental_linking):
            monkeypatch.setattr(module, "MAX_BLOCK_SIZE", cap)
        table = Table([row for part in parts for row in part])
        whole = table.link()[0]
        first = tmp_path / "first.duckdb"
        SavedState(first, parts[0])
        forward, backward = (
            self.link_parts(copied(first, tmp_path / f"{order}.duckdb"), parts, order)
            for order in ((1, 2, 3), (3, 1, 2))
        )
        assert set(forward) == set(whole) == set(backward)
        assert agreement(forward, backward) >= 0.99
        assert agreement(forward, whole) >= 0.97
        for clusters in (forward, backward):
            assert all(
                incremental >= full - 0.02
                for incremental, full in zip(
                    table.quality(clusters), table.quality(whole), strict=True
                )
            )

    def test_the_same_twice_changes_nothing(self, saved):
        rows = [
            person("new1", **AINO),
            person("new2", **AINO, code=ONE),
            person("new3", first="Saga", last="Korpi"),
        ]
        saved.add(*rows)
        before, result = saved.all_tables(), saved.result
        report = saved.add(*rows)
        assert report.known == 3
        assert saved.result == result
        assert saved.all_tables() == before


class TestGuards:
    def test_two_codes_never_meet_not_even_through_a_later_record(self, saved):
        saved.add(person("x", **AINO, code=ONE))
        saved.add(person("z", **AINO, code=OTHER))
        report = saved.add(person("y", **AINO))
        clusters = saved.clusters()
        assert not joined(clusters, "x", "z")
        assert clusters["y"] == "y", "as near to x as to z: it joins neither"
        assert report.two_code_clusters == 0

    def test_a_second_code_separates_joined_records(self, saved):
        """y was joined to x; once z is there it joins neither, as in a full run."""
        saved.add(person("x", **AINO, code=ONE), person("y", **AINO))
        assert joined(saved.clusters(), "x", "y")
        report = saved.add(person("z", **AINO, code=OTHER))
        assert not joined(saved.clusters(), "x", "z")
        assert report.two_code_clusters == 0
        assert report.drift.split == (not joined(saved.clusters(), "x", "y"))

    def test_one_code_is_one_person_with_any_names(self, saved):
        saved.add(person("x", first="Aino", last="Berg", born=BORN, code=ONE))
        saved.add(person("y", first="Saga", last="Korpi", code=ONE))
        assert joined(saved.clusters(), "x", "y")

    def test_corrected_code_is_an_alias_from_then_on(self, saved):
        saved.add(person("x", first="Aino", last="Bergman", born=BORN, code=ONE))
        saved.add(
            person("y", first="Aino", last="Bergman", born=BORN, code=OTHER),
            aliases=f"SELECT '{ONE}' AS old, '{OTHER}' AS new",
        )
        assert joined(saved.clusters(), "x", "y")
        saved.add(person("w", first="Saga", last="Korpi", code=ONE))
        assert joined(saved.clusters(), "x", "y", "w")

    def test_decisions_are_saved(self, saved):
        saved.add(person("x", **AINO))
        saved.add(person("y", **AINO), decisions="SELECT 'y' AS one, 'x' AS other, false AS same")
        assert not joined(saved.clusters(), "x", "y")
        saved.add(person("w", **AINO))
        assert not joined(saved.clusters(), "x", "y")

    def test_a_decision_about_saved_records(self, saved, town):
        left, right = town[0].uid, next(row.uid for row in town if row.person == 40)
        saved.add(
            person("new", first="Saga"),
            decisions=f"SELECT '{left}' AS one, '{right}' AS other, false AS same",
        )
        assert not joined(saved.clusters(), left, right)

    def test_twins_stay_apart(self, saved):
        saved.add(person("x", **AINO, phone="+358509999999"))
        saved.add(person("y", **{**AINO, "first": "Kerttu"}, phone="+358509999999"))
        assert not joined(saved.clusters(), "x", "y")

    def test_contact_of_three_people_is_no_key(self, saved):
        saved.add(
            person("a", first="Aino", last="Bergman", email="info@example.fi"),
            person("b", first="Eero", last="Korpi", email="info@example.fi"),
        )
        saved.add(person("c", first="Saga", last="Lampi", email="info@example.fi"))
        saved.add(person("d", first="Aino", last="Kanto", email="info@example.fi"))
        assert len({saved.clusters()[key] for key in "abcd"}) == 4


class TestClusterIds:
    def test_a_cluster_keeps_its_id_when_records_join(self, saved):
        saved.add(person("m", **AINO))
        report = saved.add(person("a", **AINO))
        assert saved.clusters()["a"] == saved.clusters()["m"] == "m"
        assert (report.joined, report.drift.changed) == (1, 0)

    def test_a_corrected_record_replaces_the_first(self, saved, town):
        saved.add(person("x", **AINO), person("y", **AINO))
        report = saved.add(person("y", first="Eero", last="Korpi", born="1950-01-01"))
        assert report.corrected == 1
        clusters = saved.clusters()
        assert not joined(clusters, "x", "y")
        assert len(clusters) == len(town) + 2

    @settings(max_examples=examples(25), deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
    def test_ids_are_members_and_unique(self, records):
        """Each record: its cluster before (below 2: it is new) and its cluster now."""
        with duckdb.connect() as connection:
            connection.execute(
                """CREATE TABLE linkage_clusters (id INTEGER, first INTEGER);
                CREATE TABLE linkage_keys (id INTEGER, key VARCHAR)"""
            )
            connection.execute("CREATE TABLE earlier (key VARCHAR, cluster VARCHAR)")
            ids: dict[int, str] = {}
            for number, (before, now) in enumerate(records):
                connection.execute("INSERT INTO linkage_clusters VALUES (?, ?)", [number, now])
                connection.execute(
                    "INSERT INTO linkage_keys VALUES (?, ?)", [number, f"k{number:02}"]
                )
                if before >= 2:
                    connection.execute(
                        "INSERT INTO earlier VALUES (?, ?)",
                        [f"k{number:02}", ids.setdefault(before, f"k{number:02}")],
                    )
            drift = assign_cluster_ids(connection, "earlier")
            tables = """linkage_clusters
                JOIN linkage_keys USING (id)
                JOIN linkage_cluster_ids USING (first)"""
            named = dict(connection.execute(f"SELECT key, cluster FROM {tables}").fetchall())
            earlier = dict(connection.execute("FROM earlier").fetchall())
        assert all(named[cluster] == cluster for cluster in named.values())
        assert len(set(named.values())) == len({now for _, now in records})
        assert drift.changed == sum(named[key] != cluster for key, cluster in earlier.items())
        if (
            len(set(earlier.values()))
            == len({(cluster, named[key]) for key, cluster in earlier.items()})
            == len({named[key] for key in earlier})
        ):
            assert drift.changed == 0, "nothing merged, nothing split"


class TestAllOrNothing:
    def test_a_failure_leaves_everything_as_it_was(self, saved, monkeypatch):
        before = saved.all_tables()

        def fail(self: object) -> None:
            raise RuntimeError("power failure")

        monkeypatch.setattr(StateUpdate, "_replace_clusters", fail)
        with pytest.raises(RuntimeError, match="power"):
            saved.add(person("x", **AINO))
        assert saved.all_tables() == before

    def test_another_version_is_refused(self, saved, monkeypatch):
        monkeypatch.setattr(linkage_state, "VERSION", 99)
        with pytest.raises(LinkageStateError, match="another version"):
            saved.add(person("x", **AINO))

    def test_a_file_of_something_else_is_refused(self, tmp_path):
        other = SavedState.__new__(SavedState)
        other.path = tmp_path / "other.duckdb"
        with pytest.raises(LinkageStateError, match="no stages"):
            other.add(person("x", **AINO))

    def test_records_without_a_key_are_refused(self, saved):
        with duckdb.connect() as connection, pytest.raises(RolesError, match="role key"):
            link_incrementally(connection, "people", Roles.of({"last": "family_name"}), "kept")


def test_hashes_give_the_same_levels_as_values():
    """For every field and pair."""
    table = population(60, seed=23, codes=True)
    odd = (("Virtanen", "Virtanen"), ("Matti", "Virtanen"), ("Virtanen", "Matti"), ("M", "Aho"))
    table.rows += [
        dataclasses.replace(table.rows[number], uid=f"odd{number}", first=first, last=last)
        for number, (first, last) in enumerate(odd * 2)
    ]
    with duckdb.connect() as connection:
        table.load(connection)
        run = engine._Run(connection, Roles.of(ROLES), None, None)
        compared = fields.fields_of(run._standardise("people"))
        pairs = connection.execute(
            f"""SELECT
                l.id::BIGINT AS one,
                r.id::BIGINT AS other,
                {fields.pattern(compared)} AS pattern
            FROM linkage_records AS l
            JOIN linkage_records AS r ON l.id < r.id"""
        ).fetchnumpy()
        patterns = comparison_levels.patterns(
            connection, ValueHashes(connection), compared, pairs["one"], pairs["other"]
        )
    assert (patterns == pairs["pattern"]).all()
