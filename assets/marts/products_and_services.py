"""Providing and developing products and services (P4.1): use and purchases, without a key.

Contracts, orders and visits are rows of their own that nothing joins to a person or to each other,
coarsened until nobody is alone with one (`assets.marts.coarsening`): no number of a contract or an
order, no day, no exact amount.
"""

from assets.marts import visits
from assets.marts.coarsening import classes, coarsened, finest, period
from schemas.marts import ProductVisits
from schemas.number_classes import CONTRACTS, ITEMS, MONTHLY_FEES, ORDER_AMOUNTS, ORDERS
from schemas.profiles import COUNTED_ORDERS

_TODAY = "getvariable('today')::DATE"
_ORDERED = "timezone(getvariable('time_zone'), ordered_at)::DATE"
_ELIGIBLE = "SEMI JOIN eligible_products_and_services AS eligible USING (registrant_id)"

_CUSTOMERS = f"""
    SELECT
        registrant_id,
        language,
        {classes("coalesce(agreed.running, 0)", CONTRACTS)} AS contracts,
        {classes("coalesce(bought.orders, 0)", ORDERS)} AS orders
    FROM registrants
    LEFT JOIN (
        SELECT registrant_id AS party, count(*) AS running
        FROM contracts
        WHERE status = 'active' AND starts_on <= {_TODAY} AND coalesce(ends_on >= {_TODAY}, true)
        GROUP BY registrant_id
    ) AS agreed ON registrant_id = party
    LEFT JOIN (
        SELECT registrant_id AS buyer, count(*) AS orders
        FROM orders
        WHERE status IN {COUNTED_ORDERS} AND amount > 0
        GROUP BY registrant_id
    ) AS bought ON registrant_id = buyer
    {_ELIGIBLE}"""

_CONTRACTS = f"""
    SELECT
        registrant_id,
        product,
        status,
        {period("starts_on")["year"]} AS started_year,
        currency,
        {classes("monthly_fee", MONTHLY_FEES)} AS monthly_fee,
        {period("starts_on")["quarter"]} AS started_quarter,
        {period("ends_on")["year"]} AS ended_year,
        {period("starts_on")["month"]} AS started_month
    FROM contracts
    {_ELIGIBLE}"""

_ORDERS = f"""
    SELECT
        registrant_id,
        {period(_ORDERED)["year"]} AS ordered_year,
        currency,
        {classes("amount", ORDER_AMOUNTS)} AS amount,
        status,
        {period(_ORDERED)["quarter"]} AS ordered_quarter,
        {classes("items", ITEMS)} AS items,
        {period(_ORDERED)["month"]} AS ordered_month
    FROM orders
    {_ELIGIBLE}"""

_OF_CONTRACTS = (
    "product", "status", "started_year", "currency", "monthly_fee", "started_quarter",
    "ended_year", "started_month",
)  # fmt: skip
_OF_ORDERS = (
    "ordered_year", "currency", "amount", "status", "ordered_quarter", "items", "ordered_month",
)  # fmt: skip

QUERIES = {
    "customers": coarsened(_CUSTOMERS, ("contracts", "orders", "language")),
    "contracts": f"""
        SELECT product, status, {finest("started")} AS started_in, ended_year AS ended_in,
            monthly_fee, currency
        FROM ({coarsened(_CONTRACTS, _OF_CONTRACTS)}) AS coarse""",
    "orders": f"""
        SELECT {finest("ordered")} AS ordered_in, status, amount, currency, items
        FROM ({coarsened(_ORDERS, _OF_ORDERS)}) AS coarse""",
    "visits": visits.query(ProductVisits, "products_and_services"),
}
