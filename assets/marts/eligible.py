"""Whom the marts admit: views over the register's `admission`, one for each purpose and one for each of its channels.

`admitted_<purpose>(registrant_id)`: admitted on at least one channel. `admitted_<purpose>_<channel>(registrant_id)`: on that one.
"""

from __future__ import annotations

import duckdb

from schemas.eligibility import ALL, channels
from schemas.vocabulary import PURPOSES

# A rule lets in and none keeps out.
_DECIDED = """SELECT registrant_id, channel FROM admission WHERE purpose = '{purpose}'
    GROUP BY registrant_id, channel HAVING bool_or(effect = 'in') AND NOT bool_or(effect = 'out')"""


def _named(purpose: str) -> dict[str, str]:
    """View -> the condition on the channel."""
    each = {
        f"admitted_{purpose}_{channel}": f"channel = '{channel}'"
        for channel in channels(purpose)
        if (channel,) != ALL
    }
    return {f"admitted_{purpose}": "true", **each}


VIEWS = tuple(view for purpose in PURPOSES for view in _named(purpose))


def provide(connection: duckdb.DuckDBPyConnection, purpose: str) -> None:
    """Make the views of every purpose; those of `purpose` are decided once and kept, however often its queries read them."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE admitted AS {_DECIDED.format(purpose=purpose)}"
    )
    for one in PURPOSES:
        decided = "admitted" if one == purpose else f"({_DECIDED.format(purpose=one)})"
        for view, condition in _named(one).items():
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT DISTINCT registrant_id FROM {decided} WHERE {condition}"
            )
