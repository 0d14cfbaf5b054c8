"""How pages follow each other, as declarations, and the loop that asks for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from assets.connectors.web_api import FetchError, Request, WebApi
from assets.ingest.file_formats.json_array import ElementSplitter
from schemas.delivery import RefusedDeliveryError

MOST_PAGES = 1_000_000
_ERRORS = (("result", "error"), ("status", "error"), ("success", False))
"""Members by which vendors mark a body as an error, whatever its HTTP status."""


@dataclass(frozen=True)
class Page:
    """One answer, cut apart.

    Attributes:
        records: The text of each record, as it was sent; None where there is no array of records.
        envelope: What is around the records.
        sent_at: When it was sent, by the server's clock.
    """

    records: pa.Array | None
    envelope: Mapping[str, object]
    sent_at: datetime | None

    @property
    def count(self) -> int:
        return 0 if self.records is None else len(self.records)


class Paging(Protocol):
    """How to ask for the next page."""

    def following(self, request: Request, page: Page) -> Request | None:
        """Return the request for the page after `page`, which `request` has asked for."""


@dataclass(frozen=True)
class Single:
    """An answer is complete."""

    def following(self, request: Request, page: Page) -> Request | None:
        return None


@dataclass(frozen=True)
class Offset:
    """The request says how many records to leave out; the page after the last one is empty.

    A short page is not the last one: a server may send fewer records than it was asked for.
    """

    field: str

    def following(self, request: Request, page: Page) -> Request | None:
        if not page.count:
            return None
        before = int(str(request.fields.get(self.field, 0)))
        return request.with_field(self.field, before + page.count)


@dataclass(frozen=True)
class Cursor:
    """An answer says what the next request must name.

    Attributes:
        found_at: Where in the envelope the cursor is.
        field: The request's field for it; empty if it is the next request's path.
        until: Where in the envelope it says that the last page is reached; empty if that is where
            there is no cursor.
        number: It is a number that never decreases, though it may be sent as text.
    """

    found_at: tuple[str, ...]
    field: str = ""
    until: tuple[str, ...] = ()
    number: bool = False

    def following(self, request: Request, page: Page) -> Request | None:
        cursor = within(page.envelope, self.found_at)
        if self.until and within(page.envelope, self.until) is True:
            return None
        if cursor is None or cursor == "":
            if self.until:
                raise FetchError("FETCH-ERROR-BODY", "an answer that is not the last has no cursor")
            return None
        if not self.field:
            return Request(str(cursor))
        if self.number:
            cursor = number_of(cursor)
            if cursor <= number_of(request.fields.get(self.field)):
                raise FetchError("FETCH-REPEATED")
        return request.with_field(self.field, cursor)


def number_of(value: object) -> int:
    """Return a whole number that may have been sent as text.

    Raises:
        FetchError: It is none.
    """
    text = str(value)
    if not text.isdecimal() or len(text) > 18:
        raise FetchError("FETCH-ERROR-BODY", "the answer has no key from which to go on")
    return int(text)


def within(envelope: object, path: Sequence[str]) -> object:
    """Return the member of nested objects at a path; None where there is none."""
    for name in path:
        envelope = envelope.get(name) if isinstance(envelope, Mapping) else None
    return envelope


def page_of(body: bytes, keys: tuple[str, ...], sent_at: datetime | None = None) -> Page:
    """Return a body cut apart at the array of records under `keys`; it is the array without them.

    Raises:
        FetchError: It is not JSON in UTF-8.
    """
    text = body.removeprefix(b"\xef\xbb\xbf")
    try:
        text.decode()
        if not keys and not text.lstrip().startswith(b"["):
            return Page(None, _object(text), sent_at)
        splitter = ElementSplitter(keys)
        records = pa.concat_arrays([splitter.feed(text), splitter.finish()])
        return Page(records, splitter.envelope(), sent_at)
    except UnicodeDecodeError:
        raise FetchError("FETCH-NOT-JSON") from None
    except RefusedDeliveryError:
        envelope = _object(text)
        if within(envelope, keys) is not None:
            raise FetchError("FETCH-NOT-JSON") from None
        # No records are null in some APIs; where there is no such member, it is an error's body.
        around = within(envelope, keys[:-1])
        is_null = isinstance(around, Mapping) and keys[-1] in around
        nothing = pa.array([], pa.string()) if is_null else None
        return Page(nothing, envelope, sent_at)


def _object(text: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise FetchError("FETCH-NOT-JSON") from None
    if not isinstance(value, dict):
        raise FetchError("FETCH-NOT-JSON")
    return value


def pages(
    api: WebApi,
    request: Request,
    keys: tuple[str, ...],
    paging: Paging,
    errors: Mapping[str, str],
    most: int = MOST_PAGES,
) -> Iterator[Page]:
    """Yield the pages of an answer, each with an array of records, however short.

    Args:
        keys: Where the array of records is; empty where the body is the array.
        errors: What an error's message may contain, in small letters -> its rule code.
        most: How many pages there may be.

    Raises:
        FetchError: The server reports an error, repeats itself, or finds no end.
    """
    asked: set[bytes] = set()
    received: set[bytes] = set()
    following: Request | None = request
    while following is not None:
        request = following
        answer = api.send(request)
        page = page_of(answer.body, keys, answer.sent_at)
        _check_no_error(page, errors)
        sent = _digest(page.records.to_pylist() if page.records is not None else [])
        if page.count and sent in received:
            raise FetchError("FETCH-REPEATED")
        received.add(sent)
        yield page
        asked.add(_digest([request.path, *map(str, request.fields.items())]))
        following = paging.following(request, page)
        if following is not None:
            if _digest([following.path, *map(str, following.fields.items())]) in asked:
                raise FetchError("FETCH-REPEATED")
            if len(asked) >= most:
                raise FetchError("FETCH-ENDLESS")


def _check_no_error(page: Page, errors: Mapping[str, str]) -> None:
    marked = any(page.envelope.get(name) == value for name, value in _ERRORS)
    if page.records is not None and not marked:
        return
    message = str(page.envelope.get("message", "")).lower()
    raise FetchError(
        next((code for words, code in errors.items() if words in message), "FETCH-ERROR-BODY")
    )


def _digest(texts: Sequence[str]) -> bytes:
    return hashlib.md5("\0".join(texts).encode(), usedforsecurity=False).digest()
