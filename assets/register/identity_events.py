"""Identity events: registrants that turned out to be one, or two, since the last build.

The register itself depends on nothing but what was delivered; that an id has ceased is only seen by
comparing with the register before. So the events are stored beside its tables, in
`lake/identity_events.parquet`: ids and days, nothing else. Systems that keep ids outside follow
`became`. Events that lead to no present registrant are dropped.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register.published_tables import LAST_MEMBERSHIP
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import copy_parquet
from schemas.columns import duckdb_types
from schemas.register import IdentityEvents

EVENTS = KeptFile(
    "lake/identity_events.parquet",
    "which earlier ids became which, for systems that keep ids outside",
    "ids that ceased before are unknown; events are listed from now on",
    duckdb_types(IdentityEvents),
)
KINDS = ("merged", "split", "renamed")


def write_events(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date
) -> dict[str, int]:
    """Compare `membership` with the last build's, and add the events to the file.

    `merged`: all of the one registrant is now part of the other, which was there before.
    `split`: a part of one is now the other. `renamed`: the same people under another id, because an
    earlier record of them has come.

    Returns:
        How many events there are of each kind, and how many ids were kept and have ceased.
    """
    connection.execute(f"CREATE OR REPLACE TEMP VIEW earlier_events AS {EVENTS.rows(data_root)}")
    if not LAST_MEMBERSHIP.exists(data_root):
        return dict.fromkeys((*KINDS, "ids_kept", "ids_ceased"), 0)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE identity_events AS
        WITH old AS ({LAST_MEMBERSHIP.rows(data_root)}),
        moved AS (
            SELECT DISTINCT old.registrant_id, membership.registrant_id AS became
            FROM old JOIN membership USING (person_key)
            WHERE old.registrant_id <> membership.registrant_id)
        SELECT DATE '{today}' AS happened_on, registrant_id, became,
            CASE WHEN registrant_id IN (SELECT registrant_id FROM membership)
                    OR count(*) OVER (PARTITION BY registrant_id) > 1 THEN 'split'
                WHEN became IN (SELECT registrant_id FROM old)
                    OR count(*) OVER (PARTITION BY became) > 1 THEN 'merged'
                ELSE 'renamed' END AS event
        FROM moved"""
    )
    happened = dict(
        connection.execute("SELECT event, count(*) FROM identity_events GROUP BY event").fetchall()
    )
    kept = connection.execute(
        f"""SELECT count(*) FILTER (present.registrant_id IS NOT NULL),
            count(*) FILTER (present.registrant_id IS NULL)
        FROM (SELECT DISTINCT registrant_id FROM ({LAST_MEMBERSHIP.rows(data_root)})) AS old
        LEFT JOIN (SELECT DISTINCT registrant_id FROM membership) AS present
            USING (registrant_id)"""
    ).fetchone()
    copy_parquet(
        connection,
        """WITH events AS (
            SELECT happened_on, registrant_id, became, event FROM identity_events
            UNION
            SELECT happened_on, registrant_id, became, event FROM earlier_events)
        SELECT * FROM events
        WHERE became IN (
            SELECT registrant_id FROM membership UNION ALL SELECT registrant_id FROM events)
        ORDER BY ALL""",
        EVENTS.place(data_root),
    )
    return {
        **{kind: int(happened.get(kind, 0)) for kind in KINDS},
        **dict(zip(("ids_kept", "ids_ceased"), map(int, kept or (0, 0)), strict=True)),
    }
