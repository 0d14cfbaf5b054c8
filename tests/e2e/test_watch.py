"""The real daemon's watch notifies a webhook, and its own end is noticed: no line of it personal.

Costs a start of the UI (half a minute): that the daemon evaluates the sensor and that the UI
notices its end is seen nowhere else.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from assets.storage.data_root import DataRoot
from tests.support.deliveries import put
from tests.support.ui import Ui, running_ui
from tests.support.webhook import Webhook, webhook

PERSONAL = "maija-esimerkki"
TICKS_WITHIN = 240


@dataclass(frozen=True)
class Watching:
    """A UI after the first tick of its watch, and where it sends to.

    A request is damaged, which the sensor of requests raises on, and a folder in the inbox is none
    of a source.
    """

    root: Path
    ui: Ui
    received: Webhook


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    root = tmp_path_factory.mktemp("watch") / "data"
    data_root = DataRoot(root)
    data_root.create()
    (data_root.requests / "Q01M82TJV9RZ8SFK65D.json").write_text(PERSONAL)
    put(data_root, PERSONAL, "2026-11-20", "orders", b"x", 1, name=f"{PERSONAL}.csv")
    with webhook() as received:
        (data_root.secrets / "notification-channels").write_text(received.url)
        (data_root.secrets / "heartbeat-url").write_text(received.ping_url)
        with running_ui(root) as ui:
            received.wait_for(lambda hook: bool(hook.pings), TICKS_WITHIN)
            yield Watching(root, ui, received)


def daemon_of(root: Path) -> int:
    [process] = [
        process.pid
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("REGISTER_HOME") == str(root)
        and any("dagster-daemon" in word for word in process.info["cmdline"])
    ]
    return int(process)


def test_a_sensor_that_raises_and_a_stranger_in_the_inbox_are_sent_within_minutes(
    watching: Watching,
) -> None:
    watching.received.wait_for(lambda hook: "request_sensor" in hook.text, TICKS_WITHIN)
    address = watching.ui.address
    assert (
        f"sensor request_sensor has raised an error {address}/locations" in watching.received.text
    )
    assert "1 deliveries of the inbox refused: DEL-SOURCE" in watching.received.text
    assert "cannot look at requests: FILE-CHANGED" in watching.received.text


def test_a_dead_daemon_is_sent_at_once_and_ends_the_ui(watching: Watching) -> None:
    """The last test of the file: the others need it running."""
    os.kill(daemon_of(watching.root), signal.SIGKILL)
    watching.received.wait_for(lambda hook: "Dagster's daemon has ended" in hook.text, 60)
    assert watching.ui.process.wait(60) == 1
    log = watching.ui.log.read_text()
    assert "Dagster's daemon has ended" in log
    assert len([line for line in log.splitlines() if " - INFO - " in line]) == 0
    written = [path.read_text() for path in (watching.root / "watch").iterdir()]
    for text in (watching.received.text, log, *written):
        assert PERSONAL not in text
        assert "hunter2" not in text
