"""Refusals of registrants who leave, kept by keyed hash, and found again when somebody returns.

A refusal is kept when its registrant leaves the register, by the end of retention or by an
erasure, under every identifier and contact point that is theirs alone, the contact that it is
about, and their name with their address. Of somebody who is known by one of these again the refusal
counts as their own (`choices`): until the source that made it lifts it, or, of what the registrant
stated themselves, until they consent again to the same use on the same channel. No consent ends the
prohibitions of the population register or of a list.

No reason to keep anything: only the hash, the purpose and channel, and the day are left.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import duckdb

from assets.ingest import refusals
from assets.register import current_statements
from assets.sources.all_sources import is_authority
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect
from schemas.columns import arrow_schema, duckdb_types, table_name
from schemas.eligibility import BOUNCED, FROM_LIST, LIST_YEARS
from schemas.refusals import LASTING, LastingRefusals
from schemas.register import ChoiceLog

COLUMNS = duckdb_types(LastingRefusals)
_CHOICES = current_statements.STATEMENTS["marketing_choices"].columns
LASTING_REFUSALS = Relation(
    name="lasting_refusals",
    summary="Refusals of registrants who have left, from earlier builds and this one.",
    columns=COLUMNS,
    amended_from=(
        "leaving_refusals",
        "leaving_tokens",
        "returned_refusals",
        "registrant_choice_log",
    ),
    scope=Scope.COMPONENT,
    external=True,
)
LEAVING_TOKENS = Relation(
    name="leaving_tokens",
    summary="What the registrants who leave are known and reached by, theirs alone, as hashes.",
    columns={"registrant_id": "VARCHAR", "token": "VARCHAR"},
    reads=("reached_by", "expiring_registrants"),
    scope=Scope.COMPONENT,
)
LEAVING_REFUSALS = Relation(
    name="leaving_refusals",
    summary="The refusals in force of the registrants who leave; `refusal` of those from before.",
    columns={
        "registrant_id": "VARCHAR",
        "refusal": "VARCHAR",
        "purpose": "VARCHAR",
        "channel": "VARCHAR",
        "choice": "VARCHAR",
        "origin": "VARCHAR",
        "stated_at": "TIMESTAMPTZ",
        "subject": "VARCHAR",
    },
    reads=(
        "statements_marketing_choices",
        "membership",
        "reached_by",
        "expiring_registrants",
        "lasting_refusals",
    ),
    scope=Scope.COMPONENT,
)
REACHED_BY = Relation(
    name="reached_by",
    summary="All that a registrant is known or reached by, as type:value.",
    columns={"registrant_id": "VARCHAR", "identifier": "VARCHAR"},
    reads=(
        "registrant_identifiers",
        "staged_contact_points",
        "renamed_persons",
        "membership",
        "current_names",
        "current_addresses",
    ),
    scope=Scope.COMPONENT,
)
RETURNED_REFUSALS = Relation(
    name="returned_refusals",
    summary="Lasting refusals of registrants who are in the register again, as their choices.",
    columns={"registrant_id": "VARCHAR", "counts": "BOOLEAN", **_CHOICES},
    reads=("lasting_refusals", "reached_by"),
    scope=Scope.COMPONENT,
)
# What only one person has is their identifier; a contact or a home may be several people's.
_PERSONAL = ("identity_code", "customer_number", "contact_id", "user_id")


def load(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `lasting_refusals` of what earlier builds kept, without a list's bans that are over."""
    refusals.load(data_root, connection)
    zone = data_root.policy.time_zone
    connection.execute(
        f"""DELETE FROM lasting_refusals
        WHERE {FROM_LIST} AND channel = 'phone'
            AND timezone('{zone}', stated_at)::DATE
                < (DATE '{today}' - INTERVAL {LIST_YEARS} YEAR)::DATE"""
    )


