"""The declared relations are those of a real build: what it makes, what it reads, in which
order.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from assets.register import building, pair_cache, relation_graph, relations
from assets.register.pair_cache import Decision
from assets.requests import holds
from assets.storage import sessions
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from pipelines.cli.graph import graph_command
from tests.assets.rights.test_rectification import NEW_MAIL, rectify
from tests.support.corrections import crm
from tests.support.crm_people import key
from tests.support.dated_records import deliver
from tests.support.known_registrants import NOW
from tests.support.registers import TODAY, take_in, typed

LATER = date(2034, 7, 1)
OTHER = "880009990000"
# Made only by the first build after an erasure in which an id would change (test_kept_ids).
AFTER_ERASURE = {"inherited_ids", "changed_seeds"}
ROOT = Path(__file__).parents[3]
# What SQLGlot does not parse, or does not see as a query, and needs not: no relation is read there.
NOT_PARSED = (
    "CREATE OR REPLACE MACRO",
    "CREATE OR REPLACE TEMP MACRO",
    "\nCREATE OR REPLACE MACRO",
)
NO_QUERY = (exp.Set, exp.Drop, exp.Describe)
WRITES = (exp.Create, exp.Insert, exp.Update, exp.Delete, exp.Copy)
# A table of DuckDB's information schema.
CATALOGUE = {"tables"}


@dataclass(frozen=True)
class Statement:
    """A statement of the build, the function that ran it, and the shape of what it made."""

    function: str
    sql: str
    made: str = ""
    shape: tuple[tuple[str, str], ...] = ()
    registered: frozenset[str] = frozenset()


@dataclass
class Recorder:
    """A connection that records the statements that the register's modules run."""

    connection: duckdb.DuckDBPyConnection
    statements: list[Statement]
    registered: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def register(self, name: str, table: object) -> None:
        self.registered.add(name)
        self.connection.register(name, table)

    def execute(self, sql: str, *parameters: object) -> Recorder:
        self.connection.execute(sql, *parameters)
        function = _function()
        if function and not sql.startswith(NOT_PARSED):
            made = _made(sql)
            shape = _shape(self.connection, made) if made else ()
            self.statements.append(
                Statement(function, sql, made, shape, frozenset(self.registered))
            )
        return self


def _function() -> str:
    """The function of the register's modules that runs the statement; empty for other stages."""
    frame = sys._getframe(2)
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "assets") and "storage" not in path.parts:
            inside = path.is_relative_to(ROOT / "assets" / "register")
            return f"{path.stem}.{frame.f_code.co_qualname}" if inside else ""
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def _shape(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (column, kind) for column, kind, *_ in connection.execute(f"DESCRIBE {name}").fetchall()
    )


def _made(sql: str) -> str:
    words = sql.split("(", maxsplit=1)[0].split()
    if words[:1] != ["CREATE"]:
        return ""
    kind = next(place for place, word in enumerate(words) if word in ("TABLE", "VIEW"))
    return (
        words[kind + 4]
        if words[kind + 1 : kind + 4] == ["IF", "NOT", "EXISTS"]
        else words[kind + 1]
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
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
    statements: list[Statement] = []

    @contextmanager
    def recording(data_root: DataRoot, **options: bool) -> Iterator[Recorder]:
        with sessions.connect(data_root, **options) as connection:
            yield Recorder(connection, statements)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(building, "connect", recording)
        building.build(data_root, TODAY)
        building.build(data_root, LATER)
    return statements


def _tables(tree: exp.Expression, target: str) -> set[str]:
    """The tables that a statement reads, without its CTEs and what it writes."""
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    names = [table.name for table in tree.find_all(exp.Table) if table.name]
    if target:
        names.remove(target)
    return set(names) - ctes


@dataclass(frozen=True)
class Parsed:
    """A distinct statement of the build: what it writes, and what it reads."""

    function: str
    sql: str
    tree: exp.Expression
    target: str
    reads: frozenset[str]


@pytest.fixture(scope="module")
def parsed(recorded: list[Statement]) -> list[Parsed]:
    """Every distinct statement in the order of its first run; SQLGlot parses all of them."""
    statements = []
    for statement in {(each.function, each.sql): each for each in recorded}.values():
        tree = sqlglot.parse_one(statement.sql, dialect="duckdb")
        assert not isinstance(tree, exp.Command), statement
        if isinstance(tree, NO_QUERY):
            continue
        written = tree.find(exp.Table) if isinstance(tree, WRITES) else None
        target = written.name if written is not None else ""
        reads = _tables(tree, target) - statement.registered - CATALOGUE
        statements.append(Parsed(statement.function, statement.sql, tree, target, frozenset(reads)))
    return statements


@pytest.fixture(scope="module")
def declared() -> dict[str, Relation]:
    return {relation.name: relation for relation in relations.relations()}


@pytest.fixture(scope="module")
def local(parsed: list[Parsed], declared: dict[str, Relation]) -> dict[str, set[str]]:
    """Tables that are not declared -> the functions that make them."""
    made = defaultdict(set)
    for statement in parsed:
        if isinstance(statement.tree, exp.Create) and statement.target not in declared:
            made[statement.target].add(statement.function)
    return made


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
    parsed: list[Parsed], declared: dict[str, Relation]
) -> None:
    """Over all builds together: what a statement reads can depend on the data."""
    read: dict[str, set[str]] = defaultdict(set)
    for statement in parsed:
        if isinstance(statement.tree, exp.Create):
            read[statement.target] |= statement.reads
    made_here = {
        name: relation
        for name, relation in declared.items()
        if not relation.external and name not in AFTER_ERASURE
    }
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
            expected = _shape(connection, name)
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
    assert own - AFTER_ERASURE <= set(first)


def test_a_global_relation_has_its_merge_rule(declared: dict[str, Relation]) -> None:
    assert {
        relation.name
        for relation in declared.values()
        if (relation.scope is Scope.GLOBAL) != bool(relation.merge)
    } == set()


def test_the_pages_show_the_relations_of_today() -> None:
    """`make documents` writes them."""
    for name in ("docs/architecture.md", "docs/relations.md"):
        page = (ROOT / name).read_text(encoding="utf-8")
        assert "```mermaid" in page
        assert relation_graph.in_page(page) == page, name


def test_the_command_lists_relations_in_dependency_order(tmp_path: Path) -> None:
    listed = typed(DataRoot(tmp_path), graph_command)
    assert listed.exit_code == 0
    names = [line.split()[0] for line in listed.output.splitlines() if not line.startswith(" ")]
    assert names == [relation.name for relation in relations.relations()]
    assert "flowchart LR" in typed(DataRoot(tmp_path), graph_command, "--mermaid").output
