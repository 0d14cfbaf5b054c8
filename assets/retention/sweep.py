"""Applying retention to raw, staged and quarantine: what the register has left out as past its time goes for good.

The register decides (`register.expiry`); the sweep removes only what the register already left out, so the register
built after it is the same as the one before. Finding and removing are apart: a simulation finds, and removes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date

import duckdb

from assets.ingest import deliveries, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register import building, disclosures
from assets.register.clocks import clocked, code, marks_are_over, orders_are_over, reports_are_over
from assets.register.forecast_counts import OF_THE_REGISTER
from assets.requests import ledger
from assets.retention import protected_identity
from assets.rights import recipient_notices, rectification
from assets.sources.source import STATEMENT_MACROS
from assets.staging import lake_rewrite
from assets.staging.lake_rewrite import Edit
from assets.staging.staged import quarantine_path
from assets.storage.atomic_files import remove, writing
from assets.storage.data_root import Home, in_turn, write_parquet
from assets.storage.quoting import parquet
from schemas.columns import TableModel, categories, duckdb_columns
from schemas.quarantine import Outcome, Quarantine
from schemas.raw import Raw
from schemas.register import Departed, Expired
from schemas.staged import CANONICAL


@dataclass(frozen=True, order=True)
class Gone:
    """How many rows go, or go without some of their values, by which rule, of which category of the policy, in which layer.

    `register` counts things (a visit, an order, a registrant), the other layers rows. Marts follow the register.
    """

    rule: str
    category: str
    layer: str
    effect: str
    rows: int


SWEPT = "swept.json"
COOKIE = "visitor_id IN (SELECT key FROM expired WHERE what = 'cookie')"
DEPARTED = "person_key IN (SELECT person_key FROM departed_keys)"
_STAGED: dict[str, type[TableModel]] = {**CANONICAL, "records": Outcome}


def simulate(home: Home, today: date) -> list[Gone]:
    """What a run on `today` would remove, without removing or writing anything."""
    with home.connect() as connection:
        building.resolve(home, connection, today)
        _find(home, connection, today)
        return _count(home, connection, today)


def sweep(home: Home, today: date) -> list[Gone]:
    """Remove from the lake what is past its time on `today`; answers what went. The decisions go last.

    Cost: one look at the keys of every delivery, and the rewriting of those that hold something to remove.
    """
    lake_rewrite.mend(home)
    protected_identity.withhold(home)
    rectification.purge(home)
    with home.connect() as connection:
        _read(home, connection)
        _find(home, connection, today)
        gone = _count(home, connection, today)
        _remove(home, connection, today)
    for closed in ledger.closed_before(home, home.policy.rule("requests")[1].period.before(today)):
        remove(home.requests / f"{closed}.json")
    recipient_notices.forget(home, home.policy.rule("requests")[1].period.before(today))
    disclosures.forget(home, home.policy.rule("requests")[1].period.before(today))
    for table, model in (("departed", Departed), ("expired", Expired)):
        write_parquet(home.register(table), model, [])
    with writing(home.lake / "register" / SWEPT) as unfinished:
        unfinished.write_text(
            json.dumps({"as_of": str(today), "gone": [asdict(one) for one in gone]})
        )
    building.still_up_to_date(home, today)
    return gone


def last_sweep(home: Home) -> list[Gone]:
    """What the last sweep removed; nothing when there was none."""
    path = home.lake / "register" / SWEPT
    return [Gone(**one) for one in json.loads(path.read_text())["gone"]] if path.exists() else []


def per_rule(gone: Iterable[Gone], layer: str = "") -> dict[str, int]:
    """Rows per rule, over all layers or in one."""
    found: dict[str, int] = {}
    for one in sorted(gone):
        if layer in ("", one.layer):
            found[one.rule] = found.get(one.rule, 0) + one.rows
    return found


def _read(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """The decisions that the register was built by, and everything staged."""
    connection.execute(STATEMENT_MACROS)
    for table, model in (("departed", Departed), ("expired", Expired)):
        path = home.register(table)
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {parquet(path)}"
            if path.exists()
            else f"CREATE OR REPLACE TABLE {table} ({duckdb_columns(model)})"
        )
    for staged in _STAGED.values():
        home.staged(connection, staged)
    home.view(connection, "quarantine", Quarantine, home.files("quarantine"))


def _find(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `gone_records` (go whole), `stripped_records` (stay without some rows or values; raw lets go of them, because
    their payload would tell what was taken away), both (delivery_id, record_no, rule), and `swept(delivery_id, …)`."""
    connection.execute(
        "CREATE OR REPLACE TABLE departed_keys AS SELECT min(rule) AS rule, person_key(type, value) AS person_key FROM departed GROUP BY person_key"
    )
    _find_deliveries(home, connection, today)
    policy = home.policy
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE held_records AS
        SELECT delivery_id, record_no, rule FROM staged_orders JOIN departed_keys USING (person_key) WHERE NOT ({orders_are_over(policy, today)})"""
    )
    held = {one.what: one for one in clocked(policy, today)}
    whats = {what for (what,) in connection.execute("SELECT DISTINCT what FROM expired").fetchall()}
    gone = [
        f"SELECT delivery_id, record_no, '{code(policy, 'quarantine')}' AS rule FROM staged_records JOIN swept USING (delivery_id) "
        "WHERE quarantine_over AND outcome = 'quarantined'"
    ]
    if connection.execute("SELECT 1 FROM departed_keys LIMIT 1").fetchone():
        gone += [
            f"SELECT delivery_id, record_no, rule FROM staged_{table} AS one JOIN departed_keys USING (person_key) "
            "ANTI JOIN held_records AS held USING (delivery_id, record_no)"
            for table in CANONICAL
        ]
    gone += [
        f"SELECT delivery_id, record_no, {held[what].rule} AS rule FROM {held[what].rows} WHERE {held[what].over}"
        for what in ("visit", "order")
        if what in whats
    ]
    if "contract" in whats:
        gone.append(
            f"""SELECT delivery_id, record_no, {held["contract"].rule} AS rule FROM staged_contracts
            WHERE contract_number IN (SELECT key FROM expired WHERE what = 'contract')"""
        )
    if "cookie" in whats:
        gone.append(
            f"""SELECT delivery_id, record_no, {held["cookie"].rule} AS rule FROM staged_marketing_choices
            WHERE person_key IN (SELECT person_key('visitor_id', key) FROM expired WHERE what = 'cookie')"""
        )
    stripped = ["SELECT delivery_id, record_no, rule FROM held_records"]
    for what, table, condition in (
        ("credit_mark", "credit_marks", marks_are_over(policy, today)),
        ("credit_report", "credit_reports", reports_are_over(policy, today)),
        ("cookie", "visits", COOKIE),
    ):
        if what in whats:
            stripped.append(
                f"SELECT delivery_id, record_no, {held[what].rule} AS rule FROM staged_{table} WHERE {condition}"
            )
    for name, queries, but in (
        ("gone_records", gone, ""),
        (
            "stripped_records",
            stripped,
            "ANTI JOIN gone_records AS gone USING (delivery_id, record_no)",
        ),
    ):
        connection.execute(
            f"""CREATE OR REPLACE TABLE {name} AS
            WITH found AS (SELECT delivery_id, record_no, min(rule) AS rule FROM ({" UNION ALL ".join(queries)}) GROUP BY ALL)
            SELECT found.* FROM found JOIN swept USING (delivery_id) {but}"""
        )
        _add_repetitions(connection, name)


def _add_repetitions(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Records that say, word for word, what a record of the table says go with it: nothing of them is staged, but raw has them."""
    if not connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():
        return
    connection.execute(
        f"""INSERT INTO {table}
        WITH told AS (SELECT record_key, content, min(rule) AS rule FROM staged_records JOIN {table} USING (delivery_id, record_no) GROUP BY ALL)
        SELECT delivery_id, record_no, rule FROM staged_records AS one JOIN told USING (record_key, content)
        ANTI JOIN {table} AS found USING (delivery_id, record_no) WHERE outcome = 'duplicate'"""
    )


