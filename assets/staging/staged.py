"""Raw -> staged or quarantined: each delivery's records as canonical frames, validated by Pandera.

A pure function of raw: staging a day again gives the same files, so a day can be staged again after
a rule has changed, and a late delivery only requires later deliveries of the same records to be
staged again.

Every record has one outcome: a *duplicate* has the same content as the previous record of its key;
a *quarantined* one failed a rule; all others are *staged*. Cost grows with the records of the
delivery; finding the previous records takes one scan of the keys of earlier deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.fault_isolation import UNEXPECTED, isolate
from assets.ingest.raw_files import raw_path
from assets.sources import statement_macros
from assets.sources.source import Dataset, Source
from assets.staging.batches import PIECE_ROWS, bounded
from assets.staging.frame_files import FrameWriters, replacing
from assets.staging.rules_fingerprint import rules_fingerprint
from assets.staging.shared_keys import find_shared
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import write_parquet
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect, in_turn
from schemas.columns import TableModel, arrow_schema, table_name
from schemas.quarantine import Outcome, Quarantine
from schemas.raw import UNREADABLE
from schemas.staged import CANONICAL, REFUSALS, MarketingChoices
from schemas.validation import failures
from schemas.values import FIRST_YEAR, LAST_YEAR

# Types of identifiers of things, not of people.
THINGS = ("contract_number", "order_number", "visit")
Frames = list[tuple[type[TableModel], pa.Table]]

DUPLICATES = Relation(
    name="duplicates",
    summary="Records of a delivery that repeat what is staged word for word.",
    columns={"record_no": "BIGINT"},
    scope=Scope.RECORD,
    temporary=False,
)
RECORDS = Relation(
    name="records",
    summary="Readable records of a batch that are to be staged.",
    columns={
        "record_no": "BIGINT",
        "record_key": "VARCHAR",
        "payload": "VARCHAR",
        "delivered_at": "TIMESTAMP WITH TIME ZONE",
        "sequence": "BIGINT",
    },
    reads=("duplicates",),
    scope=Scope.RECORD,
)


def stage(
    data_root: DataRoot, source: Source, days: set[str], *, again: bool = False
) -> list[Entry]:
    """Stage the source's deliveries of `days`, in the order in which their statements count.

    Each record is compared with the previous one of its key.

    Args:
        data_root: The data root.
        source: The source.
        days: Delivery days.
        again: Also stage deliveries that were staged by the current rules.

    Returns:
        The entries staged.
    """
    done = []
    ledger = deliveries.ledger(data_root, source.name)
    for number, entry in enumerate(ledger):
        dataset = source.dataset(entry.dataset)
        raw = raw_path(data_root, source.name, entry.day, entry.delivery_id)
        if (
            entry.day not in days
            or dataset is None
            or not raw.exists()
            or (entry.staged_with == rules_fingerprint() and not again)
        ):
            continue
        earlier = [before for before in ledger[:number] if before.dataset == entry.dataset]
        done.append(_stage_delivery(data_root, dataset, entry, raw, earlier))
    return done


def staged_folder(data_root: DataRoot, entry: Entry) -> Path:
    """Return the folder of a delivery's canonical frames."""
    return data_root.lake / "staged" / entry.source / entry.day / entry.delivery_id


def quarantine_path(data_root: DataRoot, entry: Entry) -> Path:
    """Return the path of a delivery's quarantine: which records failed which rules."""
    return data_root.lake / "quarantine" / entry.source / entry.day / f"{entry.delivery_id}.parquet"


