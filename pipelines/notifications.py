"""Whom to tell when a run fails: any function of one Failure, named in REGISTER_NOTIFIER as `module:function`."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipelines.writer_lock import home_path


@dataclass(frozen=True)
class Failure:
    """A failed run, without anything of the data."""

    job: str
    run_id: str
    steps: tuple[str, ...]


def to_file(failure: Failure) -> None:
    """The notifier when none is named: a line in `notifications.jsonl` in the data root."""
    descriptor = os.open(
        home_path() / "notifications.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
    )
    with os.fdopen(descriptor, "a") as file:
        file.write(json.dumps(asdict(failure)) + "\n")


def notifier() -> Callable[[Failure], None]:
    """The function that REGISTER_NOTIFIER names; raises ImportError or AttributeError when there is none."""
    named = os.environ.get("REGISTER_NOTIFIER")
    if not named:
        return to_file
    module, _, function = named.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
