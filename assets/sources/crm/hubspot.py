"""HubSpot's export of all contacts.

A merged contact has a new Record ID, and lists the former ones. `Last Activity Date` also counts
what the company sends, so it is no contact of the registrant; nor is the opening of a mail
(docs/law.md, "prospect").
"""

from __future__ import annotations

from assets.sources.crm.contacts import Export, OptOut, contacts

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
