"""Notices to recipients that a registrant's data was erased, rectified or restricted (GDPR 19),
followed up until they acknowledge.

    requests/notices/<notice_id>.json            recipient, right, marts, days, state; nothing
                                                 personal
    outbox/recipients/<recipient>/<notice_id>.json   the notice, for as long as it is open

Who received the data: a recipient to which it was exported (`disclosures`), and one that
policy.yaml names for a purpose with a published mart that has the registrant. What a notice names
are the keys of the rows that the recipient has (the mart's registrant id or pseudonym, the hash of
a contact), never name or contact. It is encrypted under a key of its own
(`assets.requests.encrypted_identity`) until it is opened to be handed over, and the key is
destroyed when the recipient acknowledges.

What a recipient has is looked up before the data is removed (`prepare`), the notice goes out
afterwards (`release`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from assets.marts.analytics import PSEUDONYM
from assets.marts.building import mart_path
from assets.marts.profiles import subjects
from assets.register import disclosures
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import encrypted_identity, notice_ledger
from assets.requests.ledger import Request
from assets.requests.notice_ledger import Notice
from assets.rights.registrant_identifiers import MEANT
from assets.storage.atomic_files import remove, write_all
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.quoting import literal
from assets.storage.relations import Relation, Scope
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect, create_keyed_hash
from schemas.columns import arrow_schema, table_name
from schemas.marts import MARTS
from schemas.policy import transfers

ASKED = {
    "erasure": "erase the rows with these keys, and tell us when it is done (GDPR 17, 19, 28(3))",
    "rectification": (
        "replace the rows with these keys by those of the next delivery, and tell us when it is "
        "done (GDPR 16, 19, 28(3))"
    ),
    "restriction": (
        "only store the rows with these keys from now on, and tell us when it is done (GDPR 18, "
        "19, 28(3))"
    ),
}
# The columns that are the keys of a mart's rows, and what a registrant's is, over
# `meant(request_id, registrant_id)` and `reached(request_id, key)`.
_PSEUDONYM = f"""
    SELECT request_id, {PSEUDONYM} AS key
    FROM meant, (SELECT unnest(getvariable('subjects')) AS subject)"""
KEYS = {
    "registrant_id": "SELECT request_id, registrant_id AS key FROM meant",
    "pseudonym": _PSEUDONYM,
    "email_sha256": "SELECT request_id, key FROM reached",
    "phone_sha256": "SELECT request_id, key FROM reached",
}

REACHED = Relation(
    name="reached",
    summary="Hashes of the contacts of a request's registrants, as in advertising audiences.",
    columns={"request_id": "VARCHAR", "key": "VARCHAR"},
    reads=("contact_points", "meant"),
    scope=Scope.COMPONENT,
)


_AS_OF = "as_of"
"""Beside pseudonyms: the day of the mart, for which alone they are made."""


class NoticeError(PlainError):
    """There is no such notice, or it cannot be opened any more."""


def path_of(data_root: DataRoot, notice: Notice) -> Path:
    """The notice itself."""
    return data_root.outbox / "recipients" / notice.recipient / f"{notice.notice_id}.json"


def prepare(data_root: DataRoot, requests: Sequence[Request], now: datetime) -> list[Notice]:
    """Look up what each recipient has of the requests' registrants and write the notices,
    encrypted; those there already stay.

    One look at each mart for all requests. To be called before the data is removed.
    """
    wanted = [request for request in requests if request.registrants]
    if not wanted:
        return []
    details: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    with connect(data_root) as connection:
        create_keyed_hash(data_root, connection)
        _load(data_root, connection, wanted)
        for request_id, mart, column, keys in _in_marts(data_root, connection):
            for name, named in data_root.policy.recipients.items():
                if mart in named.purposes:
                    details[request_id, name].setdefault(mart, {})[column] = keys
        for request_id, name, mart, day, key in disclosures.received(
            data_root, connection, "SELECT request_id, key FROM reached"
        ):
            exported = details[request_id, name].setdefault(mart, {}).setdefault("exported", {})
            exported.setdefault(day, []).append(key)
    right = {request.request_id: request.right for request in wanted}
    new = {}
    for (request_id, recipient), content in sorted(details.items()):
        notice_id = f"N{request_id[1:]}-{recipient}"
        if not (notice_ledger.folder(data_root) / f"{notice_id}.json").exists():
            new[notice_id] = (
                Notice(
                    notice_id,
                    request_id,
                    recipient,
                    right[request_id],
                    tuple(sorted(content)),
                    _holds(data_root, recipient, now.date()),
                ),
                content,
            )
    locked = encrypted_identity.encrypt(
        data_root, {notice_id: content for notice_id, (_, content) in new.items()}
    )
    write_all(
        {
            notice_ledger.folder(data_root) / f"{notice_id}.json": notice_ledger.written(
                notice, locked[notice_id]
            )
            for notice_id, (notice, _) in new.items()
        }
    )
    return [notice for notice, _ in new.values()]


def _holds(data_root: DataRoot, recipient: str, today: date) -> bool:
    """Whether data may go to the recipient on the day; not, if policy.yaml has dropped it."""
    named = data_root.policy.recipients.get(recipient)
    return named is not None and transfers.allowed(data_root.policy, named, today)


def _load(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, requests: Sequence[Request]
) -> None:
    pairs = [
        (request.request_id, registrant_id)
        for request in requests
        for registrant_id in request.registrants
    ]
    connection.execute(
        (
            f"{MEANT.create} AS SELECT unnest($1::VARCHAR[]) AS request_id, "
            "unnest($2::VARCHAR[]) AS registrant_id"
        ),
        [[request_id for request_id, _ in pairs], [registrant_id for _, registrant_id in pairs]],
    )
    read_register(data_root, connection, "contact_points", TABLES["contact_points"])
    reached = (
        "SELECT DISTINCT request_id, sha256(match_key) AS key FROM contact_points JOIN meant "
        "USING (registrant_id)"
    )
    connection.execute(REACHED.create_table(reached))
    connection.execute(f"SET VARIABLE subjects = {subjects(data_root.policy)}")


def _in_marts(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection
) -> Iterable[tuple[str, str, str, list[str]]]:
    """Request, mart, column and keys of the rows of the published marts."""
    for mart, models in MARTS.items():
        if not mart_path(data_root, mart).exists():
            continue
        attach(data_root, connection, mart_path(data_root, mart), "published")
        connection.execute("SET VARIABLE today = (SELECT as_of FROM published.about)")
        try:
            for column, mine in KEYS.items():
                tables = [
                    table_name(model) for model in models if column in arrow_schema(model).names
                ]
                if tables:
                    published_keys = " UNION ".join(
                        f'SELECT "{column}" AS key FROM published."{table}"' for table in tables
                    )
                    rows = connection.execute(
                        f"""SELECT request_id, list(DISTINCT key ORDER BY key)
                        FROM ({published_keys})
                            JOIN ({mine}) USING (key)
                        GROUP BY request_id ORDER BY ALL"""
                    ).fetchall()
                    yield from ((request_id, mart, column, keys) for request_id, keys in rows)
                    if column == "pseudonym":
                        as_of = connection.execute("SELECT getvariable('today')::VARCHAR")
                        days = [day for (day,) in as_of.fetchall()]
                        yield from ((request_id, mart, _AS_OF, days) for request_id, _ in rows)
        finally:
            connection.execute("DETACH published")


def release(data_root: DataRoot, request_ids: Iterable[str], now: datetime) -> list[Notice]:
    """Put the prepared notices of the requests into the outbox, due within the policy's period."""
    due = data_root.policy.requests.acknowledged_within.after(now.date())
    files: dict[Path, bytes] = {}
    released = []
    for path in _of(data_root, request_ids):
        notice, locked = notice_ledger.read(path)
        if notice.state == "prepared":
            notice = replace(
                notice, state="open", written_on=str(now.date()), due_on=str(due), attempts=1
            )
            files |= {
                path_of(data_root, notice): _content(data_root, notice, locked),
                path: notice_ledger.written(notice, locked),
            }
            released.append(notice)
    write_all(files)
    return released


