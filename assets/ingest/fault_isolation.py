"""Fault isolation: a record that makes a step fail over a batch does not affect the others.

Rules catch the values that were expected. Where a source's SQL, Arrow or Pandera raises on
anything else, bisection finds the records that cause it and sets them aside; the others get the
result that they would have had without them. Costs nothing while no step fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import duckdb
import pyarrow as pa

from assets.storage.safe_errors import PlainError, places

Result = TypeVar("Result")

UNEXPECTED = "REC-UNEXPECTED"
MOST_SEARCHES = 500
"""How many pieces of a batch are set aside before the rest is not divided any further.

A bad record costs about thirty runs of the step: where most records fail, the search would take
hours.
"""

# After an internal or fatal error of DuckDB its database cannot be used any more.
_MACHINE_ERRORS = (
    PlainError,
    MemoryError,
    OSError,
    duckdb.OutOfMemoryException,
    duckdb.IOException,
    duckdb.InterruptException,
    duckdb.ConnectionException,
    duckdb.InternalException,
    duckdb.FatalException,
)

SetAside = Callable[[pa.Table, str], Result]


def isolate(
    step: Callable[[pa.Table], Result], set_aside: SetAside[Result], batch: pa.Table
) -> list[Result]:
    """Run `step` over the batch, or over pieces of it where it raises, in the order of the records.

    A piece that fails and cannot be divided goes to `set_aside`, with the place in our code where
    it failed. A batch that fails as a whole while both its halves succeed is processed in halves.

    Raises:
        Exception: What the step raises when no record causes it: errors of the machine, and those
            that it also raises over an empty batch.
    """
    try:
        return [step(batch)]
    except Exception as error:
        if is_machine_error(error) or _fails(step, batch.slice(0, 0)):
            raise
        return list(_Search(step, set_aside).divide(batch, error))


def is_machine_error(error: Exception) -> bool:
    """Return whether no record is the cause: memory, disk, an interrupt, or a plain error."""
    return isinstance(error, _MACHINE_ERRORS)


def _fails(step: Callable[[pa.Table], Result], batch: pa.Table) -> bool:
    try:
        step(batch)
    except Exception:  # noqa: BLE001  (any error counts)
        return True
    return False


class _Search(Generic[Result]):
    """The bisection of one batch."""

    def __init__(self, step: Callable[[pa.Table], Result], set_aside: SetAside[Result]) -> None:
        self._step = step
        self._set_aside = set_aside
        self._count = 0

    def divide(self, piece: pa.Table, error: Exception) -> Iterator[Result]:
        """Yield the results of the halves of a piece that has failed."""
        if piece.num_rows == 1 or self._count >= MOST_SEARCHES:
            self._count += 1
            yield self._set_aside(piece, place(error))
            return
        middle = piece.num_rows // 2
        for half in (piece.slice(0, middle), piece.slice(middle)):
            try:
                result = self._step(half)
            except Exception as failure:
                if is_machine_error(failure):
                    raise
                yield from self.divide(half, failure)
            else:
                yield result


def place(error: BaseException) -> str:
    """Return the error's type and where in our code it was raised.

    Never its message, which may quote data.
    """
    where = places(error)
    return f"{type(error).__name__} at {where[-1] if where else 'a place outside this code'}"
