"""What registrants have had corrected stands above every source, until the source that was wrong agrees (GDPR 16).

A pure function of what is staged, in whatever order it came. The last correction of an attribute stands, unless the source that it
overrides has delivered the corrected value on the day of the correction or later: then it has ended, and the source's word
counts again, also when it changes. The value that was wrong is known by its keyed hash alone: while its time
runs it is history, not current; then it is left out here, and the sweep takes it out of the files
(`assets.rights.rectification`). Cost: nothing while there is no correction; else one look at the keys of the tables concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.register.clocks import due, local_day
from assets.storage.atomic_files import remove
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet
from schemas.columns import duckdb_columns
from schemas.policy import Policy
from schemas.register import Rectified
from schemas.vocabulary import RECTIFIABLE

# Where the records lie that hold a value whose time is over: for the sweep. Ids and hashes only.
WRONG = "rectified.parquet"
# Records that raw has let go of: by what they are about and the hash of their text, so that their repetitions go as well.
LET_GO = "let_go.parquet"
FORM = "CASE {0} WHEN 'email' THEN email_canonical({1}) WHEN 'phone' THEN phone_canonical({1}) ELSE lower(trim({1})) END"
TOKEN = "keyed_hash('rectified|' || {0} || '|' || " + FORM + ")"


# An address that the consent log speaks of stays known as theirs, not current: what they refused under it must go on to hold,
# and the log keeps it anyway, by its own clock.
_SPOKEN_OF = "coalesce({0} || ':' || {1} IN (SELECT subject FROM staged_marketing_choices WHERE source = 'consents' AND subject IS NOT NULL), false)"


@dataclass(frozen=True)
class Place:
    """Where an attribute's values stand in staged tables: which column, and of which rows; and what provenance calls it."""

    table: str
    column: str
    rows: str = "true"
    group: str = ""


