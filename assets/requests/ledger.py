"""The ledger of registrants' requests, kept outside Dagster: one file each under `requests/`, by opaque id.

    requests/<id>.json   what happened to it, and nothing that tells whose it is; while it is open also `sealed`:
                         what identifies the registrant, under a key of its own (`assets.requests.encrypted_identity`)

Closing destroys the key and writes the file without `sealed`. Nothing but the id, codes and days ever leaves this folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any, Literal

from assets.requests import encrypted_identity
from assets.requests.deadlines import due_on
from assets.storage.atomic_files import write_all
from assets.storage.data_root import Home
from assets.storage.safe_errors import PlainError
from schemas.requests import EVENTS, SPOKEN_RIGHTS

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# `unclear`: a person must say whom it means. `applying`: delivered to the register, not yet in the marts. `in_force`: a
# restriction that holds. `weighing`: objected to, suspended until it is decided.
State = Literal["received", "unclear", "erasing", "applying", "in_force", "weighing", "closed"]
# What identifies people: only ever written sealed.
SEALED = (
    "given", "resolved", "own", "left_out", "registrants", "candidates", "choices", "situation", "values", "withheld",
    "near",
)  # fmt: skip


class RequestError(PlainError):
    """The request cannot be taken or carried out; says why, without the identifiers."""


NOT_THEIRS = "not_theirs:"
"""Before the identifier in a choice that it is not the registrant's."""


