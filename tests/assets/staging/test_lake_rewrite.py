"""A removal that was killed between two files is completed by the record numbers in the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.staging import lake_rewrite
from assets.staging.staged import quarantine_path
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from tests.support.data_roots import parquet_rows
from tests.support.dated_records import contract
from tests.support.deliveries import csv, put
from tests.support.registers import take_in

REMOVED = [0, 1, 2, 4]


class KilledError(Exception):
    pass


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    """A delivery of six contracts, of which the third and the last are quarantined."""
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    rows = [
        contract(f"K-{number}", f"C{number}", "nonsense" if number in (2, 5) else "2025-01-31")
        for number in range(6)
    ]
    put(data_root, "crm", "2026-11-10", "contracts", csv(rows), len(rows))
    take_in(data_root)
    return data_root


def entry(data_root: DataRoot) -> Entry:
    (only,) = deliveries.ledger(data_root)
    return only


def remove(data_root: DataRoot) -> None:
    with connect(data_root) as connection:
        connection.execute(
            f"{lake_rewrite.MATCHED_RECORDS.create} AS SELECT unnest($1::BIGINT[]) AS record_no",
            [REMOVED],
        )
        lake_rewrite.remove_records(data_root, connection, entry(data_root), "suppressed")


def files(data_root: DataRoot) -> dict[str, object]:
    paths = [
        *data_root.files("raw"),
        *data_root.files("staged", name="*/*"),
        *data_root.files("quarantine"),
    ]
    return {str(path.relative_to(data_root.root)): parquet_rows(path) for path in paths}


def killed_before(moment: int) -> Callable[..., int]:
    """`rewrite`, until so many files are done."""
    real, places = lake_rewrite.rewrite, iter(range(moment))

    def rewrite(*arguments: Any, **options: Any) -> int:
        if next(places, None) is None:
            raise KilledError
        return real(*arguments, **options)

    return rewrite


def test_a_killed_removal_is_completed_wherever_it_was_killed(
    data_root: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = DataRoot(shutil.copytree(data_root.root, tmp_path / "whole"))
    remove(whole)
    rewritten = len(files(whole))
    for moment in range(rewritten):
        root = DataRoot(shutil.copytree(data_root.root, tmp_path / f"killed-{moment}"))
        with monkeypatch.context() as patched:
            patched.setattr(lake_rewrite, "rewrite", killed_before(moment))
            with pytest.raises(KilledError):
                remove(root)
        assert entry(root).removed == [[0, 2], [4, 4]]
        assert lake_rewrite.finish_removals(root) == 1
        assert files(root) == files(whole), f"killed before file {moment}"
        assert entry(root) == entry(whole)
    assert (entry(whole).suppressed, entry(whole).removed, entry(whole).removing) == (4, None, "")


def test_what_a_removal_names_is_no_longer_named_when_it_is_done(data_root: DataRoot) -> None:
    quarantined = quarantine_path(data_root, entry(data_root))
    remove(data_root)
    text = deliveries.entry_path(data_root, "crm", "2026-11-10", entry(data_root).delivery_id)
    assert '"removed": null' in text.read_text()
    with connect(data_root) as connection:
        left = connection.execute(f"SELECT record_no FROM {parquet(quarantined)}").fetchall()
    assert left == [(5,)]
