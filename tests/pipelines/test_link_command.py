"""`register link` links a file of people by the roles of its columns, and says what is wrong when
it cannot.
"""

from __future__ import annotations

import json
import re
import sys

import duckdb
import pytest
import yaml

from pipelines.cli.main import main
from tests.assets.record_linkage.invented import ROLES, population


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
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def arguments(people, *more: object, file: str = "people.parquet") -> list[object]:
    return [
        people / file,
        "--roles",
        people / "roles.yaml",
        "--out",
        people / "clusters.parquet",
        *more,
    ]


def test_writes_a_cluster_for_every_row_in_order(people, capsys, monkeypatch):
    code, out, _ = run(
        capsys,
        monkeypatch,
        *arguments(
            people, "--explain", people / "pairs.parquet", "--stages", people / "stages.duckdb"
        ),
    )
    assert code == 0
    assert "people" in out
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT row, uid, cluster FROM '{people / 'clusters.parquet'}'"
        ).fetchall()
        keys = [
            key
            for (key,) in connection.execute(
                f"SELECT uid FROM '{people / 'people.parquet'}'"
            ).fetchall()
        ]
        pairs = connection.execute(f"FROM '{people / 'pairs.parquet'}'").to_arrow_table()
    assert [key for _, key, _ in rows] == keys
    assert [row for row, _, _ in rows] == list(range(len(keys)))
    bits = [name for name in pairs.column_names if name.endswith("_bits")]
    for row in pairs.slice(0, 50).to_pylist():
        assert row["start"] + sum(row[name] for name in bits) == pytest.approx(
            row["weight"], abs=0.02
        )
    with duckdb.connect(str(people / "stages.duckdb"), read_only=True) as stages:
        assert {"linkage_records", "linkage_candidates", "linkage_pairs", "linkage_clusters"} <= {
            name for (name,) in stages.execute("SHOW TABLES").fetchall()
        }


def test_csv_gives_the_same(people, capsys, monkeypatch):
    answers = []
    for file in ("people.parquet", "people.csv"):
        assert run(capsys, monkeypatch, *arguments(people, file=file))[0] == 0
        with duckdb.connect() as connection:
            answers.append(
                connection.execute(f"FROM '{people / 'clusters.parquet'}' ORDER BY row").fetchall()
            )
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
    ("change", "message"),
    [
        ({"roles": "first: nickel"}, "unknown role nickel"),
        ({"roles": "[: no"}, "not YAML"),
        ({"roles": "surname: family_name\nborn: birth_date"}, "no column surname"),
        ({"file": "nobody.parquet"}, "there is no file"),
        ({"file": "roles.yaml"}, "neither as Parquet"),
        ({"model": "{}"}, "this is no model"),
    ],
)
def test_says_what_is_wrong_in_one_line(people, capsys, monkeypatch, change, message):
    if "roles" in change:
        (people / "roles.yaml").write_text(change["roles"])
    if "model" in change:
        (people / "model.json").write_text(change["model"])
    code, _, err = run(
        capsys,
        monkeypatch,
        *arguments(
            people, "--model", people / "model.json", file=change.get("file", "people.parquet")
        ),
    )
    assert code == 1
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (people / "clusters.parquet").exists()


