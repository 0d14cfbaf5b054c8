"""A `.zip` is read as the one file in it, and nothing else of it is believed."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from assets.ingest.file_formats import reading
from assets.sources.formats import JsonLines
from schemas.delivery import RefusedDeliveryError


def zipped(
    *members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.comment = comment
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def read(tmp_path: Path, data: bytes, name: str = "delivery.zip") -> list[str]:
    path = tmp_path / name
    path.write_bytes(data)
    return [
        text
        for batch in reading.records(path, "utf-8-sig", JsonLines())
        for text in batch["payload"].to_pylist()
    ]


LINES = ("records.jsonl", b'{"a":1}\n{"a":2}\n')


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_file_in_it_is_read(tmp_path: Path, compression: int) -> None:
    data = zipped(LINES, compression=compression, comment=b"of the vendor")
    assert read(tmp_path, data) == ['{"a":1}', '{"a":2}']
    assert read(tmp_path, data, "DELIVERY.ZIP") == ['{"a":1}', '{"a":2}']


@pytest.mark.parametrize("name", ["../../etc/passwd", "/tmp/x", "C:\\x", "a/b/c", "."])  # noqa: S108
def test_the_path_in_it_is_never_used(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, zipped((name, LINES[1]))) == ['{"a":1}', '{"a":2}']
    assert [path.name for path in tmp_path.iterdir()] == ["delivery.zip"]


def _encrypted() -> bytes:
    data = bytearray(zipped(LINES))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


WHOLE = zipped(LINES)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zipped(), "0 entries"),
        (zipped(LINES, ("b", b"")), "2 entries"),
        (zipped(*((str(number), b"") for number in range(70_000))), "70000 entries"),
        (_encrypted(), "encrypted"),
        (zipped(LINES, compression=zipfile.ZIP_LZMA), "not stored or deflated"),
        (zipped(LINES, compression=zipfile.ZIP_BZIP2), "not stored or deflated"),
        (b"", "is none"),
        (b'{"a":1}', "is none"),
        (WHOLE[:-10], "is none"),
        (WHOLE[20:], "damaged"),
        (WHOLE[:40] + b"\0\0\0\0\0" + WHOLE[45:], "damaged"),
        (zipped(("a", b"0" * (64 << 20))), "times as large"),
    ],
)
def test_what_is_no_plain_zip_of_one_file_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(RefusedDeliveryError, match="DEL-STRUCTURE") as refused:
        read(tmp_path, data)
    assert why in str(refused.value)


def test_every_cut_and_every_changed_byte_is_read_or_refused(tmp_path: Path) -> None:
    for place in range(len(WHOLE)):
        for data in (WHOLE[:place], WHOLE[:place] + b"\xff" + WHOLE[place + 1 :]):
            # Any other error fails the test.
            with suppress(RefusedDeliveryError):
                read(tmp_path, data)
