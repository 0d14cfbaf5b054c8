"""Which staged columns of which sources each column of the register comes from."""

from __future__ import annotations

from functools import cache

from assets.register.building import TABLES
from assets.register.survivorship import comes_from
from assets.sources.all_sources import SOURCES
from schemas.columns import categories

Origin = tuple[str, str, tuple[str, ...]]
"""A staged table, its column, and the sources that fill the table, in the order of `SOURCES`."""


@cache
def origins() -> dict[str, dict[str, list[Origin]]]:
    """Return register table -> column -> its origins; none for what the build itself computes."""
    return {
        table: {
            column: [
                (staged, stated, filled_by(staged))
                for staged, stated in comes_from().get(table, {}).get(column, ())
                if filled_by(staged)
            ]
            for column in categories(model)
        }
        for table, model in TABLES.items()
    }


def described(table: str, column: str) -> str:
    """Return a sentence of the staged columns, and the sources, that a column comes from."""
    read = origins().get(table, {}).get(column, [])
    if not read:
        return "Computed when the register is built."
    columns = list(dict.fromkeys(f"{staged}.{stated}" for staged, stated, _ in read))
    return f"From {', '.join(columns)} of {', '.join(sources([(table, column)]))}."


def sources(columns: list[tuple[str, str]]) -> list[str]:
    """Return the sources of columns of the register, each once."""
    return list(
        dict.fromkeys(
            source
            for table, column in columns
            for _, _, filling in origins()[table].get(column, ())
            for source in filling
        )
    )


@cache
def filled_by(staged: str) -> tuple[str, ...]:
    """Return the sources that fill a staged table."""
    return tuple(
        source.name
        for source in SOURCES
        if any(
            frame.model.to_schema().name == staged
            for dataset in source.datasets
            for frame in dataset.frames
        )
    )
