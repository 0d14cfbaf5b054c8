"""Applying retention to raw, staged and quarantine: what the register has left out as past its time goes for good.

The register decides (`register.expiry`); the sweep removes only what the register already left out, so the register
built after it is the same as the one before.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from assets import deliveries, removal
from assets.deliveries import Entry
from assets.home import Home, in_turn, remove, write_parquet
from assets.raw import raw_path
from assets.register import building, expiry
from assets.removal import Edit
from assets.sources.source import STATEMENT_MACROS
from assets.staged import quarantine_path, staged_folder
from schemas.columns import duckdb_columns
from schemas.register import Departed, Expired
from schemas.staged import CANONICAL


def sweep(home: Home, today: date) -> dict[str, int]:
    """Remove from the lake what is past its time on `today`; answers rows removed per rule. The decisions go last.

    Cost: one look at the keys of every delivery, and the rewriting of those that hold something to remove.
    """
    removed: Counter[str] = Counter()
    removal.mend(home)
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        _read_decisions(home, connection)
        for found in in_turn(connection, deliveries.book(home), partial(_sweep_delivery, home, today)):
            removed.update(found)
    for table, model in (("departed", Departed), ("expired", Expired)):
        write_parquet(home.register(table), model, [])
    building.still_up_to_date(home, today)
    return {rule: count for rule, count in sorted(removed.items()) if count}


def _read_decisions(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """`departed_keys(rule, person_key)`, `cookie_keys(person_key)`, and the table `expired`, for every cursor."""
    for table, model in (("departed", Departed), ("expired", Expired)):
        path = home.register(table)
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM read_parquet('{path}')"
            if path.exists()
            else f"CREATE OR REPLACE TABLE {table} ({duckdb_columns(model)})"
        )
    connection.execute(
        "CREATE OR REPLACE TABLE departed_keys AS SELECT any_value(rule) AS rule, person_key(type, value) AS person_key FROM departed GROUP BY person_key"
    )
    connection.execute("CREATE OR REPLACE TABLE cookie_keys AS SELECT person_key('visitor_id', key) AS person_key FROM expired WHERE what = 'cookie'")


def _sweep_delivery(home: Home, today: date, connection: duckdb.DuckDBPyConnection, entry: Entry) -> Counter[str]:
    policy = home.policy
    removed: Counter[str] = Counter()
    day = date.fromisoformat(entry.day)
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    if day <= policy.retention["RET-RAW-13M"].period.before(today) and raw.exists() and entry.staged_with:
        removed["RET-RAW-13M"] += _count(connection, f"SELECT count(*) FROM read_parquet('{raw}')")
        remove(raw)
    folder = staged_folder(home, entry)
    if not entry.staged_with or not (folder / "records.parquet").exists():
        return removed
    quarantine_over = day <= policy.retention["RET-QUARANTINE-30D"].period.before(today)
    _find_gone(home, connection, folder, today, quarantine_over=quarantine_over)
    removed.update(dict(connection.execute("SELECT rule, count(*) FROM gone GROUP BY rule").fetchall()))
    edits = _find_stripped(home, connection, folder, today)
    removed.update(dict(connection.execute("SELECT rule, count(*) FROM stripped GROUP BY rule").fetchall()))
    if removed.total() - removed["RET-RAW-13M"]:
        removal.remove_records(home, connection, entry, "expired", edits, "SELECT record_no FROM stripped")
    quarantine = quarantine_path(home, entry)
    if quarantine_over and quarantine.exists():
        removal.rewrite(connection, quarantine, "false")
    return removed


def _find_gone(home: Home, connection: duckdb.DuckDBPyConnection, folder: Path, today: date, *, quarantine_over: bool) -> None:
    """`gone(record_no, rule)`: records that go whole. An order that the books still need is not among them."""

    def rows(table: str, query: str) -> str | None:
        path = folder / f"{table}.parquet"
        return query.format(f"read_parquet('{path}')") if path.exists() else None

    vouchers = expiry.vouchers_are_over(home.policy, today)
    held = rows("orders", f"SELECT record_no FROM {{}} WHERE NOT ({vouchers})")
    keep = f"WHERE record_no NOT IN ({held})" if held else ""
    queries = [
        *(rows(table, f"SELECT record_no, rule FROM {{}} JOIN departed_keys USING (person_key) {keep}") for table in CANONICAL),
        rows("records", "SELECT record_no, 'RET-QUARANTINE-30D' AS rule FROM {} WHERE outcome = 'quarantined'") if quarantine_over else None,
        rows("visits", f"SELECT record_no, 'RET-VISITS-25M' AS rule FROM {{}} WHERE {expiry.visits_are_over(home.policy, today)}"),
        rows("orders", f"SELECT record_no, 'RET-VOUCHER-6Y' AS rule FROM {{}} WHERE {vouchers}"),
        rows("contracts", "SELECT record_no, 'RET-CUSTOMER-3Y' AS rule FROM {} WHERE contract_number IN (SELECT key FROM expired WHERE what = 'contract')"),
        rows("marketing_choices", "SELECT record_no, 'RET-COOKIE-13M' AS rule FROM {} WHERE person_key IN (SELECT person_key FROM cookie_keys)"),
    ]
    union = " UNION ALL ".join(query for query in queries if query)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE gone AS "
        + (f"SELECT record_no, min(rule) AS rule FROM ({union}) GROUP BY record_no" if union else "SELECT 0::BIGINT AS record_no, '' AS rule WHERE false")
    )


def _find_stripped(home: Home, connection: duckdb.DuckDBPyConnection, folder: Path, today: date) -> dict[str, Edit]:
    """`stripped(record_no, rule)`: records that stay without some of their rows or values; answers what to edit in which table.

    Raw lets go of such a record as a whole, because its payload would tell what has been taken away.
    """
    cookie = "visitor_id IN (SELECT key FROM expired WHERE what = 'cookie')"
    departed = "person_key IN (SELECT person_key FROM departed_keys)"
    old_visitor = "type = 'visitor_id' AND value IN (SELECT key FROM expired WHERE what = 'cookie')"
    report = expiry.reports_are_over(home.policy, today)
    marks = expiry.marks_are_over(home.policy, today)
    over = [
        ("credit_marks", "RET-CREDIT-EXPIRY", marks),
        ("credit_reports", "RET-CREDIT-REPORT-13M", report),
        ("visits", "RET-COOKIE-13M", cookie),
        ("orders", "RET-VOUCHER-6Y", departed),
    ]
    queries = [
        f"SELECT DISTINCT record_no, '{rule}' AS rule FROM read_parquet('{folder / table}.parquet') WHERE {condition} "
        "AND record_no NOT IN (SELECT record_no FROM gone)"
        for table, rule, condition in over
        if (folder / f"{table}.parquet").exists()
    ]
    nothing = "SELECT 0::BIGINT AS record_no, '' AS rule WHERE false"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE stripped AS {' UNION ALL '.join(queries) or nothing}")
    if _count(connection, "SELECT count(*) FROM stripped") == 0:
        return {}
    return {
        "credit_marks": Edit(keep=f"NOT ({marks})"),
        "credit_reports": Edit(keep=f"NOT ({report})"),
        "identifiers": Edit(keep=f"NOT ({old_visitor}) AND NOT ({departed})"),
        "visits": Edit(
            columns=f"""* REPLACE (
            CASE WHEN NOT {cookie} OR user_id IS NOT NULL OR visitor_id IS NULL THEN person_key END AS person_key,
            CASE WHEN NOT coalesce({cookie}, false) THEN fingerprint END AS fingerprint,
            CASE WHEN NOT {cookie} THEN visitor_id END AS visitor_id)"""
        ),
        "orders": Edit(
            columns=f"""* REPLACE (
            CASE WHEN NOT coalesce({departed}, false) THEN customer_number END AS customer_number,
            CASE WHEN NOT {departed} THEN person_key END AS person_key)"""
        ),
    }


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    return int((connection.execute(query).fetchone() or (0,))[0])
