"""Who may be in which mart, as a slow reference: plain Python over one registrant's rows, written
from the decision page.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.policy.model import Policy

Row = dict[str, Any]
# Of the titles of `random_register`, those whose duties the policy's marketing concerns.
WITH_DUTIES = ("Ostaja", "IT-hankintapäällikkö", "Ostopäällikkö", "CEO", "Senior Marketing Lead")
ZONE = ZoneInfo("Europe/Helsinki")


@dataclass
class Person:
    """A registrant with all that the register holds of them."""

    row: Row
    contracts: list[Row]
    orders: list[Row]
    visits: list[Row]
    credit: list[Row]
    words: list[Row]
    sources: dict[str, str]


def day_of(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def years_later(day: date, years: int) -> date:
    """Who is born on 29 February is of age on 1 March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def latest_birth(row: Row) -> date | None:
    known = []
    code = row["identity_code"]
    if code:
        century = {"+": 1800, "-": 1900, "A": 2000}[code[6]]
        known.append(date(century + int(code[4:6]), int(code[2:4]), int(code[:2])))
    born, precision = row["birth_date"], row["birth_date_precision"]
    if born and precision == "year":
        known.append(date(born.year, 12, 31))
    elif born and precision == "month":
        known.append(date(born.year, born.month, monthrange(born.year, born.month)[1]))
    elif born and precision != "unknown":
        known.append(born)
    return max(known, default=None)


def in_force(contract: Row, today: date) -> bool:
    return (
        contract["status"] == "active"
        and contract["starts_on"] <= today
        and (contract["ends_on"] is None or contract["ends_on"] >= today)
    )


def heard(
    person: Person, choice: str, purposes: set[str], channels: set[str] | None = None
) -> list[Row]:
    return [
        word
        for word in person.words
        if word["holds"]
        and word["choice"] == choice
        and word["purpose"] in purposes
        and (channels is None or word["channel"] in channels)
    ]


def consents(person: Person, purpose: str, channel: str) -> list[Row]:
    if purpose == "direct_marketing":
        return heard(person, "granted", {purpose}, {channel, "all"})
    if purpose == "targeted_advertising":
        given = heard(
            person,
            "granted",
            {purpose},
            {"all", "email"} if channel == "email" else {"all", "phone", "sms"},
        )
        return [
            event
            for event in given
            if event["subject_type"] != "visitor_id" and event["origin"] != "consents:tcf2"
        ]
    return []


def allowed(person: Person, purpose: str, channel: str, policy: Policy, today: date) -> bool:
    """Whether the registrant may be in the purpose's mart, on the channel."""
    return may_come_in(person, purpose, channel, policy, today) and not must_stay_out(
        person, purpose, channel, policy, today
    )


def may_come_in(  # noqa: PLR0911  (a case a line)
    person: Person,
    purpose: str,
    channel: str,
    policy: Policy,
    today: date,
) -> bool:
    row, bases = person.row, policy.purposes[purpose].bases
    contract_now = any(in_force(contract, today) for contract in person.contracts)
    related = bool(
        row["customer_number"] or row["email"] or row["phone"] or person.contracts or person.orders
    )
    if purpose == "contracts":
        return "contract" in bases and bool(person.contracts)
    if purpose == "legal_claims":
        return "legitimate_interest" in bases and bool(person.contracts or person.orders)
    if purpose == "credit_decision":
        return bool(person.credit) and (
            "legitimate_interest" in bases or ("contract" in bases and contract_now)
        )
    if purpose in ("customer_care", "products_and_services", "analytics"):
        by_contract = "contract" in bases and contract_now and purpose != "analytics"
        consented = {about for visit in person.visits for about in visit["consented"]}
        visited = purpose in consented or (purpose == "analytics" and "profiling" in consented)
        return (
            by_contract
            or ("legitimate_interest" in bases and related)
            or ("consent" in bases and visited)
        )
    if "consent" in bases and consents(person, purpose, channel):
        return True
    if purpose == "targeted_advertising" or "legitimate_interest" not in bases:
        return False
    return marketed_without_consent(
        person, channel, contract_now=contract_now, related=related, policy=policy, today=today
    )


