"""The changes of an incremental run, written to the saved state in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.linkage_state import NUMBER, short_keys
from assets.record_linkage.value_hashes import ValueHashes
from assets.storage.relations import Relation, Scope

CHANGED = Relation(
    name="incoming_changed",
    summary="The records of components that are written back.",
    columns={"saved": "INTEGER", "id": "INTEGER", "part": "INTEGER", "first": "INTEGER"},
    reads=("incoming_affected", "incoming_subset", "linkage_clusters", "linkage_groups"),
    scope=Scope.COMPONENT,
)
RENUMBERED = Relation(
    name="incoming_renumbered",
    summary="Keys of saved records whose identity number was corrected.",
    columns={"key": "UINTEGER", "id": "INTEGER"},
    reads=("linkage_records", "incoming_subset"),
    scope=Scope.RECORD,
)
NEW_CODES = Relation(
    name="incoming_codes",
    summary="The codes of new records, as numbered in the saved stages.",
    columns={"id": "INTEGER", "code": "INTEGER"},
    reads=("incoming_subset", "linkage_codes"),
    scope=Scope.COMPONENT,
)


@dataclass(frozen=True)
class StateUpdate:
    """Writes the tables `incoming_...` and `linkage_...` of an incremental run.

    Attributes:
        state: The attached database.
        columns: The columns of its records.
        first: The least id of a new record.
    """

    connection: duckdb.DuckDBPyConnection
    state: str
    columns: tuple[str, ...]
    first: int

    def write(self, hashes: ValueHashes, *, replaced: bool) -> None:
        """Write all changes, or none.

        Args:
            hashes: Of the subset's records.
            replaced: Whether new records replace earlier ones.
        """
        self._find_changed()
        if "number" in self.columns:
            self._find_renumbered(hashes)
        self._assign_codes()
        run = self.connection.execute
        run("BEGIN")
        try:
            if replaced:
                self._delete_replaced()
            self._insert()
            self._replace_clusters()
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise

    def _find_changed(self) -> None:
        """Make `incoming_changed(saved, id, part, first)` of the components to write back.

        In them a record was added, replaced or decided about.
        """
        run = self.connection.execute
        run(
            f"""{CHANGED.create} AS
            WITH current AS (
                SELECT subset.saved, subset.id, coalesce(part, subset.id) AS part, first
                FROM incoming_subset AS subset
                JOIN temp.linkage_clusters USING (id)
                LEFT JOIN temp.linkage_groups USING (id))
            SELECT saved, id, part, first
            FROM current
            WHERE part IN (
                SELECT part FROM current
                WHERE saved >= {self.first} OR saved IN (FROM incoming_affected))"""
        )

    def _find_renumbered(self, hashes: ValueHashes) -> None:
        """Make `incoming_renumbered(key, id)`: a corrected number is looked up by its new value."""
        run = self.connection.execute
        corrected = run(
            f"""SELECT records.id, saved
            FROM temp.linkage_records AS records
            JOIN incoming_subset USING (id)
            JOIN {self.state}.linkage_records AS earlier ON earlier.id = saved
            WHERE earlier.number <> records.number
            ORDER BY records.id"""
        ).fetchnumpy()
        numbers = hashes.single("number")[np.asarray(corrected["id"], np.int64)]
        renumbered = pa.table(
            {
                "key": short_keys(numbers, NUMBER),
                "id": np.asarray(corrected["saved"], np.int32),
            }
        )
        self.connection.register("incoming_created", renumbered)
        run(f"{RENUMBERED.create} AS FROM incoming_created")
        self.connection.unregister("incoming_created")

    def _assign_codes(self) -> None:
        """Make `incoming_codes(id, code)` of the new records, with the saved numbers of known
        codes."""
        run, state = self.connection.execute, self.state
        next_code = f"SELECT coalesce(max(code), -1) + 1 FROM {state}.linkage_codes"
        run(
            f"""{NEW_CODES.create} AS
            WITH current AS (
                SELECT saved, code
                FROM temp.linkage_codes
                JOIN incoming_subset USING (id)),
            known AS (
                SELECT current.code, min(earlier.code) AS earlier
                FROM current
                JOIN {state}.linkage_codes AS earlier ON earlier.id = saved
                GROUP BY current.code)
            SELECT
                saved AS id,
                coalesce(earlier, ({next_code}) + current.code)::INTEGER AS code
            FROM current
            LEFT JOIN known USING (code)
            WHERE saved >= {self.first}"""
        )

    def _delete_replaced(self) -> None:
        run, state, replaced = self.connection.execute, self.state, "(FROM incoming_replaced)"
        for name in ("keys", "records", "codes", "index", "clusters", "groups", "marks"):
            run(f"DELETE FROM {state}.linkage_{name} WHERE id IN {replaced}")
        run(f"DELETE FROM {state}.linkage_pairs WHERE one IN {replaced} OR other IN {replaced}")

    def _insert(self) -> None:
        """Add the new records, their keys and pairs, and the decisions and aliases."""
        run, state = self.connection.execute, self.state
        run(f"INSERT INTO {state}.linkage_keys SELECT id, row, key, place FROM incoming_keys")
        run(f"INSERT INTO {state}.linkage_records BY NAME FROM incoming_records")
        run(f"INSERT INTO {state}.linkage_codes FROM incoming_codes")
        run(f"INSERT INTO {state}.linkage_index SELECT key, new FROM incoming_lookup")
        run(f"INSERT INTO {state}.linkage_shared FROM temp.linkage_shared")
        run(
            f"""INSERT INTO {state}.linkage_decided
            FROM incoming_decisions
            EXCEPT
            FROM {state}.linkage_decided"""
        )
        if "number" in self.columns:
            run(
                f"""INSERT INTO {state}.linkage_aliases
                FROM incoming_aliases
                EXCEPT
                FROM {state}.linkage_aliases"""
            )
            run(f"INSERT INTO {state}.linkage_index FROM incoming_renumbered")
        run(
            f"""INSERT INTO {state}.linkage_marks
            SELECT saved, codes.code, source
            FROM incoming_keys
            JOIN incoming_subset AS subset ON saved = incoming_keys.id
            JOIN temp.linkage_marks AS marks ON marks.id = subset.id
            LEFT JOIN incoming_codes AS codes ON codes.id = saved"""
        )
        run(
            f"""INSERT INTO {state}.linkage_pairs
            SELECT l.saved, r.saved, passes, pattern, weight
            FROM temp.linkage_pairs
            JOIN incoming_subset AS l ON l.id = one
            JOIN incoming_subset AS r ON r.id = other
            ANTI JOIN incoming_saved_pairs USING (one, other)"""
        )

    def _replace_clusters(self) -> None:
        """Write the changed clusters, components and events.

        A cluster's `first` is the id of the record that gives the cluster its id.
        """
        run, state = self.connection.execute, self.state
        run(
            """CREATE OR REPLACE TEMP TABLE incoming_clusters AS
            SELECT changed.saved AS id, named_after.saved AS first
            FROM incoming_changed AS changed
            JOIN temp.linkage_cluster_ids AS ids USING (first)
            JOIN temp.linkage_keys AS keys ON keys.key = ids.cluster
            JOIN incoming_subset AS named_after ON named_after.id = keys.id"""
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE incoming_moved AS
            FROM incoming_clusters
            EXCEPT
            SELECT id, first
            FROM {state}.linkage_clusters
            SEMI JOIN incoming_clusters USING (id)"""
        )
        run(
            f"""DELETE FROM {state}.linkage_clusters
            WHERE id IN (SELECT id FROM incoming_moved WHERE id < {self.first})"""
        )
        run(f"INSERT INTO {state}.linkage_clusters FROM incoming_moved")
        run(
            """CREATE OR REPLACE TEMP TABLE incoming_out AS
            SELECT row, key, cluster
            FROM incoming_moved AS moved
            JOIN incoming_subset AS subset ON saved = moved.id
            JOIN temp.linkage_keys AS keys ON keys.id = subset.id
            JOIN temp.linkage_clusters AS clusters ON clusters.id = keys.id
            JOIN temp.linkage_cluster_ids AS ids ON ids.first = clusters.first"""
        )
        run(f"DELETE FROM {state}.linkage_out WHERE key IN (SELECT key FROM incoming_out)")
        run(f"INSERT INTO {state}.linkage_out FROM incoming_out")
        run(
            """CREATE OR REPLACE TEMP TABLE incoming_groups AS
            SELECT
                changed.saved AS id,
                min(changed.saved) OVER (PARTITION BY part) AS part,
                count(*) OVER (PARTITION BY part) AS n
            FROM incoming_changed AS changed"""
        )
        run(
            f"""DELETE FROM {state}.linkage_groups
            WHERE id IN (SELECT saved FROM incoming_changed)"""
        )
        run(
            f"""INSERT INTO {state}.linkage_groups
            SELECT id, part, n FROM incoming_groups WHERE n > 1"""
        )
        run(
            f"""INSERT INTO {state}.linkage_events
            SELECT event, cluster, became FROM temp.linkage_events"""
        )
