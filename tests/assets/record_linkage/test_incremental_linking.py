"""Records that come later are linked to those that are there: as a full run would, all or nothing, and nothing twice."""

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
from assets.record_linkage.cluster_ids import name_clusters
from assets.record_linkage.incremental_linking import Arrived, link_arrivals
from assets.record_linkage.linkage_state import KeptError
from assets.record_linkage.roles import Roles, RolesError
from assets.record_linkage.value_hashes import Hashes
from tests.assets.record_linkage.invented import ROLES, Row, Table, identity_code, population
from tests.support.examples import examples

HOME = {"street": "Koivukuja 5 A 3", "postcode": "33100", "town": "TAMPERE"}
BORN = "1971-06-24"
ONE, OTHER = identity_code(BORN, 1), identity_code(BORN, 2)
AINO = {"first": "Aino", "last": "Bergman", "born": BORN, **HOME}


class Standing:
    """Linked records in a file."""

    def __init__(self, path: Path, rows: list[Row], **options: str) -> None:
        self.path = path
        with self._connection() as connection:
            Table(rows).load(connection)
            self.run = engine.link_table(
                connection, "people", Roles.of(ROLES), keep="kept", **_made(connection, options)
            )

    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute(f"ATTACH '{self.path}' AS kept")
        return connection

    def arrive(self, *rows: Row, **options: str) -> Arrived:
        """Link these rows to what is there; the tables of their answer are `answer`."""
        with self._connection() as connection:
            Table(list(rows)).load(connection)
            arrived = link_arrivals(
                connection, "people", Roles.of(ROLES), "kept", **_made(connection, options)
            )
            self.answer = dict(
                connection.execute("SELECT key, cluster FROM temp.linkage_out").fetchall()
            )
            return arrived

    def clusters(self) -> dict[str, str]:
        with self._connection() as connection:
            return dict(connection.execute("SELECT key, cluster FROM kept.linkage_out").fetchall())

    def all_tables(self) -> dict[str, list[str]]:
        with self._connection() as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT table_name FROM duckdb_tables() WHERE database_name = 'kept' ORDER BY ALL"
                ).fetchall()
            ]
            return {
                name: sorted(map(str, connection.execute(f"FROM kept.{name}").fetchall()))
                for name in names
            }


def _made(connection: duckdb.DuckDBPyConnection, options: dict[str, str]) -> dict[str, str]:
    """Tables of the queries, by their names."""
    for name, query in options.items():
        connection.execute(f"CREATE TEMP TABLE {name} AS {query}")
    return {name: name for name in options}


def person(uid: str, **known: str) -> Row:
    return Row(person=0, uid=uid, **known)


def together(clusters: dict[str, str], *keys: str) -> bool:
    return len({clusters[key] for key in keys}) == 1


def alike(one: dict[str, str], other: dict[str, str]) -> float:
    """The share of records whose companions are the same in both."""
    members: list[dict[str, set[str]]] = []
    for clusters in (one, other):
        groups: dict[str, set[str]] = {}
        for key, cluster in clusters.items():
            groups.setdefault(cluster, set()).add(key)
        members.append({key: groups[cluster] for key, cluster in clusters.items()})
    return sum(members[0][key] == members[1][key] for key in one) / len(one)


@pytest.fixture(scope="module")
def town() -> list[Row]:
    return population(250, seed=3, codes=True).rows


@pytest.fixture(scope="module")
def linked_town(tmp_path_factory, town) -> Path:
    path = tmp_path_factory.mktemp("kept") / "stages.duckdb"
    Standing(path, town)
    return path


@pytest.fixture
def standing(tmp_path, linked_town) -> Standing:
    """A town that is linked, in a file of one's own."""
    answer = Standing.__new__(Standing)
    answer.path = tmp_path / "stages.duckdb"
    answer.path.write_bytes(linked_town.read_bytes())
    return answer


@pytest.fixture(scope="module")
def parts() -> list[list[Row]]:
    """Most of a town, and three deliveries of the rest."""
    rows = population(500, seed=17).rows
    random.Random(5).shuffle(rows)
    return [rows[:500], rows[500:550], rows[550:600], rows[600:]]


