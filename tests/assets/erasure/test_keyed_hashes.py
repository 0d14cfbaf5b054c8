"""After an erasure no plain hash of what was delivered about somebody confirms that it was
theirs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from assets.erasure import emptied_deliveries, erasing
from assets.ingest import deliveries, raw
from assets.requests import ledger
from assets.sources import consents
from assets.sources.crm import crm
from assets.storage.data_root import DataRoot
from tests.support.data_roots import texts_of_parquet
from tests.support.deliveries import csv, put
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, STAYS, TODAY
from tests.support.registers import take_in

DAY = "2026-11-19"


def order(number: str, customer_number: str) -> dict[str, str]:
    return {
        "order_number": number, "contact_id": "", "customer_number": customer_number,
        "ordered_at": "2026-09-02T10:00:00Z", "status": "delivered", "amount": "30.00",
        "currency": "EUR", "items": "1",
    }  # fmt: skip


def word(email: str) -> dict[str, str]:
    return {
        "event_ts": "2026-10-04T08:00:00Z", "subject_key_type": "email", "subject_key": email,
        "purpose": "direct_marketing", "channel": "email", "status": "granted",
        "source": "web-form",
        "evidence": "", "text_version": "2025-03", "language": "fi",
    }  # fmt: skip


ALONE = {
    "orders": csv([order("T-700091", LEAVES.customer_number)]),
    "consent_log": csv([word(LEAVES.email)]),
}
TOGETHER = csv([word(LEAVES.email), word(STAYS.email), word("third@example.fi")])
SOURCE_OF = {"orders": "crm", "consent_log": "consents"}


def put_all(data_root: DataRoot, day: str = DAY) -> None:
    for dataset, data in ALONE.items():
        put(data_root, SOURCE_OF[dataset], day, dataset, data, 1)
    put(data_root, "consents", day, "consent_log", TOGETHER, 3)


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    put_all(known_data_root)
    take_in(known_data_root)
    return known_data_root


def begin(data_root: DataRoot) -> str:
    given = [f"identity_code:{LEAVES.identity_code}"]
    request_id = ledger.receive(data_root, "erasure", "written", given, NOW)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    return request_id


def read(files: list[Path]) -> list[dict[str, Any]]:
    return [row for path in files for row in pq.read_table(path).to_pylist()]


def contents_of_theirs(data_root: DataRoot) -> set[str]:
    """The hashes of the texts of what raw has of LEAVES."""
    values = {*LEAVES.identifiers, LEAVES.order_number}
    return {
        str(row["content"])
        for row in read(data_root.files("raw"))
        if any(value in row["payload"] for value in values)
    }


def names_of(data: bytes, dataset: str) -> set[str]:
    """What would confirm the file: its hash, and the id made of it."""
    digest = hashlib.sha256(data).hexdigest()
    return {digest, deliveries.delivery_id(SOURCE_OF[dataset], DAY, digest)}


def left_of(data_root: DataRoot, names: set[str]) -> list[str]:
    """Paths under the lake and the requests that are named so or say so."""
    paths = []
    for path in [*data_root.lake.rglob("*"), *data_root.requests.rglob("*")]:
        content = path.read_text() if path.suffix == ".json" and path.is_file() else ""
        if any(name in str(path) or name in content for name in names):
            paths.append(str(path.relative_to(data_root.root)))
    return paths


def test_neither_texts_nor_files_are_confirmed_by_a_plain_hash(data_root: DataRoot) -> None:
    contents = contents_of_theirs(data_root)
    assert len(contents) > 5
    erasing.remove(data_root, [begin(data_root)], TODAY)
    for path, texts in texts_of_parquet(data_root.root):
        assert not [text for text in texts if text in contents], path
    # The retained order is still there, and its outcome too.
    staged = read(data_root.files("staged", "crm", name="*/orders"))
    assert {"T-700091", LEAVES.order_number} <= {row["order_number"] for row in staged}
    assert all(entry.conserved for entry in deliveries.ledger(data_root))
    for dataset, data in ALONE.items():
        assert left_of(data_root, names_of(data, dataset)) == []
    # Others are left in this file: its hash is keyed, and it keeps its id.
    digest, delivery = hashlib.sha256(TOGETHER).hexdigest(), None
    [delivery] = names_of(TOGETHER, "consent_log") - {digest}
    assert left_of(data_root, {digest}) == []
    assert left_of(data_root, {delivery})


def test_the_same_bytes_are_recognised_again(data_root: DataRoot) -> None:
    erasing.remove(data_root, [begin(data_root)], TODAY)
    before = len(deliveries.ledger(data_root))
    put_all(data_root)
    done = [raw.ingest(data_root, source, None, TODAY) for source in (crm.SOURCE, consents.SOURCE)]
    assert [(ingested.redelivered, len(ingested.entries)) for ingested in done] == [(1, 0), (2, 0)]
    assert len(deliveries.ledger(data_root)) == before


def test_what_is_left_out_at_the_door_is_entered_by_keyed_hash(data_root: DataRoot) -> None:
    erasing.remove(data_root, [begin(data_root)], TODAY)
    later = csv([word(LEAVES.email) | {"event_ts": "2026-10-05T08:00:00Z"}])
    path = put(data_root, "consents", DAY, "consent_log", later, 1)
    names = names_of(later, "consent_log")
    [entry] = raw.ingest(data_root, consents.SOURCE, None, TODAY).entries
    assert (entry.suppressed, path.exists()) == (1, False)
    assert left_of(data_root, names) == []
    put(data_root, "consents", DAY, "consent_log", later, 1)
    assert raw.ingest(data_root, consents.SOURCE, None, TODAY).redelivered == 1


def test_entries_of_before_are_recognised_and_rewritten(data_root: DataRoot) -> None:
    """A data root in which somebody was erased when entries had plain hashes."""
    erasing.remove(data_root, [begin(data_root)], TODAY)
    digest = hashlib.sha256(TOGETHER).hexdigest()
    entry = deliveries.of_bytes(data_root, "consents", DAY, digest)
    assert entry is not None
    path = deliveries.entry_path(data_root, "consents", DAY, entry.delivery_id)
    older = {
        name: value
        for name, value in json.loads(path.read_text()).items()
        if name not in ("keyed", "renamed")
    }
    path.write_text(json.dumps(older | {"sha256": digest}))
    recognised = deliveries.of_bytes(data_root, "consents", DAY, digest)
    assert recognised is not None
    assert not recognised.keyed
    deliveries.enter(data_root, recognised)
    assert digest not in path.read_text()
    assert deliveries.of_bytes(data_root, "consents", DAY, digest) is not None


@pytest.mark.parametrize("killed_at", ["remove_mistaken", "_copy"])
def test_a_run_that_was_killed_is_ended_by_the_next(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    request_id = begin(data_root)
    whole = getattr(emptied_deliveries, killed_at)
    calls: list[object] = []

    def killed(*arguments: object) -> None:
        calls.append(arguments)
        # Before the second time: something has been done by then, and something has not.
        if len(calls) == 2:
            raise KeyboardInterrupt
        whole(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(emptied_deliveries, killed_at, killed)
        with pytest.raises(KeyboardInterrupt):
            erasing.remove(data_root, [request_id], TODAY)
    before: list[Path] = list((data_root.lake / "deliveries").rglob("*.json"))
    erasing.remove(data_root, [request_id], TODAY)
    assert len(list((data_root.lake / "deliveries").rglob("*.json"))) <= len(before)
    for dataset, data in ALONE.items():
        assert left_of(data_root, names_of(data, dataset)) == []
    put_all(data_root)
    done = [raw.ingest(data_root, source, None, TODAY) for source in (crm.SOURCE, consents.SOURCE)]
    assert [(ingested.redelivered, len(ingested.entries)) for ingested in done] == [(1, 0), (2, 0)]
