"""No suppressed hash in any layer: every identifier in each layer's columns, hashed and compared
with the suppression list.

So an erasure can be proven again at any time, although its registrant is no longer known. Set-wise:
each layer's distinct identifiers are hashed once, whatever the number of erasures. A contact
(e-mail address, phone) counts only where it identifies someone: several people may share it, and
the others keep it (`suppression.concerns`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from assets.erasure.proof import tokens
from assets.erasure.proof.findings import Finding
from assets.erasure.proof.text_search import Texts, by_record
from assets.ingest import record_matching, suppression
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect
from schemas.columns import TableModel, arrow_schema, duckdb_types, table_name
from schemas.declarations import LAYERS
from schemas.marts import MARTS
from schemas.raw import Raw

CONTACTS = ("email", "phone", "email_sha256", "phone_sha256")
# The identifiers in a column of this name; a column under another name contains none (the tests
# compare this with the models).
_TYPED = "type || ':' || {0}"
EXPRESSIONS = {
    "identifiers": "unnest(identifiers)",
    "person_key": "'person_key:' || person_key",
    "subject": "subject",
    "match_key": "kind || ':' || match_key",
    "identity_code": "'identity_code:' || identity_code_canonical(identity_code)",
    "customer_number": "'customer_number:' || customer_number_canonical(customer_number)",
    "contact_id": "'contact_id:' || contact_id_canonical(contact_id)",
    "participation": "'contact_id:' || participation",
    "handle": "'contact_id:' || network || ':' || handle",
    "visitor_id": "'visitor_id:' || visitor_id_canonical(visitor_id)",
    "user_id": """unnest(['user_id:' || user_id_canonical(user_id),
        'customer_number:' || customer_number_canonical(user_id)])""",
    "email": "'email:' || email_canonical(email)",
    "phone": "'phone:' || phone_canonical(phone)",
    "email_sha256": "'email_sha256:' || email_sha256",
    "phone_sha256": "'phone_sha256:' || phone_sha256",
}

ERASED = Relation(
    name="erased",
    summary="Keyed hashes on the suppression list, of the requests that are proven.",
    columns={"token": "VARCHAR", "request_id": "VARCHAR", "since": "DATE", "returned": "BOOLEAN"},
    scope=Scope.COMPONENT,
)
CONTACTS_OF_OTHERS = Relation(
    name="contacts_of_others",
    summary="Contacts of registrants with a stronger identifier, and their hashes.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)


def expressions(model: type[TableModel]) -> list[str]:
    """Return SQL expressions of the identifiers in a row of the table, as `<type>:<value>`; none
    when the table has none.
    """
    names = arrow_schema(model).names
    listed = [EXPRESSIONS[name] for name in names if name in EXPRESSIONS]
    if {"type", "value"} <= set(names):
        listed += [_TYPED.format(name) for name in ("value", "replaced_by") if name in names]
    return listed


def prepare(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    request_ids: Sequence[str] | None = None,
) -> bool:
    """Make `erased(token, request_id, since, returned)` of the list: of these requests, or of all
    that are not open; return whether there are any.

    And `contacts_of_others(identifier)`: contacts of registrants who have a stronger identifier,
    and their hashes.
    """
    suppression.prepare(data_root, connection)
    connection.execute(ERASED.create_empty())
    if suppression.path(data_root).exists():
        connection.execute(
            f"""INSERT INTO erased
                SELECT token, min(request_id), max(since), bool_and(returned_on IS NOT NULL)
            FROM {suppression.listed(data_root)} WHERE shared_on IS NULL
            AND (request_id IN (SELECT unnest($these::VARCHAR[]))) = $chosen GROUP BY token""",
            {
                "these": list(_open(data_root) if request_ids is None else request_ids),
                "chosen": request_ids is not None,
            },
        )
    points, known = data_root.register("contact_points"), data_root.register("identifiers")
    connection.execute(
        f"{CONTACTS_OF_OTHERS.create} AS "
        + (
            f"""SELECT DISTINCT unnest([kind || ':' || match_key,
                kind || '_sha256:' || sha256(match_key)]) AS identifier FROM {parquet(points)}
            WHERE registrant_id IN (SELECT registrant_id FROM {parquet(known)}
                WHERE type IN {record_matching.STRONG})"""
            if points.exists() and known.exists()
            else "SELECT '' AS identifier WHERE false"
        )
    )
    return count(connection, "SELECT count(*) FROM erased") > 0


def _open(data_root: DataRoot) -> list[str]:
    """Return the requests that are not closed: remains of their registrants are no fault yet."""
    return [
        request.request_id
        for request in ledger.every(data_root, opened=False)
        if request.state != "closed"
    ]


def in_lake(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    layers: Iterable[str] = ("raw", "quarantine", "staged", "register"),
) -> list[Finding]:
    """Return erased registrants' identifiers in layers of the lake, by table and request; empty is
    right. `prepare` comes first.
    """
    findings = []
    for layer in layers:
        if layer == "raw":
            findings += _in_raw(data_root, connection)
            continue
        for model in LAYERS[layer]:
            table = table_name(model)
            files = _files(data_root, layer, table)
            if files and expressions(model):
                rows = parquet(*files, union_by_name=True)
                findings += _in_table(
                    connection, model, rows, f"{layer}.{table}", contacts=layer == "register"
                )
    return findings


def _files(data_root: DataRoot, layer: str, table: str) -> list[Path]:
    if layer == "register":
        return [path for path in (data_root.register(table),) if path.exists()]
    return (
        data_root.files(layer)
        if layer == "quarantine"
        else data_root.files("staged", name=f"*/{table}")
    )


def _in_table(
    connection: duckdb.DuckDBPyConnection,
    model: type[TableModel],
    rows: str,
    where: str,
    *,
    contacts: bool,
) -> list[Finding]:
    """Return erased registrants' identifiers in a table.

    In a staged table a contact that identifies someone shows as the person's key, so contacts are
    left aside there.
    """
    listed = " UNION ".join(
        f"SELECT {expression} AS identifier FROM {rows}" for expression in expressions(model)
    )
    reached = (
        "identifier NOT IN (SELECT identifier FROM contacts_of_others)" if contacts else "false"
    )
    counts = connection.execute(
        f"""SELECT request_id, count(*) FROM ({listed}) JOIN erased
            ON token = suppression_token(identifier)
        WHERE NOT returned AND (split_part(identifier, ':', 1) NOT IN {CONTACTS} OR {reached})
            GROUP BY request_id ORDER BY request_id"""
    ).fetchall()
    return [Finding("PROOF-SUPPRESSED", where, count, request_id) for request_id, count in counts]


def _in_raw(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> list[Finding]:
    files = data_root.files("raw")
    if not files:
        return []
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE listed AS SELECT identifier, request_id, since
        FROM (SELECT DISTINCT {EXPRESSIONS["identifiers"]} AS identifier FROM {parquet(*files)})
        JOIN erased ON token = suppression_token(identifier)"""
    )
    rows = f"{parquet(*files)} AS stored"
    named = parquet(*files, filename=True)
    record_matching.find_matches(connection, named, "listed", "filename, record_no")
    theirs = f"""SELECT DISTINCT ON (filename, record_no, request_id) request_id
        FROM matches JOIN {named} USING (filename, record_no) WHERE NOT {suppression.GIVEN_AGAIN}"""
    unreadable = (
        f"SELECT request_id FROM {rows} JOIN erased ON token = suppression_token('content:' || "
        "content) WHERE len(faults) > 0"
    )
    counts = connection.execute(
        f"SELECT request_id, count(*) FROM (({theirs}) UNION ALL ({unreadable})) GROUP BY "
        "request_id ORDER BY request_id"
    ).fetchall()
    return [
        Finding("PROOF-SUPPRESSED", f"raw.{table_name(Raw)}", count, request_id)
        for request_id, count in counts
    ]


