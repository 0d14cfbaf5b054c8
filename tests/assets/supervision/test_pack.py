"""The pack answers from the ledgers, each answer with its evidence, and no answer is invented."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.erasure.proof import certificates
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.supervision import pack
from assets.supervision.answers import Answer
from tests.support.certificates import certified

TODAY = date(2026, 11, 20)
SINCE = date(2025, 11, 20)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """Five erasures: two carried out (one certified), one refused, one open and late, one older."""
    data_root = DataRoot(tmp_path_factory.mktemp("pack") / "data")
    data_root.create()
    noon = datetime(2026, 11, 20, 12, tzinfo=data_root.policy.zone)

    def received(days: int, channel: str = "written") -> ledger.Request:
        at = noon - timedelta(days=days)
        given = ["customer_number:C1"]
        return ledger.load(data_root, ledger.receive(data_root, "erasure", channel, given, at))

    first, second, refused, _, old = (
        received(30),
        received(20, "in-person"),
        received(10),
        received(60),
        received(500),
    )
    verified = {"means": "identity_document", "level": "high", "at": noon.isoformat()}
    for request, ended in ((first, 28), (second, 10), (old, 400)):
        done = replace(request, verification=verified)
        ledger.close(data_root, done, noon - timedelta(days=ended), "granted")
    ledger.close(data_root, refused, noon, "refused", why="REQ-LEGAL-CLAIMS")
    certified(data_root, first.request_id)
    return data_root


@pytest.fixture(scope="module")
def answers(data_root: DataRoot) -> dict[str, Answer]:
    gathered = pack.gather(data_root, TODAY, SINCE)
    return {answer.question: answer for topic in gathered.values() for answer in topic}


def figures(answers: Mapping[str, Answer], question: str) -> Mapping[str, Any]:
    return answers[question].figures


@pytest.mark.clause("P9.1")
def test_requests_of_the_period_are_counted_by_channel_and_outcome(
    answers: dict[str, Answer],
) -> None:
    assert figures(answers, "E1") == {
        "requests": 4,
        "by_year": {"2026": 4},
        "by_channel": {"in-person": 1, "written": 3},
    }
    assert figures(answers, "E2") == {
        "open": 1,
        "refused": 1,
        "nobody_found": 0,
        "carried_out": 2,
        "refused_by_ground": {"REQ-LEGAL-CLAIMS": 1},
    }


def test_durations_and_late_requests_are_those_of_the_ledger(answers: dict[str, Answer]) -> None:
    assert figures(answers, "E3") == {
        "erasures": 2,
        "median_days": 6.0,
        "days_of_95_percent": 10.0,
        "late": 1,
        "extended": {},
    }
    assert figures(answers, "E4")["by_means"] == {"identity_document": 2, "none": 1}


def test_statutes_and_rows_are_those_of_the_certificates(answers: dict[str, Answer]) -> None:
    assert figures(answers, "E5")["held_by_statute"] == {"1336/1997 2:10: order": 1}
    assert figures(answers, "E6")["certificates"] == 1
    assert figures(answers, "E6")["rows_removed"] == 6


def test_a_chain_that_is_not_as_issued_is_named(data_root: DataRoot, tmp_path: Path) -> None:
    import shutil

    other = DataRoot(tmp_path / "data")
    shutil.copytree(data_root.root, other.root)
    next(certificates.folder(other).glob("Q*.html")).write_text("all is well")
    gathered = pack.gather(other, TODAY, SINCE)
    (proof,) = (each for topic in gathered.values() for each in topic if each.question == "E6")
    assert "findings" in proof.answer
    assert proof.figures["findings"] > 0


def test_each_answer_has_evidence_and_what_is_not_answered_says_so(
    answers: dict[str, Answer],
) -> None:
    assert all(bool(answer.evidence) == answer.is_answered for answer in answers.values())
    assert {question for question, answer in answers.items() if not answer.is_answered} == {
        "E13", "E14", "T6", "T7", "T8",
    }  # fmt: skip


def test_documents_that_are_evidence_exist(answers: dict[str, Answer]) -> None:
    house = Path(__file__).parents[3]
    named = {
        place
        for answer in answers.values()
        for place in answer.evidence
        if place.startswith(("docs/", "schemas/"))
    }
    assert named
    assert [place for place in named if not (house / place.split(":")[0]).exists()] == []


def test_the_pack_is_readable_by_people_and_machines(data_root: DataRoot) -> None:
    gathered = pack.gather(data_root, TODAY, SINCE)
    page = pack.markdown(data_root, TODAY, SINCE, gathered)
    assert "Without evidence in the register: E13, E14, T6, T7, T8." in page
    assert "refused\\_by\\_ground" in page
    data = pack.as_data(data_root, TODAY, SINCE, gathered)
    assert json.loads(json.dumps(data))["without_evidence"] == ["E13", "E14", "T6", "T7", "T8"]
    assert "C1" not in page
