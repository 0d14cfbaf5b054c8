"""Median and 95th percentile of the days from receipt to proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from assets.requests.ledger import Request
from assets.requests.service_level import ServiceLevel, of_erasures

RECEIVED = datetime(2026, 11, 1, tzinfo=UTC)


def closed_after(days: float, right: str = "erasure", outcome: str = "granted") -> Request:
    closed = RECEIVED + timedelta(days=days)
    return Request(
        "Q1",
        right,
        "written",
        RECEIVED.isoformat(),
        state="closed",
        closed_at=closed.isoformat(),
        outcome=outcome,
    )


def test_without_an_erasure_there_is_no_service_level() -> None:
    waiting = Request("Q1", "erasure", "written", RECEIVED.isoformat())
    assert of_erasures([waiting]) == ServiceLevel(0, None, None)
    assert of_erasures([waiting]).as_numbers() == {"erasures": 0}


def test_19_of_20_were_proven_within_the_days_of_95_percent() -> None:
    level = of_erasures(closed_after(days) for days in range(1, 21))
    assert level == ServiceLevel(20, 10.5, 19.0)


def test_refused_requests_and_other_rights_do_not_count() -> None:
    requests = [
        closed_after(2, outcome="partly_refused"),
        closed_after(30, outcome="refused"),
        closed_after(30, right="access"),
    ]
    assert of_erasures(requests) == ServiceLevel(1, 2.0, 2.0)
