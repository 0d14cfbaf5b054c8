"""The source `crm`: contacts of each vendor, contracts and orders."""

from __future__ import annotations

from assets.sources.crm import agreements, hubspot, pipedrive, salesforce
from assets.sources.source import Source

SOURCE = Source(
    name="crm",
    description="Contacts (HubSpot, Salesforce, Pipedrive), contracts and orders",
    datasets=(
        hubspot.CONTACTS,
        agreements.CONTRACTS,
        agreements.ORDERS,
        salesforce.CONTACTS,
        pipedrive.PEOPLE,
        hubspot.FETCHED,
        salesforce.FETCHED,
        pipedrive.FETCHED,
    ),
)
