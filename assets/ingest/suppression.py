"""The memory that someone was erased: keyed hashes of their identifiers, so that the next delivery
does not bring them back.

A record is about somebody on the list when it carries one of their decisive identifiers, or a
contact or cookie of theirs alone and nothing that makes it certainly somebody else's: a valid
identity code, a strong identifier by which the register knows a registrant, or, beside a cookie,
the account that was signed in. So an old list that is imported again under new record ids brings
nobody back, and a spouse stays. A contact or cookie that a record has shown to be another's as well
is noted (`shared_on`), and suppresses nothing from then on: docs/decisions/shared-identifiers.md.

A person may come back: a record that they give themselves (`Dataset.given`), dated after the day of
the erasure and never seen before it, is taken in. What of theirs is known again by that is noted
(`returned_on`), so that the proof does not take it for what was erased; whatever others state, and
whatever is older, stays out.

HMAC-SHA256 under the pepper in `secrets/`, over `<type>:<canonical value>`, so that each identifier
type is a domain of its own. A plain hash would be no protection: there are few enough identity
codes to try them all (docs/decisions/keyed-hashes.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import duckdb

from assets.ingest.record_matching import KNOWN_TO_REGISTER, STRONG, WITH_OWN, find_matches
from assets.requests import ledger
from assets.storage import recorded_files, suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_rows
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect, create_keyed_hash

KNOWN_BROWSERS = Relation(
    name="known_browsers",
    summary="Cookies of registrants who have an account on the website.",
    columns={"cookie": "VARCHAR"},
    scope=Scope.COMPONENT,
)
SUPPRESSED = Relation(
    name="suppressed",
    summary="Keyed hashes on the suppression list, and whether their person has come back.",
    columns={"token": "VARCHAR", "since": "DATE", "returned": "BOOLEAN"},
    scope=Scope.BROADCAST,
)
SHOWN_OF_OTHERS = Relation(
    name="shown_of_others",
    summary="Keyed hashes on the list that have been shown to be somebody else's as well.",
    columns={"token": "VARCHAR"},
    scope=Scope.BROADCAST,
)
BROWSERS = Relation(
    name="browsers",
    summary="Cookies under which only accounts of somebody on the list are signed in.",
    columns={"cookie": "VARCHAR"},
    reads=("matches", "shown_of_others"),
    amended_from=("known_browsers",),
    scope=Scope.COMPONENT,
)
KEPT_OUT = Relation(
    name="kept_out",
    summary="Records about somebody on the list that were not given again.",
    columns={"record_no": "BIGINT"},
    reads=("matches", "browsers", "suppressed"),
    scope=Scope.COMPONENT,
)
QUERIED_IDENTIFIERS = Relation(
    name="queried_identifiers",
    summary="Identifiers of which it is asked whether somebody erased has them.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)


def know_register(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views `known_to_register(identifier)`, the strong identifiers of registrants, and
    `known_browsers(cookie)`, the cookies of those who have an account on the website.
    """
    recorded_files.check(known := data_root.register("identifiers"), once=True)
    query = (
        f"SELECT type || ':' || value AS identifier FROM {parquet(known)} WHERE type IN {STRONG}"
        if known.exists()
        else "SELECT NULL::VARCHAR AS identifier WHERE false"
    )
    connection.execute(KNOWN_TO_REGISTER.create_view(query))
    browsers = (
        f"""SELECT 'visitor_id:' || value AS cookie FROM {parquet(known)} WHERE type = 'visitor_id'
        AND registrant_id IN (SELECT registrant_id FROM {parquet(known)} WHERE type = 'user_id')"""
        if known.exists()
        else "SELECT NULL::VARCHAR AS cookie WHERE false"
    )
    connection.execute(KNOWN_BROWSERS.create_view(browsers))


# A record that could not be parsed has no identifiers; the person named in its text is suppressed
# with the hash of the text.
UNREADABLE = (
    "len(faults) > 0 AND suppression_token('content:' || content) IN (SELECT token FROM suppressed)"
)

