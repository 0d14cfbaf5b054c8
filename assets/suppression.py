"""The memory that someone was erased: keyed hashes of their identifiers, so that the next delivery does not bring them back.

A record is about somebody on the list when it carries one of their strong identifiers, or a contact of theirs alone and
nothing that makes it certainly somebody else's: a valid identity code, or a strong identifier by which the register knows
a registrant. So an old list that is imported again under new record ids brings nobody back, and a spouse stays.

A person may come back: a record that they give themselves (`Dataset.given`), dated after the day of the erasure and never
seen before it, is taken in. What of theirs is known again by that is noted (`returned_on`), so that the proof does not take
it for what was erased; whatever others tell, and whatever is older, stays out.

HMAC-SHA256 under the pepper in `secrets/`, over `<type>:<canonical value>`, so that each identifier type is a domain of
its own. A plain hash would be no protection: there are few enough identity codes to try them all (erasure.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from assets.home import Home, copy_parquet
from assets.quoting import parquet

LIST = "suppressions.parquet"


# A record that carries one of these is about whom they name, even if its e-mail address or phone reaches others.
STRONG = ("identity_code", "customer_number", "contact_id", "visitor_id", "user_id")


# A CRM record is of the party whose valid identity code it carries, else of the contact, else of the customer number.
# A number that several people's records name is one person's own where it is the party of the record.
OWN = ("own_contact_id", "own_customer_number")
_OF_TYPE = "list_filter(identifiers, lambda named: starts_with(named, '{}:'))"
_CONTACT, _CUSTOMER = _OF_TYPE.format("contact_id"), _OF_TYPE.format("customer_number")
_CODES = f"""list_filter({_OF_TYPE.format("identity_code")},
    lambda named: identity_code_valid(substr(named, strlen('identity_code:') + 1)))"""
_ACCOUNT = f"CASE WHEN len({_CONTACT}) > 0 THEN {_CONTACT} ELSE {_CUSTOMER} END"
PARTY = f"CASE WHEN len({_CODES}) > 0 THEN {_CODES} ELSE {_ACCOUNT} END"
"""The identifiers that say whose a CRM record is: SQL over the column `identifiers`."""
WITH_OWN = f"""list_concat(identifiers, CASE
    WHEN len({_CONTACT}) + len({_CUSTOMER}) = 0 OR len({_CODES}) > 0 THEN []
    ELSE list_transform({_ACCOUNT}, lambda named: 'own_' || named) END)"""
"""The identifiers of a record, and its account where that is the party: SQL over the column `identifiers`."""

CERTAINLY_ANOTHERS = """split_part(identifier, ':', 1) = 'identity_code'
            AND identity_code_valid(substr(identifier, strlen('identity_code:') + 1))
        OR identifier IN (SELECT identifier FROM known_to_register)"""


def find_matches(
    connection: duckdb.DuckDBPyConnection, rows: str, listed: str, key: str = "record_no"
) -> None:
    """Make `matches`: which records are about whom, by which identifier, set-wise for any number of either.

    `know_register` comes first.

    Args:
        rows: a table with `identifiers` and the columns of `key`, as raw has it.
        listed: a table with `identifier` and what else a match must tell, such as a request's id.
        key: the columns that name a record. `matches` has these, `strong` and those of `listed`.
    """
    named = f"SELECT {key}, unnest({WITH_OWN}) AS identifier FROM {rows}"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE matches AS
        SELECT * FROM (
            SELECT *, split_part(identifier, ':', 1) IN {(*STRONG, *OWN)} AS strong
            FROM ({named}) JOIN (FROM {listed}) USING (identifier))
        QUALIFY strong OR NOT bool_or(strong) OVER (PARTITION BY {key})"""
    )
    # The register is read only where a contact alone matches.
    if connection.execute("SELECT 1 FROM matches WHERE NOT strong LIMIT 1").fetchone():
        connection.execute(
            f"""DELETE FROM matches WHERE NOT strong AND ({key}) IN (
            SELECT ({key}) FROM ({named}) SEMI JOIN (FROM matches WHERE NOT strong) USING ({key})
            WHERE {CERTAINLY_ANOTHERS})"""
        )


