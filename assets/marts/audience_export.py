"""Handing an audience to a processor: only where the policy and the law let it go, on the day that it goes (P7; GDPR 44-49)."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import duckdb

from assets.marts.building import mart_path
from assets.register import disclosures
from assets.storage.atomic_files import writing
from assets.storage.data_root import Home
from assets.storage.safe_errors import PlainError
from schemas import law
from schemas.columns import arrow_schema, table_name
from schemas.marts import MARTS
from schemas.policy import Recipient

# How a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportError(PlainError):
    """The data may not go there, or is not there; names recipient, mechanism, since when it is void, and what to do."""


def check(home: Home, purpose: str, recipient: str, today: date) -> None:
    """Raise ExportError unless the policy names the recipient for the purpose and the law lets data go there on `today`."""
    named = home.policy.recipients.get(recipient)
    if named is None:
        known = ", ".join(sorted(home.policy.recipients))
        raise ExportError(
            f"policy.yaml has no recipient {recipient!r}; it names {known}: add the recipient under `recipients` first"
        )
    if purpose not in named.purposes:
        raise ExportError(
            f"recipient {recipient!r} is not named for {purpose}: add it to the recipient's `purposes` in policy.yaml if that is so agreed"
        )
    if law.in_eea(named.country) or any(
        law.mechanism_holds(mechanism, named.checked, today) for mechanism in named.mechanisms
    ):
        return
    raise ExportError(
        f"recipient {recipient!r} is in {named.country}, outside the EEA, and no transfer mechanism holds on {today} (GDPR 44-49): "
        f"{_void(named, today)}: agree on the standard contractual clauses of 2021/914 (scc_2021) or check that the recipient is certified (dpf), "
        f"and write the mechanism and the day of the check into policy.yaml"
    )


def _void(named: Recipient, today: date) -> str:
    if not named.mechanisms:
        return "policy.yaml names none"
    return "; ".join(_why_void(mechanism, named.checked, today) for mechanism in named.mechanisms)


def _why_void(mechanism: str, checked: date, today: date) -> str:
    if mechanism in law.VOID_SINCE:
        return f"{mechanism} is void since {law.VOID_SINCE[mechanism]}"
    if checked > today:
        return f"{mechanism} is checked on {checked}, which is to come"
    return f"{mechanism} was last checked on {checked}, which no longer counts"


def export(home: Home, purpose: str, recipient: str, out: Path, today: date) -> int:
    """Write the published audiences to one CSV file with the columns `identifier,audience,sha256`; answers the rows.

    The file appears whole or not at all, readable by its owner only. Raises ExportError before anything is read.
    """
    check(home, purpose, recipient, today)
    if not mart_path(home, purpose).exists():
        raise ExportError(f"the mart {purpose} has not been published yet; run `register refresh`")
    if not out.parent.is_dir():
        raise ExportError("the folder of the file to write does not exist: make it first")
    rows = 0
    with duckdb.connect(str(mart_path(home, purpose)), read_only=True) as connection:
        disclosures.note(home, purpose, recipient, _keys(connection, purpose), today)
    with (
        duckdb.connect(str(mart_path(home, purpose)), read_only=True) as connection,
        writing(out) as unfinished,
        unfinished.open("w", newline="") as file,
    ):
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["identifier", "audience", "sha256"])
        for model in MARTS[purpose]:
            names = ", ".join(arrow_schema(model).names)
            identifier = table_name(model).removesuffix("s")
            found = connection.execute(f"SELECT {names} FROM {table_name(model)} ORDER BY ALL")
            while batch := found.fetchmany(50_000):
                writer.writerows([plain(str(cell)) for cell in (identifier, *row)] for row in batch)
                rows += len(batch)
    return rows


def _keys(connection: duckdb.DuckDBPyConnection, purpose: str) -> list[str]:
    """The hashes that are handed over."""
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
    """The cell as text that no spreadsheet runs."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
