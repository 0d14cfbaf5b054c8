"""What an edit of one's own data, or a correction, must have (docs/deliveries.md).

`register rectify` refuses a value that is not valid with `SELF-VALUE`, too.
"""

from __future__ import annotations

from schemas.columns import Count, Flag, TableModel, column, flag

SOURCE = "self"
CODES = {
    "SELF-TIME": "edited_at or made_at is not a time with an offset, or lies after its delivery",
    "SELF-SUBJECT": "the subject key is missing, of an unknown type, or not valid for its type",
    "SELF-CHANGES": (
        "there is nothing to change, or something that is no attribute which a registrant edits"
    ),
    "SELF-WHOLE": "a part of a name, an address or a company is given without the rest of it",
    "SELF-VALUE": (
        "a value is not a text, or not one of its attribute: an e-mail address, a telephone "
        "number, a calendar day, a language"
    ),
    "SELF-DATA": (
        "other data has no number, topic, value or version of the text that was accepted, or "
        "neither a consent nor its withdrawal; a withdrawal needs number and topic alone"
    ),
    "SELF-CORRECTION": "a correction does not name its request, or which value it replaces",
}


class EditRecord(TableModel):
    """One edit: a registrant, signed in, has changed their own data."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    time_readable: Flag = flag("SELF-TIME")
    subject_known: Flag = flag("SELF-SUBJECT")
    changes_known: Flag = flag("SELF-CHANGES")
    groups_whole: Flag = flag("SELF-WHOLE")
    values_fine: Flag = flag("SELF-VALUE")

    class Config:
        name = "edit_record"


class CorrectionRecord(TableModel):
    """One attribute that has been corrected on a request."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    time_readable: Flag = flag("SELF-TIME")
    subject_known: Flag = flag("SELF-SUBJECT")
    changes_known: Flag = flag("SELF-CHANGES")
    values_fine: Flag = flag("SELF-VALUE")
    request_named: Flag = flag("SELF-CORRECTION")

    class Config:
        name = "correction_record"


class OtherDataRecord(TableModel):
    """Other data that the registrant has consented to, or the end of the consent."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    time_readable: Flag = flag("SELF-TIME")
    subject_known: Flag = flag("SELF-SUBJECT")
    consent_stated: Flag = flag("SELF-DATA")

    class Config:
        name = "other_data_record"
