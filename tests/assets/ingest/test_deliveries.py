"""Looking at the inbox costs one look at each file, however many wait."""

from __future__ import annotations

import time

import pytest

from assets.ingest import deliveries
from assets.storage.data_root import DataRoot
from pipelines.days import last_day, waiting_days
from schemas.delivery import RefusedDeliveryError

DAY = "2026-11-20"
MANY = 20_000


@pytest.fixture
def crowded(data_root: DataRoot) -> DataRoot:
    """Thousands of deliveries wait on one day."""
    folder = data_root.inbox / "crm" / DAY
    folder.mkdir(parents=True)
    for number in range(MANY):
        name = f"export-{number}.csv"
        (folder / name).touch()
        (folder / f"{name}{deliveries.MANIFEST}").touch()
    return data_root


def refuse_all(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the sync of each note, which is not what is measured."""
    monkeypatch.setattr("assets.storage.atomic_files.sync", lambda _: None)
    for item in deliveries.waiting(data_root, "crm"):
        deliveries.refuse(data_root, item, RefusedDeliveryError("DEL-SIZE"))


def seconds_of(look: object) -> float:
    started = time.process_time()
    look()  # type: ignore[operator]
    return time.process_time() - started


def test_twenty_thousand_waiting_files_are_seen_within_a_second_or_two(
    crowded: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_HOME", str(crowded.root))
    assert waiting_days(crowded) == {DAY}
    assert seconds_of(lambda: waiting_days(crowded)) < 1
    refuse_all(crowded, monkeypatch)
    assert waiting_days(crowded) == set()
    refused = deliveries.refusals(crowded, ["crm"], last_day(crowded))
    assert len(refused) == MANY
    assert seconds_of(lambda: deliveries.refusals(crowded, ["crm"], last_day(crowded))) < 2
    assert seconds_of(lambda: deliveries.tidy(crowded, "crm")) < 1


def test_a_manifest_beside_its_file_is_not_removed(crowded: DataRoot) -> None:
    deliveries.tidy(crowded, "crm")
    assert sum(1 for _ in deliveries.waiting(crowded, "crm")) == MANY


def test_a_changed_file_is_waiting_again(data_root: DataRoot) -> None:
    folder = data_root.inbox / "crm" / DAY
    folder.mkdir(parents=True)
    (folder / "export.csv").write_text("a")
    (folder / f"export.csv{deliveries.MANIFEST}").write_text("{}")
    (item,) = deliveries.waiting(data_root, "crm")
    deliveries.refuse(data_root, item, RefusedDeliveryError("DEL-SIZE"))
    assert (deliveries.refused(data_root, item) or "").startswith("DEL-SIZE")
    assert waiting_days(data_root) == set()
    (folder / "export.csv").write_text("ab")
    assert deliveries.refused(data_root, item) is None
    assert waiting_days(data_root) == {DAY}
