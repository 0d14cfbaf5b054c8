"""Contacts of a CRM's API: those that have changed since the last fetch.

What HubSpot, Salesforce and Pipedrive have in common: the watermark is a moment, by the earlier of
the server's clock and ours, and each fetch goes back a little before it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime, time, timedelta

import pyarrow as pa

from assets.connectors.connector import Fetching
from assets.connectors.paging import Paging
from assets.connectors.watermarks import Mark
from assets.connectors.web_api import Request, WebApi
from assets.connectors.web_connector import Part, Parts, WebConnector

OVERLAP = timedelta(minutes=15)
"""Changes become visible to an API's readers a little after they were made."""


class CrmContacts(WebConnector):
    """One delivery with the contacts that have changed."""

    @property
    def origin(self) -> str:
        return "crm"

    @abstractmethod
    def requests(self, since: datetime | None) -> Iterable[Request]:
        """Return what asks for the contacts that have changed since; all of them without it."""

    @abstractmethod
    def layout(self) -> tuple[Paging, tuple[str, ...]]:
        """Return how pages follow each other, and where the array of records is."""

    def keep(self, records: pa.Array, since: datetime | None) -> pa.Array:
        """Return the records that have changed, where the server cannot be asked for them."""
        return records

    def parts(self, mark: Mark, fetching: Fetching, api: WebApi) -> Parts:
        since = _since(mark, fetching)
        zone = fetching.data_root.policy.zone
        paging, records_at = self.layout()
        yield Part(
            dataset=self.dataset_names[0],
            requests=self.requests(since),
            paging=paging,
            records_at=records_at,
            first=since.astimezone(zone).date() if since else fetching.today,
            last=fetching.today,
            mark=lambda received: {"until": received.began.isoformat()},
            keep=lambda records: self.keep(records, since),
        )


def _since(mark: Mark, fetching: Fetching) -> datetime | None:
    """Return the moment from which to fetch; never a later one than now."""
    now = fetching.clock.now()
    if fetching.since is not None:
        return datetime.combine(fetching.since, time(), fetching.data_root.policy.zone)
    return min(datetime.fromisoformat(mark["until"]), now) - OVERLAP if mark else None
