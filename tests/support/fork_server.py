"""A process that has imported all of `register`, and forks one that runs it for each request.

Importing Dagster, pandas and DuckDB costs seconds, and most tests of real processes run several.
A forked process has a pid and a process group of its own, its own arguments, environment, working
directory and standard streams, and ends as the console script does; it can be killed at any
moment. Nothing has been done before the fork but imports and hashing the rules of staging: no
thread of Python's, no database.

Run as `python -m tests.support.fork_server SOCKET`. A request is one JSON line with the three
standard streams as file descriptors; the answers are the pid and, at its end, the exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.one_thread import use_one_thread

LONGEST_REQUEST = 1_000_000


def import_everything() -> None:
    """Import what any command imports, and compute what is the same in every process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main = importlib.import_module("pipelines.cli.main")
        definitions = importlib.import_module("pipelines.definitions")
        definitions.definitions_under(
            importlib.import_module("schemas.policy.loader").policy_file()
        )
        for place in main.COMMANDS.values():
            importlib.import_module(f"pipelines.cli.{place.split(':')[0]}")
        importlib.import_module("assets.staging.rules_fingerprint").rules_fingerprint()
    use_one_thread()
    if threading.active_count() != 1:
        raise RuntimeError(f"imports started threads: {threading.enumerate()}")
    gc.freeze()


def run(request: dict[str, Any], streams: list[int]) -> None:
    """Become the command; does not return."""
    os.setsid()
    # As at a terminal; what a shell starts in the background ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = request["arguments"]
    sys.modules["__main__"].__package__ = None  # by which click would name the command
    for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        at_start = Path(folder) / "sitecustomize.py"
        if folder and at_start.exists():
            runpy.run_path(str(at_start))
    code = 1
    try:
        importlib.import_module("pipelines.cli.main").main()
        code = 0
    except SystemExit as ending:
        code = int(ending.code or 0)
    finally:
        end(code)


def end(code: int) -> None:
    """End as an interpreter does, but for the libraries' own destructors.

    Those wait for native threads that the imports had started: they are not in a forked process.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)


class Requests:
    """The listening socket, a connection for each process, and the processes that run."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.selector = selectors.DefaultSelector()
        self.selector.register(listening, selectors.EVENT_READ)

    def serve(self) -> None:
        """Fork until the process that started this one has ended."""
        parent = os.getppid()
        while os.getppid() == parent:
            for key, _ in self.selector.select(timeout=1):
                if key.fileobj is self.listening:
                    self.fork()
                else:
                    self.report(*key.data)

    def fork(self) -> None:
        connection, _ = self.listening.accept()
        text, streams, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 3)
        while not text.endswith(b"\n"):
            text += connection.recv(LONGEST_REQUEST)
        pid = os.fork()
        if pid == 0:
            self.selector.close()
            self.listening.close()
            connection.close()
            run(json.loads(text), list(streams))
        for stream in streams:
            os.close(stream)
        connection.sendall(f"{pid}\n".encode())
        ended = os.pidfd_open(pid)
        self.selector.register(ended, selectors.EVENT_READ, (ended, pid, connection))

    def report(self, ended: int, pid: int, connection: socket.socket) -> None:
        self.selector.unregister(ended)
        os.close(ended)
        _, status = os.waitpid(pid, 0)
        with connection, suppress(BrokenPipeError):  # nobody may wait for it any more
            connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    import_everything()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which a suite under nohup would pass on ignored
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen()
        print("ready", flush=True)
        Requests(listening).serve()
