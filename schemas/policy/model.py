"""The privacy policy as data, read-only. `schemas.policy.loader` reads and checks it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.policy.diagnostics import shown
from schemas.policy.fields import (
    LISTED,
    MAX_LIST,
    MAX_PARTS,
    PARTS,
    Clause,
    Country,
    Currency,
    Day,
    EMail,
    Flag,
    Key,
    Keys,
    Named,
    Pattern,
    Phone,
    Text,
    Whole,
    distinct,
)
from schemas.policy.transparency import Transparency
from schemas.vocabulary import AppliesTo, Basis, Clock, Effect, Language, Mechanism, Right

# Mobile subscriptions are not marketed by telephone (917/2014, 201 §).
MOBILE_BARRED_ON = ("phone",)
# In any currency: below it, an order of a few euros would show that somebody is of age.
LEAST_EVERYDAY_ACT = 50


class Period(BaseModel):
    """A calendar period such as `13 months`.

    Added to a date as the law counts: 31 January + 1 month = 28 or 29 February.
    """

    model_config = ConfigDict(frozen=True)
    count: Annotated[int, Field(ge=0)]
    unit: Literal["days", "months", "years"]

    @classmethod
    def parse(cls, text: object) -> Period:
        """Read `<count> days|months|years`; raises ValueError naming the text."""
        if isinstance(text, Period):
            return text
        words = str(text).split()
        if (
            len(words) != 2
            or not (words[0].isascii() and words[0].isdecimal())
            or words[1] not in ("days", "months", "years")
            or len(words[0]) > 4
        ):
            raise ValueError(
                f"a period is '<count> days|months|years', such as '13 months', not {shown(text)}"
            )
        return cls.model_validate({"count": int(words[0]), "unit": words[1]})

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"

    @property
    def delta(self) -> relativedelta:
        """The period as a difference of dates."""
        return relativedelta(**{self.unit: self.count})  # type: ignore[arg-type]

    def after(self, day: date) -> date:
        """The day on which a clock that started on `day` is over, at most the last calendar day."""
        try:
            return day + self.delta
        except (ValueError, OverflowError):
            return date.max

    def before(self, day: date) -> date:
        """The latest start of a clock that is over on `day`.

        Counted forward, so that month ends are right: the latest date d with d + period <= day.
        """
        try:
            start = day - self.delta
        except (ValueError, OverflowError):
            return date.min
        try:
            while start + timedelta(days=1) + self.delta <= day:
                start += timedelta(days=1)
        except (ValueError, OverflowError):
            return start
        return start


Calendar = Annotated[Period, BeforeValidator(Period.parse)]


class Strict(BaseModel):
    """A part of the policy file; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Controller(Strict):
    """The controller (P1).

    `financial_year_ends` is MM-DD: a statutory clock counts from it (1336/1997, 2:10). `domains`:
    of the mail addresses of those who work for it, which are nobody's in the register.
    """

    name: Text
    address: Text
    phone: Phone
    email: EMail
    financial_year_ends: Annotated[
        str, Field(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")
    ]
    domains: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")], ...] = ()


class Contact(Strict):
    """The contact for data subjects, by role and not by name (P2)."""

    role: Named
    address: Text
    email: EMail


class RegisterName(Strict):
    """The name of the register (P3)."""

    name: Named


class VisitUse(Strict):
    """On what a purpose uses visits to the website (917/2014, 205 §).

    `own_measurement`: it counts all visits, for which it takes no consent, for the `reason` that
    the controller records; everybody who is profiled has consented all the same.
    """

    by: Literal["consent", "own_measurement"]
    reason: Text | None = None


class Product(Strict):
    """What is marketed. `mobile_subscription`: never by telephone (917/2014, 201 §)."""

    name: Named
    mobile_subscription: Flag | None = None


class Minors(Strict):
    """What minors may do alone: acts that are usual and of little significance (442/1999, 24 §).

    `everyday_acts`: currency -> the amount up to which an order is such an act.
    """

    clause: Clause
    everyday_acts: Mapping[Currency, Annotated[Whole, Field(ge=LEAST_EVERYDAY_ACT)]]


class Purpose(Strict):
    """A purpose of processing, its bases and minimum age (P4).

    `duties`: of contact persons of companies that the marketing concerns: duties of
    `schemas/reference/job_titles.csv`, or the words of a job title. `visits`: on what it uses
    visits to the website, if it does.
    """

    name: Named
    clause: Clause
    bases: Annotated[tuple[Basis, ...], Field(min_length=1), AfterValidator(distinct)]
    minimum_age: Annotated[Whole, Field(ge=0, le=120)] = 0
    duties: Annotated[
        tuple[Annotated[Text, Field(pattern=r"^[^\W\d_][\w -]+$")], ...],
        LISTED,
        AfterValidator(distinct),
    ] = ()
    visits: VisitUse | None = None


class Topic(Strict):
    """A topic of interest, and the contents of the website that show it.

    A content is a page's path, the name or piece of what was clicked, or the category of a search;
    `*` stands for any text.
    """

    name: Named
    contents: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=MAX_LIST)]


class Profiling(Strict):
    """The smallest group in a report, and the allow-list of topics of interest (P4)."""

    clause: Clause
    segment_floor: Annotated[Whole, Field(ge=1, le=1_000_000)]
    interests: Annotated[Mapping[str, Topic], Field(max_length=MAX_PARTS)]


class Category(Strict):
    """A category of data: its sources, permitted purposes and retention rules (P5).

    `special` is its Art. 9 condition; data of a category with `stored: false` is dropped at ingest.
    """

    name: Named
    clause: Clause
    sources: Keys = ()
    derived_from: Keys = ()
    purposes: Keys
    retention: Annotated[
        tuple[Annotated[Text, Field(max_length=60)], ...], LISTED, AfterValidator(distinct)
    ]
    mandatory: Flag = False
    special: Literal["explicit_consent"] | None = None
    stored: Flag = True


