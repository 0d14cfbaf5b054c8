"""One round of linkage: from source persons to clusters, step by step, strongest evidence first.

The steps by e-mail address alone and by browser are in `weak_links`; which identifiers are not
followed is in `disputed_identifiers`.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.blocking_rules import BlockingRule
from assets.record_linkage.register_linker import SURE, RegisterLinker, RoundCounts
from assets.register import disputed_identifiers, weak_links
from assets.register.clusters import Clusters, Ints
from assets.register.link_report import LinkReport, report
from assets.register.linkage_configuration import CLASHING, PEOPLE_DIFFER
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

STRONG_IDENTIFIERS = {
    # type of identifier: rule code and weight. What a source has numbered is one person, unless
    # identity codes object or everything that is known of the people does.
    "identity_code": ("LINK-IDENTITY-CODE", 60.0),
    "customer_number": ("LINK-CUSTOMER-NUMBER", 50.0),
    "contact_id": ("LINK-CONTACT-ID", 45.0),
    "user_id": ("LINK-USER-ID", 40.0),
}
DECISION = ("LINK-DECISION", 60.0)
SCORE = "LINK-SCORE"
LINK_RULES = (
    *(code for code, _ in STRONG_IDENTIFIERS.values()),
    DECISION[0],
    SCORE,
    *(code for code, _ in weak_links.CONTACT_ONLY.values()),
    weak_links.VISITOR[0],
)
"""The codes of all rules that link, in the order of the steps."""

_LINK = {"one": "INTEGER", "other": "INTEGER", "pass": "VARCHAR", "weight": "DOUBLE"}

CODED_PERSONS = Relation(
    name="coded_persons",
    summary="The identity codes of source persons, numbered.",
    columns={"person_key": "VARCHAR", "code": "INTEGER"},
    reads=("person_identifiers",),
    scope=Scope.GLOBAL,
    merge="Each shard numbers its own codes; a number means nothing outside its connection.",
)
TWO_CODE_PERSONS = Relation(
    name="two_code_persons",
    summary="Source persons with several identity codes, which cannot be one person.",
    columns={"person_key": "VARCHAR"},
    reads=("coded_persons",),
    scope=Scope.COMPONENT,
)
LINKED_RECORDS = Relation(
    name="linked_records",
    summary="The source persons of the round, with the number of their identity code (-1: none).",
    columns={"id": "INTEGER", "person_key": "VARCHAR", "code": "INTEGER", "sound": "BOOLEAN"},
    reads=("linkage_numbers", "people", "person_identifiers", "coded_persons", "two_code_persons"),
    scope=Scope.COMPONENT,
)
RECORD_IDENTIFIERS = Relation(
    name="record_identifiers",
    summary="The identifiers of the round's source persons, without those that are disputed.",
    columns={"id": "INTEGER", "type": "VARCHAR", "value": "VARCHAR"},
    reads=("person_identifiers", "disputed_identifiers", "linked_records"),
    scope=Scope.COMPONENT,
)
DECIDED_PAIRS = Relation(
    name="decided_pairs",
    summary="Pairs that somebody has decided to be one person, or two.",
    columns={"one": "INTEGER", "other": "INTEGER", "same": "BOOLEAN"},
    reads=("decisions", "linked_records"),
    scope=Scope.COMPONENT,
)
BASES = Relation(
    name="bases",
    summary="The clusters so far: of each record the smallest of its cluster, and its code.",
    columns={"id": "INTEGER", "base": "INTEGER", "code": "INTEGER"},
    reads=("linked_records", "decided_pairs"),
    amended_from=("proposed_links", "linkage_pairs"),
    scope=Scope.COMPONENT,
    external=True,
)
SHARED_VALUES = Relation(
    name="shared_values",
    summary="Values of one type of identifier that several records have; with a reason, if one is "
    "not followed.",
    columns={
        "value": "VARCHAR",
        "first": "INTEGER",
        "of_several": "BOOLEAN",
        "reason": "VARCHAR",
    },
    reads=("record_identifiers", "bases"),
    amended_from=("followed_links", "bases", "decided_pairs"),
    scope=Scope.COMPONENT,
)
FOLLOWED_LINKS = Relation(
    name="followed_links",
    summary="The links along one type of identifier.",
    columns={"value": "VARCHAR", "one": "INTEGER", "other": "INTEGER"},
    reads=("record_identifiers", "shared_values"),
    scope=Scope.COMPONENT,
)
PROPOSED_LINKS = Relation(
    name="proposed_links",
    summary="The links that one step proposes.",
    columns=_LINK,
    reads=(
        "followed_links",
        "decided_pairs",
        "contact_holders",
        "bases",
        "record_identifiers",
        "linkage_records",
        "shared_browsers",
        "disputed_browsers",
    ),
    scope=Scope.COMPONENT,
)
ACCEPTED_LINKS = Relation(
    name="accepted_links",
    summary="The links of all steps that hold.",
    columns=_LINK,
    amended_from=("proposed_links", "bases", "linkage_pairs", "linkage_nodes"),
    scope=Scope.GLOBAL,
    merge="As `linkage_pairs`, whose weights they carry.",
)
LINKAGE_NODES = Relation(
    name="linkage_nodes",
    summary="What the linkage engine scores: records, their clusters and codes.",
    columns={"id": "INTEGER", "node": "INTEGER", "code": "INTEGER"},
    reads=("bases", "linked_records"),
    scope=Scope.COMPONENT,
)
CLUSTERS = Relation(
    name="clusters",
    summary="Every source person, and the smallest key of those who are one person with it.",
    columns={"person_key": "VARCHAR", "cluster": "VARCHAR"},
    reads=("bases", "linked_records"),
    scope=Scope.GLOBAL,
    merge="Clusters of different shards are joined where the engine links their records.",
)
LINKS = Relation(
    name="links",
    summary="The links that hold, by person key, rule and weight.",
    columns={"one": "VARCHAR", "other": "VARCHAR", "pass": "VARCHAR", "weight": "DOUBLE"},
    reads=("accepted_links", "linked_records"),
    scope=Scope.GLOBAL,
    merge="As `accepted_links`.",
)


class LinkageRound:
    """One run over those who are in `people` and `person_identifiers` now."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, linker: RegisterLinker, persons: int
    ) -> None:
        self.connection = connection
        self.linker = linker
        self.vetoed = 0
        self.two_code_people = self._identify()
        rows = connection.execute(
            "SELECT id, code FROM linked_records WHERE code >= 0 ORDER BY id"
        ).fetchnumpy()
        code = np.full(persons, -1, np.int32)
        code[np.asarray(rows["id"], np.int32)] = np.asarray(rows["code"], np.int32)
        self.clusters = Clusters(code)
        self.same, self.different = self._decided()

    def run(self, rules: list[BlockingRule] | None = None) -> None:
        """Link, and make `clusters`; with `rules`, learning by these blocking rules."""
        self._publish_bases()
        for kind, (code, weight) in STRONG_IDENTIFIERS.items():
            self._link_identifier(kind, code, weight)
        if len(self.same):
            code, weight = DECISION
            self.join(
                f"""SELECT one, other, '{code}' AS pass, {weight}::DOUBLE AS weight
                FROM decided_pairs WHERE same"""
            )
        self.scored = self._link_similar(rules)
        weak_links.link_contacts(self)
        weak_links.link_visitors(self)
        self._write_clusters()

    def report(self) -> LinkReport:
        """Return the counts of the round; make `links`."""
        self._write_links()
        return report(
            self.connection,
            self.scored,
            explain=self.linker.explain,
            links=LINK_RULES,
            compared=self.linker.compared,
            calibration=self.linker.calibrate().table,
            disputed=count(
                self.connection,
                """SELECT count(DISTINCT (type, value)) FROM disputed_identifiers
                WHERE reason NOT IN ('two_codes', 'two_numbers')""",
            ),
            vetoed=self.vetoed,
            two_code_people=self.two_code_people,
        )

    def _identify(self) -> int:
        """Make `linked_records` and `record_identifiers`; return how many persons have two codes.

        A person with two identity codes contradicts itself: it stays in a cluster of its own.
        """
        run = self.connection.execute
        run(
            CODED_PERSONS.create_table(
                """SELECT person_key, dense_rank() OVER (ORDER BY value)::INTEGER - 1 AS code
                FROM (
                    SELECT DISTINCT person_key, value FROM person_identifiers
                    WHERE type = 'identity_code' AND value IS NOT NULL)"""
            )
        )
        run(
            TWO_CODE_PERSONS.create_table(
                """SELECT person_key FROM coded_persons
                WHERE person_key IS NOT NULL GROUP BY person_key HAVING count(*) > 1"""
            )
        )
        run(
            LINKED_RECORDS.create_table(
                """SELECT id, person_key, coalesce(code, -1) AS code,
                    two_code_persons.person_key IS NULL AS sound
                FROM linkage_numbers
                SEMI JOIN (
                    SELECT person_key FROM people
                    UNION ALL SELECT person_key FROM person_identifiers
                ) AS present USING (person_key)
                LEFT JOIN (
                    FROM coded_persons ANTI JOIN two_code_persons USING (person_key)
                ) USING (person_key)
                LEFT JOIN two_code_persons USING (person_key)"""
            )
        )
        disputed_identifiers.start(self.connection)
        run(
            RECORD_IDENTIFIERS.create_table(
                """SELECT DISTINCT id, type, value
                FROM (
                    FROM person_identifiers
                    ANTI JOIN disputed_identifiers USING (person_key, type, value))
                JOIN linked_records USING (person_key)
                WHERE sound AND value IS NOT NULL AND type IN (
                    'identity_code', 'customer_number', 'contact_id', 'user_id', 'visitor_id',
                    'email', 'phone')"""
            )
        )
        run(ACCEPTED_LINKS.create_empty())
        two_code_people = count(self.connection, "SELECT count(*) FROM two_code_persons")
        run("DROP TABLE coded_persons; DROP TABLE two_code_persons")
        return two_code_people

    def _decided(self) -> tuple[Ints, Ints]:
        """Make `decided_pairs` of those who are there; return the pairs of one person, and of two.

        A pair that was decided both ways is two persons. One identity code is one person, whatever
        is decided. Shape of both: (k, 2).
        """
        self.connection.execute(
            DECIDED_PAIRS.create_table(
                """SELECT least(l.id, r.id) AS one, greatest(l.id, r.id) AS other,
                    bool_and(same) AS same
                FROM decisions
                JOIN linked_records AS l ON l.person_key = one
                JOIN linked_records AS r ON r.person_key = other
                WHERE l.id <> r.id AND l.sound AND r.sound AND same IS NOT NULL
                GROUP BY ALL"""
            )
        )
        rows = self.connection.execute(
            "SELECT one, other, same FROM decided_pairs ORDER BY ALL"
        ).fetchnumpy()
        pairs = np.stack([np.asarray(rows[name], np.int32) for name in ("one", "other")], axis=1)
        same = np.asarray(rows["same"], np.bool_)
        return pairs[same], pairs[~same]

    def _different_clusters(self) -> Ints:
        """Return the pairs of clusters, as they are now, that were decided to be two: (k, 2)."""
        pairs = self.clusters.label[self.different]
        return pairs[pairs[:, 0] != pairs[:, 1]]

    def _link_identifier(self, kind: str, code: str, weight: float) -> None:
        """Join all that have one value, from the first of them.

        A value of two identity codes, or of people who differ, joins nobody.
        """
        run = self.connection.execute
        run(
            SHARED_VALUES.create_table(
                f"""SELECT value, min(id) AS first, min(base) <> max(base) AS of_several,
                    CASE WHEN count(DISTINCT code) > 1 THEN 'identity_codes' END AS reason
                FROM record_identifiers JOIN bases USING (id)
                WHERE type = '{kind}' GROUP BY value HAVING count(*) > 1"""
            )
        )
        if count(self.connection, "SELECT count(*) FROM shared_values"):
            self._link_shared(kind, code, weight)
        run("DROP TABLE shared_values")

    def _link_shared(self, kind: str, code: str, weight: float) -> None:
        """Join along `shared_values`, which are of this kind of identifier."""
        if kind != "identity_code":
            disputed_identifiers.dispute_differing(self.connection, kind)
        self.connection.execute(
            FOLLOWED_LINKS.create_table(
                f"""SELECT value, first AS one, id AS other
                FROM record_identifiers JOIN shared_values USING (value)
                WHERE type = '{kind}' AND reason IS NULL AND id <> first"""
            )
        )
        self.join(
            f"""SELECT DISTINCT one, other, '{code}' AS pass, {weight}::DOUBLE AS weight
            FROM followed_links""",
            # Two that have one value have been compared already.
            compare_from=0 if kind == "identity_code" else 3,
            differing=True,
            decidable=kind != "identity_code",
        )
        disputed_identifiers.dispute_broken(self.connection)
        disputed_identifiers.record(
            self.connection,
            kind,
            "SELECT value, reason FROM shared_values WHERE reason IS NOT NULL",
        )
        self.connection.execute("DROP TABLE followed_links")

    def _link_similar(self, rules: list[BlockingRule] | None) -> RoundCounts:
        """Let the engine score pairs of clusters by all that is known of them, and join by it."""
        self.connection.execute(
            LINKAGE_NODES.create_table(
                """SELECT id, base AS node, bases.code
                FROM bases JOIN linked_records USING (id) WHERE sound"""
            )
        )
        scored = self.linker.score(rules)
        label = self.clusters.label.astype(np.int64)
        final = self.linker.cluster(
            label,
            self.clusters.code.astype(np.int64),
            self._different_clusters().astype(np.int64),
        )
        moved = np.flatnonzero((final != label) & (label == np.arange(len(label))))
        self.clusters.join(
            label[moved].astype(np.int32), final[moved].astype(np.int32), np.full(len(moved), SURE)
        )
        self._publish_bases()
        self.connection.execute(
            f"""INSERT INTO accepted_links
            SELECT one, other, '{SCORE}', weight
            FROM linkage_pairs
            JOIN linkage_nodes AS l ON l.id = one
            JOIN linkage_nodes AS r ON r.id = other
            JOIN bases AS lb ON lb.id = one
            JOIN bases AS rb ON rb.id = other
            WHERE lb.base = rb.base AND l.node <> r.node AND weight >= {SURE}"""
        )
        self.vetoed += count(
            self.connection,
            f"""SELECT count(*)
            FROM linkage_pairs
            JOIN bases AS l ON l.id = one
            JOIN bases AS r ON r.id = other
            WHERE l.base <> r.base AND weight >= {SURE} AND (l.code IS NULL OR r.code IS NULL)""",
        )
        return scored

    def join(
        self,
        links: str,
        *,
        compare_from: int = 0,
        accounts_apart: bool = False,
        differing: bool = False,
        decidable: bool = True,
    ) -> None:
        """Join along a query's links (one, other, pass, weight); keep those that hold.

        Args:
            links: The query.
            compare_from: Where at least so many clusters would become one (0: never), their people
                are compared first: by names or birth dates.
            accounts_apart: Two accounts of the website are two people.
            differing: Compare by all that is known instead.
            decidable: Decisions count in this step.
        """
        self.connection.execute(PROPOSED_LINKS.create_table(links))
        columns = self.connection.execute(
            "SELECT one, other, weight FROM proposed_links ORDER BY ALL"
        ).fetchnumpy()
        left, right = (np.asarray(columns[name], np.int32) for name in ("one", "other"))
        if len(left):
            decided = self._different_clusters() if decidable else np.zeros((0, 2), np.int32)

            def apart(proposed: Ints) -> tuple[Ints, Ints]:
                if not compare_from:
                    return decided[:, 0], decided[:, 1]
                clashes = self._apart(
                    proposed, compare_from, accounts_apart=accounts_apart, differing=differing
                )
                return (
                    np.concatenate([decided[:, 0], clashes[0]]),
                    np.concatenate([decided[:, 1], clashes[1]]),
                )

            self.clusters.join(
                left,
                right,
                np.asarray(columns["weight"], np.float64),
                apart if compare_from or len(decided) else None,
            )
            self._publish_bases()
            accepted = """FROM proposed_links
                JOIN bases AS l ON l.id = one
                JOIN bases AS r ON r.id = other
                WHERE l.base = r.base"""
            self.connection.execute(
                f"INSERT INTO accepted_links SELECT one, other, pass, weight {accepted}"
            )
            self.vetoed += len(left) - count(self.connection, f"SELECT count(*) {accepted}")
        self.connection.execute("DROP TABLE proposed_links")

    def _apart(
        self, proposed: Ints, compare_from: int, *, accounts_apart: bool, differing: bool
    ) -> tuple[Ints, Ints]:
        """Return the pairs of clusters that may not meet in the proposed ones.

        Names or birth dates clash, or two accounts; if `differing`, people who differ in all that
        is known.
        """
        label = self.clusters.label
        bases = np.flatnonzero(label == np.arange(len(label))).astype(np.int32)
        cohort = proposed[bases]
        crowded = np.bincount(cohort, minlength=len(label))[cohort] >= compare_from
        if not crowded.any():
            return np.zeros(0, np.int32), np.zeros(0, np.int32)
        self.connection.register(
            "crowd", pa.table({"cohort": cohort[crowded], "base": bases[crowded]})
        )
        accounts = """UNION SELECT l.base, r.base
            FROM users AS l JOIN users AS r ON l.cohort = r.cohort AND l.base < r.base"""
        clashing = (
            f"SELECT one, other FROM ({PEOPLE_DIFFER.format('crowd')}) WHERE differ"
            if differing
            else CLASHING.format("crowd")
        )
        pairs = self.connection.execute(
            f"""WITH users AS (
                SELECT DISTINCT cohort, crowd.base
                FROM crowd
                JOIN bases USING (base)
                JOIN record_identifiers USING (id)
                WHERE type = 'user_id')
            SELECT one, other FROM ({clashing}) {accounts if accounts_apart else ""}
            ORDER BY ALL"""
        ).fetchnumpy()
        self.connection.unregister("crowd")
        return np.asarray(pairs["one"], np.int32), np.asarray(pairs["other"], np.int32)

    def _publish_bases(self) -> None:
        """Make `bases` of the clusters so far; `code` is the cluster's, null for none."""
        label = self.clusters.label
        code = self.clusters.code[label]
        table = pa.table(
            {
                "id": np.arange(len(label), dtype=np.int32),
                "base": label,
                "code": pa.array(code, mask=code < 0),
            }
        )
        self.connection.register("labels", table)
        self.connection.execute(BASES.create_table("FROM labels"))
        self.connection.unregister("labels")
        disputed_identifiers.apply_decisions(self.connection)

    def _write_clusters(self) -> None:
        clusters = """SELECT member.person_key, first.person_key AS cluster
            FROM bases
            JOIN linked_records AS member USING (id)
            JOIN linked_records AS first ON first.id = bases.base
            ORDER BY member.id"""
        self.connection.execute(CLUSTERS.create_table(clusters))

    def _write_links(self) -> None:
        links = """SELECT l.person_key AS one, r.person_key AS other, pass, max(weight) AS weight
            FROM accepted_links
            JOIN linked_records AS l ON l.id = accepted_links.one
            JOIN linked_records AS r ON r.id = accepted_links.other
            GROUP BY ALL ORDER BY ALL"""
        self.connection.execute(LINKS.create_table(links))
