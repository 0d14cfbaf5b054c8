"""The inbox and the delivery ledger.

A delivery is found by its manifest, checked against it, and entered in the ledger (one small JSON
file each, under `lake/deliveries`) when its records are durable in raw. The ledger has counts and
hashes, never a name or a value.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from assets.sources.source import Dataset, Source
from assets.storage import recorded_files
from assets.storage.atomic_files import remove
from assets.storage.data_root import DataRoot, delivery_day
from assets.storage.recorded_files import DamagedFileError
from assets.storage.secrets import pepper
from schemas.delivery import REFUSALS, SAFE_NAME, Manifest, RefusedDeliveryError

MANIFEST = ".manifest.json"
FIRST_DAY = date(2015, 1, 1)
Content = TypeVar("Content")


@dataclass(frozen=True)
class Waiting:
    """A delivery in the inbox.

    `place` identifies it without the file's name, which may contain personal data.
    """

    source: str
    day: str
    path: Path
    place: str

    @property
    def manifest_path(self) -> Path:
        return self.path.with_name(self.path.name + MANIFEST)


@dataclass(frozen=True)
class Entry:
    """A delivery in the ledger: what it was, and what became of its records, as counts.

    Once staged, delivered = suppressed + expired + unsubscribed + staged + quarantined +
    duplicates.

    Attributes:
        removing: While records are being removed, the count that they move to.
        removed: The first and the last of each run of their record numbers, until all are removed.
        corrects: The id of the delivery of the same bytes that this one replaces, because its
            manifest declared them wrongly.
        missing_columns: The declared columns that the file does not have; None when it has no
            columns, or was read before they were recorded.
        flagged: Rule code -> rows that are used although the source left something out.
        unsubscribed: Records of a source with limited intake about people that no other source has
            delivered: never written.
        keyed: `sha256` is the keyed hash of the file's (`keyed_hash`), because a registrant in it
            was suppressed: given a file with otherwise known records, a plain hash would confirm
            which record was removed.
        renamed: An erasure has left no record of it, and its id is keyed, too.
    """

    delivery_id: str
    source: str
    day: str
    dataset: str
    sha256: str
    bytes: int
    delivered: int
    period_last: str
    sequence: int | None
    suppressed: int = 0
    expired: int = 0
    staged: int = 0
    quarantined: int = 0
    duplicates: int = 0
    codes: dict[str, int] | None = None
    staged_with: str = ""
    removing: str = ""
    removed: list[list[int]] | None = None
    encoding: str = ""
    corrects: str = ""
    missing_columns: list[str] | None = None
    blank_columns: int = 0
    dropped_columns: int = 0
    keyed: bool = False
    renamed: bool = False
    flagged: dict[str, int] | None = None
    unsubscribed: int = 0

    @property
    def conserved(self) -> bool:
        """Whether every delivered record is accounted for."""
        return (
            self.delivered
            == self.suppressed
            + self.expired
            + self.unsubscribed
            + self.staged
            + self.quarantined
            + self.duplicates
        )

    def read_as(self, manifest: Manifest) -> bool:
        """Whether the bytes were read as the manifest declares them."""
        declared = (manifest.dataset, manifest.encoding.lower())
        return declared == (self.dataset, self.encoding or declared[1])


def waiting(data_root: DataRoot, source: str, days: set[str] | None = None) -> Iterator[Waiting]:
    """Yield the source's deliveries with a manifest, oldest day first.

    A file without one has not been delivered completely yet.
    """
    root = data_root.inbox / source
    if not root.is_dir() or root.is_symlink():
        return
    for folder in sorted(root.iterdir()):
        if (
            folder.is_symlink()
            or not folder.is_dir()
            or (days is not None and folder.name not in days)
        ):
            continue
        names = set(os.listdir(folder))
        data = sorted(name for name in names if not name.endswith(MANIFEST))
        day = folder.name if delivery_day(folder.name) else "a folder that is not a day"
        for number, name in enumerate(data, 1):
            if name + MANIFEST in names:
                yield Waiting(
                    source,
                    folder.name,
                    folder / name,
                    f"{source}/{day}, file {number} of {len(data)} by name",
                )


def waiting_days(data_root: DataRoot, source: str, last_day: date) -> set[str]:
    """Return the days (YYYY-MM-DD) with deliveries of the source that have not been refused."""
    noted = _noted(data_root)
    days: set[str] = set()
    for item in waiting(data_root, source):
        if item.day not in days and _in_range(item.day, last_day) and _note_name(item) not in noted:
            days.add(item.day)
    return days


def earliest_day(data_root: DataRoot) -> date | None:
    """Return the earliest day of a delivery, ingested or in the inbox; by names of folders only."""
    folders = [*data_root.inbox.glob("*/*"), *(data_root.lake / "deliveries").glob("*/*")]
    days = (delivery_day(folder.name) for folder in folders)
    return min((day for day in days if day and day >= FIRST_DAY), default=None)


def _in_range(day: str, last_day: date) -> bool:
    date_of = delivery_day(day)
    return date_of is not None and FIRST_DAY <= date_of <= last_day


def _note_name(item: Waiting) -> str:
    """Return the name of the note that exactly these files were refused.

    It is a hash of their names and states, and discloses neither.
    """
    path = os.fspath(item.path)
    states = [
        (name, (state := os.lstat(file)).st_size, state.st_mtime_ns, state.st_ctime_ns)
        for name, file in (
            (item.path.name, path),
            (item.path.name + MANIFEST, path + MANIFEST),
        )
    ]
    return f"{hashlib.sha256(f'{item.source}/{item.day}/{states}'.encode()).hexdigest()[:20]}.json"


def _noted(data_root: DataRoot) -> set[str]:
    """Return the names of all notes: one look at their folder for thousands of deliveries."""
    folder = _notes(data_root)
    return set(os.listdir(folder)) if folder.is_dir() else set()


def _notes(data_root: DataRoot) -> Path:
    return data_root.lake / "refused"


def refuse(data_root: DataRoot, item: Waiting, refusal: RefusedDeliveryError) -> None:
    """Record why a delivery was refused, so that it is not read again until it is redelivered."""
    note = _notes(data_root) / _note_name(item)
    recorded_files.write_all({note: json.dumps({"why": str(refusal)}).encode()})


def refused(data_root: DataRoot, item: Waiting) -> str | None:
    """Return why exactly these files were refused, or None."""
    return _why(f"{_notes(data_root)}/{_note_name(item)}")


def _why(note: str) -> str | None:
    """Return what a note says, or None; by a plain path, since thousands may be read."""
    try:
        with open(note, "rb") as file:  # noqa: PTH123
            return str(json.loads(file.read())["why"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def refusals(data_root: DataRoot, sources: Iterable[str], last_day: date) -> list[tuple[str, str]]:
    """Return what is in the inbox and will not be ingested: its place, without a name, and why."""
    return look(data_root, sources, last_day)[1]


def look(
    data_root: DataRoot, sources: Iterable[str], last_day: date
) -> tuple[set[str], list[tuple[str, str]]]:
    """Look at each delivery in the inbox once, for there may be thousands.

    Returns:
        The days with deliveries that have not been refused, and what `refusals` returns.
    """
    known, notes, noted = list(sources), _notes(data_root), _noted(data_root)
    days: set[str] = set()
    listed = []
    for source in known:
        for item in waiting(data_root, source):
            name = _note_name(item)
            why = _why(f"{notes}/{name}") if name in noted else None
            if why is None and not _in_range(item.day, last_day):
                why = f"DEL-DAY: {REFUSALS['DEL-DAY']}"
            if why:
                listed.append((item.place, why))
            else:
                days.add(item.day)
    strangers = (
        sum(1 for path in data_root.inbox.iterdir() if path.name not in known)
        if data_root.inbox.is_dir()
        else 0
    )
    return days, [*listed, *[("the inbox", f"DEL-SOURCE: {REFUSALS['DEL-SOURCE']}")] * strangers]


def tidy(data_root: DataRoot, source: str) -> None:
    """Remove the manifests that a killed run left of deliveries that are in the ledger."""
    for manifest in _without_data(data_root.inbox / source):
        if stat.S_ISREG(manifest.lstat().st_mode):
            try:
                taken = Manifest.parse(manifest.read_bytes())
            except (RefusedDeliveryError, PermissionError):
                continue
            day = manifest.parent.name
            entry = of_bytes(data_root, source, day, taken.sha256) if delivery_day(day) else None
            if entry and entry.read_as(taken):
                remove(manifest)
                _remove_empty(manifest.parent)


def _without_data(inbox: Path) -> list[Path]:
    """Return the manifests in a source's inbox beside which their file does not lie."""
    return [
        folder / name
        for folder in (inbox.iterdir() if inbox.is_dir() else ())
        if folder.is_dir()
        for names in [set(os.listdir(folder))]
        for name in names
        if name.endswith(MANIFEST) and name.removesuffix(MANIFEST) not in names
    ]


