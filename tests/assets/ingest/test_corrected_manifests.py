"""A delivery is its bytes and what its manifest says of them: mended, it is read again and replaces
what was misread.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assets.ingest import deliveries, raw
from assets.ingest.deliveries import Entry
from assets.sources.crm import crm
from assets.staging import lake_rewrite, staged
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.registers import TODAY, refresh, rows, take_in

DAY = "2026-11-17"
LATER = "2026-11-18"
CONTRACT = {
    "contract_number": "K1",
    "contact_id": "",
    "customer_number": "C0000001",
    "identity_code": "",
    "product": "kuitu ä",
    "status": "active",
    "starts_on": "2026-01-01",
    "ends_on": "",
    "monthly_fee": "10.00",
    "currency": "EUR",
    "updated_at": "2026-11-01T10:00:00Z",
}
BODY = csv([CONTRACT])


def deliver(data_root: DataRoot, dataset: str, day: str = DAY, **manifest: Any) -> Path:
    return put(
        data_root, "crm", day, dataset, BODY, 1, name=f"{dataset}-{len(manifest)}.csv", **manifest
    )


def arrive(data_root: DataRoot) -> None:
    """Inbox -> raw -> staged, and whatever that has made unstaged, as a refresh does it."""
    take_in(data_root)
    staged.stage(data_root, crm.SOURCE, {DAY, LATER})


def ledger(data_root: DataRoot) -> list[tuple[str, str, int, int]]:
    return [
        (e.day, e.dataset, e.staged, e.quarantined) for e in deliveries.ledger(data_root, "crm")
    ]


def files(data_root: DataRoot) -> set[str]:
    """Ids that some file of the lake is of."""
    ids = set()
    for layer in ("raw", "staged", "quarantine", "deliveries"):
        for path in (data_root.lake / layer / "crm").glob("*/*"):
            ids.add(path.name.split(".")[0])
    return ids - {""}  # of the folders' own records


def conserved(data_root: DataRoot) -> bool:
    entries = deliveries.ledger(data_root, "crm")
    return all(entry.conserved for entry in entries) and staged.lost_by_key(data_root, entries) == 0


def test_the_first_delivery_of_bytes_keeps_the_id_that_ledgers_know(data_root: DataRoot) -> None:
    deliver(data_root, "contracts")
    arrive(data_root)
    (entry,) = deliveries.ledger(data_root, "crm")
    assert entry.delivery_id == deliveries.delivery_id("crm", DAY, entry.sha256)


@pytest.mark.parametrize(
    "wrong", [{"dataset": "orders"}, {"dataset": "contracts", "encoding": "cp1252"}]
)
def test_a_mended_manifest_replaces_what_was_misread(
    data_root: DataRoot, wrong: dict[str, str]
) -> None:
    deliver(data_root, **wrong)
    arrive(data_root)
    deliver(data_root, "contracts")
    refresh(data_root)
    assert [path for path in data_root.inbox.rglob("*") if path.is_file()] == []
    assert ledger(data_root) == [(DAY, "contracts", 1, 0)]
    assert len(files(data_root)) == 1
    assert conserved(data_root)
    assert rows(data_root, "SELECT product FROM contracts") == [{"product": "kuitu ä"}]


def test_what_differs_in_purpose_or_case_alone_is_the_same_delivery(data_root: DataRoot) -> None:
    deliver(data_root, "contracts")
    arrive(data_root)
    before = deliveries.ledger(data_root, "crm")
    deliver(data_root, "contracts", purpose="contracts", encoding="UTF-8")
    done = raw.ingest(data_root, crm.SOURCE, None, TODAY)
    assert (done.redelivered, done.entries, done.refused) == (1, [], [])
    assert deliveries.ledger(data_root, "crm") == before


def test_an_entry_from_before_encodings_were_recorded_is_the_same_delivery(
    data_root: DataRoot,
) -> None:
    deliver(data_root, "contracts")
    arrive(data_root)
    (entry,) = deliveries.ledger(data_root, "crm")
    deliveries.enter(data_root, replace(entry, encoding=""))
    deliver(data_root, "contracts")
    assert raw.ingest(data_root, crm.SOURCE, None, TODAY).redelivered == 1


def test_the_latest_manifest_counts_however_often_it_changes(data_root: DataRoot) -> None:
    ids = []
    for dataset in ("orders", "contracts", "orders", "contracts"):
        deliver(data_root, dataset)
        arrive(data_root)
        (entry,) = deliveries.ledger(data_root, "crm")
        assert entry.dataset == dataset
        ids.append(entry.delivery_id)
    assert len(set(ids)) == 4
    assert files(data_root) == {ids[-1]}


def test_of_two_manifests_that_wait_the_one_written_last_counts(data_root: DataRoot) -> None:
    for moment, dataset in enumerate(("orders", "contracts")):
        path = deliver(data_root, dataset, file=dataset)
        os.utime(path.with_name(path.name + deliveries.MANIFEST), (moment, moment))
    arrive(data_root)
    assert ledger(data_root) == [(DAY, "contracts", 1, 0)]


def test_a_mended_manifest_that_is_refused_leaves_what_there_is(data_root: DataRoot) -> None:
    deliver(data_root, "contracts")
    arrive(data_root)
    before = deliveries.ledger(data_root, "crm")
    path = deliver(data_root, "contracts", encoding="utf-16le")
    done = raw.ingest(data_root, crm.SOURCE, None, TODAY)
    assert [why.split(":")[0] for _, why in done.refused] == ["DEL-ENCODING"]
    assert path.exists()
    assert deliveries.ledger(data_root, "crm") == before


def test_empty_files_are_not_corrections_of_each_other(data_root: DataRoot) -> None:
    for dataset in ("orders", "contracts"):
        put(data_root, "crm", DAY, dataset, b"", 0, name=f"{dataset}.csv")
    first = raw.ingest(data_root, crm.SOURCE, None, TODAY)
    assert (len(first.entries), first.redelivered) == (1, 1)


def test_what_repeated_the_misread_records_is_staged_by_itself(data_root: DataRoot) -> None:
    """On the next day the same file was misread too, and all of it was a duplicate of what is no
    longer there.
    """
    deliver(data_root, "orders")
    deliver(data_root, "orders", LATER)
    arrive(data_root)
    deliver(data_root, "contracts")
    arrive(data_root)
    assert ledger(data_root) == [(DAY, "contracts", 1, 0), (LATER, "orders", 0, 1)]
    assert conserved(data_root)
    deliver(data_root, "contracts", LATER)
    arrive(data_root)
    assert [(day, dataset) for day, dataset, _, _ in ledger(data_root)] == [
        (DAY, "contracts"),
        (LATER, "contracts"),
    ]
    assert conserved(data_root)


class KilledError(BaseException):
    """Stands for kill -9."""


STEPS = {
    "before the ledger has it": (deliveries, "enter"),
    "before the misread files go": (shutil, "rmtree"),
    "before the misread entry goes": (recorded_files, "remove"),
    "before the original goes": (deliveries, "take_out"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("mended_otherwise", [False, True])
def test_killed_between_any_two_steps_the_next_run_ends_the_same(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch, step: str, mended_otherwise: bool
) -> None:
    deliver(data_root, "orders")
    arrive(data_root)
    deliver(data_root, "contracts")

    real = getattr(*STEPS[step])

    def killed(*arguments: object, **named: object) -> None:
        """The misread files go by the same function as their entry, before it."""
        if "entry goes" in step and "deliveries" not in Path(str(arguments[0])).parts:
            real(*arguments, **named)
        else:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(*STEPS[step], killed)
        with pytest.raises(KilledError):
            raw.ingest(data_root, crm.SOURCE, None, TODAY)
    # Nothing is counted twice in between.
    assert len(deliveries.ledger(data_root, "crm")) == 1
    if mended_otherwise:
        lake_rewrite.finish_removals(data_root)
    arrive(data_root)
    assert ledger(data_root) == [(DAY, "contracts", 1, 0)]
    assert len(files(data_root)) == 1
    assert conserved(data_root)
    assert [path for path in data_root.inbox.rglob("*") if path.is_file()] == []


def test_a_manifest_left_behind_by_a_kill_is_removed_when_it_was_read_so(
    data_root: DataRoot,
) -> None:
    for dataset in ("orders", "contracts"):
        deliver(data_root, dataset)
        arrive(data_root)
    path = deliver(data_root, "contracts")
    path.unlink()
    deliveries.tidy(data_root, "crm")
    assert list(data_root.inbox.rglob("*.json")) == []


def test_ledgers_written_before_are_read(data_root: DataRoot) -> None:
    deliver(data_root, "contracts")
    arrive(data_root)
    (entry,) = deliveries.ledger(data_root, "crm")
    path = deliveries.entry_path(data_root, "crm", DAY, entry.delivery_id)
    later = ("encoding", "corrects", "missing_columns", "blank_columns", "dropped_columns")
    known = {
        name: value for name, value in json.loads(path.read_text()).items() if name not in later
    }
    path.write_text(json.dumps(known))
    (read,) = deliveries.ledger(data_root, "crm")
    assert isinstance(read, Entry)
    assert read.missing_columns is None
