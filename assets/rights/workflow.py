"""What people do with a request between receiving and closing it: extend its time, decide per
category, refuse, close; and what is due.

Each step is in the request's history. A refusal names its ground (`schemas.requests.GROUNDS`); an
extension its reason, and a notice to the registrant within the first month (GDPR 12(3)-(4)).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from assets.documents import grammar
from assets.ingest import suppression
from assets.requests import ledger, notice_ledger
from assets.requests.deadlines import due_on
from assets.requests.ledger import Request, RequestError, with_event
from assets.rights import lookup, outbound_messages, recipient_notices
from assets.storage.data_root import DataRoot
from schemas.requests import (
    EXTENSION_REASONS,
    GROUNDS,
    NOBODY_FOUND,
    RIGHTS,
    RIGHTS_AS_CHOICES,
    refusable,
)
from schemas.vocabulary import Language

UNKNOWN = outbound_messages.Reached("letter", "", outbound_messages.SEVERAL)
"""How a registrant is reached who is not certainly known, in all languages of the policy."""


def extend(data_root: DataRoot, request_id: str, reason: str, now: datetime) -> tuple[Request, str]:
    """Extend the time by the policy's period, write the notice to the registrant, and return the
    request and the channel of the notice.

    Raises RequestError after the first month, for a second time, and once the request is answered.
    """
    if reason not in EXTENSION_REASONS:
        raise RequestError(
            f"the time may be extended for {' or '.join(EXTENSION_REASONS)} only (GDPR 12(3))"
        )
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        today = now.astimezone(data_root.policy.zone).date()
        if request.answered:
            raise RequestError(
                f"request {request_id} is {request.state}: nothing is left to extend"
            )
        if request.extension:
            raise RequestError(
                f"request {request_id} was extended already; it is due on "
                f"{request.due_on(data_root)}"
            )
        if today > due_on(data_root.policy, request.received_on(data_root)):
            raise RequestError(
                "the first month is over: the registrant had to be informed of an extension "
                "within it (GDPR 12(3))"
            )
        until = due_on(data_root.policy, request.received_on(data_root), extended=True)
        reached = reach(data_root, request)
        extension = {
            "reason": reason,
            "at": now.isoformat(timespec="seconds"),
            "until": str(until),
            "told_by": reached.channel,
        }
        extended = with_event(replace(request, extension=extension), "extended", now, reason)
        outbound_messages.write(
            data_root, request, reached, "extension", now, reason=reason, until=until
        )
        ledger.save(data_root, extended)
    return extended, reached.channel


def reach(data_root: DataRoot, request: Request) -> outbound_messages.Reached:
    """Return how the registrant of a request is reached, looked up now if nobody has yet."""
    if not request.registrants and not request.without_key:
        resolution = lookup.find(data_root, [request])[request.request_id]
        request = replace(
            request, registrants=resolution.registrants, candidates=resolution.candidates
        )
    return reach_each(data_root, [request])[request.request_id]


def reach_each(
    data_root: DataRoot, requests: Sequence[Request]
) -> dict[str, outbound_messages.Reached]:
    """Return by request id how its registrant is reached. One query for any number of requests.

    Who is not certainly known gets a letter to the request's origin: in the language of all the
    registrants that it may mean, else in all languages of the policy.
    """
    meant = {
        (request.request_id, registrant): request
        for request in requests
        if not request.without_key
        for registrant in request.registrants
        or [str(candidate["registrant_id"]) for candidate in request.candidates]
    }
    on_file = outbound_messages.on_file(
        data_root, [(request, registrant) for (_, registrant), request in meant.items()]
    )
    known: dict[str, list[outbound_messages.OnFile]] = {
        request.request_id: [] for request in requests
    }
    for (request_id, _), contact in on_file.items():
        known[request_id].append(contact)
    return {
        request.request_id: _reached(request, known[request.request_id]) for request in requests
    }


def _reached(
    request: Request, known: Sequence[outbound_messages.OnFile]
) -> outbound_messages.Reached:
    """Return how the registrant is reached, by what is on file of each that is meant."""
    if len(request.registrants) == 1 and known:
        return known[0].reached()
    languages = set() if request.registrants else {contact.language for contact in known}
    return (
        outbound_messages.Reached("letter", "", languages.pop()) if len(languages) == 1 else UNKNOWN
    )


def decide(
    data_root: DataRoot, request_id: str, decided: dict[str, tuple[str, str]], now: datetime
) -> Request:
    """Record what is decided of categories of the policy: `granted`, or `refused` with the code of
    its ground.
    """
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        for category in decided:
            if category not in data_root.policy.categories:
                raise RequestError(
                    f"policy.yaml has no category {category!r}; it has "
                    f"{', '.join(data_root.policy.categories)}"
                )
        request = replace(request, decisions={**request.decisions, **_recorded(request, decided)})
        for category, decision in decided.items():
            request = with_event(request, "decided", now, f"{category}={_in_a_word(*decision)}")
        ledger.save(data_root, request)
    return request


def review(
    data_root: DataRoot,
    request_id: str,
    decided: Mapping[str, tuple[str, str]],
    known: Collection[str],
    now: datetime,
) -> Request:
    """Record what is decided of items that an access package withholds, after a person has looked
    at them (recital 63): `granted` lets one go out with the package, `refused` keeps it on a
    ground. `known` are the items there are. The history has their number, the item is encrypted.
    """
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        if request.right != "access":
            raise RequestError(f"nothing is withheld of a request of {request.right}")
        if set(decided) - set(known):
            raise RequestError(
                f"nothing of that name is withheld: `register request withheld {request_id}` "
                "lists what is"
            )
        request = replace(request, withheld={**request.withheld, **_recorded(request, decided)})
        for decision, number in sorted(Counter(decided.values()).items()):
            request = with_event(request, "reviewed", now, f"{number} {_in_a_word(*decision)}")
        ledger.save(data_root, request)
    return request


def _recorded(
    request: Request, decided: Mapping[str, tuple[str, str]]
) -> dict[str, dict[str, str]]:
    """What the request keeps of decisions. Raises RequestError for a refusal on no ground of its
    right.
    """
    for decision, ground in decided.values():
        if decision == "refused":
            check_ground(request, ground)
    return {
        name: {"decision": decision, **({"ground": ground} if ground else {})}
        for name, (decision, ground) in decided.items()
    }


def _in_a_word(decision: str, ground: str) -> str:
    return f"{decision}:{ground}" if ground else decision


def check_ground(request: Request, ground: str) -> None:
    """Raise RequestError, naming the grounds there are, unless the request may be refused on this
    one.
    """
    possible = refusable(request.right, request.purpose)
    if ground not in possible:
        listed = "; ".join(f"{code}: {GROUNDS[code].law}" for code in possible)
        raise RequestError(
            f"{request.right} is refused only on a recorded ground, which may be {listed}"
        )


def _open(data_root: DataRoot, request_id: str) -> Request:
    request = ledger.load(data_root, request_id)
    if request.state == "closed":
        raise RequestError(f"request {request_id} is closed")
    return request


def refuse(data_root: DataRoot, request_id: str, ground: str, now: datetime) -> Request:
    """Refuse the request as a whole, inform the registrant, and close it. What was delivered to the
    register for it must be lifted first (`restriction_and_objection.lift`).

    Raises RequestError without a ground that the right may be refused on, and once an erasure has
    begun.
    """
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        check_ground(request, ground)
        if request.state == "erasing":
            raise RequestError(
                f"the erasure of request {request_id} has begun: it is ended with what was removed "
                "by then (`abandoning`)"
            )
        if request.delivered and request.state in ("applying", "weighing", "in_force"):
            raise RequestError(f"request {request_id} is in effect: it is lifted, not refused")
        notify_of_refusal(data_root, request, ground, now)
        recipient_notices.discard(data_root, [request_id])
        request = with_event(request, "refused", now, ground)
        # What went wrong before it was closed goes out of the file with everything else; only
        # unidentified requests have no registrant.
        ledger.close(data_root, request, now, "refused", ground)
    return ledger.load(data_root, request_id)


def notify_of_refusal(
    data_root: DataRoot, request: Request, ground: str, now: datetime, rows: int = 0
) -> None:
    """Write the message that informs the registrant of the refusal, its ground, and where to
    complain (GDPR 12(4)).

    `rows`: how many had been erased before, and are not brought back.
    """
    reached = reach(data_root, request)
    outbound_messages.destroy(data_root, [request.request_id])
    outbound_messages.write(
        data_root, request, reached, "refusal_begun" if rows else "refusal", now,
        reason=ground, rows=str(rows),
    )  # fmt: skip


def close(data_root: DataRoot, request_id: str, now: datetime) -> Request:
    """Close a request that has been answered by other means than the pipeline's, or an erasure that
    matched nobody.

    A request of somebody who has been erased since is closed in any state: nothing can be carried
    out or lifted for them.

    Raises:
        RequestError: The pipeline carries it out itself.
    """
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        if request.right == "erasure":
            if _nobody_found(data_root, request):
                _close_nobody_found(data_root, request, now)
                return ledger.load(data_root, request_id)
            raise RequestError(
                "an erasure is closed when it is proven: `register erase`; or refuse it with "
                "`register request refuse`"
            )
        if (
            request.right in RIGHTS_AS_CHOICES
            and request.state in ("applying", "in_force", "weighing")
            and request.registrants
            and not suppression.erased_among(data_root, {*request.given, *request.resolved})
        ):
            raise RequestError(
                f"request {request_id} is {request.state}: `register request decide "
                "--uphold`, `lift` or `refuse` end it"
            )
        outbound_messages.destroy(data_root, [request_id])
        _notify_of_partial_refusal(data_root, request, now)
        ledger.close(data_root, request, now)
    return ledger.load(data_root, request_id)


def _notify_of_partial_refusal(data_root: DataRoot, request: Request, now: datetime) -> None:
    """Inform the registrant of the categories and items that are refused, each with its reason
    (GDPR 12(4)); nothing if all is granted.
    """
    refused: dict[str, set[str]] = {}
    for category, decision in request.decisions.items():
        if decision["decision"] == "refused":
            refused.setdefault(decision["ground"], set()).add(category)
    for decision in request.withheld.values():
        if decision["decision"] == "refused":
            refused.setdefault(decision["ground"], set())
    if not refused:
        return
    outbound_messages.write(
        data_root, request, reach(data_root, request), "partly_refused", now,
        refused={
            language: "; ".join(
                _refused_in_words(data_root, categories, ground, language)
                for ground, categories in sorted(refused.items())
            )
            for language in data_root.policy.languages
        },
    )  # fmt: skip


def _refused_in_words(
    data_root: DataRoot, categories: Collection[str], ground: str, language: Language
) -> str:
    """Return the categories by the policy's names, and why; single fields have no name there."""
    words = outbound_messages.words()
    names = [data_root.policy.categories[name].name[language] for name in sorted(categories)]
    what = grammar.listed(names) or words["single_fields"][language]
    return f"{what} ({words['reasons'][ground][language]})"