def know_register(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `known_to_register(identifier)`: the strong identifiers of registrants."""
    known = home.register("identifiers")
    query = (
        f"SELECT type || ':' || value AS identifier FROM {parquet(known)} WHERE type IN {STRONG}"
        if known.exists()
        else "SELECT NULL::VARCHAR AS identifier WHERE false"
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW known_to_register AS {query}")


# A record that could not be taken apart has no identifiers; whom its text names is suppressed with the hash of the text.
UNREADABLE = (
    "len(faults) > 0 AND suppression_token('content:' || content) IN (SELECT token FROM suppressed)"
)


# Of a record about someone on the list: they gave it after the erasure, and it is none that was there before.
GIVEN_ANEW = "coalesce(given_on > since AND suppression_token('record:' || record_key) NOT IN (SELECT token FROM suppressed), false)"


# What else tells of the person: the key that staged tables and quarantine have, the hash of a contact by which advertising platforms match.
_FORMS = """[identifier, CASE WHEN kind NOT IN ('record', 'content') THEN 'person_key:' || md5(identifier) END,
    CASE WHEN kind IN ('email', 'phone') THEN kind || '_sha256:' || sha256(substr(identifier, strlen(kind) + 2)) END]"""


def path(home: Home) -> Path:
    """Where the list lies."""
    return home.requests / LIST


def _listed(home: Home) -> str:
    if path(home).exists():
        return f"(SELECT * FROM {parquet(path(home))})"
    nothing = "NULL::VARCHAR AS token, NULL::VARCHAR AS request_id, NULL::DATE AS since, NULL::DATE AS review_on, NULL::DATE AS returned_on"
    return f"(SELECT {nothing} WHERE false)"


def prepare(home: Home, connection: duckdb.DuckDBPyConnection) -> bool:
    """Make the macro `suppression_token(identifier)` and the table `suppressed(token, since, returned)`; answers whether it holds any."""
    home.keyed_hash(connection)
    know_register(home, connection)
    connection.execute(
        "CREATE OR REPLACE TEMP MACRO suppression_token(identifier) AS keyed_hash('suppression|' || identifier)"
    )
    # Hashes that were made before domains were kept as A-labels are of the domain in letters.
    connection.execute(
        """CREATE OR REPLACE TEMP MACRO listed_forms(identifier) AS
        CASE WHEN contains(identifier, '@') AND contains(identifier, 'xn--')
            THEN [identifier, unusual_spelling('email_in_letters', identifier)]
            ELSE [identifier] END"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE suppressed AS
        SELECT token, max(since) AS since, bool_and(returned_on IS NOT NULL) AS returned FROM {_listed(home)} GROUP BY token"""
    )
    counted = connection.execute("SELECT count(*) FROM suppressed").fetchone()
    return bool(counted and counted[0])


def find_kept_out(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Make `kept_out(record_no)`: records about someone on the list that were not given anew; `rows` is a table as raw has it.

    Set-wise: each distinct identifier is hashed once. `prepare` comes first.
    """
    find_matches(connection, rows, f"({_listed_identifiers(rows)})")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE kept_out AS
        WITH theirs AS (SELECT record_no, max(since) AS since FROM matches GROUP BY record_no)
        SELECT record_no FROM {rows} JOIN theirs USING (record_no)
        WHERE NOT {GIVEN_ANEW}
        UNION ALL
        SELECT record_no FROM {rows} WHERE {UNREADABLE}"""
    )


def _listed_identifiers(rows: str) -> str:
    """The query of identifiers in `rows` that are on the list, and since when: in today's form, or in that of older hashes."""
    return f"""
        SELECT identifier, max(since) AS since
        FROM (SELECT identifier, unnest(listed_forms(identifier)) AS form
            FROM (SELECT DISTINCT unnest({WITH_OWN}) AS identifier FROM {rows}))
        JOIN suppressed ON token = suppression_token(form) GROUP BY identifier"""


def note_returned(
    home: Home, connection: duckdb.DuckDBPyConnection, raw: Path, today: date
) -> None:
    """Note that who gave a record of this file anew is known again by what it names. `prepare` comes first."""
    rows = parquet(raw)
    find_matches(connection, rows, f"({_listed_identifiers(rows)})")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known_again AS
        WITH anew AS (
            SELECT identifiers FROM {rows}
            WHERE given_on IS NOT NULL AND record_no IN (SELECT record_no FROM matches)),
        named AS (SELECT DISTINCT unnest(identifiers) AS identifier FROM anew)
        SELECT DISTINCT suppression_token(form) AS token
        FROM (SELECT unnest({_FORMS}) AS form FROM (SELECT *, split_part(identifier, ':', 1) AS kind FROM named)) WHERE form IS NOT NULL"""
    )
    if connection.execute(
        "SELECT 1 FROM known_again JOIN suppressed USING (token) WHERE NOT returned LIMIT 1"
    ).fetchone():
        known = "token IN (SELECT token FROM known_again)"
        copy_parquet(
            connection,
            f"""SELECT * REPLACE (CASE WHEN {known} THEN coalesce(returned_on, DATE '{today}') ELSE returned_on END AS returned_on)
            FROM {_listed(home)} ORDER BY token""",
            path(home),
        )
        prepare(home, connection)


def add(home: Home, connection: duckdb.DuckDBPyConnection, identifiers: str, today: date) -> int:
    """Suppress every row of the query `identifiers` (text columns `identifier`, `request_id`); answers how many are now listed.

    The keys and hashes that layers have in its stead are listed too: the proof finds them by that. Adding what is already
    there changes nothing, unless the registrant had come back: then they are erased anew. `review_on` is when the policy's
    period for suppressions is over.
    """
    prepare(home, connection)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE added AS
        SELECT token, request_id, DATE '{today}' AS since,
            DATE '{home.policy.rule("suppressions")[1].period.after(today)}' AS review_on, NULL::DATE AS returned_on
        FROM (SELECT request_id, suppression_token(form) AS token FROM (
            SELECT request_id, unnest({_FORMS}) AS form FROM (SELECT *, split_part(identifier, ':', 1) AS kind FROM ({identifiers}))))
        WHERE token IS NOT NULL AND (token, request_id) NOT IN (
            SELECT (token, request_id) FROM {_listed(home)} WHERE returned_on IS NULL)
        GROUP BY token, request_id"""
    )
    return copy_parquet(
        connection,
        f"""FROM (FROM {_listed(home)} WHERE returned_on IS NULL OR token NOT IN (SELECT token FROM added)
        UNION ALL BY NAME FROM added) ORDER BY token, request_id""",
        path(home),
    )


