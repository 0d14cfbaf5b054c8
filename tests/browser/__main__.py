"""Foreign pages against the real UI in a real browser: `make browser`.

In one browser an operator has a session of the UI, and visits: a page of another site, a page of
another port of this machine (for cookies the same site), and the UI under a name of the attacker's
(DNS rebinding). None of their requests does anything; the operator's own do.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.browser.chromium import Page, chromium
from tests.support.ui import Ui, running_ui

ATTACKER = "attacker.example"
_ADD = (
    'mutation {{ addDynamicPartition(partitionsDefName: "requests", partitionKey: "{}", '
    'repositorySelector: {{repositoryLocationName: "register", '
    'repositoryName: "__repository__"}}) {{ __typename }} }}'
)
_KEYS = (
    '{assetNodeOrError(assetKey: {path: ["erasure", "closed"]}) {... on AssetNode {partitionKeys}}}'
)
_ATTACK = """(async () => {
  const ui = UI, add = name => ADD.replace('KEY', name + HERE), seen = [];
  const query = name => ui + '/graphql?query=' + encodeURIComponent(add(name));
  const tried = async (name, how) => {
    try { await how(); } catch (error) { seen.push(name + ': ' + error.name); }
  };
  const body = name => JSON.stringify({query: add(name)});
  for (const credentials of ['include', 'omit']) {
    await tried('get', () => fetch(query('get'), {mode: 'no-cors', credentials}));
    await tried('post', () => fetch(ui + '/graphql', {method: 'POST', mode: 'no-cors',
      credentials, headers: {'Content-Type': 'text/plain'}, body: body('post')}));
    await tried('query', () => fetch(query('query'),
      {method: 'POST', mode: 'no-cors', credentials}));
    await tried('json', () => fetch(ui + '/graphql', {method: 'POST', credentials,
      headers: {'Content-Type': 'application/json'}, body: body('json')}));
  }
  await tried('image', () => new Promise(done => {
    const image = new Image(); image.onload = image.onerror = done; image.src = query('image');
  }));
  await tried('frame', () => new Promise(done => {
    const frame = document.createElement('iframe'); frame.name = 'frame'; frame.onload = done;
    document.body.append(frame); frame.src = query('frame');
  }));
  await tried('form', () => new Promise(done => {
    const form = document.createElement('form');
    document.getElementsByName('frame')[0].onload = done;
    form.method = 'POST'; form.action = query('form'); form.target = 'frame';
    document.body.append(form); form.submit();
  }));
  await tried('socket', () => new Promise((done, failed) => {
    const socket = new WebSocket(ui.replace('http', 'ws') + '/graphql', 'graphql-ws');
    socket.onopen = () => { seen.push('socket: opened'); done(); };
    socket.onerror = () => failed(new TypeError());
  }));
  return seen;
})()"""


@contextmanager
def foreign_site() -> Iterator[int]:
    """A web site with an empty page, on a port of its own."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>prizes</title><body></body>")

        def log_message(self, *_: Any) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


def asked(page: Page, query: str) -> Any:
    """What GraphQL answers the operator's own page."""
    return page.value(
        "fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'}, "
        f"body: JSON.stringify({{query: {json.dumps(query)}}})}}).then(answer => answer.json())"
    )


def attack(page: Page, ui: Ui, here: str) -> list[str]:
    """Try every way from the page that is open; return what the page noticed."""
    script = (
        _ATTACK.replace("UI,", json.dumps(ui.address) + ",")
        .replace("ADD.", json.dumps(_ADD.format("KEY")) + ".")
        .replace("HERE", json.dumps(here))
    )
    return list(page.value(script))


def main() -> None:
    """Run the attacks and check that they changed nothing."""
    with (
        tempfile.TemporaryDirectory() as folder,
        foreign_site() as port,
        running_ui(Path(folder) / "data") as ui,
        chromium(ATTACKER) as page,
    ):
        page.open(ui.link())
        page.open(f"{ui.address}/jobs", "document.body.innerText.includes('erasure_backfill')")
        print("the operator sees the jobs at", page.value("location.pathname"))
        for site in (f"http://{ATTACKER}:{port}", f"http://127.0.0.1:{port}"):
            page.open(site)
            noticed = attack(page, ui, site)
            assert "socket: opened" not in noticed, noticed
            print(f"{site}: {', '.join(noticed)}")
        page.open(f"http://{ATTACKER}:{ui.port}/")
        print("rebound:", text := page.value("document.body.innerText"))
        assert "host name" in text
        page.open(f"{ui.address}/jobs", "document.body.innerText.includes('erasure_backfill')")
        before = asked(page, _KEYS)["data"]["assetNodeOrError"]["partitionKeys"]
        assert before == [], before
        asked(page, _ADD.format("operator"))
        after = asked(page, _KEYS)["data"]["assetNodeOrError"]["partitionKeys"]
        assert after == ["operator"], after
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
