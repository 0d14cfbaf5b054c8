"""The client repeats what may succeed later, waits as asked, and shows nobody what it sent."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from assets.connectors import web_api
from assets.connectors.web_api import Access, FetchError, Request, WebApi, below
from schemas.fetching import CODES
from tests.support.fetching import NOW, Time
from tests.support.vendor_server import Answer, Reply, Seen, Server, serving

SENT = "tok-9f8e7d"
FINE = Reply({"ok": 1})


@contextmanager
def asking(answer: Answer, **options: Any) -> Iterator[tuple[WebApi, Server, Time]]:
    time = Time()
    access = Access({"Authorization": f"Bearer {SENT}"})
    with serving(answer) as server:
        api = WebApi(**{"url": server.url, "access": access, "clock": time.clock, **options})
        try:
            yield api, server, time
        finally:
            api.close()


def one_after_another(*replies: Reply) -> Answer:
    """Each reply once, the last one again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    "failure",
    [
        Reply(status=500),
        Reply(status=503),
        Reply(status=429),
        Reply(status=408),
        Reply(b'{"ok"', cut=True),
        Reply(dies=True),
        Reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
    ],
)
def test_what_may_succeed_later_is_tried_again(failure: Reply) -> None:
    with asking(one_after_another(failure, failure, FINE)) as (api, server, time):
        assert api.send(Request("list")).body == b'{"ok": 1}'
        assert (len(server.seen), time.pauses) == (3, [1.0, 2.0])


