"""Rows of people made comparable: one notation per value, one column per kind of fact, and ids in a
random order.

Makes `linkage_records(id, ...)` and `linkage_keys(id, row, key, place)` of a table; `place` is a
hash of the row's values. `id` numbers the records in the order of that hash, so that it depends
neither on the order of the rows nor on their similarity; neighbours by id are a random pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.record_linkage import dates, format_inference, name_variants
from assets.record_linkage.contacts import contact_columns
from assets.record_linkage.format_inference import TableFormat
from assets.record_linkage.role_columns import (
    Column,
    SharedExpressions,
    as_text,
    single,
    text,
    texts,
)
from assets.record_linkage.roles import Role, Roles, RolesError
from assets.record_linkage.text_standardisation import (
    LEGAL_FORMS,
    NOT_REPEATED_DIGIT,
    TITLES,
    compact,
    family_last,
    folded,
    is_any_of,
    letters_and_digits,
    without_flat,
    words,
)
from assets.storage.quoting import name as quoted
from assets.storage.relations import Relation, Scope

PLACEHOLDER_DATES = ("18000101", "19000101", "99991231", "99999999", "11111111")
"""What systems enter for an unknown birth date; a year of 0000 as well."""
NO_WORDS = "NULL::VARCHAR[]"

KEYS = Relation(
    name="linkage_keys",
    summary="The records of a table in the order of their content: number, row and key.",
    columns={"id": "INTEGER", "row": "BIGINT"},
    reads=("incoming_keys", "incoming_members", "incoming_subset", "people"),
    scope=Scope.GLOBAL,
    merge="Each shard numbers its own records.",
    external=True,
)


def _names(
    roles: Roles, types: dict[str, str], shared: SharedExpressions, *, family_first: bool
) -> list[Column]:
    """The words of each kind of name, and the call name."""
    if not roles.has(
        Role.GIVEN_NAME, Role.FAMILY_NAME, Role.FULL_NAME, Role.OTHER_NAME, Role.CALL_NAME
    ):
        return []

    def words_of(role: Role, without: tuple[str, ...] = (), source_column: str = "") -> str:
        if not roles.has(role):
            return NO_WORDS
        value = text(roles, role, types)
        if role == Role.FULL_NAME:
            value = family_last(value, family_first=family_first)
        return words(shared.of(folded(value), source_column), without)

    given, family = single(roles, Role.GIVEN_NAME, types), single(roles, Role.FAMILY_NAME, types)
    columns = [
        Column("given_words", words_of(Role.GIVEN_NAME, TITLES, given), given),
        Column("family_words", words_of(Role.FAMILY_NAME, (), family), family),
        Column("full_words", words_of(Role.FULL_NAME, TITLES)),
        Column("other_words", _other_words(roles, types, shared)),
    ]
    if roles.has(Role.CALL_NAME):
        columns.append(Column("called", f"({words_of(Role.CALL_NAME)})[1]"))
    return columns


def _other_words(roles: Roles, types: dict[str, str], shared: SharedExpressions) -> str:
    """SQL: the words of all other names: of lists, and of all columns of a role but the first."""
    columns = [*roles[Role.OTHER_NAME], *roles[Role.CALL_NAME]]
    for role in (Role.GIVEN_NAME, Role.FAMILY_NAME, Role.FULL_NAME):
        columns += [
            column
            for number, column in enumerate(roles[role])
            if number > 0 or types[column].endswith("[]")
        ]
    if not columns:
        return NO_WORDS
    names = ", ".join(as_text(column, types) for column in columns)
    return words(shared.of(folded(f"concat_ws(' ', {names})")), TITLES)


def _birth(
    roles: Roles,
    types: dict[str, str],
    shared: SharedExpressions,
    first: dates.DatePart,
    *,
    years: bool = False,
) -> list[Column]:
    """born: eight digits, year first, valid or not, zeros for unknown parts; born_year, which is
    all where only years (`years`) or ages are known."""
    if roles.has(Role.BIRTH_DATE):
        column = roles[Role.BIRTH_DATE][0]
        whole = (
            f"strftime({quoted(column)}, '%Y%m%d')"
            if _is_date(types[column])
            else dates.date_digits(shared.of(_trimmed(column), column), first)
        )
        # Of some, the year alone is known.
        year = f"nullif(regexp_extract({quoted(column)}::VARCHAR, '^\\d{{4}}$'), '')"
        return _born(shared.of(f"coalesce({whole}, {year})", column), column)[int(years) :]
    if roles.has(Role.BIRTH_YEAR, Role.AGE) and not roles.has(Role.BIRTH_MONTH, Role.BIRTH_DAY):
        year = _digits(roles.first(Role.BIRTH_YEAR) or roles.first(Role.AGE), 4)
        return _born(shared.of(year))[1:]
    if roles.has(Role.BIRTH_YEAR, Role.BIRTH_MONTH, Role.BIRTH_DAY):
        parts = [
            _digits(roles.first(role), width)
            for role, width in ((Role.BIRTH_YEAR, 4), (Role.BIRTH_MONTH, 2), (Role.BIRTH_DAY, 2))
        ]
        return _born(shared.of(" || ".join(parts)))
    return []


def _digits(column: str | None, width: int) -> str:
    """SQL: a number as so many digits, zeros if it is unknown."""
    zeros = f"'{'0' * width}'"
    if column is None:
        return zeros
    number = rf"'^\s*(\d{{1,{width}}})(\.0*)?\s*$'"
    extracted = f"nullif(regexp_extract({quoted(column)}::VARCHAR, {number}, 1), '')"
    return f"coalesce(lpad({extracted}, {width}, '0'), {zeros})"


def _born(digits: str, source_column: str = "") -> list[Column]:
    year = f"{digits}[1:4] <> '0000' AND NOT {is_any_of(digits, PLACEHOLDER_DATES)}"
    whole = f"length({digits}) = 8 AND {digits}[5:8] <> '0000' AND {year}"
    return [
        Column("born", f"CASE WHEN {whole} THEN {digits} END", source_column),
        Column("born_year", f"CASE WHEN {year} THEN {digits}[1:4] END", source_column),
    ]


def _is_date(kind: str) -> bool:
    return kind.startswith(("DATE", "TIMESTAMP"))


def _trimmed(column: str) -> str:
    return f"trim({quoted(column)}::VARCHAR)"


def infer_format(connection: duckdb.DuckDBPyConnection, table: str, roles: Roles) -> TableFormat:
    """The formats of the table's dates and full names."""
    types = types_of(connection, table)
    first, years = dates.DatePart.DAY, False
    for column in roles[Role.BIRTH_DATE][:1]:
        if not _is_date(types[column]):
            first = format_inference.infer_date_part(connection, table, _trimmed(column))
            years = format_inference.infer_years_only(connection, table, _trimmed(column))
    if not roles.has(Role.FULL_NAME) or roles.has(Role.GIVEN_NAME, Role.FAMILY_NAME):
        return TableFormat(first, years_only=years)
    shared = SharedExpressions()
    full = text(roles, Role.FULL_NAME, types)
    # A comma makes the order explicit.
    spaced = words(
        shared.of(folded(f"CASE WHEN NOT contains({full}, ',') THEN {full} END")), TITLES
    )
    homes = []
    if roles.has(Role.STREET):
        address = ", ".join(
            f"{quoted(column)}::VARCHAR"
            for column in (*roles[Role.STREET][:1], *roles[Role.HOUSE_NUMBER][:1])
        )
        homes.append(f"nullif(concat_ws(' ', {address}), '')")
    homes += [
        f"nullif(trim({text(roles, role, types)}), '')"
        for role in (Role.PHONE, Role.EMAIL)
        if roles.has(role)
    ]
    born = [column.sql for column in _birth(roles, types, shared, first) if column.name == "born"]
    return TableFormat(
        first,
        format_inference.infer_family_first(
            connection, f"({shared.over(table, '1 AS linkage_number')})", spaced, homes, *born
        ),
        years,
    )


