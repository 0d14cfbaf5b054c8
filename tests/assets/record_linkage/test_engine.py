"""The engine joins records of one person, keeps others apart, and needs the roles only."""

from __future__ import annotations

import pytest

from assets.record_linkage.engine import Linked
from assets.record_linkage.model import Model, ModelError
from assets.record_linkage.roles import Role, Roles, RolesError
from tests.assets.record_linkage.invented import Table, identity_code, population

HOME = {"street": "Koivukuja 5 A 3", "postcode": "33100", "town": "TAMPERE"}
BORN = "1971-06-24"
ONE, OTHER = identity_code(BORN, 1), identity_code(BORN, 2)
Grouped = tuple[dict[str, list[str]], Linked]


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
        table = population(500, seed=11, codes=codes)
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
        table = population(400, seed=13)
        clusters, _ = table.link(without=(*without, "code"))
        precision, recall = table.quality(clusters)
        assert precision >= 0.9
        assert recall >= 0.7

    def test_blocking_rules_are_measured(self, town):
        _, linked = town
        assert all(
            set(row) >= {"name", "pairs", "new_links", "per_thousand", "dropped"}
            for row in linked.report.blocking_rules
        )
        assert (
            sum(int(row["new_pairs"]) for row in linked.report.blocking_rules)
            == linked.report.candidate_pairs
        )


# People of the cases below, each with a name, a home and a birthday of their own, so that one town
# has all of them, and one run links them.
HOMES = [
    {"street": f"{street} {number}", "postcode": postcode, "town": town}
    for number, (street, postcode, town) in enumerate(
        (
            ("Koivukuja", "33100", "TAMPERE"),
            ("Rantatie", "20100", "TURKU"),
            ("Kirkkokatu", "90100", "OULU"),
            ("Asemakatu", "40100", "JYVÄSKYLÄ"),
            ("Satamatie", "48100", "KOTKA"),
            ("Torikatu", "80100", "JOENSUU"),
            ("Niittypolku", "70100", "KUOPIO"),
            ("Mäntytie", "15110", "LAHTI"),
            ("Puistokatu", "65100", "VAASA"),
            ("Jokitie", "26100", "RAUMA"),
            ("Harjukatu", "50100", "MIKKELI"),
            ("Tehtaankatu", "28100", "PORI"),
        ),
        5,
    )
]
SLIPS: dict[str, dict[str, str | None]] = {
    "names exchanged": {"first": "{last}", "last": "Kerttu"},
    "another day": {"born": "1971-06-25"},
    "two letters exchanged": {"last": "{slip}"},
    "a letter too many": {"first": "Kertttu"},
    "the flat left out, in capitals": {"street": "{street}"},
    "no birthday": {"born": None},
}
SURNAMES = ("Bergman", "Lindroos", "Kankainen", "Mustonen", "Pesonen", "Rautio")


def slipped(number: int, change: dict[str, str | None]) -> list[dict[str, str]]:
    """A person, and the same with a slip."""
    last, home = SURNAMES[number], HOMES[number]
    person = {"first": "Kerttu", "last": last, "born": BORN} | home
    person["street"] += " A 3"
    filled = {
        "last": last,
        "slip": f"{last[0]}{last[2]}{last[1]}{last[3:]}",
        "street": home["street"].upper(),
    }
    changed = {name: value and value.format(**filled) for name, value in change.items()}
    return [person, {name: value for name, value in (person | changed).items() if value}]


