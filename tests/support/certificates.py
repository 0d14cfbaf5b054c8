"""Certificates of invented erasures."""

from __future__ import annotations

from collections import Counter

from assets.erasure.legal_holds import Retained
from assets.erasure.proof import certificates
from assets.erasure.proof.certificates import content_of, issue
from assets.erasure.proof.evidence import Evidence
from assets.erasure.proof.findings import Finding
from assets.erasure.proof.verification import Proof
from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot


def certified(data_root: DataRoot, request_id: str) -> certificates.Issued:
    request = Request(request_id, "erasure", "written", "2026-11-20T10:00:00+02:00", "erasing")
    evidence = Evidence(
        Counter({"raw": 2, "staged.names": 1, "staged.orders": 3}),
        [{"file": "lake/raw/crm/x.parquet", "before": "a", "after": "b"}],
    )
    proof = Proof(
        findings=[Finding("PROOF-INBOX", "inbox", 1, request_id)], examined=Counter(bytes=7)
    )
    retained = {"order": Retained(1, "1336/1997 2:10", "2032-12-31")}
    return issue(
        data_root,
        content_of(
            data_root.policy, request, evidence, [], proof, "2026-11-23T10:00:00+02:00", retained
        ),
    )
