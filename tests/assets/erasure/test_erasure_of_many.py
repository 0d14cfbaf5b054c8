"""Many requests cost one pass: over the same partitions as many files are rewritten, and as many queries run, as for one."""

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
from assets.erasure.proof import certificates
from assets.requests import encrypted_identity, ledger
from assets.storage.data_root import Home
from tests.support.known_registrants import LEAVES, NOW, SHARED, STAYS, TODAY
from tests.support.registers import build

MANY = 120


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many statements were executed, files rewritten, and files or folders synced."""
    done: Counter[str] = Counter()
    connect, sync = Home.connect, os.fsync

    @contextmanager
    def counting(self: Home, **how: Any) -> Iterator[Any]:
        with connect(self, **how) as connection:

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

    monkeypatch.setattr(Home, "connect", counting)
    monkeypatch.setattr(os, "fsync", counted)
    return done


def carry_out(home: Home, ids: list[str]) -> list[str]:
    """All steps but the rebuild of register and marts."""
    erasing.find(home, ids)
    erasing.suppress(home, ids, TODAY)
    erasing.remove(home, ids, TODAY)
    return ids


def asked(home: Home, given: list[str]) -> list[str]:
    """Erasures by what is given; those of nobody are many erasures that have begun, cheaply made."""
    ids = [
        ledger.receive(home, "erasure", "written", [one], NOW + timedelta(milliseconds=number))
        for number, one in enumerate(given)
    ]
    received = [ledger.load(home, one) for one in ids]
    nobodys = [one for one in received if "NOBODY" in one.given[0]]
    begun = [replace(one, state="erasing", resolved=one.given) for one in nobodys]
    ledger.save(home, *begun)
    return ids


def test_as_many_files_are_rewritten_and_queries_run_as_for_one(
    known_home: Home, known_root: Any, tmp_path: Any, work: Counter[str]
) -> None:
    import shutil

    another = Home(shutil.copytree(known_root, tmp_path / "another"))
    ids = asked(known_home, [f"identity_code:{LEAVES.identity_code}"])
    work.clear()
    carry_out(known_home, ids)
    of_one = dict(work)
    ids = asked(
        another,
        [f"identity_code:{who.identity_code}" for who in (LEAVES, STAYS)]
        + [f"customer_number:NOBODY{number}" for number in range(MANY)],
    )
    work.clear()
    carry_out(another, ids)
    assert of_one["rewritten"] > 5
    assert work["rewritten"] == of_one["rewritten"]
    assert work["queries"] == of_one["queries"]


def test_closing_many_syncs_a_bounded_number_of_files_for_each(
    known_home: Home, work: Counter[str]
) -> None:
    given = [
        f"identity_code:{LEAVES.identity_code}",
        *(f"customer_number:NOBODY{number}" for number in range(MANY)),
    ]
    ids = carry_out(known_home, asked(known_home, given))
    build(known_home, TODAY)
    work.clear()
    closing = erasing.close(known_home, ids, NOW)
    assert (len(closing.certificates), closing.unproven) == (MANY + 1, [])
    # A certificate with two pages, the request's file, and its key.
    assert work["synced"] < 5 * (MANY + 1) + 40
    assert certificates.check(known_home) == []
    assert [one for one in ids if encrypted_identity.key_path(known_home, one).exists()] == []


def test_one_that_is_unclear_holds_up_no_other(known_home: Home) -> None:
    ids = carry_out(
        known_home, asked(known_home, [f"email:{SHARED}", f"identity_code:{LEAVES.identity_code}"])
    )
    build(known_home, TODAY)
    assert len(erasing.close(known_home, ids[1:], NOW).certificates) == 1
    assert ledger.load(known_home, ids[0]).state == "unclear"


@pytest.mark.parametrize("steps", [[], ["find"]])
def test_what_has_not_been_through_every_step_is_not_closed(
    known_home: Home, steps: list[str]
) -> None:
    """Whoever launches the last asset alone has proven nothing: of a request that nobody has looked for, nothing is found, either."""
    ids = asked(known_home, [f"identity_code:{LEAVES.identity_code}"])
    if steps:
        erasing.find(known_home, ids)
    with pytest.raises(ledger.RequestError, match="erasure_backfill"):
        erasing.close(known_home, ids, NOW)
    assert certificates.issued(known_home) == set()
    assert ledger.load(known_home, ids[0]).state != "closed"


def test_certificates_of_a_pass_that_was_killed_are_no_tampering(
    known_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when half of the certificates have their names: the next pass writes the rest, and the chain is whole."""
    ids = carry_out(
        known_home,
        asked(
            known_home,
            [
                f"identity_code:{LEAVES.identity_code}",
                *(f"customer_number:NOBODY{n}" for n in range(9)),
            ],
        ),
    )
    build(known_home, TODAY)
    real, left = os.replace, [14]

    def killed(source: Any, target: Any) -> None:
        left[0] -= "certificates" in str(target)
        if left[0] < 0:
            raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            erasing.close(known_home, ids, NOW)
    first = {
        path.name: path.read_bytes() for path in certificates.folder(known_home).glob("Q*.json")
    }
    assert 0 < len(first) < len(ids)
    assert {one.code for one in certificates.check(known_home)} <= {
        "CERT-MISSING"
    } or certificates.check(known_home) == []
    closing = erasing.close(known_home, ids, NOW + timedelta(minutes=5))
    assert len(closing.certificates) == len(ids)
    assert certificates.check(known_home) == []
    assert all(
        (certificates.folder(known_home) / name).read_bytes() == content
        for name, content in first.items()
    )