def in_texts(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, *, whole: bool
) -> list[Finding]:
    """Return erased registrants' identifiers within texts, in any spelling, by table and request.

    `whole` takes every text of raw and staged apart; else the records of raw that were not taken
    apart, or not staged: only there can an identifier stand that no column shows. `prepare` comes
    first. What a record itself is known by is judged by `in_lake`; a record of which a person
    decided that it stays is no finding.
    """
    if not data_root.files("raw"):
        return []
    tokens.prepare(data_root, connection)
    # A word may be an identifier of several types and spellings; the record states it as one.
    value = "lower(substr(identifier, strpos(identifier, ':') + 1))"
    raw = parquet(*data_root.files("raw"), filename=True)
    chosen = "true" if whole else f"(len(faults) > 0 OR {_quarantined(data_root)})"
    texts = {"raw.raw": f"SELECT payload AS text FROM {raw} WHERE {chosen}"}
    files = {"raw.raw": (data_root.files("raw"), ["payload"])}
    for model in LAYERS["staged"] if whole else ():
        columns, paths = free_texts(model), _files(data_root, "staged", table_name(model))
        if columns and paths:
            where = f"staged.{table_name(model)}"
            files[where] = (paths, columns)
            texts[where] = " UNION ALL ".join(
                f'SELECT "{column}" AS text FROM {parquet(*paths, union_by_name=True)}'
                for column in columns
            )
    findings = []
    for where, query in texts.items():
        tokens.find(connection, query)
        named = connection.execute(
            f"""WITH named AS (
                SELECT DISTINCT identifier, request_id
                FROM text_tokens JOIN erased ON token = suppression_token(identifier)
                WHERE NOT returned AND identifier NOT IN (FROM contacts_of_others)
                    AND replace(identifier, 'user_id:', 'email:') NOT IN (FROM contacts_of_others))
            SELECT identifier, request_id FROM named
            WHERE {value} NOT IN (
                SELECT {value} FROM (SELECT unnest(identifiers) AS identifier FROM {raw})
                WHERE {value} IN (SELECT {value} FROM named))"""
        ).fetchall()
        if named:
            confirmed = _confirmed(connection, dict(named), *files[where], chosen)
            findings += [
                Finding("PROOF-SUPPRESSED", where, count, request_id)
                for request_id, count in sorted(confirmed.items())
            ]
    return findings


