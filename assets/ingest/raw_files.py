"""Paths of raw files, and the relations that raw is made of."""

from __future__ import annotations

from pathlib import Path

from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from schemas.raw import Raw

RAW = Relation.of_files(Raw, "raw")
RAW_RECORDS = Relation(
    name="raw_records",
    summary="Readable records of a batch, minimised, and when they were given.",
    columns={"record_no": "BIGINT", "payload": "VARCHAR", "given_on": "DATE", "ends": "BOOLEAN"},
    reads=("batch", "faulty"),
    amended_from=("identified", "protected_identifiers", "suppressed"),
    scope=Scope.RECORD,
)
IDENTIFIED = Relation(
    name="identified",
    summary="The key and the identifiers that a source declares of each record of a batch.",
    columns={"record_no": "BIGINT", "identifiers": "VARCHAR[]"},
    reads=("raw_records",),
    scope=Scope.RECORD,
    external=True,
)


def raw_path(data_root: DataRoot, source: str, day: str, delivery: str) -> Path:
    """Return the path of the raw records of a delivery."""
    return data_root.lake / "raw" / source / day / f"{delivery}.parquet"