def marketed_without_consent(
    person: Person, channel: str, *, contract_now: bool, related: bool, policy: Policy, today: date
) -> bool:
    row = person.row
    if row["company_name"]:
        if not (row["given_names"] or row["family_name"] or row["call_name"]):
            return True
        return row["job_title"] in WITH_DUTIES
    if channel in ("phone", "post"):
        return related
    recent = [
        order
        for order in person.orders
        if order["status"] in ("placed", "delivered")
        and day_of(order["ordered_at"]) <= today < years_later(day_of(order["ordered_at"]), 3)
    ]
    return person.sources[channel if channel == "email" else "phone"] == "crm" and bool(
        contract_now or recent
    )


def must_stay_out(  # noqa: PLR0911  (a case a line)
    person: Person,
    purpose: str,
    channel: str,
    policy: Policy,
    today: date,
) -> bool:
    row = person.row
    if (
        heard(person, "restricted", {word["purpose"] for word in person.words})
        and purpose != "legal_claims"
    ):
        return True
    if purpose in ("contracts", "legal_claims"):
        return False
    marketed = purpose in ("direct_marketing", "targeted_advertising")
    if (row["deceased"] or row["death_date"]) and purpose != "customer_care":
        return True
    if row["protected"] and (marketed or purpose in ("analytics", "products_and_services")):
        return True
    if policy.purposes[purpose].minimum_age and too_young(
        person, policy.purposes[purpose].minimum_age, today
    ):
        return True
    if purpose in ("analytics", "targeted_advertising") and heard(
        person, "review_requested", {word["purpose"] for word in person.words}
    ):
        return True
    if marketed and not row[{"email": "email", "post": "street"}.get(channel, "phone")]:
        return True
    if marketed and forbidden_by_flag(person, purpose, channel):
        return True
    if purpose in ("customer_care", "credit_decision") and any(
        in_force(contract, today) for contract in person.contracts
    ):
        return False
    return refused(person, purpose, channel)


def too_young(person: Person, age: int, today: date) -> bool:
    born = latest_birth(person.row)
    if born:
        return years_later(born, age) > today
    return not (
        person.row["company_name"]
        or any(contract["status"] != "cancelled" for contract in person.contracts)
        or any(
            order["status"] != "cancelled" and order["currency"] == "EUR" and order["amount"] > 200
            for order in person.orders
        )
    )


def forbidden_by_flag(person: Person, purpose: str, channel: str) -> bool:
    registered = person.sources["address"] == "population_register"
    if purpose == "targeted_advertising":
        return bool(heard(person, "prohibited", {"contact_disclosure"}))
    return (
        channel == "post"
        and registered
        and bool(heard(person, "prohibited", {"contact_disclosure", "customer_register_update"}))
    )


def refused(person: Person, purpose: str, channel: str) -> bool:
    for choice in ("withdrawn", "prohibited", "objected"):
        about = {purpose}
        if purpose in ("analytics", "targeted_advertising"):
            about.add("profiling")
        if purpose != "targeted_advertising":
            about.add("legitimate_interest")
        if purpose == "direct_marketing":
            if heard(person, choice, {purpose}, {channel, "all"}) or heard(
                person, choice, {"legitimate_interest"}
            ):
                return True
        elif heard(person, choice, about):
            return True
    if purpose == "targeted_advertising":
        by = {"all", "web", *({"email"} if channel == "email" else {"phone", "sms"})}
        return any(
            heard(person, choice, {"direct_marketing"}, by)
            for choice in ("withdrawn", "prohibited", "objected")
        )
    return purpose == "analytics" and bool(heard(person, "objected", {"direct_marketing"}, {"all"}))
