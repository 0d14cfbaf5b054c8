"""The invented people are as the engines' measures take them to be: households, twins, marriages,
moves, and a fifth of the records another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from schemas.identifiers import VALIDITY
from tests.bench.peers.invented import write_people
from tests.bench.peers.sampled import COLUMNS
from tests.support.queries import scalar

RECORDS = 20_000


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    out: Path = tmp_path_factory.mktemp("invented") / "people.parquet"
    rows = write_people(RECORDS, out)
    with duckdb.connect() as connection:
        connection.execute(VALIDITY)
        connection.execute(f"CREATE TABLE people AS FROM '{out}'")
        connection.execute(
            "CREATE VIEW pairs AS SELECT l, r FROM people AS l JOIN people AS r ON l.cluster "
            "= r.cluster AND l.uid < r.uid"
        )
        assert scalar(connection, "SELECT count(*) FROM people") == rows
        yield connection


def test_about_as_many_records_as_asked_for_and_a_fifth_are_further_ones(people):
    assert abs(scalar(people, "SELECT count(*) FROM people") - RECORDS) < RECORDS / 50
    assert 0.17 < scalar(people, "SELECT 1 - count(DISTINCT cluster) / count(*) FROM people") < 0.22
    assert scalar(people, "SELECT count(*) = count(DISTINCT uid) FROM people")
    assert {name for name, *_ in people.execute("DESCRIBE people").fetchall()} == {
        "uid",
        "cluster",
        *COLUMNS,
    }


def test_nobody_bears_the_codes_and_each_identifies_one_person(people):
    assert (
        scalar(people, "SELECT count(*) FROM people WHERE NOT identity_code_valid(identity_code)")
        == 0
    )
    assert scalar(people, "SELECT count(*) FROM people WHERE identity_code[8:8] <> '9'") == 0
    assert (
        scalar(
            people,
            (
                "SELECT max(n) FROM (SELECT count(DISTINCT cluster) AS n FROM people WHERE "
                "identity_code IS NOT NULL GROUP BY identity_code)"
            ),
        )
        == 1
    )


def test_records_of_one_person_differ_as_they_do_in_life(people):
    share = "SELECT avg(({})::INTEGER) FROM pairs"
    assert 0.05 < scalar(people, share.format("l.family_name <> r.family_name")) < 0.2
    assert 0.1 < scalar(people, share.format("l.postcode <> r.postcode")) < 0.3
    assert 0.02 < scalar(people, share.format("l.birth_date <> r.birth_date")) < 0.1
    assert (
        scalar(people, "SELECT count(*) FROM people WHERE given_names = '' OR family_name = ''")
        == 0
    )


def test_there_are_twins_and_shared_mailboxes_of_several_people(people):
    twins = (
        "SELECT count(*) FROM (SELECT 1 FROM people WHERE street IS NOT NULL GROUP BY "
        "birth_date, street, family_name HAVING count(DISTINCT cluster) > 1)"
    )
    assert scalar(people, twins) > 5
    shared = (
        "SELECT count(*) FROM (SELECT email FROM people GROUP BY email HAVING count(DISTINCT "
        "cluster) BETWEEN 2 AND 5)"
    )
    assert scalar(people, shared) > 50


def test_what_is_drawn_for_one_thing_reveals_nothing_of_another(people):
    """Households with correlated draws would be one crowd of look-alikes."""
    crowd = (
        "SELECT max(n) FROM (SELECT count(DISTINCT cluster) AS n FROM people WHERE street IS NOT "
        "NULL GROUP BY family_name, postcode)"
    )
    assert scalar(people, crowd) < 60


def test_the_same_number_of_records_is_the_same_table(people, tmp_path):
    write_people(RECORDS, tmp_path / "again.parquet")
    assert (
        scalar(
            people, f"SELECT count(*) FROM (FROM people EXCEPT FROM '{tmp_path / 'again.parquet'}')"
        )
        == 0
    )
