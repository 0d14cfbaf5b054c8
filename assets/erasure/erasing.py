"""Erasing registrants from every layer, many requests in one run.

Order (docs/decisions/suppression-and-erasure.md): the request's registrants and their identifiers
are found and recorded while the register still has them; they are suppressed before anything is
read again; then raw, quarantine and staged are rewritten without them; register and marts are
rebuilt; last, it is proven that none of it remains, the request has its certificate and is closed,
and what identified the registrant is destroyed. Each step can be repeated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime

import duckdb

from assets.erasure import (
    beginning,
    confirmation,
    emptied_deliveries,
    legal_holds,
    mentions,
    shared_identifiers,
)
from assets.erasure.matching import concerned, find_matched_records, load_requests
from assets.erasure.proof import certificate_binding, certificates, evidence, near_matches
from assets.erasure.proof.certificates import Issued
from assets.erasure.proof.evidence import RECORD_REQUESTS
from assets.erasure.proof.findings import Finding, failures
from assets.erasure.proof.verification import verify
from assets.ingest import deliveries, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register import lasting_refusals
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import lookup, other_requests, recipient_notices
from assets.sources import statement_macros
from assets.sources.all_sources import SOURCES
from assets.sources.source import NEVER_GIVEN
from assets.staging import lake_rewrite
from assets.staging.lake_rewrite import MATCHED_RECORDS
from assets.staging.staged import staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect

SHOWN_PLACES = 20
"""Records that a message names at most; the rest is in the list of near matches."""


def find(data_root: DataRoot, request_ids: list[str], today: date | None = None) -> dict[str, int]:
    """Resolve each request to all identifiers of its registrant, once, for all requests at once;
    return the number of identifiers per request.

    A request that does not certainly mean one registrant, would take a record of somebody else, or
    that a safeguard stops, is set aside as unclear and stops no other.
    """
    ledger.destroy_leftover_keys(data_root)
    now = datetime.now(data_root.policy.zone)
    lookup.record(data_root, request_ids, now)
    near_matches.record(data_root, request_ids, now)
    requests = beginning.guard(data_root, request_ids, now, today or now.date())
    requests |= beginning.begin(
        data_root, [request for request in requests.values() if request.state == "received"], now
    )
    erasing = [request for request in requests.values() if request.state == "erasing"]
    confirmation.write(data_root, erasing, now, today or now.date())
    recipient_notices.prepare(data_root, erasing, now)
    other_requests.announce(data_root, erasing, now)
    return {request_id: len(request.resolved) for request_id, request in requests.items()}


def suppress(data_root: DataRoot, request_ids: list[str], today: date) -> int:
    """Put the registrants' identifiers on the suppression list; return the list's length.

    What they have refused is kept by keyed hash, too, so that it still holds if they come back.
    """
    erasures = _loaded(data_root, request_ids)
    lasting_refusals.remember_erased(
        data_root, [(erasure.registrants, erasure.resolved) for erasure in erasures], today
    )
    with connect(data_root) as connection:
        load_requests(connection, erasures)
        shared_identifiers.find_shared(data_root, connection, erasures)
        listed = """SELECT identifier, request_id FROM matching_identifiers
            UNION ALL SELECT 'shared:' || identifier, request_id FROM shared"""
        return suppression.add(data_root, connection, listed, today)


def _loaded(data_root: DataRoot, request_ids: list[str]) -> list[Request]:
    return [ledger.load(data_root, request_id) for request_id in request_ids]


def remove(data_root: DataRoot, request_ids: list[str], today: date) -> dict[str, int]:
    """Rewrite every file of raw, quarantine and staged that contains the registrants; return the
    rows removed per source.

    Records of others that mention them stay, with the mentions redacted.

    All requests are removed at once. Cost: one look at the identifiers and texts of every delivery,
    and the rewriting of those that match. Rows that a statute retains stay without their person
    (`legal_holds`).
    """
    lake_rewrite.finish_removals(data_root)
    evidence.note_published(data_root)
    removed: Counter[str] = Counter()
    asked = _loaded(data_root, request_ids)
    with connect(data_root) as connection:
        statement_macros.create(connection)
        load_requests(connection, asked)
        for entry in concerned(data_root, connection):
            if find_matched_records(data_root, connection, entry):
                legal_holds.find_retained(data_root, connection, entry, today)
                evidence.note(data_root, connection, entry)
                _suppress_records(data_root, connection, entry, today)
                removed[entry.source] += legal_holds.remove_unless_retained(
                    data_root, connection, entry, mentions.edits(connection)
                )
        _remove_decided(data_root, connection, asked, today, removed)
        lake_rewrite.stage_again(data_root)
        legal_holds.key_contents(data_root, connection)
    emptied_deliveries.rename(data_root)
    return dict(sorted(removed.items()))


def _remove_decided(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    asked: list[Request],
    today: date,
    removed: Counter[str],
) -> None:
    """Remove the near matches that were decided to be the registrant's."""
    decided = near_matches.to_remove(asked)
    for entry in deliveries.ledger(data_root) if decided else []:
        pairs = decided.get((entry.source, entry.day, entry.delivery_id))
        if pairs:
            connection.execute(
                f"""{RECORD_REQUESTS.create} AS
                SELECT unnest($1::BIGINT[]) AS record_no, unnest($2::VARCHAR[]) AS request_id""",
                [[record_no for record_no, _ in pairs], [request_id for _, request_id in pairs]],
            )
            connection.execute(
                f"{MATCHED_RECORDS.create} AS SELECT DISTINCT unnest($1::BIGINT[]) AS record_no",
                [[record_no for record_no, _ in pairs]],
            )
            legal_holds.find_retained(data_root, connection, entry, today)
            _suppress_records(data_root, connection, entry, today)
            removed[entry.source] += legal_holds.remove_unless_retained(
                data_root, connection, entry
            )


