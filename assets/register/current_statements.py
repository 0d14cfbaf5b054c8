"""Current statements: names, addresses and contact points, folded from their statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.sources.all_sources import is_authority
from assets.storage.relations import Relation, Scope
from schemas.activities import ACTIVITIES
from schemas.columns import duckdb_types
from schemas.staged import CANONICAL

STATEMENT = (
    "STRUCT(moment TIMESTAMPTZ, sequence BIGINT, day DATE, period_last DATE, "
    "delivery_id VARCHAR, record_no BIGINT)"
)
"""SQL: the type of a statement's place in the order in which a source made its statements."""

UNKNOWN_START = "DATE '0001-01-01'"
# Tables of which single rows, not whole records, are past their time.
_WITH_A_CLOCK = (
    "credit_reports",
    "credit_marks",
    *(activity.table for activity in ACTIVITIES if not activity.whole),
)


def _statements(table: str) -> Relation:
    """The view of a canonical table's rows that count, and its columns."""
    own = duckdb_types(CANONICAL[table])
    del own["person_key"]
    counted = "counted_choices" if table == "marketing_choices" else "current_records"
    return Relation(
        name=f"statements_{table}",
        summary=f"The rows of `staged_{table}` that count, by current person and order.",
        columns={
            **own,
            "source": "VARCHAR",
            "day": "DATE",
            "delivery_id": "VARCHAR",
            "person_key": "VARCHAR",
            "role": "VARCHAR",
            "statement": STATEMENT,
        },
        reads=(
            f"staged_{table}",
            counted,
            "delivery_ledger",
            "renamed_persons",
            "base_times",
            "delayed_changes",
            "excluded_persons",
            *(("expired",) if table == "identifiers" else ()),
            *(("persons_on_hold",) if table in _WITH_A_CLOCK else ()),
        ),
        scope=Scope.COMPONENT,
    )


STATEMENTS = {table: _statements(table) for table in CANONICAL}


@dataclass(frozen=True)
class DatedFact:
    """How statements are recognised as being about the same fact.

    Attributes:
        content: SQL: the fact's content, folded to what two spellings of it share.
        by_start: Facts are kept apart by the day on which they began (a person has one permanent
            address since a day); otherwise by content alone.
        location: The fact is forgotten under protected identity.
    """

    content: str
    by_start: bool
    location: bool


DATED_FACTS = {
    "names": DatedFact(
        "lower(concat_ws('|', given_names, family_name))", by_start=True, location=False
    ),
    "addresses": DatedFact(
        "lower(concat_ws('|', street, postcode, municipality_code, country))",
        by_start=True,
        location=True,
    ),
    "contact_points": DatedFact("match_key", by_start=False, location=False),
}
"""Canonical table -> how its statements are recognised as being about the same fact."""


def _current(table: str) -> Relation:
    columns = dict(STATEMENTS[table].columns)
    del columns["op"]
    protection = ("protection_status",) if DATED_FACTS[table].location else ()
    return Relation(
        name=f"current_{table}",
        summary=f"The {table.replace('_', ' ')} that were never taken back, by person and source.",
        columns={**columns, "started": "DATE", "is_current": "BOOLEAN", "newest": "BIGINT"},
        reads=(f"statements_{table}", *protection),
        amended_from=("excluded_persons",),
        scope=Scope.COMPONENT,
    )


CURRENT = {table: _current(table) for table in DATED_FACTS}


CURRENT_PERSONS = Relation(
    name="current_persons",
    summary="Single facts per person and source: birth date, language, death, last contact.",
    columns={
        "person_key": "VARCHAR",
        "source": "VARCHAR",
        "birth_date": "DATE",
        "birth_date_precision": "VARCHAR",
        "language": "VARCHAR",
        "native_language": "VARCHAR",
        "deceased": "BOOLEAN",
        "death_date": "DATE",
        "death_stated_on": "DATE",
        "last_contact_on": "DATE",
        "statement": STATEMENT,
        "record_key": "VARCHAR",
    },
    reads=("statements_persons", "staged_persons", "renamed_persons"),
    amended_from=("excluded_persons",),
    scope=Scope.COMPONENT,
)


