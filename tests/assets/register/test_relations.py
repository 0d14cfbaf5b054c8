"""The declared relations are those of a real build: what it makes, what it reads, in which
order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import duckdb
import pytest
from sqlglot import exp

from assets.register import building, pair_cache, relations
from assets.register.pair_cache import Decision
from assets.requests import holds
from assets.storage import sessions
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from tests.assets.rights.test_rectification import NEW_MAIL, rectify
from tests.support import statements
from tests.support.corrections import crm
from tests.support.crm_people import key
from tests.support.dated_records import deliver
from tests.support.known_registrants import NOW
from tests.support.registers import TODAY, take_in
from tests.support.statements import Parsed, Recorder, Statement, shape_of

LATER = date(2034, 7, 1)
OTHER = "880009990000"
# Made only by the first build after an erasure in which an id would change (test_kept_ids), while
# the key of a hold is missing (test_holds), and by an incremental build (test_incremental).
NOT_IN_EVERY_BUILD = {"inherited_ids", "changed_seeds", "everybody_staged", "new_records"}


@pytest.fixture(scope="module", autouse=True)
def incrementally() -> Iterator[None]:
    """Builds keep what incremental ones go on from."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REGISTER_INCREMENTAL", "1")
        yield


@pytest.fixture(scope="module")
def recorded(incrementally: None, tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    """The statements of builds with corrections, decisions, expiry and a silent register."""
    data_root = DataRoot(tmp_path_factory.mktemp("relations") / "data")
    data_root.create()
    deliver(data_root)
    crm(data_root, date(2026, 11, 10))
    take_in(data_root)
    building.build(data_root, TODAY)
    rectify(data_root, email=NEW_MAIL, family_name="Oikea", street="Oikeakatu 1", call_name="Aino")
    decision = Decision(*sorted((key("502"), key(OTHER))), same=True, decided_on=TODAY)
    pair_cache.decide(data_root, [decision])
    holds.add(data_root, ["contact_id:502"], "HOLD-CLAIM", "legal", "tester", NOW, until=LATER)
    done: list[Statement] = []

    @contextmanager
    def recording(data_root: DataRoot, **options: bool) -> Iterator[Recorder]:
        with sessions.connect(data_root, **options) as connection:
            yield Recorder(connection, done, ("register",))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(building, "connect", recording)
        building.build(data_root, TODAY)
        building.build(data_root, LATER)
    return done


@pytest.fixture(scope="module")
def parsed(recorded: list[Statement]) -> list[Parsed]:
    return statements.parsed(recorded)


@pytest.fixture(scope="module")
def declared() -> dict[str, Relation]:
    return {relation.name: relation for relation in relations.relations()}


@pytest.fixture(scope="module")
def local(parsed: list[Parsed], declared: dict[str, Relation]) -> dict[str, set[str]]:
    """Tables that are not declared -> the functions that make them."""
    return statements.local_tables(parsed, declared)


def test_a_name_is_declared_once() -> None:
    names = [relation.name for stage in relations.stages().values() for relation in stage]
    assert len(names) == len(set(names))


def test_what_is_made_is_declared_or_local_to_one_function(local: dict[str, set[str]]) -> None:
    assert {name: functions for name, functions in local.items() if len(functions) > 1} == {}


def test_what_is_read_is_declared_or_local_to_the_function(
    parsed: list[Parsed], declared: dict[str, Relation], local: dict[str, set[str]]
) -> None:
    undeclared = {
        (statement.function, name)
        for statement in parsed
        for name in statement.reads - set(declared)
        if statement.function not in local.get(name, set())
    }
    assert undeclared == set()


def test_a_relation_is_made_of_exactly_what_it_declares(
    parsed: list[Parsed], declared: dict[str, Relation], local: dict[str, set[str]]
) -> None:
    """Over all builds together: what a statement reads can depend on the data. Of a table that is
    local to the function it is what that was made of.
    """
    read: dict[str, set[str]] = defaultdict(set)
    for statement in parsed:
        if isinstance(statement.tree, exp.Create):
            read[statement.target] |= statement.reads
    made_here = {
        name: relation
        for name, relation in declared.items()
        if not relation.external and name not in NOT_IN_EVERY_BUILD
    }
    while parts := [name for name in made_here if read[name] & set(local)]:
        for name in parts:
            read[name] = (read[name] - set(local)).union(
                *(read[part] for part in read[name] & set(local))
            )
    assert {name: read[name] for name in made_here} == {
        name: set(relation.reads) for name, relation in made_here.items()
    }


def test_a_relation_is_amended_from_what_it_declares(
    parsed: list[Parsed], declared: dict[str, Relation], local: dict[str, set[str]]
) -> None:
    undeclared = {
        (statement.target, name)
        for statement in parsed
        if isinstance(statement.tree, (exp.Insert, exp.Update, exp.Delete))
        and statement.target in declared
        for name in statement.reads - {statement.target} - set(local)
        if name not in declared[statement.target].amended_from
    }
    assert undeclared == set()


def test_a_cte_never_has_the_name_of_a_relation(
    parsed: list[Parsed], declared: dict[str, Relation]
) -> None:
    """Or a reader, and this test, could not know which of the two is read."""
    names = {cte.alias for statement in parsed for cte in statement.tree.find_all(exp.CTE)}
    assert names & set(declared) == set()


def test_columns_and_types_are_those_declared_and_a_name_has_one_shape(
    recorded: list[Statement], declared: dict[str, Relation]
) -> None:
    shapes: dict[str, set[tuple[tuple[str, str], ...]]] = defaultdict(set)
    for statement in recorded:
        if statement.made:
            shapes[statement.made].add(statement.shape)
    assert {name: shape for name, shape in shapes.items() if len(shape) > 1} == {}
    with duckdb.connect() as connection:
        for name in shapes.keys() & declared.keys():
            relation, (shape,) = declared[name], shapes[name]
            connection.execute(relation.create_empty())
            expected = shape_of(connection, name)
            if relation.external:
                assert set(expected) <= set(shape), name
            else:
                assert expected == shape, name


def test_every_relation_is_made_after_those_that_it_reads(
    recorded: list[Statement], declared: dict[str, Relation]
) -> None:
    """The last time, for linkage makes some of them step by step."""
    made = [(each.made, place) for place, each in enumerate(recorded) if each.made]
    first, last = dict(reversed(made)), dict(made)
    late = {
        (relation.name, name)
        for relation in declared.values()
        if relation.name in last
        for name in relation.reads
        if first.get(name, -1) > last[relation.name]
    }
    assert late == set()
    own = {name for name, relation in declared.items() if not relation.external}
    assert own - NOT_IN_EVERY_BUILD <= set(first)


def test_a_global_relation_has_its_merge_rule(declared: dict[str, Relation]) -> None:
    assert {
        relation.name
        for relation in declared.values()
        if (relation.scope is Scope.GLOBAL) != bool(relation.merge)
    } == set()
