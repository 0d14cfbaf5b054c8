"""The policy with other periods, for a forecast: only the periods change, and not the file."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.policy import consistency
from schemas.policy import retention_constraints as law
from schemas.policy.diagnostics import Fault, unknown
from schemas.policy.model import Period, Policy


class SupposedError(Exception):
    """The rule is unknown, or the period invalid or unlawful; the message states what to do."""


def supposing(policy: Policy, periods: Mapping[str, str]) -> Policy:
    """The policy with the periods of the rules named by code. Raises SupposedError."""
    changed = {}
    for code, text in periods.items():
        if code not in policy.retention:
            raise SupposedError(
                _message(unknown((code,), code, policy.retention, "retention rules"))
            )
        try:
            changed[code] = policy.retention[code].model_copy(update={"period": Period.parse(text)})
        except ValueError as error:
            raise SupposedError(f"{code}: {error}") from None
    supposed = policy.model_copy(update={"retention": {**policy.retention, **changed}})
    supposed.__dict__.pop("fingerprint", None)  # computed again from the new content
    if faults := [*consistency.faults(supposed), *law.faults(supposed)]:
        raise SupposedError("; ".join(map(_message, faults)))
    return supposed


def _message(fault: Fault) -> str:
    return f"{'.'.join(str(part) for part in fault.where[-2:])}: {fault.problem}; {fault.fix}"
