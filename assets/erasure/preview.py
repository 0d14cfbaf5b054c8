"""Preview of an erasure: rows per layer, rows that a statute retains, recipients to be notified,
and whether anybody else is affected.

A bystander is a record that would go and is somebody else's own (`bystanders`). There must be none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date

import duckdb

from assets.erasure import bystanders, legal_holds, safeguards
from assets.erasure.matching import concerned, find_matched_records
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.marts.building import mart_path
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests.ledger import Request
from assets.rights.recipient_notices import KEYS, REACHED
from assets.rights.registrant_identifiers import MEANT
from assets.sources import statement_macros
from assets.staging.lake_rewrite import staged_files
from assets.staging.staged import quarantine_path
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.sessions import connect, create_keyed_hash
from schemas.columns import arrow_schema, table_name
from schemas.marts import MARTS


@dataclass
class Preview:
    """Counts only. `layers`: rows that would go, by layer and table; `holds`: rows that
    stay without their person, by rule; `warnings` and `undecided`: what the safeguards ask
    (`safeguards`), and which of it waits for a decision.
    """

    request_id: str
    registrants: int
    identifiers: int
    layers: Counter[str] = field(default_factory=Counter)
    holds: dict[str, dict[str, object]] = field(default_factory=dict)
    bystanders: int = 0
    left_out: int = 0
    pairs_left: int = 0
    recipients: list[str] = field(default_factory=list)
    verification: dict[str, str] = field(default_factory=dict)
    active_contracts: int = 0
    warnings: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, object]:
        """Return the counts as data, for JSON output."""
        return {**asdict(self), "layers": dict(sorted(self.layers.items()))}


def preview(data_root: DataRoot, request: Request, today: date) -> Preview:
    """Return what an erasure would do, and change nothing.

    The request must have been resolved (`lookup.record`).
    """
    effects = Preview(
        request.request_id,
        len(request.registrants),
        len(request.resolved),
        left_out=len({*request.left_out, *request.own}),
        pairs_left=len(request.pairs_left),
        verification=dict(request.verification),
    )
    guarded = safeguards.check(data_root, [request], today)[request.request_id]
    effects.active_contracts = guarded.active_contracts
    effects.warnings, effects.undecided = guarded.warnings(), list(guarded.undecided)
    with connect(data_root) as connection:
        statement_macros.create(connection)
        create_keyed_hash(data_root, connection)
        bystanders.prepare(data_root, connection, [request])
        connection.execute(
            (f"{MEANT.create} AS SELECT $1 AS request_id, unnest($2::VARCHAR[]) AS registrant_id"),
            [request.request_id, list(request.registrants)],
        )
        read_register(data_root, connection, "contact_points", TABLES["contact_points"])
        for entry in concerned(data_root, connection):
            if find_matched_records(data_root, connection, entry):
                legal_holds.find_retained(data_root, connection, entry, today)
                _count_delivery(data_root, connection, entry, effects)
        _count_register(data_root, connection, effects)
        _count_marts(data_root, connection, effects)
    effects.recipients = sorted(
        name
        for name, recipient in data_root.policy.recipients.items()
        if any(
            layer.startswith(f"marts.{purpose}.")
            for purpose in recipient.purposes
            for layer in effects.layers
        )
    )
    return effects


def _count_delivery(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry, effects: Preview
) -> None:
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    files = {"raw": raw, "quarantine": quarantine_path(data_root, entry)} | {
        f"staged.{path.stem}": path for path in staged_files(data_root, entry)
    }
    for layer, path in files.items():
        if path.exists() and layer != "staged.records":
            stays = "ANTI JOIN retained USING (record_no)" if layer == "staged.orders" else ""
            effects.layers[layer] += count(
                connection,
                f"""SELECT count(*) FROM {parquet(path)}
                    SEMI JOIN matched_records USING (record_no) {stays}""",
            )
    for rule, rows, until in connection.execute(
        "SELECT rule, count(*), max(until)::VARCHAR FROM retained GROUP BY rule ORDER BY rule"
    ).fetchall():
        row = effects.holds.setdefault(
            rule,
            {
                "rows": 0,
                "until": "",
                "ground": f"{data_root.policy.retention[rule].source or ''}, {legal_holds.LAW}",
            },
        )
        row |= {"rows": int(str(row["rows"])) + rows, "until": max(str(row["until"]), until)}
    effects.bystanders += sum(bystanders.count_in(data_root, connection, entry).values())


def _count_register(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, effects: Preview
) -> None:
    for table, model in TABLES.items():
        if "registrant_id" in arrow_schema(model).names and data_root.register(table).exists():
            effects.layers[f"register.{table}"] += count(
                connection,
                (
                    f"SELECT count(*) FROM {parquet(data_root.register(table))} SEMI JOIN meant "
                    "USING (registrant_id)"
                ),
            )


def _count_marts(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, effects: Preview
) -> None:
    connection.execute(
        f"{REACHED.create} AS SELECT DISTINCT request_id, sha256(match_key) AS key "
        "FROM contact_points JOIN meant USING (registrant_id)"
    )
    for mart, models in MARTS.items():
        if not mart_path(data_root, mart).exists():
            continue
        attach(data_root, connection, mart_path(data_root, mart), "published")
        try:
            for model in models:
                for column, mine in KEYS.items():
                    if column in arrow_schema(model).names:
                        rows = f"""SELECT count(*) FROM published."{table_name(model)}"
                            WHERE "{column}" IN (SELECT key FROM ({mine.format(mart=mart)}))"""
                        effects.layers[f"marts.{mart}.{table_name(model)}"] += count(
                            connection, rows
                        )
        finally:
            connection.execute("DETACH published")
    for layer in [name for name, rows in effects.layers.items() if not rows]:
        del effects.layers[layer]
