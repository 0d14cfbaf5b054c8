"""A certificate shows when hashes of the suppression list were lost, and when the pepper was
exchanged.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from assets.erasure.proof import certificate_binding, certificate_checks, certificates
from assets.erasure.proof.certificates import content_of, issue
from assets.erasure.proof.evidence import Evidence
from assets.erasure.proof.verification import Proof
from assets.ingest import suppression
from assets.requests.ledger import Request
from assets.storage import suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_rows
from assets.storage.quoting import parquet
from assets.storage.sessions import connect

IDENTIFIERS = {
    "Q1": ("identity_code:140285-912A", "email:aino@example.fi"),
    "Q2": ("customer_number:C7000001", "email:aino@example.fi"),
}


def suppress(data_root: DataRoot, request_id: str, today: date) -> None:
    with connect(data_root) as connection:
        connection.execute(
            "CREATE TABLE erased_identifiers AS SELECT unnest(?::VARCHAR[]) AS identifier",
            [list(IDENTIFIERS[request_id])],
        )
        query = f"SELECT identifier, '{request_id}' AS request_id FROM erased_identifiers"
        suppression.add(data_root, connection, query, today)


def certify(
    data_root: DataRoot, request_id: str, issued_at: str = "2026-11-23T10:00:00+02:00"
) -> None:
    request = Request(
        request_id, "erasure", "written", "2026-11-20T10:00:00+02:00", "erasing",
        resolved=IDENTIFIERS[request_id],
    )  # fmt: skip
    bound = certificate_binding.bind(data_root, [request])[request_id]
    evidence = Evidence(Counter({"raw": 2}))
    content = content_of(data_root.policy, request, evidence, [], Proof(), issued_at, {}, bound)
    issue(data_root, content)


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    for request_id in IDENTIFIERS:
        suppress(data_root, request_id, date(2026, 11, 23))
        certify(data_root, request_id)
    return data_root


def listed(data_root: DataRoot, change: str) -> None:
    with connect(data_root) as connection, suppression_state.replacing_list(data_root) as new:
        copy_rows(connection, change.format(list=parquet(suppression.path(data_root))), new)


def codes(data_root: DataRoot) -> dict[str, set[str]]:
    requests_by_code: dict[str, set[str]] = {}
    for finding in certificate_binding.check(data_root):
        requests_by_code.setdefault(finding.code, set()).add(finding.request_id)
    return requests_by_code


def test_an_untouched_list_is_no_finding(data_root: DataRoot) -> None:
    assert codes(data_root) == {}
    assert certificate_checks.check(data_root) == []


def test_neither_certificate_nor_page_contains_a_hash_of_the_list(data_root: DataRoot) -> None:
    with connect(data_root) as connection:
        tokens = connection.execute(
            f"SELECT token FROM {parquet(suppression.path(data_root))}"
        ).fetchall()
    pages = "".join(path.read_text() for path in certificates.folder(data_root).iterdir())
    assert not [token for (token,) in tokens if token in pages]


def test_a_lost_hash_is_reported_for_every_request_that_counted_it(
    data_root: DataRoot,
) -> None:
    listed(data_root, "FROM {list} WHERE request_id <> 'Q2'")
    assert codes(data_root) == {"CERT-SUPPRESSION": {"Q2"}}
    listed(data_root, "FROM {list} LIMIT 0")
    assert codes(data_root) == {"CERT-SUPPRESSION": {"Q1", "Q2"}}


def test_a_removed_list_is_reported(data_root: DataRoot) -> None:
    suppression.path(data_root).unlink()
    assert codes(data_root) == {"CERT-SUPPRESSION": {"Q1", "Q2"}}


def test_a_list_that_grows_or_is_noted_or_replaced_is_no_finding(data_root: DataRoot) -> None:
    listed(data_root, "SELECT * REPLACE (DATE '2026-11-25' AS returned_on) FROM {list}")
    IDENTIFIERS["Q3"] = ("identity_code:140285-912A", "phone:+358409990111")
    suppress(data_root, "Q3", date(2026, 11, 26))
    del IDENTIFIERS["Q3"]
    assert codes(data_root) == {}


def test_hashes_may_leave_when_their_review_is_due(data_root: DataRoot) -> None:
    IDENTIFIERS["Q4"] = ("identity_code:010190-999W",)
    suppress(data_root, "Q4", date(2016, 1, 1))
    certify(data_root, "Q4", "2016-01-01T10:00:00+02:00")
    del IDENTIFIERS["Q4"]
    listed(data_root, "FROM {list} WHERE request_id <> 'Q4'")
    assert codes(data_root) == {}


def test_an_exchanged_pepper_is_reported(data_root: DataRoot) -> None:
    (data_root.secrets / "pepper").write_bytes(b"x" * 32)
    assert codes(data_root) == {"CERT-PEPPER": {"Q1", "Q2"}}
    assert "CERT-PEPPER" in {finding.code for finding in certificate_checks.check(data_root)}


def test_a_certificate_of_the_first_format_is_whole_and_bound_to_nothing(
    data_root: DataRoot,
) -> None:
    request = Request("Q5", "erasure", "written", "2026-11-20T10:00:00+02:00", "erasing")
    content = content_of(
        data_root.policy, request, Evidence(), [], Proof(), "2026-11-23T10:00:00+02:00", {}
    )
    first = {name: value for name, value in content.items() if name not in ("remains", "redacted")}
    issue(data_root, {**first, "format": 1})
    assert certificate_checks.check(data_root) == []
