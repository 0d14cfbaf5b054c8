"""Eligible registrants: views over the register's table `admission`, per purpose and channel.

`eligible_<purpose>(registrant_id)`: eligible on at least one channel;
`eligible_<purpose>_<channel>(registrant_id)`: on that one;
`excluded_<purpose>(registrant_id)`: kept out by what is known of them, whatever would include them:
of an unknown age they are not profiled, and may be counted.
"""

from __future__ import annotations

from collections.abc import Set

import duckdb

from assets.storage.relations import Relation, Scope
from schemas.eligibility import ALL, channels
from schemas.vocabulary import PURPOSES

# At least one rule includes the registrant, and none excludes them.
_ELIGIBLE = """
    SELECT registrant_id, channel
    FROM admission
    WHERE purpose = '{purpose}'
    GROUP BY registrant_id, channel
    HAVING bool_or(effect = 'in') AND NOT bool_or(effect = 'out')"""


def _views(purpose: str) -> dict[str, str]:
    """Return view -> its condition on the channel."""
    each = {
        f"eligible_{purpose}_{channel}": f"channel = '{channel}'"
        for channel in channels(purpose)
        if (channel,) != ALL
    }
    return {f"eligible_{purpose}": "true", **each}


VIEWS = {
    view: Relation(
        name=view,
        summary="Registrants whom a rule keeps out of the purpose, whatever includes them."
        if view.startswith("excluded_")
        else "Registrants who are eligible for the purpose, on the channel if there is one.",
        columns={"registrant_id": "VARCHAR"},
        reads=("admission",),
        scope=Scope.COMPONENT,
    )
    for purpose in PURPOSES
    for view in (*_views(purpose), f"excluded_{purpose}")
}


def create_views(connection: duckdb.DuckDBPyConnection, purpose: str, wanted: Set[str]) -> None:
    """Create the views of `purpose`, computed only once, and the wanted others."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE eligible AS {_ELIGIBLE.format(purpose=purpose)}"
    )
    for name in PURPOSES:
        rows = "eligible" if name == purpose else f"({_ELIGIBLE.format(purpose=name)})"
        queries = {
            view: f"SELECT DISTINCT registrant_id FROM {rows} WHERE {condition}"
            for view, condition in _views(name).items()
        }
        queries[f"excluded_{name}"] = f"""SELECT DISTINCT registrant_id
            FROM admission
            WHERE purpose = '{name}' AND effect = 'out' AND code <> 'ADM-AGE-UNKNOWN'"""
        for view in queries if name == purpose else queries.keys() & wanted:
            connection.execute(VIEWS[view].create_view(queries[view]))
