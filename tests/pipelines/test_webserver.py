"""What the UI's server builds on of the installed Dagster, and how it starts."""

from __future__ import annotations

import inspect
import socket
from pathlib import Path

import pytest

from pipelines import webserver


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
