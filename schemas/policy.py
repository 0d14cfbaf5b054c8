"""The privacy policy as data: read from `policy.yaml`, checked strictly, handed around read-only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from dateutil.relativedelta import relativedelta
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

POLICY_FILE = Path(__file__).with_name("policy.yaml")

Clause = Annotated[str, Field(pattern=r"^P([1-9]|10)(\.[1-9])?$")]
Basis = Literal["consent", "contract", "legal_obligation", "legitimate_interest"]
Effect = Literal["delete", "segregate"]


class Period(BaseModel):
    """A calendar period such as `13 months`; added to a date the way the law counts (31 January + 1 month = 28/29 February)."""

    model_config = ConfigDict(frozen=True)
    count: Annotated[int, Field(ge=0)]
    unit: Literal["days", "months", "years"]

    @classmethod
    def parse(cls, text: object) -> Period:
        """Read `<count> days|months|years`; raises ValueError naming the text."""
        words = str(text).split()
        if len(words) != 2 or not (words[0].isascii() and words[0].isdecimal()) or words[1] not in ("days", "months", "years"):
            raise ValueError(f"a period is '<count> days|months|years', not {text!r}")
        return cls.model_validate({"count": int(words[0]), "unit": words[1]})

    def before(self, day: date) -> date:
        """The last clock start whose period has ended on `day`: a clock that started on or before it is over.

        Counted forward, so that month ends are right: the latest date d with d + period <= day.
        """
        period = relativedelta(**{self.unit: self.count})  # type: ignore[arg-type]
        start = day - period
        while start + timedelta(days=1) + period <= day:
            start += timedelta(days=1)
        return start


class Strict(BaseModel):
    """A part of the policy file: no field more, none less."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Controller(Strict):
    """Who is responsible (P1, P2)."""

    name: str
    address: str
    contact_role: str
    contact: str


class Purpose(Strict):
    """What data is used for, and on which bases (P4)."""

    clause: Clause
    bases: Annotated[tuple[Basis, ...], Field(min_length=1)]


class Category(Strict):
    """A kind of data, and the purposes that may use it (P5)."""

    clause: Clause
    purposes: tuple[str, ...]


class SourcePolicy(Strict):
    """Where data comes from, and how far it is believed (P6)."""

    clause: Clause
    trust: Annotated[int, Field(ge=1)]
    owner: str


class RetentionRule(Strict):
    """How long a kind of data is kept: clock, period, effect, and where the rule comes from."""

    applies_to: str
    clock: str
    period: Annotated[Period, BeforeValidator(Period.parse)]
    effect: Effect
    basis: Literal["P", "L", "A", "C"]


class Policy(Strict):
    """The whole policy file. `fingerprint` identifies the very bytes that were read."""

    version: str
    time_zone: Annotated[str, AfterValidator(lambda name: ZoneInfo(name).key)]
    controller: Controller
    register_name: Annotated[str, Field(alias="register")]
    purposes: Mapping[str, Purpose]
    categories: Mapping[str, Category]
    sources: Mapping[str, SourcePolicy]
    retention: Mapping[str, RetentionRule]

    @model_validator(mode="after")
    def _categories_name_known_purposes(self) -> Policy:
        for name, category in self.categories.items():
            unknown = set(category.purposes) - set(self.purposes)
            if unknown:
                raise ValueError(f"category {name!r} names unknown purposes {sorted(unknown)}; add them under `purposes`")
        return self

    @cached_property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def allows(self, category: str, purpose: str) -> bool:
        """Whether data of `category` may be used for `purpose`; an unknown category may be used for nothing."""
        return category in self.categories and purpose in self.categories[category].purposes


@lru_cache
def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Read and check the policy file; raises pydantic.ValidationError naming the field that is wrong."""
    return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
