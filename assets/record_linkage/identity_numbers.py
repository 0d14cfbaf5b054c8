"""Identity numbers: which may be believed, what they were corrected to, and who is joined by them.

A number that is believed makes a *code*: records of one code are one person, records of two codes never are. A number
is believed if its check character is right, where most of the column's are (Finnish and Swedish codes); where the column
has no such scheme, if people who agree in everything else hardly ever have numbers that differ by a slip. Other numbers are
compared like anything else.
"""

from __future__ import annotations

import duckdb

from schemas.identifiers import VALIDITY

SCHEMES = {
    "finnish": "coalesce(identity_code_valid(number), false)",
    # Ten or twelve digits, the last a Luhn digit over the nine before it.
    # Ten or twelve digits, the last a Luhn digit over the nine before it: those in odd places count twice, by their digits.
    "swedish": r"""coalesce(regexp_full_match(number, '(\d\d)?\d{6}[-+]?\d{4}') AND list_sum(list_transform(range(1, 11), lambda place:
        CASE WHEN place % 2 = 0 THEN coalesce(TRY_CAST(right(regexp_replace(number, '\D', ''), 10)[place] AS INTEGER), 0)
        ELSE [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][1 + coalesce(TRY_CAST(right(regexp_replace(number, '\D', ''), 10)[place] AS INTEGER), 0)] END)) % 10 = 0, false)""",
}
MOSTLY = 0.9
"""A column follows a scheme if so many of its numbers do."""
WITNESSES = 50
"""So many pairs must be seen to agree in everything else before a column without a scheme is believed."""
FEW_SLIPS = 0.005


def add_codes(
    connection: duckdb.DuckDBPyConnection,
    columns: tuple[str, ...],
    aliases: str | None = None,
    scheme: str | None = None,
) -> tuple[int, str]:
    """Make `linkage_codes(id, code)`, the records whose number is believed; answers how many codes, and the `scheme` given or found.

    `aliases` is a table (`old`, `new`) of corrected and changed numbers, applied, as often as they lead on, before anything else.
    """
    run = connection.execute
    run("CREATE OR REPLACE TEMP TABLE linkage_codes (id INTEGER, code INTEGER)")
    if "number" not in columns:
        return 0, "none"
    run(VALIDITY)
    if aliases:
        apply_aliases(connection, aliases)
    scheme = scheme or _scheme(connection, columns)
    if scheme != "none":
        run(
            f"""INSERT INTO linkage_codes SELECT id, dense_rank() OVER (ORDER BY number)::INTEGER - 1
            FROM linkage_records WHERE number IS NOT NULL AND {SCHEMES.get(scheme, "true")}"""
        )
    row = run("SELECT count(DISTINCT code) FROM linkage_codes").fetchone()
    return (int(row[0]) if row else 0), scheme


def spelt(sql: str) -> str:
    """SQL: a number as it stands in `linkage_records`. The century sign is part of a code: only white space goes."""
    return rf"regexp_replace(upper({sql}::VARCHAR), '\s', '', 'g')"


def apply_aliases(connection: duckdb.DuckDBPyConnection, aliases: str) -> None:
    """Put what a number was last corrected to in its place."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_renumbered AS
        WITH RECURSIVE corrected AS (SELECT DISTINCT {spelt("old")} AS old, {spelt("new")} AS new FROM {aliases} WHERE old <> new),
        ways AS (
            SELECT old, new, 1 AS steps FROM corrected
            UNION ALL SELECT ways.old, corrected.new, steps + 1 FROM ways JOIN corrected ON ways.new = corrected.old WHERE steps < 20)
        SELECT old, arg_max(new, (steps, new)) AS new FROM ways GROUP BY old"""
    )
    connection.execute(
        "UPDATE linkage_records SET number = new FROM linkage_renumbered WHERE number = old"
    )
    connection.execute("DROP TABLE linkage_renumbered")


def _scheme(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> str:
    """The name of the scheme that the column follows: of `SCHEMES`, or *consistent* or *none*."""
    for name, condition in SCHEMES.items():
        row = connection.execute(
            f"""SELECT avg(CASE WHEN {condition} THEN 1.0 ELSE 0.0 END)
            FROM (SELECT number FROM linkage_records WHERE number IS NOT NULL ORDER BY id LIMIT 20000)"""
        ).fetchone()
        if row and row[0] is not None and row[0] >= MOSTLY:
            return name
    return "consistent" if _consistent(connection, columns) else "none"


def _consistent(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> bool:
    """Whether people of one name and birth date have the same number or quite another, and hardly ever one with a slip."""
    if not {"given", "family", "born"} <= set(columns):
        return False
    row = connection.execute(
        """WITH alike AS (
            SELECT given, family, born, list(number ORDER BY id) AS numbers FROM linkage_records
            WHERE number IS NOT NULL AND given IS NOT NULL AND family IS NOT NULL AND born IS NOT NULL
            GROUP BY ALL HAVING count(*) BETWEEN 2 AND 5),
        pairs AS (SELECT numbers[1] AS one, numbers[2] AS other FROM alike)
        SELECT count(*) FILTER (one = other), count(*) FILTER (one <> other AND damerau_levenshtein(one, other) <= 2) FROM pairs"""
    ).fetchone()
    same, slips = row if row else (0, 0)
    return same >= WITNESSES and slips <= FEW_SLIPS * (same + slips)
