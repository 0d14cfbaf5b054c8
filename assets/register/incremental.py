"""Incremental builds: the components that something new concerns are made again, the rest is kept.

The statements of a build are the same; they read the staged rows of touched components only. People
are linked all together, as the frequency of a value and the size of a block are those of the whole
register; what a component outside was last linked from is kept beside the register:

    lake/incremental/<relation>.parquet   what the next build goes on from
    lake/incremental/state.json           what that was built of; removed while tables are written

Touched are the components of new records, of whatever shares a value with them, of those that time
changes by today (`next_changes`), and of persons on hold; and what linkage then ties to them or
unties. A sample that changes every day is made again as well, and compared with what was kept.
Everything is made again (`begin`) where something else has changed: the policy, the code, a
decision about a pair, an erasure, a record that is not new, reference data; and once a week.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from assets.ingest import deliveries, suppression
from assets.register import (
    entity_resolution,
    expired_registrants,
    kept_ids,
    next_changes,
    no_purpose,
    pair_cache,
    protected_identity,
    statutory_segregation,
    survivorship,
)
from assets.register.components import EVERY_TIE, POSTAL, RECORD, REFERENCE
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from schemas.staged import CANONICAL

FULL_EVERY = 7
"""Days after which everything is made again whatever has changed."""
MOST_TOUCHED = 0.5
"""Share of the records beyond which everything is made again."""
BUCKETS = 64
"""Each build makes one of so many parts of all components again, whether or not it must."""
STATE = "state.json"
PEOPLE = (entity_resolution.PEOPLE, entity_resolution.PERSON_IDENTIFIERS)
KEPT: tuple[Relation, ...] = (
    *PEOPLE,
    expired_registrants.REGISTRANT_CLOCKS,
    no_purpose.WITHOUT_PURPOSE,
    survivorship.CONFLICTS,
    statutory_segregation.PROVABLE_CONSENTS,
    next_changes.NEXT_CHANGES,
)
"""What a build leaves for the next one, beside the tables of the register."""
# Where a row of the register can be of nobody, what names it in the staged table.
OF_NOBODY = {
    "consented_visits": ("visits", "visit"),
    "registrant_contracts": ("contracts", "contract_number"),
    "registrant_credit_reports": ("credit_reports", "business_id"),
    "registrant_credit_marks": ("credit_marks", "business_id"),
    "segregated_orders": ("orders", "order_number"),
}
_STAGED = (*CANONICAL, "records")

NEW_RECORDS = Relation(
    name="new_records",
    summary="The records of deliveries that the last build did not have.",
    columns={"record": "UBIGINT"},
    reads=("staged_records",),
    scope=Scope.RECORD,
)
CHANGED_TIES = Relation(
    name="changed_ties",
    summary="What ties records to new ones, to persons on hold, and to persons linked otherwise.",
    columns={"tie": "UBIGINT"},
    reads=("new_records", "persons_on_hold"),
    amended_from=("clusters",),
    scope=Scope.COMPONENT,
    external=True,
)
TOUCHED_RECORDS = Relation(
    name="touched_records",
    summary="The records that an incremental build reads: components that changed, whole, and a "
    "sample of the others.",
    columns={"record": "UBIGINT", "sampled": "BOOLEAN"},
    reads=("changed_ties", "new_records"),
    scope=Scope.COMPONENT,
    external=True,
)
TOUCHED_REGISTRANTS = Relation(
    name="touched_registrants",
    summary="The registrants of touched components, in the last build and in this one.",
    columns={"registrant_id": "VARCHAR"},
    reads=("record_ties", "membership"),
    scope=Scope.COMPONENT,
    external=True,
)


def folder(data_root: DataRoot) -> Path:
    """Return where what the next build goes on from is kept."""
    return data_root.lake / "incremental"


def _path(data_root: DataRoot, relation: str) -> Path:
    return folder(data_root) / f"{relation}.parquet"


def begin(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    files: Iterable[Path],
    today: date,
) -> bool:
    """Make `touched_records` of an incremental build; return whether there can be one.

    Args:
        data_root: The data root.
        connection: Has the views of everything staged, `quarantine` and `persons_on_hold`.
        files: The register's files that the build goes on from.
        today: The day of the build.
    """
    before = _state(data_root)
    deliveries_now = _deliveries(data_root)
    if not _goes_on(data_root, before, deliveries_now, files, today):
        return False
    connection.execute(
        NEW_RECORDS.create_table(
            f"""SELECT DISTINCT {RECORD} AS record FROM staged_records
            WHERE list_contains($1::VARCHAR[], delivery_id)"""
        ),
        [[name for name in deliveries_now if name not in before["deliveries"]]],
    )
    if count(
        connection,
        f"SELECT count(*) FROM ({_REFERENCE_RECORDS}) SEMI JOIN new_records USING (record)",
    ):
        return False
    connection.execute(
        CHANGED_TIES.create_table(
            f"""SELECT DISTINCT tie FROM ({EVERY_TIE}) SEMI JOIN new_records USING (record)
            UNION SELECT hash(person_key) FROM persons_on_hold"""
        )
    )
    _touch(data_root, connection, today)
    known = count(connection, f"SELECT count(*) FROM {parquet(_path(data_root, 'next_changes'))}")
    return count(connection, "SELECT count(*) FROM touched_records") <= MOST_TOUCHED * known


_REFERENCE_RECORDS = " UNION ALL ".join(
    (
        *(f"SELECT {RECORD} AS record FROM staged_{table}" for table in REFERENCE),
        f"SELECT {RECORD} AS record FROM staged_marketing_choices WHERE {POSTAL}",
    )
)


def _touch(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `touched_records` of `changed_ties`, of the views of everything staged."""
    known = f"(FROM {parquet(_path(data_root, 'next_changes'))})"
    due = f"coalesce(next_change_on <= DATE '{today}', false)"
    connection.execute(
        TOUCHED_RECORDS.create_table(
            f"""WITH tied AS (
                SELECT DISTINCT record FROM ({EVERY_TIE}) SEMI JOIN changed_ties USING (tie)),
            touched AS (
                SELECT component, bool_and(sampled) AS sampled FROM (
                    SELECT component, false AS sampled FROM {known} SEMI JOIN tied USING (record)
                    UNION ALL
                    SELECT component, NOT {due} FROM {known}
                    WHERE {due} OR component % {BUCKETS} = {today.toordinal() % BUCKETS})
                GROUP BY component)
            SELECT record, sampled FROM {known} JOIN touched USING (component)
            UNION SELECT record, false FROM new_records"""
        )
    )


