"""The EDPB's coordinated action of 2025 on the right to erasure: what it asked of controllers, in
our words, answered from ledger, certificates, notices, suppression list and backups.

Source: EDPB, Coordinated Enforcement Framework 2025 (GDPR 12, 17, 19); its report names seven
recurring problems: no procedures or training, too little information to who asks, exceptions and
their balancing, anonymisation instead of deletion, retention periods, backups, identification.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from statistics import median
from typing import Any

from assets.erasure.proof import certificate_checks, certificates
from assets.ingest import suppression
from assets.requests import ledger, notice_ledger, service_level
from assets.requests.ledger import Request
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot
from assets.supervision.answers import Answer, counted
from schemas.requests import GROUNDS, NOBODY_FOUND

LEDGER = "requests/Q*.json (`register request list`)"
CERTIFICATES = "requests/certificates/ (`register certificates export`)"


def answers(data_root: DataRoot, today: date, since: date) -> Iterator[Answer]:
    """Yield the questions with their answers, of the requests received from `since` to `today`."""
    requests = [
        request
        for request in ledger.every(data_root, opened=False)
        if request.right == "erasure" and since <= request.received_on(data_root) <= today
    ]
    issued = [
        document["certificate"]
        for document in certificates.in_order(data_root)
        if document["certificate"]["request_id"] in {request.request_id for request in requests}
    ]
    yield _received(requests)
    yield _outcomes(requests)
    yield _durations(data_root, requests, today)
    yield _identity(requests)
    yield _exceptions(requests, issued)
    yield _proof(data_root, issued)
    yield _remains(issued)
    yield _backups(data_root, issued)
    yield _recipients(data_root, requests)
    yield _suppressed(data_root)
    yield _periods(data_root)
    yield _informed(requests)
    yield Answer("E13", "Who handles requests, by which procedure, and how are they trained?")
    yield Answer("E14", "How many complaints reached the authority, and what became of them?")


def _received(requests: list[Request]) -> Answer:
    figures = {
        "requests": len(requests),
        "by_year": counted([request.received_at[:4] for request in requests]),
        "by_channel": counted([request.channel for request in requests]),
    }
    return Answer(
        "E1",
        "How many requests for erasure did you receive, and by which channels?",
        f"{len(requests)} requests",
        (LEDGER,),
        figures,
    )


def _outcomes(requests: list[Request]) -> Answer:
    closed = [request for request in requests if request.state == "closed"]
    refused = [request.why for request in closed if request.why in GROUNDS]
    nobody = sum(request.outcome == NOBODY_FOUND for request in closed)
    figures = {
        "open": len(requests) - len(closed),
        "refused": len(refused),
        "nobody_found": nobody,
        "carried_out": len(closed) - len(refused) - nobody,
        "refused_by_ground": counted(refused),
    }
    return Answer(
        "E2",
        "How many did you carry out, refuse, or could not match to anybody; on which grounds?",
        f"{figures['carried_out']} carried out, {figures['refused']} refused, {nobody} matched "
        f"nobody, {figures['open']} open",
        (LEDGER, *(f"{code}: {GROUNDS[code].law}" for code in sorted({*refused}))),
        figures,
    )


def _durations(data_root: DataRoot, requests: list[Request], today: date) -> Answer:
    late = 0
    for request in requests:
        ended = (
            datetime.fromisoformat(request.closed_at).astimezone(data_root.policy.zone).date()
            if request.closed_at
            else today
        )
        late += ended > request.due_on(data_root)
    extended = [request.extension.get("reason", "") for request in requests if request.extension]
    carried_out = service_level.of_erasures(requests).as_numbers()
    figures = {**carried_out, "late": late, "extended": counted(extended)}
    return Answer(
        "E3",
        "How long does it take from receipt to proof, how many were late, how many extended?",
        f"{late} after the day by which they must be answered; {len(extended)} extended",
        (LEDGER, "docs/law.md: GDPR 12(3)"),
        figures,
    )


def _identity(requests: list[Request]) -> Answer:
    means = [request.identity["means"] for request in requests if request.state == "closed"]
    return Answer(
        "E4",
        "How do you identify who asks, and do you ask for no more than is needed?",
        "by " + (", ".join(sorted({*means})) or "no means yet: none is closed"),
        (LEDGER, "docs/decisions/erasure-safeguards.md"),
        {"by_means": counted(means)},
    )


def _exceptions(requests: list[Request], issued: list[dict[str, Any]]) -> Answer:
    retained = [
        f"{decision['ground']}: {category}"
        for certificate in issued
        for category, decision in certificate["decisions"].items()
        if decision["decision"] == "held"
    ]
    refused = [request.why for request in requests if request.why in GROUNDS]
    return Answer(
        "E5",
        "Which exceptions of Art. 17(3) did you apply, and how do you weigh them?",
        f"{len(refused)} whole refusals; {len(retained)} categories kept by statute, without their "
        "person, each with its last day on the certificate",
        (CERTIFICATES, "docs/decisions/legal-holds.md"),
        {"refused_by_ground": counted(refused), "held_by_statute": counted(retained)},
    )


def _proof(data_root: DataRoot, issued: list[dict[str, Any]]) -> Answer:
    findings = certificate_checks.check(data_root)
    rows = sum(sum(certificate["rows_removed"].values()) for certificate in issued)
    return Answer(
        "E6",
        "What is deleted, where, and how can you show it?",
        f"{len(issued)} certificates on {rows} rows; the chain "
        + ("is as issued" if not findings else f"has {len(findings)} findings"),
        (CERTIFICATES, "docs/decisions/proof-of-erasure.md", "`register verify --certificates`"),
        {"certificates": len(issued), "rows_removed": rows, "findings": len(findings)},
    )


def _remains(issued: list[dict[str, Any]]) -> Answer:
    kinds = [kind["reason"] for certificate in issued for kind in certificate.get("remains", ())]
    return Answer(
        "E7",
        "Do you anonymise instead of deleting; what stays behind, and can it be linked again?",
        "nothing is anonymised instead: records are removed; what remains is counted on the "
        "certificate with its reason",
        (CERTIFICATES, "docs/decisions/deleted-data-in-storage-engines.md"),
        {"remains_by_reason": counted(kinds)},
    )


def _backups(data_root: DataRoot, issued: list[dict[str, Any]]) -> Answer:
    left = backup_generations.remaining(data_root)
    promised = sorted(
        {
            str(certificate["backups"]["until"])
            for certificate in issued
            if certificate.get("backups", {}).get("generations")
        }
    )
    return Answer(
        "E8",
        "What becomes of the data in backups?",
        "generations in the data root are encrypted again without the person; those elsewhere end "
        "with their key, on the day on the certificate; a restore replays erasures first",
        (CERTIFICATES, "docs/decisions/backups.md", "`register backup list`"),
        {"generations": left.generations, "until": left.until, "promised_until": promised[-1:]},
    )


def _recipients(data_root: DataRoot, requests: list[Request]) -> Answer:
    known = {request.request_id for request in requests}
    notices = [notice for notice in notice_ledger.every(data_root) if notice.request_id in known]
    days = [
        (date.fromisoformat(notice.acknowledged_on) - date.fromisoformat(notice.written_on)).days
        for notice in notices
        if notice.acknowledged_on
    ]
    return Answer(
        "E9",
        "Do you notify recipients of the erasure (Art. 19), and do they confirm?",
        f"{len(notices)} notices, {len(days)} acknowledged",
        ("requests/notices/ (`register notices list`)", "docs/decisions/recipients.md"),
        {
            "by_state": counted([notice.state for notice in notices]),
            "median_days": median(days) if days else None,
        },
    )


def _suppressed(data_root: DataRoot) -> Answer:
    hashes = suppression.count_listed(data_root)
    return Answer(
        "E10",
        "How do you prevent that erased data come back from a source?",
        f"{hashes} keyed hashes keep erased people out of later deliveries",
        (
            "requests/suppressions.parquet",
            "docs/decisions/suppression-and-erasure.md",
            "`register verify`",
        ),
        {"hashes": hashes},
    )


def _periods(data_root: DataRoot) -> Answer:
    rules = sorted(data_root.policy.retention)
    return Answer(
        "E11",
        "Which retention periods have you set, and are they applied without being asked?",
        f"{len(rules)} rules, applied in each refresh and by the daily job `retention`; the check "
        "`nothing_overdue` reads the files again",
        ("schemas/policy.yaml", "docs/decisions/retention.md", "`register retention forecast`"),
        {"rules": rules},
    )


def _informed(requests: list[Request]) -> Answer:
    confirmed = sum(
        any(event["what"] == "confirmation_taken" for event in request.events)
        for request in requests
    )
    return Answer(
        "E12",
        "What do you tell who asked: the outcome, what is kept, the right to complain?",
        f"{confirmed} confirmations were taken to be sent, each with what is kept and until when, "
        "and the authority to complain to",
        (LEDGER, "docs/decisions/letters.md"),
        {"confirmations_sent": confirmed},
    )
