"""What registrants have been told: it stays beside the register, which is built anew each time."""

from __future__ import annotations

from schemas.columns import Day, TableModel, Text, column


class Informed(TableModel):
    """Who has been told that we have their data from others, and when (GDPR 14); kept in `lake/informed.parquet`, only ever added to."""

    registrant_id: Text = column("registrant_id", required=True)
    informed_on: Day = column("technical", required=True)
    policy_version: Text = column(
        "technical", "the policy that the notice was made of", required=True
    )

    class Config:
        name = "informed"
