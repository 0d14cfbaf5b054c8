"""The memory that someone was erased: keyed hashes of their identifiers, so that the next delivery does not bring them back.

HMAC-SHA256 under the pepper in `secrets/`, over `<type>:<canonical value>`, so that each identifier type is a domain of
its own. A plain hash would be no protection: there are few enough identity codes to try them all (erasure.md).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from assets.home import Home, copy_parquet

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
UNREADABLE = "len(faults) > 0 AND suppression_token('content:' || content) IN (SELECT token FROM suppressed)"


# What else tells of the person: the key that staged tables and quarantine have, the hash of a contact by which advertising platforms match.
_FORMS = """[identifier, 'person_key:' || md5(identifier),
    CASE WHEN kind IN ('email', 'phone') THEN kind || '_sha256:' || sha256(substr(identifier, strlen(kind) + 2)) END]"""


def path(home: Home) -> Path:
    """Where the list lies."""
    return home.requests / LIST


def prepare(home: Home, connection: duckdb.DuckDBPyConnection) -> bool:
    """Make the macro `suppression_token(identifier)` and the table `suppressed(token)`; answers whether it holds any."""
    home.keyed_hash(connection)
    connection.execute("CREATE OR REPLACE TEMP MACRO suppression_token(identifier) AS keyed_hash('suppression|' || identifier)")
    connection.execute("CREATE OR REPLACE TEMP TABLE suppressed (token VARCHAR)")
    if path(home).exists():
        connection.execute(f"INSERT INTO suppressed SELECT DISTINCT token FROM read_parquet('{path(home)}')")
    counted = connection.execute("SELECT count(*) FROM suppressed").fetchone()
    return bool(counted and counted[0])


def add(home: Home, connection: duckdb.DuckDBPyConnection, identifiers: str, today: date) -> int:
    """Suppress every row of the query `identifiers` (text columns `identifier`, `request_id`); answers how many are now listed.

    The keys and hashes that layers have in its stead are listed too: the proof finds them by that.
    Adding what is already there changes nothing. `review_on` is when the policy's period for suppressions is over.
    """
    prepare(home, connection)
    earlier = (
        f"SELECT * FROM read_parquet('{path(home)}')"
        if path(home).exists()
        else "SELECT NULL::VARCHAR AS token, NULL::VARCHAR AS request_id, NULL::DATE AS since, NULL::DATE AS review_on WHERE false"
    )
    return copy_parquet(
        connection,
        f"""SELECT * FROM ({earlier})
        UNION ALL BY NAME
        SELECT token, min(request_id) AS request_id, DATE '{today}' AS since,
            DATE '{home.policy.rule("suppressions")[1].period.after(today)}' AS review_on
        FROM (SELECT request_id, suppression_token(form) AS token FROM (
            SELECT request_id, unnest({_FORMS}) AS form FROM (SELECT *, split_part(identifier, ':', 1) AS kind FROM ({identifiers}))))
        WHERE token IS NOT NULL AND token NOT IN (SELECT token FROM suppressed) GROUP BY token
        ORDER BY token""",
        path(home),
    )


def due_for_review(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    """How many hashes are on the list for longer than the policy's period: someone must say whether they are still needed."""
    if not path(home).exists():
        return 0
    over = home.policy.rule("suppressions")[1].period.before(today)
    return int((connection.execute(f"SELECT count(*) FROM read_parquet('{path(home)}') WHERE since <= DATE '{over}'").fetchone() or (0,))[0])


def found_in_raw(home: Home, source: str) -> int:
    """How many records of a source's raw are about someone on the list; 0 is right. Reads the identifiers of every delivery."""
    found = 0
    with home.connect() as connection:
        if not prepare(home, connection):
            return 0
        for path in home.files("raw", source):
            found += (
                connection.execute(
                    f"""WITH held AS (SELECT record_no, identifiers, faults, content FROM read_parquet('{path}')),
                listed AS (SELECT one FROM (SELECT DISTINCT unnest(identifiers) AS one FROM held)
                    WHERE suppression_token(one) IN (SELECT token FROM suppressed)),
                theirs AS (SELECT record_no FROM (SELECT record_no, unnest({telling("identifiers")}) AS one FROM held) SEMI JOIN listed USING (one)
                    UNION SELECT record_no FROM held WHERE {UNREADABLE})
                SELECT count(*) FROM theirs"""
                ).fetchone()
                or (0,)
            )[0]
    return found
