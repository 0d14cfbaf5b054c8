"""A canonical row: one statement of one record, whatever the source."""

from __future__ import annotations

from schemas.columns import Count, Moment, TableModel, Text, column


class Statement(TableModel):
    """The columns that every canonical frame has."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    record_key: Text = column("technical", required=True)
    position: Count = column("technical", "order of the statement within its record", required=True)
    person_key: Text = column("technical", "the person of the statement; null: no particular one")
    stated_at: Moment = column("technical", "the time of the statement (UTC)", required=True)
