"""Which records are about somebody on the suppression list: by a strong identifier, or a contact
and nothing against it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from assets.ingest import raw, suppression
from assets.requests import ledger
from assets.sources import consents
from assets.sources.source import STATEMENT_MACROS
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.sessions import connect
from tests.support.deliveries import csv, put
from tests.support.known_registrants import NOW

ERASED = [
    "contact_id:1",
    "customer_number:C1",
    "email:maija@xn--hyry-5qa.fi",
    "phone:+358401234501",
]
DAY = date(2026, 11, 22)


@pytest.fixture
def listed(data_root: DataRoot) -> DataRoot:
    """A data root with Maija on the suppression list and another contact in the register."""
    with connect(data_root) as connection:
        connection.execute("CREATE TABLE erased AS SELECT unnest(?::VARCHAR[]) AS id", [ERASED])
        suppression.add(
            data_root, connection, "SELECT id AS identifier, 'Q1' AS request_id FROM erased", DAY
        )
        copy_parquet(
            connection,
            "SELECT 'R2' AS registrant_id, 'contact_id' AS type, '2' AS value",
            data_root.register("identifiers"),
        )
    return data_root


def kept_out(data_root: DataRoot, identifiers: list[str], given_on: date | None = None) -> bool:
    with connect(data_root) as connection:
        suppression.prepare(data_root, connection)
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
    listed: DataRoot, identifiers: list[str]
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
def test_what_is_certainly_about_somebody_else_is_not(
    listed: DataRoot, identifiers: list[str]
) -> None:
    assert not kept_out(listed, identifiers)


def test_a_hash_of_the_domain_in_letters_keeps_out_the_same_address(data_root: DataRoot) -> None:
    with connect(data_root) as connection:
        suppression.add(
            data_root,
            connection,
            "SELECT 'email:maija@höyry.fi' AS identifier, 'Q1' AS request_id",
            DAY,
        )
    assert kept_out(data_root, ["email:maija@xn--hyry-5qa.fi"])


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
    data_root: DataRoot, text: str, day: str | None
) -> None:
    with connect(data_root) as connection:
        connection.execute(STATEMENT_MACROS)
        assert connection.execute("SELECT given_day(?)::VARCHAR", [text]).fetchone() == (day,)


def visited(data_root: DataRoot, *visits: list[str], name: str = "visits") -> list[int]:
    """Take these visits in, one after the other: the numbers of those that are kept out; the others
    are noted.
    """
    path = data_root.lake / "raw" / f"{name}.parquet"
    with connect(data_root) as connection:
        suppression.prepare(data_root, connection)
        rows = " UNION ALL ".join(
            f"""SELECT {number}::BIGINT AS record_no, 'k' AS record_key, 'c' AS content,
            {visit!r}::VARCHAR[] AS identifiers, NULL::DATE AS given_on, []::VARCHAR[] AS faults"""
            for number, visit in enumerate(visits)
        )
        connection.execute(f"CREATE TEMP TABLE rows AS {rows}")
        suppression.find_kept_out(connection, "rows")
        out = [number for (number,) in connection.execute("FROM kept_out ORDER BY 1").fetchall()]
        left = "FROM rows WHERE record_no NOT IN (FROM kept_out)"
        copy_parquet(connection, left, path)
        suppression.note_known_again(data_root, connection, path, DAY)
    return out


COOKIE = "visitor_id:a1a1a1a1a1a1a1a1"
ANONYMOUS = ["visit:1|1", COOKIE]
SPOUSE = ["visit:1|2", "email:spouse@example.fi", "user_id:spouse@example.fi", COOKIE]
ERASED_SIGNED_IN = ["visit:1|3", "customer_number:C1", "user_id:C1", COOKIE]


@pytest.fixture
def browser(listed: DataRoot) -> DataRoot:
    """The list names the browser and the account of the erased, too."""
    with connect(listed) as connection:
        suppression.add(
            listed,
            connection,
            f"SELECT unnest(['{COOKIE}', 'user_id:C1']) AS identifier, 'Q1' AS request_id",
            DAY,
        )
    return listed


def test_a_spouse_who_signs_in_on_the_browser_of_the_erased_is_not_kept_out(
    browser: DataRoot,
) -> None:
    assert visited(browser, ANONYMOUS, SPOUSE, ERASED_SIGNED_IN) == [0, 2]


def test_a_browser_that_another_has_signed_in_on_is_shared_and_suppresses_nothing(
    browser: DataRoot,
) -> None:
    assert visited(browser, ANONYMOUS) == [0]
    visited(browser, SPOUSE)
    assert visited(browser, ANONYMOUS, ERASED_SIGNED_IN) == [1]


def test_visits_before_a_sign_in_go_with_it_unless_another_signs_in_there_too(
    listed: DataRoot,
) -> None:
    with connect(listed) as connection:
        suppression.add(
            listed, connection, "SELECT 'user_id:C1' AS identifier, 'Q1' AS request_id", DAY
        )
    assert visited(listed, ANONYMOUS, ERASED_SIGNED_IN) == [0, 1]
    assert visited(listed, ANONYMOUS, ERASED_SIGNED_IN, SPOUSE) == [1]


def test_a_contact_that_is_shown_to_be_anothers_does_not_keep_their_records_out(
    listed: DataRoot,
) -> None:
    assert kept_out(listed, ["phone:+358401234501"])
    assert visited(listed, ["identity_code:010190-999W", "phone:+358401234501"]) == []
    assert not kept_out(listed, ["phone:+358401234501"])
    # With what is the erased's alone it is theirs.
    assert kept_out(listed, ["contact_id:1", "phone:+358401234501"])


def test_nothing_is_noted_as_anothers_while_the_register_may_have_the_erased(
    browser: DataRoot,
) -> None:
    asked = ledger.receive(browser, "erasure", "written", ["customer_number:C1"], NOW)
    ledger.save(browser, replace(ledger.load(browser, asked), state="erasing"))
    visited(browser, SPOUSE)
    assert visited(browser, ANONYMOUS) == [0]


def test_erased_are_identifiers_on_the_list_that_no_registrant_has(listed: DataRoot) -> None:
    named = {"customer_number:C1", "contact_id:2", "email:other@example.fi"}
    assert suppression.erased_among(listed, named) == {"customer_number:C1"}


def lifted(data_root: DataRoot, day: str, status: str) -> int:
    """Deliver an event of the consent log about the erased, and return how many were kept out."""
    event = {
        "event_ts": f"{day}T08:00:00Z", "subject_key_type": "customer_number", "subject_key": "C1",
        "purpose": "legal_claims", "channel": "all", "status": status, "source": "request",
        "evidence": "", "text_version": "", "language": "",
    }  # fmt: skip
    put(data_root, "consents", day, "consent_log", csv([event]), 1)
    done = raw.ingest(data_root, consents.SOURCE, None, date(2026, 12, 31))
    return sum(entry.suppressed for entry in done.entries)


def test_lifting_an_old_objection_does_not_bring_the_erased_back(listed: DataRoot) -> None:
    assert lifted(listed, "2026-11-24", "lifted") == 1
    assert lifted(listed, "2026-11-25", "granted") == 0
    # A registrant who has come back may lift their later choices.
    assert lifted(listed, "2026-11-26", "lifted") == 0
