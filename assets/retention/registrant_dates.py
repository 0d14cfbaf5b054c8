"""When a registrant leaves, by which rule, and which holds keep them; by the last built register.

Codes, ids and days only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.register import clocks, holds, no_purpose
from assets.register.clocks import code, due
from assets.register.expired_registrants import STARTED
from assets.register.published_tables import read_register
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.columns import table_name
from schemas.register import Eligibility, Registrants
from schemas.vocabulary import AppliesTo


@dataclass(frozen=True)
class HoldOn:
    """A hold on a registrant, by its id or that of the request; no categories: all."""

    hold: str
    ground: str
    until: date | None
    categories: tuple[str, ...]


@dataclass(frozen=True)
class RegistrantDates:
    """The rule that ends a registrant's time, from when, on which day, and the holds.

    Without a day there is a contract that has not ended.
    """

    rule: str | None
    started: date | None
    due: date | None
    holds: tuple[HoldOn, ...]


def explain(data_root: DataRoot, registrant_id: str, today: date) -> RegistrantDates:
    """Return a registrant's dates; all are empty of one that the register does not have."""
    with connect(data_root) as connection:
        for model in (Registrants, Eligibility):
            read_register(data_root, connection, table_name(model), model)
        holds.find_published(data_root, connection, today)
        clocks.published_following_accounts(data_root, connection)
        no_purpose.find(connection, data_root.policy, today)
        policy = data_root.policy
        rules: dict[AppliesTo, str] = {"customers": "has_contract", "prospects": "NOT has_contract"}
        queries = [
            f"""SELECT '{code(policy, rule)}', started, {due(policy, rule, "started")} AS due
            FROM (SELECT *, {STARTED} AS started FROM registrants
                ANTI JOIN following_accounts USING (registrant_id)
                WHERE registrant_id = $1 AND NOT has_open_contract)
            WHERE {condition}"""
            for rule, condition in rules.items()
        ]
        queries.append(
            """SELECT rule, started, due FROM without_purpose
            WHERE registrant_id = $1 AND NOT protected"""
        )
        row = connection.execute(
            f"FROM ({' UNION ALL '.join(queries)}) WHERE due IS NOT NULL ORDER BY due LIMIT 1",
            [registrant_id],
        ).fetchone()
        rule, started, ends = row or (None, None, None)
        return RegistrantDates(
            rule, started, ends, _holds(connection, registrant_id, len(policy.categories))
        )


def _holds(
    connection: duckdb.DuckDBPyConnection, registrant_id: str, categories: int
) -> tuple[HoldOn, ...]:
    rows = connection.execute(
        """SELECT hold, ground, until, list(category ORDER BY category)
        FROM registrants_on_hold WHERE registrant_id = ?
        GROUP BY ALL ORDER BY ALL""",
        [registrant_id],
    ).fetchall()
    return tuple(
        HoldOn(hold, ground, until, () if len(covered) == categories else tuple(covered))
        for hold, ground, until, covered in rows
    )
