"""Exact copies: records with the same values, of which one is compared for all.

A hundred rows of one export would fill every block and be compared with each other; they are one
node instead. Copies are joined only if the weight of what they share makes them one person: two
rows with nothing but a frequent name are not.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.value_hashes import Positions, ValueHashes, group_repeated
from assets.storage.relations import Relation, Scope

COPIES = Relation(
    name="linkage_copies",
    summary="Records with the same values: the first of them, and each other one.",
    columns={"one": "INTEGER", "other": "INTEGER"},
    reads=("linkage_keys", "linkage_marks"),
    scope=Scope.GLOBAL,
    merge="Each shard compares the copies of its own.",
    external=True,
)


def leave_out_copies(
    connection: duckdb.DuckDBPyConnection, hashes: ValueHashes, decisions: str | None = None
) -> None:
    """Make `linkage_copies(one, other)`, and leave the copies out of `hashes.distinct`.

    Records of a source are no copies where sources are linked, and neither are records that
    somebody has decided about.

    Args:
        decisions: A table (one, other, same) of pairs of keys.
    """
    undecided = (
        f"""AND key::VARCHAR NOT IN (
            SELECT unnest([one::VARCHAR, other::VARCHAR]) FROM {decisions} WHERE NOT same)"""
        if decisions
        else ""
    )
    rows = connection.execute(
        f"""SELECT id, place
        FROM temp.linkage_keys
        JOIN temp.linkage_marks USING (id)
        WHERE source IS NULL {undecided}
        ORDER BY id"""
    ).fetchnumpy()
    ids, place = np.asarray(rows["id"], np.int64), np.asarray(rows["place"], np.uint64)
    order, starts, sizes = group_repeated(place)
    first = ids[order[np.repeat(starts, sizes)]]
    other = ids[order]
    copies = first != other
    hashes.leave_out(hashes.positions(other[copies]))
    copied = pa.table(
        {"one": first[copies].astype(np.int32), "other": other[copies].astype(np.int32)}
    )
    connection.register("linkage_equal", copied)
    connection.execute(f"{COPIES.create} AS FROM linkage_equal")
    connection.unregister("linkage_equal")


def joined_copies(
    connection: duckdb.DuckDBPyConnection, strong: float
) -> tuple[Positions, Positions]:
    """The copies that are one person by their weight: the first record, and the copy.

    Args:
        strong: Bits.
    """
    rows = connection.execute(
        f"""SELECT one, other
        FROM linkage_pairs
        SEMI JOIN linkage_copies USING (one, other)
        WHERE weight >= {strong}
        ORDER BY one, other"""
    ).fetchnumpy()
    return np.asarray(rows["one"], np.int64), np.asarray(rows["other"], np.int64)
