"""An erasure covers odd records too: the person's own go, in others' the person is redacted, and
bystanders' stay.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from assets.backup import generations, renewing, restoring
from assets.erasure import erasing
from assets.erasure.proof import evidence
from assets.ingest import deliveries
from assets.ingest.mentions import scanning
from assets.ingest.mentions.scanning import Prefilter
from assets.ingest.mentions.spellings import Spellings
from assets.requests import ledger
from assets.staging import staged
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from tests.support.data_roots import copied
from tests.support.erasing import NOW, TODAY, find_cleared
from tests.support.mentions_world import (
    ODD_DAY,
    STAY_REDACTED,
    STAY_WHOLE,
    THEIRS,
    deliver_odd,
    deliver_unreadable,
    texts_in_lake,
)
from tests.support.namesakes import LEAVES
from tests.support.registers import build, refresh, rows, take_in

REDACTED = {
    "raw": 16,
    "staged.credit_marks": 1,
    "staged.marketing_choices": 1,
    "staged.visit_actions": 2,
    "staged.visits": 1,
}


class KilledError(Exception):
    """In the place of a kill."""


def all_spellings(data_root: DataRoot) -> Spellings:
    """Of everything she is known by but her cookie, which is another visitor's device."""
    known = {
        "email": LEAVES.email,
        "phone": LEAVES.phone,
        "identity_code": LEAVES.identity_code,
        "contact_id": LEAVES.contact_id,
        "customer_number": LEAVES.customer_number,
    }
    return Spellings([f"{kind}:{value}" for kind, value in known.items()], data_root.policy.country)


def asked(data_root: DataRoot) -> str:
    """A request of hers, with everything done before the lake is rewritten; returns its id."""
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    return request_id


def removed(data_root: DataRoot) -> str:
    """Erase as far as the lake; returns the request's id."""
    request_id = asked(data_root)
    erasing.remove(data_root, [request_id], TODAY)
    return request_id


