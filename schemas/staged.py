"""The canonical frames: the same small set of tables for every source.

Every row is one *statement* of one record. `op` is its effect on the source's earlier statements of
the same person and kind:

- `state`   this is true (from `valid_from` until `valid_to`);
- `retract` this was wrong or has been removed;
- `reset`   no earlier statement of this kind was right; the true ones follow;
- `censor`  the source hides this kind (protected identity): delete what is stored.
"""

from __future__ import annotations

from schemas.checking import check
from schemas.columns import (
    Amount,
    Count,
    Day,
    Flag,
    Moment,
    TableModel,
    Text,
    column,
    row_rule,
    rule,
)
from schemas.identifiers import DAMAGED, IDENTIFIER_TYPES
from schemas.vocabulary import CHANNELS, RECTIFIABLE, REGISTRANT_PURPOSES

CODES = {
    "PERSON-BIRTH-YEAR": "the birth date lies before 1850 or after 2100",
    "IDENTIFIER-IDENTITY-CODE": "the identity code is not valid; the rest of the record is used",
    "IDENTIFIER-BUSINESS-ID": "the business id is not valid; the rest of the record is used",
    "IDENTIFIER-DAMAGED": (
        "a spreadsheet has cut the number short (1.24E+11); the rest of the record is used"
    ),
    "CONTACT-EMAIL-INVALID": "the e-mail address is not valid; the rest of the record is used",
    "CONTACT-PHONE-INVALID": "the phone number is not valid; the rest of the record is used",
    "ADDRESS-MUNICIPALITY": "the municipality code has not three digits",
    "ADDRESS-POSTCODE": "a Finnish postcode has not five digits; the rest of the record is used",
}

OPS = ("state", "retract", "reset", "censor")
CHOICES = (
    "granted",
    "withdrawn",
    "prohibited",
    "objected",
    "restricted",
    "review_requested",
    "lifted",
)
REFUSALS = ("withdrawn", "prohibited", "objected", "restricted")
"""Restrictive choices: they apply to every registrant with the contact point."""
# The population register's flags, which prohibit what is no purpose of the policy.
REGISTER_FLAGS = (
    "contact_disclosure",
    "customer_register_update",
    "personal_directory",
    "genealogy",
)
CHOICE_PURPOSES = (*REGISTRANT_PURPOSES, *REGISTER_FLAGS)


class Statement(TableModel):
    """The columns that every canonical frame has."""

    record_no: Count = column("technical", "the record in its delivery", required=True)
    record_key: Text = column("technical", required=True)
    position: Count = column("technical", "order of the statement within its record", required=True)
    person_key: Text = column("technical", "the person of the statement; null: no particular one")
    stated_at: Moment = column("technical", "the time of the statement (UTC)", required=True)


class Persons(Statement):
    """Single facts about a person; null where the record has none."""

    birth_date: Day = column("birth_date")
    birth_date_precision: Text = column("birth_date", isin=["day", "month", "year", "unknown"])
    language: Text = column("language", "preferred: ISO 639-1, or the source's own words")
    native_language: Text = column("language", "mother tongue, likewise")
    deceased: Flag = column("life_event")
    death_date: Day = column("life_event")
    protected: Flag = column("protection", "protected identity (turvakielto)")
    protected_until: Day = column("protection")
    last_contact_on: Day = column("technical", "last active contact that the source knows of")

    @rule("birth_date", "PERSON-BIRTH-YEAR")
    def born_in_living_memory(cls, days):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return days.dt.year.between(1850, 2100)

    class Config:
        name = "persons"


class Names(Statement):
    """Names: official, call name, former."""

    kind: Text = column("name", required=True, isin=["official", "call", "former"])
    op: Text = column("technical", required=True, isin=OPS)
    given_names: Text = column("name")
    family_name: Text = column("name")
    valid_from: Day = column("name")
    valid_to: Day = column("name")

    class Config:
        name = "names"


