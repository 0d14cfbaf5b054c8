"""What a credit report must have (docs/vendor-formats.md, "Credit bureau"; docs/deliveries.md)."""

from __future__ import annotations

import pandas as pd

from schemas.checking import check
from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule, rule
from schemas.staged import OTHER_PURPOSE_CODES, PURPOSE_CODES

CODES = {
    "CREDIT-SUBJECT": "the report names neither a person nor a company",
    "CREDIT-HETU-CHECKSUM": "the identity code is not valid",
    "CREDIT-BUSINESS-ID": "the business id is not valid",
    "CREDIT-PURPOSE": (
        "the request's purpose code is missing or unknown: the report may not be used (527/2007)"
    ),
    "CREDIT-OTHER-PURPOSE": (
        "the report was requested for choosing an employee (8) or for an authority (9): no purpose "
        "of this register may use it (527/2007)"
    ),
    "CREDIT-DATE": (
        "a date of the report or of a remark cannot be read; a remark or payment lies after its "
        "delivery"
    ),
    "CREDIT-AMOUNT": "the amount of a remark is not a number with at most two decimals",
    "CREDIT-REMARKS": "remarks is not a list of objects that have a remarkId",
    "CREDIT-POSITIVE-REGISTER": (
        "the report is of the positive credit register, which is not for this controller"
    ),
}


class CreditRecord(TableModel):
    """One report."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    identity_code: Text = column("identity_code", "of the person, canonical")
    business_id: Text = column("company", "of the company, canonical")
    purpose_code: Text = column("credit", "why the report was requested, in capitals")
    dates_readable: Flag = flag("CREDIT-DATE")
    amounts_readable: Flag = flag("CREDIT-AMOUNT")
    remarks_fine: Flag = flag("CREDIT-REMARKS")
    ours_to_have: Flag = flag("CREDIT-POSITIVE-REGISTER", "not of the positive credit register")

    @row_rule("CREDIT-SUBJECT")
    def subject(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["identity_code"].notna() | frame["business_id"].notna()

    @rule("identity_code", "CREDIT-HETU-CHECKSUM")
    def person(cls, codes: pd.Series) -> pd.Series:
        return check("identity_code_valid", codes)

    @rule("business_id", "CREDIT-BUSINESS-ID")
    def company(cls, codes: pd.Series) -> pd.Series:
        return check("business_id_valid", codes)

    @row_rule("CREDIT-PURPOSE")
    def purpose(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["purpose_code"].isin((*PURPOSE_CODES, *OTHER_PURPOSE_CODES))

    @row_rule("CREDIT-OTHER-PURPOSE")
    def other_purpose(cls, frame: pd.DataFrame) -> pd.Series:
        return ~frame["purpose_code"].isin(OTHER_PURPOSE_CODES)

    class Config:
        name = "credit_record"