@pytest.fixture(scope="module")
def odd_root(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copied(known_root, tmp_path_factory.mktemp("odd") / "data")
    data_root = DataRoot(root)
    deliver_unreadable(data_root, ODD_DAY, THEIRS | STAY_WHOLE | STAY_REDACTED)
    deliver_odd(data_root)
    refresh(data_root, TODAY)
    return root


@pytest.fixture(scope="module")
def erased(odd_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[DataRoot, str, str]:
    """After an erasure: the data root, all texts of its lake, and the request's id."""
    data_root = DataRoot(copied(odd_root, tmp_path_factory.mktemp("erased") / "data"))
    request_id = removed(data_root)
    return data_root, texts_in_lake(data_root), request_id


@pytest.mark.parametrize(
    "marker",
    [
        *THEIRS,
        "theirs0unsigned",
        "theirs0unknownkind",
        "theirs0unknownmail",
        "theirs0byphone",
    ],
)
def test_a_record_of_theirs_goes_however_it_is_spelled(
    erased: tuple[DataRoot, str, str], marker: str
) -> None:
    assert marker not in erased[1]


@pytest.mark.parametrize("marker", STAY_WHOLE)
def test_an_unreadable_record_that_happens_to_contain_the_characters_stays(
    erased: tuple[DataRoot, str, str], marker: str
) -> None:
    assert f"{marker} {STAY_WHOLE[marker]}" in erased[1]


@pytest.mark.parametrize(
    "marker",
    [
        *STAY_REDACTED,
        *("note0kept", "visit0kept", "search0kept", "url0kept", "remark0kept", "evidence0kept"),
        "several0kept",
        "contract0kept",
    ],
)
def test_a_record_of_somebody_else_stays_without_the_mention(
    erased: tuple[DataRoot, str, str], marker: str
) -> None:
    assert marker in erased[1]


def test_no_spelling_is_left_but_of_a_device_that_others_use(
    erased: tuple[DataRoot, str, str],
) -> None:
    data_root, texts, _ = erased
    spellings = all_spellings(data_root).find(texts)
    assert [texts[spelling.start - 60 : spelling.end] for spelling in spellings] == []
    assert texts.count(LEAVES.visitor_id) == 2


def test_a_note_keeps_its_other_words(erased: tuple[DataRoot, str, str]) -> None:
    assert "note0kept asked for [redacted], [redacted], [redacted], [redacted] today" in erased[1]


def test_what_was_redacted_is_noted_by_layer(erased: tuple[DataRoot, str, str]) -> None:
    data_root, _, request_id = erased
    assert evidence.gather(data_root, [request_id])[request_id].redacted == REDACTED


def test_nothing_of_them_remains_and_the_keys_of_all_layers_agree(
    erased: tuple[DataRoot, str, str],
) -> None:
    data_root, _, request_id = erased
    assert erasing.remaining(data_root, [request_id]) > 0
    build(data_root, TODAY)
    assert erasing.remaining(data_root, [request_id]) == 0
    # Her consent by phone had made a registrant that is nothing but a phone of hers.
    phones = "SELECT * FROM identifiers WHERE value LIKE '%9990111'"
    assert rows(data_root, phones) == []
    entries = deliveries.ledger(data_root)
    assert staged.lost_by_key(data_root, entries) == 0
    assert all(entry.conserved for entry in entries)


def test_what_comes_again_is_kept_out_or_redacted_and_counted(
    erased: tuple[DataRoot, str, str], tmp_path: Path
) -> None:
    data_root = DataRoot(copied(erased[0].root, tmp_path / "again"))
    build(data_root, TODAY)
    before = rows(data_root, "SELECT count(*) AS number FROM choices")
    deliver_unreadable(data_root, "2026-11-20", THEIRS | STAY_WHOLE | STAY_REDACTED)
    deliver_odd(data_root, "2026-11-20")
    entries = [entry for done in take_in(data_root, TODAY) for entry in done.entries]
    kept_out = {(entry.dataset, entry.delivered): entry.suppressed for entry in entries}
    odd = len(THEIRS | STAY_WHOLE | STAY_REDACTED)
    assert kept_out["credit_reports", odd] == len(THEIRS)
    assert kept_out["credit_reports", 2] == 1
    assert kept_out["consent_log", 4] == 3
    assert kept_out["visits", 2] == 0
    texts = texts_in_lake(data_root)
    assert not [marker for marker in THEIRS if marker in texts]
    assert not [spelling for spelling in all_spellings(data_root).find(texts) if spelling.sure]
    # What was delivered before and is redacted in the same way is the same record.
    again = deliveries.ledger(data_root, day="2026-11-20")
    assert {entry.dataset: entry.duplicates for entry in again if entry.delivered < 10} == {
        "contacts": 4, "contracts": 1, "visits": 2, "consent_log": 1, "credit_reports": 1,
    }  # fmt: skip
    build(data_root, TODAY)
    assert rows(data_root, "SELECT count(*) AS number FROM choices") == before


def test_a_backup_from_before_is_renewed_without_the_mentions(
    odd_root: Path, tmp_path: Path
) -> None:
    data_root = DataRoot(copied(odd_root, tmp_path / "data"))
    generations.make(data_root, None, NOW)
    removed(data_root)
    assert renewing.renew(data_root, TODAY) == 1
    name = backup_generations.every(data_root, None)[-1].name
    restored, _, _ = restoring.prepare(data_root, None, name, set())
    texts = texts_in_lake(restored)
    assert not all_spellings(data_root).find(texts)
    assert "note0kept" in texts


def test_a_backup_that_was_kept_elsewhere_is_restored_without_them(
    odd_root: Path, tmp_path: Path
) -> None:
    data_root = DataRoot(copied(odd_root, tmp_path / "data"))
    generation = generations.make(data_root, None, NOW).name
    removed(data_root)
    restored, _, _ = restoring.prepare(data_root, None, generation)
    texts = texts_in_lake(restored)
    assert not all_spellings(data_root).find(texts)
    assert "note0kept" in texts


@pytest.mark.parametrize("stop", [2, 7, 11, 16, 36, 49])
def test_a_removal_that_was_killed_is_ended_by_the_next(
    odd_root: Path,
    erased: tuple[DataRoot, str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: int,
) -> None:
    """Killed before one of its files is put in place: of a layer, the ledger, or a note."""
    data_root = DataRoot(copied(odd_root, tmp_path / "data"))
    request_id = asked(data_root)
    replace, done = os.replace, []

    def killed(source: Path, target: Path) -> None:
        done.append(target)
        if len(done) == stop:
            raise KilledError
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KilledError):
            erasing.remove(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    mine, theirs = (Counter(texts.splitlines()) for texts in (texts_in_lake(data_root), erased[1]))
    assert (mine - theirs, theirs - mine) == ({}, {})
    assert evidence.gather(data_root, [request_id])[request_id].redacted == REDACTED
    assert staged.lost_by_key(data_root, deliveries.ledger(data_root)) == 0


def test_a_scan_that_is_repeated_reads_only_files_that_were_replaced(
    odd_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_root = DataRoot(copied(odd_root, tmp_path / "data"))
    prefilter, read = Prefilter(all_spellings(data_root).fragments), list[Path]()
    open_file = scanning.pq.ParquetFile

    def counted(path: Path) -> object:
        read.append(path)
        return open_file(path)

    monkeypatch.setattr(scanning.pq, "ParquetFile", counted)

    def scanned() -> list[tuple[object, ...]]:
        with connect(data_root) as connection:
            scanning.scan_lake(data_root, connection, prefilter)
            return sorted(connection.execute("FROM worth_reading").fetchall())

    first = scanned()
    files = len(read)
    assert first
    assert files == len(scanning.files_with_texts(data_root))
    replaced = data_root.files("raw")[0]
    replaced.write_bytes(replaced.read_bytes())
    assert (scanned(), len(read)) == (first, files + 1)
