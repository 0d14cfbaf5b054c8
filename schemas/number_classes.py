"""Classes that the marts without names give in place of numbers: lowest number -> name.

Exact numbers of contracts, orders and visits would match the same ones in a mart with names
(docs/decisions/pseudonymous-marts.md). The limits are the company's choice.
"""

from __future__ import annotations

from collections.abc import Mapping

Classes = Mapping[int, str]

# In the row's currency, which is a column of its own.
MONTHLY_FEES: Classes = {
    0: "under 10",
    10: "10 to under 25",
    25: "25 to under 50",
    50: "50 to under 100",
    100: "100 or more",
}
# An amount below nothing is a credit note.
ORDER_AMOUNTS: Classes = {
    -1_000_000: "credit note",
    0: "under 50",
    50: "50 to under 200",
    200: "200 to under 1000",
    1_000: "1000 or more",
}
ITEMS: Classes = {0: "none", 1: "1", 2: "2 to 4", 5: "5 or more"}
CONTRACTS: Classes = {0: "none", 1: "1", 2: "2 or more"}
ORDERS: Classes = {0: "none", 1: "1", 2: "2 to 4", 5: "5 or more"}
ACTIONS: Classes = {0: "none", 1: "1 to 4", 5: "5 to 19", 20: "20 or more"}
ANY: Classes = {0: "none", 1: "1 or more"}
SECONDS: Classes = {0: "under 1 minute", 60: "1 to under 10 minutes", 600: "10 minutes or more"}
