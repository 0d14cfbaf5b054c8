"""The request inbox: one JSON file for each request, dropped into `requests/inbox/` by a form, a
mail reader or a person.

What is valid becomes a request of the ledger, and the file is destroyed. What is not is set aside
as `requests/refused/<id>.json` with an error code and the names of our own fields, never a value;
its content is kept encrypted for repair (`register request inbox --open`), as long as quarantine is
kept, and its file is destroyed, too. A folder, or what may not be read, is moved to
`requests/refused/<id>` as it is. A file taken in before a kill is known by the keyed hash of its
bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import RequestError
from assets.rights import lookup, verification
from assets.storage.atomic_files import UNFINISHED, remove, write_all
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from schemas.inbox_request import InboxRequest

LARGEST = 64 * 1024
# This much of a larger file is kept, so that a person can find out who wrote it.
KEPT = 1024 * 1024
_FIELDS = set(InboxRequest.model_fields)


class RefusedRequestError(Exception):
    """A request file cannot be taken in: its code, and which of our fields are at fault."""

    def __init__(self, code: str, fields: Iterable[str] = ()) -> None:
        super().__init__(code)
        self.code, self.fields = code, sorted(set(fields))


@dataclass(frozen=True)
class TakenIn:
    """Ids of the requests that files became, and of the files that were set aside."""

    received: tuple[str, ...]
    refused: tuple[str, ...]


def folder(data_root: DataRoot) -> Path:
    """Where files are dropped."""
    return data_root.requests / "inbox"


def refused_folder(data_root: DataRoot) -> Path:
    """Where it lies what was set aside."""
    return data_root.requests / "refused"


def take_in(data_root: DataRoot, now: datetime) -> TakenIn:
    """Take in every file that lies in the inbox; a temporary name (a dot in front, or another
    ending than .json) is left alone.
    """
    forget(
        data_root,
        data_root.policy.rule("quarantine")[1].period.before(
            now.astimezone(data_root.policy.zone).date()
        ),
    )
    received, refused = [], []
    for path in sorted(folder(data_root).glob("*.json")) if folder(data_root).is_dir() else []:
        if path.name.startswith((".", UNFINISHED)):
            continue
        content = _content(path)
        try:
            request_id = _take(data_root, content, now)
        except RefusedRequestError as refusal:
            refused.append(_set_aside(data_root, path, content, refusal, now))
        else:
            received += [request_id] if request_id else []
        remove(path)
    return TakenIn(tuple(received), tuple(refused))


def _content(path: Path) -> bytes | None:
    """A file's content, or the beginning of a large one; None for what is no readable file."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return file.read(KEPT)
    except PermissionError:
        return None


def _take(data_root: DataRoot, content: bytes | None, now: datetime) -> str:
    """The new request's id; empty when a request that is open was made of the same bytes."""
    if content is None:
        raise RefusedRequestError("REQ-INBOX-NOT-A-FILE")
    if len(content) > LARGEST:
        raise RefusedRequestError("REQ-INBOX-SIZE")
    submission = parsed(content)
    intake = hmac.new(pepper(data_root), b"intake|" + content, hashlib.sha256).hexdigest()
    with ledger.changing(data_root):
        if any(request.intake == intake for request in ledger.every(data_root, opened=False)):
            return ""
        try:
            given = lookup.canonical(data_root, submission.identifiers)
        except RequestError:
            raise RefusedRequestError("REQ-INBOX-IDENTIFIER", ["identifiers"]) from None
        try:
            request_id = ledger.receive(
                data_root, submission.right, submission.channel, given, now,
                received=submission.received, purpose=submission.purpose or "", by=submission.by,
                situation=submission.situation, values=dict(submission.values), intake=intake,
            )  # fmt: skip
        except RequestError:
            raise RefusedRequestError("REQ-INBOX-RECEIVED", ["received"]) from None
        if submission.verified:
            verification.record(
                data_root, ledger.load(data_root, request_id), submission.verified, now
            )
        return request_id