# Of a record about someone on the list: they gave it after the erasure, and it is none that was
# there before.
GIVEN_AGAIN = (
    "coalesce(given_on > since AND suppression_token('record:' || record_key) NOT IN (SELECT "
    "token FROM suppressed), false)"
)


KEPT = "kept:"
"""Before the content of a record of which a person decided that it stays with what mentions
somebody: so that no later proof finds it again. It suppresses nothing.
"""

# What else identifies the person: the key that staged tables and quarantine have, the hash of a
# contact by which advertising platforms match.
FORMS = """[identifier,
    CASE WHEN kind NOT IN ('record', 'content', 'shared', 'kept')
        THEN 'person_key:' || md5(identifier) END,
    CASE WHEN kind IN ('email', 'phone')
        THEN kind || '_sha256:' || sha256(substr(identifier, strlen(kind) + 2)) END]"""


def path(data_root: DataRoot) -> Path:
    """Where the list lies."""
    return suppression_state.list_path(data_root)


def _replace(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Replace the list by a query's rows, and record its state; return their number."""
    with suppression_state.replacing_list(data_root) as unfinished:
        return copy_rows(connection, query, unfinished)


def listed(data_root: DataRoot) -> str:
    """SQL of the list's rows; those of older lists have no `shared_on`."""
    nothing = """SELECT NULL::VARCHAR AS token, NULL::VARCHAR AS request_id, NULL::DATE AS since,
        NULL::DATE AS review_on,
            NULL::DATE AS returned_on, NULL::DATE AS shared_on WHERE false"""
    rows = (
        f" UNION ALL BY NAME SELECT * FROM {parquet(path(data_root))}"
        if path(data_root).exists()
        else ""
    )
    return f"({nothing}{rows})"


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> bool:
    """Make the macro `suppression_token(identifier)` and the table `suppressed(token, since,
    returned)`, and return whether it has any rows.
    """
    create_keyed_hash(data_root, connection)
    know_register(data_root, connection)
    connection.execute(
        "CREATE OR REPLACE TEMP MACRO suppression_token(identifier) AS "
        "keyed_hash('suppression|' || identifier)"
    )
    # Hashes that were made before domains were kept as A-labels are of the domain in letters;
    # before customer numbers were kept in capitals, as they were written.
    connection.execute(
        """CREATE OR REPLACE TEMP MACRO listed_forms(identifier) AS
        CASE WHEN contains(identifier, '@') AND contains(identifier, 'xn--')
            THEN [identifier, unusual_spelling('email_in_letters', identifier)]
            WHEN regexp_full_match(identifier, '(customer_number|user_id):[^@]*[A-Z][^@]*')
            THEN [identifier, lower(identifier)]
            ELSE [identifier] END"""
    )
    connection.execute(
        f"""{SUPPRESSED.create} AS
        SELECT token, max(since) AS since, bool_and(returned_on IS NOT NULL) AS returned
        FROM {listed(data_root)} WHERE shared_on IS NULL GROUP BY token"""
    )
    connection.execute(
        f"""{SHOWN_OF_OTHERS.create} AS
        SELECT token FROM {listed(data_root)} WHERE shared_on IS NOT NULL"""
    )
    counted = connection.execute("SELECT count(*) FROM suppressed").fetchone()
    return bool(counted and counted[0])


def _find_browsers(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Make `browsers(cookie)`: cookies in `rows` under which only accounts of somebody on the list
    are signed in.

    None that has been shown to be another's, and none by which the register knows somebody with an
    account.
    """
    connection.execute(
        f"""{BROWSERS.create} AS
        SELECT cookie FROM (
            SELECT record_no,
                list_filter(identifiers, lambda one: starts_with(one, 'visitor_id:'))[1] AS cookie,
                len(list_filter(identifiers, lambda one: starts_with(one, 'user_id:'))) > 0
                    AS signed_in
            FROM {rows})
        WHERE cookie IS NOT NULL AND signed_in GROUP BY cookie
        HAVING bool_and(record_no IN (SELECT record_no FROM matches WHERE strong))
            AND suppression_token(cookie) NOT IN (SELECT token FROM shown_of_others)"""
    )
    if connection.execute("SELECT 1 FROM browsers LIMIT 1").fetchone():
        connection.execute(
            "DELETE FROM browsers WHERE cookie IN (SELECT cookie FROM known_browsers)"
        )


def find_kept_out(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Make `kept_out(record_no)`: records about someone on the list that were not given again;
    `rows` is a table as raw has it.

    With a visit of theirs go the visits in `rows` under the same cookie by nobody who was signed
    in, unless somebody else is signed in under it. Set-wise: each distinct identifier is hashed
    once. `prepare` comes first.
    """
    find_matches(connection, rows, f"({_listed_identifiers(rows)})")
    _find_browsers(connection, rows)
    connection.execute(
        f"""{KEPT_OUT.create} AS
        WITH theirs AS (SELECT record_no, max(since) AS since FROM matches GROUP BY record_no)
        SELECT record_no FROM {rows} JOIN theirs USING (record_no)
        WHERE NOT {GIVEN_AGAIN}
        UNION ALL
        SELECT record_no FROM (SELECT record_no, unnest(identifiers) AS identifier FROM {rows})
        ANTI JOIN theirs USING (record_no)
        GROUP BY record_no HAVING bool_or(identifier IN (SELECT cookie FROM browsers))
            AND NOT bool_or(starts_with(identifier, 'user_id:'))
        UNION ALL
        SELECT record_no FROM {rows} WHERE {UNREADABLE}"""
    )


def _listed_identifiers(rows: str) -> str:
    """The query of identifiers in `rows` that are on the list, and since when: in today's form, or
    in that of older hashes.
    """
    return f"""
        SELECT identifier, max(since) AS since
        FROM (SELECT identifier, unnest(listed_forms(identifier)) AS form
            FROM (SELECT DISTINCT unnest({WITH_OWN}) AS identifier FROM {rows}))
        JOIN suppressed ON token = suppression_token(form) GROUP BY identifier"""


def keep_from_returning(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the day of giving from those of `raw_records` that only end something and name nobody
    who has come back.

    `raw_records(record_no, given_on, ends)` and `identified(record_no, identifiers)` are of one
    batch. Ending an earlier statement brings nobody back; people who have come back may end what
    they have stated since.
    """
    connection.execute(
        """UPDATE raw_records SET given_on = NULL WHERE ends AND record_no NOT IN (
            SELECT record_no FROM (
                SELECT record_no, unnest(listed_forms(identifier)) AS form
                FROM (SELECT record_no, unnest(identifiers) AS identifier FROM identified))
            JOIN suppressed ON token = suppression_token(form) WHERE returned)"""
    )


def note_known_again(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, raw: Path, today: date
) -> None:
    """Note what a file that was just taken in shows of identifiers on the list. `prepare` comes
    first.

    Who gave a record after the erasure is known again by what it names (`returned_on`). A contact
    or cookie in a record that is certainly about somebody else is theirs, too (`shared_on`); but
    not while an erasure is going on, for the register may still have the registrant.
    """
    rows = parquet(raw)
    find_matches(connection, rows, f"({_listed_identifiers(rows)})")
    forms = f"""SELECT DISTINCT suppression_token(form) AS token
        FROM (SELECT unnest({FORMS}) AS form
            FROM (SELECT identifier, split_part(identifier, ':', 1) AS kind FROM named))
        WHERE form IS NOT NULL"""
    theirs = "SELECT record_no FROM matches"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known_again AS
        WITH named AS (
            SELECT DISTINCT unnest(identifiers) AS identifier FROM {rows}
            WHERE given_on IS NOT NULL AND record_no IN ({theirs}))
        {forms}"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE known_of_others AS
        WITH named AS (
            SELECT DISTINCT identifier FROM ({_listed_identifiers(rows)})
            SEMI JOIN (SELECT unnest(identifiers) AS identifier FROM {rows}
                WHERE record_no NOT IN ({theirs})) USING (identifier))
        {forms}"""
    )
    marks = {"returned_on": "known_again"}
    if not any(request.state == "erasing" for request in ledger.every(data_root, opened=False)):
        marks["shared_on"] = "known_of_others"
    columns = ", ".join(
        f"""CASE WHEN token IN (SELECT token FROM {noted}) THEN coalesce({column}, DATE '{today}')
            ELSE {column} END AS {column}"""
        for column, noted in marks.items()
    )
    noted = " UNION ALL ".join(f"SELECT token FROM {table}" for table in marks.values())
    if connection.execute(
        f"SELECT 1 FROM ({noted}) JOIN suppressed USING (token) WHERE NOT returned LIMIT 1"
    ).fetchone():
        _replace(
            data_root,
            connection,
            f"SELECT * REPLACE ({columns}) FROM {listed(data_root)} ORDER BY token",
        )
        prepare(data_root, connection)


def erased_among(data_root: DataRoot, identifiers: Iterable[str]) -> set[str]:
    """Return those of the identifiers (`<type>:<canonical value>`) that are of somebody erased and
    of nobody else.

    Who has come back is not erased; nor is an identifier by which the register knows or reaches
    a registrant, unless an erasure is going on and the register may still have who is being erased.
    """
    with connect(data_root) as connection:
        if not prepare(data_root, connection):
            return set()
        connection.execute(
            f"{QUERIED_IDENTIFIERS.create} AS SELECT DISTINCT unnest($1::VARCHAR[]) AS identifier",
            [sorted(identifiers)],
        )
        rows = connection.execute(
            """SELECT DISTINCT identifier
            FROM (SELECT identifier, unnest(listed_forms(identifier)) AS form
                FROM queried_identifiers)
            JOIN suppressed ON token = suppression_token(form) WHERE NOT returned"""
        ).fetchall()
        erased = {identifier for (identifier,) in rows}
        if not erased or any(
            request.state == "erasing" for request in ledger.every(data_root, opened=False)
        ):
            return erased
        return erased - _known(data_root, connection)


def _known(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Those of `queried_identifiers` that the register has."""
    columns = {"identifiers": "type || ':' || value", "contact_points": "kind || ':' || match_key"}
    queries = [
        f"SELECT {column} AS identifier FROM {parquet(data_root.register(table))}"
        for table, column in columns.items()
        if data_root.register(table).exists()
    ]
    if not queries:
        return set()
    rows = connection.execute(
        f"""SELECT DISTINCT identifier FROM ({" UNION ALL ".join(queries)})
        SEMI JOIN queried_identifiers USING (identifier)"""
    ).fetchall()
    return {identifier for (identifier,) in rows}


def find_consents_of_erased(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, subjects: str
) -> None:
    """Make `consents_of_erased(subject, until)`: a grant under the subject, made on that day or
    before, is nobody's.

    Of an identifier that somebody erased shared with others, or that became another's since,
    nobody can show who has consented by it (GDPR 7(1)).

    Args:
        subjects: a query with the column `subject`, as `<type>:<canonical value>`.
    """
    prepare(data_root, connection)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE consents_of_erased AS
        WITH every AS (SELECT token, since FROM {listed(data_root)}),
        forms AS (
            SELECT DISTINCT subject, unnest([subject, 'shared:' || subject]) AS form
            FROM ({subjects}) WHERE EXISTS (FROM every))
        SELECT subject, max(since) AS until FROM forms
        JOIN every ON token = suppression_token(form) GROUP BY subject"""
    )


def add(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, identifiers: str, today: date
) -> int:
    """Suppress every row of the query `identifiers` (text columns `identifier`, `request_id`),
    and return how many are now listed.

    `shared:<type>:<value>` lists what somebody erased shared with others: it suppresses
    nothing, but no consent from before is read from it (`find_consents_of_erased`). The keys and
    hashes that layers have in place of it are listed too: the proof finds them by that. Adding what
    is already there changes nothing, unless the registrant had come back: then they are erased
    again. `review_on` is when the policy's period for suppressions is over.
    """
    prepare(data_root, connection)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE added AS
        SELECT token, request_id, DATE '{today}' AS since,
            DATE '{data_root.policy.rule("suppressions")[1].period.after(today)}' AS review_on,
            NULL::DATE AS returned_on, NULL::DATE AS shared_on
        FROM (SELECT request_id, suppression_token(form) AS token FROM (
            SELECT request_id, unnest({FORMS}) AS form
                FROM (SELECT *, split_part(identifier, ':', 1) AS kind FROM ({identifiers}))))
        WHERE token IS NOT NULL AND (token, request_id) NOT IN (
            SELECT (token, request_id) FROM {listed(data_root)}
            WHERE returned_on IS NULL AND shared_on IS NULL)
        GROUP BY token, request_id"""
    )
    return _replace(
        data_root,
        connection,
        f"""FROM (FROM {listed(data_root)} WHERE (returned_on IS NULL AND shared_on IS NULL)
            OR token NOT IN (SELECT token FROM added)
        UNION ALL BY NAME FROM added) ORDER BY token, request_id""",
    )


def lift(data_root: DataRoot, request_id: str, identifiers: Sequence[str] | None = None) -> int:
    """Take off the list what is on it for a request: all, or only what these identifiers put there.

    What another erasure put there as well stays: each has its own rows.

    Returns:
        How many hashes nobody is kept out by any more.
    """
    if not path(data_root).exists():
        return 0
    with connect(data_root) as connection:
        prepare(data_root, connection)
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE lifted AS
            SELECT token FROM {listed(data_root)} WHERE request_id = $request_id
                AND ($everything OR token IN (
                SELECT suppression_token(form) FROM (SELECT unnest({FORMS}) AS form FROM (
                    SELECT identifier, split_part(identifier, ':', 1) AS kind
                    FROM (SELECT unnest($identifiers::VARCHAR[]) AS identifier)))))""",
            {
                "request_id": request_id,
                "everything": identifiers is None,
                "identifiers": list(identifiers or ()),
            },
        )
        kept = f"""FROM {listed(data_root)} WHERE NOT (request_id IS NOT DISTINCT
            FROM '{request_id}'
            AND token IN (SELECT token FROM lifted))"""
        free = connection.execute(
            f"SELECT count(*) FROM (FROM lifted EXCEPT SELECT token FROM ({kept}))"
        ).fetchone()
        _replace(data_root, connection, f"FROM ({kept}) ORDER BY token, request_id")
    return int(free[0]) if free else 0


def request_ids(data_root: DataRoot) -> list[str]:
    """The ids of the requests for which somebody is on the list, sorted."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT DISTINCT request_id FROM {listed(data_root)} WHERE request_id IS NOT "
            "NULL ORDER BY 1"
        ).fetchall()
    return [request_id for (request_id,) in rows]


def count_listed(data_root: DataRoot) -> int:
    """Return the number of the list's rows."""
    with duckdb.connect() as connection:
        return count(connection, f"SELECT count(*) FROM {listed(data_root)}")


def due_for_review(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    """How many hashes are on the list for longer than the policy's period: a person must decide
    whether they are still needed.
    """
    if not path(data_root).exists():
        return 0
    over = data_root.policy.rule("suppressions")[1].period.before(today)
    return int(
        (
            connection.execute(
                f"SELECT count(DISTINCT token) FROM {parquet(path(data_root))} WHERE since <= DATE "
                f"'{over}'"
            ).fetchone()
            or (0,)
        )[0]
    )


def count_suppressed_in_raw(data_root: DataRoot, source: str) -> int:
    """How many records of a source's raw are about someone on the list; 0 is right. Reads the
    identifiers of every delivery.
    """
    total = 0
    with connect(data_root) as connection:
        if not prepare(data_root, connection):
            return 0
        for raw in data_root.files("raw", source):
            rows = parquet(raw)
            find_kept_out(connection, rows)
            total += (connection.execute("SELECT count(*) FROM kept_out").fetchone() or (0,))[0]
    return total
