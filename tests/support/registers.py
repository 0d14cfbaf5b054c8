"""The way of the data without Dagster: inbox, staged records, register, marts; and what is then in
the register.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

import click
import duckdb
from click.testing import CliRunner, Result

from assets.ingest import raw
from assets.ingest.restaging import staged_again
from assets.marts import building as mart_building
from assets.register import building, eligibility, published_tables
from assets.retention import sweep
from assets.sources.all_sources import in_order
from assets.staging import staged
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.sessions import connect
from schemas.marts import MARTS

TODAY = date(2026, 11, 20)


def typed(
    data_root: DataRoot, command: click.Command, *words: str, given: str | None = None
) -> Result:
    """The result of a command of `register` with these arguments and this input."""
    return CliRunner(env={"REGISTER_HOME": str(data_root.root)}).invoke(
        command, list(words), input=given
    )


def take_in(data_root: DataRoot, today: date = TODAY) -> list[raw.Ingested]:
    """Inbox -> raw -> staged, for every source, as a refresh does it."""
    done = []
    for source in in_order(data_root.policy):
        ingested = raw.ingest(data_root, source, None, today)
        again = staged_again(data_root, source, ingested.entries)
        staged.stage(data_root, source, {entry.day for entry in ingested.entries} | again)
        done.append(ingested)
    return done


def build(data_root: DataRoot, today: date = TODAY, marts: Collection[str] = ()) -> building.Built:
    """The register, the sweep behind it, these marts, and those that the data root has already.

    Marts take longer than the register: a test that states nothing of them has none.
    """
    built = building.build(data_root, today)
    sweep.sweep(data_root, today)
    for purpose in MARTS:
        if purpose in marts or mart_building.mart_path(data_root, purpose).exists():
            mart_building.build(data_root, purpose, today)
            mart_building.publish(data_root, purpose)
    return built


def refresh(
    data_root: DataRoot, today: date = TODAY, marts: Collection[str] = ()
) -> building.Built:
    take_in(data_root, today)
    return build(data_root, today, marts)


def evaluate_eligibility(data_root: DataRoot, today: date) -> None:
    """Eligibility by the register's tables as they are on the disk, without a build."""
    with connect(data_root) as connection:
        for table in eligibility.READ:
            published_tables.read_register(data_root, connection, table, building.TABLES[table])
        eligibility.evaluate(connection, data_root.policy, today)
        copy_parquet(connection, "FROM admission ORDER BY ALL", data_root.register("admission"))


def rows(data_root: DataRoot, query: str, *tables: str) -> list[dict[str, Any]]:
    """Rows of a query over the register's tables, as dictionaries."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in (data_root.lake / "register").glob("*.parquet"):
            if path.stem in query:
                connection.execute(f"CREATE VIEW {path.stem} AS FROM read_parquet('{path}')")
        answer = connection.execute(query)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def registrant(data_root: DataRoot, identity_code: str) -> dict[str, Any]:
    """The golden record with an identity code."""
    records = rows(data_root, f"SELECT * FROM registrants WHERE identity_code = '{identity_code}'")
    assert len(records) == 1, f"{len(records)} golden records"
    return records[0]
