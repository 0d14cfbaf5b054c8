"""Decisions of a person on an open request: its registrants, the identifiers given, those that
belong to somebody else, and whether it goes on.

Before an erasure begins all of it may change. Once it has begun it can only be widened or narrowed:
what has been removed cannot come back (docs/decisions/erasures-in-doubt.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from assets.erasure import bystanders, safeguards
from assets.ingest import suppression
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError, with_event
from assets.rights import grey_pairs, unregistered
from assets.rights.lookup import find, record
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect


def decide(
    data_root: DataRoot, request_id: str, registrant_ids: Sequence[str], now: datetime
) -> Request:
    """Record the registrants of a request: one, or for an erasure several who are one person.

    An erasure that has begun is widened by them (`widen`).

    Raises:
        RequestError: The register has no registrant of an id, or the request is past that.
    """
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        _known_ids(data_root, request, registrant_ids)
        if request.state == "erasing":
            return widen(data_root, request, registrants=tuple(registrant_ids), now=now)
        if request.state not in ("received", "unclear"):
            raise RequestError(
                f"request {request_id} is {request.state}: its registrant is decided before "
                "anything is done"
            )
        if len(registrant_ids) > 1 and request.right != "erasure":
            raise RequestError(f"a request of {request.right} means one registrant")
        chosen = _unresolved(request, registrants=tuple(registrant_ids))
        ledger.save(data_root, with_event(chosen, "registrant_decided", now))
    return record(data_root, [request_id], now)[request_id]


def _unresolved(request: Request, **changed: tuple[str, ...]) -> Request:
    """Return the changed request without what it was resolved to before; identifiers that were
    decided to be somebody else's stay left out, unless they are given now.
    """
    given = changed.get("given", ())
    choices = {
        name: choice
        for name, choice in request.choices.items()
        if name.removeprefix(ledger.NOT_THEIRS) not in given
    }
    kept = replace(request, state="received", why="", choices=choices, resolved=(), own=())
    kept = replace(kept, left_out=kept.not_theirs, candidates=())
    return replace(kept, **changed)  # type: ignore[arg-type]


def _known_ids(data_root: DataRoot, request: Request, registrant_ids: Sequence[str]) -> None:
    """Raise RequestError unless each is a registrant, or a person of raw among the candidates of
    the request.
    """
    candidates = {str(candidate["registrant_id"]) for candidate in request.candidates}
    with connect(data_root) as connection:
        read_register(data_root, connection, "registrants", TABLES["registrants"])
        rows = connection.execute(
            "SELECT registrant_id FROM registrants WHERE list_contains($1::VARCHAR[], "
            "registrant_id)",
            [list(registrant_ids)],
        ).fetchall()
    known = {registrant_id for (registrant_id,) in rows}
    known |= {registrant_id for registrant_id in candidates if unregistered.chosen([registrant_id])}
    if set(registrant_ids) - known:
        raise RequestError(
            "the register has no registrant of that id; `register request show` names those that "
            "were found"
        )


def widen(
    data_root: DataRoot,
    request: Request,
    *,
    now: datetime,
    registrants: tuple[str, ...] = (),
    given: tuple[str, ...] = (),
) -> Request:
    """Add to an erasure that has begun what else is the registrant's; the next `register erase`
    carries it out.

    Under the ledger's lock. What has been suppressed and removed before stays so.

    Args:
        data_root: The data root.
        request: The request, in state `erasing`.
        now: When.
        registrants: Registrants that are the same person.
        given: Identifiers (`<type>:<value>`) that are the same person's.

    Raises:
        RequestError: The owner of the identifiers is uncertain, or records of somebody else would
            go.
    """
    more = replace(
        request,
        registrants=registrants,
        given=given,
        resolved=(),
        own=(),
        left_out=request.left_out,
    )
    resolution = find(data_root, [more])[request.request_id]
    if resolution.unclear:
        raise RequestError(resolution.unclear)
    wider = replace(
        request,
        given=tuple(sorted({*request.given, *given} - {*resolution.left_out, *resolution.own})),
        resolved=tuple(sorted({*request.resolved, *resolution.resolved})),
        own=tuple(sorted({*request.own, *resolution.own})),
        left_out=resolution.left_out,
        registrants=tuple(sorted({*request.registrants, *resolution.registrants})),
    )
    checked = safeguards.check(data_root, [wider], now.date())[request.request_id]
    if reason := checked.reason(request.request_id):
        raise RequestError(reason)
    touched = bystanders.count(data_root, [wider])
    if touched and request.choices.get(bystanders.CHOICE) != bystanders.ERASED:
        raise RequestError(
            f"request {request.request_id}: {touched[request.request_id]} records of somebody else "
            "would go: nothing was "
            "changed"
        )
    event = "registrant_decided" if registrants else "corrected"
    wider = with_event(wider, event, now, str(len({*wider.resolved} - {*request.resolved})))
    ledger.save(data_root, wider)
    return wider


def correct(data_root: DataRoot, request_id: str, given: Sequence[str], now: datetime) -> Request:
    """Replace the identifiers given, and resolve the request again; an erasure that has begun is
    widened by them (`widen`).

    Raises:
        RequestError: The request is past that, or the owner of the identifiers is uncertain.
    """
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        if request.state == "erasing":
            return widen(data_root, request, given=tuple(given), now=now)
        if request.state not in ("received", "unclear"):
            raise RequestError(
                f"request {request_id} is {request.state}: what was given is corrected before "
                "anything is done"
            )
        corrected = _unresolved(request, given=tuple(sorted(given)), registrants=())
        ledger.save(data_root, with_event(corrected, "corrected", now, str(len(given))))
    return record(data_root, [request_id], now)[request_id]


def leave_out(
    data_root: DataRoot, request_id: str, identifiers: Sequence[str], now: datetime
) -> Request:
    """Record that identifiers are not the registrant's: nothing is erased by them, and what
    suppressed them is lifted. A request that waited for it goes on.

    Raises:
        RequestError: The request is past that, or does not name them.
    """
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        if request.state not in ("received", "unclear", "erasing"):
            raise RequestError(
                f"request {request_id} is {request.state}: nothing is left out of it"
            )
        aside = {*identifiers}
        named = {*request.given, *request.resolved, *request.own, *request.left_out}
        if aside - named:
            raise RequestError(
                "the request names no such identifier; `register request show --private` lists them"
            )
        left = replace(
            request,
            given=tuple(identifier for identifier in request.given if identifier not in aside),
            resolved=tuple(
                identifier for identifier in request.resolved if identifier not in aside
            ),
            own=tuple(identifier for identifier in request.own if identifier not in aside),
            left_out=tuple(sorted({*request.left_out, *aside})),
            choices={
                **request.choices,
                **dict.fromkeys(
                    (f"{ledger.NOT_THEIRS}{identifier}" for identifier in aside), "left_out"
                ),
            },
        )
        left = with_event(left, "left_out", now, str(len(aside)))
        if request.state == "erasing":
            lifted = suppression.lift(
                data_root, request_id, [*aside, *(f"own_{identifier}" for identifier in aside)]
            )
            left = with_event(left, "suppression_lifted", now, str(lifted))
        ledger.save(data_root, left)
    return left if left.state == "erasing" else record(data_root, [request_id], now)[request_id]


def go_on(
    data_root: DataRoot, request_id: str, choices: Mapping[str, str], now: datetime
) -> Request:
    """Record what a person decided before an erasure: of pairs (`pair:<id>`), of bystanders, and
    of what the safeguards ask; and find again.
    """
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        if request.right != "erasure" or request.state not in ("received", "unclear", "erasing"):
            raise RequestError(
                f"request {request_id} is no erasure that such a decision could change"
            )
        decided = replace(request, choices={**request.choices, **choices})
        pairs = sum(name.startswith(grey_pairs.PREFIX) for name in choices)
        if pairs:
            decided = with_event(decided, "pair_decided", now, str(pairs))
        if bystanders.CHOICE in choices:
            decided = with_event(decided, "bystanders_decided", now, choices[bystanders.CHOICE])
        for choice, event in safeguards.EVENTS.items():
            if choice in choices:
                decided = with_event(decided, event, now, choices[choice])
        ledger.save(data_root, decided)
    return record(data_root, [request_id], now)[request_id]
