"""Why a registrant is in a mart or not: the rules that let in and keep out, read from the last built register.

Codes, dates and kinds of sources only: nothing that the register holds about the registrant, or about anyone else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date

from assets.register.build_state import STATE
from assets.register.building import TABLES, read_register
from assets.storage.data_root import Home
from assets.storage.safe_errors import PlainError
from schemas.eligibility import CODES, NOTHING_LETS_IN, channels


class UnknownRegistrantError(PlainError):
    """The register has no registrant of that id; the message does not repeat it."""


@dataclass(frozen=True)
class Reason:
    """One rule that speaks of the registrant. `since`: the day of the signal, if it has one."""

    code: str
    effect: str
    basis: str | None
    source: str | None
    since: date | None
    meaning: str


@dataclass(frozen=True)
class Decision:
    """What holds on one channel (`all`: the purpose has no channels), and the rules that decide it."""

    channel: str
    admitted: bool
    rules: tuple[Reason, ...]


def as_of(home: Home) -> str | None:
    """The day of the last built register; None before there is one."""
    state = home.lake / "register" / STATE
    noted: dict[str, str] = json.loads(state.read_text()) if state.exists() else {}
    return noted.get("as_of")


def why(home: Home, registrant_id: str, purpose: str) -> list[Decision]:
    """Each channel's decision about the registrant. Raises UnknownRegistrantError when the register has no such id."""
    with home.connect() as connection:
        for table in ("registrants", "admission"):
            read_register(home, connection, table, TABLES[table])
        known = connection.execute(
            "SELECT count(*) FROM registrants WHERE registrant_id = ?", [registrant_id]
        ).fetchone()
        if not known or not known[0]:
            raise UnknownRegistrantError(
                "the register, as it was last built, has no registrant of that id; ids are those of the marts and of lake/register"
            )
        rows = connection.execute(
            """SELECT channel, code, effect, basis, source, since FROM admission WHERE registrant_id = ? AND purpose = ?
            ORDER BY effect, code""",
            [registrant_id, purpose],
        ).fetchall()
    told = [
        (channel, Reason(code, effect, basis, source, since, CODES[code]))
        for channel, code, effect, basis, source, since in rows
    ]
    return [
        _decision(channel, [reason for by, reason in told if by == channel])
        for channel in channels(purpose)
    ]


def _decision(channel: str, reasons: list[Reason]) -> Decision:
    let_in = any(one.effect == "in" for one in reasons)
    kept_out = any(one.effect == "out" for one in reasons)
    nothing = (
        [] if let_in else [Reason(NOTHING_LETS_IN, "out", None, None, None, CODES[NOTHING_LETS_IN])]
    )
    return Decision(channel, let_in and not kept_out, (*reasons, *nothing))
