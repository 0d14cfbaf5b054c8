"""Records that may be about the erased and carry no identifier of theirs: their name with their
birth date or address.

No rule can decide about these: a namesake may live next door. So they are searched while the
register still has the name, kept encrypted with the request, shown to a person, and removed only by
that person's decision. What is left is counted on the certificate and never called erased.

Every text of raw is searched once, for any number of requests, for birth dates, streets and full
names reduced to letters and digits (`text_search.Forms`); each hit is confirmed on the record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.erasure.proof.byte_search import PARQUET_ROWS
from assets.erasure.proof.spellings import SHORTEST, squeeze
from assets.erasure.proof.text_search import BETWEEN, Forms, readable
from assets.ingest.raw_files import raw_path
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect
from schemas.unusual_spellings import plain

DECISIONS = ("remove", "redact", "keep")
MENTION = "identifier in its text"
KEPT_MENTION = "kept with a mention"
_IDENTIFYING = ("identity_code", "customer_number", "contact_id", "visitor_id", "user_id")

ERASING = Relation(
    name="erasing",
    summary="A registrant whose erasure is proven, by request.",
    columns={"request_id": "VARCHAR", "registrant_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)
IDENTIFIERS_OF_REQUESTS = Relation(
    name="identifiers_of_requests",
    summary="What these requests name, and their registrants are known by.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)
CERTAINLY_OTHERS = Relation(
    name="certainly_others",
    summary="Strong identifiers of other registrants with an identity code.",
    columns={"identifier": "VARCHAR"},
    reads=("identifiers", "erasing"),
    scope=Scope.COMPONENT,
)


@dataclass
class _Known:
    """What identifies a registrant besides identifiers, for one request."""

    names: set[tuple[str, str]] = field(default_factory=set)
    births: set[date] = field(default_factory=set)
    streets: set[str] = field(default_factory=set)

    @property
    def forms(self) -> set[bytes]:
        """Return what a record of theirs may contain, in letters and digits."""
        forms = {squeeze(written) for born in self.births for written in _written(born)}
        for street in self.streets:
            forms |= {squeeze(street), squeeze(street.split()[0])}
        for given, family in self.names:
            for first in given.split():
                forms |= {squeeze(first + family), squeeze(family + first)}
        return {form for form in forms if len(form) >= SHORTEST}

    def in_text(self, text: str) -> tuple[str, ...]:
        """Return by what a record is near: nothing without a name of theirs."""
        words = _words(text)
        if not any(
            set(_words(family)) <= words and set(_words(given)) & words
            for given, family in self.names
        ):
            return ()
        by = []
        if self._births and self._births.search(text):
            by.append("birth_date")
        if any(_words(street) <= words for street in self.streets):
            by.append("address")
        return tuple(by)

    @cached_property
    def _births(self) -> re.Pattern[str] | None:
        written = sorted({re.escape(text) for born in self.births for text in _written(born)})
        return re.compile(f"(?<![0-9])(?:{'|'.join(written)})(?![0-9])") if written else None


def _written(born: date) -> Iterator[str]:
    """Yield a day as people and systems write it, month or day first."""
    year, month, day = born.year, born.month, born.day
    yield from (f"{born}", f"{born:%Y%m%d}", f"{born:%Y/%m/%d}", f"{born:%d%m%Y}")
    for first, second in ((day, month), (month, day)):
        for sign in "./-":
            yield f"{first}{sign}{second}{sign}{year}"
            yield f"{first:02}{sign}{second:02}{sign}{year}"


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", plain(text).lower()))


def gather(data_root: DataRoot, asked: Iterable[Request]) -> dict[str, list[dict[str, Any]]]:
    """Return per request the records of raw that are near its registrants, by reference.

    Left out are records with an identifier of theirs, which are erased, and those that are
    certainly about somebody with another identity code.
    """
    meant = [request for request in asked if request.registrants]
    with connect(data_root) as connection:
        known = _known(data_root, connection, meant)
        forms = Forms(
            (form, request_id)
            for request_id, person in known.items()
            for form in sorted(person.forms)
        )
        if not forms:
            return {}
        _load_certain(connection, meant)
        near_matches: dict[str, list[dict[str, Any]]] = {}
        for path in data_root.files("raw"):
            near = dict(_near(forms, known, path))
            for request_id, record_no in _uncertain(connection, path, near):
                source, day = path.parts[-3:-1]
                reference = f"{source}/{day}/{path.stem}/{record_no}"
                by = near[record_no, request_id]
                near_matches.setdefault(request_id, []).append(
                    {"reference": reference, "by": list(by), "decision": ""}
                )
    return near_matches


def _known(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, meant: list[Request]
) -> dict[str, _Known]:
    """Load names, birth dates and addresses, past ones too, of the registrants of requests."""
    for table in ("registrants", "names", "addresses", "identifiers"):
        read_register(data_root, connection, table, TABLES[table])
    pairs = [
        (request.request_id, registrant) for request in meant for registrant in request.registrants
    ]
    connection.execute(
        f"""{ERASING.create} AS
        SELECT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS registrant_id""",
        [[request_id for request_id, _ in pairs], [registrant_id for _, registrant_id in pairs]],
    )
    known = {request.request_id: _Known() for request in meant}
    for request_id, given, call, family, born, precision, street in connection.execute(
        """SELECT request_id, given_names, call_name, family_name, birth_date,
            birth_date_precision, street FROM registrants JOIN erasing USING (registrant_id)
        UNION ALL BY NAME
        SELECT request_id, given_names, family_name FROM names JOIN erasing USING (registrant_id)
        UNION ALL BY NAME
        SELECT request_id, unnest([street, street_sv]) AS street
        FROM addresses JOIN erasing USING (registrant_id)"""
    ).fetchall():
        person = known[request_id]
        if family and (given or call):
            person.names.add((f"{given or ''} {call or ''}".strip(), family))
        if born and precision in (None, "day"):
            person.births.add(born)
        if street and re.search("[0-9]", street):
            person.streets.add(street)
    return known


def _load_certain(connection: duckdb.DuckDBPyConnection, meant: list[Request]) -> None:
    """Make `identifiers_of_requests(identifier)`, and `certainly_others(identifier)` of registrants
    with an identity code.
    """
    connection.execute(
        f"{IDENTIFIERS_OF_REQUESTS.create} AS SELECT unnest($1::VARCHAR[]) AS identifier",
        [
            sorted(
                {
                    identifier
                    for request in meant
                    for identifier in (*request.given, *request.resolved)
                }
            )
        ],
    )
    connection.execute(
        f"""{CERTAINLY_OTHERS.create} AS
        SELECT DISTINCT type || ':' || value AS identifier FROM identifiers
        WHERE type IN {_IDENTIFYING}
            AND registrant_id IN (
                SELECT registrant_id FROM identifiers WHERE type = 'identity_code')
            AND registrant_id NOT IN (SELECT registrant_id FROM erasing)"""
    )


def _near(
    forms: Forms[str], known: dict[str, _Known], path: Path
) -> Iterator[tuple[tuple[int, str], tuple[str, ...]]]:
    """Yield (record, request) of each record that is near, and by what."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PARQUET_ROWS, columns=["record_no", "payload"]):
            numbers = batch.column("record_no")
            payloads = pc.fill_null(batch.column("payload"), "").cast(pa.large_string())
            for places, content in readable(payloads):
                ends = np.flatnonzero(np.frombuffer(content, np.uint8) == 0)
                hits = {
                    (int(np.searchsorted(ends, start)), request_id)
                    for start, _, request_id in forms.find(content)
                }
                texts = content.split(BETWEEN) if hits else []
                for place, request_id in hits:
                    by = known[request_id].in_text(texts[place].decode("utf-8", "ignore"))
                    if by and len(texts) == len(places):
                        yield (numbers[places[place].as_py()].as_py(), request_id), by


