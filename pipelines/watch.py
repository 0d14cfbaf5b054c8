"""What the watch looks at: everything that a person should hear of, as problems without data.

Each function looks at one kind of thing and knows its problems by keys that begin with its name.
Where one cannot look, that is a problem itself, and what it knew before stays as it was.

Some of it is read by names that Dagster does not document: `PRIVATE` lists them, and a test
compares the installed Dagster with the list.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import median

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.scheduler.instigation import TickStatus

from assets.ingest import deliveries
from assets.rights import workflow
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import DataRoot, delivery_day
from assets.storage.guide import codes_in
from assets.storage.safe_errors import describe
from pipelines.days import last_day
from pipelines.notifications import Problem

PRIVATE: Mapping[str, tuple[str, ...]] = {
    "get_freshness_state_records": ("keys",),
    "all_instigator_state": (),
    "get_ticks": ("origin_id", "selector_id", "limit", "statuses"),
}
# What is looked at itself, so that the checks that count it would say it a second time.
COUNTED_ELSEWHERE = {"nothing_refused", "nothing_overdue", "nothing_due_soon"}
SHOWN_RUNS = timedelta(hours=24)
"""A failed run is sent when a later one has succeeded, too, if it was not longer ago than this."""
FEWEST_DELIVERIES = 4
LATE = 3
"""A source is silent that has delivered nothing for so many times its usual interval, and for
longer than any interval lately: a holiday is not silence twice.
"""


@dataclass(frozen=True)
class Watched:
    """What there is to look at."""

    data_root: DataRoot
    instance: dg.DagsterInstance
    repository: dg.RepositoryDefinition
    now: datetime


@dataclass
class Seen:
    """All problems, and the beginnings of keys of which nothing is known now."""

    problems: list[Problem] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


def look(watched: Watched) -> Seen:
    """Return what is wrong now."""
    seen = Seen()
    for name, looking in LOOKS.items():
        try:
            results = list(looking(watched))
        except Exception as error:  # noqa: BLE001  (what it cannot look at is a problem)
            seen.undecided.append(f"{name}/")
            results = [Problem(f"watch/{name}", f"cannot look at {name}: {describe(error)}")]
        for each in results:
            seen.problems.append(each) if isinstance(each, Problem) else seen.undecided.append(each)
    return seen


def runs(watched: Watched) -> Iterator[Problem]:
    """Yield the last failed run of each job since which none has succeeded, and of the last day."""
    failed = watched.instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=50
    )
    last = {record.dagster_run.job_name: record for record in reversed(failed)}
    for job, record in last.items():
        succeeded = watched.instance.get_run_records(
            dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1
        )
        is_over = bool(succeeded) and succeeded[0].storage_id > record.storage_id
        if is_over and watched.now - record.update_timestamp.astimezone() > SHOWN_RUNS:
            continue
        run_id = record.dagster_run.run_id
        steps, codes = _why(watched.instance, run_id)
        yield Problem(
            key=f"runs/{job}",
            what=f"run {run_id[:8]} of {job}"
            + (f" at {', '.join(steps)}" if steps else "")
            + (f" ({', '.join(codes)})" if codes else "")
            + ("; a later run has succeeded" if is_over else ""),
            version=run_id,
            job=job,
            run_id=run_id,
            steps=tuple(steps),
            page=f"runs/{run_id}",
            is_over=is_over,
        )


def _why(instance: dg.DagsterInstance, run_id: str) -> tuple[list[str], list[str]]:
    """Return the steps that failed in a run, and the rule codes that they name."""
    steps: set[str] = set()
    codes: set[str] = set()
    for record in instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.STEP_FAILURE
    ).records:
        event = record.event_log_entry.dagster_event
        if event is not None and event.step_key:
            steps.add(event.step_key)
            failure = event.step_failure_data.user_failure_data
            codes.update(codes_in(failure.description or "") if failure else ())
    return sorted(steps), sorted(codes)


def checks(watched: Watched) -> Iterator[Problem | str]:
    """Yield the checks with, as their last result, a failure or a warning, with their counts.

    Of one that a run is about to come to nothing is known.
    """
    keys = [
        key
        for key in watched.repository.asset_graph.asset_check_keys
        if key.name not in COUNTED_ELSEWHERE
    ]
    storage = watched.instance.event_log_storage
    for key, record in storage.get_latest_asset_check_execution_by_key(keys).items():
        asset = key.asset_key.to_user_string()
        named = f"checks/{asset}/{key.name}"
        if record.status.value == "PLANNED":
            yield named
        elif record.status.value == "FAILED" and (evaluation := record.evaluation):
            is_warning = evaluation.severity == dg.AssetCheckSeverity.WARN
            counts = [
                f"{name} {value.value}"
                for name, value in evaluation.metadata.items()
                if isinstance(value, dg.IntMetadataValue)
            ]
            yield Problem(
                key=named,
                what=f"check {key.name} of {asset}" + (f": {', '.join(counts)}" if counts else ""),
                version="warning" if is_warning else "failure",
                run_id=record.run_id,
                page=f"assets/{asset}?view=checks",
                is_warning=is_warning,
            )


def freshness(watched: Watched) -> Iterator[Problem]:
    """Yield the groups of assets that are older than their freshness policies allow."""
    graph = watched.repository.asset_graph
    policies = {
        key: graph.get(key).group_name
        for key in graph.get_all_asset_keys()
        if graph.get(key).freshness_policy_or_from_metadata
    }
    states = watched.instance.get_freshness_state_records(list(policies))
    for state, is_warning in ((FreshnessState.FAIL, False), (FreshnessState.WARN, True)):
        stale = [key for key, record in states.items() if record.freshness_state == state]
        for group, count in Counter(policies[key] for key in stale).items():
            yield Problem(
                key=f"freshness/{group}/{state.value}",
                what=f"{count} assets of {group} are older than they may be",
                page=f"asset-groups/{group}",
                is_warning=is_warning,
            )


def ticks(watched: Watched) -> Iterator[Problem]:
    """Yield the sensors and schedules that raised in their last tick."""
    repository = watched.repository
    page = {each.name: "sensors" for each in repository.sensor_defs} | {
        each.name: "schedules" for each in repository.schedule_defs
    }
    ended = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    for state in watched.instance.all_instigator_state():
        name = state.instigator_name
        last = watched.instance.get_ticks(
            state.instigator_origin_id, state.selector_id, limit=1, statuses=ended
        )
        if name in page and last and last[0].status == TickStatus.FAILURE:
            yield Problem(
                key=f"ticks/{name}",
                what=f"{page[name].removesuffix('s')} {name} has raised an error",
                page=f"locations/register/{page[name]}/{name}",
            )


def refusals(watched: Watched) -> Iterator[Problem]:
    """Yield the refused deliveries that wait in the inbox, by source, day and code."""
    known = {source.name for source in SOURCES}
    refused = deliveries.refusals(watched.data_root, known, last_day(watched.data_root))
    counts: Counter[tuple[str, str]] = Counter()
    for place, why in refused:
        where = re.match(r"([a-z_]+)(/\d{4}-\d{2}-\d{2})?", place)
        own = where[0] if where and where[1] in known else "the inbox"
        counts[own, ", ".join(codes_in(why)) or "no code"] += 1
    for (where_refused, code), count in counts.items():
        yield Problem(
            key=f"refusals/{where_refused}/{code}",
            what=f"{count} deliveries of {where_refused} refused: {code}",
            version=str(count),
            is_warning=True,
        )


def requests(watched: Watched) -> Iterator[Problem]:
    """Yield the requests past or near their day, and the notices that were repeated."""
    owed = workflow.owed(watched.data_root, watched.now.date())
    for kind, ids, what, is_warning in (
        ("overdue", owed.overdue, "request {} is past the day by which it must be answered", False),
        ("soon", owed.due_soon, "request {} comes to the day by which it must be answered", True),
        ("notices", owed.notified_again, "notice {} is not acknowledged by its recipient", True),
    ):
        for each in ids:
            yield Problem(f"requests/{kind}/{each}", what.format(each), is_warning=is_warning)


def sources(watched: Watched) -> Iterator[Problem]:
    """Yield the sources that have delivered nothing for much longer than is usual for them."""
    today = watched.now.date()
    for source in SOURCES:
        days = _delivery_days(watched.data_root, source.name)[-30:]
        if len(days) < FEWEST_DELIVERIES:
            continue
        intervals = [(later - earlier).days for earlier, later in pairwise(days)]
        usual = median(intervals)
        if (today - days[-1]).days > max(LATE * usual, *intervals):
            yield Problem(
                key=f"sources/{source.name}",
                what=f"{source.name} has delivered nothing since {days[-1]}; usual are "
                f"{usual:g} days",
                version=str(days[-1]),
                page=f"assets/raw/{source.name}",
                is_warning=True,
            )


def _delivery_days(data_root: DataRoot, source: str) -> list[date]:
    """Return the days with deliveries, by the names of the ledger's folders."""
    folder = data_root.lake / "deliveries" / source
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted(day for name in names if (day := delivery_day(name)))


LOOKS: Mapping[str, Callable[[Watched], Iterator[Problem] | Iterator[Problem | str]]] = {
    looking.__name__: looking
    for looking in (runs, checks, freshness, ticks, refusals, requests, sources)
}
