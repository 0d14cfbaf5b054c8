"""Membership: which source persons are one registrant, under an id that stays.

The id is made of the first record of any of the registrant's source persons (day, delivery, place):
it does not depend on the path by which the register was built, it discloses nothing about the
person, and it stays when more records join. Deliveries of one day are ordered by their periods and
numbers, as they are made one after the other. The first record is kept from build to build, even
when the record itself is past its time. When two registrants turn out to be one, the earlier id
stays; when an erasure makes them one, the id of the one who is known by more (`kept_ids`).
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import entity_resolution, kept_ids, pair_cache
from assets.register.entity_resolution import Linkage
from assets.register.published_tables import LAST_MEMBERSHIP
from assets.register.survivorship import preferred_address
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from schemas.activities import ACTIVITIES
from schemas.register import Membership

REGISTRANT_ID = "'R' || upper(left(sha256('registrant|' || {0}), 16))"
FIRST_SEEN = """concat_ws('/', {0}.day, period_last, lpad(sequence::VARCHAR, 12, '0'),
    {0}.delivery_id, lpad({0}.record_no::VARCHAR, 12, '0'))"""
"""SQL: the order of records: day, end of the delivery's period, its number, its id, the place."""

# Canonical table -> SQL: the day of an active contact that a row of it is evidence of, in the
# policy's time zone.
_CONTACTS = {
    "persons": "last_contact_on",
    "identifiers": "NULL::DATE",
    "contracts": "NULL::DATE",
    "orders": "local_day(ordered_at)",
    "visits": "local_day(started_at)",
    "credit_reports": "NULL::DATE",
    "marketing_choices": "CASE WHEN choice = 'granted' THEN local_day(stated_at) END",
    **{activity.table: activity.contact for activity in ACTIVITIES},
}

# What names the account of a signed-in visit: a customer number, or an e-mail address.
_NAMED_ACCOUNTS = """SELECT person_key, type, value FROM statements_identifiers
    WHERE type = 'customer_number'
    UNION SELECT person_key, kind, match_key FROM statements_contact_points WHERE kind = 'email'"""

SOURCE_PERSONS = Relation(
    name="source_persons",
    summary="Every source person, its first record, and its last active contact.",
    columns={"person_key": "VARCHAR", "first_seen": "VARCHAR", "last_contact_on": "DATE"},
    reads=(
        *(f"statements_{table}" for table in _CONTACTS),
        "statements_contact_points",
        "staged_identifiers",
        "delivery_ledger",
        "renamed_persons",
        "contract_parties",
        "contract_ends",
        "staged_visits",
    ),
    amended_from=("excluded_persons", *(f"statements_{table}" for table in _CONTACTS)),
    scope=Scope.COMPONENT,
)
MEMBERSHIP = Relation.of(
    Membership, reads=("source_persons", "clusters", "kept_seeds"), scope=Scope.COMPONENT
)


def make_source_persons(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date
) -> None:
    """Make `source_persons`, over everything that `source_statements.gather` made.

    Merged with the membership of the last build, so that neither value is lost when old records go.
    The first record counts even if a later version of it has replaced it: a register that takes in
    one day after the other has seen it. The end of a contract counts as a contact. A contract is
    the first record of one person only, of the account; of another party that it names its place is
    one step later.

    A contact that only a signed-in visit shows outlives the visit: when nothing else is left of the
    account that made it, those who were one registrant with it in the last build have had it, or
    else the only person who states the account (`heirs`).
    """
    # One after the other: as one statement, the joins and aggregates of all of them would have to
    # fit into memory at the same time.
    contacts = {
        f"contacts_of_{table}": f"""SELECT person_key, max({contact}) AS contact_on
            FROM statements_{table} WHERE person_key IS NOT NULL GROUP BY person_key"""
        for table, contact in _CONTACTS.items()
    }
    parts = contacts | {
        "present": f"""SELECT person_key, stated.last_contact_on, first.first_seen
            FROM (SELECT person_key, max(contact_on) AS last_contact_on
                FROM ({" UNION ALL ".join(f"FROM {name}" for name in contacts)})
                GROUP BY person_key) AS stated
            LEFT JOIN (
                SELECT coalesce(renamed_persons.current_key, staged.person_key) AS person_key,
                    min({FIRST_SEEN.format("staged")}
                        || CASE WHEN party <> staged.person_key THEN '/' || staged.person_key
                            ELSE '' END) AS first_seen
                FROM staged_identifiers AS staged
                JOIN delivery_ledger ON delivery_ledger.delivery_id = staged.delivery_id
                LEFT JOIN renamed_persons ON renamed_persons.person_key = staged.person_key
                LEFT JOIN contract_parties AS contract
                    ON contract.delivery_id = staged.delivery_id
                    AND contract.record_no = staged.record_no
                GROUP BY ALL) AS first USING (person_key)""",
        "earlier": LAST_MEMBERSHIP.rows(data_root),
        "gone": """SELECT person_key, max(contact_on) AS contact_on FROM (
                SELECT coalesce(renamed_persons.current_key, staged.person_key) AS person_key,
                    local_day(started_at) AS contact_on
                FROM staged_visits AS staged
                LEFT JOIN renamed_persons USING (person_key)
                WHERE user_id IS NOT NULL
                UNION ALL
                SELECT person_key, last_contact_on FROM earlier)
            ANTI JOIN present USING (person_key) GROUP BY person_key""",
        "named": f"""SELECT person_key(type, value) AS account, any_value(person_key) AS heir
            FROM ({_NAMED_ACCOUNTS})
            WHERE person_key IS NOT NULL AND person_key <> person_key(type, value)
                AND person_key(type, value) IN (SELECT person_key FROM gone)
            GROUP BY account HAVING count(DISTINCT person_key) = 1""",
        "inherited": """SELECT person_key, max(contact_on) AS contact_on FROM (
                SELECT heir.person_key AS person_key, contact_on
                FROM gone
                JOIN earlier USING (person_key)
                JOIN earlier AS heir ON heir.registrant_id = earlier.registrant_id
                UNION ALL
                SELECT heir, contact_on FROM gone JOIN named ON named.account = gone.person_key)
            GROUP BY person_key""",
    }
    for name, query in parts.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    connection.execute(
        SOURCE_PERSONS.create_table(
            f"""SELECT person_key, least(present.first_seen, earlier.first_seen) AS first_seen,
                greatest(present.last_contact_on, earlier.last_contact_on, inherited.contact_on,
                    CASE WHEN contract_ends.ends_on IS NOT NULL
                        THEN least(contract_ends.ends_on, DATE '{today}') END) AS last_contact_on
            FROM present
            LEFT JOIN contract_ends USING (person_key)
            LEFT JOIN inherited USING (person_key)
            LEFT JOIN earlier USING (person_key)"""
        )
    )
    for name in parts:
        connection.execute(f"DROP TABLE {name}")
    _first_statements(connection)


