"""Registrant state: what is true of a registrant as soon as it is true of one of its persons.

Protection, death, identity code, customer number and contracts; part of each round of resolution,
for retention decides by it who leaves.
"""

from __future__ import annotations

import duckdb

from assets.register.clocks import CONTRACT_ENDS
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.register import KnownBy

REGISTRANT_CODES = Relation(
    name="registrant_codes",
    summary="The identity code of a registrant; no code is of two registrants.",
    columns={"registrant_id": "VARCHAR", "identity_code": "VARCHAR"},
    reads=("code_claims", "membership"),
    scope=Scope.COMPONENT,
)
REGISTRANT_STATE = Relation(
    name="registrant_state",
    summary="What is true of a registrant as soon as it is true of one of its source persons.",
    columns={
        "registrant_id": "VARCHAR",
        "first_seen_on": "DATE",
        "last_contact_on": "DATE",
        "protected": "BOOLEAN",
        "withheld": "BOOLEAN",
        "lifted_at": "TIMESTAMPTZ",
        "deceased": "BOOLEAN",
        "death_date": "DATE",
        "death_stated_on": "DATE",
        "identity_code": "VARCHAR",
        "customer_number": "VARCHAR",
        "has_contract": "BOOLEAN",
        "has_open_contract": "BOOLEAN",
        "relationship_ends_on": "DATE",
    },
    reads=(
        "membership",
        "protection_status",
        "unconfirmed_protection",
        "current_persons",
        "known_identifiers",
        "registrant_contracts",
        "contract_endings",
        "registrant_codes",
    ),
    scope=Scope.COMPONENT,
)
REGISTRANT_IDENTIFIERS = Relation(
    name="registrant_identifiers",
    summary="Every identifier by which a source has named the registrant, corrected codes too.",
    columns=duckdb_types(KnownBy),
    reads=("known_identifiers", "membership", "corrected_codes"),
    scope=Scope.COMPONENT,
)


def gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registrant_codes`, `registrant_state` and `registrant_identifiers`.

    Part of each round of resolution: retention decides by the state who leaves.
    """
    _registrant_codes(connection)
    connection.execute(
        REGISTRANT_STATE.create_table(
            f"""WITH state AS (
                SELECT registrant_id, min(first_seen[:10])::DATE AS first_seen_on,
                    max(last_contact_on) AS last_contact_on,
                    coalesce(bool_or(protected), false)
                        OR coalesce(bool_or(as_protected), false) AS protected,
                    coalesce(bool_or(protected), false)
                        OR bool_or(unconfirmed.person_key IS NOT NULL) AS withheld,
                    max(lifted.moment) AS lifted_at
                FROM membership
                LEFT JOIN protection_status USING (person_key)
                LEFT JOIN unconfirmed_protection AS unconfirmed USING (person_key)
                GROUP BY registrant_id),
            death AS (
                SELECT registrant_id, bool_or(deceased) AS deceased,
                    min(death_date) AS death_date, min(death_stated_on) AS death_stated_on
                FROM current_persons JOIN membership USING (person_key)
                WHERE deceased GROUP BY registrant_id),
            numbers AS (
                SELECT registrant_id,
                    min(value) FILTER (type = 'customer_number') AS customer_number
                FROM known_identifiers JOIN membership USING (person_key)
                GROUP BY registrant_id),
            bound AS (
                SELECT registrant_id, {CONTRACT_ENDS.replace("AS ends_on", "AS last_end")},
                    bool_or(ends_on IS NULL AND status = 'active') AS open
                FROM registrant_contracts LEFT JOIN contract_endings USING (contract_number)
                WHERE registrant_id IS NOT NULL GROUP BY registrant_id)
            SELECT state.*, coalesce(deceased, false) AS deceased, death_date,
                death_stated_on, identity_code,
                customer_number, bound.registrant_id IS NOT NULL AS has_contract,
                coalesce(open, false) AS has_open_contract,
                CASE WHEN NOT open THEN last_end END AS relationship_ends_on
            FROM state
            LEFT JOIN death USING (registrant_id)
            LEFT JOIN numbers USING (registrant_id)
            LEFT JOIN registrant_codes USING (registrant_id)
            LEFT JOIN bound USING (registrant_id)"""
        )
    )
    _registrant_identifiers(connection)


def _registrant_codes(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registrant_codes`: one code of a registrant, one registrant of a code.

    Where several claim one, the registrant with the population register's own statement keeps it,
    else the latest statement decides. The others have no code; `contradictions` flags them.
    """
    connection.execute(
        REGISTRANT_CODES.create_table(
            """WITH claims AS (
                SELECT registrant_id, code, bool_or(own) AS own, max(statement) AS statement
                FROM code_claims JOIN membership USING (person_key) GROUP BY ALL),
            preferred AS (
                SELECT * FROM claims
                QUALIFY row_number() OVER (PARTITION BY registrant_id
                    ORDER BY own DESC, statement DESC, code) = 1)
            SELECT registrant_id, code AS identity_code
            FROM preferred
            QUALIFY row_number() OVER (PARTITION BY code
                ORDER BY own DESC, statement DESC, registrant_id) = 1"""
        )
    )


def _registrant_identifiers(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        REGISTRANT_IDENTIFIERS.create_view(
            """SELECT DISTINCT registrant_id, type, stated_value AS value
            FROM known_identifiers JOIN membership USING (person_key)
            UNION
            SELECT registrant_id, 'identity_code', code
            FROM corrected_codes
            JOIN membership ON membership.person_key = person_key('identity_code', active)"""
        )
    )
