"""Building the register: from everything staged to its tables, in one run, put in place as one.

Each build starts from what is staged, so that a run on the same deliveries, policy and day gives
the same content whatever happened before. The tables are written beside the old ones and put in
place at the end; the record of what they were built from comes last, so a run that was killed is
repeated. Whether a build counts, its checks decide (`build_state`). The relations that it makes,
and what each of them reads, are in `relations`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from assets.ingest import deliveries
from assets.register import (
    aggregates,
    build_state,
    choices,
    companies,
    components,
    contradictions,
    corrections,
    eligibility,
    expired_registrants,
    forecast_counts,
    holds,
    identity_events,
    incremental,
    information_duty,
    interests,
    kept_ids,
    lasting_refusals,
    membership,
    next_changes,
    pair_cache,
    post_towns,
    protected_identity,
    registrant_state,
    relationships,
    review,
    source_statements,
    statutory_segregation,
    survivorship,
    visit_consents,
)
from assets.register.entity_resolution import Linkage
from assets.staging import staged_files
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.recorded_files import writing
from assets.storage.sessions import Result, connect
from schemas import companies as company_tables
from schemas import register as tables
from schemas import retention
from schemas.activities import ACTIVITIES
from schemas.columns import TableModel, arrow_schema, duckdb_types, table_name
from schemas.marts import MARTS
from schemas.policy.model import Policy

FORECAST = "forecast.json"


@dataclass
class Built:
    """Counts of one build, for metadata and the closing table."""

    rows: dict[str, int] = field(default_factory=dict)
    expired: dict[str, int] = field(default_factory=dict)
    links: dict[str, object] = field(default_factory=dict)
    conflicts: dict[str, list[int]] = field(default_factory=dict)
    delayed_changes: int = 0
    eligible: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    incremental: bool = False
    touched_records: int = 0
    missed: dict[str, int] = field(default_factory=dict)

    def timed(self, name: str, step: Callable[[], Result]) -> Result:
        """Run a step, and add its time to `seconds`."""
        started = time.monotonic()
        answer = step()
        self.seconds[name] = round(self.seconds.get(name, 0) + time.monotonic() - started, 3)
        return answer


class _TouchedMoreError(Exception):
    """Linkage has changed components that were not touched; the linkage still holds, if given."""

    def __init__(self, linkage: Linkage | None) -> None:
        super().__init__()
        self.linkage = linkage


WRITTEN: dict[str, type[TableModel]] = {
    "membership": tables.Membership,
    "golden_records": tables.Registrants,
    "provenance": tables.Provenance,
    "name_history": tables.NameHistory,
    "address_history": tables.AddressHistory,
    "contact_point_history": tables.ContactPointHistory,
    "registrant_choices": tables.Choices,
    "registrant_choice_log": tables.ChoiceLog,
    "registrant_contracts": tables.RegistrantContracts,
    "registrant_orders": tables.RegistrantOrders,
    "consented_visits": tables.RegistrantVisits,
    "registrant_interests": tables.RegistrantInterests,
    "registrant_credit_reports": tables.RegistrantCreditReports,
    "registrant_credit_marks": tables.RegistrantCreditMarks,
    "registered_companies": company_tables.RegisteredCompanies,
    "registered_company_names": company_tables.RegisteredCompanyNames,
    "registrant_companies": company_tables.RegistrantCompanies,
    **{f"registrant_{activity.table}": activity.published for activity in ACTIVITIES},
    "registrant_corrections": tables.Rectified,
    "registrant_identifiers": tables.KnownBy,
    "segregated_orders": retention.SegregatedOrders,
    "segregated_consents": retention.SegregatedConsents,
    "visits_per_month": retention.VisitsPerMonth,
    "event_attendance": retention.EventAttendance,
    "departed": retention.ExpiredRegistrants,
    "expired": retention.Expired,
    "contradictions": tables.Contradictions,
}
"""Relation of the build -> the table of the register that is written from it."""
TABLES: dict[str, type[TableModel]] = {
    **{table_name(model): model for model in WRITTEN.values()},
    table_name(tables.Eligibility): tables.Eligibility,
}


def build(data_root: DataRoot, today: date) -> Built:
    """Build every table of the register as of `today`.

    Cost grows with everything staged; memory is DuckDB's bound.

    Raises:
        DamagedFileError: A staged file is missing, or its size is not the recorded one.
    """
    built = Built()
    staged_files.check(data_root)
    with connect(data_root) as connection:
        resolve(data_root, connection, today, built, incrementally=components.is_enabled())
        full_on = incremental.full_on(data_root) if built.incremental else today
        built.timed("components", lambda: _find_components(data_root, connection, built, today))
        built.timed("aggregates", lambda: aggregates.gather(data_root, connection, today))
        built.conflicts = {attribute: [0, 0] for attribute in sorted(survivorship.PICKS)} | {
            attribute: [registrants, between]
            for attribute, registrants, between in connection.execute(
                """SELECT attribute, count(*), count(*) FILTER (between_sources)
                FROM conflicts GROUP BY attribute"""
            ).fetchall()
        }
        built.links |= {
            "succession": identity_events.write_events(data_root, connection, today),
            "drift": pair_cache.write(data_root, connection),
            "to_review": review.write_grey_pairs(data_root, connection),
        }
        kept_ids.write(data_root, connection)
        forecast = built.timed(
            "forecast", lambda: forecast_counts.forecast(data_root, connection, today)
        )
        incremental.forget(data_root)
        built.timed("write", lambda: _write(data_root, connection, built, today))
        built.delayed_changes = count(connection, "SELECT count(*) FROM delayed_changes")
    with writing(data_root.lake / "register" / FORECAST) as unfinished:
        unfinished.write_text(json.dumps({"as_of": str(today), **asdict(forecast)}))
    build_state.note_built(
        data_root, inputs=inputs(data_root, today), as_of=str(today), counts=asdict(built)
    )
    if components.is_enabled() and not built.missed:
        incremental.note(data_root, today, full_on)
    return built


def _find_components(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, built: Built, today: date
) -> None:
    """Make the components of what was resolved, for the next build, and put what was kept of the
    others behind the rest."""
    if not components.is_enabled():
        return
    if not built.incremental:
        components.tie_records(connection)
    components.find(connection)
    next_changes.find(connection, data_root.policy, today)
    if built.incremental:
        built.touched_records = count(connection, "SELECT count(*) FROM touched_records")
        built.missed = incremental.complete(data_root, connection, _completed(data_root))
        source_statements.make_staged(data_root, connection)


def _completed(data_root: DataRoot) -> dict[str, tuple[Path, tuple[str, ...]]]:
    """Relation -> file and columns of each table that has rows of components."""
    models: dict[str, type[TableModel]] = {**WRITTEN, "admission": tables.Eligibility}
    return {
        relation: (data_root.register(table_name(model)), tuple(duckdb_types(model)))
        for relation, model in models.items()
        if relation in incremental.OF_NOBODY or "registrant_id" in duckdb_types(model)
    }


def table_files(data_root: DataRoot) -> list[Path]:
    """Return the register's files that an incremental build goes on from."""
    return [path for path, _ in _completed(data_root).values()]


