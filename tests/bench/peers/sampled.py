"""The people of `register sample` in one table: a row for each person as a source delivers them,
and the true person of each.

    python -m tests.bench.peers.sampled HOME OUT

reads the inbox and the truth of the data root HOME as they lie there; the columns are those of
`COLUMNS`. Rows are people of the population register's basic data and contacts of the CRM, each as
last delivered. The register knows no telephone and hardly an e-mail, the CRM not always a birth
date or an address, and no identity code: that of a contact is the one in a contract of theirs.
Changes, consents, visits, orders and credit reports describe nobody by themselves and are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.ingest.deliveries import MANIFEST
from assets.ingest.file_formats import reading
from assets.sources.all_sources import SOURCES
from schemas.delivery import Manifest

COLUMNS = (
    "given_names",
    "family_name",
    "birth_date",
    "street",
    "postcode",
    "town",
    "email",
    "phone",
    "identity_code",
)

_BOTH = {"fi": "VARCHAR", "sv": "VARCHAR"}
_GROUP = {
    **dict.fromkeys(
        (
            "tietoryhma",
            "etunimi",
            "sukunimi",
            "etunimiUTF8",
            "sukunimiUTF8",
            "katunumero",
            "postinumero",
            "sahkopostiosoite",
        ),
        "VARCHAR",
    ),
    "syntymapv": {"arvo": "VARCHAR"},
    "katunimi": _BOTH,
    "postitoimipaikka": _BOTH,
}
_PERSON = json.dumps({"henkilotunnus": "VARCHAR", "tietoryhmat": [_GROUP]})
_CONTACT = {
    "First Name": "given_names",
    "Last Name": "family_name",
    "Date of birth": "birth_date",
    "Street Address": "street",
    "Postal Code": "postcode",
    "City": "town",
    "Email": "email",
    "Phone Number": "phone",
}
_FIELDS = ", ".join(f"""payload ->> '$."{key}"' AS {name}""" for key, name in _CONTACT.items())


def _group(name: str) -> str:
    return f"list_filter(person.tietoryhmat, lambda item: item.tietoryhma = '{name}')[1]"


QUERIES = {
    "perustiedot": f"""
        SELECT
            'perustiedot' AS dataset,
            person.henkilotunnus AS native_key,
            coalesce(named.etunimiUTF8, named.etunimi) AS given_names,
            coalesce(named.sukunimiUTF8, named.sukunimi) AS family_name,
            born.syntymapv.arvo AS birth_date,
            concat_ws(' ', coalesce(lives.katunimi.fi, lives.katunimi.sv), lives.katunumero)
                AS street,
            lives.postinumero AS postcode,
            coalesce(lives.postitoimipaikka.fi, lives.postitoimipaikka.sv) AS town,
            mail.sahkopostiosoite AS email,
            NULL::VARCHAR AS phone,
            person.henkilotunnus AS identity_code,
            NULL::VARCHAR AS customer_number
        FROM (
            SELECT
                person,
                {_group("HENKILON_NIMI")} AS named,
                {_group("SYNTYMAPAIVA")} AS born,
                {_group("VAKINAINEN_KOTIMAINEN_OSOITE")} AS lives,
                {_group("SAHKOPOSTIOSOITE")} AS mail
            FROM (SELECT from_json(payload, '{_PERSON}') AS person FROM batch))""",
    "contacts": f"""
        SELECT
            'contacts' AS dataset,
            payload ->> '$."Record ID"' AS native_key,
            {_FIELDS},
            NULL::VARCHAR AS identity_code,
            payload ->> '$."Customer number"' AS customer_number
        FROM batch""",
    "contracts": """
        SELECT
            payload ->> '$.contact_id' AS contact_id,
            payload ->> '$.customer_number' AS customer_number,
            payload ->> '$.identity_code' AS identity_code
        FROM batch""",
}


def write_people(home: Path, out: Path) -> int:
    """Write the table of the data root's people, in an order without meaning; return its rows."""
    with duckdb.connect() as connection:
        for name, query in QUERIES.items():
            _gather(connection, name, query, home / "inbox")
        connection.execute(
            f"""CREATE TEMP TABLE delivered AS
            WITH codes AS (
                SELECT contact_id, customer_number, nullif(trim(identity_code), '') AS code
                FROM contracts
                WHERE nullif(trim(identity_code), '') IS NOT NULL),
            by_contact AS (
                SELECT contact_id AS native_key, max(code) AS code FROM codes GROUP BY ALL),
            by_customer AS (SELECT customer_number, max(code) AS code FROM codes GROUP BY ALL),
            everyone AS (
                SELECT * FROM perustiedot
                UNION ALL BY NAME
                SELECT contacts.* REPLACE (
                    coalesce(by_contact.code, by_customer.code) AS identity_code)
                FROM contacts
                LEFT JOIN by_contact USING (native_key)
                LEFT JOIN by_customer USING (customer_number))
            SELECT
                dataset,
                native_key,
                {", ".join(f"nullif(trim({name}), '') AS {name}" for name in COLUMNS)}
            FROM everyone"""
        )
        truth = home / "truth" / "records.parquet"
        connection.execute(
            f"""COPY (
                WITH truth AS (
                    SELECT dataset, native_key, min(person) AS person
                    FROM read_parquet('{truth}')
                    WHERE person IS NOT NULL
                    GROUP BY ALL
                    HAVING count(DISTINCT person) = 1)
                SELECT
                    row_number() OVER (ORDER BY md5(dataset || native_key)) AS uid,
                    {", ".join(COLUMNS)},
                    person AS cluster
                FROM delivered
                LEFT JOIN truth USING (dataset, native_key)
                WHERE coalesce(given_names, family_name) IS NOT NULL
                ORDER BY uid)
            TO '{out}' (FORMAT parquet, COMPRESSION zstd)"""
        )
        row = connection.execute(f"SELECT count(*) FROM '{out}'").fetchone()
        return int(row[0]) if row else 0


