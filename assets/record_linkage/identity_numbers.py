"""Identity numbers: which are trusted, their corrections, and the codes that join records.

A trusted number is a *code*: records of one code are one person, records of two codes never are. A
number is trusted if its check character is right, where most of the column's are (Finnish and
Swedish codes); where the column has no such scheme, if people who agree in everything else hardly
ever have numbers that differ by a slip. Other numbers are compared like any other field.
"""

from __future__ import annotations

import duckdb

from assets.storage.queries import count
from assets.storage.relations import Relation, Scope
from schemas.identifiers import VALIDITY

_LAST_TEN = r"right(regexp_replace(number, '\D', ''), 10)"
_DIGIT = f"coalesce(TRY_CAST({_LAST_TEN}[place] AS INTEGER), 0)"
SCHEMES = {
    "finnish": "coalesce(identity_code_valid(number), false)",
    # Ten or twelve digits, the last a Luhn digit over the nine before it: those in odd places
    # count twice, by their digits.
    "swedish": rf"""coalesce(
        regexp_full_match(number, '(\d\d)?\d{{6}}[-+]?\d{{4}}')
        AND list_sum(list_transform(range(1, 11), lambda place:
            CASE WHEN place % 2 = 0 THEN {_DIGIT}
            ELSE [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][1 + {_DIGIT}] END)) % 10 = 0, false)""",
}
MIN_VALID = 0.9
"""A column follows a scheme if so many of its numbers do."""
MIN_AGREEING = 50
"""So many pairs must agree in everything else before a column without a scheme is trusted."""
MAX_SLIPS = 0.005
"""The share of such pairs in which the numbers may differ by a slip."""

CODES = Relation(
    name="linkage_codes",
    summary="The trusted identity numbers of records, numbered.",
    columns={"id": "INTEGER", "code": "INTEGER"},
    reads=("linkage_round_nodes",),
    scope=Scope.GLOBAL,
    merge="Each shard numbers its own codes.",
)


def add_codes(
    connection: duckdb.DuckDBPyConnection,
    columns: tuple[str, ...],
    aliases: str | None = None,
    scheme: str | None = None,
) -> tuple[int, str]:
    """Make `linkage_codes(id, code)` of the records with a trusted number.

    Args:
        aliases: A table (`old`, `new`) of corrected and changed numbers, applied first, and
            followed from one to the next.
        scheme: The scheme of the column; inferred if not given.

    Returns:
        The number of codes, and the scheme.
    """
    run = connection.execute
    run(CODES.create_empty())
    if "number" not in columns:
        return 0, "none"
    run(VALIDITY)
    if aliases:
        apply_aliases(connection, aliases)
    scheme = scheme or _infer_scheme(connection, columns)
    if scheme != "none":
        run(
            f"""INSERT INTO linkage_codes
            SELECT id, dense_rank() OVER (ORDER BY number)::INTEGER - 1
            FROM linkage_records
            WHERE number IS NOT NULL AND {SCHEMES.get(scheme, "true")}"""
        )
    return count(connection, "SELECT count(DISTINCT code) FROM linkage_codes"), scheme


def standardised(sql: str) -> str:
    """SQL: a number as in `linkage_records`.

    The century sign is part of a code: only white space is removed.
    """
    return rf"regexp_replace(upper({sql}::VARCHAR), '\s', '', 'g')"


def apply_aliases(connection: duckdb.DuckDBPyConnection, aliases: str) -> None:
    """Replace each number of `linkage_records` by its last correction."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_renumbered AS
        WITH RECURSIVE corrected AS (
            SELECT DISTINCT {standardised("old")} AS old, {standardised("new")} AS new
            FROM {aliases}
            WHERE old <> new),
        chains AS (
            SELECT old, new, 1 AS steps FROM corrected
            UNION ALL
            SELECT chains.old, corrected.new, steps + 1
            FROM chains
            JOIN corrected ON chains.new = corrected.old
            WHERE steps < 20)
        SELECT old, arg_max(new, (steps, new)) AS new
        FROM chains
        GROUP BY old"""
    )
    connection.execute(
        "UPDATE linkage_records SET number = new FROM linkage_renumbered WHERE number = old"
    )
    connection.execute("DROP TABLE linkage_renumbered")


def _infer_scheme(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> str:
    """The name of the column's scheme: one of `SCHEMES`, or *consistent* or *none*."""
    for name, condition in SCHEMES.items():
        row = connection.execute(
            f"""SELECT avg(CASE WHEN {condition} THEN 1.0 ELSE 0.0 END)
            FROM (
                SELECT number FROM linkage_records
                WHERE number IS NOT NULL
                ORDER BY id
                LIMIT 20000)"""
        ).fetchone()
        if row and row[0] is not None and row[0] >= MIN_VALID:
            return name
    return "consistent" if _is_consistent(connection, columns) else "none"


def _is_consistent(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> bool:
    """Whether people of one name and birth date have equal or entirely different numbers, and
    hardly ever numbers that differ by a slip."""
    if not {"given", "family", "born"} <= set(columns):
        return False
    row = connection.execute(
        """WITH alike AS (
            SELECT given, family, born, list(number ORDER BY id) AS numbers
            FROM linkage_records
            WHERE number IS NOT NULL AND given IS NOT NULL
                AND family IS NOT NULL AND born IS NOT NULL
            GROUP BY ALL
            HAVING count(*) BETWEEN 2 AND 5),
        pairs AS (SELECT numbers[1] AS l, numbers[2] AS r FROM alike)
        SELECT
            count(*) FILTER (l = r),
            count(*) FILTER (l <> r AND damerau_levenshtein(l, r) <= 2)
        FROM pairs"""
    ).fetchone()
    same, slips = row if row else (0, 0)
    return same >= MIN_AGREEING and slips <= MAX_SLIPS * (same + slips)
