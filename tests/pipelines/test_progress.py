"""How far a run is: counts of its steps, as a line now and then, or as JSON for each step."""

from __future__ import annotations

import io
import json
import sys
import uuid

import dagster as dg
import pytest

from pipelines import progress
from pipelines.command_runs import execute_as_location
from pipelines.log_lines import log


@dg.asset
def staged() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 1204})


@dg.asset(deps=[staged])
def register() -> None:
    pass


JOB = dg.Definitions(
    assets=[staged, register],
    jobs=[dg.define_asset_job("refresh", executor_def=dg.in_process_executor)],
).resolve_job_def("refresh")
RUN = str(uuid.UUID(int=1))
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture(scope="module")
def events() -> list[dg.EventLogEntry]:
    """The events of a run of two steps."""
    happened: list[dg.EventLogEntry] = []
    with dg.DagsterInstance.ephemeral() as instance:
        execute_as_location(JOB, instance, RUN, {}, QUIET, listen=happened.append)
    return happened


@pytest.fixture(autouse=True)
def _no_time_between_two_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)


def show(events: list[dg.EventLogEntry]) -> None:
    with progress.shown("refresh", 2, RUN) as take:
        for event in events if take else ():
            take(event)


def test_lines_name_the_step_and_its_counts(
    events: list[dg.EventLogEntry],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REGISTER_LOG")
    show(events)
    assert capsys.readouterr().err.splitlines() == [
        "refresh: step 1 of 2, staged, 1,204 rows, 0 s",
        "refresh: step 2 of 2, register, 0 s",
    ]


def test_short_work_prints_no_line(
    events: list[dg.EventLogEntry],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("REGISTER_LOG")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 10.0)
    show(events)
    assert capsys.readouterr().err == ""


def test_machines_get_each_step_as_json(
    events: list[dg.EventLogEntry],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REGISTER_LOG", "json")
    show(events)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert {key: first[key] for key in ("step", "done", "steps", "rows", "run_id", "level")} == {
        "step": "staged",
        "done": 1,
        "steps": 2,
        "rows": 1204,
        "run_id": RUN,
        "level": "info",
    }
    assert second["done"] == 2


def test_a_terminal_has_a_bar_that_goes_when_it_is_done(
    events: list[dg.EventLogEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGISTER_LOG")
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    show(events)
    assert "refresh" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()


def test_quiet_prints_errors_only(
    events: list[dg.EventLogEntry],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REGISTER_LOG", "quiet")
    show(events)
    log("waiting")
    log("failed", "error")
    assert capsys.readouterr().err == "failed\n"
