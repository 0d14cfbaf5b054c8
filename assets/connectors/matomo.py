"""Matomo's reporting API: the visits of one site, day by day.

https://developer.matomo.org/api-reference/reporting-api, `Live.getLastVisitsDetails`. The token is
in the body, because addresses are logged. Errors come with HTTP 200. Of several sites, Matomo
leaves out silently those without a visits log, so each request is for one.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assets.connectors.connector import Fetching, Secret
from assets.connectors.paging import Offset
from assets.connectors.watermarks import Mark
from assets.connectors.web_api import Access, Request, WebApi
from assets.connectors.web_connector import Part, Parts, WebConnector


class Matomo(WebConnector):
    """A site's visits of each finished day, and of the days before again.

    Attributes:
        again: How many days before the watermark are fetched again: visits that last past midnight
            are exported longer the next day.
    """

    errors: ClassVar = {"visits log is deactivated": "FETCH-VISITS-LOG-OFF"}

    kind: Literal["matomo"]
    site: Annotated[int, Field(gt=0)]
    token: Secret
    page: Annotated[int, Field(gt=0, le=5_000)] = 500
    again: Annotated[int, Field(ge=0, le=31)] = 1

    @property
    def origin(self) -> str:
        return "website"

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return ("visits",)

    def access(self, fetching: Fetching) -> Access:
        return Access(fields={"token_auth": self.token.read()})

    def parts(self, mark: Mark, fetching: Fetching, api: WebApi) -> Parts:
        yesterday = fetching.today - timedelta(days=1)
        reached = date.fromisoformat(mark["day"]) if mark else None
        following = reached + timedelta(days=1 - self.again) if reached else yesterday
        day = fetching.since or following
        while day <= yesterday:
            last = str(max(day, reached or day))
            yield Part(
                dataset="visits",
                requests=[self._visits_of(day)],
                paging=Offset("filter_offset"),
                records_at=(),
                first=day,
                last=day,
                mark=lambda _, last=last: {"day": last},  # type: ignore[misc]
            )
            day += timedelta(days=1)

    def _visits_of(self, day: date) -> Request:
        fields = {
            "module": "API",
            "method": "Live.getLastVisitsDetails",
            "format": "JSON",
            "idSite": self.site,
            "period": "day",
            "date": str(day),
            "filter_limit": self.page,
            "filter_offset": 0,
        }
        return Request("index.php", fields, "form")
