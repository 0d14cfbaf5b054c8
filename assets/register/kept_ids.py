"""Registrant ids that others keep when somebody is erased.

A registrant's id comes from the earliest record of any of their source persons (`membership`). An
erasure changes which people are linked: a mailbox or a browser of two people is left to one of
them, joins that one, and may have been there before. The id of the mailbox would win, and an
unchanged person would have another id. So the first build without the erased registrants compares
with the register before, and each registrant keeps the earlier id:

    lake/kept_ids.parquet   (person_key, seed): what a source person's id comes from instead

Of several registrants that became one, the id stays of the one who is known by more. An id of an
erased registrant is never kept.
"""

from __future__ import annotations

import duckdb

from assets.register.published_tables import LAST_MEMBERSHIP
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

FILE = KeptFile(
    "lake/kept_ids.parquet",
    "which ids stayed when somebody was erased",
    "those registrants are under other ids, and identity events name them",
    {"person_key": "VARCHAR", "seed": "VARCHAR"},
)

KEPT_SEEDS = Relation(
    name="kept_seeds",
    summary="What the id of a source person comes from instead of its first record.",
    columns={"person_key": "VARCHAR", "seed": "VARCHAR"},
    reads=("renamed_persons",),
    amended_from=("changed_seeds",),
    scope=Scope.COMPONENT,
)
BEFORE_ERASURE = Relation(
    name="before_erasure",
    summary="While an erasure is not built yet: the membership of the last build, without the "
    "erased registrants.",
    columns={"person_key": "VARCHAR", "registrant_id": "VARCHAR", "seed": "VARCHAR"},
    amended_from=("renamed_persons", "kept_seeds"),
    scope=Scope.COMPONENT,
)
INHERITED_IDS = Relation(
    name="inherited_ids",
    summary="Registrants that go on under the id that one of them had before an erasure.",
    columns={
        "registrant_id": "VARCHAR",
        "earlier_id": "VARCHAR",
        "seed": "VARCHAR",
        "rank": "INTEGER",
        "anchor": "VARCHAR",
    },
    reads=("before_erasure", "membership", "people", "person_identifiers"),
    scope=Scope.COMPONENT,
)
CHANGED_SEEDS = Relation(
    name="changed_seeds",
    summary="The seeds of the source persons of registrants with an inherited id.",
    columns={"person_key": "VARCHAR", "seed": "VARCHAR"},
    reads=("membership", "inherited_ids", "kept_seeds"),
    scope=Scope.COMPONENT,
)


