"""Files that a partner drops on a server of files or into a bucket: each becomes one delivery.

A file is taken when it has not changed for a while. Its name and place stay behind; what was taken
is kept as keyed hashes of name, size and time, for as long as the file lies there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field

from assets.connectors.connector import Connector, Fetched, Fetching
from assets.connectors.web_api import FetchError
from assets.ingest import deliveries, delivering
from assets.ingest.delivering import State
from assets.ingest.file_formats import reading
from assets.sources.source import Dataset
from schemas.delivery import Manifest, RefusedDeliveryError
from schemas.fetching import CODES

LARGEST_FILE = 64 << 30
MOST_FILES = 100_000
_UNFINISHED = (".part", ".tmp", ".filepart", ".uploading", ".swp")


@dataclass(frozen=True)
class Dropped:
    """A file as the server lists it."""

    place: str
    bytes: int
    changed_at: datetime

    @property
    def name(self) -> str:
        return self.place.rsplit("/", 1)[-1]


class Files(Protocol):
    """A server's folder."""

    def listed(self) -> Iterator[Dropped]:
        """Yield the files in the folder itself."""

    def parts(self, file: Dropped) -> Iterator[bytes]:
        """Yield a file's bytes, no more than it was listed with; raises FetchError."""


class DroppedFiles(Connector):
    """Files of one dataset in one folder.

    Attributes:
        settled: Minutes without a change after which a file is taken to be whole.
    """

    from_source: Annotated[str, Field(alias="source")]
    dataset: str
    encoding: str
    settled: Annotated[int, Field(ge=0, le=1_440)] = 10

    @property
    def origin(self) -> str:
        return self.from_source

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return (self.dataset,)

    @abstractmethod
    def opened(self) -> AbstractContextManager[Files]:
        """Return the folder, connected to."""

    def fetch(self, name: str, fetching: Fetching) -> Fetched:
        done = Fetched()
        refused: Counter[str] = Counter()
        taken = {} if fetching.since else dict(fetching.mark(name))
        with self.opened() as files:
            listed = self._whole(files, fetching)
            keys = {file: _key(fetching, file) for file in listed}
            # What no longer lies there need not be remembered.
            taken = {key: day for key, day in taken.items() if key in set(keys.values())}
            for file, key in keys.items():
                if key in taken:
                    continue
                done.requests += 1
                try:
                    self._take(files, file, fetching, done)
                except RefusedDeliveryError as refusal:
                    refused[refusal.code] += 1
                    continue
                taken[key] = str(fetching.today)
                fetching.advance(name, taken)
        if refused:
            counts = ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
            raise FetchError("FETCH-REFUSED", f"{CODES['FETCH-REFUSED']} ({counts})")
        return done

    def _whole(self, files: Files, fetching: Fetching) -> list[Dropped]:
        """Return the files that have not changed for a while, oldest first."""
        latest = fetching.clock.now() - timedelta(minutes=self.settled)
        whole = []
        for number, file in enumerate(files.listed()):
            if number >= MOST_FILES:
                raise FetchError("FETCH-ENDLESS")
            hidden = file.name.startswith(".") or file.name.lower().endswith(_UNFINISHED)
            if not hidden and file.changed_at <= latest:
                whole.append(file)
        return sorted(whole, key=lambda file: (file.changed_at, file.place))

    def _take(self, files: Files, file: Dropped, fetching: Fetching, done: Fetched) -> None:
        """Copy a file into the inbox.

        Raises:
            RefusedDeliveryError: A refresh would refuse it.
        """
        if file.bytes > LARGEST_FILE:
            raise FetchError("FETCH-TOO-LARGE")
        data_root, today = fetching.data_root, fetching.today
        with delivering.unfinished(data_root, self.origin, file.name) as content:
            with content.open("wb") as copy:
                copy.writelines(files.parts(file))
            if content.stat().st_size != file.bytes:
                raise FetchError("FETCH-CUT", "a file has changed while it was copied")
            manifest = delivering.describe(
                content,
                dataset=self.dataset,
                encoding=self.encoding,
                first=today,
                last=today,
                purpose=self.purpose_in_force,
                purposes=data_root.policy.purposes,
            )
            dataset = deliveries.declared(self.source, self.dataset)
            records = _counted(content, manifest, dataset)
            deliveries.check_snapshot(dataset, records)
            manifest = manifest.model_copy(update={"records": records})
            before = delivering.place(data_root, self.origin, str(today), content, manifest)
        done.deliveries += before is State.NEW
        done.redelivered += before is not State.NEW
        done.records += records


def _counted(path: Path, manifest: Manifest, dataset: Dataset) -> int:
    batches = reading.records(path, manifest.codec, dataset.format)
    return sum(batch.num_rows for batch in batches)


def _key(fetching: Fetching, file: Dropped) -> str:
    """Return what stands for a file: its name may be a person's."""
    stated = f"{file.place}|{file.bytes}|{file.changed_at.isoformat()}"
    return deliveries.keyed_hash(fetching.data_root, stated)[:32]
