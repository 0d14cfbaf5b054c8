"""Whom requests mean: from any identifier, through links past and present, to registrants. One pass for any number of requests.

A strong identifier (`suppression.STRONG`) that the register knows one registrant by is a certain link. An e-mail address or a phone
is a way to reach someone and no identity: it is certain only where the registrant is known by nothing stronger, where
two that were given reach the same registrant alone. Identifiers that fit several registrants, or disagree, are certain of
nobody. Certain links act; the others are shown, and a person decides, or a one-time code that came back (`verification`).

Read are the register's `identifiers` (past ones and corrected codes too) and `contact_points` (past and present), each
four times at most, whatever the number of requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from assets.home import Home
from assets.register.building import TABLES, read_register
from assets.rights import requests
from assets.rights.requests import Request, RequestError, State, with_event
from assets.suppression import STRONG
from schemas.requests import IDENTIFIERS

CONTACTS = ("email", "phone")
# A website's account may be named by an e-mail address or a customer number; it is no stronger than what names it.
_ALSO_ACCOUNT = ("email", "customer_number")


def canonical(home: Home, given: Mapping[str, str]) -> list[str]:
    """Identifiers as the register writes them; raises RequestError naming the kind that is not valid."""
    found = []
    with home.connect() as connection:
        for kind, value in given.items():
            if kind not in IDENTIFIERS:
                raise RequestError(
                    f"nobody is found by a {kind.replace('_', ' ')}; give one of {', '.join(IDENTIFIERS)}"
                )
            text, valid = connection.execute(
                """SELECT form, identifier_valid($1, form)
                FROM (SELECT identifier_canonical($1, $2::VARCHAR) AS form)""",
                [kind, value],
            ).fetchone() or (None, False)
            if not valid:
                raise RequestError(f"the {kind.replace('_', ' ')} given is not valid")
            found.append(f"{kind}:{text}")
    return found


@dataclass(frozen=True)
class Found:
    """Of one request: the registrants it certainly means (none or one), every identifier that is theirs alone, and why not when unclear."""

    registrants: tuple[str, ...]
    resolved: tuple[str, ...]
    candidates: tuple[dict[str, Any], ...]
    unclear: str = ""


def find(home: Home, sought: Iterable[Request]) -> dict[str, Found]:
    """Whom each request means, by the last built register. A request with a registrant that was chosen means that one."""
    asked = list(sought)
    with home.connect() as connection:
        for table in ("identifiers", "contact_points", "registrants"):
            read_register(home, connection, table, TABLES[table])
        _load(connection, asked)
        hits = _hits(connection)
        meant = {one.request_id: _meant(one, hits.get(one.request_id, [])) for one in asked}
        own, others = _known(
            connection, {request_id: registrants for request_id, (registrants, _) in meant.items()}
        )
    found = {}
    for one in asked:
        registrants, unclear = meant[one.request_id]
        strong = {given for given in one.given if given.split(":")[0] not in CONTACTS}
        theirs = sorted(
            {*own.get(one.request_id, ()), *(strong - others.get(one.request_id, set()))}
        )
        shown = () if registrants and not one.registrants else tuple(hits.get(one.request_id, ()))
        found[one.request_id] = Found(registrants, () if unclear else tuple(theirs), shown, unclear)
    return found


def _load(connection: duckdb.DuckDBPyConnection, asked: list[Request]) -> None:
    """`asked(request_id, kind, type, value)`: what was given, and as what it is looked for;
    `known(registrant_id, type, value)`: what registrants are known and reached by."""
    given = [(one.request_id, *said.split(":", 1)) for one in asked for said in one.given]
    rows = [(request_id, kind, kind, value) for request_id, kind, value in given]
    rows += [
        (request_id, kind, "user_id", value)
        for request_id, kind, value in given
        if kind in _ALSO_ACCOUNT
    ]
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE asked AS
        SELECT DISTINCT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS kind, unnest($3::VARCHAR[]) AS type, unnest($4::VARCHAR[]) AS value""",
        [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []],
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW known AS
        SELECT registrant_id, type, value FROM identifiers WHERE type IN {(*STRONG, *CONTACTS)}
        UNION SELECT registrant_id, kind, match_key FROM contact_points WHERE kind IN {CONTACTS}"""
    )


def _hits(connection: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    """Per request each registrant that something given leads to: by which kinds, which of those lead to nobody else, and whether
    the registrant is known by anything stronger than a contact."""
    rows = connection.execute(
        f"""WITH hit AS (SELECT DISTINCT request_id, registrant_id, kind, value FROM known JOIN asked USING (type, value)),
        shared AS (SELECT kind, value, count(DISTINCT registrant_id) AS registrants FROM hit GROUP BY ALL),
        strong AS (SELECT DISTINCT registrant_id FROM identifiers SEMI JOIN hit USING (registrant_id) WHERE type IN {STRONG})
        SELECT request_id, registrant_id, list_sort(list(DISTINCT kind)) AS kinds,
            list_sort(coalesce(list(kind) FILTER (registrants = 1), [])) AS alone, strong.registrant_id IS NOT NULL AS known_by_more
        FROM hit JOIN shared USING (kind, value) LEFT JOIN strong USING (registrant_id)
        GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    found: dict[str, list[dict[str, Any]]] = {}
    for request_id, registrant_id, kinds, alone, known_by_more in rows:
        found.setdefault(request_id, []).append(
            {
                "registrant_id": registrant_id,
                "by": kinds,
                "alone": alone,
                "known_by_more": known_by_more,
            }
        )
    return found