def _find_deliveries(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """`swept(delivery_id, raw_over, quarantine_over)`: the staged deliveries, and which layers of them are past their time."""
    raw_over, quarantine_over = (
        str(home.policy.rule(one)[1].period.before(today)) for one in ("raw", "quarantine")
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE swept (delivery_id VARCHAR, raw_over BOOLEAN, quarantine_over BOOLEAN)"
    )
    found = [
        (one.delivery_id, one.day <= raw_over, one.day <= quarantine_over)
        for one in deliveries.book(home)
        if one.staged_with
    ]
    if found:
        connection.executemany("INSERT INTO swept VALUES (?, ?, ?)", found)


def _count(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> list[Gone]:
    """What goes, by rule, category and layer."""
    found: list[Gone] = []
    policy = home.policy

    def add(query: str, category: str, layer: str, effect: str) -> None:
        found.extend(
            Gone(rule, category, layer, effect, rows)
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
        query = f"SELECT rule, count(*) FROM staged_{table} JOIN gone_records USING (delivery_id, record_no) GROUP BY rule"
        add(query, main_category(model), "staged", "delete")
    for table, condition, effect in (
        ("credit_marks", marks_are_over(policy, today), "delete"),
        ("credit_reports", reports_are_over(policy, today), "delete"),
        ("identifiers", f"({_OLD_VISITOR}) OR {DEPARTED}", "delete"),
        ("visits", COOKIE, "strip"),
        ("orders", DEPARTED, "segregate"),
    ):
        category = "website_identifier" if table == "visits" else main_category(CANONICAL[table])
        query = f"SELECT rule, count(*) FROM staged_{table} JOIN stripped_records USING (delivery_id, record_no) WHERE {condition} GROUP BY rule"
        add(query, category, "staged", effect)
    going = "SELECT * FROM gone_records UNION ALL SELECT * FROM stripped_records"
    if raws := [
        raw
        for one in deliveries.book(home)
        if (raw := raw_path(home, one.source, one.day, one.delivery_id)).exists()
    ]:
        home.view(connection, "raw", Raw, raws)
        add(
            f"SELECT '{code(policy, 'raw')}', count(*) FROM raw JOIN swept USING (delivery_id) WHERE raw_over",
            "technical",
            "raw",
            "delete",
        )
        add(
            f"SELECT rule, count(*) FROM raw JOIN ({going}) USING (delivery_id, record_no) JOIN swept USING (delivery_id) WHERE NOT raw_over GROUP BY rule",
            "technical", "raw", "delete",
        )  # fmt: skip
    add(
        f"SELECT '{code(policy, 'quarantine')}', count(*) FROM quarantine JOIN swept USING (delivery_id) WHERE quarantine_over",
        "technical",
        "quarantine",
        "delete",
    )
    add(
        """SELECT rule, count(*) FROM quarantine JOIN gone_records USING (delivery_id, record_no) JOIN swept USING (delivery_id)
        WHERE NOT quarantine_over GROUP BY rule""",
        "technical", "quarantine", "delete",
    )  # fmt: skip
    over = len(ledger.closed_before(home, policy.rule("requests")[1].period.before(today)))
    review = suppression.due_for_review(home, connection, today)
    found += (
        [Gone(code(policy, "requests"), "technical", "requests", "delete", over)] if over else []
    )
    found += (
        [Gone(code(policy, "suppressions"), "technical", "requests", "review", review)]
        if review
        else []
    )
    return _summed(found)


def _summed(gone: Iterable[Gone]) -> list[Gone]:
    total: Counter[Gone] = Counter()
    for one in gone:
        total[replace(one, rows=0)] += one.rows
    return sorted(replace(one, rows=rows) for one, rows in total.items())


def main_category(model: type[TableModel]) -> str:
    """The category of what a table is about: that of its first column that is not technical."""
    return next(
        (
            category
            for category in categories(model).values()
            if category not in ("technical", "registrant_id")
        ),
        "technical",
    )


_OLD_VISITOR = "type = 'visitor_id' AND value IN (SELECT key FROM expired WHERE what = 'cookie')"


def _remove(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Rewrite the files that hold what goes; raw and quarantine that are over as a whole are removed as a whole."""
    over = {
        one: (raw, quarantine)
        for one, raw, quarantine in connection.execute(
            "SELECT * FROM swept WHERE raw_over OR quarantine_over"
        ).fetchall()
    }
    touched = {
        one
        for (one,) in connection.execute(
            "SELECT delivery_id FROM gone_records UNION SELECT delivery_id FROM stripped_records"
        ).fetchall()
    }
    edits = _edits(home, today)

    def one(cursor: duckdb.DuckDBPyConnection, entry: Entry) -> None:
        raw_over, quarantine_over = over.get(entry.delivery_id, (False, False))
        raw, quarantine = (
            raw_path(home, entry.source, entry.day, entry.delivery_id),
            quarantine_path(home, entry),
        )
        if raw_over and raw.exists():
            remove(raw)
        if entry.delivery_id in touched:
            for table, records in (("gone", "gone_records"), ("stripped", "stripped_records")):
                cursor.execute(
                    f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT DISTINCT record_no FROM {records} WHERE delivery_id = '{entry.delivery_id}'"
                )
            edited = cursor.execute("SELECT 1 FROM stripped LIMIT 1").fetchone()
            lake_rewrite.remove_records(
                home,
                cursor,
                entry,
                "expired",
                edits if edited else lake_rewrite.NOTHING,
                "SELECT record_no FROM stripped",
            )
        if quarantine_over and quarantine.exists():
            lake_rewrite.rewrite(cursor, quarantine, "false")

    for _ in in_turn(connection, deliveries.book(home), one):
        pass


def _edits(home: Home, today: date) -> dict[str, Edit]:
    """What changes in the staged tables of stripped records."""
    return {
        "credit_marks": Edit(keep=f"NOT ({marks_are_over(home.policy, today)})"),
        "credit_reports": Edit(keep=f"NOT ({reports_are_over(home.policy, today)})"),
        "identifiers": Edit(keep=f"NOT ({_OLD_VISITOR}) AND NOT ({DEPARTED})"),
        "visits": Edit(
            columns=f"""* REPLACE (
            CASE WHEN NOT {COOKIE} OR user_id IS NOT NULL OR visitor_id IS NULL THEN person_key END AS person_key,
            CASE WHEN NOT coalesce({COOKIE}, false) THEN fingerprint END AS fingerprint,
            CASE WHEN NOT {COOKIE} THEN visitor_id END AS visitor_id)"""
        ),
        "orders": Edit(
            columns=f"""* REPLACE (
            CASE WHEN NOT coalesce({DEPARTED}, false) THEN customer_number END AS customer_number,
            CASE WHEN NOT {DEPARTED} THEN person_key END AS person_key)"""
        ),
    }
