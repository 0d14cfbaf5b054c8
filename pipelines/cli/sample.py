"""`register sample`: synthetic deliveries in the vendors' formats."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json

if TYPE_CHECKING:
    pass


def yesterday() -> date:
    """Return the last complete day, in the policy's time zone."""
    from schemas.policy.loader import load_policy

    return datetime.now(load_policy().zone).date() - timedelta(days=1)


@click.command()
@click.option(
    "--registrants",
    type=click.IntRange(1, 10_000_000),
    required=True,
    help="How many people to invent.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="The same seed, the same bytes.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=3,
    show_default=True,
    help="Over how many delivery days.",
)
@click.option(
    "--last-day",
    type=DAY,
    help="The last delivery day; default: yesterday.",
)
@MACHINE
def sample(
    registrants: int, seed: int, days: int, last_day: datetime | None, machine: bool
) -> None:
    """Write synthetic deliveries of every source into the inbox, and their truth beside it
    (truth/).
    """
    from assets.storage.data_root import DataRoot
    from pipelines.synthetic.assembly import write_sample
    from pipelines.writer_lock import data_root_path

    data_root = DataRoot(data_root_path())
    data_root.create()
    summary = write_sample(
        data_root.inbox,
        data_root.root / "truth",
        registrants=registrants,
        seed=seed,
        days=days,
        last_day=last_day.date() if last_day else yesterday(),
    )
    if machine:
        as_json(asdict(summary))
    else:
        click.echo(
            f"{summary.records:,} records in {summary.deliveries} deliveries about "
            f"{summary.people:,} invented people"
        )
