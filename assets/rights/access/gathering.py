"""Everything that the register holds about one registrant, with nobody else in it: tables,
statements, records as delivered.

Read from the register as it was last built, and from what is staged and in raw: nothing is
recomputed, so what is disclosed is what is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import duckdb

from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.marts import eligibility_explanation, profile_explanation
from assets.register import information_duty
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.rights.access import belonging, redaction
from assets.rights.access.belonging import Delivered, Own
from assets.rights.access.redaction import REDACTED, Redaction
from assets.sources.all_sources import SOURCES
from assets.staging import lake_rewrite
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect, create_keyed_hash
from schemas.columns import arrow_schema
from schemas.marts import MARTS
from schemas.staged import CANONICAL

Row = dict[str, Any]
# Tables of the register that name no registrant, or record only that something was removed.
NOT_SHOWN = (
    "segregated_orders",
    "segregated_consents",
    "visits_per_month",
    "event_attendance",
    "departed",
    "expired",
    "contradictions",
    "admission",
)
# Columns of statements that hold an identifier, and what kind it is; an account on the website is
# an address or a customer number.
IDENTIFYING = {"customer_number": "customer_number", "visitor_id": "visitor_id"}
# What the register has about the registrant may have a word in common with somebody's name: a town,
# a street.
_OWN_DATA_TABLES = ("registrants", "names", "addresses")
_DATASETS = {
    (source.name, dataset.name): dataset for source in SOURCES for dataset in source.datasets
}


class UnknownRegistrantError(PlainError):
    """The register has nobody of that id; the message does not repeat it."""


@dataclass
class Gathered:
    """All of it, as JSON has it. `withheld`: how many fields and records are not handed out,
    because they may concern others; `released`: those that a person has reviewed and lets go out.
    """

    registrant_id: str
    as_of: str
    language: str | None
    register: dict[str, list[Row]] = field(default_factory=dict)
    statements: dict[str, list[Row]] = field(default_factory=dict)
    records: list[Row] = field(default_factory=list)
    marts: list[Row] = field(default_factory=list)
    profile: list[Row] | None = None
    retained: dict[str, list[Row]] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)
    released: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Withheld:
    """A field of a record of the registrant's that no rule reads, or a record of somebody else that
    mentions them, as it would be handed out.

    `item` identifies it for the person who decides and discloses nothing. `field` is empty where
    it is the whole record.
    """

    item: str
    kind: Literal["field", "record"]
    source: str
    dataset: str
    delivered_on: str
    delivery_id: str
    record_no: int
    field: str
    content: Any


# With the identifiers that its record is known to carry.
_KeptBack = tuple[Withheld, list[str]]


def gather(data_root: DataRoot, registrant_id: str, released: Collection[str] = ()) -> Gathered:
    """Collect everything, and of what is withheld the items `released`. Raises
    UnknownRegistrantError. The caller has the writer's lock.

    Cost: one look at the keys of every file of the lake, and the registrant's own rows.
    """
    done, every = _gather(data_root, registrant_id)
    kept = [withheld for withheld in every if withheld.item not in released]
    done.withheld = {
        "fields": sum(withheld.kind == "field" for withheld in kept),
        "records": sum(withheld.kind == "record" for withheld in kept),
    }
    done.released = [
        {name: value for name, value in asdict(withheld).items() if name not in ("item", "kind")}
        for withheld in every
        if withheld.item in released
    ]
    per_record = Counter((entry.delivery_id, entry.record_no) for entry in kept)
    for record in done.records:
        record["withheld_fields"] = per_record[record["delivery_id"], record["record_no"]]
    return done


def withheld(data_root: DataRoot, registrant_id: str) -> list[Withheld]:
    """What a person must look at before it is handed out: fields first. Raises and costs as
    `gather`.
    """
    return _gather(data_root, registrant_id)[1]


def _gather(data_root: DataRoot, registrant_id: str) -> tuple[Gathered, list[Withheld]]:
    with connect(data_root) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        mine = belonging.own(data_root, connection, registrant_id)
        registrants = _rows(
            connection, "SELECT * FROM registrants WHERE registrant_id = $1", registrant_id
        )
        if not registrants:
            raise UnknownRegistrantError(
                "the register, as it was last built, has no registrant of that id"
            )
        done = Gathered(
            registrant_id,
            eligibility_explanation.as_of(data_root) or "",
            registrants[0]["language"],
        )
        delivered = belonging.records(data_root, connection, mine)
        done.register = _of_the_register(data_root, connection, registrant_id)
        done.statements = _statements(data_root, connection, delivered)
        _without_others_choices(done.register, done.statements.get("marketing_choices", []))
        done.records, kept_back = _as_delivered(data_root, connection, delivered)
        kept_back += _mentions(data_root, connection, delivered)
        done.retained = {"segregated_consents": _segregated_proofs(data_root, connection, mine)}
        contents = [withheld.content for withheld, _ in kept_back]
        texts = [
            text
            for part in (done.register, done.statements, done.records, contents)
            for text in redaction.every_text(part)
        ]
        names = redaction.names_of_others(data_root, connection, registrant_id, texts)
        kept = {
            text.lower()
            for table in _OWN_DATA_TABLES
            for text in redaction.every_text(done.register[table])
        }
        keeping = Redaction(
            mine, names, redaction.names_of_those_near(connection, registrant_id), kept
        )
    _redact(done, keeping)
    done.marts = [_in_mart(data_root, registrant_id, purpose) for purpose in MARTS]
    done.profile = _profile(data_root, registrant_id)
    return done, [
        replace(
            withheld,
            content=redaction.everywhere(withheld.content, _without_others(keeping, carried)),
        )
        for withheld, carried in kept_back
    ]


def _of_the_register(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, registrant_id: str
) -> dict[str, list[Row]]:
    tables = {}
    for table, model in TABLES.items():
        if table not in NOT_SHOWN and "registrant_id" in arrow_schema(model).names:
            read_register(data_root, connection, table, model)
            tables[table] = _rows(
                connection,
                (
                    f"SELECT * EXCLUDE (registrant_id) FROM {table} WHERE registrant_id = $1 "
                    "ORDER BY ALL"
                ),
                registrant_id,
            )
    informed = (
        f"SELECT informed_on, policy_version FROM ({information_duty.NOTICES.rows(data_root)}) "
        "WHERE registrant_id = $1 ORDER BY ALL"
    )
    return {**tables, "informed": _rows(connection, informed, registrant_id)}


def _without_others_choices(register: dict[str, list[Row]], theirs: Iterable[Row]) -> None:
    """A choice about an address that reaches others, too, concerns the registrant; who made it,
    and on what evidence, is not their data.
    """
    own_statements = {(row["delivery_id"], row["record_key"]) for row in theirs}
    for row in register["choice_log"]:
        if (row["delivery_id"], row["record_key"]) not in own_statements:
            row |= {
                "evidence": REDACTED if row["evidence"] else None,
                "delivery_id": None,
                "record_key": None,
            }


def _statements(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, delivered: Iterable[Delivered]
) -> dict[str, list[Row]]:
    """What every source has stated of the registrant, past statements too, by canonical table."""
    statements: dict[str, list[Row]] = {table: [] for table in CANONICAL}
    for delivery in delivered:
        if not delivery.records:
            continue
        for path in lake_rewrite.staged_files(data_root, delivery.entry):
            if path.stem in statements:
                rows = _rows(
                    connection,
                    f"""SELECT * EXCLUDE (record_no, position, person_key) FROM {parquet(path)}
                        WHERE person_key IN (SELECT person_key FROM own_keys)
                    ORDER BY record_no, position""",
                )
                where = {
                    "source": delivery.entry.source,
                    "delivered_on": delivery.entry.day,
                    "delivery_id": delivery.entry.delivery_id,
                }
                statements[path.stem] += [{**where, **row} for row in rows]
    return {table: rows for table, rows in statements.items() if rows}


def _as_delivered(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, delivered: Iterable[Delivered]
) -> tuple[list[Row], list[_KeptBack]]:
    """The registrant's records as raw has them, minimised, with the rules by which one is in
    quarantine; and the fields that are withheld.
    """
    records, kept_back = [], []
    for delivery in delivered:
        dataset = _DATASETS.get((delivery.entry.source, delivery.entry.dataset))
        outcomes = _outcomes(data_root, connection, delivery)
        for row in (
            _rows_of_raw(data_root, connection, delivery.entry, delivery.records) if dataset else ()
        ):
            # Of what could not be taken apart nothing is known: it is one field.
            content, fields = (
                (None, [("", row["payload"])])
                if row["faults"]
                else redaction.disclosed(dataset, row["payload"])  # type: ignore[arg-type]
            )
            kept_back += [
                (_item("field", delivery.entry, row["record_no"], path, value), row["identifiers"])
                for path, value in fields
            ]
            outcome, codes = outcomes.get(row["record_no"], ("", []))
            records.append(
                {
                    "source": delivery.entry.source,
                    "dataset": delivery.entry.dataset,
                    "delivered_on": delivery.entry.day,
                    "delivery_id": delivery.entry.delivery_id,
                    "record_no": row["record_no"],
                    "outcome": outcome,
                    "rules": codes,
                    "content": content,
                    "carried": row["identifiers"],
                }
            )
    return records, kept_back


def _mentions(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, delivered: Iterable[Delivered]
) -> list[_KeptBack]:
    """Records of others that mention the registrant."""
    return [
        (
            _item(
                "record",
                delivery.entry,
                row["record_no"],
                "",
                row["payload"] if row["faults"] else json.loads(row["payload"]),
            ),
            row["identifiers"],
        )
        for delivery in delivered
        for row in _rows_of_raw(data_root, connection, delivery.entry, delivery.mentions)
    ]


def _item(
    kind: Literal["field", "record"], entry: Entry, record_no: int, path: str, value: Any
) -> Withheld:
    name = (
        "W"
        + hashlib.sha256(f"{entry.delivery_id}|{record_no}|{path}".encode())
        .hexdigest()[:12]
        .upper()
    )
    return Withheld(
        name,
        kind,
        entry.source,
        entry.dataset,
        entry.day,
        entry.delivery_id,
        record_no,
        path,
        value,
    )


def _rows_of_raw(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    numbers: tuple[int, ...],
) -> list[Row]:
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if not numbers or not raw.exists():
        return []
    query = (
        f"SELECT record_no, payload, identifiers, faults FROM {parquet(raw)} WHERE "
        "list_contains($1::BIGINT[], record_no) ORDER BY record_no"
    )
    return _rows(connection, query, list(numbers))


def _outcomes(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, delivered: Delivered
) -> dict[int, tuple[str, list[str]]]:
    index, quarantine = (
        staged_folder(data_root, delivered.entry) / "records.parquet",
        quarantine_path(data_root, delivered.entry),
    )
    if not index.exists():
        return {}
    codes: dict[int, list[str]] = {}
    if quarantine.exists():
        for number, code in connection.execute(
            f"SELECT DISTINCT record_no, code FROM {parquet(quarantine)} ORDER BY ALL"
        ).fetchall():
            codes.setdefault(number, []).append(code)
    rows = connection.execute(
        (
            f"SELECT record_no, outcome FROM {parquet(index)} WHERE list_contains($1::BIGINT[], "
            "record_no)"
        ),
        [list(delivered.records)],
    )
    return {number: (outcome, codes.get(number, [])) for number, outcome in rows.fetchall()}


def _segregated_proofs(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, mine: Own
) -> list[Row]:
    """Proofs of consent that are kept under a keyed hash since an earlier relationship ended; found
    by what the registrant alone is known by.
    """
    create_keyed_hash(data_root, connection)
    read_register(data_root, connection, "segregated_consents", TABLES["segregated_consents"])
    return _rows(
        connection,
        """SELECT * EXCLUDE (consented) FROM segregated_consents WHERE consented IN (
            SELECT keyed_hash('consent|' || unnest([identifier, md5(identifier)]))
                FROM (SELECT unnest($1::VARCHAR[]) AS identifier)) ORDER BY ALL""",
        sorted(mine.alone),
    )


def _redact(done: Gathered, keeping: Redaction) -> None:
    """Take everybody else out of every text."""
    done.register = {
        table: [_row_without_others(row, keeping, table) for row in rows]
        for table, rows in done.register.items()
    }
    done.statements = {
        table: [_row_without_others(row, keeping, table) for row in rows]
        for table, rows in done.statements.items()
    }
    for record in done.records:
        record["content"] = redaction.everywhere(
            record["content"], _without_others(keeping, record.pop("carried"))
        )


def _without_others(keeping: Redaction, carried: list[str]) -> Callable[[str], str]:
    return lambda text: keeping.text(text, carried)


# Of the register's own making: hashes, ids and words of a closed list, in which nobody else can be.
_OURS = (
    "record_key",
    "delivery_id",
    "person_key",
    "first_seen",
    "source",
    "stated_at",
    "delivered_on",
    "attribute",
    "op",
    "kind",
    "outcome",
)


def _row_without_others(row: Row, keeping: Redaction, table: str) -> Row:
    kept = {
        name: keeping.text(value) if isinstance(value, str) and name not in _OURS else value
        for name, value in row.items()
    }
    for name, kind in IDENTIFYING.items():
        if isinstance(row.get(name), str) and table != "registrants":
            kept[name] = keeping.identifier(kind, row[name])
    if table == "identifiers":
        for name in ("value", "replaced_by"):
            if row.get(name):
                kept[name] = keeping.identifier(row["type"], row[name])
    if isinstance(row.get("user_id"), str) and not any(
        f"{kind}:{row['user_id']}" in keeping.mine.known_by
        for kind in ("user_id", "email", "customer_number")
    ):
        kept["user_id"] = REDACTED
    return kept


def _in_mart(data_root: DataRoot, registrant_id: str, purpose: str) -> Row:
    return {
        "mart": purpose,
        "channels": [
            plain(channel.as_dict())
            for channel in eligibility_explanation.explain(data_root, registrant_id, purpose)
        ],
    }


def _profile(data_root: DataRoot, registrant_id: str) -> list[Row] | None:
    """What is worked out about the registrant, with its rules; None when they may not be profiled,
    or no mart is published.
    """
    try:
        attributes = profile_explanation.profile(data_root, registrant_id)
    except profile_explanation.NotPublishedError:
        return None
    return None if attributes is None else [plain(asdict(attribute)) for attribute in attributes]


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> list[Row]:
    answer = connection.execute(query, list(values))
    names = [column[0] for column in answer.description or ()]
    return [plain(dict(zip(names, row, strict=True))) for row in answer.fetchall()]


def plain(value: Any) -> Any:
    """A value as JSON has it: days and moments in ISO 8601, amounts as text, so that nothing is
    rounded.
    """
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
