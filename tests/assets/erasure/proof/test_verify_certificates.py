"""Anybody checks certificates with one file and the public key: no register, no secret."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.erasure.proof import certificates, chain_heads, verify_certificates
from assets.erasure.proof.certificate_export import ExportError, export
from assets.storage.canonical_json import canonical
from assets.storage.data_root import DataRoot
from tests.support.certificates import certified

IDS = tuple(f"Q{number}" for number in range(1, 7))


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("issuer") / "data")
    data_root.create()
    for request_id in IDS:
        certified(data_root, request_id)
    return data_root


@pytest.fixture
def handed_out(issuer: DataRoot, tmp_path: Path) -> Path:
    export(issuer, tmp_path / "out", ())
    return tmp_path / "out"


def verdict(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    *options: str,
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["verify_certificates.py", str(path), *options])
    ended = verify_certificates.main()
    captured = capsys.readouterr()
    return ended, captured.out + captured.err


Verdict = Callable[..., tuple[int, str]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verdict:
    return lambda path, *options: verdict(capsys, monkeypatch, path, *options)


def test_it_runs_alone_without_the_register_and_its_secrets(handed_out: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "verify_certificates.py", "."],
        cwd=handed_out,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "6 certificates: each as issued, in order, none missing or added" in done.stdout
    assert "6 signed heads, 6 receipts" in done.stdout
    source = Path(verify_certificates.__file__).read_text()
    assert not any(f"from {ours}" in source for ours in ("assets", "pipelines", "schemas"))


@pytest.mark.parametrize("request_id", IDS)
def test_a_registrant_checks_their_own_certificate_without_those_of_others(
    issuer: DataRoot, tmp_path: Path, verify: Verdict, request_id: str
) -> None:
    files = export(issuer, tmp_path / "hers", [request_id])
    assert {path.name for path in files} == {
        f"{request_id}.html",
        f"{request_id}.json",
        f"{request_id}.md",
        f"{request_id}.receipt",
        "public-key.pem",
        "verify_certificates.py",
    }
    others = {*IDS} - {request_id}
    assert not any(f'"{other}"' in path.read_text() for path in files[1:4] for other in others)
    ended, text = verify(tmp_path / "hers" / f"{request_id}.json")
    assert ended == 0, text
    assert "as issued on 2026-11-23" in text


def changed(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_bytes(canonical(content))


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def drop_head(folder: Path, number: int) -> None:
    lines = (folder / chain_heads.LOG).read_bytes().splitlines(keepends=True)
    (folder / chain_heads.LOG).write_bytes(b"".join(lines[:number] + lines[number + 1 :]))


def without(folder: Path, request_id: str) -> None:
    for path in folder.glob(f"{request_id}.*"):
        path.unlink()


def another_key(folder: Path) -> None:
    stranger = DataRoot(folder.parent / "stranger")
    stranger.create()
    certified(stranger, "Q1")
    shutil.copy(certificates.folder(stranger) / chain_heads.PUBLIC_KEY, folder)


ATTACKS: dict[str, Callable[[Path], object]] = {
    "a value is changed": lambda folder: changed(
        folder / "Q3.json",
        lambda document: document["certificate"].update(channel="x"),  # type: ignore[attr-defined]
    ),
    "a page is changed": lambda folder: flip(folder / "Q3.html", 900),
    "the hash of a page is changed with it": lambda folder: changed(
        folder / "Q3.json",
        lambda document: document["pages"].update(html="0" * 64),  # type: ignore[attr-defined]
    ),
    "a certificate is dropped": lambda folder: without(folder, "Q3"),
    "the last certificate is dropped": lambda folder: without(folder, "Q6"),
    "a head is dropped": lambda folder: drop_head(folder, 2),
    "a head is changed": lambda folder: flip(folder / chain_heads.LOG, 20),
    "a receipt is another's": lambda folder: shutil.copy(
        folder / "Q2.receipt", folder / "Q3.receipt"
    ),
    "a step of a receipt is changed": lambda folder: changed(
        folder / "Q3.receipt",
        lambda receipt: receipt.update(path=["0" * 64, *list(receipt["path"])[1:]]),  # type: ignore
    ),
    "a receipt is of another size": lambda folder: changed(
        folder / "Q3.receipt", lambda receipt: receipt.update(size=7)
    ),
    "the key is another's": another_key,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_as_issued_is_named(handed_out: Path, verify: Verdict, attack: str) -> None:
    ATTACKS[attack](handed_out)
    ended, text = verify(handed_out)
    assert (ended, text[:15]) == (1, "NOT AS ISSUED: ")


def test_no_bit_of_a_certificate_or_its_receipt_can_be_changed(
    handed_out: Path, verify: Verdict
) -> None:
    for name in ("Q3.json", "Q3.receipt"):
        path = handed_out / name
        whole = path.read_bytes()
        # The seal is for the register alone.
        end = whole.index(b',"seal":') if name == "Q3.json" else len(whole)
        for at in range(0, end, 37):
            flip(path, at)
            assert verify(handed_out / "Q3.json")[0] == 1, (name, at)
            path.write_bytes(whole)


def test_a_chain_cut_at_its_end_is_noticed_by_a_head_kept_elsewhere(
    handed_out: Path, tmp_path: Path, verify: Verdict
) -> None:
    kept = tmp_path / "head.json"
    kept.write_bytes((handed_out / chain_heads.LOG).read_bytes().splitlines(keepends=True)[-1])
    assert verify(handed_out, "--head", str(kept))[0] == 0
    without(handed_out, "Q6")
    drop_head(handed_out, 5)
    assert verify(handed_out)[0] == 0
    ended, text = verify(handed_out, "--head", str(kept))
    assert ended == 1
    assert "certificate 6, which is not in this chain" in text


def test_the_published_fingerprint_must_be_that_of_the_key(
    handed_out: Path, verify: Verdict
) -> None:
    fingerprint = verify(handed_out)[1].split()[-1]
    assert verify(handed_out, "--fingerprint", fingerprint.upper())[0] == 0
    assert verify(handed_out, "--fingerprint", "00" * 32)[0] == 1


def test_a_missing_receipt_or_key_is_named(handed_out: Path, verify: Verdict) -> None:
    (handed_out / "Q3.receipt").unlink()
    assert verify(handed_out / "Q3.json") == (
        2, "not checked: Q3.receipt cannot be read: No such file or directory\n"
    )  # fmt: skip
    (handed_out / chain_heads.PUBLIC_KEY).unlink()
    assert verify(handed_out)[0] == 2


def test_certificates_of_older_versions_get_their_receipts_when_they_are_handed_out(
    issuer: DataRoot, tmp_path: Path, verify: Verdict
) -> None:
    older = DataRoot(tmp_path / "data")
    shutil.copytree(issuer.root, older.root)
    for path in certificates.folder(older).glob("*.receipt"):
        path.unlink()
    export(older, tmp_path / "out", ["Q2"])
    assert verify(tmp_path / "out" / "Q2.json")[0] == 0


def test_what_was_not_issued_is_not_handed_out(issuer: DataRoot, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no certificate was issued for Q9"):
        export(issuer, tmp_path / "out", ["Q1", "Q9"])
    with pytest.raises(ExportError, match="exists already"):
        export(issuer, tmp_path, ["Q1"])
    assert not (tmp_path / "out").exists()
