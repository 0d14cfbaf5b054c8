"""What is no evidence is not taken for any: unreadable dates, empty columns, initials, households, contacts."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from assets.record_linkage import (
    blocking_rules,
    comparison_levels,
    expectation_maximisation,
    fields,
    standardisation,
    u_probabilities,
)
from assets.record_linkage.roles import Roles
from assets.record_linkage.value_hashes import Hashes
from tests.assets.record_linkage.invented import population

NAMES = {"first": "given_name", "last": "family_name"}


def spelt(
    connection: duckdb.DuckDBPyConnection, rows: list[dict[str, object]], roles: dict[str, str]
) -> tuple[str, ...]:
    """Make `linkage_records` of the rows, in their order by `uid`; answers its columns."""
    connection.register("said", pa.Table.from_pylist(rows))
    connection.execute("CREATE OR REPLACE TABLE people AS FROM said")
    return standardisation.normalise(
        connection, "people", Roles.of({"uid": "key", **roles})
    ).columns


class TestBirthDates:
    @pytest.mark.parametrize("said", ["", "unknown", "?", "n.a."])
    def test_that_cannot_be_read_are_missing(self, said):
        with duckdb.connect() as connection:
            spelt(
                connection,
                [{"uid": "a", "last": "Aho", "born": said}],
                {"last": "family_name", "born": "birth_date"},
            )
            assert connection.execute("SELECT born, born_year FROM linkage_records").fetchall() == [
                (None, None)
            ]

    @pytest.mark.parametrize(
        ("parts", "read"),
        [
            (("1970", "3", "9"), ("19700309", "1970")),
            (("1970.0", "03", None), ("19700300", "1970")),
            (("unknown", "3", "9"), (None, None)),
            (("1970", "March", "?"), (None, "1970")),
        ],
    )
    def test_in_parts(self, parts, read):
        row = dict(zip(("year", "month", "day"), parts, strict=True))
        with duckdb.connect() as connection:
            spelt(
                connection,
                [{"uid": "a", **row}],
                {"year": "birth_year", "month": "birth_month", "day": "birth_day"},
            )
            assert connection.execute("SELECT born, born_year FROM linkage_records").fetchall() == [
                read
            ]


def test_of_a_column_without_values_nobody_is_alike_by_chance():
    with duckdb.connect() as connection:
        rows = [{"uid": f"u{number}", "last": f"Aho{number}", "town": None} for number in range(50)]
        compared = fields.fields_of(
            spelt(
                connection,
                [*rows, {"uid": "v", "last": "Aho1", "town": "Oulu"}],
                {"last": "family_name", "town": "town"},
            )
        )
        assert u_probabilities.shares_of(Hashes(connection), compared).alike["town"] < 0.02
        random = u_probabilities.of_levels(
            connection,
            Hashes(connection),
            compared,
            u_probabilities.shares_of(Hashes(connection), compared).alike,
        )
    place = [field.name for field in compared].index("town")
    differs = len(compared[place].levels)
    assert random[place, differs] > compared[place].levels[-1].match, (
        "differing is no evidence for one person"
    )


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("I.", "B.", "differs"),
        ("Bo", "Bi", "differs"),
        ("Bo", "B.", "initial"),
        ("Eva", "Eve", "near"),
        ("Matti", "Mattu", "near"),
    ],
)
def test_short_first_names_are_no_slip_of_each_other(one, other, level):
    with duckdb.connect() as connection:
        compared = fields.fields_of(
            spelt(
                connection,
                [
                    {"uid": uid, "first": first, "last": "Aho"}
                    for uid, first in (("a", one), ("b", other))
                ],
                NAMES,
            )
        )
        given = next(field for field in compared if field.name == "given")
        number = 1 + [each.name for each in given.levels].index(level)
        assert connection.execute(
            f"SELECT {given.level()} FROM linkage_records AS l JOIN linkage_records AS r ON l.id < r.id"
        ).fetchone() == (number,)
        assert comparison_levels.patterns(
            connection, Hashes(connection), (given,), np.array([0]), np.array([1])
        ).tolist() == [number]


def test_households_agree_mostly_on_what_they_share():
    """Pairs that differ in everything shared are not what the household kind is for, however many there are."""
    compared = fields.fields_of(("given", "family", "street"))
    differ = [len(field.levels) for field in compared]
    random = np.ones((len(compared), expectation_maximisation.WIDTH))
    for place in range(len(compared)):
        random[place, 1 : differ[place] + 1] = 1e-3
        random[place, differ[place]] = 1 - 1e-3 * (differ[place] - 1)
    heaps = np.zeros(
        (expectation_maximisation.KINDS, len(compared), expectation_maximisation.WIDTH)
    )
    heaps[expectation_maximisation.HOUSEHOLD, np.arange(len(compared)), differ] = 1e6
    heaps[expectation_maximisation.HOUSEHOLD, :, 1] = 1.0
    shared = np.array([field.shared for field in compared])
    learned = expectation_maximisation._maximise(
        heaps, expectation_maximisation.beginnings(compared, random), shared, ~shared
    )
    for place in np.flatnonzero(shared):
        assert (
            learned[expectation_maximisation.HOUSEHOLD, place, differ[place]]
            <= expectation_maximisation.DIFFER_SHARED + 0.01
        )


def test_contacts_are_keys_of_their_own_where_pairs_are_dear(monkeypatch):
    """What three people share is left out, so that an e-mail does not cost what a household's home costs."""
    monkeypatch.setattr(blocking_rules, "FREE_PAIRS", 0)
    monkeypatch.setattr(blocking_rules, "WORTH", 0.1)
    with duckdb.connect() as connection:
        population(1200, seed=29, copies=0.1).load(connection)
        roles = {
            "uid": "key",
            **NAMES,
            "street": "street",
            "postcode": "postcode",
            "email": "email",
        }
        columns = standardisation.normalise(connection, "people", Roles.of(roles)).columns
        chosen = [one.name for one in blocking_rules.choose(Hashes(connection), columns)]
    assert "e-mail" in chosen


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("matti.aho17@posti.example", "matti.aho42@posti.example", "differs"),
        ("matti.aho17@posti.example", "matti.ahp17@posti.example", "near"),
        ("kesamokki17@posti.example", "kesamokki18@posti.example", "near"),
    ],
)
def test_mailboxes_of_namesakes_with_other_numbers_are_two(one, other, level):
    rows = [
        {"uid": uid, "first": "Matti", "last": "Aho", "mail": mail}
        for uid, mail in (("a", one), ("b", other))
    ]
    with duckdb.connect() as connection:
        compared = fields.fields_of(spelt(connection, rows, {**NAMES, "mail": "email"}))
        email = next(field for field in compared if field.name == "email")
        number = 1 + [each.name for each in email.levels].index(level)
        assert comparison_levels.patterns(
            connection, Hashes(connection), (email,), np.array([0]), np.array([1])
        ).tolist() == [number]


def test_an_identity_number_that_two_share_is_rarer_than_any_name():
    with duckdb.connect() as connection:
        spelt(
            connection,
            [
                {"uid": f"u{one}", "last": f"Aho{one // 2}", "code": f"C{one // 2}"}
                for one in range(40)
            ],
            {"last": "family_name", "code": "identity_number"},
        )
        shares = u_probabilities.shares_of(
            Hashes(connection), fields.fields_of(("family", "number"))
        )
    assert (shares.logs["number"] < shares.logs["family"]).all()


@pytest.mark.parametrize("said", ["1900-01-01", "01.01.1900", "9999-12-31", "0000-00-00"])
def test_birth_dates_that_systems_make_up_are_missing(said):
    with duckdb.connect() as connection:
        spelt(
            connection,
            [{"uid": "a", "last": "Aho", "born": said}],
            {"last": "family_name", "born": "birth_date"},
        )
        assert connection.execute("SELECT born, born_year FROM linkage_records").fetchall() == [
            (None, None)
        ]