def _suppress_records(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry, today: date
) -> None:
    """Suppress records in `matched_records` individually, as each may be delivered again: one that
    could not be parsed by its text, as it has no identifier; one that the registrant gave by its
    key, as a repeated delivery of it is not given again.
    """
    queries = []
    raw, index = (
        raw_path(data_root, entry.source, entry.day, entry.delivery_id),
        staged_folder(data_root, entry) / "records.parquet",
    )
    if raw.exists():
        queries.append(
            f"SELECT request_id, 'content:' || content AS identifier FROM {parquet(raw)} JOIN "
            "record_requests USING (record_no) WHERE len(faults) > 0"
        )
    dataset = next(source for source in SOURCES if source.name == entry.source).dataset(
        entry.dataset
    )
    if dataset and dataset.given != NEVER_GIVEN:
        queries += [
            (
                f"SELECT request_id, 'record:' || record_key FROM {parquet(file)} "
                "JOIN record_requests USING (record_no)"
            )
            for file in (raw, index)
            if file.exists()
        ]
    identifiers = " UNION ".join(queries)
    if queries and connection.execute(f"SELECT 1 FROM ({identifiers}) LIMIT 1").fetchone():
        suppression.add(data_root, connection, identifiers, today)


def remaining(data_root: DataRoot, request_ids: list[str]) -> int:
    """Return how many records of the registrants are still in raw, quarantine, staged or the
    register; 0 when erased.
    """
    left = 0
    with connect(data_root) as connection:
        statement_macros.create(connection)
        load_requests(connection, _loaded(data_root, request_ids))
        for entry in concerned(data_root, connection):
            if find_matched_records(data_root, connection, entry):
                query = """SELECT count(*)
                    FROM (FROM matched_records UNION SELECT record_no FROM redactions)"""
                left += (connection.execute(query).fetchone() or (0,))[0]
        read_register(data_root, connection, "identifiers", TABLES["identifiers"])
        left += (
            connection.execute(
                "SELECT count(*) FROM identifiers WHERE type || ':' || value IN (SELECT "
                "identifier FROM requested_identifiers)"
            ).fetchone()
            or (0,)
        )[0]
    return int(left)


@dataclass(frozen=True)
class Closing:
    """Result of closing: certificates of the proven requests, and findings on the others."""

    certificates: list[Issued]
    findings: list[Finding]
    unproven: list[str]

    def message(self) -> str:
        """Return why requests are not closed (how many, codes, places, counts) and what to do."""
        listed = ", ".join(
            sorted(
                {
                    f"{finding.code} in {finding.where} ({finding.count})"
                    for finding in failures(self.findings)
                }
            )
        )
        places = {
            f"{finding.where} {place}"
            for finding in failures(self.findings)
            for place in finding.places
        }
        shown = ", ".join(sorted(places)[:SHOWN_PLACES])
        more = f" and {len(places) - SHOWN_PLACES} more" if len(places) > SHOWN_PLACES else ""
        way_out = (
            f"; in records {shown}{more}: `register request near-matches ID --private` shows them,"
            " decide with --redact, --remove or --keep, and launch the erasure again"
        )
        total = len(self.unproven) + len(self.certificates)
        return (
            f"{len(self.unproven)} of {total} erasures are not proven: {listed}"
            f"{way_out if places else ''}"
        )


