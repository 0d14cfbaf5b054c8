"""Post towns: the post office of a postcode completes an address that lacks it.

Source: the postcode files of `contact_provider`. What a source states is never changed.
"""

from __future__ import annotations

import duckdb

from assets.storage.relations import Relation, Scope

POST_TOWNS = Relation(
    name="post_towns",
    summary="The post office of each Finnish postcode.",
    columns={"postcode": "VARCHAR", "town": "VARCHAR"},
    reads=("statements_postcodes",),
    scope=Scope.GLOBAL,
    merge="The shards' rows are put together, before the golden records are completed.",
)


def complete(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `post_towns`, and fill the towns of `golden_records` that are missing."""
    connection.execute(
        POST_TOWNS.create_table(
            """SELECT postcode, town FROM statements_postcodes
            QUALIFY row_number() OVER (PARTITION BY postcode
                ORDER BY position, statement DESC, town) = 1"""
        )
    )
    connection.execute(
        """UPDATE golden_records SET town = post_towns.town
        FROM post_towns
        WHERE golden_records.postcode = post_towns.postcode
            AND golden_records.town IS NULL AND golden_records.country IS NULL"""
    )
