"""Rows of people made comparable: one spelling per value, one column per kind of fact, numbered in an order of their own.

Makes `linkage_records(id, ...)` and `linkage_keys(id, row, key, place)` of a table; `place` is a hash of what a row says. `id` numbers
the records in the order of that hash, so that it depends neither on the order of the rows nor on who is alike; neighbours by id are a random pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.record_linkage import dates, format_inference
from assets.record_linkage.contacts import impersonal
from assets.record_linkage.format_inference import Habits
from assets.record_linkage.roles import Role, Roles, RolesError
from assets.record_linkage.text_standardisation import (
    LEGAL_FORMS,
    TITLES,
    VARIOUS,
    family_last,
    folded,
    letters_and_digits,
    one_of,
    packed,
    without_flat,
    words,
)
from assets.storage.quoting import name as quoted

BRACED_IMPERSONAL = impersonal("{0}")
PHONE_DIGITS = 8
"""So many last digits of a telephone number tell it apart whatever is written before them (+358 50, 050)."""
NO_DATES = ("18000101", "19000101", "99991231", "99999999", "11111111")
"""What systems write for a birth date that nobody knows; a year of 0000 says the same."""


@dataclass(frozen=True)
class Column:
    """A column of `linkage_records` besides `id`. `said`: the one column of the table that it is made of, if many rows say the same there."""

    name: str
    sql: str
    said: str = ""


def texts(roles: Roles, role: Role, types: dict[str, str]) -> str:
    """SQL: all texts of the role's columns as one list (columns may be lists themselves); nulls left out."""
    parts = [
        f"{quoted(column)}::VARCHAR[]"
        if types[column].endswith("[]")
        else f"[{quoted(column)}::VARCHAR]"
        for column in roles[role]
    ]
    if not parts:
        return "[]::VARCHAR[]"
    joined = parts[0] if len(parts) == 1 else f"list_concat({', '.join(parts)})"
    return f"list_filter({joined}, lambda text: text IS NOT NULL)"


def single(roles: Roles, role: Role, types: dict[str, str]) -> str:
    """The role's column if it is one, and no list; otherwise none."""
    columns = roles[role]
    return columns[0] if len(columns) == 1 and not types[columns[0]].endswith("[]") else ""


def text(roles: Roles, role: Role, types: dict[str, str]) -> str:
    """SQL: the role's first text."""
    if column := single(roles, role, types):
        return f"{quoted(column)}::VARCHAR"
    return f"{texts(roles, role, types)}[1]" if roles[role] else "NULL::VARCHAR"


class Halves:
    """SQL that more than one column is made of, each written and run once: for each row, or for each value of a column that many rows `said`."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def of(self, sql: str, said: str = "") -> str:
        """The name of a column that holds this."""
        if (sql, said) not in self.made:
            self.made.append((sql, said))
        return f'"linkage half {self.made.index((sql, said))}"'

    def over(self, table: str, number: str, only: str | None = None) -> str:
        """SQL: the table with all of them beside its columns, or `only` those of one column's values, and `number` (`... AS name`)."""
        halves = "".join(
            f', {sql} AS "linkage half {place}"'
            for place, (sql, said) in enumerate(self.made)
            if only in (None, said)
        )
        return f"SELECT *, {number}{halves} FROM {table}"


