"""What linkage did, in counts: for the UI, for the closing table, and for whoever asks how good it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from assets.record_linkage.register_linker import GREY, SURE, RoundCounts


@dataclass(frozen=True)
class LinkReport:
    """What linkage did, in counts."""

    links: dict[str, int] = field(default_factory=dict)  # by rule, those that hold
    passes: list[dict[str, object]] = field(
        default_factory=list
    )  # of likeness: pairs, links, links per 1,000 pairs
    candidate_pairs: int = 0
    compared_pairs: int = 0  # those that were not remembered from before
    grey_pairs: int = 0  # neither clearly one person nor clearly two
    calibration: list[dict[str, float]] = field(default_factory=list)
    clusters: int = 0
    largest_cluster: int = 0
    sizes: dict[str, int] = field(
        default_factory=dict
    )  # how many registrants are of so many source persons
    shared_contacts: int = 0  # e-mails and telephones of three or more people: no keys
    disputed_identifiers: int = 0  # identifiers of people who are known to be different: no keys
    vetoed_links: int = 0
    overruled_decisions: int = 0  # decisions that identity codes do not allow
    two_code_people: int = (
        0  # source persons with two identity codes: a contradiction of the source; left alone
    )
    two_code_clusters: int = 0  # must be 0
    typical: list[dict[str, object]] = field(
        default_factory=list
    )  # a few pairs: levels and bits, of nobody by name


def report(
    connection: duckdb.DuckDBPyConnection,
    weighed: RoundCounts,
    *,
    explain: Callable[[str], None],
    links: tuple[str, ...],
    compared: int,
    calibration: list[dict[str, float]],
    disputed: int,
    vetoed: int,
    two_code_people: int,
) -> LinkReport:
    """Counts of the round whose tables the connection has; `links` are the rules, `explain` is the engine's.

    Makes `linkage_reasons(one, other, weight, proven, together, start, <field>, <field>_bits ...)` of all grey pairs.
    """

    def count(query: str) -> int:
        return int((connection.execute(query).fetchone() or (0,))[0])

    per_rule = dict(connection.execute("SELECT pass, count(*) FROM links GROUP BY pass").fetchall())
    row = connection.execute(
        "SELECT count(*), coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM clusters GROUP BY cluster)"
    ).fetchone()
    clusters, largest = row or (0, 0)
    sizes = connection.execute(
        """SELECT CASE WHEN n < 6 THEN n::VARCHAR WHEN n < 11 THEN '6-10' ELSE '11 and more' END AS size, count(*)
        FROM (SELECT count(*) AS n FROM clusters GROUP BY cluster) GROUP BY size ORDER BY min(n)"""
    ).fetchall()
    passes = _per_pass(connection, weighed)
    typical = _explained(connection, explain)
    return LinkReport(
        links={code: per_rule.get(code, 0) for code in links},
        passes=passes,
        candidate_pairs=sum(int(str(one["new_pairs"])) for one in passes),
        compared_pairs=compared,
        grey_pairs=count("SELECT count(*) FROM linkage_reasons WHERE grey"),
        calibration=calibration,
        clusters=int(clusters),
        largest_cluster=int(largest),
        sizes=dict(sizes),
        shared_contacts=weighed.shared_contacts,
        disputed_identifiers=disputed,
        vetoed_links=vetoed,
        overruled_decisions=count(
            "SELECT count(*) FROM decided JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other WHERE (l.base = r.base) <> same"
        ),
        two_code_people=two_code_people,
        typical=typical,
        two_code_clusters=count(
            # Looked up afresh; people whom a source gave two codes aside.
            """SELECT count(*) FROM (
                SELECT cluster FROM clusters JOIN records USING (person_key) JOIN identifiers USING (person_key)
                WHERE type = 'identity_code' AND sound GROUP BY cluster HAVING count(DISTINCT value) > 1)"""
        ),
    )


def _per_pass(
    connection: duckdb.DuckDBPyConnection, weighed: RoundCounts
) -> list[dict[str, object]]:
    """The engine's passes, with the pairs and links that each was the first to find."""
    found = connection.execute(
        f"""SELECT passes & -passes AS bit, count(*) AS pairs, count(*) FILTER (l.base = r.base AND weight >= {SURE}) AS links
        FROM linkage_pairs JOIN bases AS l ON l.id = one JOIN bases AS r ON r.id = other WHERE passes > 0 GROUP BY bit"""
    ).fetchall()
    firsts = {int(bit).bit_length() - 1: (int(pairs), int(links)) for bit, pairs, links in found}
    told = []
    for number, one in enumerate(weighed.blocking_rules):
        pairs, links = firsts.get(number, (0, 0))
        told.append(
            {
                **one,
                "new_pairs": pairs,
                "new_links": links,
                "per_thousand": round(1000 * links / pairs, 1) if pairs else 0.0,
            }
        )
    return told


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
    """Make `linkage_reasons`; answers the typical pairs, each as its weight, its start, and level and bits per field."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE linkage_judged AS
        SELECT pairs.*, lb.base = rb.base AS together, count(*) OVER (PARTITION BY pattern) AS often
        FROM linkage_pairs AS pairs JOIN linkage_nodes AS l ON l.id = one JOIN linkage_nodes AS r ON r.id = other
        JOIN bases AS lb ON lb.id = one JOIN bases AS rb ON rb.id = other
        WHERE l.node <> r.node AND (l.code IS NULL OR r.code IS NULL)"""
    )
    shown = " UNION ALL ".join(
        f"(SELECT one, other, '{name}' AS what FROM linkage_judged WHERE {which.format(sure=SURE)} ORDER BY {order} LIMIT 1)"
        for name, (which, order) in _TYPICAL.items()
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE linkage_shown AS {shown}")
    explain(
        # Of those who are one, the doubtful are those whom a weak link made one.
        f"""SELECT one, other, pattern, weight, proven, together,
            weight BETWEEN CASE WHEN together THEN {SURE} ELSE {GREY[0]} END AND {GREY[1]} AS grey
        FROM linkage_judged WHERE weight BETWEEN {GREY[0]} AND {GREY[1]} OR (one, other) IN (SELECT (one, other) FROM linkage_shown)"""
    )
    rows = connection.execute(
        "SELECT what, linkage_reasons.* FROM linkage_reasons JOIN linkage_shown USING (one, other) ORDER BY what"
    ).fetchall()
    names = [
        "what",
        *(name for name, *_ in connection.execute("DESCRIBE linkage_reasons").fetchall()),
    ]
    connection.execute("DROP TABLE linkage_judged; DROP TABLE linkage_shown")
    return [steps(dict(zip(names, row, strict=True))) for row in rows]


def steps(said: dict[str, Any]) -> dict[str, object]:
    """A row of `linkage_reasons` as what a waterfall shows: `what`, `weight`, `start`, and `steps` of field, level and bits; nothing of missing fields."""
    fields = [name.removesuffix("_bits") for name in said if name.endswith("_bits")]
    return {
        "what": said.get("what", ""),
        "weight": round(float(said["weight"]), 2),
        "start": round(float(said["start"]), 2),
        "steps": [
            [name, said[name], round(float(said[f"{name}_bits"]), 2)]
            for name in fields
            if said[name] != "missing"
        ],
    }
