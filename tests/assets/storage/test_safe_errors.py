"""An error of the system says what is wrong with which file of ours, and never shows a delivered
file's name.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import duckdb
import pytest

from assets.storage.canonical_json import NotCanonicalError, parse_canonical
from assets.storage.safe_errors import describe, own_path, places

ID = "0123456789abcdef0123"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "Matti's data"
    root.mkdir()
    monkeypatch.setenv("REGISTER_HOME", str(root))
    return root


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"lake/raw/crm/2026-11-24/{ID}.parquet", f"lake/raw/crm/2026-11-24/{ID}.parquet"),
        ("lake/register/registrants.parquet", "lake/register/registrants.parquet"),
        ("marts/customer_care.duckdb", "marts/customer_care.duckdb"),
        ("lake/raw/crm/2026-11-24/.unfinished-12-ab-parquet",) * 2,
        ("inbox/crm/2026-11-24", "inbox/crm/2026-11-24"),
        ("inbox/crm/2026-11-24/matti.csv", "inbox/crm/2026-11-24/..."),
        ("inbox/crm/2026-11-24/matti.json", "inbox/crm/2026-11-24/..."),
        ("inbox/matti/2026-11-24/x", "inbox/..."),
        ("requests/inbox/matti.json", "requests/inbox/..."),
        ("../elsewhere/matti.csv", "a file outside the data root"),
        ("/etc/passwd", "a file outside the data root"),
        ("", "the data root"),
    ],
)
def test_a_path_is_shown_as_far_as_it_is_ours(root: Path, path: str, shown: str) -> None:
    assert own_path(Path(os.path.normpath(root / path))) == shown


@pytest.mark.parametrize(
    ("number", "what", "to_do"),
    [
        (errno.ENOSPC, "no space left on device", "free space"),
        (errno.EACCES, "permission denied", "must belong to the user"),
        (errno.EROFS, "read-only file system", "mount"),
        (errno.EIO, "input/output error", "check the disk"),
        (errno.ENOENT, "no such file or directory", ""),
    ],
)
def test_the_system_s_word_and_what_to_do_are_shown(
    root: Path, number: int, what: str, to_do: str
) -> None:
    message = describe(OSError(number, "Matti", str(root / "lake" / "raw" / "Matti")))
    assert f"{what}: lake/raw/..." in message
    assert to_do in message
    assert "Matti" not in message


def test_a_full_disk_is_shown_whatever_finds_it(root: Path) -> None:
    """DuckDB and Arrow say so in messages of their own."""
    arrow = OSError(errno.ENOSPC, "Error writing bytes to file. Detail: Matti")
    assert describe(arrow).startswith("no space left on device; free space")
    elsewhere = 'IO Error: Could not write file "/dev/full": No space left on device'
    assert describe(duckdb.IOException(elsewhere)).startswith(
        "no space left on device: a file outside the data root; free space"
    )
    path = root / "spill" / "12" / "duckdb_temp_storage-0.tmp"
    error = duckdb.IOException(f'IO Error: Could not write file "{path}": No space left on device')
    assert describe(error).startswith("no space left on device: spill/12/...; free space")


def test_what_memory_lacks_is_shown() -> None:
    assert "REGISTER_MEMORY" in describe(duckdb.OutOfMemoryException("Out of Memory Error: Matti"))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Matti"),
        OSError("Matti"),
        duckdb.IOException("IO Error: Matti"),
        KeyError("Matti"),
    ],
)
def test_any_other_message_is_withheld(error: Exception) -> None:
    assert "Matti" not in describe(error)
    assert "withheld" in describe(error)


def test_a_place_is_a_path_in_the_repository() -> None:
    with pytest.raises(NotCanonicalError) as raised:
        parse_canonical(b"{ }")
    assert places(raised.value)[-1].startswith("assets/storage/canonical_json.py:")
