"""The inbox and the book of deliveries.

A delivery is found by its manifest, checked against it, and entered in the book (one small JSON each, under
`lake/deliveries`) when its records are durable in raw. The book holds counts and hashes, never a name or a value.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

from assets.sources.source import Dataset, Source
from assets.storage.atomic_files import remove, writing
from assets.storage.data_root import Home, delivery_day
from schemas.delivery import REFUSALS, SAFE_NAME, Manifest, RefusedDeliveryError

MANIFEST = ".manifest.json"
FIRST_DAY = date(2015, 1, 1)
Content = TypeVar("Content")


@dataclass(frozen=True)
class Waiting:
    """A delivery in the inbox; `place` says which one, without its name (a name may hold personal data)."""

    source: str
    day: str
    path: Path
    place: str

    @property
    def manifest_path(self) -> Path:
        return self.path.with_name(self.path.name + MANIFEST)


@dataclass(frozen=True)
class Entry:
    """One delivery in the book: what it was, and what became of its records, by count.

    delivered = suppressed + expired + staged + quarantined + duplicates, once staged. `removing`
    says, while records are being removed, what they will count as. `corrects` is the id of the
    delivery of the same bytes that was read as its manifest wrongly declared them, and that this
    one replaces. `missing_columns` are the declared columns that the file does not have; null: it
    has no columns, or it was read before they were recorded. `keyed` says that `sha256` is the
    keyed hash of the file's (`keyed_hash`): somebody in it was suppressed, and of a file whose
    other records are known a plain hash would confirm whose record it was. `renamed`: an erasure
    has left nobody of it, and its id is keyed, too.
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
    encoding: str = ""
    corrects: str = ""
    missing_columns: list[str] | None = None
    blank_columns: int = 0
    dropped_columns: int = 0
    keyed: bool = False
    renamed: bool = False

    @property
    def conserved(self) -> bool:
        """Whether every delivered record is accounted for."""
        return (
            self.delivered
            == self.suppressed + self.expired + self.staged + self.quarantined + self.duplicates
        )

    def read_as(self, manifest: Manifest) -> bool:
        """Whether the bytes were read as the manifest declares them."""
        declared = (manifest.dataset, manifest.encoding.lower())
        return declared == (self.dataset, self.encoding or declared[1])


def waiting(home: Home, source: str, days: set[str] | None = None) -> Iterator[Waiting]:
    """The source's deliveries whose manifest has come, oldest day first; a file without one is not there yet."""
    root = home.inbox / source
    if not root.is_dir() or root.is_symlink():
        return
    for folder in sorted(root.iterdir()):
        if (
            folder.is_symlink()
            or not folder.is_dir()
            or (days is not None and folder.name not in days)
        ):
            continue
        names = sorted(path.name for path in folder.iterdir())
        data = [name for name in names if not name.endswith(MANIFEST)]
        told = folder.name if delivery_day(folder.name) else "a folder that is not a day"
        for number, name in enumerate(data, 1):
            if name + MANIFEST in names:
                yield Waiting(
                    source,
                    folder.name,
                    folder / name,
                    f"{source}/{told}, file {number} of {len(data)} by name",
                )


def waiting_days(home: Home, source: str, last_day: date) -> set[str]:
    """Delivery days, as YYYY-MM-DD, on which the source has something in the inbox that has not been refused."""
    return {
        item.day
        for item in waiting(home, source)
        if _in_range(item.day, last_day) and not refused(home, item)
    }


def _in_range(day: str, last_day: date) -> bool:
    found = delivery_day(day)
    return found is not None and FIRST_DAY <= found <= last_day


def _note_path(home: Home, item: Waiting) -> Path:
    """Where it is noted that these very files were refused: by their names' and states' hash, which tells neither."""
    states = [
        (path.name, (state := path.lstat()).st_size, state.st_mtime_ns, state.st_ctime_ns)
        for path in (item.path, item.manifest_path)
    ]
    return (
        home.lake
        / "refused"
        / f"{hashlib.sha256(f'{item.source}/{item.day}/{states}'.encode()).hexdigest()[:20]}.json"
    )