def _address(roles: Roles, types: dict[str, str], shared: SharedExpressions) -> list[Column]:
    """street: letters only; house: its first number; postcode, town."""
    columns = []
    street_column = single(roles, Role.STREET, types)
    street = (
        shared.of(without_flat(text(roles, Role.STREET, types)), street_column)
        if roles.has(Role.STREET)
        else ""
    )
    if street:
        plain = shared.of(folded(street), street_column)
        letters = rf"nullif(translate(regexp_extract({plain}, '\pL[\pL .''-]*'), ' .''-', ''), '')"
        # Most are one word and a number.
        letters = rf"""CASE WHEN regexp_full_match({plain}, '[a-z]+ \d.*')
            THEN split_part({plain}, ' ', 1) ELSE {letters} END"""
        columns.append(Column("street", letters, street_column))
        if not street_column:
            several = texts(roles, Role.STREET, types)
            every = f"list_transform({several}, lambda text: {letters_and_digits(folded('text'))})"
            columns.append(
                Column("streets", f"list_filter({every}, lambda text: text IS NOT NULL)")
            )
    if roles.has(Role.HOUSE_NUMBER):
        house = text(roles, Role.HOUSE_NUMBER, types)
        columns.append(Column("house", rf"nullif(regexp_extract({house}, '\d+'), '')"))
    elif street:
        house = rf"nullif(regexp_extract({street}, '\d+'), '')"
        columns.append(Column("house", house, street_column))
    if roles.has(Role.POSTCODE):
        source_column = single(roles, Role.POSTCODE, types)
        code = shared.of(folded(text(roles, Role.POSTCODE, types)), source_column)
        # 12345-6789 is 12345.
        short = f"""CASE WHEN length({code}) = 10 AND {code}[6] = '-' THEN {code}[1:5]
            ELSE {compact(code)} END"""
        postcode = f"CASE WHEN {NOT_REPEATED_DIGIT.format(code)} THEN {short} END"
        columns.append(Column("postcode", postcode, source_column))
    if roles.has(Role.TOWN):
        source_column = single(roles, Role.TOWN, types)
        town = compact(shared.of(folded(text(roles, Role.TOWN, types)), source_column))
        columns.append(Column("town", town, source_column))
    return columns


