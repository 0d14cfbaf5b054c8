"""Register -> marts: one published DuckDB file per purpose, holding only what the purpose may use.

One module per purpose says who may be in its mart and with which columns; `building` builds, checks and publishes any.
"""

from assets.marts import analytics, contracts, credit_decision, customer_care, direct_marketing

QUERIES: dict[str, dict[str, str]] = {
    "customer_care": customer_care.QUERIES,
    "contracts": contracts.QUERIES,
    "direct_marketing": direct_marketing.QUERIES,
    "analytics": analytics.QUERIES,
    "credit_decision": credit_decision.QUERIES,
}
