"""One trial: odd records are delivered among ordinary ones; returns which invariants do not hold.

`take_in` is for the records of one dataset (inbox, raw, staged), `refresh` for all together
(register, marts, retention, access).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.ingest import deliveries, raw
from assets.ingest.restaging import staged_again
from assets.marts import building as marts
from assets.register import building, integrity_checks
from assets.retention import sweep
from assets.rights.access import package, redaction
from assets.sources.all_sources import SOURCES, in_order
from assets.sources.formats import JsonLines
from assets.sources.source import Dataset, Source
from assets.staging import staged
from assets.storage import safe_errors
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.fuzz.mutations import CSV, Mutation, as_json, row
from tests.fuzz.whole_records import DAY, KINDS, SECRET, contact, person, perustiedot
from tests.support.deliveries import put

TODAY = date(2026, 11, 20)
EARLIER = "2026-11-18"
CONTROLS = range(1, 5)
FIRST_ODD = 1000
_SOURCES = {source.name: source for source in SOURCES}
# Words of ours that are in every file, so that no message is searched for them.
_PLAIN = {
    "false",
    "true",
    "Helsinki",
    "Finland",
    "action",
    "search",
    "granted",
    "active",
    "delivered",
}


@dataclass(frozen=True)
class Failure:
    """What did not hold, and where. `numbers`: the persons concerned, where that is known."""

    invariant: str
    detail: str
    numbers: tuple[int, ...] = field(default=(), compare=False)


class Stopped(Exception):  # noqa: N818
    """A step raised: nothing behind it can be checked."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.invariant)
        self.failure = failure


@contextmanager
def step(name: str, items: Iterable[Mutation] = ()) -> Iterator[None]:
    """Turn an exception into a failure: its kind, its place, and whether its message leaks."""
    try:
        yield
    except Stopped:
        raise
    except Exception as error:
        where = safe_errors.places(error)
        shown = safe_errors.describe(error)
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        reason = f": {shown}" if isinstance(error, safe_errors.PlainError) else _first_words(error)
        detail = f"{kind} at {where[-1] if where else '?'}{reason}"
        if leaked(shown, items):
            detail += " (and the message that is shown holds a value of the record)"
        raise Stopped(Failure(f"{name} raises", detail)) from error


def _first_words(error: BaseException) -> str:
    """The beginning of an engine's message, without the values that it quotes."""
    text = str(error).split("\n")[0].split('"')[0].split("'")[0]
    return f" ({re.sub('[0-9]+', 'N', text[:100].strip())})"


def leaked(message: str, items: Iterable[Mutation]) -> bool:
    """Whether a message holds a value of an ordinary record that one of the items is made of."""
    return any(value in message for item in items for value in _markers(item.number))


def _markers(number: int) -> Iterator[str]:
    who = person(number)
    yield from (who.given, who.family, who.identity_code, who.contact_id, who.customer_number)
    yield from (who.email, who.phone, who.visitor_id, who.street)


def new_home(folder: Path) -> DataRoot:
    shutil.rmtree(folder, ignore_errors=True)
    data_root = DataRoot(folder)
    data_root.create()
    return data_root


# By the SHA-256 of the file that all share, which must not be refused: the person of each record.
Delivered = dict[str, list[int]]


def deliver(
    data_root: DataRoot,
    source: str,
    dataset: str,
    items: Iterable[Mutation],
    controls: Iterable[int],
) -> Delivered:
    """Deliver the items among ordinary records; those that must be alone, in files of their own."""
    everything = list(items)
    shared_file = [(item.number, item.text()) for item in everything if not item.alone]
    ordinary = [(number, _ordinary(source, dataset, number)) for number in controls]
    for place, record in enumerate(ordinary):
        shared_file.insert(round(place * len(shared_file) / max(len(ordinary) - 1, 1)), record)
    expected = {}
    if shared_file:
        columns = list(KINDS[source, dataset][0](0))
        data = _file(source, dataset, [text for _, text in shared_file], columns)
        path = put(data_root, source, DAY, dataset, data, len(shared_file))
        expected[deliveries.sha256(path)] = [number for number, _ in shared_file]
    for number, item in enumerate(everything):
        if item.alone:
            columns = item.header() if (source, dataset) in CSV else []
            data = _file(source, dataset, [item.text()], columns)
            put(data_root, source, DAY, dataset, data, 1, name=f"alone-{number}.dat")
    return expected


def _ordinary(source: str, dataset: str, number: int) -> str:
    record = KINDS[source, dataset][0](number)
    return (
        row([str(cell) for cell in record.values()])
        if (source, dataset) in CSV
        else as_json(record)
    )


