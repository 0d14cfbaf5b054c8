"""The ledger of registrants' requests, stored outside Dagster: one file each, by opaque id.

    requests/<id>.json   its history, without anything that identifies the registrant; while it is
                         open also what identifies them, encrypted under a key of its own
                         (`assets.requests.encrypted_identity`)

Closing destroys the key and writes the file without the encrypted part. Only the id, codes and days
ever leave this folder.
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
from pathlib import Path
from typing import Any, Literal

from assets.requests import encrypted_identity
from assets.requests.deadlines import due_on
from assets.storage.actor import actor
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import DamagedFileError, write_all
from assets.storage.safe_errors import PlainError
from schemas.requests import EVENTS, PARTLY_REFUSED, REVIEWED_UNDER, RIGHTS_AS_CHOICES

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# `unclear`: a person must decide which registrant it means. `applying`: delivered to the register,
# not yet in the marts. `in_force`: a restriction that applies. `weighing`: an objection, with the
# use suspended until it is decided.
State = Literal["received", "unclear", "erasing", "applying", "in_force", "weighing", "closed"]
# The fields that identify people: only ever written encrypted.
ENCRYPTED = (
    "given",
    "resolved",
    "own",
    "left_out",
    "registrants",
    "candidates",
    "choices",
    "situation",
    "values",
    "withheld",
    "near",
)


class RequestError(PlainError):
    """The request cannot be recorded or carried out; its message has no identifiers."""


NOT_THEIRS = "not_theirs:"
"""Before the identifier in a choice that it is not the registrant's."""
UNVERIFIED = "unverified"
"""The choice on an erasure of which nobody verified who asked (`assets.erasure.safeguards`)."""
ACTIVE_CONTRACTS = "active_contracts"
"""The choice on an erasure of a registrant with active contracts."""


@dataclass(frozen=True)
class Request:
    """A request. The fields in `ENCRYPTED` identify the registrant; others are counts, codes,
    times.

    Attributes:
        given: Identifiers as received, each `<type>:<value>`.
        resolved: Identifiers of the registrants, each `<type>:<value>`.
        own: Accounts (`<type>:<value>`) that records of others name, too: the account's own records
            are the registrant's.
        left_out: Identifiers, given or resolved, that are (also) somebody else's: nothing is erased
            or suppressed by them.
        choices: Decisions before an erasure, by `pair:<id>`, `bystanders`, `unverified`,
            `active_contracts` or `not_theirs:<identifier>`.
        removed: Rows removed, by layer.
        registrants: Ids of the registrants, as matched or decided.
        candidates: Uncertain matches.
        withheld: Decisions on items that an access package withholds, by item; encrypted, because
            with the lake an item leads to a record.
        near: Records that may be the registrant's, by reference, with the decision on each.
        waits_for: Ids of the holds for which an erasure waits.
        review: Of a human review who reviewed (a role or staff number), when, and the outcome.
        delivered: Keyed hashes of what was delivered to the register for it
            (`deliveries.keyed_hash`; older ones are SHA-256).
        without_key: The encrypted fields cannot be read: the key is missing or damaged. What waits
            or has begun is `unclear` then.
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
    review: dict[str, str] = field(default_factory=dict)
    verification: dict[str, str] = field(default_factory=dict)
    code: dict[str, str | int] = field(default_factory=dict)
    extension: dict[str, str] = field(default_factory=dict)
    decisions: dict[str, dict[str, str]] = field(default_factory=dict)
    outcome: str = ""
    delivered: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    intake: str = ""
    events: tuple[dict[str, str], ...] = ()
    without_key: bool = False

    def due_on(self, data_root: DataRoot) -> date:
        """The day by which it must be answered (GDPR 12(3))."""
        return due_on(data_root.policy, self.received_on(data_root), extended=bool(self.extension))

    def received_on(self, data_root: DataRoot) -> date:
        """The day of receipt, in the policy's time zone."""
        return datetime.fromisoformat(self.received_at).astimezone(data_root.policy.zone).date()

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
        """The pairs of records of which one half is erased without the other, as decided."""
        return tuple(sorted(name for name, choice in self.choices.items() if choice == "left"))

    def decided_before(self) -> list[dict[str, str | int]]:
        """Return what was left, or decided by a person, before the erasure, for the certificate."""
        counts = {
            "REQ-PAIRS-LEFT": len(self.pairs_left),
            "REQ-LEFT-OUT": len({*self.left_out, *self.own}),
            "REQ-BYSTANDERS": int(self.choices.get("bystanders") == "erase"),
            "REQ-UNVERIFIED": int(
                not self.verification and self.choices.get(UNVERIFIED) == "erase"
            ),
            "REQ-ACTIVE-CONTRACTS": int(self.choices.get(ACTIVE_CONTRACTS) == "erase"),
        }
        return [
            {"code": code, "where": "request", "count": count}
            for code, count in counts.items()
            if count
        ]

    @property
    def identity(self) -> dict[str, str]:
        """How the identity of who asked was verified: the means, its level, and when; the means
        are `none` if somebody decided to go on without (`REQ-UNVERIFIED`).
        """
        return dict(self.verification) or {"means": "none"}

    @property
    def answered(self) -> bool:
        """Whether nothing is owed to the registrant any more: closed, or a restriction in force."""
        return self.state in ("closed", "in_force")


