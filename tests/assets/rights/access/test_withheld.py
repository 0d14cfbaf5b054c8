"""What is withheld is looked at by a person: item by item, as it would be handed out; what they
release goes out, all else stays.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.requests import ledger
from assets.rights import verification
from assets.rights.access import gathering
from assets.storage.data_root import DataRoot
from pipelines.cli import access, request_steps
from tests.support.access_world import (
    MARK,
    SELF_CODE,
    SELF_NUMBER,
    SPOUSE_NUMBER,
    SPOUSE_PHONE,
    register_of_them,
)
from tests.support.packages import content, unzipped
from tests.support.registers import registrant, typed

NOW = datetime(2026, 11, 20, 9, 0, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    return register_of_them(tmp_path_factory)


@pytest.fixture
def asked(known: DataRoot) -> str:
    request_id = ledger.receive(known, "access", "written", [f"identity_code:{SELF_CODE}"], NOW)
    verification.verified(known, request_id, "identity_document", NOW)
    return request_id


def listed(data_root: DataRoot, request_id: str, *more: str) -> list[dict[str, Any]]:
    answer = typed(data_root, request_steps.show_withheld, request_id, "--json", *more)
    assert answer.exit_code == 0, answer.output
    items: list[dict[str, Any]] = json.loads(answer.output)
    return items


def notes(data_root: DataRoot, request_id: str) -> str:
    """The item that is the free text of the registrant's own contact."""
    return next(
        str(item["item"])
        for item in listed(data_root, request_id, "--private")
        if item["field"] == "Notes"
    )


def test_every_item_is_listed_without_its_content_unless_it_is_asked_for(
    known: DataRoot, asked: str
) -> None:
    assert [item["kind"] for item in listed(known, asked)] == ["field"] * 7
    assert MARK not in typed(known, request_steps.show_withheld, asked).output
    assert {"Notes", "customVariables", "perhe", "tietoryhmat[4]"} <= {
        item["field"] for item in listed(known, asked, "--private")
    }


def test_a_content_is_shown_as_it_would_be_handed_out(known: DataRoot, asked: str) -> None:
    seen = next(
        item["content"] for item in listed(known, asked, "--private") if item["field"] == "Notes"
    )
    assert seen == f"puhuttu: {MARK}notes [redacted]"


def test_what_is_released_goes_out_with_the_package_and_nothing_else(
    known: DataRoot, asked: str, tmp_path: Path
) -> None:
    item = notes(known, asked)
    assert typed(known, request_steps.decide, asked, "--withheld", f"{item}=granted").exit_code == 0
    assert typed(known, access.access, asked, "--out", str(tmp_path / "one.zip")).exit_code == 0
    package = content(tmp_path / "one.zip")
    assert [(released["field"], released["content"]) for released in package["released"]] == [
        ("Notes", f"puhuttu: {MARK}notes [redacted]")
    ]
    assert package["withheld"] == {"fields": 6, "records": 0}
    for name, data in unzipped(tmp_path / "one.zip").items():
        left = data.decode().replace(f"{MARK}notes", "")
        assert (MARK in left, SPOUSE_PHONE in left) == (False, False), name
    assert f"{MARK}notes" in unzipped(tmp_path / "one.zip")["access.html"].decode()
    assert f"{MARK}notes" in unzipped(tmp_path / "one.zip")["tables/released.csv"].decode()


def test_what_is_withheld_has_a_ground_and_the_ledger_records_how_many_and_not_which(
    known: DataRoot, asked: str
) -> None:
    item = notes(known, asked)
    assert (
        typed(
            known, request_steps.decide, asked, "--withheld", f"{item}=refused:REQ-RIGHTS-OF-OTHERS"
        ).exit_code
        == 0
    )
    assert [entry["decided"] for entry in listed(known, asked) if entry["item"] == item] == [
        "refused:REQ-RIGHTS-OF-OTHERS"
    ]
    assert [
        event["told"] for event in ledger.load(known, asked).events if event["what"] == "reviewed"
    ] == ["1 refused:REQ-RIGHTS-OF-OTHERS"]
    assert item not in (known.requests / f"{asked}.json").read_text()
    ledger.close(known, ledger.load(known, asked), NOW)
    assert ledger.load(known, asked).withheld == {}


@pytest.mark.parametrize("decision", ["{item}=refused:REQ-ACCURATE", "WFFFFFFFFFFFF=granted"])
def test_neither_another_ground_nor_an_item_that_is_not_there_is_taken(
    known: DataRoot, asked: str, decision: str
) -> None:
    answer = typed(
        known, request_steps.decide, asked, "--withheld", decision.format(item=notes(known, asked))
    )
    assert answer.exit_code == 1
    assert "WFFF" not in answer.output
    assert ledger.load(known, asked).withheld == {}


def test_nothing_is_shown_before_the_requester_is_verified(known: DataRoot) -> None:
    request_id = ledger.receive(known, "access", "written", [f"identity_code:{SELF_CODE}"], NOW)
    answer = typed(known, request_steps.show_withheld, request_id, "--private")
    assert (answer.exit_code, MARK in answer.output) == (1, False)


def test_a_record_of_somebody_else_that_mentions_the_registrant_is_an_item_of_its_own(
    known: DataRoot, tmp_path: Path
) -> None:
    data_root = DataRoot(Path(shutil.copytree(known.root, tmp_path / "data")))
    raw = next(
        path
        for path in data_root.files("raw", "crm")
        if f"{MARK}-T" in str(duckdb.sql(f"SELECT payload FROM '{path}'").fetchall())
    )
    named = (
        f"CASE WHEN contains(payload, '{SPOUSE_NUMBER}') THEN list_append(identifiers, "
        f"'customer_number:{SELF_NUMBER}') ELSE identifiers END"
    )
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE mixed AS SELECT * REPLACE ({named} AS identifiers) FROM '{raw}'"
        )
        connection.execute(f"COPY mixed TO '{raw}' (FORMAT parquet)")
    me = str(registrant(data_root, SELF_CODE)["registrant_id"])
    [mentions] = [item for item in gathering.withheld(data_root, me) if item.kind == "record"]
    assert (mentions.field, mentions.content["customer_number"], mentions.content["amount"]) == (
        "",
        "[redacted]",
        "31337.77",
    )
    gathered = gathering.gather(data_root, me, [mentions.item])
    assert (gathered.withheld["records"], gathered.released[0]["content"]) == (0, mentions.content)
