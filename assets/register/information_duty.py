"""Information duty: who must be informed of data from others, and by when (GDPR 14).

Due is every registrant that a third party has given data of (`third_party` of the policy's
sources), within the policy's period of the day on which we first had the data. Not due, each
decided by data:

- who has been informed: `register inform` has recorded it;
- who gave us data themselves: they had the notice of Art. 13 then (14(5)(a));
- who is dead: the regulation is about the living (recital 27);
- who cannot be reached by anything in the register: neither e-mail, phone nor address (14(5)(b));
  due again as soon as there is something.

The data do not show 14(5)(c) and (d), so nobody is left out for them. `with_first_message`: the
registrant is in the direct-marketing mart, and the notice goes out with the first message at the
latest (14(3)(b)), however far off the day is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import duckdb

from assets.ingest import deliveries
from assets.sources import statement_macros
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.mart_encryption import attach
from assets.storage.parquet_files import copy_parquet, create_view
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect
from schemas.columns import categories, duckdb_columns, duckdb_types, table_name
from schemas.information_duty import Informed
from schemas.marts import MARTS
from schemas.register import KnownBy, Membership, Registrants
from schemas.staged import CANONICAL

STATES = ("overdue", "due", "informed", "gave_it_themselves", "deceased", "unreachable")
# The visitor is among the identifiers as well; these two are the largest tables by far.
_TABLES = {
    name: model for name, model in CANONICAL.items() if name not in ("visits", "visit_actions")
}

NOTICES = KeptFile(
    "lake/informed.parquet",
    "who has been informed of data from others, and when",
    "everybody with data from a third party must be informed again",
    duckdb_types(Informed),
)
INFORMED = Relation.of(Informed, Scope.COMPONENT, external=True)
INFORMING = Relation(
    name="informing",
    summary="Registrants with data from a third party, and whether they have been informed.",
    columns={
        "registrant_id": "VARCHAR",
        "obtained_on": "DATE",
        "due_on": "DATE",
        "sources": "VARCHAR[]",
        "state": "VARCHAR",
    },
    reads=("informed", "registrant_sources", "registrants"),
    scope=Scope.COMPONENT,
)
REGISTRANT_SOURCES = Relation(
    name="registrant_sources",
    summary="The sources of each registrant, and since when.",
    columns={
        "registrant_id": "VARCHAR",
        "source": "VARCHAR",
        "third_party": "BOOLEAN",
        "day": "DATE",
    },
    reads=(
        *("membership", "identifiers", "policy_sources", "delivery_sources"),
        *(f"staged_{name}" for name in _TABLES),
    ),
    scope=Scope.COMPONENT,
)
POLICY_SOURCES = Relation(
    name="policy_sources",
    summary="The sources, and whether they are a third party.",
    columns={"source": "VARCHAR", "third_party": "BOOLEAN"},
    scope=Scope.BROADCAST,
)
DELIVERIES = Relation(
    name="delivery_sources",
    summary="The source of each delivery.",
    columns={"delivery_id": "VARCHAR", "source": "VARCHAR"},
    scope=Scope.BROADCAST,
)
MARKETABLE = Relation(
    name="marketable",
    summary="Registrants in the published direct-marketing mart.",
    columns={"registrant_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)


class InformingError(PlainError):
    """A notice cannot be recorded; the message has the reason and a count."""


@dataclass(frozen=True)
class Due:
    """A registrant who must be informed: by id, with the kinds of sources of the data."""

    registrant_id: str
    obtained_on: date
    due_on: date
    sources: tuple[str, ...]
    overdue: bool
    with_first_message: bool


def record(data_root: DataRoot, registrant_ids: Iterable[str], sent: date, today: date) -> int:
    """Record that the registrants were informed on `sent`. Under the writer's lock.

    Returns:
        How many records are new.

    Raises:
        InformingError: An id is not in the register, or the day has not come. Nothing is recorded.
    """
    if sent > today:
        raise InformingError(
            f"{sent} has not come yet: record that people have been informed after it was done"
        )
    with connect(data_root) as connection:
        _read(data_root, connection)
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE informed_now AS
            SELECT DISTINCT unnest(?::VARCHAR[]) AS registrant_id""",
            [list(registrant_ids)],
        )
        unknown = count(
            connection,
            "SELECT count(*) FROM informed_now ANTI JOIN registrants USING (registrant_id)",
        )
        if unknown:
            raise InformingError(
                f"{unknown} of the ids are not in the register (any more); "
                "`register report informing` lists those that must be informed"
            )
        before = count(connection, "SELECT count(*) FROM informed")
        version = data_root.policy.version.replace("'", "")
        after = copy_parquet(
            connection,
            f"""SELECT * FROM informed
            UNION
            SELECT registrant_id, DATE '{sent}' AS informed_on, '{version}' AS policy_version
            FROM informed_now ORDER BY ALL""",
            NOTICES.place(data_root),
        )
    return after - before