def _file(source: str, dataset: str, texts: list[str], columns: list[str]) -> bytes:
    if (source, dataset) in CSV:
        body = row(columns) + "".join(texts)
    elif isinstance(_dataset(source, dataset).format, JsonLines):
        body = "\n".join(texts) + "\n"
    elif dataset == "visits":
        body = f"[{','.join(texts)}]"
    else:
        key = '"viimeisinKirjausavain":100,' if dataset == "muutokset" else ""
        body = f'{{{key}"{dataset}":[{",".join(texts)}],"ajanTasalla":true}}'
    return body.encode()


def _dataset(source: str, dataset: str) -> Dataset:
    declared = _SOURCES[source].dataset(dataset)
    assert declared is not None
    return declared


def take_in(
    folder: Path, source: str, dataset: str, items: list[Mutation], baseline: Rows | None
) -> list[Failure]:
    """Inbox -> raw -> staged for the items of one dataset; `baseline` is of the controls alone."""
    data_root = new_home(folder)
    expected = deliver(data_root, source, dataset, items, CONTROLS)
    try:
        failures = _ingest_and_stage(data_root, _SOURCES[source], expected, items)
        failures += _read_in_python(data_root, _dataset(source, dataset), expected)
        if (source, dataset) in CSV:
            failures += _cells_kept(data_root, items)
    except Stopped as stopped:
        return [stopped.failure]
    if baseline is not None:
        failures += _compared(
            "controls staged otherwise", baseline, control_rows(data_root, source, dataset)
        )
    return failures


def _ingest_and_stage(
    data_root: DataRoot, source: Source, expected: Delivered, items: list[Mutation]
) -> list[Failure]:
    with step("ingest", items):
        done = raw.ingest(data_root, source, None, TODAY)
        again = staged_again(data_root, source, done.entries)
    with step("stage", items):
        staged.stage(data_root, source, {entry.day for entry in done.entries} | again)
    entries = {entry.sha256: entry for entry in deliveries.ledger(data_root, source.name)}
    failures = []
    for digest, numbers in expected.items():
        entry = entries.get(digest)
        if entry is None:
            reasons = sorted({reason for _, reason in done.refused})
            failures.append(Failure("one record refuses a whole delivery", "; ".join(reasons)))
        elif entry.delivered != len(numbers):
            failures.append(
                Failure("records lost", f"{source.name} counts {entry.delivered - len(numbers):+d}")
            )
    for entry in entries.values():
        if not entry.conserved:
            failures.append(Failure("not conserved", f"{source.name}.{entry.dataset}"))
    with step("checking conservation", items):
        if staged.lost_by_key(data_root, entries.values()):
            failures.append(Failure("lost by key", source.name))
    for _, reason in done.refused:
        if leaked(reason, items):
            failures.append(Failure("a refusal holds a value", reason.split(":")[0]))
    return failures


def _cells_kept(data_root: DataRoot, items: list[Mutation]) -> list[Failure]:
    """Raw has every cell of a row in a file that was accepted with another header, but no
    password.
    """
    payloads = [
        text
        for path in data_root.files("raw")
        for text in pq.read_table(path, columns=["payload"])["payload"].to_pylist()
    ]
    failures = []
    for item in items:
        if item.change[0] not in {"no column", "column renamed", "extra column"}:
            continue
        marked = (f"{item.number:07d}", f"proof-{item.number}", *_markers(item.number))
        theirs = [text for text in payloads if any(mark in text for mark in marked)]
        cells = next(csv.reader([item.text()]))
        kept = [cell for cell in cells if len(cell) > 3 and cell != SECRET and cell.isascii()]
        if any(cell not in text for text in theirs for cell in kept):
            failures.append(Failure("raw lacks a cell of the row", item.dataset, (item.number,)))
    secret = [text for text in payloads if SECRET in text]
    renamed = {item.number for item in items if item.what in _NO_PASSWORD}
    if numbers := {number for text in secret for number in _numbers_in(text)} - renamed:
        failures.append(Failure("a password is in raw", "contacts", tuple(sorted(numbers))))
    return failures


# Under these names nobody can see that it is one.
_NO_PASSWORD = {"column called ''", "column called 'rows'", "column called 'payload'"}


def _numbers_in(text: str) -> set[int]:
    return {int(digits) for digits in re.findall("C0*([0-9]+)", text)}


def _read_in_python(data_root: DataRoot, dataset: Dataset, delivered: Delivered) -> list[Failure]:
    """Python can read every value staged, and every sound record of raw can be handed out."""
    failures = []
    numbers_by_delivery = {
        entry.delivery_id: delivered.get(entry.sha256, []) for entry in deliveries.ledger(data_root)
    }

    def attempt(name: str, what: Callable[[], object], delivery: str, record_no: int) -> None:
        try:
            with step(name):
                what()
        except Stopped as stopped:
            numbers = tuple(numbers_by_delivery[delivery][record_no : record_no + 1])
            failures.append(replace(stopped.failure, numbers=numbers))

    for path in data_root.files("raw"):
        for record in pq.read_table(path, columns=["record_no", "payload", "faults"]).to_pylist():
            if not record["faults"]:
                hand_out = partial(_hand_out, dataset, record["payload"])
                attempt("handing out a record", hand_out, path.stem, record["record_no"])
    for path in data_root.files("staged", name="*/*"):
        table = pq.read_table(path)
        try:
            table.to_pylist()
        except (ValueError, OverflowError):
            for place in range(table.num_rows):
                number = table["record_no"][place].as_py()
                read = table.slice(place, 1).to_pylist
                attempt(f"reading staged {path.stem} in Python", read, path.parent.name, number)
    return failures


