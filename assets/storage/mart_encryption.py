"""Encrypted marts: which are, under which key, and how their files are opened.

A mart with a key in `secrets/mart-keys/<purpose>` is encrypted by DuckDB itself (AES-256-GCM), so
that any DuckDB opens it with `ATTACH ... (ENCRYPTION_KEY ...)`. The file has a key per line, the
current one first: while a mart is rewritten under another key, both open it. The first line is
`none` while it is rewritten without encryption.

Reading needs DuckDB only, writing its extension httpfs, which brings OpenSSL's cipher.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from assets.storage.atomic_files import remove, writing
from assets.storage.quoting import literal, name
from assets.storage.safe_errors import PlainError

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot

KEY_BYTES = 32
NONE = "none"
PLAIN_FORMAT, ENCRYPTED_FORMAT = "v1.0.0", "v1.5.0"
"""The oldest DuckDB that reads a mart, whichever writes it: by default 2.0 writes what only 2.0
reads. 1.4 has encryption too, and takes our keys for wrong ones.
"""
# In DuckDB's main header, behind checksum, magic bytes and version: the flags, of which this is
# the first (https://duckdb.org/docs/stable/internals/storage).
_FLAGS_AT, _IS_ENCRYPTED = 20, 1


class MartKeyError(PlainError):
    """A mart cannot be encrypted, or no key opens it."""


def keys_folder(data_root: DataRoot) -> Path:
    """Return the folder with a file of keys for each encrypted mart."""
    return data_root.secrets / "mart-keys"


def keys(data_root: DataRoot, purpose: str) -> list[str]:
    """Return the mart's keys, the current one first; none if it is not encrypted."""
    return [key for key in _lines(data_root, purpose) if key != NONE]


def _lines(data_root: DataRoot, purpose: str) -> list[str]:
    try:
        return (keys_folder(data_root) / purpose).read_text().split()
    except FileNotFoundError:
        return []


def is_on(data_root: DataRoot) -> bool:
    """Return whether any mart is encrypted: then what DuckDB spills is, too."""
    folder = keys_folder(data_root)
    return folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir())


def add_key(data_root: DataRoot, purpose: str) -> None:
    """Make a new key the mart's current one; earlier ones open it until `forget_earlier`."""
    _write(data_root, purpose, [secrets.token_hex(KEY_BYTES), *keys(data_root, purpose)])


def stop(data_root: DataRoot, purpose: str) -> None:
    """Encrypt a mart no more; its keys open what is encrypted until `destroy`."""
    _write(data_root, purpose, [NONE, *keys(data_root, purpose)])


def forget_earlier(data_root: DataRoot, purpose: str) -> None:
    """Destroy all keys of a mart but the current one."""
    _write(data_root, purpose, keys(data_root, purpose)[:1])


def destroy(data_root: DataRoot, purpose: str) -> None:
    """Destroy all keys of a mart, which is not encrypted any more."""
    remove(keys_folder(data_root) / purpose)


def _write(data_root: DataRoot, purpose: str, every: list[str]) -> None:
    with writing(keys_folder(data_root) / purpose) as unfinished:
        unfinished.write_text("".join(f"{key}\n" for key in every))


def is_encrypted(path: Path) -> bool:
    """Return whether a DuckDB file is."""
    with path.open("rb") as file:
        start = file.read(_FLAGS_AT + 1)
    return len(start) > _FLAGS_AT and bool(start[_FLAGS_AT] & _IS_ENCRYPTED)


def attach(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    alias: str,
    purpose: str = "",
) -> None:
    """Attach a mart's file read-only, encrypted or not.

    Args:
        data_root: Where the keys are.
        connection: The session that reads it.
        path: The file.
        alias: What the session calls it.
        purpose: The mart that the keys belong to; default: the file's name without ending.

    Raises:
        MartKeyError: No key opens it.
        duckdb.Error: It is damaged.
    """
    if not is_encrypted(path):
        connection.execute(f"ATTACH {literal(path)} AS {name(alias)} (READ_ONLY)")
        return
    for key in keys(data_root, purpose or path.stem):
        try:
            connection.execute(
                f"ATTACH {literal(path)} AS {name(alias)} (READ_ONLY, ENCRYPTION_KEY '{key}')"
            )
        except duckdb.InvalidInputException:  # wrong key
            continue
        else:
            return
    raise MartKeyError(
        f"no key in secrets/mart-keys opens the mart {purpose or path.stem}: bring the key back, "
        "or remove the file and build it again by `register refresh`"
    )


def attach_new(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    alias: str,
    purpose: str,
) -> None:
    """Attach a file to write, encrypted under the mart's current key if it has one.

    Raises:
        MartKeyError: DuckDB has no cipher to write with.
    """
    options = f"STORAGE_VERSION '{PLAIN_FORMAT}'"
    for key in _lines(data_root, purpose)[:1]:
        if key == NONE:
            break
        load_cipher(connection)
        options = f"STORAGE_VERSION '{ENCRYPTED_FORMAT}', ENCRYPTION_KEY '{key}'"
    connection.execute(f"ATTACH {literal(path)} AS {name(alias)} ({options})")


@contextmanager
def opened(data_root: DataRoot, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a mart's file read-only, as the session's own database."""
    with duckdb.connect() as connection:
        attach(data_root, connection, path, path.stem)
        connection.execute(f"USE {name(path.stem)}")
        yield connection


def load_cipher(connection: duckdb.DuckDBPyConnection) -> None:
    """Load OpenSSL's cipher; DuckDB's own only reads, because its random numbers are weak.

    Raises:
        MartKeyError: The extension is not installed; the message says how to.
    """
    extension = "httpfs"
    package = find_spec("duckdb_extension_httpfs")
    if package is not None and package.origin:
        versioned = Path(package.origin).parent / "extensions" / f"v{duckdb.__version__}"
        if (versioned / "httpfs.duckdb_extension").exists():
            extension = str(versioned / "httpfs.duckdb_extension")
    try:
        connection.load_extension(extension)
    except duckdb.Error:
        raise MartKeyError(
            f"encrypting needs DuckDB's extension httpfs for {duckdb.__version__}: install the "
            "extra `encryption`, or run INSTALL httpfs once in DuckDB as this user"
        ) from None
