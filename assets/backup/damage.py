"""What of the data root is lost or damaged, by layer, source, day and delivery.

Every recorded file is read to its end and compared with the record of its folder
(`assets.storage.recorded_files`), and the layers with the delivery ledger. Pepper, suppression list
and certificates are compared with what is recorded of them elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.erasure.proof import certificate_checks, chain_heads, suppression_check
from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.marts.building import mart_path
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage.data_root import RECORDED, DataRoot
from assets.storage.recorded_files import SUMS, DamagedFileError, Record, fault, read
from assets.storage.secrets import PepperError
from assets.storage.suppression_state import PEPPER_PATH, SuppressionStateError
from schemas.marts import MARTS

DELIVERED = ("raw", "staged", "quarantine", "deliveries")


@dataclass(frozen=True, order=True)
class Damage:
    """A file that is lost or damaged; `path` is below the data root, `request_id` of certificates.

    `delivery` is empty for what is of no delivery.
    """

    code: str
    path: str
    layer: str
    source: str = ""
    day: str = ""
    delivery: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Examined:
    """The damages, and how many files were compared, or have no record yet, by layer."""

    damages: list[Damage]
    compared: Counter[str]
    unrecorded: Counter[str]


def examine(data_root: DataRoot) -> Examined:
    """Compare every file with what is recorded of it. Cost: every file is read once."""
    compared: Counter[str] = Counter()
    unrecorded: Counter[str] = Counter()
    damages: set[Damage] = set()
    files: dict[Path, list[Path]] = {folder: [] for folder in _folders(data_root)}
    for path in vouched_for(data_root):
        files[path.parent].append(path)
    for folder, present in files.items():
        damages |= set(_in_folder(data_root, folder, present, compared, unrecorded))
    entries, unreadable = _entries(data_root, {each.path for each in damages})
    damages |= {_damage(data_root, "FILE-CHANGED", path) for path in unreadable}
    if data_root.is_recorded:
        damages |= set(_without_folder(data_root, entries))
    # A lost entry that is recorded is named itself.
    named = {(each.source, each.day, each.delivery) for each in damages}
    damages |= {
        each
        for each in _without_entry(data_root, entries)
        if (each.source, each.day, each.delivery) not in named
    }
    damages |= set(_suppressions(data_root))
    # What certificates are compared with; a damaged one is named as a file.
    if not any(each.path.startswith(("secrets/", "requests/")) for each in damages):
        damages |= set(_certificates(data_root))
    return Examined(sorted(damages), compared, unrecorded)


def vouched_for(data_root: DataRoot) -> Iterator[Path]:
    """Yield the files that are recorded by their folders, in a data root where every file is."""
    for layer in DELIVERED:
        depth = "*/*/*/*.parquet" if layer == "staged" else "*/*/*.*"
        yield from _visible((data_root.lake / layer).glob(depth))
    yield from _visible(data_root.lake.glob("*.parquet"))
    for folder in ("register", "incremental"):
        yield from _visible((data_root.lake / folder).glob("*.*"))
    yield from (path for path in (mart_path(data_root, mart) for mart in MARTS) if path.exists())
    for own in (data_root.requests, chain_heads.folder(data_root)):
        yield from _visible(own.glob("Q*.*"))


def _visible(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if not path.name.startswith(".") and path.is_file())


def _folders(data_root: DataRoot) -> list[Path]:
    """Return the folders that vouch for their files, or should."""
    records = {
        path.parent
        for root in (data_root.lake, data_root.requests, data_root.marts)
        for path in root.rglob(SUMS)
    }
    return sorted({*records, *(path.parent for path in vouched_for(data_root))})


def _in_folder(
    data_root: DataRoot,
    folder: Path,
    files: list[Path],
    compared: Counter[str],
    unrecorded: Counter[str],
) -> Iterator[Damage]:
    record = read(folder)
    layer = _place(data_root, folder / SUMS)[0]
    present = {path.name for path in files}
    if record.is_damaged:
        yield _damage(data_root, "FILE-CHANGED", folder / SUMS)
    if data_root.is_recorded and present and not (folder / SUMS).exists():
        yield _damage(data_root, "FILE-MISSING", folder / SUMS)
        return
    for name in sorted({*present, *record.accepted}):
        path = folder / name
        if name in record.accepted:
            compared[layer] += 1
            if code := fault(path, record):
                yield _damage(data_root, code, path)
        else:
            unrecorded[layer] += 1
            if data_root.is_recorded and not record.is_damaged:
                yield _damage(data_root, "FILE-UNRECORDED", path)
            elif not _is_readable(path):
                yield _damage(data_root, "FILE-CHANGED", path)


def _is_readable(path: Path) -> bool:
    """Return whether a file without a record can be opened: all that can be known of it."""
    if path.suffix != ".parquet":
        return path.stat().st_size > 0
    try:
        pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return True


def _entries(data_root: DataRoot, damaged: set[str]) -> tuple[list[Entry], list[Path]]:
    """Return the ledger's entries that are not damaged, and the files of those that cannot be
    read.
    """
    entries, unreadable = [], []
    for path in sorted((data_root.lake / "deliveries").glob("*/*/*.json")):
        if str(path.relative_to(data_root.root)) in damaged:
            continue
        try:
            entries.append(deliveries.parsed(path))
        except DamagedFileError:
            unreadable.append(path)
    return entries, unreadable


def _without_folder(data_root: DataRoot, entries: list[Entry]) -> Iterator[Damage]:
    """Yield what a whole lost folder would have had: nothing else records it."""
    for entry in entries:
        raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
        if not (raw.parent / SUMS).exists() and not raw.exists():
            yield _damage(data_root, "FILE-MISSING", raw)
        quarantine = quarantine_path(data_root, entry)
        if entry.staged_with and not entry.removing:
            if not (staged_folder(data_root, entry) / SUMS).exists():
                yield _damage(data_root, "FILE-MISSING", staged_folder(data_root, entry))
            if not (quarantine.parent / SUMS).exists() and not quarantine.exists():
                yield _damage(data_root, "FILE-MISSING", quarantine)


def _without_entry(data_root: DataRoot, entries: list[Entry]) -> Iterator[Damage]:
    """Yield files of deliveries that are not in the ledger.

    A kill leaves such a file while its delivery is in the inbox.
    """
    known = {(entry.source, entry.day, entry.delivery_id) for entry in entries}
    for layer in ("raw", "quarantine", "staged"):
        pattern = "*/*/*" if layer == "staged" else "*/*/*.parquet"
        for path in sorted((data_root.lake / layer).glob(pattern)):
            source, day = path.parts[-3:-1]
            if path.name.startswith(".") or (source, day, path.stem) in known:
                continue
            if not any(deliveries.waiting(data_root, source, {day})):
                yield _damage(data_root, "FILE-WITHOUT-ENTRY", path)


def _suppressions(data_root: DataRoot) -> Iterator[Damage]:
    try:
        suppression_check.check(data_root)
    except SuppressionStateError as error:
        yield Damage(error.code, error.path, error.path.split("/")[0])
    except PepperError:
        yield Damage("CERT-PEPPER", PEPPER_PATH, "secrets")


def _certificates(data_root: DataRoot) -> Iterator[Damage]:
    try:
        for finding in certificate_checks.check(data_root):
            path = f"requests/certificates/{finding.request_id}".rstrip("/")
            yield Damage(finding.code, path, "certificates", request_id=finding.request_id)
    except DamagedFileError as error:
        yield _damage(data_root, error.code, error.path)


def _damage(data_root: DataRoot, code: str, path: Path) -> Damage:
    layer, source, day, delivery = _place(data_root, path)
    return Damage(code, str(path.relative_to(data_root.root)), layer, source, day, delivery)


def _place(data_root: DataRoot, path: Path) -> tuple[str, str, str, str]:
    """Return layer, source, day and delivery of a file, empty where it is of none."""
    parts = path.relative_to(data_root.root).parts
    if parts[0] != "lake":
        return parts[0], "", "", ""
    if len(parts) < 3 or parts[1] not in DELIVERED:
        return ("lake" if len(parts) < 3 else parts[1]), "", "", ""
    source, day = (*parts[2:4], "", "")[:2]
    names = parts[4:]
    delivery = Path(names[0]).stem if names and names[0] not in (SUMS, RECORDED) else ""
    return parts[1], source, day, delivery


def record_of(data_root: DataRoot, damage: Damage) -> Record:
    """Return what the record of the damaged file's folder accepts."""
    return read((data_root.root / damage.path).parent)
