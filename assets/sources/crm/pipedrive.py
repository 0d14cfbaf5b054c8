"""Pipedrive's export of people.

Ids are small numbers that another CRM also gives, so the identifier is `pipedrive-` and the number.
An address field holds several values with commas between; the name may come in one piece.
`Subscribed` is no consent that could be shown, and `No consent` refuses nothing; any other
marketing status is an opt-out.
"""

from __future__ import annotations

from assets.sources.crm.contacts import Export, OptOut, contacts
from assets.sources.formats import JsonArray

_STATUS = "Person - Marketing status"
_BOUNCED = "lower(filled(value)) LIKE '%bounce%'"
_CONTACT_ID = "('pipedrive-' || opaque_id({}))"


def _opt_outs(status: str) -> tuple[OptOut, ...]:
    """Return what the column of the marketing status refuses."""
    stated = "lower(filled(value)) NOT IN ('subscribed', 'no consent', 'no_consent')"
    return (
        OptOut("crm:pipedrive_unsubscribed", status, f"{stated} AND NOT {_BOUNCED}"),
        OptOut("crm:pipedrive_bounce", status, _BOUNCED),
    )


PEOPLE = contacts(
    Export(
        dataset="pipedrive_people",
        number="Person - ID",
        contact_id=_CONTACT_ID,
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
        opt_outs=_opt_outs(_STATUS),
        other=("Person - Update time", "Person - Double opt-in"),
    )
)

FETCHED = contacts(
    Export(
        dataset="pipedrive_api_people",
        format=JsonArray(),
        flat="""json_merge_patch(payload, json_object(
            'emails', array_to_string((payload ->> '$.emails[*].value')
                || (payload ->> '$.email[*].value'), ';'),
            'phones', array_to_string((payload ->> '$.phones[*].value')
                || (payload ->> '$.phone[*].value'), ';'),
            'is_deleted', coalesce(payload ->> '$.is_deleted',
                CASE payload ->> '$.active_flag' WHEN 'false' THEN 'true' END),
            'street', concat_ws(' ', payload ->> '$.postal_address.route',
                payload ->> '$.postal_address.street_number'),
            'postcode', payload ->> '$.postal_address.postal_code',
            'town', payload ->> '$.postal_address.locality',
            'country', payload ->> '$.postal_address.country',
            'postal_address', NULL))::VARCHAR""",
        number="id",
        contact_id=_CONTACT_ID,
        merged="merge_what_id",
        deleted="is_deleted",
        given_names="first_name",
        family_name="last_name",
        full_name="name",
        emails=("emails",),
        phones=("phones",),
        customer_number="customer_number",
        made="add_time",
        companies="org_name",
        job_title="job_title",
        birth_date="birthday",
        street="street",
        postcode="postcode",
        town="town",
        country="country",
        opt_outs=_opt_outs("marketing_status"),
        other=("update_time",),
    )
)
"""People as the API returns them, in its second version or the first (`email`, `phone`)."""
