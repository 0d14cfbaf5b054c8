"""The guard answers its operator's own browser, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipelines.ui_guard import Guard

HOST = "127.0.0.1:3000"
OWN = {"origin": f"http://{HOST}"}


@dataclass
class Answer:
    """What the guard sent."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int | str:
        first = self.messages[0]
        return first.get("status") or first["type"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()


class Served:
    """A guard before an application that answers everything."""

    def __init__(self, *hosts: str) -> None:
        self.links: list[str] = []
        self.passed_on: list[str] = []
        self.guard = Guard(self.application, 3000, hosts, self.links.append)
        self.guard.print_link()
        self.cookie = ""

    async def application(self, scope: Any, _receive: Any, send: Any) -> None:
        self.passed_on.append(scope["path"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"Dagster"})

    def ask(
        self,
        path: str = "/",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        kind: str = "http",
        **more: Any,
    ) -> Answer:
        given = {
            "host": HOST,
            **({"cookie": self.cookie} if self.cookie else {}),
            **(headers or {}),
        }
        place, _, query = path.partition("?")
        scope = {
            "type": kind,
            "method": method,
            "scheme": "http" if kind == "http" else "ws",
            "path": place,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            **more,
        }
        answer = Answer()

        async def send(message: Any) -> None:
            answer.messages.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b""}

        asyncio.run(self.guard(scope, receive, send))
        return answer

    def open(self) -> Answer:
        answer = self.ask(self.links[-1])
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return answer


@pytest.fixture
def served() -> Served:
    opened = Served()
    opened.open()
    return opened


def test_the_link_gives_a_browser_a_session_that_other_pages_and_scripts_do_not_see() -> None:
    served = Served()
    answer = served.open()
    assert (answer.status, answer.headers["location"]) == (303, "/")
    attributes = answer.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=strict" in attributes
    assert served.ask().text == "Dagster"


def test_a_link_works_once_and_the_next_one_is_shown() -> None:
    served = Served()
    first = served.links[-1]
    served.open()
    assert served.ask(first).status == 403
    assert len(served.links) == 2
    assert served.open().status == 303


@pytest.mark.parametrize("path", ["/register/open", "/register/open?", "/register/open?guess"])
def test_no_other_link_gives_a_session(path: str) -> None:
    served = Served()
    answer = served.ask(path)
    assert answer.status == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [
        ("/", "GET", "http"),
        ("/graphql", "POST", "http"),
        ("/graphql", "GET", "websocket"),
        ("/report_asset_materialization/x", "POST", "http"),
        ("/server_info", "GET", "http"),
    ],
)
def test_without_a_session_nothing_is_passed_on(path: str, method: str, kind: str) -> None:
    served = Served()
    for cookie in ("", "register_session_3000=", "register_session_3000=guess"):
        served.cookie = cookie
        assert served.ask(path, method, OWN, kind).status in (401, "websocket.close")
    assert served.passed_on == []


def test_a_page_opened_without_a_session_says_what_to_do_and_quotes_nothing() -> None:
    answer = Served().ask("/<script>", headers={"accept": "text/html"})
    assert "register ui" in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "origin",
    [
        "http://attacker.example",
        "http://127.0.0.1:4000",
        "http://127.0.0.1",
        "http://localhost:3000",
        "http://127.0.0.1:3000.attacker.example",
        "null",
        "",
    ],
)
@pytest.mark.parametrize(
    ("method", "kind"), [("POST", "http"), ("GET", "http"), ("GET", "websocket")]
)
def test_a_page_of_another_origin_is_refused_even_with_the_session(
    served: Served, origin: str, method: str, kind: str
) -> None:
    answer = served.ask("/graphql", method, {"origin": origin}, kind)
    assert answer.status in (403, "websocket.close")
    assert served.passed_on == []


def test_a_browser_that_states_no_origin_states_its_site(served: Served) -> None:
    for site in ("cross-site", "same-site"):
        assert served.ask("/graphql", "POST", {"sec-fetch-site": site}).status == 403
    assert served.ask("/graphql", "POST", {"sec-fetch-site": "same-origin"}).status == 200


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:3000", "127.0.0.1.attacker.example:3000", "", ":"],
)
def test_another_host_name_is_refused(served: Served, host: str) -> None:
    assert served.ask(headers={"host": host}).status == 403
    assert served.ask(served.links[-1], headers={"host": host}).status == 403
    assert served.passed_on == []


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:8080", "LOCALHOST", "[::1]:3000"])
def test_loopback_is_known_by_its_names_at_any_port(served: Served, host: str) -> None:
    """A tunnel has a port of its own."""
    assert served.ask("/graphql", "POST", {"host": host, "origin": f"http://{host}"}).status == 200


def test_a_proxy_s_host_name_is_known_once_it_is_given() -> None:
    host = {"host": "register.example.fi"}
    served = Served("Register.example.fi")
    assert "secure" in served.ask(served.links[-1], headers=host).headers["set-cookie"].lower()
    served.open()
    assert served.ask(headers=host).status == 200
    asked = {**host, "origin": "https://register.example.fi"}
    assert served.ask("/graphql", "POST", asked).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
def test_graphql_in_an_address_is_refused(served: Served, method: str, path: str) -> None:
    assert served.ask(f"{path}?query=mutation%7Bx%7D", method, OWN).status == 405
    assert served.passed_on == []


def test_the_operator_s_own_requests_are_passed_on(served: Served) -> None:
    assert served.ask("/graphql", "POST", OWN).status == 200
    assert served.ask("/graphql", "GET", OWN, "websocket").status == "websocket.accept"
    assert served.ask("/runs?query=x").status == 200


def test_no_other_page_may_frame_or_load_what_is_answered(served: Served) -> None:
    for answer in (served.ask(), served.ask(headers={"host": "x"}), Served().ask()):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
