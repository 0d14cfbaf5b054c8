"""Attribution of records with identifiers in their text only: because the record cannot be parsed,
or the identifier has another form.

It is theirs when nothing in it is certainly somebody else's. Otherwise it stays, and what mentions
them is redacted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import duckdb
import pyarrow as pa

from assets.ingest.mentions.redaction import Record, Redaction, record_of
from assets.ingest.mentions.spellings import Mention, Spellings, tokens
from assets.ingest.record_matching import STRONG
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope

CONTACTS = ("email", "phone")
# The place of a mention that a source declares as an identifier, in an odd spelling: beside it an
# id that nobody knows is no evidence of somebody else (as in `record_matching.find_matches`).
DECLARED = "declared"
# A visit is somebody's, even when nothing shows who that is.
_ABOUT_SOMEBODY = (*STRONG, *CONTACTS, "visit")

REGISTERED_OTHERS = Relation(
    name="registered_others",
    summary="What the register knows anybody by besides those who are looked for.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)
SPELLED = Relation(
    name="spelled",
    summary="Identifiers that attribute a record in whose text they are.",
    columns={"identifier": "VARCHAR"},
    reads=("requested_identifiers",),
    scope=Scope.COMPONENT,
)
TEXT_MATCHES = Relation(
    name="text_matches",
    summary="Mentions in the payload of a record.",
    columns={
        "record_no": "BIGINT",
        "identifier": "VARCHAR",
        "place": "VARCHAR",
        "sure": "BOOLEAN",
        "redact": "BOOLEAN",
    },
    scope=Scope.RECORD,
)
NAMED = Relation(
    name="named",
    summary="What may be an identifier in the payload of a record with a mention.",
    columns={"record_no": "BIGINT", "kind": "VARCHAR", "token": "VARCHAR"},
    scope=Scope.RECORD,
)
STATED = Relation(
    name="stated",
    summary="The declared identifiers of a record with a mention.",
    columns={"record_no": "BIGINT", "identifier": "VARCHAR"},
    scope=Scope.RECORD,
)
THEIRS = Relation(
    name="theirs",
    summary="Records that are attributed to somebody by their text.",
    columns={"record_no": "BIGINT"},
    reads=("named", "registered_others", "spelled", "stated", "text_matches"),
    scope=Scope.COMPONENT,
)


def know_others(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, registrants: Iterable[str] = ()
) -> None:
    """Make `registered_others(identifier)`: what the register knows anybody by who is none of these
    registrants.

    What one of these has, too, distinguishes nobody from them.
    """
    points, known = data_root.register("contact_points"), data_root.register("identifiers")
    recorded_files.check(points, known, once=True)
    tables = [
        f"SELECT registrant_id, {identifier} AS identifier FROM {parquet(path)}"
        for path, identifier in (
            (points, "kind || ':' || match_key"),
            (known, "type || ':' || value"),
        )
        if path.exists()
    ] or ["SELECT NULL::VARCHAR AS registrant_id, NULL::VARCHAR AS identifier WHERE false"]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE these AS SELECT unnest($1::VARCHAR[]) AS registrant_id",
        [sorted(registrants)],
    )
    everything = " UNION ALL ".join(tables)
    connection.execute(
        REGISTERED_OTHERS.create_view(f"""SELECT identifier FROM ({everything})
        EXCEPT SELECT identifier FROM ({everything}) SEMI JOIN these USING (registrant_id)""")
    )


def attribute(
    connection: duckdb.DuckDBPyConnection,
    rows: pa.Table,
    spellings: Spellings,
    decided: Collection[int] = (),
) -> dict[int, Record]:
    """Make `text_matches` and `theirs`; the connection has `spelled(identifier)`, all that
    attributes a record.

    `text_matches(record_no, identifier, place, sure, redact)` is one row per mention in a record's
    payload; `redact` is whether it would be redacted if the record stays. `theirs(record_no)` are
    the records to attribute by them.

    Args:
        rows: `record_no`, `payload`, `identifiers` and `faults` as raw has them, of few records.
        spellings: Of the identifiers in `spelled`, and of others that are only redacted.
        decided: Records that somebody decided to redact, however they mention them.

    Returns:
        The records that have any mention, by number.
    """
    redaction = Redaction(spellings)
    records: dict[int, Record] = {}
    matches: list[dict[str, object]] = []
    named: list[dict[str, object]] = []
    stated: list[dict[str, object]] = []
    for row in rows.select(["record_no", "payload", "identifiers", "faults"]).to_pylist():
        number, text = row["record_no"], row["payload"]
        record = replace(record_of(row["identifiers"], row["faults"]), decided=number in decided)
        if record.decided:
            # What it declares may have a mention that is in its text no more.
            text = "\n".join([text, *row["identifiers"]])
        mentions = spellings.find(text, wide=record.decided)
        if not mentions:
            continue
        records[number] = record
        matches += _stated_odd(number, row["identifiers"], spellings)
        redacted = set(redaction.find(text, record))
        matches += [_match(number, mention, mention in redacted) for mention in mentions]
        named += [
            {"record_no": number, "kind": kind, "token": token} for kind, token in tokens(text)
        ]
        stated += [
            {"record_no": number, "identifier": identifier} for identifier in row["identifiers"]
        ]
    _load(connection, TEXT_MATCHES, matches)
    _load(connection, NAMED, named)
    _load(connection, STATED, stated)
    _find_theirs(connection)
    return records


def _stated_odd(
    number: int, identifiers: Iterable[str], spellings: Spellings
) -> list[dict[str, object]]:
    """Of what a source declares an identifier of a type, the odd spellings: nothing else is meant
    by them, so they are sure.
    """
    return [
        {**_match(number, replace(mention, sure=True), redact=False), "place": DECLARED}
        for kind, _, value in (identifier.partition(":") for identifier in identifiers)
        for mention in spellings.find(value)
        if (mention.start, mention.end) == (0, len(value))
        and mention.identifier.startswith(f"{kind}:")
    ]


def _match(number: int, mention: Mention, redact: bool) -> dict[str, object]:
    return {
        "record_no": number,
        "identifier": mention.identifier,
        "place": str(mention.start),
        "sure": mention.sure,
        "redact": redact,
    }


def _load(
    connection: duckdb.DuckDBPyConnection, relation: Relation, rows: list[dict[str, object]]
) -> None:
    types = {"BIGINT": pa.int64(), "VARCHAR": pa.string(), "BOOLEAN": pa.bool_()}
    schema = pa.schema([(column, types[kind]) for column, kind in relation.columns.items()])
    connection.register("loading", pa.Table.from_pylist(rows, schema))
    connection.execute(f"{relation.create} AS FROM loading")
    connection.unregister("loading")


def _find_theirs(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""{THEIRS.create} AS
        WITH of_anybody AS (
            SELECT record_no, identifier, true AS stated FROM stated
            UNION ALL
            SELECT record_no, kind || ':' || identifier_canonical(kind, token), false FROM named),
        of_others AS (
            SELECT *, split_part(identifier, ':', 1) AS kind FROM of_anybody
            WHERE identifier NOT IN (SELECT identifier FROM spelled)
                AND CASE WHEN stated OR split_part(identifier, ':', 1) = 'identity_code'
                    THEN split_part(identifier, ':', 1) IN {_ABOUT_SOMEBODY}
                        AND identifier_valid(split_part(identifier, ':', 1),
                            substr(identifier, strpos(identifier, ':') + 1))
                    ELSE identifier IN (FROM registered_others) END),
        others AS (
            SELECT record_no, bool_or(stated OR kind NOT IN {CONTACTS}) AS certain,
                bool_or(kind = 'identity_code'
                    OR kind IN {STRONG} AND identifier IN (FROM registered_others)) AS known
            FROM of_others GROUP BY record_no),
        meant AS (
            SELECT record_no,
                bool_or(split_part(identifier, ':', 1) IN {STRONG}
                    AND NOT contains(identifier, '@')) AS strong,
                bool_or(place = '{DECLARED}') AS declared
            FROM text_matches SEMI JOIN spelled USING (identifier) WHERE sure GROUP BY record_no)
        SELECT record_no FROM meant LEFT JOIN others USING (record_no)
        WHERE certain IS NULL OR (strong AND NOT certain) OR (declared AND NOT known)"""
    )
