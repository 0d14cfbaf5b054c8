"""The link report: what linkage did, in counts, for the UI, the closing table and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from assets.record_linkage.register_linker import GREY, SURE, RoundCounts
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope

JUDGED_PAIRS = Relation(
    name="judged_pairs",
    summary="Scored pairs of different clusters before scoring, and whether they are one after it.",
    columns={
        "one": "INTEGER",
        "other": "INTEGER",
        "passes": "UINTEGER",
        "pattern": "UBIGINT",
        "weight": "FLOAT",
        "clash": "BOOLEAN",
        "proven": "BOOLEAN",
        "together": "BOOLEAN",
        "often": "BIGINT",
    },
    reads=("linkage_pairs", "linkage_nodes", "bases"),
    scope=Scope.GLOBAL,
    merge="`often` is counted over all shards; it only chooses what is shown.",
)
TYPICAL_PAIRS = Relation(
    name="typical_pairs",
    summary="A few pairs that show how the weights work, of nobody by name.",
    columns={"one": "INTEGER", "other": "INTEGER", "what": "VARCHAR"},
    reads=("judged_pairs",),
    scope=Scope.GLOBAL,
    merge="Chosen of the judged pairs of all shards.",
)


@dataclass(frozen=True)
class LinkReport:
    """What linkage did, in counts.

    Attributes:
        links: The accepted links, by rule.
        blocking_rules: Of each: pairs, links, links per 1,000 pairs.
        candidate_pairs: Pairs that any blocking rule found.
        compared_pairs: Those that the pair cache did not have.
        grey_pairs: Pairs that are neither clearly one person nor clearly two.
        calibration: How well the weights agree with the identity codes.
        clusters: How many clusters there are.
        largest_cluster: How many source persons the largest has.
        sizes: How many registrants are of so many source persons.
        shared_contacts: E-mail addresses and phones of three or more people: no keys.
        disputed_identifiers: Identifiers of people who are known to be different: no keys.
        vetoed_links: Rejected links.
        overruled_decisions: Decisions that identity codes do not allow.
        two_code_people: Source persons with two identity codes: a contradiction of the source; each
            stays alone.
        two_code_clusters: Must be 0.
        typical: A few pairs: levels and bits, of nobody by name.
    """

    links: dict[str, int] = field(default_factory=dict)
    blocking_rules: list[dict[str, object]] = field(default_factory=list)
    candidate_pairs: int = 0
    compared_pairs: int = 0
    grey_pairs: int = 0
    calibration: list[dict[str, float]] = field(default_factory=list)
    clusters: int = 0
    largest_cluster: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    shared_contacts: int = 0
    disputed_identifiers: int = 0
    vetoed_links: int = 0
    overruled_decisions: int = 0
    two_code_people: int = 0
    two_code_clusters: int = 0
    typical: list[dict[str, object]] = field(default_factory=list)


def report(
    connection: duckdb.DuckDBPyConnection,
    scored: RoundCounts,
    *,
    explain: Callable[[str], None],
    links: tuple[str, ...],
    compared: int,
    calibration: list[dict[str, float]],
    disputed: int,
    vetoed: int,
    two_code_people: int,
) -> LinkReport:
    """Return the counts of the round that made the connection's relations.

    Makes `linkage_reasons` of all grey pairs.

    Args:
        connection: After a round of linkage.
        scored: The engine's counts of the round.
        explain: The engine's function that makes `linkage_reasons` of a query's pairs.
        links: The codes of all rules.
        compared: Pairs that were compared.
        calibration: The engine's calibration table.
        disputed: Disputed identifiers.
        vetoed: Rejected links.
        two_code_people: Source persons with two identity codes.
    """
    per_rule = dict(connection.execute("SELECT pass, count(*) FROM links GROUP BY pass").fetchall())
    row = connection.execute(
        f"SELECT count(*), coalesce(max(persons), 0) FROM ({_CLUSTER_SIZES})"
    ).fetchone()
    clusters, largest = row or (0, 0)
    sizes = connection.execute(
        f"""SELECT CASE WHEN persons < 6 THEN persons::VARCHAR
                WHEN persons < 11 THEN '6-10' ELSE '11 and more' END AS size, count(*)
        FROM ({_CLUSTER_SIZES}) GROUP BY size ORDER BY min(persons)"""
    ).fetchall()
    rules = _per_rule(connection, scored)
    typical = _explained(connection, explain)
    return LinkReport(
        links={code: per_rule.get(code, 0) for code in links},
        blocking_rules=rules,
        candidate_pairs=sum(int(str(rule["new_pairs"])) for rule in rules),
        compared_pairs=compared,
        grey_pairs=count(connection, "SELECT count(*) FROM linkage_reasons WHERE grey"),
        calibration=calibration,
        clusters=int(clusters),
        largest_cluster=int(largest),
        sizes=dict(sizes),
        shared_contacts=scored.shared_contacts,
        disputed_identifiers=disputed,
        vetoed_links=vetoed,
        overruled_decisions=count(connection, _OVERRULED),
        two_code_people=two_code_people,
        typical=typical,
        two_code_clusters=count(connection, _TWO_CODE_CLUSTERS),
    )


_CLUSTER_SIZES = "SELECT count(*) AS persons FROM clusters GROUP BY cluster"
_OVERRULED = """SELECT count(*)
    FROM decided_pairs
    JOIN bases AS l ON l.id = one
    JOIN bases AS r ON r.id = other
    WHERE (l.base = r.base) <> same"""
# Counted independently of the clustering, leaving out people with two codes from one source.
_TWO_CODE_CLUSTERS = """SELECT count(*) FROM (
    SELECT cluster
    FROM clusters
    JOIN linked_records USING (person_key)
    JOIN person_identifiers USING (person_key)
    WHERE type = 'identity_code' AND sound
    GROUP BY cluster HAVING count(DISTINCT value) > 1)"""


def _per_rule(
    connection: duckdb.DuckDBPyConnection, scored: RoundCounts
) -> list[dict[str, object]]:
    """Return the blocking rules, with the pairs and links that each was the first to find."""
    rows = connection.execute(
        f"""SELECT passes & -passes AS bit, count(*) AS pairs,
            count(*) FILTER (l.base = r.base AND weight >= {SURE}) AS links
        FROM linkage_pairs
        JOIN bases AS l ON l.id = one
        JOIN bases AS r ON r.id = other
        WHERE passes > 0 GROUP BY bit"""
    ).fetchall()
    firsts = {int(bit).bit_length() - 1: (int(pairs), int(links)) for bit, pairs, links in rows}
    rules = []
    for number, rule in enumerate(scored.blocking_rules):
        pairs, links = firsts.get(number, (0, 0))
        rules.append(
            {
                **rule,
                "new_pairs": pairs,
                "new_links": links,
                "per_thousand": round(1000 * links / pairs, 1) if pairs else 0.0,
            }
        )
    return rules


_TYPICAL = {
    # what is shown: which pairs, and which of them
    "a usual link": ("together AND weight >= {sure} AND proven", "often DESC, weight DESC"),
    "the weakest link": ("together AND weight >= {sure} AND proven", "weight, one, other"),
    "the nearest miss": (
        "NOT together AND proven AND NOT coalesce(clash, false)",
        "weight DESC, one, other",
    ),
    "two of one household, as usual": (
        "NOT together AND clash AND weight < {sure}",
        "often DESC, one, other",
    ),
}


def _explained(
    connection: duckdb.DuckDBPyConnection, explain: Callable[[str], None]
) -> list[dict[str, object]]:
    """Make `linkage_reasons`, and return the typical pairs as a waterfall shows them."""
    connection.execute(
        JUDGED_PAIRS.create_table(
            """SELECT pairs.*, lb.base = rb.base AS together,
                count(*) OVER (PARTITION BY pattern) AS often
            FROM linkage_pairs AS pairs
            JOIN linkage_nodes AS l ON l.id = one
            JOIN linkage_nodes AS r ON r.id = other
            JOIN bases AS lb ON lb.id = one
            JOIN bases AS rb ON rb.id = other
            WHERE l.node <> r.node AND (l.code IS NULL OR r.code IS NULL)"""
        )
    )
    shown = " UNION ALL ".join(
        f"""(SELECT one, other, '{name}' AS what
        FROM judged_pairs WHERE {which.format(sure=SURE)} ORDER BY {order} LIMIT 1)"""
        for name, (which, order) in _TYPICAL.items()
    )
    connection.execute(TYPICAL_PAIRS.create_table(shown))
    explain(
        # Of those who are one, the doubtful are those that a weak link made one.
        f"""SELECT one, other, pattern, weight, proven, together,
            weight BETWEEN CASE WHEN together THEN {SURE} ELSE {GREY[0]} END AND {GREY[1]} AS grey
        FROM judged_pairs
        WHERE weight BETWEEN {GREY[0]} AND {GREY[1]}
            OR (one, other) IN (SELECT (one, other) FROM typical_pairs)"""
    )
    rows = connection.execute(
        """SELECT what, linkage_reasons.*
        FROM linkage_reasons JOIN typical_pairs USING (one, other) ORDER BY what"""
    ).fetchall()
    names = [
        "what",
        *(name for name, *_ in connection.execute("DESCRIBE linkage_reasons").fetchall()),
    ]
    connection.execute("DROP TABLE judged_pairs")
    connection.execute("DROP TABLE typical_pairs")
    return [steps(dict(zip(names, row, strict=True))) for row in rows]


def steps(reason: dict[str, Any]) -> dict[str, object]:
    """Return a row of `linkage_reasons` as a waterfall shows it.

    `what`, `weight`, `start`, and `steps` of field, level and bits; nothing of missing fields.
    """
    fields = [name.removesuffix("_bits") for name in reason if name.endswith("_bits")]
    return {
        "what": reason.get("what", ""),
        "weight": round(float(reason["weight"]), 2),
        "start": round(float(reason["start"]), 2),
        "steps": [
            [name, reason[name], round(float(reason[f"{name}_bits"]), 2)]
            for name in fields
            if reason[name] != "missing"
        ],
    }