def _names(
    roles: Roles, types: dict[str, str], halves: Halves, *, family_first: bool
) -> list[Column]:
    """given, family: the two that are compared; names: every word of any name of the record."""
    if not roles.has(
        Role.GIVEN_NAME, Role.FAMILY_NAME, Role.FULL_NAME, Role.OTHER_NAME, Role.CALL_NAME
    ):
        return []

    given, family = single(roles, Role.GIVEN_NAME, types), single(roles, Role.FAMILY_NAME, types)

    def plain(role: Role, said: str = "") -> str:
        return halves.of(folded(text(roles, role, types)), said)

    full = halves.of(
        folded(family_last(text(roles, Role.FULL_NAME, types), family_first=family_first))
    )
    return [
        Column(
            "given_words",
            words(plain(Role.GIVEN_NAME, given), TITLES)
            if roles.has(Role.GIVEN_NAME)
            else "NULL::VARCHAR[]",
            given,
        ),
        Column(
            "family_words",
            words(plain(Role.FAMILY_NAME, family))
            if roles.has(Role.FAMILY_NAME)
            else "NULL::VARCHAR[]",
            family,
        ),
        Column(
            "full_words", words(full, TITLES) if roles.has(Role.FULL_NAME) else "NULL::VARCHAR[]"
        ),
        Column("other_words", _more_words(roles, types, halves)),
        *(
            [Column("called", f"({words(plain(Role.CALL_NAME))})[1]")]
            if roles.has(Role.CALL_NAME)
            else []
        ),
    ]


def _more_words(roles: Roles, types: dict[str, str], halves: Halves) -> str:
    """SQL: the words of all other names: of columns that are lists, and of the second column and on of a role."""
    columns = [*roles[Role.OTHER_NAME], *roles[Role.CALL_NAME]]
    for role in (Role.GIVEN_NAME, Role.FAMILY_NAME, Role.FULL_NAME):
        columns += [
            column
            for number, column in enumerate(roles[role])
            if number > 0 or types[column].endswith("[]")
        ]
    said = [
        f"array_to_string({quoted(column)}::VARCHAR[], ' ')"
        if types[column].endswith("[]")
        else f"{quoted(column)}::VARCHAR"
        for column in columns
    ]
    return (
        words(halves.of(folded(f"concat_ws(' ', {', '.join(said)})")), TITLES)
        if said
        else "NULL::VARCHAR[]"
    )


def _birth(roles: Roles, types: dict[str, str], halves: Halves, first: dates.First) -> list[Column]:
    """born: eight digits, year first, valid or not, zeros for what is unknown; born_year."""
    if roles.has(Role.BIRTH_DATE):
        column = roles[Role.BIRTH_DATE][0]
        whole = (
            f"strftime({quoted(column)}, '%Y%m%d')"
            if _is_date(types[column])
            else dates.digits(halves.of(_trimmed(column), column), first)
        )
        # A year alone is known of some.
        return _born(
            halves.of(
                f"coalesce({whole}, nullif(regexp_extract({quoted(column)}::VARCHAR, '^\\d{{4}}$'), ''))",
                column,
            ),
            column,
        )
    if roles.has(Role.BIRTH_YEAR, Role.BIRTH_MONTH, Role.BIRTH_DAY):
        parts = [
            rf"coalesce(lpad(nullif(regexp_extract({quoted(column)}::VARCHAR, '^\s*(\d{{1,{width}}})(\.0*)?\s*$', 1), ''), {width}, '0'), '{'0' * width}')"
            if column
            else f"'{'0' * width}'"
            for column, width in (
                (roles.one(Role.BIRTH_YEAR), 4),
                (roles.one(Role.BIRTH_MONTH), 2),
                (roles.one(Role.BIRTH_DAY), 2),
            )
        ]
        return _born(halves.of(" || ".join(parts)))
    return []


def _born(digits: str, said: str = "") -> list[Column]:
    whole = f"length({digits}) = 8 AND {digits}[1:4] <> '0000' AND {digits}[5:8] <> '0000' AND NOT {one_of(digits, NO_DATES)}"
    return [
        Column("born", f"CASE WHEN {whole} THEN {digits} END", said),
        Column(
            "born_year",
            f"CASE WHEN {digits}[1:4] <> '0000' AND NOT {one_of(digits, NO_DATES)} THEN {digits}[1:4] END",
            said,
        ),
    ]


def _is_date(kind: str) -> bool:
    return kind.startswith(("DATE", "TIMESTAMP"))


def _trimmed(column: str) -> str:
    return f"trim({quoted(column)}::VARCHAR)"


