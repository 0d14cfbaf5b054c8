"""Notifications: what is wrong, and what is right again, to people who do not look at the UI.

A problem is sent to every channel once when it begins, once a day while it is not over unless it is
a warning, and once when it is over. What a channel has been sent is recorded in the data root, so
that restarts repeat nothing; a channel that fails is tried again, at growing intervals, with
what is wrong by then. A problem has ids, counts and codes, and never a personal value.

Channels are the file `notifications.jsonl`, the function that REGISTER_NOTIFIER names, and the
URLs (as Apprise takes them) of `secrets/notification-channels` and REGISTER_NOTIFY. A URL has
passwords in it: it is neither configured in Dagster nor logged nor recorded.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from assets.storage.atomic_files import writing
from assets.storage.safe_errors import PlainError

CHANNELS_FILE = "notification-channels"
CHANNELS_VARIABLE = "REGISTER_NOTIFY"
UI_VARIABLE = "REGISTER_UI_URL"
REPEATED_AFTER = timedelta(hours=24)
LONGEST_WAIT = timedelta(hours=1)
MOST_LINES = 30
_log = logging.getLogger("register.notifications")


class NotificationError(PlainError):
    """The URLs of channels cannot be read."""


@dataclass(frozen=True)
class Failure:
    """What the function that REGISTER_NOTIFIER names is called with."""

    job: str
    run_id: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, without any data.

    Attributes:
        key: By which it is the same problem the next time.
        what: One line of ids, counts and codes.
        version: Of a problem that happens again under the same key, which time it is.
        page: Its page below the UI's address.
        is_warning: It is sent once and not again each day.
        is_over: It has happened, and is over already.
    """

    key: str
    what: str
    version: str = ""
    job: str = ""
    run_id: str = ""
    steps: tuple[str, ...] = ()
    page: str = ""
    is_warning: bool = False
    is_over: bool = False


@dataclass(frozen=True)
class Changes:
    """What a channel is sent in one message."""

    new: list[Problem] = field(default_factory=list)
    lasting: list[Problem] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.new or self.lasting or self.recovered)

    @property
    def title(self) -> str:
        """Return the counts, for the subject of a mail."""
        warnings = sum(problem.is_warning for problem in self.new)
        counts = {
            "new": len(self.new) - warnings,
            "warnings": warnings,
            "not over": len(self.lasting),
            "recovered": len(self.recovered),
        }
        return "register: " + ", ".join(
            f"{count} {name}" for name, count in counts.items() if count
        )

    @property
    def text(self) -> str:
        """Return a line for each."""
        lines = [
            *(("Warning: " if each.is_warning else "Failed: ") + _line(each) for each in self.new),
            *(f"Not over: {_line(problem)}" for problem in self.lasting),
            *(f"Recovered: {what}" for what in self.recovered),
        ]
        more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
        return "\n".join([*lines[:MOST_LINES], *more])


def _line(problem: Problem) -> str:
    address = link(problem)
    return f"{problem.what} {address}" if address else problem.what


def link(problem: Problem) -> str:
    """Return the address of the problem's page; empty where the UI's address is not known."""
    address = os.environ.get(UI_VARIABLE, "").rstrip("/")
    return f"{address}/{problem.page}" if address and problem.page else ""


@dataclass(frozen=True)
class Channel:
    """Somewhere to send messages.

    Attributes:
        name: What may be shown of it: never its URL.
        id: By which what it has been sent is recorded.
        send: Returns whether it has arrived.
    """

    name: str
    id: str
    send: Callable[[Changes], bool]


def channels(root: Path) -> list[Channel]:
    """Return the channels of a data root: the file, or the named function, and every URL.

    Raises:
        NotificationError: The file of channels cannot be read.
    """
    named = os.environ.get("REGISTER_NOTIFIER")
    own = (
        Channel("REGISTER_NOTIFIER", "notifier", partial(_call, named))
        if named
        else Channel("notifications.jsonl", "file", partial(_append, root / "notifications.jsonl"))
    )
    return [own, *(_apprise(number, url) for number, url in enumerate(urls(root), 1))]


def urls(root: Path) -> list[str]:
    """Return the URLs of the file (one a line; `#` begins a comment) and of the environment."""
    lines = [line.strip() for line in secret_text(root, CHANNELS_FILE).splitlines()]
    listed = [line for line in lines if line and not line.startswith("#")]
    return list(dict.fromkeys([*listed, *os.environ.get(CHANNELS_VARIABLE, "").split()]))


def secret_text(root: Path, name: str) -> str:
    """Return what an operator has put into a file of `secrets/`; empty where there is none.

    Raises:
        NotificationError: It cannot be read.
    """
    try:
        return (root / "secrets" / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        raise NotificationError(f"secrets/{name} cannot be read ({type(error).__name__})") from None


def _apprise(number: int, url: str) -> Channel:
    scheme = url.partition("://")[0] if "://" in url else "no URL"
    name = f"channel {number} ({scheme})"
    return Channel(name, hashlib.sha256(url.encode()).hexdigest()[:16], partial(_post, url))


def _post(url: str, changes: Changes) -> bool:
    """Send by Apprise."""
    import apprise

    kind = apprise.NotifyType.FAILURE if changes.new else apprise.NotifyType.INFO
    sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="register"))
    with no_urls_logged():
        return bool(sender.add(url)) and bool(
            sender.notify(title=changes.title, body=changes.text, notify_type=kind)
        )


