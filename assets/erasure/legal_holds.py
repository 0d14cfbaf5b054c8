"""Records of an erased registrant that a statute retains: orders that the accounts still need,
decided per row (GDPR 17(3)(b)).

A retained order stays in staged without customer or person, its record leaves raw and every other
table, and the register sets it apart (`register.segregation`): just what retention does when a
customer's own time is over. Proofs of consent are kept by the company's own choice and by no
statute, so an erasure ends them.

A record that is not parsed cannot be stripped. So before registrants are removed, orders that are
in raw only are staged (`stage_waiting`), and an erasure takes in those that wait in the inbox
(`take_in`): the night of their delivery makes no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import duckdb

from assets.ingest import deliveries, raw
from assets.ingest.deliveries import Entry
from assets.ingest.restaging import staged_again
from assets.register.clocks import accounts_hold
from assets.sources.all_sources import SOURCES
from assets.sources.source import Source
from assets.staging import lake_rewrite, staged
from assets.staging.lake_rewrite import NOTHING, Edit
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view, create_view
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import create_keyed_hash
from schemas.policy.model import Policy
from schemas.quarantine import Outcome
from schemas.raw import Raw
from schemas.staged import CANONICAL, Orders

CATEGORY = "order"
LAW = "GDPR 17(3)(b)"
# The length of a keyed hash; a plain one is shorter.
KEYED = 64
_IS_RETAINED = "record_no IN (SELECT record_no FROM retained)"

RETAINED = Relation(
    name="retained",
    summary="Matched records with an order that the accounts need, and until when.",
    columns={"record_no": "BIGINT", "rule": "VARCHAR", "until": "DATE"},
    reads=("matched_records",),
    scope=Scope.COMPONENT,
)


class HoldError(PlainError):
    """Waiting deliveries cannot be staged with every record accounted for; counts only."""


@dataclass(frozen=True)
class Retained:
    """Rows of a category that the law makes us keep: how many, under which statute, until when
    (YYYY-MM-DD).
    """

    rows: int
    ground: str
    until: str


def take_in(data_root: DataRoot, last_day: date) -> list[Entry]:
    """Take in and stage the deliveries of orders that wait; return those that are staged now.

    This precedes the suppression of their customer: a suppressed record is lost at ingestion.
    Other deliveries go on waiting: nothing of them is retained, and their records about somebody
    erased are left out when they are taken in.
    """
    for source, names in _with_orders():
        arrived = raw.ingest(data_root, source, None, last_day, names)
        staged_again(data_root, source, arrived.entries)
    return stage_waiting(data_root)


def stage_waiting(data_root: DataRoot) -> list[Entry]:
    """Stage the deliveries of orders that are in raw only, with all others of their days; return
    them.

    Raises:
        HoldError: A record was lost.
    """
    done = []
    for source, names in _with_orders():
        days = {
            entry.day
            for entry in deliveries.ledger(data_root, source.name)
            if entry.dataset in names and not entry.staged_with
        }
        done += staged.stage(data_root, source, days) if days else []
    if lost := staged.lost_by_key(data_root, done) + sum(not entry.conserved for entry in done):
        raise HoldError(
            f"{lost} records of orders that waited have no outcome, or two: see the check "
            "`conservation` of staged"
        )
    return done


def _with_orders() -> list[tuple[Source, list[str]]]:
    """Return the sources that deliver orders, and the names of those datasets."""
    datasets_of = [
        (
            source,
            [
                dataset.name
                for dataset in source.datasets
                if any(frame.model is Orders for frame in dataset.frames)
            ],
        )
        for source in SOURCES
    ]
    return [(source, names) for source, names in datasets_of if names]


def find_retained(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry, today: date
) -> None:
    """Make `retained(record_no, rule, until)`: those of `matched_records` with an order
    that the accounts need beyond `today`.
    """
    until, rule = accounts_hold(data_root.policy, "ordered_at")
    orders = staged_folder(data_root, entry) / "orders.parquet"
    connection.execute(
        f"""{RETAINED.create} AS
        SELECT record_no, {rule} AS rule, {until} AS until
        FROM {parquet(orders)} SEMI JOIN matched_records USING (record_no)
        WHERE {until} > DATE '{today}'"""
        if orders.exists()
        else RETAINED.create_empty()
    )


def remove_unless_retained(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    redacted: Mapping[str, Edit] = NOTHING,
) -> int:
    """Remove the records in `matched_records`, and strip the person from those in `retained`;
    return the number of rows removed.

    `redacted` are the edits of the records that stay because they are about somebody else.
    """
    # Before anything goes: a retained record is not counted as suppressed, and not matched
    # again after a kill.
    entry = deliveries.with_keyed_hash(data_root, entry)
    if not connection.execute("SELECT 1 FROM retained LIMIT 1").fetchone():
        return lake_rewrite.remove_records(data_root, connection, entry, "suppressed", redacted)
    connection.execute(
        "DELETE FROM matched_records WHERE record_no IN (SELECT record_no FROM retained)"
    )
    edits = dict(redacted)
    for table in CANONICAL:
        edits[table] = replace(redacted.get(table, Edit()), keep=f"NOT {_IS_RETAINED}")
    bare = ", ".join(
        f"CASE WHEN NOT {_IS_RETAINED} THEN {name} END AS {name}"
        for name in ("customer_number", "person_key")
    )
    edits["orders"] = replace(redacted.get("orders", Edit()), columns=f"* REPLACE ({bare})")
    removed = lake_rewrite.remove_records(
        data_root, connection, entry, "suppressed", edits, "SELECT record_no FROM retained"
    )
    quarantine = quarantine_path(data_root, entry)
    if quarantine.exists():
        lake_rewrite.rewrite(
            connection,
            quarantine,
            "true",
            f"* REPLACE (CASE WHEN NOT {_IS_RETAINED} THEN person_key END AS person_key)",
        )
    return removed


def key_contents(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Replace the hash of the text of every order that has lost its person, and is not in raw, by a
    keyed one.

    The text names the customer, and a plain hash of it would confirm them in some million tries.
    Repeatable, so that what a killed run has left is done by the next.
    """
    create_keyed_hash(data_root, connection)
    create_view(data_root, connection, "raw", Raw, data_root.files("raw"))
    for model in (Orders, Outcome):
        create_staged_view(data_root, connection, model)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE named_by_content AS
        SELECT delivery_id, record_no FROM staged_records
        SEMI JOIN (FROM staged_orders WHERE person_key IS NULL AND customer_number IS NULL)
            AS stripped USING (delivery_id, record_no)
        ANTI JOIN raw USING (delivery_id, record_no)
        WHERE strlen(content) < {KEYED}"""
    )
    rows = connection.execute("SELECT DISTINCT delivery_id FROM named_by_content").fetchall()
    concerned = {delivery_id for (delivery_id,) in rows}
    for entry in deliveries.ledger(data_root) if concerned else ():
        if entry.delivery_id in concerned:
            named = f"""record_no IN (
                SELECT record_no FROM named_by_content WHERE delivery_id = '{entry.delivery_id}')"""
            lake_rewrite.rewrite(
                connection,
                staged_folder(data_root, entry) / "records.parquet",
                "true",
                f"""* REPLACE (CASE WHEN {named} THEN keyed_hash('content|' || content)
                    ELSE content END AS content)""",
            )
            deliveries.enter(data_root, deliveries.with_keyed_hash(data_root, entry))


def by_category(policy: Policy, noted: Mapping[str, Mapping[str, object]]) -> dict[str, Retained]:
    """Return for the certificate the rows noted as retained, by rule, as the category's hold with
    its statute.
    """
    if not noted:
        return {}
    grounds = "; ".join(
        f"{rule} ({policy.retention[rule].source or policy.retention[rule].basis}), {LAW}"
        for rule in sorted(noted)
    )
    return {
        CATEGORY: Retained(
            sum(int(str(entry["rows"])) for entry in noted.values()),
            grounds,
            max(str(entry["until"]) for entry in noted.values()),
        )
    }
