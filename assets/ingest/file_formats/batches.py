"""Batches of records as readers yield them, and the limits that all readers keep.

A batch has a row per delivered record (record_no int64, payload string, faults list<string>). A
reader never drops one: what cannot be read as a record comes with a fault code of `schemas.raw`. A
file that as a whole is not of its format raises RefusedDeliveryError("DEL-STRUCTURE"). No message
ever contains text of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Never

import duckdb
import numpy as np
import pyarrow as pa

from assets.storage import quoting
from schemas.delivery import RefusedDeliveryError

LARGEST_RECORD = 4 << 20
DEEPEST_RECORD = 100
# What does not end within so many bytes is neither a record nor an envelope around records.
LARGEST_UNFINISHED = 16 * LARGEST_RECORD
# Records that Python composes one by one are handed on in batches of so many, or so many bytes.
MOST_COMPOSED = 10_000
MOST_COMPOSED_BYTES = 16 << 20
NOTHING = pa.array([], pa.string())
BATCH = pa.schema(
    [
        ("record_no", pa.int64()),
        ("payload", pa.string()),
        ("faults", pa.list_(pa.string())),
    ]
)
# A payload and its fault.
Composed = tuple[str, str | None]


@dataclass
class FileFacts:
    """What a reader finds out about a file beside its records; complete when all are read."""

    envelope: dict[str, object] = field(default_factory=dict)
    """What surrounds the records in a JSON document."""
    missing_columns: list[str] | None = None
    """The declared columns that the file does not have; None when it has no columns."""
    blank_columns: int = 0
    """How many columns at the end have no name."""
    dropped_columns: int = 0
    """How many columns are of passwords."""


def batch(number: int, payload: pa.Array, fault: str | None = None) -> pa.Table:
    """Return the payloads as a batch of which the first record has this number."""
    faults = pa.array([[fault] if fault else []] * len(payload), pa.list_(pa.string()))
    return _table(number, payload.cast(pa.string()), faults)


def batches(records: Iterable[Composed]) -> Iterator[pa.Table]:
    """Yield records that were composed one by one as batches."""
    number = size = 0
    waiting: list[Composed] = []
    for record in records:
        waiting.append(record)
        size += len(record[0])
        if len(waiting) >= MOST_COMPOSED or size >= MOST_COMPOSED_BYTES:
            yield _of_composed(number, waiting)
            number, size, waiting = number + len(waiting), 0, []
    if waiting:
        yield _of_composed(number, waiting)


def _of_composed(number: int, records: Sequence[Composed]) -> pa.Table:
    return _table(
        number,
        pa.array([payload for payload, _ in records], pa.string()),
        pa.array([[fault] if fault else [] for _, fault in records], pa.list_(pa.string())),
    )


def _table(number: int, payload: pa.Array, faults: pa.Array) -> pa.Table:
    numbers = pa.array(np.arange(number, number + len(payload)))
    return pa.Table.from_arrays([numbers, payload, faults], schema=BATCH)


def objects(names: Sequence[str], columns: Sequence[Any], *, sparse: bool = False) -> pa.Array:
    """Return a JSON object per row; `sparse` leaves empty texts out.

    The query uses positions as names, so that any name works.
    """
    rows = pa.table({f"c{place}": column for place, column in enumerate(columns)})
    cell = "nullif(c{}, '')" if sparse else "c{}"
    members = ", ".join(
        f"{quoting.literal(name)}, {cell.format(place)}" for place, name in enumerate(names)
    )
    made = f"json_object({members})"
    if sparse:
        made = f"json_merge_patch('{{}}', {made})"
    with _database().cursor() as connection:
        connection.register("delivered", rows)
        return (
            connection.execute(f"SELECT {made}::VARCHAR AS payload FROM delivered")
            .to_arrow_table()["payload"]
            .combine_chunks()
        )


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Return an empty database; cached, because opening one takes longer than a batch does."""
    return duckdb.connect()


def refuse_structure(why: str) -> Never:
    """Raise RefusedDeliveryError; without its cause, which may quote the file."""
    raise RefusedDeliveryError("DEL-STRUCTURE", why) from None