def _first_statements(connection: duckdb.DuckDBPyConnection) -> None:
    """Take the first statement as the first record of a person without any valid identifier."""
    without = "SELECT person_key FROM source_persons WHERE first_seen IS NULL"
    if not connection.execute(f"{without} LIMIT 1").fetchone():
        return
    stated = " UNION ALL ".join(
        f"SELECT person_key, statement FROM statements_{table} WHERE person_key IN ({without})"
        for table in _CONTACTS
    )
    connection.execute(
        f"""UPDATE source_persons SET first_seen = first.seen FROM (
            SELECT person_key,
                min({FIRST_SEEN.format("stated")}) || '/' || person_key AS seen
            FROM (SELECT person_key, unnest(statement) FROM ({stated})) AS stated
            GROUP BY person_key) AS first
        WHERE source_persons.person_key = first.person_key AND first_seen IS NULL"""
    )


def make_people(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the relations that linkage reads: `people`, a row per source person, and
    `person_identifiers`."""
    connection.execute(
        entity_resolution.PEOPLE.create_table(
            f"""WITH official AS (
                SELECT person_key, given_names, family_name
                FROM current_names WHERE kind = 'official' AND is_current
                QUALIFY row_number() OVER (
                    PARTITION BY person_key ORDER BY newest, statement DESC) = 1),
            called AS (
                SELECT person_key, given_names AS call_name
                FROM current_names WHERE kind = 'call' AND is_current
                QUALIFY row_number() OVER (
                    PARTITION BY person_key ORDER BY newest, statement DESC) = 1),
            former AS (
                SELECT person_key, list(DISTINCT family_name ORDER BY family_name)
                    AS former_family_names
                FROM current_names
                WHERE family_name IS NOT NULL
                    AND (kind = 'former' OR NOT is_current OR newest > 1)
                GROUP BY person_key),
            born AS (
                SELECT person_key, arg_max(birth_date, statement) AS birth_date
                FROM current_persons
                WHERE birth_date IS NOT NULL AND birth_date_precision = 'day'
                GROUP BY person_key),
            lives AS (
                SELECT person_key, street, postcode, town
                FROM current_addresses
                WHERE is_current AND street IS NOT NULL
                    AND kind IN ('permanent', 'postal', 'temporary')
                QUALIFY row_number() OVER (PARTITION BY person_key
                    ORDER BY {preferred_address("kind")}, newest, statement DESC) = 1),
            reached AS (
                SELECT person_key,
                    list(DISTINCT match_key ORDER BY match_key)
                        FILTER (kind = 'email') AS emails,
                    list(DISTINCT match_key ORDER BY match_key)
                        FILTER (kind = 'phone') AS phones
                FROM current_contact_points WHERE is_current GROUP BY person_key),
            everyone AS (
                SELECT person_key FROM current_names
                UNION SELECT person_key FROM current_contact_points
                UNION SELECT person_key FROM current_addresses)
            SELECT person_key, given_names, call_name, family_name, former_family_names,
                birth_date, street, postcode, town, emails, phones
            FROM everyone
            LEFT JOIN official USING (person_key)
            LEFT JOIN called USING (person_key)
            LEFT JOIN former USING (person_key)
            LEFT JOIN born USING (person_key)
            LEFT JOIN lives USING (person_key)
            LEFT JOIN reached USING (person_key)"""
        )
    )
    connection.execute(
        entity_resolution.PERSON_IDENTIFIERS.create_table(
            """SELECT DISTINCT person_key, type, value
            FROM known_identifiers
            WHERE person_key IS NOT NULL AND type IN (
                'identity_code', 'customer_number', 'contact_id', 'user_id', 'visitor_id',
                'email', 'phone')"""
        )
    )


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> Linkage:
    """Return a linkage over `people` and `person_identifiers`, with the pairs of the last build."""
    pair_cache.load(data_root, connection)
    kept_ids.load(data_root, connection)
    return Linkage(connection)


def resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `membership` of the clusters of the last round of linkage: a row per source person."""
    _number(connection)
    if kept_ids.find(connection, REGISTRANT_ID):
        _number(connection)


def _number(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `membership`: the id of a cluster comes from the first record in it."""
    first = """min(coalesce(seed, first_seen))
        OVER (PARTITION BY coalesce(cluster, person_key))"""
    connection.execute(
        MEMBERSHIP.create_table(
            f"""SELECT person_key, {REGISTRANT_ID.format(first)} AS registrant_id,
                first_seen, last_contact_on
            FROM source_persons
            LEFT JOIN clusters USING (person_key)
            LEFT JOIN kept_seeds USING (person_key)"""
        )
    )