@contextmanager
def no_urls_logged() -> Iterator[None]:
    """Drop meanwhile what the libraries log that send: URLs, with the passwords in them."""
    loggers = [logging.getLogger(name) for name in ("apprise", "httpcore", "httpx", "urllib3")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _append(path: Path, changes: Changes) -> bool:
    """Append a line for each change to the file."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    lines = [
        *(
            {"at": now, "state": state, **asdict(problem), "link": link(problem)}
            for state, problems in (("new", changes.new), ("lasting", changes.lasting))
            for problem in problems
        ),
        *({"at": now, "state": "recovered", "what": what} for what in changes.recovered),
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return True


def _call(named: str, changes: Changes) -> bool:
    notify = notifier(named)
    for problem in (*changes.new, *changes.lasting):
        notify(Failure(problem.job, problem.run_id, problem.steps or (problem.what,)))
    return True


def notifier(named: str) -> Callable[[Failure], None]:
    """Return a function by its name, `module:function`.

    Raises:
        ImportError, AttributeError: There is no such function.
    """
    module, _, function = named.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]


def notify(
    root: Path, problems: Iterable[Problem], now: datetime, undecided: Collection[str] = ()
) -> list[str]:
    """Send each channel what has changed since it was last sent something.

    Args:
        root: The data root.
        problems: All problems there are.
        undecided: Beginnings of keys of which nothing is known now: they stay as they were.

    Returns:
        The names of the channels that failed, or are waiting to be tried again after they had.
    """
    listed = {problem.key: problem for problem in problems}
    recorded = _recorded(root)
    failed = []
    kept: dict[str, Any] = {}
    for channel in channels(root):
        known = recorded.get(channel.id, {})
        entry = kept[channel.id] = dict(known)
        if known.get("retry_at", "") > now.isoformat():
            failed.append(channel.name)
            continue
        changes, sent = _changes(known.get("sent", {}), listed, now, tuple(undecided))
        if not changes or _send(channel, changes):
            kept[channel.id] = {"sent": sent}
            continue
        failed.append(channel.name)
        entry["failures"] = known.get("failures", 0) + 1
        wait = min(timedelta(minutes=2 ** min(entry["failures"] - 1, 6)), LONGEST_WAIT)
        entry["retry_at"] = (now + wait).isoformat()
    if kept != recorded:
        with writing(_record(root)) as unfinished:
            unfinished.write_text(json.dumps(kept, sort_keys=True), encoding="utf-8")
    return failed


def report(root: Path, problem: Problem, now: datetime) -> list[str]:
    """Send one problem to every channel that has not been sent it; the others stay as they are.

    Returns:
        The names of the channels that failed.
    """
    return notify(root, [problem], now, undecided=("",))


def lasting(root: Path) -> list[str]:
    """Return the problems that any channel has been sent, and that are not over."""
    return sorted(
        {
            sent["what"]
            for entry in _recorded(root).values()
            for sent in entry.get("sent", {}).values()
            if not sent["over"]
        }
    )


def _changes(
    sent: Mapping[str, Mapping[str, Any]],
    listed: Mapping[str, Problem],
    now: datetime,
    undecided: tuple[str, ...],
) -> tuple[Changes, dict[str, Any]]:
    """Return what to send a channel, and what it has been sent then."""
    changes = Changes()
    after: dict[str, Any] = {}
    for key, problem in listed.items():
        before = sent.get(key)
        at = before["at"] if before else ""
        if before is None or before["version"] != problem.version:
            changes.new.append(problem)
            at = now.isoformat()
        elif problem.is_over and not before["over"]:
            changes.recovered.append(before["what"])
        elif _is_to_be_repeated(problem, datetime.fromisoformat(at), now):
            changes.lasting.append(problem)
            at = now.isoformat()
        after[key] = {
            "version": problem.version,
            "what": problem.what,
            "at": at,
            "over": problem.is_over,
        }
    for key, before in sent.items():
        if key in listed:
            continue
        if key.startswith(undecided):
            after[key] = before
        elif not before["over"]:
            changes.recovered.append(before["what"])
    return changes, after


def _is_to_be_repeated(problem: Problem, sent_at: datetime, now: datetime) -> bool:
    return not (problem.is_warning or problem.is_over) and now - sent_at >= REPEATED_AFTER


def _send(channel: Channel, changes: Changes) -> bool:
    try:
        if channel.send(changes):
            return True
        why = "it was not accepted"
    except Exception as error:  # noqa: BLE001  (one channel does not keep the others from it)
        why = type(error).__name__
    _log.warning("%s could not be notified: %s; it is tried again", channel.name, why)
    return False


def test_messages(root: Path) -> Iterator[tuple[str, bool]]:
    """Send a message to every channel, and yield its name and whether it has arrived."""
    problem = Problem("test", "this is a test, nothing is wrong", is_warning=True)
    for channel in channels(root):
        yield channel.name, _send(channel, Changes(new=[problem]))


def _recorded(root: Path) -> dict[str, Any]:
    """Return what each channel has been sent; nothing where the record is damaged."""
    try:
        recorded = json.loads(_record(root).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return recorded if isinstance(recorded, dict) else {}


def _record(root: Path) -> Path:
    return root / "watch" / "sent.json"
