"""Companies, legal persons and no registrants, and postcodes: as staged, and as in the register."""

from __future__ import annotations

from schemas.columns import Day, TableModel, Text, column
from schemas.statement import Statement


class Postcodes(Statement):
    """Finnish postcodes: no person's data, but what addresses are completed by."""

    postcode: Text = column("technical", "five digits", required=True)
    town: Text = column(
        "technical", "its post office, in Finnish if it has such a name", required=True
    )
    town_sv: Text = column("technical", "the same in Swedish")
    municipality_code: Text = column("technical", "three digits, with leading zeros")

    class Config:
        name = "postcodes"


class Companies(Statement):
    """Companies of the business register: legal persons."""

    business_id: Text = column("company", "1234567-8", required=True)
    name: Text = column(
        "company", "main name in force; of a ceased company the last", required=True
    )
    company_form: Text = column("company", "the register's code of the legal form")
    situation: Text = column(
        "company",
        "codes in force, with commas between: KONK bankruptcy, SELTILA liquidation, "
        "SANE restructuring",
    )
    registered_on: Day = column("company", "day on which the business id was given")
    ceased_on: Day = column("company", "day on which it ended; null: it has not")
    trade_register_status: Text = column("company", "the register's code")
    business_line: Text = column("company", "code of its main line of business")
    business_line_name: Text = column("company", "the same in Finnish")
    website: Text = column("company", "as the register writes it")
    street: Text = column("company", "postal address, else where it is visited")
    postcode: Text = column("company", "five digits in Finland")
    town: Text = column("company", "post town: Finnish name if there is one, else Swedish")
    country: Text = column("company", "as stated; null: Finland")

    class Config:
        name = "companies"


class CompanyNames(Statement):
    """Names of companies, past and present."""

    business_id: Text = column("company", "1234567-8", required=True)
    kind: Text = column(
        "company",
        "parallel: in another language; auxiliary: of a part of the business",
        required=True,
        isin=["main", "parallel", "auxiliary"],
    )
    name: Text = column("company", "as the register writes it", required=True)
    valid_from: Day = column("company", "first day in force")
    valid_to: Day = column("company", "last day in force; null: it is in force")

    class Config:
        name = "company_names"


class RegisteredCompanies(TableModel):
    """Companies as the business register has them; legal persons, no registrants."""

    business_id: Text = column("company", "1234567-8", required=True, unique=True)
    name: Text = column(
        "company", "main name in force; of a ceased company the last", required=True
    )
    company_form: Text = column("company", "the business register's code")
    situation: Text = column("company", "such as KONK (bankruptcy), with commas between")
    registered_on: Day = column("company")
    ceased_on: Day = column("company", "null: it goes on")
    trade_register_status: Text = column("company", "the business register's code")
    business_line: Text = column("company", "code of its main line of business")
    business_line_name: Text = column("company")
    website: Text = column("company")
    street: Text = column("company")
    postcode: Text = column("company")
    town: Text = column("company")
    country: Text = column("company", "as stated; null: Finland")

    class Config:
        name = "companies"


class RegisteredCompanyNames(TableModel):
    """Names of companies, past and present."""

    business_id: Text = column("company", required=True)
    kind: Text = column("company", required=True)
    name: Text = column("company", required=True)
    valid_from: Day = column("company")
    valid_to: Day = column("company", "null: in force")

    class Config:
        name = "company_names"


class RegistrantCompanies(TableModel):
    """The companies that a registrant is a contact of, and which companies these are."""

    registrant_id: Text = column("registrant_id", required=True)
    company_name: Text = column("company", "as a source writes it", required=True)
    job_title: Text = column("company", "in that company")
    business_id: Text = column(
        "company", "of the only company that has or had that name; null: none, or several"
    )

    class Config:
        name = "company_contacts"


PUBLISHED: tuple[type[TableModel], ...] = (
    RegisteredCompanies,
    RegisteredCompanyNames,
    RegistrantCompanies,
)
"""The register's tables."""
