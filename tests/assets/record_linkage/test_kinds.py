"""Each cause of a bad linkage on a small table of its kind: sources, copies, years, scripts,
nicknames, twins."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from assets.record_linkage import fields, format_inference, standardisation, u_probabilities
from assets.record_linkage.dates import DatePart
from assets.record_linkage.engine import Linked, link_table
from assets.record_linkage.roles import Roles
from assets.record_linkage.value_hashes import ValueHashes
from tests.assets.record_linkage.invented import Row, Table, population
from tests.bench.peers.kinds import KINDS, table_of
from tests.bench.peers.quality import Quality, quality

NAMES = {"first": "given_name", "last": "family_name"}


def link(table: pa.Table, roles: dict[str, str]) -> tuple[dict[str, str], Linked]:
    """The cluster of each `uid`, and the report."""
    with duckdb.connect() as connection:
        connection.register("rows", table)
        connection.execute("CREATE TABLE people AS FROM rows")
        linked = link_table(connection, "people", Roles.of({"uid": "key", **roles}))
        return dict(connection.execute("SELECT key, cluster FROM linkage_out").fetchall()), linked


def quality_of(kind: str, records: int, seed: int = 3) -> Quality:
    table = table_of(kind, records, seed)
    clusters, _ = link(table, KINDS[kind].roles)
    uids = table["uid"].to_pylist()
    judged = pa.table({"truth": table["cluster"], "cluster": [clusters[uid] for uid in uids]})
    with duckdb.connect() as connection:
        connection.register("judged", judged)
        return quality(connection, "judged")


@pytest.mark.parametrize(
    ("kind", "records", "least"),
    [
        ("two_censuses", 2500, 0.93),
        ("soldiers_and_census", 2500, 0.75),
        ("hundreds_each", 1500, 0.95),
        ("half_missing", 2000, 0.7),
        ("people_and_companies", 159, 0.9),
    ],
)
def test_each_kind_of_table_is_linked(kind, records, least):
    assert quality_of(kind, records).f1 >= least


def test_names_a_letter_apart_with_contacts_of_their_own_stay_two():
    table = population(300, seed=3)
    home = {"street": "Koivukuja 5", "postcode": "33100", "town": "TAMPERE", "born": "1971-06-24"}
    pairs = [("Jani", "Joni"), ("Anna", "Anni"), ("Maria", "Marja"), ("Mika", "Mikko")]
    for number, pair in enumerate(pairs):
        for place, first in enumerate(pair):
            table.add(
                f"{number} {first}",
                first=first,
                last=("Vesterinen", "Korpinen", "Lampela", "Kantola")[number],
                email=f"{first}{number}@example.fi".lower(),
                phone=f"05000{number}{place}{place + 3}{place + 5}99",
                **home,
            )
    clusters, _ = table.link(without=("code",))
    assert all(
        clusters[f"{number} {first}"] != clusters[f"{number} {second}"]
        for number, (first, second) in enumerate(pairs)
    )


def test_nicknames_and_spellings_are_no_twins():
    table = population(300, seed=3)
    home = {"street": "Koivukuja 5", "postcode": "33100", "town": "TAMPERE", "born": "1971-06-24"}
    for first in ("William", "Bill"):
        table.add(first, first=first, last="Vesterinen", **home)
    clusters, _ = table.link(without=("code",))
    assert clusters["William"] == clusters["Bill"]


class TestSources:
    def test_records_without_a_source_are_linked(self):
        table = population(200, seed=7)
        rows = [{**vars(row), "source": None} for row in table.rows]
        schema = pa.schema([(name, pa.string()) for name in rows[0] if name != "person"])
        roles = {**NAMES, "born": "birth_date", "street": "street", "source": "source"}
        clusters, _ = link(pa.Table.from_pylist(rows, schema=schema), roles)
        assert table.quality(clusters)[1] >= 0.8

    def test_the_prior_counts_only_pairs_of_two_sources(self):
        """A large source beside a small one: most pairs are within the large one."""
        linked = link(table_of("two_censuses", 1500, 3), KINDS["two_censuses"].roles)[1]
        sources = table_of("two_censuses", 1500, 3)["source"].to_pylist()
        across = sources.count("1850") * sources.count("part")
        assert 0.5 <= linked.model.priors[:3].sum() * across / sources.count("part") <= 1.3


COPIED = {"first": "Kerttu", "last": "Juvonen", "born": "1971-06-24", "phone": "+35850123456"}


class TestCopies:
    @pytest.mark.parametrize("copies", [70, 300])
    def test_any_number_of_equal_rows_is_one_person(self, copies):
        table = population(200, seed=3)
        for number in range(copies):
            table.add(f"copy {number}", **COPIED)
        clusters, linked = table.link(without=("code",))
        assert len({clusters[f"copy {number}"] for number in range(copies)}) == 1
        assert linked.report.candidate_pairs < 200_000

    def test_equal_rows_with_a_frequent_name_and_nothing_else_are_not(self):
        rows = [Row(person=number, first="Matti", last="Virtanen") for number in range(80)]
        rows += [
            Row(person=100 + number, first=f"Nimi{number}", last="Virtanen") for number in range(80)
        ]
        table = Table(
            [Row(**{**vars(row), "uid": f"u{number}"}) for number, row in enumerate(rows)]
        )
        clusters, _ = table.link(without=("code", "born", "street", "email", "phone", "town"))
        assert len(set(clusters.values())) > 100

    def test_records_of_one_person_beyond_the_size_of_a_block_are_joined(self):
        table = population(200, seed=3)
        for number in range(90):
            table.add(f"r {number}", street=f"Tie {number}", **COPIED)
        clusters, _ = table.link(without=("code",))
        assert len({clusters[f"r {number}"] for number in range(90)}) == 1


class TestYears:
    @pytest.mark.parametrize(
        ("left", "right", "level"),
        [
            ("1840", "1840", "exact"),
            ("1840", "1841", "next"),
            ("1847", "1874", "slip"),
            ("1840", "1850", "slip"),
            ("1840", "1842", "slip"),
            ("1849", "1852", "near"),
            ("1840", "1871", "differs"),
        ],
    )
    def test_near_ones_are_evidence(self, left, right, level):
        with duckdb.connect() as connection:
            connection.execute(
                f"""CREATE TABLE people AS
                SELECT * FROM (VALUES ('a', 'Aho', '{left}'), ('b', 'Aho', '{right}'))
                AS people(uid, last, year)"""
            )
            roles = Roles.of({"uid": "key", "last": "family_name", "year": "birth_date"})
            columns = standardisation.standardise(connection, "people", roles).columns
            year = next(each for each in fields.fields_of(columns) if each.name == "born_year")
            assert connection.execute(
                f"""SELECT {year.level()} FROM linkage_records AS l
                JOIN linkage_records AS r ON l.id < r.id"""
            ).fetchone() == (1 + [each.name for each in year.levels].index(level),)

    def test_ages_are_compared_like_years(self):
        table = table_of("two_censuses", 1500, 5)
        clusters, linked = link(table, {**KINDS["two_censuses"].roles, "age": "age"})
        assert "born_year" in linked.model.fields
        assert len(set(clusters.values())) < len(clusters)


def test_five_slips_do_not_change_the_order_of_five_thousand_dates():
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE people AS
            SELECT (1 + i % 28) || '/' || (1 + i % 12) || '/' || (1950 + i % 50) AS born
            FROM range(5000) AS range(i)
            UNION ALL
            SELECT (40 + i) || '/3/1970' FROM range(5) AS range(i)"""
        )
        assert format_inference.infer_date_part(connection, "people", "born") == DatePart.DAY


