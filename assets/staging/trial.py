"""What would become of a delivery: the steps of ingest and staging on a file, and nothing is kept.

The rows are in DuckDB's memory, or spilled as in every session, until they have been counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.file_formats import reading
from assets.ingest.intake import Intake
from assets.sources.source import Dataset, Source
from assets.staging.batches import PIECE_ROWS, bounded
from assets.staging.shared_keys import find_shared
from assets.staging.staged import canonical_frames, find_duplicates
from assets.storage import suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect, in_turn, spill_folder
from schemas.columns import duckdb_types
from schemas.delivery import Manifest
from schemas.quarantine import Outcome
from schemas.raw import Raw

TRIED_ROWS = Relation(
    name="tried_rows",
    summary="The rows of raw that a file would become, if it were delivered.",
    columns=duckdb_types(Raw),
    scope=Scope.RECORD,
    temporary=False,
)


@dataclass(frozen=True)
class Trial:
    """What would become of a file's records, as counts.

    delivered = staged + quarantined + duplicates + left_out.

    Attributes:
        left_out: Records about people who were erased or refuse the purpose, and those that a
            source with limited intake may not bring.
        codes: Rule code -> rows that it quarantines.
    """

    delivered: int
    staged: int = 0
    quarantined: int = 0
    duplicates: int = 0
    left_out: int = 0
    codes: dict[str, int] = field(default_factory=dict)


def attempt(
    data_root: DataRoot,
    source: Source,
    dataset: Dataset,
    path: Path,
    day: str,
    manifest: Manifest,
) -> Trial:
    """Return what would become of a file that is delivered on `day` as its manifest describes it.

    `dataset` decides, not the manifest's.

    Raises:
        RefusedDeliveryError: A refresh would refuse the file.
    """
    suppression_state.check(data_root)
    try:
        with connect(data_root, side_by_side=True) as connection:
            intake = Intake(data_root, source.name, day, dataset, manifest.purpose)
            _fill(connection, _rows(connection, intake, path, manifest.codec))
            return _counted(data_root, connection, intake, manifest.period.last)
    finally:
        with suppress(OSError):  # another session of this process may use it
            spill_folder(data_root).rmdir()


def _rows(
    connection: duckdb.DuckDBPyConnection, intake: Intake, path: Path, codec: str
) -> Iterator[pa.Table]:
    yield from intake.rows(connection, reading.records(path, codec, intake.dataset.format))


def _fill(connection: duckdb.DuckDBPyConnection, tables: Iterator[pa.Table]) -> None:
    connection.execute(TRIED_ROWS.create_empty())
    for rows in tables:
        connection.register("rows_to_try", rows)
        connection.execute("INSERT INTO tried_rows BY NAME FROM rows_to_try")


def _counted(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, intake: Intake, last: date
) -> Trial:
    dataset = intake.dataset
    entry = Entry(
        delivery_id="",
        source=intake.source,
        day=intake.day,
        dataset=dataset.name,
        sha256="",
        bytes=0,
        delivered=intake.delivered,
        period_last=str(last),
        sequence=None,
    )
    earlier = [
        before
        for before in deliveries.ledger(data_root, intake.source)
        if before.dataset == dataset.name
        and (before.day, before.period_last) <= (entry.day, entry.period_last)
    ]
    find_duplicates(data_root, connection, TRIED_ROWS.name, earlier)
    find_shared(connection, dataset, TRIED_ROWS.name)
    outcomes: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    with connection.cursor() as reading:
        reading.execute("FROM tried_rows ORDER BY record_no")
        batches = bounded(reading.to_arrow_reader(PIECE_ROWS))
        for frames, failed in in_turn(
            connection, batches, partial(canonical_frames, data_root, dataset, entry)
        ):
            codes.update(failed["code"].to_pylist())
            for model, rows in frames:
                if model is Outcome:
                    outcomes.update(rows["outcome"].to_pylist())
    return Trial(
        delivered=intake.delivered,
        staged=outcomes["staged"],
        quarantined=outcomes["quarantined"],
        duplicates=outcomes["duplicate"],
        left_out=intake.delivered - outcomes.total(),
        codes=dict(sorted(codes.items())),
    )
