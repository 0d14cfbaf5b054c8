"""Registrant ids that others keep when somebody is erased.

A registrant's id comes from the earliest record of any of their source persons (`membership`). An
erasure changes who is tied to whom: a mailbox or a browser of two people is left to one of them,
joins that one, and may have been there before. The id of the mailbox would win, and a person of
whom nothing has changed would have another id. So the first build without the erased compares with
the register before, and sees to it that each registrant goes on under the id that they had:

    lake/kept_ids.parquet   (person_key, seed): what a source person's id comes from instead

Of several registrants that became one, the id stays of the one who is known by more. An id of
somebody erased is never kept.
"""

from __future__ import annotations

import duckdb

from assets.requests import ledger
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet

FILE = "kept_ids.parquet"


def load(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `kept_seeds(person_key, seed)` under the keys that hold now.

    And, while an erasure has not been built yet, `before_erasure(person_key, registrant_id, seed)`:
    who was who in the register before, without those who are being erased.
    """
    path, before = home.lake / FILE, home.register("membership")
    kept = (
        f"FROM {parquet(path)}"
        if path.exists()
        else "SELECT NULL::VARCHAR AS person_key, NULL::VARCHAR AS seed WHERE false"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE kept_seeds AS
        SELECT coalesce(renamed.now, kept.person_key) AS person_key, min(seed) AS seed
        FROM ({kept}) AS kept LEFT JOIN renamed ON renamed.person_key = kept.person_key
        GROUP BY ALL"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE before_erasure (
            person_key VARCHAR, registrant_id VARCHAR, seed VARCHAR)"""
    )
    erasing = _erasing(home)
    if erasing and before.exists():
        connection.execute(
            f"""INSERT INTO before_erasure
            WITH old AS (FROM {parquet(before)})
            SELECT coalesce(renamed.now, old.person_key), registrant_id,
                coalesce(kept_seeds.seed, first_seen)
            FROM old LEFT JOIN renamed ON renamed.person_key = old.person_key
            LEFT JOIN kept_seeds ON kept_seeds.person_key = coalesce(renamed.now, old.person_key)
            WHERE EXISTS (FROM old WHERE list_contains($1::VARCHAR[], registrant_id))
                AND NOT list_contains($1::VARCHAR[], registrant_id)""",
            [erasing],
        )


def _erasing(home: Home) -> list[str]:
    """The ids of the registrants who are being erased."""
    ids = [one.request_id for one in ledger.every(home, opened=False) if one.state == "erasing"]
    return sorted({registrant for one in ids for registrant in ledger.load(home, one).registrants})


def find(connection: duckdb.DuckDBPyConnection, registrant_id: str) -> bool:
    """Add to `kept_seeds` what keeps ids that `membership` would change; return whether any is.

    Args:
        connection: Has `load`ed, and `membership`, `people` and `identifiers`.
        registrant_id: The SQL of an id, with a place for its seed.
    """
    if not connection.execute("SELECT 1 FROM before_erasure LIMIT 1").fetchone():
        return False
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE handed_on AS
        WITH known_by AS (
            SELECT person_key, min(CASE type WHEN 'identity_code' THEN 0
                WHEN 'customer_number' THEN 1 WHEN 'contact_id' THEN 1 WHEN 'user_id' THEN 3
                WHEN 'visitor_id' THEN 4 ELSE 5 END) AS rank
            FROM identifiers GROUP BY person_key
            UNION ALL
            SELECT person_key, 2 FROM people WHERE coalesce(given_names, family_name) IS NOT NULL),
        ranks AS (SELECT person_key, min(rank) AS rank FROM known_by GROUP BY person_key),
        ids AS (SELECT registrant_id, min(seed) AS seed FROM before_erasure GROUP BY registrant_id),
        claims AS (
            SELECT membership.registrant_id AS now, old.registrant_id AS before, ids.seed,
                coalesce(min(rank), 6) AS rank, arg_min(person_key, old.seed) AS anchor
            FROM before_erasure AS old JOIN membership USING (person_key)
            JOIN ids ON ids.registrant_id = old.registrant_id
            LEFT JOIN ranks USING (person_key) GROUP BY ALL),
        best AS (
            FROM claims
            QUALIFY row_number() OVER (PARTITION BY now ORDER BY rank, seed) = 1)
        FROM best
        WHERE now <> before AND {registrant_id.format("seed")} = before
            AND before NOT IN (SELECT registrant_id FROM membership)
        QUALIFY row_number() OVER (PARTITION BY before ORDER BY rank, now) = 1"""
    )
    if not connection.execute("SELECT 1 FROM handed_on LIMIT 1").fetchone():
        return False
    # Who was there before the one whose id stays comes after them from now on; each has a seed of
    # their own, should they part again.
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE kept_seeds AS
        WITH changed AS (
            SELECT person_key, CASE WHEN person_key = anchor THEN handed_on.seed
                ELSE handed_on.seed || '/' || person_key END AS seed
            FROM membership JOIN handed_on ON handed_on.now = membership.registrant_id
            LEFT JOIN kept_seeds USING (person_key)
            WHERE person_key = anchor
                OR coalesce(kept_seeds.seed, membership.first_seen) <= handed_on.seed)
        FROM changed UNION ALL FROM kept_seeds ANTI JOIN changed USING (person_key)"""
    )
    return True


def keep(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Write down the seeds of those who are there; of whoever has left, nothing stays."""
    path = home.lake / FILE
    if path.exists() or connection.execute("SELECT 1 FROM kept_seeds LIMIT 1").fetchone():
        copy_parquet(
            connection,
            "FROM kept_seeds SEMI JOIN membership USING (person_key) ORDER BY person_key",
            path,
        )
