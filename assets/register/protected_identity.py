"""Protected identity (turvakielto): whose location may not be had, failing closed; and in which records it still lies.

Who counts as protected (661/2009, 36 §; the policy's `protection`):
- whoever the population register has flagged, or censored a field of, until it says that the flag has ended;
- whoever it once flagged, when it has delivered nothing for longer than `confirmed_within`: that the flag has ended is then
  not confirmed. A delivery confirms everyone, for a change would have been in it; an empty one, too;
- whoever a message in quarantine tells something of that mentions protection, until the mended message or fresh basic
  data has come.
Besides, while the register has been silent for that long, the location of everyone whom it has ever spoken of is withheld:
each may have been flagged since. Those are hidden and nothing of them is purged: they are back with the next delivery.
Whom the register has never spoken of, no silence of its can concern.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.ingest import deliveries
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet
from schemas.raw import Raw

TELLS_OF_IT = "population_register"
WITHHELD = "withheld.parquet"


def silent_for(home: Home, today: date) -> int | None:
    """Days since the population register's last delivery that was staged; None when it has never delivered."""
    days = [entry.day for entry in deliveries.book(home, TELLS_OF_IT) if entry.staged_with]
    return (today - date.fromisoformat(max(days))).days if days else None


def is_stale(home: Home, today: date) -> bool:
    """Whether the population register has been silent for longer than the policy believes its word."""
    silent = silent_for(home, today)
    return (
        silent is not None
        and silent > (today - home.policy.protection.confirmed_within.before(today)).days
    )


def doubt(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `doubted(person_key, as_protected)`: whose state is not confirmed; reads `protection` and the `said_…` views."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE doubted (person_key VARCHAR, as_protected BOOLEAN)"
    )
    if is_stale(home, today):
        connection.execute(
            f"""INSERT INTO doubted
            SELECT DISTINCT one.person_key, protection.person_key IS NOT NULL FROM said_identifiers AS one LEFT JOIN protection USING (person_key)
            WHERE source = '{TELLS_OF_IT}' AND one.person_key IS NOT NULL"""
        )
    broken = {
        one
        for (one,) in connection.execute(
            f"SELECT DISTINCT delivery_id FROM quarantine WHERE source = '{TELLS_OF_IT}' AND scope = 'record' AND person_key IS NOT NULL"
        ).fetchall()
    }
    if files := [path for path in home.files("raw", TELLS_OF_IT) if path.stem in broken]:
        home.view(connection, "broken_raw", Raw, files)
        connection.execute(
            f"""INSERT INTO doubted
            WITH broken AS (
                SELECT DISTINCT coalesce(renamed.now, one.person_key) AS person_key, one.stated_at, one.day
                FROM quarantine AS one JOIN broken_raw USING (delivery_id, record_no) LEFT JOIN renamed USING (person_key)
                WHERE one.source = '{TELLS_OF_IT}' AND scope = 'record' AND one.person_key IS NOT NULL AND regexp_matches(payload, '(?i)turvakiel'))
            SELECT DISTINCT person_key, true FROM broken WHERE NOT EXISTS (
                SELECT 1 FROM messages WHERE messages.person_key = broken.person_key AND messages.day > broken.day
                AND (dataset = 'perustiedot' OR messages.stated_at = broken.stated_at))"""
        )


def name_first_delivery(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the provenance of those whom the register has flagged name the first delivery of a message, however often it came.

    Whether a message is a repetition is not known of them: from the one before, the location may have been taken out, or not yet.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE provenance AS
        WITH flagged AS (
            SELECT DISTINCT record_key FROM provenance
            SEMI JOIN (FROM membership SEMI JOIN protection USING (person_key)) AS theirs USING (registrant_id) WHERE source = '{TELLS_OF_IT}'),
        messages AS (
            SELECT DISTINCT delivery_id, day, record_key, stated_at FROM staged_identifiers SEMI JOIN flagged USING (record_key)
            WHERE source = '{TELLS_OF_IT}'),
        told AS (
            SELECT delivery_id, record_key, first_value(delivery_id) OVER (PARTITION BY record_key, stated_at ORDER BY day, period_last, delivery_id) AS first
            FROM messages JOIN book USING (delivery_id))
        SELECT provenance.* REPLACE (coalesce(told.first, provenance.delivery_id) AS delivery_id)
        FROM provenance LEFT JOIN told USING (delivery_id, record_key)"""
    )


def note(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Write down which records' location goes from raw and staged: `withheld(delivery_id, record_no, done)`.

    Of those whom the register flags now, every record; of those whose flag has ended, what was stated before. Doubt
    alone purges nothing. `done` are those that an earlier sweep has been through.
    """
    path = home.lake / WITHHELD
    known = (
        f"SELECT * FROM {parquet(path)}"
        if path.exists()
        else "SELECT NULL::VARCHAR AS delivery_id, NULL::BIGINT AS record_no, true AS done WHERE false"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE withheld_before AS {known}")
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE withheld AS
        WITH flagged AS (
            SELECT registrant_id, bool_or(protected) AS protected, max(lifted.moment) AS lifted_at
            FROM membership JOIN protection USING (person_key) GROUP BY registrant_id),
        whose AS (SELECT person_key, protected, lifted_at FROM membership JOIN flagged USING (registrant_id)),
        keys AS (
            SELECT person_key, person_key AS now, protected, lifted_at FROM whose
            UNION SELECT renamed.person_key, renamed.now, protected, lifted_at FROM renamed JOIN whose ON whose.person_key = renamed.now),
        told AS (
            SELECT delivery_id, record_no, person_key, stated_at FROM staged_identifiers
            UNION ALL SELECT delivery_id, record_no, person_key, stated_at FROM quarantine WHERE person_key IS NOT NULL),
        theirs AS (
            SELECT DISTINCT told.delivery_id, told.record_no FROM told JOIN keys USING (person_key)
            LEFT JOIN base_times ON base_times.person_key = keys.now AND base_times.delivery_id = told.delivery_id
            WHERE protected OR coalesce(moment, stated_at) < lifted_at),
        repeated AS (
            SELECT one.delivery_id, one.record_no FROM staged_records AS one JOIN (
                SELECT DISTINCT record_key, content FROM staged_records SEMI JOIN theirs USING (delivery_id, record_no)) AS said USING (record_key, content)
            WHERE outcome = 'duplicate')
        SELECT DISTINCT delivery_id, record_no, coalesce(done, false) AS done
        FROM (SELECT * FROM theirs UNION SELECT * FROM repeated) LEFT JOIN withheld_before USING (delivery_id, record_no)
        UNION SELECT * FROM withheld_before WHERE NOT done"""
    )
    copy_parquet(
        connection,
        "SELECT delivery_id, record_no, bool_and(done) AS done FROM withheld GROUP BY ALL ORDER BY ALL",
        path,
    )
