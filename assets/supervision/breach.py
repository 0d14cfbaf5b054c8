"""The worksheet of a personal data breach (GDPR 33 and 34): of a set of files or marts that got
out, how many records of how many registrants, of which categories, from which layer.

Counts of registrants are exact where a file has their ids or keys, and are by identifier where it
has records as delivered. What the files cannot tell (what happened, its consequences, what was done
about it) is OPEN. Cost: the columns with ids and keys of the files named, and the register's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from assets.documents.pages import code, table, text
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.quoting import literal, parquet
from assets.storage.quoting import name as quoted
from assets.storage.relations import Relation, Scope
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect
from schemas.columns import TableModel, arrow_schema, categories, table_name
from schemas.marts import MARTS
from schemas.policy.model import Policy
from schemas.staged import CANONICAL

NOTIFY_WITHIN = timedelta(hours=72)
"""GDPR 33(1): from when the controller became aware of it."""
ADULT_AGE = 18
OPEN = "OPEN"

AFFECTED = Relation(
    name="affected_by_breach",
    summary="The registrants in the files of a breach.",
    columns={"file": "VARCHAR", "registrant_id": "VARCHAR"},
    reads=("membership", "identifiers", "contact_points"),
    scope=Scope.COMPONENT,
)


class BreachError(PlainError):
    """The files cannot be assessed."""


@dataclass(frozen=True)
class Affected:
    """One file: its layer, rows, registrants and the policy's categories. `registrants` is None
    where it does not tell them: pseudonyms, or a file that is not read as a table.
    """

    file: str
    layer: str
    rows: int | None
    registrants: int | None
    categories: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True)
class Worksheet:
    """What a notification to the authority says of the data (GDPR 33(3)).

    Attributes:
        registrants: Distinct, over all files.
        risks: Of these registrants, how many have what raises the risk, by kind.
        ids: Their ids, for the communication to them (GDPR 34).
    """

    files: tuple[Affected, ...]
    registrants: int
    risks: dict[str, int]
    ids: tuple[str, ...] = field(repr=False)

    @property
    def categories(self) -> list[str]:
        """All categories, sorted."""
        return sorted({category for file in self.files for category in file.categories})


def assess(data_root: DataRoot, paths: Sequence[Path], today: datetime) -> Worksheet:
    """Assess files and folders below the data root.

    Raises:
        BreachError: A path is not below the data root, or there is nothing.
    """
    files = _files(data_root, paths)
    with connect(data_root) as connection:
        for name in ("membership", "identifiers", "contact_points", "registrants"):
            read_register(data_root, connection, name, TABLES[name])
        connection.execute(AFFECTED.create_empty())
        affected = tuple(_assess(data_root, connection, path) for path in files)
        ids = connection.execute(
            f"SELECT DISTINCT registrant_id FROM {AFFECTED.name} ORDER BY ALL"
        ).fetchall()
        row = connection.execute(
            f"""SELECT count(*) FILTER (protected), count(*) FILTER (identity_code IS NOT NULL),
                count(*) FILTER (birth_date > $1::DATE - INTERVAL {ADULT_AGE} YEAR)
            FROM registrants SEMI JOIN {AFFECTED.name} USING (registrant_id)""",
            [today.date()],
        ).fetchone()
    kinds = ("protected identity", "identity code known", "minor")
    return Worksheet(
        affected,
        len(ids),
        dict(zip(kinds, row or (0, 0, 0), strict=True)),
        tuple(registrant_id for (registrant_id,) in ids),
    )


def _files(data_root: DataRoot, paths: Iterable[Path]) -> list[Path]:
    files: set[Path] = set()
    for path in paths:
        absolute = (path if path.is_absolute() else data_root.root / path).resolve()
        if not absolute.is_relative_to(data_root.root.resolve()) or not absolute.exists():
            raise BreachError(
                "name files or folders of the data root, such as marts/customer_care.duckdb or "
                "lake/raw/crm"
            )
        found = absolute.rglob("*") if absolute.is_dir() else (absolute,)
        files |= {each for each in found if each.is_file() and not each.name.startswith(".")}
    if not files:
        raise BreachError("there is no file in what was named")
    return sorted(files)


def _assess(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, path: Path) -> Affected:
    name = str(path.relative_to(data_root.root.resolve()))
    first, *rest = Path(name).parts
    if first == "marts" and path.suffix == ".duckdb" and path.stem in MARTS:
        return _mart(data_root, connection, path, name)
    if first == "lake" and path.suffix == ".parquet":
        layer = rest[0]
        if layer == "register" and path.stem in TABLES:
            return _table(connection, path, name, layer, TABLES[path.stem])
        if layer == "staged" and path.stem in CANONICAL:
            return _table(connection, path, name, layer, CANONICAL[path.stem])
        if layer in ("raw", "quarantine"):
            return _as_delivered(connection, path, name, layer, data_root.policy, rest[1])
    remark, known = _whole(data_root.policy, first, rest)
    return Affected(name, first, None, None, known, remark)


def _mart(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, path: Path, name: str
) -> Affected:
    attach(data_root, connection, path, "breached")
    rows, with_ids = 0, False
    try:
        for model in MARTS[path.stem]:
            place = f"breached.{quoted(table_name(model))}"
            rows += _count(connection, place)
            with_ids |= _note(connection, place, name, model)
    finally:
        connection.execute("DETACH breached")
    known = {category for model in MARTS[path.stem] for category in categories(model).values()}
    remark = (
        ""
        if with_ids
        else "pseudonyms: which registrants they are shows only with the register's secret"
    )
    registrants = _noted(connection, name) if with_ids else None
    return Affected(name, "marts", rows, registrants, _listed(known), remark)


def _table(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    layer: str,
    model: type[TableModel],
) -> Affected:
    place = parquet(path)
    has_keys = _note(connection, place, name, model)
    return Affected(
        name,
        layer,
        _count(connection, place),
        _noted(connection, name) if has_keys else None,
        _listed(categories(model).values()),
    )


def _as_delivered(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    layer: str,
    policy: Policy,
    source: str,
) -> Affected:
    """Assess records as delivered: by the identifiers in them that the register knows."""
    place = parquet(path)
    columns = {row[0] for row in connection.execute(f"DESCRIBE FROM {place}").fetchall()}
    if "identifiers" in columns:
        connection.execute(
            f"""INSERT INTO {AFFECTED.name}
            WITH carried AS (SELECT DISTINCT unnest(identifiers) AS carried FROM {place})
            SELECT DISTINCT {literal(name)}, registrant_id FROM (
                SELECT registrant_id, type || ':' || value AS carried FROM identifiers
                UNION SELECT registrant_id, kind || ':' || match_key FROM contact_points)
            JOIN carried USING (carried)"""
        )
    return Affected(
        name,
        layer,
        _count(connection, place),
        _noted(connection, name) if "identifiers" in columns else None,
        _listed(_of_source(policy, source)),
        "as delivered: people whom the register does not know are not counted",
    )


def _whole(policy: Policy, first: str, rest: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a remark and the categories of a file that is not read as a table."""
    if first == "inbox" and rest:
        return "a delivery that was not read yet", _listed(_of_source(policy, rest[0]))
    if first == "backups":
        return (
            "encrypted: of everybody, if its key got out as well (secrets/backup-keys)",
            _listed(policy.categories),
        )
    if first == "secrets":
        return "with it, keyed hashes and what is encrypted with it can be read", ()
    return "nothing personal by its place; look at it", ()


