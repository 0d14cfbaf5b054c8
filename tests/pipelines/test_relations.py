"""What the stages besides a build of the register make and read is what is declared: intake,
staging, the sweep, marts, requests, an erasure with its proof, its replay, and linking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from assets.backup import erasure_replay
from assets.erasure import preview
from assets.record_linkage import engine
from assets.record_linkage.incremental_linking import link_incrementally
from assets.record_linkage.roles import Roles
from assets.register import building, information_duty
from assets.register import relations as register_relations
from assets.requests import ledger
from assets.retention import overdue_check, sweep
from assets.rights import lookup
from assets.rights.access import gathering
from assets.storage import sessions
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from pipelines import relation_graph, relations
from pipelines.cli.graph import graph_command
from tests.assets.record_linkage.invented import ROLES, Table, population
from tests.support import statements
from tests.support.data_roots import copied
from tests.support.dated_records import deliver
from tests.support.erasing import NOW, erased
from tests.support.known_registrants import LEAVES, STAYS
from tests.support.mentions_world import deliver_odd
from tests.support.registers import TODAY, registrant, take_in, typed
from tests.support.statements import Parsed, Recorder, Statement, shape_of

ROOT = Path(__file__).parents[2]
# What a build makes is compared in tests/assets/register/test_relations.py.
FOLDERS = tuple(folder for folder in relations.FOLDERS if folder != "register")
# Made where somebody refuses, has corrected what is over or asks by a form, by sources whose intake
# is limited, where the proof reads texts, and where a file is tried before it is delivered.
MADE_ELSEWHERE = {
    *("refused_use", "known_codes", "queried_identifiers", "text_tokens"),
    *("wrong", "let_go", "here", "tried_rows", "linkage_explained"),
}
# Functions that are given the name of a table, or a part of a query: it is their caller's. A view
# of a mart's table and its columns follow from the mart's model (`reidentification`).
NAMED_BY_CALLER = {
    *("record_matching.find_matches", "lake_rewrite.rewrite", "suppression._replace"),
    *("reidentification._fewest_people", "reidentification._most_rows"),
    *("reidentification._matched", "reidentification._matches"),
    *("scoring.compare", "scoring.score", "scoring.count_pairs", "linkage_state.save"),
    *("contacts._remove", "cluster_ids.assign_cluster_ids"),
    *("register_linker.RegisterLinker._compare", "register_linker.RegisterLinker._score"),
    *(
        "incremental_linking._IncrementalRun._count",
        "incremental_linking._IncrementalRun._write_out",
    ),
}
IN_BUILD = {relation.name for relation in register_relations.relations()}


@pytest.fixture(scope="module")
def recorded(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Statement]:
    """The statements of all stages but a build of the register."""
    done: list[Statement] = []

    def connect(*arguments: object, **options: object) -> Recorder:
        return Recorder(duckdb.connect(*arguments, **options), done, FOLDERS)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sessions, "duckdb", SimpleNamespace(**{**vars(duckdb), "connect": connect}))
        _sweep(DataRoot(tmp_path_factory.mktemp("ages") / "data"))
        _erase(DataRoot(copied(known_root, tmp_path_factory.mktemp("erased") / "data")))
        _link(connect, tmp_path_factory.mktemp("linked") / "state.duckdb")
    return done


def _sweep(data_root: DataRoot) -> None:
    data_root.create()
    deliver(data_root)
    take_in(data_root)
    building.build(data_root, TODAY)
    sweep.sweep(data_root, TODAY)
    overdue_check.overdue(data_root, TODAY)


def _erase(data_root: DataRoot) -> None:
    information_duty.due(data_root, TODAY)
    stays = str(registrant(data_root, STAYS.identity_code)["registrant_id"])
    gathering.gather(data_root, stays)
    for given in (["customer_number:C-NOBODY"], [f"identity_code:{LEAVES.identity_code}"]):
        request_id = ledger.receive(data_root, "erasure", "written", given, NOW)
        request = lookup.record(data_root, [request_id], NOW)[request_id]
    preview.preview(data_root, request, TODAY)
    erased(data_root)
    deliver_odd(data_root, str(TODAY))
    take_in(data_root)
    erasure_replay.replay(data_root)


def _link(connect: Callable[[], Recorder], state: Path) -> None:
    rows, roles = population(60, 3).rows, Roles.of(ROLES)
    with connect() as first, connect() as second:
        for connection, some in ((first, rows[:80]), (second, rows[80:])):
            connection.execute(f"ATTACH '{state}' AS kept")
            Table(some).load(connection)  # type: ignore[arg-type]
            if connection is first:
                engine.link_table(connection, "people", roles, save_to="kept")  # type: ignore[arg-type]
                connection.execute("DETACH kept")
        link_incrementally(second, "people", roles, "kept")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def parsed(recorded: list[Statement]) -> list[Parsed]:
    """Of statements with other days and paths, one for each function and target."""
    # SQLGlot takes its pseudonyms for a syntax error; it reads the tables of an attached mart only.
    readable = [each for each in recorded if each.function != "profile_explanation.profile"]
    return statements.parsed(
        readable, lambda each: (each.function, each.made, each.shape, each.sql[:120], len(each.sql))
    )


@pytest.fixture(scope="module")
def declared() -> dict[str, Relation]:
    return {relation.name: relation for relation in relations.everything()}


@pytest.fixture(scope="module")
def read(parsed: list[Parsed], declared: dict[str, Relation]) -> dict[str, set[str]]:
    """Table -> what it is made of and amended from, through tables local to a function."""
    direct: dict[str, set[str]] = defaultdict(set)
    for statement in parsed:
        if statement.makes or statement.amends:
            direct[statement.target] |= statement.reads - {statement.target}
    found = {}
    for target, others in direct.items():
        waiting, seen = list(others), {target}
        while waiting:
            name = waiting.pop()
            if name not in seen and name not in declared:
                waiting += direct.get(name, ())
            seen.add(name)
        found[target] = (seen - {target}) & set(declared)
    return found


def test_a_relation_has_a_name_of_its_own_and_a_global_one_its_merge_rule() -> None:
    everything = [relation for members in relations.groups().values() for relation in members]
    assert len({relation.name for relation in everything}) == len(everything)
    assert {
        relation.name
        for relation in everything
        if (relation.scope is Scope.GLOBAL) != bool(relation.merge)
    } == set()


def test_every_relation_is_made(recorded: list[Statement], declared: dict[str, Relation]) -> None:
    of_register = {relation.name for relation in relations.groups()["assets/register"]}
    own = {name for name, relation in declared.items() if not relation.external}
    missing = own - IN_BUILD - of_register - {each.made for each in recorded}
    assert missing == MADE_ELSEWHERE


def test_columns_and_types_are_those_declared(
    recorded: list[Statement], declared: dict[str, Relation]
) -> None:
    shapes = defaultdict(set)
    for statement in recorded:
        # A build links other columns of people than `_link`.
        if statement.made in declared.keys() - IN_BUILD:
            shapes[statement.made].add(statement.shape)
    with duckdb.connect() as connection:
        for name, made in shapes.items():
            connection.execute(declared[name].create_empty())
            expected = shape_of(connection, name)
            for shape in made:
                if declared[name].external:
                    assert set(expected) <= set(shape), name
                else:
                    assert expected == shape, name


def test_a_relation_is_made_of_what_it_declares(
    read: dict[str, set[str]], declared: dict[str, Relation]
) -> None:
    undeclared = {
        (name, other)
        for name in read.keys() & declared.keys() - IN_BUILD
        if not declared[name].external
        for other in read[name] - {*declared[name].reads, *declared[name].amended_from}
    }
    assert undeclared == set()


def test_what_a_function_reads_is_declared_or_its_own(
    parsed: list[Parsed], declared: dict[str, Relation]
) -> None:
    """Also where the text of a function does not show the name of a table."""
    local = statements.local_tables(parsed, declared)
    assert {
        (statement.function, name)
        for statement in parsed
        for name in statement.reads & set(local)
        if statement.function not in {*local[name], *NAMED_BY_CALLER}
    } == set()


def test_the_pages_show_the_relations_of_today() -> None:
    """`make documents` writes them."""
    for name in ("docs/architecture.md", "docs/relations.md"):
        page = (ROOT / name).read_text(encoding="utf-8")
        assert "```mermaid" in page
        assert relation_graph.in_page(page) == page, name


def test_the_command_lists_relations_by_folder_in_dependency_order(tmp_path: Path) -> None:
    listed = typed(DataRoot(tmp_path), graph_command)
    assert listed.exit_code == 0
    lines = [line for line in listed.output.splitlines() if line and not line.startswith(" ")]
    groups = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    assert groups == list(relations.groups())
    assert {line.split()[0] for line in lines if not line.startswith("# ")} == {
        relation.name for relation in relations.everything()
    }
    assert "flowchart LR" in typed(DataRoot(tmp_path), graph_command, "--mermaid").output