def test_a_country_that_follows_from_the_surname_is_rare_once():
    """Of one surname all are of one country; the sex does not follow from it."""
    rows = [
        {
            "uid": str(number),
            "first": ("Aino", "Eero", "Kerttu", "Saga", "Ilmari")[number % 1000 // 200],
            "last": chr(97 + number % 200 // 15) * 3 + chr(97 + number % 200 % 15) * 4,
            "country": f"Maa{number % 200 % 40}",
            "sex": "mf"[number % 7 % 2],
        }
        for number in range(4000)
    ]
    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_pylist(rows))
        connection.execute("CREATE TABLE people AS FROM rows")
        roles = Roles.of({"uid": "key", **NAMES, "country": "free_text", "sex": "free_text"})
        compared = fields.fields_of(
            standardisation.standardise(connection, "people", roles).columns
        )
        hashes = ValueHashes(connection)
        agreement = u_probabilities.value_shares(hashes, compared).agreement
        dependence = u_probabilities.estimate_dependence(connection, hashes, compared, agreement)
    assert dependence["text0"] > 0.9
    assert dependence["text1"] < 0.1


def test_shares_count_a_person_once():
    table = Table([Row(person=0, first="Aino", last=f"Suku{number}") for number in range(6)])
    table.rows += [Row(person=1, first="Saga", last="Korpi", town=str(n)) for n in range(6)]
    table.rows = [Row(**{**vars(row), "uid": f"u{n}"}) for n, row in enumerate(table.rows)]
    with duckdb.connect() as connection:
        table.load(connection)
        roles = Roles.of({"uid": "key", **NAMES, "town": "town"})
        compared = fields.fields_of(
            standardisation.standardise(connection, "people", roles).columns
        )
        hashes = ValueHashes(connection)
        last = connection.execute("SELECT family FROM linkage_records ORDER BY id").fetchall()
        people = np.array([0 if name == ("korpi",) else 1 + n for n, name in enumerate(last)])
        log2 = u_probabilities.value_shares(hashes, compared, people=people).log2["given"]
    korpi = np.array([name == ("korpi",) for name in last])
    assert log2[korpi].max() < log2[~korpi].min()


@pytest.mark.parametrize(
    ("written", "latin"),
    [
        (("Владимир", "Петров"), ("Vladimir", "Petrov")),
        (("Γιώργος", "Παπαδάκης"), ("Giorgos", "Papadakis")),
        (("محمد", "حسن"), ("Mohammed", "Hassan")),
        (("伟", "张"), ("Wei", "Zhang")),
        (("Юрий", "Хорошев"), ("Yuri", "Khoroshev")),
    ],
)
def test_names_in_another_script_are_near_their_latin_forms(written, latin):
    rows = [
        {"uid": uid, "first": first, "last": last}
        for uid, (first, last) in (("a", written), ("b", latin))
    ]
    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_pylist(rows))
        connection.execute("CREATE TABLE people AS FROM rows")
        columns = standardisation.standardise(
            connection, "people", Roles.of({"uid": "key", **NAMES})
        ).columns
        for name in ("given", "family"):
            field = next(each for each in fields.fields_of(columns) if each.name == name)
            (number,) = connection.execute(
                f"""SELECT {field.level()} FROM linkage_records AS l
                JOIN linkage_records AS r ON l.id < r.id"""
            ).fetchone() or (0,)
            assert field.levels[number - 1].name in ("exact", "near"), field.name


def test_middle_names_and_initials_are_a_field():
    table = population(200, seed=3)
    rows = [
        {"uid": row.uid, "first": f"{row.first} {second}", "last": row.last}
        for row, second in zip(table.rows, ("Aino", "B.") * 500, strict=False)
    ]
    _, linked = link(pa.Table.from_pylist(rows), NAMES)
    assert "middle" in linked.model.fields
