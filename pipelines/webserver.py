"""Dagster's UI behind the guard, and its daemon beside it, until one of them ends.

Dagster's own `dagster dev` and `dagster-webserver` take no middleware, and a proxy in front of them
would leave their port open to every page. So the application is made here, as `dagster-webserver`
makes it, by names that Dagster does not document: `PRIVATE` lists them, and a test compares the
installed Dagster with the list.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import click
import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette
from starlette.types import ASGIApp

from assets.storage.actor import operating_system_user
from assets.storage.safe_errors import PlainError
from pipelines import heartbeat
from pipelines.dagster_home import dagster_home
from pipelines.dagster_instance import opened
from pipelines.log_lines import is_json
from pipelines.notifications import report
from pipelines.proxied_ui import ProxiedGuard
from pipelines.ui_guard import Guard
from pipelines.users import ACTIONS, USER_TAG, user_of
from pipelines.writer_lock import data_root_path

HOST = "127.0.0.1"
# Milliseconds between two looks of the UI at what is on its page; Dagster's own default.
POLLED_EVERY = 2000
SECONDS_TO_END = 20
SECONDS_BETWEEN_LOOKS = 60
# What Dagster calls them by, with the parameters that are given here.
PRIVATE: Mapping[str, tuple[str, ...]] = {
    "WorkspaceProcessContext": (
        "instance",
        "workspace_load_target",
        "version",
        "read_only",
        "code_server_log_level",
    ),
    "WorkspaceRequestContext": (
        "instance",
        "current_workspace",
        "process_context",
        "version",
        "source",
        "read_only",
    ),
    "create_app_from_workspace_process_context": (
        "workspace_process_context",
        "path_prefix",
        "live_data_poll_rate",
    ),
}


class UiError(PlainError):
    """The UI cannot start, or its daemon has ended."""


def serve(workspace: Path, port: int, hosts: Collection[str]) -> None:
    """Serve the UI on loopback, guarded, with the daemon, until interrupted.

    Args:
        workspace: The file that names the code location.
        port: The port on 127.0.0.1.
        hosts: Host names under which a proxy passes requests on.

    Raises:
        UiError: The port is in use, or the daemon has ended.
    """
    with (
        _listening(port) as listening,
        opened() as instance,
        _daemon(workspace) as daemon,
        _application(instance, workspace) as app,
    ):
        guard = Guard(app, port, hosts, lambda link: _print_link(port, link))
        server = _server(guard)
        guard.print_link()
        asyncio.run(_serve(server, listening, daemon))
        if daemon.poll() is not None:
            report_silence()
            raise UiError("Dagster's daemon has ended; schedules and sensors need it: start again")


def serve_team(
    workspace: Path, listen: str, hosts: Collection[str], *, read_only: bool, actions: Path | None
) -> None:
    """Serve the UI of the team's instance to those who have signed in at the proxy.

    Args:
        workspace: The file that names the code location.
        listen: HOST:PORT, or unix:PATH.
        hosts: Host names under which the proxy passes requests on.
        read_only: Whether nothing can be changed.
        actions: Where each change is recorded; default: in the instance's folder.

    Raises:
        UiError: The address cannot be listened on.
    """
    with (
        _listening_at(listen) as listening,
        opened() as instance,
        _application(instance, workspace, read_only=read_only) as app,
    ):
        listed = None if read_only else actions or dagster_home() / ACTIONS
        guard = ProxiedGuard(app, hosts, listed)
        click.echo(f"listening on {listen}{', read-only' if read_only else ''}")
        asyncio.run(_server(guard).serve(sockets=[listening]))


class AttributedContext(WorkspaceProcessContext):
    """Dagster's workspace; runs of a backfill carry who launched it as a tag."""

    def create_request_context(self, source: object | None = None) -> WorkspaceRequestContext:
        """Return the workspace of a request."""
        return _AttributedRequest(
            instance=self.instance,
            current_workspace=self.get_current_workspace(),
            process_context=self,
            version=self.version,
            source=source,
            read_only=self._read_only,
        )


