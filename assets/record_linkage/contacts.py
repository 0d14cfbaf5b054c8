"""E-mails and telephones: those that three or more people share, and mailboxes of offices and of
programs, identify no person; they are neither keys nor evidence."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.role_columns import Column, SharedExpressions, single, text, texts
from assets.record_linkage.roles import Role, Roles
from assets.record_linkage.text_standardisation import NOT_REPEATED_DIGIT
from assets.record_linkage.value_hashes import group_repeated
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

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
"""Mailboxes that belong to no person: the first kind is not read, the second is read by the staff
on duty (RFC 2142 and usual ones in Finnish, Swedish and English). Two records with one of them are
not thereby one person."""
PHONE_DIGITS = 8
"""The last digits of a telephone number that identify it with any prefix (+358 50, 050)."""
MANY_RECORDS = 60
"""More names than this on one contact are no family; they are not compared."""

SHARED = Relation(
    name="linkage_shared",
    summary="Contacts that too many people share to identify anybody.",
    columns={"kind": "VARCHAR", "value": "VARCHAR"},
    amended_from=("linkage_contacts",),
    scope=Scope.GLOBAL,
    merge="People are counted over all shards.",
)
CONTACTS_OF_RECORDS = Relation(
    name="linkage_contacts",
    summary="Records and their contacts of one kind.",
    columns={"id": "INTEGER", "value": "VARCHAR"},
    reads=("linkage_records",),
    scope=Scope.RECORD,
    external=True,
)


def is_impersonal(email: str) -> str:
    """SQL: whether an e-mail address in lower case belongs to no person."""
    return f"regexp_matches({email}, '{IMPERSONAL}')"


def drop_shared(connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...]) -> int:
    """Remove shared contacts from `linkage_records`, and list them in `linkage_shared(kind,
    value)`.

    Two records are two people if their first names are not alike, in either direction, and their
    birth dates differ; a record without a name adds no person.

    Returns:
        The number of shared contacts.
    """
    connection.execute(SHARED.create_empty())
    for column in ("emails", "phones"):
        if column in columns and "given" in columns:
            _drop(connection, column, born="born" in columns)
    return count(connection, "SELECT count(*) FROM linkage_shared")


def _remove(connection: duckdb.DuckDBPyConnection, column: str, shared: str) -> None:
    """Remove the values of the query `shared` (value) from the column of `linkage_records`.

    Reads the records' values from `linkage_contacts(id, value)`.
    """
    mailbox = ", mailbox = NULL" if column == "emails" else ""
    connection.execute(
        f"""UPDATE linkage_records
        SET {column} = remaining{mailbox}
        FROM (
            SELECT
                id,
                coalesce(list(value ORDER BY value) FILTER (shared IS NULL), []) AS remaining
            FROM (
                SELECT contacts.id, contacts.value, shared.value AS shared
                FROM linkage_contacts AS contacts
                LEFT JOIN ({shared}) AS shared ON shared.value = contacts.value)
            GROUP BY id
            HAVING count(shared) > 0) AS changed
        WHERE linkage_records.id = changed.id"""
    )


def drop_known(
    connection: duckdb.DuckDBPyConnection, columns: tuple[str, ...], shared: str
) -> None:
    """Remove the contacts of the table `shared` (kind, value) from `linkage_records`."""
    for column in ("emails", "phones"):
        if column in columns:
            connection.execute(
                f"""{CONTACTS_OF_RECORDS.create} AS
                SELECT id, unnest({column}) AS value FROM linkage_records"""
            )
            _remove(connection, column, f"SELECT value FROM {shared} WHERE kind = '{column}'")
            connection.execute("DROP TABLE linkage_contacts")


def _drop(connection: duckdb.DuckDBPyConnection, column: str, *, born: bool) -> None:
    compared = ["given", "names", *(["born", "born_year"] if born else [])]
    same_birth = (
        """AND coalesce(
                    hamming(l.born, r.born) <= 2
                    OR l.born_year = r.born_year
                    OR l.born[5:8] = r.born[5:8], true)"""
        if born
        else ""
    )
    # Most contacts are one person's: their hashes exclude them before anything is compared.
    rows = connection.sql(
        f"SELECT id, hash(unnest({column})) AS value FROM linkage_records"
    ).to_arrow_table()
    ids, value = rows["id"].to_numpy(), rows["value"].to_numpy()
    order, _, sizes = group_repeated(value)
    holders = np.unique(ids[order[np.repeat(sizes >= TOO_MANY_PEOPLE, sizes)]])
    connection.register("linkage_holders", pa.table({"id": holders}))
    connection.execute(
        f"""{CONTACTS_OF_RECORDS.create} AS
        SELECT id, unnest({column}) AS value, {", ".join(compared)}
        FROM linkage_records
        SEMI JOIN linkage_holders USING (id)"""
    )
    connection.unregister("linkage_holders")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linkage_crowded AS
        WITH many AS (
            SELECT value FROM linkage_contacts
            GROUP BY value
            HAVING count(*) >= {TOO_MANY_PEOPLE}),
        named AS (
            SELECT value, min_by(linkage_contacts, id) AS record
            FROM linkage_contacts
            SEMI JOIN many USING (value)
            WHERE given IS NOT NULL
            GROUP BY value, given{", born" if born else ""}
            QUALIFY count(*) OVER (PARTITION BY value) >= {TOO_MANY_PEOPLE}),
        people AS (SELECT unnest(record) FROM named),
        crowds AS (SELECT value, count(*) AS names FROM named GROUP BY value),
        compared AS (
            SELECT
                r.value,
                r.id,
                bool_or((
                    jaro_winkler_similarity(l.given, r.given) >= 0.8
                    OR length(least(l.given, r.given)) = 1
                    OR l.given[1:3] = r.given[1:3]
                    OR list_contains(l.names, r.given)
                    OR list_contains(r.names, l.given)) {same_birth}) AS known
            FROM people AS l
            JOIN people AS r ON l.value = r.value AND l.id < r.id
            SEMI JOIN (FROM crowds WHERE names <= {MANY_RECORDS}) AS few ON few.value = l.value
            GROUP BY ALL)
        SELECT value FROM compared
        GROUP BY value
        HAVING 1 + count(*) FILTER (NOT known) >= {TOO_MANY_PEOPLE}
        UNION ALL
        SELECT value FROM crowds WHERE names > {MANY_RECORDS}"""
    )
    _remove(connection, column, "FROM linkage_crowded")
    connection.execute(f"INSERT INTO linkage_shared SELECT '{column}', value FROM linkage_crowded")
    connection.execute("DROP TABLE linkage_crowded; DROP TABLE linkage_contacts")


