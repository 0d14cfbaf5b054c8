"""Certificates of erasures: what was decided, done and proven, without personal data, each chained
to the one before.

    requests/certificates/<request_id>.json   {"certificate", "hash", "pages", "seal"}
    requests/certificates/<request_id>.md, .html   the same to be read
    requests/certificates/<request_id>.receipt   that it is one of those issued (`receipts`)
    requests/certificates/chain.json   their number, the hash of the last, and a seal
    requests/certificates/heads.jsonl, public-key.pem   the signed log of heads (`chain_heads`)

`hash` is over the certificate as canonical JSON, which includes the hash of the one before; the
`seal` is an HMAC keyed with the register's secret, so nobody without it can rewrite the chain. A
request is certified once: a certificate that is already there is kept. A rollback of the whole
folder is detected by the copies of heads elsewhere: in Dagster and beside the backups.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assets.erasure.legal_holds import Retained
from assets.erasure.proof import (
    certificate_pages,
    chain_heads,
    merkle_tree,
    receipts,
    remaining,
)
from assets.erasure.proof.chain_heads import Head, folder
from assets.erasure.proof.evidence import Evidence
from assets.erasure.proof.verification import Proof
from assets.requests.ledger import Request
from assets.staging.rules_fingerprint import rules_fingerprint
from assets.storage import signing_key
from assets.storage.canonical_json import canonical
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import write_all
from assets.storage.secrets import pepper
from schemas.columns import categories
from schemas.policy.model import Policy
from schemas.staged import CANONICAL

FIRST = "0" * 64
CHAIN = "chain.json"
FORMAT = 3
SOFTWARE = "customer-marketing-register"
RISKS = (
    "A solid-state disk may keep the blocks of replaced files until it reuses them.",
    "Snapshots that the file system or the machine's host makes keep what was there before.",
    (
        "A reader that had opened a mart or a file before the erasure can read the old one until "
        "it closes it."
    ),
    (
        "Copies that were taken out of the data root by other means than `register backup` are "
        "not known to the register."
    ),
    "Backups in the data root were encrypted again without the registrant. Those that were "
    "made before in other folders contain them until their key is "
    "destroyed, on the day that stands above at the latest; a restore replays this erasure "
    "before anything is read.",
    (
        "Values of fewer than eight letters and digits were searched as identifiers, and not in "
        "texts and bytes."
    ),
    (
        "What a source enciphered, packed or encoded as base64 within a field, and numbers of "
        "which a spreadsheet has dropped digits (4.01E+08), were not read."
    ),
)


@dataclass(frozen=True)
class Issued:
    """A certificate as the closing asset shows it."""

    request_id: str
    sequence: int
    hash: str
    rows: dict[str, int]
    decisions: dict[str, str]


def path_of(data_root: DataRoot, request_id: str, kind: str = "json") -> Path:
    """Return the path of a request's certificate; `kind` is json, md or html."""
    return folder(data_root) / f"{request_id}.{kind}"


