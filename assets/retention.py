"""Applying retention to raw, staged and quarantine: what the register has left out as past its time goes for good.

The register decides (`register.expiry`); the sweep removes only what the register already left out, so the register
built after it is the same as the one before.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

import duckdb

from assets import deliveries, removal
from assets.deliveries import Entry
from assets.home import Home, remove
from assets.raw import raw_path
from assets.register import building, expiry
from assets.sources.source import STATEMENT_MACROS
from assets.staged import quarantine_path, staged_folder
from schemas.columns import duckdb_columns
from schemas.register import Departed, Expired


def sweep(home: Home, today: date) -> dict[str, int]:
    """Remove from the lake what is past its time on `today`; answers rows removed per rule.

    Cost: one look at the keys of every delivery, and the rewriting of those that hold something to remove.
    """
    removed: Counter[str] = Counter()
    removal.mend(home)
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        _read_decisions(home, connection)
        for entry in deliveries.book(home):
            removed.update(_sweep_delivery(home, connection, entry, today))
    building.still_up_to_date(home, today)
    return {rule: count for rule, count in sorted(removed.items()) if count}


def _read_decisions(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """`departed_keys(person_key)`, `expired_keys(what, key)`, and held orders that lose their person."""
    for table, model in (("departed", Departed), ("expired", Expired)):
        path = home.register(table)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM read_parquet('{path}')"
            if path.exists()
            else f"CREATE OR REPLACE TEMP TABLE {table} ({duckdb_columns(model)})"
        )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE departed_keys AS SELECT any_value(rule) AS rule, person_key(type, value) AS person_key FROM departed GROUP BY person_key"
    )


def _sweep_delivery(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry, today: date) -> Counter[str]:
    policy = home.policy
    removed: Counter[str] = Counter()
    day = date.fromisoformat(entry.day)
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    if day <= policy.retention["RET-RAW-13M"].period.before(today) and raw.exists() and entry.staged_with:
        removed["RET-RAW-13M"] += connection.execute(f"SELECT count(*) FROM read_parquet('{raw}')").fetchone()[0]  # type: ignore[index]
        remove(raw)
    folder = staged_folder(home, entry)
    index = folder / "records.parquet"
    if not entry.staged_with or not index.exists():
        return removed
    if day <= policy.retention["RET-QUARANTINE-30D"].period.before(today):
        removed.update(_remove_quarantined(home, connection, entry))
        entry = deliveries.entered(home, entry.source, entry.day, entry.delivery_id) or entry
    _find_gone(home, connection, folder, policy.time_zone, today)
    per_rule = connection.execute("SELECT rule, count(*) FROM gone GROUP BY rule").fetchall()
    if per_rule:
        removal.remove_records(home, connection, entry, "expired")
        removed.update(dict(per_rule))
    removed.update(_strip(home, connection, entry, today))
    return removed


def _remove_quarantined(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry) -> Counter[str]:
    index = staged_folder(home, entry) / "records.parquet"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT record_no FROM read_parquet('{index}') WHERE outcome = 'quarantined'")
    rows = connection.execute("SELECT count(*) FROM gone").fetchone()
    if rows and rows[0]:
        removal.remove_records(home, connection, entry, "expired")
    path = quarantine_path(home, entry)
    if path.exists():
        removal.rewrite(connection, path, "false")
    return Counter({"RET-QUARANTINE-30D": int(rows[0]) if rows else 0})


def _find_gone(home: Home, connection: duckdb.DuckDBPyConnection, folder: object, zone: str, today: date) -> None:
    """`gone(record_no, rule)`: records that go whole."""

    def over(rule: str) -> str:
        return f"DATE '{home.policy.retention[rule].period.before(today)}'"

    def rows(table: str, query: str) -> str | None:
        path = folder / f"{table}.parquet"  # type: ignore[operator]
        return query.format(f"read_parquet('{path}')") if path.exists() else None

    year_over = expiry.last_voucher_year(home.policy, today)
    held = rows("orders", f"SELECT record_no FROM {{}} WHERE year(timezone('{zone}', ordered_at)) >= {year_over + 1}")
    keep = f"WHERE record_no NOT IN ({held})" if held else ""
    spoken = [
        rows(table, f"SELECT record_no, rule FROM {{}} JOIN departed_keys USING (person_key) {keep}")
        for table in (
            "persons",
            "names",
            "identifiers",
            "contact_points",
            "addresses",
            "marketing_choices",
            "company_contacts",
            "contracts",
            "orders",
            "visits",
            "credit_reports",
            "credit_marks",
        )
    ]
    queries = [
        *spoken,
        rows("visits", f"SELECT record_no, 'RET-VISITS-25M' AS rule FROM {{}} WHERE timezone('{zone}', started_at)::DATE <= {over('RET-VISITS-25M')}"),
        rows("orders", f"SELECT record_no, 'RET-VOUCHER-6Y' AS rule FROM {{}} WHERE year(timezone('{zone}', ordered_at)) <= {year_over}"),
        rows("contracts", "SELECT record_no, 'RET-CUSTOMER-3Y' AS rule FROM {} WHERE contract_number IN (SELECT key FROM expired WHERE what = 'contract')"),
    ]
    union = " UNION ALL ".join(query for query in queries if query)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE gone AS "
        + (f"SELECT record_no, min(rule) AS rule FROM ({union}) GROUP BY record_no" if union else "SELECT 0::BIGINT AS record_no, '' AS rule WHERE false")
    )


def _strip(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry, today: date) -> Counter[str]:
    """Rows and values that go while their record stays; raw lets go of the whole record, which would tell them."""
    removed: Counter[str] = Counter()
    folder = staged_folder(home, entry)
    report_over = home.policy.retention["RET-CREDIT-REPORT-13M"].period.before(today)
    cookies = "(SELECT key FROM expired WHERE what = 'cookie')"
    strips = (
        ("credit_marks", "RET-CREDIT-EXPIRY", expiry.marks_are_over(home.policy, today), None),
        ("credit_reports", "RET-CREDIT-REPORT-13M", f"timezone('{home.policy.time_zone}', stated_at)::DATE <= DATE '{report_over}'", None),
        (
            "visits",
            "RET-COOKIE-13M",
            f"visitor_id IN {cookies}",
            """* REPLACE (
            CASE WHEN visitor_id IN (SELECT key FROM expired WHERE what = 'cookie') AND user_id IS NULL THEN NULL ELSE person_key END AS person_key,
            CASE WHEN visitor_id IN (SELECT key FROM expired WHERE what = 'cookie') THEN NULL ELSE fingerprint END AS fingerprint,
            CASE WHEN visitor_id IN (SELECT key FROM expired WHERE what = 'cookie') THEN NULL ELSE visitor_id END AS visitor_id)""",
        ),
        ("identifiers", "RET-COOKIE-13M", f"type = 'visitor_id' AND value IN {cookies}", None),
        (
            "orders",
            "RET-VOUCHER-6Y",
            "person_key IN (SELECT person_key FROM departed_keys)",
            """* REPLACE (
            CASE WHEN person_key IN (SELECT person_key FROM departed_keys) THEN NULL ELSE customer_number END AS customer_number,
            CASE WHEN person_key IN (SELECT person_key FROM departed_keys) THEN NULL ELSE person_key END AS person_key)""",
        ),
        ("identifiers", "RET-VOUCHER-6Y", "person_key IN (SELECT person_key FROM departed_keys)", None),
    )
    for table, rule, over, columns in strips:
        path = folder / f"{table}.parquet"
        if not path.exists():
            continue
        connection.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT DISTINCT record_no FROM read_parquet('{path}') WHERE {over}")
        rows = connection.execute("SELECT count(*) FROM gone").fetchone()
        if not rows or not rows[0]:
            continue
        removal.remove_from_raw(connection, home, entry)
        if columns:
            removal.rewrite(connection, path, "true", columns)
        else:
            removal.rewrite(connection, path, f"NOT coalesce({over}, false)")
        if table != "identifiers":
            removed[rule] += rows[0]
    return removed
