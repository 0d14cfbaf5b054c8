"""The engine joins records of one person, keeps others apart, and needs the roles only."""

from __future__ import annotations

import pytest

from assets.record_linkage.model import Model, ModelError
from assets.record_linkage.roles import Role, Roles, RolesError
from tests.assets.record_linkage.invented import Table, identity_code, population

HOME = {"street": "Koivukuja 5 A 3", "postcode": "33100", "town": "TAMPERE"}
BORN = "1971-06-24"
ONE, OTHER = identity_code(BORN, 1), identity_code(BORN, 2)


@pytest.fixture
def table() -> Table:
    """A town of people to estimate the model from; the tests add their own."""
    return population(300, seed=3)


@pytest.fixture
def coded() -> Table:
    return population(300, seed=3, codes=True)


def joined(clusters: dict[str, str], *keys: str) -> bool:
    return len({clusters[key] for key in keys}) == 1


class TestQuality:
    @pytest.mark.parametrize("codes", [False, True])
    def test_on_a_synthetic_population(self, codes):
        table = population(700, seed=11, codes=codes)
        clusters, linked = table.link()
        precision, recall = table.quality(clusters)
        assert precision >= 0.98
        assert recall >= 0.95
        assert linked.report.two_code_clusters == 0
        assert linked.report.code_scheme == ("finnish" if codes else "none")
        assert linked.report.clusters == len(set(clusters.values()))

    @pytest.mark.parametrize(
        "without", [("email", "phone"), ("street", "postcode", "town"), ("born",), ("first",)]
    )
    def test_with_fewer_columns(self, without):
        table = population(500, seed=13)
        clusters, _ = table.link(without=(*without, "code"))
        precision, recall = table.quality(clusters)
        assert precision >= 0.9
        assert recall >= 0.7

    def test_blocking_rules_are_measured(self, table):
        _, linked = table.link()
        assert all(
            set(row) >= {"name", "pairs", "new_links", "per_thousand", "dropped"}
            for row in linked.report.blocking_rules
        )
        assert (
            sum(int(row["new_pairs"]) for row in linked.report.blocking_rules)
            == linked.report.candidate_pairs
        )


class TestCodes:
    def test_one_code_is_one_person_with_any_names(self, coded):
        coded.add("x", first="Aino", last="Berg", born=BORN, code=ONE)
        coded.add("y", first="Saga", last="Korpi", code=ONE)
        clusters, _ = coded.link()
        assert joined(clusters, "x", "y")

    def test_weights_are_calibrated_without_the_codes(self, coded):
        """The codes are the labels: if they counted, every pair of one code would weigh most."""
        _, linked = coded.link()
        table = linked.report.calibration["table"]
        assert (
            0
            < sum(row["one_person"] for row in table if row["bits"] < 16)
            < sum(row["one_person"] for row in table)
        )

    def test_two_codes_never_meet_not_even_through_a_third_record(self, coded):
        for key, code in (("x", ONE), ("z", OTHER), ("y", None)):
            coded.add(
                key,
                first="Aino",
                last="Bergman",
                born=BORN,
                email="aino.bergman@example.fi",
                **HOME,
                **({"code": code} if code else {}),
            )
        clusters, linked = coded.link()
        assert not joined(clusters, "x", "z")
        assert linked.report.two_code_clusters == 0
        assert clusters["y"] == "y", "as near to x as to z: it joins neither"

    def test_nearer_code_wins(self, coded):
        coded.add("x", first="Aino", last="Bergman", born=BORN, code=ONE, **HOME)
        coded.add(
            "z",
            first="Aino",
            last="Bergman",
            born="1948-01-30",
            code=identity_code("1948-01-30", 4),
            **HOME,
        )
        coded.add("y", first="Aino", last="Bergman", born=BORN, **HOME)
        clusters, _ = coded.link()
        assert joined(clusters, "x", "y")
        assert not joined(clusters, "x", "z")

    def test_century_sign_is_part_of_the_code(self, coded):
        for key, born in (("x", "1905-01-01"), ("y", "2005-01-01")):
            coded.add(key, first="Aino", last="Bergman", code=identity_code(born, 1), **HOME)
        clusters, _ = coded.link()
        assert not joined(clusters, "x", "y")

    def test_corrected_code_is_an_alias(self, coded):
        for key, code in (("x", ONE), ("y", OTHER)):
            coded.add(key, first="Aino", last="Bergman", born=BORN, code=code)
        third = identity_code(BORN, 3)
        clusters, linked = coded.link(
            aliases=f"""SELECT *
            FROM (VALUES ('{ONE}', '{third}'), ('{third}', '{OTHER}')) AS aliases(old, new)"""
        )
        assert joined(clusters, "x", "y")
        assert linked.report.two_code_clusters == 0

    def test_numbers_with_slips_are_evidence_and_no_more(self):
        """A column that follows no scheme, and is wrong now and then, neither decides nor
        vetoes."""
        table = population(400, seed=5, codes=True)
        table.rows = [
            row
            if row.code is None
            else type(row)(
                **{
                    **vars(row),
                    "code": str(
                        1_000_000 + row.person * 7919 + (row.uid[-1] == "b") * (row.person % 3 == 0)
                    ),
                }
            )
            for row in table.rows
        ]
        clusters, linked = table.link()
        precision, recall = table.quality(clusters)
        assert linked.report.code_scheme == "none"
        assert min(precision, recall) >= 0.95