def fold(connection: duckdb.DuckDBPyConnection, table: str, today: date) -> None:
    """Make `current_<table>` from `statements_<table>`: the facts that were never taken back.

    `is_current` is true of facts that are in force today; of the facts of one kind by one source,
    `newest` is the rank from the latest start (a change without a start counts from when it was
    stated, basic data from before all).
    """
    fact = DATED_FACTS[table]
    start = (
        """valid_from::VARCHAR,
            (max(valid_from) OVER (PARTITION BY person_key, source, kind, content))::VARCHAR, """
        if fact.by_start
        else ""
    )
    place = "{'statement': statement, 'position': position}"
    in_force = f"""coalesce(valid_to >= DATE '{today}', true)
        AND coalesce(valid_from <= DATE '{today}', true)"""
    connection.execute(
        CURRENT[table].create_table(
            f"""WITH stated AS (
                SELECT *, {fact.content} AS content
                FROM statements_{table} WHERE person_key IS NOT NULL),
            keyed AS (SELECT *, coalesce({start}content, '') AS fact FROM stated),
            wiped AS (
                SELECT person_key, source, kind,
                    max({place}) FILTER (op = 'reset') AS reset,
                    max({place}) FILTER (op = 'censor') AS censored
                FROM keyed WHERE op IN ('reset', 'censor') GROUP BY ALL),
            latest AS (
                SELECT * FROM keyed WHERE op IN ('state', 'retract')
                QUALIFY row_number() OVER (PARTITION BY person_key, source, kind, fact
                    ORDER BY statement DESC, position DESC) = 1),
            remaining AS (
                SELECT latest.*,
                    coalesce(valid_from,
                        CASE WHEN role IS DISTINCT FROM 'basic_data'
                            THEN statement.moment::DATE END,
                        {UNKNOWN_START}) AS started
                FROM latest LEFT JOIN wiped USING (person_key, source, kind)
                {_FORGOTTEN if fact.location else "WHERE true"} AND op = 'state'
                AND NOT coalesce(censored > {place}, false)
                AND NOT coalesce(valid_to IS NULL AND reset > {place}, false))
            SELECT * EXCLUDE (op, content, fact), {in_force} AS is_current,
                row_number() OVER (PARTITION BY person_key, source, kind
                    ORDER BY {in_force} DESC,
                        started DESC, statement DESC, position DESC) AS newest
            FROM remaining"""
        )
    )


_FORGOTTEN = f"""LEFT JOIN protection_status USING (person_key)
    WHERE NOT coalesce(protection_status.protected, false)
    AND (lifted IS NULL OR latest.statement >= lifted
        OR (NOT {is_authority("latest.source")}
            AND latest.statement.moment >= lifted.moment))"""
"""SQL: location data is forgotten while the identity is protected, and what was stated before."""


def fold_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `current_persons`: of each fact the last statement that has it.

    The death and its date come from one statement, the birth date and its precision as well. The
    day on which the death was first stated is that of any version of any record, since the person
    was last stated as living: a repetition does not move it.
    """
    columns = ",\n".join(
        f"arg_max({column}, (statement, position)) FILTER ({known} IS NOT NULL) AS {column}"
        for column, known in (
            ("birth_date", "birth_date"),
            ("birth_date_precision", "birth_date"),
            ("language", "language"),
            ("native_language", "native_language"),
            ("deceased", "deceased"),
        )
    )
    connection.execute(
        CURRENT_PERSONS.create_table(
            f"""WITH versions AS (
                SELECT coalesce(renamed_persons.current_key, staged.person_key) AS person_key,
                    source, deceased, local_day(stated_at) AS stated_on
                FROM staged_persons AS staged LEFT JOIN renamed_persons USING (person_key)
                WHERE deceased IS NOT NULL),
            living AS (
                SELECT person_key, source, max(stated_on) AS last_living
                FROM versions WHERE NOT deceased GROUP BY ALL),
            died AS (
                SELECT person_key, source, min(stated_on) AS death_stated_on
                FROM versions LEFT JOIN living USING (person_key, source)
                WHERE deceased AND coalesce(stated_on >= last_living, true) GROUP BY ALL)
            SELECT person_key, source,
                {columns},
                arg_max({{'died': death_date}}, (statement, position))
                    FILTER (deceased IS NOT NULL).died AS death_date,
                any_value(death_stated_on) AS death_stated_on,
                max(last_contact_on) AS last_contact_on,
                max(statement) AS statement,
                arg_max(record_key, statement) AS record_key
            FROM statements_persons LEFT JOIN died USING (person_key, source)
            WHERE person_key IS NOT NULL
            GROUP BY person_key, source"""
        )
    )
