"""The register's tables: a golden record per registrant, its provenance, and what belongs to it."""

from __future__ import annotations

from schemas.columns import Amount, Count, Day, Flag, Moment, TableModel, Text, TextList, column
from schemas.eligibility import RULES, STATUSES
from schemas.vocabulary import PURPOSES, RECTIFIABLE

CODES = {
    "LINK-IDENTITY-CODE": "the same identity code in force",
    "LINK-CUSTOMER-NUMBER": "the same customer number",
    "LINK-CONTACT-ID": "the same contact in the CRM",
    "LINK-DECISION": "somebody has reviewed both and decided that they are one person",
    "LINK-EMAIL-ONLY": "known by an e-mail address alone, which one registrant has",
    "LINK-PHONE-ONLY": "known by a telephone number alone, which one registrant has",
    "LINK-USER-ID": "the same account on the website",
    "LINK-VISITOR-ID": "the same cookie, that of one person",
    "LINK-SCORE": "enough attributes agree, weighed by how common they are",
}


CONTRADICTIONS = {
    "code-claimed-twice": (
        "a source gives the registrant an identity code that is another registrant's"
    ),
    "correction-undone": "a corrected identity code is in force again: the later statement counts",
    "identifier-of-two-codes": (
        "an identifier stands for people with two identity codes: it links nobody"
    ),
    "identifier-of-two-people": "an identifier stands for people who differ: it links nobody",
    "person-with-two-codes": "a source gives one person two identity codes: the record stays alone",
    "nobody-with-two-numbers": (
        "records that name nobody state two customer numbers: they link nobody"
    ),
}


class Membership(TableModel):
    """Which source persons make up which registrant."""

    person_key: Text = column(
        "technical",
        "md5 of the identifier, <type>:<value>, by which a source knows the person",
        required=True,
        unique=True,
    )
    registrant_id: Text = column(
        "registrant_id",
        "R and 16 hex digits, from the first record; stays when more records join",
        required=True,
    )
    first_seen: Text = column(
        "technical",
        "the first record: day, end of period, sequence, delivery and record_no, by /",
        required=True,
    )
    last_contact_on: Day = column("technical", "latest active contact or end of a contract")

    class Config:
        name = "membership"


class Registrants(TableModel):
    """The golden record of each registrant; of a protected one without any location."""

    registrant_id: Text = column(
        "registrant_id",
        "R and 16 hex digits, from the first record; stays when more records join",
        required=True,
        unique=True,
    )
    given_names: Text = column("name", "all official given names")
    call_name: Text = column("name", "the given name in use")
    family_name: Text = column("name", "official family name")
    birth_date: Day = column("birth_date", "as far as known: see birth_date_precision")
    birth_date_precision: Text = column(
        "birth_date", "day, month, year or unknown; null: no birth date"
    )
    language: Text = column(
        "language", "wished for, else the mother tongue; ISO 639-1 or the source's own words"
    )
    identity_code: Text = column(
        "identity_code", "the code in force; of two registrants who claim it, one has it"
    )
    customer_number: Text = column("customer_number", "the lowest, when there are several")
    email: Text = column("contact", "the most trusted one in force")
    phone: Text = column("contact", "the most trusted one in force, E.164")
    street: Text = column("address", "with number and apartment")
    postcode: Text = column("address", "five digits in Finland")
    town: Text = column("address", "post town of the postcode")
    country: Text = column("address", "ISO 3166 numeric or the source's own words; null: Finland")
    municipality_code: Text = column("region", "home municipality, three digits")
    company_name: Text = column("company", "for which the registrant is a contact")
    job_title: Text = column("company", "in that company")
    deceased: Flag = column("life_event", "recorded as dead by any source", required=True)
    death_date: Day = column("life_event", "the earliest that a source states; null: unknown")
    death_stated_on: Day = column("technical", "the day on which the death was first stated")
    protected: Flag = column(
        "protection", "protected identity (turvakielto): no location is kept", required=True
    )
    first_seen_on: Day = column("technical", "day of the first record", required=True)
    last_contact_on: Day = column("technical", "latest active contact or end of a contract")
    relationship_ends_on: Day = column(
        "technical", "latest end of a contract; null: none, or a contract is open"
    )
    has_contract: Flag = column("technical", "has or had a contract", required=True)
    has_open_contract: Flag = column(
        "technical", "has an active contract without an end", required=True
    )

    class Config:
        name = "registrants"


