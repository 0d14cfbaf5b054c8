"""Salesforce's contacts (REST API): a query, and the addresses of its further pages.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest. `queryAll` has deleted and
merged contacts, too. The token is got by client credentials, and again when it expires on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from assets.connectors.connector import Fetching, Secret
from assets.connectors.crm_contacts import CrmContacts
from assets.connectors.paging import Cursor, Paging, page_of
from assets.connectors.web_api import Access, FetchError, Request

FIELDS = (
    "Id", "AccountId", "Account.Name", "MasterRecordId", "FirstName", "LastName", "Email", "Phone",
    "MobilePhone", "Title", "Birthdate", "MailingStreet", "MailingCity", "MailingPostalCode",
    "MailingCountry", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall", "EmailBouncedDate",
    "LastActivityDate", "CreatedDate", "SystemModstamp", "IsDeleted",
)  # fmt: skip


class Salesforce(CrmContacts):
    """Contacts of a Salesforce organisation; `url` is its own domain (My Domain)."""

    kind: Literal["salesforce"]
    client_id: Secret
    client_secret: Secret
    version: Annotated[str, Field(pattern=r"^[0-9]{2,3}\.0$")] = "62.0"
    fields: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")], ...] = FIELDS

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return ("salesforce_api_contacts",)

    def access(self, fetching: Fetching) -> Access:
        def renewed() -> Mapping[str, str]:
            return {"Authorization": f"Bearer {self._token(fetching)}"}

        return Access(renewed(), renew=renewed)

    def _token(self, fetching: Fetching) -> str:
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.client_id.read(),
            "client_secret": self.client_secret.read(),
        }
        with closing(self.api(Access(), fetching)) as api:
            try:
                answer = api.send(Request("services/oauth2/token", fields, "form"))
            except FetchError as error:
                # By the standard of OAuth, wrong credentials are a bad request (400).
                if error.code == "FETCH-REQUEST":
                    raise FetchError("FETCH-DENIED") from None
                raise
        token = page_of(answer.body, ("records",)).envelope.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise FetchError("FETCH-DENIED")
        return token

    def layout(self) -> tuple[Paging, tuple[str, ...]]:
        return Cursor(("nextRecordsUrl",), until=("done",)), ("records",)

    def requests(self, since: datetime | None) -> Iterable[Request]:
        changed = (
            f" WHERE SystemModstamp >= {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if since else ""
        )
        query = f"SELECT {', '.join(self.fields)} FROM Contact{changed} ORDER BY SystemModstamp, Id"
        return [Request(f"services/data/v{self.version}/queryAll", {"q": query})]
