"""The requests of registrants, kept outside Dagster: one file each under `requests/`, by opaque id.

While a request is open its file holds the identifiers that the registrant gave, and then all that the register knows
them by; both are destroyed when the request is closed. Nothing but the id ever leaves this folder.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from assets.failing import PlainError
from assets.home import Home, writing

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# `unclear`: what was given does not tell whom it means; a person must ask back and record a new request.
State = Literal["received", "erasing", "unclear", "closed"]


class RequestError(PlainError):
    """The request cannot be taken or carried out; says why, without the identifiers."""


@dataclass(frozen=True)
class Request:
    """One request. `given` and `resolved` are identifiers as `<type>:<value>`; `removed` counts rows per layer."""

    request_id: str
    right: str
    channel: str
    received_at: str
    state: State = "received"
    given: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    removed: dict[str, int] = field(default_factory=dict)
    closed_at: str | None = None
    why: str = ""


def new_id(now: datetime) -> str:
    """An opaque id that sorts by time and tells nothing else: Q, the milliseconds, and 40 random bits, in base 32."""
    number = (int(now.timestamp() * 1000) << 40) | secrets.randbits(40)
    return "Q" + "".join(ALPHABET[(number >> shift) & 31] for shift in range(85, -1, -5))


def save(home: Home, request: Request) -> None:
    """Write a request, durably."""
    with writing(home.requests / f"{request.request_id}.json") as unfinished:
        unfinished.write_text(json.dumps(asdict(request), sort_keys=True))


def load(home: Home, request_id: str) -> Request:
    """Read one request; raises RequestError when there is none of that id."""
    path = home.requests / f"{request_id}.json"
    if not (request_id.isalnum() and path.exists()):
        raise RequestError("there is no request of that id; `register request list` shows them")
    found = json.loads(path.read_text())
    return Request(**{**found, "given": tuple(found["given"]), "resolved": tuple(found["resolved"])})


def every(home: Home) -> list[Request]:
    """All requests, oldest first."""
    return [load(home, path.stem) for path in sorted(home.requests.glob("Q*.json"))]


def pending(home: Home) -> list[str]:
    """Ids of erasure requests that wait to be carried out, or are being."""
    return [request.request_id for request in every(home) if request.right == "erasure" and request.state in ("received", "erasing")]


def closed_on(home: Home) -> list[date]:
    """The days on which requests were closed that are still on file."""
    return [datetime.fromisoformat(one.closed_at).date() for one in every(home) if one.state == "closed" and one.closed_at]


def closed_before(home: Home, day: date) -> list[str]:
    """Ids of the requests that were closed on `day` or before."""
    return [one.request_id for one in every(home) if one.state == "closed" and one.closed_at and datetime.fromisoformat(one.closed_at).date() <= day]


def receive(home: Home, right: str, channel: str, given: list[str], now: datetime) -> str:
    """Record a request and answer its id. Raises RequestError without an identifier: nobody could be found by it."""
    if not given:
        raise RequestError("give at least one identifier, such as --identity-code or --customer-number")
    request = Request(new_id(now), right, channel, now.isoformat(timespec="seconds"), given=tuple(sorted(given)))
    save(home, request)
    return request.request_id


def close(home: Home, request: Request, now: datetime) -> None:
    """Close a request that has been carried out, and destroy what identified the registrant."""
    save(home, replace(request, state="closed", given=(), resolved=(), closed_at=now.isoformat(timespec="seconds")))
