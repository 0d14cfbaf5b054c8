"""`register certificates` as it is typed: what it hands out, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from pipelines.cli.certificates import certificates
from tests.support.certificates import certified
from tests.support.registers import typed


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("certificates") / "data")
    data_root.create()
    for request_id in ("Q1", "Q2"):
        certified(data_root, request_id)
    return data_root


def test_export_makes_a_folder_to_be_handed_out(data_root: DataRoot, tmp_path: Path) -> None:
    ended = typed(data_root, certificates, "export", "Q2", "--out", str(tmp_path / "out"))
    assert ended.exit_code == 0, ended.output
    assert {path.stem for path in (tmp_path / "out").glob("Q*")} == {"Q2"}


def test_key_prints_what_verify_certificates_prints(data_root: DataRoot) -> None:
    printed = typed(data_root, certificates, "key").output
    assert printed.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert len(printed.splitlines()[-1].removeprefix("SHA-256 (DER): ")) == 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("export", "Q9", "--out", "new"), "no certificate was issued for Q9"),
        (("timestamp", "--url", "http://127.0.0.1:9/", "--ca", "none.pem"), "--ca cannot be read"),
    ],
)
def test_what_is_refused_is_named_in_one_line(
    data_root: DataRoot, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    ended = typed(data_root, certificates, *words)
    assert ended.exit_code == 1
    assert message in f"{ended.output}{ended.exception}"