def _uncertain(
    connection: duckdb.DuckDBPyConnection, path: Path, near: dict[tuple[int, str], tuple[str, ...]]
) -> list[tuple[str, int]]:
    """Return request and number of those records that nobody can attribute by an identifier."""
    if not near:
        return []
    pairs = sorted(near)
    return connection.execute(
        f"""WITH near AS (
            SELECT unnest($1::BIGINT[]) AS record_no, unnest($2::VARCHAR[]) AS request_id),
        named AS (
            SELECT record_no, unnest(identifiers) AS identifier FROM {parquet(path)}),
        certain AS (
            SELECT record_no FROM named
            WHERE identifier IN (SELECT identifier FROM identifiers_of_requests)
                OR identifier IN (SELECT identifier FROM certainly_others)
                OR starts_with(identifier, 'identity_code:')
                    AND identity_code_valid(substr(identifier, strlen('identity_code:') + 1)))
        SELECT request_id, record_no FROM near ANTI JOIN certain USING (record_no) ORDER BY ALL""",
        [[record_no for record_no, _ in pairs], [registrant_id for _, registrant_id in pairs]],
    ).fetchall()


def record(data_root: DataRoot, request_ids: Iterable[str], now: datetime) -> dict[str, Request]:
    """Find the near matches of open resolved requests, and encrypt them with the requests.

    What was decided before stays decided.
    """
    with ledger.changing(data_root):
        loaded = [ledger.load(data_root, request_id) for request_id in request_ids]
        open_requests = [
            request
            for request in loaded
            if request.state != "closed" and request.right == "erasure" and not request.without_key
        ]
        gathered = gather(data_root, open_requests)
        changed = {
            request.request_id: _merged(request, gathered.get(request.request_id, []))
            for request in open_requests
        }
        differing = [
            changed[request.request_id]
            for request in open_requests
            if changed[request.request_id] != request
        ]
        if differing:
            ledger.save(data_root, *differing)
    return {request.request_id: changed.get(request.request_id, request) for request in loaded}