class SourcePolicy(Strict):
    """A source of data, and its trust in a conflict (P6).

    `subscription`, of a source that delivers people by their identity codes: `all` takes in
    everybody, `known` those that another source has given the code of; the rest is never written.
    """

    name: Named
    clause: Clause
    trust: Annotated[Whole, Field(ge=1, le=1_000)]
    owner: Annotated[str, Field(pattern=r"^team:[a-z_]{1,60}$")]
    third_party: Flag = False
    subscription: Literal["all", "known"] | None = None


class Recipient(Strict):
    """A processor: its country, and the mechanisms of transfers to it (P7; GDPR 44-49).

    `checked` is the day of the last check of the mechanisms. `certified_on`: since when the
    recipient is on the list of the Data Privacy Framework. `organisation` is its name, if the
    policy gives it: a registrant may ask for it (CJEU C-154/21). `approval`: the authority and the
    reference of the approval of its binding corporate rules (GDPR 47).
    """

    name: Named
    organisation: Text | None = None
    clause: Clause
    country: Country
    mechanisms: Annotated[tuple[Mechanism, ...], AfterValidator(distinct)]
    checked: Day
    certified_on: Day | None = None
    approval: Text | None = None
    purposes: Annotated[Keys, Field(min_length=1)]


class Transfers(Strict):
    """For how long a check of a recipient's transfer mechanisms counts (P7; GDPR 24, 44)."""

    clause: Clause
    checked_within: Calendar


class RetentionRule(Strict):
    """A retention rule: clock, period and effect for one kind of data.

    `basis` is the origin of the rule: P policy, L law, A authority, C choice; `source` names the
    statute or the authority.
    """

    applies_to: AppliesTo
    clause: Clause
    clock: Clock
    period: Calendar
    effect: Effect
    basis: Literal["P", "L", "A", "C"]
    source: Text | None = None


class Protection(Strict):
    """The period for which the register's answer on protected identity counts.

    After it, the identity counts as protected.
    """

    clause: Clause
    confirmed_within: Calendar


class RightPolicy(Strict):
    """A right of the registrant (P9).

    `situation_required`: the policy requires a description of the situation.
    """

    clause: Clause
    situation_required: Flag = False


class Requests(Strict):
    """Receipt and handling of requests (P10; GDPR 12(3)).

    `warned_before`: how long before its day a deadline is shown as near. `acknowledged_within`: by
    when a recipient confirms a notice, or is notified again (GDPR 19). `messages_kept`: how long a
    message to a registrant waits to be sent.
    """

    clause: Clause
    channels: Annotated[
        tuple[Literal["written", "in_person", "other"], ...],
        Field(min_length=1),
        AfterValidator(distinct),
    ]
    answered_within: Calendar
    extended_by: Calendar
    warned_before: Calendar
    acknowledged_within: Calendar
    messages_kept: Calendar


class ThirdPartyNotice(Strict):
    """The deadline of a notice to registrants about data that came from others (GDPR 14(3))."""

    clause: Clause
    informed_within: Calendar


class Policy(Strict):
    """The whole policy file. `fingerprint` identifies its content, whatever its layout."""

    version: Text
    time_zone: Text
    country: Country
    languages: Annotated[tuple[Language, ...], Field(min_length=1), AfterValidator(distinct)]
    controller: Controller
    contact: Contact
    register_name: Annotated[RegisterName, Field(alias="register")]
    purposes: Annotated[Mapping[Key, Purpose], PARTS]
    products: Annotated[Mapping[Key, Product], Field(min_length=1, max_length=MAX_PARTS)]
    minors: Minors
    profiles: Profiling
    categories: Annotated[Mapping[Key, Category], PARTS]
    sources: Annotated[Mapping[Key, SourcePolicy], PARTS]
    recipients: Annotated[Mapping[Key, Recipient], PARTS]
    transfers: Transfers = Transfers(clause="P7", checked_within=Period(count=12, unit="months"))
    retention: Annotated[Mapping[str, RetentionRule], PARTS]
    protection: Protection
    rights: Mapping[Right, RightPolicy]
    requests: Requests
    article_14: ThirdPartyNotice
    transparency: Transparency = Transparency()

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def allows(self, category: str, purpose: str) -> bool:
        """Whether data of `category` may be used for `purpose`; false for an unknown category."""
        return category in self.categories and purpose in self.categories[category].purposes

    def marketed_by(self, channel: str) -> tuple[str, ...]:
        """The products that may be marketed on a channel."""
        return tuple(
            name
            for name, product in self.products.items()
            if not (channel in MOBILE_BARRED_ON and product.mobile_subscription)
        )

    @property
    def own_contacts(self) -> tuple[str, ...]:
        """The domains, addresses and numbers of the controller itself."""
        controller = self.controller
        return (*controller.domains, controller.email, self.contact.email, controller.phone)

    def rule(self, applies_to: AppliesTo) -> tuple[str, RetentionRule]:
        """The code and retention rule of a kind of data; there is exactly one for each."""
        return next(
            (code, rule) for code, rule in self.retention.items() if rule.applies_to == applies_to
        )

    def origins(self, category: str) -> set[str]:
        """The sources of a category, through all that it is derived from."""
        return set().union(*(self.categories[name].sources for name in self.derivation(category)))

    def derivation(self, category: str) -> set[str]:
        """The category, and all that it is derived from, directly or indirectly."""
        derivation: set[str] = set()
        waiting = [category]
        while waiting:
            if (name := waiting.pop()) not in derivation and name in self.categories:
                derivation.add(name)
                waiting += self.categories[name].derived_from
        return derivation
