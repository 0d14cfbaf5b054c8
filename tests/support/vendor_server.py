"""A server on this machine that answers as a test says, well or badly, and remembers requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    fields: dict[str, Any]
    headers: Mapping[str, str]
    target: str
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer; `cut` declares more bytes than are sent, `dies` sends nothing."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    dies: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answer = Callable[[Seen], Reply]


@dataclass
class Server:
    """Where it listens, and what it was asked."""

    url: str
    answer: Answer
    seen: list[Seen] = field(default_factory=list)


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Serve until the block ends."""
    # `date` is sent by the handler's own clock unless a reply has one.
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    state = Server(f"http://127.0.0.1:{server.server_port}", answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            seen = _seen(self.command, self.path, dict(self.headers.items()), body)
            state.seen.append(seen)
            reply = state.answer(seen)
            if reply.dies:
                self.close_connection = True
                return
            content = reply.content
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) + (100 if reply.cut else 0)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            self.close_connection = self.close_connection or reply.cut

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    server.RequestHandlerClass = Handler
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _seen(method: str, target: str, headers: dict[str, str], body: bytes) -> Seen:
    parsed = urlsplit(target)
    fields: dict[str, Any] = dict(parse_qsl(parsed.query))
    lowered = {name.lower(): value for name, value in headers.items()}
    if "json" in lowered.get("content-type", ""):
        fields |= json.loads(body)
    elif "form" in lowered.get("content-type", ""):
        fields |= dict(parse_qsl(body.decode()))
    return Seen(method, parsed.path, fields, lowered, target, body)