def _of_source(policy: Policy, source: str) -> Iterable[str]:
    return (name for name, known in policy.categories.items() if source in known.sources)


def _note(
    connection: duckdb.DuckDBPyConnection, place: str, file: str, model: type[TableModel]
) -> bool:
    """Note the registrants of a table; return whether it has their ids or keys."""
    columns = arrow_schema(model).names
    if "registrant_id" in columns:
        query = f"SELECT DISTINCT registrant_id FROM {place}"
    elif "person_key" in columns:
        query = f"""SELECT DISTINCT registrant_id
            FROM membership SEMI JOIN {place} USING (person_key)"""
    else:
        return False
    connection.execute(
        f"INSERT INTO {AFFECTED.name} SELECT {literal(file)}, registrant_id FROM ({query})"
    )
    return True


def _noted(connection: duckdb.DuckDBPyConnection, file: str) -> int:
    return _count(
        connection,
        f"(SELECT DISTINCT registrant_id FROM {AFFECTED.name} WHERE file = {literal(file)})",
    )


def _count(connection: duckdb.DuckDBPyConnection, place: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {place}").fetchone()
    return int(row[0]) if row else 0


def _listed(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*names} - {"technical"}))


def markdown(policy: Policy, worksheet: Worksheet, aware: datetime) -> str:
    """Return the worksheet as Markdown, in the order of GDPR 33(3). No id is in it."""
    due = (aware + NOTIFY_WITHIN).strftime("%Y-%m-%d %H:%M %Z")
    records = sum(file.rows or 0 for file in worksheet.files)
    names = [policy.categories[name].name["en"] for name in worksheet.categories]
    officer = policy.transparency.officer
    contact = officer.email if officer and officer.designated else None
    facts = [
        ["aware since", text(aware.strftime("%Y-%m-%d %H:%M %Z"))],
        ["notify the authority by (33(1))", text(due)],
        ["nature of the breach (33(3)(a))", OPEN],
        ["registrants, approximately", str(worksheet.registrants)],
        ["records, approximately", str(records)],
        ["categories of data", text(", ".join(names) or "none known")],
        *[[f"of them: {kind}", str(count)] for kind, count in worksheet.risks.items()],
        ["contact (33(3)(b))", text(contact or policy.contact.email)],
        ["likely consequences (33(3)(c))", OPEN],
        ["measures taken or proposed (33(3)(d))", OPEN],
        ["communication to registrants (34)", OPEN],
    ]
    rows = [
        [
            code(file.file),
            text(file.layer),
            "?" if file.rows is None else str(file.rows),
            "?" if file.registrants is None else str(file.registrants),
            text(", ".join(file.categories) or "-"),
            text(file.remark),
        ]
        for file in worksheet.files
    ]
    header = ("file", "layer", "records", "registrants", "categories", "remark")
    return (
        "\n\n".join(
            [
                "# Worksheet of a personal data breach",
                table(("what", "value"), facts),
                "## By file",
                table(header, rows),
                f"{OPEN}: only the controller can answer it. A registrant of several files counts "
                "once in the sum. Who has read the files is not known to the register.",
            ]
        )
        + "\n"
    )
