"""The codes of the proof of an erasure, in checks, certificates and `register verify`."""

from __future__ import annotations

CODES = {
    "PROOF-SUPPRESSED": (
        "an identifier, or the key of a person, whose keyed hash is on the suppression list is "
        "still in a layer"
    ),
    "PROOF-BYTES": (
        "while the request is open: an identifier of the registrant is in the bytes of a file"
    ),
    "PROOF-SPELLING": (
        "while the request is open: an identifier of the registrant is in a text, in another "
        "spelling"
    ),
    "PROOF-INBOX": (
        "while the request is open: a delivery that waits names the registrant; its records are "
        "left out when it is taken in"
    ),
    "PROOF-UNREADABLE": (
        "a file could not be opened and read to its end, so nothing is proven of it"
    ),
    "PROOF-STORED-ROWS": (
        "a mart stores more rows than its tables have: deleted ones are still in the file"
    ),
    "PROOF-FREE-BLOCKS": (
        "a mart has blocks that are not in use: their content is still in the file"
    ),
    "PROOF-OLDER-HEADER": (
        "the older header of a mart leads to tables: what has been changed since can be read again"
    ),
    "PROOF-WAL": "a write-ahead log lies beside a mart",
    "PROOF-ENUM": "a mart has an ENUM type, which keeps values that no row has",
    "PROOF-SPILL": "a process that has ended left spilled data",
    "PROOF-UNFINISHED": "a process that has ended left an unfinished file",
    "PROOF-OPEN": "the request has been closed and still says what identified the registrant",
    "CERT-CHANGED": "a certificate has changed since it was issued",
    "CERT-MISSING": (
        "a certificate has been removed: the chain has a gap or ends early, or a carried-out "
        "erasure has none"
    ),
    "CERT-ORDER": (
        "a certificate stands in another place of the chain than the one that it was issued for"
    ),
    "CERT-INSERTED": "a certificate is not of this chain: it does not bear this register's seal",
    "CERT-CHAIN": "the note of how long the chain is has been changed or removed",
    "CERT-HEADS": (
        "the signed log of the chain's heads, its public key, or a copy of its last head was "
        "changed, cut or removed"
    ),
    "CERT-RECEIPT": (
        "a certificate's receipt, by which anybody can check it, was changed, exchanged or removed"
    ),
    "CERT-PEPPER": (
        "the pepper is not the one under which the certificate was issued: nobody on the "
        "suppression list is known again"
    ),
    "CERT-SUPPRESSION": (
        "the suppression list has lost hashes that the certificate counted, before their review "
        "was due"
    ),
    "CERT-REQUEST": "a certificate stands beside a request that says it was refused",
}

# Reported, but no reason to call an erasure unproven: the data is not in the register, and will not
# get there.
WARNINGS = ("PROOF-INBOX",)
