"""A client of one vendor's HTTP API that trusts it in nothing.

It goes to one host only, bounds every answer in bytes and time, waits as the server asks, and
repeats what may succeed later. The message of `FetchError` has nothing that was sent or received:
it may be a secret, or a person's.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx
import tenacity

from assets.storage.safe_errors import PlainError
from schemas.fetching import CODES

LARGEST_ANSWER = 32 << 20
LONGEST_ANSWER = 300.0
"""Seconds from the request to the last byte of the answer."""
ATTEMPTS = 6
LONGEST_WAIT = 900.0
"""Seconds that all pauses before the attempts of one request may have together."""
TIMEOUT = 30.0
REDIRECTS = 3
_DIRECT, _LATER = (301, 302, 303, 307, 308), (408, 425, 429, 500, 502, 503, 504)
_LIMITED = 429


class FetchError(PlainError):
    """Why something could not be fetched; the message has a rule code and no data."""

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        super().__init__(f"{code}: {detail or CODES[code]}")


class TransientError(FetchError):
    """What may succeed when it is tried again.

    Attributes:
        delay: Seconds after which the server wants to be asked again; None if it did not say so.
    """

    def __init__(self, code: str, detail: str = "", delay: float | None = None) -> None:
        super().__init__(code, detail)
        self.delay = delay


@dataclass(frozen=True)
class Clock:
    """The time and waiting, which tests replace."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Request:
    """What is asked for: a path below the API's address, and fields."""

    path: str
    fields: Mapping[str, object] = field(default_factory=dict)
    sent_as: Literal["query", "form", "json"] = "query"

    def with_field(self, name: str, value: object) -> Request:
        """Return the request with another value of a field."""
        return replace(self, fields={**self.fields, name: value})


@dataclass(frozen=True)
class Answer:
    """What the server has sent.

    Attributes:
        sent_at: By the server's clock; None if it did not say so.
    """

    body: bytes
    sent_at: datetime | None