class TestPeopleWhoAreAlike:
    def test_twins_stay_apart(self, table):
        table.add("x", first="Aino", last="Bergman", born=BORN, phone="+358509999999", **HOME)
        table.add("y", first="Kerttu", last="Bergman", born=BORN, phone="+358509999999", **HOME)
        clusters, _ = table.link()
        assert not joined(clusters, "x", "y")

    def test_households_stay_apart(self, table):
        for key, first, born in (
            ("a", "Aino", "1950-02-03"),
            ("b", "Eero", "1952-12-30"),
            ("c", "Saga", "1980-07-11"),
            ("d", "Ilmari", "1983-04-05"),
        ):
            table.add(
                key,
                first=first,
                last="Bergman",
                born=born,
                email="bergmanit@example.fi",
                phone="+358509999999",
                **HOME,
            )
        clusters, _ = table.link()
        assert len({clusters[key] for key in "abcd"}) == 4

    def test_father_and_son_of_one_name_stay_apart(self, table):
        table.add("x", first="Matti", last="Bergman", born="1950-01-01", **HOME)
        table.add("y", first="Matti", last="Bergman", born="1982-10-23", **HOME)
        clusters, _ = table.link()
        assert not joined(clusters, "x", "y")

    def test_contact_of_three_people_is_no_key(self, table):
        for key, first, last in (
            ("a", "Aino", "Bergman"),
            ("b", "Eero", "Korpi"),
            ("c", "Saga", "Lampi"),
        ):
            table.add(key, first=first, last=last, email="info@example.fi")
        table.add("d", first="Aino", last="Kanto", email="info@example.fi")
        clusters, linked = table.link()
        assert linked.report.shared_contacts >= 1
        assert len({clusters[key] for key in "abcd"}) == 4

    def test_spellings_of_one_person_share_no_contact(self, table):
        for key, first in (
            ("a", "Aleksandra"),
            ("b", "Aleksandar"),
            ("c", "A."),
            ("d", "Alexandra"),
        ):
            table.add(key, first=first, last="Bergman", born=BORN, email="aleksandra@example.fi")
        clusters, _ = table.link()
        assert joined(clusters, *"abcd")


class TestPeopleWhoChange:
    def test_married_and_moved(self, table):
        table.add(
            "x", first="Kerttu", last="Bergman", born=BORN, email="kerttu71@example.fi", **HOME
        )
        table.add(
            "y",
            first="Kerttu",
            last="Korpi",
            born=BORN,
            email="kerttu71@example.fi",
            street="Rantatie 9",
            postcode="00100",
            town="HELSINKI",
        )
        clusters, _ = table.link()
        assert joined(clusters, "x", "y")

    @pytest.mark.parametrize(
        "change",
        [
            {"first": "Bergman", "last": "Kerttu"},
            {"born": "1971-06-25"},
            {"last": "Bregman"},
            {"first": "Kertttu"},
            {"street": "KOIVUKUJA 5"},
            {"born": None},
        ],
    )
    def test_slips(self, table, change):
        person = {"first": "Kerttu", "last": "Bergman", "born": BORN, **HOME}
        table.add("x", **person)
        table.add("y", **{name: value for name, value in (person | change).items() if value})
        clusters, _ = table.link()
        assert joined(clusters, "x", "y")

    def test_former_name_is_a_name(self, table):
        with_former = Table(table.rows)
        with_former.add("x", first="Kerttu", last="Korpi-Bergman", born=BORN)
        with_former.add("y", first="Kerttu", last="Bergman", born=BORN)
        clusters, _ = with_former.link()
        assert joined(clusters, "x", "y")


class TestDecisions:
    PAIR = "SELECT 'x' AS one, 'y' AS other, {} AS same"

    def test_same_joins_and_different_separates(self, table):
        table.add("x", first="Aino", last="Bergman", born=BORN, **HOME)
        table.add("y", first="Kerttu", last="Korpi", born="1950-01-01")
        assert joined(table.link(decisions=self.PAIR.format("true"))[0], "x", "y")
        table.add("z", first="Aino", last="Bergman", born=BORN, **HOME)
        assert joined(table.link()[0], "x", "z")
        apart = table.link(decisions="SELECT 'z' AS one, 'x' AS other, false AS same")[0]
        assert not joined(apart, "x", "z")

    def test_different_holds_through_third_records(self, table):
        for key in "xyz":
            table.add(key, first="Aino", last="Bergman", born=BORN, **HOME)
        clusters, _ = table.link(decisions=self.PAIR.format("false"))
        assert not joined(clusters, "x", "y")

    def test_same_does_not_outweigh_two_codes(self, coded):
        coded.add("x", first="Aino", last="Bergman", code=ONE)
        coded.add("y", first="Aino", last="Bergman", code=OTHER)
        clusters, linked = coded.link(decisions=self.PAIR.format("true"))
        assert not joined(clusters, "x", "y")
        assert linked.report.two_code_clusters == 0


