"""The marts' tables: the columns that each purpose may use.

`MARTS` maps a purpose of the policy to its tables. A column of a category that the policy does not
allow for the purpose makes `check_purposes` fail at start-up, so that no such mart is built.
"""

from __future__ import annotations

from schemas.activities import (
    RegistrantCalls,
    RegistrantCorrespondence,
    RegistrantOtherData,
    RegistrantParticipations,
)
from schemas.columns import (
    Amount,
    Count,
    Day,
    Flag,
    Moment,
    TableModel,
    Text,
    TextList,
    categories,
    column,
    table_name,
)
from schemas.number_classes import (
    ACTIONS,
    ANY,
    CONTRACTS,
    ITEMS,
    MONTHLY_FEES,
    ORDER_AMOUNTS,
    ORDERS,
    SECONDS,
)
from schemas.policy.model import Policy
from schemas.policy.refused import PolicyRefusedError
from schemas.profiles import PROFILES

CODES = {
    "MART-UNDECLARED": (
        "the built file has a table or column that no model declares, or lacks one that is declared"
    ),
    "MART-WAL": "the built file still has a write-ahead log beside it",
    "MART-REIDENTIFIES": (
        "rows of a mart without names match exactly one registrant of another mart, or row of one"
    ),
}
REIDENTIFIES = "MART-REIDENTIFIES"


class PurposeError(PolicyRefusedError):
    """A mart declares a column that the policy does not allow for its purpose."""


class About(TableModel):
    """The description of the mart: one row."""

    purpose: Text = column("technical", "of the mart", required=True)
    clause: Text = column("technical", "of the policy, on this purpose", required=True)
    bases: Text = column("technical", "legal bases, separated by commas", required=True)
    policy_version: Text = column(
        "technical", "of the policy that the mart was built under", required=True
    )
    policy_hash: Text = column(
        "technical", "16 hex digits of the hash of that policy", required=True
    )
    as_of: Day = column("technical", "the day for which the mart was built", required=True)

    class Config:
        name = "about"


class CareRegistrants(TableModel):
    """Customers and contacts, as the people who care for them need them."""

    registrant_id: Text = column("registrant_id", required=True, unique=True)
    given_names: Text = column("name")
    call_name: Text = column("name")
    family_name: Text = column("name")
    birth_date: Day = column("birth_date")
    language: Text = column("language")
    customer_number: Text = column("customer_number")
    email: Text = column("contact")
    phone: Text = column("contact")
    street: Text = column("address")
    postcode: Text = column("address")
    town: Text = column("address")
    country: Text = column("address")
    company_name: Text = column("company")
    job_title: Text = column("company")
    deceased: Flag = column("life_event", required=True)

    class Config:
        name = "registrants"


class CareChoices(TableModel):
    """The registrant's consents and prohibitions."""

    registrant_id: Text = column("registrant_id", required=True)
    purpose: Text = column("marketing_choice", required=True)
    channel: Text = column("marketing_choice", required=True)
    choice: Text = column("marketing_choice", required=True)
    chosen_at: Moment = column("marketing_choice", required=True)

    class Config:
        name = "marketing_choices"


class CareCompanies(TableModel):
    """The companies that a registrant is a contact of, as the business register has them."""

    registrant_id: Text = column("registrant_id", required=True)
    business_id: Text = column("company", required=True)
    name: Text = column("company", "main name in force", required=True)
    situation: Text = column("company", "such as KONK (bankruptcy)")
    ceased_on: Day = column("company", "null: it goes on")

    class Config:
        name = "companies"


class MartContracts(TableModel):
    """Contracts, with the registrant who is a party."""

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


class MartOrders(TableModel):
    """Orders, with the registrant who placed them."""

    registrant_id: Text = column("registrant_id", required=True)
    order_number: Text = column("order", required=True, unique=True)
    ordered_at: Moment = column("order", required=True)
    status: Text = column("order", required=True)
    amount: Amount = column("order", required=True)
    currency: Text = column("order", required=True)
    items: Count = column("order")

    class Config:
        name = "orders"


