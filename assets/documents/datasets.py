"""The part of docs/deliveries.md that lists every dataset, from the sources' declarations."""

from __future__ import annotations

from assets.documents.marked_pages import with_part
from assets.sources.all_sources import SOURCES


def markdown() -> str:
    """Return a table with a row for each dataset: its source, and what its file and records are."""
    rows = [
        f"| `{source.name}` | `{dataset.name}` | {source.about.get(dataset.name, '')} |"
        for source in SOURCES
        for dataset in source.datasets
    ]
    return "\n".join(["| source | dataset | file: one record is |", "|---|---|---|", *rows]) + "\n"


def in_page(text: str) -> str:
    """Return docs/deliveries.md with the datasets of today between its markers."""
    return with_part(text, "datasets", markdown())
