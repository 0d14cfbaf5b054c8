"""Notices to registrants: kept beside the register, which each build replaces."""

from __future__ import annotations

from schemas.columns import Day, TableModel, Text, column


class Informed(TableModel):
    """Notices of data from others (GDPR 14): in `lake/informed.parquet`, append-only."""

    registrant_id: Text = column("registrant_id", required=True)
    informed_on: Day = column("technical", "day on which the notice was sent", required=True)
    policy_version: Text = column("technical", "the policy of the notice", required=True)

    class Config:
        name = "informed"
