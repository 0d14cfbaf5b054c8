"""Where the proof finds what the removal cannot attribute, a person decides with the command, and
the erasure is carried on.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assets.erasure import erasing
from assets.erasure.proof import certificates, identifiers
from assets.erasure.proof.near_matches import KEPT_MENTION
from assets.erasure.proof.remaining import MENTIONED, NEAR_REASONS
from assets.erasure.proof.verification import KEPT, verify
from assets.requests import ledger
from assets.storage.canonical_json import parse_canonical
from assets.storage.data_root import DataRoot
from pipelines.cli.near_matches import near_matches_command
from tests.support.data_roots import copied
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, find_cleared
from tests.support.mentions_world import texts_in_lake
from tests.support.namesakes import FIRST_DAY, LEAVES, SECOND_DAY, contact, deliver
from tests.support.registers import build, refresh

# With commas between the groups it may be any three numbers: the removal leaves it.
ODD = "040,999,0111"
OTHERS = "880003330001"
EVIDENCE = f"evidence0kept by {ODD}"
COMMANDS = CliRunner()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("known") / "data")
    deliver(data_root.root, FIRST_DAY, SECOND_DAY)
    noted = {"Customer number": "C7000031", "Notes": f"note0kept {ODD} today"}
    rows = [contact(OTHERS, "Veikko", "Kolmas", "veikko@example.fi", "1951-03-04", **noted)]
    put(data_root, "crm", SECOND_DAY, "contacts", csv(rows), len(rows))
    event = {
        "event_ts": "2026-10-04T08:00:00Z", "subject_key_type": "email",
        "subject_key": "veikko@example.fi", "purpose": "direct_marketing", "channel": "sms",
        "status": "granted", "source": "call", "evidence": EVIDENCE, "text_version": "2025-03",
        "language": "fi",
    }  # fmt: skip
    put(data_root, "consents", SECOND_DAY, "consent_log", csv([event]), 1)
    unreadable = f'{{"note": "unreadable0kept {ODD}", "creditClass": '
    put(data_root, "credit_bureau", SECOND_DAY, "credit_reports", unreadable.encode(), 1)
    refresh(data_root, TODAY)
    return data_root.root


@pytest.fixture(scope="module")
def unproven(known: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A data root after an erasure that is not proven, the request's id, and the error."""
    data_root = DataRoot(copied(known, tmp_path_factory.mktemp("unproven") / "data"))
    given = [f"identity_code:{LEAVES.identity_code}"]
    request_id = ledger.receive(data_root, "erasure", "written", given, NOW)
    closing = erased(data_root, request_id)
    assert closing.certificates == []
    return data_root.root, request_id, closing.message()


@pytest.fixture
def data_root(unproven: tuple[Path, str, str], tmp_path: Path) -> DataRoot:
    return DataRoot(copied(unproven[0], tmp_path / "data"))


def erased(data_root: DataRoot, request_id: str) -> erasing.Closing:
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    return erasing.close(data_root, [request_id], NOW)


def references(data_root: DataRoot, request_id: str) -> list[str]:
    return [near["reference"] for near in ledger.load(data_root, request_id).near]


def decide(data_root: DataRoot, request_id: str, *decisions: str) -> None:
    """Run `register request near-matches` with each decision for all records."""
    for decision in decisions:
        named = [
            part
            for reference in references(data_root, request_id)
            for part in (decision, reference)
        ]
        done = COMMANDS.invoke(
            near_matches_command,
            [request_id, *named],
            env={"REGISTER_HOME": str(data_root.root)},
        )
        assert done.exit_code == 0, done.output


def remains(data_root: DataRoot, request_id: str) -> dict[str, int]:
    written = parse_canonical(certificates.path_of(data_root, request_id).read_bytes())
    return {
        f"{entry['what']}: {entry['reason']}": entry["count"]
        for entry in written["certificate"]["remains"]
    }


def test_the_error_names_where_and_what_to_do_and_no_value(
    data_root: DataRoot, unproven: tuple[Path, str, str]
) -> None:
    _, request_id, error = unproven
    places = references(data_root, request_id)
    assert sorted(place.split("/")[0] for place in places) == ["consents", "credit_bureau", "crm"]
    assert [place for place in places if f"raw {place}" not in error] == []
    assert "near-matches" in error
    assert ODD not in error
    assert "9990111" not in error


def test_what_is_redacted_by_decision_is_certified(
    data_root: DataRoot, unproven: tuple[Path, str, str]
) -> None:
    decide(data_root, unproven[1], "--redact")
    closing = erased(data_root, unproven[1])
    assert (closing.unproven, closing.findings) == ([], [])
    texts = texts_in_lake(data_root)
    assert ODD not in texts
    assert "note0kept [redacted] today" in texts
    assert OTHERS in texts
    assert not [reason for reason in remains(data_root, unproven[1]) if "decided" in reason]


def test_what_is_kept_by_decision_is_counted_and_no_later_proof_finds_it(
    data_root: DataRoot, unproven: tuple[Path, str, str]
) -> None:
    """Neither in the records nor in what is built from them; the identifier is still searched in
    all other texts.
    """
    decide(data_root, unproven[1], "--keep")
    closing = erased(data_root, unproven[1])
    assert (closing.unproven, closing.findings) == ([], [])
    counted = remains(data_root, unproven[1])
    assert counted[f"{MENTIONED}: {NEAR_REASONS[KEPT_MENTION]}"] == 3
    assert counted[f"identifiers: {KEPT}"] == 1
    assert not [reason for reason in counted if "longer word" in reason]
    assert EVIDENCE in texts_in_lake(data_root)
    assert verify(data_root).failures() == []
    assert identifiers.remaining_in_register(data_root) == []


def test_what_is_theirs_by_decision_is_removed(
    data_root: DataRoot, unproven: tuple[Path, str, str]
) -> None:
    decide(data_root, unproven[1], "--remove")
    closing = erased(data_root, unproven[1])
    assert (closing.unproven, closing.findings) == ([], [])
    texts = texts_in_lake(data_root)
    assert [
        word for word in ("note0kept", "evidence0kept", "unreadable0kept") if word in texts
    ] == []


def test_the_same_identifier_elsewhere_stays_a_finding(
    data_root: DataRoot, unproven: tuple[Path, str, str]
) -> None:
    decide(data_root, unproven[1], "--keep")
    (data_root.outbox / "left.json").write_text(json.dumps({"text": ODD}))
    closing = erased(data_root, unproven[1])
    assert {finding.where for finding in closing.findings} == {"outbox"}
    assert closing.unproven == [unproven[1]]
