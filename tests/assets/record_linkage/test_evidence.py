"""What is no evidence does not count: unreadable dates, empty columns, initials, households,
contacts."""

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
from assets.record_linkage.value_hashes import ValueHashes
from tests.assets.record_linkage.invented import population

NAMES = {"first": "given_name", "last": "family_name"}


def standardise(
    connection: duckdb.DuckDBPyConnection, rows: list[dict[str, object]], roles: dict[str, str]
) -> tuple[str, ...]:
    """Make `linkage_records` of the rows, in their order by `uid`; returns its columns."""
    connection.register("rows", pa.Table.from_pylist(rows))
    connection.execute("CREATE OR REPLACE TABLE people AS FROM rows")
    return standardisation.standardise(
        connection, "people", Roles.of({"uid": "key", **roles})
    ).columns


class TestBirthDates:
    @pytest.mark.parametrize("text", ["", "unknown", "?", "n.a."])
    def test_unreadable_ones_are_missing(self, text):
        with duckdb.connect() as connection:
            standardise(
                connection,
                [{"uid": "a", "last": "Aho", "born": text}],
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
            standardise(
                connection,
                [{"uid": "a", **row}],
                {"year": "birth_year", "month": "birth_month", "day": "birth_day"},
            )
            assert connection.execute("SELECT born, born_year FROM linkage_records").fetchall() == [
                read
            ]


def test_an_almost_empty_column_has_a_low_random_agreement():
    with duckdb.connect() as connection:
        rows = [{"uid": f"u{number}", "last": f"Aho{number}", "town": None} for number in range(50)]
        compared = fields.fields_of(
            standardise(
                connection,
                [*rows, {"uid": "v", "last": "Aho1", "town": "Oulu"}],
                {"last": "family_name", "town": "town"},
            )
        )
        assert (
            u_probabilities.value_shares(ValueHashes(connection), compared).agreement["town"] < 0.02
        )
        random = u_probabilities.estimate_u(
            connection,
            ValueHashes(connection),
            compared,
            u_probabilities.value_shares(ValueHashes(connection), compared).agreement,
        )
    position = [field.name for field in compared].index("town")
    differs = len(compared[position].levels)
    assert random[position, differs] > compared[position].levels[-1].match, (
        "differing is no evidence for one person"
    )


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("I.", "B.", "differs"),
        ("Bo", "Bi", "differs"),
        ("Bo", "B.", "initial"),
        ("Eva", "Eve", "near"),
        ("Matti", "Mattu", "near"),
    ],
)
def test_short_first_names_that_differ_are_no_slip(left, right, level):
    with duckdb.connect() as connection:
        compared = fields.fields_of(
            standardise(
                connection,
                [
                    {"uid": uid, "first": first, "last": "Aho"}
                    for uid, first in (("a", left), ("b", right))
                ],
                NAMES,
            )
        )
        given = next(field for field in compared if field.name == "given")
        number = 1 + [each.name for each in given.levels].index(level)
        assert connection.execute(
            f"""SELECT {given.level()}
            FROM linkage_records AS l
            JOIN linkage_records AS r ON l.id < r.id"""
        ).fetchone() == (number,)
        assert comparison_levels.patterns(
            connection, ValueHashes(connection), (given,), np.array([0]), np.array([1])
        ).tolist() == [number]


def test_households_agree_mostly_on_what_they_share():
    """Many pairs that differ in everything shared do not redefine the household kind."""
    compared = fields.fields_of(("given", "family", "street"))
    differ = [len(field.levels) for field in compared]
    random = np.ones((len(compared), expectation_maximisation.WIDTH))
    for position in range(len(compared)):
        random[position, 1 : differ[position] + 1] = 1e-3
        random[position, differ[position]] = 1 - 1e-3 * (differ[position] - 1)
    expected = np.zeros(
        (expectation_maximisation.KINDS, len(compared), expectation_maximisation.WIDTH)
    )
    expected[expectation_maximisation.HOUSEHOLD, np.arange(len(compared)), differ] = 1e6
    expected[expectation_maximisation.HOUSEHOLD, :, 1] = 1.0
    shared = np.array([field.shared for field in compared])
    estimated = expectation_maximisation._maximise(
        expected, expectation_maximisation.initial_probabilities(compared, random), shared, ~shared
    )
    for position in np.flatnonzero(shared):
        assert (
            estimated[expectation_maximisation.HOUSEHOLD, position, differ[position]]
            <= expectation_maximisation.DIFFER_SHARED + 0.01
        )


def test_contacts_are_blocking_rules_even_where_pairs_are_costly(monkeypatch):
    """Contacts of three people are left out, so that an e-mail costs less than an address."""
    monkeypatch.setattr(blocking_rules, "FREE_PAIRS", 0)
    monkeypatch.setattr(blocking_rules, "MIN_GAIN", 0.1)
    with duckdb.connect() as connection:
        population(1200, seed=29, copies=0.1).load(connection)
        roles = {
            "uid": "key",
            **NAMES,
            "street": "street",
            "postcode": "postcode",
            "email": "email",
        }
        columns = standardisation.standardise(connection, "people", Roles.of(roles)).columns
        chosen = [
            rule.name for rule in blocking_rules.choose_rules(ValueHashes(connection), columns)
        ]
    assert "e-mail" in chosen


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("matti.aho17@posti.example", "matti.aho42@posti.example", "differs"),
        ("matti.aho17@posti.example", "matti.ahp17@posti.example", "near"),
        ("kesamokki17@posti.example", "kesamokki18@posti.example", "near"),
    ],
)
def test_mailboxes_of_namesakes_differ_by_their_numbers(left, right, level):
    rows = [
        {"uid": uid, "first": "Matti", "last": "Aho", "mail": mail}
        for uid, mail in (("a", left), ("b", right))
    ]
    with duckdb.connect() as connection:
        compared = fields.fields_of(standardise(connection, rows, {**NAMES, "mail": "email"}))
        email = next(field for field in compared if field.name == "email")
        number = 1 + [each.name for each in email.levels].index(level)
        assert comparison_levels.patterns(
            connection, ValueHashes(connection), (email,), np.array([0]), np.array([1])
        ).tolist() == [number]


def test_an_identity_number_of_two_records_is_rarer_than_any_name():
    with duckdb.connect() as connection:
        standardise(
            connection,
            [
                {"uid": f"u{row}", "last": f"Aho{row // 2}", "code": f"C{row // 2}"}
                for row in range(40)
            ],
            {"last": "family_name", "code": "identity_number"},
        )
        shares = u_probabilities.value_shares(
            ValueHashes(connection), fields.fields_of(("family", "number"))
        )
    assert (shares.log2["number"] < shares.log2["family"]).all()


@pytest.mark.parametrize("text", ["1900-01-01", "01.01.1900", "9999-12-31", "0000-00-00"])
def test_placeholder_birth_dates_are_missing(text):
    with duckdb.connect() as connection:
        standardise(
            connection,
            [{"uid": "a", "last": "Aho", "born": text}],
            {"last": "family_name", "born": "birth_date"},
        )
        assert connection.execute("SELECT born, born_year FROM linkage_records").fetchall() == [
            (None, None)
        ]
