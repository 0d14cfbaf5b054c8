"""Legal claims: parties to contracts and orders, including those under restriction (GDPR 18(2))."""

from assets.marts.activities import of_registrants
from schemas.activities import RegistrantCalls, RegistrantCorrespondence

QUERIES = {
    "registrants": """
        SELECT registrant_id, identity_code, customer_number, given_names, family_name, birth_date,
            email, phone,
            street, postcode, town, country, company_name, deceased, death_date
        FROM registrants SEMI JOIN eligible_legal_claims AS eligible USING (registrant_id)""",
    "contracts": """
        SELECT registrant_id, contract_number, product, status, starts_on, ends_on, monthly_fee,
            currency
        FROM contracts SEMI JOIN eligible_legal_claims AS eligible USING (registrant_id)""",
    "orders": """
        SELECT registrant_id, order_number, ordered_at, status, amount, currency, items
        FROM orders SEMI JOIN eligible_legal_claims AS eligible USING (registrant_id)""",
    "calls": of_registrants(RegistrantCalls, "legal_claims"),
    "correspondence": of_registrants(RegistrantCorrespondence, "legal_claims"),
}