class TestAsAFullRun:
    def arrived(self, path: Path, parts: list[list[Row]], order: Iterable[int]) -> dict[str, str]:
        standing = Standing(path, parts[0])
        before = standing.clusters()
        for number in order:
            standing.arrive(*parts[number])
        after = standing.clusters()
        assert sum(after[key] == cluster for key, cluster in before.items()) >= 0.99 * len(before)
        return after

    @pytest.mark.parametrize(("compared", "cap"), [("all", 60), ("by keys", 60), ("by keys", 8)])
    def test_whatever_the_order_of_deliveries(self, tmp_path, parts, monkeypatch, compared, cap):
        """Where all are compared with all, where only keys lead from one to another, and where many keys are oversized."""
        if compared == "by keys":
            monkeypatch.setattr(blocking_rules, "SMALL", 0)
        for module in (candidates, linkage_state, incremental_linking):
            monkeypatch.setattr(module, "CAP", cap)
        table = Table([row for part in parts for row in part])
        whole = table.link()[0]
        forth = self.arrived(tmp_path / "forth.duckdb", parts, (1, 2, 3))
        back = self.arrived(tmp_path / "back.duckdb", parts, (3, 1, 2))
        assert set(forth) == set(whole) == set(back)
        assert alike(forth, back) >= 0.99
        assert alike(forth, whole) >= 0.97
        for clusters in (forth, back):
            assert all(
                one >= other - 0.02
                for one, other in zip(table.quality(clusters), table.quality(whole), strict=True)
            )

    def test_the_same_twice_changes_nothing(self, standing):
        rows = [
            person("new1", **AINO),
            person("new2", **AINO, code=ONE),
            person("new3", first="Saga", last="Korpi"),
        ]
        standing.arrive(*rows)
        before, answer = standing.all_tables(), standing.answer
        arrived = standing.arrive(*rows)
        assert arrived.known == 3
        assert standing.answer == answer
        assert standing.all_tables() == before


class TestGuards:
    def test_two_codes_never_meet_not_even_through_who_comes_last(self, standing):
        standing.arrive(person("x", **AINO, code=ONE))
        standing.arrive(person("z", **AINO, code=OTHER))
        arrived = standing.arrive(person("y", **AINO))
        clusters = standing.clusters()
        assert not together(clusters, "x", "z")
        assert clusters["y"] == "y", "as near to the one as to the other: nobody knows whose it is"
        assert arrived.two_code_clusters == 0

    def test_a_second_code_parts_who_had_been_joined(self, standing):
        """y stood with x; with z there it is nobody's, as in a full run."""
        standing.arrive(person("x", **AINO, code=ONE), person("y", **AINO))
        assert together(standing.clusters(), "x", "y")
        arrived = standing.arrive(person("z", **AINO, code=OTHER))
        assert not together(standing.clusters(), "x", "z")
        assert arrived.two_code_clusters == 0
        assert arrived.drift.split == (not together(standing.clusters(), "x", "y"))

    def test_one_code_is_one_person_whatever_the_names(self, standing):
        standing.arrive(person("x", first="Aino", last="Berg", born=BORN, code=ONE))
        standing.arrive(person("y", first="Saga", last="Korpi", code=ONE))
        assert together(standing.clusters(), "x", "y")

    def test_corrected_code_is_an_alias_from_then_on(self, standing):
        standing.arrive(person("x", first="Aino", last="Bergman", born=BORN, code=ONE))
        standing.arrive(
            person("y", first="Aino", last="Bergman", born=BORN, code=OTHER),
            aliases=f"SELECT '{ONE}' AS old, '{OTHER}' AS new",
        )
        assert together(standing.clusters(), "x", "y")
        standing.arrive(person("w", first="Saga", last="Korpi", code=ONE))
        assert together(standing.clusters(), "x", "y", "w")

    def test_decisions_are_kept(self, standing):
        standing.arrive(person("x", **AINO))
        standing.arrive(
            person("y", **AINO), decisions="SELECT 'y' AS one, 'x' AS other, false AS same"
        )
        assert not together(standing.clusters(), "x", "y")
        standing.arrive(person("w", **AINO))
        assert not together(standing.clusters(), "x", "y")

    def test_a_decision_about_those_who_are_there(self, standing, town):
        one, other = town[0].uid, next(row.uid for row in town if row.person == 40)
        standing.arrive(
            person("new", first="Saga"),
            decisions=f"SELECT '{one}' AS one, '{other}' AS other, false AS same",
        )
        assert not together(standing.clusters(), one, other)

    def test_twins_stay_apart(self, standing):
        standing.arrive(person("x", **AINO, phone="+358509999999"))
        standing.arrive(person("y", **{**AINO, "first": "Kerttu"}, phone="+358509999999"))
        assert not together(standing.clusters(), "x", "y")

    def test_contact_of_three_people_is_no_key(self, standing):
        standing.arrive(
            person("a", first="Aino", last="Bergman", email="info@example.fi"),
            person("b", first="Eero", last="Korpi", email="info@example.fi"),
        )
        standing.arrive(person("c", first="Saga", last="Lampi", email="info@example.fi"))
        standing.arrive(person("d", first="Aino", last="Kanto", email="info@example.fi"))
        assert len({standing.clusters()[key] for key in "abcd"}) == 4


