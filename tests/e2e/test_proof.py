"""An erasure is proven and certified once, whenever it is killed; what comes back later, or is
changed, shows.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from assets.storage.data_root import DataRoot
from tests.support.commands import Ended, console_script, register
from tests.support.data_roots import (
    contents,
    copied,
    differing,
    files_containing,
    ledger_entries,
    leftovers,
    parquet_rows,
    unfinished_runs,
)
from tests.support.erasing import cleared
from tests.support.killing import killed_at
from tests.support.namesakes import AGAIN, LEAVES, STAYS


@dataclass(frozen=True)
class Proven:
    """Data roots with the request open and closed, and the output of the commands."""

    asked: Path
    closed: Path
    request_id: str
    looked: Ended
    erased: Ended


@pytest.fixture(scope="module")
def proven(namesakes_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Proven:
    asked = copied(namesakes_root, tmp_path_factory.mktemp("asked") / "data")
    request_id = register(
        asked, "request", "erasure", "--channel", "written", "--identity-code", LEAVES.identity_code
    ).out.strip()
    cleared(DataRoot(asked), [request_id])
    looked = console_script(asked, "verify", request_id, "--json")
    closed = copied(asked, tmp_path_factory.mktemp("closed") / "data")
    return Proven(asked, closed, request_id, looked, register(closed, "erase", "--as-of", AGAIN))


def certificate(root: Path, request_id: str) -> Path:
    return root / "requests" / "certificates" / f"{request_id}.json"


def test_while_the_request_is_open_its_identifiers_are_found_in_the_bytes_of_every_layer(
    proven: Proven,
) -> None:
    places = {
        finding["where"]
        for finding in proven.looked.data["findings"]
        if finding["code"] == "PROOF-BYTES"
    }
    assert {"raw", "staged", "register", "marts.contracts", "marts.credit_decision"} <= places
    assert proven.looked.code == 1
    assert not [
        value for value in LEAVES.identifiers if value in proven.looked.out + proven.looked.err
    ]


def test_an_erasure_is_certified_without_identifiers(proven: Proven) -> None:
    assert (proven.erased.code, proven.erased.err) == (0, "")
    certified = json.loads(certificate(proven.closed, proven.request_id).read_text())["certificate"]
    assert certified["rows_removed"]["raw"] == 9
    assert {
        category
        for category, decision in certified["decisions"].items()
        if decision["decision"] != "erased"
    } == {"order"}
    assert certified["decisions"]["order"] == {
        "decision": "held",
        "ground": "RET-VOUCHER-6Y (1336/1997 2:10), GDPR 17(3)(b)",
        "rows": 1,
        "until": "2033-01-01",
    }
    assert {"name", "contact", "contract", "order", "credit", "website_identifier"} <= set(
        certified["decisions"]
    )
    assert all(rewritten["before"] != rewritten["after"] for rewritten in certified["files"])
    assert {"marts/contracts.duckdb", "lake/register/identifiers.parquet"} <= {
        mart["file"] for mart in certified["published"] if mart["before"] != mart["after"]
    }
    pages = [path.read_text() for path in (proven.closed / "requests" / "certificates").iterdir()]
    assert not [
        value
        for value in (*LEAVES.identifiers, *STAYS.identifiers)
        if any(value in page for page in pages)
    ]
    assert files_containing(proven.closed, LEAVES.identifiers) == []


def test_the_request_s_partition_shows_a_summary_of_its_certificate(proven: Proven) -> None:
    with dg.DagsterInstance.from_config(str(proven.closed / "dagster")) as instance:
        shown = instance.fetch_materializations(
            dg.AssetRecordsFilter(
                dg.AssetKey(["erasure", "closed"]), asset_partitions=[proven.request_id]
            ),
            limit=2,
        ).records
    assert len(shown) == 1
    assert shown[0].asset_materialization is not None
    metadata = shown[0].asset_materialization.metadata
    assert (
        metadata["certificate_hash"].value
        == json.loads(certificate(proven.closed, proven.request_id).read_text())["hash"]
    )
    assert "| raw | 9 |" in str(metadata["rows"].value)


@pytest.mark.parametrize("which", ["one", "all", "certificates"])
def test_it_can_be_proven_again_at_any_time(proven: Proven, which: str) -> None:
    ended = register(
        proven.closed,
        "verify",
        *{"one": [proven.request_id], "all": [], "certificates": ["--certificates"]}[which],
        "--json",
    )
    assert (ended.code, ended.err, ended.data["findings"]) == (0, "", [])
    assert all(row["examined"] > 0 for row in ended.data["examined"])


def test_a_file_from_before_that_comes_back_shows_and_is_not_published(
    proven: Proven, tmp_path: Path
) -> None:
    root = copied(proven.closed, tmp_path / "data")
    back = next(
        path
        for path in (proven.asked / "lake/staged").rglob("identifiers.parquet")
        if any(LEAVES.identity_code in row for row in parquet_rows(path))
    )
    shutil.copy(back, root / back.relative_to(proven.asked))
    ended = register(root, "verify", "--json")
    assert ended.code == 1
    assert {
        (finding["code"], finding["where"], finding["request_id"])
        for finding in ended.data["findings"]
    } == {("PROOF-SUPPRESSED", "staged.identifiers", proven.request_id)}
    marts = {path.name: path.read_bytes() for path in (root / "marts").glob("*.duckdb")}
    ended = register(root, "refresh", "--as-of", "2026-11-21")
    assert ended.code == 1
    assert LEAVES.identity_code not in ended.out + ended.err
    assert {path.name: path.read_bytes() for path in (root / "marts").glob("*.duckdb")} == marts


def test_a_mart_in_which_something_was_deleted_shows(proven: Proven, tmp_path: Path) -> None:
    root = copied(proven.closed, tmp_path / "data")
    with duckdb.connect(str(root / "marts" / "contracts.duckdb")) as connection:
        connection.execute("DELETE FROM registrants")
    ended = register(root, "verify", "--json")
    assert ended.code == 1
    assert "PROOF-OLDER-HEADER" in {finding["code"] for finding in ended.data["findings"]}


def test_a_removed_certificate_shows(proven: Proven, tmp_path: Path) -> None:
    root = copied(proven.closed, tmp_path / "data")
    certificate(root, proven.request_id).unlink()
    ended = register(root, "verify", "--certificates")
    assert ended.code == 1
    assert "CERT-MISSING" in ended.out


MOMENTS = {
    "the request is being written": "requests/.unfinished-*",
    "the suppressions are there": "requests/suppressions.parquet",
    "what goes is being noted": "requests/evidence/*.json",
    "a file is being rewritten": "lake/raw/*/*/.unfinished-*",
    "a staged file is being written": "lake/staged/*/.unfinished-*",
    "the register is being written": "lake/register/.unfinished-*",
    "a mart is published": "marts/*.duckdb",
    "the certificate's page is there": "requests/certificates/*.html",
    "the certificate is there": "requests/certificates/Q*.json",
    "the chain is noted": "requests/certificates/chain.json",
}


def test_killed_at_each_step_it_is_certified_once_and_ends_like_an_undisturbed_erasure(
    proven: Proven, tmp_path: Path
) -> None:
    root = copied(proven.asked, tmp_path / "data")
    assert [
        moment
        for moment, pattern in MOMENTS.items()
        if killed_at(root, pattern, "erase", "--as-of", AGAIN)
    ] == list(MOMENTS)
    first = (
        certificate(root, proven.request_id).read_bytes()
        if certificate(root, proven.request_id).exists()
        else None
    )
    ended = register(root, "erase", "--as-of", AGAIN)
    assert (ended.code, ended.err) == (0, "")
    assert first in (None, certificate(root, proven.request_id).read_bytes())
    certificates = [
        json.loads(certificate(copy, proven.request_id).read_text())["certificate"]
        for copy in (root, proven.closed)
    ]
    for what in ("rows_removed", "decisions", "sequence", "previous"):
        assert certificates[0][what] == certificates[1][what], what
    assert [rewritten["before"] for rewritten in certificates[0]["files"]] == [
        rewritten["before"] for rewritten in certificates[1]["files"]
    ]
    assert register(root, "verify", "--certificates").code == 0
    assert register(root, "verify").code == 0
    assert files_containing(root, LEAVES.identifiers) == []
    assert list((root / "requests" / "evidence").iterdir()) == []
    assert differing(contents(root), contents(proven.closed)) == []
    assert ledger_entries(root) == ledger_entries(proven.closed)
    assert leftovers(root) == unfinished_runs(root) == []


def test_a_run_killed_after_its_erasure_was_closed_is_not_taken_for_running(
    proven: Proven, tmp_path: Path
) -> None:
    """Nothing is left to do, and the next command says so; the run is reported all the same."""
    root = copied(proven.asked, tmp_path / "data")
    assert killed_at(
        root, f"secrets/request-keys/{proven.request_id}.key", "erase", "--as-of", AGAIN
    )
    assert [line.split()[0] for line in unfinished_runs(root)] == ["erasure_backfill"]
    ended = register(root, "erase", "--as-of", AGAIN)
    assert (ended.code, ended.err) == (0, "")
    assert "Nothing to erase" in ended.out
    assert unfinished_runs(root) == []
