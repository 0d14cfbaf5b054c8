"""Protected identity (turvakielto): who has it, and where a location of theirs still is.

Protected (661/2009, 36 §; the policy's `protection`); in doubt a person is protected:
- everyone that a population register has flagged, or censored a field of, until it states that
  the flag has ended;
- everyone that it once flagged, when it has delivered nothing for longer than `confirmed_within`:
  that the flag has ended is then not confirmed. A delivery confirms everyone, for a change would
  have been in it; an empty one, too. Who is known by answers alone is confirmed by theirs;
- everyone who is the subject of a message in quarantine that mentions protection, until the
  repaired message or fresh basic data has come.
Besides, while the register has been silent for that long, the location of everyone it has ever
stated anything of is withheld: each may have been flagged since. Those locations are hidden and not
purged: they are back with the next delivery. A silence of the register concerns nobody else.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.ingest import deliveries
from assets.sources.all_sources import AUTHORITIES, SOURCES, is_authority
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import copy_parquet, create_view
from assets.storage.relations import Relation, Scope
from schemas.raw import Raw
from schemas.register import Provenance

WITHHELD = KeptFile(
    "lake/withheld.parquet",
    "which locations of protected people have been redacted",
    "what is left of them is redacted again",
    {"delivery_id": "VARCHAR", "record_no": "BIGINT", "done": "BOOLEAN"},
)
_DECLARED = [
    (source.name, dataset) for source in SOURCES if source.authority for dataset in source.datasets
]
_CONFIRMING = {(source, dataset.name) for source, dataset in _DECLARED if dataset.confirms}
_MAY_PROTECT = " OR ".join(
    f"(failed.source = '{source}' AND dataset = '{dataset.name}'"
    f" AND regexp_matches(payload, '{dataset.protection}'))"
    for source, dataset in _DECLARED
    if dataset.protection
)

UNCONFIRMED_PROTECTION = Relation(
    name="unconfirmed_protection",
    summary="Persons without confirmed protection status; `as_protected`: they count as protected.",
    columns={"person_key": "VARCHAR", "as_protected": "BOOLEAN"},
    amended_from=(
        "statements_identifiers",
        "protection_status",
        "quarantine",
        "renamed_persons",
        "register_messages",
        "delivery_ledger",
    ),
    scope=Scope.COMPONENT,
)
PROVENANCE = Relation.of(
    Provenance,
    reads=(
        "picked_provenance",
        "membership",
        "protection_status",
        "staged_identifiers",
        "delivery_ledger",
    ),
    amended_from=("registrant_corrections",),
    scope=Scope.COMPONENT,
)


def silent_for(data_root: DataRoot, today: date) -> int | None:
    """Return the days since the population register's last staged delivery; None before one."""
    days = [
        entry.day
        for entry in deliveries.ledger(data_root)
        if entry.staged_with and (entry.source, entry.dataset) in _CONFIRMING
    ]
    return (today - date.fromisoformat(max(days))).days if days else None


def is_stale(data_root: DataRoot, today: date) -> bool:
    """Whether the population register has been silent for longer than the policy relies on it."""
    silent = silent_for(data_root, today)
    return (
        silent is not None
        and silent > (today - data_root.policy.protection.confirmed_within.before(today)).days
    )


def find_unconfirmed(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date
) -> None:
    """Make `unconfirmed_protection`."""
    connection.execute(UNCONFIRMED_PROTECTION.create_empty())
    if is_stale(data_root, today):
        connection.execute(
            f"""INSERT INTO unconfirmed_protection
            SELECT DISTINCT stated.person_key, status.person_key IS NOT NULL
            FROM statements_identifiers AS stated
            LEFT JOIN protection_status AS status USING (person_key)
            WHERE {is_authority("source")} AND stated.person_key IS NOT NULL"""
        )
    connection.execute(
        f"""INSERT INTO unconfirmed_protection
        SELECT stated.person_key, bool_or(status.person_key IS NOT NULL)
        FROM statements_identifiers AS stated
        JOIN delivery_ledger AS delivery USING (delivery_id)
        LEFT JOIN protection_status AS status USING (person_key)
        WHERE stated.role IS NOT NULL AND stated.person_key IS NOT NULL
        GROUP BY stated.person_key
        HAVING NOT bool_or(confirms) AND max(stated.day) < DATE '{
            data_root.policy.protection.confirmed_within.before(today)
        }'"""
    )
    _find_in_quarantine(data_root, connection)


