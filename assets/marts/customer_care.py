"""Customer care (P4.3): customers and contacts, their contracts, orders, choices and contacts.

People known only from the population register, a bureau or a cookie have no customer relationship.
"""

from assets.marts.activities import of_registrants
from schemas.activities import (
    RegistrantCalls,
    RegistrantCorrespondence,
    RegistrantOtherData,
    RegistrantParticipations,
)

QUERIES = {
    "registrants": """
        SELECT registrant_id, given_names, call_name, family_name, birth_date, language,
            customer_number, email, phone,
            street, postcode, town, country, company_name, job_title, deceased
        FROM registrants SEMI JOIN eligible_customer_care AS eligible USING (registrant_id)""",
    "contracts": """
        SELECT registrant_id, contract_number, product, status, starts_on, ends_on, monthly_fee,
            currency
        FROM contracts SEMI JOIN eligible_customer_care AS eligible USING (registrant_id)""",
    "orders": """
        SELECT registrant_id, order_number, ordered_at, status, amount, currency, items
        FROM orders SEMI JOIN eligible_customer_care AS eligible USING (registrant_id)""",
    "companies": """
        SELECT DISTINCT registrant_id, business_id, companies.name, situation, ceased_on
        FROM company_contacts
        SEMI JOIN eligible_customer_care AS eligible USING (registrant_id)
        JOIN companies USING (business_id)""",
    "marketing_choices": """
        SELECT registrant_id, purpose, channel, choice, chosen_at
        FROM choices SEMI JOIN eligible_customer_care AS eligible USING (registrant_id)""",
    "participations": of_registrants(RegistrantParticipations, "customer_care"),
    "calls": of_registrants(RegistrantCalls, "customer_care"),
    "correspondence": of_registrants(RegistrantCorrespondence, "customer_care"),
    "other_data": of_registrants(RegistrantOtherData, "customer_care", "consent = 'granted'"),
}
