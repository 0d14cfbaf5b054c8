"""What all assets have in common when they run: the day they count from, and one writer at a time."""

from datetime import date, datetime

import dagster as dg

from schemas.policy import load_policy

ONE_RUN = dg.BackfillPolicy.single_run()
WRITER = "lake"
"""The pool of one that every asset which writes to the data root takes."""


class Today(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The day that a run counts from: `as_of` (YYYY-MM-DD), or the calendar day in the policy's time zone."""

    as_of: str | None = None

    @property
    def last_delivery_day(self) -> date:
        """No delivery is of a later day: a run that counts from a day that has gone takes in what has come since."""
        return max(self.date, datetime.now(load_policy().zone).date())

    @property
    def date(self) -> date:
        return (
            date.fromisoformat(self.as_of)
            if self.as_of
            else datetime.now(load_policy().zone).date()
        )
