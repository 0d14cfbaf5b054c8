"""What the UI's server builds on of the installed Dagster, and how it starts."""

from __future__ import annotations

import inspect
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import heartbeat, webserver


def test_the_installed_dagster_has_what_the_server_builds_on() -> None:
    """Fails when an upgrade renames or reshapes what `PRIVATE` lists: look at webserver.py
    again.
    """
    for name, parameters in webserver.PRIVATE.items():
        taken = inspect.signature(getattr(webserver, name)).parameters
        assert set(parameters) <= set(taken), name
    assert webserver.WorkspaceFileTarget(["workspace.yaml"]).paths == ["workspace.yaml"]


def test_a_port_in_use_is_reported_before_anything_starts() -> None:
    with socket.create_server((webserver.HOST, 0)) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(webserver.UiError, match=f"port {port} .*--port"):
            webserver.serve(Path("workspace.yaml"), port, ())


def test_a_daemon_that_hangs_is_notified_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_HOME", str(tmp_path))
    now = datetime.now(UTC)
    before = now - timedelta(hours=1)
    assert not webserver.look_for_silence(started=now)
    heartbeat.send(tmp_path, now)
    assert not webserver.look_for_silence(started=before)
    heartbeat.send(tmp_path, before)
    assert webserver.look_for_silence(started=before)
    assert webserver.look_for_silence(started=before)
    [line] = (tmp_path / "notifications.jsonl").read_text().splitlines()
    assert "Dagster's daemon has ended, or its sensors do not tick" in line
