"""Failed records and their rule codes; the record itself stays in raw until quarantine's retention
ends."""

from __future__ import annotations

from schemas.columns import Count, Moment, TableModel, Text, column

OUTCOMES = ("staged", "quarantined", "duplicate")


class Quarantine(TableModel):
    """One row per record (or row of it) and rule that it failed."""

    record_no: Count = column("technical", required=True)
    record_key: Text = column("technical", required=True)
    code: Text = column("technical", "the rule that it failed (docs/rules.md)", required=True)
    scope: Text = column(
        "technical",
        "`record`: nothing of it is staged; `row`: one row of it is not",
        isin=["record", "row"],
    )
    in_table: Text = column(
        "technical", "the canonical table of the row that failed; null: the vendor's record"
    )
    person_key: Text = column(
        "technical", "the person, as in the canonical tables; null: none can be read"
    )
    stated_at: Moment = column("technical", "its earliest statement that can be read (UTC)")
    place: Text = column(
        "technical",
        "of REC-UNEXPECTED: the kind of error, and the place in our code where it was raised",
    )

    class Config:
        name = "quarantine"


class Outcome(TableModel):
    """The outcome of each record of a delivery: the evidence that none is lost."""

    record_no: Count = column("technical", required=True)
    record_key: Text = column("technical", required=True)
    content: Text = column("technical", required=True)
    outcome: Text = column(
        "technical",
        "duplicate: it repeats the record before it of the same key",
        required=True,
        isin=OUTCOMES,
    )

    class Config:
        name = "records"
