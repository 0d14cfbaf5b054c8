"""Restriction, objection and withdrawal as requests: what is asked becomes events of the consent
log, delivered like any other.

So it goes the way of all data: raw keeps it, every later register has it, deliveries of others do
not end it, and `register why` shows it by its rule (ADM-RESTRICTED, ADM-OBJECTION, ADM-WITHDRAWN).
Many requests are one delivery.

- Restriction (GDPR 18): in force at once and until it is lifted, of which the registrant is
  informed before. It is recorded under `legal_claims`, to which nobody can object, so that lifting
  it lifts nothing else.
- Objection (21): to marketing immediately and unconditionally; else suspended while it is weighed,
  and refused only on a ground.
- Withdrawal (7(3)): per purpose and channel.
- Human review (22(3)): profiles are suspended until a person has looked (`human_review`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from assets.ingest import deliveries, suppression
from assets.marts.building import mart_path
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError, with_event
from assets.rights import lookup, outbound_messages, recipient_notices, workflow
from assets.rights.registrant_identifiers import CONTACTS
from assets.rights.withdrawal import ERASED, KEYS, Word, deliver_words
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from schemas.requests import RESTRICTED_UNDER, RIGHTS_AS_CHOICES, UNCONDITIONAL

ORIGIN = "request"
_ERASED = f"{ERASED}; close it with `register request close`"
# The identifiers that an event is recorded under: all of the first kinds that the registrant has. A
# cookie or a contact may become somebody else's.
EVENT_IDENTIFIERS = (
    ("identity_code", "customer_number", "contact_id"),
    ("visitor_id",),
    ("email", "phone"),
)


def waiting(data_root: DataRoot) -> list[str]:
    """Ids of requests that are to be delivered to the register."""
    return [
        request.request_id
        for request in ledger.every(data_root, opened=False)
        if request.right in RIGHTS_AS_CHOICES and request.state == "received"
    ]


def apply(data_root: DataRoot, request_ids: Iterable[str], now: datetime) -> list[Request]:
    """Look up the registrants that the requests mean, deliver what they ask for in one delivery,
    and return the requests as they are then.

    One that does not certainly mean one registrant becomes `unclear`. Killed in between, repeating
    delivers the same again, which changes nothing.
    """
    requests = lookup.record(data_root, request_ids, now)
    with ledger.changing(data_root):
        ready = [
            _by_contact(request)
            for request in requests.values()
            if request.right in RIGHTS_AS_CHOICES and request.state in ("received", "unclear")
        ]
        ready = [
            request
            for request in ready
            if request.state == "received" and _words(request, RIGHTS_AS_CHOICES[request.right])
        ]
        erased = _of_the_erased(data_root, ready, now)
        requests |= erased
        ready = [request for request in ready if request.request_id not in erased]
        if ready:
            recipient_notices.prepare(
                data_root, [request for request in ready if request.right == "restriction"], now
            )
            digest = deliver_words(
                data_root,
                [
                    word
                    for request in ready
                    for word in _words(request, RIGHTS_AS_CHOICES[request.right])
                ],
                now,
                ORIGIN,
            )
            for request in ready:
                if request.right == "human_review":
                    _acknowledge(data_root, request, now)
            # The plain hash of a file about one person would still identify them once the request
            # is closed.
            token = deliveries.keyed_hash(data_root, digest)
            done = [
                with_event(replace(request, state="applying", delivered=(token,)), "applied", now)
                for request in ready
            ]
            ledger.save(data_root, *done)
            requests |= {request.request_id: request for request in done}
    return list(requests.values())


def _acknowledge(data_root: DataRoot, request: Request, now: datetime) -> None:
    """Write the receipt of a human review, with the day by which its outcome is due."""
    outbound_messages.destroy(data_root, [request.request_id], "review_received")
    reached = workflow.reach(data_root, request)
    due = request.due_on(data_root)
    outbound_messages.write(data_root, request, reached, "review_received", now, until=due)


def _of_the_erased(data_root: DataRoot, ready: list[Request], now: datetime) -> dict[str, Request]:
    """Set aside, as unclear, the requests that name somebody erased, and return them by id; nothing
    is delivered for them.
    """
    named = {
        request.request_id: {
            word.identifier for word in _words(request, RIGHTS_AS_CHOICES[request.right])
        }
        for request in ready
    }
    erased = suppression.erased_among(data_root, set().union(*named.values())) if named else set()
    unclear = [
        with_event(
            replace(request, state="unclear", why=f"request {request.request_id}: {_ERASED}"),
            "unclear",
            now,
            "0",
        )
        for request in ready
        if named[request.request_id] & erased
    ]
    ledger.save(data_root, *unclear)
    return {request.request_id: request for request in unclear}


def _check_not_erased(data_root: DataRoot, request: Request) -> None:
    """Raise RequestError when the registrant has been erased: ending an old right of theirs would
    bring them back.
    """
    if suppression.erased_among(data_root, {*request.given, *request.resolved}):
        raise RequestError(f"request {request.request_id}: {_ERASED}")


def _by_contact(request: Request) -> Request:
    """A refusal of marketing needs no identity: given by a contact alone, it is about that contact
    and everybody it reaches.
    """
    contacts = tuple(
        identifier for identifier in request.given if identifier.split(":")[0] in CONTACTS
    )
    marketing = request.right == "withdrawal" or request.purpose in UNCONDITIONAL
    if (
        request.state == "unclear"
        and request.right != "restriction"
        and marketing
        and len(contacts) == len(request.given)
    ):
        return replace(request, state="received", why="", candidates=(), resolved=contacts)
    return request


def _words(request: Request, status: str) -> list[Word]:
    purpose = RESTRICTED_UNDER if request.right == "restriction" else request.purpose
    for kinds in EVENT_IDENTIFIERS:
        named = [
            identifier
            for identifier in request.resolved
            if identifier.split(":")[0] in kinds and identifier.split(":")[0] in KEYS
        ]
        if named:
            return [
                Word(
                    identifier,
                    purpose,
                    request.by if request.right != "restriction" else "all",
                    status,
                    request.request_id,
                )
                for identifier in named
            ]
    return []


def settle(data_root: DataRoot, now: datetime) -> list[Request]:
    """Record of delivered requests that the published marts now follow them, and return those that
    went on.
    """
    ledger.destroy_leftover_keys(data_root)
    if not any(request.state == "applying" for request in ledger.every(data_root, opened=False)):
        return []
    with ledger.changing(data_root):
        entries = deliveries.ledger(data_root, "consents")
        settled = [
            request
            for request in ledger.every(data_root)
            if request.state == "applying"
            and all(
                _published(data_root, _entry_of(data_root, entries, digest))
                for digest in request.delivered
            )
        ]
        kept, closing = [], []
        for request in settled:
            in_force = with_event(request, "in_force", now)
            if request.right == "restriction":
                kept.append(replace(in_force, state="in_force"))
            elif request.right == "human_review" or (
                request.right == "objection" and request.purpose not in UNCONDITIONAL
            ):
                kept.append(replace(in_force, state="weighing"))
            else:
                closing.append(in_force)
        recipient_notices.release(
            data_root,
            [request.request_id for request in kept if request.right == "restriction"],
            now,
        )
        ledger.save(data_root, *kept)
        outbound_messages.destroy(data_root, [request.request_id for request in closing])
        ledger.close_all(data_root, closing, now)
    return [ledger.load(data_root, request.request_id) for request in settled]


def _entry_of(
    data_root: DataRoot, entries: list[deliveries.Entry], digest: str
) -> deliveries.Entry | None:
    return next((entry for entry in entries if deliveries.is_of(data_root, entry, digest)), None)


def _published(data_root: DataRoot, entry: deliveries.Entry | None) -> bool:
    """Whether register and every mart have been built since the delivery was staged."""
    if entry is None or not entry.staged_with:
        return False
    built = [
        data_root.register("choice_log"),
        *(mart_path(data_root, purpose) for purpose in MARTS),
    ]
    if not all(path.exists() for path in built):
        return False
    staged_at = (
        deliveries.entry_path(data_root, entry.source, entry.day, entry.delivery_id)
        .stat()
        .st_mtime_ns
    )
    moments = [path.stat().st_mtime_ns for path in built]
    return staged_at <= moments[0] <= min(moments[1:])


def deliver_again(data_root: DataRoot, request_ids: Iterable[str], now: datetime) -> list[str]:
    """Deliver again what was delivered for requests that are in effect, and return their ids: an
    erasure that was then refused has taken the records of it away.

    Their states stay. The caller holds the ledger (`requests.changing`). Of somebody who is being
    erased by another request nothing is delivered.
    """
    in_effect = [
        request
        for request in (ledger.load(data_root, request_id) for request_id in request_ids)
        if request.state in ("applying", "in_force", "weighing") and not request.without_key
    ]
    words = [
        word for request in in_effect for word in _words(request, RIGHTS_AS_CHOICES[request.right])
    ]
    if not words or suppression.erased_among(data_root, {word.identifier for word in words}):
        return []
    token = deliveries.keyed_hash(data_root, deliver_words(data_root, words, now, ORIGIN))
    ledger.save(
        data_root,
        *(
            with_event(replace(request, delivered=(*request.delivered, token)), "applied", now)
            for request in in_effect
        ),
    )
    return [request.request_id for request in in_effect]


def uphold(data_root: DataRoot, request_id: str, now: datetime) -> Request:
    """Grant an objection that was weighed: it stands, and the request is closed."""
    with ledger.changing(data_root):
        request = _in(data_root, request_id, "weighing")
        if request.right != "objection":
            raise RequestError(
                f"request {request_id} is one of {request.right}: its outcome is recorded with "
                "`register request review`"
            )
        outbound_messages.destroy(data_root, [request_id])
        ledger.close(data_root, request, now)
    return ledger.load(data_root, request_id)


def announce_lifting(data_root: DataRoot, request_id: str, now: datetime) -> str:
    """Inform the registrant that the restriction will be lifted (GDPR 18(3)), and return the
    channel. Once is enough.
    """
    with ledger.changing(data_root):
        request = _in(data_root, request_id, "in_force")
        _check_not_erased(data_root, request)
        if not request.registrants:
            raise RequestError(
                "nobody in the register is known by what the request says; close it with "
                "`register request close`"
            )
        about = (request, request.registrants[0])
        [on_file] = outbound_messages.on_file(data_root, [about]).values()
        reached = on_file.reached()
        outbound_messages.write(data_root, request, reached, "lifting", now)
        ledger.save(data_root, with_event(request, "lifting_announced", now, reached.channel))
    return reached.channel


def announced(request: Request) -> bool:
    """Whether the registrant has been informed that the restriction will be lifted."""
    return any(event["what"] == "lifting_announced" for event in request.events)


def lift(data_root: DataRoot, request_id: str, now: datetime) -> Request:
    """Deliver the end of a restriction, and close the request. Raises RequestError when the
    registrant has not been informed of it before.
    """
    with ledger.changing(data_root):
        request = _in(data_root, request_id, "in_force")
        _check_not_erased(data_root, request)
        if not announced(request):
            raise RequestError(
                "the registrant must be told before the restriction is lifted (GDPR 18(3)): "
                "`register request lift --announce` first"
            )
        ledger.close(data_root, _lifted(data_root, request, now), now, "lifted")
    return ledger.load(data_root, request_id)


def refuse(data_root: DataRoot, request_id: str, ground: str, now: datetime) -> Request:
    """Refuse an objection that was weighed, on a recorded ground: the registrant is informed, the
    suspension lifted, the request closed.
    """
    with ledger.changing(data_root):
        request = _in(data_root, request_id, "weighing")
        _check_not_erased(data_root, request)
        workflow.check_ground(request, ground)
        workflow.notify_of_refusal(data_root, request, ground, now)
        ledger.close(
            data_root,
            with_event(_lifted(data_root, request, now), "refused", now, ground),
            now,
            "refused",
            ground,
        )
    return ledger.load(data_root, request_id)


def end_review(data_root: DataRoot, request: Request, now: datetime, *, objected: bool) -> Request:
    """Deliver the end of a suspension for human review; if `objected`, with an objection to
    profiling in its place. The caller holds the ledger.
    """
    _check_not_erased(data_root, request)
    if objected:
        words = _words(replace(request, purpose="profiling"), "objected")
        deliver_words(data_root, words, now, ORIGIN)
    return _lifted(data_root, request, now)


def _lifted(data_root: DataRoot, request: Request, now: datetime) -> Request:
    """Deliver the end of what the request has brought about; unless another one of the registrant's
    that asks for the same still stands: that one's end is.
    """
    asked = (request.right, request.purpose)
    others = [
        other
        for other in ledger.every(data_root)
        if (other.right, other.purpose) == asked and other.request_id != request.request_id
    ]
    if any(
        other.state in ("applying", "weighing", "in_force")
        and set(other.registrants) & set(request.registrants)
        for other in others
    ):
        return request
    deliver_words(data_root, _words(request, "lifted"), now, ORIGIN)
    return with_event(request, "lifted", now)


def _in(data_root: DataRoot, request_id: str, *states: str) -> Request:
    request = ledger.load(data_root, request_id)
    if request.state not in states:
        raise RequestError(f"request {request_id} is {request.state}, not {' or '.join(states)}")
    return request
