"""The register's signing key: what it signs is checked with the public key, without the secret."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from assets.storage.canonical_json import NotCanonicalError, canonical
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper


def sign(data_root: DataRoot, content: object) -> str:
    """Return the Ed25519 signature of the content as canonical JSON, in hexadecimal digits."""
    return _key(data_root).sign(canonical(content)).hex()


def verify(data_root: DataRoot, content: object, signature: object) -> None:
    """Check a signature.

    Raises:
        NotCanonicalError: It is not the register's signature of the content.
    """
    try:
        _key(data_root).public_key().verify(bytes.fromhex(str(signature)), canonical(content))
    except (ValueError, InvalidSignature):
        raise NotCanonicalError from None


def public_key(data_root: DataRoot) -> bytes:
    """Return the public key as PEM."""
    public = _key(data_root).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def fingerprint(data_root: DataRoot) -> str:
    """Return the SHA-256 of the public key (DER), by which it is published and compared."""
    public = _key(data_root).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _key(data_root: DataRoot) -> Ed25519PrivateKey:
    """Return the key, derived from the register's secret: no second one can be lost."""
    seed = hmac.new(pepper(data_root), b"certificate signing key", hashlib.sha256).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)
