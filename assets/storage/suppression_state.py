"""The recorded state of what keeps the erased out: the pepper, and the suppression list.

    requests/suppressions.json   beside the list, and so in every backup
    secrets/suppressions.json    the same: `requests/` put back whole from an older copy is noticed

The state has a fingerprint of the pepper, the list's SHA-256, size and number of rows, and a number
that grows with each change; its seal is keyed with the pepper. A list or pepper that is missing,
cut, exchanged or older than recorded would bring erased people back with their next delivery, so
nothing is written then.

A change records the list that is and the list to be before the one replaces the other, and only the
new one afterwards: killed at any moment, the list is one that the state accepts. Data roots made
before the state was recorded begin it at their next write.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from assets.storage.atomic_files import write_all, writing
from assets.storage.canonical_json import canonical
from assets.storage.safe_errors import PlainError
from assets.storage.secrets import fingerprint, pepper

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot

LIST = "suppressions.parquet"
STATE = "suppressions.json"
PEPPER_PATH = "secrets/pepper"
LIST_PATH = f"requests/{LIST}"
# The threads of an intake change the list, and compare it, one at a time.
_CHANGING = RLock()


class SuppressionStateError(PlainError):
    """Pepper or list are not as recorded: nothing may be written.

    Attributes:
        code: The rule code.
        path: What is to be restored, below the data root.
    """

    def __init__(self, code: str, path: str, what: str) -> None:
        super().__init__(
            f"{code}: {path} {what}; nothing is written, because people who were erased would "
            f"come back with their next delivery: restore {path}"
        )
        self.code = code
        self.path = path


@dataclass(frozen=True)
class Content:
    """What a list is: SHA-256 (empty where there is no list), bytes and rows."""

    sha256: str = ""
    bytes: int = 0
    rows: int = 0


@dataclass(frozen=True)
class State:
    """What is recorded; during a change, the list before it and the one after it."""

    number: int
    pepper: str
    lists: tuple[Content, ...]


def list_path(data_root: DataRoot) -> Path:
    """Return the path of the suppression list."""
    return data_root.requests / LIST


def places(data_root: DataRoot) -> tuple[Path, Path]:
    """Return the paths of the two copies of the state."""
    return data_root.requests / STATE, data_root.secrets / STATE


def read(data_root: DataRoot) -> State | None:
    """Return the newest recorded state; None in a data root that has none yet.

    Raises:
        PepperError: The pepper is missing, or cut.
        SuppressionStateError: Neither copy is what was written under this pepper.
    """
    present = [path for path in places(data_root) if path.exists()]
    read_states = [_parsed(path) for path in present]
    recorded = [state for state, _ in read_states if state]
    if recorded and all(state.pepper != fingerprint(data_root) for state in recorded):
        raise SuppressionStateError(
            "CERT-PEPPER", PEPPER_PATH, "is not the one that this data root was made with"
        )
    whole = [
        state
        for state, seal in read_states
        if state and hmac.compare_digest(seal, _seal(data_root, state))
    ]
    if present and not whole:
        raise SuppressionStateError(
            "CERT-SUPPRESSION", f"requests/{STATE}", "is not what was written"
        )
    return max(whole, key=lambda state: state.number, default=None)


def recorded(data_root: DataRoot) -> State | None:
    """Return the newest recorded state without its seal being checked, which needs the pepper."""
    states = [_parsed(path)[0] for path in places(data_root) if path.exists()]
    return max(filter(None, states), key=lambda state: state.number, default=None)


def check(data_root: DataRoot) -> State | None:
    """Compare pepper and list with the recorded state; return it. Cost: hashing the list.

    Raises:
        PepperError, SuppressionStateError: Something is missing, cut, exchanged or older.
    """
    with _CHANGING:
        state = read(data_root)
        if state is None:
            return None
        present = content_of(list_path(data_root))
        if (present.sha256, present.bytes) not in [
            (content.sha256, content.bytes) for content in state.lists
        ]:
            rows = f"{state.lists[-1].rows} hashes are recorded"
            what = "is missing" if not present.sha256 else "is not the one that was written last"
            raise SuppressionStateError("CERT-SUPPRESSION", LIST_PATH, f"{what} ({rows})")
        return state


def begin(data_root: DataRoot, rows: int = 0) -> None:
    """Record the state of a data root that has none: of a new one, or as pepper and list are."""
    content = replace(content_of(list_path(data_root)), rows=rows)
    _record(data_root, State(1, fingerprint(data_root), (content,)))


@contextmanager
def replacing_list(data_root: DataRoot) -> Iterator[Path]:
    """Yield a temporary path for the new list; on success it replaces the list, and is recorded.

    Raises:
        PepperError, SuppressionStateError: As `check`; then nothing is replaced.
    """
    with _CHANGING:
        if check(data_root) is None:
            begin(data_root)
        state = read(data_root)
        if state is None:
            raise SuppressionStateError("CERT-SUPPRESSION", f"requests/{STATE}", "is missing")
        with writing(list_path(data_root)) as unfinished:
            yield unfinished
            before = content_of(list_path(data_root))
            after = replace(content_of(unfinished), rows=_rows(unfinished))
            _record(data_root, State(state.number + 1, state.pepper, (before, after)))
        _record(data_root, State(state.number + 2, state.pepper, (after,)))


def record_copy(data_root: DataRoot) -> None:
    """Make both copies of a restored state the one that `requests/` has; begin it without one."""
    beside, apart = places(data_root)
    apart.unlink(missing_ok=True)
    if beside.exists():
        write_all({apart: beside.read_bytes()})
    else:
        begin(data_root, _rows(list_path(data_root)) if list_path(data_root).exists() else 0)


def accept(data_root: DataRoot, listed: Path, certified: int) -> None:
    """Put a list in place that is not the recorded one, and record it; a person has decided it.

    Args:
        data_root: The data root.
        listed: The file; it is copied.
        certified: The number of the state in the last certificate: the new one is higher.
    """
    with _CHANGING:
        state = read(data_root)
        number = max(state.number if state else 0, certified) + 1
        content = replace(content_of(listed), rows=_rows(listed))
        present = content_of(list_path(data_root))
        _record(data_root, State(number, fingerprint(data_root), (present, content)))
        with writing(list_path(data_root)) as unfinished:
            unfinished.write_bytes(listed.read_bytes())
        _record(data_root, State(number + 1, fingerprint(data_root), (content,)))


def content_of(path: Path) -> Content:
    """Return hash and size of a list; those of none where there is no file."""
    if not path.exists():
        return Content()
    with path.open("rb") as file:
        return Content(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq  # here, because commands that change no list need no Arrow

    return int(pq.ParquetFile(path).metadata.num_rows)


def _record(data_root: DataRoot, state: State) -> None:
    content = canonical({**asdict(state), "seal": _seal(data_root, state)})
    write_all(dict.fromkeys(places(data_root), content))


def _seal(data_root: DataRoot, state: State) -> str:
    return hmac.new(
        pepper(data_root), b"suppression state|" + canonical(asdict(state)), hashlib.sha256
    ).hexdigest()


def _parsed(path: Path) -> tuple[State | None, str]:
    """Return a copy's state and its seal; no state where the file cannot be parsed."""
    try:
        values = json.loads(path.read_bytes())
        lists = tuple(Content(**content) for content in values["lists"])
        return State(int(values["number"]), str(values["pepper"]), lists), str(values["seal"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, ""
