"""Runs that sensors ask for, tried again when they fail: a bounded number of times, at growing intervals.

Dagster starts no second run under a run key that it has seen, so a failed run would never be repeated
until its files change. The run key here counts the attempts; what was asked for is a tag of the run,
and the sensor's cursor remembers what has not succeeded yet.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import dagster as dg

from pipelines.days import range_tags

ASKED = "register/asked"
# Seconds to wait after the first, second and third attempt; after the last one a person must look.
WAITS = (300, 1800, 7200)
_OVER = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)


@dataclass(frozen=True)
class Ask:
    """A refresh over delivery days: `key` names the work, so that the same work is not asked for twice."""

    key: str
    first: str
    last: str


def requests(context: dg.SensorEvaluationContext, asks: Iterable[Ask]) -> dg.SensorResult:
    """Request a run for each ask, and again for those of earlier ticks whose last run has failed.

    A failed ask over days that a new one covers is left to the new one. An ask that was canceled is
    not repeated: somebody has decided that.
    """
    new = list(asks)
    earlier = [Ask(**one) for one in json.loads(context.cursor or "[]")]
    unfinished = [
        ask
        for ask in earlier
        if _is_unfinished(context.instance, ask)
        and not any(one.first <= ask.first and ask.last <= one.last for one in new)
    ]
    found = [
        request
        for ask in [*new, *unfinished]
        if (request := _request(context.instance, ask)) is not None
    ]
    return dg.SensorResult(
        run_requests=found, cursor=json.dumps([asdict(ask) for ask in [*new, *unfinished]])
    )


def _runs(instance: dg.DagsterInstance, ask: Ask) -> list[dg.RunRecord]:
    """The ask's runs, the latest first."""
    return list(
        instance.get_run_records(dg.RunsFilter(tags={ASKED: ask.key}), limit=len(WAITS) + 2)
    )


def _is_unfinished(instance: dg.DagsterInstance, ask: Ask) -> bool:
    """Whether the last run of the ask has not succeeded, and there are attempts left."""
    runs = _runs(instance, ask)
    if len(runs) > len(WAITS) and runs[0].dagster_run.is_finished:
        return False
    return not runs or runs[0].dagster_run.status not in (
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.CANCELED,
    )


def _request(instance: dg.DagsterInstance, ask: Ask) -> dg.RunRequest | None:
    """The ask's next run; under the run key of the last one while that is not over, which starts none."""
    runs = _runs(instance, ask)
    over = [one for one in runs if one.dagster_run.status in _OVER]
    if len(over) > len(WAITS):
        return None
    if over and len(over) == len(runs):
        ended = over[0].end_time or over[0].update_timestamp.timestamp()
        if time.time() < ended + WAITS[len(over) - 1]:
            return None
    return dg.RunRequest(
        run_key=f"{ask.key}/{len(over)}" if over else ask.key,
        tags={**range_tags(ask.first, ask.last), ASKED: ask.key},
    )
