"""What a run has found: each distinct failure once, with the fields and values that cause it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.fuzz.mutations import Mutation
from tests.fuzz.trial import Failure

_SHOWN = 12


@dataclass
class Finding:
    """One distinct failure: how often, and in which fields and with which values it was seen."""

    times: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    example: str = ""


class Findings:
    """Failures by what did not hold and where."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Finding] = {}

    def add(self, items: Iterable[Mutation], failure: Failure) -> bool:
        """Note a failure of these items; returns whether it is a new one."""
        key = (failure.invariant, failure.detail)
        new = key not in self.entries
        entry = self.entries.setdefault(key, Finding())
        entry.times += 1
        culprits = list(items)
        for item in culprits[:_SHOWN]:
            entry.fields[item.place] += 1
            entry.values[item.what] += 1
        entry.example = entry.example or ", with ".join(
            f"{item.kind} {item.field}: {item.what}" for item in culprits[:3]
        )
        return new

    def __len__(self) -> int:
        return len(self.entries)

    def text(self) -> str:
        """The failures as Markdown, the most frequent first."""
        lines = []
        for (invariant, detail), entry in sorted(
            self.entries.items(), key=lambda item: -item[1].times
        ):
            lines += [
                f"### {invariant}: {detail}",
                f"- seen {entry.times} times; e.g. {entry.example}",
                f"- fields: {_most_common(entry.fields)}",
                f"- values: {_most_common(entry.values)}",
                "",
            ]
        return "\n".join(lines)


def _most_common(counts: Counter[str]) -> str:
    more = len(counts) - _SHOWN
    shown = [f"{name} ({count})" for name, count in counts.most_common(_SHOWN)]
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
