"""Names of one person in another form: nicknames, and names in another script.

Nicknames are those of `schemas/reference/name_variants.csv` (Finnish, Swedish, English). Values in
other scripts are written in Latin letters (anyascii) before they are compared; scripts that leave
out vowels, and the many ways to transliterate, are bridged by how a name sounds.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from assets.record_linkage.roles import Role, Roles
from assets.record_linkage.text_standardisation import folded, words
from assets.storage.quoting import name as quoted
from assets.storage.relations import Relation, Scope
from schemas.reference.tables import read_reference

TEXTS = (
    Role.GIVEN_NAME,
    Role.FAMILY_NAME,
    Role.FULL_NAME,
    Role.OTHER_NAME,
    Role.CALL_NAME,
    Role.STREET,
    Role.TOWN,
    Role.ORGANISATION,
    Role.FREE_TEXT,
)
VARIANTS = Relation(
    name="name_variants",
    summary="The full names of each nickname.",
    columns={"variant": "VARCHAR", "forms": "VARCHAR[]"},
    reads=(),
    scope=Scope.BROADCAST,
)
LATIN_ROWS = Relation(
    name="rows_in_latin",
    summary="The rows of a table with their texts in Latin letters, where any has another script.",
    columns={},
    reads=("people",),
    scope=Scope.RECORD,
    external=True,
)
OTHER_SCRIPT = r"[^\p{Latin}\p{Common}\p{Inherited}]"
SOUNDS = (
    ("tsch|tch|sch|dzh|zh|sz|sh|ch|cz|dj|ts|tz|z|j", "s"),
    ("kh|gh|ck|q|x|c|g|h", "k"),
    ("ph|f|w|b", "v"),
    ("th|d", "t"),
    ("[aeiouy]", ""),
    *((f"{letter}+", letter) for letter in "kstvlmnpr"),
)
"""Letters and groups of letters, and the consonant that stands for them, once."""
MIN_MIDDLE_NAMES = 0.01
"""Middle names are compared where so many records have one."""


def write_in_latin(connection: duckdb.DuckDBPyConnection, table: str, roles: Roles) -> str | None:
    """Make a table of the rows with their texts in Latin letters, in their order.

    Returns:
        The name of that table; None if no text has another script.
    """
    types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall()}
    replaced, joins = [], []
    for number, column in enumerate(column for role in TEXTS for column in roles[role]):
        if types[column] != "VARCHAR":
            continue
        values = [
            value
            for (value,) in connection.execute(
                f"""SELECT DISTINCT {quoted(column)} FROM {table}
                WHERE strlen({quoted(column)}) > length({quoted(column)})
                    AND regexp_matches({quoted(column)}, '{OTHER_SCRIPT}')"""
            ).fetchall()
        ]
        if not values:
            continue
        connection.register("latin_values", _in_latin(values))
        connection.execute(f"CREATE OR REPLACE TEMP TABLE latin_{number} AS FROM latin_values")
        connection.unregister("latin_values")
        replaced.append(f"coalesce(l{number}.latin, t.{quoted(column)}) AS {quoted(column)}")
        joins.append(
            f"LEFT JOIN latin_{number} AS l{number} ON l{number}.value = t.{quoted(column)}"
        )
    if not replaced:
        return None
    connection.execute(
        f"""{LATIN_ROWS.create} AS
        SELECT t.* EXCLUDE (place_in_table) REPLACE ({", ".join(replaced)})
        FROM (SELECT *, row_number() OVER () AS place_in_table FROM {table}) AS t
        {" ".join(joins)}
        ORDER BY place_in_table"""
    )
    return LATIN_ROWS.name


def _in_latin(values: list[str]) -> pa.Table:
    """The table (value, latin)."""
    # Most tables have no other script: the package's tables are not loaded for them.
    from anyascii import anyascii

    return pa.table({"value": values, "latin": [anyascii(value) for value in values]})


def sound(name: str) -> str:
    """SQL: the consonants of a folded name; null if they are fewer than two."""
    for letters, consonant in SOUNDS:
        name = f"regexp_replace({name}, '{letters}', '{consonant}', 'g')"
    return f"CASE WHEN length({name}) > 1 THEN {name} END"


def make_variants(connection: duckdb.DuckDBPyConnection) -> str:
    """Make a table (variant, forms): the full names of each nickname; returns its name.

    Names a letter or two apart are compared by their letters: Anna and Anni may be two people.
    """
    rows = [
        (variant, row["name"])
        for row in read_reference("name_variants.csv")
        for variant in row["variants"].split()
    ]
    listed = pa.table({"variant": [row[0] for row in rows], "name": [row[1] for row in rows]})
    connection.register("listed_variants", listed)
    connection.execute(
        f"""{VARIANTS.create} AS
        SELECT variant, list_sort(list_distinct(list(name))) AS forms
        FROM (
            SELECT ({words(folded("variant"))})[1] AS variant, ({words(folded("name"))})[1] AS name
            FROM listed_variants)
        WHERE damerau_levenshtein(variant, name) > 2
        GROUP BY variant"""
    )
    connection.unregister("listed_variants")
    return VARIANTS.name


def with_variants(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], *, sounds: bool
) -> tuple[dict[str, str], str]:
    """The columns of `linkage_records` and their SQL, with those that compare variants of names;
    and what has to be joined for them."""
    selected, joined = {name: name for name in columns}, ""
    if "given" in columns and "called" not in columns:
        joined = f"LEFT JOIN {make_variants(connection)} ON variant = given"
        selected["names"] = "coalesce(list_concat(names, forms), names)"
        selected["forms"] = "forms"
    if "given" in columns and sounds:
        selected["given_sound"] = sound("given")
        selected["family_sound"] = sound("family")
    return selected, joined


def has_middle_names(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], records: str
) -> bool:
    """Whether a hundredth of the records have one."""
    if "middle" not in columns:
        return False
    row = connection.execute(
        f"SELECT count(middle) >= greatest(2, count(*) * {MIN_MIDDLE_NAMES}) FROM ({records})"
    ).fetchone()
    return bool(row and row[0])
