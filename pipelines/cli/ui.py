"""`register ui`: Dagster's own UI behind a guard, and its daemon, on loopback."""

from __future__ import annotations

import os

import click


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=3000, show_default=True)
@click.option(
    "--host-name",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name under which your proxy passes requests on; repeatable. Loopback's are known.",
)
def ui(port: int, hosts: tuple[str, ...]) -> None:
    """Open Dagster on http://127.0.0.1, with the schedules and sensors running.

    Prints a link that gives one browser a session; nobody else is answered.
    """
    from assets.storage.data_root import DataRoot
    from pipelines.dagster_home import prepare_dagster
    from pipelines.writer_lock import data_root_path, report_died
    from schemas.policy.loader import VARIABLE, policy_file

    data_root = DataRoot(data_root_path())
    data_root.create()
    os.environ["REGISTER_HOME"] = str(data_root_path())
    os.environ[VARIABLE] = str(policy_file())
    os.environ.setdefault("REGISTER_UI_URL", f"http://127.0.0.1:{port}")
    # Dagster warns of what is in beta each time that it loads the definitions.
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    prepare_dagster()
    report_died(data_root)
    from pipelines.command_runs import WORKSPACE
    from pipelines.webserver import serve

    serve(WORKSPACE, port, hosts)