class ContractRegistrants(TableModel):
    """Parties to contracts, who must be named unambiguously in one: by code (1050/2018, 29 §)."""

    registrant_id: Text = column("registrant_id", required=True, unique=True)
    identity_code: Text = column("identity_code")
    customer_number: Text = column("customer_number")
    given_names: Text = column("name")
    family_name: Text = column("name")
    birth_date: Day = column("birth_date")
    language: Text = column("language")
    email: Text = column("contact")
    phone: Text = column("contact")
    street: Text = column("address")
    postcode: Text = column("address")
    town: Text = column("address")
    country: Text = column("address")
    deceased: Flag = column("life_event", required=True)

    class Config:
        name = "registrants"


class Reachable(TableModel):
    """The contact data of one channel, of registrants who may be contacted by it.

    `products`: what may be marketed to them on it, by the policy's names: mobile subscriptions
    never by telephone (917/2014, 201 §).
    """

    registrant_id: Text = column("registrant_id", required=True, unique=True)
    given_names: Text = column("name")
    family_name: Text = column("name")
    language: Text = column("language")
    products: TextList = column("technical", "what may be marketed on this channel", required=True)


class ByEmail(Reachable):
    """Registrants who may be contacted by e-mail."""

    email: Text = column("contact", required=True)

    class Config:
        name = "by_email"


class BySms(Reachable):
    """Registrants who may be contacted by text message."""

    phone: Text = column("contact", required=True)

    class Config:
        name = "by_sms"


class ByPhone(Reachable):
    """Registrants who may be called."""

    phone: Text = column("contact", required=True)

    class Config:
        name = "by_phone"


class ByPost(Reachable):
    """Registrants who may be contacted by post."""

    street: Text = column("address", required=True)
    postcode: Text = column("address")
    town: Text = column("address")
    country: Text = column("address")

    class Config:
        name = "by_post"


class ProductCustomers(TableModel):
    """Users and buyers of products: a row each, coarsened, so that none stands for one person."""

    language: Text = column("language")
    contracts: Text = column("contract", "in force today", classes=(CONTRACTS,))
    orders: Text = column("order", "that were not cancelled or returned", classes=(ORDERS,))

    class Config:
        name = "customers"


class ProductContracts(TableModel):
    """Products under contract, past and present: a row each, coarsened; null: not published."""

    product: Text = column("contract")
    status: Text = column("contract")
    started_in: Text = column("contract", "the month, quarter or year")
    ended_in: Text = column("contract", "the year")
    monthly_fee: Text = column("contract", classes=(MONTHLY_FEES,))
    currency: Text = column("contract")

    class Config:
        name = "contracts"


class ProductOrders(TableModel):
    """Orders: a row each, coarsened; null: not published."""

    ordered_in: Text = column("order", "the month, quarter or year")
    status: Text = column("order")
    amount: Text = column("order", classes=(ORDER_AMOUNTS,))
    currency: Text = column("order")
    items: Text = column("order", classes=(ITEMS,))

    class Config:
        name = "orders"


class CoarseVisits(TableModel):
    """Visits that the purpose may use: a row each, coarsened; null: not published."""

    visited_in: Text = column("website", "the month, quarter or year")
    duration: Text = column("website", "seconds, as a class", classes=(SECONDS,))
    actions: Text = column("website", classes=(ACTIONS,))
    searches: Text = column("website", classes=(ANY,))
    contents_seen: Text = column("website", classes=(ANY,))
    contents_clicked: Text = column("website", classes=(ANY,))
    channel: Text = column("website")
    device_type: Text = column("website")
    browser_name: Text = column("website")
    os_name: Text = column("website")


class ProductVisits(CoarseVisits):
    """Use of the website: a row for each visit that may be used, coarsened."""

    class Config:
        name = "visits"


class EmailAudience(TableModel):
    """Hashed e-mail addresses, in the form that advertising platforms match."""

    audience: Text = column("marketing_choice", "always: consented", required=True)
    email_sha256: Text = column(
        "hashed_contact", "SHA-256 of the lower-case address", required=True, unique=True
    )

    class Config:
        name = "emails"


class PhoneAudience(TableModel):
    """Hashed telephone numbers, in the form that advertising platforms match."""

    audience: Text = column("marketing_choice", required=True)
    phone_sha256: Text = column(
        "hashed_contact", "SHA-256 of the number in E.164", required=True, unique=True
    )

    class Config:
        name = "phones"


