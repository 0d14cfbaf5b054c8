"""The sweep: applying retention to raw, staged and quarantine.

The register decides what has expired (`register.expired_registrants`), and the sweep removes only
what the register already left out, so the register built after it is the same as the one before.
Finding and removing are apart: a simulation finds, and removes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime

import duckdb

from assets.ingest import deliveries, refusals, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register import building, clocks, disclosures, holds
from assets.register.clocks import code
from assets.register.expired_registrants import WHOLE
from assets.register.forecast_counts import OF_THE_REGISTER
from assets.requests import holds as hold_ledger
from assets.requests import ledger, notice_ledger
from assets.retention import corrected_values, protected_identity, stripping
from assets.sources import statement_macros
from assets.staging import lake_rewrite
from assets.staging.lake_rewrite import MATCHED_RECORDS
from assets.staging.staged import quarantine_path
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import create_staged_view, create_view, write_parquet
from assets.storage.quoting import parquet
from assets.storage.recorded_files import forget_replaced, remove, writing
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect, in_turn
from schemas.activities import ACTIVITIES
from schemas.columns import TableModel, duckdb_columns, main_category
from schemas.quarantine import Outcome, Quarantine
from schemas.raw import Raw
from schemas.retention import Expired, ExpiredRegistrants
from schemas.staged import CANONICAL

EXPIRED_PERSON_KEYS = Relation(
    name="expired_person_keys",
    summary="Source persons of expired registrants, and by which rule they expired.",
    columns={"rule": "VARCHAR", "person_key": "VARCHAR"},
    reads=("departed",),
    scope=Scope.COMPONENT,
    temporary=False,
)
EXPIRED_RECORDS = Relation(
    name="expired_records",
    summary="Records that are removed whole, and by which rule.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT", "rule": "VARCHAR"},
    reads=(
        *("expired", "expired_person_keys", "persons_on_hold", "swept", "staged_records"),
        *(f"staged_{table}" for table in CANONICAL),
    ),
    amended_from=("staged_records",),
    scope=Scope.COMPONENT,
    temporary=False,
)
STRIPPED_RECORDS = Relation(
    name="stripped_records",
    summary="Records that stay without some rows or values, and by which rule.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT", "rule": "VARCHAR"},
    reads=(
        *("expired", "expired_person_keys", "persons_on_hold", "swept", "expired_records"),
        *("staged_orders", "staged_visits", "staged_credit_marks", "staged_credit_reports"),
        *("staged_contracts", "staged_identifiers"),
        *(f"staged_{activity.table}" for activity in ACTIVITIES if not activity.whole),
    ),
    amended_from=("staged_records",),
    scope=Scope.COMPONENT,
    temporary=False,
)
STRIPPED = Relation(
    name="stripped",
    summary="Records of one delivery that stay without some rows or values.",
    columns={"record_no": "BIGINT"},
    reads=("stripped_records",),
    scope=Scope.COMPONENT,
)
SWEPT_DELIVERIES = Relation(
    name="swept",
    summary="Staged deliveries, and which of their layers have expired.",
    columns={"delivery_id": "VARCHAR", "raw_over": "BOOLEAN", "quarantine_over": "BOOLEAN"},
    scope=Scope.BROADCAST,
)


@dataclass(frozen=True, order=True)
class Removal:
    """How many rows are removed, or lose some values, by rule, category of the policy and layer.

    `register` counts things (a visit, an order, a registrant), the other layers rows. Marts follow
    the register.
    """

    rule: str
    category: str
    layer: str
    effect: str
    rows: int


SWEPT = KeptFile(
    "lake/register/swept.json",
    "what the last sweep removed, by rule",
    "it is not reported; the next sweep counts its own",
)
_STAGED: dict[str, type[TableModel]] = {**CANONICAL, "records": Outcome}


def simulate(data_root: DataRoot, today: date) -> list[Removal]:
    """Return what a run on `today` would remove. Removes and writes nothing."""
    with connect(data_root) as connection:
        building.resolve(data_root, connection, today)
        _find(data_root, connection, today)
        return _removals(data_root, connection, today)


def sweep(data_root: DataRoot, today: date) -> list[Removal]:
    """Remove from the lake what has expired on `today`, and return it. The decisions go last.

    Cost: reading the keys of every delivery, and rewriting those with something to remove.
    """
    lake_rewrite.finish_removals(data_root)
    protected_identity.redact_locations(data_root)
    corrected_values.purge(data_root)
    with connect(data_root) as connection:
        _read(data_root, connection)
        holds.load(data_root, connection, today)
        _find(data_root, connection, today)
        removals = _removals(data_root, connection, today)
        _remove(data_root, connection, today)
    for closed in ledger.closed_before(
        data_root, data_root.policy.rule("requests")[1].period.before(today)
    ):
        remove(data_root.requests / f"{closed}.json")
    hold_ledger.end_by_date(data_root, today, datetime.now(data_root.policy.zone))
    hold_ledger.forget(data_root, data_root.policy.rule("requests")[1].period.before(today))
    notice_ledger.forget(data_root, data_root.policy.rule("requests")[1].period.before(today))
    disclosures.forget(data_root, data_root.policy.rule("requests")[1].period.before(today))
    for table, model in (("departed", ExpiredRegistrants), ("expired", Expired)):
        write_parquet(data_root.register(table), model, [])
    with writing(SWEPT.place(data_root)) as unfinished:
        unfinished.write_text(
            json.dumps({"as_of": str(today), "gone": [asdict(removal) for removal in removals]})
        )
    building.still_up_to_date(data_root, today)
    forget_replaced(data_root.lake)
    return removals


def last_sweep(data_root: DataRoot) -> list[Removal]:
    """Return what the last sweep removed; nothing if there was none."""
    if not SWEPT.exists(data_root):
        return []
    return [Removal(**entry) for entry in json.loads(SWEPT.place(data_root).read_text())["gone"]]


def per_rule(removals: Iterable[Removal], layer: str = "") -> dict[str, int]:
    """Count rows per rule, over all layers or in one."""
    counts: Counter[str] = Counter()
    for removal in sorted(removals):
        if layer in ("", removal.layer):
            counts[removal.rule] += removal.rows
    return dict(counts)


def _read(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Read the decisions that the register was built with, and everything staged."""
    statement_macros.create(connection)
    for table, model in (("departed", ExpiredRegistrants), ("expired", Expired)):
        path = data_root.register(table)
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {parquet(path)}"
            if path.exists()
            else f"CREATE OR REPLACE TABLE {table} ({duckdb_columns(model)})"
        )
    for staged in _STAGED.values():
        create_staged_view(data_root, connection, staged)
    create_view(data_root, connection, "quarantine", Quarantine, data_root.files("quarantine"))