class Provenance(TableModel):
    """The source of each attribute of a golden record."""

    registrant_id: Text = column("registrant_id", required=True)
    attribute: Text = column(
        "technical",
        "group of columns (name, address, company ...), or one corrected column",
        required=True,
    )
    source: Text = column("technical", "of the statement, as policy.yaml names it", required=True)
    delivery_id: Text = column("technical", "the delivery of the record", required=True)
    record_key: Text = column("technical", required=True)
    stated_at: Moment = column("technical", required=True)
    rectified: Flag = column(
        "technical", "the registrant has had it corrected, against every source", required=True
    )

    class Config:
        name = "provenance"


class Rectified(TableModel):
    """Attributes corrected on a registrant's request: in force, ended, and the earlier values."""

    registrant_id: Text = column("registrant_id", required=True)
    attribute: Text = column(
        "technical",
        "the column of the golden record that is corrected",
        required=True,
        isin=RECTIFIABLE,
    )
    value: Text = column("correction", required=True)
    old_value: Text = column("correction", "the wrong value, until its retention ends")
    request_id: Text = column("technical", "the request for rectification", required=True)
    since: Moment = column("technical", "time of the correction (UTC)", required=True)
    overrides: Text = column("technical", "the source that was wrong; null: any")
    stands: Flag = column(
        "technical", "the golden record has it, whatever the sources state", required=True
    )
    ended_on: Day = column(
        "technical",
        "the day on which that source agreed, or a later correction came; null: it stands",
    )
    ended_by: Text = column(
        "technical", "the source that agreed; self: corrected again; null: it stands"
    )
    old_goes_on: Day = column(
        "technical", "the day from which the old value is in no file any more", required=True
    )

    class Config:
        name = "corrections"


class NameHistory(TableModel):
    """Names, past and present."""

    registrant_id: Text = column("registrant_id", required=True)
    kind: Text = column("name", required=True)
    given_names: Text = column("name", "all of them; of a call name the one in use")
    family_name: Text = column("name", "call names have none")
    valid_from: Day = column("name")
    valid_to: Day = column("name")
    is_current: Flag = column(
        "technical",
        "in force on the build's day; of official and call names, the newest of a source",
        required=True,
    )
    source: Text = column("technical", required=True)

    class Config:
        name = "names"


class AddressHistory(TableModel):
    """Addresses and home municipalities, past and present; none of a protected registrant."""

    registrant_id: Text = column("registrant_id", required=True)
    kind: Text = column("address", required=True)
    street: Text = column("address")
    street_sv: Text = column("address")
    postcode: Text = column("address")
    town: Text = column("address")
    town_sv: Text = column("address")
    municipality_code: Text = column("address")
    country: Text = column("address")
    valid_from: Day = column("address")
    valid_to: Day = column("address")
    is_current: Flag = column(
        "technical", "in force on the build's day, the newest of its kind and source", required=True
    )
    source: Text = column("technical", required=True)

    class Config:
        name = "addresses"


class ContactPointHistory(TableModel):
    """E-mail addresses and phones."""

    registrant_id: Text = column("registrant_id", required=True)
    kind: Text = column("contact", required=True)
    value: Text = column("contact", required=True)
    match_key: Text = column("contact", required=True)
    is_current: Flag = column(
        "technical", "in force on the build's day, by this source", required=True
    )
    source: Text = column("technical", required=True)

    class Config:
        name = "contact_points"


