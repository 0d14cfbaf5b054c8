"""`register link`: who is who in any table of people, told nothing but the role of each column."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click
import duckdb
import yaml

from assets.home import writing
from assets.linkage.engine import Linked, link_table
from assets.linkage.model import Model, ModelError
from assets.linkage.roles import Role, Roles, RolesError, role_of
from pipelines.command.main import CommandError
from pipelines.command.showing import as_json, table

FILE = click.Path(dir_okay=False, path_type=Path)
USUAL_KEYS = ("uid", "unique_id", "record_id", "record_key", "id")


@click.command(name="link")
@click.argument("file", type=FILE)
@click.option("--roles", "roles_file", type=FILE, required=True, help="YAML: the role of each column, as `column: role`. Columns without one are ignored.")
@click.option("--out", type=FILE, required=True, help="Parquet to write: a row per row of FILE, in its order, with its key and its cluster.")
@click.option("--model", "model_file", type=FILE, help="JSON: used if it is there, written if it is not.")
@click.option("--learn", is_flag=True, help="Learn anew, and write the model even if it is there.")
@click.option("--explain", type=FILE, help="Parquet to write: compared pairs with the level and the bits of every field.")
@click.option("--decisions", type=FILE, help="Parquet or CSV of pairs that somebody has decided: one, other (keys), same (true or false).")
@click.option("--aliases", type=FILE, help="Parquet or CSV of corrected identity numbers: old, new.")
@click.option("--stages", type=FILE, help="DuckDB file to write, with the table of every stage.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def link_command(
    file: Path,
    roles_file: Path,
    out: Path,
    model_file: Path | None,
    explain: Path | None,
    decisions: Path | None,
    aliases: Path | None,
    stages: Path | None,
    *,
    learn: bool,
    machine: bool,
) -> None:
    """Link the records of FILE (Parquet or CSV) that are one person.

    Roles: given_name, family_name, full_name, other_name, birth_date, birth_year, birth_month, birth_day, street, house_number,
    postcode, town, email, phone, identity_number, organisation, free_text, source (link only across sources), key.
    """
    started = time.monotonic()
    roles = _roles(roles_file)
    model = _model(model_file) if model_file and not learn else None
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        _read(connection, file, "said")
        for path, name in ((decisions, "decisions"), (aliases, "aliases")):
            if path:
                _read(connection, path, name)
        roles = _with_key(connection, roles)
        try:
            linked = link_table(
                connection,
                "said",
                roles,
                model=model,
                aliases="aliases" if aliases else None,
                decisions="decisions" if decisions else None,
                explained=explain is not None,
            )
        except (RolesError, ModelError) as error:
            raise CommandError(f"{file.name}: {error}") from None
        key = roles.one(Role.KEY)
        named = f'key AS "{key if key not in ("row", "cluster") else "key"}", ' if key else ""
        _write(connection, f"SELECT row, {named}cluster FROM linkage_out ORDER BY row", out)
        if explain:
            _write(connection, "FROM linkage_explained", explain)
        if stages:
            _keep_stages(connection, stages)
    if model_file and model is None:
        with writing(model_file.absolute()) as unfinished:
            unfinished.write_text(linked.model.to_json())
    _tell(linked, round(time.monotonic() - started, 1), machine=machine)


def _roles(path: Path) -> Roles:
    try:
        return Roles.of(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CommandError(f"cannot read the roles {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise CommandError(f"{path} is not YAML; write a line `column: role` for each column") from None
    except RolesError as error:
        raise CommandError(f"{path}: {error}") from None


def _model(path: Path) -> Model | None:
    if not path.exists():
        return None
    try:
        return Model.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"cannot read the model {path}: {error.strerror}") from None
    except ModelError as error:
        raise CommandError(f"{path}: {error}") from None


def _read(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Make a view of a file's rows, in its order."""
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    reader = "read_csv(?, all_varchar = true)" if path.suffix.lower() in (".csv", ".tsv", ".txt") else "read_parquet(?)"
    try:
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM {reader}", [str(path)])
    except duckdb.Error:
        raise CommandError(f"{path} can be read neither as Parquet nor, by its name, as CSV; give one of the two") from None


def _with_key(connection: duckdb.DuckDBPyConnection, roles: Roles) -> Roles:
    """Roles with a key: where none is named, a column by one of the usual names that tells all rows apart."""
    if roles.has(Role.KEY):
        return roles
    taken = {column for columns in roles.columns.values() for column in columns}
    for name, *_ in connection.execute("DESCRIBE said").fetchall():
        if name.lower() in USUAL_KEYS and name not in taken and role_of(name):
            row = connection.execute(f'SELECT count(*) = count(DISTINCT "{name}") FROM said').fetchone()
            if row and row[0]:
                return Roles({**roles.columns, Role.KEY: (name,)})
    return roles


def _write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    try:
        with writing(path.absolute()) as unfinished:
            connection.execute(f"COPY ({query}) TO '{str(unfinished).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None


def _keep_stages(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy the tables of the stages into a DuckDB file of their own."""
    path.unlink(missing_ok=True)
    connection.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS stages")
    for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'linkage_%' ORDER BY ALL").fetchall():
        connection.execute(f"CREATE TABLE stages.{name} AS FROM {name}")
    connection.execute("DETACH stages")
    path.chmod(0o600)


def _tell(linked: Linked, seconds: float, *, machine: bool) -> None:
    report = linked.report
    if machine:
        as_json({**asdict(report), "total_seconds": seconds})
        return
    click.echo(f"{report.records:,} records are {report.clusters:,} people ({report.candidate_pairs:,} pairs compared, {seconds} s)")
    rows = [[one["name"], one["pairs"], one["new_links"], one["per_thousand"], one["split"], one["dropped"]] for one in report.passes]
    click.echo(table(["pass", "pairs", "new links", "per 1,000 new pairs", "split keys", "dropped keys"], rows))
    if report.codes:
        click.echo(f"{report.codes:,} identity codes ({report.code_scheme}); people with two of them: {report.two_code_clusters}")
    if report.shared_contacts:
        click.echo(f"{report.shared_contacts:,} e-mails and telephones are shared by three or more people and were left out")