def refuse(home: Home, item: Waiting, refusal: RefusedDeliveryError) -> None:
    """Note why a delivery was refused, so that it is not read again until it is delivered anew."""
    with writing(_note_path(home, item)) as unfinished:
        unfinished.write_text(json.dumps({"why": str(refusal)}))


def refused(home: Home, item: Waiting) -> str | None:
    """Why these very files have been refused, if they have been."""
    path = _note_path(home, item)
    return str(json.loads(path.read_text())["why"]) if path.exists() else None


def refusals(home: Home, sources: Iterable[str], last_day: date) -> list[tuple[str, str]]:
    """What lies in the inbox and will not be taken: which, without its name, and why."""
    known = list(sources)
    found = []
    for source in known:
        for item in waiting(home, source):
            why = refused(home, item) or (
                None if _in_range(item.day, last_day) else f"DEL-DAY: {REFUSALS['DEL-DAY']}"
            )
            if why:
                found.append((item.place, why))
    strangers = (
        sum(1 for path in home.inbox.iterdir() if path.name not in known)
        if home.inbox.is_dir()
        else 0
    )
    return [*found, *[("the inbox", f"DEL-SOURCE: {REFUSALS['DEL-SOURCE']}")] * strangers]


def tidy(home: Home, source: str) -> None:
    """Remove what a killed run left of deliveries that are in the book, and notes of refusals of files that are gone."""
    for manifest in (home.inbox / source).glob(f"*/*{MANIFEST}"):
        data = manifest.with_name(manifest.name.removesuffix(MANIFEST))
        if not data.exists() and stat.S_ISREG(manifest.lstat().st_mode):
            try:
                taken = Manifest.parse(manifest.read_bytes())
            except (RefusedDeliveryError, PermissionError):
                continue
            day = manifest.parent.name
            entry = of_bytes(home, source, day, taken.sha256) if delivery_day(day) else None
            if entry and entry.read_as(taken):
                remove(manifest)
                if not any(manifest.parent.iterdir()):
                    manifest.parent.rmdir()


def check(
    item: Waiting, source: Source, today: date, purposes: Collection[str]
) -> tuple[Manifest, Dataset]:
    """Hold the file against its manifest, of one of the policy's `purposes`; raises RefusedDeliveryError with the first thing that does not hold."""
    if not _in_range(item.day, today):
        raise RefusedDeliveryError("DEL-DAY")
    for path in (item.path, item.manifest_path):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise RefusedDeliveryError("DEL-NOT-A-FILE")
    if not SAFE_NAME.fullmatch(item.path.name):
        raise RefusedDeliveryError("DEL-NAME")
    manifest = Manifest.parse(_readable(item.manifest_path.read_bytes), purposes)
    dataset = source.dataset(manifest.dataset)
    if dataset is None:
        known = ", ".join(one.name for one in source.datasets)
        raise RefusedDeliveryError("DEL-DATASET", f"{source.name} delivers {known}")
    if item.path.stat().st_size != manifest.bytes:
        raise RefusedDeliveryError("DEL-SIZE")
    if _readable(partial(sha256, item.path)) != manifest.sha256:
        raise RefusedDeliveryError("DEL-SHA256")
    if dataset.snapshot and manifest.records == 0:
        raise RefusedDeliveryError("DEL-EMPTY-SNAPSHOT")
    return manifest, dataset


def _readable(read: Callable[[], Content]) -> Content:
    """What reading a delivered file returns; raises RefusedDeliveryError when it may not be read."""
    try:
        return read()
    except PermissionError:
        raise RefusedDeliveryError("DEL-UNREADABLE") from None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keyed_hash(home: Home, digest: str) -> str:
    """The HMAC of a file's SHA-256 under the pepper, as hex digits: tells nobody without the key
    which file it was.
    """
    return hmac.new(home.pepper, f"delivery|{digest}".encode(), hashlib.sha256).hexdigest()


def with_keyed_hash(home: Home, entry: Entry) -> Entry:
    """Return the entry with the keyed hash of its bytes in place of the plain one."""
    return (
        entry if entry.keyed else replace(entry, sha256=keyed_hash(home, entry.sha256), keyed=True)
    )


