"""The memory that someone was erased: keyed hashes of their identifiers, so that the next delivery does not bring them back.

A person may come back: a record that they give themselves (`Dataset.given`), dated after the day of the erasure and never
seen before it, is taken in. What of theirs is known again by that is noted (`returned_on`), so that the proof does not take
it for what was erased; whatever others tell, and whatever is older, stays out.

HMAC-SHA256 under the pepper in `secrets/`, over `<type>:<canonical value>`, so that each identifier type is a domain of
its own. A plain hash would be no protection: there are few enough identity codes to try them all (erasure.md).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from assets.home import Home, copy_parquet
from assets.quoting import parquet

LIST = "suppressions.parquet"


# A record that carries one of these is about whom they name, whoever else its e-mail address or phone may reach.
STRONG = ("identity_code", "customer_number", "contact_id", "visitor_id", "user_id")


def telling(identifiers: str) -> str:
    """Those of the list `identifiers` that tell whom a record is about: the strong ones; without any, the others."""
    strong = f"list_filter({identifiers}, lambda one: one[:strpos(one, ':') - 1] IN {STRONG})"
    return f"CASE WHEN len({strong}) > 0 THEN {strong} ELSE {identifiers} END"


def concerns(identifiers: str, sought: str) -> str:
    """The condition that a record with the list `identifiers` is about someone in the list `sought`.

    Either it carries a strong identifier of theirs, or no strong identifier at all and a contact of theirs alone. For a
    short list only: each row is held against all of it. For many, join what `telling` answers.
    """
    return f"coalesce(list_has_any({telling(identifiers)}, {sought}), false)"


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
    connection.execute(
        "CREATE OR REPLACE TEMP MACRO suppression_token(identifier) AS keyed_hash('suppression|' || identifier)"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE suppressed AS
        SELECT token, max(since) AS since, bool_and(returned_on IS NOT NULL) AS returned FROM {_listed(home)} GROUP BY token"""
    )
    counted = connection.execute("SELECT count(*) FROM suppressed").fetchone()
    return bool(counted and counted[0])


def kept_out(rows: str) -> str:
    """The query of the `record_no` that are about someone on the list and were not given anew; `rows` is a table as raw has it.

    Set-wise: each distinct identifier is hashed once. `prepare` comes first.
    """
    return f"""
        WITH theirs AS (
            SELECT record_no, max(since) AS since FROM (SELECT record_no, unnest({telling("identifiers")}) AS identifier FROM {rows})
            JOIN (SELECT identifier, since FROM (SELECT DISTINCT unnest(identifiers) AS identifier FROM {rows})
                JOIN suppressed ON token = suppression_token(identifier)) USING (identifier) GROUP BY record_no)
        SELECT record_no FROM {rows} JOIN theirs USING (record_no)
        WHERE NOT {GIVEN_ANEW}
        UNION ALL
        SELECT record_no FROM {rows} WHERE {UNREADABLE}"""


def note_returned(
    home: Home, connection: duckdb.DuckDBPyConnection, raw: Path, today: date
) -> None:
    """Note that who gave a record of this file anew is known again by what it names. `prepare` comes first."""
    rows = parquet(raw)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known_again AS
        WITH anew AS (
            SELECT identifiers FROM {rows} WHERE given_on IS NOT NULL AND record_no IN (
                SELECT record_no FROM (SELECT record_no, unnest({telling("identifiers")}) AS identifier FROM {rows})
                WHERE suppression_token(identifier) IN (SELECT token FROM suppressed))),
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
        SELECT token, min(request_id) AS request_id, DATE '{today}' AS since,
            DATE '{home.policy.rule("suppressions")[1].period.after(today)}' AS review_on, NULL::DATE AS returned_on
        FROM (SELECT request_id, suppression_token(form) AS token FROM (
            SELECT request_id, unnest({_FORMS}) AS form FROM (SELECT *, split_part(identifier, ':', 1) AS kind FROM ({identifiers}))))
        WHERE token IS NOT NULL AND token NOT IN (SELECT token FROM suppressed WHERE NOT returned) GROUP BY token"""
    )
    return copy_parquet(
        connection,
        f"FROM (FROM {_listed(home)} WHERE token NOT IN (SELECT token FROM added) UNION ALL BY NAME FROM added) ORDER BY token",
        path(home),
    )


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
                f"SELECT count(*) FROM {parquet(path(home))} WHERE since <= DATE '{over}'"
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
            found += (
                connection.execute(f"SELECT count(*) FROM ({kept_out(rows)})").fetchone() or (0,)
            )[0]
    return found
