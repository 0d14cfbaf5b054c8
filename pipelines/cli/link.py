"""`register link`: record linkage in any table of people, given only the role of each column."""

from __future__ import annotations

import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    import duckdb

    from assets.record_linkage.cluster_ids import Drift
    from assets.record_linkage.engine import Linked
    from assets.record_linkage.incremental_linking import IncrementalReport
    from assets.record_linkage.model import Model
    from assets.record_linkage.roles import Roles

FILE = click.Path(dir_okay=False, path_type=Path)
DECIDED = {"one": "VARCHAR", "other": "VARCHAR", "same": "BOOLEAN"}
CORRECTED = {"old": "VARCHAR", "new": "VARCHAR"}
USUAL_KEYS = ("uid", "unique_id", "record_id", "record_key", "id")


@click.command(name="link")
@click.argument("file", type=FILE)
@click.option(
    "--roles",
    "roles_file",
    type=FILE,
    required=True,
    help="YAML: the role of each column, as `column: role`. Columns without one are ignored.",
)
@click.option(
    "--out",
    type=FILE,
    required=True,
    help="Parquet to write: a row per row of FILE, in its order, with its key and its cluster.",
)
@click.option(
    "--model", "model_file", type=FILE, help="JSON: used if it is there, written if it is not."
)
@click.option("--learn", is_flag=True, help="Learn again, and write the model even if it exists.")
@click.option(
    "--explain",
    type=FILE,
    help="Parquet to write: compared pairs with the level and the bits of every field.",
)
@click.option(
    "--decisions",
    type=FILE,
    help=(
        "Parquet or CSV of pairs that somebody has decided: one, other (keys), same (true or "
        "false)."
    ),
)
@click.option(
    "--aliases", type=FILE, help="Parquet or CSV of corrected identity numbers: old, new."
)
@click.option(
    "--stages",
    type=FILE,
    help=(
        "DuckDB file to write, with the table of every stage. If it exists, clusters keep their "
        "names, and the drift is reported."
    ),
)
@click.option(
    "--onto",
    type=FILE,
    help=(
        "DuckDB file that --stages has written: links the records of FILE to those in it, and "
        "adds them."
    ),
)
@MACHINE
def link_command(
    file: Path,
    roles_file: Path,
    out: Path,
    model_file: Path | None,
    explain: Path | None,
    decisions: Path | None,
    aliases: Path | None,
    stages: Path | None,
    onto: Path | None,
    *,
    learn: bool,
    machine: bool,
) -> None:
    """Link the records of FILE (Parquet or CSV) that are one person.

    Roles: given_name, family_name, full_name, other_name, birth_date, birth_year, birth_month,
    birth_day, street, house_number, postcode, town, email, phone, identity_number, organisation,
    free_text, source (link only across sources), key.
    """
    import duckdb

    from assets.record_linkage.incremental_linking import link_incrementally
    from assets.record_linkage.linkage_state import LinkageStateError
    from assets.record_linkage.model import ModelError
    from assets.record_linkage.roles import Role, RolesError
    from assets.storage.atomic_files import writing

    started = time.monotonic()
    if onto and (stages or model_file or learn or explain):
        raise click.UsageError(
            "--onto goes with --roles, --out, --decisions, --aliases and --json only: the "
            "rest is as it was when the stages were kept"
        )
    roles = _roles(roles_file)
    model = _model(model_file) if model_file and not learn else None
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        # Arrow and DuckDB import pandas to recognise its types, which takes half a second: the file
        # is read meanwhile.
        Thread(target=import_module, args=("pandas",)).start()
        _read(connection, file, "records", roles)
        if aliases and not roles.has(Role.IDENTITY_NUMBER):
            raise CommandError(
                "--aliases corrects identity numbers, and no column has the role "
                f"{Role.IDENTITY_NUMBER}"
            )
        for path, name, columns in (
            (decisions, "decisions", DECIDED),
            (aliases, "aliases", CORRECTED),
        ):
            if path:
                _read_as(connection, path, name, columns)
        roles = _with_key(connection, roles)
        given = {
            "aliases": "aliases" if aliases else None,
            "decisions": "decisions" if decisions else None,
        }
        try:
            if onto:
                _attach(connection, onto, "state")
                report = link_incrementally(connection, "records", roles, "state", **given)
                _write_clusters(connection, roles, out)
                connection.execute("DETACH state")
                _print_incremental(report, round(time.monotonic() - started, 1), machine=machine)
                return
            linked = _link(connection, roles, stages, model, explained=explain is not None, **given)
        except (RolesError, ModelError, LinkageStateError) as error:
            raise CommandError(f"{file.name}: {error}") from None
        _write_clusters(connection, roles, out)
        if explain:
            _write(connection, "FROM linkage_explained", explain)
    if model_file and model is None:
        with writing(model_file.absolute()) as unfinished:
            unfinished.write_text(linked.model.to_json())
    _print_report(linked, round(time.monotonic() - started, 1), machine=machine)