def close(data_root: DataRoot, request_ids: list[str], now: datetime) -> Closing:
    """Prove, certify and close the requests; those that cannot be proven stay open.

    The certificate comes first, so that a run killed between the two finds it and issues no other.

    Raises:
        RequestError: Records are left, or a step was left out: a registrant without recorded
            identifiers cannot be searched for.
    """
    asked = _loaded(data_root, request_ids)
    passed_over = sum(
        request.state != "erasing" or not request.resolved for request in asked
    ) + _unsuppressed(data_root, asked)
    if passed_over:
        raise RequestError(
            f"{passed_over} of the requests have not been through the steps before: launch "
            "the whole job erasure_backfill"
        )
    left = remaining(data_root, request_ids)
    if left:
        raise RequestError(f"{left} records are still there: the erasure has not ended")
    ending = other_requests.hold(data_root, asked, now)
    done = certificates.issued(data_root)
    proof = verify(data_root, request_ids, whole=False)
    near_matches.add_mentions(data_root, proof.places)
    unproven = {finding.request_id for finding in proof.failures()}
    proven = [
        request_id
        for request_id in request_ids
        if request_id in done or not unproven & {"", request_id}
    ]
    _remember_kept(data_root, proven, now.date())
    noted, published = evidence.gather(data_root, proven), evidence.published(data_root)
    with ledger.changing(data_root):
        loaded = _loaded(data_root, proven)
        at = now.isoformat(timespec="seconds")
        bound = certificate_binding.bind(data_root, loaded)
        contents = [
            certificates.content_of(
                data_root.policy,
                request,
                noted[request.request_id],
                published,
                proof,
                at,
                legal_holds.by_category(data_root.policy, noted[request.request_id].retained),
                bound[request.request_id],
                near_matches.left(data_root, request),
            )
            for request in loaded
        ]
        issued = certificates.issue_all(data_root, contents)
    other_requests.end(data_root, loaded, ending, now)
    with ledger.changing(data_root):
        recipient_notices.release(data_root, proven, now)
        certified = zip(_loaded(data_root, proven), issued, strict=True)
        ledger.close_all(
            data_root,
            [
                replace(request, removed=certificate.rows, decisions=_decisions(certificate))
                for request, certificate in certified
            ],
            now,
        )
    evidence.forget(data_root, certificates.issued(data_root) | ledger.closed_ids(data_root))
    return Closing(
        issued,
        proof.findings,
        [request_id for request_id in request_ids if request_id not in set(proven)],
    )


def _remember_kept(data_root: DataRoot, request_ids: list[str], today: date) -> None:
    """Note the records that stay by a person's decision, so that later proofs do not find them."""
    kept = near_matches.kept(data_root, _loaded(data_root, request_ids))
    if kept:
        with connect(data_root) as connection:
            connection.execute(
                """CREATE OR REPLACE TEMP TABLE kept AS
                SELECT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS identifier""",
                [
                    [request_id for request_id, _ in kept],
                    [suppression.KEPT + content for _, content in kept],
                ],
            )
            suppression.add(data_root, connection, "SELECT request_id, identifier FROM kept", today)


def _unsuppressed(data_root: DataRoot, asked: list[Request]) -> int:
    """Return how many requests have an identifier that is not on the suppression list."""
    with connect(data_root) as connection:
        load_requests(connection, asked)
        suppression.prepare(data_root, connection)
        missing = (
            "suppression_token(identifier) NOT IN (SELECT token FROM suppressed WHERE NOT returned)"
        )
        counted = connection.execute(
            f"SELECT count(DISTINCT request_id) FROM requested_identifiers WHERE {missing}"
        ).fetchone()
    return int(counted[0]) if counted else 0


def _decisions(certificate: Issued) -> dict[str, dict[str, str]]:
    """Return the decisions per category, for the ledger: the certificate has the numbers."""
    return {
        category: {
            "decision": decision,
            **({"ground": "REQ-LEGAL-OBLIGATION"} if decision == "held" else {}),
        }
        for category, decision in certificate.decisions.items()
    }
