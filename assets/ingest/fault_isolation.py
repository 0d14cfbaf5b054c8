"""Running a step over a batch so that a record which makes it fail takes no other record with it.

A rule catches the values that somebody thought of. Whatever else a source's SQL, Arrow or Pandera raises on, the records
that cause it are found by bisection and set aside; the others go on with the result that they would have had without
them. While nothing fails this costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import duckdb
import pyarrow as pa

from assets.storage.safe_errors import PlainError, places

Answer = TypeVar("Answer")

UNEXPECTED = "REC-UNEXPECTED"
MOST_SEARCHES = 500
"""How many pieces of one batch are set aside before the rest of it is not divided any further.

A bad record costs about thirty runs of the step. Where nearly every record fails, the search would take all night.
"""

# After an internal or fatal error of DuckDB its database cannot be used any more.
_OF_THE_MACHINE = (
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

SetAside = Callable[[pa.Table, str], Answer]


def isolate(
    step: Callable[[pa.Table], Answer], set_aside: SetAside[Answer], batch: pa.Table
) -> list[Answer]:
    """Run `step` over the batch, or over pieces of it where it raises, in the order of the records.

    A piece that fails and cannot be divided goes to `set_aside`, with the place in our code where it failed. A batch
    that fails as a whole while both its halves pass is done in halves.

    Raises:
        Exception: what the step raises, if it is not about the records: errors of the machine, and those that it also
            raises over no record at all.
    """
    try:
        return [step(batch)]
    except Exception as error:
        if of_the_machine(error) or _fails(step, batch.slice(0, 0)):
            raise
        return list(_Search(step, set_aside).divide(batch, error))


def of_the_machine(error: Exception) -> bool:
    """Whether no record is to blame: memory, disk, an interrupt, or an error of ours that says what to do."""
    return isinstance(error, _OF_THE_MACHINE)


def _fails(step: Callable[[pa.Table], Answer], batch: pa.Table) -> bool:
    try:
        step(batch)
    except Exception:  # noqa: BLE001  (whatever it raises)
        return True
    return False


class _Search(Generic[Answer]):
    """The bisection of one batch."""

    def __init__(self, step: Callable[[pa.Table], Answer], set_aside: SetAside[Answer]) -> None:
        self._step = step
        self._set_aside = set_aside
        self._found = 0

    def divide(self, piece: pa.Table, error: Exception) -> Iterator[Answer]:
        """What becomes of the halves of a piece that has failed."""
        if piece.num_rows == 1 or self._found >= MOST_SEARCHES:
            self._found += 1
            yield self._set_aside(piece, place(error))
            return
        middle = piece.num_rows // 2
        for half in (piece.slice(0, middle), piece.slice(middle)):
            try:
                answer = self._step(half)
            except Exception as failure:
                if of_the_machine(failure):
                    raise
                yield from self.divide(half, failure)
            else:
                yield answer


def place(error: BaseException) -> str:
    """The kind of error and where in our code it was raised; never its message, which may quote data."""
    where = places(error)
    return f"{type(error).__name__} at {where[-1] if where else 'a place outside this code'}"
