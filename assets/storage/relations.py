"""Declared relations: what a table or view of a dataflow holds, and what its statement reads.

A relation is declared beside the function that makes it, and its SQL is run through the
declaration (`connection.execute(PEOPLE.create_table("SELECT ..."))`), so that the two cannot differ
in name. A house test compares what each statement reads and returns with its declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType

from assets.storage.quoting import name as quoted
from schemas.columns import TableModel, duckdb_types, table_name


class Scope(StrEnum):
    """Which rows of its inputs a row of a relation can depend on.

    Attributes:
        RECORD: Rows of one record, in all its versions; records can be processed in any partition.
        COMPONENT: Rows of one component, that is of all persons that records, contracts, orders,
            visits, contacts and links tie together. An incremental build recomputes the components
            that were touched; the union of shards that keep components whole equals the whole.
        BROADCAST: The same small table for every shard: ledger, policy, reference data.
        GLOBAL: Rows of the whole register; shards need the relation's merge rule.
    """

    RECORD = "record"
    COMPONENT = "component"
    BROADCAST = "broadcast"
    GLOBAL = "global"


@dataclass(frozen=True)
class Relation:
    """A table or view that one function makes and another one reads.

    Attributes:
        name: The name in the connection; no other relation has it.
        summary: One sentence on what a row is.
        columns: Column name -> DuckDB type, in the order of the columns.
        scope: What a row can depend on.
        reads: Names of the relations that its statement reads.
        amended_from: Names of the relations that later INSERT, UPDATE and DELETE statements read,
            if there are any. They do not count as dependencies: they run after both were made.
        merge: How shards are put together, of a global relation.
        external: Its rows come from outside SQL or from another stage: a Parquet file, an array,
            the linkage engine. `columns` are then those that are relied on, in any order.
        temporary: False where the cursors of threads read it: they see no temporary table.
    """

    name: str
    summary: str
    columns: Mapping[str, str]
    scope: Scope
    reads: tuple[str, ...] = ()
    amended_from: tuple[str, ...] = ()
    merge: str = ""
    external: bool = False
    temporary: bool = True

    @classmethod
    def of(
        cls,
        model: type[TableModel],
        scope: Scope,
        reads: tuple[str, ...] = (),
        amended_from: tuple[str, ...] = (),
        merge: str = "",
        external: bool = False,
    ) -> Relation:
        """The relation that has a model's name, columns and summary."""
        name, columns = table_name(model), duckdb_types(model)
        return cls(name, _summary(model), columns, scope, reads, amended_from, merge, external)

    @classmethod
    def of_files(cls, model: type[TableModel], name: str) -> Relation:
        """The view of the lake's files of a model (`parquet_files.create_view`)."""
        of_path = {"source": "VARCHAR", "day": "DATE", "delivery_id": "VARCHAR"}
        columns = {**duckdb_types(model), **of_path}
        return cls(name, _summary(model), columns, Scope.RECORD, external=True)

    @property
    def create(self) -> str:
        """The first words of the statement that makes it: `f"{PEOPLE.create} AS SELECT ..."`."""
        return f"CREATE OR REPLACE {'TEMP TABLE' if self.temporary else 'TABLE'} {self.name}"

    def create_table(self, query: str) -> str:
        """The statement that makes the relation as a table."""
        return f"{self.create} AS {query}"

    def create_view(self, query: str) -> str:
        """The statement that makes the relation as a temporary view."""
        return f"CREATE OR REPLACE TEMP VIEW {self.name} AS {query}"

    def create_empty(self) -> str:
        """The statement that makes the relation as a table without rows."""
        return f"{self.create} ({self._typed_columns})"

    def create_if_missing(self) -> str:
        """The statement that makes it without rows, unless it is there."""
        return f"CREATE TEMP TABLE IF NOT EXISTS {self.name} ({self._typed_columns})"

    @property
    def _typed_columns(self) -> str:
        return ", ".join(f"{quoted(column)} {kind}" for column, kind in self.columns.items())


def _summary(model: type[TableModel]) -> str:
    return " ".join((model.__doc__ or model.__name__).split("\n\n", maxsplit=1)[0].split())


def declared(module: ModuleType) -> Iterator[Relation]:
    """Yield the relations that a module declares, alone or by name in a dictionary."""
    for value in vars(module).values():
        if isinstance(value, Relation):
            yield value
        elif isinstance(value, dict):
            yield from (entry for entry in value.values() if isinstance(entry, Relation))


def ordered(relations: Iterable[Relation]) -> list[Relation]:
    """The relations in dependency order: each after all that its statement reads.

    Relations that are ready at the same time keep their given order.

    Raises:
        ValueError: A relation reads one that is not declared, or itself through others.
    """
    waiting = {relation.name: relation for relation in relations}
    undeclared = {
        name
        for relation in waiting.values()
        for name in (*relation.reads, *relation.amended_from)
        if name not in waiting
    }
    if undeclared:
        raise ValueError(f"not declared, but read: {', '.join(sorted(undeclared))}")
    made: dict[str, Relation] = {}
    while waiting:
        ready = [each for each in waiting.values() if all(name in made for name in each.reads)]
        if not ready:
            raise ValueError(f"these relations read one another: {', '.join(sorted(waiting))}")
        for relation in ready:
            made[relation.name] = waiting.pop(relation.name)
    return list(made.values())
