"""`register access`, `portability`, `rectify` and `backup --rotate` as they are typed: what they
refuse, and that they print nobody's data.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from assets.backup import generations
from assets.register import building
from assets.requests import ledger
from assets.rights import verification
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot
from pipelines.cli import access, backup, rectification
from schemas.policy.loader import load_policy
from tests.support.access_world import SELF_CODE, SELF_NUMBER, SHARED_MAIL, deliver
from tests.support.registers import TODAY, take_in, typed

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("asked") / "data")
    data_root.create()
    deliver(data_root)
    take_in(data_root)
    building.build(data_root, TODAY)
    return data_root


def ask(data_root: DataRoot, right: str, identifier: str) -> str:
    """A request with a verified identity."""
    request_id = ledger.receive(data_root, right, "written", [identifier], NOW)
    verification.verified(data_root, request_id, "identity_document", NOW)
    return request_id


@pytest.mark.parametrize(
    ("right", "command"), [("access", access.access), ("portability", access.portability)]
)
def test_counts_are_printed_and_nothing_else(
    known: DataRoot, tmp_path: Path, right: str, command: click.Command
) -> None:
    request_id = ask(known, right, f"identity_code:{SELF_CODE}")
    answer = typed(known, command, request_id, "--out", str(tmp_path / "one.zip"))
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("Written: ")
    assert ledger.load(known, request_id).events[-1]["what"] == "packed"
    assert not any(text in answer.output for text in ("Aino", SELF_CODE, SELF_NUMBER, "@"))
    assert (tmp_path / "one.zip").exists()


@pytest.mark.parametrize(
    ("right", "identifier", "reason"),
    [
        ("erasure", f"identity_code:{SELF_CODE}", "one of erasure, not of access"),
        ("access", "customer_number:C-NOBODY", "nobody in the register"),
        ("access", f"email:{SHARED_MAIL}", "registrants; give an identity code"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(
    known: DataRoot, tmp_path: Path, right: str, identifier: str, reason: str
) -> None:
    answer = typed(
        known, access.access, ask(known, right, identifier), "--out", str(tmp_path / "one.zip")
    )
    assert answer.exit_code == 1
    assert reason in answer.output
    assert identifier.partition(":")[2] not in answer.output
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_handed_out_without_verified_identity(known: DataRoot, tmp_path: Path) -> None:
    request_id = ledger.receive(known, "access", "written", [f"identity_code:{SELF_CODE}"], NOW)
    answer = typed(known, access.access, request_id, "--out", str(tmp_path / "one.zip"))
    assert answer.exit_code == 1
    assert "register request verify" in answer.output
    assert list(tmp_path.iterdir()) == []


def test_a_closed_request_means_nobody_any_more(known: DataRoot, tmp_path: Path) -> None:
    request_id = ask(known, "access", f"identity_code:{SELF_CODE}")
    ledger.close(known, ledger.load(known, request_id), NOW)
    answer = typed(known, access.access, request_id, "--out", str(tmp_path / "one.zip"))
    assert (answer.exit_code, "closed" in answer.output) == (1, True)


@pytest.mark.parametrize("change", ["email", "=x", "identity_code=x", "shoe=43"])
def test_what_is_no_correction_is_refused_without_its_value(known: DataRoot, change: str) -> None:
    answer = typed(
        known,
        rectification.rectify,
        ask(known, "rectification", f"identity_code:{SELF_CODE}"),
        "--set",
        change,
    )
    assert answer.exit_code == 1
    assert "--set number 1" in answer.output
    assert "43" not in answer.output


def test_a_value_is_asked_for_at_the_terminal_unseen(known: DataRoot) -> None:
    request_id = ask(known, "rectification", f"identity_code:{SELF_CODE}")
    answer = typed(
        known, rectification.rectify, request_id, "--set", "email=-", given="no-address-at-all\n"
    )
    assert answer.exit_code == 1
    assert "SELF-VALUE" in answer.output
    assert "no-address-at-all" not in answer.output
    assert not (known.inbox / "self").exists()


def test_rotation_makes_none_and_destroys_what_is_over(data_root: DataRoot) -> None:
    over = generations.make(
        data_root,
        None,
        datetime.now(UTC) - timedelta(load_policy().rule("backups")[1].period.count + 1),
    ).name
    kept = generations.make(data_root, None, datetime.now(UTC)).name
    answer = typed(data_root, backup.backup, "--rotate")
    assert answer.exit_code == 0, answer.output
    assert f"Destroyed: {over}" in answer.output
    assert [generation.name for generation in backup_generations.every(data_root, None)] == [kept]
