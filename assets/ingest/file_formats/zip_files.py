"""A `.zip` with one file in it, unpacked as a stream.

Its directory is not believed: entries are counted before any is read, the file's path is never
used, and what comes out is bounded by what it came from, so that a bomb costs little.
"""

from __future__ import annotations

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from assets.ingest.file_formats.batches import refuse_structure

# Text seldom shrinks to a fiftieth; deflate's limit is a thousandth.
LARGEST_RATIO = 200
# Below so many bytes no ratio matters.
SMALL = 16 << 20
LARGEST_DIRECTORY = 1 << 20
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_LONGEST_COMMENT = 1 << 16
_ENCRYPTED = 1


def is_zip(path: Path) -> bool:
    """Return whether the file is named as a `.zip`."""
    return path.suffix.lower() == ".zip"


def chunks(path: Path, size: int) -> Iterator[bytes]:
    """Yield the bytes of the one file in the `.zip`.

    Raises:
        RefusedDeliveryError: It is no such `.zip`.
        OSError: It cannot be read.
    """
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            (member,) = archive.infolist()
            if member.flag_bits & _ENCRYPTED:
                refuse_structure("the file in the .zip is encrypted: deliver it without a password")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                refuse_structure("the file in the .zip is not stored or deflated")
            most = max(SMALL, LARGEST_RATIO * path.stat().st_size)
            with archive.open(member) as file:
                while chunk := file.read(size):
                    most -= len(chunk)
                    if most < 0:
                        refuse_structure(
                            f"the file in the .zip is more than {LARGEST_RATIO} times as large as "
                            "the .zip"
                        )
                    yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError):
        refuse_structure("the .zip is damaged")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # Its directory points to a place that it does not have.
        refuse_structure("the .zip is damaged")


def _check_directory(path: Path) -> None:
    """Refuse a .zip of several files, or none, before its directory is read into memory."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - _LONGEST_COMMENT - _END.size))
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at < 0 or len(tail) - at < _END.size:
            refuse_structure("the file is named .zip and is none")
        _, _, _, _, count, size, _, _ = _END.unpack_from(tail, at)
        locator = tail[max(0, at - _LOCATOR_64.size) : at]
        if locator[:4] == b"PK\6\7" and len(locator) == _LOCATOR_64.size:
            file.seek(min(_LOCATOR_64.unpack(locator)[2], length))
            record = file.read(_END_64.size)
            if len(record) < _END_64.size or record[:4] != b"PK\6\6":
                refuse_structure("the .zip is damaged")
            *_, count, size, _ = _END_64.unpack(record)
    if count != 1:
        refuse_structure(f"the .zip has {count} entries: deliver one file in it")
    if size > LARGEST_DIRECTORY:
        refuse_structure("the directory of the .zip is too large")
