"""Caring for the customer relationship (P4.3): whoever has had a contract, an order or a customer number, or is a contact.

People whom only the population register, a bureau or a cookie speaks of have no relationship to care for.
"""

_CARED_FOR = """
    SELECT registrant_id FROM registrants WHERE customer_number IS NOT NULL OR email IS NOT NULL OR phone IS NOT NULL OR has_contract
    UNION SELECT registrant_id FROM orders WHERE registrant_id IS NOT NULL"""

QUERIES = {
    "registrants": f"""
        SELECT registrant_id, given_names, call_name, family_name, birth_date, language, customer_number, email, phone,
            street, postcode, town, country, company_name, job_title, deceased
        FROM registrants SEMI JOIN ({_CARED_FOR}) AS cared_for USING (registrant_id)""",
    "contracts": """
        SELECT registrant_id, contract_number, product, status, starts_on, ends_on, monthly_fee, currency
        FROM contracts WHERE registrant_id IS NOT NULL""",
    "orders": """
        SELECT registrant_id, order_number, ordered_at, status, amount, currency, items FROM orders WHERE registrant_id IS NOT NULL""",
    "marketing_choices": f"""
        SELECT registrant_id, purpose, channel, choice, chosen_at FROM choices
        SEMI JOIN ({_CARED_FOR}) AS cared_for USING (registrant_id)""",
}