def _gather(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date, built: Built
) -> None:
    """Make everything that is written, of the resolved registrants."""
    policy = data_root.policy
    built.timed("relationships", lambda: relationships.gather(connection))
    built.timed("relationships", lambda: companies.gather(connection))
    built.timed("segregation", lambda: statutory_segregation.set_apart(connection, policy))
    built.timed("survivorship", lambda: survivorship.pick(connection, policy))
    built.timed("survivorship", lambda: post_towns.complete(connection))
    built.timed("survivorship", lambda: protected_identity.name_first_delivery(connection))
    built.timed("rectification", lambda: corrections.overlay(data_root, connection, policy, today))
    built.timed("contradictions", lambda: contradictions.gather(connection))
    built.timed("choices", lambda: choices.gather(connection, policy, today))
    built.timed("choices", lambda: visit_consents.gather(connection, policy, today))
    built.timed("interests", lambda: interests.gather(connection, policy, today))


def _evaluate(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `admission`: who is eligible for each purpose, by the relations that will be written."""
    for relation, model in WRITTEN.items():
        if table_name(model) in eligibility.READ - {relation}:
            columns = ", ".join(f'"{name}"' for name in duckdb_types(model))
            distinct = "DISTINCT" if relation in _WITH_REPETITIONS else ""
            connection.execute(
                f"CREATE OR REPLACE TEMP VIEW {table_name(model)} AS "
                f"SELECT {distinct} {columns} FROM {relation}"
            )
    eligibility.evaluate(connection, policy, today)


def resolve(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    today: date,
    built: Built | None = None,
    *,
    incrementally: bool = False,
) -> Built:
    """Gather statements, link in rounds until no registrant has expired, and gather what is left.

    `incrementally`: of the touched components only, if there can be such a build.

    What is left is what the sweep will leave. Each round makes only what decides who leaves; those
    who have left are taken out of the relations that were made before the first round. Where
    linkage ties somebody new to a person under a hold, everything is gathered again, as what the
    hold covers must not be left out by its own time.
    """
    built = built or Built()
    source_statements.make_staged(data_root, connection)
    holds.load(data_root, connection, today)
    files = table_files(data_root)
    built.incremental = incrementally and built.timed(
        "components", lambda: incremental.begin(data_root, connection, files, today)
    )
    linkage = None
    some_left = True
    while some_left:
        try:
            _resolve_once(data_root, connection, today, built, linkage)
            some_left, linkage = holds.widen(connection), None
        except _TouchedMoreError as error:
            linkage = error.linkage
            source_statements.make_staged(data_root, connection)
            built.timed("components", lambda: incremental.touch_more(data_root, connection, today))
    built.expired = dict(
        connection.execute(
            "SELECT rule, count(*) FROM expired GROUP BY rule ORDER BY rule"
        ).fetchall()
    )
    return built


def _resolve_once(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    today: date,
    built: Built,
    linked: Linkage | None,
) -> None:
    """Resolve what is staged.

    Raises:
        _TouchedMoreError: In an incremental build, more components are touched.
    """
    built.timed(
        "facts",
        lambda: source_statements.gather(
            data_root, connection, today, only_touched=built.incremental
        ),
    )
    built.timed(
        "source persons", lambda: membership.make_source_persons(data_root, connection, today)
    )
    built.timed("people", lambda: membership.make_people(connection))
    if built.incremental:
        components.tie_records(connection)
        built.timed("people", lambda: incremental.add_people(data_root, connection))
    linkage = linked or built.timed("linkage", lambda: membership.prepare(data_root, connection))
    some_left = True
    while some_left:
        _link(data_root, connection, linkage, today, built, is_linked=linked is not None)
        linked = None
        _gather(data_root, connection, today, built)
        built.timed("eligibility", lambda: _evaluate(connection, data_root.policy, today))
        some_left = built.timed(
            "expiry",
            lambda: expired_registrants.remove_purposeless(connection, data_root.policy, today),
        )
    built.timed("linkage", lambda: built.links.update(asdict(linkage.report())))


def _link(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    linkage: Linkage,
    today: date,
    built: Built,
    *,
    is_linked: bool,
) -> None:
    """Link in rounds until no registrant's time is over; `is_linked`: the first round is done."""
    everybody = not count(connection, "SELECT count(*) FROM excluded_persons WHERE NOT by_cookie")
    some_left = True
    while some_left:
        if not is_linked:
            built.timed("linkage", linkage.link)
        built.timed("linkage", lambda: membership.resolve(connection))
        if built.incremental and incremental.have_others_changed(
            connection, data_root.register("membership")
        ):
            # While nobody has been removed, the same people are linked again.
            raise _TouchedMoreError(linkage if everybody else None)
        built.timed("relationships", lambda: relationships.gather_contracts(connection))
        built.timed("survivorship", lambda: registrant_state.gather(connection))
        some_left = built.timed(
            "expiry",
            lambda: expired_registrants.remove_expired(connection, data_root.policy, today),
        )
        is_linked = everybody = False


def inputs(data_root: DataRoot, today: date) -> str:
    """Return a hash of what the register depends on.

    The delivery ledger, the policy, the day, decisions about pairs, and the holds in force.
    """
    ledger = json.dumps([asdict(entry) for entry in deliveries.ledger(data_root)], sort_keys=True)
    return hashlib.sha256(
        f"{ledger}{data_root.policy.fingerprint}{today}{pair_cache.fingerprint(data_root)}"
        f"{holds.fingerprint(data_root, today)}".encode()
    ).hexdigest()


def up_to_date(data_root: DataRoot, today: date) -> bool:
    """Whether what is staged now, as of `today`, is built, checked, and published in every mart."""
    current = build_state.read(data_root).get("inputs") == inputs(data_root, today)
    return current and build_state.is_published(data_root, MARTS)


def still_up_to_date(data_root: DataRoot, today: date) -> None:
    """Record that the register is built of what is staged now.

    For the sweep, which removes only what the register has left out.
    """
    build_state.change(data_root, inputs=inputs(data_root, today))
    incremental.note_swept(data_root, table_files(data_root))


def _write(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, built: Built, today: date
) -> None:
    """Write every table, and what the next build goes on from."""
    for relation, model in WRITTEN.items():
        distinct = "DISTINCT" if relation in _WITH_REPETITIONS else ""
        _put(data_root, connection, built, model, f"SELECT {distinct} * FROM {relation}")
    _put(data_root, connection, built, tables.Eligibility, "SELECT * FROM admission")
    built.eligible = dict(
        connection.execute(
            """SELECT code, count(DISTINCT registrant_id)
            FROM admission GROUP BY code ORDER BY code"""
        ).fetchall()
    )
    if components.is_enabled():
        incremental.write(data_root, connection, today)
    lasting_refusals.write(data_root, connection)
    expired_registrants.write_expired_cookies(data_root, connection)
    information_duty.forget_removed(data_root, connection)
    protected_identity.write_withheld(data_root, connection)


# Corrections can make two names the same; several registrants can have had an identifier.
_WITH_REPETITIONS = ("name_history", "departed")


def _put(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    built: Built,
    model: type[TableModel],
    rows: str,
) -> None:
    """Write one table with the model's columns and types, ordered by all of them."""
    types = duckdb_types(model)
    columns = ", ".join(
        f'"{name}"::{types[name]} AS "{name}"' for name in arrow_schema(model).names
    )
    built.rows[table_name(model)] = copy_parquet(
        connection,
        f"SELECT {columns} FROM ({rows}) ORDER BY ALL",
        data_root.register(table_name(model)),
    )
