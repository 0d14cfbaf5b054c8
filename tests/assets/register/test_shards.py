"""Scopes are true: a build in shards that keep components whole makes the rows of the whole build.

The lake of a sample is divided by record: two records are in one component when they name the same
person, contact point, contract, customer number, order, visit or browser, or persons that are one
registrant. Each shard is built alone, with the whole delivery ledger.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.register import building, relations
from assets.storage import recorded_files, sessions
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from pipelines.synthetic.assembly import write_sample
from tests.support.made_once import made_once
from tests.support.registers import TODAY, take_in

SHARDS = 2
# Columns of staged rows that tie records together; a subject is `<type>:<value>`.
TIES = (
    "person_key",
    "value",
    "replaced_by",
    "match_key",
    "subject",
    "contract_number",
    "customer_number",
    "order_number",
    "visit",
    "visitor_id",
    "fingerprint",
    "user_id",
    "business_id",
)
# Columns that number persons within one connection; other shards number others.
NUMBERS = {"id", "one", "other", "base", "node", "cluster", "code"}
NUMBERED = {
    "linkage_people",
    "linked_records",
    "linkage_standardised",
    "linkage_records",
    "linkage_nodes",
    "record_identifiers",
    "bases",
    "shared_values",
    "shared_browsers",
    "browser_cohorts",
    "proposed_links",
    "followed_links",
    "contact_holders",
}
# Made in a round in which somebody leaves, of those who are left then: a shard has its own rounds.
# What they are made for, `lasting_refusals`, is compared.
MADE_WHERE_SOMEBODY_LEAVES = {"reached_by", "leaving_refusals", "leaving_tokens"}

Rows = Counter[tuple[str, ...]]
Record = tuple[str, str, int]


class Snapshots:
    """A connection that keeps what each declared relation holds at the end, or before it is
    dropped.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, rows: dict[str, Rows]) -> None:
        self.connection = connection
        self.rows = rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def execute(self, sql: str, *parameters: object) -> Snapshots:
        for statement in sql.split(";"):
            words = statement.split()
            if words[:1] == ["DROP"]:
                self.keep([words[-1]])
        self.connection.execute(sql, *parameters)
        return self

    def keep(self, names: Iterable[str]) -> None:
        """Keep the rows of those of the relations that exist."""
        existing = {
            name
            for (name,) in self.connection.execute(
                "SELECT table_name FROM duckdb_tables() UNION SELECT view_name FROM duckdb_views()"
            ).fetchall()
        }
        for name in existing & set(names):
            answer = self.connection.execute(f"FROM {name}")
            columns = [column for column, *_ in answer.description]
            shown = [
                place
                for place, column in enumerate(columns)
                if name not in NUMBERED or column not in NUMBERS
            ]
            self.rows[name] = Counter(
                tuple(repr(row[place]) for place in shown) for row in answer.fetchall()
            )


def built(data_root: DataRoot) -> dict[str, Rows]:
    """Relation -> its rows, in a build of the data root."""
    rows: dict[str, Rows] = {}

    @contextmanager
    def recording(data_root: DataRoot, **options: bool) -> Iterator[Snapshots]:
        with sessions.connect(data_root, **options) as connection:
            snapshots = Snapshots(connection, rows)
            yield snapshots
            snapshots.keep(relation.name for relation in relations.relations())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(building, "connect", recording)
        building.build(data_root, TODAY)
    return rows


class Components:
    """Disjoint sets of whatever ties records together."""

    def __init__(self) -> None:
        self.parents: dict[object, object] = {}

    def find(self, node: object) -> object:
        self.parents.setdefault(node, node)
        while self.parents[node] != node:
            self.parents[node] = self.parents[self.parents[node]]
            node = self.parents[node]
        return node

    def join(self, node: object, other: object) -> None:
        self.parents[self.find(node)] = self.find(other)


def delivery_of(path: Path) -> tuple[str, str]:
    """Source and delivery id of a file of the lake."""
    source, _, *name = path.with_suffix("").parts[path.parts.index("lake") + 2 :]
    return source, name[0]