def _of(data_root: DataRoot, request_ids: Iterable[str]) -> list[Path]:
    """The notes of the requests' notices, in one look at the folder."""
    wanted = {f"N{request_id[1:]}" for request_id in request_ids}
    return [
        path
        for path in sorted(notice_ledger.folder(data_root).glob("N*.json"))
        if path.stem.split("-")[0] in wanted
    ]


def _content(data_root: DataRoot, notice: Notice, locked: str) -> bytes:
    content = {
        "notice_id": notice.notice_id, "from": data_root.policy.controller.name,
        "to": notice.recipient, "right": notice.right, "asked": ASKED[notice.right],
        "marts": notice.marts, "written_on": notice.written_on, "acknowledge_by": notice.due_on,
        "attempt": notice.attempts, "sealed": locked,
        "open_with": f"register recipient-notices open {notice.notice_id}",
    }  # fmt: skip
    return json.dumps(content, sort_keys=True, indent=1).encode()


def discard(data_root: DataRoot, request_ids: Iterable[str]) -> None:
    """Forget prepared notices of requests that were not carried out."""
    for path in _of(data_root, request_ids):
        if notice_ledger.read(path)[0].state == "prepared":
            encrypted_identity.destroy(data_root, [path.stem])
            remove(path)


def withdraw(data_root: DataRoot, registrants: Iterable[str], request_ids: Iterable[str]) -> None:
    """Destroy what waits for recipients about registrants who are being erased: notices of these
    requests, and all others that name their rows. Notices of erasures stay: they are what a
    recipient must still act on.
    """
    ended = set(request_ids)
    people = sorted(set(registrants))
    open_notices = []
    for path in sorted(notice_ledger.folder(data_root).glob("N*.json")):
        notice, locked = notice_ledger.read(path)
        if notice.right == "erasure" or notice.state == "acknowledged":
            continue
        content = encrypted_identity.decrypt(data_root, path.stem, locked) if locked else None
        open_notices.append((path, notice, list((content or {}).values())))
    days = {
        day for *_, marts in open_notices for columns in marts for day in columns.get(_AS_OF, ())
    }
    keys = {*people, *_pseudonyms(data_root, people, sorted(days))}
    for path, notice, marts in open_notices:
        named = {
            key
            for columns in marts
            for column in ("registrant_id", "pseudonym")
            for key in columns.get(column, ())
        }
        if notice.request_id in ended or named & keys:
            if path_of(data_root, notice).exists():
                remove(path_of(data_root, notice))
            encrypted_identity.destroy(data_root, [path.stem])
            remove(path)