def check(
    item: Waiting, source: Source, today: date, purposes: Collection[str]
) -> tuple[Manifest, Dataset]:
    """Check a delivery against its manifest, which must name one of the policy's `purposes`.

    Raises:
        RefusedDeliveryError: The first thing that does not match.
    """
    check_day(item.day, today)
    for path in (item.path, item.manifest_path):
        check_regular(path)
    if not SAFE_NAME.fullmatch(item.path.name):
        raise RefusedDeliveryError("DEL-NAME")
    manifest = Manifest.parse(_readable(item.manifest_path.read_bytes), purposes)
    dataset = declared(source, manifest.dataset)
    if item.path.stat().st_size != manifest.bytes:
        raise RefusedDeliveryError("DEL-SIZE")
    if _readable(partial(sha256, item.path)) != manifest.sha256:
        raise RefusedDeliveryError("DEL-SHA256")
    check_snapshot(dataset, manifest.records)
    return manifest, dataset


def check_day(day: str, today: date) -> None:
    """Raise RefusedDeliveryError unless the day is a possible delivery day."""
    if not _in_range(day, today):
        raise RefusedDeliveryError("DEL-DAY")


def check_regular(path: Path) -> None:
    """Raise RefusedDeliveryError unless the path is a regular file, and no link to one."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise RefusedDeliveryError("DEL-NOT-A-FILE")


def declared(source: Source, name: str) -> Dataset:
    """Return the source's dataset of that name; raises RefusedDeliveryError if it has none."""
    dataset = source.dataset(name)
    if dataset is None:
        known = ", ".join(each.name for each in source.datasets)
        raise RefusedDeliveryError("DEL-DATASET", f"{source.name} delivers {known}")
    return dataset


