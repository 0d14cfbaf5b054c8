"""What a provider's answer about a consumer, or a line of Posti's files, must have
(docs/vendor-formats.md, "Contact providers"; docs/deliveries.md).

A restriction of direct marketing is never delayed: that of a quarantined record counts for its
telephone numbers.
"""

from __future__ import annotations

import pandas as pd

from schemas.checking import check
from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule

CODES = {
    "PROVIDER-SUBJECT": (
        "the answer has no legalId, gedi or customer number by which the person could be "
        "distinguished (UNKNOWN is none)"
    ),
    "PROVIDER-DATE": (
        "dateOfBirth, yearOfBirth, dateOfDeath or updatedAt cannot be read, or lies after the "
        "delivery"
    ),
    "PROVIDER-FLAG": "deceased or privateIdentity is neither true nor false",
    "PROVIDER-LISTS": "firstNames, phoneList or addressList is no list of what it should have",
    "POSTI-RECORD": "the line is not of the kind of the file (PONOT, KATUN)",
    "POSTI-POSTCODE": "the line has no postcode of five digits",
    "POSTI-NAME": "the line has no name of the post office",
    "POSTI-MUNICIPALITY": "the code of the municipality has not three digits",
}


class ConsumerRecord(TableModel):
    """One answer about a consumer."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    subject_known: Flag = flag("PROVIDER-SUBJECT")
    dates_readable: Flag = flag("PROVIDER-DATE")
    flags_readable: Flag = flag("PROVIDER-FLAG")
    lists_fine: Flag = flag("PROVIDER-LISTS")

    class Config:
        name = "consumer_record"


class PostcodeRecord(TableModel):
    """One line of a file of postcodes or streets."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    kind_fits: Flag = flag("POSTI-RECORD")
    postcode: Text = column("technical", "null: none")
    name_given: Flag = flag("POSTI-NAME")
    municipality_fine: Flag = flag("POSTI-MUNICIPALITY")

    @row_rule("POSTI-POSTCODE")
    def five_digits(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["postcode"].notna() & check("postcode_valid", frame["postcode"])

    class Config:
        name = "postcode_record"