def _merged(request: Request, gathered: list[dict[str, Any]]) -> Request:
    # When the erasure has begun the register may know no name any more to find them by.
    stays = {
        near["reference"]: near
        for near in request.near
        if near["decision"] or request.state == "erasing"
    }
    fresh = {near["reference"]: near for near in gathered}
    merged = {**fresh, **stays}
    return replace(request, near=tuple(merged[reference] for reference in sorted(merged)))


def add_mentions(data_root: DataRoot, places: Mapping[str, Iterable[str]]) -> None:
    """Record with open requests the records in which the proof found an identifier of theirs, for a
    decision: the removal could not recognise it as one.
    """
    with ledger.changing(data_root):
        for request_id, references in sorted(places.items()):
            request = ledger.load(data_root, request_id)
            near = {entry["reference"]: entry for entry in request.near}
            for reference in references:
                known = near.get(reference, {"by": []})["by"]
                near[reference] = {
                    "reference": reference,
                    "by": sorted({*known, MENTION}),
                    "decision": "",
                }
            sorted_near = tuple(near[reference] for reference in sorted(near))
            if request.state != "closed" and sorted_near != request.near:
                ledger.save(data_root, replace(request, near=sorted_near))


def decide(
    data_root: DataRoot, request_id: str, references: Iterable[str], decision: str, now: datetime
) -> Request:
    """Record whether near matches are the registrant's (`remove`), mention them (`redact`) or stay
    as they are (`keep`).

    Raises:
        RequestError: The request is closed, or has no near match of such a reference.
    """
    wanted = set(references)
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        if request.state == "closed":
            raise RequestError(f"request {request_id} is closed")
        if unknown := wanted - {near_match["reference"] for near_match in request.near}:
            raise RequestError(
                f"{len(unknown)} of the references are none of the request's near matches;"
                f" `register request near-matches {request_id}` lists them"
            )
        decided = replace(
            request,
            near=tuple(
                {**near_match, "decision": decision}
                if near_match["reference"] in wanted
                else near_match
                for near_match in request.near
            ),
        )
        ledger.save(
            data_root, ledger.with_event(decided, "near_matches_decided", now, str(len(wanted)))
        )
    return decided


def to_remove(asked: Iterable[Request]) -> dict[tuple[str, str, str], list[tuple[int, str]]]:
    """Return what was decided to be removed: record and request, by source, day and delivery."""
    decided: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
    for request in asked:
        for near_match in request.near:
            if near_match["decision"] == "remove":
                source, day, delivery, record_no = near_match["reference"].split("/")
                decided.setdefault((source, day, delivery), []).append(
                    (int(record_no), request.request_id)
                )
    return decided


def kept(data_root: DataRoot, asked: Iterable[Request]) -> list[tuple[str, str]]:
    """Return request and content of the records of raw of which a person decided that they stay."""
    contents: list[tuple[str, str]] = []
    with connect(data_root) as connection:
        for request in asked:
            for near in request.near:
                if near["decision"] == "keep":
                    content = _column(data_root, connection, near, "content")
                    contents += [(request.request_id, content)] if content is not None else []
    return contents


def left(data_root: DataRoot, request: Request) -> Counter[str]:
    """Return how many near matches of a request raw still has, by decision (empty: undecided)."""
    with connect(data_root) as connection:
        return Counter(
            KEPT_MENTION if MENTION in near["by"] and near["decision"] == "keep"
            else near["decision"]
            for near in request.near
            if near["decision"] != "redact" and _payload(data_root, connection, near) is not None
        )  # fmt: skip


def texts(data_root: DataRoot, request: Request) -> dict[str, str]:
    """Return the near matches that raw still has, as they were delivered. Personal."""
    with connect(data_root) as connection:
        payloads = {
            near_match["reference"]: _payload(data_root, connection, near_match)
            for near_match in request.near
        }
    return {reference: text for reference, text in payloads.items() if text is not None}


def _payload(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, near: dict[str, Any]
) -> str | None:
    return _column(data_root, connection, near, "payload")


def _column(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, near: dict[str, Any], column: str
) -> str | None:
    source, day, delivery, record_no = near["reference"].split("/")
    path = raw_path(data_root, source, day, delivery)
    row = (
        connection.execute(
            f"SELECT {column} FROM {parquet(path)} WHERE record_no = ?", [int(record_no)]
        ).fetchone()
        if path.exists()
        else None
    )
    return str(row[0]) if row else None
