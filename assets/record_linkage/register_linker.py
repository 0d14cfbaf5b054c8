"""The linker of the register: linkage that is repeated on a changing population, with a given model
and a pair cache.

The model, with its blocking rules, is given, so that the clusters depend on the current population
alone and not on earlier runs. A pair's levels depend on its two records alone: they are cached
under a stamp of both, in the table `linkage_pair_cache(one, other, stamp, pattern)`, and a pair is
compared only if its stamp is new. `linkage_used` has the pairs of the last round. A match needs
more than weight: register_rules.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage import (
    blocking_rules,
    calibration,
    candidates,
    contacts,
    expectation_maximisation,
    explain,
    fields,
    scoring,
    standardisation,
    u_probabilities,
)
from assets.record_linkage.average_linkage import average_linkage, components
from assets.record_linkage.blocking_rules import BlockingRule
from assets.record_linkage.clustering import CERTAIN, MAX_COMPLETE
from assets.record_linkage.expectation_maximisation import Ints
from assets.record_linkage.fields import Field
from assets.record_linkage.identity_numbers import CODES
from assets.record_linkage.model import Model, level_names
from assets.record_linkage.register_rules import IS_DOUBTFUL, PairRules
from assets.record_linkage.roles import Roles
from assets.record_linkage.text_standardisation import folded, phonetic, undoubled, words
from assets.record_linkage.value_hashes import ValueHashes, combine
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

MIN_POPULATION = 10_000
"""Fewer people than this are part of a larger population: a name that is rare among them is less so
there."""
MAX_UNPROVEN = 1.0
"""Bits: the most that a pair weighs of which only the names are known to agree, or that is
doubtful."""
SURE = 4.0
"""Bits: the least weight of a link; odds of sixteen to one."""
MIN_MEAN = -2.5
"""Bits: the least mean weight of two groups that merge; lower than for any table, as links are
surer."""
LABELLED = 8
"""Of the pairs that both have a code, one in so many is compared all the same, to check the
weights."""
PRIOR_SHARE = 0.1
"""The share of the prior probabilities in an estimated model."""
GREY = (-2.0, 8.0)
"""Bits: the grey zone. Pairs with odds between one to four and 250 to one deserve clerical
review."""

ROUND_NODES = Relation(
    name="linkage_round_nodes",
    summary="The nodes of a round that have a standardised record.",
    columns={"id": "INTEGER", "node": "INTEGER", "code": "INTEGER"},
    reads=("linkage_nodes", "linkage_records"),
    scope=Scope.COMPONENT,
)
ROUND_GROUPS = Relation(
    name="linkage_round_groups",
    summary="Components of several nodes that candidate pairs tie together.",
    columns={"id": "INTEGER", "part": "INTEGER"},
    reads=("linkage_pairs", "linkage_round_nodes"),
    scope=Scope.COMPONENT,
)


@dataclass(frozen=True)
class RoundCounts:
    """Counts of one round; `blocking_rules` has a row per rule."""

    shared_contacts: int
    blocking_rules: list[dict[str, object]] = field(default_factory=list)


class RegisterLinker:
    """Makes `linkage_standardised` once, and the tables of a round by `score` and `cluster`.

    Works on tables of one connection.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        roles: Roles,
        model: Model,
        first_names: Sequence[str] = (),
    ) -> None:
        """Standardise the table.

        Args:
            table: Has a column `id` (INTEGER, unique) besides those of the roles.
            first_names: Established first names of the country: two of them are two names even
                where the data are too few to show it.

        Raises:
            RolesError: The roles do not fit the table.
        """
        self.connection = connection
        sql, self.columns = standardisation.records_sql(
            connection,
            table,
            roles,
            standardisation.infer_format(connection, table, roles),
            "id",
            "id",
        )
        self.fields: tuple[Field, ...] = fields.fields_of(self.columns)
        self.pair_rules = PairRules(self.fields)
        self.model = model
        self.compared = 0
        self.lists = tuple(column for column in ("emails", "phones") if column in self.columns)
        single = ", ".join(
            column for column in self.columns if column not in (*self.lists, "mailbox")
        )
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE linkage_standardised AS
            SELECT *, hash({single}) AS stamp FROM ({sql})"""
        )
        self._add_sounds(first_names)
        known = hashlib.sha256("|".join(sorted(first_names)).encode()).hexdigest()
        version = f"{self.pair_rules.cached_pattern()}{known}"
        self.version = hashlib.sha256(version.encode()).hexdigest()[:16]
        connection.execute(
            """CREATE TEMP TABLE IF NOT EXISTS linkage_pair_cache
            (one INTEGER, other INTEGER, stamp UBIGINT, pattern UBIGINT)"""
        )

    def _add_sounds(self, first_names: Sequence[str]) -> None:
        """Add to `linkage_standardised` the phonetic spelling of each first name, with and without
        doubled letters, and whether it is an established one."""
        if not self.pair_rules.has("given"):
            return
        run = self.connection.execute
        self.connection.register(
            "linkage_listed", pa.table({"name": pa.array(list(first_names), pa.string())})
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_first_names AS
            WITH listed AS (
                SELECT DISTINCT unnest({words(folded("name"))}) AS given FROM linkage_listed),
            sounds AS (
                SELECT given, {phonetic("given")} AS sound
                FROM (SELECT DISTINCT given FROM linkage_standardised WHERE given IS NOT NULL))
            SELECT
                given,
                sound,
                {undoubled("sound")} AS plain_sound,
                listed.given IS NOT NULL AS established
            FROM sounds
            LEFT JOIN listed USING (given)"""
        )
        self.connection.unregister("linkage_listed")
        run(
            """CREATE OR REPLACE TEMP TABLE linkage_standardised AS
            SELECT linkage_standardised.*, sound, plain_sound, established
            FROM linkage_standardised
            LEFT JOIN linkage_first_names USING (given)"""
        )
        run("DROP TABLE linkage_first_names")

    def choose_rules(self) -> list[BlockingRule]:
        """The blocking rules that the people of the last round suggest; for estimating a model."""
        return blocking_rules.choose_rules(ValueHashes(self.connection), self.columns)

    def rules_named(self, *names: tuple[str, ...]) -> list[BlockingRule]:
        """Blocking rules by the names of their parts."""
        return blocking_rules.rules_named(self.columns, names)

    def score(self, rules: list[BlockingRule] | None = None) -> RoundCounts:
        """Make `linkage_pairs` of the records in `linkage_nodes(id, node, code)`.

        Its columns are one, other, passes, pattern, weight, clash and proven. Pairs of one node are
        left out, and pairs of two codes but for a sample.

        Args:
            rules: Blocking rules to estimate the model by; those of the model if not given.
        """
        run = self.connection.execute
        run(
            """CREATE OR REPLACE TEMP TABLE linkage_records AS
            FROM linkage_standardised SEMI JOIN linkage_nodes USING (id)"""
        )
        run("CREATE OR REPLACE TEMP TABLE linkage_used (one INTEGER, other INTEGER, stamp UBIGINT)")
        run(
            f"""{ROUND_NODES.create} AS
            SELECT id, node, code FROM linkage_nodes SEMI JOIN linkage_records USING (id)"""
        )
        run(CODES.create_view("SELECT id, code FROM linkage_round_nodes WHERE code IS NOT NULL"))
        shared = contacts.drop_shared(self.connection, self.columns)
        self.people = max(count(self.connection, "SELECT count(*) FROM linkage_records"), 1)
        self.hashes = ValueHashes(self.connection)
        shares = u_probabilities.value_shares(
            self.hashes, self.fields, None if rules else self.model.agreement
        )
        shares.publish(self.connection)
        self.agreement = shares.agreement
        counts = candidates.generate_candidates(
            self.connection,
            self.hashes,
            rules or blocking_rules.rules_named(self.columns, self.model.blocking_rules),
            self._allowed(),
        )
        self._compare("linkage_candidates", "linkage_compared")
        if rules:
            self._estimate(rules)
        self._score("linkage_compared", "linkage_pairs")
        return RoundCounts(shared, [asdict(row) for row in counts])

    def _allowed(self) -> candidates.PairFilter:
        """The filter of the pairs that may be compared: of two nodes that have not two codes, and a
        sample of those that have, to check the weights."""
        marks = self.connection.execute(
            "SELECT id, node, coalesce(code, -1) AS code FROM linkage_round_nodes"
        ).fetchnumpy()
        node, code = (
            np.full(int(self.hashes.ids.max(initial=-1)) + 1, -1, np.int64) for _ in range(2)
        )
        node[marks["id"]], code[marks["id"]] = marks["node"], marks["code"]

        def allowed(left: Ints, right: Ints) -> NDArray[np.bool_]:
            coded = (code[left] >= 0) & (code[right] >= 0)
            mask: NDArray[np.bool_] = np.where(
                coded,
                combine(left.astype(np.uint64), right.astype(np.uint64)) % LABELLED == 0,
                node[left] != node[right],
            )
            return mask

        return allowed

    def explain(self, pairs: str) -> None:
        """Make `linkage_reasons` (explain.py) of these of the scored pairs.

        What the cap on unproven pairs takes off a weight shows in `start`.
        """
        explain.explain_pairs(self.connection, self.fields, self._scaled_model(), pairs)

    def cluster(self, label: Ints, code: Ints, different: Ints) -> Ints:
        """Cluster the scored pairs.

        Makes `linkage_round_groups(id, part)`, the components in which every pair was scored.

        Args:
            label: (records,): each record's node.
            code: A node's identity code (-1: none).
            different: (k, 2): pairs of nodes that were decided to be two people.

        Returns:
            (records,): the smallest node of each record's cluster.
        """
        nodes = """JOIN linkage_nodes AS l ON l.id = one
            JOIN linkage_nodes AS r ON r.id = other"""
        strong = self._arrays(
            f"""SELECT l.node AS one, r.node AS other
            FROM linkage_pairs
            {nodes}
            WHERE weight >= {SURE} AND l.node <> r.node"""
        )
        group = components(len(label), strong[0], strong[1])[label]
        self._complete(group, label)
        inside = f"""FROM linkage_pairs
            {nodes}
            JOIN linkage_round_groups AS lg ON lg.id = one
            JOIN linkage_round_groups AS rg ON rg.id = other
            WHERE lg.part = rg.part AND l.node <> r.node"""
        edges = self._arrays(
            f"""SELECT
                l.node AS one,
                r.node AS other,
                round(weight * 100)::BIGINT AS hundredths
            {inside}"""
        )
        clashes = self._arrays(
            f"""SELECT least(l.node, r.node) AS one, greatest(l.node, r.node) AS other
            {inside} AND clash IS NOT NULL
            GROUP BY ALL
            HAVING bool_and(clash)"""
        )
        vetoes = np.concatenate([np.stack(clashes, axis=1).astype(np.int64), different])
        ids = self._arrays("SELECT id FROM linkage_round_nodes")[0]
        return average_linkage(
            len(label),
            np.concatenate([edges[0], vetoes[:, 0]]),
            np.concatenate([edges[1], vetoes[:, 1]]),
            np.concatenate([edges[2] / 100, np.full(len(vetoes), -CERTAIN)]),
            np.concatenate([np.zeros(len(edges[0]), np.bool_), np.ones(len(vetoes), np.bool_)]),
            code,
            size=np.bincount(label[ids], minlength=len(label)).astype(np.float64),
            strong=SURE,
            least_mean=MIN_MEAN,
        )[label]

    def _complete(self, group: Ints, label: Ints) -> None:
        """Make `linkage_round_groups(id, part)` of the components of several nodes, and score the
        pairs in them that no blocking rule has found."""
        run = self.connection.execute
        nodes = np.bincount(
            group[np.flatnonzero(label == np.arange(len(label)))], minlength=len(group)
        )
        grouped = np.flatnonzero(nodes[group] > 1)
        self.connection.register(
            "linkage_parts",
            pa.table({"id": grouped.astype(np.int32), "part": group[grouped].astype(np.int32)}),
        )
        run(
            f"""{ROUND_GROUPS.create} AS
            FROM linkage_parts SEMI JOIN linkage_round_nodes USING (id)"""
        )
        self.connection.unregister("linkage_parts")
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_uncompared AS
            WITH members AS (
                SELECT id, part, node
                FROM linkage_round_groups
                JOIN linkage_round_nodes USING (id)
                QUALIFY count(*) OVER (PARTITION BY part) BETWEEN 3 AND {MAX_COMPLETE})
            SELECT l.id AS one, r.id AS other, 0::UINTEGER AS passes
            FROM members AS l
            JOIN members AS r ON l.part = r.part AND l.id < r.id AND l.node <> r.node
            ANTI JOIN linkage_pairs AS known ON known.one = l.id AND known.other = r.id"""
        )
        if count(self.connection, "SELECT count(*) FROM linkage_uncompared"):
            self._compare("linkage_uncompared", "linkage_compared_late")
            self._score("linkage_compared_late", "linkage_late")
            run("INSERT INTO linkage_pairs FROM linkage_late")
            run("DROP TABLE linkage_compared_late; DROP TABLE linkage_late")
        run("DROP TABLE linkage_uncompared")

    def _compare(self, pairs: str, into: str) -> None:
        """Make `into(one, other, passes, pattern, rare_personal, rare_shared)`.

        Pairs that are not in the cache are compared, counted in `compared` and added to it.
        """
        run = self.connection.execute
        stamped = ", ".join(
            f"{side}.{column}" for side in "lr" for column in ("stamp", *self.lists)
        )
        records = """JOIN linkage_records AS l ON l.id = one
            JOIN linkage_records AS r ON r.id = other"""
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_stamped AS
            SELECT one, other, passes, hash({stamped}, '{self.version}') AS stamp
            FROM {pairs}
            {records}"""
        )
        run(
            """CREATE OR REPLACE TEMP TABLE linkage_uncached AS
            FROM linkage_stamped ANTI JOIN linkage_pair_cache USING (one, other, stamp)"""
        )
        run("INSERT INTO linkage_used SELECT one, other, stamp FROM linkage_stamped")
        uncached = count(self.connection, "SELECT count(*) FROM linkage_uncached")
        if uncached:
            run(
                f"""INSERT INTO linkage_pair_cache
                SELECT one, other, linkage_uncached.stamp, {self.pair_rules.cached_pattern()}
                FROM linkage_uncached
                {records}"""
            )
        self.compared += uncached
        shares = "".join(
            f",\n                    greatest(ls.{name}_share, rs.{name}_share) AS {name}_share"
            for name in fields.share_columns(self.fields)
        )
        pattern = self.pair_rules.pattern(self.people, self.agreement.get("given", 0.0))
        run(
            f"""CREATE OR REPLACE TEMP TABLE {into} AS
            SELECT
                one,
                other,
                passes,
                pattern,
                {scoring.share_sum(self.fields, shared=False)} AS rare_personal,
                {scoring.share_sum(self.fields, shared=True)} AS rare_shared
            FROM (
                SELECT
                    one,
                    other,
                    passes,
                    {pattern} AS pattern{shares}
                FROM linkage_stamped
                JOIN linkage_pair_cache USING (one, other, stamp)
                {scoring.BOTH_SHARES})"""
        )
        run("DROP TABLE linkage_stamped; DROP TABLE linkage_uncached")

    def _score(self, compared: str, into: str) -> None:
        """Make `into(one, other, passes, pattern, weight, clash, proven)`; unproven weights are
        capped."""
        scoring.score(
            self.connection,
            self.fields,
            self._scaled_model(),
            compared,
            "linkage_scored",
            marked=False,
        )
        proven = self.pair_rules.proven()
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {into} AS
            SELECT
                one,
                other,
                passes,
                pattern,
                CASE WHEN {proven} AND NOT {IS_DOUBTFUL} THEN weight
                    ELSE least(weight, {MAX_UNPROVEN})::FLOAT END AS weight,
                {self.pair_rules.clash()} AS clash,
                {proven} AS proven
            FROM linkage_scored"""
        )
        self.connection.execute("DROP TABLE linkage_scored")

    def _scaled_model(self) -> Model:
        """The model for the current number of people: matches grow with it, all pairs with its
        square."""
        people = max(self.people, MIN_POPULATION)
        scale = self.model.records / people if self.model.records else 1.0
        priors = self.model.priors * scale
        random = expectation_maximisation.RANDOM
        priors[random] = max(1.0 - priors[:random].sum(), 0.5)
        return replace(self.model, priors=priors)

    def _estimate(self, rules: list[BlockingRule]) -> None:
        """Replace the model by one estimated from these people, calibrated where there are
        codes."""
        random = u_probabilities.estimate_u(
            self.connection, self.hashes, self.fields, self.agreement
        )
        counts = scoring.count_pairs(self.connection, self.fields, "linkage_compared")
        estimated = expectation_maximisation.estimate(
            self.fields, counts, [rule.fields for rule in rules], random
        )
        # The people of later runs differ from these: part of the prior is kept.
        prior = expectation_maximisation.initial_probabilities(self.fields, random)
        theta = (1 - PRIOR_SHARE) * estimated + PRIOR_SHARE * prior
        self.model = Model(
            tuple(compared.name for compared in self.fields),
            level_names(self.fields),
            theta,
            expectation_maximisation.estimate_priors(
                theta, counts, self.people, self.people * (self.people - 1) / 2, self.fields
            ),
            self.agreement,
            records=self.people,
        )
        self._score("linkage_compared", "linkage_pairs")
        fitted = self.calibrate()
        self.model = replace(self.model, slope=fitted.slope, offset=fitted.offset)

    def calibrate(self) -> calibration.Calibration:
        """The calibration by the pairs that both have a code; the code itself is in no weight."""
        return calibration.calibrate_by_codes(self.connection, "linkage_pairs")

    def _arrays(self, query: str) -> list[Ints]:
        """The query's columns as arrays, rows in order."""
        columns = self.connection.execute(f"{query} ORDER BY ALL").fetchnumpy()
        return [np.asarray(column, np.int64) for column in columns.values()]
