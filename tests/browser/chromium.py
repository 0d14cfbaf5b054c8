"""Headless Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import websocket

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Page:
    """A tab."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self._number = 0

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer: dict[str, Any] = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def open(self, address: str, settled: str = "document.readyState == 'complete'") -> None:
        """Navigate as a person who types the address, and wait until `settled` (JavaScript)."""
        self._call("Page.navigate", url=address)
        self.wait(settled)

    def wait(self, condition: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not self.value(condition):
            assert time.monotonic() < end, (condition, self.value("document.body.innerText"))
            time.sleep(0.2)

    def capture(self, file: Path, width: int = 1440, height: int = 900) -> None:
        """Write what a window of this size shows, as PNG."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        time.sleep(4)  # the page lays itself out again, and fills what it has left grey
        shown = self._call("Page.captureScreenshot", format="png", optimizeForSpeed=False)
        file.write_bytes(base64.b64decode(shown["data"]))

    def value(self, expression: str) -> Any:
        """The value of JavaScript, awaited."""
        result = self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        return result["result"].get("value")


@contextmanager
def chromium(*invented: str) -> Iterator[Page]:
    """A browser for which the invented host names are this machine."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert program, f"none of {', '.join(NAMES)} is installed"
    with tempfile.TemporaryDirectory() as profile:
        process = subprocess.Popen(
            [
                program,
                "--headless",
                "--no-sandbox",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "--host-resolver-rules=" + ",".join(f"MAP {name} 127.0.0.1" for name in invented),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = _port(Path(profile) / "DevToolsActivePort")
            made = Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT")
            with urlopen(made) as answer:  # noqa: S310
                yield Page(json.load(answer)["webSocketDebuggerUrl"])
        finally:
            process.terminate()
            process.wait(10)


def _port(file: Path) -> str:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if file.exists() and (lines := file.read_text().splitlines()):
            return lines[0]
        time.sleep(0.1)
    raise AssertionError("Chromium did not start")
