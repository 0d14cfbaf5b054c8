"""What all assets share when they run: the day of the run, and one writer at a time."""

from datetime import date, datetime

import dagster as dg

from schemas.policy.loader import load_policy
from schemas.policy.model import Policy

ONE_RUN = dg.BackfillPolicy.single_run()
WRITER = "lake"
"""The pool, of size one, of every asset that writes to the data root."""


def policy_tags(policy: Policy) -> dict[str, str]:
    """Return the tags by which a run shows the policy that it was made under."""
    return {"policy/version": policy.version, "policy/hash": policy.fingerprint}


def tag_run(context: dg.InitResourceContext, policy: Policy) -> None:
    """Tag the run with the policy in force; one started in the UI by hand has no tags of a job."""
    if context.run and context.instance:
        context.instance.add_run_tags(context.run.run_id, policy_tags(policy))


class Today(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The day of a run: `as_of` (YYYY-MM-DD), or the calendar day in the policy's time zone."""

    as_of: str | None = None

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Tag the run: each uses this resource, the data root, or both."""
        tag_run(context, load_policy())

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
