"""Each dataset's file: source, name, envelope, encoding, and the purpose in its manifest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pipelines.synthetic import cases

# Past 2**53, so that a reader that takes the key for a floating-point number shows.
_FIRST_KEY = 9_007_199_254_741_001
_WHOLE_DAY = 1 << 40


@dataclass(frozen=True)
class Format:
    """One kind of delivery. `name` is unique; a dataset may come in several formats."""

    name: str
    source: str
    dataset: str
    purpose: str
    file: str  # with {day} and {number}
    separator: str = "\n"
    closing: str = "\n"
    encoding: str = "utf-8"
    largest: int = _WHOLE_DAY  # records a file
    header: str | Callable[[int, int], str] = ""

    def opening(self, day: int, number: int) -> str:
        """What stands before the first record of the day's n-th file."""
        return self.header if isinstance(self.header, str) else self.header(day, number)

    def file_name(self, day: date, number: int) -> str:
        """The vendor's file name; nothing in it is about a person."""
        return self.file.format(day=day.strftime("%Y%m%d"), number=number)


def _change_envelope(day: int, number: int) -> str:
    """The key is a 64-bit number that now and then is typed as a string."""
    key = _FIRST_KEY + day * 1_000 + number
    typed = f'"{key}"' if (day + number) % 2 == 0 else str(key)
    return f'{{"viimeisinKirjausavain":{typed},"muutokset":['


def _csv(columns: str, end: str = "\n", mark: str = "") -> str:
    return mark + columns + end


CONTACT_COLUMNS = (
    "Record ID",
    "First Name",
    "Last Name",
    "Email",
    "Phone Number",
    "Job Title",
    "Lifecycle Stage",
    "Lead Status",
    "Create Date",
    "Last Activity Date",
    "Recent Conversion Date",
    "Contact owner",
    "Associated Company",
    "Street Address",
    "Postal Code",
    "City",
    "Country/Region",
    "Preferred language",
    "Date of birth",
    "Customer number",
    "Unsubscribed from all email",
    "Global bounce",
    "Password",
    "NPS score",
)
LATER_CONTACT_COLUMNS = tuple(
    column
    for column in CONTACT_COLUMNS
    if column not in ("Lead Status", "Contact owner", "Password", "NPS score")
)
CONTRACT_COLUMNS = (
    "contract_number,contact_id,customer_number,identity_code,product,status,starts_on,ends_on,"
    "monthly_fee,currency,updated_at"
)
ORDER_COLUMNS = "order_number,contact_id,customer_number,ordered_at,status,amount,currency,items"

BASIC_DATA = Format(
    "perustiedot",
    "population_register",
    cases.PERUSTIEDOT,
    "customer_care",
    "perustiedot-{day}-{number:03}.json",
    separator=",\n",
    closing='],"ajanTasalla":true}\n',
    largest=50_000,
    header='{"perustiedot":[\n',
)
CHANGES = Format(
    "muutokset",
    "population_register",
    cases.MUUTOKSET,
    "customer_care",
    "muutokset-{day}-{number:03}.json",
    separator=",",
    closing='],"ajanTasalla":true}',
    largest=25_000,
    header=_change_envelope,
)
VISITS = Format(
    "visits",
    "website",
    cases.VISITS,
    "analytics",
    "matomo-visits-{day}-{number:03}.json",
    separator=",\n",
    closing="]\n",
    largest=50_000,
    header="[",
)
CONTACTS = Format(
    "contacts",
    "crm",
    cases.CONTACTS,
    "customer_care",
    "hubspot-all-contacts-{day}.csv",
    header=_csv(",".join(CONTACT_COLUMNS), mark="\ufeff"),
)
LATER_CONTACTS = Format(
    "contacts-later",
    "crm",
    cases.CONTACTS,
    "customer_care",
    "hubspot-changed-contacts-{day}.csv",
    header=_csv(",".join(LATER_CONTACT_COLUMNS)),
)
CONTRACTS = Format(
    "contracts",
    "crm",
    cases.CONTRACTS,
    "contracts",
    "contracts-{day}.csv",
    separator="\r\n",
    closing="\r\n",
    encoding="cp1252",
    header=_csv(CONTRACT_COLUMNS, "\r\n"),
)
ORDERS = Format(
    "orders", "crm", cases.ORDERS, "contracts", "orders-{day}.csv", header=_csv(ORDER_COLUMNS)
)
