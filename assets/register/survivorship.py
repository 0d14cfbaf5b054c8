"""Survivorship: for each attribute of a registrant, the most trusted source, and its latest word."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import duckdb

from schemas.columns import categories
from schemas.policy import Policy
from schemas.staged import CANONICAL

if TYPE_CHECKING:
    from sqlglot import exp

# A permanent home before a postal address before a temporary one; abroad after home.
_ADDRESS_ORDER = (
    "['permanent', 'postal', 'temporary', 'permanent_abroad', 'postal_abroad', 'temporary_abroad']"
)

# attribute group -> (columns it fills, rows it picks from, preference before trust)
_PICKS = {
    "name": ("given_names, family_name", "names_held WHERE kind = 'official' AND is_current", "1"),
    "call_name": ("given_names AS call_name", "names_held WHERE kind = 'call' AND is_current", "1"),
    "birth_date": (
        "birth_date, birth_date_precision",
        "persons_held WHERE birth_date IS NOT NULL",
        "1",
    ),
    "language": (
        "coalesce(language, native_language) AS language",
        "persons_held WHERE coalesce(language, native_language) IS NOT NULL",
        "language IS NULL",
    ),
    "email": ("value AS email", "contact_points_held WHERE kind = 'email' AND is_current", "1"),
    "phone": ("value AS phone", "contact_points_held WHERE kind = 'phone' AND is_current", "1"),
    "address": (
        "street, postcode, town, country",
        "addresses_held WHERE kind <> 'municipality' AND is_current AND street IS NOT NULL",
        "1",
    ),
    "municipality": (
        "municipality_code",
        "addresses_held WHERE kind = 'municipality' AND is_current",
        "1",
    ),
    "company": ("company_name, job_title", "said_company_contacts WHERE true", "1"),
}

_STAGED_AS = {
    "names_held": "names",
    "persons_held": "persons",
    "contact_points_held": "contact_points",
    "addresses_held": "addresses",
    "said_company_contacts": "company_contacts",
}


def _selected(columns: str) -> list[exp.Expr]:
    """The expressions of a column list."""
    import sqlglot  # here, because only the lineage that the UI shows needs it
    from sqlglot import exp

    return list(sqlglot.parse_one(f"SELECT {columns}", dialect="duckdb", into=exp.Select).selects)


@cache
def comes_from() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Register table -> column -> the staged (table, column) pairs that it is picked from, read off the picks above."""
    from sqlglot import exp

    golden = {}
    for filled, origin, _ in _PICKS.values():
        table = _STAGED_AS[origin.split(" ")[0]]
        for expression in _selected(filled):
            golden[expression.alias_or_name] = [
                (table, column.name) for column in expression.find_all(exp.Column)
            ]
    for number in ("identity_code", "customer_number"):
        golden[number] = [("identifiers", "value")]
    golden |= {
        "deceased": [("persons", "deceased")],
        "death_date": [("persons", "death_date")],
        "protected": [("persons", "protected")],
    }
    same = {
        table: {column: [(table, column)] for column in categories(CANONICAL[table])}
        for table in (
            "names",
            "addresses",
            "contact_points",
            "contracts",
            "orders",
            "visits",
            "credit_reports",
            "credit_marks",
            "identifiers",
            "corrections",
        )
    }
    choices = {
        column: [("marketing_choices", column)]
        for column in categories(CANONICAL["marketing_choices"])
    }
    log = {**choices, "said_at": [("marketing_choices", "stated_at")]}
    contents = [
        ("visit_actions", column)
        for column in ("url", "content_name", "content_piece", "search_category")
    ]
    interests = {"topic": contents, "times": contents, "last_seen_on": [("visits", "started_at")]}
    return {
        "registrants": golden,
        "choices": choices,
        "choice_log": log,
        "interests": interests,
        **same,
    }


