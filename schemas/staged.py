"""The canonical frames: the same small set of tables for every source.

Every row is one *statement* of one record. `op` is its effect on the source's earlier statements of
the same person and kind:

- `state`   this is true (from `valid_from` until `valid_to`);
- `retract` this was wrong or has been removed;
- `reset`   no earlier statement of this kind was right; the true ones follow;
- `censor`  the source hides this kind (protected identity): delete what is stored.
"""

from __future__ import annotations

from schemas.activities import ACTIVITIES
from schemas.checking import check
from schemas.columns import (
    Amount,
    Count,
    Day,
    Flag,
    Moment,
    Text,
    column,
    row_rule,
    rule,
)
from schemas.companies import Companies, CompanyNames, Postcodes
from schemas.identifiers import DAMAGED, IDENTIFIER_TYPES
from schemas.statement import Statement
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


class Persons(Statement):
    """Single facts about a person; null where the record has none."""

    birth_date: Day = column(
        "birth_date", "day of birth; what is finer than birth_date_precision means nothing"
    )
    birth_date_precision: Text = column(
        "birth_date",
        "how exact birth_date is; null: no birth date",
        isin=["day", "month", "year", "unknown"],
    )
    language: Text = column("language", "preferred: ISO 639-1, or the source's own words")
    native_language: Text = column("language", "mother tongue, likewise")
    deceased: Flag = column("life_event", "true: has died; false: the source takes a death back")
    death_date: Day = column("life_event", "day of death, else of the declaration of death")
    protected: Flag = column(
        "protection", "protected identity (turvakielto), or a field censored for it"
    )
    protected_until: Day = column(
        "protection", "its end, as stated; null: none. It lasts until the register ends it"
    )
    last_contact_on: Day = column("technical", "last active contact that the source knows of")

    @rule("birth_date", "PERSON-BIRTH-YEAR")
    def born_in_living_memory(cls, days):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return days.dt.year.between(1850, 2100)

    class Config:
        name = "persons"


class Names(Statement):
    """Names: official, call name, former."""

    kind: Text = column(
        "name",
        "call: the given name in use; former: from before a change",
        required=True,
        isin=["official", "call", "former"],
    )
    op: Text = column(
        "technical",
        "state: true; retract: wrong or removed; reset: none before was right; censor: hidden",
        required=True,
        isin=OPS,
    )
    given_names: Text = column("name", "all of them; of a call name the one in use")
    family_name: Text = column("name", "call names have none")
    valid_from: Day = column("name", "first day in force")
    valid_to: Day = column("name", "last day in force")

    class Config:
        name = "names"


class Identifiers(Statement):
    """Identifiers that the source knows the person by."""

    type: Text = column("technical", "kind of identifier", required=True, isin=IDENTIFIER_TYPES)
    value: Text = column(
        "identity_code", "canonical form of its type (docs/deliveries.md)", required=True
    )
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

    kind: Text = column("contact", "what the value is", required=True, isin=["email", "phone"])
    op: Text = column("technical", required=True, isin=OPS)
    value: Text = column("contact", "as displayed and used; a phone in E.164")
    match_key: Text = column("contact", "canonical form: address in lower case, phone in E.164")
    valid_from: Day = column("contact", "first day in force")
    valid_to: Day = column("contact", "last day in force")

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

    kind: Text = column(
        "address",
        "abroad: outside Finland; municipality: no address, the home municipality",
        required=True,
        isin=ADDRESS_KINDS,
    )
    op: Text = column("technical", required=True, isin=OPS)
    street: Text = column(
        "address", "Finnish name if there is one, else Swedish; with number and apartment"
    )
    street_sv: Text = column("address", "street in Swedish; with number and apartment")
    postcode: Text = column("address", "five digits in Finland, abroad as stated")
    town: Text = column("address", "post town: Finnish name if there is one, else Swedish")
    town_sv: Text = column("address", "post town in Swedish")
    municipality_code: Text = column("address", "three digits, with leading zeros")
    country: Text = column("address", "ISO 3166 numeric or the source's own words; null: Finland")
    valid_from: Day = column(
        "address", "first day in force, or day of the move into the municipality"
    )
    valid_to: Day = column("address", "last day in force, or day of the move out of it")

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
        "what it is about: a purpose of the policy, profiling, all legitimate interest, "
        "or what a flag of the population register prohibits",
        required=True,
        isin=CHOICE_PURPOSES,
    )
    channel: Text = column(
        "marketing_choice",
        "by which the registrant is contacted; all: every channel",
        required=True,
        isin=CHANNELS,
    )
    choice: Text = column(
        "marketing_choice",
        "what was chosen; lifted ends earlier choices of its purpose and channel",
        required=True,
        isin=CHOICES,
    )
    origin: Text = column("marketing_choice", "which signal of the source this is", required=True)
    subject: Text = column("contact", "the identifier that the choice is about, as <type>:<value>")
    text_version: Text = column("marketing_choice", "version of the text that was accepted")
    language: Text = column("marketing_choice", "language of that text")
    evidence: Text = column(
        "marketing_choice", "what shows the choice; of a cookie banner its TCF string"
    )

    class Config:
        name = "marketing_choices"