def habits_of(connection: duckdb.DuckDBPyConnection, table: str, roles: Roles) -> Habits:
    """What is found out of the whole table: how its dates and full names are written."""
    types = types_of(connection, table)
    begin = dates.First.DAY
    for column in roles[Role.BIRTH_DATE][:1]:
        if not _is_date(types[column]):
            begin = format_inference.dates_begin(connection, table, _trimmed(column))
    if not roles.has(Role.FULL_NAME) or roles.has(Role.GIVEN_NAME, Role.FAMILY_NAME):
        return Habits(begin)
    halves = Halves()
    full = text(roles, Role.FULL_NAME, types)
    # With a comma, the order is told.
    spaced = words(
        halves.of(folded(f"CASE WHEN NOT contains({full}, ',') THEN {full} END")), TITLES
    )
    address = (
        [
            f"{quoted(column)}::VARCHAR"
            for column in (*roles[Role.STREET][:1], *roles[Role.HOUSE_NUMBER][:1])
        ]
        if roles.has(Role.STREET)
        else []
    )
    homes = [f"nullif(concat_ws(' ', {', '.join(address)}), '')"] if address else []
    homes += [
        f"nullif(trim({text(roles, role, types)}), '')"
        for role in (Role.PHONE, Role.EMAIL)
        if roles.has(role)
    ]
    born = [column.sql for column in _birth(roles, types, halves, begin) if column.name == "born"]
    return Habits(
        begin,
        format_inference.family_first(
            connection, f"({halves.over(table, '1 AS linkage_number')})", spaced, homes, *born
        ),
    )


def _place(roles: Roles, types: dict[str, str], halves: Halves) -> list[Column]:
    """street: letters only; house: its first number; postcode, town."""
    found = []
    way = single(roles, Role.STREET, types)
    street = (
        halves.of(without_flat(text(roles, Role.STREET, types)), way)
        if roles.has(Role.STREET)
        else ""
    )
    if street:
        plain = halves.of(folded(street), way)
        letters = rf"nullif(translate(regexp_extract({plain}, '\pL[\pL .''-]*'), ' .''-', ''), '')"
        # Most are one word and a number.
        found.append(
            Column(
                "street",
                rf"CASE WHEN regexp_full_match({plain}, '[a-z]+ \d.*') THEN split_part({plain}, ' ', 1) ELSE {letters} END",
                way,
            )
        )
        if not way:
            every = f"list_transform({texts(roles, Role.STREET, types)}, lambda said: {letters_and_digits(folded('said'))})"
            found.append(Column("streets", f"list_filter({every}, lambda said: said IS NOT NULL)"))
    if roles.has(Role.HOUSE_NUMBER):
        found.append(
            Column(
                "house",
                rf"nullif(regexp_extract({text(roles, Role.HOUSE_NUMBER, types)}, '\d+'), '')",
            )
        )
    elif street:
        found.append(Column("house", rf"nullif(regexp_extract({street}, '\d+'), '')", way))
    if roles.has(Role.POSTCODE):
        said = single(roles, Role.POSTCODE, types)
        code = halves.of(folded(text(roles, Role.POSTCODE, types)), said)
        # 12345-6789 is 12345.
        short = f"CASE WHEN length({code}) = 10 AND {code}[6] = '-' THEN {code}[1:5] ELSE {packed(code)} END"
        found.append(Column("postcode", f"CASE WHEN {VARIOUS.format(code)} THEN {short} END", said))
    if roles.has(Role.TOWN):
        said = single(roles, Role.TOWN, types)
        found.append(
            Column("town", packed(halves.of(folded(text(roles, Role.TOWN, types)), said)), said)
        )
    return found


