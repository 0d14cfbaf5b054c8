"""Holds that somebody has added: a file each, by opaque id, like requests.

    requests/holds/<id>.json   ground, owner, categories, days, and who ended it; while it is in
                               force also the registrant's identifiers, encrypted under a key of
                               their own (`assets.requests.encrypted_identity`)

Ending destroys the key and writes the file without the encrypted part: what stays is the record of
who added it, on which ground, and who ended it. What a hold does is in `assets.register.holds`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path

from assets.requests import encrypted_identity, ledger
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import DamagedFileError, remove, writing
from assets.storage.safe_errors import PlainError
from schemas.holds import BY_COMMAND

BY_DATE = "date"


class HoldError(PlainError):
    """The hold cannot be added, read or ended; its message has no identifiers."""


@dataclass(frozen=True)
class Hold:
    """A hold on the data of one registrant.

    Attributes:
        ground: A code of `schemas.holds.BY_COMMAND`.
        owner: Who answers for it: a role or a case number, not the registrant.
        categories: The policy's categories that it covers; empty for all.
        until: The day on which it ends (YYYY-MM-DD); None until a command ends it.
        identifiers: Of the registrant, each `<type>:<value>`; only ever written encrypted.
        ended_by: The account that ended it, or `date`.
        without_key: The identifiers cannot be read, because the key is missing.
    """

    hold_id: str
    ground: str
    owner: str
    added_at: str
    added_by: str
    categories: tuple[str, ...] = ()
    until: str | None = None
    identifiers: tuple[str, ...] = ()
    ended_at: str | None = None
    ended_by: str | None = None
    without_key: bool = False

    def in_force(self, today: date) -> bool:
        """Whether it holds on the day; on the day of its end it does not any more."""
        return self.ended_at is None and (self.until is None or str(today) < self.until)


def folder(data_root: DataRoot) -> Path:
    """Return the folder of the holds."""
    return data_root.requests / "holds"


def add(
    data_root: DataRoot,
    identifiers: Sequence[str],
    ground: str,
    owner: str,
    by: str,
    now: datetime,
    categories: Sequence[str] = (),
    until: date | None = None,
) -> str:
    """Record a hold, durably, and return its id.

    Raises:
        HoldError: Ground or category is unknown, the owner is missing, the end is not to come, or
            there are no identifiers.
    """
    unknown = sorted({*categories} - {*data_root.policy.categories})
    if unknown:
        raise HoldError(f"the policy has no category {', '.join(unknown)}")
    if ground not in BY_COMMAND:
        raise HoldError(f"no ground of a hold: give one of {', '.join(BY_COMMAND)}")
    if not owner.strip():
        raise HoldError("a hold needs an owner: who answers for it, such as a role or a case")
    if until is not None and until <= now.astimezone(data_root.policy.zone).date():
        raise HoldError("the hold would have ended already: give a day that is to come")
    if not identifiers:
        raise HoldError("the hold names nobody")
    hold = Hold(
        f"H{ledger.new_id(now)[1:]}",
        ground,
        owner.strip(),
        now.isoformat(timespec="seconds"),
        by,
        tuple(sorted({*categories})),
        str(until) if until else None,
        tuple(sorted({*identifiers})),
    )
    _save(data_root, hold)
    return hold.hold_id


def every(data_root: DataRoot, *, opened: bool = True) -> list[Hold]:
    """Return all holds, oldest first; unless `opened`, without the identifiers."""
    return [
        _read(data_root, path, opened=opened) for path in sorted(folder(data_root).glob("H*.json"))
    ]


def in_force(data_root: DataRoot, today: date) -> list[Hold]:
    """Return the holds in force on the day, with their identifiers.

    Raises:
        HoldError: The key of one is missing: nothing may be removed, as what to keep is unknown.
    """
    holds = [hold for hold in every(data_root) if hold.in_force(today)]
    if lost := [hold.hold_id for hold in holds if hold.without_key]:
        raise HoldError(
            f"the keys of the holds {', '.join(lost)} are not in secrets/request-keys: bring them "
            "back, or end the holds with `register hold end`"
        )
    return holds


def end(data_root: DataRoot, hold_id: str, by: str, now: datetime) -> Hold:
    """End a hold and destroy what identified the registrant; who ended it stays on record.

    Erasures that waited for it alone are `received` again, and a person launches them.

    Raises:
        HoldError: There is no such hold in force.
    """
    hold = next((each for each in every(data_root, opened=False) if each.hold_id == hold_id), None)
    if hold is None:
        raise HoldError("there is no hold of that id; `register hold list` shows them")
    if hold.ended_at is not None:
        raise HoldError(f"hold {hold_id} has ended already")
    ended = replace(hold, ended_at=now.isoformat(timespec="seconds"), ended_by=by)
    _save(data_root, ended)
    encrypted_identity.destroy(data_root, [hold_id])
    _release_erasures(data_root, now.astimezone(data_root.policy.zone).date())
    return ended


def _release_erasures(data_root: DataRoot, today: date) -> None:
    """Set erasures that waited for holds which have ended to `received`."""
    in_force_now = {hold.hold_id for hold in every(data_root, opened=False) if hold.in_force(today)}
    with ledger.changing(data_root):
        waiting = [
            request
            for request in ledger.every(data_root)
            if request.state == "unclear"
            and request.waits_for
            and not {*request.waits_for} & in_force_now
        ]
        ledger.save(
            data_root,
            *(replace(request, state="received", why="", waits_for=()) for request in waiting),
        )


def end_by_date(data_root: DataRoot, today: date, now: datetime) -> list[str]:
    """End the holds that have reached their day, and return their ids. Repeatable."""
    over = [
        hold.hold_id
        for hold in every(data_root, opened=False)
        if hold.ended_at is None and not hold.in_force(today)
    ]
    for hold_id in over:
        end(data_root, hold_id, BY_DATE, now)
    return over


def forget(data_root: DataRoot, before: date) -> int:
    """Remove the records of holds that ended on `before` or earlier; return how many."""
    old = [
        hold
        for hold in every(data_root, opened=False)
        if hold.ended_at and datetime.fromisoformat(hold.ended_at).date() <= before
    ]
    for hold in old:
        remove(folder(data_root) / f"{hold.hold_id}.json")
    return len(old)


def _save(data_root: DataRoot, hold: Hold) -> None:
    hidden: dict[str, object] = {}
    if hold.ended_at is None:
        locked = encrypted_identity.encrypt(data_root, {hold.hold_id: list(hold.identifiers)})
        hidden = {"sealed": locked[hold.hold_id]}
    plain = {
        name: value
        for name, value in asdict(hold).items()
        if name not in ("identifiers", "without_key")
    }
    folder(data_root).mkdir(mode=0o700, parents=True, exist_ok=True)
    with writing(folder(data_root) / f"{hold.hold_id}.json") as unfinished:
        unfinished.write_text(json.dumps({**plain, **hidden}, sort_keys=True))


def _read(data_root: DataRoot, path: Path, *, opened: bool) -> Hold:
    try:
        values = dict(json.loads(path.read_bytes()))
        locked = values.pop("sealed", "")
        hold = Hold(**{**values, "categories": tuple(values["categories"])})
    except (ValueError, TypeError, KeyError):
        raise DamagedFileError("FILE-CHANGED", path) from None
    identifiers = (
        encrypted_identity.opened(data_root, hold.hold_id, locked) if locked and opened else ()
    )
    return replace(hold, identifiers=tuple(identifiers or ()), without_key=identifiers is None)
