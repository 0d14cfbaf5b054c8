"""`register deliver`: a file with its manifest into the inbox, checked first."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    from assets.sources.source import Dataset, Source
    from assets.staging.trial import Trial
    from assets.storage.data_root import DataRoot
    from schemas.delivery import Manifest

_WORDS = {
    "new": "put into the inbox: `register refresh` takes it in",
    "waiting": "the same file waits in the inbox already: nothing was done",
    "waiting, declared otherwise": "replaces the manifest of the same file in the inbox",
    "taken in": "the same file was taken in already on that day: nothing was done",
    "taken in, declared otherwise": (
        "put into the inbox: `register refresh` replaces what was read of the same file"
    ),
}


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--source", "source_name", required=True, help="Who hands it over.")
@click.option("--dataset", "dataset_name", help="May be left out if one dataset alone fits.")
@click.option("--day", type=DAY, help="The delivery day; default: today.")
@click.option(
    "--encoding",
    help="utf-8, iso-8859-1, cp1252 or utf-16le; default: as a byte-order mark shows.",
)
@click.option(
    "--period",
    type=(DAY, DAY),
    metavar="FROM TO",
    help="The first and last date that it covers; default: the delivery day.",
)
@click.option("--purpose", help="The policy's purpose of the delivery; default: the source's.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of it.")
@MACHINE
def deliver(
    path: Path,
    source_name: str,
    dataset_name: str | None,
    day: datetime | None,
    encoding: str | None,
    period: tuple[datetime, datetime] | None,
    purpose: str | None,
    *,
    dry_run: bool,
    machine: bool,
) -> None:
    """Check FILE as a refresh would, say what would be quarantined, and put it into the inbox.

    What a refresh would refuse is refused now, under the same code. The file itself stays where it
    is; in the inbox it has another name.
    """
    from assets.ingest import deliveries, delivering
    from assets.storage.data_root import DataRoot
    from pipelines.cli.data_root import existing_data_root
    from pipelines.writer_lock import data_root_path
    from schemas.delivery import RefusedDeliveryError

    if dry_run:
        data_root = existing_data_root()
    else:
        data_root = DataRoot(data_root_path())
        data_root.create()
    try:
        source = _source(source_name)
        today = datetime.now(data_root.policy.zone).date()
        delivery_day = day.date() if day else today
        deliveries.check_day(str(delivery_day), today)
        if not path.exists() and not path.is_symlink():
            raise click.UsageError("there is no such file")
        deliveries.check_regular(path)
        first, last = (
            (period[0].date(), period[1].date()) if period else (delivery_day, delivery_day)
        )
        manifest = delivering.describe(
            path,
            dataset=dataset_name or "",
            encoding=(encoding or delivering.marked_encoding(path) or _asked()).lower(),
            first=first,
            last=last,
            purpose=purpose or source.purpose,
            purposes=data_root.policy.purposes,
        )
        dataset, trial = _tried(data_root, source, dataset_name, path, str(delivery_day), manifest)
        deliveries.check_snapshot(dataset, trial.delivered)
        manifest = manifest.model_copy(update={"dataset": dataset.name, "records": trial.delivered})
        before = (
            delivering.state(data_root, source.name, str(delivery_day), path.name, manifest)
            if dry_run
            else _placed(data_root, source.name, str(delivery_day), path, manifest)
        )
    except RefusedDeliveryError as refusal:
        raise CommandError(f"refused: {refusal}") from None
    _report(source.name, delivery_day, manifest, trial, before, dry_run=dry_run, machine=machine)


def _source(name: str) -> Source:
    from assets.sources.all_sources import SOURCES
    from schemas.delivery import RefusedDeliveryError

    source = next((each for each in SOURCES if each.name == name), None)
    if source is None:
        known = ", ".join(each.name for each in SOURCES)
        raise RefusedDeliveryError("DEL-SOURCE", f"no such source; there are {known}")
    return source


def _asked() -> str:
    """Return the encoding that is typed in: without a byte-order mark nothing shows it."""
    from schemas.delivery import ENCODINGS

    if not sys.stdin.isatty():
        raise click.UsageError(
            f"the file has no byte-order mark: give --encoding, one of {', '.join(ENCODINGS)}"
        )
    return str(click.prompt("encoding", type=click.Choice([*ENCODINGS])))


def _tried(
    data_root: DataRoot,
    source: Source,
    name: str | None,
    path: Path,
    day: str,
    manifest: Manifest,
) -> tuple[Dataset, Trial]:
    """Return the dataset and what would become of the file: the named one, or the one that fits.

    A dataset fits if its reader does not refuse the file, and some record would be staged, or none
    quarantined.
    """
    from assets.ingest import deliveries
    from assets.staging.trial import attempt
    from schemas.delivery import RefusedDeliveryError

    def tried(dataset: Dataset) -> Trial:
        return attempt(data_root, source, dataset, path, day, manifest)

    if name is not None or len(source.datasets) == 1:
        dataset = deliveries.declared(source, name or source.datasets[0].name)
        return dataset, tried(dataset)
    fitting, refusals = [], []
    for dataset in source.datasets:
        try:
            trial = tried(dataset)
        except RefusedDeliveryError as refusal:
            refusals.append(f"{dataset.name}: {refusal}")
            continue
        if trial.staged or trial.left_out or not trial.quarantined:
            fitting.append((dataset, trial))
        else:
            refusals.append(f"{dataset.name}: all quarantined by {', '.join(trial.codes)}")
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(dataset.name for dataset, _ in fitting)
    raise RefusedDeliveryError(
        "DEL-DATASET",
        f"{names} fit the file: choose by --dataset"
        if fitting
        else f"no dataset of {source.name} fits the file; {'; '.join(refusals)}",
    )


def _placed(data_root: DataRoot, source: str, day: str, path: Path, manifest: Manifest) -> str:
    """Put the file into the inbox; under the writer's lock only where it replaces a manifest."""
    from assets.ingest import delivering
    from assets.ingest.delivering import State
    from pipelines.writer_lock import writer

    with delivering.unfinished(data_root, source, path.name) as content:
        delivering.copy(path, content, manifest)
        before = delivering.place(data_root, source, day, content, manifest)
        if before is State.DECLARED_OTHERWISE:
            with writer(data_root):
                delivering.place(data_root, source, day, content, manifest, replacing=True)
    return before


def _report(
    source: str,
    day: date,
    manifest: Manifest,
    trial: Trial,
    before: str,
    *,
    dry_run: bool,
    machine: bool,
) -> None:
    if machine:
        as_json(
            {
                "source": source,
                "dataset": manifest.dataset,
                "day": str(day),
                "encoding": manifest.encoding,
                "before": str(before),
                "dry_run": dry_run,
                **asdict(trial),
            }
        )
        return
    counts = asdict(trial)
    codes = counts.pop("codes")
    click.echo(
        f"{source}/{manifest.dataset} of {day}, {manifest.encoding}, purpose {manifest.purpose}"
    )
    click.echo(table([name.replace("_", " ") for name in counts], [list(counts.values())]))
    if codes:
        click.echo("\n" + table(["rule", "rows"], list(codes.items())))
    click.echo("\n" + ("dry run: nothing was written" if dry_run else _WORDS[before]))