def content_of(
    policy: Policy,
    request: Request,
    evidence: Evidence,
    published: list[dict[str, str | None]],
    proof: Proof,
    issued_at: str,
    retained: dict[str, Retained],
    bound: Mapping[str, Any] | None = None,
    near: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the certificate's content without the chain. Format 2 includes what remains, and the
    binding to pepper and suppression list; format 3 the key that signs the chain.
    """
    return {
        "format": FORMAT,
        "request_id": request.request_id,
        "right": request.right,
        "channel": request.channel,
        "received_at": request.received_at,
        "issued_at": issued_at,
        "identity": request.identity,
        "decisions": _decisions(evidence, retained),
        "rows_removed": dict(sorted(evidence.rows.items())),
        "redacted": dict(sorted(evidence.redacted.items())),
        "remains": remaining.counted(request, proof, retained, near or {}),
        **({"suppression": bound} if bound else {}),
        "files": evidence.files,
        "published": published,
        "proof": [
            *proof.as_data(),
            {
                "what": "identifiers searched in texts and bytes",
                "examined": proof.searched[request.request_id],
            },
        ],
        "warnings": [
            {"code": finding.code, "where": finding.where, "count": finding.count}
            for finding in sorted(proof.findings)
            if not finding.fails and finding.request_id in ("", request.request_id)
        ]
        + request.decided_before(),
        "software": {
            "name": SOFTWARE,
            "version": _software_version(),
            "rules": rules_fingerprint(),
        },
        "policy": {"version": policy.version, "hash": policy.fingerprint},
        "backups": proof.backups.as_data(),
        "residual_risks": list(RISKS),
    }


@cache
def _software_version() -> str:
    return version(SOFTWARE)


def _decisions(evidence: Evidence, retained: dict[str, Retained]) -> dict[str, dict[str, object]]:
    """Return per category of the policy: erased, with the rows that contained it, or retained, with
    the statute and the last day.
    """
    erased: dict[str, int] = {}
    for layer, rows in evidence.rows.items():
        model = CANONICAL.get(layer.removeprefix("staged."))
        for category in sorted({*categories(model).values()} - {"technical"}) if model else ():
            erased[category] = erased.get(category, 0) + rows
    decisions: dict[str, dict[str, object]] = {
        category: {"decision": "erased", "rows": rows} for category, rows in sorted(erased.items())
    }
    for category, hold in retained.items():
        decisions[category] = {
            "decision": "held",
            "rows": hold.rows,
            "ground": hold.ground,
            "until": hold.until,
        }
    return decisions


def issue(data_root: DataRoot, content: dict[str, Any]) -> Issued:
    """Write the certificate at the end of the chain, durably; one that is there already stays as it
    is.
    """
    return issue_all(data_root, [content])[0]


def issue_all(data_root: DataRoot, contents: Sequence[dict[str, Any]]) -> list[Issued]:
    """Write certificates at the end of the chain, durably, in the order given; those that are there
    already stay as they are.

    The number being issued is noted beforehand, so that a kill in between is distinguished from
    tampering. Pages come before their certificate, certificates in the order of the chain: what a
    kill leaves is the beginning of what was to be written.
    """
    length, last = first, before = _end(data_root)
    new = [
        content
        for content in contents
        if not path_of(data_root, str(content["request_id"])).exists()
    ]
    files: dict[Path, bytes] = {}
    for content in new:
        request_id = str(content["request_id"])
        whole = {
            **content,
            "sequence": length + 1,
            "previous": last,
            "signing_key": signing_key.fingerprint(data_root),
        }
        digest = hashlib.sha256(canonical(whole)).hexdigest()
        pages = {
            "md": certificate_pages.markdown(whole, digest).encode(),
            "html": certificate_pages.html(whole, digest).encode(),
        }
        files |= {path_of(data_root, request_id, kind): text for kind, text in pages.items()}
        seal_content = {
            "hash": digest,
            "pages": {kind: hashlib.sha256(text).hexdigest() for kind, text in pages.items()},
        }
        files[path_of(data_root, request_id)] = canonical(
            {"certificate": whole, **seal_content, "seal": seal(data_root, seal_content)}
        )
        length, last = length + 1, digest
    if len(new) > 1:
        _write_end(data_root, first, before, length - first)
    if new:
        write_all(files)
    _log_heads(data_root)
    if new:
        _write_end(data_root, length, last)
    return [summary(data_root, str(content["request_id"])) for content in contents]


def _log_heads(data_root: DataRoot) -> None:
    """Write receipts and heads of certificates that are not in the log: those just issued, and
    those left out by a kill.
    """
    logged = len(chain_heads.read(data_root))
    if logged == len(issued(data_root)):
        # A kill may have come between the log and its copy.
        chain_heads.copy_to(data_root, data_root.root / "backups")
        return
    documents = in_order(data_root)
    receipts.write_missing(data_root, documents)
    roots = merkle_tree.roots(map(receipts.leaf, documents))
    heads = [
        Head(
            document["certificate"]["sequence"],
            document["certificate"]["request_id"],
            document["hash"],
            root.hex(),
        )
        for document, root in zip(documents, roots, strict=True)
    ]
    chain_heads.append(data_root, heads[logged:])


def head(data_root: DataRoot) -> Head | None:
    """Return the last head in the log, for the copy that Dagster keeps."""
    logged = chain_heads.read(data_root)
    return logged[-1] if logged else None


def summary(data_root: DataRoot, request_id: str) -> Issued:
    """Return the certificate of a request, as the closing asset shows it."""
    document = json.loads(path_of(data_root, request_id).read_bytes())
    certificate = document["certificate"]
    decisions = {
        category: str(decision["decision"])
        for category, decision in certificate["decisions"].items()
    }
    return Issued(
        request_id,
        certificate["sequence"],
        document["hash"],
        certificate["rows_removed"],
        decisions,
    )


def issued(data_root: DataRoot) -> set[str]:
    """Return the ids of the requests that have a certificate."""
    return {path.stem for path in folder(data_root).glob("Q*.json")}


def seal(data_root: DataRoot, content: object) -> str:
    """Return the HMAC of the content as canonical JSON, keyed with the register's secret."""
    return hmac.new(
        pepper(data_root), b"certificate|" + canonical(content), hashlib.sha256
    ).hexdigest()


def _end(data_root: DataRoot) -> tuple[int, str]:
    """Return length and last hash of the chain; a certificate that was written just before a kill
    is taken into the note.
    """
    path = folder(data_root) / CHAIN
    noted: dict[str, Any] = (
        json.loads(path.read_text()) if path.exists() else {"length": 0, "last": FIRST}
    )
    length, last = int(noted["length"]), str(noted["last"])
    if length != sum(1 for _ in folder(data_root).glob("Q*.json")):
        for document in in_order(data_root):
            if (
                document["certificate"]["sequence"] == length + 1
                and document["certificate"]["previous"] == last
            ):
                length, last = length + 1, document["hash"]
                _write_end(data_root, length, last)
    return length, last


def _write_end(data_root: DataRoot, length: int, last: str, issuing: int = 0) -> None:
    end = {"length": length, "last": last, **({"issuing": issuing} if issuing else {})}
    write_all({folder(data_root) / CHAIN: canonical({**end, "seal": seal(data_root, end)})})


def in_order(data_root: DataRoot) -> list[dict[str, Any]]:
    """Return all certificates as stored, in the order of the chain."""
    documents = [
        json.loads(path.read_bytes()) for path in sorted(folder(data_root).glob("Q*.json"))
    ]
    return sorted(documents, key=lambda document: int(document["certificate"]["sequence"]))