class Identifiers(Statement):
    """Identifiers that the source knows the person by."""

    type: Text = column("technical", required=True, isin=IDENTIFIER_TYPES)
    value: Text = column("identity_code", required=True)
    replaced_by: Text = column(
        "identity_code", "the value in force, where the source has corrected this one"
    )

    @row_rule("IDENTIFIER-IDENTITY-CODE")
    def identity_code(cls, frame):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return check("identity_code_valid", frame["value"].where(frame["type"] == "identity_code"))

    @row_rule("IDENTIFIER-BUSINESS-ID")
    def business_id(cls, frame):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return check("business_id_valid", frame["value"].where(frame["type"] == "business_id"))

    @row_rule("IDENTIFIER-DAMAGED")
    def whole_number(cls, frame):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return ~frame["value"].str.fullmatch(DAMAGED).fillna(value=False)

    class Config:
        name = "identifiers"


class ContactPoints(Statement):
    """E-mail addresses and phones."""

    kind: Text = column("contact", required=True, isin=["email", "phone"])
    op: Text = column("technical", required=True, isin=OPS)
    value: Text = column("contact", "as displayed and used")
    match_key: Text = column("contact", "canonical form")
    valid_from: Day = column("contact")
    valid_to: Day = column("contact")

    @row_rule("CONTACT-EMAIL-INVALID")
    def email_address(cls, frame):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return check("email_valid", frame["match_key"]) | (frame["kind"] != "email").fillna(
            value=True
        )

    @row_rule("CONTACT-PHONE-INVALID")
    def phone_number(cls, frame):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return check("phone_valid", frame["match_key"]) | (frame["kind"] != "phone").fillna(
            value=True
        )

    class Config:
        name = "contact_points"


ADDRESS_KINDS = (
    "permanent",
    "permanent_abroad",
    "temporary",
    "temporary_abroad",
    "postal",
    "postal_abroad",
    "municipality",
)