class Corrections(Statement):
    """Corrections on request (GDPR 16): above every source until the wrong one agrees."""

    attribute: Text = column(
        "technical",
        "the column of the golden record that is corrected",
        required=True,
        isin=RECTIFIABLE,
    )
    value: Text = column(
        "correction", "as in the golden record; a date as YYYY-MM-DD", required=True
    )
    request: Text = column("technical", "id of the request for rectification", required=True)
    overrides: Text = column("technical", "the source of the wrong value; null: none")
    replaces: Text = column("technical", "keyed hash of the value that was wrong")

    class Config:
        name = "corrections"


class CompanyContacts(Statement):
    """The company for which the person is a contact."""

    company_name: Text = column("company", "as the source writes it", required=True)
    job_title: Text = column("company", "in that company, as the source writes it")

    class Config:
        name = "company_contacts"


class Contracts(Statement):
    """Contracts."""

    contract_number: Text = column(
        "contract", "the company's own number of the contract", required=True
    )
    customer_number: Text = column(
        "customer_number", "the account, in capitals; null: only a contact of the CRM is named"
    )
    product: Text = column(
        "contract", "what the contract is about, in the CRM's words", required=True
    )
    status: Text = column(
        "contract",
        "as the CRM has it, whatever the dates",
        required=True,
        isin=["active", "ended", "cancelled"],
    )
    starts_on: Day = column("contract", "day on which the contract starts", required=True)
    ends_on: Day = column(
        "contract", "day on which the contract ends; null: none, or stated as 2100 or later"
    )
    monthly_fee: Amount = column("contract", "per month, in the currency", ge=0)
    currency: Text = column("contract", "ISO 4217, three capitals", str_matches="^[A-Z]{3}$")

    class Config:
        name = "contracts"


class Orders(Statement):
    """Orders."""

    order_number: Text = column("order", "the company's own number of the order", required=True)
    customer_number: Text = column(
        "customer_number", "the account, in capitals; null: only a contact of the CRM is named"
    )
    ordered_at: Moment = column("order", "time of the order (UTC)", required=True)
    status: Text = column(
        "order",
        "as the CRM has it",
        required=True,
        isin=["placed", "delivered", "returned", "cancelled"],
    )
    amount: Amount = column(
        "order",
        "what the order comes to, in the currency; negative: a credit note",
        required=True,
        ge=-1_000_000,
        le=1_000_000,
    )
    currency: Text = column(
        "order", "ISO 4217, three capitals", required=True, str_matches="^[A-Z]{3}$"
    )
    items: Count = column("order", "number of items", ge=0)

    class Config:
        name = "orders"