def parsed(content: bytes) -> InboxRequest:
    """The request that a file states; raises RefusedRequestError."""
    try:
        fields = json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RefusedRequestError("REQ-INBOX-JSON") from None
    if not isinstance(fields, dict):
        raise RefusedRequestError("REQ-INBOX-JSON")
    try:
        return InboxRequest.model_validate(fields)
    except ValidationError as error:
        # An unknown field's name is the sender's word, and may be anything.
        named = {
            str(fault["loc"][0]) if fault["loc"] and fault["loc"][0] in _FIELDS else "unknown"
            for fault in error.errors(include_input=False)
        }
        raise RefusedRequestError("REQ-INBOX-FIELDS", named) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without repeated keys: which of two would apply is unknown."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError
    return fields


def _set_aside(
    data_root: DataRoot,
    path: Path,
    content: bytes | None,
    refusal: RefusedRequestError,
    now: datetime,
) -> str:
    refused_id = "X" + ledger.new_id(now)[1:]
    if content is None and not path.is_symlink() and (path.is_dir() or path.is_file()):
        refused_folder(data_root).mkdir(mode=0o700, exist_ok=True)
        path.rename(refused_folder(data_root) / refused_id)
    locked = (
        encrypted_identity.encrypt(data_root, {refused_id: content.decode("utf-8", "replace")})[
            refused_id
        ]
        if content
        else ""
    )
    note = {
        "refused_id": refused_id,
        "code": refusal.code,
        "fields": refusal.fields,
        "refused_at": now.isoformat(timespec="seconds"),
        "sealed": locked,
    }
    write_all(
        {
            refused_folder(data_root) / f"{refused_id}.json": json.dumps(
                note, sort_keys=True
            ).encode()
        }
    )
    return refused_id


def refused(data_root: DataRoot) -> list[dict[str, Any]]:
    """What was set aside, oldest first: id, code, fields, moment."""
    refusals = [
        json.loads(path.read_text()) for path in sorted(refused_folder(data_root).glob("X*.json"))
    ]
    return [
        {name: value for name, value in refusal.items() if name != "sealed"} for refusal in refusals
    ]


def opened(data_root: DataRoot, refused_id: str) -> str:
    """The content of a file that was set aside. Raises RequestError when there is none of that id,
    or it was no file.
    """
    locked = json.loads(_note(data_root, refused_id).read_text())["sealed"]
    if (refused_folder(data_root) / refused_id).exists():
        raise RequestError(
            "it was no request file that could be read, and lies in requests/refused/"
            f"{refused_id} as it came"
        )
    return str(encrypted_identity.decrypt(data_root, refused_id, locked) or "") if locked else ""


def text_of(data_root: DataRoot, refused_id: str) -> str:
    """Everything that was set aside under the id, as text; empty when its key or the right to read
    it is missing.
    """
    moved = refused_folder(data_root) / refused_id
    if not moved.exists():
        return opened(data_root, refused_id)
    files = [
        path for path in (moved, *moved.rglob("*")) if path.is_file() and not path.is_symlink()
    ]
    texts = []
    for path in files:
        with suppress(PermissionError):
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(texts)


def discard(data_root: DataRoot, refused_id: str) -> None:
    """Destroy what was set aside. Raises RequestError when there is nothing of that id."""
    note, moved = _note(data_root, refused_id), refused_folder(data_root) / refused_id
    encrypted_identity.destroy(data_root, [refused_id])
    if moved.is_dir():
        shutil.rmtree(moved)
    else:
        moved.unlink(missing_ok=True)
    remove(note)


def _note(data_root: DataRoot, refused_id: str) -> Path:
    path = refused_folder(data_root) / f"{refused_id}.json"
    if not (refused_id.isalnum() and path.exists()):
        raise RequestError(
            "no request file of that id was set aside; `register request inbox` shows them"
        )
    return path


def forget(data_root: DataRoot, before: date) -> int:
    """Destroy what was set aside on `before` or earlier, and return how many."""
    old = [
        refusal["refused_id"]
        for refusal in refused(data_root)
        if refusal["refused_at"][:10] <= str(before)
    ]
    for refused_id in old:
        discard(data_root, refused_id)
    return len(old)
