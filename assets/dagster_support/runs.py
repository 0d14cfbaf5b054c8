"""What all assets share when they run: the day of the run, and one writer at a time."""

from datetime import date, datetime

import dagster as dg

from schemas.policy.loader import load_policy

ONE_RUN = dg.BackfillPolicy.single_run()
WRITER = "lake"
"""The pool, of size one, of every asset that writes to the data root."""


class Today(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The day of a run: `as_of` (YYYY-MM-DD), or the calendar day in the policy's time zone."""

    as_of: str | None = None

    @property
    def last_delivery_day(self) -> date:
        """The last possible delivery day: a run as of an earlier day ingests what came since."""
        return max(self.date, datetime.now(load_policy().zone).date())

    @property
    def date(self) -> date:
        return (
            date.fromisoformat(self.as_of)
            if self.as_of
            else datetime.now(load_policy().zone).date()
        )
