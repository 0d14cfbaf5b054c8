"""Files of the sample, damaged byte by byte, of every dataset that is declared.

Nothing here knows a dataset or a format: what the sample writes is found, and so is what reads it.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from pipelines.synthetic.assembly import write_sample
from schemas.delivery import Manifest

DAY = date(2026, 11, 20)
MANIFEST = ".manifest.json"
# So much of a file is enough for every kind of damage, and is read quickly.
LARGEST = 20_000
_SPECIAL = (
    b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\n", b"\r", b"\t", b'"', b"\\", b"{", b"}", b"[",
    b"]", b",", b";", b"<", b">", b"&", b"&#0;", b"<!--", b"]]>", b"<![CDATA[", b"\xe2\x80\xa8",
    b"NaN", b"1e999", b"'", b"--", b"\x1a", b"From ", b"\n\n", b"9" * 400, b"[" * 300,
)  # fmt: skip


@dataclass(frozen=True)
class Sound:
    """A file of the sample, and its manifest."""

    source: str
    name: str
    data: bytes
    manifest: Manifest


@cache
def sound_files() -> tuple[Sound, ...]:
    """The smallest file with records of each dataset and encoding."""
    with tempfile.TemporaryDirectory() as folder:
        inbox = Path(folder) / "inbox"
        write_sample(inbox, Path(folder) / "t", registrants=600, seed=3, days=2, last_day=DAY)
        smallest: dict[tuple[str, str, str], Sound] = {}
        for path in sorted(inbox.glob(f"*/*/*{MANIFEST}")):
            manifest = Manifest.parse(path.read_bytes())
            data_path = path.with_name(path.name.removesuffix(MANIFEST))
            file = Sound(path.parts[-3], data_path.name, data_path.read_bytes(), manifest)
            key = (file.source, manifest.dataset, manifest.encoding)
            if manifest.records and (
                key not in smallest or len(file.data) < len(smallest[key].data)
            ):
                smallest[key] = file
    return tuple(smallest.values())


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The bytes with up to three kinds of damage."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(_DAMAGES)(rng, data)
    return data


def _span(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 1, 2, 8, 100, 2000)))


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 20))):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _remove(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 1, 5)) + data[end:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, data)
    other, _ = _span(rng, data)
    moved = data[:start] + data[end:]
    return moved[:other] + data[start:end] + moved[other:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    start, _ = _span(rng, data)
    return data[:start] + rng.choice(_SPECIAL) + data[start:]


_DAMAGES = (_flip, _flip, _cut, _remove, _repeat, _swap, _insert, _insert, _insert)


def manifest_of(file: Sound, sha256: str, size: int, records: int) -> str:
    """The manifest of a damaged file, which states what it is."""
    return json.dumps(
        {
            "dataset": file.manifest.dataset, "schema_version": "1",
            "encoding": file.manifest.encoding, "sha256": sha256, "bytes": size,
            "records": records, "purpose": file.manifest.purpose,
            "period": {"from": str(DAY), "to": str(DAY)},
        }
    )  # fmt: skip


def several(rng: random.Random, count: int) -> Iterator[tuple[Sound, bytes]]:
    """So many damaged files of each dataset, parts of large ones among them."""
    for file in sound_files():
        for number in range(count):
            data = file.data
            if len(data) > LARGEST:
                # Its beginning and its end, so that what surrounds the records is there.
                half = LARGEST // 2
                data = data[:half] + data[-half:] if number % 2 else data[:LARGEST]
            yield file, damaged(rng, data)
