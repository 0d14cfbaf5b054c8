"""Many requests cost one run: over the same partitions as many files are rewritten, and as many
queries run, as for a single request.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from assets.erasure import erasing
from assets.erasure.proof import certificate_checks, certificates
from assets.requests import encrypted_identity, ledger
from assets.storage import sessions
from assets.storage.data_root import DataRoot
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, SHARED, STAYS, TODAY
from tests.support.queries import replace_connect
from tests.support.registers import build

MANY = 120


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many statements were executed, files rewritten, and files or folders synced."""
    done: Counter[str] = Counter()
    connect, sync = sessions.connect, os.fsync

    @contextmanager
    def counting(data_root: DataRoot, **how: Any) -> Iterator[Any]:
        with connect(data_root, **how) as connection:

            class Counting:
                def execute(self, query: str, *values: Any) -> Any:
                    done["queries"] += 1
                    done["rewritten"] += query.lstrip().startswith("COPY (SELECT") and (
                        "/raw/" in query or "/staged/" in query
                    )
                    return connection.execute(query, *values)

                def __getattr__(self, name: str) -> Any:
                    return getattr(connection, name)

            yield Counting()

    def counted(descriptor: int) -> None:
        done["synced"] += 1
        sync(descriptor)

    replace_connect(monkeypatch, counting)
    monkeypatch.setattr(os, "fsync", counted)
    return done


def carry_out(data_root: DataRoot, ids: list[str]) -> list[str]:
    """All steps but the rebuild of register and marts."""
    find_cleared(data_root, ids)
    erasing.suppress(data_root, ids, TODAY)
    erasing.remove(data_root, ids, TODAY)
    return ids


def asked(data_root: DataRoot, given: list[str]) -> list[str]:
    """Erasures by what is given; those of nobody are many erasures that have begun, cheaply
    made.
    """
    ids = [
        ledger.receive(
            data_root, "erasure", "written", [identifier], NOW + timedelta(milliseconds=number)
        )
        for number, identifier in enumerate(given)
    ]
    received = [ledger.load(data_root, request_id) for request_id in ids]
    nobodys = [request for request in received if "NOBODY" in request.given[0]]
    begun = [replace(request, state="erasing", resolved=request.given) for request in nobodys]
    ledger.save(data_root, *begun)
    return ids


def test_many_requests_rewrite_as_many_files_and_run_as_many_queries_as_a_single_request(
    known_data_root: DataRoot, known_root: Any, tmp_path: Any, work: Counter[str]
) -> None:
    import shutil

    another = DataRoot(shutil.copytree(known_root, tmp_path / "another"))
    ids = asked(known_data_root, [f"identity_code:{LEAVES.identity_code}"])
    work.clear()
    carry_out(known_data_root, ids)
    single = dict(work)
    ids = asked(
        another,
        [f"identity_code:{who.identity_code}" for who in (LEAVES, STAYS)]
        + [f"customer_number:NOBODY{number}" for number in range(MANY)],
    )
    work.clear()
    carry_out(another, ids)
    assert single["rewritten"] > 5
    assert work["rewritten"] == single["rewritten"]
    assert work["queries"] == single["queries"]


def test_closing_many_syncs_a_bounded_number_of_files_for_each(
    known_data_root: DataRoot, work: Counter[str]
) -> None:
    given = [
        f"identity_code:{LEAVES.identity_code}",
        *(f"customer_number:NOBODY{number}" for number in range(MANY)),
    ]
    ids = carry_out(known_data_root, asked(known_data_root, given))
    build(known_data_root, TODAY)
    work.clear()
    closing = erasing.close(known_data_root, ids, NOW)
    assert (len(closing.certificates), closing.unproven) == (MANY + 1, [])
    # A certificate with two pages and its receipt, the request's file, and its key.
    assert work["synced"] < 6 * (MANY + 1) + 40
    assert certificate_checks.check(known_data_root) == []
    assert [
        request_id
        for request_id in ids
        if encrypted_identity.key_path(known_data_root, request_id).exists()
    ] == []


def test_an_unclear_request_delays_no_other(known_data_root: DataRoot) -> None:
    ids = carry_out(
        known_data_root,
        asked(known_data_root, [f"email:{SHARED}", f"identity_code:{LEAVES.identity_code}"]),
    )
    build(known_data_root, TODAY)
    assert len(erasing.close(known_data_root, ids[1:], NOW).certificates) == 1
    assert ledger.load(known_data_root, ids[0]).state == "unclear"


@pytest.mark.parametrize("steps", [[], ["find"]])
def test_what_has_not_been_through_every_step_is_not_closed(
    known_data_root: DataRoot, steps: list[str]
) -> None:
    """Launching the last asset alone proves nothing: a request that was never looked up has no
    matches either.
    """
    ids = asked(known_data_root, [f"identity_code:{LEAVES.identity_code}"])
    if steps:
        find_cleared(known_data_root, ids)
    with pytest.raises(ledger.RequestError, match="erasure_backfill"):
        erasing.close(known_data_root, ids, NOW)
    assert certificates.issued(known_data_root) == set()
    assert ledger.load(known_data_root, ids[0]).state != "closed"


def test_certificates_of_a_killed_run_are_not_reported_as_tampering(
    known_data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when half of the certificates have their names: the next run writes the rest, and the
    chain is whole.
    """
    ids = carry_out(
        known_data_root,
        asked(
            known_data_root,
            [
                f"identity_code:{LEAVES.identity_code}",
                *(f"customer_number:NOBODY{n}" for n in range(9)),
            ],
        ),
    )
    build(known_data_root, TODAY)
    real, left = os.replace, [14]

    def killed(source: Any, target: Any) -> None:
        left[0] -= "/certificates/Q" in str(target)
        if left[0] < 0:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            erasing.close(known_data_root, ids, NOW)
    first = {
        path.name: path.read_bytes()
        for path in certificates.folder(known_data_root).glob("Q*.json")
    }
    assert 0 < len(first) < len(ids)
    assert {finding.code for finding in certificate_checks.check(known_data_root)} <= {
        "CERT-MISSING"
    } or certificate_checks.check(known_data_root) == []
    closing = erasing.close(known_data_root, ids, NOW + timedelta(minutes=5))
    assert len(closing.certificates) == len(ids)
    assert certificate_checks.check(known_data_root) == []
    assert all(
        (certificates.folder(known_data_root) / name).read_bytes() == content
        for name, content in first.items()
    )
