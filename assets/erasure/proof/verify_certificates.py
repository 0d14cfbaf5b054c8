"""Check certificates of erasure without the register: this one file needs Python 3.10 or later and
the package `cryptography`, no secret, and nothing else of the software that issued them: it shares
no code with it, so that a fault there is not repeated here.

    python verify_certificates.py Q20261130-abcd.json      one, with its receipt beside it
    python verify_certificates.py FOLDER                   a whole chain, with its log of heads

What is checked: that the certificate is byte for byte what was issued; that the receipt, signed
with the public key, has it among those issued; of a chain also that none is missing, added or in
another place, and that each signed head vouches for all before it. The public key is that of
`public-key.pem` beside the certificates: compare its fingerprint with the one that the controller
publishes (`--fingerprint`). A chain that was cut at its end is noticed by a head that was kept
elsewhere (`--head FILE`). A timestamp of an authority
(`tree-N.tsr` of `tree-N.json`) is checked with
`openssl ts -verify -data tree-N.json -in tree-N.tsr -CAfile AUTHORITY.pem`. Exits with 0 if all is
as issued, 1 if not, 2 if it could not be checked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

FIRST = "0" * 64
PUBLIC_KEY = "public-key.pem"
HEADS = "heads.jsonl"


class WrongError(Exception):
    """Something is not what was issued."""


class NotCheckedError(Exception):
    """A file that the check needs is not there."""


def canonical(content: object) -> bytes:
    """Return the form of JSON that is hashed and signed."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def parse(path: Path) -> dict[str, Any]:
    """Parse a file that must be canonical: a key that occurs twice would hide another value."""
    return parse_text(read(path), path.name)


def parse_text(text: bytes, name: str) -> dict[str, Any]:
    """Parse text that must be canonical."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or canonical(content) != text:
        raise WrongError(f"{name} is not in the form in which it was issued")
    return content


def read(path: Path) -> bytes:
    """Read a file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotCheckedError(f"{path.name} cannot be read: {error.strerror}") from None


def public_key(path: Path) -> tuple[Ed25519PublicKey, str]:
    """Return the key, and the SHA-256 of its DER form."""
    try:
        key = load_pem_public_key(read(path))
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise WrongError(f"{path.name} is no Ed25519 public key")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key, hashlib.sha256(der).hexdigest()


def check_signature(key: Ed25519PublicKey, content: object, signature: str, name: str) -> None:
    """Check that the content was signed with the key."""
    try:
        key.verify(bytes.fromhex(signature), canonical(content))
    except (ValueError, TypeError, InvalidSignature):
        raise WrongError(f"{name} is not signed with this public key") from None


def check_certificate(path: Path, fingerprint: str) -> dict[str, Any]:
    """Check a certificate alone, and those of its pages that lie beside it; return the document."""
    document = parse(path)
    try:
        certificate, digest, pages = (document[each] for each in ("certificate", "hash", "pages"))
        named = certificate["request_id"]
        int(certificate["sequence"])
        str(certificate["previous"])
    except (KeyError, TypeError, ValueError):
        raise WrongError(f"{path.name} is no certificate") from None
    if hashlib.sha256(canonical(certificate)).hexdigest() != digest:
        raise WrongError(f"{path.name} does not have the hash under which it was issued")
    if named != path.stem:
        raise WrongError(f"{path.name} is the certificate of another request")
    if certificate.get("signing_key", fingerprint) != fingerprint:
        raise WrongError(f"{path.name} names another signing key")
    for kind, of_page in pages.items():
        page = path.with_suffix(f".{kind}")
        if page.exists() and hashlib.sha256(read(page)).hexdigest() != of_page:
            raise WrongError(f"{page.name} is not the page that was issued")
    return document


def leaf(document: dict[str, Any]) -> bytes:
    """Return the leaf of a certificate in the Merkle tree (RFC 9162)."""
    content = canonical({"hash": document["hash"], "pages": document["pages"]})
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the hash of two nodes of the tree."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def roots(leaves: list[bytes]) -> list[str]:
    """Return the root of the tree after each leaf."""
    complete: list[tuple[int, bytes]] = []
    after = []
    for each in leaves:
        complete.append((1, each))
        while len(complete) > 1 and complete[-1][0] == complete[-2][0]:
            size, right = complete.pop()
            complete.append((2 * size, node(complete.pop()[1], right)))
        root = complete[-1][1]
        for _, left in reversed(complete[:-1]):
            root = node(left, root)
        after.append(root.hex())
    return after


def check_receipt(path: Path, document: dict[str, Any], key: Ed25519PublicKey) -> int:
    """Check that a certificate is among those issued; return how many there were by the receipt."""
    receipt = parse(path)
    try:
        root_of_tree, size = str(receipt["root"]), int(receipt["size"])
        index, steps = int(receipt["index"]), [bytes.fromhex(each) for each in receipt["path"]]
        signature = str(receipt["signature"])
    except (KeyError, TypeError, ValueError):
        raise WrongError(f"{path.name} is no receipt") from None
    check_signature(key, {"root": root_of_tree, "size": size}, signature, path.name)
    if index + 1 != document["certificate"]["sequence"]:
        raise WrongError(f"{path.name} is of another place in the chain")
    # RFC 9162, section 2.1.3.2.
    at, last, root = index, size - 1, leaf(document)
    wrong = WrongError(f"{path.name} does not lead from this certificate to the signed root")
    if not 0 <= index < size:
        raise wrong
    for beside in steps:
        if last == 0:
            raise wrong
        if at % 2 or at == last:
            root = node(beside, root)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            root = node(root, beside)
        at, last = at // 2, last // 2
    if last or root.hex() != root_of_tree:
        raise wrong
    return size


