"""Companies of the business register, and which of them a registrant is a contact of.

A source writes a company's name as it likes: it is the company of the business register that has,
or had, the same name without regard to capitals and blanks, if there is only one. Of a name in
force and a former one, that in force counts.
"""

from __future__ import annotations

import duckdb

from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.companies import RegisteredCompanies, RegisteredCompanyNames, RegistrantCompanies

REGISTERED_COMPANIES = Relation(
    name="registered_companies",
    summary="The latest statement of the business register about each company.",
    columns=duckdb_types(RegisteredCompanies),
    reads=("statements_companies",),
    scope=Scope.GLOBAL,
    merge="The shards' rows are put together: a company is in one of them.",
)
REGISTERED_COMPANY_NAMES = Relation(
    name="registered_company_names",
    summary="The names of each company, past and present.",
    columns=duckdb_types(RegisteredCompanyNames),
    reads=("statements_company_names",),
    scope=Scope.GLOBAL,
    merge="The shards' rows are put together: a company is in one of them.",
)
REGISTRANT_COMPANIES = Relation(
    name="registrant_companies",
    summary="The companies that a registrant is a contact of, with their business ids.",
    columns=duckdb_types(RegistrantCompanies),
    reads=("statements_company_contacts", "membership", "registered_company_names"),
    scope=Scope.GLOBAL,
    merge="Made of the merged names: a company of that name may be in any shard.",
)
_NAME = r"regexp_replace(lower(trim({})), '\s+', ' ', 'g')"


def gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the relations of this module."""
    connection.execute(
        REGISTERED_COMPANIES.create_table(
            f"""SELECT {", ".join(REGISTERED_COMPANIES.columns)}
            FROM statements_companies
            QUALIFY row_number() OVER (PARTITION BY business_id ORDER BY statement DESC) = 1"""
        )
    )
    connection.execute(
        REGISTERED_COMPANY_NAMES.create_table(
            f"""SELECT DISTINCT {", ".join(REGISTERED_COMPANY_NAMES.columns)}
            FROM statements_company_names
            QUALIFY rank() OVER (PARTITION BY business_id
                ORDER BY statement.day DESC, statement.period_last DESC,
                    statement.delivery_id DESC) = 1"""
        )
    )
    connection.execute(
        REGISTRANT_COMPANIES.create_table(
            f"""WITH named AS (
                SELECT {_NAME.format("name")} AS name, business_id, valid_to IS NULL AS in_force
                FROM registered_company_names),
            only_one AS (
                SELECT name, any_value(business_id) AS business_id
                FROM (
                    SELECT * FROM named
                    QUALIFY in_force OR NOT bool_or(in_force) OVER (PARTITION BY name))
                GROUP BY name HAVING count(DISTINCT business_id) = 1)
            SELECT DISTINCT registrant_id, company_name, job_title, business_id
            FROM statements_company_contacts
            JOIN membership USING (person_key)
            LEFT JOIN only_one ON only_one.name = {_NAME.format("company_name")}"""
        )
    )
