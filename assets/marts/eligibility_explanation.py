"""Why a registrant is in a mart or not: the rules that include or exclude them, as last built.

Codes, dates and kinds of sources only, no data about the registrant or about anyone else.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from assets.register.build_state import STATE
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.storage.data_root import DataRoot
from assets.storage.queries import count
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect
from schemas.eligibility import CODES, NOTHING_LETS_IN, channels


class UnknownRegistrantError(PlainError):
    """The register has no registrant of that id; the message does not repeat it."""


@dataclass(frozen=True)
class Reason:
    """A rule that applies to the registrant; `since` is the day of its signal, if it has one."""

    code: str
    effect: str
    basis: str | None
    source: str | None
    since: date | None
    meaning: str


@dataclass(frozen=True)
class Decision:
    """The decision on a channel (`all`: the purpose has no channels), and its rules."""

    channel: str
    eligible: bool
    rules: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the decision for JSON, in which `eligible` is called `admitted`."""
        return {
            "channel": self.channel,
            "admitted": self.eligible,
            "rules": [asdict(rule) for rule in self.rules],
        }


def as_of(data_root: DataRoot) -> str | None:
    """Return the day of the last built register; None before there is one."""
    state = data_root.lake / "register" / STATE
    noted: dict[str, str] = json.loads(state.read_text()) if state.exists() else {}
    return noted.get("as_of")


def explain(data_root: DataRoot, registrant_id: str, purpose: str) -> list[Decision]:
    """Return each channel's decision about the registrant.

    Raises:
        UnknownRegistrantError: The register has no such id.
    """
    with connect(data_root) as connection:
        for table in ("registrants", "admission"):
            read_register(data_root, connection, table, TABLES[table])
        known = "SELECT count(*) FROM registrants WHERE registrant_id = ?"
        if not count(connection, known, [registrant_id]):
            raise UnknownRegistrantError(
                "the register, as it was last built, has no registrant of that id; ids are those "
                "of the marts and of lake/register"
            )
        rows = connection.execute(
            """SELECT channel, code, effect, basis, source, since
            FROM admission
            WHERE registrant_id = ? AND purpose = ?
            ORDER BY effect, code""",
            [registrant_id, purpose],
        ).fetchall()
    reasons = [
        (channel, Reason(code, effect, basis, source, since, CODES[code]))
        for channel, code, effect, basis, source, since in rows
    ]
    return [
        _decision(channel, [reason for on, reason in reasons if on == channel])
        for channel in channels(purpose)
    ]


def _decision(channel: str, reasons: list[Reason]) -> Decision:
    included = any(reason.effect == "in" for reason in reasons)
    excluded = any(reason.effect == "out" for reason in reasons)
    nothing = (
        []
        if included
        else [Reason(NOTHING_LETS_IN, "out", None, None, None, CODES[NOTHING_LETS_IN])]
    )
    return Decision(channel, included and not excluded, (*reasons, *nothing))
