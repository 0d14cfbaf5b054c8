"""Pipedrive's people (API v2), by cursor.

https://developers.pipedrive.com/docs/api/v1/Persons. The list does not have deleted people.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import ClassVar, Literal

from assets.connectors.connector import Fetching, Secret
from assets.connectors.crm_contacts import CrmContacts
from assets.connectors.paging import Cursor, Paging
from assets.connectors.web_api import Access, Request


class Pipedrive(CrmContacts):
    """People of a Pipedrive company; `url` is `https://<company>.pipedrive.com`."""

    delay_headers: ClassVar = {"x-ratelimit-reset": 1.0}

    kind: Literal["pipedrive"]
    token: Secret

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return ("pipedrive_api_people",)

    def access(self, fetching: Fetching) -> Access:
        return Access({"x-api-token": self.token.read()})

    def layout(self) -> tuple[Paging, tuple[str, ...]]:
        return Cursor(("additional_data", "next_cursor"), "cursor"), ("data",)

    def requests(self, since: datetime | None) -> Iterable[Request]:
        fields: dict[str, object] = {
            "limit": 500,
            "sort_by": "id",
            "sort_direction": "asc",
            "include_fields": "marketing_status",
        }
        if since:
            fields["updated_since"] = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return [Request("api/v2/persons", fields)]
