"""Which records are about somebody on the suppression list: by a strong identifier, or a contact and nothing against it."""

from __future__ import annotations

from datetime import date

import pytest

from assets import suppression
from assets.home import Home, copy_parquet
from assets.sources.source import STATEMENT_MACROS

ERASED = [
    "contact_id:1",
    "customer_number:C1",
    "email:maija@xn--hyry-5qa.fi",
    "phone:+358401234501",
]
DAY = date(2026, 11, 22)


@pytest.fixture
def listed(home: Home) -> Home:
    """A data root whose list names Maija, and whose register knows another contact."""
    with home.connect() as connection:
        connection.execute("CREATE TABLE erased AS SELECT unnest(?::VARCHAR[]) AS id", [ERASED])
        suppression.add(
            home, connection, "SELECT id AS identifier, 'Q1' AS request_id FROM erased", DAY
        )
        copy_parquet(
            connection,
            "SELECT 'R2' AS registrant_id, 'contact_id' AS type, '2' AS value",
            home.register("identifiers"),
        )
    return home


def kept_out(home: Home, identifiers: list[str], given_on: date | None = None) -> bool:
    with home.connect() as connection:
        suppression.prepare(home, connection)
        connection.execute(
            """CREATE TEMP TABLE rows AS SELECT 0::BIGINT AS record_no, 'k' AS record_key,
            'c' AS content, $1::VARCHAR[] AS identifiers, $2::DATE AS given_on,
            []::VARCHAR[] AS faults""",
            [identifiers, given_on],
        )
        suppression.find_kept_out(connection, "rows")
        return connection.execute("FROM kept_out").fetchall() == [(0,)]


@pytest.mark.parametrize(
    "identifiers",
    [
        ["contact_id:1"],
        ["contact_id:77", "customer_number:C1"],
        ["contact_id:77", "email:maija@xn--hyry-5qa.fi"],
        ["contact_id:77", "customer_number:C77", "phone:+358401234501"],
        ["phone:+358401234501"],
        # Not valid, so nobody else's.
        ["identity_code:010190-999M", "phone:+358401234501"],
        # Theirs and another's: the strong one decides.
        ["contact_id:1", "contact_id:2"],
    ],
)
def test_what_names_the_erased_is_kept_out_under_a_new_record_id_too(
    listed: Home, identifiers: list[str]
) -> None:
    assert kept_out(listed, identifiers)
    assert kept_out(listed, identifiers, DAY)
    assert not kept_out(listed, identifiers, date(2026, 11, 23))


@pytest.mark.parametrize(
    "identifiers",
    [
        ["contact_id:77", "email:other@example.fi"],
        ["identity_code:010190-999W", "email:maija@xn--hyry-5qa.fi"],
        ["contact_id:2", "phone:+358401234501"],
        [],
    ],
)
def test_what_is_certainly_about_somebody_else_is_not(listed: Home, identifiers: list[str]) -> None:
    assert not kept_out(listed, identifiers)


def test_a_hash_of_the_domain_in_letters_keeps_out_the_same_address(home: Home) -> None:
    with home.connect() as connection:
        suppression.add(
            home, connection, "SELECT 'email:maija@höyry.fi' AS identifier, 'Q1' AS request_id", DAY
        )
    assert kept_out(home, ["email:maija@xn--hyry-5qa.fi"])


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-24 09:14", "2026-11-24"),
        ("11/24/2026 9:14 AM", "2026-11-24"),
        ("11/24/2026", "2026-11-24"),
        ("2026-11-24", "2026-11-24"),
        ("2026-11-20T23:30:00Z", "2026-11-21"),
        ("2026-11-20T23:30:00+02", "2026-11-20"),
        ("2026-11-24xyz", None),
        ("24/11/2026 9:14 AM", None),
        ("epoch", None),
        ("soon", None),
    ],
)
def test_the_day_of_giving_is_read_in_both_formats_and_in_the_policys_time_zone(
    home: Home, text: str, day: str | None
) -> None:
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        assert connection.execute("SELECT given_day(?)::VARCHAR", [text]).fetchone() == (day,)
