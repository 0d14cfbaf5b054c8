"""Retries of runs that sensors request: a bounded number of attempts, at growing intervals.

Dagster starts no second run under a run key that it has seen, so a failed run would never be
repeated until its files change. The run key here counts the attempts; the requested work is a tag
of the run, and the sensor's cursor has the work that has not succeeded yet.
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
_ENDED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)


@dataclass(frozen=True)
class Ask:
    """A refresh over delivery days; the same work has the same `key`, and is requested once."""

    key: str
    first: str
    last: str


def requests(context: dg.SensorEvaluationContext, asks: Iterable[Ask]) -> dg.SensorResult:
    """Request a run for each ask, and again for those of earlier ticks if their last run failed.

    A failed ask is left to a new one that covers its days. An ask that was canceled is not
    repeated: somebody has decided that.
    """
    new = list(asks)
    earlier = [Ask(**values) for values in json.loads(context.cursor or "[]")]
    unfinished = [
        ask
        for ask in earlier
        if _is_unfinished(context.instance, ask)
        and not any(later.first <= ask.first and ask.last <= later.last for later in new)
    ]
    requested = [
        request
        for ask in [*new, *unfinished]
        if (request := _request(context.instance, ask)) is not None
    ]
    return dg.SensorResult(
        run_requests=requested, cursor=json.dumps([asdict(ask) for ask in [*new, *unfinished]])
    )


def _runs(instance: dg.DagsterInstance, ask: Ask) -> list[dg.RunRecord]:
    """Return the ask's runs, latest first."""
    return list(
        instance.get_run_records(dg.RunsFilter(tags={ASKED: ask.key}), limit=len(WAITS) + 2)
    )


def _is_unfinished(instance: dg.DagsterInstance, ask: Ask) -> bool:
    """Return whether the last run of the ask has not succeeded and attempts are left."""
    runs = _runs(instance, ask)
    if len(runs) > len(WAITS) and runs[0].dagster_run.is_finished:
        return False
    return not runs or runs[0].dagster_run.status not in (
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.CANCELED,
    )


def _request(instance: dg.DagsterInstance, ask: Ask) -> dg.RunRequest | None:
    """Return the request for the ask's next run, or None while it has to wait.

    While the last run has not ended, the request has its run key, so that Dagster starts none.
    """
    runs = _runs(instance, ask)
    ended_runs = [run for run in runs if run.dagster_run.status in _ENDED]
    if len(ended_runs) > len(WAITS):
        return None
    if ended_runs and len(ended_runs) == len(runs):
        ended = ended_runs[0].end_time or ended_runs[0].update_timestamp.timestamp()
        if time.time() < ended + WAITS[len(ended_runs) - 1]:
            return None
    return dg.RunRequest(
        run_key=f"{ask.key}/{len(ended_runs)}" if ended_runs else ask.key,
        tags={**range_tags(ask.first, ask.last), ASKED: ask.key},
    )