class TestOnto:
    """`--onto` links a file to the records of an earlier run, and adds them."""

    @pytest.fixture
    def stages(self, people, capsys, monkeypatch):
        """Everybody but twenty records, linked and kept; `late.parquet` are those."""
        with duckdb.connect() as connection:
            everybody = (
                "SELECT *, row_number() OVER (ORDER BY hash(uid)) AS n FROM '"
                f"{people / 'people.parquet'}'"
            )
            for name, condition in (("early", "n > 20"), ("late", "n <= 20")):
                connection.execute(
                    f"COPY (SELECT * EXCLUDE (n) FROM ({everybody}) WHERE {condition}) TO '"
                    f"{people / name}.parquet'"
                )
        stages = people / "stages.duckdb"
        assert (
            run(capsys, monkeypatch, *arguments(people, "--stages", stages, file="early.parquet"))[
                0
            ]
            == 0
        )
        return stages

    def clusters(self, stages):
        with duckdb.connect(str(stages), read_only=True) as connection:
            return dict(connection.execute("SELECT key, cluster FROM linkage_out").fetchall())

    def test_adds_new_records_and_returns_their_clusters(self, people, stages, capsys, monkeypatch):
        before = self.clusters(stages)
        code, out, _ = run(
            capsys, monkeypatch, *arguments(people, "--onto", stages, "--json", file="late.parquet")
        )
        report, after = json.loads(out), self.clusters(stages)
        assert code == 0
        assert (report["records"], report["two_code_clusters"], len(after)) == (
            20,
            0,
            len(before) + 20,
        )
        assert sum(after[key] == cluster for key, cluster in before.items()) >= len(before) - 2
        with duckdb.connect() as connection:
            answer = connection.execute(
                f"SELECT uid, cluster FROM '{people / 'clusters.parquet'}' ORDER BY row"
            ).fetchall()
        assert dict(answer).items() <= after.items()
        assert (
            "20 records arrived"
            in run(capsys, monkeypatch, *arguments(people, "--onto", stages, file="late.parquet"))[
                1
            ]
        )
        assert self.clusters(stages) == after

    def test_a_full_run_keeps_cluster_ids_and_reports_the_drift(
        self, people, stages, capsys, monkeypatch
    ):
        run(capsys, monkeypatch, *arguments(people, "--onto", stages, file="late.parquet"))
        before = self.clusters(stages)
        code, out, _ = run(capsys, monkeypatch, *arguments(people, "--stages", stages, "--json"))
        drift, after = json.loads(out)["drift"], self.clusters(stages)
        assert code == 0
        assert drift["records"] == len(before) == len(after)
        assert (
            drift["changed"] == sum(after[key] != cluster for key, cluster in before.items()) <= 3
        )
        assert stages.stat().st_mode & 0o777 == 0o600

    def test_says_what_is_wrong(self, people, stages, capsys, monkeypatch):
        assert run(capsys, monkeypatch, *arguments(people, "--onto", stages, "--learn"))[0] == 2
        code, _, err = run(
            capsys, monkeypatch, *arguments(people, "--onto", people / "people.parquet")
        )
        assert code == 1
        assert "no stages" in err


def test_wrong_usage_is_2(people, capsys, monkeypatch):
    assert run(capsys, monkeypatch, people / "people.parquet")[0] == 2


class TestTablesBesideThePeople:
    def written(self, people, name, text):
        (people / name).write_text(text)
        return people / name

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("one,other\np0,p1\n", "needs the columns one, other, same"),
            ("one,other,same\np0,p1,maybe\n", "something other than true or false"),
            ("one,other,same\np0,,true\n", "1 rows leave one of one, other, same empty"),
        ],
    )
    def test_decisions_that_cannot_be_read_are_refused_without_their_values(
        self, people, capsys, monkeypatch, text, message
    ):
        code, out, err = run(
            capsys,
            monkeypatch,
            *arguments(people, "--decisions", self.written(people, "decisions.csv", text)),
        )
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert message in err
        assert "maybe" not in err
        assert not (people / "clusters.parquet").exists()

    def test_decisions_of_a_csv_hold(self, people, capsys, monkeypatch):
        with duckdb.connect() as connection:
            first, other = (
                key
                for (key,) in connection.execute(
                    f"SELECT uid FROM '{people / 'people.parquet'}' LIMIT 2"
                ).fetchall()
            )
            for same in ("true", "false"):
                decisions = self.written(
                    people, "decisions.csv", f"one,other,same\n{first},{other},{same}\n"
                )
                assert (
                    run(capsys, monkeypatch, *arguments(people, "--decisions", decisions))[0] == 0
                )
                clusters = connection.execute(
                    f"SELECT DISTINCT cluster FROM '{people / 'clusters.parquet'}' WHERE uid "
                    f"IN ('{first}', '{other}')"
                ).fetchall()
                assert len(clusters) == (1 if same == "true" else 2)

    def test_aliases_need_identity_numbers(self, people, capsys, monkeypatch):
        (people / "roles.yaml").write_text(
            json.dumps(
                {
                    "columns": {
                        column: role for column, role in ROLES.items() if role != "identity_number"
                    }
                }
            )
        )
        code, _, err = run(
            capsys,
            monkeypatch,
            *arguments(people, "--aliases", self.written(people, "aliases.csv", "old,new\na,b\n")),
        )
        assert code == 1
        assert "identity_number" in err