class Visits(Statement):
    """Visits to the website."""

    visit: Text = column("website", "Matomo's idSite|idVisit", required=True)
    visitor_id: Text = column("website_identifier", "cookie id, in small letters")
    fingerprint: Text = column("website_identifier", "Matomo's device id")
    user_id: Text = column(
        "website_identifier", "e-mail address or customer number, if signed in; null: nobody is"
    )
    started_at: Moment = column(
        "website", "time of the first action, else Matomo's server time (UTC)", required=True
    )
    duration_s: Count = column("website", "seconds, at most two days", ge=0, le=172_800)
    ip: Text = column(
        "website_identifier", "truncated to /24 or /48; null: none, or in no known form"
    )
    referrer_type: Text = column(
        "website", "what led to the site, in Matomo's words: such as direct, search or website"
    )
    referrer_name: Text = column(
        "website", "name of the site, search engine or campaign that led here"
    )
    referrer_url: Text = column("website", "address of the page that led here")
    referrer_keyword: Text = column("website", "words of the search or campaign that led here")
    device_type: Text = column(
        "website", "in Matomo's words: such as desktop, smartphone or tablet"
    )
    device_brand: Text = column("website", "as Matomo detects it")
    device_model: Text = column("website", "as Matomo detects it")
    channel: Text = column("website", "browser, mobile browser or app")
    browser_name: Text = column("website", "as Matomo detects it")
    browser_version: Text = column("website", "as Matomo detects it")
    os_name: Text = column("website", "operating system, as Matomo detects it")
    os_version: Text = column("website", "of the operating system, as Matomo detects it")
    resolution: Text = column("website", "of the screen, width x height in pixels")

    class Config:
        name = "visits"


class VisitActions(Statement):
    """Actions during a visit."""

    visit: Text = column("website", required=True)
    type: Text = column(
        "website", "Matomo's kind of action, such as action, search or a number", required=True
    )
    at: Moment = column("website", "time of the action (UTC); null: not stated, or impossible")
    url: Text = column("website", "address of the page")
    search_keyword: Text = column("website", "words of a search on the site; null: no search")
    search_category: Text = column("website", "category that the search was narrowed to")
    search_count: Count = column("website", "number of results of the search", ge=0)
    content_name: Text = column("website", "name of a content shown on the page")
    content_piece: Text = column("website", "which piece of the content was shown")
    content_target: Text = column("website", "where the content leads")
    content_interaction: Text = column(
        "website", "what the visitor did with the content; null: only seen"
    )

    class Config:
        name = "visit_actions"


# A report for another use is not used: 8 is for choosing an employee, 9 for an authority.
PURPOSE_CODES = ("1", "2", "3", "5", "7", "A")
OTHER_PURPOSE_CODES = ("8", "9")


class CreditReports(Statement):
    """Credit classes."""

    business_id: Text = column(
        "credit", "of the company that it is about, 1234567-8; null: about a person"
    )
    purpose_code: Text = column(
        "credit",
        "why it was requested: 1 application, 2 control, 3 collection, 5 key person, 7 "
        "lease, 8 employee, 9 authority, A guarantee",
        required=True,
        isin=PURPOSE_CODES,
    )
    credit_class: Text = column("credit", "the bureau's class, to be read by its scale")
    scale: Text = column(
        "credit", "scales run in opposite directions between bureaus: kept with the class"
    )

    class Config:
        name = "credit_reports"


class CreditMarks(Statement):
    """Payment remarks and bans."""

    business_id: Text = column(
        "credit", "of the company that it is about, 1234567-8; null: about a person"
    )
    remark_id: Text = column("credit", "the bureau's id of the mark", required=True)
    remark_type: Text = column("credit", "kind of remark or ban, in the bureau's words")
    remark_code: Text = column("credit", "the bureau's code of the kind")
    remark_source: Text = column("credit", "where the bureau has it from")
    remark_date: Day = column("credit", "day on which the mark was made")
    amount: Amount = column("credit", "what is owed, in no stated currency; null for bans")
    creditor: Text = column("credit", "to whom it is owed; null for bans")
    paid_on: Day = column("credit", "day of the recorded payment")
    expires_on: Day = column(
        "credit", "by the bureau; null: not stated, or 2100 or later (the law's period counts)"
    )

    class Config:
        name = "credit_marks"


_MODELS: tuple[type[Statement], ...] = (
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
    Postcodes,
    Companies,
    CompanyNames,
    *(activity.model for activity in ACTIVITIES),
)
CANONICAL: dict[str, type[Statement]] = {model.to_schema().name: model for model in _MODELS}
