"""Audience export to a processor, if policy and law allow it on the day (P7; GDPR 44-49)."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import duckdb

from assets.marts.building import mart_path
from assets.register import disclosures
from assets.storage import recorded_files
from assets.storage.atomic_files import writing
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import opened
from assets.storage.safe_errors import PlainError
from schemas.columns import arrow_schema, table_name
from schemas.marts import MARTS
from schemas.policy import transfers
from schemas.policy.model import Policy, Recipient

# Characters that make a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportError(PlainError):
    """The export is not allowed, or there is no data; the message states why and what to do."""


def check(data_root: DataRoot, purpose: str, recipient: str, today: date) -> None:
    """Raise ExportError unless policy and law allow the recipient to get the data on `today`."""
    named = data_root.policy.recipients.get(recipient)
    if named is None:
        known = ", ".join(sorted(data_root.policy.recipients))
        raise ExportError(
            f"policy.yaml has no recipient {recipient!r}; it names {known}: add the recipient "
            f"under `recipients` first"
        )
    if purpose not in named.purposes:
        raise ExportError(
            f"recipient {recipient!r} is not named for {purpose}: add it to the recipient's "
            f"`purposes` in policy.yaml if that is so agreed"
        )
    if transfers.allowed(data_root.policy, named, today):
        return
    raise ExportError(
        f"recipient {recipient!r} is in {named.country}, outside the EEA, and no transfer "
        f"mechanism holds on {today} (GDPR 44-49): "
        f"{_objections(data_root.policy, named, today)}: agree on the standard contractual clauses "
        f"of 2021/914 (scc_2021) or check that the recipient is certified (dpf, in the US), "
        f"and write the mechanism and the day of the check into policy.yaml"
    )


def _objections(policy: Policy, named: Recipient, today: date) -> str:
    if not named.mechanisms:
        return "policy.yaml names none"
    return "; ".join(
        objection
        for mechanism in named.mechanisms
        if (objection := transfers.objection(policy, named, mechanism, today))
    )


def export(data_root: DataRoot, purpose: str, recipient: str, out: Path, today: date) -> int:
    """Write the published audiences to a CSV file with the columns `identifier,audience,sha256`.

    The file appears whole or not at all, readable by its owner only.

    Returns:
        The number of rows.

    Raises:
        ExportError: Before anything is read.
    """
    check(data_root, purpose, recipient, today)
    if not mart_path(data_root, purpose).exists():
        raise ExportError(f"the mart {purpose} has not been published yet; run `register refresh`")
    if not out.parent.is_dir():
        raise ExportError("the folder of the file to write does not exist: make it first")
    recorded_files.check(mart_path(data_root, purpose), once=True)
    rows = 0
    with opened(data_root, mart_path(data_root, purpose)) as connection:
        disclosures.note(data_root, purpose, recipient, _keys(connection, purpose), today)
    with (
        opened(data_root, mart_path(data_root, purpose)) as connection,
        writing(out) as unfinished,
        unfinished.open("w", newline="") as file,
    ):
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["identifier", "audience", "sha256"])
        for model in MARTS[purpose]:
            names = ", ".join(arrow_schema(model).names)
            identifier = table_name(model).removesuffix("s")
            result = connection.execute(f"SELECT {names} FROM {table_name(model)} ORDER BY ALL")
            while batch := result.fetchmany(50_000):
                writer.writerows([plain(str(cell)) for cell in (identifier, *row)] for row in batch)
                rows += len(batch)
    return rows


def _keys(connection: duckdb.DuckDBPyConnection, purpose: str) -> list[str]:
    """Return the hashes that are exported."""
    names = [
        (table_name(model), name)
        for model in MARTS[purpose]
        for name in arrow_schema(model).names
        if name.endswith("_sha256")
    ]
    return [
        row[0]
        for table, name in names
        for row in connection.execute(f"SELECT {name} FROM {table}").fetchall()
    ]


def plain(cell: str) -> str:
    """Return the cell as text that no spreadsheet evaluates."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