def _pseudonyms(data_root: DataRoot, people: list[str], days: list[str]) -> Iterator[str]:
    """Yield the pseudonyms of registrants in the marts of these days."""
    with connect(data_root) as connection:
        create_keyed_hash(data_root, connection)
        for day in days:
            connection.execute(f"SET VARIABLE today = DATE {literal(day)}")
            rows = connection.execute(
                f"""SELECT {PSEUDONYM}
                FROM (SELECT unnest($1::VARCHAR[]) AS registrant_id),
                    (SELECT unnest($2::VARCHAR[]) AS subject)""",
                [people, subjects(data_root.policy)],
            ).fetchall()
            yield from (key for (key,) in rows)


def retry(data_root: DataRoot, now: datetime) -> list[Notice]:
    """Write again the notices that were not acknowledged by their day, each with a new day, and
    return them.
    """
    again = [
        request
        for request in notice_ledger.every(data_root)
        if request.state == "open" and request.due_on < str(now.date())
    ]
    due = str(data_root.policy.requests.acknowledged_within.after(now.date()))
    files: dict[Path, bytes] = {}
    written = []
    for notice in again:
        path = notice_ledger.folder(data_root) / f"{notice.notice_id}.json"
        locked = notice_ledger.read(path)[1]
        later = replace(notice, attempts=notice.attempts + 1, due_on=due)
        files |= {
            path_of(data_root, later): _content(data_root, later, locked),
            path: notice_ledger.written(later, locked),
        }
        written.append(later)
    write_all(files)
    return written


def _load_notice(data_root: DataRoot, notice_id: str) -> tuple[Notice, str]:
    path = notice_ledger.folder(data_root) / f"{notice_id}.json"
    if not notice_id.replace("-", "").replace("_", "").isalnum() or not path.exists():
        raise NoticeError(
            "there is no notice of that id; `register recipient-notices list` shows them"
        )
    return notice_ledger.read(path)


def opened(data_root: DataRoot, notice_id: str) -> dict[str, Any]:
    """The notice as it is handed over. Raises NoticeError when it was acknowledged, or its key is
    not here.
    """
    notice, locked = _load_notice(data_root, notice_id)
    keys = encrypted_identity.decrypt(data_root, notice_id, locked) if locked else None
    if keys is None:
        raise NoticeError(
            f"notice {notice_id} says nothing any more: it was acknowledged, or its key is "
            "not in secrets/request-keys"
        )
    content = json.loads(_content(data_root, notice, ""))
    return {
        **{name: value for name, value in content.items() if name not in ("sealed", "open_with")},
        "keys": keys,
    }


def acknowledge(data_root: DataRoot, notice_id: str, now: datetime) -> Notice:
    """Record that the recipient has acknowledged, and destroy the notice's content. A second time
    changes nothing.
    """
    notice, _ = _load_notice(data_root, notice_id)
    if notice.state == "prepared":
        raise NoticeError(f"notice {notice_id} has not been sent yet")
    if notice.state == "open":
        notice = replace(notice, state="acknowledged", acknowledged_on=str(now.date()))
        write_all(
            {
                notice_ledger.folder(data_root) / f"{notice_id}.json": notice_ledger.written(
                    notice, ""
                )
            }
        )
    if path_of(data_root, notice).exists():
        remove(path_of(data_root, notice))
    encrypted_identity.destroy(data_root, [notice_id])
    return notice
