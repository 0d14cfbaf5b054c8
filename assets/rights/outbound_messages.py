"""Messages to registrants about their requests, as files for the sender of mail and text messages.

    outbox/messages/<request_id>-<number>.json   {"message_id", "request_id", "kind",
        "channel", "to", "language", "text", "made_at", "about"}

`about` is a keyed hash of each registrant's id: who is erased takes along what waits for them, also
by letter or in a mailbox that others read, and when the request that it is about is closed.

Only ever to a contact that was on file before the request came; without one the channel is `letter`
and `to` is empty. The sender takes the file away once it is sent; what is still there goes when the
request is closed, its code is used up, or the policy's `requests.messages_kept` is over.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from assets.documents import grammar
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests.ledger import Request
from assets.storage.atomic_files import remove, write_all
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view
from assets.storage.secrets import pepper
from assets.storage.sessions import connect
from schemas.staged import ContactPoints

Placeholder = str | date | datetime | Mapping[str, str]
# ISO 639-2, for several languages.
SEVERAL = "mul"


@cache
def words() -> Mapping[str, Any]:
    """Return the texts of `letters.yaml`, by kind, key and language."""
    texts: Mapping[str, Any] = yaml.safe_load(
        files("assets.rights").joinpath("letters.yaml").read_text(encoding="utf-8")
    )
    return texts


@dataclass(frozen=True)
class Reached:
    """How a registrant is reached: `channel` is email, phone or letter; `language` is `SEVERAL`
    where nothing shows which of the policy's is theirs.
    """

    channel: str
    to: str
    language: str


@dataclass(frozen=True)
class OnFile:
    """The language of a registrant, and by channel the contact that was on file before a request
    came.
    """

    language: str
    contacts: Mapping[str, str]

    def reached(self, wanted: str = "") -> Reached:
        """Return the contact to write to, e-mail first unless one is `wanted`; else a letter."""
        kinds = (wanted,) if wanted else ("email", "phone")
        channel = next((kind for kind in kinds if kind in self.contacts), "letter")
        return Reached(channel, self.contacts.get(channel, ""), self.language)


def on_file(
    data_root: DataRoot, asked: Iterable[tuple[Request, str]]
) -> dict[tuple[str, str], OnFile]:
    """Return by request id and registrant id what is on file of the registrant.

    One query for any number of pairs.
    """
    pairs = [(request.request_id, request.received_at, who) for request, who in asked]
    if not pairs:
        return {}
    with connect(data_root) as connection:
        for table in ("registrants", "membership"):
            read_register(data_root, connection, table, TABLES[table])
        create_staged_view(data_root, connection, ContactPoints)
        rows = connection.execute(
            """WITH asked AS (
                SELECT unnest($1::VARCHAR[]) AS request_id,
                    unnest($2::TIMESTAMPTZ[]) AS received_at,
                    unnest($3::VARCHAR[]) AS registrant_id),
            earlier AS (
                SELECT request_id, registrant_id, list(DISTINCT kind || ':' || match_key) AS points
                FROM asked JOIN membership USING (registrant_id)
                JOIN staged_contact_points AS point USING (person_key)
                WHERE point.stated_at < received_at AND op = 'state' GROUP BY ALL)
            SELECT request_id, asked.registrant_id, language,
                CASE WHEN list_contains(points, 'email:' || email_canonical(email)) THEN email END,
                CASE WHEN list_contains(points, 'phone:' || phone_canonical(phone)) THEN phone END
            FROM asked LEFT JOIN registrants USING (registrant_id)
            LEFT JOIN earlier USING (request_id, registrant_id)""",
            [list(column) for column in zip(*pairs, strict=True)],
        ).fetchall()
    languages = data_root.policy.languages
    return {
        (request_id, registrant_id): OnFile(
            language if language in languages else languages[0],
            {kind: to for kind, to in (("email", email), ("phone", phone)) if to},
        )
        for request_id, registrant_id, language, email, phone in rows
    }


def write(
    data_root: DataRoot,
    request: Request,
    reached: Reached,
    kind: str,
    now: datetime,
    **placeholders: Placeholder,
) -> str:
    """Write the message, durably, and return its id. `placeholders` fill the text: days, moments,
    codes, the key of a reason, or a text per language.

    `request` is as it was before the event that the message reports came into its history: that
    grows with each, so no message has the id of one that waits or was taken away.
    """
    waiting_ones = [
        int(path.stem.rpartition("-")[2])
        for path in folder(data_root).glob(f"{request.request_id}-*.json")
    ]
    message_id = f"{request.request_id}-{max([len(request.events), *waiting_ones]) + 1}"
    filled = {"received": request.received_on(data_root), **placeholders}
    languages = data_root.policy.languages if reached.language == SEVERAL else (reached.language,)
    message = {
        "message_id": message_id, "request_id": request.request_id, "kind": kind,
        "channel": reached.channel, "to": reached.to, "language": reached.language,
        "text": "\n\n".join(_text(data_root, kind, filled, each) for each in languages),
        "made_at": now.isoformat(timespec="seconds"),
        "about": [_about(data_root, registrant) for registrant in request.registrants],
    }  # fmt: skip
    write_all({path_of(data_root, message_id): json.dumps(message, ensure_ascii=False).encode()})
    return message_id


def _text(
    data_root: DataRoot, kind: str, placeholders: Mapping[str, Placeholder], language: str
) -> str:
    """Return the letter in one language, with days as that language writes them."""
    policy = data_root.policy

    def in_words(value: Placeholder) -> str:
        if isinstance(value, datetime):
            return grammar.moment(value.astimezone(policy.zone), language)  # type: ignore[arg-type]
        if isinstance(value, date):
            return grammar.day(value, language)  # type: ignore[arg-type]
        if isinstance(value, Mapping):
            return str(value[language])
        return str(words()["reasons"].get(value, {}).get(language, value))

    return str(words()["letters"][kind][language]).format(
        controller=policy.controller.name,
        authority=grammar.named("authorities", policy.country, language),  # type: ignore[arg-type]
        **{name: in_words(value) for name, value in placeholders.items()},
    )


def folder(data_root: DataRoot) -> Path:
    """Where messages wait to be sent."""
    return data_root.outbox / "messages"


def path_of(data_root: DataRoot, message_id: str) -> Path:
    """The file of a message."""
    return folder(data_root) / f"{message_id}.json"


def _about(data_root: DataRoot, registrant_id: str) -> str:
    return hmac.new(
        pepper(data_root), f"message|{registrant_id}".encode(), hashlib.sha256
    ).hexdigest()


def concerned(data_root: DataRoot, erasures: Iterable[Request]) -> dict[Path, set[str]]:
    """Return the messages that wait to be sent to a contact of an erasure or are about its
    registrants, each with the ids of those erasures.

    Whichever request a message belongs to. A file that is no message is among them when a contact
    is written in it.
    """
    contacts: dict[str, set[str]] = {}
    about: dict[str, set[str]] = {}
    for erasure in erasures:
        for identifier in erasure.resolved:
            if identifier.startswith(("email:", "phone:")):
                value = identifier.split(":", 1)[1]
                contacts.setdefault(value, set()).add(erasure.request_id)
        for registrant in erasure.registrants:
            about.setdefault(_about(data_root, registrant), set()).add(erasure.request_id)
    concerned: dict[Path, set[str]] = {}
    with connect(data_root) as connection:
        for path in sorted(folder(data_root).glob("*")) if contacts or about else ():
            text = path.read_text(errors="replace") if path.is_file() else ""
            try:
                message = json.loads(text)
                to, named = str(message["to"]), set(message.get("about", ()))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                reached = {value for value in contacts if value in text.lower()}
                named = set()
            else:
                forms = connection.execute(
                    "SELECT email_canonical($1), phone_canonical($1)", [to]
                ).fetchone()
                reached = {to, *(forms or ())} & set(contacts)
            ids = [contacts[value] for value in reached]
            ids += [about[person] for person in named & set(about)]
            if ids:
                concerned[path] = set().union(*ids)
    return concerned


def of_requests(data_root: DataRoot, request_ids: Iterable[str]) -> list[Path]:
    """Return the messages of requests that have not been taken away yet."""
    wanted = set(request_ids)
    return [
        path
        for path in sorted(folder(data_root).glob("Q*.json"))
        if path.stem.split("-")[0] in wanted
    ]


def waiting(data_root: DataRoot) -> int:
    """How many messages nobody has taken away yet."""
    return sum(1 for _ in folder(data_root).glob("Q*.json"))


def expire(data_root: DataRoot, today: date) -> int:
    """Remove the messages that have waited for too long, and return how many. They name a
    registrant, and their request may be closed.
    """
    over = data_root.policy.requests.messages_kept.before(today)
    late = [
        path
        for path in sorted(folder(data_root).glob("Q*.json"))
        if datetime.fromisoformat(json.loads(path.read_text())["made_at"]).date() <= over
    ]
    for path in late:
        remove(path)
    return len(late)


def destroy(data_root: DataRoot, request_ids: Iterable[str], kind: str = "") -> None:
    """Remove the messages of requests that have not been taken away yet; only of a kind, if one is
    named.
    """
    remove(
        *(
            path
            for path in of_requests(data_root, request_ids)
            if not kind or json.loads(path.read_text())["kind"] == kind
        )
    )