def lift(home: Home, request_id: str, identifiers: Sequence[str] | None = None) -> int:
    """Take off the list what is on it for a request: all, or only what these identifiers put there.

    What another erasure put there as well stays: each has its own rows.

    Returns:
        How many hashes nobody is kept out by any more.
    """
    if not path(home).exists():
        return 0
    with home.connect() as connection:
        prepare(home, connection)
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE lifted AS
            SELECT token FROM {_listed(home)} WHERE request_id = $request_id AND ($everything OR token IN (
                SELECT suppression_token(form) FROM (SELECT unnest({_FORMS}) AS form FROM (
                    SELECT identifier, split_part(identifier, ':', 1) AS kind
                    FROM (SELECT unnest($identifiers::VARCHAR[]) AS identifier)))))""",
            {
                "request_id": request_id,
                "everything": identifiers is None,
                "identifiers": list(identifiers or ()),
            },
        )
        kept = f"""FROM {_listed(home)} WHERE NOT (request_id IS NOT DISTINCT FROM '{request_id}'
            AND token IN (SELECT token FROM lifted))"""
        free = connection.execute(
            f"SELECT count(*) FROM (FROM lifted EXCEPT SELECT token FROM ({kept}))"
        ).fetchone()
        copy_parquet(connection, f"FROM ({kept}) ORDER BY token, request_id", path(home))
    return int(free[0]) if free else 0


def request_ids(home: Home) -> list[str]:
    """The ids of the requests for which somebody is on the list, sorted."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT DISTINCT request_id FROM {_listed(home)} WHERE request_id IS NOT NULL ORDER BY 1"
        ).fetchall()
    return [request_id for (request_id,) in rows]


def due_for_review(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    """How many hashes are on the list for longer than the policy's period: someone must say whether they are still needed."""
    if not path(home).exists():
        return 0
    over = home.policy.rule("suppressions")[1].period.before(today)
    return int(
        (
            connection.execute(
                f"SELECT count(DISTINCT token) FROM {parquet(path(home))} WHERE since <= DATE "
                f"'{over}'"
            ).fetchone()
            or (0,)
        )[0]
    )


def found_in_raw(home: Home, source: str) -> int:
    """How many records of a source's raw are about someone on the list; 0 is right. Reads the identifiers of every delivery."""
    found = 0
    with home.connect() as connection:
        if not prepare(home, connection):
            return 0
        for raw in home.files("raw", source):
            rows = parquet(raw)
            find_kept_out(connection, rows)
            found += (connection.execute("SELECT count(*) FROM kept_out").fetchone() or (0,))[0]
    return found
