"""The whole of it: from a table of people and the roles of its columns to who is who.

Stages, each a table that can be looked at afterwards: `linkage_keys(id, row, key, place)`, `linkage_records(id, ...)`,
`linkage_codes(id, code)`, `linkage_candidates(one, other, passes)`, `linkage_pairs(one, other, passes, pattern, weight)`,
`linkage_clusters(id, first)`, `linkage_out(row, key, cluster)`. A cluster's name is the key of one of its members; weights are log2
of the odds of being one person.
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
    expectation_maximisation,
    explain,
    fields,
    identity_numbers,
    linkage_state,
    scoring,
    standardisation,
    u_probabilities,
)
from assets.record_linkage.fields import Field
from assets.record_linkage.model import Model, levels_of_fields
from assets.record_linkage.roles import Role, Roles, RolesError
from assets.record_linkage.value_hashes import Hashes, Places
from assets.storage.queries import count

MOST_SOURCES = 1024
LABELLED = 4
"""Of the pairs that both have a code, one in so many is compared."""

WORTH_KEEPING = 2000
"""A pass that is the first to find less than one link in so many is not opened again."""


@dataclass
class Report:
    """What was done, in counts and seconds; `passes` has a row per pass, best first."""

    records: int = 0
    clusters: int = 0
    largest_cluster: int = 0
    candidate_pairs: int = 0
    links: int = 0
    passes: list[dict[str, object]] = field(default_factory=list)
    shared_contacts: int = 0
    codes: int = 0
    code_scheme: str = "none"
    vetoed_pairs: int = 0
    two_code_clusters: int = 0  # must be 0
    calibration: dict[str, object] = field(default_factory=dict)
    drift: cluster_ids.Drift = field(default_factory=cluster_ids.Drift)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Linked:
    """The report, and what was learned."""

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
    before: str | None = None,
    keep: str | None = None,
) -> Linked:
    """Make `linkage_out(row, key, cluster)` and the stages before it, and with `explained` what explain.py makes.

    `before(key, cluster)` says how clusters were called, and are still as far as they are the same (names.py). What later records need
    to be linked to these (arrivals.py) is put into the attached database `keep`.

    `aliases(old, new)` and `decisions(one, other, same)` name tables: corrected identity numbers; pairs of keys that somebody has
    said are one person, or two. With a `model` nothing is learned. Raises RolesError, ModelError.
    """
    run = _Run(connection, roles, aliases, decisions)
    linked = run.run(table, model, before)
    if keep:
        run.keep(keep, linked.model)
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

    def run(self, table: str, model: Model | None, before: str | None) -> Linked:
        columns = self._normalise(table)
        self.compared = compared = fields.fields_of(columns)
        if model:
            model.check(compared)
        self.chosen = self._candidates(columns, model)
        learned = self._learn(compared, self.chosen, model)
        self._cluster(compared, learned, before)
        self._measure()
        self.chosen = self._worth()
        if model is None:
            learned = replace(
                learned,
                passes=tuple(blocking_rules.spelling(one) for one in self.chosen if one.atoms),
                records=self.report.records,
            )
        return Linked(self.report, learned)

    def keep(self, into: str, model: Model) -> None:
        """Put into an attached database what later records need."""
        with self._timed("keep"):
            rare = {name: self.shares.rarest(self.hashes, name) for name in self.shares.logs}
            about = linkage_state.About(
                self.spelling, tuple(self.chosen), self.report.code_scheme, model, rare
            )
            if self.decisions:
                decided = f"SELECT one::VARCHAR AS one, other::VARCHAR AS other, same FROM {self.decisions}"
                self.connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE linkage_decided AS {decided}"
                )
            if self.aliases:
                corrected = f"SELECT old::VARCHAR AS old, new::VARCHAR AS new FROM {self.aliases}"
                self.connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE linkage_aliases AS {corrected}"
                )
            linkage_state.keep(self.connection, into, about, self.hashes, self.shares)

    def explain(self, model: Model) -> None:
        """Make `linkage_explained`."""
        with self._timed("explain"):
            self.shares.publish(self.connection)
            explain.explain(
                self.connection,
                self.compared,
                model,
                [str(one["name"]) for one in self.report.passes],
            )

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.seconds[name] = round(time.monotonic() - started, 3)

    def _normalise(self, table: str) -> tuple[str, ...]:
        with self._timed("normalise"):
            self.spelling = standardisation.normalise(self.connection, table, self.roles)
            columns = self.spelling.columns
            self.report.records = self._count("SELECT count(*) FROM linkage_records")
            self.report.codes, self.report.code_scheme = identity_numbers.add_codes(
                self.connection, columns, self.aliases
            )
            self.report.shared_contacts = contacts.drop_shared(self.connection, columns)
            self._mark(columns)
        return columns

    def _mark(self, columns: tuple[str, ...]) -> None:
        """Make `linkage_marks(id, code, source)`: what says that two records may not be compared, or need not be."""
        source = (
            "dense_rank() OVER (ORDER BY source)::INTEGER - 1"
            if "source" in columns
            else "NULL::INTEGER"
        )
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE linkage_marks AS
            SELECT id, code, {source} AS source FROM linkage_records LEFT JOIN linkage_codes USING (id)"""
        )
        sources = self._count("SELECT count(DISTINCT source) FROM linkage_marks")
        if sources > MOST_SOURCES:
            raise RolesError(
                f"the column {self.roles.one(Role.SOURCE)} tells {sources} sources apart, and at most {MOST_SOURCES} can be; is it a source?"
            )

    def _candidates(
        self, columns: tuple[str, ...], model: Model | None
    ) -> list[blocking_rules.Pass]:
        with self._timed("candidates"):
            self.hashes = Hashes(self.connection)
            chosen = (
                blocking_rules.again(columns, model.passes, self.report.records)
                if model and model.passes
                else blocking_rules.choose(self.hashes, columns)
            )
            opened = candidates.open_passes(self.connection, self.hashes, chosen, self._allowed())
            # Keys are many, and most are not compared.
            self.hashes.forget(but=fields.looked_at(self.compared))
            self.report.passes = [asdict(one) for one in opened]
            self.report.candidate_pairs = self._count("SELECT count(*) FROM linkage_candidates")
        return chosen

    def _allowed(self) -> candidates.Allowed:
        """Which pairs may be compared."""
        marks = self.connection.execute(
            "SELECT id, coalesce(code, -1) AS code, coalesce(source, -1) AS source FROM linkage_marks"
        ).fetchnumpy()
        code, source = (
            np.empty(self.report.records, np.int32),
            np.empty(self.report.records, np.int32),
        )
        code[marks["id"]], source[marks["id"]] = marks["code"], marks["source"]

        def allowed(one: Places, other: Places) -> NDArray[np.bool_]:
            # Codes decide; but some such pairs are compared all the same, to learn from.
            sampled = (one % LABELLED == 0) & (other % LABELLED < LABELLED // 2)
            return ((code[one] < 0) | (code[other] < 0) | sampled) & (
                (source[one] != source[other]) | (source[one] < 0) & (source[other] < 0)
            )

        return allowed

    def _learn(
        self, compared: tuple[Field, ...], chosen: list[blocking_rules.Pass], model: Model | None
    ) -> Model:
        """Compare the candidates, learn what agreement weighs unless a model knows, and weigh."""
        with self._timed("compare"):
            self.shares = shares = u_probabilities.shares_of(self.hashes, compared)
            scoring.compare(
                self.connection,
                self.hashes,
                shares,
                compared,
                "linkage_candidates",
                "linkage_compared",
            )
        with self._timed("learn"):
            if model is None:
                random = u_probabilities.of_levels(
                    self.connection, self.hashes, compared, shares.alike
                )
                seen = scoring.counted(self.connection, compared, "linkage_compared")
                theta = expectation_maximisation.learn(
                    compared, seen, [one.fields for one in chosen], random
                )
                mix = expectation_maximisation.mix_of(theta, seen, self.report.records)
                model = Model(
                    tuple(one.name for one in compared),
                    levels_of_fields(compared),
                    theta,
                    mix,
                    shares.alike,
                )
                model = self._calibrated(compared, model)
        with self._timed("weigh"):
            scoring.weigh(self.connection, compared, model, "linkage_compared", "linkage_pairs")
        return model

    def _calibrated(self, compared: tuple[Field, ...], model: Model) -> Model:
        """With the weights made honest by the pairs that both have a code, of what else they say: their numbers are the answer."""
        if not self.report.codes:
            return model
        coded = "(FROM linkage_compared SEMI JOIN linkage_codes AS l ON l.id = one SEMI JOIN linkage_codes AS r ON r.id = other)"
        scoring.unsaid(
            self.connection, self.hashes, self.shares, compared, "number", coded, "linkage_labelled"
        )
        scoring.weigh(self.connection, compared, model, "linkage_labelled", "linkage_judged")
        rows = self.connection.execute(
            """SELECT weight::DOUBLE AS weight, (l.code = r.code)::DOUBLE AS same, count(*)::DOUBLE AS n
            FROM linkage_judged JOIN linkage_codes AS l ON l.id = one JOIN linkage_codes AS r ON r.id = other GROUP BY ALL ORDER BY ALL"""
        ).fetchnumpy()
        self.connection.execute("DROP TABLE linkage_labelled; DROP TABLE linkage_judged")
        fitted = calibration.calibrate(
            *(np.asarray(rows[name], np.float64) for name in ("weight", "same", "n"))
        )
        self.report.calibration = {
            "slope": round(fitted.slope, 3),
            "offset": round(fitted.offset, 3),
            "table": fitted.table,
        }
        return replace(model, slope=fitted.slope, offset=fitted.offset)

    def _cluster(self, compared: tuple[Field, ...], model: Model, before: str | None) -> None:
        with self._timed("cluster"):
            self.first = clustering.cluster(
                self.connection, self.hashes, self.shares, compared, model, self.decisions
            )
            self.report.drift = cluster_ids.name_clusters(self.connection, before)
            self.connection.execute(
                """CREATE OR REPLACE TEMP TABLE linkage_out AS
                SELECT row, key, cluster FROM linkage_clusters JOIN linkage_keys USING (id) JOIN linkage_names USING (first)"""
            )

    def _measure(self) -> None:
        with self._timed("measure"):
            self._count_clusters()

    def _worth(self) -> list[blocking_rules.Pass]:
        """The passes that found somebody first; others need not be opened again."""
        links = [int(str(one["new_links"])) for one in self.report.passes]
        return [
            one
            for one, found in zip(self.chosen, links, strict=True)
            if found * WORTH_KEEPING >= max(sum(links), 1) or not one.atoms
        ]

    def _count_clusters(self) -> None:
        report = self.report
        sizes = np.bincount(self.first)
        report.clusters, report.largest_cluster = (
            int(np.count_nonzero(sizes)),
            int(sizes.max(initial=0)),
        )
        report.two_code_clusters = self._count(
            """SELECT count(*) FROM (SELECT first FROM linkage_clusters JOIN linkage_codes USING (id) GROUP BY first HAVING count(DISTINCT code) > 1)"""
        )
        rows = self.connection.execute(
            "SELECT one, other, passes FROM linkage_pairs WHERE passes > 0"
        ).fetchnumpy()
        linked = self.first[rows["one"]] == self.first[rows["other"]]
        # The pass that is the first to find a pair is its lowest bit.
        passes = np.asarray(rows["passes"], np.int64)
        found_by = np.log2(passes & -passes).astype(np.int64)
        found, joined = (
            np.bincount(numbers, minlength=len(report.passes))
            for numbers in (found_by, found_by[linked])
        )
        for one, pairs, links in zip(report.passes, found.tolist(), joined.tolist(), strict=True):
            one |= {
                "new_pairs": pairs,
                "new_links": links,
                "per_thousand": round(1000 * links / pairs, 1) if pairs else 0.0,
            }

    def _count(self, query: str) -> int:
        return count(self.connection, query)
