"""Who must be told that we have their data from others, by when, and who has been (GDPR 14).

Due is a registrant of whom a third party has told us (`third_party` of the policy's sources), within the policy's period of the
day on which we first had the data. Not due, each decided by data:

- who has been told: `register inform` has recorded it;
- who gave us data themselves: they had the notice of Art. 13 then (14(5)(a));
- who is dead: the regulation is about the living (recital 27);
- whom nothing in the register can reach: neither e-mail, phone nor address (14(5)(b)); due again as soon as something can.

Of 14(5)(c) and (d) the data say nothing, so nobody is left out for them. `with_first_message` says that the registrant is in the
direct-marketing mart: the notice goes out with the first message at the latest (14(3)(b)), however far off the day is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from assets.ingest import deliveries
from assets.sources.source import STATEMENT_MACROS
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import literal, parquet
from assets.storage.safe_errors import PlainError
from schemas.columns import categories, duckdb_columns, table_name
from schemas.information_duty import Informed
from schemas.marts import MARTS
from schemas.register import KnownBy, Membership, Registrants
from schemas.staged import CANONICAL

STATES = ("overdue", "due", "informed", "gave_it_themselves", "deceased", "unreachable")
# Who made a visit is among the identifiers as well; these two are the largest tables by far.
_TABLES = {
    name: model for name, model in CANONICAL.items() if name not in ("visits", "visit_actions")
}


class InformingError(PlainError):
    """What was to be recorded cannot be; says why, by count."""


@dataclass(frozen=True)
class Due:
    """One registrant who must be told: by id, with the kinds of sources that told us, and nothing else."""

    registrant_id: str
    obtained_on: date
    due_on: date
    sources: tuple[str, ...]
    overdue: bool
    with_first_message: bool


def path(home: Home) -> Path:
    """Where the record lies."""
    return home.lake / "informed.parquet"


def record(home: Home, registrant_ids: Iterable[str], sent: date, today: date) -> int:
    """Note that the registrants were told on `sent`; answers how many notes are new. Under the writer's lock.

    Raises InformingError, and notes nothing, for an id that is not in the register and for a day that has not come.
    """
    if sent > today:
        raise InformingError(
            f"{sent} has not come yet: record that people have been informed after it was done"
        )
    with home.connect() as connection:
        _read(home, connection)
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE given AS SELECT DISTINCT unnest(?::VARCHAR[]) AS registrant_id",
            [list(registrant_ids)],
        )
        unknown = _count(
            connection, "SELECT count(*) FROM given ANTI JOIN registrants USING (registrant_id)"
        )
        if unknown:
            raise InformingError(
                f"{unknown} of the ids are not in the register (any more); `register report informing` lists those that must be informed"
            )
        before = _count(connection, "SELECT count(*) FROM informed")
        after = copy_parquet(
            connection,
            f"""SELECT * FROM informed
            UNION SELECT registrant_id, DATE '{sent}' AS informed_on, '{home.policy.version.replace("'", "")}' AS policy_version
            FROM given ORDER BY ALL""",
            path(home),
        )
    return after - before


def forget_who_left(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Take out whoever is in the register no more: erased, past their time, or one with somebody else. After each build."""
    if not path(home).exists():
        return
    _read(home, connection, prefix="kept_")
    gone = _count(
        connection,
        "SELECT count(*) FROM kept_informed ANTI JOIN kept_registrants USING (registrant_id)",
    )
    if gone:
        copy_parquet(
            connection,
            "SELECT kept_informed.* FROM kept_informed SEMI JOIN kept_registrants USING (registrant_id) ORDER BY ALL",
            path(home),
        )


def counts(home: Home, today: date) -> dict[str, int]:
    """State -> registrants in it, of all those of whom a third party has told us. Cost: the person keys of everything staged."""
    with home.connect() as connection:
        _decide(home, connection, today)
        found = dict(
            connection.execute("SELECT state, count(*) FROM informing GROUP BY state").fetchall()
        )
    return {state: found.get(state, 0) for state in STATES}


def due(home: Home, today: date) -> list[Due]:
    """Everyone who must still be told, the longest overdue first."""
    with home.connect() as connection:
        _decide(home, connection, today)
        _reachable_by_marketing(home, connection)
        rows = connection.execute(
            """SELECT registrant_id, obtained_on, due_on, sources, state = 'overdue', reached.registrant_id IS NOT NULL
            FROM informing LEFT JOIN reached USING (registrant_id) WHERE state IN ('due', 'overdue') ORDER BY due_on, registrant_id"""
        ).fetchall()
    return [Due(one[0], one[1], one[2], tuple(one[3]), *one[4:]) for one in rows]


