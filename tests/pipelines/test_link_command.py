"""`register link` links a file of people by the roles of its columns, and says what is wrong when it cannot."""

from __future__ import annotations

import json
import sys

import duckdb
import pytest

from pipelines.command.main import main
from tests.assets.linkage.invented import ROLES, population


@pytest.fixture
def people(tmp_path):
    """A Parquet file, and the roles of its columns."""
    with duckdb.connect() as connection:
        population(150, seed=4, codes=True).load(connection)
        connection.execute(f"COPY people TO '{tmp_path / 'people.parquet'}'")
        connection.execute(f"COPY people TO '{tmp_path / 'people.csv'}'")
    (tmp_path / "roles.yaml").write_text(json.dumps({"columns": ROLES}))
    return tmp_path


def run(capsys, monkeypatch, *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["register", "link", *map(str, arguments)])
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def arguments(people, *more: object, file: str = "people.parquet") -> list[object]:
    return [people / file, "--roles", people / "roles.yaml", "--out", people / "clusters.parquet", *more]


def test_writes_a_cluster_for_every_row_in_order(people, capsys, monkeypatch):
    code, out, _ = run(capsys, monkeypatch, *arguments(people, "--explain", people / "pairs.parquet", "--stages", people / "stages.duckdb"))
    assert code == 0
    assert "people" in out
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT row, uid, cluster FROM '{people / 'clusters.parquet'}'").fetchall()
        keys = [key for (key,) in connection.execute(f"SELECT uid FROM '{people / 'people.parquet'}'").fetchall()]
        pairs = connection.execute(f"FROM '{people / 'pairs.parquet'}'").to_arrow_table()
    assert [key for _, key, _ in rows] == keys
    assert [row for row, _, _ in rows] == list(range(len(keys)))
    bits = [name for name in pairs.column_names if name.endswith("_bits")]
    for row in pairs.slice(0, 50).to_pylist():
        assert row["start"] + sum(row[name] for name in bits) == pytest.approx(row["weight"], abs=0.02)
    with duckdb.connect(str(people / "stages.duckdb"), read_only=True) as stages:
        assert {"linkage_records", "linkage_candidates", "linkage_pairs", "linkage_clusters"} <= {name for (name,) in stages.execute("SHOW TABLES").fetchall()}


def test_csv_gives_the_same(people, capsys, monkeypatch):
    answers = []
    for file in ("people.parquet", "people.csv"):
        assert run(capsys, monkeypatch, *arguments(people, file=file))[0] == 0
        with duckdb.connect() as connection:
            answers.append(connection.execute(f"FROM '{people / 'clusters.parquet'}' ORDER BY row").fetchall())
    assert answers[0] == answers[1]


def test_model_is_written_and_used(people, capsys, monkeypatch):
    model = people / "model.json"
    code, out, _ = run(capsys, monkeypatch, *arguments(people, "--model", model, "--json"))
    assert code == 0
    first, written = json.loads(out), model.read_text()
    assert json.loads(written)["version"] == 1
    code, out, _ = run(capsys, monkeypatch, *arguments(people, "--model", model, "--json"))
    assert code == 0
    assert json.loads(out)["clusters"] == first["clusters"]
    assert model.read_text() == written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"roles": "first: nickel"}, "unknown role nickel"),
        ({"roles": "[: no"}, "not YAML"),
        ({"roles": "surname: family_name\nborn: birth_date"}, "no column surname"),
        ({"file": "nobody.parquet"}, "there is no file"),
        ({"file": "roles.yaml"}, "neither as Parquet"),
        ({"model": "{}"}, "this is no model"),
    ],
)
def test_says_what_is_wrong_in_one_line(people, capsys, monkeypatch, change, told):
    if "roles" in change:
        (people / "roles.yaml").write_text(change["roles"])
    if "model" in change:
        (people / "model.json").write_text(change["model"])
    code, _, err = run(capsys, monkeypatch, *arguments(people, "--model", people / "model.json", file=change.get("file", "people.parquet")))
    assert code == 1
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not (people / "clusters.parquet").exists()


def test_wrong_usage_is_2(people, capsys, monkeypatch):
    assert run(capsys, monkeypatch, people / "people.parquet")[0] == 2
