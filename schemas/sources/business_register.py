"""What a company of the business register must have (docs/vendor-formats.md, "Business register";
docs/deliveries.md).

A sole trader is a person: of such a record only the business id reaches the disk.
"""

from __future__ import annotations

import pandas as pd

from schemas.checking import check
from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule

SOURCE = "authorities"
CODES = {
    "COMPANY-BUSINESS-ID": "the company has no business id, or one with a wrong check digit",
    "COMPANY-NAME": "the company has no main name",
    "COMPANY-DATE": "a date is no calendar date, or a start lies after the delivery",
    "COMPANY-LISTS": "names, addresses, situations or forms are no lists of objects",
    "COMPANY-SOLE-TRADER": "the record is of a sole trader, a person: no company",
}


class CompanyRecord(TableModel):
    """One company."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    business_id: Text = column("company", "canonical; null: none")
    named: Flag = flag("COMPANY-NAME")
    dates_readable: Flag = flag("COMPANY-DATE")
    lists_fine: Flag = flag("COMPANY-LISTS")
    legal_person: Flag = flag("COMPANY-SOLE-TRADER")

    @row_rule("COMPANY-BUSINESS-ID")
    def has_business_id(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["business_id"].notna() & check("business_id_valid", frame["business_id"])

    class Config:
        name = "company_record"
