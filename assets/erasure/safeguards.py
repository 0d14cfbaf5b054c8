"""What an erasure waits for before it begins, because it cannot be undone: that somebody verified
who asked, and that nobody is erased unnoticed while contracts of theirs are active.

Source: GDPR 12(6), 17(1)(a), 32; docs/decisions/erasure-safeguards.md. Either may be decided
otherwise by a person; the decision is in the request's history and on the certificate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests.ledger import ACTIVE_CONTRACTS, UNVERIFIED, Request
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect

ERASED = "erase"
"""The choice that an erasure goes on nevertheless."""
EVENTS: Mapping[str, str] = {
    UNVERIFIED: "unverified_decided",
    ACTIVE_CONTRACTS: "active_contracts_decided",
}


@dataclass(frozen=True)
class Safeguards:
    """Of one erasure: whether nobody verified who asked, how many of the registrant's contracts are
    active, and which of the two nobody has decided yet.
    """

    unverified: bool
    active_contracts: int
    undecided: tuple[str, ...]

    def warnings(self) -> list[str]:
        """Return what an officer is shown, decided or not."""
        listed = []
        if self.unverified:
            listed.append("nobody has verified who asks")
        if self.active_contracts:
            listed.append(f"{self.active_contracts} contracts of the registrant are active")
        return listed

    def reason(self, request_id: str) -> str:
        """Return why the erasure waits, and what to do; empty when nothing is undecided."""
        ways = {
            UNVERIFIED: (
                "nobody has verified who asks: `register request verify` with the means, or a code "
                "to a contact on file, or decide to go on without with `register request decide "
                f"{request_id} --unverified erase`"
            ),
            ACTIVE_CONTRACTS: (
                f"{self.active_contracts} contracts of the registrant are active: end them first, "
                f"or decide with `register request decide {request_id} --active-contracts erase`, "
                "or refuse"
            ),
        }
        waits = "; ".join(ways[choice] for choice in self.undecided)
        return f"request {request_id}: {waits}" if waits else ""


def check(data_root: DataRoot, erasures: Sequence[Request], today: date) -> dict[str, Safeguards]:
    """Return the safeguards of resolved erasures, by request id. Changes nothing; one query for
    any number of requests.
    """
    active = _active_contracts(data_root, erasures, today)
    return {request.request_id: _of(request, active[request.request_id]) for request in erasures}


def _of(request: Request, active: int) -> Safeguards:
    unverified = not request.verification
    open_questions = {UNVERIFIED: unverified, ACTIVE_CONTRACTS: bool(active)}
    return Safeguards(
        unverified,
        active,
        tuple(
            choice
            for choice, asked in open_questions.items()
            if asked and request.choices.get(choice) != ERASED
        ),
    )


def _active_contracts(
    data_root: DataRoot, erasures: Sequence[Request], today: date
) -> dict[str, int]:
    registrants = sorted({registrant for each in erasures for registrant in each.registrants})
    with connect(data_root) as connection:
        read_register(data_root, connection, "contracts", TABLES["contracts"])
        rows = connection.execute(
            """SELECT registrant_id, count(*) FROM contracts
            WHERE list_contains($1::VARCHAR[], registrant_id) AND status = 'active'
                AND coalesce(ends_on >= $2, true)
            GROUP BY ALL""",
            [registrants, today],
        ).fetchall()
    counts = {registrant_id: int(count) for registrant_id, count in rows}
    return {
        request.request_id: sum(counts.get(registrant, 0) for registrant in request.registrants)
        for request in erasures
    }
