"""`register quarantine`: which records failed which rules, and the way to the record."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, harmless, table
from pipelines.cli.private_views import record_view

if TYPE_CHECKING:
    from assets.staging.quarantined import Quarantined


@click.command()
@click.argument("code", required=False)
@click.option("--day", type=DAY, help="Only of this delivery day.")
@click.option("--source", help="Only of this source.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="List so many records; all are counted.",
)
@click.option(
    "--private",
    is_flag=True,
    help="Also the records: for a person entitled to them, on their own screen. Who looked, when "
    "and at which records is recorded.",
)
@MACHINE
def quarantine(
    code: str | None,
    day: datetime | None,
    source: str | None,
    limit: int,
    private: bool,
    machine: bool,
) -> None:
    """Show which records are in quarantine, and what the rules mean that they failed.

    CODE is a rule, such as CRM-RECORD-ID; without it, records of every rule are shown. Mend a
    record at its source and have it delivered again.
    """
    from assets.sources.all_sources import SOURCES
    from assets.staging import quarantined

    data_root = existing_data_root()
    known = [each.name for each in SOURCES]
    if source is not None and source not in known:
        raise CommandError(f"no source {harmless(source)}; there are {', '.join(known)}")
    records = quarantined.quarantined(
        data_root,
        code=code,
        day=str(day.date()) if day else "*",
        source=source or "*",
    )
    listed = records[:limit]
    texts: dict[Quarantined, str] = {}
    if private and listed:
        record_view(data_root, map(_reference, listed))
        texts = quarantined.payloads(data_root, listed)
    counts = Counter((each.source, rule) for each in records for rule in each.codes)
    if machine:
        as_json(
            {
                "counts": [
                    {"source": of, "code": rule, "records": count, "meaning": _meaning(of, rule)}
                    for (of, rule), count in sorted(counts.items())
                ],
                "records": [_as_data(each, texts) for each in listed],
            }
        )
    elif not records:
        click.echo("No such record is in quarantine.")
    else:
        _print(counts, records, listed, texts)


def _reference(record: Quarantined) -> str:
    return f"{record.source}/{record.day}/{record.delivery_id}/{record.record_no}"


def _as_data(record: Quarantined, texts: dict[Quarantined, str]) -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(record), **({"record": texts[record]} if record in texts else {})}


def _print(
    counts: Counter[tuple[str, str]],
    records: list[Quarantined],
    listed: list[Quarantined],
    texts: dict[Quarantined, str],
) -> None:
    from assets.storage.guide import QUARANTINE, place

    rows = [[of, rule, count, _meaning(of, rule)] for (of, rule), count in sorted(counts.items())]
    click.echo(table(["source", "rule", "records", "meaning"], rows))
    click.echo()
    header = ["source", "day", "delivery", "record", "rules"]
    click.echo(
        table(
            header,
            [
                [each.source, each.day, each.delivery_id, str(each.record_no), " ".join(each.codes)]
                for each in listed
            ],
        )
    )
    if len(listed) < len(records):
        click.echo(f"and {len(records) - len(listed):,} more: --limit, --day, --source or a rule")
    for record, text in texts.items():
        click.echo(harmless(f"\n{_reference(record)}\n{text}"))
    more = "" if texts else "; --private shows the records"
    click.echo(f"\nWhat to do is in {place(QUARANTINE)}{more}.")


def _meaning(source: str, code: str) -> str:
    """Return what a rule means, by the sources' own rules, the readers' and the columns'."""
    from assets.documents import source_rules
    from schemas import staged
    from schemas.raw import FAULTS
    from schemas.validation import MEANINGS

    known = {**FAULTS, **staged.CODES, **source_rules.codes(source)}
    by_column = next((text for end, text in MEANINGS.items() if code.endswith(f"-{end}")), "")
    return known.get(code, by_column)