def check_one(path: Path, key: Ed25519PublicKey, fingerprint: str) -> list[str]:
    """Check one certificate and its receipt; return what was found right."""
    document = check_certificate(path, fingerprint)
    size = check_receipt(path.with_suffix(".receipt"), document, key)
    certificate = document["certificate"]
    return [
        f"{path.name}: as issued on {certificate['issued_at']}, number {certificate['sequence']} "
        f"of the {size} that were issued by then"
    ]


def check_chain(folder: Path, key: Ed25519PublicKey, fingerprint: str) -> list[str]:
    """Check every certificate of a folder, their order and their heads; return what was right."""
    documents = sorted(
        (check_certificate(path, fingerprint) for path in sorted(folder.glob("Q*.json"))),
        key=lambda document: int(document["certificate"]["sequence"]),
    )
    previous = FIRST
    for number, document in enumerate(documents, 1):
        certificate = document["certificate"]
        if certificate["sequence"] != number:
            raise WrongError(f"number {number} of the chain is missing, or there twice")
        if certificate["previous"] != previous:
            raise WrongError(
                f"{certificate['request_id']}.json does not follow number {number - 1}"
            )
        previous = document["hash"]
    after = roots([leaf(document) for document in documents])
    heads = [parse_text(line, HEADS) for line in read(folder / HEADS).splitlines()]
    if len(heads) != len(documents):
        raise WrongError(f"{HEADS} has {len(heads)} heads of {len(documents)} certificates")
    for head, document, root in zip(heads, documents, after, strict=True):
        check_head(head, document, root, key)
    receipts = [
        check_receipt(path, document, key)
        for document in documents
        if (path := folder / f"{document['certificate']['request_id']}.receipt").exists()
    ]
    return [
        f"{len(documents)} certificates: each as issued, in order, none missing or added",
        f"{len(heads)} signed heads, {len(receipts)} receipts",
        *([f"last head: {heads[-1]['hash']}"] if heads else []),
    ]


def check_head(
    head: dict[str, Any], document: dict[str, Any], root: str, key: Ed25519PublicKey
) -> None:
    """Check that a signed head is that of a certificate and of the tree up to it."""
    name = f"the head of {document['certificate']['request_id']}"
    content = {field: value for field, value in head.items() if field != "signature"}
    check_signature(key, content, str(head.get("signature")), name)
    expected = {
        "sequence": document["certificate"]["sequence"],
        "request_id": document["certificate"]["request_id"],
        "hash": document["hash"],
    }
    if content not in (expected, {**expected, "root": root}):  # older heads have no root
        raise WrongError(f"{name} is of another certificate or tree")


def check_kept(kept: Path, folder: Path, key: Ed25519PublicKey) -> str:
    """Check that a head kept elsewhere is in the folder's chain."""
    head = parse_text(read(kept).rstrip(b"\n"), kept.name)
    content = {field: value for field, value in head.items() if field != "signature"}
    check_signature(key, content, str(head.get("signature")), kept.name)
    logged = [parse_text(line, HEADS) for line in read(folder / HEADS).splitlines()]
    if head not in logged:
        raise WrongError(
            f"{kept.name} is of certificate {head.get('sequence')}, which is not in this chain: it "
            "was cut or written over"
        )
    return f"{kept.name}: number {head['sequence']} is in the chain"


def main() -> int:
    """Check what the command line names, and print what was right or the first fault."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("path", type=Path, help="a certificate's .json, or a folder with all")
    parser.add_argument("--key", type=Path, help=f"the public key; default: {PUBLIC_KEY} beside")
    parser.add_argument("--fingerprint", help="the published SHA-256 of the public key")
    parser.add_argument("--head", type=Path, help="a head of the chain that was kept elsewhere")
    given = parser.parse_args()
    folder = given.path if given.path.is_dir() else given.path.parent
    try:
        key, fingerprint = public_key(given.key or folder / PUBLIC_KEY)
        if given.fingerprint and given.fingerprint.replace(":", "").lower() != fingerprint:
            raise WrongError(f"the public key has the fingerprint {fingerprint}, not the one given")
        check = check_chain if given.path.is_dir() else check_one
        right = check(given.path, key, fingerprint)
        if given.head:
            right.append(check_kept(given.head, folder, key))
    except WrongError as error:
        print(f"NOT AS ISSUED: {error}")
        return 1
    except NotCheckedError as error:
        print(f"not checked: {error}", file=sys.stderr)
        return 2
    print(*right, f"public key, SHA-256: {fingerprint}", sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
