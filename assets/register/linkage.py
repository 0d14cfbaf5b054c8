"""Who is who: links the source persons that are one person, and leaves apart those that may not be.

Works on tables of one DuckDB connection, knows no files and no clock, and gives the same whatever the order of the rows.

    people(person_key, given_names, call_name, family_name, former_family_names, birth_date, street, postcode, town,
           emails, phones)         one row per source person
    identifiers(person_key, type, value)
 -> clusters(person_key, cluster)  every person_key once; its cluster is the smallest person_key in it
    links(one, other, pass, weight)  the links that hold, one < other; weight in bits: log2 of the odds of being one person

In order: strong identifiers; a shared e-mail or telephone with an agreeing first name, and likeness of all that is known
(agreement.py, over the pairs of candidates.py); records that only have an e-mail; visitors. Each step sees the clusters
of the steps before. Two identity codes never meet in a cluster (clusters.py). All costs grow with the number of records.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa

from assets.register.agreement import clashing, scored
from assets.register.candidates import candidates, contacts, personae
from assets.register.clusters import Clusters, Ints

IDENTIFIER_PASSES = {
    # type of identifier: rule code and weight. What a source has numbered is one person, unless identity codes object.
    "identity_code": ("LINK-IDENTITY-CODE", 60.0),
    "customer_number": ("LINK-CUSTOMER-NUMBER", 50.0),
    "contact_id": ("LINK-CONTACT-ID", 45.0),
    "user_id": ("LINK-USER-ID", 40.0),
}
EMAIL_ONLY = ("LINK-EMAIL-ONLY", 10.0)
VISITOR = ("LINK-VISITOR-ID", 10.0)
PASSES = (*(code for code, _ in IDENTIFIER_PASSES.values()), "LINK-EMAIL-NAME", "LINK-PHONE-NAME", "LINK-SCORE", EMAIL_ONLY[0], VISITOR[0])


@dataclass(frozen=True)
class LinkReport:
    """What linkage did, in counts."""

    links: dict[str, int] = field(default_factory=dict)  # by pass, those that hold
    candidate_pairs: int = 0
    clusters: int = 0
    largest_cluster: int = 0
    dropped_keys: int = 0  # blocks too large to open
    shared_contacts: int = 0  # e-mails and telephones of three or more people: no keys
    disputed_identifiers: int = 0  # identifiers of people who are known to be different: no keys
    vetoed_links: int = 0
    two_code_people: int = 0  # source persons with two identity codes: a contradiction of the source; left alone
    two_code_clusters: int = 0  # must be 0


def link(connection: duckdb.DuckDBPyConnection) -> LinkReport:
    """Make `clusters` and `links` from `people` and `identifiers`."""
    return _Linkage(connection).run()


class _Linkage:
    """One run: the records numbered in the order of their keys, and the clusters so far."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.disputed = 0
        self.vetoed = 0
        self.two_code_people = self._number_records()
        codes = connection.execute("SELECT code FROM records ORDER BY id").fetchnumpy()["code"]
        self.clusters = Clusters(np.asarray(codes, np.int32))

    def run(self) -> LinkReport:
        self._publish_bases()
        for kind, (code, weight) in IDENTIFIER_PASSES.items():
            self._link_identifier(kind, code, weight)
        personae(self.connection)
        shared_contacts = contacts(self.connection)
        candidate_pairs, dropped_keys = candidates(self.connection)
        people = self._count("SELECT count(*) FROM persons_known")
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE accepted AS {scored('candidates', people)}")
        self.vetoed += self._count("SELECT count(*) FROM accepted WHERE vetoed")
        # Two clusters in one link have been compared by it; third parties begin at three.
        self._join("SELECT one, other, pass, weight FROM accepted WHERE NOT vetoed", compare_from=3)
        self._link_mailboxes()
        self._link_visitors()
        self._write_clusters()
        per_pass = dict(self.connection.execute("SELECT pass, count(*) FROM links GROUP BY pass").fetchall())
        clusters, largest = self._row("SELECT count(*), coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM clusters GROUP BY cluster)")
        report = LinkReport(
            links={code: per_pass.get(code, 0) for code in PASSES},
            candidate_pairs=candidate_pairs,
            clusters=clusters,
            largest_cluster=largest,
            dropped_keys=dropped_keys,
            shared_contacts=shared_contacts,
            disputed_identifiers=self.disputed,
            vetoed_links=self.vetoed,
            two_code_people=self.two_code_people,
            two_code_clusters=self._two_code_clusters(),
        )
        for table in (
            "records",
            "held",
            "persons_known",
            "bases",
            "joined",
            "personae",
            "contact_rows",
            "contact_people",
            "live_contacts",
            "candidates",
            "accepted",
        ):
            self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        return report

    def _number_records(self) -> int:
        """Make `records(id, person_key, code)`, `held(id, type, value)`, `persons_known(id, ...)`; counts two-code people.

        A source person with two identity codes cannot be believed: it keeps its cluster to itself.
        """
        run = self.connection.execute
        twice = self._count("SELECT count(*) - count(DISTINCT person_key) FROM people")
        if twice:
            raise ValueError(f"people has {twice} rows without a person_key of their own; give each source person one row")
        run("""CREATE OR REPLACE TEMP TABLE numbered AS
            SELECT (row_number() OVER (ORDER BY person_key) - 1)::INTEGER AS id, person_key FROM (
                SELECT person_key FROM people UNION SELECT person_key FROM identifiers WHERE person_key IS NOT NULL)""")
        run("""CREATE OR REPLACE TEMP TABLE coded AS
            SELECT person_key, dense_rank() OVER (ORDER BY value)::INTEGER - 1 AS code
            FROM (SELECT DISTINCT person_key, value FROM identifiers WHERE type = 'identity_code' AND value IS NOT NULL)""")
        run("""CREATE OR REPLACE TEMP TABLE two_coded AS
            SELECT person_key FROM coded WHERE person_key IS NOT NULL GROUP BY person_key HAVING count(*) > 1""")
        run("""CREATE OR REPLACE TEMP TABLE records AS
            SELECT id, person_key, coalesce(code, -1) AS code, two_coded.person_key IS NULL AS sound
            FROM numbered LEFT JOIN (FROM coded ANTI JOIN two_coded USING (person_key)) USING (person_key)
                LEFT JOIN two_coded USING (person_key)""")
        run("""CREATE OR REPLACE TEMP TABLE held AS
            SELECT DISTINCT id, type, value FROM identifiers JOIN records USING (person_key)
            WHERE sound AND value IS NOT NULL AND type IN
                ('identity_code', 'customer_number', 'contact_id', 'user_id', 'visitor_id', 'email', 'phone')""")
        run("""CREATE OR REPLACE TEMP TABLE persons_known AS
            SELECT id, people.* EXCLUDE (person_key) FROM people JOIN records USING (person_key) WHERE sound""")
        run("CREATE OR REPLACE TEMP TABLE joined (one INTEGER, other INTEGER, pass VARCHAR, weight DOUBLE)")
        two_code_people = self._count("SELECT count(*) FROM two_coded")
        run("DROP TABLE numbered; DROP TABLE coded; DROP TABLE two_coded")
        return two_code_people

    def _link_identifier(self, kind: str, code: str, weight: float) -> None:
        """Join all that hold one value, from the first; a value that is held under two identity codes joins nobody."""
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE shared AS
            SELECT value, min(id) AS first, count(DISTINCT code) > 1 AS disputed
            FROM held JOIN bases USING (id) WHERE type = '{kind}' GROUP BY value HAVING count(*) > 1"""
        )
        self.disputed += self._count("SELECT count(*) FROM shared WHERE disputed")
        self._join(
            f"""SELECT DISTINCT first AS one, id AS other, '{code}' AS pass, {weight}::DOUBLE AS weight
            FROM held JOIN shared USING (value) WHERE type = '{kind}' AND NOT disputed AND id <> first"""
        )
        self.connection.execute("DROP TABLE shared")

    def _link_mailboxes(self) -> None:
        """Join who is known by e-mail only: to each other where nobody named has the e-mail, then to the only one who has."""
        run = self.connection.execute
        run("""CREATE OR REPLACE TEMP TABLE mail AS
            SELECT DISTINCT id, email FROM (
                SELECT id, unnest(emails) AS email FROM persons_known UNION ALL SELECT id, value FROM held WHERE type = 'email')
            WHERE email IS NOT NULL""")
        mailboxes = """
            SELECT mail.email, mail.id, base, base IN (
                SELECT base FROM bases SEMI JOIN (FROM personae WHERE given IS NOT NULL OR family IS NOT NULL) USING (id)) AS named,
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
        self.connection.execute("CREATE OR REPLACE TEMP TABLE cohorts AS SELECT DISTINCT value AS cohort, base FROM browsers")
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE disputed AS
            SELECT value FROM browsers GROUP BY value HAVING count(DISTINCT code) > 1 OR count(DISTINCT base) FILTER (signed_in) > 1
            UNION SELECT one.cohort FROM ({clashing("cohorts")}) AS clash
            JOIN cohorts AS one ON one.base = clash.one JOIN cohorts AS other ON other.base = clash.other AND other.cohort = one.cohort"""
        )
        self.disputed += self._count("SELECT count(*) FROM disputed")
        code, weight = VISITOR
        self._join(
            f"""WITH live AS (SELECT value, id, min(id) OVER (PARTITION BY value) AS first FROM browsers ANTI JOIN disputed USING (value))
            SELECT DISTINCT first AS one, id AS other, '{code}' AS pass, {weight}::DOUBLE AS weight FROM live WHERE id <> first""",
            compare_from=2,
            accounts_apart=True,
        )
        self.connection.execute("DROP TABLE browsers; DROP TABLE cohorts; DROP TABLE disputed")

    def _join(self, links: str, *, compare_from: int = 0, accounts_apart: bool = False) -> None:
        """Join along the query's links (one, other, pass, weight) and add those that hold to `joined`.

        Where at least `compare_from` clusters would become one (0: never), their people are compared with each other first.
        """
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE proposed AS {links}")
        columns = self.connection.execute("SELECT one, other, weight FROM proposed ORDER BY ALL").fetchnumpy()
        one, other = (np.asarray(columns[name], np.int32) for name in ("one", "other"))
        if len(one):

            def apart(together: Ints) -> tuple[Ints, Ints]:
                return self._apart(together, compare_from, accounts_apart)

            self.clusters.join(one, other, np.asarray(columns["weight"], np.float64), apart if compare_from else None)
            self._publish_bases()
        held = "FROM proposed JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other WHERE l.base = r.base"
        self.connection.execute(f"INSERT INTO joined SELECT one, other, pass, weight {held}")
        self.vetoed += len(one) - self._count(f"SELECT count(*) {held}")
        self.connection.execute("DROP TABLE proposed")

    def _apart(self, together: Ints, compare_from: int, accounts_apart: bool) -> tuple[Ints, Ints]:
        """The pairs of clusters that may not meet in the proposed ones: names or birth dates clash, or two accounts."""
        label = self.clusters.label
        bases = np.flatnonzero(label == np.arange(len(label))).astype(np.int32)
        cohort = together[bases]
        crowded = np.bincount(cohort, minlength=len(label))[cohort] >= compare_from
        self.connection.register("crowd", pa.table({"cohort": cohort[crowded], "base": bases[crowded]}))
        accounts = (
            """
            UNION SELECT l.base, r.base FROM users AS l JOIN users AS r ON l.cohort = r.cohort AND l.base < r.base
            """
            if accounts_apart
            else ""
        )
        pairs = self.connection.execute(
            f"""WITH users AS (
                SELECT DISTINCT cohort, crowd.base FROM crowd JOIN bases USING (base) JOIN held USING (id) WHERE type = 'user_id')
            SELECT one, other FROM ({clashing("crowd")}){accounts} ORDER BY ALL"""
        ).fetchnumpy()
        self.connection.unregister("crowd")
        return np.asarray(pairs["one"], np.int32), np.asarray(pairs["other"], np.int32)

    def _publish_bases(self) -> None:
        """Make `bases(id, base, code)` of the clusters so far; `code` is the cluster's, null for none."""
        label = self.clusters.label
        code = self.clusters.code[label]
        table = pa.table({"id": np.arange(len(label), dtype=np.int32), "base": label, "code": pa.array(code, mask=code < 0)})
        self.connection.register("labels", table)
        self.connection.execute("CREATE OR REPLACE TEMP TABLE bases AS FROM labels")
        self.connection.unregister("labels")

    def _write_clusters(self) -> None:
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE clusters AS
            SELECT member.person_key, first.person_key AS cluster
            FROM bases JOIN records AS member USING (id) JOIN records AS first ON first.id = bases.base ORDER BY member.id"""
        )
        self.connection.execute(
            """CREATE OR REPLACE TEMP TABLE links AS
            SELECT l.person_key AS one, r.person_key AS other, pass, max(weight) AS weight
            FROM joined JOIN records AS l ON l.id = joined.one JOIN records AS r ON r.id = joined.other
            GROUP BY ALL ORDER BY ALL"""
        )

    def _two_code_clusters(self) -> int:
        """How many clusters of the result hold two codes, looked up afresh; people whom a source gave two aside."""
        return self._count(
            """SELECT count(*) FROM (
                SELECT cluster FROM clusters JOIN records USING (person_key) JOIN identifiers USING (person_key)
                WHERE type = 'identity_code' AND sound GROUP BY cluster HAVING count(DISTINCT value) > 1)"""
        )

    def _row(self, query: str) -> tuple[int, ...]:
        row = self.connection.execute(query).fetchone()
        return tuple(map(int, row)) if row else ()

    def _count(self, query: str) -> int:
        return self._row(query)[0]
