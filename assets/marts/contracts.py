"""Fulfilling contracts and other promises (P4.2): the parties to a contract, their contracts and their orders."""

QUERIES = {
    "registrants": """
        SELECT registrant_id, identity_code, customer_number, given_names, family_name, birth_date, language, email, phone,
            street, postcode, town, country, deceased
        FROM registrants SEMI JOIN admitted_contracts AS admitted USING (registrant_id)""",
    "contracts": """
        SELECT registrant_id, contract_number, product, status, starts_on, ends_on, monthly_fee, currency
        FROM contracts SEMI JOIN admitted_contracts AS admitted USING (registrant_id)""",
    "orders": """
        SELECT registrant_id, order_number, ordered_at, status, amount, currency, items
        FROM orders SEMI JOIN admitted_contracts AS admitted USING (registrant_id)""",
}
