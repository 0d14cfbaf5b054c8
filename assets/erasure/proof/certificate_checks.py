"""Looking for certificates that were changed, removed, reordered or inserted, and for a rolled back
chain.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from assets.erasure.proof import certificate_binding, chain_heads, merkle_tree, receipts, timestamps
from assets.erasure.proof.certificates import CHAIN, FIRST, issued, path_of, seal
from assets.erasure.proof.chain_heads import Head, folder
from assets.erasure.proof.findings import Finding
from assets.erasure.proof.timestamps import NAME
from assets.ingest import suppression
from assets.requests import ledger
from assets.storage.atomic_files import UNFINISHED
from assets.storage.canonical_json import NotCanonicalError, canonical, parse_canonical
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import SUMS

KINDS = ("json", "md", "html", receipts.KIND)
"""Of the files that belong to a certificate."""


def check(data_root: DataRoot, elsewhere: Mapping[str, Head] | None = None) -> list[Finding]:
    """Look for certificates that were changed, removed, reordered or inserted, and for a chain
    rolled back.

    Args:
        elsewhere: Heads kept outside the data root's files of certificates, by where: Dagster's.

    Returns:
        The findings, by request id where it is known; none when the chain is whole.
    """
    findings: list[Finding] = []
    intact: list[dict[str, Any]] = []
    for path in sorted(folder(data_root).glob("Q*.json")):
        try:
            document = parse_canonical(path.read_bytes())
            code = _tampered(data_root, path.stem, document)
        except (ValueError, KeyError, TypeError, AttributeError):
            code, document = "CERT-CHANGED", {}
        if code:
            findings.append(Finding(code, "certificates", 1, path.stem))
        else:
            intact.append(document)
    logged = _logged(data_root)
    return sorted(
        {
            *findings,
            *_check_order(intact, {finding.request_id for finding in findings}),
            *_check_end(data_root, intact),
            *_check_heads(data_root, intact, logged, elsewhere or {}),
            *([] if findings else _check_receipts(data_root, intact, logged or [])),
            *_check_requests(data_root),
            *_check_suppressions(data_root),
            *_check_strangers(data_root),
            *certificate_binding.check(data_root),
        }
    )


def _logged(data_root: DataRoot) -> list[Head] | None:
    """Return the heads in the log; None if it is not what was written."""
    try:
        return chain_heads.read(data_root)
    except NotCanonicalError:
        return None


def _check_heads(
    data_root: DataRoot,
    intact: list[dict[str, Any]],
    logged: list[Head] | None,
    elsewhere: Mapping[str, Head],
) -> list[Finding]:
    """Compare the certificates with the log of heads, and both with the copies of the last head."""
    hashes = {document["certificate"]["sequence"]: str(document["hash"]) for document in intact}
    try:
        backed_up = chain_heads.copied(data_root, data_root.root / "backups")
    except NotCanonicalError:
        logged = None
    if logged is None:
        return [Finding("CERT-HEADS", "certificates", 1)]
    findings = []
    if [head.sequence for head in logged] != list(range(1, len(logged) + 1)):
        findings.append(Finding("CERT-HEADS", "certificates", 1))
    for request in logged:
        if request.sequence not in hashes and not path_of(data_root, request.request_id).exists():
            findings.append(Finding("CERT-MISSING", "certificates", 1, request.request_id))
        elif hashes.get(request.sequence, request.hash) != request.hash:
            findings.append(Finding("CERT-CHANGED", "certificates", 1, request.request_id))
    unlogged = max(hashes, default=0) - len(logged)
    noted, issuing = _noted(data_root)
    if unlogged > max(1, issuing) or noted > len(logged):
        findings.append(Finding("CERT-HEADS", "certificates", max(unlogged, noted - len(logged))))
    if logged and not chain_heads.is_public_key(data_root):
        findings.append(Finding("CERT-HEADS", "certificates", 1))
    # Log and copy are written before the note of the length: a kill leaves that behind, not these.
    behind = noted - (backed_up.sequence if backed_up else 0)
    if behind > 0 and (data_root.root / "backups").is_dir():
        findings.append(Finding("CERT-HEADS", "backups", behind))
    copies = {"backups": backed_up, **elsewhere}
    for where, copy in copies.items():
        if copy and copy.sequence > max(hashes, default=0):
            findings.append(Finding("CERT-MISSING", where, 1, copy.request_id))
        elif copy and hashes.get(copy.sequence, copy.hash) != copy.hash:
            findings.append(Finding("CERT-CHANGED", where, 1, copy.request_id))
    return findings


def _check_receipts(
    data_root: DataRoot, intact: list[dict[str, Any]], logged: list[Head]
) -> list[Finding]:
    """Compare receipts, and the roots in the log, with the tree over all certificates."""
    documents = sorted(intact, key=lambda document: int(document["certificate"]["sequence"]))
    tree = list(merkle_tree.roots(map(receipts.leaf, documents)))
    roots = [root.hex() for root in tree]
    timestamped = [path for path in folder(data_root).glob("tree-*") if NAME.fullmatch(path.name)]
    if not all(timestamps.is_right(data_root, path, tree) for path in timestamped):
        return [Finding("CERT-HEADS", "certificates", 1)]
    with_roots = [head for head in logged if head.root]
    wrong = [
        Finding("CERT-HEADS", "certificates", 1, head.request_id)
        for head in with_roots
        if head.sequence > len(roots) or head.root != roots[head.sequence - 1]
    ]
    return wrong or receipts.check(
        data_root, documents, with_roots[-1].sequence if with_roots else 0
    )


def _noted(data_root: DataRoot) -> tuple[int, int]:
    """Return the length of the chain by the note, and how many certificates were being issued when
    it was written; more than noted is then no fault. Zeros if the note cannot be read.
    """
    try:
        note = parse_canonical((folder(data_root) / CHAIN).read_bytes())
        return int(note["length"]), int(note.get("issuing", 0))
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def _check_suppressions(data_root: DataRoot) -> list[Finding]:
    """Check that every suppressed request is still open, or has a certificate."""
    known = issued(data_root) | _open_requests(data_root)
    return [
        Finding("CERT-MISSING", "suppressions", 1, request_id)
        for request_id in suppression.request_ids(data_root)
        if request_id not in known
    ]


def _open_requests(data_root: DataRoot) -> set[str]:
    return {
        request.request_id
        for request in ledger.every(data_root, opened=False)
        if request.state != "closed"
    }


def _check_strangers(data_root: DataRoot) -> list[Finding]:
    """Check that the folder of certificates contains nothing but what is written here.

    A kill leaves pages of a certificate that was still to be written: its request is open.
    """
    certified = issued(data_root) | _open_requests(data_root)
    ours = {SUMS, CHAIN, chain_heads.LOG, chain_heads.PUBLIC_KEY}
    ours |= {f"{request_id}.{kind}" for request_id in certified for kind in KINDS}
    there = folder(data_root).iterdir() if folder(data_root).is_dir() else ()
    strangers = sum(
        1
        for path in there
        if path.name not in ours
        and not path.name.startswith(UNFINISHED)
        and not NAME.fullmatch(path.name)
    )
    return [Finding("CERT-INSERTED", "certificates", strangers)] if strangers else []


def _tampered(data_root: DataRoot, request_id: str, document: dict[str, Any]) -> str:
    certificate = document["certificate"]
    if set(document) != {"certificate", "hash", "pages", "seal"}:
        return "CERT-CHANGED"
    if not hmac.compare_digest(
        str(document["seal"]),
        seal(data_root, {"hash": document["hash"], "pages": document["pages"]}),
    ):
        return (
            "CERT-INSERTED"
            if hashlib.sha256(canonical(certificate)).hexdigest() == document["hash"]
            else "CERT-CHANGED"
        )
    if hashlib.sha256(canonical(certificate)).hexdigest() != document["hash"]:
        return "CERT-CHANGED"
    if certificate["request_id"] != request_id:
        return "CERT-ORDER"
    for kind, digest in document["pages"].items():
        page = path_of(data_root, request_id, kind)
        if not page.exists() or hashlib.sha256(page.read_bytes()).hexdigest() != digest:
            return "CERT-CHANGED"
    return ""


def _check_order(intact: Iterable[dict[str, Any]], accused: set[str]) -> list[Finding]:
    """Walk along the chain; a gap that an accused certificate explains is not reported twice."""
    findings = []
    sequence, last = 0, FIRST
    for document in sorted(intact, key=lambda document: int(document["certificate"]["sequence"])):
        certificate = document["certificate"]
        if certificate["sequence"] == sequence:
            findings.append(Finding("CERT-INSERTED", "certificates", 1, certificate["request_id"]))
        elif certificate["sequence"] != sequence + 1:
            if not accused:
                findings.append(
                    Finding("CERT-MISSING", "certificates", certificate["sequence"] - sequence - 1)
                )
        elif certificate["previous"] != last:
            findings.append(Finding("CERT-ORDER", "certificates", 1, certificate["request_id"]))
        sequence, last = certificate["sequence"], document["hash"]
    return findings


def _check_end(data_root: DataRoot, intact: list[dict[str, Any]]) -> list[Finding]:
    path = folder(data_root) / CHAIN
    if not path.exists():
        return [Finding("CERT-CHAIN", "certificates", 1)] if intact else []
    try:
        noted = parse_canonical(path.read_bytes())
        whole = hmac.compare_digest(
            str(noted["seal"]),
            seal(data_root, {name: value for name, value in noted.items() if name != "seal"}),
        )
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        return [Finding("CERT-CHAIN", "certificates", 1)]
    highest = max((int(document["certificate"]["sequence"]) for document in intact), default=0)
    present = sum(1 for _ in folder(data_root).glob("Q*.json"))
    if present < noted["length"]:
        return [Finding("CERT-MISSING", "certificates", noted["length"] - present)]
    # More than noted, up to those that were being issued, is what a kill leaves; the next that is
    # issued mends it.
    return (
        [Finding("CERT-CHAIN", "certificates", highest - noted["length"])]
        if highest > noted["length"] + max(1, noted.get("issuing", 0))
        else []
    )


def _check_requests(data_root: DataRoot) -> list[Finding]:
    """Check that each erasure carried out has its certificate, and a refused one has none."""
    there = issued(data_root)
    closed = [
        request
        for request in ledger.every(data_root, opened=False)
        if request.right == "erasure" and request.state == "closed"
    ]
    return [
        Finding(
            "CERT-REQUEST" if request.why else "CERT-MISSING", "certificates", 1, request.request_id
        )
        for request in closed
        if bool(request.why) == (request.request_id in there)
    ]
