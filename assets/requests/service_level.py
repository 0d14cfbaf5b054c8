"""How long erasures take from receipt to proof."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from statistics import median

from assets.requests.ledger import Request
from schemas.requests import PARTLY_REFUSED

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class ServiceLevel:
    """Days from receipt to proof of the erasures that were carried out; None while there is
    none.
    """

    erasures: int
    median_days: float | None
    days_of_95_percent: float | None

    def as_numbers(self) -> dict[str, float]:
        """Return what there is, by name, for plots."""
        return {name: value for name, value in vars(self).items() if value is not None}


def is_erased(request: Request) -> bool:
    """Whether the request is an erasure that was carried out: closed as its certificate was
    issued.
    """
    carried_out = request.outcome in ("granted", PARTLY_REFUSED)
    return request.right == "erasure" and bool(request.closed_at) and carried_out


def of_erasures(requests: Iterable[Request]) -> ServiceLevel:
    """Return the service level of requests; those refused, and other rights, are left out."""
    days = sorted(
        (datetime.fromisoformat(closed) - datetime.fromisoformat(request.received_at)) / _DAY
        for request in requests
        if is_erased(request) and (closed := request.closed_at)
    )
    if not days:
        return ServiceLevel(0, None, None)
    return ServiceLevel(
        len(days), round(median(days), 2), round(days[ceil(len(days) * 0.95) - 1], 2)
    )