def check_snapshot(dataset: Dataset, records: int) -> None:
    """Raise RefusedDeliveryError if a full snapshot has no record."""
    if dataset.snapshot and records == 0:
        raise RefusedDeliveryError("DEL-EMPTY-SNAPSHOT")


def _readable(read: Callable[[], Content]) -> Content:
    """Return what `read` does; raises RefusedDeliveryError when the file must not be read."""
    try:
        return read()
    except PermissionError:
        raise RefusedDeliveryError("DEL-UNREADABLE") from None


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keyed_hash(data_root: DataRoot, digest: str) -> str:
    """Return the HMAC of a file's SHA-256 under the pepper, as hex digits.

    Without the key it does not identify the file.
    """
    return hmac.new(pepper(data_root), f"delivery|{digest}".encode(), hashlib.sha256).hexdigest()


def with_keyed_hash(data_root: DataRoot, entry: Entry) -> Entry:
    """Return the entry with the keyed hash of its bytes in place of the plain one."""
    return (
        entry
        if entry.keyed
        else replace(entry, sha256=keyed_hash(data_root, entry.sha256), keyed=True)
    )


def is_of(data_root: DataRoot, entry: Entry, digest: str) -> bool:
    """Return whether the entry is of the bytes with this SHA-256; either may be a keyed hash."""
    return digest == entry.sha256 or (
        keyed_hash(data_root, digest) == entry.sha256
        if entry.keyed
        else keyed_hash(data_root, entry.sha256) == digest
    )


