"""Fulfilling contracts and other promises (P4.2): parties to a contract, contracts and orders."""

QUERIES = {
    "registrants": """
        SELECT registrant_id, identity_code, customer_number, given_names, family_name, birth_date,
            language, email, phone,
            street, postcode, town, country, deceased
        FROM registrants SEMI JOIN eligible_contracts AS eligible USING (registrant_id)""",
    "contracts": """
        SELECT registrant_id, contract_number, product, status, starts_on, ends_on, monthly_fee,
            currency
        FROM contracts SEMI JOIN eligible_contracts AS eligible USING (registrant_id)""",
    "orders": """
        SELECT registrant_id, order_number, ordered_at, status, amount, currency, items
        FROM orders SEMI JOIN eligible_contracts AS eligible USING (registrant_id)""",
}
