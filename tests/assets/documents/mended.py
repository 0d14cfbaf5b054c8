"""The shipped policy with parts changed, without a file."""

from __future__ import annotations

import copy
import functools
from typing import Any

import yaml

from schemas.policy.loader import POLICY_FILE
from schemas.policy.model import Policy


@functools.cache
def _written() -> dict[str, Any]:
    shipped: dict[str, Any] = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    return shipped


def policy(*changes: tuple[tuple[str, ...], Any]) -> Policy:
    """The policy after the changes, each a path into the file and its new value; None removes
    the key.
    """
    changed = copy.deepcopy(_written())
    for where, value in changes:
        inner = functools.reduce(lambda part, key: part.setdefault(key, {}), where[:-1], changed)
        if value is None:
            inner.pop(where[-1], None)
        else:
            inner[where[-1]] = value
    return Policy.model_validate(changed)
