"""Timestamps of the certificate chain by an authority (RFC 3161): what was issued by then cannot be
replaced afterwards, not even by who has the register's secret.

    requests/certificates/tree-<size>.json   {"root", "signature", "size"} of the Merkle tree
    requests/certificates/tree-<size>.tsr    the authority's answer on the bytes of that file

The authority learns a hash. Its answer is verified before it is stored; afterwards anybody can:
`openssl ts -verify -data tree-N.json -in tree-N.tsr -CAfile AUTHORITY.pem`.
"""

from __future__ import annotations

import re
from pathlib import Path

from assets.erasure.proof import certificates, merkle_tree, receipts
from assets.erasure.proof.chain_heads import folder
from assets.storage import signing_key
from assets.storage.canonical_json import canonical
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import write_all
from assets.storage.safe_errors import PlainError

SECONDS = 30
NAME = re.compile(r"tree-(\d+)\.(?:json|tsr)")


class TimestampError(PlainError):
    """There is nothing to timestamp, or the authority's answer is none."""


def stamp(data_root: DataRoot, url: str, authority: bytes) -> Path:
    """Have the tree over all certificates timestamped, and return the path of the answer. A tree
    that has its timestamp keeps it.

    Args:
        data_root: The data root.
        url: Where the authority answers (`application/timestamp-query` by POST).
        authority: The authority's root certificates, PEM; the answer must lead to one of them.

    Raises:
        TimestampError: No certificate was issued, the authority cannot be reached, or its answer
            is not a timestamp of this tree by that authority.
    """
    documents = certificates.in_order(data_root)
    if not documents:
        raise TimestampError("no certificate has been issued: there is nothing to timestamp")
    *_, root = merkle_tree.roots(map(receipts.leaf, documents))
    tree = {"root": root.hex(), "size": len(documents)}
    content = canonical({**tree, "signature": signing_key.sign(data_root, tree)})
    answer = folder(data_root) / f"tree-{len(documents)}.tsr"
    if not answer.exists():
        timestamp = _answered(content, url, authority)
        write_all({answer.with_suffix(".json"): content, answer: timestamp})
    return answer


def is_right(data_root: DataRoot, path: Path, roots: list[bytes]) -> bool:
    """Return whether a file is a signed tree of this chain, or an answer beside one.

    Args:
        data_root: The data root.
        path: A file with a name like `NAME`.
        roots: Of the tree after each certificate.
    """
    size = int(path.stem.split("-")[1])
    if not 0 < size <= len(roots):
        return False
    tree = {"root": roots[size - 1].hex(), "size": size}
    signed = canonical({**tree, "signature": signing_key.sign(data_root, tree)})
    beside = path.with_suffix(".json")
    return beside.exists() and beside.read_bytes() == signed


def _answered(content: bytes, url: str, authority: bytes) -> bytes:
    """Return the authority's answer, verified."""
    try:
        from rfc3161_client import (
            TimestampRequestBuilder,
            VerificationError,
            VerifierBuilder,
            decode_timestamp_response,
        )
    except ModuleNotFoundError:
        raise TimestampError(
            "timestamps need the extra: pip install 'customer-marketing-register[timestamps]'"
        ) from None
    import httpx
    from cryptography.x509 import load_pem_x509_certificates

    try:
        roots = load_pem_x509_certificates(authority)
    except ValueError:
        raise TimestampError("the authority's certificates are not readable as PEM") from None
    request = TimestampRequestBuilder().data(content).build()
    try:
        response = httpx.post(
            url,
            content=request.as_bytes(),
            headers={"Content-Type": "application/timestamp-query"},
            timeout=SECONDS,
        )
        response.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TimestampError(
            f"the timestamping authority gave no answer: {type(error).__name__}"
        ) from None
    verifier = VerifierBuilder.from_request(request)
    for root in roots:
        verifier = verifier.add_root_certificate(root)
    try:
        answer = decode_timestamp_response(response.content)
        verifier.build().verify_message(answer, content)
    except (VerificationError, ValueError):
        raise TimestampError(
            "the answer is not a timestamp of this chain by the authority given"
        ) from None
    return response.content
