"""`register review` as it is typed: the list has levels and weights only, a pair is shown side by
side and decided.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from assets.storage.data_root import DataRoot
from pipelines.cli.review import review_command
from tests.support.crm_people import AINO, NAMESAKE, deliver
from tests.support.registers import refresh, typed


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("reviewed") / "data")
    data_root.create()
    deliver(data_root, "2026-11-10", n1=AINO, n3=NAMESAKE)
    refresh(data_root)
    return data_root.root


def asked(root: Path, *words: str) -> Result:
    return typed(DataRoot(root), review_command, *words)


def test_list_show_write_and_decide(root: Path, tmp_path: Path) -> None:
    listed = asked(root, "--json")
    [pair] = [row["pair"] for row in json.loads(listed.output)]
    assert "Aino" not in listed.output + asked(root).output
    shown = asked(root, pair).output
    assert "Koivukuja 5" in shown
    assert "given" in shown
    page = tmp_path / "pairs.html"
    assert asked(root, "--out", str(page)).exit_code == 0
    assert "<svg" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    assert asked(root, pair, "--decide", "same").exit_code == 0
    assert json.loads(asked(root, pair, "--decide", "different", "--json").output) == {
        "pair": pair,
        "same": False,
    }


def test_refusals(root: Path) -> None:
    assert asked(root, "0000000000").exit_code == 1
    assert asked(root, "--decide", "same").exit_code == 2


def test_before_the_first_refresh(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "none")
    data_root.create()
    refused = asked(data_root.root)
    assert refused.exit_code == 1
    assert "register refresh" in refused.output


def test_contradictions_are_listed_and_not_decided_here(root: Path) -> None:
    assert json.loads(asked(root, "contradictions", "--json").output) == []
    assert "No statements contradict" in asked(root, "contradictions").output
    assert asked(root, "contradictions", "--decide", "same").exit_code == 2
