"""Reading the reference tables."""

from __future__ import annotations

import csv
from importlib.resources import files


def read_reference(name: str) -> list[dict[str, str]]:
    """Return the rows of one reference table, as text by column name."""
    text = files("schemas.reference").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
