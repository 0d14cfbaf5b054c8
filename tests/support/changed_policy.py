"""The policy with a change, and why it is refused."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.policy.diagnostics import PolicyError
from schemas.policy.loader import POLICY_FILE, load_policy


@functools.cache
def _written() -> dict[str, Any]:
    policy: dict[str, Any] = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    return policy


def written() -> dict[str, Any]:
    return copy.deepcopy(_written())


def refused(tmp_path: Path, content: dict[str, Any]) -> PolicyError:
    """The error for a policy file with this content."""
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    with pytest.raises(PolicyError) as refusal:
        load_policy(path)
    return refusal.value


def changed(where: tuple[str, ...], value: object) -> dict[str, Any]:
    """The shipped policy with one part put otherwise; None takes it out."""
    content = written()
    inner = functools.reduce(lambda part, key: part[key], where[:-1], content)
    if value is None:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value
    return content


def edited(old: str, new: str) -> tuple[str, int]:
    """The shipped policy's text with one passage replaced, and the passage's line.

    The passage has to be in the file once: else a test would change something else than it says.
    """
    text = POLICY_FILE.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    return text.replace(old, new), text.count("\n", 0, text.index(old)) + 1


def faults(tmp_path: Path, text: str | bytes) -> list[str]:
    """The lines of the message by which a policy file with this text is refused; none if it loads.

    Each text has a file of its own: a policy is read once in a process.
    """
    content = text.encode() if isinstance(text, str) else text
    path = tmp_path / f"policy-{len(list(tmp_path.iterdir()))}.yaml"
    path.write_bytes(content)
    try:
        load_policy(path)
    except PolicyError as error:
        return [line.removeprefix(f"{path.name} ") for line in str(error).splitlines()]
    return []
