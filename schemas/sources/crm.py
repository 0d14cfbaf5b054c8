"""What a row of the CRM's exports must have (docs/vendor-formats.md, "CRM"; docs/deliveries.md)."""

from __future__ import annotations

import pandas as pd

from schemas.columns import Count, Flag, TableModel, Text, column, flag, row_rule

CODES = {
    "CRM-RECORD-ID": (
        "the contact has no id of its CRM, or a placeholder or a number that a spreadsheet cut "
        "short: "
        "it cannot be distinguished from another"
    ),
    "CRM-DATE": (
        "a date of a contact that has not opted out is in none of the export's formats, or "
        "is no calendar date"
    ),
    "CONTRACT-NUMBER": (
        "the contract has no number, a placeholder, or one that a spreadsheet cut short"
    ),
    "CONTRACT-PARTY": "the contract names neither a contact nor a customer number",
    "CONTRACT-DATE": "a date of the contract cannot be read, or the start is missing",
    "CONTRACT-DATES": "the contract ends before it starts",
    "CONTRACT-UPDATED": "updated_at is not a time with an offset, or lies after its delivery",
    "CONTRACT-FEE": "the monthly fee is not a number with a decimal point and at most two decimals",
    "CONTRACT-NO-END": (
        "flagged, and used: the contract has ended or was cancelled, and has no end date; the day "
        "of the delivery that first stated so counts"
    ),
    "ORDER-NUMBER": "the order has no number, a placeholder, or one that a spreadsheet cut short",
    "ORDER-PARTY": "the order names neither a contact nor a customer number",
    "ORDER-TIME": "ordered_at is not a time with an offset, or lies after its delivery",
    "ORDER-AMOUNT": (
        "the amount is missing or not a number with a decimal point and at most two decimals"
    ),
    "ORDER-ITEMS": "items is not a count",
}


class ContactRecord(TableModel):
    """One contact of an export."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    contact_id: Text = column("technical", "the vendor's id; null: none that can be used")
    dates_readable: Flag = flag("CRM-DATE")

    @row_rule("CRM-RECORD-ID")
    def has_record_id(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["contact_id"].notna()

    class Config:
        name = "contact_record"


class ContractRecord(TableModel):
    """One contract."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    contract_number: Text = column("contract", "null: none that can be used")
    party_named: Flag = flag("CONTRACT-PARTY")
    dates_readable: Flag = flag("CONTRACT-DATE")
    dates_in_order: Flag = flag("CONTRACT-DATES")
    updated_readable: Flag = flag("CONTRACT-UPDATED")
    fee_readable: Flag = flag("CONTRACT-FEE")

    @row_rule("CONTRACT-NUMBER")
    def has_number(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["contract_number"].notna()

    class Config:
        name = "contract_record"


class OrderRecord(TableModel):
    """One order."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    order_number: Text = column("order", "null: none that can be used")
    party_named: Flag = flag("ORDER-PARTY")
    time_readable: Flag = flag("ORDER-TIME")
    amount_readable: Flag = flag("ORDER-AMOUNT")
    items_readable: Flag = flag("ORDER-ITEMS")

    @row_rule("ORDER-NUMBER")
    def has_number(cls, frame: pd.DataFrame) -> pd.Series:
        return frame["order_number"].notna()

    class Config:
        name = "order_record"