class TestWhole:
    def test_order_of_rows_does_not_matter(self):
        table = population(250, seed=5, codes=True)
        runs = [table.link(shuffle=shuffle) for shuffle in (None, 1, 2)]
        assert runs[0][0] == runs[1][0] == runs[2][0]
        assert (
            runs[0][1].model.to_json() == runs[1][1].model.to_json() == runs[2][1].model.to_json()
        )

    def test_saved_model_gives_the_same(self, table):
        clusters, linked = table.link()
        again, _ = table.link(model=Model.from_json(linked.model.to_json()))
        assert again == clusters

    def test_model_of_other_columns_is_refused(self, table):
        _, linked = table.link(without=("email",))
        with pytest.raises(ModelError, match="email"):
            table.link(model=linked.model)

    @pytest.mark.parametrize("rows", [0, 1, 2])
    def test_hardly_any_records(self, rows):
        table = Table(population(5, seed=1, copies=0).rows[:rows])
        clusters, linked = table.link()
        assert len(clusters) == linked.report.records == rows

    def test_only_across_sources(self):
        table = population(200, seed=7)
        rows = [{**vars(row), "source": row.uid[-1]} for row in table.rows]
        rows += [{**rows[0], "uid": "p1x", "source": "a"}]
        clusters = link_rows(
            rows,
            {
                "uid": "key",
                "first": "given_name",
                "last": "family_name",
                "born": "birth_date",
                "street": "street",
                "source": "source",
            },
        )
        assert clusters["p1x"] != clusters[rows[0]["uid"]], "a source has one record of a person"

    def test_lists_and_other_types(self):
        table = population(200, seed=9)
        rows = [
            {
                **vars(row),
                "mails": [row.email] if row.email else [],
                "names": [row.first],
                "day": row.born,
            }
            for row in table.rows
        ]
        clusters = link_rows(
            rows,
            {
                "uid": "key",
                "names": "given_name",
                "last": "family_name",
                "day": "birth_date",
                "mails": "email",
            },
            casts={"day": "DATE"},
        )
        assert clusters["p00001a"] in clusters.values()
        precision, recall = table.quality(clusters)
        assert min(precision, recall) >= 0.9


def link_rows(
    rows: list[dict[str, object]], roles: dict[str, str], casts: dict[str, str] | None = None
) -> dict[str, str]:
    import duckdb
    import pyarrow as pa

    from assets.record_linkage.engine import link_table

    with duckdb.connect() as connection:
        connection.register("rows", pa.Table.from_pylist(rows))
        changed = ", ".join(
            f"{column}::{kind} AS {column}" for column, kind in (casts or {}).items()
        )
        connection.execute(
            f"CREATE TABLE people AS SELECT * {f'REPLACE ({changed})' if changed else ''} FROM rows"
        )
        link_table(connection, "people", Roles.of(roles))
        return dict(connection.execute("SELECT key, cluster FROM linkage_out").fetchall())


class TestRoles:
    @pytest.mark.parametrize(
        "mapping",
        [
            {"surname": "family name"},
            {"columns": {"surname": "Family-Name"}},
            {"family_name": ["sukunimi"]},
            {"family name": "sukunimi"},
        ],
    )
    def test_are_read_in_either_direction(self, mapping):
        assert Roles.of(mapping)[Role.FAMILY_NAME] in (("surname",), ("sukunimi",))

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            ({"a": "nickel"}, "nickel"),
            ([], "mapping"),
            ({"uid": "key"}, "no column"),
            ({"a": "birth_date", "b": "birth_date"}, "birth_date is the role of 2 columns"),
        ],
    )
    def test_unknown_ones_are_refused(self, mapping, message):
        with pytest.raises(RolesError, match=message):
            Roles.of(mapping)

    def test_of_missing_columns_are_refused(self, table):
        rows = [vars(row) for row in table.rows[:3]]
        with pytest.raises(RolesError, match="no column surname"):
            link_rows(rows, {"surname": "family_name"})

    def test_the_key_must_be_unique_and_is_not_quoted(self, table):
        rows = [{**vars(row), "uid": "secret"} for row in table.rows[:3]]
        with pytest.raises(RolesError, match="repeated in 2") as refused:
            link_rows(rows, {"uid": "key", "last": "family_name"})
        assert "secret" not in str(refused.value)