def _find(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Create `expired_records` and `stripped_records`, both (delivery_id, record_no, rule).

    Expired records are removed whole. Stripped ones stay without some rows or values; they leave
    raw, because their payload has what was removed. Also creates `swept(delivery_id, …)`.
    """
    connection.execute(
        f"{EXPIRED_PERSON_KEYS.create} AS SELECT min(rule) AS rule, "
        "person_key(type, value) AS person_key FROM departed GROUP BY person_key"
    )
    _find_deliveries(data_root, connection, today)
    policy = data_root.policy
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE segregated_records AS
        SELECT delivery_id, record_no, rule FROM staged_orders
            JOIN expired_person_keys USING (person_key)
            WHERE NOT ({clocks.orders_are_over(policy, today)})"""
    )
    # Of a contract or an order that names somebody who stays, only the account goes.
    connection.execute(
        """CREATE OR REPLACE TEMP VIEW kept_agreements AS
        SELECT delivery_id, record_no
        FROM (SELECT delivery_id, record_no, person_key FROM staged_contracts
            UNION ALL SELECT delivery_id, record_no, person_key FROM staged_orders)
        WHERE person_key NOT IN (SELECT person_key FROM expired_person_keys)"""
    )
    kinds = {kind.what: kind for kind in clocks.clocked(policy, today)}
    expired = {
        what for (what,) in connection.execute("SELECT DISTINCT what FROM expired").fetchall()
    }
    whole = [
        f"SELECT delivery_id, record_no, '{code(policy, 'quarantine')}' AS rule FROM "
        f"staged_records JOIN swept USING (delivery_id) "
        "WHERE quarantine_over AND outcome = 'quarantined'"
    ]
    stripped = ["SELECT delivery_id, record_no, rule FROM segregated_records"]
    if connection.execute("SELECT 1 FROM expired_person_keys LIMIT 1").fetchone():
        stripped.append(
            """SELECT delivery_id, record_no, rule FROM staged_identifiers
            JOIN expired_person_keys USING (person_key)
            SEMI JOIN kept_agreements USING (delivery_id, record_no)"""
        )
        whole += [
            f"SELECT delivery_id, record_no, rule FROM staged_{table} JOIN expired_person_keys "
            f"USING (person_key) "
            "ANTI JOIN segregated_records USING (delivery_id, record_no) "
            "ANTI JOIN kept_agreements USING (delivery_id, record_no)"
            for table in CANONICAL
        ]
    whole += [
        f"SELECT delivery_id, record_no, {kinds[what].rule} AS rule FROM {kinds[what].rows} "
        f"WHERE {kinds[what].over}"
        for what in WHOLE
        if what in expired
    ]
    if "cookie" in expired:
        whole.append(
            f"""SELECT delivery_id, record_no, {kinds["cookie"].rule} AS rule
                FROM staged_marketing_choices
            WHERE person_key IN (SELECT person_key('visitor_id', key) FROM expired
                WHERE what = 'cookie')"""
        )
    for what, table, condition in (
        ("credit_mark", "credit_marks", stripping.marks_over(policy, today)),
        ("credit_report", "credit_reports", stripping.reports_over(policy, today)),
        ("cookie", "visits", stripping.EXPIRED_COOKIE),
        *(
            (activity.what, activity.table, condition)
            for activity, condition in stripping.activities_over(policy, today)
        ),
    ):
        if what in expired:
            stripped.append(
                f"SELECT delivery_id, record_no, {kinds[what].rule} AS rule FROM staged_{table} "
                f"WHERE {condition}"
            )
    for relation, queries, others in (
        (EXPIRED_RECORDS, whole, ""),
        (
            STRIPPED_RECORDS,
            stripped,
            "ANTI JOIN expired_records AS whole USING (delivery_id, record_no)",
        ),
    ):
        connection.execute(
            f"""{relation.create} AS
            WITH listed AS (
                SELECT delivery_id, record_no, min(rule) AS rule
                FROM ({" UNION ALL ".join(queries)})
                GROUP BY ALL
            )
            SELECT listed.* FROM listed JOIN swept USING (delivery_id) {others}"""
        )
        _add_repetitions(connection, relation.name)


