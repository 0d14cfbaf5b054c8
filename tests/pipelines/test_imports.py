"""What importing costs and does: help without the heavy libraries, and no import that reads the
policy or writes.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parents[2]
HEAVY = {
    "dagster",
    "duckdb",
    "numpy",
    "pandas",
    "pandera",
    "pyarrow",
    "pydantic",
    "sqlglot",
    "yaml",
}

HELP_OF_EVERY_COMMAND = """
import json, sys
import click
from pipelines.cli.main import register

def show(command, context):
    shown = [command.get_help(context)]
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        part = command.get_command(context, name)
        shown += show(part, click.Context(part, info_name=name, parent=context))
    return shown

texts = show(register, click.Context(register, info_name="register"))
print(json.dumps([len(texts), sorted(sys.modules)]))
"""

WITHOUT_A_RUN = """
import json, sys
import assets.marts.building, assets.register.building, assets.requests.ledger
import pipelines.cli.refresh, pipelines.dagster_home, pipelines.days, pipelines.writer_lock
print(json.dumps(sorted(sys.modules)))
"""

# Also of what Dagster loads: its definitions are built by a function that Dagster calls.
EVERY_MODULE = """
import importlib, json, os, pkgutil, sys

seen = []

def audit(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = any(letter in (mode or "") for letter in "wax+") or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        if str(path).endswith("policy.yaml"):
            seen.append(f"{module} reads the policy")
        elif writes and not str(path).isdigit() and path != os.devnull:
            seen.append(f"{module} writes {path}")
    elif event in ("os.mkdir", "os.rename", "os.remove"):
        seen.append(f"{module}: {event} {arguments[0]}")

sys.dont_write_bytecode = True
module = "the interpreter"
sys.addaudithook(audit)
count = 0
for package in ("schemas", "assets", "pipelines"):
    path = importlib.import_module(package).__path__
    for found in pkgutil.walk_packages(path, package + "."):
        module = found.name
        importlib.import_module(module)
        count += 1
print(json.dumps([count, seen, sorted(os.environ)]))
"""


def run(program: str, folder: Path) -> list:
    """Run a program with an empty environment in an empty folder, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    return json.loads(done.stdout)


def test_no_help_imports_the_heavy_libraries(tmp_path: Path) -> None:
    """Help is read often and waited for; pandas, Pandera and Dagster take seconds to import."""
    texts, modules = run(HELP_OF_EVERY_COMMAND, tmp_path)
    assert texts > 50
    assert HEAVY & set(modules) == set()
    assert [name for name in modules if name.startswith("assets.")] == [
        "assets.storage",
        "assets.storage.safe_errors",
    ]
    assert len(modules) < 250


def test_a_command_that_runs_nothing_imports_no_dagster(tmp_path: Path) -> None:
    """A refresh with nothing to do, or a list of requests, does without what only runs need."""
    assert {"dagster", "holidays", "sqlglot"} & set(run(WITHOUT_A_RUN, tmp_path)) == set()


def test_no_import_reads_the_policy_or_writes(tmp_path: Path) -> None:
    imported, seen, environment = run(EVERY_MODULE, tmp_path)
    assert imported > 250
    assert seen == []
    assert not [name for name in environment if name.startswith(("DAGSTER", "REGISTER"))]


def test_folders_say_what_belongs_there_and_import_nothing() -> None:
    for layer in ("schemas", "assets", "pipelines"):
        for path in (HOUSE / layer).rglob("__init__.py"):
            module = ast.parse(path.read_text(encoding="utf-8"))
            assert ast.get_docstring(module), path
            assert len(module.body) == 1, path


def test_a_command_imports_at_its_top_only_what_its_options_need() -> None:
    """Everything else is imported by the functions that use it, so that help stays quick."""
    light = (
        "schemas.requests",
        "schemas.vocabulary",
        "pipelines.cli.",
        "assets.storage.safe_errors",
    )
    wrong = [
        f"{path.name} imports {node.module}"
        for path in (HOUSE / "pipelines" / "command").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[0] in ("schemas", "assets", "pipelines")
        and not (node.module or "").startswith(light)
    ]
    assert wrong == []


def test_what_is_imported_for_types_only_is_used_for_types_only() -> None:
    """Neither the linter nor the type checker sees a function that lacks its own import then."""
    wrong = [
        f"{path.relative_to(HOUSE)}:{line}: {name}"
        for layer in ("schemas", "assets", "pipelines")
        for path in (HOUSE / layer).rglob("*.py")
        for line, name in used_at_run_time(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert wrong == []


def used_at_run_time(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the names that a module imports under TYPE_CHECKING and reads when it runs."""
    guarded = [
        node
        for node in module.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    typed = {name for node in guarded for name in bound_by(node)}
    for node in module.body:
        if typed and node not in guarded:
            yield from read(node, typed)


def bound_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that are imported, assigned or taken as parameters anywhere within."""
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in part.names)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        elif isinstance(part, ast.arg):
            yield part.arg


def read(node: ast.AST, names: set[str]) -> Iterator[tuple[int, str]]:
    """Yield where names are read outside annotations, and not bound by the function around."""
    if isinstance(node, ast.FunctionDef):
        names = names - set(bound_by(node))
        parts: list[ast.AST] = [*node.decorator_list, *node.args.defaults, *node.body]
    elif isinstance(node, ast.AnnAssign):
        parts = [node.value] if node.value else []
    else:
        parts = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            yield node.lineno, node.id
    for part in parts:
        yield from read(part, names)