def contact_columns(roles: Roles, types: dict[str, str], shared: SharedExpressions) -> list[Column]:
    """emails and phones: lists without impersonal mailboxes and placeholders."""
    columns = []
    # Most have no space, and looking for one is cheaper than removing it.
    email = "CASE WHEN contains({0}, ' ') THEN lower(trim({0})) ELSE lower({0}) END"
    phone = rf"right(regexp_replace({{}}, '\D', '', 'g'), {PHONE_DIGITS})"
    personal = f"contains({{0}}, '@') AND NOT {is_impersonal('{0}')}"
    dialled = f"length({{0}}) >= 5 AND {NOT_REPEATED_DIGIT}"
    for role, name, standardised, valid in (
        (Role.EMAIL, "emails", email, personal),
        (Role.PHONE, "phones", phone, dialled),
    ):
        if single(roles, role, types):
            value = shared.of(standardised.format(text(roles, role, types)))
            columns.append(
                Column(name, f"CASE WHEN {valid.format(value)} THEN [{value}] ELSE [] END")
            )
        elif roles.has(role):
            every = f"""list_transform(
                {texts(roles, role, types)},
                lambda value: {standardised.format("value")})"""
            wanted = f"list_filter({every}, lambda value: {valid.format('value')})"
            columns.append(Column(name, f"list_sort(list_distinct({wanted}))"))
    return columns