def shard_by_record(data_root: DataRoot) -> dict[Record, int]:
    """Source, delivery and record number -> the shard, with components whole."""
    components = Components()
    records: set[Record] = set()
    with duckdb.connect() as connection:
        for path in sorted((data_root.lake).rglob("*.parquet")):
            layer = path.relative_to(data_root.lake).parts[0]
            if layer not in ("raw", "staged", "quarantine"):
                continue
            answer = connection.execute("FROM read_parquet(?)", [str(path)])
            columns = [column for column, *_ in answer.description]
            for values in answer.fetchall():
                row = dict(zip(columns, values, strict=True))
                record = (*delivery_of(path), row["record_no"])
                records.add(record)
                components.join(record, ("record_key", record[0], row["record_key"]))
                for column in TIES if layer == "staged" else ():
                    if (value := row.get(column)) is not None:
                        plain = str(value).partition(":")[2] if column == "subject" else value
                        components.join(record, ("value", str(plain)))
        members = connection.execute(
            "SELECT person_key, registrant_id FROM read_parquet(?)",
            [str(data_root.register("membership"))],
        )
        for person, registrant in members.fetchall():
            components.join(("value", person), ("registrant", registrant))
    sizes = Counter(components.find(record) for record in records)
    assert len(sizes) > 50
    shards = {root: place % SHARDS for place, (root, _) in enumerate(sizes.most_common())}
    return {record: shards[components.find(record)] for record in records}


def keep_records(data_root: DataRoot, records: Iterable[Record]) -> None:
    """Leave only these records in the lake."""
    kept: dict[tuple[str, str], list[int]] = defaultdict(list)
    for source, delivery, record_no in records:
        kept[source, delivery].append(record_no)
    with duckdb.connect() as connection:
        for layer in ("raw", "staged", "quarantine"):
            for path in (data_root.lake / layer).rglob("*.parquet"):
                rest = path.with_suffix(".rest")
                connection.execute(
                    f"""COPY (
                        SELECT * FROM read_parquet('{path}')
                        WHERE record_no IN (SELECT unnest(?::BIGINT[]))
                    ) TO '{rest}' (FORMAT parquet)""",
                    [kept[delivery_of(path)]],
                )
                rest.replace(path)
                recorded_files.record(path.parent, [path.name])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample that is staged; no register was built."""

    def make(folder: Path) -> None:
        data_root = DataRoot(folder)
        data_root.create()
        write_sample(
            data_root.inbox,
            folder / "truth",
            registrants=200,
            seed=3,
            days=3,
            last_day=date(2026, 11, 10),
        )
        take_in(data_root)

    return made_once(tmp_path_factory, "staged-sample", make)


@pytest.fixture(scope="module")
def whole_and_union(
    lake: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Rows], list[dict[str, Rows]]]:
    """The relations of one build of everything, and those of each shard."""
    folder = tmp_path_factory.mktemp("shards")
    data_root = DataRoot(shutil.copytree(lake, folder / "whole"))
    whole = built(data_root)
    shards = shard_by_record(data_root)
    parts = []
    for shard in range(SHARDS):
        part = DataRoot(shutil.copytree(lake, folder / f"shard-{shard}"))
        keep_records(part, (record for record, place in shards.items() if place == shard))
        parts.append(built(part))
    return whole, parts


def of_scope(*scopes: Scope) -> list[str]:
    return [relation.name for relation in declared() if relation.scope in scopes]


def declared() -> list[Relation]:
    return relations.relations()


def test_the_union_of_shards_is_the_whole(
    whole_and_union: tuple[dict[str, Rows], list[dict[str, Rows]]],
) -> None:
    whole, parts = whole_and_union
    scoped = {*of_scope(Scope.RECORD, Scope.COMPONENT)}
    assert scoped >= MADE_WHERE_SOMEBODY_LEAVES
    names = sorted(scoped & {*whole} - MADE_WHERE_SOMEBODY_LEAVES)
    differing = {
        name: (len(whole[name] - union), len(union - whole[name]))
        for name in names
        if (union := sum((part.get(name, Counter()) for part in parts), Counter())) != whole[name]
    }
    assert differing == {}
    # So that an empty relation does not stand for a proof.
    assert sum(bool(whole[name]) for name in names) > 100


def test_what_is_broadcast_is_the_same_in_every_shard(
    whole_and_union: tuple[dict[str, Rows], list[dict[str, Rows]]],
) -> None:
    whole, parts = whole_and_union
    names = [name for name in of_scope(Scope.BROADCAST) if name in whole]
    assert names
    assert [name for name in names if any(part[name] != whole[name] for part in parts)] == []


def test_a_build_in_shards_gives_the_same_registrants(
    whole_and_union: tuple[dict[str, Rows], list[dict[str, Rows]]],
) -> None:
    """Global relations are those of the engine and of counts: no registrant depends on them."""
    whole, parts = whole_and_union
    assert sum((part["golden_records"] for part in parts), Counter()) == whole["golden_records"]
    assert sum((part["membership"] for part in parts), Counter()) == whole["membership"]
