"""HubSpot's contacts (CRM objects API, v3).

https://developers.hubspot.com/docs/reference/api/crm/objects/contacts. The list is used and not the
search: the search ends after 10,000 results, and its pages shift while contacts are being edited.
Which contacts have changed is seen here. Deleted ones come by a second list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from assets.connectors.connector import Fetching, Secret
from assets.connectors.crm_contacts import CrmContacts
from assets.connectors.paging import Cursor, Paging
from assets.connectors.web_api import Access, Request
from assets.connectors.web_connector import Url

PROPERTIES = (
    "firstname", "lastname", "email", "hs_additional_emails", "phone", "mobilephone", "jobtitle",
    "company", "address", "zip", "city", "country", "hs_language", "date_of_birth",
    "customer_number", "lifecyclestage", "createdate", "lastmodifieddate", "notes_last_contacted",
    "recent_conversion_date", "hs_sales_email_last_replied", "hs_email_last_reply_date",
    "hs_email_last_click_date", "hs_email_optout", "hs_email_bounce",
    "hs_email_hard_bounce_reason_enum", "hs_merged_object_ids", "hs_calculated_merged_vids",
)  # fmt: skip
_CHANGED = ("updatedAt", "archivedAt")


class Hubspot(CrmContacts):
    """Contacts of a HubSpot account, by the token of a private app."""

    delay_headers: ClassVar = {"X-HubSpot-RateLimit-Interval-Milliseconds": 0.001}

    kind: Literal["hubspot"]
    url: Url = "https://api.hubapi.com"
    token: Secret
    properties: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], ...] = PROPERTIES

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return ("hubspot_api_contacts",)

    def access(self, fetching: Fetching) -> Access:
        return Access({"Authorization": f"Bearer {self.token.read()}"})

    def layout(self) -> tuple[Paging, tuple[str, ...]]:
        return Cursor(("paging", "next", "after"), "after"), ("results",)

    def requests(self, since: datetime | None) -> Iterable[Request]:
        fields = {"limit": 100, "properties": ",".join(self.properties)}
        for archived in ("false", "true"):
            yield Request("crm/v3/objects/contacts", {**fields, "archived": archived})

    def keep(self, records: pa.Array, since: datetime | None) -> pa.Array:
        if since is None:
            return records
        changed = [_changed(each, since) for each in records.to_pylist()]
        return records.filter(pa.array(changed, pa.bool_()))


def _changed(text: str, since: datetime) -> bool:
    """Return whether a contact has changed since; true where nothing readable says so."""
    try:
        contact = json.loads(text)
        moments = [datetime.fromisoformat(contact[name]) for name in _CHANGED if name in contact]
        return max(moments) >= since
    except (ValueError, TypeError, RecursionError):
        return True
