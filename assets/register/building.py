"""The register as a whole: from everything staged to its tables, in one pass, put in place together.

Built anew each time from what is staged, so that a run on the same deliveries, policy and day gives the same content
whatever happened before. The tables are written beside the old ones and put in place at the end; the note of what they
were built from comes last, so a run that was killed is repeated. Whether a build counts, its checks decide (`state`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date

import duckdb

from assets.ingest import deliveries
from assets.register import (
    aggregates,
    build_state,
    choices,
    contradictions,
    corrections,
    eligibility,
    expired_registrants,
    forecast_counts,
    identity_events,
    information_duty,
    interests,
    kept_ids,
    membership,
    pair_cache,
    protected_identity,
    relationships,
    review,
    source_statements,
    statutory_segregation,
    survivorship,
)
from assets.storage.atomic_files import writing
from assets.storage.data_root import Answer, Home, copy_parquet
from assets.storage.quoting import parquet
from schemas import register as tables
from schemas.columns import TableModel, arrow_schema, duckdb_columns, duckdb_types, table_name
from schemas.marts import MARTS

FORECAST = "forecast.json"


@dataclass
class Built:
    """Counts of one build, for metadata and the closing table."""

    rows: dict[str, int] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)
    links: dict[str, object] = field(default_factory=dict)
    conflicts: dict[str, list[int]] = field(default_factory=dict)
    held_back: int = 0
    admission: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, name: str, step: Callable[[], Answer]) -> Answer:
        """Take a step, and add its time to `seconds`."""
        started = time.monotonic()
        answer = step()
        self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - started, 3)
        return answer


HISTORIES: dict[str, type[TableModel]] = {
    "held_names": tables.NameHistory,
    "held_addresses": tables.AddressHistory,
    "held_contact_points": tables.ContactPointHistory,
    "held_choices": tables.Choices,
    "held_choice_log": tables.ChoiceLog,
}
RELATIONSHIPS: dict[str, type[TableModel]] = {
    "contracts": tables.RegistrantContracts,
    "orders": tables.RegistrantOrders,
    "visits": tables.RegistrantVisits,
    "interests": tables.RegistrantInterests,
    "credit_reports": tables.RegistrantCreditReports,
    "credit_marks": tables.RegistrantCreditMarks,
    "corrections": tables.Rectified,
}
_ALL: list[type[TableModel]] = [
    tables.Membership,
    tables.Registrants,
    tables.Provenance,
    *HISTORIES.values(),
    *RELATIONSHIPS.values(),
    tables.KnownBy,
    tables.SegregatedOrders,
    tables.SegregatedConsents,
    tables.VisitsPerMonth,
    tables.ExpiredRegistrants,
    tables.Expired,
    tables.Contradictions,
    tables.Eligibility,
]
TABLES = {table_name(model): model for model in _ALL}


def build(home: Home, today: date) -> Built:
    """Build every table of the register as of `today`. Cost grows with everything staged; memory is DuckDB's bound."""
    built = Built()
    with home.connect() as connection:
        resolve(home, connection, today, built)
        built.timed("relationships", lambda: relationships.gather(connection))
        built.timed("segregation", lambda: statutory_segregation.set_apart(connection, home.policy))
        built.timed("aggregates", lambda: aggregates.gather(home, connection, today))
        built.timed("golden", lambda: survivorship.pick(connection, home.policy))
        built.timed("golden", lambda: protected_identity.name_first_delivery(connection))
        built.timed(
            "rectification", lambda: corrections.overlay(home, connection, home.policy, today)
        )
        rows = connection.execute(
            "SELECT attribute, registrants, between_sources FROM conflicts ORDER BY attribute"
        ).fetchall()
        built.conflicts = {
            attribute: [registrants, between] for attribute, registrants, between in rows
        }
        built.timed("contradictions", lambda: contradictions.gather(connection))
        built.timed("choices", lambda: choices.gather(connection, home.policy, today))
        built.timed("interests", lambda: interests.gather(connection, home.policy, today))
        built.links |= {
            "succession": identity_events.note(home, connection, today),
            "drift": pair_cache.keep(home, connection),
        }
        kept_ids.keep(home, connection)
        built.links["to_review"] = review.keep(home, connection)
        built.timed("write", lambda: _write(home, connection, built))
        foreseen = built.timed("forecast", lambda: forecast_counts.foresee(home, connection, today))
        built.held_back = _count(connection, "SELECT count(*) FROM held_back")
    built.timed("admission", lambda: admit(home, today, built))
    with writing(home.lake / "register" / FORECAST) as unfinished:
        unfinished.write_text(
            json.dumps({"as_of": str(today), "due": [asdict(one) for one in foreseen]})
        )
    build_state.note_built(home, inputs=inputs(home, today), as_of=str(today), counts=asdict(built))
    return built