@dataclass(frozen=True)
class Request:
    """One request. The fields named in `SEALED` identify the registrant; all others are counts, codes, days and moments.

    `withheld`: what is decided of items that an access package withholds, by item; sealed, because with the lake an item leads to a record.
    `given` and `resolved` are identifiers as `<type>:<value>`, `registrants` the ids found or chosen, `candidates` what was found that is
    not certain. `own` are accounts (`<type>:<value>`) that records of others name, too: the
    account's own records are the registrant's. `left_out` are identifiers, given or found, that are
    (also) somebody else's: nothing is erased or suppressed by them. `choices` is what somebody
    decided before an erasure: `pair:<id>`, `bystanders`, `not_theirs:<identifier>`. `near`: records that may be the
    registrant's, by reference, and what was decided of each. `removed` counts rows per layer.
    `delivered` are keyed hashes of what was delivered to the register for it
    (`deliveries.keyed_hash`; older ones are SHA-256).
    `without_key`: what is sealed cannot be read here, because the key was not brought along.
    """

    request_id: str
    right: str
    channel: str
    received_at: str
    state: State = "received"
    given: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    choices: dict[str, str] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    closed_at: str | None = None
    why: str = ""
    registrants: tuple[str, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    situation: str = ""
    values: dict[str, str] = field(default_factory=dict)
    withheld: dict[str, dict[str, str]] = field(default_factory=dict)
    near: tuple[dict[str, Any], ...] = ()
    purpose: str = ""
    by: str = "all"
    verification: dict[str, str] = field(default_factory=dict)
    code: dict[str, str | int] = field(default_factory=dict)
    extension: dict[str, str] = field(default_factory=dict)
    decisions: dict[str, dict[str, str]] = field(default_factory=dict)
    outcome: str = ""
    delivered: tuple[str, ...] = ()
    intake: str = ""
    events: tuple[dict[str, str], ...] = ()
    without_key: bool = False

    def due_on(self, home: Home) -> date:
        """The day by which it must be answered (GDPR 12(3))."""
        return due_on(home.policy, self.received_on(home), extended=bool(self.extension))

    def received_on(self, home: Home) -> date:
        """The day of receipt, in the policy's time zone."""
        return datetime.fromisoformat(self.received_at).astimezone(home.policy.zone).date()

    @property
    def not_theirs(self) -> tuple[str, ...]:
        """The identifiers of which somebody decided that they are not the registrant's."""
        return tuple(
            sorted(
                name.removeprefix(NOT_THEIRS)
                for name in self.choices
                if name.startswith(NOT_THEIRS)
            )
        )

    @property
    def pairs_left(self) -> tuple[str, ...]:
        """The pairs of records of which somebody decided that one half is erased without the other."""
        return tuple(sorted(name for name, choice in self.choices.items() if choice == "left"))

    def decided_before(self) -> list[dict[str, str | int]]:
        """What a certificate says was left, or decided by a person, before the erasure: codes and
        counts.
        """
        counts = {
            "REQ-PAIRS-LEFT": len(self.pairs_left),
            "REQ-LEFT-OUT": len({*self.left_out, *self.own}),
            "REQ-BYSTANDERS": int(self.choices.get("bystanders") == "erase"),
        }
        return [
            {"code": code, "where": "request", "count": count}
            for code, count in counts.items()
            if count
        ]

    @property
    def answered(self) -> bool:
        """Whether nothing is owed to the registrant any more: closed, or a restriction that holds."""
        return self.state in ("closed", "in_force")


_TUPLES = {one.name for one in fields(Request) if str(one.type).startswith("tuple")}


def new_id(now: datetime) -> str:
    """An opaque id that sorts by time and tells nothing else: Q, the milliseconds, and 40 random bits, in base 32."""
    number = (int(now.timestamp() * 1000) << 40) | secrets.randbits(40)
    return "Q" + "".join(ALPHABET[(number >> shift) & 31] for shift in range(85, -1, -5))


@contextmanager
def changing(home: Home) -> Iterator[None]:
    """Hold the ledger while a request is read and written again, so that a command and a sensor do not undo each other's change."""
    home.requests.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home.requests / "ledger.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def with_event(request: Request, what: str, now: datetime, told: str = "") -> Request:
    """The request with one more entry in its history; `told` is a code, a count or a day, never a value."""
    if what not in EVENTS:
        raise ValueError(what)
    entry = {
        "at": now.isoformat(timespec="seconds"),
        "what": what,
        **({"told": told} if told else {}),
    }
    return replace(request, events=(*request.events, entry))


def note(home: Home, request_id: str, what: str, now: datetime, told: str = "") -> None:
    """Add to the history of an open request what has been done for it."""
    with changing(home):
        save(home, with_event(load(home, request_id), what, now, told))


def save(home: Home, *requests: Request) -> None:
    """Write requests, durably; what identifies their registrants is sealed first. Raises RequestError when a key is missing."""
    if any(one.without_key and one.state != "closed" for one in requests):
        raise RequestError(
            "the key of an open request is not in secrets/request-keys: bring it back, or close the request with `register request refuse`"
        )
    hidden = {
        one.request_id: {name: value for name in SEALED if (value := getattr(one, name))}
        for one in requests
        if one.state != "closed"
    }
    locked = encrypted_identity.seal(
        home, {name: content for name, content in hidden.items() if content}
    )
    write_all(
        {
            home.requests / f"{one.request_id}.json": _written(one, locked.get(one.request_id, ""))
            for one in requests
        }
    )


def _written(request: Request, locked: str) -> bytes:
    told: dict[str, object] = {
        name: value
        for name, value in asdict(request).items()
        if name not in (*SEALED, "without_key")
    }
    # A reader of the file sees that a closed request says nothing of its registrant.
    closed: dict[str, object] = {"given": [], "resolved": []}
    told |= closed if request.state == "closed" else {"sealed": locked}
    return json.dumps(told, sort_keys=True).encode()


def load(home: Home, request_id: str) -> Request:
    """Read one request; raises RequestError when there is none of that id."""
    path = home.requests / f"{request_id}.json"
    if not (request_id.isalnum() and path.exists()):
        raise RequestError("there is no request of that id; `register request list` shows them")
    return _read(home, path.read_bytes(), opened=True)


def _read(home: Home, content: bytes, *, opened: bool) -> Request:
    found = json.loads(content)
    locked = found.pop("sealed", "")
    hidden = (
        encrypted_identity.unseal(home, found["request_id"], locked) if locked and opened else {}
    )
    found = {
        name: tuple(value) if name in _TUPLES else value
        for name, value in {**found, **(hidden or {})}.items()
    }
    return Request(**found, without_key=hidden is None)


def every(home: Home, *, opened: bool = True) -> list[Request]:
    """All requests, oldest first; unless `opened`, without what identifies the registrants."""
    return [
        _read(home, path.read_bytes(), opened=opened)
        for path in sorted(home.requests.glob("Q*.json"))
    ]


def pending(home: Home) -> list[str]:
    """Ids of erasure requests that wait to be carried out, or are being."""
    return [
        one.request_id
        for one in every(home, opened=False)
        if one.right == "erasure" and one.state in ("received", "erasing")
    ]


def closed_ids(home: Home) -> set[str]:
    """Ids of the requests that are closed."""
    return {one.request_id for one in every(home, opened=False) if one.state == "closed"}


def closed_on(home: Home) -> list[date]:
    """The days on which requests were closed that are still on file."""
    return [
        datetime.fromisoformat(one.closed_at).date()
        for one in every(home, opened=False)
        if one.state == "closed" and one.closed_at
    ]


def closed_before(home: Home, day: date) -> list[str]:
    """Ids of the requests that were closed on `day` or before."""
    return [
        one.request_id
        for one in every(home, opened=False)
        if one.state == "closed"
        and one.closed_at
        and datetime.fromisoformat(one.closed_at).date() <= day
    ]


def receive(
    home: Home,
    right: str,
    channel: str,
    given: list[str],
    now: datetime,
    *,
    received: date | None = None,
    purpose: str = "",
    by: str = "all",
    situation: str = "",
    values: dict[str, str] | None = None,
    intake: str = "",
) -> str:
    """Record a request and answer its id. `received` is the day on which it reached us, today unless it is said.

    Raises RequestError without an identifier: nobody could be found by it; and for a day that is to come.
    """
    if not given:
        raise RequestError(
            "give at least one identifier, such as --identity-code or --customer-number"
        )
    if right in ("objection", "withdrawal") and not purpose:
        purpose = "direct_marketing"
    local = now.astimezone(home.policy.zone)
    if received and received > local.date():
        raise RequestError(
            "the day of receipt is to come; give the day on which the request reached you"
        )
    at = (
        now
        if received in (None, local.date())
        else local.replace(
            year=received.year, month=received.month, day=received.day, hour=12, minute=0, second=0
        )
    )
    request = Request(
        new_id(now),
        right,
        channel,
        at.isoformat(timespec="seconds"),
        given=tuple(sorted(given)),
        purpose=purpose if right in SPOKEN_RIGHTS else "",
        by=by,
        situation=situation,
        values=values or {},
        intake=intake,
    )
    save(home, with_event(request, "received", now, channel))
    return request.request_id


def close(
    home: Home, request: Request, now: datetime, outcome: str = "granted", why: str = ""
) -> None:
    """Close a request that has been answered, and destroy what identified the registrant."""
    close_all(home, [replace(request, outcome=outcome, why=why)], now)


def close_all(home: Home, requests: Iterable[Request], now: datetime) -> None:
    """Close requests together: the files without what was sealed first, then the keys, so that a kill leaves nothing half open."""
    nothing: dict[str, Any] = {"situation": "", "values": {}, "withheld": {}, "choices": {}}
    emptied = {name: nothing.get(name, ()) for name in SEALED}
    done = []
    for one in requests:
        bare = replace(
            one,
            state="closed",
            closed_at=now.isoformat(timespec="seconds"),
            code={},
            intake="",
            outcome=one.outcome or "granted",
            **emptied,
        )
        done.append(with_event(bare, "closed", now, bare.outcome))
    save(home, *done)
    encrypted_identity.destroy(home, [one.request_id for one in done])


def destroy_leftover_keys(home: Home) -> int:
    """Destroy the keys of closed requests that a kill left; answers how many."""
    left = [
        one.request_id
        for one in every(home, opened=False)
        if one.state == "closed" and encrypted_identity.key_path(home, one.request_id).exists()
    ]
    encrypted_identity.destroy(home, left)
    return len(left)
