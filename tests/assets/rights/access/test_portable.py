"""Portability: what the registrant provided, on consent or contract, as policy.yaml has it; nothing
inferred, nothing from others.
"""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from assets.rights.access import gathering, package
from assets.rights.access.gathering import Gathered, Row
from assets.rights.access.portable import portable
from assets.storage.data_root import DataRoot
from schemas.policy.loader import POLICY_FILE, load_policy
from tests.support.access_world import OTHERS, SELF_CODE, register_of_them
from tests.support.registers import registrant

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
POLICY = load_policy()


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    return register_of_them(tmp_path_factory)


@pytest.fixture(scope="module")
def taken(data_root: DataRoot) -> dict[str, list[Row]]:
    return portable(
        POLICY, gathering.gather(data_root, str(registrant(data_root, SELF_CODE)["registrant_id"]))
    )


@pytest.mark.clause("P9.1")
def test_only_what_the_registrant_provided_is_taken(taken: dict[str, list[Row]]) -> None:
    sources = {row["source"] for rows in taken.values() for row in rows}
    assert sources == {"crm", "consents", "website"}
    assert not {"credit_reports", "credit_marks", "addresses"} - {"addresses"} & set(taken)
    assert {row["family_name"] for row in taken["names"]} == {"Asiakas"}
    assert {"contracts", "orders", "visits", "contact_points", "marketing_choices"} <= set(taken)


def test_only_what_the_policy_lists_as_provided_is_taken(
    taken: dict[str, list[Row]],
) -> None:
    columns = {column for rows in taken.values() for row in rows for column in row}
    assert not columns & {
        "record_key",
        "delivery_id",
        "op",
        "visitor_id",
        "fingerprint",
        "ip",
        "match_key_hash",
        "credit_class",
    }


def test_the_archive_contains_json_and_tables(data_root: DataRoot, tmp_path: Path) -> None:
    done = package.portability(
        data_root,
        str(registrant(data_root, SELF_CODE)["registrant_id"]),
        "Q1",
        tmp_path / "one.zip",
        NOW,
    )
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = archive.namelist()
        whole = "".join(archive.read(name).decode() for name in names).lower()
        exported = json.loads(archive.read("portability.json"))
    assert "tables/orders.csv" in names
    assert done.statements == sum(len(rows) for rows in exported["provided"].values())
    assert [identifier for identifier in OTHERS if identifier.lower() in whole] == []


def someone(**register: list[Row]) -> Gathered:
    gathered = Gathered("R1", "2026-11-20", None)
    gathered.register = register
    stated = {
        "delivered_on": "2026-11-17",
        "delivery_id": "d",
        "record_key": "k",
        "stated_at": "2026-11-17",
    }
    gathered.statements = {
        "contact_points": [
            {
                "source": "crm",
                **stated,
                "kind": "email",
                "op": "state",
                "value": "a@example.fi",
                "match_key": "a@example.fi",
            }
        ],
        "names": [
            {
                "source": "population_register",
                **stated,
                "kind": "official",
                "op": "state",
                "given_names": "Aino",
                "family_name": "Asiakas",
            }
        ],
    }
    return gathered


CONTRACT = {"contracts": [{"contract_number": "K-1"}]}


def test_without_contract_or_consent_nothing_is_portable() -> None:
    """Then it all rests on legitimate interest, to which GDPR 20 does not apply."""
    assert portable(POLICY, someone()) == {}


def test_a_consent_makes_portable_what_its_purpose_uses() -> None:
    assert set(
        portable(POLICY, someone(choices=[{"purpose": "direct_marketing", "choice": "granted"}]))
    ) == {"contact_points"}
    assert (
        portable(POLICY, someone(choices=[{"purpose": "direct_marketing", "choice": "withdrawn"}]))
        == {}
    )
    assert portable(POLICY, someone(choices=[{"purpose": "profiling", "choice": "granted"}])) == {}


def changed(*path: str, value: object) -> object:
    policy = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    inner = policy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return type(POLICY).model_validate(policy)


def test_the_policy_decides_and_no_list() -> None:
    assert set(portable(POLICY, someone(**CONTRACT))) == {"contact_points"}
    assert portable(changed("sources", "crm", "third_party", value=True), someone(**CONTRACT)) == {}
    assert (
        portable(
            changed("categories", "contact", "purposes", value=["legal_claims"]),
            someone(**CONTRACT),
        )
        == {}
    )  # type: ignore[arg-type]
    opened = changed("sources", "population_register", "third_party", value=False)
    assert set(portable(opened, someone(**CONTRACT))) == {"contact_points", "names"}


@pytest.mark.clause("P5.7")
def test_what_each_row_has_a_consent_for_is_taken_without_a_contract() -> None:
    gathered = someone()
    given = {"source": "self", "stated_at": "2026-11-17", "topic": "hobby", "value": "sailing"}
    gathered.statements = {"other_data": [{**given, "consent": "granted", "text_version": None}]}
    assert [row["value"] for row in portable(POLICY, gathered)["other_data"]] == ["sailing"]


def test_what_was_taken_back_is_not_taken() -> None:
    gathered = someone(**CONTRACT)
    gathered.statements["contact_points"][0]["op"] = "retract"
    assert portable(POLICY, gathered) == {}


def test_what_the_registrant_gave_through_any_source_of_theirs_is_taken() -> None:
    """The policy has dates of birth from the population register and the registrant; one that came
    by the CRM is theirs all the same.
    """
    gathered = someone(contracts=[{"contract_number": "1"}])
    born = {"record_key": "k", "stated_at": "2026-11-17", "birth_date": "1990-01-01", "op": "state"}
    gathered.statements = {
        "persons": [{"source": source, **born} for source in ("crm", "population_register")]
    }
    assert "crm" not in POLICY.categories["birth_date"].sources
    assert [row["source"] for row in portable(POLICY, gathered)["persons"]] == ["crm"]