_TUPLES = {column.name for column in fields(Request) if str(column.type).startswith("tuple")}


def new_id(now: datetime) -> str:
    """Return an opaque id that sorts by time.

    Q, the milliseconds, and 40 random bits, in base 32; it discloses nothing else.
    """
    number = (int(now.timestamp() * 1000) << 40) | secrets.randbits(40)
    return "Q" + "".join(ALPHABET[(number >> shift) & 31] for shift in range(85, -1, -5))


@contextmanager
def changing(data_root: DataRoot) -> Iterator[None]:
    """Lock the ledger while a request is read and rewritten.

    So that a command and a sensor do not undo each other's change.
    """
    data_root.requests.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(data_root.requests / "ledger.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def with_event(request: Request, what: str, now: datetime, detail: str = "") -> Request:
    """Return the request with an event and its actor added; `detail` is a code, count or day, never
    a value.
    """
    if what not in EVENTS:
        raise ValueError(what)
    entry = {
        "at": now.isoformat(timespec="seconds"),
        "what": what,
        "by": actor(),
        **({"told": detail} if detail else {}),
    }
    return replace(request, events=(*request.events, entry))


def note(data_root: DataRoot, request_id: str, what: str, now: datetime, detail: str = "") -> None:
    """Add an event to the history of an open request."""
    with changing(data_root):
        save(data_root, with_event(load(data_root, request_id), what, now, detail))


def save(data_root: DataRoot, *requests: Request) -> None:
    """Write requests, durably, with what identifies their registrants encrypted.

    Raises:
        RequestError: The key of an open request is missing.
    """
    for request in requests:
        if request.without_key and request.state != "closed":
            raise RequestError(_without_key(request.request_id))
    hidden = {
        request.request_id: {name: value for name in ENCRYPTED if (value := getattr(request, name))}
        for request in requests
        if request.state != "closed"
    }
    locked = encrypted_identity.encrypt(
        data_root, {name: content for name, content in hidden.items() if content}
    )
    write_all(
        {
            data_root.requests / f"{request.request_id}.json": _written(
                request, locked.get(request.request_id, "")
            )
            for request in requests
        }
    )


def _without_key(request_id: str) -> str:
    return (
        f"request {request_id}: its key is not in secrets/request-keys, so nobody can tell who it "
        "is about; bring the key back, or close the request with `register request refuse`"
    )


def _written(request: Request, locked: str) -> bytes:
    plain: dict[str, object] = {
        name: value
        for name, value in asdict(request).items()
        if name not in (*ENCRYPTED, "without_key")
    }
    # Shows a reader of the file that a closed request does not identify its registrant.
    closed: dict[str, object] = {"given": [], "resolved": []}
    plain |= closed if request.state == "closed" else {"sealed": locked}
    return json.dumps(plain, sort_keys=True).encode()


def load(data_root: DataRoot, request_id: str) -> Request:
    """Return a request; raises RequestError when there is none with that id."""
    path = data_root.requests / f"{request_id}.json"
    if not (request_id.isalnum() and path.exists()):
        raise RequestError("there is no request of that id; `register request list` shows them")
    return _read(data_root, path, opened=True)


def _read(data_root: DataRoot, path: Path, *, opened: bool) -> Request:
    try:
        values = dict(json.loads(path.read_bytes()))
        Request(**{name: value for name, value in values.items() if name != "sealed"})
    except (ValueError, TypeError):
        raise DamagedFileError("FILE-CHANGED", path) from None
    locked = values.pop("sealed", "")
    hidden = (
        encrypted_identity.opened(data_root, values["request_id"], locked)
        if locked and opened
        else {}
    )
    if hidden is None and values["state"] in ("received", "unclear", "erasing"):
        values |= {"state": "unclear", "why": _without_key(values["request_id"])}
    values = {
        name: tuple(value) if name in _TUPLES else value
        for name, value in {**values, **(hidden or {})}.items()
    }
    return Request(**values, without_key=hidden is None)


def every(data_root: DataRoot, *, opened: bool = True) -> list[Request]:
    """Return all requests, oldest first; unless `opened`, without what identifies registrants."""
    return [
        _read(data_root, path, opened=opened) for path in sorted(data_root.requests.glob("Q*.json"))
    ]


def pending(data_root: DataRoot) -> list[str]:
    """Return the ids of erasure requests that are waiting to be carried out, or in progress."""
    return [
        request.request_id
        for request in every(data_root, opened=False)
        if request.right == "erasure" and request.state in ("received", "erasing")
    ]


def closed_ids(data_root: DataRoot) -> set[str]:
    """Return the ids of closed requests."""
    return {
        request.request_id
        for request in every(data_root, opened=False)
        if request.state == "closed"
    }


def closed_on(data_root: DataRoot) -> list[date]:
    """Return the closing days of the closed requests on file."""
    return [
        datetime.fromisoformat(request.closed_at).date()
        for request in every(data_root, opened=False)
        if request.state == "closed" and request.closed_at
    ]


def closed_before(data_root: DataRoot, day: date) -> list[str]:
    """Return the ids of requests that were closed on `day` or before."""
    return [
        request.request_id
        for request in every(data_root, opened=False)
        if request.state == "closed"
        and request.closed_at
        and datetime.fromisoformat(request.closed_at).date() <= day
    ]


def receive(
    data_root: DataRoot,
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
    """Record a request and return its id.

    Args:
        given: Identifiers, each `<type>:<value>`.
        received: The day on which the controller received it; None for today.

    Raises:
        RequestError: No identifier was given, or the day of receipt is in the future.
    """
    if not given:
        raise RequestError(
            "give at least one identifier, such as --identity-code or --customer-number"
        )
    if right in ("objection", "withdrawal") and not purpose:
        purpose = "direct_marketing"
    if right == "human_review":
        purpose = REVIEWED_UNDER
    local = now.astimezone(data_root.policy.zone)
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
        purpose=purpose if right in RIGHTS_AS_CHOICES else "",
        by=by,
        situation=situation,
        values=values or {},
        intake=intake,
    )
    save(data_root, with_event(request, "received", now, channel))
    return request.request_id


def outcome_of(request: Request) -> str:
    """Return the outcome of a request that was acted on: `partly_refused` when a category or an
    item was refused, or a statute retains part of what an erasure removes.
    """
    decisions = [*request.decisions.values(), *request.withheld.values()]
    refused = any(decision["decision"] in ("refused", "held") for decision in decisions)
    return PARTLY_REFUSED if refused else "granted"


def close(
    data_root: DataRoot, request: Request, now: datetime, outcome: str = "", why: str = ""
) -> None:
    """Close an answered request and destroy what identified the registrant. Without an outcome it
    follows from the decisions (`outcome_of`).
    """
    close_all(data_root, [replace(request, outcome=outcome, why=why)], now)


def close_all(data_root: DataRoot, requests: Iterable[Request], now: datetime) -> None:
    """Close several requests.

    The files are written without the encrypted fields before the keys are destroyed, so that a kill
    leaves no request half closed.
    """
    nothing: dict[str, Any] = {"situation": "", "values": {}, "withheld": {}, "choices": {}}
    emptied = {name: nothing.get(name, ()) for name in ENCRYPTED}
    closed = []
    for request in requests:
        bare = replace(
            request,
            state="closed",
            closed_at=now.isoformat(timespec="seconds"),
            code={},
            intake="",
            outcome=request.outcome or outcome_of(request),
            **emptied,
        )
        closed.append(with_event(bare, "closed", now, bare.outcome))
    save(data_root, *closed)
    encrypted_identity.destroy(data_root, [request.request_id for request in closed])


def destroy_leftover_keys(data_root: DataRoot) -> int:
    """Destroy the keys of closed requests that a kill left; return their number."""
    left = [
        request.request_id
        for request in every(data_root, opened=False)
        if request.state == "closed"
        and encrypted_identity.key_path(data_root, request.request_id).exists()
    ]
    encrypted_identity.destroy(data_root, left)
    return len(left)
