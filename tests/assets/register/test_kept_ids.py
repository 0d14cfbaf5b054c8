"""An erasure changes nobody else's registrant id: not of those who shared a mailbox, a browser, a
home or a birthday with the erased.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from assets.erasure import erasing
from assets.register import kept_ids
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from schemas.marts import MARTS
from tests.support.data_roots import mart_tables
from tests.support.deliveries import basic_data, csv, put
from tests.support.erasing import find_cleared
from tests.support.known_registrants import NOW, TODAY, registrant_of
from tests.support.namesakes import contact, visit
from tests.support.population_register_messages import code, day, home_address, name, part, person
from tests.support.registers import build, refresh, rows

FIRST, SECOND, LATER = "2026-11-16", "2026-11-17", "2026-11-19"
MAILBOX, PHONE, BROWSER = "perhe.pari@example.fi", "+358401234500", "c0c0c0c0c0c0c0c0"
# Identity code, contact, customer number, first name, day of birth, account.
AUNE = (code("140250-921"), "77001", "C8800001", "Aune", "1950-02-14", "AUNE-A")
BRUNO = (code("150351-922"), "77002", "C8800002", "Bruno", "1951-03-15", "BRUNO-B")
EEVA = (code("100480-924"), "77003", "C8800003", "Eeva", "1980-04-10", "EEVA-C")
OONA = (code("100480-926"), "77004", "C8800004", "Oona", "1980-04-10", "OONA-D")
FAMILY = (AUNE, BRUNO, EEVA, OONA)


def granted(kind: str, value: str) -> dict[str, str]:
    return {
        "event_ts": "2026-11-10T10:00:00Z",
        "subject_key_type": kind,
        "subject_key": value,
        "purpose": "direct_marketing",
        "channel": "all",
        "status": "granted",
        "source": "web-form",
        "evidence": "",
        "text_version": "v1",
        "language": "fi",
    }


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A couple and twins: one mailbox, one phone, one browser, one home. The mailbox came first."""
    data_root = DataRoot(tmp_path_factory.mktemp("family") / "data")
    data_root.create()
    consents = [granted("email", MAILBOX), granted("phone", PHONE), granted("cookie", BROWSER)]
    put(data_root, "consents", FIRST, "consent_log", csv(consents), len(consents))
    quiet = [visit(1, BROWSER, None, 0)]
    put(data_root, "website", FIRST, "visits", json.dumps(quiet).encode(), 1)
    refresh(data_root, TODAY)
    people = [
        person(
            member[0],
            name(member[3], "Pari"),
            part("SYNTYMAPAIVA", syntymapv=day(member[4])),
            home_address("Yhteiskatu", "4", "00100", "HELSINKI", "2015-05-01"),
        )
        for member in FAMILY
    ]
    basic_data(data_root, SECOND, people)
    address = {"Street Address": "Yhteiskatu 4", "Postal Code": "00100", "City": "Helsinki"}
    more = {**address, "Phone Number": PHONE}
    contacts = [
        contact(
            member[1],
            member[3],
            "Pari",
            MAILBOX,
            member[4],
            **more,
            **{"Customer number": member[2]},
        )
        for member in FAMILY
    ]
    put(data_root, "crm", SECOND, "contacts", csv(contacts), len(contacts))
    contracts = [
        {
            "contract_number": f"K{member[1]}",
            "contact_id": member[1],
            "customer_number": member[2],
            "identity_code": member[0],
            "product": "p",
            "status": "active",
            "starts_on": "2026-01-01",
            "monthly_fee": "10.00",
            "currency": "EUR",
        }
        for member in FAMILY
    ]
    put(data_root, "crm", SECOND, "contracts", csv(contracts), len(contracts))
    visits = [visit(10 + at, BROWSER, member[5], 100 + at) for at, member in enumerate(FAMILY)]
    put(data_root, "website", SECOND, "visits", json.dumps(visits).encode(), len(visits))
    refresh(data_root, TODAY, MARTS)
    return data_root.root