@pytest.mark.parametrize(
    ("reply", "code", "attempts"),
    [
        (Reply(status=500), "FETCH-SERVER", web_api.ATTEMPTS),
        (Reply(b'{"ok"', cut=True), "FETCH-CUT", web_api.ATTEMPTS),
        (Reply(dies=True), "FETCH-CUT", web_api.ATTEMPTS),
        (Reply(status=429), "FETCH-LIMIT", web_api.ATTEMPTS),
        (Reply(status=429, headers={"Retry-After": "86400"}), "FETCH-LIMIT", 1),
        (Reply(status=401), "FETCH-DENIED", 1),
        (Reply(status=403), "FETCH-DENIED", 1),
        (Reply(status=404), "FETCH-REQUEST", 1),
        (Reply(status=400, body={"message": f"bad {SENT}"}), "FETCH-REQUEST", 1),
    ],
)
def test_what_does_not_succeed_ends_with_a_code_and_shows_nothing_sent_or_received(
    reply: Reply, code: str, attempts: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with asking(lambda _: reply) as (api, server, time), pytest.raises(FetchError) as raised:
        api.send(Request("list", {"q": "010190-999K"}))
    assert raised.value.code == code
    assert str(raised.value).startswith(f"{code}: {CODES[code]}")
    assert (len(server.seen), sum(time.pauses) <= web_api.LONGEST_WAIT) == (attempts, True)
    for text in (str(raised.value), caplog.text):
        assert not any(value in text for value in (SENT, "010190-999K", server.url))


def test_nobody_listening_is_unreachable() -> None:
    with serving(lambda _: FINE) as server:
        url = server.url
    api = WebApi(url, Access(), Time().clock)
    with pytest.raises(FetchError, match="FETCH-UNREACHABLE"):
        api.send(Request("list"))


def test_the_servers_own_delay_counts() -> None:
    limited = Reply(status=429, headers={"Retry-After": "7"})
    with asking(one_after_another(limited, FINE)) as (api, _, time):
        api.send(Request("list"))
    assert time.pauses == [7.0]


def test_a_delay_until_a_moment_is_counted_by_the_servers_clock() -> None:
    """Its clock is an hour ahead of ours: it wants to be left alone for a minute, not for 61."""
    ahead = NOW + timedelta(hours=1)
    headers = {
        "Date": format_datetime(ahead),
        "Retry-After": format_datetime(ahead + timedelta(minutes=1)),
    }
    with asking(one_after_another(Reply(status=503, headers=headers), FINE)) as (api, _, time):
        api.send(Request("list"))
    assert time.pauses == [60.0]


@pytest.mark.parametrize("nonsense", ["soon", "-5", "1e9", "", "²"])
def test_a_delay_that_is_none_is_not_believed(nonsense: str) -> None:
    headers = {"Retry-After": nonsense}
    with asking(one_after_another(Reply(status=429, headers=headers), FINE)) as (api, _, time):
        api.send(Request("list"))
    assert time.pauses == [1.0]


def test_a_vendors_own_header_says_how_long_to_wait() -> None:
    limited = Reply(status=429, headers={"X-Interval-Milliseconds": "10000"})
    with asking(
        one_after_another(limited, FINE), delay_headers={"X-Interval-Milliseconds": 0.001}
    ) as (api, _, time):
        api.send(Request("list"))
    assert time.pauses == [10.0]


def test_requests_keep_the_vendors_pace() -> None:
    with asking(lambda _: FINE, per_minute=300) as (api, _, time):
        for _ in range(4):
            api.send(Request("list"))
    assert time.pauses == pytest.approx([0.2] * 3)


def test_expired_credentials_are_renewed_once() -> None:
    def answer(seen: Seen) -> Reply:
        return FINE if seen.headers["authorization"] == "Bearer new" else Reply(status=401)

    renewed: list[str] = []

    def renewal(token: str) -> Callable[[], dict[str, str]]:
        def renew() -> dict[str, str]:
            renewed.append(token)
            return {"Authorization": f"Bearer {token}"}

        return renew

    with asking(answer, access=Access({"Authorization": "Bearer old"}, renew=renewal("new"))) as (
        api,
        *_,
    ):
        api.send(Request("list"))
        api.send(Request("list"))
    assert renewed == ["new"]
    with (
        asking(answer, access=Access({"Authorization": "Bearer old"}, renew=renewal("bad"))) as (
            api,
            *_,
        ),
        pytest.raises(FetchError, match="FETCH-DENIED"),
    ):
        api.send(Request("list"))
    assert renewed == ["new", "bad"]


def test_credentials_do_not_follow_a_redirect_to_another_host() -> None:
    with serving(lambda _: FINE) as other:
        for target in (other.url, "//localhost:1/", f"http://user@{other.url[7:]}/"):
            with (
                asking(lambda _, to=target: Reply(status=302, headers={"Location": to})) as (
                    api,
                    *_,
                ),
                pytest.raises(FetchError, match="FETCH-REDIRECT"),
            ):
                api.send(Request("list"))
        assert other.seen == []


def test_a_redirect_on_the_same_host_is_followed_to_an_end() -> None:
    def answer(seen: Seen) -> Reply:
        return FINE if seen.path == "/moved" else Reply(status=308, headers={"Location": "/moved"})

    with asking(answer) as (api, *_):
        assert api.send(Request("list")).body == b'{"ok": 1}'
    with (
        asking(lambda _: Reply(status=302, headers={"Location": "/again"})) as (api, server, _),
        pytest.raises(FetchError, match="FETCH-REDIRECT"),
    ):
        api.send(Request("list"))
    assert len(server.seen) == web_api.REDIRECTS + 1


@pytest.mark.parametrize("compressed", [False, True])
def test_a_huge_answer_is_not_read_to_its_end(
    compressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_api, "LARGEST_ANSWER", 100_000)
    body = b" " * 1_000_000
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    reply = Reply(gzip.compress(body) if compressed else body, headers=headers)
    with asking(lambda _: reply) as (api, *_), pytest.raises(FetchError, match="FETCH-TOO-LARGE"):
        api.send(Request("list"))


def test_an_answer_that_drips_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_api, "LONGEST_ANSWER", -1.0)
    with (
        asking(lambda _: FINE) as (api, *_),
        pytest.raises(FetchError, match="takes too long"),
    ):
        api.send(Request("list"))


@pytest.mark.parametrize("path", ["https://evil.example.fi/x", "//evil.example.fi/x", "http://a/"])
def test_a_path_never_leads_to_another_host(path: str) -> None:
    with pytest.raises(FetchError, match="FETCH-REDIRECT"):
        below("https://api.example.fi/v1", path)


def test_paths_are_below_the_address() -> None:
    assert str(below("https://a.example.fi/v1", "list")) == "https://a.example.fi/v1/list"
    assert str(below("https://a.example.fi/v1", "/query/2")) == "https://a.example.fi/query/2"