class TestNames:
    def test_a_cluster_keeps_its_name_whoever_joins(self, standing):
        standing.arrive(person("m", **AINO))
        arrived = standing.arrive(person("a", **AINO))
        assert standing.clusters()["a"] == standing.clusters()["m"] == "m"
        assert (arrived.joined, arrived.drift.changed) == (1, 0)

    def test_a_corrected_record_takes_the_place_of_the_first(self, standing, town):
        standing.arrive(person("x", **AINO), person("y", **AINO))
        arrived = standing.arrive(person("y", first="Eero", last="Korpi", born="1950-01-01"))
        assert arrived.corrected == 1
        clusters = standing.clusters()
        assert not together(clusters, "x", "y")
        assert len(clusters) == len(town) + 2

    @settings(max_examples=examples(25), deadline=None, derandomize=True)
    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
    def test_names_are_members_and_tell_clusters_apart(self, said):
        """Each record: its cluster before (below 2: it is new) and its cluster now."""
        with duckdb.connect() as connection:
            connection.execute(
                "CREATE TABLE linkage_clusters (id INTEGER, first INTEGER); CREATE TABLE linkage_keys (id INTEGER, key VARCHAR)"
            )
            connection.execute("CREATE TABLE earlier (key VARCHAR, cluster VARCHAR)")
            called: dict[int, str] = {}
            for number, (before, now) in enumerate(said):
                connection.execute("INSERT INTO linkage_clusters VALUES (?, ?)", [number, now])
                connection.execute(
                    "INSERT INTO linkage_keys VALUES (?, ?)", [number, f"k{number:02}"]
                )
                if before >= 2:
                    connection.execute(
                        "INSERT INTO earlier VALUES (?, ?)",
                        [f"k{number:02}", called.setdefault(before, f"k{number:02}")],
                    )
            drift = name_clusters(connection, "earlier")
            joined = (
                "linkage_clusters JOIN linkage_keys USING (id) JOIN linkage_names USING (first)"
            )
            named = dict(connection.execute(f"SELECT key, cluster FROM {joined}").fetchall())
            earlier = dict(connection.execute("FROM earlier").fetchall())
        assert all(named[cluster] == cluster for cluster in named.values())
        assert len(set(named.values())) == len({now for _, now in said})
        assert drift.changed == sum(named[key] != cluster for key, cluster in earlier.items())
        if (
            len(set(earlier.values()))
            == len({(cluster, named[key]) for key, cluster in earlier.items()})
            == len({named[key] for key in earlier})
        ):
            assert drift.changed == 0, "nobody merged, nobody split"


class TestAllOrNothing:
    def test_what_fails_leaves_everything_as_it_was(self, standing, monkeypatch):
        before = standing.all_tables()

        def fail(self: object) -> None:
            raise RuntimeError("the power is gone")

        monkeypatch.setattr(incremental_linking._Arrival, "_commit_clusters", fail)
        with pytest.raises(RuntimeError, match="power"):
            standing.arrive(person("x", **AINO))
        assert standing.all_tables() == before

    def test_another_version_is_refused(self, standing, monkeypatch):
        monkeypatch.setattr(linkage_state, "VERSION", 99)
        with pytest.raises(KeptError, match="another version"):
            standing.arrive(person("x", **AINO))

    def test_a_file_of_something_else_is_refused(self, tmp_path):
        other = Standing.__new__(Standing)
        other.path = tmp_path / "other.duckdb"
        with pytest.raises(KeptError, match="no stages"):
            other.arrive(person("x", **AINO))

    def test_records_without_a_key_are_refused(self, standing):
        with duckdb.connect() as connection, pytest.raises(RolesError, match="role key"):
            link_arrivals(connection, "people", Roles.of({"last": "family_name"}), "kept")


def test_equality_of_hashes_tells_what_the_values_would():
    """The short way to a level is the long way's answer, for every field and pair."""
    table = population(60, seed=23, codes=True)
    odd = (("Virtanen", "Virtanen"), ("Matti", "Virtanen"), ("Virtanen", "Matti"), ("M", "Aho"))
    table.rows += [
        dataclasses.replace(table.rows[number], uid=f"odd{number}", first=first, last=last)
        for number, (first, last) in enumerate(odd * 2)
    ]
    with duckdb.connect() as connection:
        table.load(connection)
        run = engine._Run(connection, Roles.of(ROLES), None, None)
        compared = fields.fields_of(run._normalise("people"))
        pairs = connection.execute(
            f"""SELECT l.id::BIGINT AS one, r.id::BIGINT AS other, {fields.pattern(compared)} AS pattern
            FROM linkage_records AS l JOIN linkage_records AS r ON l.id < r.id"""
        ).fetchnumpy()
        found = comparison_levels.patterns(
            connection, Hashes(connection), compared, pairs["one"], pairs["other"]
        )
    assert (found == pairs["pattern"]).all()
