"""CRM exports of invented people: contacts, contracts, orders."""
