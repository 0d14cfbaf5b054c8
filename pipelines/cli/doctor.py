"""`register doctor`: whether machine and data root are as they should be."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json


@click.command()
@MACHINE
def doctor(machine: bool) -> None:
    """Look for what keeps the register from running well, and say what to do about it.

    Versions, permissions, disk, clock, keys, backups, notifications, the daemon, schedules and
    sensors. Nothing is changed. Ends with 1 if there is a problem.
    """
    from dataclasses import asdict

    from pipelines.doctor import examine

    data_root = existing_data_root()
    diagnoses = list(examine(data_root, datetime.now(data_root.policy.zone)))
    if machine:
        as_json([asdict(each) for each in diagnoses])
    else:
        for each in diagnoses:
            to_do = f": {each.to_do}" if each.to_do else ""
            click.echo(f"{each.level:8}  {each.what}{to_do}")
    if problems := Counter(each.level for each in diagnoses)["problem"]:
        raise CommandError(f"{problems} problems; each line above says what to do")
