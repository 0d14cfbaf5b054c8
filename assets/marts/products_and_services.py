"""Providing and developing products and services (P4.1): use and purchases, under pseudonyms.

The pseudonym is hashed with a domain of this mart's own, and times are days, so that rows cannot be
matched with another mart's by either. No number of a contract or an order, and no direct
identifier.
"""

_PSEUDONYM = "keyed_hash('pseudonym|products_and_services|' || registrant_id)[:32]"
_DAY = "timezone(getvariable('time_zone'), {0})::DATE"

QUERIES = {
    "customers": f"""
        SELECT {_PSEUDONYM} AS pseudonym, language
        FROM registrants
        SEMI JOIN eligible_products_and_services AS eligible USING (registrant_id)""",
    "contracts": f"""
        SELECT {_PSEUDONYM} AS pseudonym, product, status, starts_on, ends_on, monthly_fee, currency
        FROM contracts
        SEMI JOIN eligible_products_and_services AS eligible USING (registrant_id)""",
    "orders": f"""
        SELECT {_PSEUDONYM} AS pseudonym, {_DAY.format("ordered_at")} AS ordered_on, status, amount,
            currency, items
        FROM orders
        SEMI JOIN eligible_products_and_services AS eligible USING (registrant_id)""",
    "visits": f"""
        SELECT {_PSEUDONYM} AS pseudonym, {_DAY.format("started_at")} AS visited_on, duration_s,
            actions, searches, contents_seen, contents_clicked,
            channel, device_type, browser_name, os_name
        FROM visits
        SEMI JOIN eligible_products_and_services AS eligible USING (registrant_id)""",
}