def _confirmed(
    connection: duckdb.DuckDBPyConnection,
    named: Mapping[str, str],
    paths: Iterable[Path],
    columns: list[str],
    chosen: str,
) -> Counter[str]:
    """Return by request how many of the identifiers `named` stand in texts of records that were not
    decided to stay.

    A token may be cut out of a longer one, and the other way round: the text itself decides. For
    the few files that have any.
    """
    texts = Texts({identifier: [request_id] for identifier, request_id in named.items()})
    identifiers: set[str] = set()
    for path in paths:
        records = by_record(texts, path, columns)
        if not records:
            continue
        aside = _set_aside(connection, path, chosen) & set(records)
        identifiers |= {
            identifier
            for number in {*records} - aside
            for identifier in records[number].identifiers
        }
    return Counter(named[identifier] for identifier in identifiers)


def _set_aside(connection: duckdb.DuckDBPyConnection, path: Path, chosen: str) -> set[int]:
    """Return the records of a delivery that are not looked at, or of which a person decided that
    they stay with what mentions somebody (`suppression.KEPT`).

    Args:
        connection: As `prepare` leaves it.
        path: The delivery's file of raw, or one of its files of staged.
        chosen: SQL of the records of raw that are looked at.
    """
    # raw/<source>/<day>/<delivery>.parquet, and a folder per delivery in staged.
    if path.parts[-5] == "staged":
        *_, source, day, delivery, _ = path.parts
        path = path.parents[4] / "raw" / source / day / f"{delivery}.parquet"
    if not path.exists():
        return set()
    rows = connection.execute(
        f"""SELECT record_no FROM {parquet(path, filename=True)}
        WHERE NOT {chosen}
            OR suppression_token('{suppression.KEPT}' || content) IN (SELECT token
                FROM suppressed)"""
    ).fetchall()
    return {number for (number,) in rows}


def free_texts(model: type[TableModel]) -> list[str]:
    """Return the columns of a staged table with texts that are neither identifiers nor keys."""
    aside = {"record_key", "person_key", "type", "value", "replaced_by", *EXPRESSIONS}
    return [
        column
        for column, kind in duckdb_types(model).items()
        if kind == "VARCHAR" and column not in aside
    ]


def _quarantined(data_root: DataRoot) -> str:
    files = data_root.files("quarantine")
    if not files:
        return "false"
    delivery = "regexp_extract(filename, '[^/]*/[^/]*/[^/]*$')"
    return (
        f"({delivery}, record_no) IN (SELECT ({delivery}, record_no)"
        f" FROM {parquet(*files, filename=True)} WHERE scope = 'record')"
    )


def in_mart(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, purpose: str, path: Path
) -> list[Finding]:
    """Return erased registrants' identifiers in a mart's file, published or not, by table and
    request. `prepare` comes first.
    """
    findings = []
    attach(data_root, connection, path, "looked_at", purpose)
    try:
        for model in MARTS[purpose]:
            if expressions(model):
                name = table_name(model)
                findings += _in_table(
                    connection,
                    model,
                    f'looked_at."{name}"',
                    f"marts.{purpose}.{name}",
                    contacts=True,
                )
    finally:
        connection.execute("DETACH looked_at")
    return findings


def remaining_in_register(data_root: DataRoot) -> list[Finding]:
    """Return what is left of anyone erased in quarantine, staged and register: the check between
    register and marts in each refresh.
    """
    with connect(data_root) as connection:
        if not prepare(data_root, connection):
            return []
        return [
            *in_lake(data_root, connection, ("quarantine", "staged", "register")),
            *in_texts(data_root, connection, whole=False),
        ]