def _others(roles: Roles, types: dict[str, str], shared: SharedExpressions) -> list[Column]:
    columns = []
    if roles.has(Role.IDENTITY_NUMBER):
        # The century sign is part of a code: only white space is removed.
        number = shared.of(
            rf"regexp_replace(upper({text(roles, Role.IDENTITY_NUMBER, types)}), '\s', '', 'g')"
        )
        valid = NOT_REPEATED_DIGIT.format(number)
        columns.append(Column("number", f"CASE WHEN {valid} THEN {number} END"))
    if roles.has(Role.ORGANISATION):
        source_column = single(roles, Role.ORGANISATION, types)
        every = words(shared.of(folded(text(roles, Role.ORGANISATION, types)), source_column))
        parts = f"list_filter({every}, lambda word: NOT {is_any_of('word', LEGAL_FORMS)})"
        name = f"nullif(array_to_string({parts}, ''), '')"
        columns.append(Column("organisation", name, source_column))
    for position, column in enumerate(roles[Role.FREE_TEXT]):
        free_text = compact(shared.of(folded(as_text(column, types))))
        columns.append(Column(f"text{position}", free_text))
    if roles.has(Role.SOURCE):
        columns.append(Column("source", text(roles, Role.SOURCE, types)))
    return columns


@dataclass(frozen=True)
class RecordFormat:
    """The columns of `linkage_records` besides `id`, and the formats of the table."""

    columns: tuple[str, ...]
    table_format: TableFormat


def types_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """The table's columns and their types."""
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}


