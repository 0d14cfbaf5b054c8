"""The proxy's configuration in the operator's guide refuses what the guard refuses.

Its `map` and `if` are read from the page and evaluated as nginx documents them: the first regular
expression that matches, else the exact value, else the default.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pipelines.test_ui_guard import Served

PAGE = Path(__file__).parents[2] / "docs" / "operators-guide.md"
NAME = "register.example.fi"
OWN, FOREIGN = {"origin": f"https://{NAME}"}, {"origin": "https://attacker.example.com"}
CONFIGURATION = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
assert CONFIGURATION is not None
TEXT = CONFIGURATION[1]


def variables(path: str, method: str, headers: dict[str, str]) -> dict[str, str]:
    """What nginx knows of a request, before any `map`."""
    place, _, query = path.partition("?")
    cookies = dict(each.split("=", 1) for each in headers.get("cookie", "").split("; ") if each)
    return {
        "uri": place,
        "args": query,
        "request_method": method,
        **{f"http_{name.replace('-', '_')}": value for name, value in headers.items()},
        **{f"cookie_{name}": value for name, value in cookies.items()},
    }


def filled(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda name: known.get(name[1], ""), text.strip('"'))


def mapped(value: str, choices: list[tuple[str, str]]) -> str:
    for pattern, result in choices:
        if pattern == value and pattern != "default":
            return result
    for pattern, result in choices:
        if pattern.startswith("~") and re.search(pattern[1:], value):
            return result
    return dict(choices)["default"]


def proxied(path: str, method: str, headers: dict[str, str]) -> int:
    """The status with which the proxy refuses a request, or 200 where it passes it on."""
    known = variables(path, method, headers)
    for of, name, body in re.findall(r"^map (\S+|\".*?\") \$(\w+) \{(.*)\}$", TEXT, re.MULTILINE):
        choices = re.findall(r"(\"[^\"]*\"|\S+) (\d);", body)
        known[name] = mapped(filled(of, known), [(key.strip('"'), to) for key, to in choices])
    (server,) = (block for block in TEXT.split("\nserver ") if f"server_name {NAME};" in block)
    if headers["host"] != NAME:
        assert re.search(r"default_server;.*return 403;", TEXT)
        return 403
    for name, status in re.findall(r"if \(\$(\w+)\) \{ return (\d+); \}", server):
        if known[name] not in ("", "0"):
            return int(status)
    return 200


REQUESTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a page": ("/", "GET", {}),
    "a page by a link elsewhere": ("/", "GET", {"sec-fetch-site": "cross-site"}),
    "GraphQL of the own page": ("/graphql", "POST", OWN),
    "GraphQL of a script": ("/graphql", "POST", {}),
    "GraphQL of a foreign page": ("/graphql", "POST", FOREIGN),
    "GraphQL of a page without an origin": ("/graphql", "POST", {"origin": "null"}),
    "GraphQL of a page on the same site": ("/graphql", "POST", {"sec-fetch-site": "same-site"}),
    "GraphQL of another site": ("/graphql", "POST", {"sec-fetch-site": "cross-site"}),
    "GraphQL of the same origin": ("/graphql", "POST", {"sec-fetch-site": "same-origin"}),
    "GraphQL in an address": ("/graphql?query={version}", "GET", {}),
    "GraphQL in an address, later": ("/graphql/?a=b&query=mutation", "POST", OWN),
    "another parameter": ("/graphql?queries=1", "GET", {}),
    "a foreign page that reads": ("/", "GET", FOREIGN),
    "another scheme": ("/graphql", "POST", {"origin": f"ftp://{NAME}.example.com"}),
    "a rebound name": ("/", "GET", {"host": "attacker.example.com"}),
    "a deletion": ("/graphql", "DELETE", FOREIGN),
}


@pytest.mark.parametrize("session", [True, False], ids=["with a session", "without"])
@pytest.mark.parametrize("name", REQUESTS)
def test_the_proxy_refuses_what_the_guard_refuses(name: str, session: bool) -> None:
    path, method, headers = REQUESTS[name]
    served = Served(NAME)
    served.open()
    cookie = {"cookie": served.cookie} if session else {}
    served.cookie = ""
    headers = {"host": NAME, **cookie, **headers}
    refused = served.ask(path, method, headers).status
    shown = proxied(path, method, headers)
    if not session and refused == 401:
        # The page that says how to get a session is the guard's.
        assert shown in (200 if method == "GET" else 401, 405)
    else:
        assert shown == refused
