"""How far the last build has come: built, its blocking checks passed, published in each mart.

`lake/register/built.json` is written as the register is built, before anything has checked it. Only
a build that has passed every blocking check and is in every mart is up to date; only one that has
passed them may decide what the sweep removes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import check, fault, remove, writing

STATE = "built.json"
CHECKS = ("register", "nobody_erased")
"""The groups of blocking checks on the register that mark themselves as passed."""


def path(data_root: DataRoot) -> Path:
    """Return where the state is."""
    return data_root.lake / "register" / STATE


def read(data_root: DataRoot) -> dict[str, Any]:
    """The state of the last build; empty when there was none."""
    file = path(data_root)
    check(file)
    return dict(json.loads(file.read_text())) if file.exists() else {}


def note_built(data_root: DataRoot, **noted: Any) -> None:
    """Record a new build, unchecked. What the marts were published from stays on record."""
    published = read(data_root).get("published", {})
    _write(
        data_root,
        {**noted, "build": secrets.token_hex(8), "passed": [], "made": {}, "published": published},
    )


def change(data_root: DataRoot, **noted: Any) -> None:
    """Change what is recorded of the last build; nothing when there was none."""
    state = read(data_root)
    if state:
        _write(data_root, {**state, **noted})


def invalidate(data_root: DataRoot) -> None:
    """Record that the register is to be built again: as of the same day, if that is known."""
    if fault(path(data_root)):
        remove(path(data_root))
    else:
        change(data_root, inputs="")


def is_valid(data_root: DataRoot) -> bool:
    """Return whether there is a build, and nothing that it made was removed since."""
    return bool(read(data_root).get("inputs"))


def note_passed(data_root: DataRoot, check: str) -> None:
    """Record that the last build has passed one of `CHECKS`."""
    change(data_root, passed=sorted({*read(data_root).get("passed", []), check}))


def note_mart_made(data_root: DataRoot, purpose: str) -> None:
    """Record that the purpose's candidate is made of the last build."""
    state = read(data_root)
    change(data_root, made={**state.get("made", {}), purpose: state.get("build")})


def note_published(data_root: DataRoot, purpose: str) -> None:
    """Record that the purpose's mart is the candidate."""
    state = read(data_root)
    made = state.get("made", {}).get(purpose)
    change(data_root, published={**state.get("published", {}), purpose: made})


def is_checked(data_root: DataRoot) -> bool:
    """Whether the last build has passed every blocking check."""
    return set(CHECKS) <= set(read(data_root).get("passed", []))


def is_published(data_root: DataRoot, purposes: Iterable[str]) -> bool:
    """Whether the last build has passed its checks and each of these marts is made of it."""
    state = read(data_root)
    build, published = state.get("build"), state.get("published", {})
    return (
        bool(build)
        and is_checked(data_root)
        and all(published.get(purpose) == build for purpose in purposes)
    )


def _write(data_root: DataRoot, state: dict[str, Any]) -> None:
    with writing(path(data_root)) as unfinished:
        unfinished.write_text(json.dumps(state, sort_keys=True))
