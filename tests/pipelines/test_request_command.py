"""`register request` and `register notices` as they are typed: what they ask for, print and refuse;
no value is echoed.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from assets.erasure import erasing
from assets.requests import ledger, notice_ledger
from assets.rights import request_inbox
from assets.storage.data_root import DataRoot
from pipelines.cli import request as recording
from pipelines.cli import request_steps
from pipelines.cli.recipient_notices import recipient_notices_command
from schemas.requests import RIGHTS, RIGHTS_AS_CHOICES
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, SHARED, SPOUSES, TODAY, registrant_of


@pytest.fixture
def data_root(known_data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    """With the refresh that follows left out: what it does is tested where it is."""
    refreshed: list[object] = []
    monkeypatch.setattr("pipelines.cli.refresh.run_refresh", lambda *given: refreshed.append(given))
    return known_data_root


def typed(*words: str, answers: str = "", command: click.Group = request_steps.request) -> Result:
    answer = CliRunner().invoke(command, list(words), input=answers or None)
    assert not [value for value in LEAVES.identifiers if value in answer.output]
    return answer


def output(*words: str) -> Any:
    answer = typed(*words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def asked(right: str = "access", *more: str) -> str:
    return str(
        output(right, "--channel", "written", "--identity-code", LEAVES.identity_code, *more)[
            "request_id"
        ]
    )


@pytest.mark.clause("P10.1", "P9.1")
@pytest.mark.parametrize("right", [right for right in RIGHTS if right not in RIGHTS_AS_CHOICES])
def test_every_right_is_recorded_with_an_opaque_id(data_root: DataRoot, right: str) -> None:
    answer = typed(right, "--channel", "other", "--customer-number", LEAVES.customer_number)
    assert answer.exit_code == 0
    request = ledger.load(data_root, answer.output.strip())
    assert (request.right, request.channel, request.state) == (right, "other", "received")


@pytest.mark.parametrize("right", ["restriction", "objection", "withdrawal"])
def test_what_is_carried_out_at_once_is_delivered_and_says_when_the_marts_do_not_follow(
    data_root: DataRoot, right: str
) -> None:
    answer = typed(right, "--channel", "written", "--identity-code", LEAVES.identity_code)
    assert answer.exit_code == 1
    assert "the marts do not follow it yet" in answer.output
    [request] = ledger.every(data_root)
    assert (request.state, len(list((data_root.inbox / "consents").rglob("*.dat")))) == (
        "applying",
        1,
    )


def test_a_script_that_forgets_an_option_gets_a_usage_error(data_root: DataRoot) -> None:
    assert typed("access", "--identity-code", LEAVES.identity_code).exit_code == 2
    assert typed("access", "--channel", "written").exit_code == 1
    assert (
        typed(
            "access", "--channel", "carrier-pigeon", "--identity-code", LEAVES.identity_code
        ).exit_code
        == 2
    )
    request_id = asked()
    for words in (
        ["verify", request_id],
        ["extend", request_id],
        ["refuse", request_id],
        ["decide", request_id],
    ):
        assert typed(*words).exit_code == 2


def test_missing_options_are_prompted_for(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal:
        class stdin:  # noqa: N801  (stands for sys.stdin)
            @staticmethod
            def isatty() -> bool:
                return True

    monkeypatch.setattr(recording, "sys", Terminal)
    monkeypatch.setattr(request_steps, "sys", Terminal)
    answer = typed("access", answers=f"in-person\ncustomer_number\n{LEAVES.customer_number}\n")
    assert answer.exit_code == 0
    [request] = ledger.every(data_root)
    assert (request.channel, request.given) == (
        "in-person",
        (f"customer_number:{LEAVES.customer_number}",),
    )
    assert typed("extend", request.request_id, answers="complexity\n").exit_code == 0
    assert typed("verify", request.request_id, answers="identity_document\n").exit_code == 0
    assert typed("refuse", request.request_id, answers="REQ-EXCESSIVE\n").exit_code == 0


def test_a_dash_asks_so_that_the_value_stays_out_of_the_shell_s_history(
    data_root: DataRoot,
) -> None:
    answer = typed(
        "access",
        "--channel",
        "written",
        "--identity-code",
        "-",
        answers=f"{LEAVES.identity_code}\n",
    )
    assert answer.exit_code == 0
    assert ledger.every(data_root)[0].given == (f"identity_code:{LEAVES.identity_code}",)


def test_the_list_has_days_and_states_and_no_personal_data(data_root: DataRoot) -> None:
    request_id = asked(
        "access", "--received", str(datetime.now(data_root.policy.zone).date() - timedelta(days=10))
    )
    [listed] = output("list")
    assert (listed["request_id"], listed["state"], listed["right"]) == (
        request_id,
        "received",
        "access",
    )
    assert listed["due_on"] > str(datetime.now(data_root.policy.zone).date())
    assert output("close", request_id)["state"] == "closed"
    assert output("list", "--open") == []
    assert [event["what"] for event in output("show", request_id)["history"]] == [
        "received",
        "closed",
    ]
    assert request_id in typed("list").output
    assert "received" in typed("show", request_id).output


def test_what_was_stated_is_shown_only_on_request(data_root: DataRoot) -> None:
    request_id = asked("rectification", "--set", "family_name=Esimerkki-Uusi")
    assert "Esimerkki-Uusi" not in typed("show", request_id).output
    shown = CliRunner().invoke(request_steps.request, ["show", request_id, "--private"]).output
    assert "Esimerkki-Uusi" in shown
    assert LEAVES.identity_code in shown
    assert (
        typed(
            "rectification",
            "--channel",
            "written",
            "--customer-number",
            "C1",
            "--set",
            "family_name",
        ).exit_code
        == 2
    )


def test_an_unclear_request_lists_its_candidates_and_is_decided(data_root: DataRoot) -> None:
    request_id = output("erasure", "--channel", "written", "--email", SHARED)["request_id"]
    [request] = output("find", request_id)
    assert (request["state"], len(request["candidates"])) == ("unclear", 2)
    chosen = registrant_of(data_root, SPOUSES[0][0])
    assert chosen in typed("find", request_id).output
    assert output("decide", request_id, "--registrant", chosen)["state"] == "received"
    assert ledger.pending(data_root) == [request_id]


def test_a_preview_shows_counts(data_root: DataRoot) -> None:
    seen = output("preview", asked("erasure"))
    assert (seen["bystanders"], seen["layers"]["raw"]) == (0, 9)
    assert "Bystanders: 0" in typed("preview", seen["request_id"]).output


def test_a_request_without_a_match_is_corrected_or_closed(data_root: DataRoot) -> None:
    nobody = output("erasure", "--channel", "written", "--customer-number", "C7777777")[
        "request_id"
    ]
    [request] = output("find", nobody)
    assert (request["state"], request["left_out"]) == ("unclear", 0)
    assert "nobody" in typed("preview", nobody).output
    corrected = output("correct", nobody, "--customer-number", LEAVES.customer_number)
    assert corrected["state"] == "received"
    other = output("erasure", "--channel", "written", "--customer-number", "C7777777")["request_id"]
    assert output("close", other)["outcome"] == "nobody_found"
    assert typed("close", nobody).exit_code == 1


def test_what_is_not_theirs_is_left_out_by_command(data_root: DataRoot) -> None:
    request_id = asked("erasure")
    output("find", request_id)
    output("correct", request_id, "--not-theirs", f"phone:{LEAVES.phone}")
    assert f"phone:{LEAVES.phone}" in ledger.load(data_root, request_id).left_out
    [request] = output("find", request_id)
    assert request["left_out"] == 1
    assert "Left out: 1" in typed("preview", request_id).output
    for words in ([], ["--not-theirs", "phone"], ["--not-theirs", "planet:1"]):
        assert typed("correct", request_id, *words).exit_code == 2


def test_refusing_an_erasure_that_has_begun_reports_the_rows_already_erased(
    data_root: DataRoot,
) -> None:
    request_id = asked("erasure")
    output("find", request_id)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    answer = typed("refuse", request_id, "--ground", "REQ-LEGAL-CLAIMS")
    assert "0 rows had been removed before and cannot come back" in answer.output
    assert ledger.load(data_root, request_id).outcome == "refused"


def test_decisions_of_an_erasure_in_doubt_are_recorded(data_root: DataRoot) -> None:
    request_id = asked("erasure")
    assert output("decide", request_id, "--bystanders", "erase")["state"] == "received"
    assert output("decide", request_id, "--pair", "0123456789=left")["state"] == "received"
    assert ledger.load(data_root, request_id).pairs_left == ("pair:0123456789",)
    assert typed("decide", request_id, "--pair", "0123456789=same").exit_code == 1
    assert typed("decide", request_id, "--pair", "0123456789=perhaps").exit_code == 2
    what = [event["what"] for event in ledger.load(data_root, request_id).events]
    assert "bystanders_decided" in what
    assert "pair_decided" in what


def test_a_code_is_sent_and_comes_back(data_root: DataRoot) -> None:
    request_id = asked()
    assert "email" in typed("verify", request_id, "--send").output
    [message] = [json.loads(path.read_text()) for path in (data_root.outbox / "messages").iterdir()]
    code = next(
        word.strip(".")
        for word in message["text"].split()
        if word.strip(".").isdigit() and len(word.strip(".")) == 6
    )
    assert (
        typed("verify", request_id, "--code", "000000" if code != "000000" else "000001").exit_code
        == 1
    )
    assert output("verify", request_id, "--code", code)["verification"]["level"] == "substantial"


def test_categories_are_decided(data_root: DataRoot) -> None:
    request_id = asked("erasure")
    done = output(
        "decide",
        request_id,
        "--category",
        "contact=granted",
        "--category",
        "order=refused:REQ-LEGAL-OBLIGATION",
    )
    assert done["decisions"]["order"]["ground"] == "REQ-LEGAL-OBLIGATION"
    assert typed("decide", request_id, "--category", "contact=refused").exit_code == 2
    assert typed("decide", request_id, "--category", "order=refused:REQ-ACCURATE").exit_code == 1


def test_request_files_are_taken_in_and_bad_ones_listed_by_rule(data_root: DataRoot) -> None:
    request_inbox.folder(data_root).mkdir(exist_ok=True)
    for number, content in enumerate(
        [
            {"right": "access", "identifiers": {"identity_code": LEAVES.identity_code}},
            {"right": LEAVES.identity_code},
        ]
    ):
        (request_inbox.folder(data_root) / f"{number}.json").write_text(json.dumps(content))
    taken = output("inbox")
    assert (len(taken["received"]), [refusal["code"] for refusal in taken["refused"]]) == (
        1,
        ["REQ-INBOX-FIELDS"],
    )
    assert "REQ-INBOX-FIELDS" in typed("inbox").output
    opened = CliRunner().invoke(
        request_steps.request, ["inbox", "--open", taken["refused"][0]["refused_id"]]
    )
    assert LEAVES.identity_code in opened.output
    assert typed("inbox", "--discard", taken["refused"][0]["refused_id"]).exit_code == 0
    assert output("inbox")["refused"] == []


def test_notices_are_listed_opened_and_acknowledged(data_root: DataRoot, tmp_path: Path) -> None:
    from assets.rights import lookup, recipient_notices

    request_id = asked("erasure")
    now = datetime.now(data_root.policy.zone)
    recipient_notices.prepare(
        data_root, list(lookup.record(data_root, [request_id], now).values()), now
    )
    recipient_notices.release(data_root, [request_id], now)
    listed = typed("list", command=recipient_notices_command).output
    [notice_id] = [
        notice.notice_id
        for notice in notice_ledger.every(data_root)
        if notice.recipient == "it_operations"
    ]
    assert notice_id in listed
    assert (
        typed(
            "open",
            notice_id,
            "--out",
            str(tmp_path / "notice.json"),
            command=recipient_notices_command,
        ).exit_code
        == 0
    )
    assert json.loads((tmp_path / "notice.json").read_text())["keys"]["contracts"] == {
        "registrant_id": [registrant_of(data_root, LEAVES.identity_code)]
    }
    assert typed("acknowledge", notice_id, command=recipient_notices_command).exit_code == 0
    assert typed("open", notice_id, command=recipient_notices_command).exit_code == 1
    assert typed("acknowledge", "N0", command=recipient_notices_command).exit_code == 1
