"""Removing values that a correction replaced, once their time is over (GDPR 16).

Staged is rewritten without them, and raw without the records that contain them, as their payload
would show the value; also without later records that repeat such a record word for word.
"""

from __future__ import annotations

import duckdb

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register.corrections import LET_GO, WRONG
from assets.staging import lake_rewrite
from assets.staging.lake_rewrite import Edit
from assets.staging.staged import staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect

_COLUMNS = {
    "names": ("given_names", "family_name"),
    "persons": ("birth_date", "birth_date_precision", "language"),
    "company_contacts": ("job_title",),
    "marketing_choices": ("subject",),
}
# Column -> the attributes that empty it, where it is not the attribute's own.
_EMPTIED_BY = {
    "given_names": ("given_names", "call_name"),
    "birth_date_precision": ("birth_date",),
    "subject": ("email", "phone"),
}
_DROPPED = {
    "contact_points": "true",
    "addresses": "true",
    "corrections": "true",
    "company_contacts": "attribute = 'company_name'",
}

WRONG_VALUES = Relation(
    name="wrong",
    summary="Staged values that a registrant has corrected and whose time is over.",
    columns={
        "delivery_id": "VARCHAR",
        "record_no": "BIGINT",
        "position": "BIGINT",
        "in_table": "VARCHAR",
        "attribute": "VARCHAR",
    },
    scope=Scope.COMPONENT,
)
RECORDS_LET_GO = Relation(
    name="let_go",
    summary="Records with such a value, which raw does not keep.",
    columns=LET_GO.columns,
    amended_from=("wrong",),
    scope=Scope.COMPONENT,
)
HERE = Relation(
    name="here",
    summary="The wrong values of one staged file.",
    columns={"record_no": "BIGINT", "position": "BIGINT", "attribute": "VARCHAR"},
    reads=("wrong",),
    scope=Scope.RECORD,
)


def purge(data_root: DataRoot) -> int:
    """Take out of staged and raw what the last build noted as wrong and past its time; return the
    rows removed from raw.

    Repeating changes nothing. Cost: the files with such a value, and a look at the keys of later
    deliveries of the same source.
    """
    noted = data_root.lake / WRONG
    if not noted.exists() and not LET_GO.exists(data_root):
        return 0
    removed = 0
    with connect(data_root) as connection:
        connection.execute(
            WRONG_VALUES.create_table(f"FROM {parquet(noted)}")
            if noted.exists()
            else WRONG_VALUES.create_empty()
        )
        _remember(data_root, connection)
        concerned = {
            delivery_id
            for (delivery_id,) in connection.execute(
                "SELECT DISTINCT delivery_id FROM wrong"
            ).fetchall()
        }
        sources = {
            source
            for (source,) in connection.execute("SELECT DISTINCT source FROM let_go").fetchall()
        }
        for entry in deliveries.ledger(data_root):
            if entry.delivery_id in concerned:
                _strip(data_root, connection, entry)
            if entry.source in sources:
                removed += _let_go(data_root, connection, entry)
    return removed


def _remember(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """`let_go(source, record_key, content)`: what raw does not keep; written down before the first
    file changes.
    """
    connection.execute(RECORDS_LET_GO.create_table(LET_GO.rows(data_root)))
    concerned = {
        delivery_id
        for (delivery_id,) in connection.execute(
            "SELECT DISTINCT delivery_id FROM wrong"
        ).fetchall()
    }
    for entry in deliveries.ledger(data_root) if concerned else ():
        index = staged_folder(data_root, entry) / "records.parquet"
        if entry.delivery_id in concerned and index.exists():
            connection.execute(
                f"""INSERT INTO let_go SELECT DISTINCT '{entry.source}', record_key, content
                    FROM {parquet(index)}
                WHERE record_no IN (SELECT record_no FROM wrong
                    WHERE delivery_id = '{entry.delivery_id}')"""
            )
    if concerned:
        copy_parquet(
            connection, "SELECT DISTINCT * FROM let_go ORDER BY ALL", LET_GO.place(data_root)
        )


def _strip(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    """Rewrite the delivery's staged tables without the values."""
    for path in lake_rewrite.staged_files(data_root, entry):
        connection.execute(
            (
                f"{HERE.create} AS SELECT record_no, position, attribute FROM "
                "wrong WHERE delivery_id = ? AND in_table = ?"
            ),
            [entry.delivery_id, path.stem],
        )
        if connection.execute("SELECT 1 FROM here LIMIT 1").fetchone():
            edit = _edit(path.stem)
            lake_rewrite.rewrite(connection, path, edit.keep, edit.columns)


def _edit(table: str) -> Edit:
    """What changes in a staged table: rows that go, or columns that are emptied."""

    def among(attributes: str) -> str:
        return (
            f"(record_no, position) IN (SELECT (record_no, position) FROM here WHERE {attributes})"
        )

    emptied = []
    for column in _COLUMNS.get(table, ()):
        attributes = ", ".join(f"'{attribute}'" for attribute in _EMPTIED_BY.get(column, (column,)))
        emptied.append(
            f"CASE WHEN NOT {among(f'attribute IN ({attributes})')} THEN {column} END AS {column}"
        )
    keep = f"NOT {among(_DROPPED[table])}" if table in _DROPPED else "true"
    return Edit(keep, f"* REPLACE ({', '.join(emptied)})" if emptied else "*")


def _let_go(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> int:
    """Rewrite the delivery's raw without the records; the delivery ledger keeps what they were."""
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if not raw.exists():
        return 0
    removed = (
        "(record_key, content) IN (SELECT (record_key, content) FROM let_go WHERE source = '"
        f"{entry.source}')"
    )
    return lake_rewrite.rewrite(connection, raw, f"NOT coalesce({removed}, false)")
