"""The proof of erasures as a whole: what is examined, how, and the findings.

For requests that are still open, their identifiers are searched in bytes too. For closed ones
they are no longer known: their keyed hashes are compared with every identifier of each layer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.erasure.proof import (
    byte_search,
    certificate_binding,
    evidence,
    identifiers,
    mart_files,
    text_search,
)
from assets.erasure.proof.findings import Finding, failures
from assets.erasure.proof.identifiers_of_others import identifiers_of_others
from assets.erasure.proof.spellings import spelling_of
from assets.erasure.proof.text_search import Hits, Texts
from assets.marts.building import candidate_path, mart_path
from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import Request
from assets.storage import backup_generations
from assets.storage.atomic_files import UNFINISHED
from assets.storage.backup_generations import SUFFIX
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import MartKeyError, attach
from assets.storage.sessions import connect
from schemas.marts import MARTS

TOO_SHORT = "too short to be distinguished from others"
EMBEDDED = "part of a longer word of others: searched in texts, and not in bytes"
FIELD_NUMBER = (
    "its digits alone are all of a field of others: a number of that field's kind, or theirs"
)
KEPT = "in a record that a person decided to keep: searched in all other texts, and not in bytes"
SHORT = "short: searched in texts as a whole word, and not in bytes"
LAYERS_OF_RECORDS = ("raw", "staged", "quarantine")
DERIVED = ("register", "marts", "built")
"""Layers that are built from records: what a kept record mentions stands there, too."""

# The invented people of `register sample`, kept beside the register to compare it with; no real
# data root has it.
SAMPLE_TRUTH = "truth"
HOW = {
    "identifiers": (
        "every identifier in raw, quarantine, staged, register and marts, and in texts, hashed "
        "with the key and compared with the suppression list"
    ),
    "marts": (
        "stored rows = rows, no unused blocks, no log, no ENUM, nothing under the older header "
        "of each DuckDB file"
    ),
    "bytes": (
        "the identifiers themselves, in the bytes of the files: DuckDB in an uncompressed copy, "
        "SQLite with what is packed in it"
    ),
    "texts": (
        "the identifiers in any spelling, in every text of every layer, mart and other file; "
        "apart from the removal's search"
    ),
    "leftovers": "no unfinished file and no spilled data of a process that has ended",
    "requests": "no closed request says what identified its registrant",
}


@dataclass
class Proof:
    """`examined` counts files (requests, for `requests`) by the keys of `HOW`; `searched`
    identifiers, by request.

    `places`: by request, the records of the lake with its identifiers in their texts.

    `left_out`: identifiers that were not searched in texts and bytes, by request and reason.

    `backups`: the generations from before the erasures that can still be opened, and until when.
    """

    findings: list[Finding] = field(default_factory=list)
    examined: Counter[str] = field(default_factory=Counter)
    searched: Counter[str] = field(default_factory=Counter)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    places: dict[str, set[str]] = field(default_factory=dict)
    backups: backup_generations.Remaining = field(default_factory=backup_generations.Remaining)

    def failures(self, request_id: str = "") -> list[Finding]:
        """Return the findings because of which the request (or any) is not proven."""
        return failures(self.findings, request_id)

    def as_data(self) -> list[dict[str, object]]:
        """Return what was verified and how, for the certificate."""
        return [
            {"what": what, "how": HOW[what], "examined": count}
            for what, count in sorted(self.examined.items())
        ]


def verify(
    data_root: DataRoot, request_ids: Sequence[str] | None = None, *, whole: bool = True
) -> Proof:
    """Prove the requests, or every erasure that has been carried out. Requires the writer's lock.

    `whole` searches every file of the data root for the identifiers of open requests; else the
    files that their erasure has rewritten and all that is not in the lake's partitions, so that the
    work follows what they touched.
    """
    proof = Proof()
    every = {request.request_id: request for request in ledger.every(data_root)}
    proof.backups = _backups(
        data_root,
        [every[identifier] for identifier in request_ids]
        if request_ids is not None
        else [request for request in every.values() if request.closed_at],
    )
    chosen = [every[request_id] for request_id in request_ids] if request_ids is not None else []
    with connect(data_root) as connection:
        _by_identifiers(data_root, connection, proof, request_ids)
        open_requests = [request for request in chosen if request.state != "closed"]
        if open_requests:
            _by_bytes(data_root, connection, proof, open_requests, whole=whole)
    for where, path in _marts(data_root):
        proof.findings += mart_files.check(data_root, path, where)
        proof.examined["marts"] += 1
    if request_ids is None:
        proof.findings += certificate_binding.check(data_root)
    proof.findings += _leftovers(data_root)
    proof.examined["leftovers"] += 1
    for request in every.values():
        proof.examined["requests"] += 1
        if request.state == "closed" and (
            request.given
            or request.resolved
            or encrypted_identity.key_path(data_root, request.request_id).exists()
        ):
            proof.findings.append(Finding("PROOF-OPEN", "requests", 1, request.request_id))
    return proof


def _backups(data_root: DataRoot, concerned: Iterable[Request]) -> backup_generations.Remaining:
    """Return the generations outside `backups/` from before the erasures: every one, if an erasure
    is not closed yet.
    """
    erasures = [request for request in concerned if request.right == "erasure"]
    if not erasures:
        return backup_generations.Remaining()
    moments = [
        datetime.fromisoformat(request.closed_at) if request.closed_at else None
        for request in erasures
    ]
    return backup_generations.remaining(
        data_root,
        None if None in moments else max(moment for moment in moments if moment),
        elsewhere=True,
    )


def _marts(data_root: DataRoot) -> list[tuple[str, Path]]:
    both = [(f"marts.{purpose}", mart_path(data_root, purpose)) for purpose in MARTS] + [
        (f"built.{purpose}", candidate_path(data_root, purpose)) for purpose in MARTS
    ]
    return [(where, path) for where, path in both if path.exists()]


def _by_identifiers(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    proof: Proof,
    request_ids: Sequence[str] | None,
) -> None:
    identifiers.prepare(data_root, connection, request_ids)
    try:
        proof.findings += identifiers.in_lake(data_root, connection)
        if request_ids is None:
            proof.findings += identifiers.in_texts(data_root, connection, whole=True)
    except duckdb.Error:
        proof.findings.append(Finding("PROOF-UNREADABLE", "lake", 1))
    proof.examined["identifiers"] += sum(1 for _ in data_root.lake.rglob("*.parquet"))
    for where, path in _marts(data_root):
        proof.examined["identifiers"] += 1
        try:
            proof.findings += identifiers.in_mart(data_root, connection, where.split(".")[1], path)
        except (duckdb.Error, MartKeyError):
            proof.findings.append(Finding("PROOF-UNREADABLE", where, 1))


def _by_bytes(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    proof: Proof,
    open_requests: list[Request],
    *,
    whole: bool,
) -> None:
    """Search texts of every layer, as the proof does not stop where the removal did; then bytes."""
    others = identifiers_of_others(data_root, connection, open_requests)
    requests_of: dict[str, list[str]] = {}
    for request in open_requests:
        for identifier in {*request.given, *request.resolved}:
            reason = others.get(identifier) or (TOO_SHORT if not spelling_of(identifier) else "")
            if reason:
                proof.left_out[request.request_id, reason] += 1
            else:
                proof.searched[request.request_id] += 1
                if not byte_search.forms(identifier):
                    proof.left_out[request.request_id, SHORT] += 1
                requests_of.setdefault(identifier, []).append(request.request_id)
    counts: Counter[tuple[str, str, str]] = Counter()
    files = _files(
        data_root,
        None
        if whole
        else evidence.touched(data_root, [request.request_id for request in open_requests]),
    )
    kept = {
        (request.request_id, near["reference"])
        for request in open_requests
        for near in request.near
        if near["decision"] == "keep"
    }
    search = _TextSearch(proof, requests_of, kept, counts)
    search.run(data_root, connection, files)
    for reason, identifiers_aside in (
        (EMBEDDED, search.embedded),
        (FIELD_NUMBER, search.field_numbers),
        (KEPT, search.kept),
    ):
        for identifier in identifiers_aside:
            for request_id in requests_of[identifier]:
                proof.left_out[request_id, reason] += 1
    requested = byte_search.RequestedIdentifiers(
        open_requests, {*others, *search.embedded, *search.kept}
    )
    for path in files:
        proof.examined["bytes"] += 1
        for finding in byte_search.in_file(data_root, requested, path, _where(data_root, path)):
            counts[_code(finding.code, finding.where), finding.where, finding.request_id] += (
                finding.count
            )
    proof.findings += [
        Finding(
            code, where, count, request_id,
            tuple(sorted(search.places.get((code, where, request_id), ()))),
        )
        for (code, where, request_id), count in sorted(counts.items())
    ]  # fmt: skip


@dataclass
class _TextSearch:
    """The search of all texts for the identifiers of open requests.

    Attributes:
        proof: Takes what was examined, and the places.
        requests_of: By identifier, the requests that have it.
        decided: Request and reference of the records that a person decided to keep.
        counts: Findings by code, layer and request; added to.
        places: The records with findings, by code, layer and request.
        embedded: Identifiers that stand only within longer words of others.
        field_numbers: Identifiers that are, by their digits, all of a field of others.
        kept: Identifiers in records that were decided to stay.
    """

    proof: Proof
    requests_of: Mapping[str, list[str]]
    decided: Set[tuple[str, str]]
    counts: Counter[tuple[str, str, str]]
    places: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    embedded: set[str] = field(default_factory=set)
    field_numbers: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)

    def run(
        self, data_root: DataRoot, connection: duckdb.DuckDBPyConnection, files: Iterable[Path]
    ) -> None:
        """Search records first: what is built from them has what was decided to stay in them."""
        texts = Texts(self.requests_of)
        paths = [
            (_where(data_root, path), path) for path in {*files, *data_root.lake.rglob("*.parquet")}
        ]
        of_records = [pair for pair in paths if pair[0] in LAYERS_OF_RECORDS]
        for where, path in sorted(of_records):
            hits = self._hits(data_root, connection, texts, where, path)
            if hits.identifiers:
                self._add_records(texts, path, where)
        in_derived = (
            Texts(
                {
                    identifier: ids
                    for identifier, ids in self.requests_of.items()
                    if identifier not in self.kept
                }
            )
            if self.kept
            else texts
        )
        for where, path in sorted({*paths} - {*of_records}):
            derived = where.split(".")[0] in DERIVED
            wanted = in_derived if derived else texts
            self._count(where, self._hits(data_root, connection, wanted, where, path))
        self.embedded -= self.kept

    def _hits(
        self,
        data_root: DataRoot,
        connection: duckdb.DuckDBPyConnection,
        texts: Texts,
        where: str,
        path: Path,
    ) -> Hits:
        self.proof.examined["texts"] += 1
        try:
            hits = _texts_of(data_root, connection, texts, path)
        except (duckdb.Error, pa.ArrowException, OSError, MartKeyError):
            if path.exists():
                self.counts["PROOF-UNREADABLE", where, ""] += 1
            return Hits()
        self.embedded |= hits.embedded
        self.field_numbers |= hits.field_numbers
        return hits

    def _count(self, where: str, hits: Hits, reference: str = "") -> None:
        for code, counted in (("PROOF-BYTES", hits.usual), ("PROOF-SPELLING", hits.unusual)):
            for request_id, count in counted.items():
                if (request_id, reference) in self.decided:
                    self.kept |= hits.identifiers
                    continue
                self.counts[_code(code, where), where, request_id] += count
                if reference:
                    self.places.setdefault((code, where, request_id), set()).add(reference)
                    self.proof.places.setdefault(request_id, set()).add(reference)

    def _add_records(self, texts: Texts, path: Path, where: str) -> None:
        """Count what is in a file of the lake record by record."""
        # raw/<source>/<day>/<delivery>.parquet, and a folder per delivery in staged.
        parts = path.with_suffix("").parts
        delivery = "/".join(parts[-4:-1] if where == "staged" else parts[-3:])
        for record_no, hits in text_search.by_record(texts, path).items():
            self._count(where, hits, f"{delivery}/{record_no}")


def _texts_of(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, texts: Texts, path: Path
) -> Hits:
    if path.suffix == ".parquet":
        return text_search.in_parquet(texts, path)
    if path.suffix == ".duckdb":
        attach(data_root, connection, path, "searched")
        try:
            return text_search.in_duckdb(texts, connection, "searched")
        finally:
            connection.execute("DETACH searched")
    return text_search.in_file(texts, path)


def _code(code: str, where: str) -> str:
    """Return the code of a finding; identifiers in the inbox are left out when it is taken in."""
    return "PROOF-INBOX" if where == "inbox" and code != "PROOF-UNREADABLE" else code


def _files(data_root: DataRoot, touched: Iterable[Path] | None) -> list[Path]:
    """Return all files but keys, encrypted backups, and what this process has spilled; of the
    partitions only those `touched`, if given.
    """
    aside = {data_root.secrets, data_root.spill / str(os.getpid()), data_root.root / SAMPLE_TRUTH}
    if touched is not None:
        aside |= {data_root.lake / layer for layer in ("raw", "staged", "quarantine", "deliveries")}
    paths: list[Path] = []
    for folder, folders, names in os.walk(data_root.root):
        # What is left aside is not walked through: there may be years of it.
        folders[:] = [name for name in folders if Path(folder, name) not in aside]
        paths += [
            path
            for name in names
            if (path := Path(folder, name)) not in aside
            and path.suffix != SUFFIX
            and path.is_file()
            and not path.is_symlink()
        ]
    return [*sorted(paths), *(touched or ())]


def _where(data_root: DataRoot, path: Path) -> str:
    """Return the layer, or the data root's folder: file names are not shown, as a source may have
    put anything into one.
    """
    parts = path.relative_to(data_root.root).parts
    if parts[0] == "lake" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("requests", "inbox"):
        return "inbox"
    return f"marts.{path.stem}" if parts[0] == "marts" else parts[0]


def _leftovers(data_root: DataRoot) -> list[Finding]:
    unfinished = 0
    for folder in (
        data_root.lake,
        data_root.marts,
        data_root.requests,
        data_root.outbox,
        data_root.secrets,
    ):
        unfinished += sum(
            1 for path in folder.rglob(f"{UNFINISHED}*") if not _is_being_written(path)
        )
    folders = (
        [
            path
            for path in data_root.spill.iterdir()
            if path.name != str(os.getpid()) and not _is_running(path.name)
        ]
        if data_root.spill.is_dir()
        else []
    )
    spilled = sum(
        1 for folder in folders for path in (folder, *folder.rglob("*")) if path.is_file()
    )
    return [
        Finding(code, "data root", count)
        for code, count in (("PROOF-UNFINISHED", unfinished), ("PROOF-SPILL", spilled))
        if count
    ]


def _is_being_written(path: Path) -> bool:
    return _is_running(path.name.removeprefix(UNFINISHED).split("-")[0])


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
