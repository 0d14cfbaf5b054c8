"""Guesses of the roles of columns by their names and a sample of their values, to be confirmed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from assets.record_linkage.roles import SINGLE_COLUMN, Role, role_of
from assets.storage.quoting import name as quoted

SAMPLE = 2000
WORDS: dict[Role, str] = {
    Role.EMAIL: r"e.?mail|sahkoposti|sähköposti|epost",
    Role.PHONE: r"phone|mobile|telefon|puhelin|\btel\b|gsm",
    Role.BIRTH_DATE: r"birth.?date|date.?of.?birth|\bdob\b|born|syntym|fodelse|födelse",
    Role.BIRTH_YEAR: r"birth.?year|year.?of.?birth|\byob\b|\bby\b",
    Role.BIRTH_MONTH: r"birth.?month|month.?of.?birth|\bbm\b",
    Role.BIRTH_DAY: r"birth.?day|day.?of.?birth|\bbd\b",
    Role.AGE: r"\bage\b|\bika\b|ikä|alder|ålder",
    Role.CALL_NAME: r"call.?name|kutsumanimi|tilltalsnamn|preferred.?name",
    Role.OTHER_NAME: r"middle|second.?name|alias|former|maiden|nick|other.?name",
    Role.GIVEN_NAME: r"first.?name|given|forename|etunim|fornamn|förnamn|fname|\bfirst\b",
    Role.FAMILY_NAME: r"last.?name|family|surname|sukunim|efternamn|lname|\blast\b",
    Role.FULL_NAME: r"full.?name|\bname\b|\bnimi\b|\bnamn\b",
    Role.HOUSE_NUMBER: r"house.?n|street.?n",
    Role.POSTCODE: r"post.?code|postal|\bzip|postinumero|postnummer",
    Role.TOWN: r"city|town|suburb|kaupunki|postort|birth.?place|locality|paikkakunta",
    Role.STREET: r"street|address|katuosoite|osoite|gata|adress",
    Role.IDENTITY_NUMBER: r"ssn|soc.?sec|identity|hetu|personnummer|national.?id",
    Role.ORGANISATION: r"compan|organi[sz]ation|employer|yritys|foretag|företag|assignee",
    Role.KEY: r"^(uid|unique.?id|record.?id|record.?key|row.?id|id)$",
    Role.SOURCE: r"source|register$|dataset|provider",
    Role.FREE_TEXT: r"sex|gender|occupation|title|country|state|nationality|sukupuoli|kön",
}
"""By role, a regular expression over a column's name, its words separated by spaces."""
VALUES: dict[Role, str] = {
    Role.EMAIL: r"[^@\s]+@[^@\s]+\.[a-z]{2,}",
    Role.BIRTH_DATE: (
        r"(1[89]|20)\d\d-?[01]\d-?[0-3]\d([ T].*)?|\d{1,2}[./-]\d{1,2}[./-](\d\d){1,2}"
    ),
    Role.PHONE: r"\+?[\d ()/-]{7,17}",
    Role.BIRTH_YEAR: r"(1[789]|20)\d\d",
}
"""By role, a regular expression of its values, tried in this order where the name tells nothing."""
MOSTLY = 0.8


@dataclass(frozen=True)
class Guess:
    """The role that a column seems to have, if any, and why."""

    column: str
    role: Role | None
    why: str


def guess_roles(connection: duckdb.DuckDBPyConnection, table: str) -> list[Guess]:
    """A guess for each column of the table, in its order; none if no column has a role."""
    guesses = []
    for column, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
        guesses.append(_by_name(connection, table, column) or _by_values(connection, table, column))
    taken: set[Role] = set()
    unique = []
    for guess in guesses:
        if guess.role in taken and guess.role in SINGLE_COLUMN:
            why = f"looks like {guess.role}, which another column has"
            unique.append(Guess(guess.column, None, why))
            continue
        taken |= {guess.role} if guess.role else set()
        unique.append(guess)
    return unique if taken - {Role.KEY, Role.SOURCE, Role.FREE_TEXT} else []


def _by_name(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> Guess | None:
    plain = re.sub(r"[_\W]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)).strip().lower()
    role = role_of(plain) or next(
        (role for role, words in WORDS.items() if re.search(words, plain)), None
    )
    if role is None:
        return None
    if role == Role.KEY and not _is_key(connection, table, column):
        return Guess(column, None, "is named like a key, and has values twice or none")
    if role == Role.BIRTH_DATE and _share(connection, table, column, r"\d{1,2}") > MOSTLY:
        return Guess(column, None, "is named like a birth date, and has one or two digits")
    return Guess(column, role, "by its name")


def _by_values(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> Guess:
    for role, pattern in VALUES.items():
        if _share(connection, table, column, pattern) >= MOSTLY:
            return Guess(column, role, "by its values")
    return Guess(column, None, "tells nothing about a person")


def _share(connection: duckdb.DuckDBPyConnection, table: str, column: str, pattern: str) -> float:
    """The share of the column's values, in a sample, that match a regular expression."""
    row = connection.execute(
        f"""SELECT avg(regexp_full_match(lower(value), ?)::INTEGER)
        FROM (
            SELECT trim({quoted(column)}::VARCHAR) AS value FROM {table}
            WHERE {quoted(column)} IS NOT NULL
            LIMIT {SAMPLE})
        WHERE value <> ''""",
        [pattern],
    ).fetchone()
    return float(row[0] or 0.0) if row else 0.0


def _is_key(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    row = connection.execute(
        f"SELECT count(*) = count(DISTINCT {quoted(column)}) FROM {table}"
    ).fetchone()
    return bool(row and row[0])