def load(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `kept_seeds` under the current keys, and `before_erasure`; the latter is empty but for
    the first build after an erasure."""
    connection.execute(
        KEPT_SEEDS.create_table(
            f"""SELECT coalesce(renamed_persons.current_key, kept.person_key) AS person_key,
                min(seed) AS seed
            FROM ({FILE.rows(data_root)}) AS kept
            LEFT JOIN renamed_persons ON renamed_persons.person_key = kept.person_key
            GROUP BY ALL"""
        )
    )
    _load_before_erasure(data_root, connection)


def _load_before_erasure(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(BEFORE_ERASURE.create_empty())
    if erased := erasing(data_root):
        connection.execute(
            f"""INSERT INTO before_erasure
            WITH old AS ({LAST_MEMBERSHIP.rows(data_root)})
            SELECT coalesce(renamed_persons.current_key, old.person_key), registrant_id,
                coalesce(kept_seeds.seed, first_seen)
            FROM old
            LEFT JOIN renamed_persons ON renamed_persons.person_key = old.person_key
            LEFT JOIN kept_seeds ON kept_seeds.person_key
                = coalesce(renamed_persons.current_key, old.person_key)
            WHERE EXISTS (FROM old WHERE list_contains($1::VARCHAR[], registrant_id))
                AND NOT list_contains($1::VARCHAR[], registrant_id)""",
            [erased],
        )


def erasing(data_root: DataRoot) -> list[str]:
    """Return the ids of the registrants who are being erased."""
    ids = [
        request.request_id
        for request in ledger.every(data_root, opened=False)
        if request.state == "erasing"
    ]
    return sorted(
        {registrant for each in ids for registrant in ledger.load(data_root, each).registrants}
    )


def find(connection: duckdb.DuckDBPyConnection, registrant_id: str) -> bool:
    """Add to `kept_seeds` what keeps ids that `membership` would change.

    Args:
        connection: Has `load`ed, and `membership`, `people` and `person_identifiers`.
        registrant_id: The SQL of an id, with a place for its seed.

    Returns:
        Whether any id is kept by it.
    """
    if not count(connection, "SELECT count(*) FROM before_erasure"):
        return False
    _inherited_ids(connection, registrant_id)
    if not count(connection, "SELECT count(*) FROM inherited_ids"):
        return False
    # A person who was there before the one whose id stays comes after that one from now on; each
    # has its own seed, should they be split again.
    connection.execute(
        CHANGED_SEEDS.create_table(
            """SELECT person_key,
                CASE WHEN person_key = anchor THEN inherited_ids.seed
                    ELSE inherited_ids.seed || '/' || person_key END AS seed
            FROM membership
            JOIN inherited_ids USING (registrant_id)
            LEFT JOIN kept_seeds USING (person_key)
            WHERE person_key = anchor
                OR coalesce(kept_seeds.seed, membership.first_seen) <= inherited_ids.seed"""
        )
    )
    connection.execute(
        "DELETE FROM kept_seeds WHERE person_key IN (SELECT person_key FROM changed_seeds)"
    )
    connection.execute("INSERT INTO kept_seeds FROM changed_seeds")
    return True


def _inherited_ids(connection: duckdb.DuckDBPyConnection, registrant_id: str) -> None:
    """Make `inherited_ids`: of several registrants that became one, the id of the best known."""
    connection.execute(
        INHERITED_IDS.create_table(
            f"""WITH known_by AS (
                SELECT person_key, min(CASE type WHEN 'identity_code' THEN 0
                    WHEN 'customer_number' THEN 1 WHEN 'contact_id' THEN 1 WHEN 'user_id' THEN 3
                    WHEN 'visitor_id' THEN 4 ELSE 5 END) AS rank
                FROM person_identifiers GROUP BY person_key
                UNION ALL
                SELECT person_key, 2 FROM people
                WHERE coalesce(given_names, family_name) IS NOT NULL),
            ranks AS (SELECT person_key, min(rank) AS rank FROM known_by GROUP BY person_key),
            ids AS (
                SELECT registrant_id, min(seed) AS seed
                FROM before_erasure GROUP BY registrant_id),
            claims AS (
                SELECT membership.registrant_id, old.registrant_id AS earlier_id, ids.seed,
                    coalesce(min(rank), 6) AS rank, arg_min(person_key, old.seed) AS anchor
                FROM before_erasure AS old
                JOIN membership USING (person_key)
                JOIN ids ON ids.registrant_id = old.registrant_id
                LEFT JOIN ranks USING (person_key)
                GROUP BY ALL),
            best AS (
                FROM claims
                QUALIFY row_number() OVER (PARTITION BY registrant_id ORDER BY rank, seed) = 1)
            FROM best
            WHERE registrant_id <> earlier_id AND {registrant_id.format("seed")} = earlier_id
                AND earlier_id NOT IN (SELECT registrant_id FROM membership)
            QUALIFY row_number() OVER (PARTITION BY earlier_id
                ORDER BY rank, registrant_id) = 1"""
        )
    )


def write(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Write the seeds of persons who are there; nothing stays of those who have left."""
    if FILE.exists(data_root) or count(connection, "SELECT count(*) FROM kept_seeds"):
        copy_parquet(
            connection,
            "FROM kept_seeds SEMI JOIN membership USING (person_key) ORDER BY person_key",
            FILE.place(data_root),
        )