def _meant(request: Request, hits: list[dict[str, Any]]) -> tuple[tuple[str, ...], str]:
    """The registrant that is certainly meant, and why there is none."""
    if request.registrants:
        return request.registrants, ""
    by_strong = [one for one in hits if set(one["by"]) - set(CONTACTS)]
    strongly = [one for one in by_strong if set(one["alone"]) - set(CONTACTS)]
    told = f"request {request.request_id}:"
    if by_strong:
        if len(by_strong) == len(strongly) == 1:
            return (by_strong[0]["registrant_id"],), ""
        return (
            (),
            f"{told} what was given fits {len(by_strong)} registrants; say which of them with `register request decide --registrant`",
        )
    if not hits:
        only_contacts = all(given.split(":")[0] in CONTACTS for given in request.given)
        return (
            (),
            f"{told} nobody in the register is known by what was given" if only_contacts else "",
        )
    return _meant_by_contact(hits, told)


def _meant_by_contact(hits: list[dict[str, Any]], told: str) -> tuple[tuple[str, ...], str]:
    if len(hits) > 1:
        return (
            (),
            f"{told} what was given reaches {len(hits)} registrants; give an identity code or customer number, or say which is meant",
        )
    only = hits[0]
    if only["alone"] and (not only["known_by_more"] or len(only["alone"]) > 1):
        return (only["registrant_id"],), ""
    return (
        (),
        f"{told} a contact alone does not tell who it is; send a code to verify, or say whom it means with `register request decide --registrant`",
    )


def _known(
    connection: duckdb.DuckDBPyConnection, meant: dict[str, tuple[str, ...]]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Per request the identifiers that are the registrant's alone, and those given that are (also) somebody else's.

    Whose an e-mail address is, is the website's account of that name, too: a visit from before may be delivered later, under a cookie that nobody knew.
    """
    pairs = [
        (request_id, registrant_id)
        for request_id, registrants in meant.items()
        for registrant_id in registrants
    ]
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE meant AS SELECT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS registrant_id",
        [[one for one, _ in pairs], [one for _, one in pairs]],
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE mine AS SELECT DISTINCT request_id, registrant_id, type, value FROM known JOIN meant USING (registrant_id)"
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE of_others AS
        SELECT DISTINCT mine.request_id, type, value FROM known AS other JOIN mine USING (type, value)
        WHERE NOT EXISTS (FROM meant WHERE meant.request_id = mine.request_id AND meant.registrant_id = other.registrant_id)"""
    )
    own = connection.execute(
        """WITH own AS (SELECT request_id, type, value FROM mine ANTI JOIN of_others USING (request_id, type, value)),
        accounts AS (SELECT request_id, 'user_id' AS type, value FROM own WHERE type = 'email'
            AND NOT EXISTS (FROM known AS other WHERE other.type = 'user_id' AND other.value = own.value
                AND NOT EXISTS (FROM meant WHERE meant.request_id = own.request_id AND meant.registrant_id = other.registrant_id)))
        SELECT request_id, type || ':' || value FROM (FROM own UNION FROM accounts)"""
    ).fetchall()
    others = connection.execute(
        """SELECT asked.request_id, type || ':' || value FROM known AS other JOIN asked USING (type, value)
        JOIN (SELECT DISTINCT request_id FROM meant) USING (request_id)
        WHERE NOT EXISTS (FROM meant WHERE meant.request_id = asked.request_id AND meant.registrant_id = other.registrant_id)"""
    ).fetchall()
    return _by_request(own), _by_request(others)