def pick(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `registrants` (golden rows, without location for the protected), `provenance`, `conflicts`, and the histories.

    Reads what `facts.gather`, `membership.resolve` and `whole` made. Ties end by record, so the same statements give the
    same row whatever the order they came in.
    """
    connection.execute("CREATE OR REPLACE TEMP TABLE trust (source VARCHAR, trust INTEGER)")
    connection.executemany(
        "INSERT INTO trust VALUES (?, ?)",
        [(name, one.trust) for name, one in policy.sources.items()],
    )
    for attribute, (columns, rows, preference) in _PICKS.items():
        protected = (
            "AND NOT state.withheld AND (lifted_at IS NULL OR said.moment >= lifted_at)"
            if attribute in ("address", "municipality")
            else ""
        )
        order = (
            f"list_position({_ADDRESS_ORDER}, kind), newest, "
            if attribute == "address"
            else ("newest, " if "_held WHERE kind" in rows else "")
        )
        last = "person_key" if rows.startswith("persons_held") else "person_key, position"
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE picked_{attribute} AS
            SELECT registrant_id, {columns}, source, said.delivery_id AS delivery_id, record_key, said.moment AS stated_at
            FROM (SELECT * FROM {rows}) JOIN membership USING (person_key) JOIN trust USING (source)
            JOIN whole AS state USING (registrant_id)
            WHERE true {protected}
            QUALIFY row_number() OVER (PARTITION BY registrant_id ORDER BY {preference}, trust, {order} said DESC, record_key, {last}) = 1"""
        )
    _conflicts(connection)
    columns = ", ".join(
        f"picked_{attribute}.{expression.alias_or_name}"
        for attribute, (filled, _, _) in _PICKS.items()
        for expression in _selected(filled)
    )
    joins = " ".join(f"LEFT JOIN picked_{attribute} USING (registrant_id)" for attribute in _PICKS)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE registrants AS SELECT whole.*, {columns} FROM whole {joins}"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE provenance AS "
        + " UNION ALL ".join(
            f"""SELECT registrant_id, '{attribute}' AS attribute, source, delivery_id, record_key, stated_at, false AS rectified
            FROM picked_{attribute}"""
            for attribute in _PICKS
        )
    )
    _histories(connection)


