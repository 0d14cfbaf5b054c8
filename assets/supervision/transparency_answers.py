"""The EDPB's coordinated action of 2026 on transparency and information (GDPR 12 to 14): what
controllers are asked, in our words, answered from the notice, the policy and the ledgers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from assets.documents import conflicts, notice
from assets.register import information_duty
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.supervision.answers import Answer, counted

# GDPR 13 and 14: what must be in the notice -> the part of its facts that states it.
ITEMS = {
    "the controller and its contact (13(1)(a))": "contact",
    "the data protection officer's contact (13(1)(b))": "officer",
    "purposes and legal bases (13(1)(c))": "purposes",
    "categories of data (14(1)(d))": "uses",
    "recipients (13(1)(e))": "recipients",
    "how long data are kept (13(2)(a))": "retention",
    "the right to complain, and where (13(2)(d))": "authority",
    "sources (14(2)(f))": "third_parties",
    "automated decisions, profiling (13(2)(f))": "decisions",
}


def answers(data_root: DataRoot, today: date, since: date) -> Iterator[Answer]:
    """Yield the questions with their answers on `today`, requests as of those received `since`."""
    yield _notices(data_root, today)
    yield _items(data_root, today)
    yield _third_parties(data_root, today)
    yield _agrees(data_root, today)
    yield _access(data_root, today, since)
    yield Answer("T6", "How do you test that the notice is understood, by children too?")
    yield Answer("T7", "Where and when is the notice shown, at each point of collection?")
    yield Answer("T8", "How do you tell people of changes of the notice?")


def _notices(data_root: DataRoot, today: date) -> Answer:
    policy = data_root.policy
    return Answer(
        "T1",
        "In which languages is your privacy notice, and how is it kept up to date?",
        f"in {', '.join(policy.languages)}; made from the policy {policy.version} and from what "
        "the running system stores, so that it states nothing that is not so",
        ("`register notice --lang`", "docs/decisions/generated-documents.md"),
        {"policy": policy.version, "hash": policy.fingerprint, "as_of": str(today)},
    )


def _items(data_root: DataRoot, today: date) -> Answer:
    facts = notice.facts(data_root.policy, data_root.policy.languages[0], today)
    missing = [item for item, part in ITEMS.items() if not facts[part]]
    return Answer(
        "T2",
        "Does it have all that Articles 13 and 14 ask for?",
        "all of it" if not missing else f"without: {'; '.join(missing)}",
        ("`register notice`", "docs/record-of-processing.md", "schemas/policy.yaml"),
        {"present": sorted({*ITEMS} - {*missing}), "missing": missing},
    )


def _third_parties(data_root: DataRoot, today: date) -> Answer:
    counts = information_duty.counts(data_root, today)
    return Answer(
        "T3",
        "How do you inform people whose data you have from others (Art. 14), and when?",
        f"{counts['informed']} informed, {counts['due']} due, {counts['overdue']} overdue",
        ("`register report informing`", "lake/informed.parquet"),
        {"registrants_by_state": counts},
    )


def _agrees(data_root: DataRoot, today: date) -> Answer:
    found = conflicts.conflicts(data_root.policy, today)
    counts = conflicts.per_severity(found)
    return Answer(
        "T4",
        "Does what you state agree with what you do?",
        "no disagreement known" if not found else f"{len(found)} disagreements are listed",
        ("`register report conflicts`", "the check `nothing_disagrees` of `policy/conflicts`"),
        {"by_severity": counts},
    )


def _access(data_root: DataRoot, today: date, since: date) -> Answer:
    requests = [
        request
        for request in ledger.every(data_root, opened=False)
        if request.right in ("access", "portability")
        and since <= request.received_on(data_root) <= today
    ]
    return Answer(
        "T5",
        "Can people get a copy of their data with all that Art. 15 asks for, and do they ask?",
        f"{len(requests)} requests for access or portability",
        ("requests/Q*.json (`register request list`)", "docs/decisions/access-package.md"),
        {
            "by_right": counted([request.right for request in requests]),
            "by_state": counted([request.state for request in requests]),
        },
    )