def _stage_delivery(
    data_root: DataRoot, dataset: Dataset, entry: Entry, raw: Path, earlier: list[Entry]
) -> Entry:
    recorded_files.check(raw)
    deliveries.enter(data_root, replace(entry, staged_with=""))
    outcomes: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    quarantined: list[pa.Table] = []
    with (
        connect(data_root, side_by_side=True) as connection,
        replacing(staged_folder(data_root, entry)) as folder,
    ):
        statement_macros.create(connection)
        find_duplicates(data_root, connection, parquet(raw), earlier)
        find_shared(connection, dataset, parquet(raw))
        writers = FrameWriters(folder)
        batches = bounded(pq.ParquetFile(raw).iter_batches(PIECE_ROWS))
        for frames, failed in in_turn(
            connection, batches, partial(canonical_frames, data_root, dataset, entry)
        ):
            quarantined.append(failed)
            for model, rows in frames:
                writers.write(model, rows)
                if model is Outcome:
                    outcomes.update(rows["outcome"].to_pylist())
        outcomes.update(_carry_over(data_root, connection, raw, entry, writers))
        writers.close()
    for rows in quarantined:
        codes.update(rows["code"].to_pylist())
    write_parquet(quarantine_path(data_root, entry), Quarantine, quarantined)
    staged = replace(
        entry,
        staged=outcomes["staged"],
        quarantined=outcomes["quarantined"],
        flagged=_flagged(data_root, dataset, entry) or None,
        duplicates=outcomes["duplicate"],
        codes=dict(sorted(codes.items())),
        staged_with=rules_fingerprint(),
    )
    deliveries.enter(data_root, staged)
    return staged


def _flagged(data_root: DataRoot, dataset: Dataset, entry: Entry) -> dict[str, int]:
    """Count the staged rows with a flag, by code."""
    counts: Counter[str] = Counter()
    flagging = [frame for frame in dataset.frames if frame.flags]
    if not flagging:
        return {}
    with connect(data_root) as connection:
        for frame in flagging:
            path = staged_folder(data_root, entry) / f"{table_name(frame.model)}.parquet"
            for code, condition in frame.flags.items() if path.exists() else ():
                counts[code] += count(
                    connection, f"SELECT count(*) FROM {parquet(path)} WHERE {condition}"
                )
    return {code: rows for code, rows in sorted(counts.items()) if rows}


def find_duplicates(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, rows: str, earlier: list[Entry]
) -> None:
    """Create `duplicates(record_no)`, for every cursor: same content as the key's previous record.

    `rows` is the SQL of a delivery's rows of raw, `earlier` the dataset's deliveries before it.

    A record that was quarantined for a shared key does not count as previous: it may be the only
    one of its key now.
    """
    before = [
        (number, entry, path)
        for number, entry in enumerate(earlier)
        if (path := staged_folder(data_root, entry) / "records.parquet").exists()
    ]
    history = ["SELECT '' AS record_key, '' AS content, 0 AS delivery, 0 AS record_no WHERE false"]
    for number, entry, path in before:
        reasons = quarantine_path(data_root, entry)
        alone = (
            f"""record_no NOT IN (
                SELECT record_no FROM {parquet(reasons)} WHERE code = 'REC-SHARED-ID')"""
            if "REC-SHARED-ID" in (entry.codes or {}) and reasons.exists()
            else "true"
        )
        history.append(
            f"""SELECT record_key, CASE WHEN {alone} THEN content END, {number}, record_no
            FROM {parquet(path)} WHERE outcome <> 'duplicate'"""
        )
    connection.execute(
        f"""{DUPLICATES.create} AS
        WITH mine AS (SELECT record_no, record_key, content FROM {rows}),
        latest AS (
            SELECT record_key, arg_max_null(content, (delivery, record_no)) AS content
            FROM ({" UNION ALL ".join(history)})
                SEMI JOIN mine USING (record_key) GROUP BY record_key)
        SELECT record_no FROM (
            SELECT record_no, mine.content,
                coalesce(lag(mine.content) OVER (PARTITION BY record_key ORDER BY record_no),
                    latest.content) AS previous
            FROM mine LEFT JOIN latest USING (record_key))
        WHERE content = previous"""
    )