def _contacts(roles: Roles, types: dict[str, str], halves: Halves) -> list[Column]:
    """email and phone: lists, of which any may be shared; without impersonal mailboxes."""
    found = []
    # Most have no space, and looking for one is cheaper than taking it off.
    email, phone = (
        "CASE WHEN contains({0}, ' ') THEN lower(trim({0})) ELSE lower({0}) END",
        rf"right(regexp_replace({{}}, '\D', '', 'g'), {PHONE_DIGITS})",
    )
    for role, name, spelt, good in (
        (Role.EMAIL, "emails", email, f"contains({{0}}, '@') AND NOT {BRACED_IMPERSONAL}"),
        (Role.PHONE, "phones", phone, f"length({{0}}) >= 5 AND {VARIOUS}"),
    ):
        if single(roles, role, types):
            said = halves.of(spelt.format(text(roles, role, types)))
            found.append(Column(name, f"CASE WHEN {good.format(said)} THEN [{said}] ELSE [] END"))
        elif roles.has(role):
            every = (
                f"list_transform({texts(roles, role, types)}, lambda said: {spelt.format('said')})"
            )
            found.append(
                Column(
                    name,
                    f"list_sort(list_distinct(list_filter({every}, lambda said: {good.format('said')})))",
                )
            )
    return found


def _others(roles: Roles, types: dict[str, str], halves: Halves) -> list[Column]:
    found = []
    if roles.has(Role.IDENTITY_NUMBER):
        # The century sign is part of a code: only white space goes.
        number = halves.of(
            rf"regexp_replace(upper({text(roles, Role.IDENTITY_NUMBER, types)}), '\s', '', 'g')"
        )
        found.append(Column("number", f"CASE WHEN {VARIOUS.format(number)} THEN {number} END"))
    if roles.has(Role.ORGANISATION):
        said = single(roles, Role.ORGANISATION, types)
        parts = f"list_filter({words(halves.of(folded(text(roles, Role.ORGANISATION, types)), said))}, lambda word: NOT {one_of('word', LEGAL_FORMS)})"
        found.append(Column("organisation", f"nullif(array_to_string({parts}, ''), '')", said))
    for place, column in enumerate(roles[Role.FREE_TEXT]):
        said = (
            f"array_to_string({quoted(column)}::VARCHAR[], ' ')"
            if types[column].endswith("[]")
            else f"{quoted(column)}::VARCHAR"
        )
        found.append(Column(f"text{place}", packed(halves.of(folded(said)))))
    if roles.has(Role.SOURCE):
        found.append(Column("source", text(roles, Role.SOURCE, types)))
    return found


@dataclass(frozen=True)
class Spelling:
    """The columns of `linkage_records` besides `id`, and how dates and names were read."""

    columns: tuple[str, ...]
    habits: Habits


def types_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """The table's columns and their types."""
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}


