"""The supervisory pack: what the EDPB's coordinated actions ask of a controller, with the answers
that the records give and where they are; `no evidence` where only the controller can answer.

Cost: the requests and certificates one by one, and for Art. 14 the person keys of what is staged.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from assets.documents.pages import code, table, text
from assets.storage.data_root import DataRoot
from assets.supervision import erasure_answers, transparency_answers
from assets.supervision.answers import Answer

TOPICS = {
    "Erasure (coordinated action of 2025; GDPR 12, 17, 19)": erasure_answers.answers,
    "Transparency and information (coordinated action of 2026; GDPR 12-14)": (
        transparency_answers.answers
    ),
}


def gather(data_root: DataRoot, today: date, since: date) -> dict[str, list[Answer]]:
    """Return the answers by topic, on the requests received from `since` to `today`."""
    return {topic: list(answers(data_root, today, since)) for topic, answers in TOPICS.items()}


def as_data(
    data_root: DataRoot, today: date, since: date, gathered: dict[str, list[Answer]]
) -> dict[str, Any]:
    """Return the pack for machines."""
    return {
        "controller": data_root.policy.controller.name,
        "policy": data_root.policy.version,
        "since": str(since),
        "as_of": str(today),
        "without_evidence": _without_evidence(gathered),
        "topics": {
            topic: [answer.as_data() for answer in answers] for topic, answers in gathered.items()
        },
    }


def markdown(
    data_root: DataRoot, today: date, since: date, gathered: dict[str, list[Answer]]
) -> str:
    """Return the pack as Markdown, to be read and handed in."""
    without = _without_evidence(gathered)
    parts = [
        "# Answers for the supervisory authority",
        f"{text(data_root.policy.controller.name)}, policy {text(data_root.policy.version)}. "
        f"Requests received from {since} to {today}, as the ledgers have them on {today}.",
        f"Without evidence in the register: {', '.join(without) or 'none'}. The controller answers "
        "these; nothing is assumed.",
    ]
    for topic, answers in gathered.items():
        parts.append(f"## {text(topic)}")
        for answer in answers:
            parts += [f"### {answer.question} {text(answer.text)}", f"**{text(answer.answer)}**"]
            if answer.figures:
                rows = [[text(name), text(_shown(value))] for name, value in answer.figures.items()]
                parts.append(table(("figure", "value"), rows))
            if answer.evidence:
                parts.append("Evidence: " + "; ".join(map(_place, answer.evidence)))
    return "\n\n".join(parts) + "\n"


def _without_evidence(gathered: dict[str, list[Answer]]) -> list[str]:
    return [
        answer.question
        for answers in gathered.values()
        for answer in answers
        if not answer.is_answered
    ]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _place(evidence: str) -> str:
    return text(evidence) if "`" in evidence or " " in evidence else code(evidence)
