"""Both sides run on one table, and give every row a cluster; the peer is configured for every
set.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from assets.record_linkage.roles import Roles
from tests.assets.record_linkage.invented import population
from tests.bench.peers.quality import of_files
from tests.bench.peers.sets import HOUSE, PUBLIC, SAMPLED

COLUMNS = {
    "first": "given_names",
    "last": "family_name",
    "born": "birth_date",
    "code": "identity_code",
}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    with duckdb.connect() as connection:
        population(400, seed=17).load(connection)
        columns = ", ".join(
            f"{name} AS {COLUMNS.get(name, name)}"
            for name in (
                "first",
                "last",
                "born",
                "street",
                "postcode",
                "town",
                "email",
                "phone",
                "code",
            )
        )
        connection.execute(
            f"COPY (SELECT row_number() OVER () AS uid, {columns}, person AS cluster FROM "
            f"people) TO '{tmp_path}/people.parquet'"
        )
    return tmp_path / "people.parquet"


def test_splink_learns_and_links_and_gives_the_same_with_its_model(people, tmp_path):
    def run(name: str) -> Path:
        command = [
            sys.executable,
            "-m",
            "tests.bench.peers.splink_run",
            "sampled",
            str(people),
            str(tmp_path / name),
            "--model",
            str(tmp_path / "m.json"),
        ]
        subprocess.run(command, check=True, capture_output=True, cwd=HOUSE)
        return tmp_path / name

    measured = of_files(str(people), str(run("learned.parquet")))
    assert measured.precision > 0.8
    assert measured.recall > 0.6
    assert (tmp_path / "m.json").exists()
    assert of_files(str(people), str(run("modelled.parquet"))) == measured


def test_every_set_has_roles_that_are_roles_and_settings_of_the_peer():
    from tests.bench.peers.splink_settings import CONFIGURATIONS

    for people_set in (*PUBLIC, *SAMPLED):
        assert people_set.peer in CONFIGURATIONS
        Roles.of({**people_set.roles, "uid": "key"})
