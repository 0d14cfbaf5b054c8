"""The queries of every mart's tables, by purpose."""

from __future__ import annotations

from assets.marts import (
    analytics,
    contracts,
    credit_decision,
    customer_care,
    direct_marketing,
    legal_claims,
    products_and_services,
    targeted_advertising,
)

QUERIES: dict[str, dict[str, str]] = {
    "products_and_services": products_and_services.QUERIES,
    "customer_care": customer_care.QUERIES,
    "contracts": contracts.QUERIES,
    "direct_marketing": direct_marketing.QUERIES,
    "analytics": analytics.QUERIES,
    "targeted_advertising": targeted_advertising.QUERIES,
    "credit_decision": credit_decision.QUERIES,
    "legal_claims": legal_claims.QUERIES,
}
