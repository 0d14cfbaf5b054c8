"""Holds on a registrant: found like the registrant of a request, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from assets.register import holds as register_holds
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import holds
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

    Ids, codes and days; never an identifier. `readable`: whether its key is there, without which
    everybody is under a hold while it is in force.
    """
    unreadable = register_holds.unreadable(data_root, today)
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
            "hold_id": request_id,
            "ground": ground,
            "owner": "request",
            "categories": [],
            "until": None,
            "in_force": True,
            "meaning": GROUNDS[ground].meaning,
        }
        for request_id, ground in register_holds.open_requests(data_root)
    ]
    return [row | {"readable": row["hold_id"] not in unreadable} for row in (*shown, *automatic)]
