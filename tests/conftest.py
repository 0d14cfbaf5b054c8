"""What tests share: a data root of their own, deliveries with manifests, and the way of the data without Dagster."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from assets import raw, retention, staged
from assets.home import Home
from assets.marts import building as marts
from assets.register import building
from assets.sources.all_sources import SOURCES
from schemas.marts import MARTS

TODAY = date(2026, 11, 20)
# The same examples in every run: a change that breaks a property is the change of that run.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "data")
    made.create()
    return made


@pytest.fixture(scope="session")
def known_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refreshed data root with two namesakes whom every source knows, and two spouses with one mailbox (`tests.assets.known_registrants`).

    Only copies of it are changed.
    """
    from tests.assets.known_registrants import FIRST_DAY, SECOND_DAY, deliver

    root = tmp_path_factory.mktemp("known") / "data"
    deliver(root, FIRST_DAY, SECOND_DAY)
    refresh(Home(root), TODAY)
    return root


@pytest.fixture
def known_home(known_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of it, and REGISTER_HOME."""
    made = Home(Path(shutil.copytree(known_root, tmp_path / "known")))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


def put(
    home: Home,
    source: str,
    day: str,
    dataset: str,
    data: bytes,
    records: int,
    name: str = "",
    **manifest: Any,
) -> Path:
    """Deliver bytes with a manifest that holds, unless `manifest` says otherwise."""
    folder = home.inbox / source / day
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"{dataset}-{hashlib.sha256(data).hexdigest()[:8]}.dat")
    path.write_bytes(data)
    said = {
        "dataset": dataset,
        "schema_version": "1",
        "encoding": "utf-8",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "records": records,
        "period": {"from": day, "to": day},
        "purpose": "customer_care",
        **manifest,
    }
    path.with_name(path.name + ".manifest.json").write_text(json.dumps(said))
    return path


def changes(home: Home, day: str, messages: list[Any], key: int = 1, **manifest: Any) -> Path:
    body = json.dumps(
        {"viimeisinKirjausavain": key, "muutokset": messages, "ajanTasalla": True},
        ensure_ascii=False,
    )
    return put(
        home, "population_register", day, "muutokset", body.encode(), len(messages), **manifest
    )


def basic_data(home: Home, day: str, persons: list[Any], **manifest: Any) -> Path:
    body = json.dumps({"perustiedot": persons, "ajanTasalla": True}, ensure_ascii=False)
    return put(
        home, "population_register", day, "perustiedot", body.encode(), len(persons), **manifest
    )


def csv(rows: list[dict[str, str]]) -> bytes:
    """Rows as CSV with every field quoted."""
    names = list(rows[0])
    lines = [",".join(names)] + [
        ",".join('"' + row.get(name, "").replace('"', '""') + '"' for name in names) for row in rows
    ]
    return ("\n".join(lines) + "\n").encode()


def typed(home: Home, command: click.Command, *words: str, given: str | None = None) -> Result:
    """What a command of `register` answers to these words, and to what is then typed in."""
    return CliRunner(env={"REGISTER_HOME": str(home.root)}).invoke(
        command, list(words), input=given
    )


def take_in(home: Home, today: date = TODAY) -> list[raw.Ingested]:
    """Inbox -> raw -> staged, for every source, as a refresh does it."""
    done = []
    for source in SOURCES:
        ingested = raw.ingest(home, source, None, today)
        again = staged.staged_again(home, source, ingested.entries)
        staged.stage(home, source, {entry.day for entry in ingested.entries} | again)
        done.append(ingested)
    return done


def settle(home: Home, today: date = TODAY) -> building.Built:
    """The register, and the sweep behind it, without the marts: where they are built again afterwards, or nothing is said of them."""
    built = building.build(home, today)
    retention.sweep(home, today)
    return built


def build(home: Home, today: date = TODAY) -> building.Built:
    """The register and every mart, and the sweep behind them."""
    built = settle(home, today)
    for purpose in MARTS:
        marts.build(home, purpose, today)
        marts.publish(home, purpose)
    return built


def refresh(home: Home, today: date = TODAY) -> building.Built:
    take_in(home, today)
    return build(home, today)


def rows(home: Home, query: str, *tables: str) -> list[dict[str, Any]]:
    """Rows of a query over the register's tables, as dictionaries."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in (home.lake / "register").glob("*.parquet"):
            connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM read_parquet('{path}')")
        answer = connection.execute(query)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def registrant(home: Home, identity_code: str) -> dict[str, Any]:
    """The golden row that holds an identity code."""
    found = rows(home, f"SELECT * FROM registrants WHERE identity_code = '{identity_code}'")
    assert len(found) == 1, f"{len(found)} golden rows"
    return found[0]


Deliver = Callable[..., Path]
