"""Processes that the fork server makes, used as those of `subprocess.Popen`."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HOUSE = Path(__file__).parents[2]


@functools.cache
def address() -> str:
    """Where the fork server of this test process listens; starts it at the first call."""
    folder = tempfile.mkdtemp(prefix="register-fork-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = str(Path(folder) / "socket")
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.fork_server", path],
        cwd=HOUSE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.kill)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return path


class Forked:
    """A forked `register` with pipes to its standard output and error, read as text."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(address())
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        request = {"arguments": arguments, "environment": environment, "folder": str(folder)}
        text = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(self._connection, [text], [nothing, out_end, err_end])
        self._connection.sendall(text[sent:])
        for end in (nothing, out_end, err_end):
            os.close(end)
        self.pid = self._number()
        self.stdout, self.stderr = os.fdopen(out), os.fdopen(err)

    def poll(self) -> int | None:
        """The exit code if it has ended: the negative signal where one killed it."""
        return self._ended_within(0)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Everything that it writes until its end."""
        with ThreadPoolExecutor(2) as threads:
            out, err = threads.submit(self.stdout.read), threads.submit(self.stderr.read)
            if self._ended_within(timeout) is None:
                os.killpg(self.pid, 9)
                raise subprocess.TimeoutExpired("register", timeout or 0)
            texts = out.result(), err.result()
        self.stdout.close()
        self.stderr.close()
        self._connection.close()
        return texts

    def _ended_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], seconds)[0]:
            self.returncode = self._number()
        return self.returncode

    def _number(self) -> int:
        """The next line of the fork server, byte by byte: what follows is waited for by
        `select`.
        """
        line = b""
        while not line.endswith(b"\n"):
            byte = self._connection.recv(1)
            assert byte, "the fork server has ended"
            line += byte
        return int(line)
