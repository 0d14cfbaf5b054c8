"""The versions of what the register is made of."""

from __future__ import annotations

import platform
from importlib.metadata import version

PACKAGE = "customer-marketing-register"


def versions() -> dict[str, str]:
    """Return the installed versions by name, the register's own first."""
    return {
        "register": version(PACKAGE),
        "Python": platform.python_version(),
        "DuckDB": version("duckdb"),
        "Dagster": version("dagster"),
    }
