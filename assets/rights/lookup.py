"""The registrants that requests mean: from any identifier, through links past and present, to
registrants. One query for any number of requests.

A strong identifier (`record_matching.STRONG`) that the register knows one registrant by is a
certain link. An e-mail address or a phone is a way to reach someone and no identity: it is certain
only where the registrant is known by nothing stronger, where two that were given reach the same
registrant alone. Identifiers that fit several registrants, or disagree, are certain of nobody; so
is a registrant with two people's identity codes. Certain links act; the others are shown, and a
person decides, or a one-time code that came back (`verification`).

Read are the register's `identifiers` (past ones and corrected codes too), `contact_points` (past
and present) and `membership`, a fixed number of times whatever the number of requests. For erasures
of people unknown to the register, raw and quarantine are searched, too (`unregistered`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import duckdb

from assets.ingest.record_matching import STRONG
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError, State, with_event
from assets.rights import browsers, grey_pairs, in_doubt, registrant_identifiers, unregistered
from assets.rights.registrant_identifiers import CONTACTS
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect
from schemas.look_alikes import misleading
from schemas.requests import IDENTIFIERS

# A website's account may be named by an e-mail address or a customer number; it is no stronger than
# what names it.
_ALSO_ACCOUNT = ("email", "customer_number")

ASKED = Relation(
    name="asked",
    summary="What a request names, and the types of identifiers that it is looked for as.",
    columns={
        "request_id": "VARCHAR",
        "kind": "VARCHAR",
        "given": "VARCHAR",
        "type": "VARCHAR",
        "value": "VARCHAR",
    },
    scope=Scope.COMPONENT,
)
KNOWN = Relation(
    name="known",
    summary="What registrants are known and reached by.",
    columns={"registrant_id": "VARCHAR", "type": "VARCHAR", "value": "VARCHAR"},
    reads=("contact_points", "elsewhere", "identifiers"),
    scope=Scope.COMPONENT,
)


def canonical(data_root: DataRoot, given: Mapping[str, str]) -> list[str]:
    """Identifiers as the register writes them; raises RequestError naming the kind that is not
    valid.
    """
    identifiers = []
    with connect(data_root) as connection:
        for kind, value in given.items():
            if kind not in IDENTIFIERS:
                raise RequestError(
                    f"nobody is found by a {kind.replace('_', ' ')}; give one of "
                    f"{', '.join(IDENTIFIERS)}"
                )
            if misleading(kind, value):
                raise RequestError(
                    f"the {kind.replace('_', ' ')} given has a letter or digit of another script "
                    "that looks like an "
                    "ordinary one: type it again"
                )
            text, valid = connection.execute(
                """SELECT form, identifier_valid($1, form)
                FROM (SELECT identifier_canonical($1, $2::VARCHAR) AS form)""",
                [kind, value],
            ).fetchone() or (None, False)
            if not valid:
                raise RequestError(f"the {kind.replace('_', ' ')} given is not valid")
            identifiers.append(f"{kind}:{text}")
    return identifiers


@dataclass(frozen=True)
class Resolution:
    """The registrants that one request means.

    Attributes:
        registrants: Those that it certainly means: none, one, or those that a person chose.
        resolved: Every identifier that is theirs alone.
        own: Accounts of theirs that records of others name, too.
        left_out: Identifiers, given or theirs, that are (also) somebody else's.
        candidates: Registrants that are possible and not certain.
        unclear: Why nobody is certainly meant.
        nobody: Whether nothing at all is known by what was given.
        pairs: The grey pairs of which one half is meant (`grey_pairs.undecided`).
    """

    registrants: tuple[str, ...]
    resolved: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    unclear: str = ""
    nobody: bool = False
    pairs: dict[str, bool] = field(default_factory=dict)


def find(data_root: DataRoot, requests: Iterable[Request]) -> dict[str, Resolution]:
    """The registrants that each request means, by request id, as the register was last built. A
    request with a registrant that was chosen means that one.
    """
    asked = list(requests)
    with connect(data_root) as connection:
        for table in ("identifiers", "contact_points", "registrants", "membership"):
            read_register(data_root, connection, table, TABLES[table])
        asked = _without_merged(connection, asked)
        _load(connection, asked)
        hits = _hits(connection)
        unknown = [
            request.request_id
            for request in asked
            if request.right == "erasure"
            and (
                unregistered.chosen(request.registrants)
                or not (request.registrants or hits.get(request.request_id))
            )
        ]
        if unknown:
            unregistered.gather(data_root, connection, unknown)
            asked = unregistered.without_vanished(connection, asked)
            hits |= {
                request_id: candidates
                for request_id, candidates in _hits(connection).items()
                if request_id in unknown
            }
        meant = {
            request.request_id: _meant(request, hits.get(request.request_id, []))
            for request in asked
        }
        meant |= in_doubt.with_two_codes(data_root, connection, asked, meant)
        erased = {
            request.request_id: meant[request.request_id][0]
            for request in asked
            if request.right == "erasure"
        }
        unregistered.add_quarantined(data_root, connection, erased)
        registrant_identifiers.load_meant(
            connection, {request_id: registrants for request_id, (registrants, _) in meant.items()}
        )
        if any(erased.values()):
            registrant_identifiers.share_parties(data_root, connection)
        known = registrant_identifiers.known(connection)
        pairs = grey_pairs.undecided(data_root, connection)
        nobody = {
            request.request_id
            for request in asked
            if request.right == "erasure"
            and not request.registrants
            and not hits.get(request.request_id)
        }
        alike = in_doubt.alike(connection, nobody)
    resolutions = {}
    for request in asked:
        registrants, unclear = meant[request.request_id]
        if request.request_id in nobody:
            unclear = in_doubt.nobody(request.request_id, alike.get(request.request_id, []))
        own, others, accounts, shared = (
            known_as.get(request.request_id, set()) for known_as in known
        )
        strong = {given for given in request.given if given.split(":")[0] not in CONTACTS}
        theirs = sorted({*own, *(strong - others - accounts)} - {*request.left_out})
        accounts -= {*request.left_out}
        shown = (
            ()
            if registrants and not request.registrants
            else tuple(hits.get(request.request_id, ()))
        )
        resolutions[request.request_id] = (
            Resolution(
                (), (), candidates=shown, unclear=unclear, nobody=request.request_id in nobody
            )
            if unclear
            else Resolution(
                registrants,
                tuple(theirs),
                tuple(sorted(accounts)),
                tuple(sorted({*request.left_out, *((others | shared) - {*theirs} - accounts)})),
                shown,
                pairs=_waiting(request, pairs.get(request.request_id, {})),
            )
        )
    alone = {
        request.request_id: {*resolutions[request.request_id].resolved}
        for request in asked
        if request.right == "erasure"
    }
    left_out = {request.request_id: {*request.left_out} for request in asked}
    for name, cookies in browsers.signed_in(data_root, alone).items():
        resolved = alone[name] | (cookies.alone - left_out[name])
        own = {*resolutions[name].own} | (cookies.shared - left_out[name] - resolved)
        resolutions[name] = replace(
            resolutions[name], resolved=tuple(sorted(resolved)), own=tuple(sorted(own))
        )
    return resolutions


def _without_merged(connection: duckdb.DuckDBPyConnection, asked: list[Request]) -> list[Request]:
    """The requests, without registrants that the register has no more: these are resolved again by
    what was given.
    """
    wanted = sorted({registrant for request in asked for registrant in request.registrants})
    rows = connection.execute(
        "SELECT registrant_id FROM registrants WHERE list_contains($1::VARCHAR[], registrant_id)",
        [wanted],
    ).fetchall()
    there = {registrant_id for (registrant_id,) in rows}
    there |= {registrant for registrant in wanted if unregistered.chosen([registrant])}
    return [
        request if set(request.registrants) <= there else replace(request, registrants=())
        for request in asked
    ]


def _waiting(request: Request, pairs: dict[str, bool]) -> dict[str, bool]:
    """The pairs that an erasure waits for: those that nobody decided to go on without."""
    if request.right != "erasure":
        return {}
    return {
        pair: same
        for pair, same in pairs.items()
        if request.choices.get(grey_pairs.PREFIX + pair) != grey_pairs.LEFT
    }


_KNOWN = f"""SELECT registrant_id, type, value FROM identifiers WHERE type IN {(*STRONG, *CONTACTS)}
    UNION SELECT registrant_id, kind, match_key FROM contact_points WHERE kind IN {CONTACTS}
    UNION SELECT registrant_id, type, value FROM elsewhere"""


def _load(connection: duckdb.DuckDBPyConnection, asked: list[Request]) -> None:
    """`asked(request_id, kind, given, type, value)`: what was given, and as what it is looked for;
    `known(registrant_id, type, value)`: what registrants are known and reached by.

    A website's account is looked for as the address or number that names it, too, and then counts
    as that.
    """
    given = [
        (request.request_id, identifier, *identifier.split(":", 1))
        for request in asked
        for identifier in request.given
    ]
    rows = [
        (request_id, kind, identifier, kind, value) for request_id, identifier, kind, value in given
    ]
    rows += [
        (request_id, kind, identifier, "user_id", value)
        for request_id, identifier, kind, value in given
        if kind in _ALSO_ACCOUNT
    ]
    rows += [
        (request_id, named, identifier, named, value)
        for request_id, identifier, kind, value in given
        if kind == "user_id"
        for named in _ALSO_ACCOUNT
    ]
    columns = ("request_id", "kind", "given", "type", "value")
    unnested = ", ".join(
        f"unnest(${number}::VARCHAR[]) AS {name}" for number, name in enumerate(columns, 1)
    )
    connection.execute(
        f"{ASKED.create} AS SELECT DISTINCT {unnested}",
        [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in columns],
    )
    unregistered.know_nobody(connection)
    connection.execute(KNOWN.create_view(_KNOWN))


def _hits(connection: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    """Per request each registrant that something given leads to: by which kinds, which of those
    lead to nobody else, and whether the registrant is known by anything stronger than a contact.
    """
    rows = connection.execute(
        f"""WITH hit AS (SELECT DISTINCT request_id, registrant_id, kind, value FROM known
            JOIN asked USING (type, value)),
        shared AS (SELECT kind, value, count(DISTINCT registrant_id) AS registrants FROM hit
            GROUP BY ALL),
        strong AS (SELECT DISTINCT registrant_id FROM known SEMI JOIN hit USING (registrant_id)
            WHERE type IN {STRONG})
        SELECT request_id, registrant_id, list_sort(list(DISTINCT kind)) AS kinds,
            list_sort(coalesce(list(kind)
                FILTER (registrants = 1), [])) AS alone,
                strong.registrant_id IS NOT NULL AS known_by_more
        FROM hit JOIN shared USING (kind, value) LEFT JOIN strong USING (registrant_id)
        GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    hits: dict[str, list[dict[str, Any]]] = {}
    for request_id, registrant_id, kinds, alone, known_by_more in rows:
        hits.setdefault(request_id, []).append(
            {
                "registrant_id": registrant_id,
                "by": kinds,
                "alone": alone,
                "known_by_more": known_by_more,
            }
        )
    return hits


