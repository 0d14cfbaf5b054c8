"""Receipts come with their certificates, whatever was killed, and one that is not right shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assets.erasure.proof import certificates, chain_heads, receipts
from assets.erasure.proof.certificate_checks import check
from assets.storage.data_root import DataRoot
from tests.support.certificates import certified


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    for request_id in ("Q1", "Q2", "Q3"):
        certified(data_root, request_id)
    return data_root


def receipt_of(data_root: DataRoot, request_id: str) -> Path:
    return certificates.path_of(data_root, request_id, receipts.KIND)


ATTACKS: dict[str, Callable[[Path, Path], object]] = {
    "removed": lambda path, _: path.unlink(),
    "another's": lambda path, other: path.write_bytes(other.read_bytes()),
    "not readable": lambda path, _: path.write_bytes(b"{}"),
    "longer": lambda path, _: path.write_bytes(path.read_bytes().replace(b"{", b'{"a":1,', 1)),
    "of another size": lambda path, _: path.write_bytes(
        path.read_bytes().replace(b'"size":2', b'"size":3')
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_receipt_that_is_not_right_shows(data_root: DataRoot, attack: str) -> None:
    assert check(data_root) == []
    ATTACKS[attack](receipt_of(data_root, "Q2"), receipt_of(data_root, "Q1"))
    assert [(each.code, each.request_id) for each in check(data_root)] == [("CERT-RECEIPT", "Q2")]


def test_a_receipt_that_a_kill_left_out_comes_with_the_next_certificate(
    data_root: DataRoot,
) -> None:
    log = chain_heads.log_path(data_root)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    chain = certificates.folder(data_root) / certificates.CHAIN
    note = chain.read_bytes()
    receipt_of(data_root, "Q3").unlink()
    certified(data_root, "Q4")
    assert note != chain.read_bytes()
    assert receipt_of(data_root, "Q3").exists()
    assert check(data_root) == []


def test_a_log_without_roots_as_older_versions_wrote_it_is_whole(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = chain_heads.read(data_root)
    chain_heads.log_path(data_root).unlink()
    chain_heads.append(
        data_root, [chain_heads.Head(head.sequence, head.request_id, head.hash) for head in heads]
    )
    for request_id in ("Q1", "Q2", "Q3"):
        receipt_of(data_root, request_id).unlink()
    assert check(data_root) == []
    certified(data_root, "Q4")
    assert chain_heads.read(data_root)[-1].root
    assert check(data_root) == []


def test_a_signed_root_of_another_tree_shows(data_root: DataRoot) -> None:
    heads = chain_heads.read(data_root)
    chain_heads.log_path(data_root).unlink()
    wrong = chain_heads.Head(3, "Q3", heads[2].hash, "0" * 64)
    chain_heads.append(data_root, [*heads[:2], wrong])
    assert ("CERT-HEADS", "Q3") in {(each.code, each.request_id) for each in check(data_root)}
