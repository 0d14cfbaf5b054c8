"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

FIRST_YEAR, LAST_YEAR = 2000, 2200


class _Day(click.DateTime):
    """A day, or a time on it, to and from which every period of a policy can be counted."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        day: datetime = super().convert(value, param, ctx)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            self.fail(
                f"{value!r} is not a day of the years {FIRST_YEAR} to {LAST_YEAR}.", param, ctx
            )
        return day


DAY = _Day(["%Y-%m-%d"])
MINUTE = _Day(["%Y-%m-%dT%H:%M"])
MACHINE = click.option("--json", "machine", is_flag=True, help="For machines.")