def _meant(request: Request, hits: list[dict[str, Any]]) -> tuple[tuple[str, ...], str]:
    """The registrant that is certainly meant, and why there is none."""
    if request.registrants:
        return request.registrants, ""
    by_strong = [hit for hit in hits if set(hit["by"]) - set(CONTACTS)]
    strongly = [hit for hit in by_strong if set(hit["alone"]) - set(CONTACTS)]
    prefix = f"request {request.request_id}:"
    if by_strong:
        if len(by_strong) == len(strongly) == 1:
            return (by_strong[0]["registrant_id"],), ""
        return (
            (),
            (
                f"{prefix} what was given fits {len(by_strong)} registrants; "
                "say which of them with `register request decide --registrant`"
            ),
        )
    if not hits:
        only_contacts = all(given.split(":")[0] in CONTACTS for given in request.given)
        return (
            (),
            f"{prefix} nobody in the register is known by what was given" if only_contacts else "",
        )
    return _meant_by_contact(hits, prefix)


def _meant_by_contact(hits: list[dict[str, Any]], prefix: str) -> tuple[tuple[str, ...], str]:
    if len(hits) > 1:
        return (
            (),
            (
                f"{prefix} what was given reaches {len(hits)} registrants; "
                "give an identity code or customer number, or say which is meant"
            ),
        )
    only = hits[0]
    if only["alone"] and (not only["known_by_more"] or len(only["alone"]) > 1):
        return (only["registrant_id"],), ""
    return (
        (),
        (
            f"{prefix} a contact alone does not identify a person; send a code to verify, or "
            "decide the registrant with `register request decide --registrant`"
        ),
    )


