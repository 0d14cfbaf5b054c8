"""What an erasure does to the other requests of the same person: they end with it, and the officer
is shown them before.

Once somebody is erased, none of their rights has anything left to act on, and what an open request
encrypts identifies them. So when the erasure is certified each is closed (`REQ-ERASED`), its key
destroyed, and so are messages and notices about it; an erasure that is refused ends nothing. Which
requests are the same person's, and what is only shown: docs/decisions/requests-ended-by-erasure.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from assets.requests import ledger
from assets.requests.ledger import Request, with_event
from assets.rights import (
    lookup,
    outbound_messages,
    recipient_notices,
    request_inbox,
    restriction_and_objection,
    withheld_messages,
)
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from schemas.requests import IDENTIFIERS

ENDED = "REQ-ERASED"
# Where a text that is no JSON is cut into values that may be identifiers.
_WORDS = re.compile(r"[\s\"'`,;:<>(){}\[\]=|]+")
_PARTS = re.compile(r"[\"\n\r,;:]+")

Effect = Literal["ends", "only_candidate", "named_with_others"]


@dataclass(frozen=True)
class Other:
    """A request that an erasure concerns besides its own.

    `effect`: `ends` with the erasure; `only_candidate`: unclear, with nobody but this person as a
    candidate, and ends as well; `named_with_others`: names somebody else too, and stays open.
    """

    request_id: str
    right: str
    state: str
    effect: Effect


def find(data_root: DataRoot, erasures: Sequence[Request]) -> dict[str, list[Other]]:
    """Find the open requests that each of these resolved erasures concerns, oldest first, by id of
    the erasure.

    Erasures that have begun are never among them. Reads every open request once.
    """
    asked = {request.request_id for request in erasures}
    candidates = [
        request
        for request in ledger.every(data_root)
        if request.state not in ("closed", "erasing")
        and request.request_id not in asked
        and not request.without_key
    ]
    if not candidates:
        return {request_id: [] for request_id in asked}
    known = _registrants(data_root)
    # A request that has not been acted on may have become resolvable since, or no longer be.
    undecided = [
        candidate for candidate in candidates if candidate.state in ("received", "unclear")
    ]
    for request_id, seen in _seen(
        data_root, [request for request in undecided if not request.registrants]
    ).items():
        candidates = [seen if each.request_id == request_id else each for each in candidates]
    others = {}
    for erasure in erasures:
        effects = [(candidate, _effect(candidate, erasure, known)) for candidate in candidates]
        others[erasure.request_id] = [
            Other(request.request_id, request.right, request.state, effect)
            for request, effect in effects
            if effect is not None
        ]
    return others


def _seen(data_root: DataRoot, unresolved: list[Request]) -> dict[str, Request]:
    """Return the requests as the current register resolves them, by id; changes nothing."""
    resolutions = lookup.find(data_root, unresolved) if unresolved else {}
    return {
        request.request_id: replace(
            request,
            registrants=resolutions[request.request_id].registrants,
            candidates=resolutions[request.request_id].candidates,
        )
        for request in unresolved
    }


MEANING: dict[Effect, str] = {
    "ends": "ends with the erasure",
    "only_candidate": "is unclear and may mean only this person: ends with the erasure",
    "named_with_others": "names somebody else, too: stays open, with what it names",
}


def described(erasure: Request, others: Iterable[Other]) -> list[dict[str, str]]:
    """Return what an officer is shown of the requests that an erasure concerns: ids and codes."""
    return [{"erasure": erasure.request_id, **asdict(other)} for other in others]


def _effect(request: Request, erasure: Request, known: set[str]) -> Effect | None:
    """What the erasure does to the request; None when it is no concern of this person's.

    A contact that others have as well is not among what the erasure was resolved to, so it ties
    nothing to it.
    """
    theirs = set(erasure.resolved)
    named = {*request.given, *request.resolved} & theirs
    if request.registrants:
        if set(request.registrants) <= set(erasure.registrants):
            return "ends"
        # A registrant that has been merged since is known by its identifiers only.
        others = (set(request.registrants) - set(erasure.registrants)) & known
        if others:
            return "named_with_others" if named else None
        return "ends" if named else None
    candidates = {str(candidate["registrant_id"]) for candidate in request.candidates}
    shown = candidates & set(erasure.registrants)
    if candidates - set(erasure.registrants):
        return "named_with_others" if named or shown else None
    if shown:
        return "only_candidate"
    return "ends" if named else None


def _registrants(data_root: DataRoot) -> set[str]:
    """The ids of the registrants of the register."""
    path = data_root.register("registrants")
    if not path.exists():
        return set()
    with connect(data_root) as connection:
        rows = connection.execute(f"SELECT registrant_id FROM {parquet(path)}").fetchall()
    return {registrant_id for (registrant_id,) in rows}


def announce(data_root: DataRoot, erasures: Sequence[Request], now: datetime) -> None:
    """Note in each erasure's history which requests will end with it, unless that is noted
    already.
    """
    ending = {
        erasure_id: _ending(others) for erasure_id, others in find(data_root, erasures).items()
    }
    _note(data_root, ending, now)


def _ending(others: Iterable[Other]) -> list[str]:
    return [other.request_id for other in others if other.effect != "named_with_others"]


def _note(data_root: DataRoot, ids: dict[str, list[str]], now: datetime) -> None:
    """Add to the histories of erasures, by id, the requests that end with them and are not noted
    yet.
    """
    with ledger.changing(data_root):
        changed = []
        for request_id, others in ids.items():
            request = ledger.load(data_root, request_id)
            noted = {
                other
                for event in request.events
                if event["what"] == "ends_others"
                for other in event["told"].split(", ")
            }
            if new := [other for other in others if other not in noted]:
                changed.append(with_event(request, "ends_others", now, ", ".join(new)))
        ledger.save(data_root, *changed)


def hold(data_root: DataRoot, erasures: Sequence[Request], now: datetime) -> dict[str, list[str]]:
    """Take out of the outbox what waits for the registrants who are being erased; end nothing yet.
    Repeatable.

    To be called before the proof, which searches the outbox. Noted first, in the history of each
    erasure, is which requests will end with it.

    Returns:
        The ids of these requests, by id of the erasure.
    """
    request_inbox.take_in(data_root, now)
    ids = {erasure: _ending(others) for erasure, others in find(data_root, erasures).items()}
    _note(data_root, ids, now)
    messages = outbound_messages.concerned(data_root, erasures)
    for erasure, others in ids.items():
        for path in outbound_messages.of_requests(data_root, [erasure, *others]):
            messages.setdefault(path, set()).add(erasure)
    withheld_messages.hold(data_root, ids, messages)
    _discard_set_aside(data_root, erasures, as_it_came=True)
    return ids


def restore(data_root: DataRoot, erasure: Request, removed: int, now: datetime) -> None:
    """Restore what a refused erasure withheld: messages, and what requests in effect delivered to
    the register, if records were removed. Its suppressions are lifted before.

    Repeatable until the erasure is closed. The caller holds the ledger (`requests.changing`).
    """
    withheld_messages.put_back(data_root, erasure.request_id)
    if removed:
        others = find(data_root, [erasure])[erasure.request_id]
        restriction_and_objection.deliver_again(data_root, _ending(others), now)


def end(
    data_root: DataRoot,
    erasures: Sequence[Request],
    ending: Mapping[str, Iterable[str]],
    now: datetime,
) -> list[str]:
    """End the other requests of the registrants who have been erased, and return their ids.
    Repeatable.

    To be called when the erasures are certified, and not before: an erasure that cannot be proven
    may be refused. Messages and notices first, the keys last: a run that was killed in between
    finds what is left to do.

    Args:
        data_root: The data root.
        erasures: Requests that are certified, and not closed yet.
        ending: What `hold` returned.
        now: When.
    """
    ids = {other for request in erasures for other in ending[request.request_id]}
    withheld_messages.destroy(data_root, [request.request_id for request in erasures])
    recipient_notices.withdraw(
        data_root, [registrant for each in erasures for registrant in each.registrants], ids
    )
    _discard_set_aside(data_root, erasures)
    with ledger.changing(data_root):
        closing = [
            replace(request, outcome="ended", why=ENDED)
            for request in [ledger.load(data_root, request_id) for request_id in sorted(ids)]
            if request.state not in ("closed", "erasing")
        ]
        ledger.close_all(data_root, closing, now)
    return sorted(ids)


def _discard_set_aside(
    data_root: DataRoot, erasures: Sequence[Request], *, as_it_came: bool = False
) -> None:
    """Destroy request files that were set aside and name an identifier of the erasures, in whatever
    spelling.

    `as_it_came`: only those that could not be encrypted, which the proof would find.
    """
    identifiers = {identifier for erasure in erasures for identifier in erasure.resolved}
    with connect(data_root) as connection:
        for refused_id in [refusal["refused_id"] for refusal in request_inbox.refused(data_root)]:
            if as_it_came and not (request_inbox.refused_folder(data_root) / refused_id).exists():
                continue
            values = sorted(set(_values(request_inbox.text_of(data_root, refused_id))))
            rows = connection.execute(
                """SELECT DISTINCT kind || ':' || identifier_canonical(kind, value)
                FROM (SELECT unnest($1::VARCHAR[]) AS value), (SELECT unnest($2::VARCHAR[]) AS kind)
                WHERE value <> ''""",
                [values, list(IDENTIFIERS)],
            ).fetchall()
            if identifiers & {identifier for (identifier,) in rows}:
                request_inbox.discard(data_root, refused_id)


def _values(text: str) -> Iterator[str]:
    """What may be an identifier in the text: each string of a JSON document, each word, each quoted
    part.
    """
    with suppress(ValueError, RecursionError):
        yield from _strings(json.loads(text))
    yield from _WORDS.split(text)
    yield from _PARTS.split(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
