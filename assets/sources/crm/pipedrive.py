"""Pipedrive's export of people.

Ids are small numbers that another CRM also gives, so the identifier is `pipedrive-` and the number.
An address field holds several values with commas between; the name may come in one piece.
`Subscribed` is no consent that could be shown, and `No consent` refuses nothing; any other
marketing status is an opt-out.
"""

from __future__ import annotations

from assets.sources.crm.contacts import Export, OptOut, contacts

_STATUS = "Person - Marketing status"
_BOUNCED = "lower(filled(value)) LIKE '%bounce%'"

PEOPLE = contacts(
    Export(
        dataset="pipedrive_people",
        number="Person - ID",
        contact_id="('pipedrive-' || opaque_id({}))",
        merged="Person - Merged IDs",
        given_names="Person - First name",
        family_name="Person - Last name",
        full_name="Person - Name",
        emails=("Person - Email - Work", "Person - Email - Home", "Person - Email - Other"),
        phones=(
            "Person - Phone - Mobile",
            "Person - Phone - Work",
            "Person - Phone - Home",
            "Person - Phone - Other",
        ),
        customer_number="Person - Customer number",
        made="Person - Person created",
        contacted=("Person - Last email received",),
        companies="Person - Organization",
        job_title="Person - Job title",
        birth_date="Person - Birthday",
        opt_outs=(
            OptOut(
                "crm:pipedrive_unsubscribed",
                _STATUS,
                f"lower(filled(value)) NOT IN ('subscribed', 'no consent', 'no_consent')"
                f" AND NOT {_BOUNCED}",
            ),
            OptOut("crm:pipedrive_bounce", _STATUS, _BOUNCED),
        ),
        other=("Person - Update time", "Person - Double opt-in"),
    )
)
