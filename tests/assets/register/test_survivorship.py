"""Of several values the most trusted source's counts, then the latest; how often there was a choice
is counted.
"""

from __future__ import annotations

from assets.storage.data_root import DataRoot
from tests.support.crm_people import deliver
from tests.support.deliveries import basic_data, csv, put
from tests.support.population_register_messages import code, home_address, name, person
from tests.support.registers import refresh, registrant, rows

CODE = code("010190-900")


def test_the_most_trusted_source_s_value_counts_and_the_choice_is_counted(
    data_root: DataRoot,
) -> None:
    basic_data(
        data_root,
        "2026-11-01",
        [
            person(
                CODE,
                name("Maija", "Esimerkki"),
                home_address("Koivukuja", "5", "33100", "TAMPERE", "2010-05-01"),
            )
        ],
    )
    contact = {
        "First Name": "Maija",
        "Last Name": "Esimerki",
        "Street Address": "Rantatie 9",
        "Postal Code": "00100",
        "City": "HELSINKI",
    }
    deliver(data_root, "2026-11-10", n1=contact | {"Customer number": "C0000001"})
    contract = {
        "contract_number": "S1", "contact_id": "1", "customer_number": "C0000001",
        "identity_code": CODE, "product": "sähkö", "status": "active",
        "starts_on": "2020-01-01", "ends_on": "", "monthly_fee": "12.50", "currency": "EUR",
        "updated_at": "2026-11-01T10:00:00Z",
    }  # fmt: skip
    put(data_root, "crm", "2026-11-10", "contracts", csv([contract]), 1)
    built = refresh(data_root)
    golden_record = registrant(data_root, CODE)
    assert (golden_record["family_name"], golden_record["postcode"]) == ("Esimerkki", "33100"), (
        "the population register is trusted more than the customer list"
    )
    of = {
        row["attribute"]: row["source"]
        for row in rows(
            data_root,
            f"SELECT * FROM provenance WHERE registrant_id = '{golden_record['registrant_id']}'",
        )
    }
    assert of["name"] == of["address"] == "population_register"
    assert built.conflicts["name"] == [1, 1]
    assert built.conflicts["birth_date"] == [0, 0]


def test_of_one_source_the_latest_word_counts(data_root: DataRoot) -> None:
    deliver(
        data_root,
        "2026-11-09",
        n1={"First Name": "Maija", "Last Name": "Esimerkki", "Email": "vanha@example.fi"},
    )
    deliver(
        data_root,
        "2026-11-10",
        n1={"First Name": "Maija", "Last Name": "Esimerkki", "Email": "uusi@example.fi"},
    )
    built = refresh(data_root)
    assert [
        row["email"]
        for row in rows(data_root, "SELECT email FROM registrants WHERE family_name = 'Esimerkki'")
    ] == ["uusi@example.fi"]
    assert built.conflicts["email"] == [0, 0], "what is over is no conflict"
