"""How many examples a property is tried on: few in every run, many in a thorough one."""

from __future__ import annotations

import os

THOROUGH = 20


def examples(count: int) -> int:
    """`count`, or twenty times as many with THOROUGH set (`make thorough`)."""
    return count * THOROUGH if os.environ.get("THOROUGH") else count