def restrict(connection: duckdb.DuckDBPyConnection) -> None:
    """Leave in the views of everything staged the rows of `touched_records`, and reference data."""
    for view in (*(f"staged_{table}" for table in _STAGED), "quarantine"):
        whole = f"SELECT {view}.* FROM {view}"
        rows = f"{whole} WHERE {RECORD} IN (SELECT record FROM touched_records)"
        table = view.removeprefix("staged_")
        if table in REFERENCE:
            continue
        if table == "records":
            rows += f" OR {RECORD} IN ({_REFERENCE_RECORDS})"
        if table == "marketing_choices":
            rows += f" OR {POSTAL}"
        connection.execute(f"CREATE OR REPLACE TEMP TABLE restricted_{table} AS {rows}")
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {view} AS FROM restricted_{table}")


def add_people(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Add to `people` and `person_identifiers` those of the components that are not touched.

    After `components.tie_records`.
    """
    for relation in PEOPLE:
        connection.execute(
            f"""INSERT INTO {relation.name}
            SELECT {", ".join(relation.columns)} FROM {parquet(_path(data_root, relation.name))}
            WHERE hash(person_key) NOT IN (SELECT tie FROM record_ties)"""
        )


def have_others_changed(connection: duckdb.DuckDBPyConnection, membership: Path) -> bool:
    """Add to `changed_ties` the persons outside who are linked otherwise than they were.

    After each round of linkage.

    Args:
        connection: Has `clusters` and `record_ties`.
        membership: The register's file of the last build.

    Returns:
        Whether there are any, so that `touch_more` is to make `touched_records` of them, too.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE linked_otherwise AS
        WITH placed AS (
            SELECT person_key, coalesce(cluster, person_key) AS cluster, registrant_id,
                hash(person_key) IN (SELECT tie FROM record_ties) AS touched
            FROM clusters
            FULL JOIN (SELECT person_key, registrant_id FROM {parquet(membership)})
                USING (person_key)),
        changed AS (
            SELECT cluster FROM placed GROUP BY cluster
            HAVING NOT bool_and(touched)
                AND (bool_or(touched) OR count(DISTINCT registrant_id) > 1)),
        parted AS (
            SELECT registrant_id FROM placed WHERE NOT touched
            GROUP BY registrant_id HAVING count(DISTINCT cluster) > 1)
        SELECT person_key FROM placed
        WHERE NOT touched AND (cluster IN (FROM changed) OR registrant_id IN (FROM parted))"""
    )
    connection.execute("INSERT INTO changed_ties SELECT hash(person_key) FROM linked_otherwise")
    return count(connection, "SELECT count(*) FROM linked_otherwise") > 0


def touch_more(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `touched_records` after `have_others_changed`, of the views of everything staged."""
    _touch(data_root, connection, today)


def complete(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, tuple[Path, tuple[str, ...]]],
) -> dict[str, int]:
    """Put what was kept of the components that are not touched behind what was made of the others.

    Args:
        data_root: The data root.
        connection: After `building.resolve` of an incremental build.
        tables: Relation -> the register's file of it, and its columns.

    Returns:
        Relation -> rows of the sample that are not what was kept: what an earlier build has missed.
    """
    files = dict(tables)
    files |= {
        relation.name: (_path(data_root, relation.name), tuple(relation.columns))
        for relation in KEPT
        if relation not in PEOPLE
    }
    connection.execute(
        TOUCHED_REGISTRANTS.create_table(
            f"""SELECT registrant_id FROM {parquet(files["membership"][0])}
            WHERE hash(person_key) IN (SELECT tie FROM record_ties)
            UNION SELECT registrant_id FROM membership"""
        )
    )
    for table, name in OF_NOBODY.values():
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE touched_names_of_{table} AS
            SELECT DISTINCT {name} FROM staged_{table} WHERE {name} IS NOT NULL"""
        )
    for relation in files:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE made_{relation} AS FROM {relation}")
    missed = _missed(connection, files)
    views = {
        name for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()
    }
    for relation, (path, columns) in files.items():
        named = ", ".join(columns)
        connection.execute(f"DROP {'VIEW' if relation in views else 'TABLE'} {relation}")
        connection.execute(
            f"""CREATE TEMP VIEW {relation} AS
            SELECT {named} FROM made_{relation}
            UNION ALL
            SELECT {named} FROM {parquet(path)} WHERE {_kept(relation, columns)}"""
        )
    return missed


def _missed(
    connection: duckdb.DuckDBPyConnection, files: Mapping[str, tuple[Path, tuple[str, ...]]]
) -> dict[str, int]:
    """Count the rows in which registrants of the sample, that nothing touches, have changed."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE sampled_registrants AS
        WITH untouched AS (
            SELECT component FROM record_components LEFT JOIN touched_records USING (record)
            GROUP BY component HAVING bool_and(coalesce(sampled, false)))
        SELECT DISTINCT registrant_id FROM (
            SELECT person_key, registrant_id FROM membership
            UNION
            SELECT person_key, registrant_id FROM {parquet(files["membership"][0])})
        JOIN tied_persons ON tie = hash(person_key)
        SEMI JOIN untouched USING (component)"""
    )
    missed = {}
    for relation, (path, columns) in files.items():
        if "registrant_id" in columns:
            now, before = (
                f"""SELECT {", ".join(columns)} FROM {rows}
                WHERE registrant_id IN (FROM sampled_registrants)"""
                for rows in (f"made_{relation}", parquet(path))
            )
            missed[relation] = count(
                connection,
                f"SELECT count(*) FROM (({now} EXCEPT {before}) UNION ALL ({before} EXCEPT {now}))",
            )
    return {relation: rows for relation, rows in missed.items() if rows}


def _kept(relation: str, columns: tuple[str, ...]) -> str:
    """SQL: the rows of the last build that no touched component has made."""
    if "record" in columns:
        return """record NOT IN (
            SELECT record FROM touched_records UNION ALL SELECT record FROM record_components)"""
    table, name = OF_NOBODY.get(relation, ("", ""))
    of_nobody = f"{name} NOT IN (FROM touched_names_of_{table})"
    if "registrant_id" not in columns:
        return of_nobody
    of_registrant = "registrant_id NOT IN (FROM touched_registrants)"
    if not table:
        return of_registrant
    return f"CASE WHEN registrant_id IS NULL THEN {of_nobody} ELSE {of_registrant} END"


def forget(data_root: DataRoot) -> None:
    """Let the next build make everything again."""
    recorded_files.remove(folder(data_root) / STATE)


def write(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Write what the next build goes on from. After `forget`; `note` comes last.

    Nothing is kept of persons that every build makes again: so nothing of the location of those who
    are protected.
    """
    at_rest = f"""WHERE hash(person_key) NOT IN (
        SELECT tie FROM tied_persons SEMI JOIN (
            SELECT component FROM next_changes WHERE next_change_on <= DATE '{today}')
        USING (component))"""
    for relation in KEPT:
        columns = ", ".join(relation.columns)
        rows = at_rest if relation in PEOPLE else ""
        copy_parquet(
            connection,
            f"SELECT {columns} FROM {relation.name} {rows} ORDER BY ALL",
            _path(data_root, relation.name),
        )