def _find_in_quarantine(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Add persons who are the subject of a message in quarantine that mentions protection."""
    broken = {
        delivery
        for (delivery,) in connection.execute(
            f"""SELECT DISTINCT delivery_id FROM quarantine
            WHERE {is_authority("source")} AND scope = 'record'
                AND person_key IS NOT NULL"""
        ).fetchall()
    }
    files = [
        path
        for source in AUTHORITIES
        for path in data_root.files("raw", source)
        if path.stem in broken
    ]
    if not files:
        return
    create_view(data_root, connection, "raw_messages", Raw, files)
    connection.execute(
        f"""INSERT INTO unconfirmed_protection
        WITH broken AS (
            SELECT DISTINCT coalesce(renamed_persons.current_key, failed.person_key) AS person_key,
                failed.stated_at, failed.day
            FROM quarantine AS failed
            JOIN raw_messages USING (delivery_id, record_no)
            JOIN delivery_ledger USING (delivery_id)
            LEFT JOIN renamed_persons USING (person_key)
            WHERE scope = 'record' AND failed.person_key IS NOT NULL AND ({_MAY_PROTECT}))
        SELECT DISTINCT person_key, true
        FROM broken
        WHERE NOT EXISTS (
            SELECT 1 FROM register_messages AS message
            WHERE message.person_key = broken.person_key AND message.day > broken.day
            AND (role = 'basic_data' OR message.stated_at = broken.stated_at))"""
    )


def name_first_delivery(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `provenance`: for flagged registrants it names the first delivery of each message.

    Whether a message is a repetition is not known of them: the location may have been taken out of
    the one before, or not yet.
    """
    connection.execute(
        PROVENANCE.create_table(
            f"""WITH flagged AS (
                SELECT DISTINCT record_key
                FROM picked_provenance
                SEMI JOIN (
                    FROM membership SEMI JOIN protection_status USING (person_key)
                ) AS protected USING (registrant_id)
                WHERE {is_authority("source")}),
            messages AS (
                SELECT DISTINCT delivery_id, day, record_key, stated_at
                FROM staged_identifiers SEMI JOIN flagged USING (record_key)
                WHERE {is_authority("source")}),
            repeated AS (
                SELECT delivery_id, record_key, first_value(delivery_id) OVER (
                    PARTITION BY record_key, stated_at
                    ORDER BY day, period_last, delivery_id) AS first
                FROM messages JOIN delivery_ledger USING (delivery_id))
            SELECT picked.* REPLACE (
                coalesce(repeated.first, picked.delivery_id) AS delivery_id)
            FROM picked_provenance AS picked
            LEFT JOIN repeated USING (delivery_id, record_key)"""
        )
    )


def write_withheld(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Write which records' location goes from raw and staged: `(delivery_id, record_no, done)`.

    Of those that the register flags now, every record; of those with a flag that has ended, what
    was stated before. Unconfirmed protection alone purges nothing. `done` are the records that an
    earlier sweep has redacted.
    """
    earlier = WITHHELD.rows(data_root)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE withheld_earlier AS {earlier}")
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE withheld_records AS
        WITH flagged AS (
            SELECT registrant_id, bool_or(protected) AS protected,
                max(lifted.moment) AS lifted_at
            FROM membership JOIN protection_status USING (person_key)
            GROUP BY registrant_id),
        persons AS (
            SELECT person_key, protected, lifted_at
            FROM membership JOIN flagged USING (registrant_id)),
        keys AS (
            SELECT person_key, person_key AS current_key, protected, lifted_at FROM persons
            UNION
            SELECT renamed.person_key, renamed.current_key, protected, lifted_at
            FROM renamed_persons AS renamed
            JOIN persons ON persons.person_key = renamed.current_key),
        stated AS (
            SELECT delivery_id, record_no, person_key, stated_at FROM staged_identifiers
            UNION ALL
            SELECT delivery_id, record_no, person_key, stated_at
            FROM quarantine WHERE person_key IS NOT NULL),
        located AS (
            SELECT DISTINCT stated.delivery_id, stated.record_no
            FROM stated
            JOIN keys USING (person_key)
            LEFT JOIN base_times ON base_times.person_key = keys.current_key
                AND base_times.delivery_id = stated.delivery_id
            WHERE protected OR coalesce(moment, stated_at) < lifted_at),
        repeated AS (
            SELECT duplicate.delivery_id, duplicate.record_no
            FROM staged_records AS duplicate
            JOIN (
                SELECT DISTINCT record_key, content
                FROM staged_records SEMI JOIN located USING (delivery_id, record_no)
            ) AS original USING (record_key, content)
            WHERE outcome = 'duplicate')
        SELECT DISTINCT delivery_id, record_no, coalesce(done, false) AS done
        FROM (SELECT * FROM located UNION SELECT * FROM repeated)
        LEFT JOIN withheld_earlier USING (delivery_id, record_no)
        UNION SELECT * FROM withheld_earlier WHERE NOT done"""
    )
    copy_parquet(
        connection,
        """SELECT delivery_id, record_no, bool_and(done) AS done
        FROM withheld_records GROUP BY ALL ORDER BY ALL""",
        WITHHELD.place(data_root),
    )
