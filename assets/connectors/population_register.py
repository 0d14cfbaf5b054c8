"""The change interface of the Finnish population register (DVV, VTJ-muutosrajapinta).

`POST muutokset` with the last key and identity codes, until `ajanTasalla`; `POST perustiedot` for
people who are new to it; `GET kirjausavain/<day>` for the first key. Each request names the people
asked about, so that the subscription is what `assets.ingest.subscription` knows at that moment.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from assets.connectors.connector import Fetching, Secret
from assets.connectors.paging import Cursor, Single, number_of, page_of
from assets.connectors.watermarks import Mark
from assets.connectors.web_api import Access, Request, WebApi
from assets.connectors.web_connector import Part, Parts, Received, WebConnector
from assets.ingest import subscription

KEY = "viimeisinKirjausavain"


class PopulationRegister(WebConnector):
    """Changes of the people subscribed, and basic data of those who are new.

    Attributes:
        client: The subsystem that asks, where requests go through the national data exchange layer.
        batch: How many people a request names; the register allows 1,000.
    """

    kind: Literal["population_register"]
    user: str
    password: Secret
    api_key: Secret | None = None
    client: str | None = None
    batch: Annotated[int, Field(gt=0, le=1_000)] = 1_000

    @property
    def origin(self) -> str:
        return "population_register"

    @property
    def dataset_names(self) -> tuple[str, ...]:
        return ("muutokset", "perustiedot")

    def access(self, fetching: Fetching) -> Access:
        pair = f"{self.user}:{self.password.read()}"
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        if self.api_key is not None:
            headers["X-API-KEY"] = self.api_key.read()
        if self.client is not None:
            headers["X-Road-Client"] = self.client
        return Access(headers)

    def parts(self, mark: Mark, fetching: Fetching, api: WebApi) -> Parts:
        delivered, others = subscription.subscribed(fetching.data_root, self.origin)
        today = fetching.today
        if fetching.since or not mark:
            answer = api.send(Request(f"kirjausavain/{fetching.since or today}"))
            key = number_of(page_of(answer.body, ("muutokset",)).envelope.get(KEY))
        else:
            key = number_of(mark["key"])
        if len(delivered):
            yield Part(
                dataset="muutokset",
                requests=self._asking("muutokset", delivered, {KEY: key}),
                paging=Cursor((KEY,), KEY, until=("ajanTasalla",), number=True),
                records_at=("muutokset",),
                first=today,
                last=today,
                mark=lambda received: {"key": str(_reached(received))},
                around=lambda received: {KEY: _reached(received), "ajanTasalla": True},
                even_empty=True,
            )
        if len(others):
            yield Part(
                dataset="perustiedot",
                requests=self._asking("perustiedot", others, {}),
                paging=Single(),
                records_at=("perustiedot",),
                first=today,
                last=today,
                mark=lambda _: None if len(delivered) else {"key": str(key)},
                around=lambda _: {"ajanTasalla": True},
            )

    def _asking(
        self, path: str, codes: pa.Array, fields: Mapping[str, object]
    ) -> Iterator[Request]:
        for first in range(0, len(codes), self.batch):
            people = codes.slice(first, self.batch).to_pylist()
            yield Request(path, {**fields, "hetulista": people}, "json")


def _reached(received: Received) -> int:
    """Return the key up to which the changes of everybody have been received."""
    return min(number_of(envelope.get(KEY)) for envelope in received.envelopes)