def note(data_root: DataRoot, today: date, full_on: date) -> None:
    """Record what the register was built of. The next build can go on from it once it is swept."""
    _write_state(
        data_root,
        {
            "day": str(today),
            "full_on": str(full_on),
            "circumstances": _circumstances(data_root, today),
        },
    )


def full_on(data_root: DataRoot) -> date:
    """Return the day of the last build that made everything."""
    return date.fromisoformat(_state(data_root)["full_on"])


def note_swept(data_root: DataRoot, files: Iterable[Path]) -> None:
    """Record the tables and deliveries as the sweep has left them: of the same content."""
    state = _state(data_root)
    if state:
        _write_state(
            data_root,
            {**state, "deliveries": _deliveries(data_root), "files": _sums(data_root, files)},
        )


def _goes_on(
    data_root: DataRoot,
    before: dict[str, Any],
    now: Mapping[str, str],
    files: Iterable[Path],
    today: date,
) -> bool:
    """Whether only new deliveries and time have changed since what is recorded."""
    if not before.get("deliveries"):
        return False
    return (
        (today - date.fromisoformat(before["full_on"])).days < FULL_EVERY
        and date.fromisoformat(before["day"]) <= today
        and before["circumstances"] == _circumstances(data_root, today)
        and all(now.get(name) == staged for name, staged in before["deliveries"].items())
        and before["files"] == _sums(data_root, files)
    )


