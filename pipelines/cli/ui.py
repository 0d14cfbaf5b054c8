"""`register ui`: Dagster's own UI and daemon, on loopback."""

from __future__ import annotations

import os
import signal
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    pass


@click.command()
@click.option("--port", type=click.IntRange(1, 65_535), default=3000, show_default=True)
def ui(port: int) -> None:
    """Open Dagster on http://127.0.0.1, with the schedules and sensors running.

    It has no login: keep it on loopback.
    """
    from assets.storage.data_root import DataRoot
    from pipelines.dagster_home import prepare_dagster
    from pipelines.writer_lock import data_root_path, report_died
    from schemas.policy.loader import VARIABLE, policy_file

    data_root = DataRoot(data_root_path())
    data_root.create()
    os.environ["REGISTER_HOME"] = str(data_root_path())
    os.environ[VARIABLE] = str(policy_file())
    prepare_dagster()
    report_died(data_root)
    workspace = Path(str(files("pipelines"))).parent / "workspace.yaml"
    # A background process of a shell ignores the interrupt, by which alone Dagster ends.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    program = str(Path(sys.executable).with_name("dagster"))
    arguments = ["dev", "--workspace", str(workspace), "--host", "127.0.0.1", "--port", str(port)]
    os.execv(program, [program, *arguments])  # noqa: S606
