"""Erasing registrants from every layer, many requests in one pass.

Order (erasure.md): whom the request means is found and written down while the register still knows; they are suppressed
before anything is read again; then raw, quarantine and staged are rewritten without them; register and marts are built
anew; last, it is proven that they are gone, the request has its certificate and is closed, and what identified the
registrant is destroyed. Each step can be repeated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime

import duckdb

from assets import deliveries, removal, requests, suppression
from assets.deliveries import Entry
from assets.home import Home
from assets.proof import certificates, evidence
from assets.proof.certificates import Issued
from assets.proof.findings import Finding, failing
from assets.proof.verifying import verify
from assets.raw import raw_path
from assets.register.building import TABLES, read_register
from assets.requests import Request, RequestError
from assets.sources.source import STATEMENT_MACROS
from assets.staged import quarantine_path
from schemas.quarantine import Quarantine
from schemas.raw import Raw
from schemas.staged import CANONICAL

# A shared mailbox, a family's phone or a shared computer's cookie is no identity: what several registrants are known by
# neither finds nor removes anyone.
REACHES = ("email", "phone")


def find(home: Home, request_ids: list[str]) -> dict[str, int]:
    """Resolve each request to all identifiers of its registrant, once; answers the number found per request.

    A request that fits several registrants, or nobody, is set aside as unclear and stops no other.
    """
    with home.connect() as connection:
        for table in ("identifiers", "contact_points", "membership"):
            read_register(home, connection, table, TABLES[table])
        for request_id in request_ids:
            request = requests.load(home, request_id)
            if request.resolved:
                continue
            try:
                requests.save(home, replace(request, state="erasing", resolved=tuple(_resolve(connection, request))))
            except RequestError as unclear:
                requests.save(home, replace(request, state="unclear", why=str(unclear)))
    return {request_id: len(requests.load(home, request_id).resolved) for request_id in request_ids}


def _resolve(connection: duckdb.DuckDBPyConnection, request: Request) -> list[str]:
    """The given strong identifiers, and all that the register knows their registrant by; shared contacts are left out."""
    strong = [one for one in request.given if one.split(":")[0] not in REACHES]
    contacts = [one for one in request.given if one.split(":")[0] in REACHES]
    meant = _registrants(connection, "identifiers", "type || ':' || value", strong)
    if not meant and contacts:
        meant = _registrants(connection, "contact_points", "kind || ':' || match_key", contacts)
    if len(meant) > 1:
        raise RequestError(f"request {request.request_id}: what was given fits {len(meant)} registrants; give an identity code or customer number")
    if not meant and not strong:
        raise RequestError(f"request {request.request_id}: nobody in the register is known by what was given")
    known = connection.execute(
        """SELECT mine.type || ':' || mine.value FROM identifiers AS mine
        WHERE registrant_id IN (SELECT unnest(?::VARCHAR[])) AND type <> 'business_id' AND NOT EXISTS (
            SELECT 1 FROM identifiers AS other WHERE other.type = mine.type AND other.value = mine.value
            AND other.registrant_id <> mine.registrant_id)
        UNION
        SELECT mine.kind || ':' || mine.match_key FROM contact_points AS mine
        WHERE registrant_id IN (SELECT unnest(?::VARCHAR[])) AND NOT EXISTS (
            SELECT 1 FROM contact_points AS other WHERE other.kind = mine.kind AND other.match_key = mine.match_key
            AND other.registrant_id <> mine.registrant_id)""",
        [meant, meant],
    ).fetchall()
    return sorted({*strong, *(row[0] for row in known)})


def _registrants(connection: duckdb.DuckDBPyConnection, table: str, identifier: str, given: list[str]) -> list[str]:
    rows = connection.execute(f"SELECT DISTINCT registrant_id FROM {table} WHERE {identifier} IN (SELECT unnest(?::VARCHAR[])) ORDER BY 1", [given]).fetchall()
    return [row[0] for row in rows]


def suppress(home: Home, request_ids: list[str], today: date) -> int:
    """Put the registrants' identifiers on the suppression list; answers how many it now holds."""
    with home.connect() as connection:
        _load_sought(connection, [requests.load(home, request_id) for request_id in request_ids])
        return suppression.add(home, connection, "SELECT identifier, request_id FROM sought", today)


def remove(home: Home, request_ids: list[str], today: date) -> dict[str, int]:
    """Rewrite every file of raw, quarantine and staged that holds the registrants; answers rows removed per source.

    One pass for all requests. Cost: one look at the identifiers of every delivery, and the rewriting of those that match.
    """
    removal.mend(home)
    evidence.note_published(home)
    removed: Counter[str] = Counter()
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        _load_sought(connection, [requests.load(home, request_id) for request_id in request_ids])
        for entry in _concerned(home, connection):
            if _find_gone(home, connection, entry):
                evidence.note(home, connection, entry)
                _suppress_unreadable(home, connection, entry, today)
                removed[entry.source] += removal.remove_records(home, connection, entry, "suppressed")
    for request_id in request_ids:
        request = requests.load(home, request_id)
        if not request.removed:
            requests.save(home, replace(request, removed=dict(sorted(removed.items()))))
    return dict(sorted(removed.items()))


