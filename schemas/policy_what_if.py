"""The policy with other periods, for the question "what if": nothing but the periods changes, and the file does not."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import consistency, law
from schemas.policy import Period, Policy
from schemas.policy_text import Fault, unknown


class SupposedError(Exception):
    """What is supposed is no rule of the policy, no period, or not lawful; says which, and what to write instead."""


def supposing(policy: Policy, periods: Mapping[str, str]) -> Policy:
    """The policy with the periods of the rules named by code. Raises SupposedError."""
    changed = {}
    for code, text in periods.items():
        if code not in policy.retention:
            raise SupposedError(_told(unknown((code,), code, policy.retention, "retention rules")))
        try:
            changed[code] = policy.retention[code].model_copy(update={"period": Period.parse(text)})
        except ValueError as error:
            raise SupposedError(f"{code}: {error}") from None
    supposed = policy.model_copy(update={"retention": {**policy.retention, **changed}})
    supposed.__dict__.pop("fingerprint", None)  # worked out anew from what it says now
    if faults := [*consistency.faults(supposed), *law.faults(supposed)]:
        raise SupposedError("; ".join(_told(one) for one in faults))
    return supposed


def _told(fault: Fault) -> str:
    return f"{'.'.join(str(part) for part in fault.where[-2:])}: {fault.problem}; {fault.fix}"
