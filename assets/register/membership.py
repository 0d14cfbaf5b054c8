"""Which source persons are one registrant, under an id that stays.

The id names the record that first spoke of any of the registrant's source persons (day, delivery, place): it does not
depend on the path by which the register was built, it tells nothing about the person, and it stays when more records
join. Deliveries of one day stand in the order of their periods and numbers, as they are made one after the other. What was first is
remembered even when that record itself is past its time. When two registrants turn out to be one, the id that was first stays;
when an erasure makes them one, the id of the one who is known by more (`kept_ids`).
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import kept_ids, pair_cache
from assets.register.entity_resolution import Linkage
from assets.storage.data_root import Home
from assets.storage.quoting import parquet

REGISTRANT_ID = "'R' || upper(left(sha256('registrant|' || {0}), 16))"
FIRST_SEEN = "concat_ws('/', one.day, period_last, lpad(sequence::VARCHAR, 12, '0'), one.delivery_id, lpad(one.record_no::VARCHAR, 12, '0'))"
"""SQL: what tells which record was first: day, end of the delivery's period, its number, itself, and the record's place."""

# Canonical table -> the day of an active contact that its rows tell of.
_SPOKEN = {
    "persons": "last_contact_on",
    "identifiers": "NULL::DATE",
    "contracts": "NULL::DATE",
    "orders": "ordered_at::DATE",
    "visits": "started_at::DATE",
    "credit_reports": "NULL::DATE",
    "marketing_choices": "CASE WHEN choice = 'granted' THEN stated_at::DATE END",
}


def source_persons(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `source_persons(person_key, first_seen, last_contact_on)`, over everything that `facts.gather` made.

    Merged with what the last run remembered, so that neither is lost when old records go. What was first counts even if a later
    version of the record has taken its place: whoever took in one day after the other has seen it. The end of a contract
    counts as a contact. A contract is the first record of one person only, of the account; of another party that it names
    its place is one step later, and counts while the contract does.
    """
    spoken = " UNION ALL ".join(
        f"SELECT person_key, {contact} AS contact_on FROM said_{table} WHERE person_key IS NOT NULL"
        for table, contact in _SPOKEN.items()
    )
    remembered = home.register("membership")
    earlier = (
        f"SELECT * FROM {parquet(remembered)}"
        if remembered.exists()
        else (
            "SELECT NULL::VARCHAR AS person_key, NULL::VARCHAR AS first_seen, NULL::DATE AS last_contact_on WHERE false"
        )
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE source_persons AS
        WITH spoken AS (SELECT person_key, max(contact_on) AS last_contact_on FROM ({spoken}) GROUP BY person_key),
        placed AS (
            SELECT coalesce(renamed.now, one.person_key) AS person_key, {FIRST_SEEN}
                || CASE WHEN party <> one.person_key THEN '/' || one.person_key ELSE '' END AS first_seen
            FROM staged_identifiers AS one JOIN book ON book.delivery_id = one.delivery_id
            LEFT JOIN renamed ON renamed.person_key = one.person_key
            LEFT JOIN contract_parties AS contract ON contract.delivery_id = one.delivery_id
                AND contract.record_no = one.record_no
            WHERE NOT coalesce(party <> one.person_key AND contract_number IN (
                SELECT key FROM expired WHERE what = 'contract'), false)),
        first AS (SELECT person_key, min(first_seen) AS first_seen FROM placed GROUP BY person_key),
        now AS (SELECT * FROM spoken LEFT JOIN first USING (person_key)),
        ended AS (SELECT person_key, ends_on FROM contract_ends)
        SELECT person_key, least(now.first_seen, earlier.first_seen) AS first_seen,
            greatest(now.last_contact_on, earlier.last_contact_on,
                CASE WHEN ended.ends_on IS NOT NULL THEN least(ended.ends_on, DATE '{today}') END) AS last_contact_on
        FROM now LEFT JOIN ended USING (person_key) LEFT JOIN ({earlier}) AS earlier USING (person_key)"""
    )
    _first_statements(connection)


def _first_statements(connection: duckdb.DuckDBPyConnection) -> None:
    """Of a source person of whom no identifier passed its rules, the first statement is the first record."""
    without = "SELECT person_key FROM source_persons WHERE first_seen IS NULL"
    if not connection.execute(f"{without} LIMIT 1").fetchone():
        return
    seen = FIRST_SEEN.replace("one.", "said.")
    spoken = " UNION ALL ".join(
        f"SELECT person_key, said FROM said_{table} WHERE person_key IN ({without})"
        for table in _SPOKEN
    )
    connection.execute(
        f"""UPDATE source_persons SET first_seen = first.seen FROM (
            SELECT person_key, min({seen}) || '/' || person_key AS seen
            FROM (SELECT person_key, unnest(said) FROM ({spoken})) AS said GROUP BY person_key) AS first
        WHERE source_persons.person_key = first.person_key AND first_seen IS NULL"""
    )


def people(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that linkage reads: `people`, a row per source person, and `identifiers`."""
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE people AS
        WITH official AS (SELECT person_key, given_names, family_name FROM names_held WHERE kind = 'official' AND is_current
                QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY newest, said DESC) = 1),
        called AS (SELECT person_key, given_names AS call_name FROM names_held WHERE kind = 'call' AND is_current
                QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY newest, said DESC) = 1),
        former AS (
            SELECT person_key, list(DISTINCT family_name ORDER BY family_name) AS former_family_names
            FROM names_held WHERE family_name IS NOT NULL AND (kind = 'former' OR NOT is_current OR newest > 1) GROUP BY person_key),
        born AS (SELECT person_key, arg_max(birth_date, said) AS birth_date FROM persons_held WHERE birth_date IS NOT NULL
                AND birth_date_precision = 'day' GROUP BY person_key),
        lives AS (
            SELECT person_key, street, postcode, town FROM addresses_held
            WHERE is_current AND street IS NOT NULL AND kind IN ('permanent', 'postal', 'temporary')
            QUALIFY row_number() OVER (PARTITION BY person_key ORDER BY kind, newest, said DESC) = 1),
        reached AS (
            SELECT person_key, list(DISTINCT match_key ORDER BY match_key) FILTER (kind = 'email') AS emails,
                list(DISTINCT match_key ORDER BY match_key) FILTER (kind = 'phone') AS phones
            FROM contact_points_held WHERE is_current GROUP BY person_key),
        everyone AS (SELECT DISTINCT person_key FROM (
            SELECT person_key FROM names_held UNION ALL SELECT person_key FROM contact_points_held UNION ALL SELECT person_key FROM addresses_held))
        SELECT person_key, given_names, call_name, family_name, former_family_names, birth_date, street, postcode, town, emails, phones
        FROM everyone LEFT JOIN official USING (person_key) LEFT JOIN called USING (person_key) LEFT JOIN former USING (person_key)
            LEFT JOIN born USING (person_key) LEFT JOIN lives USING (person_key) LEFT JOIN reached USING (person_key)"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE identifiers AS
        SELECT DISTINCT person_key, type, value FROM known_as
        WHERE person_key IS NOT NULL AND type IN ('identity_code', 'customer_number', 'contact_id', 'user_id', 'visitor_id', 'email', 'phone')"""
    )


def prepare(home: Home, connection: duckdb.DuckDBPyConnection) -> Linkage:
    """What linkage needs of `people` and `identifiers` however often it is done; with what it remembers."""
    pair_cache.load(home, connection)
    kept_ids.load(home, connection)
    return Linkage(connection)


def resolve(connection: duckdb.DuckDBPyConnection, linkage: Linkage) -> None:
    """Link, and make `membership(person_key, registrant_id, first_seen, last_contact_on)`; a line per source person."""
    linkage.link()
    _number(connection)
    if kept_ids.find(connection, REGISTRANT_ID):
        _number(connection)


def _number(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `membership`: the id of a cluster comes from what was first in it."""
    first = """min(coalesce(seed, first_seen))
        OVER (PARTITION BY coalesce(cluster, person_key))"""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE membership AS
        SELECT person_key, {REGISTRANT_ID.format(first)} AS registrant_id,
            first_seen, last_contact_on
        FROM source_persons LEFT JOIN clusters USING (person_key)
        LEFT JOIN kept_seeds USING (person_key)"""
    )
