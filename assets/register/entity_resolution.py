"""Who is who: links the source persons that are one person, and leaves apart those that may not be.

Works on tables of one DuckDB connection, knows no files and no clock, and gives the same whatever the order of the rows.

    people(person_key, given_names, call_name, family_name, former_family_names, birth_date, street, postcode, town,
           emails, phones)         one row per source person
    identifiers(person_key, type, value)
    decisions(one, other, same)    pairs of person_keys that somebody has said are one person, or two; need not be there
    compared_before(one, other, stamp, pattern)  what is remembered of pairs of person_keys (remembered.py); need not be there
 -> clusters(person_key, cluster)  every person_key once; its cluster is the smallest person_key in it
    links(one, other, pass, weight)  the links that hold, one < other; weight in bits: log2 of the odds of being one person
    disputed_identifiers(type, value, person_key, reason)  what was not followed, by whom:
        `identity_codes` (of two codes), `people_differ` (of people who differ, or of too many);
        and `two_codes`, each of the codes of a source person that has several;
        `two_numbers`, each of the numbers of one known by nothing else

In order: strong identifiers; decisions; likeness of all that is known, which the linkage engine weighs
(assets/record_linkage/register_linker.py); records that only have an e-mail; visitors. Each step sees the clusters of the steps before. Two
identity codes never meet in a cluster (clusters.py). All costs grow with the number of records.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from assets.record_linkage.blocking_rules import BlockingRule, part_names
from assets.record_linkage.contacts import is_impersonal
from assets.record_linkage.model import Model
from assets.record_linkage.register_linker import SURE, RegisterLinker, RoundCounts
from assets.register import disputed_identifiers
from assets.register.clusters import Clusters, Ints
from assets.register.link_report import LinkReport, report
from assets.register.linkage_configuration import (
    CLASHING,
    PEOPLE_DIFFER,
    ROLES,
    first_names,
    usual_model,
)

IDENTIFIER_PASSES = {
    # type of identifier: rule code and weight. What a source has numbered is one person, unless
    # identity codes object or all that is known of the people does.
    "identity_code": ("LINK-IDENTITY-CODE", 60.0),
    "customer_number": ("LINK-CUSTOMER-NUMBER", 50.0),
    "contact_id": ("LINK-CONTACT-ID", 45.0),
    "user_id": ("LINK-USER-ID", 40.0),
}
DECISION = ("LINK-DECISION", 60.0)
LIKENESS = "LINK-SCORE"
WORTH_OPENING = 1.0
"""Links per 1,000 pairs that a pass is the first to find, or it is left out of the model."""
EMAIL_ONLY = ("LINK-EMAIL-ONLY", 10.0)
VISITOR = ("LINK-VISITOR-ID", 10.0)
PASSES = (
    *(code for code, _ in IDENTIFIER_PASSES.values()),
    DECISION[0],
    LIKENESS,
    EMAIL_ONLY[0],
    VISITOR[0],
)


def link(connection: duckdb.DuckDBPyConnection, model: Model | None = None) -> LinkReport:
    """Make `clusters` and `links` from `people` and `identifiers`."""
    linkage = Linkage(connection, model)
    linkage.link()
    report = linkage.report()
    linkage.leave()
    return report


class Linkage:
    """The source persons numbered in the order of their keys, and spelt alike: done once. Then `link`, as often as some have left."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, model: Model | None = None) -> None:
        self.connection = connection
        twice = self._count("SELECT count(*) - count(DISTINCT person_key) FROM people")
        if twice:
            raise ValueError(
                f"people has {twice} rows without a person_key of their own; give each source person one row"
            )
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE linkage_numbers AS
            SELECT (row_number() OVER (ORDER BY person_key) - 1)::INTEGER AS id, person_key FROM (
                SELECT person_key FROM people UNION SELECT person_key FROM identifiers WHERE person_key IS NOT NULL)"""
        )
        self.numbers = self._count("SELECT count(*) FROM linkage_numbers")
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW linkage_people AS SELECT id, people.* EXCLUDE (person_key) FROM people JOIN linkage_numbers USING (person_key)"
        )
        connection.execute(
            "CREATE TEMP TABLE IF NOT EXISTS decisions (one VARCHAR, other VARCHAR, same BOOLEAN)"
        )
        self.linker = RegisterLinker(
            connection, "linkage_people", ROLES, model or usual_model(), first_names()
        )
        if connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'compared_before'"
        ).fetchall():
            connection.execute(
                """INSERT INTO linkage_pair_cache SELECT l.id, r.id, stamp, pattern
                FROM compared_before JOIN linkage_numbers AS l ON l.person_key = one JOIN linkage_numbers AS r ON r.person_key = other"""
            )

    def link(self) -> None:
        """Make `clusters` and `links` of who is in `people` and `identifiers` now."""
        self.last = _Round(self.connection, self.linker, self.numbers)
        self.last.run()

    def report(self) -> LinkReport:
        """What the last round did."""
        return self.last.report()

    def leave(self) -> None:
        """Drop everything but `clusters`, `links` and `disputed_identifiers`."""
        for table in _TABLES:
            self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        self.connection.execute(
            "DROP VIEW IF EXISTS linkage_people; DROP VIEW IF EXISTS linkage_codes"
        )

    def learn(self) -> Model:
        """What these people teach: the passes that find anybody, and the weights by them."""
        self.link()
        chosen = self.linker.choose_rules()
        contacts = [
            one
            for one in self.linker.rules_named(("e-mail",), ("telephone",))
            if one.name not in {each.name for each in chosen}
        ]
        self.last = _Round(self.connection, self.linker, self.numbers)
        self.last.run([*chosen, *contacts])
        found = {str(one["name"]): float(str(one["per_thousand"])) for one in self.report().passes}
        worth = [
            one
            for one in (*chosen, *contacts)
            if found[one.name] >= WORTH_OPENING or one.name in ("e-mail", "telephone")
        ]
        return replace(self.linker.model, blocking_rules=tuple(part_names(one) for one in worth))

    def _count(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0


_TABLES = (
    "linkage_numbers", "linkage_standardised", "linkage_pair_cache", "linkage_records",
    "linkage_marks", "linkage_shared", "linkage_shares", "linkage_candidates", "linkage_compared",
    "linkage_reasons", "linkage_pairs", "linkage_used", "linkage_groups", "linkage_nodes",
    "records", "held", "decided", "decisions", "bases", "joined", "linkage_decided_same",
)  # fmt: skip


class _Round:
    """One run: the clusters so far."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, linker: RegisterLinker, numbers: int
    ) -> None:
        self.connection = connection
        self.linker = linker
        self.vetoed = 0
        self.two_code_people = self._identify()
        coded = connection.execute(
            "SELECT id, code FROM records WHERE code >= 0 ORDER BY id"
        ).fetchnumpy()
        code = np.full(numbers, -1, np.int32)
        code[np.asarray(coded["id"], np.int32)] = np.asarray(coded["code"], np.int32)
        self.clusters = Clusters(code)
        self.same, self.apart = self._decided()

    def run(self, chosen: list[BlockingRule] | None = None) -> None:
        """Link; with `chosen` passes, learning by them."""
        self._publish_bases()
        for kind, (code, weight) in IDENTIFIER_PASSES.items():
            self._link_identifier(kind, code, weight)
        if len(self.same):
            self._join(
                f"SELECT one, other, '{DECISION[0]}' AS pass, {DECISION[1]}::DOUBLE AS weight FROM decided WHERE same"
            )
        self.weighed = self._link_alike(chosen)
        self._link_mailboxes()
        self._link_visitors()
        self._write_clusters()

    def report(self) -> LinkReport:
        """What was done; adds `links` to the tables."""
        self._write_links()
        return report(
            self.connection,
            self.weighed,
            explain=self.linker.explain,
            links=tuple(PASSES),
            compared=self.linker.compared,
            calibration=self.linker.calibrate().table,
            disputed=self._count(
                """SELECT count(DISTINCT (type, value)) FROM disputed_identifiers
                WHERE reason NOT IN ('two_codes', 'two_numbers')"""
            ),
            vetoed=self.vetoed,
            two_code_people=self.two_code_people,
        )

    def _identify(self) -> int:
        """Make `records(id, person_key, code, sound)` of who is there now, and `held(id, type, value)`; counts two-code people.

        A source person with two identity codes cannot be believed: it keeps its cluster to itself.
        """
        run = self.connection.execute
        run("""CREATE OR REPLACE TEMP TABLE coded AS
            SELECT person_key, dense_rank() OVER (ORDER BY value)::INTEGER - 1 AS code
            FROM (SELECT DISTINCT person_key, value FROM identifiers WHERE type = 'identity_code' AND value IS NOT NULL)""")
        run("""CREATE OR REPLACE TEMP TABLE two_coded AS
            SELECT person_key FROM coded WHERE person_key IS NOT NULL GROUP BY person_key HAVING count(*) > 1""")
        run("""CREATE OR REPLACE TEMP TABLE records AS
            SELECT id, person_key, coalesce(code, -1) AS code, two_coded.person_key IS NULL AS sound
            FROM linkage_numbers SEMI JOIN (SELECT person_key FROM people UNION ALL SELECT person_key FROM identifiers) AS there USING (person_key)
            LEFT JOIN (FROM coded ANTI JOIN two_coded USING (person_key)) USING (person_key) LEFT JOIN two_coded USING (person_key)""")
        disputed_identifiers.begin(self.connection)
        run("""CREATE OR REPLACE TEMP TABLE held AS
            SELECT DISTINCT id, type, value
            FROM (FROM identifiers ANTI JOIN disputed_identifiers USING (person_key, type, value))
            JOIN records USING (person_key)
            WHERE sound AND value IS NOT NULL AND type IN
                ('identity_code', 'customer_number', 'contact_id', 'user_id', 'visitor_id', 'email', 'phone')""")
        run(
            "CREATE OR REPLACE TEMP TABLE joined (one INTEGER, other INTEGER, pass VARCHAR, weight DOUBLE)"
        )
        two_code_people = self._count("SELECT count(*) FROM two_coded")
        run("DROP TABLE coded; DROP TABLE two_coded")
        return two_code_people

    def _decided(self) -> tuple[Ints, Ints]:
        """Make `decided(one, other, same)` of the decisions about who is there; those that are one person, and two: (k, 2) each.

        Who has said both counts as having said two. One code is one person, whatever anybody says.
        """
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE decided AS
            SELECT least(l.id, r.id) AS one, greatest(l.id, r.id) AS other, bool_and(same) AS same
            FROM decisions JOIN records AS l ON l.person_key = one JOIN records AS r ON r.person_key = other
            WHERE l.id <> r.id AND l.sound AND r.sound AND same IS NOT NULL GROUP BY ALL"""
        )
        rows = self.connection.execute(
            "SELECT one, other, same FROM decided ORDER BY ALL"
        ).fetchnumpy()
        pairs = np.stack([np.asarray(rows[name], np.int32) for name in ("one", "other")], axis=1)
        same = np.asarray(rows["same"], np.bool_)
        return pairs[same], pairs[~same]

    def _foes(self) -> Ints:
        """The pairs of clusters, as they are now, that somebody has said are two: (k, 2)."""
        pairs = self.clusters.label[self.apart]
        return pairs[pairs[:, 0] != pairs[:, 1]]

    def _link_identifier(self, kind: str, code: str, weight: float) -> None:
        """Join all that have one value, from the first; a value of two identity codes, or of people
        who differ, joins nobody."""
        run = self.connection.execute
        run(
            f"""CREATE OR REPLACE TEMP TABLE shared AS
            SELECT value, min(id) AS first, min(base) <> max(base) AS of_several,
                CASE WHEN count(DISTINCT code) > 1 THEN 'identity_codes' END AS reason
            FROM held JOIN bases USING (id) WHERE type = '{kind}' GROUP BY value HAVING count(*) > 1"""
        )
        if kind != "identity_code":
            disputed_identifiers.doubt(self.connection, kind)
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_followed AS
            SELECT value, first AS one, id AS other
            FROM held JOIN shared USING (value)
            WHERE type = '{kind}' AND reason IS NULL AND id <> first"""
        )
        self._join(
            f"""SELECT DISTINCT one, other, '{code}' AS pass, {weight}::DOUBLE AS weight
            FROM linkage_followed""",
            # Two that have one value have been compared already.
            compare_from=0 if kind == "identity_code" else 3,
            differing=True,
            decidable=kind != "identity_code",
        )
        disputed_identifiers.doubt_broken(self.connection)
        disputed_identifiers.record(
            self.connection, kind, "SELECT value, reason FROM shared WHERE reason IS NOT NULL"
        )
        run("DROP TABLE shared; DROP TABLE linkage_followed")

    def _link_alike(self, chosen: list[BlockingRule] | None) -> RoundCounts:
        """Let the engine weigh pairs of clusters by all that is known of them, and join as it says."""
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE linkage_nodes AS SELECT id, base AS node, bases.code FROM bases JOIN records USING (id) WHERE sound"
        )
        weighed = self.linker.score(chosen)
        label = self.clusters.label.astype(np.int64)
        final = self.linker.cluster(
            label, self.clusters.code.astype(np.int64), self._foes().astype(np.int64)
        )
        moved = np.flatnonzero((final != label) & (label == np.arange(len(label))))
        self.clusters.join(
            label[moved].astype(np.int32), final[moved].astype(np.int32), np.full(len(moved), SURE)
        )
        self._publish_bases()
        self.connection.execute(
            f"""INSERT INTO joined SELECT one, other, '{LIKENESS}', weight
            FROM linkage_pairs JOIN linkage_nodes AS l ON l.id = one JOIN linkage_nodes AS r ON r.id = other
            JOIN bases AS lb ON lb.id = one JOIN bases AS rb ON rb.id = other WHERE lb.base = rb.base AND l.node <> r.node AND weight >= {SURE}"""
        )
        self.vetoed += self._count(
            f"""SELECT count(*) FROM linkage_pairs JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other
            WHERE l.base <> r.base AND weight >= {SURE} AND (l.code IS NULL OR r.code IS NULL)"""
        )
        return weighed

    def _link_mailboxes(self) -> None:
        """Join who is known by e-mail only: to each other where nobody named has the e-mail, then to the only one who has."""
        run = self.connection.execute
        run(
            """CREATE OR REPLACE TEMP TABLE mail AS
            SELECT DISTINCT id, email FROM (
                SELECT id, unnest(emails) AS email FROM linkage_people SEMI JOIN linkage_nodes USING (id)
                UNION ALL SELECT id, value FROM held WHERE type = 'email')
            WHERE email IS NOT NULL AND NOT """
            + is_impersonal("lower(email)")
        )
        mailboxes = """
            SELECT mail.email, mail.id, base, base IN (
                SELECT base FROM bases SEMI JOIN (FROM linkage_records WHERE given IS NOT NULL OR family IS NOT NULL) USING (id)) AS named,
                base IN (SELECT base FROM bases JOIN held USING (id) WHERE type IN ('identity_code', 'customer_number')) AS numbered
            FROM mail JOIN bases USING (id)"""
        code, weight = EMAIL_ONLY
        self._join(
            f"""WITH mailboxes AS ({mailboxes}),
            nobodys AS (SELECT email, min(id) FILTER (NOT numbered) AS first FROM mailboxes GROUP BY email HAVING NOT bool_or(named))
            SELECT DISTINCT first AS one, id AS other, '{code}' AS pass, {weight}::DOUBLE AS weight
            FROM mailboxes JOIN nobodys USING (email) WHERE NOT numbered AND id <> first"""
        )
        self._join(
            f"""WITH mailboxes AS ({mailboxes}),
            pairs AS (
                SELECT nameless.base, owner.base AS owner, nameless.id AS mailbox, owner.id AS person
                FROM mailboxes AS nameless JOIN mailboxes AS owner USING (email)
                WHERE NOT nameless.named AND NOT nameless.numbered AND owner.named)
            SELECT least(min(mailbox), min(person)) AS one, greatest(min(mailbox), min(person)) AS other, '{code}' AS pass,
                {weight}::DOUBLE AS weight
            FROM pairs GROUP BY base HAVING min(owner) = max(owner)""",
            compare_from=2,
        )
        run("DROP TABLE mail")

    def _link_visitors(self) -> None:
        """Join a browser's visits to the one person who used it; a browser of two people who are known apart joins nobody."""
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE browsers AS
            SELECT value, id, base, code, base IN (SELECT base FROM bases JOIN held USING (id) WHERE type = 'user_id') AS signed_in
            FROM held JOIN bases USING (id) WHERE type = 'visitor_id'
            QUALIFY min(base) OVER (PARTITION BY value) <> max(base) OVER (PARTITION BY value)"""
        )
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE cohorts AS SELECT DISTINCT value AS cohort, base FROM browsers"
        )
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE disputed AS
            SELECT value,
                CASE WHEN bool_or(codes) THEN 'identity_codes' ELSE 'people_differ' END AS reason
            FROM (
                SELECT value, count(DISTINCT code) > 1 AS codes FROM browsers GROUP BY value
                HAVING codes OR count(DISTINCT base) FILTER (signed_in) > 1
                UNION ALL SELECT one.cohort, false FROM ({CLASHING.format("cohorts")}) AS clash
                JOIN cohorts AS one ON one.base = clash.one
                JOIN cohorts AS other ON other.base = clash.other AND other.cohort = one.cohort)
            GROUP BY value"""
        )
        disputed_identifiers.record(self.connection, "visitor_id", "FROM disputed")
        code, weight = VISITOR
        self._join(
            f"""WITH live AS (SELECT value, id, min(id) OVER (PARTITION BY value) AS first FROM browsers ANTI JOIN disputed USING (value))
            SELECT DISTINCT first AS one, id AS other, '{code}' AS pass, {weight}::DOUBLE AS weight FROM live WHERE id <> first""",
            compare_from=2,
            accounts_apart=True,
        )
        self.connection.execute("DROP TABLE browsers; DROP TABLE cohorts; DROP TABLE disputed")

    def _join(
        self,
        links: str,
        *,
        compare_from: int = 0,
        accounts_apart: bool = False,
        differing: bool = False,
        decidable: bool = True,
    ) -> None:
        """Join along the query's links (one, other, pass, weight) and add those that hold to `joined`.

        Where at least `compare_from` clusters would become one (0: never), their people
        are compared first: by names or birth dates or, if `differing`, by all that is known.
        What somebody has decided holds through all of it, unless not `decidable`.
        """
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE proposed AS {links}")
        columns = self.connection.execute(
            "SELECT one, other, weight FROM proposed ORDER BY ALL"
        ).fetchnumpy()
        one, other = (np.asarray(columns[name], np.int32) for name in ("one", "other"))
        if len(one):
            foes = self._foes() if decidable else np.zeros((0, 2), np.int32)

            def apart(together: Ints) -> tuple[Ints, Ints]:
                clashes = (
                    self._apart(
                        together, compare_from, accounts_apart=accounts_apart, differing=differing
                    )
                    if compare_from
                    else (foes[:0, 0], foes[:0, 1])
                )
                return np.concatenate([foes[:, 0], clashes[0]]), np.concatenate(
                    [foes[:, 1], clashes[1]]
                )

            self.clusters.join(
                one,
                other,
                np.asarray(columns["weight"], np.float64),
                apart if compare_from or len(foes) else None,
            )
            self._publish_bases()
        held = "FROM proposed JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other WHERE l.base = r.base"
        self.connection.execute(f"INSERT INTO joined SELECT one, other, pass, weight {held}")
        self.vetoed += len(one) - self._count(f"SELECT count(*) {held}")
        self.connection.execute("DROP TABLE proposed")

    def _apart(
        self, together: Ints, compare_from: int, *, accounts_apart: bool, differing: bool
    ) -> tuple[Ints, Ints]:
        """The pairs of clusters that may not meet in the proposed ones: names or birth dates clash,
        or two accounts; if `differing`, only people who differ in all that is known."""
        label = self.clusters.label
        bases = np.flatnonzero(label == np.arange(len(label))).astype(np.int32)
        cohort = together[bases]
        crowded = np.bincount(cohort, minlength=len(label))[cohort] >= compare_from
        self.connection.register(
            "crowd", pa.table({"cohort": cohort[crowded], "base": bases[crowded]})
        )
        accounts = (
            """
            UNION SELECT l.base, r.base FROM users AS l JOIN users AS r ON l.cohort = r.cohort AND l.base < r.base
            """
            if accounts_apart
            else ""
        )
        clashing = (
            f"SELECT one, other FROM ({PEOPLE_DIFFER.format('crowd')}) WHERE differ"
            if differing
            else CLASHING.format("crowd")
        )
        pairs = self.connection.execute(
            f"""WITH users AS (
                SELECT DISTINCT cohort, crowd.base FROM crowd JOIN bases USING (base) JOIN held USING (id) WHERE type = 'user_id')
            SELECT one, other FROM ({clashing}){accounts} ORDER BY ALL"""
        ).fetchnumpy()
        self.connection.unregister("crowd")
        return np.asarray(pairs["one"], np.int32), np.asarray(pairs["other"], np.int32)

    def _publish_bases(self) -> None:
        """Make `bases(id, base, code)` of the clusters so far; `code` is the cluster's, null for none."""
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
        self.connection.execute("CREATE OR REPLACE TEMP TABLE bases AS FROM labels")
        self.connection.unregister("labels")
        disputed_identifiers.settle(self.connection)

    def _write_clusters(self) -> None:
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE clusters AS
            SELECT member.person_key, first.person_key AS cluster
            FROM bases JOIN records AS member USING (id) JOIN records AS first ON first.id = bases.base ORDER BY member.id"""
        )

    def _write_links(self) -> None:
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE links AS
            SELECT l.person_key AS one, r.person_key AS other, pass, max(weight) AS weight
            FROM joined JOIN records AS l ON l.id = joined.one JOIN records AS r ON r.id = joined.other
            GROUP BY ALL ORDER BY ALL"""
        )

    def _count(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0