def normalise(
    connection: duckdb.DuckDBPyConnection, table: str, roles: Roles, before: Spelling | None = None
) -> Spelling:
    """Make `linkage_records` and `linkage_keys` of the table. Raises RolesError, also if what comes of it is not what was there `before`.

    A `key` column must be there for every row, each once; without one, the row's number (from 0) is its key.
    """
    types = types_of(connection, table)
    missing = [
        column for columns in roles.columns.values() for column in columns if column not in types
    ]
    if missing:
        raise RolesError(
            f"roles: the table has no column {', '.join(missing)}; it has {', '.join(types)}"
        )
    key = roles.one(Role.KEY)
    if key:
        _check_key(connection, table, key)
    said = ", ".join(
        quoted(column)
        for role, several in sorted(roles.columns.items())
        for column in several
        if role != Role.KEY
    )
    number = _row_number(connection, table)
    named = quoted(key) if key else number
    # Alike rows stand in the order of their keys or, without keys, in any: they are interchangeable.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_keys AS
        SELECT (row_number() OVER () - 1)::INTEGER AS id, row, key, place
        FROM (SELECT row, key, place FROM (
            SELECT hash({said}) AS place, {number} AS row, {named} AS key FROM {table}) ORDER BY place, key)"""
    )
    written = before.habits if before else habits_of(connection, table, roles)
    comparable, columns = spelt(connection, table, roles, f"{number} AS row", written)
    if before and columns != before.columns:
        raise RolesError(
            f"roles: these rows give {', '.join(columns)}; what is linked already has {', '.join(before.columns)}"
        )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE linkage_records AS SELECT id, {', '.join(columns)} FROM ({comparable}) JOIN linkage_keys USING (row)"
    )
    return Spelling(columns, written)


def _row_number(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """SQL: the number of a row, from 0; those of a table are known, those of a view are counted, which is slower."""
    stored = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]
    ).fetchall()
    return "rowid" if stored else "(row_number() OVER () - 1)"


def spelt(
    connection: duckdb.DuckDBPyConnection, table: str, roles: Roles, number: str, written: Habits
) -> tuple[str, tuple[str, ...]]:
    """SQL: the table's rows made comparable, with `number` (`... AS name`) in front; and the columns after it."""
    types = types_of(connection, table)
    halves = Halves()
    columns = [
        *_names(roles, types, halves, family_first=written.family_first),
        *_birth(roles, types, halves, written.dates_begin),
        *_place(roles, types, halves),
        *_contacts(roles, types, halves),
        *_others(roles, types, halves),
    ]
    kept, derived = _derived([column.name for column in columns])
    name = number.rsplit(" AS ", maxsplit=1)[-1]
    values = {
        said: f"linkage_value_{place}"
        for place, said in enumerate(
            dict.fromkeys(column.said for column in columns if column.said)
        )
    }
    told = "".join(
        f"""{view} AS (
            SELECT linkage_value, {", ".join(f"{one.sql} AS {one.name}" for one in columns if one.said == said)}
            FROM ({halves.over(f"(SELECT DISTINCT {quoted(said)} FROM {table})", f"{quoted(said)} AS linkage_value", said)})), """
        for said, view in values.items()
    )
    joins = " ".join(
        f"LEFT JOIN {view} ON {view}.linkage_value = halfway.{quoted(said)}"
        for said, view in values.items()
    )
    every = ", ".join(
        f"{f'{values[one.said]}.{one.name}' if one.said else one.sql} AS {one.name}"
        for one in columns
    )
    return (
        f"""WITH {told}halfway AS ({halves.over(table, f"{number.removesuffix(f' AS {name}')} AS linkage_number", "")}),
        spelt AS (SELECT linkage_number AS {name}, {every} FROM halfway {joins})
        SELECT {", ".join([name, *kept, *(f"{sql} AS {column}" for column, sql in derived.items())])} FROM spelt""",
        (*kept, *derived),
    )


HALFWAY = ("given_words", "family_words", "full_words", "other_words")
DERIVED = {
    "given": ("given_words", "coalesce(given_words[1], full_words[1])"),
    "family": (
        "given_words",
        "coalesce(nullif(array_to_string(family_words, ''), ''), CASE WHEN len(full_words) > 1 THEN full_words[-1] END)",
    ),
    "names": (
        "given_words",
        """list_concat(given_words, family_words, full_words, other_words,
            CASE WHEN len(family_words) > 1 THEN [array_to_string(family_words, '')] END)""",
    ),
    "mailbox": ("emails", "split_part(emails[1], '@', 1)"),
}
"""Columns of the records that are made of others, and the one that must be there."""


def _derived(columns: list[str]) -> tuple[list[str], dict[str, str]]:
    """Of the columns that were spelt out: those that stay as they are, and what is made of them."""
    derived = {name: sql for name, (needed, sql) in DERIVED.items() if needed in columns}
    return [name for name in columns if name not in HALFWAY], derived


def _check_key(connection: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
    found = connection.execute(
        f"SELECT count(*) - count({quoted(key)}), count({quoted(key)}) - count(DISTINCT {quoted(key)}) FROM {table}"
    ).fetchone()
    nulls, twice = found if found else (0, 0)
    if nulls or twice:
        raise RolesError(
            f"the key column {key} is empty in {nulls} rows and repeated in {twice}; every row needs a key of its own"
        )