def standardise(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    roles: Roles,
    expected: RecordFormat | None = None,
) -> RecordFormat:
    """Make `linkage_records` and `linkage_keys` of the table.

    A `key` column must be filled and unique; without one, the row's number (from 0) is its key.

    Args:
        expected: The format to read the table in; inferred if not given.

    Raises:
        RolesError: The roles do not fit the table, or the columns are not the expected ones.
    """
    types = types_of(connection, table)
    missing = [
        column for columns in roles.columns.values() for column in columns if column not in types
    ]
    if missing:
        raise RolesError(
            f"roles: the table has no column {', '.join(missing)}; it has {', '.join(types)}"
        )
    latin = name_variants.write_in_latin(connection, table, roles)
    table = latin or table
    key = roles.first(Role.KEY)
    if key:
        _check_key(connection, table, key)
    values = ", ".join(
        quoted(column)
        for role, several in sorted(roles.columns.items())
        for column in several
        if role != Role.KEY
    )
    number = _row_number(connection, table)
    # Equal rows stand in the order of their keys or, without keys, in any: they are
    # interchangeable.
    connection.execute(
        f"""{KEYS.create} AS
        SELECT (row_number() OVER () - 1)::INTEGER AS id, row, key, place
        FROM (
            SELECT row, key, place
            FROM (
                SELECT
                    hash({values}) AS place,
                    {number} AS row,
                    {quoted(key) if key else number} AS key
                FROM {table})
            ORDER BY place, key)"""
    )
    table_format = expected.table_format if expected else infer_format(connection, table, roles)
    records, columns = records_sql(connection, table, roles, table_format, number, "row")
    sounds = latin is not None or (expected is not None and "given_sound" in expected.columns)
    selected, joined = name_variants.with_variants(connection, columns, sounds=sounds)
    columns = tuple(selected)
    middle = (
        "middle" in expected.columns
        if expected
        else name_variants.has_middle_names(connection, columns, records)
    )
    columns = tuple(name for name in columns if middle or name != "middle")
    if expected and columns != expected.columns:
        raise RolesError(
            f"roles: these rows give {', '.join(columns)}; "
            f"what is linked already has {', '.join(expected.columns)}"
        )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_records AS
        SELECT id, {", ".join(f"{selected[name]} AS {name}" for name in columns)}
        FROM ({records})
        JOIN linkage_keys USING (row)
        {joined}"""
    )
    if latin:
        connection.execute(f"DROP TABLE {latin}")
    return RecordFormat(columns, table_format)


def _row_number(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """SQL: the number of a row, from 0; the row id of a table, or of a view a count, which is
    slower."""
    stored = connection.execute(
        "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]
    ).fetchall()
    return "rowid" if stored else "(row_number() OVER () - 1)"


def records_sql(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    roles: Roles,
    table_format: TableFormat,
    number: str,
    name: str,
) -> tuple[str, tuple[str, ...]]:
    """SQL of the table's rows made comparable, and the names of its columns.

    Args:
        number: SQL of a row's number, which is the first column.
        name: The name of that column, which is not among the names returned.
    """
    types = types_of(connection, table)
    shared = SharedExpressions()
    columns = [
        *_names(roles, types, shared, family_first=table_format.family_first),
        *_birth(roles, types, shared, table_format.first_date_part, years=table_format.years_only),
        *_address(roles, types, shared),
        *contact_columns(roles, types, shared),
        *_others(roles, types, shared),
    ]
    kept, derived = _derived([column.name for column in columns])
    views = {
        source_column: f"linkage_value_{position}"
        for position, source_column in enumerate(
            dict.fromkeys(column.source_column for column in columns if column.source_column)
        )
    }
    by_value = "".join(
        f"{view} AS ({_by_value(columns, shared, table, source_column)}),\n        "
        for source_column, view in views.items()
    )
    joins = "\n            ".join(
        f"LEFT JOIN {view} ON {view}.linkage_value = by_row.{quoted(source_column)}"
        for source_column, view in views.items()
    )
    standardised = ", ".join(
        f"{views[column.source_column]}.{column.name}"
        if column.source_column
        else f"{column.sql} AS {column.name}"
        for column in columns
    )
    selected = ", ".join([name, *kept, *(f"{sql} AS {column}" for column, sql in derived.items())])
    return (
        f"""WITH {by_value}by_row AS ({shared.over(table, f"{number} AS linkage_number", "")}),
        standardised AS (
            SELECT linkage_number AS {name}, {standardised}
            FROM by_row
            {joins})
        SELECT {selected} FROM standardised""",
        (*kept, *derived),
    )


def _by_value(
    columns: list[Column], shared: SharedExpressions, table: str, source_column: str
) -> str:
    """SQL: the columns that depend on a source column, for each of its distinct values."""
    dependent = ", ".join(
        f"{column.sql} AS {column.name}"
        for column in columns
        if column.source_column == source_column
    )
    distinct = f"(SELECT DISTINCT {quoted(source_column)} FROM {table})"
    number = f"{quoted(source_column)} AS linkage_value"
    return f"""
            SELECT linkage_value, {dependent}
            FROM ({shared.over(distinct, number, source_column)})"""


INTERMEDIATE = ("given_words", "family_words", "full_words", "other_words")
DERIVED = {
    "given": ("given_words", "coalesce(given_words[1], full_words[1])"),
    "family": (
        "given_words",
        """coalesce(
            nullif(array_to_string(family_words, ''), ''),
            CASE WHEN len(full_words) > 1 THEN full_words[-1] END)""",
    ),
    "names": (
        "given_words",
        """list_concat(given_words, family_words, full_words, other_words,
            CASE WHEN len(family_words) > 1 THEN [array_to_string(family_words, '')] END)""",
    ),
    "middle": (
        "given_words",
        """coalesce(
            given_words[2],
            CASE WHEN len(full_words) > 2 THEN full_words[2] END,
            other_words[1])""",
    ),
    "mailbox": ("emails", "split_part(emails[1], '@', 1)"),
}
"""Columns that are derived from others, and the column that is needed.

`given` and `family` are the two names that are compared, `names` is every word of any name.
"""


def _derived(columns: list[str]) -> tuple[list[str], dict[str, str]]:
    """The columns that stay as they are, and the SQL of those derived from them."""
    derived = {
        name: sql
        for name, (needed, sql) in DERIVED.items()
        # Where call names are known, the first names have no order.
        if needed in columns and not (name == "middle" and "called" in columns)
    }
    return [name for name in columns if name not in INTERMEDIATE], derived


def _check_key(connection: duckdb.DuckDBPyConnection, table: str, key: str) -> None:
    column = quoted(key)
    counts = connection.execute(
        f"""SELECT count(*) - count({column}), count({column}) - count(DISTINCT {column})
        FROM {table}"""
    ).fetchone()
    nulls, repeated = counts or (0, 0)
    if nulls or repeated:
        raise RolesError(
            f"the key column {key} is empty in {nulls} rows and repeated in {repeated}; "
            "every row needs a key of its own"
        )