def _suppress_unreadable(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry, today: date) -> None:
    """Suppress records in `gone` that could not be taken apart, by their text: no identifier would tell them when they come again."""
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    if not raw.exists():
        return
    texts = f"""SELECT DISTINCT request_id, 'content:' || content AS identifier FROM read_parquet('{raw}')
        JOIN whose USING (record_no) WHERE len(faults) > 0"""
    if connection.execute(f"SELECT 1 FROM ({texts}) LIMIT 1").fetchone():
        suppression.add(home, connection, texts, today)


def _load_sought(connection: duckdb.DuckDBPyConnection, sought: list[Request]) -> None:
    pairs = sorted({(identifier, request.request_id) for request in sought for identifier in request.resolved})
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE sought AS SELECT unnest($1::VARCHAR[]) AS identifier, unnest($2::VARCHAR[]) AS request_id",
        [[identifier for identifier, _ in pairs], [request_id for _, request_id in pairs]],
    )


def _concerned(home: Home, connection: duckdb.DuckDBPyConnection) -> list[Entry]:
    """The deliveries that may hold records about the registrants sought: one scan of the identifiers and keys of every layer."""
    home.view(connection, "raw", Raw, home.files("raw"))
    home.view(connection, "quarantine", Quarantine, home.files("quarantine"))
    for model in CANONICAL.values():
        home.staged(connection, model)
    keys = "person_key IN (SELECT md5(identifier) FROM sought)"
    queries = ["SELECT delivery_id FROM raw WHERE list_has_any(identifiers, (SELECT list(identifier) FROM sought)) OR len(faults) > 0"]
    queries += [f"SELECT delivery_id FROM {table} WHERE {keys}" for table in ("quarantine", *(f"staged_{one}" for one in CANONICAL))]
    concerned = {delivery_id for (delivery_id,) in connection.execute(" UNION ".join(queries)).fetchall()}
    return [entry for entry in deliveries.book(home) if entry.delivery_id in concerned]


def _find_gone(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry) -> bool:
    """Make `gone(record_no)`: the delivery's records about the registrants sought; answers whether there are any.

    A record is theirs when it carries one of their strong identifiers, or nothing stronger than a contact of theirs
    alone; a record that could not be taken apart, when its text holds one of their identifiers.
    """
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    queries = []
    if raw.exists():
        queries.append(f"""
            SELECT record_no FROM read_parquet('{raw}')
            WHERE {suppression.concerns("identifiers", "(SELECT list(identifier) FROM sought)")}
            OR (len(faults) > 0 AND EXISTS (
                SELECT 1 FROM sought WHERE strlen(identifier) - strpos(identifier, ':') >= 5
                AND contains(payload, substr(identifier, strpos(identifier, ':') + 1))))""")
    for path in (*removal.staged_files(home, entry), quarantine_path(home, entry)):
        if path.exists() and path.stem != "records":
            queries.append(f"SELECT record_no FROM read_parquet('{path}') WHERE person_key IN (SELECT md5(identifier) FROM sought)")
    if not queries:
        return False
    connection.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT DISTINCT record_no FROM ({' UNION ALL '.join(queries)})")
    found = connection.execute("SELECT count(*) FROM gone").fetchone()
    return bool(found and found[0])


def remaining(home: Home, request_ids: list[str]) -> int:
    """How many records of the registrants are still in raw, quarantine, staged or the register; 0 when erased."""
    left = 0
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        _load_sought(connection, [requests.load(home, request_id) for request_id in request_ids])
        for entry in _concerned(home, connection):
            if _find_gone(home, connection, entry):
                left += (connection.execute("SELECT count(*) FROM gone").fetchone() or (0,))[0]
        read_register(home, connection, "identifiers", TABLES["identifiers"])
        left += (connection.execute("SELECT count(*) FROM identifiers WHERE type || ':' || value IN (SELECT identifier FROM sought)").fetchone() or (0,))[0]
    return int(left)


@dataclass(frozen=True)
class Closing:
    """What came of closing: certificates of the requests that are proven, and what was found of the others."""

    certificates: list[Issued]
    findings: list[Finding]
    unproven: list[str]

    def told(self) -> str:
        """Why requests are not closed: how many, codes, places and counts."""
        found = ", ".join(sorted({f"{one.code} in {one.where} ({one.count})" for one in failing(self.findings)}))
        return f"{len(self.unproven)} of {len(self.unproven) + len(self.certificates)} erasures are not proven: {found}"


def close(home: Home, request_ids: list[str], now: datetime) -> Closing:
    """Prove, certify and close the requests; those that cannot be proven stay open. Raises RequestError while records are left.

    The certificate first, so that a run killed between the two finds it and issues no other.
    """
    left = remaining(home, request_ids)
    if left:
        raise RequestError(f"{left} records are still there: the erasure has not ended")
    done = [request_id for request_id in request_ids if request_id in certificates.issued(home)]
    proof = verify(home, request_ids, whole=False)
    proven = [request_id for request_id in request_ids if request_id in done or not proof.failing(request_id)]
    noted, published = evidence.gather(home, proven), evidence.published(home)
    issued = []
    for request_id in proven:
        request = requests.load(home, request_id)
        content = certificates.content_of(home.policy, request, noted[request_id], published, proof, now.isoformat(timespec="seconds"), {})
        issued.append(certificates.issue(home, content))
        requests.close(home, request, now)
    evidence.forget(home, certificates.issued(home))
    return Closing(issued, proof.findings, [request_id for request_id in request_ids if request_id not in proven])
