"""E-mails and telephones: those that three or more people share, and mailboxes of offices and of
programs, are nobody's; they are no keys and no evidence."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.value_hashes import shared_in_order

TOO_MANY_PEOPLE = 3
NO_REPLY = (
    "(no|not|never|do[._-]?not)[._-]?(reply|response|respond|answer)|"
    "(ei|al|ala|älä)[._-]?(vastaa|vastausta)|"
    "inte[._-]?svara|svara[._-]?(ej|inte)"
)
ROLES = (
    "info|office|toimisto|kansli|kontor|contact|kontakt|yhteys|hello|sales|myynti|forsaljning|"
    "support|tuki|help|helpdesk|service|palvelu|asiakaspalvelu|kundservice|kundtjanst|"
    "customerservice|customercare|billing|invoice|invoices|laskutus|laskut|faktura|kirjaamo|"
    "registrator|reception|vastaanotto|marketing|markkinointi|newsletter|admin|administrator|"
    "postmaster|hostmaster|webmaster|abuse|noc|security|mailer[._-]?daemon|bounces?|notifications?"
)
IMPERSONAL = rf"^(([^@]*[._+-])?({NO_REPLY})([._+-][^@]*|\d*)|({ROLES})\d*([+][^@]*)?)@"
"""Mailboxes that are no person's: nobody reads the first kind, the staff on duty the second
(RFC 2142 and usual ones in Finnish, Swedish and English). That two records give one says nothing
about who they are."""
MANY_RECORDS = 60
"""So many different names on one contact are not a family; they are not looked at one by one."""


def impersonal(email: str) -> str:
    """SQL: whether an e-mail address in lower case is no person's."""
    return f"regexp_matches({email}, '{IMPERSONAL}')"


def drop_shared(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> int:
    """Take shared contacts off `linkage_records`; makes `linkage_shared(kind, value)` of them and answers how many there were.

    People are told apart by first names that are not alike, either way round, and by birth dates; who has no name is nobody else.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_shared (kind VARCHAR, value VARCHAR)")
    for column in ("emails", "phones"):
        if column in columns and "given" in columns:
            _drop(connection, column, born="born" in columns)
    row = connection.execute("SELECT count(*) FROM linkage_shared").fetchone()
    return int(row[0]) if row else 0


def take_off(connection: duckdb.DuckDBPyConnection, column: str, crowded: str) -> None:
    """Take off `linkage_records` what of the column is in the query `crowded` (value)."""
    connection.execute(
        f"""UPDATE linkage_records SET {column} = left_over{", mailbox = NULL" if column == "emails" else ""} FROM (
            SELECT id, coalesce(list(value ORDER BY value) FILTER (crowded IS NULL), []) AS left_over FROM (
                SELECT held.id, held.value, crowd.value AS crowded FROM linkage_held AS held LEFT JOIN ({crowded}) AS crowd ON crowd.value = held.value)
            GROUP BY id HAVING count(crowded) > 0) AS changed
        WHERE linkage_records.id = changed.id"""
    )


def drop_known(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], shared: str
) -> None:
    """Take off `linkage_records` what is in the table `shared` (kind, value)."""
    for column in ("emails", "phones"):
        if column in columns:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE linkage_held AS SELECT id, unnest({column}) AS value FROM linkage_records"
            )
            take_off(connection, column, f"SELECT value FROM {shared} WHERE kind = '{column}'")
            connection.execute("DROP TABLE linkage_held")


def _drop(connection: duckdb.DuckDBPyConnection, column: str, *, born: bool) -> None:
    said = ["given", "names", *(["born", "born_year"] if born else [])]
    same_birth = (
        "AND coalesce(hamming(l.born, r.born) <= 2 OR l.born_year = r.born_year OR l.born[5:8] = r.born[5:8], true)"
        if born
        else ""
    )
    # Most contacts are one person's: those are put aside by their hashes, before anything is compared.
    rows = connection.sql(
        f"SELECT id, hash(unnest({column})) AS value FROM linkage_records"
    ).to_arrow_table()
    ids, value = rows["id"].to_numpy(), rows["value"].to_numpy()
    order, _, sizes = shared_in_order(value)
    holders = np.unique(ids[order[np.repeat(sizes >= TOO_MANY_PEOPLE, sizes)]])
    connection.register("linkage_holders", pa.table({"id": holders}))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_held AS
        SELECT id, unnest({column}) AS value, {", ".join(said)} FROM linkage_records SEMI JOIN linkage_holders USING (id)"""
    )
    connection.unregister("linkage_holders")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_crowded AS
        WITH many AS (SELECT value FROM linkage_held GROUP BY value HAVING count(*) >= {TOO_MANY_PEOPLE}),
        named AS (
            SELECT value, min_by(linkage_held, id) AS one FROM linkage_held SEMI JOIN many USING (value) WHERE given IS NOT NULL
            GROUP BY value, given{", born" if born else ""} QUALIFY count(*) OVER (PARTITION BY value) >= {TOO_MANY_PEOPLE}),
        people AS (SELECT unnest(one) FROM named),
        crowds AS (SELECT value, count(*) AS names FROM named GROUP BY value),
        unlike AS (
            SELECT r.value, r.id,
                bool_or((jaro_winkler_similarity(l.given, r.given) >= 0.8 OR length(least(l.given, r.given)) = 1 OR l.given[1:3] = r.given[1:3]
                    OR list_contains(l.names, r.given) OR list_contains(r.names, l.given)) {same_birth}) AS known
            FROM people AS l JOIN people AS r ON l.value = r.value AND l.id < r.id
            SEMI JOIN (FROM crowds WHERE names <= {MANY_RECORDS}) AS few ON few.value = l.value
            GROUP BY ALL)
        SELECT value FROM unlike GROUP BY value HAVING 1 + count(*) FILTER (NOT known) >= {TOO_MANY_PEOPLE}
        UNION ALL SELECT value FROM crowds WHERE names > {MANY_RECORDS}"""
    )
    take_off(connection, column, "FROM linkage_crowded")
    connection.execute(f"INSERT INTO linkage_shared SELECT '{column}', value FROM linkage_crowded")
    connection.execute("DROP TABLE linkage_crowded; DROP TABLE linkage_held")