def _conflicts(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `conflicts(attribute, registrants, between_sources)`: of how many registrants several values are in force at once.

    That is what survivorship had to choose from: of each source person the newest, letters without case; addresses of one kind only.
    """
    counted = []
    for attribute, (columns, rows, _) in _PICKS.items():
        values = ", ".join(one.unalias().sql("duckdb") for one in _selected(columns))
        newest = "AND newest = 1" if "_held WHERE kind" in rows else ""
        kind = ", kind" if attribute == "address" else ""
        counted.append(
            f"""SELECT '{attribute}' AS attribute, count(DISTINCT registrant_id) AS registrants,
                count(DISTINCT registrant_id) FILTER (between_sources) AS between_sources FROM (
                SELECT registrant_id, min(source) <> max(source) AS between_sources
                FROM (SELECT person_key, source{kind}, lower(concat_ws('|', {values})) AS said FROM {rows} {newest}) JOIN membership USING (person_key)
                GROUP BY registrant_id{kind} HAVING min(said) <> max(said))"""
        )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE conflicts AS {' UNION ALL '.join(counted)}")


def whole(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `whole`: what is true of the registrant as soon as it is true of one of its source persons; and `held_identifiers`.

    Reads what `facts.gather`, `membership.resolve` and `relationships.contracts` made.
    """
    _codes(connection)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE whole AS
        WITH state AS (
            SELECT registrant_id, min(first_seen[:10])::DATE AS first_seen_on, max(last_contact_on) AS last_contact_on,
                coalesce(bool_or(protected), false) OR coalesce(bool_or(as_protected), false) AS protected,
                coalesce(bool_or(protected), false) OR bool_or(doubted.person_key IS NOT NULL) AS withheld, max(lifted.moment) AS lifted_at
            FROM membership LEFT JOIN protection USING (person_key) LEFT JOIN doubted USING (person_key) GROUP BY registrant_id),
        death AS (
            SELECT registrant_id, bool_or(deceased) AS deceased, min(death_date) AS death_date
            FROM persons_held JOIN membership USING (person_key) WHERE deceased GROUP BY registrant_id),
        numbers AS (
            SELECT registrant_id, min(value) FILTER (type = 'customer_number') AS customer_number
            FROM known_as JOIN membership USING (person_key) GROUP BY registrant_id),
        bound AS (
            SELECT registrant_id, max(ends_on) AS last_end, bool_or(ends_on IS NULL AND status = 'active') AS open
            FROM held_contracts WHERE registrant_id IS NOT NULL GROUP BY registrant_id)
        SELECT state.*, coalesce(deceased, false) AS deceased, death_date, identity_code, customer_number,
            bound.registrant_id IS NOT NULL AS has_contract, coalesce(open, false) AS has_open_contract,
            CASE WHEN NOT open THEN last_end END AS relationship_ends_on
        FROM state LEFT JOIN death USING (registrant_id) LEFT JOIN numbers USING (registrant_id)
            LEFT JOIN registrant_codes USING (registrant_id) LEFT JOIN bound USING (registrant_id)"""
    )
    _known_by(connection)


def _codes(connection: duckdb.DuckDBPyConnection) -> None:
    """`registrant_codes(registrant_id, identity_code)`: one code of a registrant, one registrant of a code.

    Where several claim one, who has the population register's own statement keeps it, else the
    latest statement decides. The others have no code; `contradictions` flags them.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE registrant_codes AS
        WITH claims AS (
            SELECT registrant_id, code, bool_or(own) AS own, max(said) AS said
            FROM code_claims JOIN membership USING (person_key) GROUP BY ALL),
        preferred AS (
            SELECT * FROM claims QUALIFY row_number() OVER (
                PARTITION BY registrant_id ORDER BY own DESC, said DESC, code) = 1)
        SELECT registrant_id, code AS identity_code FROM preferred QUALIFY row_number() OVER (
            PARTITION BY code ORDER BY own DESC, said DESC, registrant_id) = 1"""
    )


def _histories(connection: duckdb.DuckDBPyConnection) -> None:
    """`held_names`, `held_addresses`, `held_contact_points`: every fact that was never taken back, by registrant.

    Where the register of population protects the identity, other sources' locations go as well; after it is lifted, only
    those stated since come back.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_names AS
        SELECT DISTINCT registrant_id, kind, given_names, family_name, valid_from, valid_to,
            is_current AND (newest = 1 OR kind = 'former') AS is_current, source
        FROM names_held JOIN membership USING (person_key)"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_addresses AS
        SELECT DISTINCT registrant_id, kind, street, street_sv, postcode, town, town_sv, municipality_code, country, valid_from, valid_to,
            is_current AND newest = 1 AS is_current, source
        FROM addresses_held JOIN membership USING (person_key) JOIN whole USING (registrant_id)
        WHERE NOT whole.withheld AND (lifted_at IS NULL OR said.moment >= lifted_at)"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE held_contact_points AS
        SELECT registrant_id, kind, arg_min(value, (newest, said)) AS value, match_key, bool_or(is_current) AS is_current, source
        FROM contact_points_held JOIN membership USING (person_key) WHERE value IS NOT NULL GROUP BY ALL"""
    )


def _known_by(connection: duckdb.DuckDBPyConnection) -> None:
    """`held_identifiers`: every identifier by which a source has spoken of the registrant, corrected codes as they were."""
    connection.execute(
        """CREATE OR REPLACE TEMP VIEW held_identifiers AS
        SELECT DISTINCT registrant_id, type, told AS value FROM known_as JOIN membership USING (person_key)
        UNION
        SELECT registrant_id, 'identity_code', code FROM corrected
        JOIN membership ON membership.person_key = person_key('identity_code', active)"""
    )