def _link(
    connection: duckdb.DuckDBPyConnection,
    roles: Roles,
    stages: Path | None,
    model: Model | None,
    *,
    explained: bool,
    aliases: str | None,
    decisions: str | None,
) -> Linked:
    """Link all of `records`; stages, if wanted, are written under another name and put in place
    when they are whole.
    """
    from assets.record_linkage.engine import link_table
    from assets.record_linkage.roles import Role
    from assets.storage.atomic_files import writing
    from assets.storage.quoting import literal

    if stages is None:
        return link_table(
            connection,
            "records",
            roles,
            model=model,
            aliases=aliases,
            decisions=decisions,
            explained=explained,
        )
    before = stages.exists() and _earlier(connection, stages) and roles.has(Role.KEY)
    with writing(stages.absolute()) as unfinished:
        connection.execute(f"ATTACH {literal(unfinished)} AS state")
        linked = link_table(
            connection,
            "records",
            roles,
            model=model,
            aliases=aliases,
            decisions=decisions,
            explained=explained,
            previous="earlier" if before else None,
            save_to="state",
        )
        connection.execute("DETACH state")
        unfinished.chmod(0o600)
    return linked


def _earlier(connection: duckdb.DuckDBPyConnection, stages: Path) -> bool:
    """Make `earlier(key, cluster)` of an earlier run's stages; return whether there were any."""
    # Attaching applies the write-ahead log that a killed run left: the next file has its own.
    _attach(connection, stages, "earlier_stages")
    there = bool(
        connection.execute(
            """SELECT 1
            FROM duckdb_tables()
            WHERE database_name = 'earlier_stages' AND table_name = 'linkage_out'"""
        ).fetchall()
    )
    if there:
        connection.execute(
            "CREATE TEMP TABLE earlier AS SELECT key, cluster FROM earlier_stages.linkage_out"
        )
    connection.execute("DETACH earlier_stages")
    return there


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    import duckdb

    from assets.storage.quoting import literal

    if not path.is_file():
        raise CommandError(f"there is no file {path}; make it with `register link ... --stages`")
    try:
        connection.execute(f"ATTACH {literal(path)} AS {name}")
    except duckdb.Error:
        raise CommandError(
            f"{path} cannot be opened: it is no DuckDB file, or another process is writing it"
        ) from None


def _roles(path: Path) -> Roles:
    import yaml

    from assets.record_linkage.roles import Roles, RolesError

    try:
        return Roles.of(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CommandError(f"cannot read the roles {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise CommandError(
            f"{path} is not YAML; write a line `column: role` for each column"
        ) from None
    except RolesError as error:
        raise CommandError(f"{path}: {error}") from None


def _model(path: Path) -> Model | None:
    from assets.record_linkage.model import Model, ModelError

    if not path.exists():
        return None
    try:
        return Model.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"cannot read the model {path}: {error.strerror}") from None
    except ModelError as error:
        raise CommandError(f"{path}: {error}") from None


def _read(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, roles: Roles | None = None
) -> None:
    """Make a table of a file's rows, in its order, with the columns of roles and possible keys."""
    import duckdb

    from assets.storage.quoting import file as csv_file
    from assets.storage.quoting import name as identifier
    from assets.storage.quoting import parquet

    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    reader = (
        f"read_csv({csv_file(path)}, all_varchar = true)"
        if path.suffix.lower() in (".csv", ".tsv", ".txt")
        else parquet(path)
    )
    try:
        there = [column for column, *_ in connection.execute(f"DESCRIBE FROM {reader}").fetchall()]
        asked = (
            {column for columns in roles.columns.values() for column in columns}
            if roles
            else set(there)
        )
        # If a column is missing, the message lists those that exist.
        wanted = (
            [column for column in there if column in asked or column.lower() in USUAL_KEYS]
            if asked <= set(there)
            else there
        )
        connection.execute(
            f"""CREATE TEMP TABLE {name} AS
            SELECT {", ".join(identifier(column) for column in wanted)}
            FROM {reader}"""
        )
    except duckdb.Error:
        raise CommandError(
            f"{path} can be read neither as Parquet nor, by its name, as CSV in UTF-8; give "
            "one of the two"
        ) from None