class Choices(TableModel):
    """The current choice by registrant, purpose and channel: the most restrictive, or latest."""

    registrant_id: Text = column("registrant_id", required=True)
    purpose: Text = column("marketing_choice", required=True)
    channel: Text = column("marketing_choice", required=True)
    choice: Text = column(
        "marketing_choice",
        "the most restrictive in force, of those the latest",
        required=True,
        isin=STATUSES,
    )
    origin: Text = column("marketing_choice", required=True)
    text_version: Text = column("marketing_choice")
    chosen_at: Moment = column("marketing_choice", "time of the choice (UTC)", required=True)

    class Config:
        name = "choices"


class ChoiceLog(TableModel):
    """Every statement on consent and prohibition, none replaced by a later one (GDPR 7(1))."""

    registrant_id: Text = column("registrant_id", required=True)
    purpose: Text = column("marketing_choice", required=True)
    channel: Text = column("marketing_choice", required=True)
    choice: Text = column(
        "marketing_choice",
        "what was chosen; lifted ends earlier choices",
        required=True,
        isin=[*STATUSES, "lifted"],
    )
    said_at: Moment = column("marketing_choice", "time of the choice (UTC)", required=True)
    origin: Text = column("marketing_choice", "which signal of the source this is", required=True)
    subject_type: Text = column("technical", "the type of the identifier that it concerns")
    text_version: Text = column("marketing_choice")
    language: Text = column("marketing_choice")
    evidence: Text = column("marketing_choice")
    holds: Flag = column(
        "technical",
        "no later statement has ended it, and it counts on the register's day",
        required=True,
    )
    source: Text = column("technical", required=True)
    delivery_id: Text = column("technical", required=True)
    record_key: Text = column("technical", required=True)

    class Config:
        name = "choice_log"


class Eligibility(TableModel):
    """The rules that admit a registrant to a mart, and those that exclude them, by channel."""

    registrant_id: Text = column("registrant_id", required=True)
    purpose: Text = column("technical", "of the mart", required=True, isin=PURPOSES)
    channel: Text = column(
        "technical", "of marketing and advertising; all: of other purposes", required=True
    )
    effect: Text = column(
        "technical",
        "in: the rule admits; out: it excludes, whatever admits",
        required=True,
        isin=["in", "out"],
    )
    code: Text = column(
        "protection",
        "reveals protected identity like any other rule",
        required=True,
        isin=list(RULES),
    )
    basis: Text = column("technical", "on which the rule admits; null: it excludes")
    source: Text = column("protection", "the source of the signal; null: none in particular")
    since: Day = column("protection", "the day of the signal; null: it has none")

    class Config:
        name = "admission"


class RegistrantContracts(TableModel):
    """Contracts, each by its latest statement."""

    registrant_id: Text = column("registrant_id", required=True)
    contract_number: Text = column("contract", required=True, unique=True)
    product: Text = column("contract", required=True)
    status: Text = column("contract", required=True)
    starts_on: Day = column("contract", required=True)
    ends_on: Day = column("contract")
    monthly_fee: Amount = column("contract")
    currency: Text = column("contract")

    class Config:
        name = "contracts"


class RegistrantOrders(TableModel):
    """Orders, each by its latest statement."""

    registrant_id: Text = column("registrant_id", required=True)
    order_number: Text = column("order", required=True, unique=True)
    ordered_at: Moment = column("order", required=True)
    status: Text = column("order", required=True)
    amount: Amount = column("order", required=True)
    currency: Text = column("order", required=True)
    items: Count = column("order")

    class Config:
        name = "orders"