def _read(home: Home, connection: duckdb.DuckDBPyConnection, prefix: str = "") -> None:
    """Make `registrants`, `membership`, `identifiers` and `informed`; each is empty while its file is not there."""
    for model in (Registrants, Membership, KnownBy, Informed):
        name = table_name(model)
        file = path(home) if model is Informed else home.register(name)
        rows = (
            f"AS SELECT * FROM {parquet(file)}" if file.exists() else f"({duckdb_columns(model)})"
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP {'VIEW' if file.exists() else 'TABLE'} {prefix}{name} {rows}"
        )


def _decide(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `informing(registrant_id, obtained_on, due_on, sources, state)`: everyone of whom a third party has told us."""
    connection.execute(STATEMENT_MACROS)
    _read(home, connection)
    _told(home, connection)
    period = home.policy.article_14.informed_within
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE informing AS
        WITH third AS (
            SELECT registrant_id, min(day) AS obtained_on, list(DISTINCT source ORDER BY source) AS sources FROM told WHERE third_party GROUP BY registrant_id),
        own AS (SELECT DISTINCT registrant_id FROM told WHERE NOT third_party),
        sent AS (SELECT DISTINCT registrant_id FROM informed)
        SELECT third.registrant_id AS registrant_id, obtained_on, (obtained_on + INTERVAL {period.count} {period.unit})::DATE AS due_on, sources,
            CASE WHEN sent.registrant_id IS NOT NULL THEN 'informed'
                WHEN own.registrant_id IS NOT NULL THEN 'gave_it_themselves'
                WHEN one.deceased THEN 'deceased'
                WHEN one.email IS NULL AND one.phone IS NULL AND one.street IS NULL THEN 'unreachable'
                WHEN due_on < DATE '{today}' THEN 'overdue' ELSE 'due' END AS state
        FROM third JOIN registrants AS one USING (registrant_id)
            LEFT JOIN own USING (registrant_id) LEFT JOIN sent USING (registrant_id)"""
    )


def _told(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `told(registrant_id, source, third_party, day)`: which source spoke of whom, and the first day that we know of.

    The day is that of the earliest statement that is still staged, or of the first one that the register remembers.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE sources (source VARCHAR, third_party BOOLEAN)")
    connection.executemany(
        "INSERT INTO sources VALUES (?, ?)",
        [(name, one.third_party) for name, one in home.policy.sources.items()],
    )
    book = [(entry.delivery_id, entry.source) for entry in deliveries.book(home)]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE delivered AS SELECT DISTINCT unnest($1::VARCHAR[]) AS delivery_id, unnest($2::VARCHAR[]) AS source",
        [[one for one, _ in book], [source for _, source in book]],
    )
    for name, model in _TABLES.items():
        if "person_key" in categories(model):
            home.view(connection, f"spoken_{name}", model, home.files("staged", name=f"*/{name}"))
    spoken = " UNION ALL ".join(
        f"SELECT person_key, source, day FROM spoken_{name}" for name in _TABLES
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE told AS
        WITH known AS (
            SELECT person_key, registrant_id FROM membership
            UNION ALL
            SELECT former.* FROM (
                SELECT person_key(type, value) AS person_key, min(registrant_id) AS registrant_id FROM identifiers WHERE type <> 'business_id'
                GROUP BY ALL HAVING count(DISTINCT registrant_id) = 1) AS former
            ANTI JOIN membership USING (person_key)),
        first AS (
            SELECT registrant_id, delivered.source AS source, string_split(first_seen, '/')[1]::DATE AS day
            FROM membership JOIN delivered ON delivered.delivery_id = string_split(first_seen, '/')[-2]),
        still AS (
            SELECT registrant_id, source, min(day) AS day FROM ({spoken}) JOIN known USING (person_key) GROUP BY registrant_id, source)
        SELECT registrant_id, source, third_party, min(day) AS day FROM (FROM first UNION ALL FROM still) JOIN sources USING (source)
        GROUP BY ALL"""
    )


def _reachable_by_marketing(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `reached(registrant_id)`: whom the published direct-marketing mart may reach; nobody while there is none."""
    connection.execute("CREATE OR REPLACE TEMP TABLE reached (registrant_id VARCHAR)")
    mart = home.marts / "direct_marketing.duckdb"
    if not mart.exists():
        return
    connection.execute(f"ATTACH {literal(mart)} AS mart (READ_ONLY)")
    for model in MARTS["direct_marketing"]:
        if "registrant_id" in categories(model):
            connection.execute(
                f"INSERT INTO reached SELECT registrant_id FROM mart.{table_name(model)} ANTI JOIN reached USING (registrant_id)"
            )
    connection.execute("DETACH mart")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
