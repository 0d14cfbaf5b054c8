"""How far a run is: a bar on a terminal, a line now and then elsewhere, JSON for machines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pipelines.log_lines import is_json, is_quiet, log

SECONDS_BETWEEN_LINES = 10.0
ENDED = ("STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED")
ROWS = "dagster/row_count"


@dataclass
class State:
    """How far a run is; `rows` are those that the assets of its last step have."""

    job: str
    steps: int
    run_id: str
    done: int = 0
    step: str = ""
    rows: int = 0
    started: float = field(default_factory=time.monotonic)

    def take(self, event: Any) -> bool:
        """Take in an event of the run (Dagster's EventLogEntry); return whether a step ended."""
        happened = event.dagster_event
        kind = happened.event_type_value if happened is not None else ""
        if kind == "STEP_START":
            self.step, self.rows = happened.step_key, 0
        elif kind == "ASSET_MATERIALIZATION":
            count = happened.step_materialization_data.materialization.metadata.get(ROWS)
            self.rows += count.value if count is not None else 0
        elif kind in ENDED:
            self.done += 1
        return kind in ENDED

    @property
    def line(self) -> str:
        """Return the last step with its counts."""
        rows = f", {self.rows:,} rows" if self.rows else ""
        return f"{self.job}: step {self.done} of {self.steps}, {self.step}{rows}"


@contextmanager
def shown(job: str, steps: int, run_id: str) -> Iterator[Callable[[Any], None] | None]:
    """Yield what is to be called with each event of a run; None where nothing is to be shown."""
    state = State(job, steps, run_id)
    if is_json():
        yield _json_lines(state)
    elif is_quiet():
        yield None
    elif sys.stderr.isatty():
        with _bar(state) as take:
            yield take
    else:
        yield _lines(state)


def _json_lines(state: State) -> Callable[[Any], None]:
    """Return a listener that prints a line when a step ends."""

    def take(event: Any) -> None:
        if state.take(event):
            log(
                state.line,
                job=state.job,
                run_id=state.run_id,
                step=state.step,
                done=state.done,
                steps=state.steps,
                rows=state.rows,
            )

    return take


def _lines(state: State) -> Callable[[Any], None]:
    """Return a listener that prints a line when a step ends, with some time between two lines."""
    last = state.started

    def take(event: Any) -> None:
        nonlocal last
        if state.take(event) and time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            log(f"{state.line}, {last - state.started:.0f} s")

    return take


@contextmanager
def _bar(state: State) -> Iterator[Callable[[Any], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(state.job, total=state.steps, step="")

        def take(event: Any) -> None:
            state.take(event)
            rows = f" {state.rows:,} rows" if state.rows else ""
            progress.update(task, completed=state.done, step=f"{state.step}{rows}")

        yield take
