"""Receipts: each shows, signed, that a certificate is one of those issued, to anybody who has the
public key; no secret, no register and no other certificate is needed.

    requests/certificates/<request_id>.receipt   {"index", "path", "root", "signature", "size"}

The leaf of a certificate in the Merkle tree is what its seal covers: its hash and those of its
pages. `index` is its place, `path` leads from it to `root`, and the signature is over
{"root", "size"} of the tree as it was when the receipt was written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assets.erasure.proof import merkle_tree
from assets.erasure.proof.chain_heads import folder
from assets.erasure.proof.findings import Finding
from assets.storage import signing_key
from assets.storage.canonical_json import NotCanonicalError, canonical, parse_canonical
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import write_all

KIND = "receipt"


def leaf(document: Mapping[str, Any]) -> bytes:
    """Return the leaf hash of a certificate as it is stored."""
    return merkle_tree.leaf_hash(canonical({name: document[name] for name in ("hash", "pages")}))


def write_missing(data_root: DataRoot, documents: Sequence[Mapping[str, Any]]) -> None:
    """Write the receipts of certificates that have none.

    Args:
        data_root: The data root.
        documents: All certificates as stored, in the order of the chain.
    """
    files = [
        folder(data_root) / f"{document['certificate']['request_id']}.{KIND}"
        for document in documents
    ]
    missing = [index for index, path in enumerate(files) if not path.exists()]
    if not missing:
        return
    leaves = [leaf(document) for document in documents]
    *_, root = merkle_tree.roots(leaves)
    tree = {"root": root.hex(), "size": len(leaves)}
    signed = {**tree, "signature": signing_key.sign(data_root, tree)}
    write_all(
        {
            files[index]: canonical(
                {**signed, "index": index, "path": [each.hex() for each in path]}
            )
            for index, path in zip(missing, merkle_tree.paths(leaves, missing), strict=True)
        }
    )


def check(
    data_root: DataRoot, documents: Sequence[Mapping[str, Any]], logged: int
) -> list[Finding]:
    """Look for receipts that were changed, exchanged or removed.

    Args:
        data_root: The data root.
        documents: All certificates, intact and in the order of the chain.
        logged: How many of them are in a log that has their roots: receipts come before it.
    """
    leaves = [leaf(document) for document in documents]
    roots = list(merkle_tree.roots(leaves))
    return [
        Finding("CERT-RECEIPT", "certificates", 1, document["certificate"]["request_id"])
        for index, document in enumerate(documents)
        if not _is_right(
            data_root, document["certificate"]["request_id"], index, leaves, roots, index < logged
        )
    ]


def _is_right(
    data_root: DataRoot,
    request_id: str,
    index: int,
    leaves: Sequence[bytes],
    roots: Sequence[bytes],
    required: bool,
) -> bool:
    path = folder(data_root) / f"{request_id}.{KIND}"
    if not path.exists():
        return not required
    try:
        receipt = parse_canonical(path.read_bytes())
        size = receipt["size"]
        tree = {"root": receipt["root"], "size": size}
        signing_key.verify(data_root, tree, receipt["signature"])
        led_to = merkle_tree.root_by(
            [bytes.fromhex(each) for each in receipt["path"]], leaves[index], index, size
        )
        return (
            set(receipt) == {*tree, "signature", "index", "path"}
            and receipt["index"] == index
            and led_to == roots[size - 1] == bytes.fromhex(receipt["root"])
        )
    except (NotCanonicalError, KeyError, TypeError, ValueError, IndexError):
        return False