def test_odd_names_of_columns_do_no_harm(people, capsys, monkeypatch):
    odd = people / "odd.parquet"
    roles = {'k"ey': "key", "select": "given_name", "la'st": "family_name", "ä b": "birth_date"}
    with duckdb.connect() as connection:
        values = (
            connection.execute(f"SELECT uid, first, last, born FROM '{people / 'people.parquet'}'")
            .to_arrow_table()
            .rename_columns(list(roles))
        )
        connection.register("given", values)
        connection.execute(f"COPY given TO '{odd}'")
        (people / "roles.yaml").write_text(json.dumps(roles))
        code, _, err = run(capsys, monkeypatch, *arguments(people, file="odd.parquet"))
        assert (code, err) == (0, "")
        clusters = connection.execute(f"FROM '{people / 'clusters.parquet'}'").to_arrow_table()
    assert clusters['k"ey'] == values['k"ey']


def test_more_than_can_be_compared_is_refused(people, capsys, monkeypatch):
    columns = [f"text{number}" for number in range(22)]
    with duckdb.connect() as connection:
        also = ", ".join(f"uid AS {column}" for column in columns)
        connection.execute(
            f"COPY (SELECT *, {also} FROM '{people / 'people.parquet'}') TO '"
            f"{people / 'wide.parquet'}'"
        )
    (people / "roles.yaml").write_text(
        json.dumps({"columns": ROLES | dict.fromkeys(columns, "free_text")})
    )
    code, _, err = run(capsys, monkeypatch, *arguments(people, file="wide.parquet"))
    assert code == 1
    assert "at most 21" in err


def test_a_key_that_is_taken_for_a_source_is_refused(people, capsys, monkeypatch):
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT range AS source, 'Anna' AS first, 'Aho' AS last FROM range(2000)) "
            f"TO '{people / 'many.parquet'}'"
        )
    (people / "roles.yaml").write_text(
        json.dumps({"source": "source", "first": "given_name", "last": "family_name"})
    )
    code, _, err = run(capsys, monkeypatch, *arguments(people, file="many.parquet"))
    assert code == 1
    assert "2000 sources" in err


def test_a_column_has_one_role(people, capsys, monkeypatch):
    (people / "roles.yaml").write_text(
        json.dumps({"given_name": "first", "family_name": ["last", "first"]})
    )
    code, _, err = run(capsys, monkeypatch, *arguments(people))
    assert code == 1
    assert "column first has several roles" in err


class TestHarmsNothing:
    """An output is a plain file of its own; all are written, or none."""

    @pytest.mark.parametrize(
        ("option", "path"),
        [
            ("--out", "people.parquet"),
            ("--out", "roles.yaml"),
            ("--out", "linked.parquet"),
            ("--pairs", "clusters.parquet"),
            ("--explain", "folder"),
            ("--report", "/dev/null"),
        ],
    )
    def test_an_output_that_is_something_else_is_refused(
        self, people, capsys, monkeypatch, option, path
    ):
        (people / "linked.parquet").hardlink_to(people / "people.parquet")
        (people / "folder").mkdir()
        before = (people / "people.parquet").read_bytes()
        given = [people / "people.parquet", "--roles", people / "roles.yaml"]
        out = [] if option == "--out" else ["--out", people / "clusters.parquet"]
        code, _, err = run(capsys, monkeypatch, *given, *out, option, people / path)
        assert (code, len(err.strip().splitlines())) in ((1, 1), (2, 3), (2, 4))
        assert (people / "people.parquet").read_bytes() == before
        assert not (people / "clusters.parquet").exists()

    def test_what_fails_leaves_no_file(self, people, capsys, monkeypatch):
        def fails(*_: object, **__: object) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("assets.record_linkage.linkage_report.page", fails)
        code, _, err = run(
            capsys,
            monkeypatch,
            *arguments(people, "--model", people / "m.json", "--report", people / "r.html"),
        )
        assert code == 1
        assert "no space left" in err
        assert {path.name for path in people.iterdir()} == {
            "people.parquet",
            "people.csv",
            "roles.yaml",
        }

    def test_a_column_twice_in_the_roles_is_an_error(self, people, capsys, monkeypatch):
        (people / "roles.yaml").write_text("first: given_name\nlast: family_name\nfirst: email\n")
        code, _, err = run(capsys, monkeypatch, *arguments(people))
        assert (code, "first is there twice" in err) == (1, True)


