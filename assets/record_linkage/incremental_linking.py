"""Records that come later: linked to those that are there, without looking at the rest.

A run has been kept (kept.py). What arrives is spelt alike; its keys are looked up among those of all records; who shares one, with the
whole component of each, makes a small world of its own, numbered anew, in which the stages are those of any run: codes, levels,
weights by the kept model, average linkage with all vetoes. Only components that something has arrived in are written back, in one transaction.

Shares of values, passes and weights stay as they were kept; a full run brings them up to date and tells the drift.
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
    cluster_ids,
    clustering,
    contacts,
    fields,
    identity_numbers,
    scoring,
    standardisation,
)
from assets.record_linkage.candidates import CAP
from assets.record_linkage.cluster_ids import Drift
from assets.record_linkage.linkage_state import NUMBER, About, read_about, salted, salts, short
from assets.record_linkage.roles import Role, Roles, RolesError
from assets.record_linkage.u_probabilities import Shares
from assets.record_linkage.value_hashes import Hashes
from assets.storage.queries import count


@dataclass
class Arrived:
    """What was done, in counts and seconds. `known` records were there already, as they are; `corrected` ones were there otherwise."""

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


def link_arrivals(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    roles: Roles,
    kept: str,
    *,
    aliases: str | None = None,
    decisions: str | None = None,
) -> Arrived:
    """Link the table's records to those of the attached database `kept`, and write them there.

    Makes `linkage_out(row, key, cluster)` of the table. A record is known by its key: the same again changes nothing, another one under
    the key takes the place of the first. `aliases` and `decisions` as in `engine.link_table`; decisions are kept. Raises RolesError, KeptError.
    """
    if not roles.has(Role.KEY):
        raise RolesError("roles: records can only be linked to others if a column has the role key")
    run = _Arrival(connection, roles, kept, aliases, decisions)
    run.run(table)
    return run.report


class _Arrival:
    """One table that arrives."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        roles: Roles,
        kept: str,
        aliases: str | None,
        decisions: str | None,
    ) -> None:
        self.connection = connection
        self.roles = roles
        self.kept = kept
        self.aliases = aliases
        self.decisions = decisions
        self.about: About = read_about(connection, kept)
        self.report = Arrived()

    def run(self, table: str) -> None:
        with self._timed("normalise"):
            self._spell(table)
        if self.report.known == self.report.records and not self.decisions and not self.aliases:
            self._answer()
            return
        with self._timed("look up"):
            self._look_up()
        with self._timed("compare"):
            self._world()
            self._compare()
        with self._timed("cluster"):
            self._cluster()
        with self._timed("write"):
            self._write()
        self._count_joined()
        self._answer()

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.seconds[name] = round(time.monotonic() - started, 3)

    def _spell(self, table: str) -> None:
        """Make `arrived_keys`, `arrived_records` of what is new or otherwise than before, and `arrived_gone(id)` of what it replaces."""
        run, kept = self.connection.execute, self.kept
        standardisation.normalise(self.connection, table, self.roles, self.about.spelling)
        self.report.records = self._count("SELECT count(*) FROM linkage_keys")
        run(
            "DROP TABLE IF EXISTS linkage_said_keys; ALTER TABLE linkage_keys RENAME TO linkage_said_keys"
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_there AS
            SELECT said.id, before.id AS before, said.place = before.place AS same
            FROM temp.linkage_said_keys AS said JOIN {kept}.linkage_keys AS before USING (key)"""
        )
        run(
            "CREATE OR REPLACE TEMP TABLE arrived_gone AS SELECT before AS id FROM arrived_there WHERE NOT same"
        )
        first = self._count(f"SELECT coalesce(max(id), -1) + 1 FROM {kept}.linkage_keys")
        rows = self._count(f"SELECT coalesce(max(row), -1) + 1 FROM {kept}.linkage_keys")
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_keys AS
            SELECT ({first} + row_number() OVER (ORDER BY said.id) - 1)::INTEGER AS id, said.row + {rows} AS row, key, place, said.id AS said
            FROM temp.linkage_said_keys AS said ANTI JOIN (FROM arrived_there WHERE same) AS same ON same.id = said.id"""
        )
        run(
            """CREATE OR REPLACE TEMP TABLE arrived_records AS
            SELECT new.id, said.* EXCLUDE (id) FROM temp.linkage_records AS said JOIN arrived_keys AS new ON new.said = said.id"""
        )
        self.report.corrected = self._count("SELECT count(*) FROM arrived_gone")
        self.report.known = self._count("SELECT count(*) FROM arrived_there WHERE same")
        self.first = first

    def _look_up(self) -> None:
        """Make `arrived_found(new, id, salt)`: who shares a key with an arrival; other arrivals too, each pair once."""
        run, kept = self.connection.execute, self.kept
        # What arrives is hashed, and loses the contacts that too many share, before its keys are made.
        run("CREATE OR REPLACE TEMP TABLE linkage_records AS FROM arrived_records")
        contacts.drop_known(self.connection, self.about.spelling.columns, f"{kept}.linkage_shared")
        if "number" in self.about.spelling.columns:
            run(
                f"CREATE OR REPLACE TEMP TABLE arrived_aliases AS {self._also('aliases', 'old::VARCHAR, new::VARCHAR', self.aliases)}"
            )
            identity_numbers.apply_aliases(self.connection, "arrived_aliases")
        run("CREATE OR REPLACE TEMP TABLE arrived_records AS FROM temp.linkage_records")
        self.hashes = hashes = Hashes(self.connection)
        self.oversized = np.asarray(
            run(f"SELECT key FROM {kept}.linkage_oversized").fetchnumpy()["key"], np.uint32
        )
        parts = []
        for salt in salts(self.about):
            keys, places = salted(hashes, self.about, self.oversized, salt)
            parts.append(
                pa.table(
                    {
                        "key": keys,
                        "new": hashes.ids[places].astype(np.int32),
                        "salt": np.full(len(keys), salt, np.uint8),
                    }
                )
            )
        self._put(
            "arrived_asked",
            pa.concat_tables(parts)
            if parts
            else pa.table(
                {
                    "key": pa.array([], pa.uint32()),
                    "new": pa.array([], pa.int32()),
                    "salt": pa.array([], pa.uint8()),
                }
            ),
        )
        # All keys are scanned, and only scanned, here.
        run(
            f"CREATE OR REPLACE TEMP TABLE arrived_shared AS SELECT new, there.id, salt, key FROM {kept}.linkage_index AS there JOIN arrived_asked USING (key)"
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_found AS
            SELECT new, id, salt FROM arrived_shared ANTI JOIN arrived_gone USING (id)
            QUALIFY count(*) OVER (PARTITION BY salt, new, key) <= {CAP} OR salt = {NUMBER}
            UNION ALL
            SELECT l.new, r.new, l.salt FROM arrived_asked AS l JOIN arrived_asked AS r ON l.key = r.key AND l.salt = r.salt AND l.new > r.new
            QUALIFY count(*) OVER (PARTITION BY l.salt, l.new, l.key) <= {CAP}"""
        )
        everything = [salt for salt, one in enumerate(self.about.passes) if not one.atoms]
        for salt in everything:
            run(
                f"""INSERT INTO arrived_found SELECT new.id, there.id, {salt} FROM arrived_keys AS new JOIN (
                    SELECT id FROM {kept}.linkage_keys ANTI JOIN arrived_gone USING (id) UNION ALL SELECT id FROM arrived_keys) AS there ON there.id < new.id"""
            )

    def _world(self) -> None:
        """Make `linkage_records`, `linkage_keys`, ... of the arrivals, whom they may be, and all who stand with those; numbered in the order of ids."""
        run, kept = self.connection.execute, self.kept
        run(
            f"CREATE OR REPLACE TEMP TABLE arrived_decisions AS {self._also('decided', 'one::VARCHAR, other::VARCHAR, same::BOOLEAN', self.decisions)}"
        )
        self._stir()
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_touched AS
            SELECT id FROM arrived_found WHERE id < {self.first} UNION FROM arrived_gone UNION FROM arrived_stirred"""
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_members AS
            WITH parts AS (SELECT DISTINCT part FROM {kept}.linkage_groups SEMI JOIN arrived_touched USING (id))
            SELECT id FROM (FROM arrived_touched UNION SELECT id FROM {kept}.linkage_groups SEMI JOIN parts USING (part)) ANTI JOIN arrived_gone USING (id)"""
        )
        run(
            """CREATE OR REPLACE TEMP TABLE arrived_world AS SELECT id AS there, (row_number() OVER (ORDER BY id) - 1)::INTEGER AS id
            FROM (FROM arrived_members UNION ALL SELECT id FROM arrived_keys)"""
        )
        columns = ", ".join(self.about.spelling.columns)
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_records AS SELECT arrived_world.id, {columns} FROM (
                SELECT id, {columns} FROM {kept}.linkage_records SEMI JOIN arrived_members USING (id)
                UNION ALL SELECT id, {columns} FROM arrived_records) AS said
            JOIN arrived_world ON arrived_world.there = said.id"""
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_keys AS SELECT arrived_world.id, row, key, place FROM (
                FROM {kept}.linkage_keys SEMI JOIN arrived_members USING (id) UNION ALL SELECT id, row, key, place FROM arrived_keys) AS said
            JOIN arrived_world ON arrived_world.there = said.id"""
        )
        self.report.looked_at = self._count("SELECT count(*) FROM arrived_members")
        contacts.drop_known(self.connection, self.about.spelling.columns, f"{kept}.linkage_shared")
        contacts.drop_shared(self.connection, self.about.spelling.columns)
        aliases = "arrived_aliases" if "number" in self.about.spelling.columns else None
        identity_numbers.add_codes(
            self.connection, self.about.spelling.columns, aliases, self.about.scheme
        )
        source = (
            "dense_rank() OVER (ORDER BY source)::INTEGER - 1"
            if "source" in self.about.spelling.columns
            else "NULL::INTEGER"
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_marks AS
            SELECT id, code, {source} AS source FROM temp.linkage_records LEFT JOIN temp.linkage_codes USING (id)"""
        )

    def _stir(self) -> None:
        """Make `arrived_stirred(id)`: who was there and may now stand otherwise, whether or not an arrival is like them."""
        run, kept = self.connection.execute, self.kept
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_stirred AS SELECT id FROM {kept}.linkage_groups SEMI JOIN (
                SELECT part FROM {kept}.linkage_groups SEMI JOIN arrived_gone USING (id)) AS parts USING (part) ANTI JOIN arrived_gone USING (id)"""
        )
        if self.decisions:
            said = f"SELECT one::VARCHAR AS key FROM {self.decisions} UNION SELECT other::VARCHAR FROM {self.decisions}"
            run(
                f"INSERT INTO arrived_stirred SELECT said.id FROM {kept}.linkage_keys AS said SEMI JOIN ({said}) AS decided ON decided.key = said.key::VARCHAR"
            )
        if self.aliases and "number" in self.about.spelling.columns:
            said = f"SELECT {identity_numbers.spelt('old')} AS number FROM {self.aliases} UNION SELECT {identity_numbers.spelt('new')} FROM {self.aliases}"
            run(
                f"INSERT INTO arrived_stirred SELECT id FROM {kept}.linkage_records SEMI JOIN ({said}) AS corrected USING (number)"
            )

    def _also(self, name: str, columns: str, more: str | None) -> str:
        """SQL: what was kept of earlier decisions or aliases, and more of them."""
        return f"SELECT * FROM {self.kept}.linkage_{name}{f' UNION SELECT {columns} FROM {more}' if more else ''}"

    def _compare(self) -> None:
        """Make `linkage_pairs` of what was weighed before and of the arrivals' candidates."""
        run, kept = self.connection.execute, self.kept
        self.compared = fields.fields_of(self.about.spelling.columns)
        self.hashes = Hashes(self.connection)
        self.shares = self._shares(self.hashes)
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_candidates AS
            SELECT least(l.id, r.id) AS one, greatest(l.id, r.id) AS other, bit_or(1::UINTEGER << salt)::UINTEGER AS passes
            FROM arrived_found JOIN arrived_world AS l ON l.there = new JOIN arrived_world AS r ON r.there = arrived_found.id
            JOIN linkage_marks AS lm ON lm.id = l.id JOIN linkage_marks AS rm ON rm.id = r.id
            WHERE salt < {NUMBER} AND (lm.code IS NULL OR rm.code IS NULL) AND (lm.source IS NULL OR rm.source IS NULL OR lm.source <> rm.source)
            GROUP BY ALL"""
        )
        self.report.candidate_pairs = self._count("SELECT count(*) FROM temp.linkage_candidates")
        scoring.compare(
            self.connection,
            self.hashes,
            self.shares,
            self.compared,
            "temp.linkage_candidates",
            "linkage_compared",
        )
        scoring.weigh(
            self.connection, self.compared, self.about.model, "linkage_compared", "linkage_pairs"
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_weighed AS
            SELECT l.id AS one, r.id AS other, passes, pattern, weight
            FROM {kept}.linkage_pairs AS pairs JOIN arrived_world AS l ON l.there = pairs.one JOIN arrived_world AS r ON r.there = pairs.other"""
        )
        run("INSERT INTO temp.linkage_pairs FROM arrived_weighed")

    def _shares(self, hashes: Hashes) -> Shares:
        """The shares of the kept population: those of frequent values, and one for all others."""
        logs = {}
        hashes.read(self.about.rare)
        for name, rare in self.about.rare.items():
            rows = self.connection.execute(
                f"SELECT value, share FROM {self.kept}.linkage_frequent WHERE kind = ? ORDER BY value",
                [name],
            ).fetchnumpy()
            value, share = (
                np.asarray(rows["value"], np.uint64),
                np.asarray(rows["share"], np.float32),
            )
            asked = hashes.single(name)
            logs[name] = np.full(len(asked), rare, np.float32)
            if len(value):
                at = np.minimum(np.searchsorted(value, asked), len(value) - 1)
                logs[name] = np.where(value[at] == asked, share[at], logs[name]).astype(np.float32)
        return Shares(hashes.ids, logs, self.about.model.alike)

    def _cluster(self) -> None:
        """Make `linkage_clusters` and `linkage_names` of the small world."""
        clustering.cluster(
            self.connection,
            self.hashes,
            self.shares,
            self.compared,
            self.about.model,
            "arrived_decisions",
        )
        self._called("arrived_before", "temp.linkage_keys")
        self.report.drift = cluster_ids.name_clusters(self.connection, "arrived_before")
        self.report.two_code_clusters = self._count(
            """SELECT count(*) FROM (
                SELECT first FROM temp.linkage_clusters JOIN temp.linkage_codes USING (id) GROUP BY first HAVING count(DISTINCT code) > 1)"""
        )

    def _write(self) -> None:
        """Put the arrivals and what they have changed into the kept database, all or nothing."""
        run, kept = self.connection.execute, self.kept
        # A component is written back if something arrived in it, left it, or was decided in it.
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_changed AS
            WITH standing AS (SELECT arrived_world.there, arrived_world.id, coalesce(part, arrived_world.id) AS part, first
                FROM arrived_world JOIN temp.linkage_clusters USING (id) LEFT JOIN temp.linkage_groups USING (id))
            SELECT there, id, part, first FROM standing
            WHERE part IN (SELECT part FROM standing WHERE there >= {self.first} OR there IN (FROM arrived_stirred))"""
        )
        # A number that was corrected is looked up by what it is now.
        if "number" in self.about.spelling.columns:
            hashed = self.hashes.single("number")
            corrected = run(
                f"""SELECT said.id, there FROM temp.linkage_records AS said JOIN arrived_world USING (id) JOIN {kept}.linkage_records AS before
                ON before.id = there WHERE before.number <> said.number ORDER BY said.id"""
            ).fetchnumpy()
            keys = short(hashed[np.asarray(corrected["id"], np.int64)], NUMBER)
            self._put(
                "arrived_renumbered",
                pa.table({"key": keys, "id": np.asarray(corrected["there"], np.int32)}),
            )
        code = f"SELECT coalesce(max(code), -1) + 1 FROM {kept}.linkage_codes"
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_codes AS
            WITH here AS (SELECT there, code FROM temp.linkage_codes JOIN arrived_world USING (id)),
            known AS (SELECT here.code, min(was.code) AS was FROM here JOIN {kept}.linkage_codes AS was ON was.id = there GROUP BY here.code)
            SELECT there AS id, coalesce(was, ({code}) + here.code)::INTEGER AS code FROM here LEFT JOIN known USING (code) WHERE there >= {self.first}"""
        )
        run("BEGIN")
        try:
            self._commit()
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise

    def _commit(self) -> None:
        run, kept = self.connection.execute, self.kept
        if self.report.corrected:
            for name in ("keys", "records", "codes", "index", "clusters", "groups", "marks"):
                run(f"DELETE FROM {kept}.linkage_{name} WHERE id IN (FROM arrived_gone)")
            run(
                f"DELETE FROM {kept}.linkage_pairs WHERE one IN (FROM arrived_gone) OR other IN (FROM arrived_gone)"
            )
        run(f"INSERT INTO {kept}.linkage_keys SELECT id, row, key, place FROM arrived_keys")
        run(f"INSERT INTO {kept}.linkage_records BY NAME FROM arrived_records")
        run(f"INSERT INTO {kept}.linkage_codes FROM arrived_codes")
        run(f"INSERT INTO {kept}.linkage_index SELECT key, new FROM arrived_asked")
        run(f"INSERT INTO {kept}.linkage_shared FROM temp.linkage_shared")
        run(
            f"INSERT INTO {kept}.linkage_decided FROM arrived_decisions EXCEPT FROM {kept}.linkage_decided"
        )
        if "number" in self.about.spelling.columns:
            run(
                f"INSERT INTO {kept}.linkage_aliases FROM arrived_aliases EXCEPT FROM {kept}.linkage_aliases"
            )
            run(f"INSERT INTO {kept}.linkage_index FROM arrived_renumbered")
        run(
            f"""INSERT INTO {kept}.linkage_marks SELECT there, codes.code, source FROM arrived_keys JOIN arrived_world ON there = arrived_keys.id
            JOIN temp.linkage_marks AS marks ON marks.id = arrived_world.id LEFT JOIN arrived_codes AS codes ON codes.id = there"""
        )
        run(
            f"""INSERT INTO {kept}.linkage_pairs SELECT l.there, r.there, passes, pattern, weight
            FROM temp.linkage_pairs JOIN arrived_world AS l ON l.id = one JOIN arrived_world AS r ON r.id = other
            ANTI JOIN arrived_weighed USING (one, other)"""
        )
        self._commit_clusters()

    def _commit_clusters(self) -> None:
        """A cluster's number is the record's that it is called after."""
        run, kept = self.connection.execute, self.kept
        run(
            """CREATE OR REPLACE TEMP TABLE arrived_clusters AS
            SELECT changed.there AS id, called.there AS first FROM arrived_changed AS changed JOIN temp.linkage_names AS names USING (first)
            JOIN temp.linkage_keys AS said ON said.key = names.cluster JOIN arrived_world AS called ON called.id = said.id"""
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE arrived_moved AS FROM arrived_clusters
            EXCEPT SELECT id, first FROM {kept}.linkage_clusters SEMI JOIN arrived_clusters USING (id)"""
        )
        run(
            f"DELETE FROM {kept}.linkage_clusters WHERE id IN (SELECT id FROM arrived_moved WHERE id < {self.first})"
        )
        run(f"INSERT INTO {kept}.linkage_clusters FROM arrived_moved")
        run(
            """CREATE OR REPLACE TEMP TABLE arrived_out AS SELECT row, key, cluster FROM arrived_moved AS moved JOIN arrived_world ON there = moved.id
            JOIN temp.linkage_keys AS said ON said.id = arrived_world.id JOIN temp.linkage_clusters AS clusters ON clusters.id = said.id
            JOIN temp.linkage_names AS names ON names.first = clusters.first"""
        )
        run(f"DELETE FROM {kept}.linkage_out WHERE key IN (SELECT key FROM arrived_out)")
        run(f"INSERT INTO {kept}.linkage_out FROM arrived_out")
        run(
            """CREATE OR REPLACE TEMP TABLE arrived_groups AS SELECT changed.there AS id, min(changed.there) OVER (PARTITION BY part) AS part,
                count(*) OVER (PARTITION BY part) AS n FROM arrived_changed AS changed"""
        )
        run(f"DELETE FROM {kept}.linkage_groups WHERE id IN (SELECT there FROM arrived_changed)")
        run(f"INSERT INTO {kept}.linkage_groups SELECT id, part, n FROM arrived_groups WHERE n > 1")
        run(
            f"INSERT INTO {kept}.linkage_events SELECT event, cluster, became FROM temp.linkage_events"
        )

    def _count_joined(self) -> None:
        """How many arrivals stand with somebody who was there, and how many people are new."""
        row = self.connection.execute(
            f"""SELECT coalesce(sum(came) FILTER (were > 0), 0), count(*) FILTER (were = 0) FROM (
                SELECT count(*) FILTER (there >= {self.first}) AS came, count(*) FILTER (there < {self.first}) AS were
                FROM arrived_changed GROUP BY first HAVING came > 0)"""
        ).fetchone()
        self.report.joined, self.report.new_clusters = map(int, row or (0, 0))

    def _answer(self) -> None:
        """Make `linkage_out(row, key, cluster)` of the table's rows."""
        self._called("arrived_called", "temp.linkage_said_keys")
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE linkage_out AS SELECT said.row, key, called.cluster
            FROM temp.linkage_said_keys AS said JOIN arrived_called AS called USING (key)"""
        )

    def _called(self, name: str, keys: str) -> None:
        """Make `name(key, cluster)` of those of the keys that are kept."""
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT key, cluster FROM {self.kept}.linkage_out SEMI JOIN (SELECT key FROM {keys}) AS asked USING (key)"
        )

    def _put(self, name: str, table: pa.Table) -> None:
        self.connection.register("arrived_put", table)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM arrived_put")
        self.connection.unregister("arrived_put")

    def _count(self, query: str) -> int:
        return count(self.connection, query)
