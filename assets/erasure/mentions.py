"""Mentions of erased registrants in one delivery's files: which records are theirs, and what is
redacted in the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import duckdb

from assets.ingest.deliveries import Entry
from assets.ingest.mentions.attribution import SPELLED, attribute, know_others
from assets.ingest.mentions.redaction import Record, Redaction, record_of
from assets.ingest.mentions.scanning import Prefilter, fields_of, scan_lake, texts_of
from assets.ingest.mentions.spellings import Spellings
from assets.ingest.raw_files import raw_path
from assets.staging.lake_rewrite import Edit
from assets.staging.staged import staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal, name, parquet
from assets.storage.relations import Relation, Scope
from schemas.staged import CANONICAL

DECIDED_REDACTIONS = Relation(
    name="decided_redactions",
    summary="Records of others that somebody decided to redact.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT"},
    scope=Scope.COMPONENT,
)
STAGED_MATCHES = Relation(
    name="staged_matches",
    summary="Mentions in the staged rows of one delivery.",
    columns={
        "layer": "VARCHAR",
        "record_no": "BIGINT",
        "identifier": "VARCHAR",
        "place": "VARCHAR",
    },
    scope=Scope.COMPONENT,
)
REDACTIONS = Relation(
    name="redactions",
    summary="Records of one delivery that stay with what mentions somebody redacted.",
    columns={
        "layer": "VARCHAR",
        "record_no": "BIGINT",
        "request_id": "VARCHAR",
        "fields": "BIGINT",
    },
    reads=("text_matches", "staged_matches", "mentioned_identifiers", "matched_records"),
    scope=Scope.COMPONENT,
)


@lru_cache(1)
def _spellings(identifiers: tuple[str, ...], country: str) -> Spellings:
    return Spellings(identifiers, country)


@lru_cache(1)
def _prefilter(spellings: Spellings) -> Prefilter:
    """Return the prefilter of these spellings: an erasure scans for bystanders, to remove, and for
    what remains.
    """
    return Prefilter(spellings.fragments)


def requested_spellings(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> Spellings:
    """Return the spellings of `mentioned_identifiers`."""
    rows = connection.execute(
        "SELECT DISTINCT identifier FROM mentioned_identifiers ORDER BY 1"
    ).fetchall()
    return _spellings(tuple(identifier for (identifier,) in rows), data_root.policy.country)


def scan(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, registrants: Iterable[str] = ()
) -> None:
    """Make `worth_reading` for `mentioned_identifiers`, and load everybody besides these
    registrants. A record is attributed by `requested_identifiers` only: an account of two people
    shows in the field for it which person a record is about, and not in a text.
    """
    spellings = requested_spellings(data_root, connection)
    connection.execute(
        f"""{SPELLED.create} AS
        SELECT DISTINCT identifier FROM requested_identifiers"""
    )
    know_others(data_root, connection, registrants)
    scan_lake(data_root, connection, _prefilter(spellings))
    layers = ["raw", *(f"staged.{table}" for table in CANONICAL)]
    connection.execute(
        """INSERT INTO worth_reading
        SELECT delivery_id, layer, record_no
        FROM decided_redactions, (SELECT unnest($1::VARCHAR[]) AS layer)""",
        [layers],
    )


def find_mentions(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    """Make `text_matches`, `theirs` (see `attribution`) and `staged_matches` of a delivery; `scan`
    comes first.

    `staged_matches(layer, record_no, identifier, place)` are the mentions in staged.
    Afterwards `redacted_text(record_no, text)` redacts the texts of the delivery's records.
    """
    spellings = requested_spellings(data_root, connection)
    numbers = (
        f"(SELECT record_no FROM worth_reading WHERE delivery_id = {literal(entry.delivery_id)}"
    )
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    rows = """SELECT 0::BIGINT AS record_no, '' AS payload, [''] AS identifiers, [''] AS faults
        WHERE false"""
    if raw.exists():
        rows = f"""SELECT record_no, payload, identifiers, faults FROM {parquet(raw)}
            WHERE record_no IN {numbers})"""
    stored = connection.execute(rows).to_arrow_table()
    decided = {
        number
        for (number,) in connection.execute(
            "SELECT record_no FROM decided_redactions WHERE delivery_id = ?", [entry.delivery_id]
        ).fetchall()
    }
    attribute(connection, stored, spellings, decided)
    records = {
        number: replace(record_of(identifiers, faults), decided=number in decided)
        for number, identifiers, faults in zip(
            *(stored[column].to_pylist() for column in ("record_no", "identifiers", "faults")),
            strict=True,
        )
    }
    redaction = Redaction(spellings, records)
    redaction.install(connection)
    _find_staged(data_root, connection, entry, redaction)


def _find_staged(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry, redaction: Redaction
) -> None:
    """Make `staged_matches`: in texts, and in any field of a record that is redacted in raw."""
    matches: list[tuple[str, int, str, str]] = []
    chosen = """SELECT layer, record_no FROM worth_reading
        WHERE delivery_id = $1 AND layer <> 'raw'"""
    worth = connection.execute(chosen, [entry.delivery_id]).fetchall()
    in_raw = {
        number
        for (number,) in connection.execute(
            """SELECT DISTINCT record_no FROM text_matches
            WHERE redact AND record_no NOT IN (SELECT record_no FROM theirs)"""
        ).fetchall()
    }
    for table, model in CANONICAL.items():
        layer = f"staged.{table}"
        path = staged_folder(data_root, entry) / f"{table}.parquet"
        numbers = in_raw | {number for of_layer, number in worth if of_layer == layer}
        if not numbers or not path.exists():
            continue
        columns, texts = fields_of(model), {*texts_of(model)}
        rows = connection.execute(
            f"""SELECT record_no, {", ".join(map(name, columns))} FROM {parquet(path)}
            WHERE list_contains($1::BIGINT[], record_no)""",
            [sorted(numbers)],
        ).fetchall()
        for row, (number, *values) in enumerate(rows):
            record = redaction.records.get(number, Record())
            matches += [
                (layer, number, mention.identifier, f"{row}.{column}.{mention.start}")
                for column, value in zip(columns, values, strict=True)
                if value and (column in texts or number in in_raw)
                for mention in redaction.find(value, record)
            ]
    columns_of = (
        [list(column) for column in zip(*matches, strict=True)] if matches else [[], [], [], []]
    )
    connection.execute(
        f"""{STAGED_MATCHES.create} AS SELECT
            unnest($1::VARCHAR[]) AS layer, unnest($2::BIGINT[]) AS record_no,
            unnest($3::VARCHAR[]) AS identifier, unnest($4::VARCHAR[]) AS place""",
        columns_of,
    )


def find_redactions(connection: duckdb.DuckDBPyConnection) -> bool:
    """Make `redactions(layer, record_no, request_id, fields)` of the records that are not in
    `matched_records`; returns whether there are any.
    """
    connection.execute(
        f"""{REDACTIONS.create} AS
        SELECT layer, record_no, request_id, count(DISTINCT place) AS fields
        FROM (
            SELECT 'raw' AS layer, record_no, identifier, place FROM text_matches WHERE redact
            UNION ALL FROM staged_matches)
        JOIN mentioned_identifiers USING (identifier) ANTI JOIN matched_records USING (record_no)
        GROUP BY ALL"""
    )
    return connection.execute("SELECT 1 FROM redactions LIMIT 1").fetchone() is not None


def edits(connection: duckdb.DuckDBPyConnection) -> dict[str, Edit]:
    """Return the edits of the delivery's files by the table `redactions`: by layer, as
    `lake_rewrite.remove_records` takes it.
    """
    layers = connection.execute("SELECT DISTINCT layer FROM redactions ORDER BY 1").fetchall()
    changed = {}
    for (layer,) in layers:
        table = layer.removeprefix("staged.")
        columns = ["payload"] if layer == "raw" else fields_of(CANONICAL[table])
        chosen = f"record_no IN (SELECT record_no FROM redactions WHERE layer = {literal(layer)})"
        replaced = ", ".join(
            f"CASE WHEN {chosen} THEN redacted_text(record_no, {name(column)})"
            f" ELSE {name(column)} END AS {name(column)}"
            for column in columns
        )
        if layer == "raw":
            listed = "array_to_string(identifiers, chr(10))"
            replaced += f""", CASE WHEN {chosen} AND len(identifiers) > 0
                THEN string_split(redacted_text(record_no, {listed}), chr(10))
                ELSE identifiers END AS identifiers"""
        changed[table] = Edit(texts=f"* REPLACE ({replaced})")
    return changed
