"""Intake limited to known people: of a source that delivers more, only those that others deliver.

A controller subscribes to the population register's changes by identity code. Where the policy says
`subscription: known`, a record is taken in only if it names an identity code that another source
has delivered, or one that the register has corrected such a code into. The rest is counted
(`Entry.unsubscribed`) and never written, not even to raw.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest import deliveries, suppression
from assets.ingest.raw_files import raw_path
from assets.storage.data_root import DataRoot
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect

ASKED_AT_ONCE = 500_000
_CODES = """SELECT DISTINCT unnest(list_filter(identifiers,
    lambda named: starts_with(named, 'identity_code:'))) AS identifier FROM {0}"""
_CODE = "'identity_code:' || {0}"
_FINNISH = "[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Y]"

KNOWN_CODES = Relation(
    name="known_codes",
    summary="Identity codes that other sources have delivered, and what they were corrected into.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.GLOBAL,
    merge="The union: a code that one shard knows is known.",
    temporary=False,
)


def is_limited(data_root: DataRoot, source: str) -> bool:
    """Whether the policy limits the source's intake to known people."""
    return data_root.policy.sources[source].subscription == "known"


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Make `known_codes(identifier)`: what other sources have delivered, and its corrections.

    Cost: the identity codes of everything staged, and of what waits in raw to be staged.
    """
    entries = deliveries.ledger(data_root)
    raw = {
        of_source: [
            path
            for entry in entries
            if (entry.source == source) == of_source
            and (of_source or not entry.staged_with)
            and (path := raw_path(data_root, entry.source, entry.day, entry.delivery_id)).exists()
        ]
        for of_source in (True, False)
    }
    staged = {
        of_source: [
            path
            for path in data_root.files("staged", name="*/identifiers")
            if (path.relative_to(data_root.lake / "staged").parts[0] == source) == of_source
        ]
        for of_source in (True, False)
    }
    others = [_CODES.format(parquet(*raw[False]))] if raw[False] else []
    if staged[False]:
        others.append(
            f"""SELECT {_CODE.format("value")} AS identifier FROM {parquet(*staged[False])}
            WHERE type = 'identity_code'"""
        )
    nothing = "SELECT NULL::VARCHAR AS identifier WHERE false"
    connection.execute(f"{KNOWN_CODES.create} AS {' UNION '.join(others) or nothing}")
    if staged[True]:
        connection.execute(
            f"""INSERT INTO known_codes
            SELECT DISTINCT {_CODE.format("replaced_by")} FROM {parquet(*staged[True])}
            WHERE replaced_by IS NOT NULL
                AND {_CODE.format("value")} IN (SELECT identifier FROM known_codes)"""
        )
    if raw[True]:
        _widen(connection, parquet(*raw[True]))


def _widen(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Add the codes that a row names beside a known one, until there are no more."""
    added = 1
    while added:
        before = count(connection, "SELECT count(*) FROM known_codes")
        connection.execute(
            f"""INSERT INTO known_codes
            WITH named AS (
                SELECT DISTINCT delivered_as, unnest(identifiers) AS identifier
                FROM (SELECT identifiers, identifiers AS delivered_as FROM {rows}))
            SELECT DISTINCT identifier
            FROM named
            SEMI JOIN (FROM named SEMI JOIN known_codes USING (identifier)) AS known
                USING (delivered_as)
            WHERE starts_with(identifier, 'identity_code:')
            EXCEPT FROM known_codes"""
        )
        added = count(connection, "SELECT count(*) FROM known_codes") - before


def only_known(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return the rows of raw that are about somebody known. `prepare` comes first."""
    connection.register("arriving", rows)
    _widen(connection, "arriving")
    kept = connection.execute(
        """SELECT DISTINCT record_no
        FROM (SELECT record_no, unnest(identifiers) AS identifier FROM arriving)
        SEMI JOIN known_codes USING (identifier)"""
    ).to_arrow_table()["record_no"]
    return rows.filter(pc.is_in(rows["record_no"], value_set=kept.combine_chunks()))


def subscribed(data_root: DataRoot, source: str) -> tuple[pa.Array, pa.Array]:
    """Return the identity codes of people that other sources deliver, and this one is to.

    The list is made when it is needed and stored nowhere: who comes with another source is on it
    from then on, and who is erased leaves it with their data.

    Returns:
        The codes that the source has delivered already, and the others; sorted.
    """
    own = ["SELECT NULL::VARCHAR AS identifier WHERE false"]
    if raw := data_root.files("raw", source):
        own.append(_CODES.format(parquet(*raw)))
    if staged := data_root.files("staged", source, name="*/identifiers"):
        own.append(
            f"""SELECT {_CODE.format("value")} FROM {parquet(*staged)}
            WHERE type = 'identity_code'"""
        )
    with connect(data_root) as connection:
        prepare(data_root, connection, source)
        rows = connection.execute(
            f"""SELECT identifier, substr(identifier, strlen('identity_code:') + 1) AS code,
                identifier IN ({" UNION ALL ".join(own)}) AS delivered
            FROM known_codes
            WHERE regexp_full_match(identifier, 'identity_code:{_FINNISH}')
            ORDER BY identifier"""
        ).to_arrow_table()
    parts = rows.select(["identifier"]).to_batches(max_chunksize=ASKED_AT_ONCE)
    erased = {
        identifier
        for part in parts
        for identifier in suppression.erased_among(data_root, part["identifier"].to_pylist())
    }
    rows = rows.filter(
        pc.invert(pc.is_in(rows["identifier"], value_set=pa.array(sorted(erased), pa.string())))
    )
    delivered = pc.fill_null(rows["delivered"], fill_value=False)
    return (
        rows["code"].filter(delivered).combine_chunks(),
        rows["code"].filter(pc.invert(delivered)).combine_chunks(),
    )


def business_ids(data_root: DataRoot) -> list[str]:
    """Return the business ids of all companies that any source has delivered, sorted.

    None of somebody who has been erased.
    """
    raw, staged = data_root.files("raw"), data_root.files("staged", name="*/identifiers")
    named = ["SELECT NULL::VARCHAR AS identifier WHERE false"]
    if raw:
        named.append(f"SELECT unnest(identifiers) AS identifier FROM {parquet(*raw)}")
    if staged:
        named.append(f"SELECT type || ':' || value FROM {parquet(*staged)}")
    with connect(data_root) as connection:
        rows = connection.execute(
            f"""SELECT DISTINCT identifier FROM ({" UNION ALL ".join(named)}) AS named(identifier)
            WHERE regexp_full_match(identifier, 'business_id:[0-9]{{7}}-[0-9]')
            ORDER BY identifier"""
        ).fetchall()
    every = [identifier for (identifier,) in rows]
    erased = suppression.erased_among(data_root, every)
    return [each.removeprefix("business_id:") for each in every if each not in erased]
