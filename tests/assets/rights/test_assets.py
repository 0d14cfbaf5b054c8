"""The ledger in the UI: what is overdue fails, what is near warns, and recipients are shown until
they acknowledge.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import dagster as dg

from assets.dagster_support.runs import Today
from assets.requests import ledger as ledger_module
from assets.requests import notice_ledger
from assets.rights import lookup, recipient_notices
from assets.rights.assets import ledger
from assets.storage.data_root import DataRoot
from pipelines.definitions import build_definitions
from pipelines.sensors import request_sensor, rights_sensor
from tests.support.known_registrants import LEAVES

GIVEN = f"identity_code:{LEAVES.identity_code}"


def looked_at(data_root: DataRoot, today: date) -> dict[str, tuple[bool, str, int]]:
    with dg.instance_for_test() as instance:
        result = dg.materialize(
            [ledger],
            instance=instance,
            resources={"data_root": data_root, "today": Today(as_of=str(today))},
        )
        evaluations = result.get_asset_check_evaluations()
    assert LEAVES.identity_code not in repr(evaluations)
    return {
        evaluation.check_name: (
            evaluation.passed,
            evaluation.severity.value,
            int(evaluation.metadata["found"].value),
        )
        for evaluation in evaluations
    }  # type: ignore[arg-type]


def test_nothing_is_owed_in_an_empty_ledger(data_root: DataRoot) -> None:
    assert {passed for passed, _, _ in looked_at(data_root, date(2026, 11, 20)).values()} == {True}


def test_overdue_fails_and_due_soon_warns(data_root: DataRoot) -> None:
    now = datetime.now(data_root.policy.zone)
    for days in (3, 25, 40, 41):
        ledger_module.receive(
            data_root, "access", "written", [GIVEN], now, received=now.date() - timedelta(days=days)
        )
    results = looked_at(data_root, now.date())
    assert results["nothing_overdue"] == (False, "ERROR", 2)
    assert results["nothing_due_soon"] == (False, "WARN", 1)
    assert results["recipients_have_acknowledged"][0]


def test_a_recipient_is_shown_until_it_acknowledges(known_data_root: DataRoot) -> None:
    now = datetime.now(known_data_root.policy.zone)
    request_id = ledger_module.receive(known_data_root, "restriction", "written", [GIVEN], now)
    recipient_notices.prepare(
        known_data_root, list(lookup.record(known_data_root, [request_id], now).values()), now
    )
    recipient_notices.release(known_data_root, [request_id], now)
    assert looked_at(known_data_root, now.date())["recipients_have_acknowledged"] == (
        False,
        "WARN",
        2,
    )
    recipient_notices.retry(known_data_root, now + timedelta(days=15))
    assert looked_at(known_data_root, now.date())["recipients_have_acknowledged"] == (
        False,
        "ERROR",
        2,
    )
    for notice in notice_ledger.every(known_data_root):
        recipient_notices.acknowledge(known_data_root, notice.notice_id, now)
    assert looked_at(known_data_root, now.date())["recipients_have_acknowledged"] == (
        True,
        "WARN",
        0,
    )


def test_request_files_are_taken_in_by_the_sensors_and_carried_out(
    known_data_root: DataRoot,
) -> None:
    folder = known_data_root.requests / "inbox"
    folder.mkdir(exist_ok=True)
    for right in ("erasure", "objection"):
        (folder / f"{right}.json").write_text(
            f'{{"right": "{right}", "identifiers": {{"identity_code": "{LEAVES.identity_code}"}}}}'
        )
    repository = build_definitions().get_repository_def()
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance, repository_def=repository)
        asked = request_sensor.evaluate_tick(context)
        assert [
            len(partitions.partition_keys) for partitions in asked.dynamic_partitions_requests or []
        ] == [1]
        assert list(folder.iterdir()) == []
        [run] = rights_sensor.evaluate_tick(context).run_requests or []
        assert run.tags["dagster/asset_partition_range_start"] == str(
            datetime.now(known_data_root.policy.zone).date()
        )
        assert not rights_sensor.evaluate_tick(context).run_requests
    assert {request.right: request.state for request in ledger_module.every(known_data_root)} == {
        "erasure": "received",
        "objection": "applying",
    }