def _hand_out(dataset: Dataset, payload: str) -> bytes:
    return json.dumps(redaction.disclosed(dataset, payload), ensure_ascii=False).encode()


def unexpected(data_root: DataRoot) -> Counter[str]:
    """Codes in quarantine that stand for a fault of our code, not of the data."""
    codes: Counter[str] = Counter()
    for entry in deliveries.ledger(data_root):
        codes.update(
            {code: count for code, count in (entry.codes or {}).items() if code == "REC-UNEXPECTED"}
        )
    return codes


Rows = dict[str, list[str]]


def control_rows(data_root: DataRoot, source: str, dataset: str) -> Rows:
    """Canonical rows of the controls' records, and what is in quarantine of them, by table."""
    texts = [_ordinary(source, dataset, number) for number in CONTROLS]
    rows_by_table: Rows = defaultdict(list)
    keys = _control_keys(data_root, source, texts)
    for path in [
        *data_root.files("staged", source, name="*/*"),
        *data_root.files("quarantine", source),
    ]:
        table = path.stem if "staged" in path.parts else "quarantine"
        rows = pq.read_table(path)
        theirs = rows.filter(pc.is_in(rows["record_key"], value_set=pa.array(sorted(keys))))
        for record in theirs.drop_columns("record_no").to_pylist():
            rows_by_table[table].append(json.dumps(record, sort_keys=True, default=str))
    return {table: sorted(rows) for table, rows in rows_by_table.items()}


def _control_keys(data_root: DataRoot, source: str, texts: list[str]) -> set[str]:
    """Record keys of the controls: their records carry identifiers that only they have."""
    known = {value for number in CONTROLS for value in _markers(number)}
    keys = set()
    for path in data_root.files("raw", source):
        for record in pq.read_table(path, columns=["record_key", "identifiers"]).to_pylist():
            if {identifier.partition(":")[2] for identifier in record["identifiers"]} & known:
                keys.add(record["record_key"])
    return keys


def _compared(invariant: str, before: Rows, after: Rows) -> list[Failure]:
    return [
        Failure(
            invariant,
            f"{table}: {len(before.get(table, []))} rows, then {len(after.get(table, []))}",
        )
        for table in sorted({*before, *after})
        if before.get(table, []) != after.get(table, [])
    ]


def refresh(
    folder: Path, items: list[Mutation], baseline: list[str] | None, access: int
) -> list[Failure]:
    """From the inbox to marts, the sweep and what is handed out to `access` persons."""
    data_root = new_home(folder)
    numbers = [item.number for item in items]
    failures: list[Failure] = []
    try:
        _deliver_all(data_root, items, numbers)
        for source in in_order(data_root.policy):
            with step(f"taking in {source.name}", items):
                done = raw.ingest(data_root, source, None, TODAY)
                staged.stage(data_root, source, {entry.day for entry in done.entries})
        with step("building the register", items):
            built = building.build(data_root, TODAY)
        failures += _checked_register(data_root, built, items)
        if baseline is not None and registrant_rows(data_root) != baseline:
            failures.append(
                Failure(
                    "controls have other golden rows",
                    _difference(baseline, registrant_rows(data_root)),
                )
            )
        for purpose in MARTS:
            with step(f"building the mart {purpose}", items):
                marts.build(data_root, purpose, TODAY)
            with step(f"checking the mart {purpose}", items):
                wrong = marts.check(data_root, purpose)
            if wrong:
                failures.append(
                    Failure(f"mart {purpose} is not fit to publish", ", ".join(sorted(wrong)))
                )
            else:
                marts.publish(data_root, purpose)
        with step("the retention sweep", items):
            sweep.sweep(data_root, TODAY)
    except Stopped as stopped:
        return [*failures, stopped.failure]
    return failures + _handed_out(data_root, folder, numbers, access)


