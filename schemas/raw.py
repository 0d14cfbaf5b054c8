"""The raw layer: every record as its source sent it."""

from __future__ import annotations

from schemas.columns import Count, Day, TableModel, Text, TextList, column

FAULTS = {
    "REC-JSON": (
        "the record is not JSON by its standard, or not a JSON object; or it has a number beyond "
        "a double"
    ),
    "REC-DUPLICATE-KEY": (
        "a JSON object in the record has the same key twice: which one holds is unknown"
    ),
    "REC-REPLACEMENT": (
        "the text holds the replacement character: the source lost letters in a wrong decoding"
    ),
    "REC-CSV-FIELDS": "the row has more or fewer fields than the header",
    "REC-FIELDS": "the line has more or fewer values than the dataset has columns",
    "REC-LINE-LENGTH": "the line ends before its last field, or has text behind it",
    "REC-HEADERS": "a line among the headers of the message is none",
    "REC-TOO-LARGE": "the record is larger than 4 MiB",
    "REC-TOO-DEEP": "the record nests deeper than 100 levels",
    "REC-UNEXPECTED": "our own code failed on the record, in a way that no rule foresees",
    "REC-SHARED-ID": (
        "records of one id in one delivery are about different people or parties: none of them is "
        "used"
    ),
}
UNREADABLE = (
    *("REC-JSON", "REC-TOO-DEEP", "REC-TOO-LARGE", "REC-CSV-FIELDS", "REC-FIELDS"),
    *("REC-LINE-LENGTH", "REC-UNEXPECTED"),
)
"""Faults of a record that is no JSON object which sources could read: staging passes over it."""


class Raw(TableModel):
    """One row per delivered record that is not suppressed; a file per delivery."""

    record_no: Count = column("technical", "position in the delivery, from 0", required=True)
    record_key: Text = column(
        "technical", "the subject of the record, stable across re-deliveries", required=True
    )
    content: Text = column(
        "technical", "hash of the record's text: equal text, equal hash", required=True
    )
    payload: Text = column("technical", "the vendor's record, minimised", required=True)
    identifiers: TextList = column(
        "technical", "identifiers found in it, as <type>:<value>", required=True
    )
    given_on: Day = column(
        "technical",
        "the day on which the registrant provided it; null: from others, or at an unknown time",
    )
    faults: TextList = column(
        "technical", "codes of the reader's findings about the record", required=True
    )
    place: Text = column(
        "technical",
        "of REC-UNEXPECTED: the kind of error, and the place in our code where it was raised",
    )

    class Config:
        name = "raw"
        strict = True
