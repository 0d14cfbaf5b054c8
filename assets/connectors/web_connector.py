"""Fetching from an API: each part becomes one delivery, and then moves the watermark.

A part is written to a file page by page, so memory stays flat. After a kill at any moment the next
fetch begins at the watermark again: what was delivered comes once more, as the same bytes or as
duplicates that staging leaves out.
"""

from __future__ import annotations

import json
import ssl
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import IO, Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator

from assets.connectors.connector import Connector, Fetched, Fetching
from assets.connectors.paging import MOST_PAGES, Page, Paging, pages
from assets.connectors.watermarks import Mark
from assets.connectors.web_api import Access, FetchError, Request, WebApi
from assets.ingest import delivering
from assets.ingest.delivering import State
from assets.sources.formats import JsonArray, JsonLines
from assets.sources.source import Dataset
from schemas.delivery import RefusedDeliveryError

LARGEST_DELIVERY = 64 << 30
"""Bytes."""
_LOCAL = ("127.0.0.1", "localhost", "::1")


def _safe_url(url: str) -> str:
    """Accept addresses to which secrets may be sent: encrypted, or on this machine."""
    import httpx

    parsed = httpx.URL(url)
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise ValueError
    if not parsed.host or (
        parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.host in _LOCAL)
    ):
        raise ValueError
    return url


Url = Annotated[str, AfterValidator(_safe_url)]


@dataclass
class Received:
    """What was received of a part.

    Attributes:
        envelopes: What was around the records of the last page of each request.
        began: When the first answer was sent, by the server's clock or ours, whichever is earlier.
    """

    began: datetime
    records: int = 0
    envelopes: list[Mapping[str, object]] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """What one delivery is fetched from.

    Attributes:
        requests: Each is answered by pages, which follow each other as `paging` says.
        records_at: Where the array of records is in an answer; empty where it is the answer.
        mark: Returns the watermark once the delivery is durable; None leaves it where it is.
        around: Returns what is around the records in the file, where the dataset has an array key.
        keep: Returns which records of a page are delivered: those that have changed, for example.
        even_empty: Deliver the news that there is none.
    """

    dataset: str
    requests: Iterable[Request]
    paging: Paging
    records_at: tuple[str, ...]
    first: date
    last: date
    mark: Callable[[Received], Mark | None]
    around: Callable[[Received], Mapping[str, object]] = lambda _: {}
    keep: Callable[[pa.Array], pa.Array] = lambda records: records
    even_empty: bool = False


Parts = Generator[Part, Received, None]


class WebConnector(Connector):
    """A connector of an HTTP API.

    Attributes:
        url: The API's address; `https`, unless it is on this machine.
        ca: A file with the certificate of the server's own authority.
    """

    errors: ClassVar[Mapping[str, str]] = {}
    """What an error's message may contain, in small letters -> rule code."""
    per_minute: ClassVar[int] = 0
    delay_headers: ClassVar[Mapping[str, float]] = {}
    most_pages: ClassVar[int] = MOST_PAGES

    url: Url
    ca: Path | None = None

    @abstractmethod
    def access(self, fetching: Fetching) -> Access:
        """Return what shows the server who asks."""

    @abstractmethod
    def parts(self, mark: Mark, fetching: Fetching, api: WebApi) -> Parts:
        """Yield what is to be fetched from the watermark on; is sent what was received of it."""

    def fetch(self, name: str, fetching: Fetching) -> Fetched:
        done = Fetched()
        with closing(self.api(self.access(fetching), fetching)) as api:
            parts = self.parts(fetching.mark(name), fetching, api)
            try:
                part = next(parts)
                while True:
                    received = self._deliver(part, fetching, api, done)
                    if (mark := part.mark(received)) is not None:
                        fetching.advance(name, mark)
                    part = parts.send(received)
            except StopIteration:
                pass
            done.requests = api.requests
        return done

    def api(self, access: Access, fetching: Fetching) -> WebApi:
        """Return the client."""
        return WebApi(
            url=self.url,
            access=access,
            clock=fetching.clock,
            per_minute=self.per_minute,
            delay_headers=self.delay_headers,
            tls=self._tls(),
        )

    def _tls(self) -> ssl.SSLContext | None:
        if self.ca is None:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca)
        except OSError:
            raise FetchError("FETCH-SECRET", "the file of `ca` is no certificate") from None

    def _deliver(self, part: Part, fetching: Fetching, api: WebApi, done: Fetched) -> Received:
        """Fetch a part into the inbox, durably, and count it."""
        data_root = fetching.data_root
        received = Received(fetching.clock.now())
        dataset = self.source.dataset(part.dataset)
        if dataset is None:
            raise FetchError("FETCH-CONFIGURATION", "the source has no such dataset")
        try:
            with delivering.unfinished(data_root, self.origin) as content:
                with content.open("wb") as file:
                    self._write(file, dataset, part, api, received)
                if received.records or part.even_empty:
                    manifest = delivering.describe(
                        content,
                        dataset=part.dataset,
                        encoding="utf-8",
                        first=part.first,
                        last=part.last,
                        purpose=self.purpose_in_force,
                        purposes=data_root.policy.purposes,
                        records=received.records,
                    )
                    day = str(fetching.today)
                    before = delivering.place(data_root, self.origin, day, content, manifest)
                    done.deliveries += before is State.NEW
                    done.redelivered += before is not State.NEW
        except RefusedDeliveryError as refusal:
            raise FetchError("FETCH-CONFIGURATION", str(refusal)) from None
        done.records += received.records
        return received

    def _write(
        self, file: IO[bytes], dataset: Dataset, part: Part, api: WebApi, received: Received
    ) -> None:
        """Write the records of all pages in the dataset's format."""
        lines = isinstance(dataset.format, JsonLines)
        keys = dataset.format.keys if isinstance(dataset.format, JsonArray) else ()
        if not lines:
            file.write("".join([*(f'{{"{key}":' for key in keys), "["]).encode())
        for page in self._pages(part, api, received):
            records = part.keep(page.records)
            if not len(records):
                continue
            if received.records:
                file.write(b"\n" if lines else b",\n")
            file.write(_joined(records, lines=lines))
            received.records += len(records)
            if file.tell() > LARGEST_DELIVERY:
                raise FetchError("FETCH-ENDLESS")
        if not lines:
            file.write(b"]")
        if keys:
            around = json.dumps(part.around(received))[1:]
            file.write(b"}" * (len(keys) - 1) + (f",{around}" if around != "}" else "}").encode())

    def _pages(self, part: Part, api: WebApi, received: Received) -> Iterable[Page]:
        for request in part.requests:
            page = None
            for page in pages(
                api, request, part.records_at, part.paging, self.errors, self.most_pages
            ):
                if page.sent_at is not None:
                    received.began = min(received.began, page.sent_at)
                yield page
            if page is not None:
                received.envelopes.append(page.envelope)


def _joined(records: pa.Array, *, lines: bool) -> bytes:
    """Return the records' texts, a comma between them, or each on a line of its own."""
    if lines:
        # A line end within a JSON text is white space.
        records = pc.replace_substring_regex(records, r"[\r\n]+", " ")
    whole = pa.ListArray.from_arrays(pa.array([0, len(records)], pa.int32()), records)
    text: str = pc.binary_join(whole, "\n" if lines else ",\n")[0].as_py()
    return text.encode()