def forget_removed(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Remove the records of registrants who are not in the register any more. After each build.

    They were erased, are past their time, or were merged with another registrant.
    """
    if not NOTICES.exists(data_root):
        return
    _read(data_root, connection, prefix="published_")
    present = "published_informed {} JOIN published_registrants USING (registrant_id)"
    if count(connection, f"SELECT count(*) FROM {present.format('ANTI')}"):
        copy_parquet(
            connection,
            f"SELECT published_informed.* FROM {present.format('SEMI')} ORDER BY ALL",
            NOTICES.place(data_root),
        )


def counts(data_root: DataRoot, today: date) -> dict[str, int]:
    """Return the number of registrants in each state, of those with data from a third party.

    Cost: the person keys of everything staged.
    """
    with connect(data_root) as connection:
        _decide(data_root, connection, today)
        counted = dict(
            connection.execute("SELECT state, count(*) FROM informing GROUP BY state").fetchall()
        )
    return {state: counted.get(state, 0) for state in STATES}


def due(data_root: DataRoot, today: date) -> list[Due]:
    """Return every registrant who must still be informed, the longest overdue first."""
    with connect(data_root) as connection:
        _decide(data_root, connection, today)
        _reachable_by_marketing(data_root, connection)
        rows = connection.execute(
            """SELECT registrant_id, obtained_on, due_on, sources, state = 'overdue',
                marketable.registrant_id IS NOT NULL
            FROM informing
            LEFT JOIN marketable USING (registrant_id)
            WHERE state IN ('due', 'overdue') ORDER BY due_on, registrant_id"""
        ).fetchall()
    return [Due(row[0], row[1], row[2], tuple(row[3]), row[4], row[5]) for row in rows]


def _read(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, prefix: str = "") -> None:
    """Make `registrants`, `membership`, `identifiers` and `informed`; empty without a file."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {prefix}informed AS {NOTICES.rows(data_root)}")
    for model in (Registrants, Membership, KnownBy):
        name = table_name(model)
        file = data_root.register(name)
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {prefix}{name} AS SELECT * FROM {parquet(file)}"
            if file.exists()
            else f"CREATE OR REPLACE TEMP TABLE {prefix}{name} ({duckdb_columns(model)})"
        )


