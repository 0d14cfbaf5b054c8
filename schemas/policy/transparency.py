"""What a notice must say and no other part of the policy shows: the data protection officer,
automated decisions, cookies, and protection by the organisation (GDPR 13, 14, 32; P2, P4, P5.8,
P5.9, P8.1).

Everything is optional: what the controller does not state, the notice leaves out, and the report of
conflicts counts.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.policy.fields import Clause, EMail, Flag, Named, Text, distinct

Address = Annotated[str, Field(pattern=r"^https://[^\s<>\"'`|\\()\[\]]{3,300}$")]
# P8.1: measures of the organisation, which nothing in the product shows.
Measure = Literal["entitled_staff", "personal_accounts", "firewalls", "locked_premises"]


class _Part(BaseModel):
    """A part of the policy file; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Officer(_Part):
    """The data protection officer (GDPR 13(1)(b)): `designated: false` says that there is none."""

    designated: Flag
    email: EMail | None = None


class AutomatedDecisions(_Part):
    """Automated decisions that the policy states (P4): what they identify, and what for.

    `significant`: whether any is made without a person and has legal or similarly significant
    effects (GDPR 22(1)); None where the controller has not stated it.
    """

    clause: Clause
    identify: Named
    used_for: Named
    significant: Flag | None = None


class ThirdParty(_Part):
    """A service of others that sets its own cookies, such as a share button (P5.9)."""

    name: Text
    policy: Address


class Cookies(_Part):
    """Cookies (P5.8, P5.9; 917/2014, 205 §): the controller's own cookie policy, and others' that
    set cookies.
    """

    clause: Clause
    policy: Address | None = None
    third_parties: tuple[ThirdParty, ...] = ()


class Protected(_Part):
    """How the organisation protects the data (P8.1)."""

    clause: Clause
    measures: Annotated[tuple[Measure, ...], AfterValidator(distinct)]


class Transparency(_Part):
    """Of a policy what only its notices need."""

    officer: Officer | None = None
    automated_decisions: AutomatedDecisions | None = None
    cookies: Cookies | None = None
    protection: Protected | None = None