def _read_as(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, columns: dict[str, str]
) -> None:
    """Make a table of these columns of a file, all of them filled in every row."""
    import duckdb

    _read(connection, path, f"{name}_file")
    try:
        cast = ", ".join(f"{column}::{kind} AS {column}" for column, kind in columns.items())
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {cast} FROM {name}_file")
    except duckdb.BinderException:
        raise CommandError(f"{path} needs the columns {', '.join(columns)}") from None
    except duckdb.ConversionException:
        raise CommandError(
            f"{path}: the column same says something other than true or false"
        ) from None
    missing = " OR ".join(f"{column} IS NULL" for column in columns)
    empty = connection.execute(f"SELECT count(*) FROM {name} WHERE {missing}").fetchone()
    if empty and empty[0]:
        raise CommandError(f"{path}: {empty[0]} rows leave one of {', '.join(columns)} empty")


def _with_key(connection: duckdb.DuckDBPyConnection, roles: Roles) -> Roles:
    """Return roles with a key: where none is named, a usual key column with unique values."""
    from assets.record_linkage.roles import Role, Roles, role_of

    if roles.has(Role.KEY):
        return roles
    taken = {column for columns in roles.columns.values() for column in columns}
    for name, *_ in connection.execute("DESCRIBE records").fetchall():
        if name.lower() in USUAL_KEYS and name not in taken and role_of(name):
            row = connection.execute(
                f'SELECT count(*) = count(DISTINCT "{name}") FROM records'
            ).fetchone()
            if row and row[0]:
                return Roles({**roles.columns, Role.KEY: (name,)})
    return roles


def _write_clusters(connection: duckdb.DuckDBPyConnection, roles: Roles, out: Path) -> None:
    from assets.record_linkage.roles import Role
    from assets.storage.quoting import name as identifier

    key = roles.first(Role.KEY)
    named = (
        f"key AS {identifier(key if key.lower() not in ('row', 'cluster') else 'key')}, "
        if key
        else ""
    )
    _write(connection, f"SELECT row, {named}cluster FROM temp.linkage_out ORDER BY row", out)


def _write(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    from assets.storage.atomic_files import writing
    from assets.storage.quoting import literal

    try:
        with writing(path.absolute()) as unfinished:
            connection.execute(
                f"COPY ({query}) TO {literal(unfinished)} (FORMAT parquet, COMPRESSION zstd)"
            )
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None


def _print_incremental(report: IncrementalReport, seconds: float, *, machine: bool) -> None:
    if machine:
        as_json({**asdict(report), "unchanged": report.drift.unchanged, "total_seconds": seconds})
        return
    click.echo(
        f"{report.records:,} records arrived: {report.joined:,} joined people who were there, "
        f"{report.new_clusters:,} new people ({report.known:,} were known, "
        f"{report.corrected:,} corrected, {report.candidate_pairs:,} pairs compared, {seconds} s)"
    )
    _print_drift(report.drift)


def _print_drift(drift: Drift) -> None:
    if drift.records:
        click.echo(
            f"of {drift.records:,} records looked at before, {drift.changed:,} have people "
            f"called otherwise; merged: {drift.merged:,}, split: {drift.split:,}"
        )


def _print_report(linked: Linked, seconds: float, *, machine: bool) -> None:
    report = linked.report
    if machine:
        as_json({**report.as_dict(), "total_seconds": seconds})
        return
    click.echo(
        f"{report.records:,} records are {report.clusters:,} people ("
        f"{report.candidate_pairs:,} pairs compared, {seconds} s)"
    )
    columns = ("name", "pairs", "new_links", "per_thousand", "split", "dropped")
    rows = [[row[column] for column in columns] for row in report.blocking_rules]
    click.echo(
        table(
            ["rule", "pairs", "new links", "per 1,000 new pairs", "split keys", "dropped keys"],
            rows,
        )
    )
    if report.codes:
        click.echo(
            f"{report.codes:,} identity codes ({report.code_scheme}); people with two of "
            f"them: {report.two_code_clusters}"
        )
    if report.shared_contacts:
        click.echo(
            f"{report.shared_contacts:,} e-mails and telephones are shared by three or more "
            "people and were left out"
        )
    _print_drift(report.drift)