def _decide(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `informing(registrant_id, obtained_on, due_on, sources, state)`: every registrant with
    data from a third party."""
    statement_macros.create(connection)
    _read(data_root, connection)
    _sources_of_registrants(data_root, connection)
    period = data_root.policy.article_14.informed_within
    connection.execute(
        f"""{INFORMING.create} AS
        WITH third AS (
            SELECT registrant_id, min(day) AS obtained_on,
                list(DISTINCT source ORDER BY source) AS sources
            FROM registrant_sources WHERE third_party GROUP BY registrant_id),
        own AS (
            SELECT DISTINCT registrant_id FROM registrant_sources WHERE NOT third_party),
        sent AS (SELECT DISTINCT registrant_id FROM informed)
        SELECT third.registrant_id AS registrant_id, obtained_on,
            (obtained_on + INTERVAL {period.count} {period.unit})::DATE AS due_on, sources,
            CASE WHEN sent.registrant_id IS NOT NULL THEN 'informed'
                WHEN own.registrant_id IS NOT NULL THEN 'gave_it_themselves'
                WHEN registrants.deceased THEN 'deceased'
                WHEN registrants.email IS NULL AND registrants.phone IS NULL
                    AND registrants.street IS NULL THEN 'unreachable'
                WHEN due_on < DATE '{today}' THEN 'overdue'
                ELSE 'due' END AS state
        FROM third
        JOIN registrants USING (registrant_id)
        LEFT JOIN own USING (registrant_id)
        LEFT JOIN sent USING (registrant_id)"""
    )


def _sources_of_registrants(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registrant_sources(registrant_id, source, third_party, day)`.

    The day is that of the earliest statement that is still staged, or of the first record that the
    register keeps of the registrant.
    """
    _sources(data_root, connection)
    for name, model in _TABLES.items():
        if "person_key" in categories(model):
            files = data_root.files("staged", name=f"*/{name}")
            create_view(data_root, connection, f"staged_{name}", model, files)
    staged = " UNION ALL ".join(
        f"SELECT person_key, source, day FROM staged_{name}" for name in _TABLES
    )
    connection.execute(
        f"""{REGISTRANT_SOURCES.create} AS
        WITH known AS (
            SELECT person_key, registrant_id FROM membership
            UNION ALL
            SELECT former.* FROM (
                SELECT person_key(type, value) AS person_key,
                    min(registrant_id) AS registrant_id
                FROM identifiers WHERE type <> 'business_id'
                GROUP BY ALL HAVING count(DISTINCT registrant_id) = 1) AS former
            ANTI JOIN membership USING (person_key)),
        first AS (
            SELECT registrant_id, delivery_sources.source AS source,
                string_split(first_seen, '/')[1]::DATE AS day
            FROM membership
            JOIN delivery_sources ON delivery_id = string_split(first_seen, '/')[-2]),
        present AS (
            SELECT registrant_id, source, min(day) AS day
            FROM ({staged}) JOIN known USING (person_key) GROUP BY registrant_id, source)
        SELECT registrant_id, source, third_party, min(day) AS day
        FROM (FROM first UNION ALL FROM present) JOIN policy_sources USING (source)
        GROUP BY ALL"""
    )


def _sources(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `policy_sources(source, third_party)` and `delivery_sources(delivery_id, source)`."""
    connection.execute(POLICY_SOURCES.create_empty())
    connection.executemany(
        "INSERT INTO policy_sources VALUES (?, ?)",
        [(name, source.third_party) for name, source in data_root.policy.sources.items()],
    )
    ledger = deliveries.ledger(data_root)
    connection.execute(
        f"""{DELIVERIES.create} AS
        SELECT DISTINCT unnest($1::VARCHAR[]) AS delivery_id, unnest($2::VARCHAR[]) AS source""",
        [[entry.delivery_id for entry in ledger], [entry.source for entry in ledger]],
    )


def _reachable_by_marketing(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `marketable(registrant_id)`: the registrants of the published direct-marketing mart."""
    connection.execute(MARKETABLE.create_empty())
    mart = data_root.marts / "direct_marketing.duckdb"
    if not mart.exists():
        return
    attach(data_root, connection, mart, "mart")
    for model in MARTS["direct_marketing"]:
        if "registrant_id" in categories(model):
            connection.execute(
                f"""INSERT INTO marketable
                SELECT registrant_id
                FROM mart.{table_name(model)} ANTI JOIN marketable USING (registrant_id)"""
            )
    connection.execute("DETACH mart")
