"""Refusals that outlive the person: what is kept of prohibitions, objections and withdrawals."""

from __future__ import annotations

from schemas.columns import Day, Moment, TableModel, Text, column

LASTING = ("prohibited", "objected", "withdrawn")
"""The choices that outlive the person. Restrictions and requests for review concern data that is
there; a grant is kept as a proof only.
"""


class LastingRefusals(TableModel):
    """Refusals of registrants who have left, by a keyed hash; in `requests/refusals.parquet`."""

    token: Text = column(
        "marketing_choice", "keyed hash of an identifier or contact point", required=True
    )
    refusal: Text = column(
        "technical", "the same for all hashes of one refusal of one person", required=True
    )
    purpose: Text = column("marketing_choice", required=True)
    channel: Text = column("marketing_choice", required=True)
    choice: Text = column("marketing_choice", required=True, isin=list(LASTING))
    origin: Text = column("marketing_choice", required=True)
    stated_at: Moment = column("marketing_choice", required=True)
    kept_since: Day = column("technical", "the day on which the person left", required=True)

    class Config:
        name = "refusals"
