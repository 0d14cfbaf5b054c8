"""What a participant of an event must have (docs/vendor-formats.md, "Events")."""

from __future__ import annotations

import pandas as pd

from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule

CODES = {
    "EVENT-PARTICIPANT": (
        "the participant has no number: no order number, or no number of event and participant"
    ),
    "EVENT-STATUS": "the status is none that the service is known to write",
    "EVENT-DATE": (
        "a day of the event is no date, lies more than five years after the delivery, or the event "
        "ends before it starts"
    ),
    "EVENT-SEATS": "the number of places is not a count from 1 to 1000",
    "EVENT-END-UNSTATED": (
        "flagged, and used: the record states no day of the event; its time counts from the "
        "sign-up, else from its delivery"
    ),
}


class ParticipantRecord(TableModel):
    """One participant, of any service."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    participation: Text = column("participation", "null: none that can be used")
    status_known: Flag = flag("EVENT-STATUS")
    dates_readable: Flag = flag("EVENT-DATE")
    seats_readable: Flag = flag("EVENT-SEATS")

    @row_rule("EVENT-PARTICIPANT")
    def has_number(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["participation"].notna()

    class Config:
        name = "participant_record"