TWO_PEOPLE: dict[str, list[dict[str, str]]] = {
    "twins": [
        {"first": first, "last": "Hakkarainen", "born": BORN, "phone": "+358509999999", **HOMES[6]}
        for first in ("Aino", "Kerttu")
    ],
    "a household": [
        {
            "first": first,
            "last": "Tikkanen",
            "born": born,
            "email": "tikkaset@example.fi",
            "phone": "+358509999998",
            **HOMES[7],
        }
        for first, born in (
            ("Aino", "1950-02-03"),
            ("Eero", "1952-12-30"),
            ("Saga", "1980-07-11"),
            ("Ilmari", "1983-04-05"),
        )
    ],
    "father and son of one name": [
        {"first": "Matti", "last": "Sillanpää", "born": born, **HOMES[8]}
        for born in ("1950-01-01", "1982-10-23")
    ],
    "a contact of three people, which is no key": [
        {"first": first, "last": last, "email": "info@example.fi"}
        for first, last in (
            ("Aino", "Vesterinen"),
            ("Eero", "Korpi"),
            ("Saga", "Lampi"),
            ("Aino", "Kanto"),
        )
    ],
}
ONE_PERSON: dict[str, list[dict[str, str]]] = {
    "spellings of one person, who share no contact": [
        {"first": first, "last": "Juvonen", "born": BORN, "email": "aleksandra@example.fi"}
        for first in ("Aleksandra", "Aleksandar", "A.", "Alexandra")
    ],
    "married and moved": [
        {"first": "Kerttu", "last": last, "born": BORN, "email": "kerttu71@example.fi", **home}
        for last, home in (("Ruotsalainen", HOMES[9]), ("Korpela", HOMES[10]))
    ],
    "a former name": [
        {"first": "Kerttu", "last": last, "born": BORN} for last in ("Korte-Auvinen", "Auvinen")
    ],
    **{slip: slipped(number, change) for number, (slip, change) in enumerate(SLIPS.items())},
}
BY_CODE: dict[str, list[dict[str, str]]] = {
    "one code": [
        {"first": "Aino", "last": "Berg", "born": BORN, "code": ONE},
        {"first": "Saga", "last": "Korpi", "code": ONE},
    ],
    "two codes": [
        {"first": "Aino", "last": "Bergman", "born": BORN, "email": "aino.b@example.fi"}
        | HOMES[0]
        | ({"code": identity_code(BORN, number)} if number else {})
        for number in (3, 0, 4)
    ],
    "nearer": [
        {"first": "Aino", "last": "Lindroos", "born": born, **HOMES[1]}
        | ({"code": code} if code else {})
        for born, code in (
            (BORN, identity_code(BORN, 5)),
            (BORN, ""),
            ("1948-01-30", identity_code("1948-01-30", 4)),
        )
    ],
    "century": [
        {"first": "Aino", "last": "Kankainen", "code": identity_code(born, 1), **HOMES[2]}
        for born in ("1905-01-01", "2005-01-01")
    ],
}


def linked_with(table: Table, cases: dict[str, list[dict[str, str]]]) -> Grouped:
    """One run over the table and the people of these cases: the cluster of each of a case's
    records.
    """
    for case, people in cases.items():
        for number, known in enumerate(people):
            table.add(f"{case} {number}", **known)
    clusters, linked = table.link()
    grouped = {
        case: [clusters[f"{case} {number}"] for number in range(len(people))]
        for case, people in cases.items()
    }
    return grouped, linked


@pytest.fixture(scope="module")
def town() -> Grouped:
    return linked_with(population(300, seed=3), TWO_PEOPLE | ONE_PERSON)


@pytest.fixture(scope="module")
def coded_town() -> Grouped:
    return linked_with(population(300, seed=3, codes=True), BY_CODE)


class TestCodes:
    def test_one_code_is_one_person_with_any_names(self, coded_town):
        clusters, _ = coded_town
        assert len(set(clusters["one code"])) == 1

    def test_two_codes_never_meet_not_even_through_a_third_record(self, coded_town):
        clusters, linked = coded_town
        assert len(set(clusters["two codes"])) == 3, "as near to one as to the other: joins neither"
        assert clusters["two codes"][1] == "two codes 1"
        assert linked.report.two_code_clusters == 0

    def test_nearer_code_wins(self, coded_town):
        near, between, far = coded_town[0]["nearer"]
        assert near == between != far

    def test_century_sign_is_part_of_the_code(self, coded_town):
        assert len(set(coded_town[0]["century"])) == 2

    def test_weights_are_calibrated_without_the_codes(self, coded_town):
        """The codes are the labels: if they counted, every pair of one code would weigh most."""
        _, linked = coded_town
        table = linked.report.calibration["table"]
        assert (
            0
            < sum(row["one_person"] for row in table if row["bits"] < 16)
            < sum(row["one_person"] for row in table)
        )

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


class TestPeople:
    @pytest.mark.parametrize("case", TWO_PEOPLE)
    def test_who_are_alike_stay_apart(self, town, case):
        assert len(set(town[0][case])) == len(TWO_PEOPLE[case])

    def test_a_contact_of_three_people_is_counted(self, town):
        assert town[1].report.shared_contacts >= 1

    @pytest.mark.parametrize("case", ONE_PERSON)
    def test_who_change_or_are_misspelled_are_one(self, town, case):
        assert len(set(town[0][case])) == 1


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
