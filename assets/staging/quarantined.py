"""Which records are in quarantine, by which rules, and what was delivered of them."""

from __future__ import annotations

from dataclasses import dataclass

from assets.ingest.raw_files import raw_path
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal, parquet
from assets.storage.sessions import connect


@dataclass(frozen=True)
class Quarantined:
    """A record in quarantine; `codes` are the rules that it failed."""

    source: str
    day: str
    delivery_id: str
    record_no: int
    codes: tuple[str, ...]


def quarantined(
    data_root: DataRoot, *, code: str | None = None, day: str = "*", source: str = "*"
) -> list[Quarantined]:
    """Return the records in quarantine, ordered by source, day, delivery and number.

    Args:
        code: Only those that failed this rule, among others perhaps.

    Raises:
        DamagedFileError: A file of the quarantine is not what was written.
    """
    files = data_root.files("quarantine", source, day)
    if not files:
        return []
    recorded_files.check(*files)
    having = f"HAVING list_contains(list(code), {literal(code)})" if code else ""
    with connect(data_root) as connection:
        rows = connection.execute(
            f"""SELECT
                parse_path(filename)[-3] AS source,
                parse_path(filename)[-2] AS day,
                parse_filename(filename, true) AS delivery_id,
                record_no,
                list(DISTINCT code ORDER BY code) AS codes
            FROM {parquet(*files, filename=True, union_by_name=True)}
            GROUP BY ALL
            {having}
            ORDER BY ALL"""
        ).fetchall()
    return [
        Quarantined(of, delivered_on, delivery_id, record_no, tuple(codes))
        for of, delivered_on, delivery_id, record_no, codes in rows
    ]


def payloads(data_root: DataRoot, records: list[Quarantined]) -> dict[Quarantined, str]:
    """Return the records as they were delivered, those that raw still has. Personal."""
    by_file: dict[tuple[str, str, str], dict[int, Quarantined]] = {}
    for record in records:
        delivery = (record.source, record.day, record.delivery_id)
        by_file.setdefault(delivery, {})[record.record_no] = record
    texts = {}
    with connect(data_root) as connection:
        for delivery, of_delivery in by_file.items():
            path = raw_path(data_root, *delivery)
            if path.exists():
                recorded_files.check(path)
                rows = connection.execute(
                    f"""SELECT record_no, payload
                    FROM {parquet(path)}
                    WHERE list_contains(?, record_no)
                    ORDER BY record_no""",
                    [list(of_delivery)],
                ).fetchall()
                texts.update({of_delivery[number]: payload for number, payload in rows})
    return texts
