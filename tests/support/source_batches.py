"""Running one batch of records through a source's declaration, as the lake does it, without a
lake.
"""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from assets.sources.source import STATEMENT_MACROS, Dataset
from schemas.columns import TableModel, table_name
from schemas.identifiers import install
from schemas.validation import failures

DELIVERED = "2026-11-20 00:00:00+02"

Payload = str | dict[str, Any]


@dataclass
class Raw:
    """What raw keeps of each record, in the order of the payloads."""

    payloads: list[str]
    native_keys: list[str | None]
    identifiers: list[list[str]]


@dataclass
class Staged:
    """Rows that passed, per table; codes per record for what quarantines it, and per table for rows
    that alone failed.
    """

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    codes: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    row_codes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def only(self, table: str) -> dict[str, Any]:
        assert len(self.tables[table]) == 1, f"{len(self.tables[table])} rows of {table}"
        return self.tables[table][0]


def text(payload: Payload) -> str:
    return (
        payload
        if isinstance(payload, str)
        else json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    )


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    install(connection)
    connection.execute(STATEMENT_MACROS)
    return connection


@contextmanager
def _connect() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the macros and nothing else: what is made in it is rolled back."""
    with _database().cursor() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.begin()
        try:
            yield connection
        finally:
            connection.rollback()


def keep(dataset: Dataset, payloads: Sequence[Payload]) -> Raw:
    """Minimise and identify the payloads."""
    with _connect() as connection:
        connection.register(
            "given",
            pa.table(
                {
                    "record_no": range(len(payloads)),
                    "payload": pa.array(map(text, payloads), pa.string()),
                }
            ),
        )
        connection.execute(
            f"""CREATE TABLE raw_records AS
            SELECT record_no, {dataset.minimise} AS payload FROM given"""
        )
        rows = connection.execute(
            f"""SELECT payload, native_key, identifiers
            FROM raw_records
            LEFT JOIN ({dataset.identify}) USING (record_no)
            ORDER BY record_no"""
        ).fetchall()
    return Raw([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def given(dataset: Dataset, payload: Payload) -> tuple[date | None, bool]:
    """The day on which the registrant gave the record, and whether it only ends something."""
    with _connect() as connection:
        connection.execute(f"CREATE OR REPLACE MACRO delivered_on() AS DATE '{DELIVERED[:10]}'")
        row = connection.execute(
            f"""SELECT ({dataset.given})::DATE, coalesce({dataset.ends}, false) FROM (
                SELECT {dataset.minimise} AS payload FROM (SELECT $1::VARCHAR AS payload))""",
            [text(payload)],
        ).fetchone()
    assert row
    return row[0], row[1]


def stage(dataset: Dataset, payloads: Sequence[Payload]) -> Staged:
    """Minimise the payloads and make their canonical rows, validated."""
    kept = keep(dataset, payloads).payloads
    done = Staged()
    with _connect() as connection:
        connection.register(
            "kept",
            pa.table({"record_no": range(len(kept)), "payload": pa.array(kept, pa.string())}),
        )
        connection.execute(
            f"""CREATE TABLE records AS SELECT record_no, md5(record_no::VARCHAR) AS record_key,
                payload,
            TIMESTAMPTZ '{DELIVERED}' AS delivered_at, 0::BIGINT AS sequence FROM kept"""
        )
        for statement in dataset.prepare:
            connection.execute(statement)
        vendor = connection.execute(dataset.vendor_query).to_arrow_table()
        assert sorted(vendor["record_no"].to_pylist()) == list(range(len(kept))), (
            "one line per record"
        )
        for record, code, _ in _failed(dataset.vendor, vendor):
            done.codes[record].add(code)
        frames = [
            (frame, connection.execute(frame.query).to_arrow_table()) for frame in dataset.frames
        ]
    validated = [(frame, rows, _failed(frame.model, rows)) for frame, rows in frames]
    for frame, _, wrong in validated:
        for record, code, _ in wrong:
            if frame.essential:
                done.codes[record].add(code)
            else:
                done.row_codes[table_name(frame.model)].add(code)
    for frame, rows, wrong in validated:
        failed = {row for _, _, row in wrong}
        done.tables[table_name(frame.model)] = [
            row
            for number, row in enumerate(rows.to_pylist())
            if number not in failed and not done.codes.get(row["record_no"])
        ]
    return done


def codes(dataset: Dataset, payload: Payload) -> set[str]:
    """The rules by which one record is quarantined."""
    return stage(dataset, [payload]).codes[0]


def _failed(model: type[TableModel], rows: pa.Table) -> list[tuple[int, str, int]]:
    """Record, code and row of each failure."""
    records = rows["record_no"].to_pylist()
    return [
        (records[row["row"]], row["code"], row["row"]) for row in failures(model, rows).to_pylist()
    ]
