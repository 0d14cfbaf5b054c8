"""What an erasure is about to change, written down before it does: rows per request and layer, and
the files' hashes.

One JSON per delivery under `requests/evidence/`, nothing personal in it. What was noted first
stays, so an erasure that was killed and run again still shows what was there before it. Removed
when the last of its requests has its certificate.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from assets.ingest import record_matching
from assets.ingest.deliveries import Entry, keyed_hash, sha256
from assets.ingest.raw_files import raw_path
from assets.marts.building import mart_path
from assets.register.building import TABLES
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage.atomic_files import remove, writing
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from schemas.marts import MARTS

PUBLISHED = "published"

RECORD_REQUESTS = Relation(
    name="record_requests",
    summary="Which request removes a record of one delivery.",
    columns={"record_no": "BIGINT", "request_id": "VARCHAR"},
    reads=(
        "matching_identifiers",
        "matches",
        "matched_records",
        "text_matches",
        "theirs",
        "mentioned_identifiers",
        "requested_identifiers",
    ),
    scope=Scope.COMPONENT,
)


@dataclass
class Evidence:
    """Evidence of one request: rows removed by layer (`raw`, `quarantine`, `staged.<table>`), the
    files that contained them, and the rows retained, by rule (`retained`).

    `redacted` counts by layer what was redacted in records that are about somebody else.
    """

    rows: Counter[str] = field(default_factory=Counter)
    files: list[dict[str, str | None]] = field(default_factory=list)
    retained: dict[str, dict[str, object]] = field(default_factory=dict)
    redacted: Counter[str] = field(default_factory=Counter)


def folder(data_root: DataRoot) -> Path:
    """Return the folder of the notes."""
    return data_root.requests / "evidence"


def note_published(data_root: DataRoot) -> None:
    """Note the hashes of register and marts as they are before the erasure, unless they are noted
    already.
    """
    path = folder(data_root) / f"{PUBLISHED}.json"
    if not path.exists():
        _write(
            path,
            {
                str(file.relative_to(data_root.root)): _before(data_root, file)
                for file in _published(data_root)
            },
        )


def _before(data_root: DataRoot, path: Path) -> str:
    """Return the keyed hash of a file that still contains the erased: anybody who could rebuild the
    file could confirm a plain one.
    """
    return keyed_hash(data_root, sha256(path))


def _published(data_root: DataRoot) -> list[Path]:
    return [
        path
        for path in (
            *map(data_root.register, TABLES),
            *(mart_path(data_root, purpose) for purpose in MARTS),
        )
        if path.exists()
    ]


def note(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    """Note which rows of a delivery go, are retained and are redacted.

    The connection has what `matching.find_matched_records` makes,
    `retained(record_no, rule, until)` and `requested_identifiers(identifier, request_id)`.
    """
    path = folder(data_root) / f"{entry.delivery_id}.json"
    known = {
        "files": {},
        "rows": {},
        "held": {},
        "redacted": {},
        **(json.loads(path.read_text()) if path.exists() else {}),
    }
    files = _files(data_root, entry)
    _find_requests_of_records(connection, files)
    rows: dict[str, dict[str, int]] = {}
    changed = (
        {"staged.orders"}
        if connection.execute("SELECT 1 FROM retained LIMIT 1").fetchone()
        else set()
    )
    for request_id, layer, count in connection.execute(_counted(files)).fetchall():
        rows.setdefault(request_id, {})[layer] = count
        changed.add(layer)
    redacted: dict[str, dict[str, int]] = {}
    for request_id, layer, count in connection.execute(
        "SELECT request_id, layer, sum(fields)::BIGINT FROM redactions GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        redacted.setdefault(request_id, {})[layer] = count
        # The requests that a delivery concerns are read from the rows.
        rows.setdefault(request_id, {})
        changed.add(layer)
    for layer, file in files.items():
        if layer in changed:
            known["files"].setdefault(
                layer,
                {"file": str(file.relative_to(data_root.root)), "before": _before(data_root, file)},
            )
    retained: dict[str, dict[str, dict[str, object]]] = {}
    for request_id, rule, count, until in connection.execute(
        """SELECT request_id, rule, count(*), max(until)::VARCHAR
        FROM record_requests JOIN retained USING (record_no) GROUP BY ALL ORDER BY ALL"""
    ).fetchall():
        retained.setdefault(request_id, {})[rule] = {"rows": count, "until": until}
    _write(
        path,
        {
            "files": known["files"],
            "rows": rows | known["rows"],
            "held": retained | known["held"],
            "redacted": redacted | known["redacted"],
        },
    )


def _counted(files: dict[str, Path]) -> str:
    """Return the query of request, layer and rows that go; all of a delivery's files in one
    statement, as each is small.
    """
    # A retained order stays, and so does the record of its outcome; its file is still rewritten.
    stays = dict.fromkeys(
        ("staged.orders", "staged.records"), "ANTI JOIN retained USING (record_no)"
    )
    rows = [
        f"SELECT '{layer}' AS layer, record_no FROM {parquet(file)} {stays.get(layer, '')}"
        for layer, file in files.items()
    ]
    return (
        f"SELECT request_id, layer, count(*) FROM ({' UNION ALL '.join(rows)}) "
        "JOIN record_requests USING (record_no) GROUP BY ALL ORDER BY ALL"
    )


def _files(data_root: DataRoot, entry: Entry) -> dict[str, Path]:
    staged = {
        f"staged.{path.stem}": path
        for path in sorted(staged_folder(data_root, entry).glob("*.parquet"))
    }
    both = {
        "raw": raw_path(data_root, entry.source, entry.day, entry.delivery_id),
        "quarantine": quarantine_path(data_root, entry),
    }
    return {layer: path for layer, path in (both | staged).items() if path.exists()}


def find_requests_of_records(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry
) -> None:
    """Make `record_requests(record_no, request_id)` of the delivery's records in
    `matched_records`.
    """
    _find_requests_of_records(connection, _files(data_root, entry))


def _find_requests_of_records(
    connection: duckdb.DuckDBPyConnection, files: dict[str, Path]
) -> None:
    """Make `record_requests(record_no, request_id)` of the records in `matched_records`."""
    queries = ["SELECT 0::BIGINT AS record_no, '' AS request_id WHERE false"]
    for layer, path in files.items():
        if layer == "raw":
            rows = f"{parquet(path)} AS stored SEMI JOIN matched_records USING (record_no)"
            record_matching.find_matches(connection, f"(FROM {rows})", "matching_identifiers")
            queries.append("SELECT record_no, request_id FROM matches")
            queries.append(
                """SELECT record_no, request_id
                FROM text_matches JOIN requested_identifiers USING (identifier)
                SEMI JOIN theirs USING (record_no) WHERE sure"""
            )
        elif layer != "staged.records":
            if layer == "staged.visits":
                queries.append(
                    f"""SELECT record_no, request_id FROM {parquet(path)}
                    SEMI JOIN matched_records USING (record_no) JOIN matching_identifiers
                        ON identifier = '{record_matching.OWN_BROWSER}:' || visitor_id
                    WHERE user_id IS NULL"""
                )
            queries.append(
                f"""SELECT stored.record_no, request_id FROM {parquet(path)} AS stored
                JOIN matched_records USING (record_no)
                JOIN requested_identifiers ON stored.person_key = md5(identifier)"""
            )
    connection.execute(
        f"{RECORD_REQUESTS.create} AS "
        "SELECT DISTINCT record_no, request_id FROM (" + " UNION ALL ".join(queries) + ")"
    )


def _write(path: Path, content: object) -> None:
    with writing(path) as unfinished:
        unfinished.write_text(json.dumps(content, sort_keys=True))


def gather(data_root: DataRoot, request_ids: Iterable[str]) -> dict[str, Evidence]:
    """Return the notes on each of the requests, with the present hashes of the files; a file that
    no longer exists has none.
    """
    notes = {request_id: Evidence() for request_id in request_ids}
    for path in sorted(folder(data_root).glob("*.json")):
        if path.stem == PUBLISHED:
            continue
        noted = json.loads(path.read_text())
        concerned = [request_id for request_id in noted["rows"] if request_id in notes]
        files = (
            {
                layer: _now(data_root, change["file"], change["before"])
                for layer, change in noted["files"].items()
            }
            if concerned
            else {}
        )
        for request_id in concerned:
            notes[request_id].rows.update(noted["rows"][request_id])
            redacted = noted.get("redacted", {}).get(request_id, {})
            notes[request_id].redacted.update(redacted)
            layers = sorted({*noted["rows"][request_id], *redacted})
            notes[request_id].files += [files[layer] for layer in layers]
            for rule, retained in noted.get("held", {}).get(request_id, {}).items():
                whole = notes[request_id].retained.setdefault(rule, {"rows": 0, "until": ""})
                whole |= {
                    "rows": int(str(whole["rows"])) + retained["rows"],
                    "until": max(str(whole["until"]), retained["until"]),
                }
    return notes


def published(data_root: DataRoot) -> list[dict[str, str | None]]:
    """Return the hashes of register and marts before the erasure and now."""
    path = folder(data_root) / f"{PUBLISHED}.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    names = sorted(
        {*before, *(str(file.relative_to(data_root.root)) for file in _published(data_root))}
    )
    return [_now(data_root, name, before.get(name)) for name in names]


def _now(data_root: DataRoot, name: str, before: str | None) -> dict[str, str | None]:
    path = data_root.root / name
    return {"file": name, "before": before, "after": sha256(path) if path.exists() else None}


def touched(data_root: DataRoot, request_ids: Iterable[str]) -> list[Path]:
    """Return the files that the erasure of the requests rewrites, if they still exist."""
    requested = set(request_ids)
    noted = [
        json.loads(path.read_text())
        for path in sorted(folder(data_root).glob("*.json"))
        if path.stem != PUBLISHED
    ]
    names = {
        change["file"]
        for each in noted
        if requested & set(each["rows"])
        for change in each["files"].values()
    }
    return [data_root.root / name for name in sorted(names) if (data_root.root / name).exists()]


def forget(data_root: DataRoot, certified: Iterable[str]) -> None:
    """Remove the notes of which all requests have their certificate."""
    done = set(certified)
    for path in sorted(folder(data_root).glob("*.json")):
        if path.stem != PUBLISHED and set(json.loads(path.read_text())["rows"]) <= done:
            remove(path)
    left = [path for path in folder(data_root).glob("*.json") if path.stem != PUBLISHED]
    if not left and folder(data_root).exists():
        remove(folder(data_root) / f"{PUBLISHED}.json")