def _nobody_found(data_root: DataRoot, request: Request) -> bool:
    return (
        request.state in ("received", "unclear")
        and lookup.find(data_root, [request])[request.request_id].nobody
    )


def _close_nobody_found(data_root: DataRoot, request: Request, now: datetime) -> None:
    """Answer that there is nothing about the registrant (GDPR 12(3)), and close: nothing was
    erased or certified.
    """
    outbound_messages.destroy(data_root, [request.request_id])
    outbound_messages.write(data_root, request, UNKNOWN, "nobody_found", now)
    ledger.close(data_root, request, now, NOBODY_FOUND, "REQ-NOBODY-FOUND")


@dataclass(frozen=True)
class Owed:
    """What is open on a day, by request or notice id: past its day, near it, and recipients that
    have not acknowledged.
    """

    overdue: tuple[str, ...]
    due_soon: tuple[str, ...]
    unacknowledged: tuple[str, ...]
    notified_again: tuple[str, ...]
    open_by_right: dict[str, int]


def owed(data_root: DataRoot, today: date) -> Owed:
    """The requests that are due an answer, by the ledger. Reads the unencrypted fields only."""
    unanswered = [
        request for request in ledger.every(data_root, opened=False) if not request.answered
    ]
    due = {request.request_id: request.due_on(data_root) for request in unanswered}
    soon = data_root.policy.requests.warned_before.after(today)
    opened = [request for request in notice_ledger.every(data_root) if request.state == "open"]
    return Owed(
        overdue=tuple(request_id for request_id, day in due.items() if day < today),
        due_soon=tuple(request_id for request_id, day in due.items() if today <= day <= soon),
        unacknowledged=tuple(request.notice_id for request in opened),
        notified_again=tuple(
            request.notice_id
            for request in opened
            if request.attempts > 1 or request.due_on < str(today)
        ),
        open_by_right=_counted(request.right for request in unanswered),
    )


def _counted(rights: Iterable[str]) -> dict[str, int]:
    listed = list(rights)
    return {right: listed.count(right) for right in RIGHTS}
