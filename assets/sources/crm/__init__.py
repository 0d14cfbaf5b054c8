"""The CRM: contacts, a module per vendor, and contracts and orders in a layout of ours.

`contacts` is what the vendors share; `crm` puts the datasets together.
"""