def record(
    data_root: DataRoot, request_ids: Iterable[str], now: datetime, state: State | None = None
) -> dict[str, Request]:
    """Look up the registrants that open requests mean, record them all at once, and return the
    requests as they are then.

    What certainly means someone goes on (`state`, if given); what does not becomes `unclear`, and
    stops no other. One without a key is `unclear` as it is read, and stays as it is recorded.
    """
    with ledger.changing(data_root):
        loaded = [ledger.load(data_root, request_id) for request_id in request_ids]
        open_requests = [
            request
            for request in loaded
            if request.state in ("received", "unclear", "erasing")
            and not (request.state == "erasing" and request.resolved)
            and not request.without_key
        ]
        resolutions = find(data_root, open_requests) if open_requests else {}
        changed = {
            request.request_id: _recorded(request, resolutions[request.request_id], now, state)
            for request in open_requests
        }
        ledger.save(
            data_root,
            *(
                changed[request.request_id]
                for request in open_requests
                if changed[request.request_id] != request
            ),
        )
    return {request.request_id: changed.get(request.request_id, request) for request in loaded}


def _recorded(
    request: Request, resolution: Resolution, now: datetime, state: State | None
) -> Request:
    if resolution.unclear:
        return set_aside(
            replace(
                request,
                candidates=resolution.candidates,
                resolved=(),
                own=(),
                left_out=request.not_theirs,
            ),
            request,
            resolution.unclear,
            now,
            len(resolution.candidates),
        )
    kept = replace(
        request, state=state or ("received" if request.state == "unclear" else request.state),
        why="", candidates=(), resolved=resolution.resolved,
        own=resolution.own, left_out=resolution.left_out, registrants=resolution.registrants,
    )  # fmt: skip
    if not request.resolved:
        kept = with_event(kept, "found", now, str(len(resolution.resolved)))
        if resolution.left_out:
            kept = with_event(kept, "left_out", now, str(len(resolution.left_out)))
    if resolution.pairs:
        reason = grey_pairs.reason(request.request_id, resolution.pairs)
        return set_aside(kept, request, reason, now, len(resolution.pairs))
    return begun(kept, now) if state == "erasing" and request.state != "erasing" else kept


def set_aside(changed: Request, before: Request, why: str, now: datetime, count: int) -> Request:
    """The request as one that waits for a person; in its history only if it did not wait for the
    same before.
    """
    unclear = replace(changed, state="unclear", why=why)
    if before.state == "unclear" and before.why == why:
        return unclear
    return with_event(unclear, "unclear", now, str(count))


def begun(request: Request, now: datetime) -> Request:
    """The request as its erasure begins: what it named of others is no part of it any more."""
    given = tuple(
        identifier
        for identifier in request.given
        if identifier not in {*request.left_out, *request.own}
    )
    return with_event(replace(request, state="erasing", given=given), "erasing", now)


def certainly(data_root: DataRoot, request: Request) -> str:
    """The id of the one registrant that an open request certainly means; changes nothing. Raises
    RequestError with the reason if there is none.
    """
    resolution = find(data_root, [request])[request.request_id]
    if len(resolution.registrants) != 1:
        raise RequestError(
            resolution.unclear
            or f"request {request.request_id}: nobody in the register is known by what was given"
        )
    return resolution.registrants[0]
