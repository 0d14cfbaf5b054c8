"""How far the last build has come: built, its blocking checks passed, published in each mart.

`lake/register/built.json` is written as the register is built, before anything has checked it. Only
a build that has passed every blocking check and is in every mart is up to date; only one that has
passed them may decide what the sweep removes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any

from assets.storage.atomic_files import writing
from assets.storage.data_root import Home

STATE = "built.json"
CHECKS = ("register", "nobody_erased")
"""The groups of blocking checks on the register that mark themselves as passed."""


def read(home: Home) -> dict[str, Any]:
    """The state of the last build; empty when there was none."""
    path = home.lake / "register" / STATE
    return dict(json.loads(path.read_text())) if path.exists() else {}


def note_built(home: Home, **noted: Any) -> None:
    """Record a new build, unchecked. What the marts were published from stays on record."""
    published = read(home).get("published", {})
    _write(
        home,
        {**noted, "build": secrets.token_hex(8), "passed": [], "made": {}, "published": published},
    )


def change(home: Home, **noted: Any) -> None:
    """Change what is recorded of the last build; nothing when there was none."""
    state = read(home)
    if state:
        _write(home, {**state, **noted})


def note_passed(home: Home, check: str) -> None:
    """Record that the last build has passed one of `CHECKS`."""
    change(home, passed=sorted({*read(home).get("passed", []), check}))


def note_mart_made(home: Home, purpose: str) -> None:
    """Record that the purpose's candidate is made of the last build."""
    state = read(home)
    change(home, made={**state.get("made", {}), purpose: state.get("build")})


def note_published(home: Home, purpose: str) -> None:
    """Record that the purpose's mart is the candidate."""
    state = read(home)
    made = state.get("made", {}).get(purpose)
    change(home, published={**state.get("published", {}), purpose: made})


def is_checked(home: Home) -> bool:
    """Whether the last build has passed every blocking check."""
    return set(CHECKS) <= set(read(home).get("passed", []))


def is_published(home: Home, purposes: Iterable[str]) -> bool:
    """Whether the last build has passed its checks and each of these marts is made of it."""
    state = read(home)
    build, published = state.get("build"), state.get("published", {})
    return (
        bool(build)
        and is_checked(home)
        and all(published.get(purpose) == build for purpose in purposes)
    )


def _write(home: Home, state: dict[str, Any]) -> None:
    with writing(home.lake / "register" / STATE) as unfinished:
        unfinished.write_text(json.dumps(state, sort_keys=True))