def _gather(connection: duckdb.DuckDBPyConnection, name: str, query: str, inbox: Path) -> None:
    """Make a table of a dataset's records, the last delivered of each key."""
    made = False
    for day, batch in _batches(inbox, name):
        connection.register("delivered", batch)
        # A row of a CSV with too few fields is its text.
        readable = (
            f"WITH batch AS (FROM delivered WHERE json_valid(payload)) SELECT '{day}' AS day, * "
            f"FROM ({query})"
        )
        connection.execute(
            f"INSERT INTO {name}_said {readable}"
            if made
            else f"CREATE TEMP TABLE {name}_said AS {readable}"
        )
        connection.unregister("delivered")
        made = True
    last = (
        "WHERE native_key IS NOT NULL QUALIFY row_number() OVER (PARTITION BY native_key ORDER "
        f"BY day DESC, hash({name}_said)) = 1"
    )
    newest = "" if name == "contracts" else last
    connection.execute(
        f"CREATE TEMP TABLE {name} AS SELECT * EXCLUDE (day) FROM {name}_said {newest}"
    )


def _batches(inbox: Path, name: str) -> Iterator[tuple[str, pa.Table]]:
    """The delivery day and the records (record_no, payload) of a dataset's deliveries, batch by
    batch, in the order of their days.
    """
    dataset = next(
        candidate for source in SOURCES for candidate in source.datasets if candidate.name == name
    )
    for manifest_path in sorted(inbox.glob(f"*/*/*{MANIFEST}")):
        manifest = Manifest.model_validate_json(manifest_path.read_text(encoding="utf-8"))
        if manifest.dataset == name:
            path = manifest_path.with_name(manifest_path.name.removesuffix(MANIFEST))
            for batch in reading.records(path, manifest.codec, dataset.format):
                yield manifest_path.parent.name, batch


if __name__ == "__main__":
    print(write_people(Path(sys.argv[1]), Path(sys.argv[2])))