class TestModels:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda model: model["mix"].update(careful=float("nan")), "no model"),
            (lambda model: model.update(slope=float("inf")), "no model"),
            (lambda model: model["fields"][0]["levels"][0].update(random=7.0), "no model"),
            (lambda model: model["fields"][0]["levels"].pop(), "no model"),
            (lambda model: model.pop("alike"), "no model"),
            (lambda model: model.update(records=3), "3 records"),
        ],
    )
    def test_one_that_is_broken_is_refused(self, people, capsys, monkeypatch, change, message):
        model = people / "model.json"
        run(capsys, monkeypatch, *arguments(people, "--model", model))
        (people / "clusters.parquet").unlink()
        document = json.loads(model.read_text())
        change(document)
        model.write_text(json.dumps(document))
        code, _, err = run(capsys, monkeypatch, *arguments(people, "--model", model))
        assert (code, message in err) == (1, True)
        assert not (people / "clusters.parquet").exists()


class TestFormats:
    def test_compressed_csv_and_duckdb_give_the_same(self, people, capsys, monkeypatch):
        with duckdb.connect(str(people / "people.duckdb")) as connection:
            connection.execute(f"CREATE TABLE people AS FROM '{people / 'people.parquet'}'")
            connection.execute("CREATE TABLE other AS SELECT 1 AS uid")
            connection.execute(f"COPY people TO '{people / 'people.csv.gz'}' (COMPRESSION gzip)")
        answers = []
        for file, more in (
            ("people.parquet", ()),
            ("people.csv.gz", ()),
            ("people.duckdb", ("--table", "people")),
        ):
            assert run(capsys, monkeypatch, *arguments(people, *more, file=file))[0] == 0
            with duckdb.connect() as connection:
                answers.append(
                    connection.execute(
                        f"FROM '{people / 'clusters.parquet'}' ORDER BY row"
                    ).fetchall()
                )
        assert answers[0] == answers[1] == answers[2]
        code, _, err = run(capsys, monkeypatch, *arguments(people, file="people.duckdb"))
        assert (code, "other, people" in err) == (1, True)

    def test_pairs_and_the_report_have_no_values(self, people, capsys, monkeypatch):
        code, _, _ = run(
            capsys,
            monkeypatch,
            *arguments(people, "--pairs", people / "pairs.csv", "--report", people / "r.html"),
        )
        assert code == 0
        page = (people / "r.html").read_text()
        assert page.count("<svg") >= 3
        assert "example.fi" not in page
        assert "<script" not in page
        assert set(re.findall(r"https?://[^\"' ]+", page)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }
        header = (people / "pairs.csv").read_text().splitlines()[0]
        assert header == "one,other,weight,probability,linked"

    def test_roles_are_guessed_for_confirmation(self, people, capsys, monkeypatch):
        code, out, _ = run(capsys, monkeypatch, people / "people.csv", "--guess-roles")
        assert code == 0
        guessed = yaml.safe_load(out)
        assert (
            guessed.items()
            >= {
                "first": "given_name",
                "last": "family_name",
                "born": "birth_date",
                "email": "email",
                "phone": "phone",
                "town": "town",
            }.items()
        )

    def test_almost_nothing_linked_warns_and_names_the_columns(self, people, capsys, monkeypatch):
        (people / "roles.yaml").write_text(json.dumps({"uid": "key", "town": "town"}))
        code, _, err = run(capsys, monkeypatch, *arguments(people))
        assert code == 0
        assert "almost nothing is linked" in err
        assert "town" in err


def test_a_name_of_a_megabyte_is_cut(people, capsys, monkeypatch):
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (
                SELECT * REPLACE (CASE WHEN uid IN (SELECT min(uid) FROM '{people}/people.parquet')
                    THEN repeat('Aino', 250000) ELSE first END AS first)
                FROM '{people}/people.parquet') TO '{people}/long.parquet'"""
        )
    assert run(capsys, monkeypatch, *arguments(people, file="long.parquet"))[0] == 0
