"""HubSpot's export of all contacts.

A merged contact has a new Record ID, and lists the former ones. `Last Activity Date` also counts
what the company sends, so it is no contact of the registrant; nor is the opening of a mail
(docs/law.md, "prospect").
"""

from __future__ import annotations

from assets.sources.crm.contacts import Export, OptOut, contacts
from assets.sources.formats import JsonArray

CONTACTS = contacts(
    Export(
        dataset="contacts",
        number="Record ID",
        merged="Merged contact IDs",
        given_names="First Name",
        family_name="Last Name",
        emails=("Email", "Additional email addresses"),
        phones=("Phone Number", "Mobile Phone Number"),
        customer_number="Customer number",
        made="Create Date",
        contacted=(
            "Recent Conversion Date",
            "Recent Sales Email Replied Date",
            "Last Marketing Email Reply Date",
            "Last Marketing Email Click Date",
        ),
        companies="Associated Company",
        job_title="Job Title",
        birth_date="Date of birth",
        language="Preferred language",
        street="Street Address",
        postcode="Postal Code",
        town="City",
        country="Country/Region",
        opt_outs=(
            OptOut("crm:hs_email_optout", "Unsubscribed from all email"),
            OptOut("crm:global_bounce", "Global bounce"),
        ),
        other=("Last Activity Date",),
    )
)

FETCHED = contacts(
    Export(
        dataset="hubspot_api_contacts",
        format=JsonArray(),
        # The properties are members of their own; id and whether it is deleted stand beside them.
        flat="""json_merge_patch(
            CASE WHEN json_type(payload, '$.properties') = 'OBJECT'
                THEN json_merge_patch(payload, payload -> '$.properties') ELSE payload END,
            '{"properties": null}')::VARCHAR""",
        number="id",
        merged="hs_merged_object_ids",
        deleted="archived",
        given_names="firstname",
        family_name="lastname",
        emails=("email", "hs_additional_emails"),
        phones=("phone", "mobilephone"),
        customer_number="customer_number",
        made="createdate",
        contacted=(
            "recent_conversion_date",
            "hs_sales_email_last_replied",
            "hs_email_last_reply_date",
            "hs_email_last_click_date",
        ),
        companies="company",
        job_title="jobtitle",
        birth_date="date_of_birth",
        language="hs_language",
        street="address",
        postcode="zip",
        town="city",
        country="country",
        opt_outs=(
            OptOut("crm:hs_email_optout", "hs_email_optout"),
            OptOut("crm:global_bounce", "hs_email_hard_bounce_reason_enum"),
        ),
        other=("lifecyclestage",),
    )
)
"""Contacts as the CRM objects API (v3) returns them."""