class Addresses(Statement):
    """Addresses, and the home municipality."""

    kind: Text = column("address", required=True, isin=ADDRESS_KINDS)
    op: Text = column("technical", required=True, isin=OPS)
    street: Text = column(
        "address", "Finnish name if there is one, else Swedish; with number and apartment"
    )
    street_sv: Text = column("address")
    postcode: Text = column("address")
    town: Text = column("address")
    town_sv: Text = column("address")
    municipality_code: Text = column("address", "three digits, with leading zeros")
    country: Text = column("address", "ISO 3166 numeric or the source's own words; null: Finland")
    valid_from: Day = column("address")
    valid_to: Day = column("address")

    @rule("municipality_code", "ADDRESS-MUNICIPALITY")
    def three_digits(cls, codes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return codes.str.fullmatch("[0-9]{3}")

    @row_rule("ADDRESS-POSTCODE")
    def postcode_in_finland(cls, frame):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return check("postcode_valid", frame["postcode"].where(frame["country"].isna()))

    class Config:
        name = "addresses"


class MarketingChoices(Statement):
    """Consents, withdrawals, prohibitions, objections, restrictions, review requests; liftings."""

    purpose: Text = column(
        "marketing_choice",
        required=True,
        isin=CHOICE_PURPOSES,
    )
    channel: Text = column("marketing_choice", required=True, isin=CHANNELS)
    choice: Text = column("marketing_choice", required=True, isin=CHOICES)
    origin: Text = column("marketing_choice", "which signal of the source this is", required=True)
    subject: Text = column("contact", "the identifier that the choice is about, as <type>:<value>")
    text_version: Text = column("marketing_choice")
    language: Text = column("marketing_choice")
    evidence: Text = column("marketing_choice")

    class Config:
        name = "marketing_choices"


class Corrections(Statement):
    """Corrections on request (GDPR 16): above every source until the wrong one agrees."""

    attribute: Text = column("technical", required=True, isin=RECTIFIABLE)
    value: Text = column(
        "correction", "as in the golden record; a date as YYYY-MM-DD", required=True
    )
    request: Text = column("technical", "its id", required=True)
    overrides: Text = column("technical", "the source of the wrong value; null: none")
    replaces: Text = column("technical", "keyed hash of the value that was wrong")

    class Config:
        name = "corrections"


class CompanyContacts(Statement):
    """The company for which the person is a contact."""

    company_name: Text = column("company", required=True)
    job_title: Text = column("company")

    class Config:
        name = "company_contacts"


class Contracts(Statement):
    """Contracts."""

    contract_number: Text = column("contract", required=True)
    customer_number: Text = column("customer_number")
    product: Text = column("contract", required=True)
    status: Text = column("contract", required=True, isin=["active", "ended", "cancelled"])
    starts_on: Day = column("contract", required=True)
    ends_on: Day = column("contract")
    monthly_fee: Amount = column("contract", ge=0)
    currency: Text = column("contract", str_matches="^[A-Z]{3}$")

    class Config:
        name = "contracts"


class Orders(Statement):
    """Orders."""

    order_number: Text = column("order", required=True)
    customer_number: Text = column("customer_number")
    ordered_at: Moment = column("order", required=True)
    status: Text = column(
        "order", required=True, isin=["placed", "delivered", "returned", "cancelled"]
    )
    amount: Amount = column("order", required=True, ge=-1_000_000, le=1_000_000)
    currency: Text = column("order", required=True, str_matches="^[A-Z]{3}$")
    items: Count = column("order", ge=0)

    class Config:
        name = "orders"


class Visits(Statement):
    """Visits to the website."""

    visit: Text = column("website", "idSite|idVisit", required=True)
    visitor_id: Text = column("website_identifier", "cookie id")
    fingerprint: Text = column("website_identifier", "device id")
    user_id: Text = column("website_identifier", "e-mail address or customer number, if signed in")
    started_at: Moment = column("website", required=True)
    duration_s: Count = column("website", ge=0, le=172_800)
    ip: Text = column("website_identifier", "truncated to /24 or /48")
    referrer_type: Text = column("website")
    referrer_name: Text = column("website")
    referrer_url: Text = column("website")
    referrer_keyword: Text = column("website")
    device_type: Text = column("website")
    device_brand: Text = column("website")
    device_model: Text = column("website")
    channel: Text = column("website", "web browser, mobile browser or app")
    browser_name: Text = column("website")
    browser_version: Text = column("website")
    os_name: Text = column("website")
    os_version: Text = column("website")
    resolution: Text = column("website")

    class Config:
        name = "visits"


class VisitActions(Statement):
    """Actions during a visit."""

    visit: Text = column("website", required=True)
    type: Text = column("website", required=True)
    at: Moment = column("website")
    url: Text = column("website")
    search_keyword: Text = column("website")
    search_category: Text = column("website")
    search_count: Count = column("website", ge=0)
    content_name: Text = column("website")
    content_piece: Text = column("website")
    content_target: Text = column("website")
    content_interaction: Text = column("website")

    class Config:
        name = "visit_actions"


# A report for another use is not used: 8 is for choosing an employee, 9 for an authority.
PURPOSE_CODES = ("1", "2", "3", "5", "7", "A")
OTHER_PURPOSE_CODES = ("8", "9")


class CreditReports(Statement):
    """Credit classes."""

    business_id: Text = column("credit")
    purpose_code: Text = column("credit", required=True, isin=PURPOSE_CODES)
    credit_class: Text = column("credit")
    scale: Text = column(
        "credit", "scales run in opposite directions between bureaus: kept with the class"
    )

    class Config:
        name = "credit_reports"


class CreditMarks(Statement):
    """Payment remarks and bans."""

    business_id: Text = column("credit")
    remark_id: Text = column("credit", required=True)
    remark_type: Text = column("credit")
    remark_code: Text = column("credit")
    remark_source: Text = column("credit")
    remark_date: Day = column("credit")
    amount: Amount = column("credit", "null for bans")
    creditor: Text = column("credit")
    paid_on: Day = column("credit")
    expires_on: Day = column("credit")

    class Config:
        name = "credit_marks"


CANONICAL: dict[str, type[Statement]] = {
    model.to_schema().name: model
    for model in (
        Persons,
        Names,
        Identifiers,
        ContactPoints,
        Addresses,
        MarketingChoices,
        CompanyContacts,
        Corrections,
        Contracts,
        Orders,
        Visits,
        VisitActions,
        CreditReports,
        CreditMarks,
    )
}