def admit(home: Home, today: date, built: Built) -> None:
    """Decide from the tables just written whom each purpose admits."""
    model = tables.Eligibility
    with home.connect() as connection:
        for table, read in TABLES.items():
            if read is not model:
                read_register(home, connection, table, read)
        eligibility.evaluate(connection, home.policy, today)
        _put(home, connection, built, model, "SELECT * FROM admission")
        built.admission = dict(
            connection.execute(
                "SELECT code, count(DISTINCT registrant_id) FROM admission GROUP BY code ORDER BY code"
            ).fetchall()
        )


def read_register(
    home: Home, connection: duckdb.DuckDBPyConnection, table: str, model: type[TableModel]
) -> None:
    """The register's table as a view of its name; an empty table where there is no file."""
    path = home.register(table)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {parquet(path)}"
        if path.exists()
        else f"CREATE OR REPLACE TEMP TABLE {table} ({duckdb_columns(model)})"
    )


def resolve(
    home: Home, connection: duckdb.DuckDBPyConnection, today: date, built: Built | None = None
) -> Built:
    """Gather what was said, and link it again until nobody's time is over: what is left is what the sweep will leave.

    Each round makes only what decides who leaves. Who has left is taken out of the tables that were made before the first.
    """
    built = built or Built()
    built.timed("facts", lambda: source_statements.gather(home, connection, today))
    built.timed("source persons", lambda: membership.source_persons(home, connection, today))
    built.timed("people", lambda: membership.people(connection))
    linkage = built.timed("linkage", lambda: membership.prepare(home, connection))
    contradictions.prepare(connection)
    leaving = True
    while leaving:
        built.timed("linkage", lambda: membership.resolve(connection, linkage))
        built.timed("relationships", lambda: relationships.contracts(connection))
        built.timed("golden", lambda: survivorship.whole(connection))
        leaving = built.timed(
            "expiry", lambda: expired_registrants.depart(connection, home.policy, today)
        )
    built.timed("linkage", lambda: built.links.update(asdict(linkage.report())))
    built.expired = dict(
        connection.execute(
            "SELECT rule, count(*) FROM expired GROUP BY rule ORDER BY rule"
        ).fetchall()
    )
    return built


def inputs(home: Home, today: date) -> str:
    """A hash of what the register depends on: the book of deliveries, the policy, the day, and decisions about who is who."""
    book = json.dumps([asdict(entry) for entry in deliveries.book(home)], sort_keys=True)
    return hashlib.sha256(
        f"{book}{home.policy.fingerprint}{today}{pair_cache.fingerprint(home)}".encode()
    ).hexdigest()


def up_to_date(home: Home, today: date) -> bool:
    """Whether what is staged now, as of `today`, is built, checked, and published in every mart."""
    current = build_state.read(home).get("inputs") == inputs(home, today)
    return current and build_state.is_published(home, MARTS)


def still_up_to_date(home: Home, today: date) -> None:
    """Note that the register holds what is staged now; for the sweep, which removes only what the register has left out."""
    build_state.change(home, inputs=inputs(home, today))


def _write(home: Home, connection: duckdb.DuckDBPyConnection, built: Built) -> None:
    """Write every table."""
    for table in ("membership", "registrants", "provenance"):
        _put(home, connection, built, TABLES[table], f"SELECT * FROM {table}")
    for held, model in HISTORIES.items():
        _put(home, connection, built, model, f"SELECT * FROM {held}")
    for table, model in RELATIONSHIPS.items():
        _put(home, connection, built, model, f"SELECT * FROM held_{table}")
    _put(home, connection, built, tables.KnownBy, "SELECT * FROM held_identifiers")
    for kept in (tables.SegregatedOrders, tables.SegregatedConsents, tables.VisitsPerMonth):
        _put(home, connection, built, kept, f"SELECT * FROM {table_name(kept)}")
    _put(home, connection, built, tables.ExpiredRegistrants, "SELECT DISTINCT * FROM departed")
    _put(home, connection, built, tables.Expired, "SELECT * FROM expired")
    _put(home, connection, built, tables.Contradictions, "SELECT * FROM contradictions")
    expired_registrants.keep_cookies(home, connection)
    information_duty.forget_who_left(home, connection)
    protected_identity.note(home, connection)


def _put(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    built: Built,
    model: type[TableModel],
    rows: str,
) -> None:
    """Write one table with the model's columns and types, in an order that does not depend on how it was made."""
    types = duckdb_types(model)
    columns = ", ".join(
        f'"{name}"::{types[name]} AS "{name}"' for name in arrow_schema(model).names
    )
    built.rows[table_name(model)] = copy_parquet(
        connection, f"SELECT {columns} FROM ({rows}) ORDER BY ALL", home.register(table_name(model))
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
