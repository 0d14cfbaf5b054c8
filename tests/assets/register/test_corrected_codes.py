"""Whatever corrections of identity codes state, they lead to one code that is in force, and the
latest statement decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.register import corrected_codes
from schemas.policy.loader import load_policy
from tests.support.deliveries import basic_data, changes
from tests.support.population_register_messages import code, message, name, part, person
from tests.support.registers import build, registrant, rows, take_in

START = datetime(2026, 11, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Statement:
    """A record states, some days after the start, that a code is replaced by another (None: that
    it is in force).
    """

    day: int
    code: str
    by: str | None


def followed(statements: Iterable[Statement], *, basic: bool = False) -> dict[str, str]:
    """What `follow` makes of the statements, each in a record of its own."""
    role = "basic_data" if basic else "changes"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE MACRO person_key(type, value) AS md5(type || ':' || value)")
        connection.execute(
            """CREATE TABLE staged_identifiers (delivery_id VARCHAR, record_no BIGINT, day DATE,
            record_key VARCHAR, position BIGINT, type VARCHAR, value VARCHAR, replaced_by VARCHAR,
            stated_at TIMESTAMPTZ);
            CREATE TABLE staged_records (delivery_id VARCHAR, record_key VARCHAR, outcome VARCHAR,
            day DATE);
            CREATE TABLE delivery_ledger (delivery_id VARCHAR, role VARCHAR, sequence BIGINT)"""
        )
        for number, statement in enumerate(statements):
            moment = START + timedelta(days=statement.day)
            delivery = f"{role}-{statement.day}"
            connection.execute(
                (
                    "INSERT INTO staged_identifiers VALUES (?, ?, ?, ?, 1000, 'identity_code', "
                    "?, ?, ?)"
                ),
                [
                    delivery,
                    number,
                    moment.date(),
                    str(number),
                    statement.code,
                    statement.by,
                    moment,
                ],
            )
            connection.execute("INSERT INTO delivery_ledger VALUES (?, ?, 0)", [delivery, role])
        connection.execute("CREATE TABLE ledger_once AS SELECT DISTINCT * FROM delivery_ledger")
        connection.execute("DROP TABLE delivery_ledger")
        connection.execute("ALTER TABLE ledger_once RENAME TO delivery_ledger")
        connection.execute(
            "CREATE TABLE latest_records AS SELECT delivery_id, record_no FROM staged_identifiers"
        )
        corrected_codes.follow(connection, load_policy())
        return dict(connection.execute("SELECT code, active FROM corrected_codes").fetchall())


A, B, C = "A", "B", "C"


@pytest.mark.parametrize(
    ("statements", "active"),
    [
        ([Statement(1, A, B), Statement(2, B, C)], {A: C, B: C}),
        ([Statement(1, A, B), Statement(2, B, A)], {B: A}),
        ([Statement(1, A, B), Statement(2, B, C), Statement(3, C, A)], {B: A, C: A}),
        ([Statement(1, A, B), Statement(2, B, A), Statement(3, A, B)], {A: B}),
        ([Statement(1, A, B), Statement(2, A, C)], {A: C}),
        ([Statement(1, A, C), Statement(2, B, C)], {A: C, B: C}),
        ([Statement(1, A, B), Statement(2, A, None)], {}),
        ([Statement(2, A, B), Statement(1, A, None)], {A: B}),
    ],
)
def test_the_latest_statement_decides(statements: list[Statement], active: dict[str, str]) -> None:
    assert followed(statements) == active
    assert followed(reversed(statements)) == active


def test_a_chain_may_be_of_any_length() -> None:
    chain = [Statement(number, f"{number:03d}", f"{number + 1:03d}") for number in range(60)]
    assert followed(chain) == {f"{number:03d}": "060" for number in range(60)}


def test_a_circle_of_any_length_is_cut_at_its_oldest_step() -> None:
    circle = [
        Statement(number, f"{number:02d}", f"{(number + 1) % 40:02d}") for number in range(40)
    ]
    assert followed(circle) == {f"{number:02d}": "00" for number in range(1, 40)}


CODES = st.sampled_from("ABCDE")
STATEMENTS = st.lists(
    st.builds(Statement, st.integers(0, 9), CODES, st.none() | CODES), max_size=14
)


@given(
    STATEMENTS.map(
        lambda statements: [statement for statement in statements if statement.by != statement.code]
    )
)
def test_what_is_active_is_never_corrected_itself(statements: list[Statement]) -> None:
    active = followed(statements)
    assert not set(active) & set(active.values())
    latest = {
        statement.code: statement.day
        for statement in sorted(statements, key=lambda statement: statement.day)
    }
    undisputed = {
        statement.code
        for statement in statements
        if statement.by and latest[statement.code] == statement.day
    }
    assert set(active) <= undisputed


OLD, NEW = code("010180-911"), code("010181-911")
BIRTH = {"arvo": "1980-01-01", "tarkkuus": "PAIVA"}


def corrected(active: str, passive: str, operation: str = "LISATTY") -> list[dict[str, object]]:
    """The groups by which the register corrects a code."""
    return [
        part(
            "HENKILOTUNNUS_KORJAUS",
            operation,
            voimassaolo="AKTIIVI",
            muutettuHenkilotunnus=active,
            aktiivinenHenkilotunnus=active,
            edellisetHenkilotunnukset=[passive],
        ),
        part(
            "HENKILOTUNNUS_KORJAUS",
            operation,
            voimassaolo="PASSIIVI",
            muutettuHenkilotunnus=passive,
            aktiivinenHenkilotunnus=active,
        ),
    ]


def base(data_root) -> None:  # type: ignore[no-untyped-def]
    basic_data(
        data_root,
        "2026-11-01",
        [person(OLD, name("Aino", "Testi"), part("SYNTYMAPAIVA", syntymapv=BIRTH))],
    )


def test_a_change_that_is_undone_leaves_one_registrant_under_the_first_code(
    data_root,
) -> None:  # type: ignore[no-untyped-def]
    base(data_root)
    changes(data_root, "2026-11-02", [message(OLD, "2026-11-01", *corrected(NEW, OLD))], key=1)
    changes(data_root, "2026-11-04", [message(NEW, "2026-11-03", *corrected(OLD, NEW))], key=2)
    renamed = name("Aino", "Uusi", "MUUTETTU", "2026-11-04")
    changes(data_root, "2026-11-05", [message(OLD, "2026-11-04", renamed)], key=3)
    take_in(data_root)
    build(data_root)
    assert registrant(data_root, OLD)["family_name"] == "Uusi"
    assert len(rows(data_root, "SELECT * FROM registrants")) == 1
    [flagged] = rows(data_root, "SELECT kind, other_registrant_id FROM contradictions")
    assert flagged == {"kind": "correction-undone", "other_registrant_id": None}


def test_a_correction_that_is_taken_back_leaves_the_code_in_force(
    data_root,
) -> None:  # type: ignore[no-untyped-def]
    base(data_root)
    changes(data_root, "2026-11-02", [message(OLD, "2026-11-01", *corrected(NEW, OLD))], key=1)
    back = message(OLD, "2026-11-03", *corrected(NEW, OLD, "KORJATTAVA"))
    changes(data_root, "2026-11-04", [back], key=2)
    take_in(data_root)
    build(data_root)
    assert registrant(data_root, OLD)["given_names"] == "Aino"
    assert len(rows(data_root, "SELECT * FROM registrants")) == 1


@pytest.mark.parametrize("again", [True, False])
def test_later_basic_data_under_the_old_code_ends_its_correction(
    data_root,
    again: bool,
) -> None:  # type: ignore[no-untyped-def]
    """Also when it repeats its earlier statement word for word."""
    base(data_root)
    changes(data_root, "2026-11-02", [message(OLD, "2026-11-01", *corrected(NEW, OLD))], key=1)
    family = "Testi" if again else "Toinen"
    basic_data(
        data_root,
        "2026-11-06",
        [person(OLD, name("Aino", family), part("SYNTYMAPAIVA", syntymapv=BIRTH))],
    )
    take_in(data_root)
    build(data_root)
    assert registrant(data_root, OLD)["family_name"] == family