@pytest.fixture
def data_root(family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    made = DataRoot(Path(shutil.copytree(family, tmp_path / "data")))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


def erase(data_root: DataRoot, *people: tuple[str, ...]) -> None:
    ids = [
        ledger.receive(data_root, "erasure", "written", given, NOW)
        for person in people
        for given in ([f"identity_code:{person[0]}"], [f"user_id:{person[5]}"])
    ]
    find_cleared(data_root, ids)
    assert {ledger.load(data_root, request_id).state for request_id in ids} == {"erasing"}
    erasing.suppress(data_root, ids, TODAY)
    erasing.remove(data_root, ids, TODAY)
    build(data_root, TODAY)
    assert erasing.close(data_root, ids, NOW).unproven == []


def ids_of(data_root: DataRoot, *people: tuple[str, ...]) -> dict[str, str]:
    """The registrant's id by each strong identifier of these people."""
    values = {value for person in people for value in (person[0], person[1], person[2], person[5])}
    return {
        row["value"]: row["registrant_id"]
        for row in rows(data_root, "FROM identifiers")
        if row["value"] in values
    }


def mart_rows(data_root: DataRoot, ids: set[str]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a mart that has one of these registrants."""
    rows_by_table = {
        f"{path.stem}.{table}": [row for row in listed if ids & {*row}]
        for path in sorted(data_root.marts.glob("*.duckdb"))
        for table, listed in mart_tables(path).items()
    }
    return {table: listed for table, listed in rows_by_table.items() if listed}


@pytest.mark.parametrize(
    ("erased", "stay"),
    [
        pytest.param((AUNE,), (BRUNO, EEVA, OONA), id="one of a family"),
        pytest.param((EEVA,), (AUNE, BRUNO, OONA), id="one twin"),
        pytest.param((AUNE, EEVA, OONA), (BRUNO,), id="all but one, who has the mailbox alone"),
    ],
)
def test_everybody_else_keeps_their_id_and_their_rows_in_the_marts(
    data_root: DataRoot, erased: tuple[tuple[str, ...], ...], stay: tuple[tuple[str, ...], ...]
) -> None:
    before = ids_of(data_root, *stay)
    identified = {before[person[0]] for person in stay}
    published = mart_rows(data_root, identified)
    assert published
    erase(data_root, *erased)
    assert ids_of(data_root, *stay) == before
    after = mart_rows(data_root, identified)
    lost = {
        table: [row for row in listed if row not in after.get(table, [])]
        for table, listed in published.items()
    }
    assert {table: listed for table, listed in lost.items() if listed} == {}


def test_the_id_stays_in_later_builds_and_with_what_comes_later(data_root: DataRoot) -> None:
    bruno = registrant_of(data_root, BRUNO[0])
    erase(data_root, AUNE, EEVA, OONA)
    assert registrant_of(data_root, BRUNO[0]) == bruno
    changed = [contact(BRUNO[1], "Bruno", "Pari", MAILBOX, BRUNO[4], City="Turku")]
    put(data_root, "crm", LATER, "contacts", csv(changed), 1)
    refresh(data_root, TODAY)
    assert registrant_of(data_root, BRUNO[0]) == bruno
    with connect(data_root) as connection:
        kept = connection.execute(f"FROM {parquet(kept_ids.FILE.place(data_root))}").fetchall()
    assert len({seed for _, seed in kept}) == len(kept)


def test_a_later_newcomer_at_the_mailbox_has_an_id_of_their_own(data_root: DataRoot) -> None:
    """The mailbox of one is again a mailbox of two: it goes back to nobody, under its own id."""
    erase(data_root, AUNE, EEVA, OONA)
    bruno = registrant_of(data_root, BRUNO[0])
    new = [contact("77009", "Doris", "Uusi", MAILBOX, "1990-03-15", **{"Customer number": "C99"})]
    put(data_root, "crm", LATER, "contacts", csv(new), 1)
    refresh(data_root, TODAY)
    assert registrant_of(data_root, BRUNO[0]) == bruno
    assert registrant_of(data_root, "C99") != bruno
    people = rows(
        data_root,
        "SELECT registrant_id, count(DISTINCT identity_code) AS codes FROM registrants GROUP BY 1",
    )
    assert {row["codes"] for row in people} <= {0, 1}
