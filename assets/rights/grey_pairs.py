"""Pairs of records that may be one person and wait for review, where an erasure means one half: a
person decides before.

A pair is decided with `register review` or `register request decide --pair`. That two records are
two people counts at once; that they are one joins them in the next refresh, so the erasure waits
for it.
"""

from __future__ import annotations

import duckdb

from assets.register import pair_cache, review
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet

PREFIX = "pair:"
LEFT = "left"


def undecided(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection
) -> dict[str, dict[str, bool]]:
    """Return, per request, the pairs of which it means one half, and whether each was decided to be
    one person.

    Reads `meant(request_id, registrant_id)` and `membership`. One look at the pairs for all
    requests.
    """
    path = data_root.lake / review.GREY_PAIRS
    if not path.exists():
        return {}
    rows = connection.execute(
        f"""WITH pairs AS (
            SELECT pair, l.registrant_id AS a, r.registrant_id AS b, same
            FROM {parquet(path)} AS grey
            JOIN membership AS l ON l.person_key = grey.one
            JOIN membership AS r ON r.person_key = grey.other
            LEFT JOIN ({pair_cache.DECISIONS.rows(data_root)}) AS decided
                ON decided.one = least(grey.one, grey.other)
                AND decided.other = greatest(grey.one, grey.other)
            WHERE l.registrant_id <> r.registrant_id AND coalesce(same, true)),
        halves AS (
            SELECT pair, a AS registrant_id, b AS other, same FROM pairs
            UNION ALL SELECT pair, b, a, same FROM pairs)
        SELECT request_id, pair, bool_or(coalesce(same, false)) FROM halves
            JOIN meant USING (registrant_id)
        WHERE NOT EXISTS (FROM meant AS halved
            WHERE halved.request_id = meant.request_id AND halved.registrant_id = halves.other)
        GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    pairs: dict[str, dict[str, bool]] = {}
    for request_id, pair, same in rows:
        pairs.setdefault(request_id, {})[pair] = same
    return pairs


def reason(request_id: str, pairs: dict[str, bool]) -> str:
    """Return why the request waits, naming its pairs."""
    joined = sorted(pair for pair, same in pairs.items() if same)
    waiting = sorted(set(pairs) - {*joined})
    parts = []
    if waiting:
        parts.append(
            f"{len(waiting)} pairs of records that may be one person have one half in it "
            f"({', '.join(waiting)}): look at "
            "each with `register review PAIR` and decide it with `register request decide --pair "
            "PAIR=same|different|left`"
        )
    if joined:
        parts.append(
            f"{', '.join(joined)} was decided to be one person: run `register refresh` to join the "
            "halves first"
        )
    return f"request {request_id}: {'; '.join(parts)}"