def _deliver_all(data_root: DataRoot, items: list[Mutation], numbers: list[int]) -> None:
    """Ordinary records of everybody in the population register and the CRM, then the odd ones."""
    persons = ",".join(as_json(perustiedot(number)) for number in numbers)
    body = f'{{"perustiedot":[{persons}],"ajanTasalla":true}}'
    if numbers:
        put(data_root, "population_register", EARLIER, "perustiedot", body.encode(), len(numbers))
        rows = [row([str(cell) for cell in contact(number).values()]) for number in numbers]
        data = (row(list(contact(0))) + "".join(rows)).encode()
        put(data_root, "crm", EARLIER, "contacts", data, len(numbers))
    for source, dataset in KINDS:
        theirs = [item for item in items if (item.source, item.dataset) == (source, dataset)]
        deliver(data_root, source, dataset, theirs, CONTROLS)


def _checked_register(
    data_root: DataRoot, built: building.Built, items: list[Mutation]
) -> list[Failure]:
    with step("the register's quality checks", items):
        counts = integrity_checks.check(data_root)
    if "two_identity_codes" in integrity_checks.CHECKS:
        counts["two_identity_codes"] = int(str(built.links.get("two_code_clusters", 0)))
    failures = [
        Failure(
            "a check of the register fails",
            name,
            _of_one_code(data_root) if name == "one_identity_code" else (),
        )
        for name, count in counts.items()
        if count
    ]
    return failures + _joined(data_root)


def _register(data_root: DataRoot, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        for path in (data_root.lake / "register").glob("*.parquet"):
            connection.read_parquet(str(path)).create_view(path.stem)
        return connection.execute(query).fetchall()


def _of_one_code(data_root: DataRoot) -> tuple[int, ...]:
    """The invented persons of registrants with a code that another registrant has, too."""
    several = """SELECT registrant_id FROM registrants WHERE identity_code IN (
        SELECT identity_code FROM registrants GROUP BY identity_code HAVING count(*) > 1)"""
    everybody = _everybody(data_root)
    persons = [everybody.get(registrant, set()) for (registrant,) in _register(data_root, several)]
    return tuple(sorted(set().union(*persons)))


@cache
def _keys() -> dict[str, int]:
    """Under which keys the invented persons are source persons, and their numbers."""
    keys = {}
    for number in (*CONTROLS, *range(FIRST_ODD, FIRST_ODD + 20_000)):
        who = person(number)
        for key in (f"contact_id:{who.contact_id}", f"identity_code:{who.identity_code}"):
            keys[hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()] = number
    return keys


def _everybody(data_root: DataRoot) -> dict[str, set[int]]:
    """The invented persons of each registrant, by their source persons in two sources."""
    ours = _keys()
    persons: dict[str, set[int]] = defaultdict(set)
    for registrant, key in _register(data_root, "SELECT registrant_id, person_key FROM membership"):
        if key in ours:
            persons[registrant].add(ours[key])
    return persons


def _joined(data_root: DataRoot) -> list[Failure]:
    """Registrants made of several invented persons, who have nothing in common but an odd value."""
    return [
        Failure("several persons are one registrant", "joined", tuple(sorted(numbers)))
        for numbers in _everybody(data_root).values()
        if len(numbers) > 1
    ]


def registrant_rows(data_root: DataRoot) -> list[str]:
    """Golden records of the controls, without what names deliveries."""
    codes = ", ".join(f"'{person(number).identity_code}'" for number in CONTROLS)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.read_parquet(str(data_root.register("registrants")))
        table = rows.filter(f"identity_code IN ({codes})").order("identity_code").to_arrow_table()
    without = {"registrant_id", "first_seen", "delivery_id"}
    return [
        json.dumps(
            {name: value for name, value in row.items() if name not in without},
            default=str,
            sort_keys=True,
        )
        for row in table.to_pylist()
    ]


def _difference(before: list[str], after: list[str]) -> str:
    """Which columns differ."""
    if len(before) != len(after):
        return f"{len(before)} rows, then {len(after)}"
    names = set()
    for earlier, later in zip(before, after, strict=True):
        first, second = json.loads(earlier), json.loads(later)
        names |= {name for name in first if first[name] != second.get(name)}
    return ", ".join(sorted(names))


def _handed_out(data_root: DataRoot, folder: Path, numbers: list[int], most: int) -> list[Failure]:
    """What `register access` and `register portability` hand out to the first `most` persons."""
    registrants = {
        number: registrant
        for registrant, all_of in _everybody(data_root).items()
        for number in all_of
    }
    out = folder.with_name(f"{folder.name}.zip")
    now = datetime(2026, 11, 20, tzinfo=UTC)
    failures = []
    packages: tuple[Callable[..., object], ...] = (package.access, package.portability)
    for number in numbers[:most]:
        if number not in registrants:
            continue
        for pack in packages:
            try:
                with step(f"package.{pack.__name__}"):
                    pack(data_root, registrants[number], "Q0123456789ABCDEF", out, now)
            except Stopped as stopped:
                failure = stopped.failure
                failures.append(Failure(failure.invariant, failure.detail, (number,)))
    out.unlink(missing_ok=True)
    return failures
