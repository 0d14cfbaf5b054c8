"""A person on the suppression list is found in every layer; contacts that others have too are
not.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from assets.erasure.proof import identifiers
from assets.ingest import suppression
from assets.register.building import TABLES
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.columns import categories, duckdb_columns, table_name
from schemas.declarations import LAYERS
from schemas.marts import MARTS
from schemas.quarantine import Quarantine
from schemas.raw import Raw
from schemas.staged import CANONICAL
from tests.support.proof_texts import put

ERASED = (
    "identity_code:140285-912A",
    "email:aino@example.fi",
    "customer_number:C7000001",
    "visitor_id:a1a1a1a1a1a1a1a1",
    "contact_id:lyyti:321-1",
    "contact_id:x:liisa.t",
)
TELLING = ("identity_code", "customer_number", "contact", "hashed_contact", "website_identifier")
# Columns of these categories that tell nobody by themselves, or say again what the column beside
# them says.
TELL_NOBODY = {"kind", "value", "valid_from", "valid_to", "fingerprint", "ip", "replaced_by"}


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    with connect(data_root) as connection:
        connection.execute(
            "CREATE TABLE erased_identifiers AS SELECT unnest(?::VARCHAR[]) AS identifier",
            [list(ERASED)],
        )
        suppression.add(
            data_root,
            connection,
            "SELECT identifier, 'Q1' AS request_id FROM erased_identifiers",
            date(2026, 11, 23),
        )
    return data_root


def findings(data_root: DataRoot) -> list[tuple[str, int, str]]:
    with connect(data_root) as connection:
        identifiers.prepare(data_root, connection)
        return [
            (finding.where, finding.count, finding.request_id)
            for finding in identifiers.in_lake(data_root, connection)
        ]


@pytest.mark.parametrize("layer", LAYERS)
def test_every_identifying_column_is_examined(layer: str) -> None:
    missing = []
    for model in LAYERS[layer]:
        telling = {name for name, category in categories(model).items() if category in TELLING}
        looked_at = " ".join(identifiers.expressions(model))
        missing += [
            f"{table_name(model)}.{name}" for name in telling - TELL_NOBODY if name not in looked_at
        ]
    assert missing == []


def test_nothing_is_found_in_an_empty_register(data_root: DataRoot) -> None:
    assert findings(data_root) == []


def test_a_record_in_raw_is_found_by_its_strong_identifier(data_root: DataRoot) -> None:
    put(
        data_root,
        Raw,
        data_root.lake / "raw/crm/2026-11-20/a.parquet",
        record_no="0",
        identifiers="['contact_id:1', 'customer_number:C7000001']",
    )
    assert findings(data_root) == [("raw.raw", 1, "Q1")]


def test_a_record_in_raw_that_is_certainly_about_someone_else_may_have_their_address(
    data_root: DataRoot,
) -> None:
    put(
        data_root,
        Raw,
        data_root.lake / "raw/crm/2026-11-20/a.parquet",
        record_no="0",
        identifiers="['identity_code:010190-999W', 'email:aino@example.fi']",
    )
    assert findings(data_root) == []


def test_a_record_in_raw_under_an_id_that_nobody_knows_is_theirs_by_their_address(
    data_root: DataRoot,
) -> None:
    put(
        data_root,
        Raw,
        data_root.lake / "raw/crm/2026-11-20/a.parquet",
        record_no="0",
        identifiers="['contact_id:1', 'email:aino@example.fi']",
    )
    assert findings(data_root) == [("raw.raw", 1, "Q1")]
    put(
        data_root,
        TABLES["identifiers"],
        data_root.register("identifiers"),
        registrant_id="'R1'",
        type="'contact_id'",
        value="'1'",
    )
    assert findings(data_root) == []


def test_a_record_in_raw_with_their_address_alone_is_theirs(data_root: DataRoot) -> None:
    put(
        data_root,
        Raw,
        data_root.lake / "raw/crm/2026-11-20/a.parquet",
        record_no="0",
        identifiers="['email:aino@example.fi']",
    )
    assert findings(data_root) == [("raw.raw", 1, "Q1")]


def test_a_quarantined_record_is_found_by_the_persons_key(data_root: DataRoot) -> None:
    put(
        data_root,
        Quarantine,
        data_root.lake / "quarantine/crm/2026-11-20/a.parquet",
        record_no="0",
        person_key="md5('identity_code:140285-912A')",
    )
    assert findings(data_root) == [("quarantine.quarantine", 1, "Q1")]


STAGED = {
    "names": {"person_key": "md5('email:aino@example.fi')"},
    "identifiers": {"type": "'identity_code'", "value": "'140285-912A'"},
    "marketing_choices": {"subject": "'visitor_id:a1a1a1a1a1a1a1a1'"},
    "orders": {"customer_number": "'C7000001'"},
    "visits": {"visitor_id": "'a1a1a1a1a1a1a1a1'"},
    "participations": {"participation": "'lyyti:321-1'"},
    "social_media": {"network": "'x'", "handle": "'liisa.t'"},
}


@pytest.mark.parametrize("table", STAGED)
def test_staged_rows_are_found_by_each_of_their_identifying_columns(
    data_root: DataRoot, table: str
) -> None:
    put(
        data_root,
        CANONICAL[table],
        data_root.lake / f"staged/crm/2026-11-20/a/{table}.parquet",
        record_no="0",
        **STAGED[table],
    )
    assert findings(data_root) == [(f"staged.{table}", 1, "Q1")]


def test_rows_of_the_register_are_found_by_identifiers_keys_and_golden_records(
    data_root: DataRoot,
) -> None:
    put(
        data_root,
        TABLES["identifiers"],
        data_root.register("identifiers"),
        registrant_id="'R1'",
        type="'visitor_id'",
        value="'a1a1a1a1a1a1a1a1'",
    )
    put(
        data_root,
        TABLES["membership"],
        data_root.register("membership"),
        registrant_id="'R1'",
        person_key="md5('customer_number:C7000001')",
    )
    put(
        data_root,
        TABLES["registrants"],
        data_root.register("registrants"),
        registrant_id="'R1'",
        identity_code="'140285-912A'",
    )
    assert sorted(findings(data_root)) == [
        ("register.identifiers", 1, "Q1"),
        ("register.membership", 1, "Q1"),
        ("register.registrants", 1, "Q1"),
    ]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("contact_id", []),
        ("email", [("register.contact_points", 1, "Q1"), ("register.identifiers", 1, "Q1")]),
    ],
)
def test_a_contact_in_the_register_counts_unless_its_holder_is_known_by_something_stronger(
    data_root: DataRoot, other: str, expected: list[tuple[str, int, str]]
) -> None:
    value = "'aino@example.fi'" if other == "email" else "'1'"
    put(
        data_root,
        TABLES["identifiers"],
        data_root.register("identifiers"),
        registrant_id="'R2'",
        type=f"'{other}'",
        value=value,
    )
    put(
        data_root,
        TABLES["contact_points"],
        data_root.register("contact_points"),
        registrant_id="'R2'",
        kind="'email'",
        match_key="'aino@example.fi'",
    )
    assert sorted(findings(data_root)) == expected


def test_a_mart_is_found_by_its_columns(data_root: DataRoot) -> None:
    path = data_root.marts / "contracts.duckdb"
    with duckdb.connect(str(path)) as connection:
        for model in MARTS["contracts"]:
            connection.execute(
                f"CREATE TABLE {table_name(model)} ("
                f"{duckdb_columns(model).replace(' NOT NULL', '')})"
            )
        connection.execute(
            "INSERT INTO registrants (registrant_id, identity_code, email) VALUES ('R1', "
            "'140285-912A', ' Aino@example.fi')"
        )
    with connect(data_root) as connection:
        identifiers.prepare(data_root, connection)
        assert [
            (finding.where, finding.count)
            for finding in identifiers.in_mart(data_root, connection, "contracts", path)
        ] == [("marts.contracts.registrants", 2)]


@pytest.mark.parametrize(
    ("shared_with_another", "expected"),
    [(False, [("marts.targeted_advertising.emails", 1)]), (True, [])],
)
def test_a_hashed_contact_for_advertising_is_found_unless_somebody_else_has_it_too(
    data_root: DataRoot, shared_with_another: bool, expected: list[tuple[str, int]]
) -> None:
    if shared_with_another:
        put(
            data_root,
            TABLES["identifiers"],
            data_root.register("identifiers"),
            registrant_id="'R2'",
            type="'contact_id'",
            value="'1'",
        )
        put(
            data_root,
            TABLES["contact_points"],
            data_root.register("contact_points"),
            registrant_id="'R2'",
            kind="'email'",
            match_key="'aino@example.fi'",
        )
    path = data_root.marts / "targeted_advertising.duckdb"
    with duckdb.connect(str(path)) as connection:
        for model in MARTS["targeted_advertising"]:
            connection.execute(
                f"CREATE TABLE {table_name(model)} ("
                f"{duckdb_columns(model).replace(' NOT NULL', '')})"
            )
        connection.execute(
            "INSERT INTO emails SELECT 'consented', sha256(unnest(['aino@example.fi', "
            "'eino@example.fi']))"
        )
    with connect(data_root) as connection:
        identifiers.prepare(data_root, connection)
        assert [
            (finding.where, finding.count)
            for finding in identifiers.in_mart(data_root, connection, "targeted_advertising", path)
        ] == expected


def test_an_erasure_that_is_going_on_is_no_fault_unless_it_is_asked_for(
    data_root: DataRoot,
) -> None:
    (data_root.requests / "Q1.json").write_text(
        '{"request_id": "Q1", "right": "erasure", "channel": "written", "received_at": "",'
        ' "state": "erasing", "given": [], "resolved": []}'
    )
    with connect(data_root) as connection:
        assert not identifiers.prepare(data_root, connection)
        assert identifiers.prepare(data_root, connection, ["Q1"])
