"""Entity resolution: links the source persons that are one person, and keeps apart those that may
not be one.

Works on relations of one DuckDB connection, knows no files and no clock, and gives the same
clusters whatever the order of the rows. It reads `people`, `person_identifiers` and, where they are
there, `decisions` and `earlier_comparisons`; it makes

- `clusters`: every source person once; its cluster is the smallest person key in it;
- `links`: the links that hold; the weight in bits is the log2 of the odds of being one person;
- `disputed_identifiers`: what was not followed, by person: `identity_codes` (of two codes),
  `people_differ` (of people who differ, or of too many), `two_codes` (each of the codes of a source
  person that has several), and `two_numbers` (each of the numbers of one known by nothing else).

In order: strong identifiers; decisions; similarity of everything known, which the linkage engine
scores (assets/record_linkage/register_linker.py); records with only an e-mail address; visitors.
Each step sees the clusters of the steps before (`linkage_round`). Two identity codes never meet in
a cluster (`clusters`). All costs grow with the number of records.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb

from assets.record_linkage.blocking_rules import BlockingRule, part_names
from assets.record_linkage.model import Model
from assets.record_linkage.register_linker import RegisterLinker
from assets.register import pair_cache
from assets.register.link_report import LinkReport
from assets.register.linkage_configuration import ROLES, first_names, usual_model
from assets.register.linkage_round import LinkageRound
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

WORTH_OPENING = 1.0
"""Links per 1,000 pairs that a blocking rule is the first to find, or the model leaves it out."""
_OF_CONTACTS = ("e-mail", "telephone")
"""Blocking rules that a learned model has in any case."""

PEOPLE = Relation(
    name="people",
    summary="One row per source person: what linkage compares.",
    columns={
        "person_key": "VARCHAR",
        "given_names": "VARCHAR",
        "call_name": "VARCHAR",
        "family_name": "VARCHAR",
        "former_family_names": "VARCHAR[]",
        "birth_date": "DATE",
        "street": "VARCHAR",
        "postcode": "VARCHAR",
        "town": "VARCHAR",
        "emails": "VARCHAR[]",
        "phones": "VARCHAR[]",
    },
    reads=("current_names", "current_persons", "current_addresses", "current_contact_points"),
    amended_from=("excluded_persons",),
    scope=Scope.COMPONENT,
)
PERSON_IDENTIFIERS = Relation(
    name="person_identifiers",
    summary="The identifiers of each source person that linkage follows.",
    columns={"person_key": "VARCHAR", "type": "VARCHAR", "value": "VARCHAR"},
    reads=("known_identifiers",),
    amended_from=("excluded_persons",),
    scope=Scope.COMPONENT,
)
LINKAGE_NUMBERS = Relation(
    name="linkage_numbers",
    summary="Source persons numbered in the order of their keys.",
    columns={"id": "INTEGER", "person_key": "VARCHAR"},
    reads=("people", "person_identifiers"),
    scope=Scope.GLOBAL,
    merge="Each shard numbers its own persons; a number means nothing outside its connection.",
)
LINKAGE_PEOPLE = Relation(
    name="linkage_people",
    summary="What the linkage engine reads: people by number.",
    columns={
        "id": "INTEGER",
        **{name: kind for name, kind in PEOPLE.columns.items() if name != "person_key"},
    },
    reads=("people", "linkage_numbers"),
    scope=Scope.COMPONENT,
)


def link(connection: duckdb.DuckDBPyConnection, model: Model | None = None) -> LinkReport:
    """Make `clusters` and `links` from `people` and `person_identifiers`."""
    linkage = Linkage(connection, model)
    linkage.link()
    report = linkage.report()
    linkage.drop_intermediate()
    return report


class Linkage:
    """The source persons, numbered and standardised once.

    `link` can be called as often as some of them have been removed.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, model: Model | None = None) -> None:
        self.connection = connection
        repeated = count(connection, "SELECT count(*) - count(DISTINCT person_key) FROM people")
        if repeated:
            raise ValueError(
                f"people has {repeated} rows without a person_key of their own; "
                "give each source person one row"
            )
        self.persons = self._number_persons()
        connection.execute(pair_cache.CURRENT_DECISIONS.create_if_missing())
        self.linker = RegisterLinker(
            connection, "linkage_people", ROLES, model or usual_model(), first_names()
        )
        self._load_pair_cache()

    def _number_persons(self) -> int:
        """Make `linkage_numbers` and `linkage_people`, and return how many persons there are."""
        self.connection.execute(
            LINKAGE_NUMBERS.create_table(
                """SELECT (row_number() OVER (ORDER BY person_key) - 1)::INTEGER AS id, person_key
                FROM (
                    SELECT person_key FROM people
                    UNION
                    SELECT person_key FROM person_identifiers WHERE person_key IS NOT NULL)"""
            )
        )
        self.connection.execute(
            LINKAGE_PEOPLE.create_view(
                """SELECT id, people.* EXCLUDE (person_key)
                FROM people JOIN linkage_numbers USING (person_key)"""
            )
        )
        return count(self.connection, "SELECT count(*) FROM linkage_numbers")

    def _load_pair_cache(self) -> None:
        """Give the engine the comparisons of the last build, if there are any."""
        if not count(
            self.connection,
            """SELECT count(*) FROM information_schema.tables
            WHERE table_name = 'earlier_comparisons'""",
        ):
            return
        self.connection.execute(
            """INSERT INTO linkage_pair_cache
            SELECT l.id, r.id, stamp, pattern
            FROM earlier_comparisons
            JOIN linkage_numbers AS l ON l.person_key = one
            JOIN linkage_numbers AS r ON r.person_key = other"""
        )

    def link(self) -> None:
        """Make `clusters` of those who are in `people` and `person_identifiers` now."""
        self._run(None)

    def _run(self, rules: list[BlockingRule] | None) -> None:
        self.last = LinkageRound(self.connection, self.linker, self.persons)
        self.last.run(rules)

    def report(self) -> LinkReport:
        """Return the counts of the last round; make `links`."""
        return self.last.report()

    def drop_intermediate(self) -> None:
        """Drop everything but `clusters`, `links` and `disputed_identifiers`."""
        for table in _INTERMEDIATE:
            self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        for view in ("linkage_people", "linkage_codes"):
            self.connection.execute(f"DROP VIEW IF EXISTS {view}")

    def learn(self) -> Model:
        """Return the model of these people: the blocking rules that find links, and weights."""
        self.link()
        chosen = self.linker.choose_rules()
        names = {rule.name for rule in chosen}
        contacts = [
            rule
            for rule in self.linker.rules_named(*((name,) for name in _OF_CONTACTS))
            if rule.name not in names
        ]
        self._run([*chosen, *contacts])
        per_thousand = {
            str(row["name"]): float(str(row["per_thousand"]))
            for row in self.report().blocking_rules
        }
        worth = [
            rule
            for rule in (*chosen, *contacts)
            if per_thousand[rule.name] >= WORTH_OPENING or rule.name in _OF_CONTACTS
        ]
        return replace(self.linker.model, blocking_rules=tuple(part_names(rule) for rule in worth))


_INTERMEDIATE = (
    "linkage_numbers",
    "linkage_standardised",
    "linkage_pair_cache",
    "linkage_records",
    "linkage_round_nodes",
    "linkage_shared",
    "linkage_shares",
    "linkage_candidates",
    "linkage_compared",
    "linkage_reasons",
    "linkage_pairs",
    "linkage_used",
    "linkage_round_groups",
    "linkage_nodes",
    "linked_records",
    "record_identifiers",
    "decided_pairs",
    "decisions",
    "bases",
    "accepted_links",
    "linkage_decided_same",
)
