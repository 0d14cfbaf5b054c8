"""Integrity checks: what must be true of a register before any mart is built from it."""

from __future__ import annotations

import pyarrow as pa

from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.storage.data_root import DataRoot
from assets.storage.queries import count
from assets.storage.sessions import connect
from schemas.validation import failures

CHECKS = {
    "one_row_per_registrant": "no registrant has two golden records, "
    "and every member belongs to one that has one",
    "one_identity_code": "no identity code belongs to two registrants",
    "two_identity_codes": "no registrant is of people with two identity codes in force",
    "no_protected_location": "no address or municipality of a protected registrant, "
    "now or in history",
    "rows_pass_their_models": "every golden record passes its Pandera model",
}


# Check -> SQL: the number of rows that break it.
_BREAKING = {
    "one_row_per_registrant": """SELECT
        (SELECT count(*) - count(DISTINCT registrant_id) FROM registrants)
        + (SELECT count(*) FROM membership ANTI JOIN registrants USING (registrant_id))""",
    "one_identity_code": """SELECT count(*) FROM (
        SELECT identity_code FROM registrants WHERE identity_code IS NOT NULL
        GROUP BY identity_code HAVING count(*) > 1)""",
    "no_protected_location": """SELECT
        (SELECT count(*) FROM registrants WHERE protected
            AND coalesce(street, postcode, town, country, municipality_code) IS NOT NULL)
        + (SELECT count(*) FROM addresses
            SEMI JOIN (
                SELECT registrant_id FROM registrants WHERE protected
            ) AS protected USING (registrant_id))""",
}


def check(data_root: DataRoot) -> dict[str, int]:
    """Return the number of rows that break each check; 0 is right."""
    with connect(data_root) as connection:
        for table, model in TABLES.items():
            read_register(data_root, connection, table, model)
        batches = connection.execute("SELECT * FROM registrants").to_arrow_reader(250_000)
        failed = sum(
            failures(TABLES["registrants"], pa.Table.from_batches([batch])).num_rows
            for batch in batches
        )
        broken = {name: count(connection, query) for name, query in _BREAKING.items()}
        return {**broken, "rows_pass_their_models": failed}
