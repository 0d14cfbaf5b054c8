"""The register's tables of retention: what has expired, and what is kept without its registrant."""

from __future__ import annotations

from schemas.columns import Amount, Count, Day, Flag, Moment, TableModel, Text, column


class ExpiredRegistrants(TableModel):
    """Identifiers of expired registrants, until the sweep has removed all of their data."""

    rule: Text = column("technical", "code of the retention rule (docs/rules.md)", required=True)
    type: Text = column("technical", required=True)
    value: Text = column("identity_code", required=True)

    class Config:
        name = "departed"


class Expired(TableModel):
    """Expired data, by rule: counts for the UI, the rows for the sweep."""

    rule: Text = column("technical", required=True)
    what: Text = column(
        "technical",
        "contract, order, visit, cookie, credit_report, credit_mark, consent_proof, registrant, "
        "or what of an activity (schemas/activities.py)",
        required=True,
    )
    key: Text = column("technical", "the number or hash of what has expired", required=True)

    class Config:
        name = "expired"


class EventAttendance(TableModel):
    """How many participated in an event: counts only, which stay when the participations go."""

    ended_in: Day = column("participation", "first day of the month of its end", required=True)
    event: Text = column("participation", "`any`: not stated, or merged because so few came")
    status: Text = column("participation", "of the sign-up; `any`: merged, as for the event")
    participants: Count = column("participation", "number of participants", required=True, ge=0)
    closed: Flag = column(
        "technical",
        "all participations of the month are deleted, and none is counted any more",
        required=True,
    )

    class Config:
        name = "event_attendance"


class SegregatedOrders(TableModel):
    """Orders of expired registrants, kept for the accounts until the statutory period ends."""

    order_number: Text = column("order", required=True, unique=True)
    ordered_at: Moment = column("order", required=True)
    status: Text = column("order", required=True)
    amount: Amount = column("order", required=True)
    currency: Text = column("order", required=True)
    items: Count = column("order")
    held_under: Text = column("technical", "the retention rule", required=True)
    held_until: Day = column("technical", "the day of its deletion", required=True)

    class Config:
        name = "segregated_orders"


class SegregatedConsents(TableModel):
    """Proofs of consent of expired registrants, by a hash of the identifier; for claims only."""

    consented: Text = column(
        "marketing_choice", "keyed hash of the identifier that consented", required=True
    )
    purpose: Text = column("marketing_choice", required=True)
    channel: Text = column("marketing_choice", required=True)
    choice: Text = column(
        "marketing_choice", "what was chosen", required=True, isin=["granted", "withdrawn"]
    )
    origin: Text = column("marketing_choice", required=True)
    text_version: Text = column("marketing_choice")
    language: Text = column("marketing_choice")
    evidence: Text = column("marketing_choice")
    stated_at: Moment = column("marketing_choice", "time of the choice (UTC)", required=True)
    relationship_ended_on: Day = column("technical", "the clock's start", required=True)

    class Config:
        name = "segregated_consents"


class VisitsPerMonth(TableModel):
    """Visits per month: counts only, which stay when the visits have been deleted."""

    month: Day = column("website", "its first day", required=True)
    channel: Text = column("website", "`any`: unknown, or merged because so few came this way")
    device_type: Text = column("website", "in Matomo's words; `any`: as for the channel")
    visits: Count = column("website", "number of visits", required=True, ge=0)
    closed: Flag = column(
        "technical",
        "all visits of the month are deleted, and none is counted any more",
        required=True,
    )

    class Config:
        name = "visits_per_month"
