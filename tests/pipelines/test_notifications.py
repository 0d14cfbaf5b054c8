"""Each channel is sent a problem once when it begins, daily while it lasts, and once when over."""

from __future__ import annotations

import json
import logging
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines import heartbeat, notifications
from pipelines.notifications import Changes, Channel, Failure, Problem, notify, report
from tests.support.webhook import Webhook, webhook

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
RUN = Problem("runs/refresh", "run 1a2b of refresh", version="1a2b", page="runs/1a2b")
CHECK = Problem("checks/raw/crm/no_column_lost", "check no_column_lost", is_warning=True)


@pytest.fixture(scope="module")
def hook() -> Iterator[Webhook]:
    with webhook() as received:
        yield received


@pytest.fixture
def received(hook: Webhook) -> Webhook:
    hook.posted.clear()
    hook.pings.clear()
    hook.status = 200
    return hook


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Changes]:
    """What one channel was sent, without the others."""
    messages: list[Changes] = []

    def send(changes: Changes) -> bool:
        messages.append(changes)
        return True

    monkeypatch.setattr(notifications, "channels", lambda _: [Channel("here", "here", send)])
    return messages


def after(**passed: float) -> datetime:
    return NOW + timedelta(**passed)


class TestAProblem:
    def test_is_sent_when_it_begins_and_not_again_each_minute(
        self, tmp_path: Path, sent: list[Changes]
    ) -> None:
        for minute in range(5):
            notify(tmp_path, [RUN, CHECK], after(minutes=minute))
        assert sent == [Changes(new=[RUN, CHECK])]

    def test_is_sent_when_it_is_over_once(self, tmp_path: Path, sent: list[Changes]) -> None:
        notify(tmp_path, [RUN, CHECK], NOW)
        for minute in (1, 2):
            notify(tmp_path, [CHECK], after(minutes=minute))
        assert sent[1:] == [Changes(recovered=[RUN.what])]

    def test_is_repeated_each_day_unless_it_is_a_warning(
        self, tmp_path: Path, sent: list[Changes]
    ) -> None:
        for hour in range(0, 49, 12):
            notify(tmp_path, [RUN, CHECK], after(hours=hour))
        assert sent[1:] == [Changes(lasting=[RUN])] * 2

    def test_that_happens_again_under_its_key_is_sent_again(
        self, tmp_path: Path, sent: list[Changes]
    ) -> None:
        again = Problem(RUN.key, "run 3c4d of refresh", version="3c4d")
        notify(tmp_path, [RUN], NOW)
        notify(tmp_path, [again], after(minutes=1))
        assert sent[1:] == [Changes(new=[again])]

    def test_that_was_over_at_once_is_sent_once(self, tmp_path: Path, sent: list[Changes]) -> None:
        over = Problem("runs/refresh", "run 1a2b; a later run has succeeded", "1a2b", is_over=True)
        for problems in ([over], [over], []):
            notify(tmp_path, problems, after(days=len(sent)))
        assert sent == [Changes(new=[over])]

    def test_of_which_nothing_is_known_now_stays(self, tmp_path: Path, sent: list[Changes]) -> None:
        notify(tmp_path, [RUN, CHECK], NOW)
        notify(tmp_path, [], after(minutes=1), undecided=["checks/"])
        assert sent[1:] == [Changes(recovered=[RUN.what])]
        assert notifications.lasting(tmp_path) == [CHECK.what]

    def test_that_is_reported_alone_leaves_the_others(
        self, tmp_path: Path, sent: list[Changes]
    ) -> None:
        notify(tmp_path, [RUN], NOW)
        report(tmp_path, heartbeat.SILENT, after(minutes=1))
        notify(tmp_path, [RUN], after(minutes=2))
        assert sent[1:] == [
            Changes(new=[heartbeat.SILENT]),
            Changes(recovered=[heartbeat.SILENT.what]),
        ]


