"""Notifications of failed runs.

REGISTER_NOTIFIER names the notifier, a function of a Failure, as `module:function`.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipelines.writer_lock import data_root_path


@dataclass(frozen=True)
class Failure:
    """A failed run, without any of its data."""

    job: str
    run_id: str
    steps: tuple[str, ...]


def to_file(failure: Failure) -> None:
    """Append a line to `notifications.jsonl` in the data root; the default notifier."""
    descriptor = os.open(
        data_root_path() / "notifications.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    with os.fdopen(descriptor, "a") as file:
        file.write(json.dumps(asdict(failure)) + "\n")


def notifier() -> Callable[[Failure], None]:
    """Return the function that REGISTER_NOTIFIER names.

    Raises:
        ImportError, AttributeError: There is no such function.
    """
    named = os.environ.get("REGISTER_NOTIFIER")
    if not named:
        return to_file
    module, _, function = named.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
