"""A register for the profiles' queries, made of people that a test has thought of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import duckdb

from assets.marts import profiles
from assets.register.building import TABLES
from schemas.columns import duckdb_columns
from tests.assets.marts.profile_reference import Person

VALUE_TABLES = (
    "age_bands",
    "languages",
    "municipalities",
    "engagement",
    "consumption",
    "interests",
)
ALL_TABLES = (*VALUE_TABLES, "segments")
TABLE_OF = {"age_band": "age_bands", "engagement": "engagement", "interest": "interests"}


def register_of(people: Iterable[Person]) -> duckdb.DuckDBPyConnection:
    """The register's tables, filled as far as profiles read them, and the view of the
    eligible registrants.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in ("registrants", "contracts", "orders", "visits", "interests"):
        connection.execute(
            f"CREATE TABLE {table} ({duckdb_columns(TABLES[table]).replace(' NOT NULL', '')})"
        )
    connection.execute("CREATE TABLE eligible_analytics (registrant_id VARCHAR)")
    everyone = list(people)
    _insert(
        connection,
        "registrants (registrant_id, birth_date, birth_date_precision, language, "
        "municipality_code)",
        [
            (
                person.registrant_id,
                person.birth_date,
                person.precision,
                person.language,
                person.municipality,
            )
            for person in everyone
        ],
    )
    _insert(
        connection,
        "eligible_analytics",
        [(person.registrant_id,) for person in everyone if person.eligible],
    )
    _insert(
        connection,
        "contracts (registrant_id)",
        [(person.registrant_id,) for person in everyone if person.has_contract],
    )
    _insert(
        connection,
        "visits (registrant_id, started_at, actions, contents_clicked, consented)",
        [
            (person.registrant_id, visit.started_at, visit.actions, visit.clicks, ["profiling"])
            for person in everyone
            for visit in person.visits
        ],
    )
    _insert(
        connection,
        "orders (registrant_id, order_number, ordered_at, amount, currency, status)",
        [
            (
                person.registrant_id,
                order.number,
                order.ordered_at,
                order.amount,
                order.currency,
                order.status,
            )
            for person in everyone
            for order in person.orders
        ],
    )
    _insert(
        connection,
        "interests",
        [
            (person.registrant_id, topic, *interest)
            for person in everyone
            for topic, interest in person.interests.items()
        ],
    )
    return connection


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        connection.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows
        )


def profile_tables(
    people: Iterable[Person],
    today: date,
    floor: int = 20,
    time_zone: str = "Europe/Helsinki",
    tables: Iterable[str] = ALL_TABLES,
) -> dict[str, list[dict[str, Any]]]:
    """Table -> rows, of the profiles' tables; the pseudonym is the registrant's id."""
    with register_of(people) as connection:
        connection.execute(f"SET VARIABLE today = DATE '{today}'")
        connection.execute(f"SET VARIABLE time_zone = '{time_zone}'")
        connection.execute(f"SET VARIABLE segment_floor = {floor}")
        tables_read = {}
        queries = profiles.queries("registrant_id")
        for table in tables:
            answer = connection.execute(queries[table])
            names = [column[0] for column in answer.description]
            tables_read[table] = [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
        return tables_read


def values(tables: dict[str, list[dict[str, Any]]]) -> set[tuple[str, str, str]]:
    """(registrant, attribute, value) of all the tables of values."""
    return {
        (row["pseudonym"], row["attribute"], row["value"])
        for table in VALUE_TABLES
        for row in tables.get(table, ())
    }


def value_of(person: Person, attribute: str, today: date) -> str | None:
    """One value of one registrant, with enough similar ones for it to be disclosed."""
    others = [
        Person(**{**vars(person), "registrant_id": f"{person.registrant_id}{number}"})
        for number in range(2)
    ]
    tables = profile_tables(
        [person, *others], today, floor=2, tables=[TABLE_OF.get(attribute, "consumption")]
    )
    stated = {
        value
        for who, what, value in values(tables)
        if who == person.registrant_id and what == attribute
    }
    assert len(stated) <= 1
    return stated.pop() if stated else None
