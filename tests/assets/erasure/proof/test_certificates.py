"""A certificate that is changed, removed, moved or added shows; each request is certified once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from assets.erasure.proof import certificates, chain_heads
from assets.erasure.proof.certificate_checks import KINDS, check
from assets.erasure.proof.certificates import path_of
from assets.erasure.proof.chain_heads import Head
from assets.ingest import suppression
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from tests.support.certificates import certified

IDS = ("Q1", "Q2", "Q3")


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    (data_root.root / "backups").mkdir()
    for request_id in IDS:
        certified(data_root, request_id)
    return data_root


def codes(data_root: DataRoot) -> set[str]:
    return {finding.code for finding in check(data_root)}


def test_a_chain_that_nobody_has_touched_is_whole(data_root: DataRoot) -> None:
    assert check(data_root) == []


def test_each_certificate_contains_the_hash_of_the_previous_certificate(
    data_root: DataRoot,
) -> None:
    read = [json.loads(path_of(data_root, request_id).read_text()) for request_id in IDS]
    assert [issued["certificate"]["previous"] for issued in read] == [
        certificates.FIRST,
        read[0]["hash"],
        read[1]["hash"],
    ]
    assert [issued["certificate"]["sequence"] for issued in read] == [1, 2, 3]


def test_a_certificate_lists_what_was_erased_and_what_is_kept_under_which_statute(
    data_root: DataRoot,
) -> None:
    certificate = json.loads(path_of(data_root, "Q1").read_text())["certificate"]
    assert certificate["decisions"]["name"] == {"decision": "erased", "rows": 1}
    assert certificate["decisions"]["order"] == {
        "decision": "held",
        "rows": 1,
        "ground": "1336/1997 2:10",
        "until": "2032-12-31",
    }
    assert certificate["rows_removed"] == {"raw": 2, "staged.names": 1, "staged.orders": 3}
    assert certificate["policy"] == {
        "version": data_root.policy.version,
        "hash": data_root.policy.fingerprint,
    }
    assert certificate["warnings"] == [{"code": "PROOF-INBOX", "where": "inbox", "count": 1}]
    for kind in ("md", "html"):
        page = path_of(data_root, "Q1", kind).read_text()
        assert "1336/1997 2:10" in page
        assert "lake/raw/crm/x.parquet" in page


def test_a_request_is_certified_once(data_root: DataRoot) -> None:
    before = path_of(data_root, "Q1").read_bytes()
    assert certified(data_root, "Q1").sequence == 1
    assert path_of(data_root, "Q1").read_bytes() == before
    assert check(data_root) == []


def test_a_kill_between_the_certificate_and_the_note_of_it_is_mended_by_the_next(
    data_root: DataRoot,
) -> None:
    chain = certificates.folder(data_root) / "chain.json"
    before = chain.read_bytes()
    certified(data_root, "Q4")
    chain.write_bytes(before)
    assert check(data_root) == []
    assert certified(data_root, "Q4").sequence == 4
    assert certified(data_root, "Q5").sequence == 5
    assert check(data_root) == []


def edited(
    data_root: DataRoot,
    request_id: str,
    change: Callable[[dict[str, object]], object],
    *,
    rehashed: bool = False,
) -> None:
    import hashlib

    path = path_of(data_root, request_id)
    issued = json.loads(path.read_text())
    change(issued["certificate"])
    if rehashed:
        issued["hash"] = hashlib.sha256(certificates.canonical(issued["certificate"])).hexdigest()
    path.write_bytes(certificates.canonical(issued))


def remove(data_root: DataRoot, *request_ids: str) -> None:
    for request_id in request_ids:
        path_of(data_root, request_id).unlink()


def swap(data_root: DataRoot) -> None:
    first, second = (path_of(data_root, request_id).read_bytes() for request_id in ("Q1", "Q2"))
    path_of(data_root, "Q1").write_bytes(second)
    path_of(data_root, "Q2").write_bytes(first)


def duplicate_key(data_root: DataRoot) -> None:
    """A forged certificate stands under the same key before the true one; the last counts for a
    parser.
    """
    path = path_of(data_root, "Q2")
    forged = path.read_text().replace('"decision":"held"', '"decision":"erased"')
    forged = forged[forged.index('"certificate":') : forged.index(',"hash":')]
    path.write_text("{" + forged + "," + path.read_text()[1:])


def added_beside(data_root: DataRoot) -> None:
    path = path_of(data_root, "Q2")
    path.write_bytes(
        certificates.canonical({**json.loads(path.read_text()), "remark": "nothing was kept"})
    )


def insert(data_root: DataRoot, other: Path) -> None:
    """A certificate of another register, with another secret."""
    stranger = DataRoot(other / "data")
    stranger.create()
    for request_id in (*IDS, "Q9"):
        certified(stranger, request_id)
    for kind in ("json", "md", "html"):
        path_of(data_root, "Q9", kind).write_bytes(path_of(stranger, "Q9", kind).read_bytes())


def forget_the_last(data_root: DataRoot, other: Path) -> None:
    """The last is removed, and the note of the chain's length is taken from before it."""
    remove(data_root, "Q3")
    chain = certificates.folder(data_root) / "chain.json"
    noted = json.loads(chain.read_text())
    chain.write_bytes(certificates.canonical({**noted, "length": 2}))


