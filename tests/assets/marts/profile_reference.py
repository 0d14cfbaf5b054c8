"""Profiles worked out slowly, from the rules' words alone: one registrant at a time, one day at a
time, in plain Python.
"""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

HELSINKI = ZoneInfo("Europe/Helsinki")


@dataclass(frozen=True)
class Visit:
    started_at: datetime
    actions: int = 1
    clicks: int = 0


@dataclass(frozen=True)
class Order:
    number: str
    ordered_at: datetime
    amount: Decimal
    currency: str = "EUR"
    status: str = "delivered"


@dataclass(frozen=True)
class Person:
    """What the register has on a registrant, as far as profiles go."""

    registrant_id: str
    birth_date: date | None = None
    precision: str | None = None
    language: str | None = None
    municipality: str | None = None
    has_contract: bool = False
    visits: tuple[Visit, ...] = ()
    orders: tuple[Order, ...] = ()
    interests: dict[str, tuple[int, date]] = field(default_factory=dict)
    eligible: bool = True

    @property
    def connected(self) -> bool:
        return self.has_contract or bool(self.visits) or bool(self.orders)


def age(born: date, today: date) -> int:
    """Birthdays lived through; the 29 February that a year lacks is its 1 March."""
    lived = 0
    for year in range(born.year + 1, today.year + 1):
        leapless = (born.month, born.day) == (2, 29) and not calendar.isleap(year)
        lived += (date(year, 3, 1) if leapless else date(year, born.month, born.day)) <= today
    return lived if born <= today else -1


def band(years: int) -> str | None:
    if years < 18:
        return None
    if years >= 75:
        return "75+"
    if years < 25:
        return "18-24"
    lowest = 25 + (years - 25) // 10 * 10
    return f"{lowest}-{lowest + 9}"


def age_band(person: Person, today: date) -> str | None:
    if person.birth_date is None or person.precision not in ("day", "month", "year"):
        return None
    day, possible = date(person.birth_date.year, 1, 1), set()
    while day.year == person.birth_date.year:
        fits = {
            "day": day == person.birth_date,
            "month": day.month == person.birth_date.month,
            "year": True,
        }[person.precision]
        if fits:
            possible.add(band(age(day, today)))
        day += timedelta(days=1)
    return possible.pop() if len(possible) == 1 else None


def local(moment: datetime) -> date:
    return moment.astimezone(HELSINKI).date()


def engagement(person: Person, today: date) -> str | None:
    seen = [visit for visit in person.visits if local(visit.started_at) <= today]
    recent = [visit for visit in seen if (today - local(visit.started_at)).days < 180]
    visits, actions, clicks = (
        len(recent),
        sum(visit.actions for visit in recent),
        sum(visit.clicks for visit in recent),
    )
    if not seen:
        return None
    if visits >= 8 or actions >= 40 or clicks >= 4:
        return "high"
    if visits >= 3 or actions >= 12 or clicks >= 1:
        return "medium"
    return "low" if visits else "lapsed"


def consumption(person: Person, today: date) -> dict[str, str]:
    counted = [
        order
        for order in person.orders
        if order.status in ("placed", "delivered")
        and 0 <= (today - local(order.ordered_at)).days < 730
    ]
    bought = [order for order in counted if order.amount > 0]
    if not bought:
        return {}
    latest = max(bought, key=lambda order: (order.ordered_at, order.number))
    days = min((today - local(order.ordered_at)).days for order in bought)
    recency = (
        "within 30 days"
        if days <= 30
        else "31 to 90 days"
        if days <= 90
        else "91 to 365 days"
        if days <= 365
        else "over 365 days"
    )
    number = len(bought)
    frequency = (
        "1"
        if number == 1
        else "2 to 4"
        if number <= 4
        else "5 to 9"
        if number <= 9
        else "10 or more"
    )
    total = sum(
        (order.amount for order in counted if order.currency == latest.currency), Decimal(0)
    )
    characteristics = {"recency": recency, "frequency": frequency}
    if latest.currency in ("EUR", "SEK") and total >= 0:
        step = 1 if latest.currency == "EUR" else 10
        limits = [100 * step, 500 * step, 2000 * step]
        names = [
            f"under {limits[0]}",
            f"{limits[0]} to under {limits[1]}",
            f"{limits[1]} to under {limits[2]}",
            f"{limits[2]}",
        ]
        name = names[sum(total >= limit for limit in limits)]
        characteristics["amount"] = f"{name} {latest.currency}" + (
            " or more" if total >= limits[2] else ""
        )
    return characteristics


def valued(person: Person, today: date) -> set[tuple[str, str]]:
    """(attribute, value) of one registrant, before anything is withheld."""
    single = {
        "age_band": age_band(person, today),
        "language": person.language,
        "municipality": person.municipality,
        "engagement": engagement(person, today),
        **consumption(person, today),
    }
    topics = {("interest", topic) for topic, (times, _) in person.interests.items() if times >= 2}
    return {(attribute, value) for attribute, value in single.items() if value is not None} | topics


def published(sizes: dict[str, int], without: int, floor: int) -> set[str]:
    """Of the values of one attribute, those that are disclosed: hide the small, and the next
    smallest, until two floors are hidden.
    """
    small = {value for value, size in sizes.items() if size < floor}
    hidden = set(small)
    if small or 0 < without < floor:
        for size in sorted(set(sizes.values())):
            if sum(sizes[value] for value in sizes if sizes[value] < size) < 2 * floor:
                hidden |= {value for value in sizes if sizes[value] == size}
    return set(sizes) - hidden


def profiles(
    people: Iterable[Person], today: date, floor: int
) -> tuple[set[tuple[str, str, str]], dict[tuple[str, str], int]]:
    """What the mart tells: (registrant, attribute, value), and the size of each (attribute,
    value).
    """
    analysed = [person for person in people if person.eligible and person.connected]
    has = {person.registrant_id: valued(person, today) for person in analysed}
    sizes = Counter(pair for pairs in has.values() for pair in pairs)
    by_attribute: dict[str, dict[str, int]] = defaultdict(dict)
    for (attribute, value), size in sizes.items():
        by_attribute[f"{attribute}/{value}" if attribute == "interest" else attribute][value] = size
    disclosed = {
        (attribute.split("/")[0], value)
        for attribute, parts in by_attribute.items()
        for value in published(parts, len(analysed) - sum(parts.values()), floor)
    }
    return {(who, *pair) for who, pairs in has.items() for pair in pairs if pair in disclosed}, {
        pair: sizes[pair] for pair in disclosed
    }
