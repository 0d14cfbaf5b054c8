"""Holds on a registrant: found like the registrant of a request, added, listed and ended.

Ending one lets the erasures go on that waited for it: their state is `received` again, and a person
launches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from assets.register import holds as register_holds
from assets.register.building import TABLES, read_register
from assets.requests import holds, ledger
from assets.requests.ledger import Request
from assets.rights import lookup
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.holds import GROUNDS


def identifiers_of(data_root: DataRoot, registrant_id: str, given: Sequence[str]) -> list[str]:
    """Return every identifier that is the registrant's alone.

    Args:
        data_root: The data root.
        registrant_id: Of the register, or empty.
        given: Identifiers of the registrant, each `<type>:<canonical value>`, if there is no id.

    Raises:
        HoldError: The register knows nobody, or several people, by what was given.
    """
    asked = Request(
        "H", "access", "other", datetime.now(data_root.policy.zone).isoformat(),
        given=tuple(given), registrants=(registrant_id,) if registrant_id else (),
    )  # fmt: skip
    if registrant_id and not _is_known(data_root, registrant_id):
        raise holds.HoldError("the register has no registrant of that id")
    found = lookup.find(data_root, [asked])[asked.request_id]
    if found.unclear or not found.registrants:
        raise holds.HoldError(
            "what was given does not certainly mean one registrant: give more, or the registrant's "
            "id, as `register request find` shows it"
        )
    return sorted({*found.resolved, *found.own})


def _is_known(data_root: DataRoot, registrant_id: str) -> bool:
    with connect(data_root) as connection:
        read_register(data_root, connection, "registrants", TABLES["registrants"])
        found = connection.execute(
            "SELECT 1 FROM registrants WHERE registrant_id = ?", [registrant_id]
        ).fetchone()
    return found is not None


def listed(data_root: DataRoot, today: date) -> list[dict[str, Any]]:
    """Return every hold: added ones, those in force and those that have ended, and open requests.

    Ids, codes and days; never an identifier.
    """
    shown = [
        {
            name: value
            for name, value in asdict(hold).items()
            if name not in ("identifiers", "without_key")
        }
        | {"in_force": hold.in_force(today), "meaning": GROUNDS[hold.ground].meaning}
        for hold in holds.every(data_root, opened=False)
    ]
    automatic: list[dict[str, Any]] = [
        {
            "hold_id": each.hold,
            "ground": each.ground,
            "owner": "request",
            "categories": [],
            "until": None,
            "in_force": True,
            "meaning": GROUNDS[each.ground].meaning,
        }
        for each in register_holds.of_requests(data_root)
    ]
    return [*shown, *automatic]


def end(data_root: DataRoot, hold_id: str, by: str, now: datetime) -> holds.Hold:
    """End a hold by command; erasures that waited for it alone can be launched again.

    Raises:
        HoldError: There is no such hold in force.
    """
    ended = holds.end(data_root, hold_id, by, now)
    release_erasures(data_root, now.astimezone(data_root.policy.zone).date())
    return ended


def release_erasures(data_root: DataRoot, today: date) -> list[str]:
    """Set erasures that waited for holds which have ended to `received`; return their ids."""
    in_force = {hold.hold_id for hold in holds.every(data_root, opened=False)
                if hold.in_force(today)}  # fmt: skip
    with ledger.changing(data_root):
        waiting = [
            request
            for request in ledger.every(data_root)
            if request.state == "unclear"
            and request.waits_for
            and not {*request.waits_for} & in_force
        ]
        ledger.save(
            data_root,
            *(replace(request, state="received", why="", waits_for=()) for request in waiting),
        )
    return [request.request_id for request in waiting]