def cut_log(data_root: DataRoot) -> None:
    lines = chain_heads.log_path(data_root).read_bytes().splitlines(keepends=True)
    chain_heads.log_path(data_root).write_bytes(b"".join(lines[:-1]))


def another_key(data_root: DataRoot, other: Path) -> None:
    stranger = DataRoot(other / "data")
    stranger.create()
    certified(stranger, "Q1")
    key = (certificates.folder(stranger) / chain_heads.PUBLIC_KEY).read_bytes()
    (certificates.folder(data_root) / chain_heads.PUBLIC_KEY).write_bytes(key)


ATTACKS: dict[str, tuple[Callable[[DataRoot, Path], object], set[str]]] = {
    "a value is changed": (
        lambda data_root, _: edited(
            data_root, "Q2", lambda certificate: certificate.update(channel="other")
        ),
        {"CERT-CHANGED"},
    ),
    "a value is changed and hashed again": (
        lambda data_root, _: edited(
            data_root, "Q2", lambda certificate: certificate.update(channel="x"), rehashed=True
        ),
        {"CERT-INSERTED"},
    ),
    "it is not readable": (
        lambda data_root, _: path_of(data_root, "Q2").write_text("{"),
        {"CERT-CHANGED"},
    ),
    "a page is changed": (
        lambda data_root, _: path_of(data_root, "Q2", "html").write_text("all is well"),
        {"CERT-CHANGED"},
    ),
    "a page is removed": (
        lambda data_root, _: path_of(data_root, "Q2", "md").unlink(),
        {"CERT-CHANGED"},
    ),
    "the first is removed": (lambda data_root, _: remove(data_root, "Q1"), {"CERT-MISSING"}),
    "one in the middle is removed": (
        lambda data_root, _: remove(data_root, "Q2"),
        {"CERT-MISSING"},
    ),
    "the last is removed": (lambda data_root, _: remove(data_root, "Q3"), {"CERT-MISSING"}),
    "all are removed": (lambda data_root, _: remove(data_root, *IDS), {"CERT-MISSING"}),
    "the last is removed and the note changed": (forget_the_last, {"CERT-CHAIN"}),
    "the note is removed": (
        lambda data_root, _: (certificates.folder(data_root) / "chain.json").unlink(),
        {"CERT-CHAIN"},
    ),
    "one stands before it under the same key": (
        lambda data_root, _: duplicate_key(data_root),
        {"CERT-CHANGED"},
    ),
    "a sentence is added beside it": (
        lambda data_root, _: added_beside(data_root),
        {"CERT-CHANGED"},
    ),
    "it is written with blanks": (
        lambda data_root, _: path_of(data_root, "Q2").write_text(
            path_of(data_root, "Q2").read_text() + " "
        ),
        {"CERT-CHANGED"},
    ),
    "a page is added": (
        lambda data_root, _: (certificates.folder(data_root) / "Q2.txt").write_text("all is well"),
        {"CERT-INSERTED"},
    ),
    "the log of heads is cut": (
        lambda data_root, _: chain_heads.log_path(data_root).write_bytes(b""),
        {"CERT-HEADS"},
    ),
    "a line of the log is changed": (
        lambda data_root, _: chain_heads.log_path(data_root).write_bytes(
            chain_heads.log_path(data_root).read_bytes().replace(b'"sequence":2', b'"sequence":7')
        ),
        {"CERT-HEADS"},
    ),
    "the last line of the log is cut": (
        lambda data_root, _: cut_log(data_root),
        {"CERT-HEADS"},
    ),
    "the copy of the head is an older one": (
        lambda data_root, _: (data_root.root / "backups" / chain_heads.COPY).write_bytes(
            chain_heads.log_path(data_root).read_bytes().splitlines(keepends=True)[1]
        ),
        {"CERT-HEADS"},
    ),
    "the copy of the head is removed": (
        lambda data_root, _: (data_root.root / "backups" / chain_heads.COPY).unlink(),
        {"CERT-HEADS"},
    ),
    "the public key is another's": (another_key, {"CERT-HEADS"}),
    "two are swapped": (lambda data_root, _: swap(data_root), {"CERT-ORDER"}),
    "another register's is added": (insert, {"CERT-INSERTED"}),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_tampering_shows(data_root: DataRoot, tmp_path: Path, attack: str) -> None:
    act, expected = ATTACKS[attack]
    act(data_root, tmp_path / "other")
    assert expected <= codes(data_root)


def test_an_erasure_that_was_closed_without_a_certificate_shows(data_root: DataRoot) -> None:
    (data_root.requests / "Q7.json").write_text(
        '{"request_id": "Q7", "right": "erasure", "channel": "written", "received_at": "",'
        ' "state": "closed", "given": [], "resolved": []}'
    )
    assert [(finding.code, finding.request_id) for finding in check(data_root)] == [
        ("CERT-MISSING", "Q7")
    ]


def rolled_back(data_root: DataRoot) -> None:
    """Undo the last erasure in everything that lies with the certificates; needs no secret."""
    for kind in KINDS:
        path_of(data_root, "Q3", kind).unlink()
    lines = chain_heads.log_path(data_root).read_bytes().splitlines(keepends=True)
    chain_heads.log_path(data_root).write_bytes(b"".join(lines[:2]))


def test_a_chain_that_is_rolled_back_is_noticed_by_the_copy_beside_the_backups(
    tmp_path: Path,
) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    (data_root.root / "backups").mkdir()
    certified(data_root, "Q1")
    certified(data_root, "Q2")
    note = (certificates.folder(data_root) / "chain.json").read_bytes()
    certified(data_root, "Q3")
    rolled_back(data_root)
    (certificates.folder(data_root) / "chain.json").write_bytes(note)
    assert [(finding.code, finding.where, finding.request_id) for finding in check(data_root)] == [
        ("CERT-MISSING", "backups", "Q3")
    ]


def test_a_chain_that_is_removed_whole_is_noticed_by_the_copy_elsewhere(
    data_root: DataRoot,
) -> None:
    kept = certificates.head(data_root)
    assert kept is not None
    for path in certificates.folder(data_root).iterdir():
        path.unlink()
    (data_root.root / "backups" / chain_heads.COPY).unlink()
    assert check(data_root) == []
    assert [(finding.code, finding.where) for finding in check(data_root, {"Dagster": kept})] == [
        ("CERT-MISSING", "Dagster")
    ]


def test_a_chain_that_was_written_over_differs_from_the_copy_elsewhere(data_root: DataRoot) -> None:
    findings = check(data_root, {"Dagster": Head(2, "Q2", "0" * 64)})
    assert [(finding.code, finding.where, finding.request_id) for finding in findings] == [
        ("CERT-CHANGED", "Dagster", "Q2")
    ]


def test_an_erasure_that_is_relabelled_as_refused_shows(data_root: DataRoot) -> None:
    (data_root.requests / "Q2.json").write_text(
        '{"request_id": "Q2", "right": "erasure", "channel": "written", "received_at": "",'
        ' "state": "closed", "why": "REQ-UNFOUNDED", "given": [], "resolved": []}'
    )
    assert [(finding.code, finding.request_id) for finding in check(data_root)] == [
        ("CERT-REQUEST", "Q2")
    ]


def test_a_suppression_without_request_and_certificate_shows(data_root: DataRoot) -> None:
    with connect(data_root) as connection:
        rows = "SELECT 'email:aino@example.fi' AS identifier, 'Q8' AS request_id"
        suppression.add(data_root, connection, rows, date(2026, 11, 23))
    assert [(finding.code, finding.where, finding.request_id) for finding in check(data_root)] == [
        ("CERT-MISSING", "suppressions", "Q8")
    ]


def test_a_torn_line_of_the_log_is_mended_by_the_next(data_root: DataRoot) -> None:
    chain = certificates.folder(data_root) / "chain.json"
    before = chain.read_bytes()
    certified(data_root, "Q4")
    chain.write_bytes(before)
    path = chain_heads.log_path(data_root)
    path.write_bytes(path.read_bytes()[:-20])
    assert check(data_root) == []
    certified(data_root, "Q5")
    assert [head.request_id for head in chain_heads.read(data_root)] == [*IDS, "Q4", "Q5"]
    assert check(data_root) == []


def test_a_copy_of_the_head_that_a_kill_left_out_is_written_when_the_run_is_repeated(
    data_root: DataRoot,
) -> None:
    (data_root.root / "backups" / chain_heads.COPY).unlink()
    certified(data_root, "Q3")
    assert check(data_root) == []


def test_anybody_can_check_the_log_with_the_public_key(data_root: DataRoot) -> None:
    public = load_pem_public_key(
        (certificates.folder(data_root) / chain_heads.PUBLIC_KEY).read_bytes()
    )
    assert isinstance(public, Ed25519PublicKey)
    for line in chain_heads.log_path(data_root).read_bytes().splitlines():
        head = json.loads(line)
        signature = bytes.fromhex(head.pop("signature"))
        public.verify(signature, certificates.canonical(head))
