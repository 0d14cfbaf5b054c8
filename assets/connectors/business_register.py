"""PRH's open data of companies (YTJ, v3): those that other sources have delivered.

https://avoindata.prh.fi/en/ytj/swagger-ui. A request for each company, 300 a minute at most. The
watermark is the last company asked about, as a hash: where there are more companies than a night
has time for, the next one goes on there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assets.connectors.connector import Fetching
from assets.connectors.paging import Single
from assets.connectors.watermarks import Mark
from assets.connectors.web_api import Access, Request, WebApi
from assets.connectors.web_connector import Part, Parts, Url, WebConnector
from assets.ingest import deliveries, subscription


class BusinessRegister(WebConnector):
    """The companies known, in slices.

    Attributes:
        most: How many companies a fetch asks about.
        slice: How many of them are one delivery.
    """

    per_minute: ClassVar = 300

    kind: Literal["business_register"]
    url: Url = "https://avoindata.prh.fi/opendata-ytj-api/v3"
    most: Annotated[int, Field(gt=0)] = 5_000
    slice: Annotated[int, Field(gt=0)] = 1_000

    @property
    def origin(self) -> str:
        return "authorities"

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return ("companies_found",)

    def access(self, fetching: Fetching) -> Access:
        return Access()

    def parts(self, mark: Mark, fetching: Fetching, api: WebApi) -> Parts:
        known: Mapping[str, str] = {
            _hidden(fetching, business_id): business_id
            for business_id in subscription.business_ids(fetching.data_root)
        }
        after = "" if fetching.since else mark.get("after", "")
        waiting = [hidden for hidden in sorted(known) if hidden > after]
        asked = waiting[: self.most]
        for first in range(0, len(asked), self.slice):
            companies = asked[first : first + self.slice]
            reached = "" if companies[-1] == waiting[-1] else companies[-1]
            yield Part(
                dataset="companies_found",
                requests=[Request("companies", {"businessId": known[each]}) for each in companies],
                paging=Single(),
                records_at=("companies",),
                first=fetching.today,
                last=fetching.today,
                mark=lambda _, reached=reached: {"after": reached},  # type: ignore[misc]
            )


def _hidden(fetching: Fetching, business_id: str) -> str:
    """Return a hash by which a sole trader's business id is not known."""
    digest = hashlib.sha256(business_id.encode()).hexdigest()
    return deliveries.keyed_hash(fetching.data_root, digest)