class TestAChannelThatFails:
    def test_is_tried_again_with_what_is_wrong_by_then(
        self,
        tmp_path: Path,
        received: Webhook,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("REGISTER_NOTIFY", received.url)
        received.status = 500
        with caplog.at_level(logging.DEBUG):
            assert notify(tmp_path, [RUN, CHECK], NOW) == ["channel 1 (json)"]
            assert notify(tmp_path, [RUN], after(seconds=50)) == ["channel 1 (json)"]
            received.status = 200
            assert notify(tmp_path, [RUN], after(seconds=61)) == []
        [message] = received.posted
        assert message["title"] == "register: 1 new"
        assert message["message"] == "Failed: run 1a2b of refresh"
        assert "channel 1 (json) could not be notified" in caplog.text
        known = caplog.text + (tmp_path / "watch" / "sent.json").read_text()
        assert "hunter2" not in known
        assert "127.0.0.1" not in known

    def test_waits_longer_each_time_up_to_an_hour(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempts: list[float] = []
        minute = 0

        def refuse(_: Changes) -> bool:
            attempts.append(minute)
            return False

        monkeypatch.setattr(notifications, "channels", lambda _: [Channel("x", "x", refuse)])
        for minute in range(200):
            notify(tmp_path, [RUN], after(minutes=minute))
        waits = [later - earlier for earlier, later in pairwise(attempts)]
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]

    def test_does_not_keep_the_others_from_it(
        self, tmp_path: Path, received: Webhook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REGISTER_NOTIFIER", "no_such_module:page")
        monkeypatch.setenv("REGISTER_NOTIFY", f"nosuch://x {received.url}")
        assert notify(tmp_path, [RUN], NOW) == ["REGISTER_NOTIFIER", "channel 1 (nosuch)"]
        assert len(received.posted) == 1


def test_urls_are_those_of_the_secret_file_and_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "notification-channels").write_text("# team\n  json://a/ \n\n")
    monkeypatch.setenv("REGISTER_NOTIFY", "json://a/ json://b/")
    assert notifications.urls(tmp_path) == ["json://a/", "json://b/"]


def test_a_message_names_the_page_when_the_address_of_the_ui_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REGISTER_UI_URL", "https://register.example.fi/")
    changes = Changes(new=[RUN, CHECK], recovered=["x"])
    assert changes.title == "register: 1 new, 1 warnings, 1 recovered"
    assert changes.text.splitlines() == [
        "Failed: run 1a2b of refresh https://register.example.fi/runs/1a2b",
        "Warning: check no_column_lost",
        "Recovered: x",
    ]


def test_a_message_has_no_more_lines_than_somebody_reads() -> None:
    lines = Changes(new=[CHECK] * 40).text.splitlines()
    assert (len(lines), lines[-1]) == (31, "and 10 more")


def test_without_channels_it_is_a_line_in_a_file_of_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGISTER_NOTIFIER", raising=False)
    notify(tmp_path, [RUN], NOW)
    path = tmp_path / "notifications.jsonl"
    [line] = path.read_text().splitlines()
    assert json.loads(line).items() >= {"state": "new", "what": RUN.what, "job": ""}.items()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_function_that_the_environment_names_gets_job_run_and_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Failure] = []
    module = types.ModuleType("our_pager")
    module.page = heard.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "our_pager", module)
    monkeypatch.setenv("REGISTER_NOTIFIER", "our_pager:page")
    problem = Problem("runs/refresh", "x", job="refresh", run_id="1a2b", steps=("stage_crm",))
    notify(tmp_path, [problem, CHECK], NOW)
    assert heard == [Failure("refresh", "1a2b", ("stage_crm",)), Failure("", "", (CHECK.what,))]
    assert not (tmp_path / "notifications.jsonl").exists()


def test_a_damaged_record_of_what_was_sent_sends_it_again(
    tmp_path: Path, sent: list[Changes]
) -> None:
    notify(tmp_path, [RUN], NOW)
    (tmp_path / "watch" / "sent.json").write_text("{")
    notify(tmp_path, [RUN], NOW)
    assert sent == [Changes(new=[RUN])] * 2


class TestHeartbeat:
    def test_touches_a_file_and_calls_the_url(
        self, tmp_path: Path, received: Webhook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REGISTER_HEARTBEAT_URL", received.ping_url)
        assert heartbeat.last(tmp_path) is None
        assert heartbeat.send(tmp_path, NOW)
        assert heartbeat.last(tmp_path) == NOW
        assert received.pings == ["/ping/secret-uuid"]

    def test_a_url_that_does_not_answer_is_logged_without_it(
        self,
        tmp_path: Path,
        received: Webhook,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setenv("REGISTER_HEARTBEAT_URL", received.ping_url)
        received.status = 503
        with caplog.at_level(logging.DEBUG):
            assert not heartbeat.send(tmp_path, NOW)
        assert "status 503" in caplog.text
        assert "secret-uuid" not in caplog.text
