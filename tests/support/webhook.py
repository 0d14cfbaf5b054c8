"""A local server that takes what is posted to it, as a chat's webhook or a healthcheck would."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Webhook:
    """What has arrived; it answers `status`."""

    port: int
    posted: list[dict[str, str]] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    status: int = 200

    @property
    def url(self) -> str:
        """As Apprise takes it, with what must not be shown."""
        return f"json://bot:hunter2@127.0.0.1:{self.port}/hook"

    @property
    def ping_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/secret-uuid"

    @property
    def text(self) -> str:
        """All messages so far."""
        return "\n".join(f"{each['title']}\n{each['message']}" for each in self.posted)

    def wait_for(self, condition: Callable[[Webhook], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < end, self.text
            time.sleep(0.1)


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A server on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if received.status == 200:
                received.posted.append(json.loads(body))
            self._answer()

        def do_GET(self) -> None:
            received.pings.append(self.path)
            self._answer()

        def _answer(self) -> None:
            self.send_response(received.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Webhook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