_NAME, _HOME = "kind = 'official'", "kind <> 'municipality'"
PLACES: dict[str, Place] = {
    "given_names": Place("names", "given_names", _NAME, "name"),
    "call_name": Place("names", "given_names", "kind = 'call'"),
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


def overlay(home: Home, connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `held_corrections`; put what stands into `registrants`, `provenance` and the histories; note what the sweep takes out.

    Reads `said_corrections`, the staged tables, and what `golden.pick` made. Those under protected identity have no address
    corrected that they gave before: the correction goes with the address.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE held_corrections ({duckdb_columns(Rectified)},
        replaces VARCHAR, record_key VARCHAR, delivery_id VARCHAR)"""
    )
    _forget_who_left(home, connection)
    if not connection.execute("SELECT 1 FROM said_corrections LIMIT 1").fetchone():
        remove(home.lake / WRONG)
        return
    home.keyed_hash(connection)
    _asked_for(connection)
    _told(connection)
    _decide(connection, policy, today)
    for (attribute,) in connection.execute(
        "SELECT DISTINCT attribute FROM held_corrections WHERE stands ORDER BY attribute"
    ).fetchall():
        _stand(connection, attribute, PLACES[attribute])
    _history(connection, today)
    _note(home, connection)


def _forget_who_left(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Records that are staged no more need not be known as let go of: their registrant has left, or has been erased."""
    path = home.lake / LET_GO
    if not path.exists():
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE let_go AS SELECT * FROM {parquet(path)}")
    sources = [
        one for (one,) in connection.execute("SELECT DISTINCT source FROM let_go").fetchall()
    ]
    files = [file for source in sources for file in home.files("staged", source, name="*/records")]
    still = (
        f"SELECT * FROM let_go SEMI JOIN {parquet(*files)} AS staged USING (record_key, content)"
        if files
        else "SELECT * FROM let_go WHERE false"
    )
    left = (
        connection.execute(f"CREATE OR REPLACE TEMP TABLE still AS {still}")
        .execute("SELECT count(*) FROM still")
        .fetchone()
    )
    if left and left[0]:
        copy_parquet(connection, "SELECT * FROM still ORDER BY ALL", path)
    else:
        remove(path)


def _asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    """`asked`: every correction under its registrant, `nth` from the last of its attribute."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE asked AS
        SELECT registrant_id, attribute, value, request AS request_id, overrides, replaces, said.moment AS since, said.delivery_id AS delivery_id, record_key,
            row_number() OVER (PARTITION BY registrant_id, attribute ORDER BY said DESC, record_key) AS nth
        FROM said_corrections JOIN membership USING (person_key) JOIN whole USING (registrant_id)
        WHERE attribute NOT IN {LOCATION} OR (NOT whole.withheld AND (lifted_at IS NULL OR said.moment >= lifted_at))"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE asking AS
        WITH now AS (SELECT person_key, registrant_id FROM membership SEMI JOIN asked USING (registrant_id))
        SELECT * FROM now UNION SELECT renamed.person_key, registrant_id FROM renamed JOIN now ON now.person_key = renamed.now"""
    )


def _told(connection: duckdb.DuckDBPyConnection) -> None:
    """`told`: every value of a corrected attribute that was said of its registrant, earlier versions of records too; with its place and keyed hash."""
    each = [
        f"""SELECT registrant_id, '{attribute}' AS attribute, '{place.table}' AS in_table, source, day, delivery_id, record_no, position,
            {place.column}::VARCHAR AS value
        FROM staged_{place.table} JOIN asking USING (person_key) WHERE {place.rows} AND {place.column} IS NOT NULL"""
        for attribute, place in PLACES.items()
    ]
    each.append(
        """SELECT registrant_id, attribute, 'corrections', source, day, delivery_id, record_no, position, value
        FROM staged_corrections JOIN asking USING (person_key)"""
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE told AS
        SELECT *, {TOKEN.format("attribute", "value")} AS token, {FORM.format("attribute", "value")} AS form
        FROM ({" UNION ALL ".join(each)}) SEMI JOIN asked USING (registrant_id, attribute)"""
    )


def _decide(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Fill `held_corrections`: which stand, which have ended and by whose word, and what was there before while that may be kept."""
    made_on = local_day(policy, "asked.since")
    gone_on = due(policy, "rectified", made_on)
    connection.execute(
        f"""INSERT INTO held_corrections BY NAME
        WITH agreed AS (
            SELECT registrant_id, attribute, asked.nth, min({{'day': told.day, 'source': told.source}}) AS first
            FROM asked JOIN told USING (registrant_id, attribute)
            WHERE told.source <> 'self' AND form = {FORM.format("attribute", "asked.value")} AND told.day >= {made_on}
                AND coalesce(told.source = overrides, true)
            GROUP BY ALL),
        later AS (SELECT registrant_id, attribute, nth + 1 AS nth, {made_on} AS day FROM asked),
        was AS (SELECT registrant_id, attribute, token, any_value(value ORDER BY value) AS old_value FROM told GROUP BY ALL)
        SELECT asked.* EXCLUDE (nth), CASE WHEN {gone_on} > DATE '{today}' THEN was.old_value END AS old_value, {gone_on} AS old_goes_on,
            agreed.nth IS NULL AND later.nth IS NULL AS stands, least(agreed.first.day, later.day) AS ended_on,
            CASE WHEN agreed.first.day <= later.day OR later.day IS NULL THEN agreed.first.source ELSE 'self' END AS ended_by
        FROM asked LEFT JOIN agreed USING (registrant_id, attribute, nth) LEFT JOIN later USING (registrant_id, attribute, nth)
            LEFT JOIN was ON was.registrant_id = asked.registrant_id AND was.attribute = asked.attribute AND token = replaces""".replace(
            "asked.*,", "asked.* EXCLUDE (nth),"
        )
    )


def _stand(connection: duckdb.DuckDBPyConnection, attribute: str, place: Place) -> None:
    """Put the attribute's corrections into the golden rows, and say so in the provenance."""
    standing = f"(SELECT * FROM held_corrections WHERE stands AND attribute = '{attribute}') AS one"
    more = ", birth_date_precision = 'day'" if attribute == "birth_date" else ""
    connection.execute(
        f"UPDATE registrants SET {attribute} = CAST(one.value AS {'DATE' if attribute == 'birth_date' else 'VARCHAR'}){more} FROM {standing} "
        "WHERE registrants.registrant_id = one.registrant_id"
    )
    if not place.group:
        connection.execute(
            f"DELETE FROM provenance WHERE attribute = '{attribute}' AND registrant_id IN (SELECT registrant_id FROM {standing})"
        )
    connection.execute(
        f"""INSERT INTO provenance BY NAME
        SELECT registrant_id, attribute, 'self' AS source, delivery_id, record_key, since AS stated_at, true AS rectified FROM {standing}"""
    )


def _history(connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """The histories: what was wrong is not current, and not there at all when its time is over; what was corrected is."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE wrong AS
        SELECT DISTINCT registrant_id, attribute, replaces, old_goes_on <= DATE '{today}' AS over FROM held_corrections WHERE replaces IS NOT NULL"""
    )
    for attribute, table, column, rows in (
        ("given_names", "held_names", "given_names", _NAME),
        ("call_name", "held_names", "given_names", "kind = 'call'"),
        ("family_name", "held_names", "family_name", _NAME),
        ("email", "held_contact_points", "value", "kind = 'email'"),
        ("phone", "held_contact_points", "value", "kind = 'phone'"),
        *((one, "held_addresses", one, _HOME) for one in LOCATION),
    ):
        matching = f"""{table}.registrant_id = wrong.registrant_id AND wrong.attribute = '{attribute}' AND {rows}
            AND {column} IS NOT NULL AND {TOKEN.format(f"'{attribute}'", column)} = wrong.replaces"""
        connection.execute(
            f"UPDATE {table} SET is_current = false FROM wrong WHERE {matching} AND NOT over"
        )
        if table == "held_names":
            connection.execute(
                f"UPDATE {table} SET {column} = NULL FROM wrong WHERE {matching} AND over"
            )
        elif table == "held_addresses":
            connection.execute(f"DELETE FROM {table} USING wrong WHERE {matching} AND over")
        else:
            connection.execute(
                f"UPDATE {table} SET is_current = false FROM wrong WHERE {matching} AND {_SPOKEN_OF.format('kind', 'match_key')}"
            )
            connection.execute(
                f"DELETE FROM {table} USING wrong WHERE {matching} AND over AND NOT {_SPOKEN_OF.format('kind', 'match_key')}"
            )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE held_names AS SELECT DISTINCT * FROM held_names WHERE given_names IS NOT NULL OR family_name IS NOT NULL"
    )
    since = "since::DATE AS valid_from, true AS is_current, 'self' AS source"
    standing = "held_corrections SEMI JOIN (SELECT registrant_id FROM registrants) AS there USING (registrant_id)"
    connection.execute(
        f"""INSERT INTO held_names BY NAME
        SELECT registrant_id, 'official' AS kind, any_value(registrants.given_names) AS given_names, any_value(registrants.family_name) AS family_name,
            max(since)::DATE AS valid_from, true AS is_current, 'self' AS source
        FROM held_corrections JOIN registrants USING (registrant_id) WHERE stands AND attribute IN ('given_names', 'family_name') GROUP BY registrant_id
        UNION ALL BY NAME
        SELECT registrant_id, 'call' AS kind, value AS given_names, {since} FROM {standing} WHERE stands AND attribute = 'call_name'"""
    )
    connection.execute(
        f"""INSERT INTO held_contact_points BY NAME
        SELECT registrant_id, attribute AS kind, value, {FORM.format("attribute", "value")} AS match_key, true AS is_current, 'self' AS source
        FROM {standing} WHERE stands AND attribute IN ('email', 'phone')"""
    )
    connection.execute(
        f"""INSERT INTO held_addresses BY NAME
        SELECT registrant_id, 'postal' AS kind, any_value(street) AS street, any_value(postcode) AS postcode, any_value(town) AS town,
            any_value(country) AS country, max(since)::DATE AS valid_from, true AS is_current, 'self' AS source
        FROM held_corrections JOIN registrants USING (registrant_id) WHERE stands AND attribute IN {LOCATION} GROUP BY registrant_id"""
    )


def _note(home: Home, connection: duckdb.DuckDBPyConnection) -> None:
    """Write down which rows hold a value whose time is over: the statements, and choices that name an address which was wrong."""
    home.lake.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy_parquet(
        connection,
        f"""WITH over AS (SELECT * FROM wrong WHERE over),
        named AS (
            SELECT choice.*, registrant_id, split_part(subject, ':', 1) AS attribute, substr(subject, strpos(subject, ':') + 1) AS value
            FROM staged_marketing_choices AS choice JOIN asking USING (person_key) WHERE source <> 'consents' AND subject IS NOT NULL)
        SELECT DISTINCT delivery_id, record_no, position, in_table, told.attribute FROM told
        JOIN over ON over.registrant_id = told.registrant_id AND over.attribute = told.attribute AND told.token = over.replaces
        WHERE in_table <> 'contact_points' OR NOT {_SPOKEN_OF.format("told.attribute", "told.form")}
        UNION
        SELECT DISTINCT delivery_id, record_no, position, 'marketing_choices', named.attribute FROM named
        JOIN over ON over.registrant_id = named.registrant_id AND over.attribute = named.attribute
            AND {TOKEN.format("named.attribute", "named.value")} = over.replaces
        ORDER BY ALL""",
        home.lake / WRONG,
    )


assert set(PLACES) == set(RECTIFIABLE), "every attribute that can be corrected has its place"  # noqa: S101
