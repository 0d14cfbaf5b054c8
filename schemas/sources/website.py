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
    "SNOWPLOW-EVENT": "the event has no event_id",
    "SNOWPLOW-TIME": "neither derived_tstamp nor collector_tstamp is a time up to the delivery",
    "LOG-LINE": "the line is not of the combined format",
    "LOG-BOT": "the request is a program's, by what it calls itself",
    "LOG-NO-PAGE": "the request opened no page: another method or answer, or a part of a page",
    "LOG-WITHIN": "the page was opened from the site itself; only the first of a visit is taken in",
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


class EventRecord(TableModel):
    """One event of Snowplow."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    event_named: Flag = flag("SNOWPLOW-EVENT")
    time_readable: Flag = flag("SNOWPLOW-TIME")

    class Config:
        name = "event_record"


class RequestRecord(TableModel):
    """One line of the web server's log."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    line_readable: Flag = flag("LOG-LINE")
    by_a_person: Flag = flag("LOG-BOT")
    a_page: Flag = flag("LOG-NO-PAGE")
    enters: Flag = flag("LOG-WITHIN")

    class Config:
        name = "request_record"
