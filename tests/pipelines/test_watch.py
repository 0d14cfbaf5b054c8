"""The watch sees what is wrong in Dagster and in the data root, and says nothing personal of it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo

from assets.ingest.deliveries import refuse, waiting
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from pipelines import watch
from pipelines.notifications import Problem
from pipelines.sensors import watch_sensor
from pipelines.watch import Seen, Watched
from schemas.delivery import RefusedDeliveryError
from tests.support.deliveries import csv, put
from tests.support.webhook import webhook

PERSONAL = "Maija Esimerkki 010190-900A"
KEY = dg.AssetKey(["staged", "crm"])


@dg.op
def stage_crm(context) -> None:
    if "fails" in context.run.tags:
        raise dg.Failure(f"FILE-MISSING: lake/staged/crm ({PERSONAL}, AINO-TESTI)")


@dg.job
def refresh() -> None:
    stage_crm()


@dg.asset(
    key=KEY,
    group_name="staged",
    check_specs=[dg.AssetCheckSpec("conservation", asset=KEY)],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=1)),
)
def staged(context) -> Iterator[object]:
    yield dg.MaterializeResult()
    severity = context.run.tags.get("severity")
    yield dg.AssetCheckResult(
        check_name="conservation",
        passed=severity is None,
        severity=dg.AssetCheckSeverity[severity or "ERROR"],
        description=PERSONAL,
        metadata={"lost_by_key": 3, "who": PERSONAL},
    )


@dg.sensor(job=refresh)
def inbox_sensor() -> None:
    pass


REPOSITORY = dg.Definitions(
    assets=[staged], jobs=[refresh], sensors=[inbox_sensor]
).get_repository_def()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("instance"))) as made:
        yield made


@pytest.fixture
def instance(shared: dg.DagsterInstance) -> dg.DagsterInstance:
    shared.run_storage.wipe()
    shared.event_log_storage.wipe()
    shared.schedule_storage.wipe()  # type: ignore[union-attr]
    return shared


@pytest.fixture
def watched(
    data_root: DataRoot, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Watched:
    monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
    return Watched(data_root, instance, REPOSITORY, datetime.now(data_root.policy.zone))


def ran(instance: dg.DagsterInstance, **tags: str) -> str:
    return refresh.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id


def ticked(instance: dg.DagsterInstance, status: TickStatus) -> None:
    """The sensor of the repository has ticked, as the daemon records it."""
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("register"), "__repository__"),
        "inbox_sensor",
    )
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE)
    if not instance.all_instigator_state():
        instance.add_instigator_state(state)
    at = time.time()
    instance.create_tick(
        TickData(
            state.instigator_origin_id,
            "inbox_sensor",
            InstigatorType.SENSOR,
            status,
            at,
            selector_id=state.selector_id,
            error=SerializableErrorInfo(PERSONAL, [], "KeyError")
            if status == TickStatus.FAILURE
            else None,
        )
    )


def became(instance: dg.DagsterInstance, state: FreshnessState) -> None:
    instance._report_runless_asset_event(
        FreshnessStateChange(
            key=KEY,
            previous_state=FreshnessState.PASS,
            new_state=state,
            state_change_timestamp=time.time(),
        )
    )


def whats(problems: Iterator[Problem | str]) -> list[str]:
    return [each.what if isinstance(each, Problem) else each for each in problems]


def test_the_installed_dagster_has_what_it_builds_on() -> None:
    """Fails when an upgrade renames or reshapes what `PRIVATE` lists: look at watch.py."""
    for name, parameters in watch.PRIVATE.items():
        method = inspect.signature(getattr(dg.DagsterInstance, name))
        assert set(parameters) <= set(method.parameters)


class TestRuns:
    def test_a_failed_one_is_named_with_its_step_and_its_code(self, watched: Watched) -> None:
        ran(watched.instance)
        run_id = ran(watched.instance, fails="yes")
        [problem] = watch.runs(watched)
        assert problem.what == f"run {run_id[:8]} of refresh at stage_crm (FILE-MISSING)"
        assert (problem.job, problem.run_id, problem.steps) == ("refresh", run_id, ("stage_crm",))
        assert problem.page == f"runs/{run_id}"
        assert not problem.is_over

    def test_one_of_today_is_over_when_a_later_one_has_succeeded(self, watched: Watched) -> None:
        run_id = ran(watched.instance, fails="yes")
        ran(watched.instance)
        [problem] = watch.runs(watched)
        assert (problem.version, problem.is_over) == (run_id, True)
        later = Watched(
            watched.data_root, watched.instance, REPOSITORY, watched.now + timedelta(hours=25)
        )
        assert list(watch.runs(later)) == []

    def test_the_last_failure_of_a_job_counts(self, watched: Watched) -> None:
        ran(watched.instance, fails="yes")
        run_id = ran(watched.instance, fails="yes")
        assert [problem.version for problem in watch.runs(watched)] == [run_id]


class TestChecks:
    def materialized(self, instance: dg.DagsterInstance, **tags: str) -> None:
        dg.materialize([staged], instance=instance, tags=tags, raise_on_error=False)

    @pytest.mark.parametrize("severity", ["ERROR", "WARN"])
    def test_a_failed_one_is_named_with_its_counts(self, watched: Watched, severity: str) -> None:
        self.materialized(watched.instance, severity=severity)
        [problem] = watch.checks(watched)
        assert isinstance(problem, Problem)
        assert problem.what == "check conservation of staged/crm: lost_by_key 3"
        assert problem.is_warning == (severity == "WARN")
        self.materialized(watched.instance)
        assert list(watch.checks(watched)) == []

    def test_of_one_that_a_run_is_about_to_come_to_nothing_is_known(self, watched: Watched) -> None:
        self.materialized(watched.instance, severity="ERROR")
        job = REPOSITORY.get_implicit_asset_job_names()[0]
        watched.instance.create_run_for_job(REPOSITORY.get_job(job))
        assert list(watch.checks(watched)) == ["checks/staged/crm/conservation"]


def test_stale_assets_are_counted_by_their_group(watched: Watched) -> None:
    became(watched.instance, FreshnessState.FAIL)
    assert whats(watch.freshness(watched)) == ["1 assets of staged are older than they may be"]
    became(watched.instance, FreshnessState.PASS)
    assert list(watch.freshness(watched)) == []


def test_a_sensor_that_raises_is_named_until_it_ticks_again(watched: Watched) -> None:
    ticked(watched.instance, TickStatus.FAILURE)
    ticked(watched.instance, TickStatus.STARTED)
    assert whats(watch.ticks(watched)) == ["sensor inbox_sensor has raised an error"]
    ticked(watched.instance, TickStatus.SKIPPED)
    assert list(watch.ticks(watched)) == []


def test_refused_deliveries_are_counted_by_source_day_and_code(watched: Watched) -> None:
    rows = csv([{"order_number": "1"}])
    for name in ("maija-esimerkki.csv", "other.csv"):
        put(watched.data_root, "crm", "2026-11-03", "orders", rows, 1, name=name)
    for item in waiting(watched.data_root, "crm"):
        refuse(watched.data_root, item, RefusedDeliveryError("DEL-SIZE"))
    (watched.data_root.inbox / "maija-esimerkki").mkdir()
    assert whats(watch.refusals(watched)) == [
        "2 deliveries of crm/2026-11-03 refused: DEL-SIZE",
        "1 deliveries of the inbox refused: DEL-SOURCE",
    ]


def test_requests_past_and_near_their_day_are_named_by_id(watched: Watched) -> None:
    today = watched.now.date()
    ids = [
        ledger.receive(
            watched.data_root,
            "access",
            "written",
            [f"customer_number:C000000{days}"],
            watched.now + timedelta(seconds=days),
            received=today - timedelta(days=days),
        )
        for days in (2, 40)
    ]
    [problem] = watch.requests(watched)
    assert problem.what == f"request {ids[1]} is past the day by which it must be answered"
    assert not problem.is_warning


@pytest.mark.parametrize(
    ("days_ago", "before", "is_silent"),
    [
        (3, (0, 1, 2, 3, 4), False),
        (4, (0, 1, 2, 3, 4), True),
        (4, (0, 1, 2, 7, 8), False),
        (6, (0, 1, 2, 7, 8), True),
        (300, (0, 1, 2), False),
    ],
)
def test_a_source_is_silent_after_three_times_its_usual_and_any_interval_lately(
    watched: Watched, days_ago: int, before: tuple[int, ...], *, is_silent: bool
) -> None:
    for earlier in before:
        day = watched.now.date() - timedelta(days=days_ago + earlier)
        (watched.data_root.lake / "deliveries" / "crm" / str(day)).mkdir(parents=True)
    assert bool(list(watch.sources(watched))) == is_silent


def test_what_it_cannot_look_at_is_a_problem_and_the_rest_is_looked_at(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Watched) -> Iterator[Problem]:
        raise KeyError(PERSONAL)

    monkeypatch.setattr(watch, "LOOKS", {**watch.LOOKS, "requests": broken})
    ran(watched.instance, fails="yes")
    seen: Seen = watch.look(watched)
    assert seen.undecided == ["requests/"]
    assert [problem.key for problem in seen.problems] == ["runs/refresh", "watch/requests"]
    assert PERSONAL not in repr(seen)


def test_the_sensor_notifies_of_everything_without_a_personal_value(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(watched.instance, fails="yes")
    dg.materialize([staged], instance=watched.instance, tags={"severity": "ERROR"})
    became(watched.instance, FreshnessState.FAIL)
    ticked(watched.instance, TickStatus.FAILURE)
    monkeypatch.setenv("REGISTER_UI_URL", "http://ui")
    with webhook() as received:
        monkeypatch.setenv("REGISTER_NOTIFY", received.url)
        monkeypatch.setenv("REGISTER_HEARTBEAT_URL", received.ping_url)
        context = dg.build_sensor_context(instance=watched.instance, repository_def=REPOSITORY)
        for _ in range(3):
            skipped = watch_sensor(context)
            assert isinstance(skipped, dg.SkipReason)
            assert skipped.skip_message == "4 problems; all channels are notified"
        [message] = received.posted
        assert len(received.pings) == 3
        ran(watched.instance)
        became(watched.instance, FreshnessState.PASS)
        dg.materialize([staged], instance=watched.instance)
        ticked(watched.instance, TickStatus.SKIPPED)
        watch_sensor(context)
        assert [each["title"] for each in received.posted[1:]] == ["register: 4 recovered"]
    assert message["title"] == "register: 4 new"
    lines = message["message"].splitlines()
    assert [line.split(" http://ui/")[0] for line in lines[1:]] == [
        "Failed: check conservation of staged/crm: lost_by_key 3",
        "Failed: 1 assets of staged are older than they may be",
        "Failed: sensor inbox_sensor has raised an error",
    ]
    kept = [path.read_text() for path in (watched.data_root.root / "watch").iterdir()]
    kept.append((watched.data_root.root / "notifications.jsonl").read_text())
    for part in (*PERSONAL.split(), "AINO", "hunter2", "secret-uuid"):
        assert part not in received.text + "".join(kept)
