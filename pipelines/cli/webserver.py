"""`register webserver`: Dagster's UI for a team, behind a proxy that signs people in."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command()
@click.option(
    "--listen",
    default="127.0.0.1:3000",
    show_default=True,
    metavar="ADDRESS",
    help="HOST:PORT on a private network, or unix:PATH, which only the proxy may open.",
)
@click.option(
    "--host-name",
    "hosts",
    multiple=True,
    required=True,
    metavar="NAME",
    help="A name under which the proxy passes requests on; repeatable.",
)
@click.option("--read-only", is_flag=True, help="Show everything and change nothing.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file that names the code server; default: the code is loaded here.",
)
@click.option(
    "--actions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where each change is recorded; default: actions.jsonl in DAGSTER_HOME.",
)
def webserver(
    listen: str,
    hosts: tuple[str, ...],
    read_only: bool,
    workspace: Path | None,
    actions: Path | None,
) -> None:
    """Serve Dagster's UI to people who have signed in at a proxy; see docs/deployment.md.

    Needs a Dagster instance of its own (DAGSTER_HOME), and no data root. Schedules and sensors need
    `dagster-daemon run` beside it.
    """
    # Dagster warns of what is in beta each time that it loads the definitions.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    from pipelines.command_runs import WORKSPACE
    from pipelines.webserver import serve_team

    serve_team(workspace or WORKSPACE, listen, hosts, read_only=read_only, actions=actions)
