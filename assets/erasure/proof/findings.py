"""What a proof finds: a code, where, how many, and for which request; never a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.proof import WARNINGS


@dataclass(frozen=True, order=True)
class Finding:
    """A finding of the proof, and where: a layer, table or kind of file.

    `request_id` is empty for what concerns all erasures alike. `places` are the records of a layer
    as `source/day/delivery/record`.
    """

    code: str
    where: str
    count: int
    request_id: str = ""
    places: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Return whether the finding prevents the proof."""
        return self.code not in WARNINGS


def failures(findings: Iterable[Finding], request_id: str = "") -> list[Finding]:
    """Return the findings that leave the request unproven; without a request, all that fail."""
    return [
        finding
        for finding in findings
        if finding.fails and (not request_id or finding.request_id in ("", request_id))
    ]