class RegistrantVisits(TableModel):
    """Visits, each by its longest export, with counts of its actions."""

    registrant_id: Text = column(
        "registrant_id", "null: nobody is known, or the cookie has expired"
    )
    visit: Text = column("website", required=True, unique=True)
    started_at: Moment = column("website", required=True)
    duration_s: Count = column("website")
    actions: Count = column("website", "number of actions", required=True)
    searches: Count = column("website", "actions that search the site", required=True)
    contents_seen: Count = column("website", "actions that show a content", required=True)
    contents_clicked: Count = column(
        "website", "actions on a content, such as clicks", required=True
    )
    referrer_type: Text = column("website")
    referrer_name: Text = column("website")
    channel: Text = column("website", "browser, mobile browser or app")
    device_type: Text = column(
        "website", "in Matomo's words: such as desktop, smartphone or tablet"
    )
    browser_name: Text = column("website")
    os_name: Text = column("website")
    consented: TextList = column(
        "website", "the purposes that the visitor has consented to", required=True
    )

    class Config:
        name = "visits"


class RegistrantInterests(TableModel):
    """How often a registrant has used contents of the policy's topics, in the stored visits."""

    registrant_id: Text = column("registrant_id", required=True)
    topic: Text = column("interests", "of policy.yaml, profiles.interests", required=True)
    times: Count = column(
        "interests", "contents opened, clicked, or narrowed a search to", required=True
    )
    last_seen_on: Day = column("interests", "local day of the latest such visit", required=True)

    class Config:
        name = "interests"


class RegistrantCreditReports(TableModel):
    """The latest credit report about each registrant or company."""

    registrant_id: Text = column("registrant_id", "null: the report is about a company")
    business_id: Text = column("company", "1234567-8; null: about a person")
    purpose_code: Text = column("credit", required=True)
    credit_class: Text = column("credit")
    scale: Text = column("credit")
    reported_at: Moment = column(
        "credit", "local midnight of the day of its delivery", required=True
    )

    class Config:
        name = "credit_reports"


class RegistrantCreditMarks(TableModel):
    """Payment remarks and bans that have not expired."""

    registrant_id: Text = column("registrant_id", "null: the mark is about a company")
    business_id: Text = column("company")
    remark_id: Text = column("credit", required=True)
    remark_type: Text = column("credit")
    remark_code: Text = column("credit")
    remark_source: Text = column("credit")
    remark_date: Day = column("credit")
    amount: Amount = column("credit")
    creditor: Text = column("credit")
    paid_on: Day = column("credit")
    expires_on: Day = column("credit")

    class Config:
        name = "credit_marks"


class KnownBy(TableModel):
    """All identifiers, past ones included, of the registrant in the sources; for erasure."""

    registrant_id: Text = column("registrant_id", required=True)
    type: Text = column("technical", required=True)
    value: Text = column("identity_code", required=True)

    class Config:
        name = "identifiers"


class Contradictions(TableModel):
    """Contradictory statements about an identity, for clerical review; no values."""

    kind: Text = column(
        "technical",
        "which statements contradict each other (docs/decisions/contradictions.md)",
        required=True,
        isin=list(CONTRADICTIONS),
    )
    registrant_id: Text = column("registrant_id", required=True)
    other_registrant_id: Text = column("registrant_id", "the other registrant that it concerns")
    identifier_type: Text = column("technical", "of which kind of identifier", required=True)
    source: Text = column("technical", "the source of the statement", required=True)
    record_key: Text = column("technical", required=True)
    stated_on: Day = column("technical", "the day of its delivery", required=True)

    class Config:
        name = "contradictions"


class IdentityEvents(TableModel):
    """Identity events of the builds: merged, split, renamed; in `lake/identity_events.parquet`."""

    happened_on: Day = column("technical", "the build's day", required=True)
    registrant_id: Text = column("registrant_id", "as it was", required=True)
    became: Text = column(
        "registrant_id", "as it is now, for all of the registrant or a part", required=True
    )
    event: Text = column("technical", "merged, split or renamed", required=True)

    class Config:
        name = "identity_events"