@dataclass
class Access:
    """What shows who asks: headers, fields of the request, and how headers are renewed.

    Attributes:
        renew: Returns new headers when the server no longer accepts those sent (401).
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    renew: Callable[[], Mapping[str, str]] | None = None


@dataclass
class WebApi:
    """One vendor's API.

    Attributes:
        url: The address that all paths are below.
        per_minute: How many requests a minute the vendor allows; 0: no limit is known.
        delay_headers: Headers in which the vendor says how long to wait -> seconds per unit.
        requests: How many requests were sent.
    """

    url: str
    access: Access
    clock: Clock
    per_minute: int = 0
    delay_headers: Mapping[str, float] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    requests: int = 0
    _last: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("httpx", "httpcore"):
            # They log addresses with their queries.
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = httpx.Client(
            headers={"Accept": "application/json"},
            timeout=TIMEOUT,
            follow_redirects=False,
            verify=self.tls or True,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, request: Request) -> Answer:
        """Return the answer to a request.

        Raises:
            FetchError: There is none, or it is not one of success.
        """
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            wait=_pause,
            stop=_Exhausted(),
            sleep=self.clock.sleep,
            reraise=True,
        )
        return attempts(self._once, request)

    def _once(self, request: Request) -> Answer:
        """Send a request; once more with new headers if those sent have expired."""
        try:
            return self._follow(request)
        except FetchError as error:
            if error.code != "FETCH-DENIED" or self.access.renew is None:
                raise
        self.access.headers = self.access.renew()
        return self._follow(request)

    def _follow(self, request: Request) -> Answer:
        url = below(self.url, request.path)
        for _ in range(REDIRECTS + 1):
            answer = self._exchange(url, request)
            if isinstance(answer, Answer):
                return answer
            url = self._redirected(url, answer, request)
        raise FetchError("FETCH-REDIRECT", "the server redirects without end")

    def _redirected(self, url: httpx.URL, location: str, request: Request) -> httpx.URL:
        try:
            target = url.join(location)
        except httpx.InvalidURL:
            raise FetchError("FETCH-REDIRECT") from None
        if _origin(target) != _origin(url) or request.sent_as != "query":
            raise FetchError("FETCH-REDIRECT")
        return target

    def _exchange(self, url: httpx.URL, request: Request) -> Answer | str:
        """Return the answer, or the location to which the server redirects."""
        self._keep_pace()
        with (
            _failures_named(),
            self._client.stream(
                "GET" if request.sent_as == "query" else "POST",
                url,
                headers=self.access.headers,
                **self._sent(request),
            ) as response,
        ):
            self._check(response)
            if response.status_code in _DIRECT:
                return response.headers.get("location", "")
            return Answer(_read(response), _date(response))

    def _sent(self, request: Request) -> dict[str, Any]:
        fields = {**request.fields, **self.access.fields}
        if request.sent_as == "query":
            return {"params": fields} if fields else {}
        return {"data" if request.sent_as == "form" else "json": fields}

    def _keep_pace(self) -> None:
        now = self.clock.now()
        if self.per_minute and self._last is not None:
            early = 60 / self.per_minute - (now - self._last).total_seconds()
            if early > 0:
                self.clock.sleep(early)
        self._last = self.clock.now()
        self.requests += 1

    def _check(self, response: httpx.Response) -> None:
        """Raise what an answer that is neither success nor redirection means."""
        status = response.status_code
        if status in (401, 403):
            raise FetchError("FETCH-DENIED", f"{CODES['FETCH-DENIED']} ({status})")
        if status in _LATER or status > 504:
            code = "FETCH-LIMIT" if status == _LIMITED else "FETCH-SERVER"
            raise TransientError(code, f"{CODES[code]} ({status})", self._delay(response))
        if not (200 <= status < 300 or status in _DIRECT):
            raise FetchError("FETCH-REQUEST", f"{CODES['FETCH-REQUEST']} ({status})")

    def _delay(self, response: httpx.Response) -> float | None:
        """Return how long the server wants to be left alone, in seconds."""
        given = response.headers.get("retry-after", "")
        if given.isdecimal():
            return float(given)
        if (moment := _moment(given)) is not None:
            # By the server's own clock, which may not be ours.
            return max(0.0, (moment - (_date(response) or self.clock.now())).total_seconds())
        for name, seconds in self.delay_headers.items():
            if (value := response.headers.get(name, "")).isdecimal():
                return float(value) * seconds
        return None


def below(url: str, path: str) -> httpx.URL:
    """Return the address of a path below an API's address, or of one that begins with `/` there.

    Raises:
        FetchError: It is on another host.
    """
    base = httpx.URL(url.rstrip("/") + "/")
    try:
        target = base.join(path)
    except httpx.InvalidURL:
        raise FetchError("FETCH-REDIRECT") from None
    if _origin(target) != _origin(base):
        raise FetchError("FETCH-REDIRECT")
    return target


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


@contextmanager
def _failures_named() -> Iterator[None]:
    """Raise the client's errors as ours: their messages have addresses."""
    try:
        yield
    except httpx.ConnectError:
        raise TransientError("FETCH-UNREACHABLE") from None
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError):
        raise TransientError("FETCH-CUT") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
        raise TransientError("FETCH-UNREACHABLE") from None


def _read(response: httpx.Response) -> bytes:
    """Return the body, which neither its length nor its slowness makes endless."""
    parts, size = [], 0
    end = time.monotonic() + LONGEST_ANSWER
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise FetchError("FETCH-TOO-LARGE")
        if time.monotonic() > end:
            raise TransientError("FETCH-UNREACHABLE", "the server's answer takes too long")
    return b"".join(parts)


def _date(response: httpx.Response) -> datetime | None:
    return _moment(response.headers.get("date", ""))


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _pause(attempt: tenacity.RetryCallState) -> float:
    """Return the seconds before the next attempt: as the server asks, or 1, 2, 4 ..."""
    error = attempt.outcome.exception() if attempt.outcome else None
    if isinstance(error, TransientError) and error.delay is not None:
        return error.delay
    return float(2 ** (attempt.attempt_number - 1))


class _Exhausted(tenacity.stop.stop_base):
    """No further attempt: there were enough, or the pauses would become too long."""

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        waited = retry_state.idle_for + retry_state.upcoming_sleep
        return retry_state.attempt_number >= ATTEMPTS or waited > LONGEST_WAIT