def _carry_over(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    raw: Path,
    entry: Entry,
    writers: FrameWriters,
) -> Counter[str]:
    """Keep the staged rows of records that raw, kept for less long, no longer has.

    Returns:
        Their outcomes.
    """
    outcomes: Counter[str] = Counter()
    models: list[type[TableModel]] = [*CANONICAL.values(), Outcome]
    for model in models:
        path = staged_folder(data_root, entry) / f"{table_name(model)}.parquet"
        if path.exists():
            rows = connection.execute(
                f"SELECT staged.* FROM {parquet(path)} AS staged ANTI JOIN {parquet(raw)} AS raw "
                f"USING (record_no)"
            ).to_arrow_table()
            writers.write(model, rows)
            if model is Outcome:
                outcomes.update(rows["outcome"].to_pylist())
    return outcomes


def canonical_frames(
    data_root: DataRoot,
    dataset: Dataset,
    entry: Entry,
    connection: duckdb.DuckDBPyConnection,
    rows: pa.Table,
) -> tuple[Frames, pa.Table]:
    """Return a batch's valid canonical rows, the records' outcomes last; and its failures.

    Records on which our code raises are quarantined. `find_duplicates` and `find_shared` come
    first.
    """
    if "place" not in rows.column_names:
        rows = rows.append_column("place", pa.nulls(rows.num_rows, pa.string()))
    pieces = isolate(
        partial(_canonical, data_root, dataset, entry, connection),
        partial(_unexpected, data_root, entry, connection),
        rows,
    )
    frames = [frame for passed, _ in pieces for frame in passed]
    return frames, pa.concat_tables([failed for _, failed in pieces])


def _unexpected(
    data_root: DataRoot,
    entry: Entry,
    connection: duckdb.DuckDBPyConnection,
    rows: pa.Table,
    place: str,
) -> tuple[Frames, pa.Table]:
    """Return the outcomes of records on which our code raises, and their rows in quarantine.

    Their person is the first identifier in raw that is not a thing's.
    """
    connection.register("raw_batch", rows)
    known = (
        f"list_filter(identifiers, lambda identifier: split_part(identifier, ':', 1) NOT IN "
        f"{THINGS})[1]"
    )
    outcomes = connection.execute(
        """SELECT record_no, record_key, content,
            CASE WHEN record_no IN (SELECT record_no FROM duplicates) THEN 'duplicate'
                ELSE 'quarantined' END AS outcome
        FROM raw_batch ORDER BY record_no"""
    ).to_arrow_table()
    quarantined = connection.execute(
        f"""SELECT record_no, record_key, '{UNEXPECTED}' AS code, 'record' AS scope,
            NULL::VARCHAR AS in_table, md5({known}) AS person_key,
            {_midnight(data_root, entry)} AS stated_at, $1 AS place
        FROM raw_batch ANTI JOIN duplicates USING (record_no) ORDER BY record_no""",
        [place],
    ).to_arrow_table()
    return [(Outcome, outcomes)], quarantined.cast(arrow_schema(Quarantine))


def _midnight(data_root: DataRoot, entry: Entry) -> str:
    """Return the moment, as SQL, at which the delivery's day begins."""
    return f"TIMESTAMP '{entry.day}' AT TIME ZONE '{data_root.policy.time_zone}'"