class ClaimParties(TableModel):
    """Parties to contracts and orders, from which claims may arise; restricted ones included."""

    registrant_id: Text = column("registrant_id", required=True, unique=True)
    identity_code: Text = column("identity_code")
    customer_number: Text = column("customer_number")
    given_names: Text = column("name")
    family_name: Text = column("name")
    birth_date: Day = column("birth_date")
    email: Text = column("contact")
    phone: Text = column("contact")
    street: Text = column("address")
    postcode: Text = column("address")
    town: Text = column("address")
    country: Text = column("address")
    company_name: Text = column("company")
    deceased: Flag = column("life_event", required=True)
    death_date: Day = column("life_event")

    class Config:
        name = "registrants"


class AnalysedVisits(CoarseVisits):
    """Visits that may be analysed: a row each, coarsened, and how the visitor came."""

    referrer_type: Text = column("website")

    class Config:
        name = "visits"


class AnalysedParticipations(TableModel):
    """Participations in events: a row each, coarsened; null: not published."""

    event: Text = column("participation")
    status: Text = column("participation")
    ended_in: Text = column("participation", "the month, quarter or year")

    class Config:
        name = "participations"


class AnalysedSocialMedia(TableModel):
    """What registrants did in social media: a row each, coarsened; null: not published."""

    network: Text = column("social_media")
    action: Text = column("social_media")
    used_in: Text = column("social_media", "the month, quarter or year")

    class Config:
        name = "social_media"


class CreditRegistrants(TableModel):
    """Registrants with a credit report."""

    registrant_id: Text = column("registrant_id", required=True, unique=True)
    identity_code: Text = column("identity_code")
    customer_number: Text = column("customer_number")
    given_names: Text = column("name")
    family_name: Text = column("name")
    birth_date: Day = column("birth_date")

    class Config:
        name = "registrants"


class CreditReportRows(TableModel):
    """The latest report about each registrant or company."""

    registrant_id: Text = column("registrant_id", "null: the report is about a company")
    business_id: Text = column("company")
    purpose_code: Text = column("credit", required=True)
    credit_class: Text = column("credit")
    scale: Text = column("credit")
    reported_at: Moment = column("credit", required=True)

    class Config:
        name = "credit_reports"


class CreditMarkRows(TableModel):
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


MARTS: dict[str, tuple[type[TableModel], ...]] = {
    "products_and_services": (ProductCustomers, ProductContracts, ProductOrders, ProductVisits),
    "customer_care": (
        CareRegistrants,
        MartContracts,
        MartOrders,
        CareChoices,
        CareCompanies,
        RegistrantParticipations,
        RegistrantCalls,
        RegistrantCorrespondence,
        RegistrantOtherData,
    ),
    "contracts": (ContractRegistrants, MartContracts, MartOrders),
    "direct_marketing": (ByEmail, BySms, ByPhone, ByPost),
    "analytics": (*PROFILES, AnalysedVisits, AnalysedParticipations, AnalysedSocialMedia),
    "targeted_advertising": (EmailAudience, PhoneAudience),
    "credit_decision": (CreditRegistrants, CreditReportRows, CreditMarkRows),
    "legal_claims": (
        ClaimParties,
        MartContracts,
        MartOrders,
        RegistrantCalls,
        RegistrantCorrespondence,
    ),
}


def check_purposes(policy: Policy) -> None:
    """Raise PurposeError for the first column that its mart's purpose may not see, naming what to
    change."""
    for purpose, models in MARTS.items():
        if purpose not in policy.purposes:
            raise PurposeError(f"mart {purpose!r} has no purpose of that name in policy.yaml")
        both: tuple[type[TableModel], ...] = (*models, About)
        for model in both:
            for name, category in categories(model).items():
                if not policy.allows(category, purpose):
                    raise PurposeError(
                        f"column {table_name(model)}.{name} of mart {purpose!r} has category "
                        f"{category!r}, which policy.yaml "
                        "does not allow for that purpose: take the column out, or change the "
                        "category's `purposes`"
                    )
