"""The codes of lost and damaged files: in errors, `register verify --files`, the weekly check."""

from __future__ import annotations

CODES = {
    "FILE-MISSING": "a file that is recorded is not there",
    "FILE-CHANGED": "a file is not what was written: another size, another hash, or unreadable",
    "FILE-UNRECORDED": (
        "a file lies in a layer and its folder has no record of it, although every file is recorded"
    ),
    "FILE-WITHOUT-ENTRY": (
        "a file of a delivery that is not in the ledger, and that no waiting delivery will replace"
    ),
}
