"""The UI as an operator starts it: a real process, with its links."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.commands import COMMAND, environment

STARTS_WITHIN = 180


@dataclass(frozen=True)
class Ui:
    """A running UI.

    `log` is the file of what it prints.
    """

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def links(self) -> list[str]:
        return re.findall(r"Open (http://\S+)", self.log.read_text())

    def link(self) -> str:
        """The link that was printed last, waited for."""
        end = time.monotonic() + STARTS_WITHIN
        while not self.links():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.2)
        return self.links()[-1]

    def end(self) -> None:
        """End it as by Ctrl-C at its terminal, unless it has ended."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


@contextmanager
def running_ui(root: Path, *arguments: str) -> Iterator[Ui]:
    """The UI of a data root on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    log = root.parent / "ui.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [COMMAND, "ui", "--port", str(port), *arguments],
            env=environment(root),
            cwd=root.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Ui(port, log, process)
    try:
        yield running
    finally:
        running.end()
