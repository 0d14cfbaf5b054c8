"""Every table or view that one function makes and another one reads is declared, wherever in
`assets/` it is made, by the text of its statements.

What a build of the register and the other stages really run is compared with the declarations in
tests/assets/register/test_relations.py and tests/pipelines/test_relations.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.relations import FOLDERS, everything
from tests.support.sql_texts import Unit, constants_of, units

ASSETS = Path(__file__).parents[1] / "assets"
CODE = """
KEPT = "SELECT token FROM listed"
def make(connection):
    '''Says FROM listed.'''
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT 1")
    connection.execute("CREATE OR REPLACE TEMP TABLE listed AS SELECT 1 AS token")
    connection.register("batch", rows)
def read(connection):
    connection.execute(f"WITH own AS ({KEPT}) FROM own JOIN other USING (token)")
"""


def of_assets() -> Iterator[Unit]:
    """What every function of `assets/` makes and reads."""
    code = {
        ".".join(path.relative_to(ASSETS).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(ASSETS.rglob("*.py"))
    }
    public = {
        name: node
        for text in code.values()
        for name, node in constants_of(text).items()
        if name.isupper() and not name.startswith("_")
    }
    for name, text in code.items():
        yield from units(name, text, public, whole=name.startswith("sources."))


def undeclared(functions: list[Unit], declared: set[str]) -> set[tuple[str, str]]:
    """Function, and a table that it reads, another one makes and nothing declares."""
    made = {name for function in functions for name in function.made} - declared
    return {
        (function.name, name)
        for function in functions
        for name in function.read & made - function.made
    }


def test_what_another_function_makes_is_declared() -> None:
    names = {relation.name for relation in everything()}
    assert undeclared(list(of_assets()), names) == set()


def test_a_declared_relation_is_made_through_its_declaration_only() -> None:
    """Or its columns and its name could differ from what is declared."""
    names = {relation.name for relation in everything() if not relation.external}
    assert {
        (function.name, name) for function in of_assets() for name in function.made & names
    } == set()


def test_an_undeclared_table_is_noticed() -> None:
    make, read = units("module", CODE)
    assert (make.made, make.read) == ({"listed", "batch"}, frozenset())
    assert read.read == {"listed", "other"}
    assert undeclared([make, read], set()) == {("module.read", "listed")}
    assert undeclared([make, read], {"listed"}) == set()


def test_every_folder_that_makes_tables_is_looked_at() -> None:
    """Sources are run by staging, and declare nothing of their own."""
    making = {function.name.split(".")[0] for function in of_assets() if function.made}
    assert making - {"sources"} <= set(FOLDERS)
