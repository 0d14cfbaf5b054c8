"""Salesforce's contacts, as the Data Loader exports them, deleted ones included.

An id comes with 15 characters or with 18; of a merged contact the losers are deleted and name the
winner (`MasterRecordId`). A fax is no channel of the register: `HasOptedOutOfFax` says nothing.
"""

from __future__ import annotations

from dataclasses import replace

from assets.sources.crm.contacts import Export, OptOut, contacts
from assets.sources.formats import JsonArray

_EXPORT = Export(
    dataset="salesforce_contacts",
    number="Id",
    merged="MasterRecordId",
    deleted="IsDeleted",
    given_names="FirstName",
    family_name="LastName",
    full_name="Name",
    emails=("Email",),
    phones=("MobilePhone", "Phone", "HomePhone", "OtherPhone"),
    customer_number="Customer_Number__c",
    made="CreatedDate",
    companies="Account.Name",
    job_title="Title",
    birth_date="Birthdate",
    language="Language__c",
    street="MailingStreet",
    postcode="MailingPostalCode",
    town="MailingCity",
    country="MailingCountry",
    opt_outs=(
        OptOut("crm:salesforce_email_optout", "HasOptedOutOfEmail"),
        OptOut("crm:salesforce_email_bounce", "EmailBouncedDate"),
        OptOut("crm:salesforce_do_not_call", "DoNotCall", channel="phone"),
    ),
    other=("LastModifiedDate", "LeadSource", "AccountId", "EmailBouncedReason"),
)
CONTACTS = contacts(_EXPORT)

FETCHED = contacts(
    replace(
        _EXPORT,
        dataset="salesforce_api_contacts",
        format=JsonArray(),
        flat="""json_merge_patch(payload, json_object(
            'Account.Name', payload ->> '$.Account.Name',
            'Account', NULL, 'attributes', NULL))::VARCHAR""",
        full_name=None,
        phones=("MobilePhone", "Phone"),
        other=("AccountId",),
    )
)
"""Contacts as a query of the REST API returns them."""