def is_of(home: Home, entry: Entry, digest: str) -> bool:
    """Whether the entry is of these bytes, by their SHA-256 or the keyed hash of it; of entries and
    digests in either form.
    """
    return digest == entry.sha256 or (
        keyed_hash(home, digest) == entry.sha256
        if entry.keyed
        else keyed_hash(home, entry.sha256) == digest
    )


def keyed_id(home: Home, delivery: str) -> str:
    """What identifies a delivery of which nobody is left, in place of an id that is a hash of its
    bytes.
    """
    return hmac.new(home.pepper, f"delivery id|{delivery}".encode(), hashlib.sha256).hexdigest()[
        :20
    ]


def delivery_id(source: str, day: str, digest: str) -> str:
    """What identifies a delivery: source, day and bytes; sorts by nothing but itself."""
    return hashlib.sha256(f"{source}/{day}/{digest}".encode()).hexdigest()[:20]


def corrected_id(entry: Entry, manifest: Manifest) -> str:
    """What identifies the delivery that replaces `entry`: its bytes again, as `manifest` declares them."""
    declared = f"{entry.delivery_id}/{manifest.dataset}/{manifest.encoding.lower()}"
    return hashlib.sha256(declared.encode()).hexdigest()[:20]


def entry_path(home: Home, source: str, day: str, delivery: str) -> Path:
    """Where the entry of a delivery lies."""
    return home.lake / "deliveries" / source / day / f"{delivery}.json"


def enter(home: Home, entry: Entry) -> None:
    """Write the entry, durably; of bytes of which somebody was suppressed with their keyed hash."""
    if entry.suppressed:
        entry = with_keyed_hash(home, entry)
    with writing(entry_path(home, entry.source, entry.day, entry.delivery_id)) as unfinished:
        unfinished.write_text(json.dumps(asdict(entry), sort_keys=True))


def book(home: Home, source: str = "*", day: str = "*") -> list[Entry]:
    """Entries in the order in which their statements count: by day, then period, then id.

    Without those that another entry corrects: they are about to be removed.
    """
    entries = _entries(home, source, day)
    mistaken = {entry.corrects for entry in entries}
    return sorted(
        (entry for entry in entries if entry.delivery_id not in mistaken),
        key=lambda entry: (entry.source, entry.day, entry.period_last, entry.delivery_id),
    )


def mistaken(home: Home, source: str = "*") -> list[Entry]:
    """Entries that another one corrects, and that a killed run has not removed."""
    entries = _entries(home, source, "*")
    ids = {entry.corrects for entry in entries}
    return [entry for entry in entries if entry.delivery_id in ids]


def of_bytes(home: Home, source: str, day: str, digest: str) -> Entry | None:
    """The entry of the day's delivery of these bytes, as whatever they were read."""
    return next((entry for entry in book(home, source, day) if is_of(home, entry, digest)), None)


def _entries(home: Home, source: str, day: str) -> list[Entry]:
    paths = (home.lake / "deliveries").glob(f"{source}/{day}/*.json")
    return [Entry(**json.loads(path.read_text())) for path in paths]


def take_out(item: Waiting) -> None:
    """Remove a delivery from the inbox, manifest last, and its folder when that was all."""
    remove(item.path)
    remove(item.manifest_path)
    if not any(item.path.parent.iterdir()):
        item.path.parent.rmdir()


def columns_lost(home: Home, source: str, days: Collection[str]) -> list[tuple[Entry, list[str]]]:
    """Deliveries of these days that lack declared columns which an earlier one of the dataset had."""
    # Of each dataset the declared columns that no delivery so far has had.
    never_had: dict[str, set[str]] = {}
    lost = []
    for entry in book(home, source):
        if entry.missing_columns is None:
            continue
        never = never_had.get(entry.dataset)
        gone = [name for name in entry.missing_columns if never is not None and name not in never]
        if gone and entry.day in days:
            lost.append((entry, gone))
        missing = set(entry.missing_columns)
        never_had[entry.dataset] = missing if never is None else never & missing
    return lost
