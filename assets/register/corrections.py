"""Corrections by registrants: above every source until the wrong source agrees (GDPR 16).

A pure function of what is staged, in whatever order it came. The last correction of an attribute
stands, unless the source that it overrides has delivered the corrected value on the day of the
correction or later: then it has ended, and the source's statements count again, also when they
change. The value that was wrong is known by its keyed hash alone: while its time runs it is
history, not current; then it is left out here, and the sweep takes it out of the files
(`assets.rights.rectification`). Cost: nothing while there is no correction; else one scan of the
keys of the tables concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.register.clocks import due, local_day
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.recorded_files import remove
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import create_keyed_hash
from schemas.columns import duckdb_types
from schemas.policy.model import Policy
from schemas.register import Rectified
from schemas.vocabulary import RECTIFIABLE

# Where the records with an expired value are: for the sweep. Ids and hashes only.
WRONG = "rectified.parquet"
# By what they are about and the hash of their text, so that their repetitions go as well.
LET_GO = KeptFile(
    "lake/let_go.parquet",
    "which records were removed from raw because of a corrected value",
    "a repetition of one stays in raw",
    {"source": "VARCHAR", "record_key": "VARCHAR", "content": "VARCHAR"},
)
FORM = """CASE {0} WHEN 'email' THEN email_canonical({1}) WHEN 'phone' THEN phone_canonical({1})
    ELSE lower(trim({1})) END"""
TOKEN = "keyed_hash('rectified|' || {0} || '|' || " + FORM + ")"

# An address in the consent log stays the registrant's, not current: refusals under it must go on
# to count, and the log keeps it anyway, by its own clock.
_IN_CONSENT_LOG = """coalesce({0} || ':' || {1} IN (
    SELECT subject FROM staged_marketing_choices
    WHERE source = 'consents' AND subject IS NOT NULL), false)"""


@dataclass(frozen=True)
class Place:
    """Where an attribute's values are in staged tables.

    Attributes:
        table: The staged table.
        column: The column.
        rows: Which rows, as SQL.
        group: The attribute group in the provenance, if it has another name.
    """

    table: str
    column: str
    rows: str = "true"
    group: str = ""


_NAME, _CALL_NAME, _HOME = "kind = 'official'", "kind = 'call'", "kind <> 'municipality'"
PLACES: dict[str, Place] = {
    "given_names": Place("names", "given_names", _NAME, "name"),
    "call_name": Place("names", "given_names", _CALL_NAME),
    "family_name": Place("names", "family_name", _NAME, "name"),
    "birth_date": Place("persons", "birth_date"),
    "language": Place("persons", "language"),
    "email": Place("contact_points", "value", "kind = 'email'"),
    "phone": Place("contact_points", "value", "kind = 'phone'"),
    "street": Place("addresses", "street", _HOME, "address"),
    "postcode": Place("addresses", "postcode", _HOME, "address"),
    "town": Place("addresses", "town", _HOME, "address"),
    "country": Place("addresses", "country", _HOME, "address"),
    "company_name": Place("company_contacts", "company_name", "true", "company"),
    "job_title": Place("company_contacts", "job_title", "true", "company"),
}
LOCATION = tuple(attribute for attribute, place in PLACES.items() if place.table == "addresses")
# Attribute -> the history that has its values.
_HISTORIES = {
    "names": "name_history",
    "contact_points": "contact_point_history",
    "addresses": "address_history",
}

REGISTRANT_CORRECTIONS = Relation(
    name="registrant_corrections",
    summary="Corrections by registrants: which stand, and which have ended, when and by what.",
    columns={
        **duckdb_types(Rectified),
        "replaces": "VARCHAR",
        "record_key": "VARCHAR",
        "delivery_id": "VARCHAR",
    },
    amended_from=("requested_corrections", "stated_values"),
    scope=Scope.COMPONENT,
)
REQUESTED_CORRECTIONS = Relation(
    name="requested_corrections",
    summary="Every correction under its registrant, `nth` from the last of its attribute.",
    columns={
        "registrant_id": "VARCHAR",
        "attribute": "VARCHAR",
        "value": "VARCHAR",
        "request_id": "VARCHAR",
        "overrides": "VARCHAR",
        "replaces": "VARCHAR",
        "since": "TIMESTAMPTZ",
        "delivery_id": "VARCHAR",
        "record_key": "VARCHAR",
        "nth": "BIGINT",
    },
    reads=("statements_corrections", "membership", "registrant_state"),
    scope=Scope.COMPONENT,
)
CORRECTING_PERSONS = Relation(
    name="correcting_persons",
    summary="The source persons of registrants with a correction, under earlier keys too.",
    columns={"person_key": "VARCHAR", "registrant_id": "VARCHAR"},
    reads=("membership", "requested_corrections", "renamed_persons"),
    scope=Scope.COMPONENT,
)
STATED_VALUES = Relation(
    name="stated_values",
    summary="Every value stated of a corrected attribute of its registrant, with its keyed hash.",
    columns={
        "registrant_id": "VARCHAR",
        "attribute": "VARCHAR",
        "in_table": "VARCHAR",
        "source": "VARCHAR",
        "day": "DATE",
        "delivery_id": "VARCHAR",
        "record_no": "BIGINT",
        "position": "BIGINT",
        "value": "VARCHAR",
        "token": "VARCHAR",
        "form": "VARCHAR",
    },
    reads=(
        *dict.fromkeys(f"staged_{place.table}" for place in PLACES.values()),
        "staged_corrections",
        "correcting_persons",
        "requested_corrections",
    ),
    scope=Scope.COMPONENT,
)
CORRECTED_VALUES = Relation(
    name="corrected_values",
    summary="Values that were wrong, by keyed hash; `over`: none of them may be kept any longer.",
    columns={
        "registrant_id": "VARCHAR",
        "attribute": "VARCHAR",
        "replaces": "VARCHAR",
        "over": "BOOLEAN",
    },
    reads=("registrant_corrections",),
    scope=Scope.COMPONENT,
)


def overlay(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, policy: Policy, today: date
) -> None:
    """Make `registrant_corrections`, and put those that stand into the golden records, the
    provenance and the histories; write what the sweep takes out.

    Under protected identity an address correction from before the protection is not applied: it
    goes with the address.
    """
    connection.execute(REGISTRANT_CORRECTIONS.create_empty())
    _forget_removed(data_root, connection)
    if not count(connection, "SELECT count(*) FROM statements_corrections"):
        remove(data_root.lake / WRONG)
        return
    create_keyed_hash(data_root, connection)
    _requested(connection)
    _stated_values(connection)
    _decide(connection, policy, today)
    for (attribute,) in connection.execute(
        "SELECT DISTINCT attribute FROM registrant_corrections WHERE stands ORDER BY attribute"
    ).fetchall():
        _apply(connection, attribute, PLACES[attribute])
    _take_out_of_histories(connection, today)
    _add_to_histories(connection)
    _write_over(data_root, connection)


def _forget_removed(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Forget removed records that are not staged any more.

    Their registrant has left, or has been erased.
    """
    if not LET_GO.exists(data_root):
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE removed_records AS {LET_GO.rows(data_root)}")
    sources = [
        source
        for (source,) in connection.execute(
            "SELECT DISTINCT source FROM removed_records"
        ).fetchall()
    ]
    files = [
        file for source in sources for file in data_root.files("staged", source, name="*/records")
    ]
    staged = (
        f"""SELECT * FROM removed_records
        SEMI JOIN {parquet(*files)} AS staged USING (record_key, content)"""
        if files
        else "SELECT * FROM removed_records WHERE false"
    )
    if count(connection, f"SELECT count(*) FROM ({staged})"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE staged_still AS {staged}")
        copy_parquet(connection, "SELECT * FROM staged_still ORDER BY ALL", LET_GO.place(data_root))
    else:
        remove(LET_GO.place(data_root))


def _requested(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `requested_corrections` and `correcting_persons`."""
    connection.execute(
        REQUESTED_CORRECTIONS.create_table(
            f"""SELECT registrant_id, attribute, value, request AS request_id, overrides, replaces,
                statement.moment AS since, statement.delivery_id AS delivery_id, record_key,
                row_number() OVER (PARTITION BY registrant_id, attribute
                    ORDER BY statement DESC, record_key) AS nth
            FROM statements_corrections
            JOIN membership USING (person_key)
            JOIN registrant_state AS state USING (registrant_id)
            WHERE attribute NOT IN {LOCATION}
                OR (NOT state.withheld
                    AND (lifted_at IS NULL OR statement.moment >= lifted_at))"""
        )
    )
    connection.execute(
        CORRECTING_PERSONS.create_table(
            """WITH present AS (
                SELECT person_key, registrant_id
                FROM membership SEMI JOIN requested_corrections USING (registrant_id))
            SELECT * FROM present
            UNION
            SELECT renamed.person_key, registrant_id
            FROM renamed_persons AS renamed
            JOIN present ON present.person_key = renamed.current_key"""
        )
    )


def _stated_values(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `stated_values`; earlier versions of records count too."""
    place_of_record = "source, day, delivery_id, record_no, position"
    values = [
        f"""SELECT registrant_id, '{attribute}' AS attribute, '{place.table}' AS in_table,
            {place_of_record}, {place.column}::VARCHAR AS value
        FROM staged_{place.table} JOIN correcting_persons USING (person_key)
        WHERE {place.rows} AND {place.column} IS NOT NULL"""
        for attribute, place in PLACES.items()
    ]
    values.append(
        f"""SELECT registrant_id, attribute, 'corrections', {place_of_record}, value
        FROM staged_corrections JOIN correcting_persons USING (person_key)"""
    )
    connection.execute(
        STATED_VALUES.create_table(
            f"""SELECT *, {TOKEN.format("attribute", "value")} AS token,
                {FORM.format("attribute", "value")} AS form
            FROM ({" UNION ALL ".join(values)})
            SEMI JOIN requested_corrections USING (registrant_id, attribute)"""
        )
    )


def _decide(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Fill `registrant_corrections`: which stand, which have ended and by which statement, and what
    was there before while that may be kept."""
    made_on = local_day(policy, "requested.since")
    old_goes_on = due(policy, "rectified", made_on)
    connection.execute(
        f"""INSERT INTO registrant_corrections BY NAME
        WITH agreed AS (
            SELECT registrant_id, attribute, requested.nth,
                min({{'day': stated.day, 'source': stated.source}}) AS first
            FROM requested_corrections AS requested
            JOIN stated_values AS stated USING (registrant_id, attribute)
            WHERE stated.source <> 'self'
                AND form = {FORM.format("attribute", "requested.value")}
                AND stated.day >= {made_on}
                AND coalesce(stated.source = overrides, true)
            GROUP BY ALL),
        later AS (
            SELECT registrant_id, attribute, nth + 1 AS nth, {made_on} AS day
            FROM requested_corrections AS requested),
        earlier AS (
            SELECT registrant_id, attribute, token, any_value(value ORDER BY value) AS old_value
            FROM stated_values GROUP BY ALL)
        SELECT requested.* EXCLUDE (nth),
            CASE WHEN {old_goes_on} > DATE '{today}' THEN earlier.old_value END AS old_value,
            {old_goes_on} AS old_goes_on,
            agreed.nth IS NULL AND later.nth IS NULL AS stands,
            least(agreed.first.day, later.day) AS ended_on,
            CASE WHEN agreed.first.day <= later.day OR later.day IS NULL
                THEN agreed.first.source ELSE 'self' END AS ended_by
        FROM requested_corrections AS requested
        LEFT JOIN agreed USING (registrant_id, attribute, nth)
        LEFT JOIN later USING (registrant_id, attribute, nth)
        LEFT JOIN earlier ON earlier.registrant_id = requested.registrant_id
            AND earlier.attribute = requested.attribute AND token = replaces"""
    )


def _apply(connection: duckdb.DuckDBPyConnection, attribute: str, place: Place) -> None:
    """Put the attribute's corrections into the golden records and the provenance."""
    applied = f"""(
        SELECT * FROM registrant_corrections
        WHERE stands AND attribute = '{attribute}') AS correction"""
    is_birth_date = attribute == "birth_date"
    precision = ", birth_date_precision = 'day'" if is_birth_date else ""
    connection.execute(
        f"""UPDATE golden_records
        SET {attribute} = CAST(correction.value AS {"DATE" if is_birth_date else "VARCHAR"})
            {precision}
        FROM {applied}
        WHERE golden_records.registrant_id = correction.registrant_id"""
    )
    if not place.group:
        connection.execute(
            f"""DELETE FROM provenance
            WHERE attribute = '{attribute}'
                AND registrant_id IN (SELECT registrant_id FROM {applied})"""
        )
    connection.execute(
        f"""INSERT INTO provenance BY NAME
        SELECT registrant_id, attribute, 'self' AS source, delivery_id, record_key,
            since AS stated_at, true AS rectified
        FROM {applied}"""
    )


def _take_out_of_histories(connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `corrected_values`: in the histories they are not current, and when their time is over
    they are not there at all."""
    connection.execute(
        CORRECTED_VALUES.create_table(
            f"""SELECT DISTINCT registrant_id, attribute, replaces,
                old_goes_on <= DATE '{today}' AS over
            FROM registrant_corrections WHERE replaces IS NOT NULL"""
        )
    )
    for attribute, place in PLACES.items():
        if place.table in _HISTORIES:
            _take_out(connection, attribute, place)
    connection.execute("DELETE FROM name_history WHERE given_names IS NULL AND family_name IS NULL")


def _take_out(connection: duckdb.DuckDBPyConnection, attribute: str, place: Place) -> None:
    """Take the wrong values of one attribute out of its history."""
    table, column = _HISTORIES[place.table], place.column
    matching = f"""{table}.registrant_id = corrected.registrant_id
        AND corrected.attribute = '{attribute}' AND {place.rows} AND {column} IS NOT NULL
        AND {TOKEN.format(f"'{attribute}'", column)} = corrected.replaces"""
    corrected = "corrected_values AS corrected"
    connection.execute(
        f"UPDATE {table} SET is_current = false FROM {corrected} WHERE {matching} AND NOT over"
    )
    if table == "name_history":
        connection.execute(
            f"UPDATE {table} SET {column} = NULL FROM {corrected} WHERE {matching} AND over"
        )
    elif table == "address_history":
        connection.execute(f"DELETE FROM {table} USING {corrected} WHERE {matching} AND over")
    else:
        in_log = _IN_CONSENT_LOG.format("kind", "match_key")
        connection.execute(
            f"UPDATE {table} SET is_current = false FROM {corrected} WHERE {matching} AND {in_log}"
        )
        connection.execute(
            f"""DELETE FROM {table} USING {corrected}
            WHERE {matching} AND over AND NOT {in_log}"""
        )


def _add_to_histories(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the corrections that stand, as current, of registrants who are there."""
    since = "since::DATE AS valid_from, true AS is_current, 'self' AS source"
    latest = "max(since)::DATE AS valid_from, true AS is_current, 'self' AS source"
    present = """registrant_corrections
        SEMI JOIN (SELECT registrant_id FROM golden_records) AS present USING (registrant_id)"""
    connection.execute(
        f"""INSERT INTO name_history BY NAME
        SELECT registrant_id, 'official' AS kind, any_value(chosen.given_names) AS given_names,
            any_value(chosen.family_name) AS family_name, {latest}
        FROM registrant_corrections JOIN golden_records AS chosen USING (registrant_id)
        WHERE stands AND attribute IN ('given_names', 'family_name')
        GROUP BY registrant_id
        UNION ALL BY NAME
        SELECT registrant_id, 'call' AS kind, value AS given_names, {since}
        FROM {present} WHERE stands AND attribute = 'call_name'"""
    )
    connection.execute(
        f"""INSERT INTO contact_point_history BY NAME
        SELECT registrant_id, attribute AS kind, value,
            {FORM.format("attribute", "value")} AS match_key, true AS is_current,
            'self' AS source
        FROM {present} WHERE stands AND attribute IN ('email', 'phone')"""
    )
    connection.execute(
        f"""INSERT INTO address_history BY NAME
        SELECT registrant_id, 'postal' AS kind, any_value(street) AS street,
            any_value(postcode) AS postcode, any_value(town) AS town,
            any_value(country) AS country, {latest}
        FROM registrant_corrections JOIN golden_records USING (registrant_id)
        WHERE stands AND attribute IN {LOCATION}
        GROUP BY registrant_id"""
    )


def _write_over(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Write which rows have an expired value.

    The statements, and choices that name an address which was wrong.
    """
    data_root.lake.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy_parquet(
        connection,
        f"""WITH over AS (SELECT * FROM corrected_values WHERE over),
        named AS (
            SELECT choice.*, registrant_id, split_part(subject, ':', 1) AS attribute,
                substr(subject, strpos(subject, ':') + 1) AS value
            FROM staged_marketing_choices AS choice
            JOIN correcting_persons USING (person_key)
            WHERE source <> 'consents' AND subject IS NOT NULL)
        SELECT DISTINCT delivery_id, record_no, position, in_table, stated.attribute
        FROM stated_values AS stated
        JOIN over ON over.registrant_id = stated.registrant_id
            AND over.attribute = stated.attribute AND stated.token = over.replaces
        WHERE in_table <> 'contact_points'
            OR NOT {_IN_CONSENT_LOG.format("stated.attribute", "stated.form")}
        UNION
        SELECT DISTINCT delivery_id, record_no, position, 'marketing_choices', named.attribute
        FROM named
        JOIN over ON over.registrant_id = named.registrant_id
            AND over.attribute = named.attribute
            AND {TOKEN.format("named.attribute", "named.value")} = over.replaces
        ORDER BY ALL""",
        data_root.lake / WRONG,
    )


assert set(PLACES) == set(RECTIFIABLE), "every attribute has its place"  # noqa: S101
