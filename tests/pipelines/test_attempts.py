"""A run that a sensor asked for and that failed is tried again, a bounded number of times, at
growing intervals.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id

from pipelines import attempts
from pipelines.attempts import ASKED, WAITS, Ask

ASK = Ask("2026-11-20/abc", "2026-11-20", "2026-11-20")
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds to add to the time."""
    later = [0.0]
    now = attempts.time.time
    monkeypatch.setattr(attempts.time, "time", lambda: now() + later[0])
    return later


class Daemon:
    """Ticks of a sensor, and the runs that Dagster starts: none under a run key that it has
    seen.
    """

    def __init__(self, instance: dg.DagsterInstance, clock: list[float]) -> None:
        self.instance, self.clock = instance, clock
        self.cursor: str | None = None
        self.keys: list[str] = []

    def tick(self, *asks: Ask, ends: dg.DagsterRunStatus = FAILURE) -> int:
        """How many runs are started; each ends at once."""
        with dg.build_sensor_context(self.instance, cursor=self.cursor) as context:
            result = attempts.requests(context, asks)
        self.cursor = result.cursor
        new = [request for request in result.run_requests or [] if request.run_key not in self.keys]
        for request in new:
            self.keys.append(str(request.run_key))
            run = dg.DagsterRun(
                "refresh", run_id=make_new_run_id(), tags=dict(request.tags), status=ends
            )
            self.instance.add_run(run)
        return len(new)


@pytest.fixture
def daemon(instance: dg.DagsterInstance, clock: list[float]) -> Daemon:
    return Daemon(instance, clock)


def test_a_failed_run_is_tried_again_without_a_new_file(daemon: Daemon, clock: list[float]) -> None:
    assert daemon.tick(ASK) == 1
    assert daemon.tick() == 0
    clock[0] += WAITS[0] + 1
    assert daemon.tick(ends=SUCCESS) == 1
    clock[0] += WAITS[-1] + 1
    assert daemon.tick() == 0
    assert daemon.cursor == "[]"


def test_attempts_end(daemon: Daemon, clock: list[float]) -> None:
    """A run per attempt, however often the sensor looks."""
    daemon.tick(ASK)
    started = 0
    for _ in range(200):
        clock[0] += 600
        started += daemon.tick()
    assert started == len(WAITS)
    assert daemon.cursor == "[]"


def test_work_that_stays_undone_is_not_asked_for_forever(
    daemon: Daemon, clock: list[float]
) -> None:
    """Though each run ends well, and the same work is found at each look."""
    for _ in range(200):
        clock[0] += 600
        daemon.tick(ASK, ends=SUCCESS)
    assert len(daemon.keys) == 1 + len(WAITS)


def test_intervals_grow(daemon: Daemon, clock: list[float]) -> None:
    assert list(WAITS) == sorted(WAITS)
    daemon.tick(ASK)
    clock[0] += WAITS[0] + 1
    assert daemon.tick() == 1
    clock[0] += WAITS[0] + 1
    assert daemon.tick() == 0


def test_a_run_that_goes_on_or_was_canceled_is_not_started_twice(
    daemon: Daemon, clock: list[float]
) -> None:
    daemon.tick(ASK, ends=dg.DagsterRunStatus.STARTED)
    clock[0] += WAITS[-1]
    assert daemon.tick(ASK) == 0
    other = Ask("other", "2026-11-21", "2026-11-21")
    daemon.tick(other, ends=dg.DagsterRunStatus.CANCELED)
    clock[0] += WAITS[-1]
    assert daemon.tick() == 0


def test_what_failed_is_left_to_a_new_ask_that_covers_its_days(
    daemon: Daemon, clock: list[float]
) -> None:
    daemon.tick(ASK)
    clock[0] += WAITS[-1]
    new = Ask("2026-11-19/def", "2026-11-19", "2026-11-20")
    assert daemon.tick(new, ends=SUCCESS) == 1
    assert daemon.instance.get_runs(dg.RunsFilter(tags={ASKED: new.key}))
    clock[0] += WAITS[-1]
    assert daemon.tick() == 0