def _canonical(
    data_root: DataRoot,
    dataset: Dataset,
    entry: Entry,
    connection: duckdb.DuckDBPyConnection,
    batch: pa.Table,
) -> tuple[Frames, pa.Table]:
    """Return a batch's valid canonical rows, the records' outcomes last; and the failures."""
    connection.register("raw_batch", batch)
    connection.execute(
        f"""{RECORDS.create} AS
        SELECT record_no, record_key, payload, {_midnight(data_root, entry)} AS delivered_at,
            {entry.sequence or 0}::BIGINT AS sequence
        FROM raw_batch ANTI JOIN duplicates USING (record_no)
        WHERE NOT list_has_any(faults, {list(UNREADABLE)!r})"""
    )
    for statement in dataset.prepare:
        connection.execute(statement)
    failed = [
        connection.execute(
            """SELECT record_no, unnest(faults) AS code, 'record' AS scope,
                NULL::VARCHAR AS in_table
        FROM raw_batch ANTI JOIN duplicates USING (record_no)
        UNION ALL SELECT record_no, 'REC-SHARED-ID', 'record', NULL
        FROM raw_batch ANTI JOIN duplicates USING (record_no)
            SEMI JOIN records_of_shared_keys USING (record_no)"""
        ).to_arrow_table()
    ]
    vendor = connection.execute(dataset.vendor_query).to_arrow_table()
    failed.append(_failed(dataset.vendor, vendor, "record", None))
    frames = []
    for frame in dataset.frames:
        rows = connection.execute(frame.query).to_arrow_table()
        wrong = _failed(
            frame.model, rows, "record" if frame.essential else "row", table_name(frame.model)
        )
        frames.append((frame.model, rows, wrong))
        failed.append(wrong.drop_columns("row"))
    connection.register(
        "failed_in_vendor", pa.concat_tables([rows.select(["record_no"]) for rows in failed[:2]])
    )
    connection.register(
        "failed",
        pa.concat_tables(
            [rows.select(["record_no", "code", "scope", "in_table"]) for rows in failed]
        ),
    )
    whole = connection.execute(
        "SELECT DISTINCT record_no FROM failed WHERE scope = 'record'"
    ).to_arrow_table()["record_no"]
    about = pa.concat_tables(
        [rows.select(["record_no", "person_key", "stated_at"]) for _, rows, _ in frames]
    )
    connection.register("row_persons", about)
    quarantined = (
        connection.execute(
            f"""SELECT DISTINCT failed.record_no, record_key, code, scope, in_table,
            persons.person_key, persons.stated_at, CASE
                WHEN code = '{UNEXPECTED}' THEN place END AS place
        FROM (SELECT * FROM failed WHERE in_table IS NULL
            OR record_no NOT IN (SELECT record_no FROM failed_in_vendor)) AS failed
        JOIN (SELECT record_no, record_key, place FROM raw_batch) USING (record_no)
        LEFT JOIN (SELECT record_no, min(person_key) AS person_key,
                min(stated_at) FILTER (year(stated_at) BETWEEN {FIRST_YEAR} AND {LAST_YEAR})
                    AS stated_at
            FROM row_persons GROUP BY record_no) AS persons USING (record_no)
        ORDER BY failed.record_no, code, in_table"""
        )
        .to_arrow_table()
        .cast(arrow_schema(Quarantine))
    )
    passed: Frames = []
    for model, rows, wrong in frames:
        bad = pc.is_in(pa.array(np.arange(rows.num_rows)), wrong["row"].combine_chunks())
        good = rows.filter(pc.invert(bad)) if wrong.num_rows else rows
        of_whole = pc.is_in(good["record_no"], value_set=whole.combine_chunks())
        kept = [good.filter(pc.invert(of_whole))]
        if model is MarketingChoices:
            kept.append(_refusals(connection, good.filter(of_whole)))
        passed.append((model, pa.concat_tables(kept)))
    connection.register("whole", pa.table({"record_no": whole}))
    outcomes = connection.execute(
        """SELECT record_no, record_key, content,
            CASE WHEN record_no IN (SELECT record_no FROM duplicates) THEN 'duplicate'
                WHEN record_no IN (SELECT record_no FROM whole) THEN 'quarantined'
                    ELSE 'staged' END AS outcome
        FROM raw_batch ORDER BY record_no"""
    ).to_arrow_table()
    return [*passed, (Outcome, outcomes)], quarantined


