"""Incremental linking: records that arrive later are linked to those of a saved run, which is not
repeated.

A run has saved its state (linkage_state.py). New records are standardised in the same format; their
keys are looked up among those of all records; the records that share one, with the whole component
of each, make a *subset*, numbered from 0, in which the stages are those of any run: codes, levels,
weights by the saved model, average linkage with all vetoes. Only components that have changed are
written back, in one transaction.

Shares of values, blocking rules and weights stay as saved; a full run updates them and measures the
drift.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage import (
    candidates,
    cluster_ids,
    clustering,
    contacts,
    exact_copies,
    fields,
    identity_numbers,
    linkage_state,
    scoring,
    standardisation,
)
from assets.record_linkage.blocking_rules import MAX_BLOCK_SIZE
from assets.record_linkage.candidates import CANDIDATES
from assets.record_linkage.cluster_ids import Drift
from assets.record_linkage.incoming import (
    AFFECTED,
    INCOMING_ALIASES,
    INCOMING_DECISIONS,
    INCOMING_KEYS,
    INCOMING_MATCHES,
    INCOMING_RECORDS,
    LOOKUP,
    MEMBERS,
    REPLACED,
    SAVED_PAIRS,
    SUBSET,
)
from assets.record_linkage.linkage_state import COPY, NUMBER, Configuration, salted_keys
from assets.record_linkage.roles import Role, Roles, RolesError
from assets.record_linkage.standardisation import KEYS
from assets.record_linkage.state_update import StateUpdate
from assets.record_linkage.value_hashes import ValueHashes
from assets.storage.queries import count
from assets.storage.relations import Relation


@dataclass
class IncrementalReport:
    """Counts and seconds of one incremental run.

    Attributes:
        known: Records that were there already, with the same values.
        corrected: Records that were there with other values.
        looked_at: Earlier records in the subset.
        joined: New records in clusters with earlier ones.
    """

    records: int = 0
    known: int = 0
    corrected: int = 0
    looked_at: int = 0
    candidate_pairs: int = 0
    joined: int = 0
    new_clusters: int = 0
    two_code_clusters: int = 0  # must be 0
    drift: Drift = field(default_factory=Drift)
    seconds: dict[str, float] = field(default_factory=dict)


def link_incrementally(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    roles: Roles,
    state: str,
    *,
    aliases: str | None = None,
    decisions: str | None = None,
) -> IncrementalReport:
    """Link the table's records to those of the attached database `state`, and add them to it.

    Makes `linkage_out(row, key, cluster)` of the table. A record is identified by its key: the same
    values change nothing, other values replace the earlier ones.

    Args:
        aliases: As in `engine.link_table`.
        decisions: As in `engine.link_table`; they are saved.

    Raises:
        RolesError: The roles have no key, or do not fit the table or the state.
        LinkageStateError: The database has no state that this program can continue from.
    """
    if not roles.has(Role.KEY):
        raise RolesError("roles: records can only be linked to others if a column has the role key")
    run = _IncrementalRun(connection, roles, state, aliases, decisions)
    run.run(table)
    return run.report


class _IncrementalRun:
    """One table of new records."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        roles: Roles,
        state: str,
        aliases: str | None,
        decisions: str | None,
    ) -> None:
        self.connection = connection
        self.roles = roles
        self.state = state
        self.aliases = aliases
        self.decisions = decisions
        self.configuration: Configuration = linkage_state.load(connection, state)
        self.columns = self.configuration.record_format.columns
        self.report = IncrementalReport()

    def run(self, table: str) -> None:
        with self._timed("normalise"):
            self._standardise(table)
        if self.report.known == self.report.records and not self.decisions and not self.aliases:
            self._write_out()
            return
        with self._timed("look up"):
            self._look_up()
        with self._timed("compare"):
            self._make_subset()
            self._score()
        with self._timed("cluster"):
            self._cluster()
        with self._timed("write"):
            update = StateUpdate(self.connection, self.state, self.columns, self.first)
            update.write(self.hashes, replaced=self.report.corrected > 0)
        self._count_joined()
        self._write_out()

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.seconds[name] = round(time.monotonic() - started, 3)

    def _standardise(self, table: str) -> None:
        """Make `incoming_keys` and `incoming_records` of what is new or has changed, and
        `incoming_replaced(id)` of the earlier versions."""
        run, state = self.connection.execute, self.state
        standardisation.standardise(
            self.connection, table, self.roles, self.configuration.record_format
        )
        self.report.records = self._count("SELECT count(*) FROM linkage_keys")
        run(
            """DROP TABLE IF EXISTS incoming_all_keys;
            ALTER TABLE linkage_keys RENAME TO incoming_all_keys"""
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE incoming_known AS
            SELECT incoming.id, earlier.id AS earlier, incoming.place = earlier.place AS same
            FROM temp.incoming_all_keys AS incoming
            JOIN {state}.linkage_keys AS earlier USING (key)"""
        )
        run(
            f"""{REPLACED.create} AS
            SELECT earlier AS id FROM incoming_known WHERE NOT same"""
        )
        first = self._count(f"SELECT coalesce(max(id), -1) + 1 FROM {state}.linkage_keys")
        rows = self._count(f"SELECT coalesce(max(row), -1) + 1 FROM {state}.linkage_keys")
        run(
            f"""{INCOMING_KEYS.create} AS
            SELECT
                ({first} + row_number() OVER (ORDER BY incoming.id) - 1)::INTEGER AS id,
                incoming.row + {rows} AS row,
                key,
                place,
                incoming.id AS incoming
            FROM temp.incoming_all_keys AS incoming
            ANTI JOIN (FROM incoming_known WHERE same) AS same ON same.id = incoming.id"""
        )
        run(
            f"""{INCOMING_RECORDS.create} AS
            SELECT new.id, records.* EXCLUDE (id)
            FROM temp.linkage_records AS records
            JOIN incoming_keys AS new ON new.incoming = records.id"""
        )
        self.report.corrected = self._count("SELECT count(*) FROM incoming_replaced")
        self.report.known = self._count("SELECT count(*) FROM incoming_known WHERE same")
        self.first = first

    def _look_up(self) -> None:
        """Make `incoming_matches(new, id, salt)`: the records that share a key with a new one,
        other new ones included, each pair once."""
        run, state = self.connection.execute, self.state
        # New records lose the contacts that too many share before their keys are made.
        run("CREATE OR REPLACE TEMP TABLE linkage_records AS FROM incoming_records")
        contacts.drop_known(self.connection, self.columns, f"{state}.linkage_shared")
        if "number" in self.columns:
            self._make_union(INCOMING_ALIASES, "aliases", self.aliases)
            identity_numbers.apply_aliases(self.connection, "incoming_aliases")
        run(f"{INCOMING_RECORDS.create} AS FROM temp.linkage_records")
        self._make_lookup()
        # All keys are scanned, and only scanned, here.
        run(
            f"""CREATE OR REPLACE TEMP TABLE incoming_shared AS
            SELECT new, earlier.id, salt, key
            FROM {state}.linkage_index AS earlier
            JOIN incoming_lookup USING (key)"""
        )
        run(
            f"""{INCOMING_MATCHES.create} AS
            SELECT new, id, salt
            FROM incoming_shared
            ANTI JOIN incoming_replaced USING (id)
            QUALIFY count(*) OVER (PARTITION BY salt, new, key) <= {MAX_BLOCK_SIZE}
                OR salt = {NUMBER}
            UNION ALL
            SELECT l.new, r.new, l.salt
            FROM incoming_lookup AS l
            JOIN incoming_lookup AS r ON l.key = r.key AND l.salt = r.salt AND l.new > r.new
            QUALIFY count(*) OVER (PARTITION BY l.salt, l.new, l.key) <= {MAX_BLOCK_SIZE}
            UNION ALL
            SELECT new.id, min(earlier.id), {COPY}::UTINYINT
            FROM incoming_keys AS new
            JOIN {state}.linkage_keys AS earlier USING (place)
            ANTI JOIN incoming_replaced ON incoming_replaced.id = earlier.id
            GROUP BY new.id"""
        )
        for salt, rule in enumerate(self.configuration.rules):
            if not rule.parts:
                run(
                    f"""INSERT INTO incoming_matches
                    SELECT new.id, earlier.id, {salt}
                    FROM incoming_keys AS new
                    JOIN (
                        SELECT id FROM {state}.linkage_keys ANTI JOIN incoming_replaced USING (id)
                        UNION ALL
                        SELECT id FROM incoming_keys) AS earlier ON earlier.id < new.id"""
                )

    def _make_lookup(self) -> None:
        """Make `incoming_lookup(key, new, salt)` of the keys of the new records."""
        self.hashes = ValueHashes(self.connection)
        oversized = np.asarray(
            self.connection.execute(f"SELECT key FROM {self.state}.linkage_oversized").fetchnumpy()[
                "key"
            ],
            np.uint32,
        )
        schema = pa.schema([("key", pa.uint32()), ("new", pa.int32()), ("salt", pa.uint8())])
        tables = [schema.empty_table()]
        for salt in linkage_state.salts(self.configuration):
            keys, positions = salted_keys(self.hashes, self.configuration, oversized, salt)
            new = self.hashes.ids[positions].astype(np.int32)
            tables.append(pa.table([keys, new, np.full(len(keys), salt, np.uint8)], schema=schema))
        self.connection.register("incoming_created", pa.concat_tables(tables))
        self.connection.execute(f"{LOOKUP.create} AS FROM incoming_created")
        self.connection.unregister("incoming_created")

    def _make_subset(self) -> None:
        """Make `linkage_records`, `linkage_keys`, ... of the new records, their possible matches,
        and the components of those; ids count from 0 in the order of the saved ids (`saved`)."""
        run, state = self.connection.execute, self.state
        self._make_union(INCOMING_DECISIONS, "decided", self.decisions)
        self._make_affected()
        run(
            f"""CREATE OR REPLACE TEMP TABLE incoming_touched AS
            SELECT id FROM incoming_matches WHERE id < {self.first}
            UNION
            FROM incoming_replaced
            UNION
            FROM incoming_affected"""
        )
        run(
            f"""{MEMBERS.create} AS
            WITH parts AS (
                SELECT DISTINCT part
                FROM {state}.linkage_groups
                SEMI JOIN incoming_touched USING (id))
            SELECT id
            FROM (
                FROM incoming_touched
                UNION
                SELECT id FROM {state}.linkage_groups SEMI JOIN parts USING (part))
            ANTI JOIN incoming_replaced USING (id)"""
        )
        run(
            f"""{SUBSET.create} AS
            SELECT id AS saved, (row_number() OVER (ORDER BY id) - 1)::INTEGER AS id
            FROM (
                FROM incoming_members
                UNION ALL
                SELECT id FROM incoming_keys)"""
        )
        columns = ", ".join(self.columns)
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_records AS
            SELECT subset.id, {columns}
            FROM (
                SELECT id, {columns}
                FROM {state}.linkage_records
                SEMI JOIN incoming_members USING (id)
                UNION ALL
                SELECT id, {columns} FROM incoming_records) AS records
            JOIN incoming_subset AS subset ON subset.saved = records.id"""
        )
        run(
            f"""{KEYS.create} AS
            SELECT subset.id, row, key, place
            FROM (
                FROM {state}.linkage_keys
                SEMI JOIN incoming_members USING (id)
                UNION ALL
                SELECT id, row, key, place FROM incoming_keys) AS keys
            JOIN incoming_subset AS subset ON subset.saved = keys.id"""
        )
        self.report.looked_at = self._count("SELECT count(*) FROM incoming_members")
        contacts.drop_known(self.connection, self.columns, f"{state}.linkage_shared")
        contacts.drop_shared(self.connection, self.columns)
        aliases = "incoming_aliases" if "number" in self.columns else None
        identity_numbers.add_codes(
            self.connection, self.columns, aliases, self.configuration.scheme
        )
        candidates.mark(self.connection, self.columns)
        self.hashes = ValueHashes(self.connection)
        exact_copies.leave_out_copies(self.connection, self.hashes, "incoming_decisions")

    def _make_affected(self) -> None:
        """Make `incoming_affected(id)`: earlier records in clusters that may change, even if no new
        record matches them."""
        run, state = self.connection.execute, self.state
        run(
            f"""{AFFECTED.create} AS
            SELECT id
            FROM {state}.linkage_groups
            SEMI JOIN (
                SELECT part
                FROM {state}.linkage_groups
                SEMI JOIN incoming_replaced USING (id)) AS parts USING (part)
            ANTI JOIN incoming_replaced USING (id)"""
        )
        if self.decisions:
            run(
                f"""INSERT INTO incoming_affected
                SELECT keys.id
                FROM {state}.linkage_keys AS keys
                SEMI JOIN (
                    SELECT one::VARCHAR AS key FROM {self.decisions}
                    UNION
                    SELECT other::VARCHAR FROM {self.decisions}) AS decided
                    ON decided.key = keys.key::VARCHAR"""
            )
        if self.aliases and "number" in self.columns:
            old, new = map(identity_numbers.standardised, ("old", "new"))
            run(
                f"""INSERT INTO incoming_affected
                SELECT id
                FROM {state}.linkage_records
                SEMI JOIN (
                    SELECT {old} AS number FROM {self.aliases}
                    UNION
                    SELECT {new} FROM {self.aliases}) AS corrected USING (number)"""
            )

    def _make_union(self, relation: Relation, saved: str, more: str | None) -> None:
        """Make the relation of the saved decisions or aliases, and of those in `more`."""
        columns = ", ".join(f"{column}::{kind}" for column, kind in relation.columns.items())
        union = f" UNION SELECT {columns} FROM {more}" if more else ""
        self.connection.execute(
            f"""{relation.create} AS
            SELECT * FROM {self.state}.linkage_{saved}{union}"""
        )

    def _score(self) -> None:
        """Make `linkage_pairs` of the saved pairs and of the new records' candidates."""
        run, state = self.connection.execute, self.state
        self.compared = fields.fields_of(self.columns)
        self.shares = linkage_state.saved_shares(
            self.connection, self.state, self.configuration, self.hashes
        )
        run(
            f"""{CANDIDATES.create} AS
            SELECT
                least(l.id, r.id) AS one,
                greatest(l.id, r.id) AS other,
                bit_or(1::UINTEGER << salt)::UINTEGER AS passes
            FROM incoming_matches
            JOIN incoming_subset AS l ON l.saved = new
            JOIN incoming_subset AS r ON r.saved = incoming_matches.id
            JOIN linkage_marks AS lm ON lm.id = l.id
            JOIN linkage_marks AS rm ON rm.id = r.id
            WHERE salt < {NUMBER}
                AND (lm.code IS NULL OR rm.code IS NULL)
                AND (lm.source IS NULL OR rm.source IS NULL OR lm.source <> rm.source)
            GROUP BY ALL"""
        )
        self.report.candidate_pairs = self._count("SELECT count(*) FROM temp.linkage_candidates")
        run(
            """INSERT INTO linkage_candidates
            SELECT one, other, 0
            FROM linkage_copies
            ANTI JOIN linkage_candidates USING (one, other)"""
        )
        scoring.compare(
            self.connection,
            self.hashes,
            self.shares,
            self.compared,
            "temp.linkage_candidates",
            "linkage_compared",
        )
        scoring.score(
            self.connection,
            self.compared,
            self.configuration.model,
            "linkage_compared",
            "linkage_pairs",
        )
        run(
            f"""{SAVED_PAIRS.create} AS
            SELECT l.id AS one, r.id AS other, passes, pattern, weight
            FROM {state}.linkage_pairs AS pairs
            JOIN incoming_subset AS l ON l.saved = pairs.one
            JOIN incoming_subset AS r ON r.saved = pairs.other"""
        )
        run("INSERT INTO temp.linkage_pairs FROM incoming_saved_pairs")

    def _cluster(self) -> None:
        """Make `linkage_clusters` and `linkage_cluster_ids` of the subset."""
        clustering.cluster(
            self.connection,
            self.hashes,
            self.shares,
            self.compared,
            self.configuration.model,
            "incoming_decisions",
        )
        self._make_saved_ids("incoming_previous", "temp.linkage_keys")
        self.report.drift = cluster_ids.assign_cluster_ids(self.connection, "incoming_previous")
        self.report.two_code_clusters = self._count(clustering.TWO_CODE_CLUSTERS)

    def _count_joined(self) -> None:
        """Count the new records in clusters with earlier ones, and the new clusters."""
        row = self.connection.execute(
            f"""SELECT
                coalesce(sum(new) FILTER (earlier > 0), 0),
                count(*) FILTER (earlier = 0)
            FROM (
                SELECT
                    count(*) FILTER (saved >= {self.first}) AS new,
                    count(*) FILTER (saved < {self.first}) AS earlier
                FROM incoming_changed
                GROUP BY first
                HAVING new > 0)"""
        ).fetchone()
        self.report.joined, self.report.new_clusters = map(int, row or (0, 0))

    def _write_out(self) -> None:
        """Make `linkage_out(row, key, cluster)` of the table's rows."""
        self._make_saved_ids("incoming_ids", "temp.incoming_all_keys")
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE linkage_out AS
            SELECT incoming.row, key, ids.cluster
            FROM temp.incoming_all_keys AS incoming
            JOIN incoming_ids AS ids USING (key)"""
        )

    def _make_saved_ids(self, name: str, keys: str) -> None:
        """Make `name(key, cluster)` of the keys that are saved."""
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {name} AS
            SELECT key, cluster
            FROM {self.state}.linkage_out
            SEMI JOIN (SELECT key FROM {keys}) AS requested USING (key)"""
        )

    def _count(self, query: str) -> int:
        return count(self.connection, query)