def keyed_id(data_root: DataRoot, delivery: str) -> str:
    """Return the id of a delivery without records, which replaces the hash of its bytes."""
    return hmac.new(
        pepper(data_root), f"delivery id|{delivery}".encode(), hashlib.sha256
    ).hexdigest()[:20]


def delivery_id(source: str, day: str, digest: str) -> str:
    """Return the id of a delivery: a hash of source, day and bytes; its order means nothing."""
    return hashlib.sha256(f"{source}/{day}/{digest}".encode()).hexdigest()[:20]


def corrected_id(entry: Entry, manifest: Manifest) -> str:
    """Return the id of the delivery that replaces `entry`: its bytes, by `manifest`."""
    declared = f"{entry.delivery_id}/{manifest.dataset}/{manifest.encoding.lower()}"
    return hashlib.sha256(declared.encode()).hexdigest()[:20]


def entry_path(data_root: DataRoot, source: str, day: str, delivery: str) -> Path:
    """Return the path of a delivery's entry."""
    return data_root.lake / "deliveries" / source / day / f"{delivery}.json"


def enter(data_root: DataRoot, entry: Entry) -> None:
    """Write the entry, durably; with the keyed hash where a registrant was suppressed."""
    if entry.suppressed:
        entry = with_keyed_hash(data_root, entry)
    path = entry_path(data_root, entry.source, entry.day, entry.delivery_id)
    with recorded_files.writing(path) as unfinished:
        unfinished.write_text(json.dumps(asdict(entry), sort_keys=True))


def ledger(data_root: DataRoot, source: str = "*", day: str = "*") -> list[Entry]:
    """Return the ledger's entries in the order in which their statements count.

    That is by source, day, period and id. Entries that another one corrects are left out: they are
    about to be removed.
    """
    entries = _entries(data_root, source, day)
    corrected = {entry.corrects for entry in entries}
    return sorted(
        (entry for entry in entries if entry.delivery_id not in corrected),
        key=lambda entry: (entry.source, entry.day, entry.period_last, entry.delivery_id),
    )


def mistaken(data_root: DataRoot, source: str = "*") -> list[Entry]:
    """Return entries that another one corrects, and that a killed run has not removed."""
    entries = _entries(data_root, source, "*")
    ids = {entry.corrects for entry in entries}
    return [entry for entry in entries if entry.delivery_id in ids]


def of_bytes(data_root: DataRoot, source: str, day: str, digest: str) -> Entry | None:
    """Return the entry of the day's delivery of these bytes, whatever they were read as."""
    return next(
        (entry for entry in ledger(data_root, source, day) if is_of(data_root, entry, digest)), None
    )


def _entries(data_root: DataRoot, source: str, day: str) -> list[Entry]:
    paths = (data_root.lake / "deliveries").glob(f"{source}/{day}/*.json")
    return [parsed(path) for path in paths]


def parsed(path: Path) -> Entry:
    """Return the entry in a file.

    Raises:
        DamagedFileError: It is not what was written.
    """
    try:
        return Entry(**json.loads(path.read_bytes()))
    except (ValueError, TypeError):
        raise DamagedFileError("FILE-CHANGED", path) from None


def take_out(item: Waiting) -> None:
    """Remove a delivery from the inbox, its manifest last, and its folder when empty."""
    remove(item.path)
    remove(item.manifest_path)
    _remove_empty(item.path.parent)


def _remove_empty(folder: Path) -> None:
    """Remove a day's folder unless something is in it, which may just have been delivered."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


def columns_lost(
    data_root: DataRoot, source: str, days: Collection[str]
) -> list[tuple[Entry, list[str]]]:
    """Return deliveries of these days that lack declared columns of earlier ones, with these."""
    # Dataset -> the declared columns that no delivery so far has had.
    never_had: dict[str, set[str]] = {}
    lost = []
    for entry in ledger(data_root, source):
        if entry.missing_columns is None:
            continue
        never_before = never_had.get(entry.dataset)
        absent = [
            name
            for name in entry.missing_columns
            if never_before is not None and name not in never_before
        ]
        if absent and entry.day in days:
            lost.append((entry, absent))
        missing = set(entry.missing_columns)
        never_had[entry.dataset] = missing if never_before is None else never_before & missing
    return lost
