"""A certificate is bound to what keeps the erased out: to the pepper, and to the suppression list.

A certificate contains a fingerprint of the pepper and a tag of each hash that the list had for its
request, both keyed with the pepper, and the number, size and hash of the list as it was then. The
list may grow, its rows may be replaced when somebody comes back, and leave when their review is
due; what shows is a hash that was lost before, a pepper that was exchanged, and a list with a lower
number. Without the pepper, a tag reveals nothing. Older certificates are not bound.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assets.erasure.proof import chain_heads
from assets.erasure.proof.chain_heads import folder
from assets.erasure.proof.findings import Finding
from assets.ingest import suppression
from assets.requests.ledger import Request
from assets.storage import suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.secrets import fingerprint, pepper
from assets.storage.sessions import connect

TAG_LENGTH = 16


def bind(data_root: DataRoot, requests: Iterable[Request]) -> dict[str, dict[str, Any]]:
    """Return per request its certificate's entries on pepper and list."""
    asked = list(requests)
    pairs = [
        (request.request_id, identifier) for request in asked for identifier in request.resolved
    ]
    with connect(data_root) as connection:
        suppression.prepare(data_root, connection)
        rows = (
            connection.execute(
                f"""WITH listed AS (SELECT token, request_id
                    FROM {parquet(suppression.path(data_root))}),
            resolved AS (
                SELECT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS identifier)
            SELECT DISTINCT request_id, token FROM (
                SELECT request_id, token FROM listed
                UNION ALL SELECT resolved.request_id, token
                FROM resolved JOIN listed ON token = suppression_token(identifier))
            WHERE request_id IN (SELECT unnest($3::VARCHAR[])) ORDER BY ALL""",
                [
                    [request_id for request_id, _ in pairs],
                    [identifier for _, identifier in pairs],
                    [request.request_id for request in asked],
                ],
            ).fetchall()
            if suppression.path(data_root).exists()
            else []
        )
    tags: dict[str, list[str]] = {request.request_id: [] for request in asked}
    for request_id, token in rows:
        tags[request_id].append(_tag(data_root, token))
    pepper = fingerprint(data_root)
    state = suppression_state.check(data_root)
    listed = {"number": state.number, **asdict(state.lists[-1])} if state else {}
    return {
        request_id: {
            "pepper": pepper,
            "hashes": len(tagged),
            "tags": sorted(tagged),
            **({"list": listed} if listed else {}),
        }
        for request_id, tagged in tags.items()
    }


def last_number(data_root: DataRoot) -> int:
    """Return the number of the list's state in the last certificate; 0 without one that has it."""
    head = chain_heads.last(data_root)
    if head is None:
        return 0
    try:
        document = json.loads((folder(data_root) / f"{head.request_id}.json").read_bytes())
        return int(document["certificate"]["suppression"]["list"]["number"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def _tag(data_root: DataRoot, token: str) -> str:
    keyed = hmac.new(pepper(data_root), b"bound|" + token.encode(), hashlib.sha256)
    return keyed.hexdigest()[:TAG_LENGTH]


def check(data_root: DataRoot) -> list[Finding]:
    """Compare every bound certificate with the pepper and the list as they are."""
    bound = dict(_bound(data_root))
    if not bound:
        return []
    pepper = fingerprint(data_root)
    findings = [
        Finding("CERT-PEPPER", "secrets", 1, request_id)
        for request_id, (binding, _) in bound.items()
        if binding["pepper"] != pepper
    ]
    findings += [
        Finding("CERT-SUPPRESSION", "suppressions", len(tags), request_id)
        for request_id, tags in lost_with(data_root, suppression.path(data_root)).items()
    ]
    return sorted(findings, key=lambda finding: finding.request_id)


def lost_with(data_root: DataRoot, listed: Path) -> dict[str, set[str]]:
    """Return per request the tags of hashes that a list lacks, of certificates under this pepper
    that are not past their review. Those that were accepted as lost are left out.
    """
    pepper, present = fingerprint(data_root), set(_present(data_root, listed))
    accepted = _accepted(data_root)
    lost = {
        request_id: set(binding["tags"]) - present - accepted.get(request_id, set())
        for request_id, (binding, issued) in _bound(data_root)
        if binding["pepper"] == pepper and not _is_reviewed(data_root, issued)
    }
    return {request_id: tags for request_id, tags in sorted(lost.items()) if tags}


def issued_on(data_root: DataRoot) -> dict[str, date]:
    """Return the day of each bound certificate."""
    return {request_id: issued for request_id, (_, issued) in _bound(data_root)}


def accepted_path(data_root: DataRoot) -> Path:
    """Return where it is recorded that a person has accepted an older list."""
    return data_root.requests / "accepted-lists.jsonl"


def _accepted(data_root: DataRoot) -> dict[str, set[str]]:
    """Return the tags of hashes that were accepted as lost, by request."""
    path = accepted_path(data_root)
    accepted: dict[str, set[str]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        for request_id, tags in json.loads(line)["lost"].items():
            accepted.setdefault(request_id, set()).update(tags)
    return accepted


def _present(data_root: DataRoot, listed: Path) -> Iterator[str]:
    if not listed.exists():
        return
    with connect(data_root) as connection:
        rows = connection.execute(f"SELECT DISTINCT token FROM {parquet(listed)}").fetchall()
    yield from (_tag(data_root, token) for (token,) in rows)


def _is_reviewed(data_root: DataRoot, issued_on: date) -> bool:
    """Return whether the policy's period for suppressions is over, so that hashes may have been
    removed.
    """
    period = data_root.policy.rule("suppressions")[1].period
    return period.after(issued_on) <= datetime.now(data_root.policy.zone).date()


def _bound(data_root: DataRoot) -> Iterator[tuple[str, tuple[dict[str, Any], date]]]:
    """Yield what readable certificates are bound to; whether they are whole is checked
    elsewhere.
    """
    for path in sorted(folder(data_root).glob("Q*.json")):
        try:
            certificate = json.loads(path.read_bytes())["certificate"]
            if bound := certificate.get("suppression"):
                yield (
                    path.stem,
                    (
                        {"pepper": str(bound["pepper"]), "tags": list(map(str, bound["tags"]))},
                        datetime.fromisoformat(certificate["issued_at"]).date(),
                    ),
                )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