def _by_request(rows: list[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for request_id, identifier in rows:
        found.setdefault(request_id, set()).add(identifier)
    return found


def record(
    home: Home, request_ids: Iterable[str], now: datetime, state: State | None = None
) -> dict[str, Request]:
    """Find whom open requests mean and write it down, all together; answers the requests as they are then.

    What certainly means someone goes on (`state`, if given); what does not becomes `unclear`, and stops no other.
    """
    with requests.changing(home):
        loaded = [requests.load(home, request_id) for request_id in request_ids]
        open_ones = [
            one
            for one in loaded
            if one.state in ("received", "unclear", "erasing")
            and not (one.state == "erasing" and one.resolved)
        ]
        if any(one.without_key for one in open_ones):
            raise RequestError(
                "the key of an open request is not in secrets/request-keys: bring it back with the data root"
            )
        found = find(home, open_ones) if open_ones else {}
        changed = {
            one.request_id: _recorded(one, found[one.request_id], now, state) for one in open_ones
        }
        requests.save(
            home, *(changed[one.request_id] for one in open_ones if changed[one.request_id] != one)
        )
    return {one.request_id: changed.get(one.request_id, one) for one in loaded}


def _recorded(request: Request, found: Found, now: datetime, state: State | None) -> Request:
    if found.unclear:
        same = request.state == "unclear" and request.why == found.unclear
        unclear = replace(request, state="unclear", why=found.unclear, candidates=found.candidates)
        return unclear if same else with_event(unclear, "unclear", now, str(len(found.candidates)))
    kept = replace(
        request, state=state or ("received" if request.state == "unclear" else request.state), why="", candidates=(), resolved=found.resolved,
        registrants=found.registrants,
    )  # fmt: skip
    kept = (
        with_event(kept, "found", now, str(len(found.resolved))) if not request.resolved else kept
    )
    return (
        with_event(kept, "erasing", now)
        if state == "erasing" and request.state != "erasing"
        else kept
    )


def certainly(home: Home, request: Request) -> str:
    """The id of the one registrant whom an open request certainly means; changes nothing. Raises RequestError saying why there is none."""
    found = find(home, [request])[request.request_id]
    if len(found.registrants) != 1:
        raise RequestError(
            found.unclear
            or f"request {request.request_id}: nobody in the register is known by what was given"
        )
    return found.registrants[0]


def decide(home: Home, request_id: str, registrant_id: str, now: datetime) -> Request:
    """Say whom a request means. Raises RequestError when the register has no registrant of that id, or the request is closed."""
    with home.connect() as connection:
        read_register(home, connection, "registrants", TABLES["registrants"])
        if not connection.execute(
            "SELECT 1 FROM registrants WHERE registrant_id = ?", [registrant_id]
        ).fetchone():
            raise RequestError(
                "the register has no registrant of that id; `register request show` names those that were found"
            )
    with requests.changing(home):
        request = requests.load(home, request_id)
        if request.state not in ("received", "unclear"):
            raise RequestError(
                f"request {request_id} is {request.state}: whom it means is decided before anything is done"
            )
        chosen = replace(
            request,
            registrants=(registrant_id,),
            resolved=(),
            state="received",
            why="",
            candidates=(),
        )
        requests.save(home, with_event(chosen, "registrant_decided", now))
    return record(home, [request_id], now)[request_id]
