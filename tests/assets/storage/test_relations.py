"""Relations in dependency order, and the statements that make them."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from assets.storage.relations import Relation, Scope, ordered


def relation(name: str, *reads: str, amended_from: tuple[str, ...] = ()) -> Relation:
    return Relation(
        name, "A row.", {"a b": "INTEGER"}, Scope.RECORD, reads=reads, amended_from=amended_from
    )


def test_a_relation_comes_after_those_that_it_reads() -> None:
    third, second, first = relation("c", "b"), relation("b", "a"), relation("a")
    assert ordered([third, second, first]) == [first, second, third]


def test_amendments_are_no_dependencies() -> None:
    first, second = relation("a", amended_from=("b",)), relation("b", "a")
    assert ordered([first, second]) == [first, second]


def test_a_circle_and_an_undeclared_relation_are_refused() -> None:
    with pytest.raises(ValueError, match="read one another: a, b"):
        ordered([relation("a", "b"), relation("b", "a")])
    with pytest.raises(ValueError, match="not declared, but read: b"):
        ordered([relation("a", "b")])


def test_the_statements_make_a_table_or_a_view_of_the_name() -> None:
    table = relation("t")
    with duckdb.connect() as connection:
        connection.execute(table.create_empty())
        assert connection.execute("DESCRIBE t").fetchall()[0][:2] == ("a b", "INTEGER")
        connection.execute(table.create_table("SELECT 1 AS n"))
        assert connection.execute("FROM t").fetchall() == [(1,)]
        connection.execute("DROP TABLE t")
        connection.execute(table.create_view("SELECT 2 AS n"))
        assert connection.execute("FROM t").fetchall() == [(2,)]


def test_a_relation_of_cursors_is_no_temporary_table() -> None:
    shared = replace(relation("shared"), temporary=False)
    with duckdb.connect() as connection:
        connection.execute(f"{shared.create} AS SELECT 1 AS n")
        connection.execute(f"{relation('own').create} AS SELECT 1 AS n")
        with connection.cursor() as cursor:
            assert cursor.execute("FROM shared").fetchall() == [(1,)]
            with pytest.raises(duckdb.CatalogException, match="own does not exist"):
                cursor.execute("FROM own")


def test_what_is_there_is_not_made_again() -> None:
    table = relation("t")
    with duckdb.connect() as connection:
        connection.execute(table.create_if_missing())
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute(table.create_if_missing())
        assert connection.execute("FROM t").fetchall() == [(1,)]
