"""Components: records that nothing ties to the records of others, as linkage left them.

Two records are in one component when they name the same person, contact point, customer, contract,
order, visit or browser, when they are versions of one record, or when their persons are one
registrant. No row of a component-scoped relation depends on the records of two components
(`assets.storage.relations.Scope`), so that an incremental build makes whole components again and no
other. A component is named by the smallest of its records; a record by the hash of its delivery and
number, so that nothing here is a value.
"""

from __future__ import annotations

import os

import duckdb
import numpy as np
import pyarrow as pa

from assets.register.clusters import components
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.staged import CANONICAL

RECORD = "hash(delivery_id, record_no)"
"""SQL: what names a record."""
REFERENCE = ("companies", "company_names", "postcodes")
"""Staged tables about nobody, which every build reads whole."""
POSTAL = "starts_with(subject, 'postal:')"
"""SQL: the choices that name no person but a name at an address: any registrant may have it."""
_TYING = (
    "person_key",
    "match_key",
    "subject",
    "contract_number",
    "customer_number",
    "order_number",
    "visit",
    "visitor_id",
    "user_id",
    "business_id",
)
_PLAIN = {"subject": "substr(subject, strpos(subject, ':') + 1)"}


def is_enabled() -> bool:
    """Return whether builds name components, so that the next one can be incremental."""
    return os.environ.get("REGISTER_INCREMENTAL") == "1"


def _ties() -> dict[str, list[str]]:
    """Staged table -> SQL of the values that tie its records to others."""
    more = {"identifiers": ["value", "replaced_by"]}
    return {
        table: [
            *(_PLAIN.get(name, name) for name in _TYING if name in duckdb_types(model)),
            *more.get(table, []),
        ]
        for table, model in CANONICAL.items()
        if table not in REFERENCE
    }


EVERY_TIE = " UNION ALL ".join(
    (
        *(
            f"""SELECT record, hash(value) AS tie FROM (
                SELECT {RECORD} AS record, unnest([{", ".join(values)}]) AS value
                FROM staged_{table}) WHERE value IS NOT NULL"""
            for table, values in _ties().items()
        ),
        f"""SELECT {RECORD} AS record, hash(source || '|' || record_key) AS tie
        FROM staged_records""",
        f"""SELECT {RECORD} AS record, hash(person_key) AS tie
        FROM quarantine WHERE person_key IS NOT NULL""",
    )
)
"""SQL: every record with the hash of each value that ties it to others, with repetitions."""

RECORD_TIES = Relation(
    name="record_ties",
    summary="Records and the hashes of what ties them to others, persons and registrants too.",
    columns={"record": "UBIGINT", "tie": "UBIGINT"},
    reads=(*(f"staged_{table}" for table in _ties()), "staged_records", "quarantine"),
    amended_from=("renamed_persons", "membership"),
    scope=Scope.COMPONENT,
)
TIED_PERSONS = Relation(
    name="tied_persons",
    summary="The source persons that records name, as hashes, and their component.",
    columns={"tie": "UBIGINT", "component": "UBIGINT"},
    reads=("record_ties", "record_components"),
    scope=Scope.COMPONENT,
)
RECORD_COMPONENTS = Relation(
    name="record_components",
    summary="The component of each record.",
    columns={"record": "UBIGINT", "component": "UBIGINT"},
    reads=("record_ties",),
    scope=Scope.COMPONENT,
    external=True,
)


def tie_records(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `record_ties` of what is staged; a person's earlier key ties to the present one."""
    connection.execute(RECORD_TIES.create_table(f"SELECT DISTINCT * FROM ({EVERY_TIE})"))
    connection.execute(
        """INSERT INTO record_ties
        SELECT record, hash(current_key)
        FROM record_ties JOIN renamed_persons ON tie = hash(person_key)"""
    )


def find(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `record_components` and `tied_persons` of `record_ties` and `membership`.

    Cost: one grouping of the ties; memory grows with the records.
    """
    connection.execute(
        """INSERT INTO record_ties
        SELECT record, hash(registrant_id)
        FROM record_ties JOIN membership ON tie = hash(person_key)"""
    )
    edges = connection.execute(
        """WITH first AS (SELECT tie, min(record) AS first FROM record_ties GROUP BY tie)
        SELECT DISTINCT record, first FROM record_ties JOIN first USING (tie)"""
    ).fetchnumpy()
    records, number = np.unique(edges["record"], return_inverse=True)
    first = np.searchsorted(records, edges["first"])
    label = components(len(records), number.astype(np.int32), first.astype(np.int32))
    connection.register("labels", pa.table({"record": records, "component": records[label]}))
    connection.execute(RECORD_COMPONENTS.create_table("FROM labels"))
    connection.unregister("labels")
    connection.execute(
        TIED_PERSONS.create_table(
            """SELECT tie, any_value(component) AS component
            FROM record_ties JOIN record_components USING (record) GROUP BY tie"""
        )
    )
