"""The confirmation of an erasure: written while the register still knows how the registrant is
reached, before anything is removed (GDPR 12(3), 12(4)).

It says what a statute makes us keep and until when, and that keyed hashes stay. The sender may take
it from the outbox during the run. What nobody has taken leaves the outbox before the proof, which
searches it, and waits encrypted, under a key of its own, until it is sent (`take`) or the policy's
`requests.messages_kept` is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from assets.documents import grammar
from assets.erasure import legal_holds
from assets.erasure.matching import concerned, find_matched_records, load_requests
from assets.erasure.proof import evidence
from assets.requests import ledger
from assets.requests.ledger import Request, with_event
from assets.rights import outbound_messages, withheld_messages, workflow
from assets.rights.withheld_messages import CONFIRMATION
from assets.sources import statement_macros
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect

WRITTEN = "confirmation_written"
WAITS = "erasure_waits"
"""The letter of an erasure that waits for a hold, which is out of date when it begins."""


def write(data_root: DataRoot, erasures: Sequence[Request], now: datetime, today: date) -> None:
    """Write the confirmation of each erasure that has begun and has none yet. Repeatable.

    Cost: one look at the identifiers of every delivery, and a closer one at those that match.
    """
    waiting = [
        request
        for request in erasures
        if not any(event["what"] == WRITTEN for event in request.events)
    ]
    if not waiting:
        return
    retained = _retained(data_root, waiting, today)
    each_reached = workflow.reach_each(data_root, waiting)
    for kind in (CONFIRMATION, WAITS):
        outbound_messages.destroy(data_root, each_reached, kind)
    written = [
        outbound_messages.write(
            data_root, request, each_reached[request.request_id], CONFIRMATION, now,
            kept=_kept(data_root, retained.get(request.request_id, {})),
            number=request.request_id,
        )
        for request in waiting
    ]  # fmt: skip
    withheld_messages.copy(
        data_root, [outbound_messages.path_of(data_root, message_id) for message_id in written]
    )
    with ledger.changing(data_root):
        ledger.save(
            data_root,
            *(
                with_event(ledger.load(data_root, request_id), WRITTEN, now, reached.channel)
                for request_id, reached in each_reached.items()
            ),
        )


def _retained(
    data_root: DataRoot, erasures: Sequence[Request], today: date
) -> dict[str, dict[str, tuple[int, date]]]:
    """Return by request and rule how many rows a statute retains, and until when."""
    counts: Counter[tuple[str, str]] = Counter()
    until: dict[tuple[str, str], date] = {}
    with connect(data_root) as connection:
        statement_macros.create(connection)
        load_requests(connection, erasures)
        for entry in concerned(data_root, connection):
            if not find_matched_records(data_root, connection, entry):
                continue
            legal_holds.find_retained(data_root, connection, entry, today)
            evidence.find_requests_of_records(data_root, connection, entry)
            for request_id, rule, rows, last in connection.execute(
                """SELECT request_id, rule, count(*), max(until)
                FROM retained JOIN record_requests USING (record_no) GROUP BY ALL"""
            ).fetchall():
                counts[request_id, rule] += rows
                until[request_id, rule] = max(last, until.get((request_id, rule), last))
    listed: dict[str, dict[str, tuple[int, date]]] = {}
    for (request_id, rule), rows in counts.items():
        listed.setdefault(request_id, {})[rule] = (rows, until[request_id, rule])
    return listed


def _kept(data_root: DataRoot, rules: Mapping[str, tuple[int, date]]) -> dict[str, str]:
    """Return in each language what is kept, under which statute, until when."""
    words, policy = outbound_messages.words()["kept"], data_root.policy
    kept = {
        language: [
            str(words["orders"][language]).format(
                rows=rows,
                until=grammar.day(until, language),
                statute=policy.retention[rule].source or rule,
            )
            for rule, (rows, until) in sorted(rules.items())
        ]
        for language in policy.languages
    }
    return {
        language: " ".join(
            [*(listed or [str(words["nothing"][language])]), str(words["hash"][language])]
        )
        for language, listed in kept.items()
    }
