"""What a visit of the website's log must have (docs/vendor-formats.md, "Website")."""

from __future__ import annotations

import pandas as pd

from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule

CODES = {
    "MATOMO-ERROR-PAYLOAD": "the element is an error answer, not a visit",
    "MATOMO-VISIT-KEY": "idSite or idVisit is missing",
    "MATOMO-TIMESTAMP": (
        "neither firstActionTimestamp nor serverTimestamp is an epoch in seconds, from 2000 to "
        "its delivery"
    ),
    "MATOMO-DURATION": "visitDuration is not a number of seconds between none and two days",
    "MATOMO-ACTIONS": "actionDetails is not a list",
}


class VisitRecord(TableModel):
    """One element of the Matomo export."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    visit: Text = column("website", "Matomo's idSite|idVisit; null: one is missing")
    is_a_visit: Flag = flag("MATOMO-ERROR-PAYLOAD")
    time_readable: Flag = column(
        "technical", "one of its times is plausible (MATOMO-TIMESTAMP)", required=True
    )
    duration_readable: Flag = flag("MATOMO-DURATION")
    actions_are_a_list: Flag = flag("MATOMO-ACTIONS")

    @row_rule("MATOMO-VISIT-KEY")
    def has_key(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["visit"].notna() | ~frame["is_a_visit"]

    @row_rule("MATOMO-TIMESTAMP")
    def has_time(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["time_readable"] | ~frame["is_a_visit"]

    class Config:
        name = "visit_record"