def _state(data_root: DataRoot) -> dict[str, Any]:
    path = folder(data_root) / STATE
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _write_state(data_root: DataRoot, state: dict[str, Any]) -> None:
    with recorded_files.writing(folder(data_root) / STATE) as unfinished:
        unfinished.write_text(json.dumps(state, sort_keys=True))


def _deliveries(data_root: DataRoot) -> dict[str, str]:
    """Delivery -> a hash of its entry in the ledger and of the files that it was staged into."""
    return {
        entry.delivery_id: _hashed(
            json.dumps(asdict(entry), sort_keys=True),
            *_recorded(staged_folder(data_root, entry)),
            *_recorded(quarantine_path(data_root, entry).parent, entry.delivery_id),
        )
        for entry in deliveries.ledger(data_root)
    }


def _recorded(of: Path, only: str = "") -> list[str]:
    """The names and sums of what a folder has recorded."""
    return [
        f"{name} {each.sha256}"
        for name, sums in sorted(recorded_files.read(of).accepted.items())
        for each in sums
        if not only or Path(name).stem == only
    ]


def _sums(data_root: DataRoot, files: Iterable[Path]) -> dict[str, str]:
    """File -> the hash of its content, of what a build goes on from."""
    kept = [_path(data_root, relation.name) for relation in KEPT]
    return {path.name: recorded_files.sum_of(path).sha256 for path in (*files, *kept)}


def _circumstances(data_root: DataRoot, today: date) -> str:
    """A hash of what every component depends on."""
    suppressed = suppression.path(data_root)
    kept = kept_ids.FILE.place(data_root)
    return _hashed(
        data_root.policy.fingerprint,
        _code(),
        pair_cache.fingerprint(data_root),
        recorded_files.sum_of(suppressed).sha256,
        recorded_files.sum_of(kept).sha256,
        *kept_ids.erasing(data_root),
        str(protected_identity.is_stale(data_root, today)),
    )


@cache
def _code() -> str:
    """A hash of the modules that decide what a register is."""
    root = Path(__file__).parents[2]
    return _hashed(
        duckdb.__version__,
        *(
            hashlib.sha256(path.read_bytes()).hexdigest()
            for package in ("assets", "schemas")
            for path in sorted((root / package).rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        ),
    )


def _hashed(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]
