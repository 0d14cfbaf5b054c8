"""The source `crm`: contacts of each vendor, contracts and orders."""

from __future__ import annotations

from assets.sources.crm import agreements, hubspot, pipedrive, salesforce
from assets.sources.source import Source

SOURCE = Source(
    name="crm",
    description="Contacts (HubSpot, Salesforce, Pipedrive), contracts and orders",
    about={
        "contacts": "HubSpot contact export, CSV: one contact",
        "hubspot_api_contacts": (
            "JSON array of HubSpot's CRM objects (v3), with their properties: one contact"
        ),
        "salesforce_api_contacts": ("JSON array of the records of a Salesforce query: one contact"),
        "pipedrive_api_people": "JSON array of Pipedrive's people (v2): one person",
        "contracts": "CSV: one contract",
        "orders": "CSV: one order",
        "salesforce_contacts": "Salesforce contacts, CSV of the Data Loader: one contact",
        "pipedrive_people": "Pipedrive people, CSV: one person",
    },
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
