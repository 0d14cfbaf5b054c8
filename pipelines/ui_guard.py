"""The guard in front of Dagster's UI: who may ask it, and from which page.

Dagster's web server has no login, and its GraphQL does what any request says, from any `Origin` and
under any `Host`. A web page that an operator visits could so start or delete runs on loopback. The
guard answers only under known host names (against DNS rebinding), to pages of its own (`Origin`),
and to browsers with the session cookie, which a link gives that is printed on the server and works
once. It is plain ASGI around the whole application: pages, GraphQL and its websocket.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
ENTRANCE = "/register/open"
"""The path of the link; its query is the key."""
FROM_THE_SAME_PAGE = ("same-origin", "none")
# Other pages may neither frame what is shown here nor load it as a part of theirs.
OF_THIS_PAGE_ONLY = {
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
_WITHOUT_SESSION = """<!doctype html><meta charset="utf-8"><title>Register</title>
<p>This browser has no session. Open the link that <code>register ui</code> has printed last.</p>
<p>If you have one and came here by a link on another page: <a href="{}">continue</a>.</p>
"""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not passed on: HTTP status and one sentence."""

    status: int
    why: str


class Guard:
    """An ASGI application that passes on what its operator asks, and refuses everything else.

    Args:
        app: Dagster's application.
        port: Its port, which the cookie's name has: cookies are shared by all ports of a host.
        hosts: Names besides loopback's under which a proxy passes requests on, without port.
        show_link: Called with each new link (path and query) that gives one browser a session.
    """

    def __init__(
        self, app: ASGIApp, port: int, hosts: Collection[str], show_link: Callable[[str], None]
    ) -> None:
        self._app = app
        self._cookie = f"register_session_{port}"
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        self._show_link = show_link
        self._session = secrets.token_urlsafe(32)
        self._key = ""

    def print_link(self) -> None:
        """Make a new link, which replaces the last one, and show it."""
        self._key = secrets.token_urlsafe(32)
        self._show_link(f"{ENTRANCE}?{self._key}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse or pass on an ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refusal = foreign(connection, self._hosts)
        if refusal is None and scope["type"] == "http" and scope["path"] == ENTRANCE:
            await self._opened(connection)(scope, receive, send)
            return
        refusal = refusal or self._not_an_operator(connection) or not_by_post(connection)
        if refusal is None:
            await self._app(scope, receive, with_headers(send))
        else:
            await refuse(connection, refusal, receive, send)

    def _opened(self, connection: HTTPConnection) -> Response:
        """Exchange the link's key for the session cookie, once."""
        if not self._key or not _same(connection.url.query, self._key):
            why = "this link has been used, or is none of this server; it has printed a newer one"
            return PlainTextResponse(why, 403, OF_THIS_PAGE_ONLY)
        self.print_link()
        response = RedirectResponse("/", 303, OF_THIS_PAGE_ONLY)
        response.set_cookie(
            self._cookie,
            self._session,
            httponly=True,
            samesite="strict",
            secure=_host(connection) not in LOOPBACK,
        )
        return response

    def _not_an_operator(self, connection: HTTPConnection) -> Refusal | None:
        cookie = connection.cookies.get(self._cookie, "")
        return None if _same(cookie, self._session) else Refusal(401, "there is no session")


def foreign(connection: HTTPConnection, hosts: Collection[str]) -> Refusal | None:
    """Refuse another host name than ours, and requests of pages that are not ours."""
    if _host(connection) not in hosts:
        return Refusal(403, "this server does not answer under this host name")
    origins = connection.headers.getlist("origin")
    ours = connection.headers["host"].lower()
    if any(origin.lower().partition("://")[2] != ours for origin in origins):
        return Refusal(403, "a page of another origin may not ask this server")
    changes = connection.scope["type"] == "websocket" or _method(connection) not in ("GET", "HEAD")
    site = connection.headers.get("sec-fetch-site", "none")
    if changes and not origins and site not in FROM_THE_SAME_PAGE:
        return Refusal(403, "a page of another origin may not ask this server")
    return None


def not_by_post(connection: HTTPConnection) -> Refusal | None:
    """Refuse GraphQL in an address, which a link, an image or a frame could make a browser ask."""
    if "query" in connection.query_params and connection.scope["type"] == "http":
        path = connection.scope["path"].rstrip("/")
        if path.endswith("/graphql"):
            return Refusal(405, "GraphQL is asked by POST, with the query in the body")
    return None


def _host(connection: HTTPConnection) -> str:
    """Return the host's name without port, in lower case; empty unless there is exactly one."""
    named = connection.headers.getlist("host")
    if len(named) != 1:
        return ""
    name, _, port = named[0].lower().rpartition(":")
    return name if name and port.isdigit() else named[0].lower()


def _method(connection: HTTPConnection) -> str:
    return str(connection.scope.get("method", "GET"))


def _same(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(), expected.encode())


async def refuse(
    connection: HTTPConnection, refusal: Refusal, receive: Receive, send: Send
) -> None:
    """Answer with the refusal; a websocket is closed before it is accepted, which a browser sees as
    403.
    """
    if connection.scope["type"] == "websocket":
        await WebSocketClose(code=1008, reason=refusal.why)(connection.scope, receive, send)
    else:
        await _page(connection, refusal)(connection.scope, receive, send)


def _page(connection: HTTPConnection, refusal: Refusal) -> Response:
    """Return the refusal; without a session a person who opens a page reads what to do."""
    headers = {**OF_THIS_PAGE_ONLY, "Cache-Control": "no-store"}
    if refusal.status == 401 and "text/html" in connection.headers.get("accept", ""):
        address = html.escape(connection.scope["path"], quote=True)
        return HTMLResponse(_WITHOUT_SESSION.format("/" + address.lstrip("/\\")), 401, headers)
    return PlainTextResponse(refusal.why, refusal.status, headers)


def with_headers(send: Send) -> Send:
    """Return a `send` that adds the headers of this page only to what Dagster answers."""

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(OF_THIS_PAGE_ONLY)
        await send(message)

    return send_with_headers