def _add_repetitions(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Add the duplicates of the table's records: nothing of them is staged, but raw has them."""
    if not connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
        return
    connection.execute(
        f"""INSERT INTO {table}
        WITH repeated AS (
            SELECT record_key, content, min(rule) AS rule
            FROM staged_records
            JOIN {table} USING (delivery_id, record_no)
            GROUP BY ALL
        )
        SELECT delivery_id, record_no, rule
        FROM staged_records
        JOIN repeated USING (record_key, content)
        ANTI JOIN {table} USING (delivery_id, record_no)
        WHERE outcome = 'duplicate'"""
    )


def _find_deliveries(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date
) -> None:
    """Create `swept(delivery_id, raw_over, quarantine_over)`: which layers have expired."""
    raw_over, quarantine_over = (
        str(data_root.policy.rule(layer)[1].period.before(today)) for layer in ("raw", "quarantine")
    )
    connection.execute(SWEPT_DELIVERIES.create_empty())
    swept = [
        (entry.delivery_id, entry.day <= raw_over, entry.day <= quarantine_over)
        for entry in deliveries.ledger(data_root)
        if entry.staged_with
    ]
    if swept:
        connection.executemany("INSERT INTO swept VALUES (?, ?, ?)", swept)


def _removals(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date
) -> list[Removal]:
    """Count what is removed, by rule, category and layer."""
    removals: list[Removal] = []
    policy = data_root.policy

    def add(query: str, category: str, layer: str, effect: str) -> None:
        removals.extend(
            Removal(rule, category, layer, effect, rows)
            for rule, rows in connection.execute(query).fetchall()
            if rows
        )

    for what, category in OF_THE_REGISTER.items():
        add(
            f"SELECT rule, count(*) FROM expired WHERE what = '{what}' GROUP BY rule",
            category,
            "register",
            "delete",
        )
    for table, model in _STAGED.items():
        query = (
            f"SELECT rule, count(*) FROM staged_{table} JOIN expired_records USING (delivery_id, "
            f"record_no) GROUP BY rule"
        )
        add(query, main_category(model), "staged", "delete")
    for table, condition, effect in (
        ("credit_marks", stripping.marks_over(policy, today), "delete"),
        ("credit_reports", stripping.reports_over(policy, today), "delete"),
        ("identifiers", f"({stripping.OLD_VISITOR}) OR {stripping.EXPIRED_PERSON}", "delete"),
        ("visits", stripping.EXPIRED_COOKIE, "strip"),
        ("orders", stripping.EXPIRED_PERSON, "segregate"),
        *(
            (activity.table, condition, policy.rule(activity.applies_to)[1].effect)
            for activity, condition in stripping.activities_over(policy, today)
        ),
    ):
        category = "website_identifier" if table == "visits" else main_category(CANONICAL[table])
        query = (
            f"SELECT rule, count(*) FROM staged_{table} JOIN stripped_records USING (delivery_id, "
            f"record_no) WHERE {condition} GROUP BY rule"
        )
        add(query, category, "staged", effect)
    removed = "SELECT * FROM expired_records UNION ALL SELECT * FROM stripped_records"
    if raws := [
        raw
        for entry in deliveries.ledger(data_root)
        if (raw := raw_path(data_root, entry.source, entry.day, entry.delivery_id)).exists()
    ]:
        create_view(data_root, connection, "raw", Raw, raws)
        add(
            f"SELECT '{code(policy, 'raw')}', count(*) FROM raw JOIN swept USING (delivery_id) "
            f"WHERE raw_over",
            "technical",
            "raw",
            "delete",
        )
        add(
            f"SELECT rule, count(*) FROM raw JOIN ({removed}) USING (delivery_id, record_no) JOIN "
            f"swept USING (delivery_id) WHERE NOT raw_over GROUP BY rule",
            "technical", "raw", "delete",
        )  # fmt: skip
    add(
        f"SELECT '{code(policy, 'quarantine')}', count(*) FROM quarantine JOIN swept USING "
        f"(delivery_id) WHERE quarantine_over",
        "technical",
        "quarantine",
        "delete",
    )
    add(
        """SELECT rule, count(*) FROM quarantine JOIN expired_records USING (delivery_id, record_no)
            JOIN swept USING (delivery_id)
        WHERE NOT quarantine_over GROUP BY rule""",
        "technical", "quarantine", "delete",
    )  # fmt: skip
    over = len(ledger.closed_before(data_root, policy.rule("requests")[1].period.before(today)))
    review = suppression.due_for_review(data_root, connection, today)
    review += refusals.due_for_review(data_root, connection, today)
    removals += (
        [Removal(code(policy, "requests"), "technical", "requests", "delete", over)] if over else []
    )
    removals += (
        [Removal(code(policy, "suppressions"), "technical", "requests", "review", review)]
        if review
        else []
    )
    return _summed(removals)


def _summed(removals: Iterable[Removal]) -> list[Removal]:
    total: Counter[Removal] = Counter()
    for removal in removals:
        total[replace(removal, rows=0)] += removal.rows
    return sorted(replace(removal, rows=rows) for removal, rows in total.items())


def _remove(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Rewrite the files with expired records; expired layers of a delivery are removed whole."""
    over = {
        delivery_id: (raw, quarantine)
        for delivery_id, raw, quarantine in connection.execute(
            "SELECT * FROM swept WHERE raw_over OR quarantine_over"
        ).fetchall()
    }
    touched = {
        delivery_id
        for (delivery_id,) in connection.execute(
            "SELECT delivery_id FROM expired_records UNION SELECT delivery_id FROM stripped_records"
        ).fetchall()
    }
    edits = stripping.edits(data_root, today)

    def rewrite(cursor: duckdb.DuckDBPyConnection, entry: Entry) -> None:
        raw_over, quarantine_over = over.get(entry.delivery_id, (False, False))
        raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
        quarantine = quarantine_path(data_root, entry)
        if raw_over and raw.exists():
            remove(raw)
        if entry.delivery_id in touched:
            for relation, records in (
                (MATCHED_RECORDS, "expired_records"),
                (STRIPPED, "stripped_records"),
            ):
                cursor.execute(
                    f"{relation.create} AS SELECT DISTINCT record_no FROM "
                    f"{records} WHERE delivery_id = '{entry.delivery_id}'"
                )
            edited = cursor.execute("SELECT 1 FROM stripped LIMIT 1").fetchone()
            lake_rewrite.remove_records(
                data_root,
                cursor,
                entry,
                "expired",
                edits if edited else lake_rewrite.NOTHING,
                "SELECT record_no FROM stripped",
            )
        if quarantine_over and quarantine.exists():
            lake_rewrite.rewrite(cursor, quarantine, "false")

    for _ in in_turn(connection, deliveries.ledger(data_root), rewrite):
        pass