class _AttributedRequest(WorkspaceRequestContext):
    def get_viewer_tags(self) -> dict[str, str]:
        headers = getattr(self.source, "headers", {})
        return {USER_TAG: user_of(headers) or operating_system_user()}


@contextmanager
def _application(
    instance: DagsterInstance, workspace: Path, *, read_only: bool = False
) -> Iterator[Starlette]:
    with AttributedContext(
        instance,
        workspace_load_target=WorkspaceFileTarget([str(workspace)]),
        version=__version__,
        read_only=read_only,
        code_server_log_level="warning",
    ) as context:
        yield create_app_from_workspace_process_context(context, "", POLLED_EVERY)


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=5)
    )


async def _serve(
    server: uvicorn.Server, listening: socket.socket, daemon: subprocess.Popen[bytes]
) -> None:
    """Serve until the server is interrupted or the daemon ends; report one that is silent."""
    started = datetime.now(UTC)

    async def watch() -> None:
        seconds = 0
        while daemon.poll() is None:
            await asyncio.sleep(1)
            seconds += 1
            if seconds % SECONDS_BETWEEN_LOOKS == 0:
                await asyncio.to_thread(look_for_silence, started)
        server.should_exit = True

    watching = asyncio.create_task(watch())
    try:
        await server.serve(sockets=[listening])
    finally:
        watching.cancel()


def look_for_silence(started: datetime) -> bool:
    """Report the daemon if the watch has not ticked for long; return whether it has not."""
    now = datetime.now(UTC)
    last = max(heartbeat.last(data_root_path()) or started, started)
    if now - last <= heartbeat.SILENT_AFTER:
        return False
    report_silence()
    return True


def report_silence() -> None:
    """Notify that the daemon has ended or hangs, once until the watch ticks again."""
    report(data_root_path(), heartbeat.SILENT, datetime.now(UTC))


def _print_link(port: int, link: str) -> None:
    click.echo(
        f"Open http://{HOST}:{port}{link}\n"
        "The link gives one browser a session and works once; then the next one is printed."
    )


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Yield the listening socket, so that a port in use is known before anything starts."""
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise UiError(
            f"cannot listen on port {port} ({os.strerror(error.errno or 0).lower()}): "
            "choose another one with --port"
        ) from None
    with listening:
        yield listening


@contextmanager
def _listening_at(listen: str) -> Iterator[socket.socket]:
    """Yield a socket at HOST:PORT or unix:PATH; the latter for this user and group only."""
    kind, _, place = listen.rpartition(":")
    try:
        if kind == "unix":
            Path(place).unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX)
            listening.bind(place)
            os.chmod(place, 0o660)
        else:
            listening = socket.create_server((kind, int(place)))
    except (OSError, ValueError, OverflowError):
        raise UiError(
            f"cannot listen on {listen}: choose a free HOST:PORT, or unix:PATH in a folder that "
            "this user may write to"
        ) from None
    with listening:
        yield listening


@contextmanager
def _daemon(workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run Dagster's daemon in a process group of its own, and end the group: the daemon, the code
    server that it starts, and the runs that this one starts.
    """
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run"]
    form = "json" if is_json() else "colored"
    options = ["--log-level", "warning", "--log-format", form, "--workspace", str(workspace)]
    with subprocess.Popen(  # noqa: S603
        [*command, *options], start_new_session=True
    ) as daemon:
        try:
            yield daemon
        finally:
            end = time.monotonic() + SECONDS_TO_END
            with suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGTERM)
                while time.monotonic() < end:
                    daemon.poll()  # or it would stay in its group as a zombie
                    os.killpg(daemon.pid, 0)
                    time.sleep(0.1)
                os.killpg(daemon.pid, signal.SIGKILL)
