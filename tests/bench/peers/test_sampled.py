"""The table of people that the engines are measured on holds what the sources deliver, once each,
with the truth beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipelines.synthetic.assembly import write_sample
from tests.bench.peers.sampled import COLUMNS, write_people
from tests.bench.peers.sets import SAMPLED
from tests.support.queries import scalar

REGISTRANTS = 300


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    home: Path = tmp_path_factory.mktemp("sampled")
    for name in ("inbox", "truth"):
        (home / name).mkdir()
    write_sample(
        home / "inbox",
        home / "truth",
        registrants=REGISTRANTS,
        seed=5,
        days=3,
        last_day=date(2026, 11, 22),
    )
    rows = write_people(home, home / "people.parquet")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW people AS FROM '{home / 'people.parquet'}'")
        connection.execute(f"CREATE VIEW true_people AS FROM '{home / 'truth' / 'people.parquet'}'")
        assert scalar(connection, "SELECT count(*) FROM people") == rows
        yield connection


def test_every_row_has_a_number_of_its_own_and_hardly_any_lacks_a_truth(people):
    rows = scalar(people, "SELECT count(*) FROM people")
    assert scalar(people, "SELECT count(DISTINCT uid) FROM people") == rows
    assert scalar(people, "SELECT count(cluster) FROM people") >= 0.98 * rows
    assert scalar(people, "SELECT count(DISTINCT cluster) FROM people") > REGISTRANTS / 2


def test_people_of_the_register_and_of_the_crm_are_there_as_delivered(people):
    filled = people.execute(
        f"SELECT {', '.join(f'count({name}) / count(*)' for name in COLUMNS)} FROM people"
    ).fetchall()[0]
    assert all(0.2 < share <= 1 for share in filled), dict(zip(COLUMNS, filled, strict=True))
    registered = (
        "FROM people JOIN true_people ON person = cluster WHERE phone IS NULL AND email IS NULL "
        "AND people.identity_code IS NOT NULL"
    )
    assert (
        scalar(
            people,
            f"SELECT avg((people.identity_code = true_people.identity_code)::INTEGER) {registered}",
        )
        > 0.95
    )
    assert (
        scalar(
            people,
            f"SELECT avg((people.family_name = true_people.family_name)::INTEGER) {registered}",
        )
        > 0.8
    )


def test_people_are_there_more_than_once(people):
    pairs = (
        "SELECT sum(n * (n - 1) / 2) FROM (SELECT count(*) AS n FROM people WHERE cluster IS NOT "
        "NULL GROUP BY cluster)"
    )
    assert scalar(people, pairs) > REGISTRANTS / 5


def test_roles_name_columns_that_are_there(people):
    there = {name for name, *_ in people.execute("DESCRIBE people").fetchall()}
    assert all(set(each.roles) <= there for each in SAMPLED)