def remember(connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Add the refusals of `expiring_registrants` to `lasting_refusals`."""
    _reached_by(connection)
    connection.execute(LEAVING_REFUSALS.create_table(_in_force()))
    if not count(connection, "SELECT count(*) FROM leaving_refusals"):
        return
    connection.execute(
        LEAVING_TOKENS.create_table(
            f"""WITH theirs AS (
                SELECT reached_by.* FROM reached_by
                SEMI JOIN expiring_registrants USING (registrant_id)),
            judged AS (
                SELECT theirs.registrant_id, theirs.identifier,
                    split_part(theirs.identifier, ':', 1) IN {_PERSONAL}
                        OR NOT bool_or(other.registrant_id IS NOT NULL) AS alone
                FROM theirs
                LEFT JOIN (FROM reached_by ANTI JOIN expiring_registrants USING (registrant_id))
                    AS other USING (identifier)
                GROUP BY theirs.registrant_id, theirs.identifier)
            SELECT registrant_id, {refusals.REFUSAL_HASH.format("identifier")} AS token
            FROM judged
            QUALIFY alone OR NOT bool_or(alone) OVER (PARTITION BY registrant_id)"""
        )
    )
    connection.execute(
        f"""INSERT INTO lasting_refusals BY NAME
        WITH every AS (
            SELECT refused.*, token FROM leaving_refusals AS refused
            JOIN leaving_tokens USING (registrant_id)
            UNION
            SELECT refused.*, {refusals.REFUSAL_HASH.format("subject")} AS token
            FROM leaving_refusals AS refused WHERE subject IS NOT NULL)
        SELECT DISTINCT token,
            coalesce(refusal, {_REFUSAL.format("stated_at")}) AS refusal,
            purpose, channel, choice, origin, stated_at, DATE '{today}' AS kept_since
        FROM every"""
    )


def remember_erased(
    data_root: DataRoot, erased: Iterable[tuple[Iterable[str], Iterable[str]]], today: date
) -> None:
    """Keep the refusals of registrants who are being erased, by the register as last built.

    Args:
        data_root: The data root.
        erased: Of each erasure the registrants' ids, and their identifiers as `<type>:<value>`.
        today: The day of the erasure.
    """
    log = data_root.register(table_name(ChoiceLog))
    pairs = [
        (registrant_id, identifier)
        for registrants, identifiers in erased
        for registrant_id in registrants
        for identifier in identifiers
    ]
    if not log.exists() or not pairs:
        return
    with connect(data_root) as connection:
        load(data_root, connection, today)
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE erased_identifiers AS
            SELECT unnest($1::VARCHAR[]) AS registrant_id, unnest($2::VARCHAR[]) AS identifier""",
            [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )
        connection.execute(
            f"""INSERT INTO lasting_refusals BY NAME
            SELECT DISTINCT {refusals.REFUSAL_HASH.format("identifier")} AS token,
                CASE delivery_id WHEN '{LASTING_ID}' THEN record_key
                    ELSE {_REFUSAL.format("said_at")} END AS refusal,
                purpose, channel, choice, origin, said_at AS stated_at,
                DATE '{today}' AS kept_since
            FROM {parquet(log)} JOIN erased_identifiers USING (registrant_id)
            WHERE holds AND choice IN {LASTING}"""
        )
        write(data_root, connection)


OWN_WORD = f"""NOT ({is_authority("split_part(origin, ':', 1)")}
            OR starts_with(origin, 'consents:vtj') OR {FROM_LIST}
            OR {BOUNCED})"""
"""SQL: the registrant refused, and no register, list or mail server."""
_REFUSAL = """keyed_hash(concat_ws('|', 'refused', registrant_id, purpose, channel, choice, origin,
                {0}))"""


def _in_force() -> str:
    """SQL: the refusals of those who leave that nothing later has ended.

    A refusal about a contact is of everyone that the contact has ever reached. One from before, by
    which somebody was known again, is kept under what they have become known by since.
    """
    return f"""WITH stated AS (
            SELECT registrant_id, NULL AS refusal, purpose, channel, choice, origin, subject,
                statement.moment AS stated_at
            FROM statements_marketing_choices JOIN membership USING (person_key)
            UNION
            SELECT registrant_id, NULL, purpose, channel, choice, origin, subject, statement.moment
            FROM statements_marketing_choices JOIN reached_by ON identifier = subject
            WHERE choice <> 'granted'
            UNION
            SELECT registrant_id, refusal, purpose, channel, choice, origin, NULL, stated_at
            FROM (FROM reached_by SEMI JOIN expiring_registrants USING (registrant_id))
            JOIN lasting_refusals ON token = {refusals.REFUSAL_HASH.format("identifier")}),
        leaving AS (SELECT stated.* FROM stated SEMI JOIN expiring_registrants
            USING (registrant_id)),
        compared AS (
            SELECT *,
                max(stated_at) FILTER (choice = 'granted') OVER theme AS granted_last,
                max(stated_at) FILTER (choice = 'lifted') OVER theme AS lifted_last,
                max(stated_at) FILTER (choice = 'lifted') OVER same_origin AS own_lifted_last
            FROM leaving
            WINDOW theme AS (PARTITION BY registrant_id, purpose, channel),
                same_origin AS (PARTITION BY registrant_id, purpose, channel, origin))
        SELECT registrant_id, refusal, purpose, channel, choice, origin, stated_at, subject
        FROM compared
        WHERE choice IN {LASTING}
            AND NOT coalesce(refusal IS NOT NULL AND choice <> 'withdrawn' AND {OWN_WORD}
                AND stated_at < granted_last, false)
            AND coalesce(stated_at >= CASE choice
                WHEN 'withdrawn' THEN granted_last
                WHEN 'prohibited' THEN own_lifted_last
                ELSE lifted_last END, true)"""


def _reached_by(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `reached_by`: identifiers, contact points past and present, and name with address."""
    connection.execute(
        REACHED_BY.create_table(
            """WITH called AS (
                SELECT DISTINCT registrant_id, lower(concat_ws(' ', given_names, family_name))
                    AS name
                FROM current_names JOIN membership USING (person_key)
                WHERE kind = 'official' AND family_name IS NOT NULL),
            lives AS (
                SELECT DISTINCT registrant_id, lower(concat_ws(' ', street, postcode)) AS home
                FROM current_addresses JOIN membership USING (person_key)
                WHERE street IS NOT NULL)
            SELECT registrant_id, type || ':' || value AS identifier
            FROM registrant_identifiers WHERE type <> 'business_id'
            UNION
            SELECT registrant_id, kind || ':' || match_key
            FROM staged_contact_points AS staged
            LEFT JOIN renamed_persons USING (person_key)
            JOIN membership ON membership.person_key
                = coalesce(renamed_persons.current_key, staged.person_key)
            WHERE match_key IS NOT NULL
            UNION
            SELECT registrant_id, 'home:' || name || '|' || home FROM called
            JOIN lives USING (registrant_id)"""
        )
    )


def find_returned(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `returned_refusals`. Hashes all that registrants are known by, if there are refusals."""
    if not count(connection, "SELECT count(*) FROM lasting_refusals"):
        connection.execute(RETURNED_REFUSALS.create_empty())
        return
    _reached_by(connection)
    kinds = {**RETURNED_REFUSALS.columns}
    values = {
        "registrant_id": "registrant_id",
        "counts": "true",
        "record_no": "nth",
        "record_key": "refusal",
        "position": "0",
        "stated_at": "stated_at",
        "purpose": "purpose",
        "channel": "channel",
        "choice": "choice",
        "origin": "origin",
        "source": "split_part(origin, ':', 1)",
        "day": "kept_since",
        "delivery_id": f"'{LASTING_ID}'",
        "statement": (
            f"""{{'moment': stated_at, 'sequence': 0, 'day': kept_since,
            'period_last': kept_since, 'delivery_id': '{LASTING_ID}', 'record_no': nth}}"""
        ),
    }
    columns = ", ".join(
        f"({values.get(name, 'NULL')})::{kind} AS {name}" for name, kind in kinds.items()
    )
    connection.execute(
        RETURNED_REFUSALS.create_table(
            f"""SELECT {columns}
            FROM (
                SELECT *, dense_rank() OVER (ORDER BY refusal) AS nth FROM (
                    SELECT registrant_id, {", ".join(list(COLUMNS)[1:-1])},
                        min(kept_since) AS kept_since
                    FROM reached_by
                    JOIN lasting_refusals ON token = {refusals.REFUSAL_HASH.format("identifier")}
                    GROUP BY ALL))"""
        )
    )


LASTING_ID = "refusals"
"""In the place of a delivery: only the memory of refusals has it."""


def forget_ended(connection: duckdb.DuckDBPyConnection) -> None:
    """Remove from `lasting_refusals` what those who have returned have ended since."""
    connection.execute(
        f"""DELETE FROM lasting_refusals WHERE refusal IN (
            SELECT returned.record_key
            FROM returned_refusals AS returned
            LEFT JOIN (FROM registrant_choice_log WHERE delivery_id = '{LASTING_ID}' AND holds)
                AS in_force USING (registrant_id, record_key)
            GROUP BY returned.record_key HAVING bool_and(in_force.record_key IS NULL))"""
    )


def write(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Write the refusals, before anything of those who leave is removed."""
    if not refusals.REFUSALS.exists(data_root) and not count(
        connection, "SELECT count(*) FROM lasting_refusals"
    ):
        return
    columns = ", ".join(
        f"{name}::{COLUMNS[name]} AS {name}" for name in arrow_schema(LastingRefusals).names
    )
    # Of two days on which a person left the first: the refusal has been kept since.
    copy_parquet(
        connection,
        f"""SELECT {columns} FROM lasting_refusals
        QUALIFY row_number() OVER (PARTITION BY token, refusal ORDER BY kept_since) = 1
        ORDER BY ALL""",
        refusals.REFUSALS.place(data_root),
    )
