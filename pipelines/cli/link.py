"""`register link`: record linkage in any table of people, given only the role of each column."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from pipelines.cli.link_files import (
    PAIRS_SQL,
    check_outputs,
    clusters_sql,
    read_filled,
    read_model,
    read_roles,
    read_table,
    with_key,
    write_table,
    writing_all,
)
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

FEW, FEW_LINKED = 100, 0.005
"""A table of at least so many records in which less than this share is linked deserves a
warning."""
FILE = click.Path(dir_okay=False, path_type=Path)
DECIDED = {"one": "VARCHAR", "other": "VARCHAR", "same": "BOOLEAN"}
CORRECTED = {"old": "VARCHAR", "new": "VARCHAR"}


@click.command(name="link")
@click.argument("file", type=FILE)
@click.option(
    "--roles",
    "roles_file",
    type=FILE,
    help="YAML: the role of each column, as `column: role`. Columns without one are ignored.",
)
@click.option(
    "--out",
    type=FILE,
    help=(
        "Parquet or, by its name, CSV to write: a row per row of FILE, in its order, with its key "
        "and its cluster."
    ),
)
@click.option("--table", "table_name", help="The table of a DuckDB file that has several.")
@click.option(
    "--guess-roles",
    is_flag=True,
    help="Only print the roles that the columns of FILE seem to have, for you to confirm.",
)
@click.option(
    "--pairs",
    type=FILE,
    help="Parquet or CSV to write: pairs that are rather one person than two, with their weight.",
)
@click.option(
    "--report",
    type=FILE,
    help="HTML to write: weights, levels, blocking rules, clusters and examples, without values.",
)
@click.option("--show-values", is_flag=True, help="Show the examples' values in --report.")
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
    roles_file: Path | None,
    out: Path | None,
    table_name: str | None,
    pairs: Path | None,
    report: Path | None,
    model_file: Path | None,
    explain: Path | None,
    decisions: Path | None,
    aliases: Path | None,
    stages: Path | None,
    onto: Path | None,
    *,
    learn: bool,
    guess_roles: bool,
    show_values: bool,
    machine: bool,
) -> None:
    """Link the records of FILE (Parquet, CSV or DuckDB) that are one person.

    Roles: given_name, family_name, full_name, other_name, birth_date, birth_year, birth_month,
    birth_day, age, street, house_number, postcode, town, email, phone, identity_number,
    organisation, free_text, source (link only across sources), key.
    """
    import duckdb

    from assets.record_linkage.incremental_linking import link_incrementally
    from assets.record_linkage.linkage_state import LinkageStateError
    from assets.record_linkage.model import ModelError
    from assets.record_linkage.roles import Role, RolesError

    started = time.monotonic()
    if guess_roles:
        _print_roles(file, table_name)
        return
    if roles_file is None or out is None:
        raise click.UsageError("--roles and --out are needed; --guess-roles suggests the roles")
    if onto and (stages or model_file or learn or explain or pairs or report):
        raise click.UsageError(
            "--onto goes with --roles, --out, --decisions, --aliases and --json only: the "
            "rest is as it was when the stages were kept"
        )
    roles = read_roles(roles_file)
    model = read_model(model_file) if model_file and not learn else None
    outputs = {
        "--out": out,
        "--model": model_file if model is None else None,
        "--explain": explain,
        "--pairs": pairs,
        "--report": report,
        "--stages": stages,
    }
    inputs = {
        "FILE": file,
        "--roles": roles_file,
        "--decisions": decisions,
        "--aliases": aliases,
        "--onto": onto,
        "--model": model_file if model else None,
    }
    check_outputs(inputs, outputs)
    with duckdb.connect() as connection, writing_all(outputs) as unfinished:
        connection.execute("SET TimeZone = 'UTC'")
        # Arrow and DuckDB import pandas to recognise its types, which takes half a second: the file
        # is read meanwhile.
        Thread(target=import_module, args=("pandas",)).start()
        read_table(connection, file, "records", roles, table_name)
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
                read_filled(connection, path, name, columns)
        roles = with_key(connection, roles)
        given = {
            "aliases": "aliases" if aliases else None,
            "decisions": "decisions" if decisions else None,
        }
        try:
            if onto:
                _attach(connection, onto, "state")
                incremental = link_incrementally(connection, "records", roles, "state", **given)
                write_table(connection, clusters_sql(roles), out, unfinished["--out"])
                connection.execute("DETACH state")
                seconds = round(time.monotonic() - started, 1)
                _print_incremental(incremental, seconds, machine=machine)
                return
            linked = _link(
                connection,
                roles,
                stages,
                unfinished.get("--stages"),
                model,
                explained=bool(explain or report),
                **given,
            )
        except (RolesError, ModelError, LinkageStateError) as error:
            raise CommandError(f"{file.name}: {error}") from None
        for option, path, query in (
            ("--out", out, clusters_sql(roles)),
            ("--explain", explain, "FROM linkage_explained"),
            ("--pairs", pairs, PAIRS_SQL),
        ):
            if path:
                write_table(connection, query, path, unfinished[option])
        if report:
            # The charts take a second to load.
            from assets.record_linkage import linkage_report

            page = linkage_report.page(connection, linked, values=show_values)
            unfinished["--report"].write_text(page, encoding="utf-8")
        if "--model" in unfinished:
            unfinished["--model"].write_text(linked.model.to_json())
    _print_report(linked, round(time.monotonic() - started, 1), machine=machine)


def _print_roles(file: Path, table_name: str | None) -> None:
    """Print the roles that the columns seem to have, as the file for --roles."""
    import duckdb

    from assets.record_linkage.role_guesses import guess_roles

    with duckdb.connect() as connection:
        read_table(connection, file, "records", table=table_name)
        guesses = guess_roles(connection, "records")
    if not guesses:
        raise CommandError(f"{file.name}: no column looks like a person's; write the roles by hand")
    click.echo("# Guessed from names and values: confirm each line, then give the file to --roles.")
    for guess in guesses:
        role = guess.role or ""
        click.echo(f"{'' if guess.role else '# '}{json.dumps(guess.column)}: {role}  # {guess.why}")


def _link(
    connection: duckdb.DuckDBPyConnection,
    roles: Roles,
    stages: Path | None,
    unfinished: Path | None,
    model: Model | None,
    *,
    explained: bool,
    aliases: str | None,
    decisions: str | None,
) -> Linked:
    """Link all of `records`; stages, if wanted, are written as `unfinished`."""
    from assets.record_linkage.engine import link_table
    from assets.record_linkage.roles import Role
    from assets.storage.quoting import literal

    before = (
        stages is not None
        and stages.exists()
        and _earlier(connection, stages)
        and roles.has(Role.KEY)
    )
    if unfinished:
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
        save_to="state" if unfinished else None,
    )
    if unfinished:
        connection.execute("DETACH state")
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
    _warn_of_few_links(linked)
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


def _warn_of_few_links(linked: Linked) -> None:
    """Say so where almost nothing is linked, and which columns decide."""
    report = linked.report
    if report.records < FEW or report.clusters <= report.records * (1 - FEW_LINKED):
        return
    fields = sorted(report.fields, key=lambda row: -float(str(row["bits"])) * _filled(row))
    decide = ", ".join(f"{row['name']} ({_filled(row):.0%} filled)" for row in fields[:4])
    click.echo(
        f"warning: almost nothing is linked: {report.records - report.clusters:,} of "
        f"{report.records:,} records. What decides: {decide}. Are the roles right, and is there a "
        "column more?",
        err=True,
    )


def _filled(row: dict[str, object]) -> float:
    return float(str(row["filled"]))
