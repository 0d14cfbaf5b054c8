"""Deliveries on disk: files as the vendors send them, manifests, and, apart, the truth.

Records are appended chunk by chunk; a file's hash and counts grow along, so that no file is read
again. A file's manifest is written when the file is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.synthetic.arrow_text import join
from pipelines.synthetic.cases import REDELIVERY, every_case
from pipelines.synthetic.formats import Format
from pipelines.synthetic.planting import EPOCH, Days
from pipelines.synthetic.records import NOBODY, Records

TRUTH_RECORDS = pa.schema(
    [
        ("source", pa.string()),
        ("dataset", pa.string()),
        ("native_key", pa.string()),
        ("delivery_day", pa.date32()),
        ("person", pa.int64()),
        ("case", pa.string()),
    ]
)


@dataclass
class _Delivery:
    """A data file that is still growing."""

    format: Format
    path: Path
    day: date
    sha256: Any = field(default_factory=hashlib.sha256)
    size: int = 0
    records: int = 0
    first: int = 1 << 30
    last: int = -(1 << 30)

    def write(self, data: bytes | memoryview) -> None:
        with self.path.open("ab") as file:
            file.write(data)
        self.sha256.update(data)
        self.size += len(data)

    def append(self, records: Records) -> None:
        text = join(self.format.separator, records.text)
        offsets = np.frombuffer(text.buffers()[1], np.int32)[
            text.offset : text.offset + len(text) + 1
        ]
        data = memoryview(text.buffers()[2])[offsets[0] : offsets[-1]]
        if self.records == 0:
            data = data[len(self.format.separator.encode()) :]
        self.write(
            data
            if self.format.encoding == "utf-8"
            else str(data, "utf-8").encode(self.format.encoding)
        )
        self.records += len(records)
        self.first = min(self.first, int(records.about.min()))
        self.last = max(self.last, int(records.about.max()))

    def manifest(self) -> dict[str, object]:
        last = min(EPOCH + timedelta(days=self.last), self.day) if self.records else self.day
        first = min(EPOCH + timedelta(days=self.first), last) if self.records else self.day
        return {
            "dataset": self.format.dataset,
            "schema_version": "1",
            "encoding": self.format.encoding,
            "sha256": self.sha256.hexdigest(),
            "bytes": self.size,
            "records": self.records,
            "period": {"from": first.isoformat(), "to": last.isoformat()},
            "purpose": self.format.purpose,
        }


class DeliveryWriter:
    """Writes all deliveries of a sample into the inbox and the truth beside it."""

    def __init__(self, inbox: Path, truth: Path, days: Days) -> None:
        self._inbox, self._days = inbox, days
        self._growing: dict[tuple[str, int], _Delivery] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self._done: list[tuple[int, _Delivery]] = []
        self._to_repeat: dict[tuple[str, int], list[pa.Table]] = {}
        truth.mkdir(parents=True, exist_ok=True)
        self._truth = pq.ParquetWriter(truth / "records.parquet", TRUTH_RECORDS, compression="zstd")
        self._truth_rows: list[pa.Table] = []
        self._case_names = pa.array([case.name for case in every_case()], pa.string())
        self.deliveries = self.records = self.bytes = 0

    def repeat_later(self, form: Format, day: int) -> None:
        """Keep the truth of that day's records, because `redeliver` will send them again."""
        self._to_repeat[form.name, day] = []

    def append(self, form: Format, records: Records) -> None:
        """Put each record into its day's file; records keep their order."""
        order = np.argsort(records.day, kind="stable")
        bounds = np.searchsorted(records.day[order], np.arange(self._days.count + 1))
        for day in range(self._days.count):
            rows = order[bounds[day] : bounds[day + 1]]
            if len(rows):
                self._append_day(form, day, records.take(rows))

    def _append_day(self, form: Format, day: int, records: Records) -> None:
        truth = self._truth_of(form, day, records)
        self._truth_rows.append(truth)
        if (form.name, day) in self._to_repeat:
            self._to_repeat[form.name, day].append(truth)
        start = 0
        while start < len(records):
            delivery = self._open(form, day)
            stop = min(len(records), start + form.largest - delivery.records)
            delivery.append(
                records if stop - start == len(records) else records.take(np.arange(start, stop))
            )
            start = stop
            if delivery.records >= form.largest:
                self._close(form, day)

    def _open(self, form: Format, day: int) -> _Delivery:
        key = (form.name, day)
        if key not in self._growing:
            number = self._numbers[key] = self._numbers.get(key, 0) + 1
            date_of_day = self._days.of(day)
            folder = self._inbox / form.source / date_of_day.isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / form.file_name(date_of_day, number)
            manifest_path(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            delivery = self._growing[key] = _Delivery(form, path, date_of_day)
            opening = form.opening(day, number)
            delivery.write(opening.encode(form.encoding))
        return self._growing[key]

    def _close(self, form: Format, day: int) -> None:
        delivery = self._growing.pop((form.name, day))
        delivery.write(form.closing.encode(form.encoding))
        self._finish(day, delivery)

    def _finish(self, day: int, delivery: _Delivery) -> None:
        _write_manifest(delivery.path, delivery.manifest())
        self._done.append((day, delivery))
        self.deliveries += 1
        self.records += delivery.records
        self.bytes += delivery.size

    def empty_delivery(self, form: Format, day: int) -> None:
        """A delivery without a record."""
        if (form.name, day) in self._growing:
            self._close(form, day)
        self._open(form, day)
        self._close(form, day)

    def close_files(self) -> None:
        """Complete every file that is still growing and write its manifest."""
        for name, day in sorted(self._growing):
            self._close(self._growing[name, day].format, day)

    def redeliver(self, form: Format, day: int, again: int) -> None:
        """Send all files of a dataset and day again on a later day, under another name."""
        earlier = [
            delivery
            for done, delivery in self._done
            if done == day and delivery.format is form and delivery.records
        ]
        for number, delivery in enumerate(earlier, 1):
            folder = self._inbox / form.source / self._days.of(again).isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"resend-{number}-{form.file_name(self._days.of(day), number)}"
            manifest_path(path).unlink(missing_ok=True)
            shutil.copyfile(delivery.path, path)
            _write_manifest(path, delivery.manifest())
            self.deliveries += 1
            self.records += delivery.records
            self.bytes += delivery.size
        for truth in self._to_repeat.pop((form.name, day), []):
            names = pa.repeat(REDELIVERY.name, len(truth))
            on = pa.repeat(pa.scalar(self._days.of(again), pa.date32()), len(truth))
            self._truth_rows.append(
                truth.set_column(3, "delivery_day", on).set_column(5, "case", names)
            )

    def flush_truth(self) -> None:
        """Write the truth gathered so far, as one row group."""
        if self._truth_rows:
            self._truth.write_table(pa.concat_tables(self._truth_rows))
            self._truth_rows.clear()

    def close(self) -> None:
        """Finish the truth."""
        self.flush_truth()
        self._truth.close()

    def _truth_of(self, form: Format, day: int, records: Records) -> pa.Table:
        count = len(records)
        return pa.table(
            [
                pa.repeat(form.source, count),
                pa.repeat(form.dataset, count),
                records.native_key,
                pa.repeat(pa.scalar(self._days.of(day), pa.date32()), count),
                pa.array(records.person.astype(np.int64), mask=records.person == NOBODY),
                self._case_names.take(
                    pa.array(records.case.astype(np.int64), mask=records.case < 0)
                ),
            ],
            schema=TRUTH_RECORDS,
        )


def manifest_path(path: Path) -> Path:
    """Where the manifest of a data file lies."""
    return path.with_name(path.name + ".manifest.json")


def _write_manifest(path: Path, manifest: dict[str, object]) -> None:
    """In one step, so that nobody reads half of it."""
    target = manifest_path(path)
    draft = target.with_name("." + target.name)
    draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, target)