def _refusals(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return the refusals of quarantined records for an e-mail address or phone, without a person.

    They apply to everybody reached by it, though nothing else of the record is used.
    """
    connection.register("refused", rows)
    refused = connection.execute(
        f"""SELECT * REPLACE (NULL::VARCHAR AS person_key) FROM refused
        WHERE choice IN {REFUSALS} AND split_part(subject, ':', 1) IN ('email', 'phone', 'postal')
        ORDER BY record_no, position"""
    )
    return refused.to_arrow_table().cast(rows.schema)


def _failed(model: type[TableModel], rows: pa.Table, scope: str, table: str | None) -> pa.Table:
    """Return which rows failed which rules: row, record_no, code, scope, in_table."""
    failed = failures(model, rows)
    return pa.table(
        {
            "row": failed["row"],
            "record_no": rows["record_no"].take(failed["row"])
            if failed.num_rows
            else pa.array([], pa.int64()),
            "code": failed["code"],
            "scope": pa.array([scope] * failed.num_rows, pa.string()),
            "in_table": pa.array([table] * failed.num_rows, pa.string()),
        }
    )


def totals(entries: Iterable[Entry]) -> dict[str, int]:
    """Count the records of several deliveries by outcome."""
    total: Counter[str] = Counter(delivered=0)
    for entry in entries:
        total.update(
            delivered=entry.delivered,
            staged=entry.staged,
            quarantined=entry.quarantined,
            duplicates=entry.duplicates,
            suppressed=entry.suppressed,
            expired=entry.expired,
            unsubscribed=entry.unsubscribed,
        )
    return dict(total)


def unexpected(data_root: DataRoot, entries: Iterable[Entry]) -> Counter[str]:
    """Count the records on which our own code raised, by the place where it did."""
    counts: Counter[str] = Counter()
    for entry in entries:
        if UNEXPECTED in (entry.codes or {}) and quarantine_path(data_root, entry).exists():
            rows = pq.read_table(quarantine_path(data_root, entry), columns=["code", "place"])
            places = rows.filter(pc.equal(rows["code"], UNEXPECTED))["place"]
            counts.update(place or "an unknown place" for place in places.to_pylist())
    return counts


def lost_by_key(data_root: DataRoot, entries: Iterable[Entry]) -> int:
    """Count records of raw without an outcome, outcomes without rows and rows of unstaged records.

    0 is right.
    """
    lost = 0
    with connect(data_root) as connection:
        for entry in entries:
            folder = staged_folder(data_root, entry)
            raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
            index = folder / "records.parquet"
            if not index.exists():
                lost += entry.delivered - entry.suppressed - entry.expired - entry.unsubscribed
                continue
            outcomes = parquet(index)
            checks = [f"SELECT count(*) - count(DISTINCT record_no) FROM {outcomes}"]
            if raw.exists():
                checks.append(
                    f"SELECT count(*) FROM {parquet(raw)} AS raw ANTI JOIN {outcomes} AS outcomes "
                    f"USING (record_no, record_key)"
                )
            if (quarantine := quarantine_path(data_root, entry)).exists():
                checks.append(f"""SELECT count(*) FROM {outcomes} AS outcomes
                    ANTI JOIN {parquet(quarantine)} AS reasons USING (record_no, record_key)
                    WHERE outcome = 'quarantined'""")
            for table in sorted(folder.glob("*.parquet")):
                if table.stem != "records":
                    # A quarantined record's refusals are used, without a person.
                    refusals = table.stem == table_name(MarketingChoices)
                    used = "person_key IS NULL AND outcome = 'quarantined'" if refusals else "false"
                    checks.append(f"""SELECT count(*) FROM {parquet(table)} AS rows
                        LEFT JOIN {outcomes} AS outcomes USING (record_no, record_key)
                        WHERE NOT coalesce(outcome = 'staged' OR ({used}), false)""")
            for query in checks:
                lost += count(connection, query)
    return lost
