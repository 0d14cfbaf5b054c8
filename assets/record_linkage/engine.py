"""The linkage engine: from a table of people and the roles of its columns to clusters.

Each stage is a table that can be inspected afterwards: `linkage_keys(id, row, key, place)`,
`linkage_records(id, ...)`, `linkage_codes(id, code)`, `linkage_candidates(one, other, passes)`,
`linkage_pairs(one, other, passes, pattern, weight)`, `linkage_clusters(id, first)`,
`linkage_out(row, key, cluster)`. `passes` has a bit per blocking rule. A cluster id is the key of
one of its members; weights are log2 of the odds of being one person.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from assets.record_linkage import (
    blocking_rules,
    calibration,
    candidates,
    cluster_ids,
    clustering,
    contacts,
    exact_copies,
    expectation_maximisation,
    explain,
    fields,
    identity_numbers,
    linkage_state,
    scoring,
    standardisation,
    u_probabilities,
)
from assets.record_linkage.average_linkage import STRONG, components
from assets.record_linkage.expectation_maximisation import HOUSEHOLD, RANDOM
from assets.record_linkage.fields import Field
from assets.record_linkage.model import Model, level_names
from assets.record_linkage.roles import Role, Roles, RolesError
from assets.record_linkage.value_hashes import Positions, ValueHashes, combine, group_equal
from assets.storage.queries import count

MAX_SOURCES = 1024
LABELLED = 4
"""Of the pairs that both have a code, one in so many is compared."""

NEIGHBOURS = 8
"""Each record of an oversized block is compared with so many others of it."""

MANY_EACH, MOSTLY = 2.5, 0.5
"""With so many records of a person, and so many pairs of namesakes that are one, values are counted
again by person."""

WORTH_KEEPING = 2000
"""A rule that is the first to find less than one link in so many is not kept in the model."""


@dataclass
class Report:
    """Counts and seconds of a run.

    Attributes:
        blocking_rules: A row per rule, best first.
        fields: A row per field: how much of it is filled, and its mean bits in a match.
        unlinkable: Records that no equal record would be linked to, counted for explanations.
    """

    records: int = 0
    clusters: int = 0
    largest_cluster: int = 0
    candidate_pairs: int = 0
    links: int = 0
    blocking_rules: list[dict[str, object]] = field(default_factory=list)
    shared_contacts: int = 0
    codes: int = 0
    code_scheme: str = "none"
    vetoed_pairs: int = 0
    two_code_clusters: int = 0  # must be 0
    calibration: dict[str, object] = field(default_factory=dict)
    fields: list[dict[str, object]] = field(default_factory=list)
    unlinkable: int = 0
    drift: cluster_ids.Drift = field(default_factory=cluster_ids.Drift)
    seconds: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """For JSON, where the rules are called `passes`."""
        return {
            "passes" if name == "blocking_rules" else name: value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Linked:
    """The report of a run, and its model."""

    report: Report
    model: Model


def link_table(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    roles: Roles,
    *,
    model: Model | None = None,
    aliases: str | None = None,
    decisions: str | None = None,
    explained: bool = False,
    previous: str | None = None,
    save_to: str | None = None,
) -> Linked:
    """Make `linkage_out(row, key, cluster)` and the stages before it.

    Args:
        model: Parameters to use; estimated from the table if not given.
        aliases: A table (old, new) of corrected identity numbers.
        decisions: A table (one, other, same) of pairs of keys that were decided to be one person,
            or two.
        explained: Make `linkage_explained` as well (explain.py).
        previous: A table (key, cluster) of earlier cluster ids, which are kept as far as possible.
        save_to: An attached database to save the state in, for incremental linking.

    Raises:
        RolesError: The roles do not fit the table.
        ModelError: The model does not fit the roles.
    """
    run = _Run(connection, roles, aliases, decisions)
    linked = run.run(table, model, previous)
    if save_to:
        run.save(save_to, linked.model)
    if explained:
        run.explain(linked.model)
    return linked


class _Run:
    """One run, stage by stage."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        roles: Roles,
        aliases: str | None,
        decisions: str | None,
    ) -> None:
        self.connection = connection
        self.roles = roles
        self.aliases = aliases
        self.decisions = decisions
        self.report = Report()
        self.compared: tuple[Field, ...] = ()

    def run(self, table: str, model: Model | None, previous: str | None) -> Linked:
        columns = self._standardise(table)
        self.compared = compared = fields.fields_of(columns)
        if model:
            model.check(compared)
        self.rules = self._generate_candidates(columns, model)
        used = self._score(compared, model)
        self._cluster(compared, used, previous)
        if (people := self._people(compared, used)) is not None:
            used = self._score_by_person(compared, used, people, learn=model is None)
            self._cluster(compared, used, previous)
        with self._timed("measure"):
            self._measure(used)
        self.rules = self._useful_rules()
        if model is None:
            used = replace(
                used,
                blocking_rules=tuple(
                    blocking_rules.part_names(rule) for rule in self.rules if rule.parts
                ),
                records=self.report.records,
            )
        return Linked(self.report, used)

    def save(self, into: str, model: Model) -> None:
        """Save the state in an attached database."""
        with self._timed("keep"):
            configuration = linkage_state.Configuration(
                self.record_format,
                tuple(self.rules),
                self.report.code_scheme,
                model,
                self.shares.rare,
            )
            if self.decisions:
                self.connection.execute(
                    f"""CREATE OR REPLACE TEMP TABLE linkage_decided AS
                    SELECT one::VARCHAR AS one, other::VARCHAR AS other, same
                    FROM {self.decisions}"""
                )
            if self.aliases:
                self.connection.execute(
                    f"""CREATE OR REPLACE TEMP TABLE linkage_aliases AS
                    SELECT old::VARCHAR AS old, new::VARCHAR AS new FROM {self.aliases}"""
                )
            linkage_state.save(self.connection, into, configuration, self.hashes, self.shares)

    def explain(self, model: Model) -> None:
        """Make `linkage_explained`."""
        with self._timed("explain"):
            self.report.unlinkable = self._count_unlinkable(model)
            self.shares.publish(self.connection)
            explain.explain(
                self.connection,
                self.compared,
                model,
                [str(row["name"]) for row in self.report.blocking_rules],
            )

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.seconds[name] = round(time.monotonic() - started, 3)

    def _standardise(self, table: str) -> tuple[str, ...]:
        with self._timed("normalise"):
            self.record_format = standardisation.standardise(self.connection, table, self.roles)
            columns = self.record_format.columns
            self.report.records = count(self.connection, "SELECT count(*) FROM linkage_records")
            self.report.codes, self.report.code_scheme = identity_numbers.add_codes(
                self.connection, columns, self.aliases
            )
            self.report.shared_contacts = contacts.drop_shared(self.connection, columns)
            candidates.mark(self.connection, columns)
            sources = count(self.connection, "SELECT count(DISTINCT source) FROM linkage_marks")
            if sources > MAX_SOURCES:
                raise RolesError(
                    f"the column {self.roles.first(Role.SOURCE)} has {sources} sources, "
                    f"and at most {MAX_SOURCES} are possible; is it a source?"
                )
        return columns

    def _generate_candidates(
        self, columns: tuple[str, ...], model: Model | None
    ) -> list[blocking_rules.BlockingRule]:
        with self._timed("candidates"):
            self.hashes = ValueHashes(self.connection)
            exact_copies.leave_out_copies(self.connection, self.hashes, self.decisions)
            rules = (
                blocking_rules.rules_of_model(columns, model.blocking_rules, self.report.records)
                if model and model.blocking_rules
                else blocking_rules.choose_rules(self.hashes, columns)
            )
            counts = candidates.generate_candidates(
                self.connection, self.hashes, rules, self._allowed(), NEIGHBOURS
            )
            # Keys are many, and most are not compared.
            self.hashes.release(keep=fields.hashed_expressions(self.compared))
            self.report.blocking_rules = [asdict(row) for row in counts]
            self.report.candidate_pairs = count(
                self.connection, "SELECT count(*) FROM linkage_candidates"
            )
            self.connection.execute(
                "INSERT INTO linkage_candidates SELECT one, other, 0 FROM linkage_copies"
            )
        return rules

    def _comparable_pairs(self) -> float:
        """How many pairs of records are not of one source."""
        row = self.connection.execute(
            """SELECT (sum(n) * (sum(n) - 1)
                - coalesce(sum(n * (n - 1)) FILTER (source IS NOT NULL), 0)) / 2
            FROM (SELECT source, count(*)::DOUBLE AS n FROM linkage_marks GROUP BY source)"""
        ).fetchone()
        return float(row[0] or 0.0) if row else 0.0

    def _allowed(self) -> candidates.PairFilter:
        """The filter of the pairs that may be compared."""
        marks = self.connection.execute(
            """SELECT id, coalesce(code, -1) AS code, coalesce(source, -1) AS source
            FROM linkage_marks"""
        ).fetchnumpy()
        code, source = (np.empty(self.report.records, np.int32) for _ in range(2))
        code[marks["id"]], source[marks["id"]] = marks["code"], marks["source"]

        def allowed(left: Positions, right: Positions) -> NDArray[np.bool_]:
            # Codes decide; a sample of such pairs is compared all the same, for calibration.
            sampled = (left % LABELLED == 0) & (right % LABELLED < LABELLED // 2)
            return ((code[left] < 0) | (code[right] < 0) | sampled) & (
                (source[left] != source[right]) | (source[left] < 0) & (source[right] < 0)
            )

        return allowed

    def _score(
        self,
        compared: tuple[Field, ...],
        model: Model | None,
    ) -> Model:
        """Compare the candidates, estimate a model unless one is given, and score them by it."""
        with self._timed("compare"):
            shares = u_probabilities.value_shares(self.hashes, compared)
            dependence = (
                model.dependence
                if model
                else u_probabilities.estimate_dependence(
                    self.connection, self.hashes, compared, shares.agreement
                )
            )
            self.shares = replace(shares, dependence=dependence)
            scoring.compare(
                self.connection,
                self.hashes,
                self.shares,
                compared,
                "linkage_candidates",
                "linkage_compared",
            )
        with self._timed("learn"):
            used = model or self._estimate(compared, "linkage_compared")
        with self._timed("weigh"):
            scoring.score(self.connection, compared, used, "linkage_compared", "linkage_pairs")
        return used

    def _estimate(
        self, compared: tuple[Field, ...], pairs: str, people: Positions | None = None
    ) -> Model:
        """A model of the compared pairs.

        Args:
            people: (records,): the cluster of each record, in a second round.
        """
        shares = self.shares
        random = u_probabilities.estimate_u(
            self.connection, self.hashes, compared, shares.agreement, people
        )
        counts = scoring.count_pairs(self.connection, compared, pairs)
        theta = expectation_maximisation.estimate(
            compared, counts, [rule.fields for rule in self.rules], random, shares.dependence
        )
        priors = expectation_maximisation.estimate_priors(
            theta,
            counts,
            self.report.records,
            self._comparable_pairs(),
            compared,
            shares.dependence,
        )
        model = Model(
            tuple(field.name for field in compared),
            level_names(compared),
            theta,
            priors,
            shares.agreement,
            dependence=dict(shares.dependence),
        )
        return self._calibrated(compared, model)

    def _people(self, compared: tuple[Field, ...], model: Model) -> Positions | None:
        """(records,): the clusters, those of one name and birth date as one, if people have many
        records, and what else is known of these shows that they are mostly one person."""
        names = ("given", "family", "born")
        own = [self.hashes.single(name) for name in names if name in self.record_format.columns]
        if len(own) < 2:
            return None
        key = own[0]
        for values in own[1:]:
            key = combine(key, values)
        known = np.flatnonzero(np.logical_and.reduce([values != 0 for values in own]))
        order, starts, sizes = group_equal(key[known])
        first = known[order[np.repeat(starts, sizes)]]
        people = components(len(key), self.first[first], self.first[known[order]])[self.first]
        if self.report.records < MANY_EACH * len(np.unique(people)):
            return None
        left, right = u_probabilities.equal_pairs(self.hashes, key, known)
        one_person = u_probabilities.share_of_matches(
            self.connection, self.hashes, compared, model, left, right
        )
        return people if one_person >= MOSTLY else None

    def _score_by_person(
        self, compared: tuple[Field, ...], model: Model, people: Positions, *, learn: bool
    ) -> Model:
        """Score all pairs again by shares in which a person's records count once."""
        with self._timed("by person"):
            shares = u_probabilities.value_shares(self.hashes, compared, people=people)
            self.shares = replace(shares, dependence=self.shares.dependence)
            scoring.compare_again(
                self.connection,
                self.hashes,
                self.shares,
                compared,
                "linkage_pairs",
                "linkage_compared",
            )
            if learn:
                model = self._estimate(compared, "linkage_compared", people)
            scoring.score(self.connection, compared, model, "linkage_compared", "linkage_pairs")
        return model

    def _calibrated(self, compared: tuple[Field, ...], model: Model) -> Model:
        """The model, calibrated by the pairs that both have a code, scored without the code."""
        if not self.report.codes:
            return model
        coded = """(
            FROM linkage_compared
            SEMI JOIN linkage_codes AS l ON l.id = one
            SEMI JOIN linkage_codes AS r ON r.id = other)"""
        scoring.compare_again(
            self.connection, self.hashes, self.shares, compared, coded, "linkage_labelled", "number"
        )
        scoring.score(self.connection, compared, model, "linkage_labelled", "linkage_labels_scored")
        fitted = calibration.calibrate_by_codes(self.connection, "linkage_labels_scored")
        self.connection.execute("DROP TABLE linkage_labelled; DROP TABLE linkage_labels_scored")
        self.report.calibration = {
            "slope": round(fitted.slope, 3),
            "offset": round(fitted.offset, 3),
            "table": fitted.table,
        }
        return replace(model, slope=fitted.slope, offset=fitted.offset)

    def _cluster(self, compared: tuple[Field, ...], model: Model, previous: str | None) -> None:
        with self._timed("cluster"):
            self.first = clustering.cluster(
                self.connection, self.hashes, self.shares, compared, model, self.decisions
            )
            self.report.drift = cluster_ids.assign_cluster_ids(self.connection, previous)
            self.connection.execute(
                """CREATE OR REPLACE TEMP TABLE linkage_out AS
                SELECT row, key, cluster
                FROM linkage_clusters
                JOIN linkage_keys USING (id)
                JOIN linkage_cluster_ids USING (first)"""
            )

    def _useful_rules(self) -> list[blocking_rules.BlockingRule]:
        """The rules that were the first to find links."""
        links = [int(str(row["new_links"])) for row in self.report.blocking_rules]
        return [
            rule
            for rule, new_links in zip(self.rules, links, strict=True)
            if new_links * WORTH_KEEPING >= max(sum(links), 1) or not rule.parts
        ]

    def _evidence(self, model: Model) -> list[dict[str, object]]:
        """Of each field, the share of records that have it, and the mean bits of a match."""
        share = model.priors[:HOUSEHOLD] / model.priors[:HOUSEHOLD].sum()
        rows = list[dict[str, object]]()
        for position, compared in enumerate(self.compared):
            used = slice(1, len(compared.levels) + 1)
            match = share @ model.theta[:HOUSEHOLD, position, used]
            random = np.maximum(model.theta[RANDOM, position, used], 1e-12)
            filled = np.count_nonzero(self.hashes.single(compared.known))
            rows.append(
                {
                    "name": compared.name,
                    "filled": round(filled / max(self.report.records, 1), 3),
                    "bits": round(float((match * np.log2(match / random)).sum()), 1),
                }
            )
        return rows

    def _count_unlinkable(self, model: Model) -> int:
        """How many records would not be linked to a record with the same values."""
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE linkage_selves AS
            SELECT id AS one, id AS other, 0::UINTEGER AS passes FROM temp.linkage_records"""
        )
        compared = (self.hashes, self.shares, self.compared)
        scoring.compare(self.connection, *compared, "linkage_selves", "linkage_selves_compared")
        scoring.score(
            self.connection, self.compared, model, "linkage_selves_compared", "linkage_selves"
        )
        return count(
            self.connection, f"SELECT count(*) FROM linkage_selves WHERE weight < {STRONG}"
        )

    def _measure(self, model: Model) -> None:
        """Add the counts of clusters and of each rule's pairs and links to the report."""
        report = self.report
        sizes = np.bincount(self.first)
        report.clusters = int(np.count_nonzero(sizes))
        report.largest_cluster = int(sizes.max(initial=0))
        report.fields = self._evidence(model)
        report.two_code_clusters = count(self.connection, clustering.TWO_CODE_CLUSTERS)
        rows = self.connection.execute(
            "SELECT one, other, passes FROM linkage_pairs WHERE passes > 0"
        ).fetchnumpy()
        linked = self.first[rows["one"]] == self.first[rows["other"]]
        # The rule that is the first to find a pair is its lowest bit.
        bits = np.asarray(rows["passes"], np.int64)
        rule = np.log2(bits & -bits).astype(np.int64)
        pairs, links = (
            np.bincount(numbers, minlength=len(report.blocking_rules)).tolist()
            for numbers in (rule, rule[linked])
        )
        for row, new_pairs, new_links in zip(report.blocking_rules, pairs, links, strict=True):
            row |= {
                "new_pairs": new_pairs,
                "new_links": new_links,
                "per_thousand": round(1000 * new_links / new_pairs, 1) if new_pairs else 0.0,
            }
