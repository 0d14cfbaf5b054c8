"""What a message or a call must have (docs/vendor-formats.md, "Correspondence")."""

from __future__ import annotations

from schemas.columns import Count, Flag, TableModel, column, flag

CODES = {
    "MAIL-DATE": (
        "the date is missing or none, or lies after its delivery; a refusal counts all the same"
    ),
    "MAIL-PARTY": (
        "nobody but the controller wrote it or was written to, or only a mail system: nothing of "
        "it is kept"
    ),
    "MAIL-COMPLAINT": "a complaint about a message does not say who has complained",
    "CALL-ID": "the call has no uuid",
    "CALL-PARTY": "no telephone number or address but the controller's takes part",
    "CALL-DIALOG": "no part of the call has a start that is a time with an offset, and past",
    "CALL-DURATION": "the duration is no number of seconds, or longer than a day",
}


class MessageRecord(TableModel):
    """One message, without its subject and its text."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    date_readable: Flag = flag("MAIL-DATE")
    has_party: Flag = flag("MAIL-PARTY")
    complainant_named: Flag = flag("MAIL-COMPLAINT")

    class Config:
        name = "message_record"


class CallRecord(TableModel):
    """One call, as a vCon has it."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    has_id: Flag = flag("CALL-ID")
    has_party: Flag = flag("CALL-PARTY")
    starts_readable: Flag = flag("CALL-DIALOG")
    durations_readable: Flag = flag("CALL-DURATION")

    class Config:
        name = "call_record"
