"""What a row of a prohibition list, or a browser's signal, must have (docs/vendor-formats.md,
"Prohibitions"; docs/deliveries.md).

A prohibition is never delayed: one without dates that can be read counts from its delivery, and
a doubtful consent string counts as a refusal of all that it could have granted.
"""

from __future__ import annotations

from schemas.columns import Count, Flag, TableModel, column, flag

CODES = {
    "PROHIBITION-PHONE": "the row has no telephone number, or none that can exist",
    "PROHIBITION-ADDRESS": "the row does not have a name and an address with a Finnish postcode",
    "PROHIBITION-DATE": (
        "listed_from is no calendar date up to the delivery, or valid_to none or before it; the "
        "prohibition counts, from its delivery and without an end"
    ),
    "PROHIBITION-SUBJECT": "the signal names no cookie that could be one",
    "PROHIBITION-SIGNAL": "the signal has neither a TCF string nor a GPC value that can be read",
    "PROHIBITION-TCF-DOUBTFUL": (
        "flagged, and used as a refusal: the TCF string is too short, not base64url, of another "
        "version, of an impossible time or without one; any doubt is no consent"
    ),
}


class ListedPhone(TableModel):
    """One number of the telephone list."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    phone_valid: Flag = flag("PROHIBITION-PHONE")
    dates_readable: Flag = flag("PROHIBITION-DATE")

    class Config:
        name = "listed_phone"


class ListedAddress(TableModel):
    """One person of the postal list."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    address_whole: Flag = flag("PROHIBITION-ADDRESS")
    dates_readable: Flag = flag("PROHIBITION-DATE")

    class Config:
        name = "listed_address"


class WebSignal(TableModel):
    """One signal of a browser."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    subject_known: Flag = flag("PROHIBITION-SUBJECT")
    signal_given: Flag = flag("PROHIBITION-SIGNAL")

    class Config:
        name = "web_signal"
