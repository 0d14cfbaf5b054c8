"""`register review`: pairs of records that may be one person, for a decision by a person."""

from __future__ import annotations

from dataclasses import asdict, astuple
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table
from pipelines.cli.private_views import record_view

if TYPE_CHECKING:
    from assets.register.review import GreyPair
    from assets.storage.data_root import DataRoot

# Takes the place of a pair's id, which is hexadecimal.
CONTRADICTIONS = "contradictions"


@click.command(name="review")
@click.argument("pair", required=False)
@click.option(
    "--decide",
    type=click.Choice(["same", "different"]),
    help="Record that PAIR is one person, or two; acts on the next refresh.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="HTML to write: PAIR, or those listed, side by side and explained. Personal data.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many pairs to list.",
)
@MACHINE
def review_command(
    pair: str | None, decide: str | None, out: Path | None, limit: int, *, machine: bool
) -> None:
    """List the pairs of records that may be one person, show PAIR, or decide it.

    The list has levels and weights only, the most relevant pairs first. PAIR side by side is
    personal data. `register review contradictions` lists, by ids, statements about identity that
    cannot all be true.
    """
    from assets.register import review as pairs
    from assets.register.review import ReviewError
    from assets.storage.atomic_files import writing

    data_root = existing_data_root()
    if pair == CONTRADICTIONS:
        if decide or out:
            raise click.UsageError(
                "a contradiction is corrected by its source: it is not decided here"
            )
        _list_contradictions(data_root, limit, machine=machine)
        return
    try:
        if decide:
            _decide(data_root, pair, same=decide == "same", machine=machine)
            return
        listed = pairs.listed(data_root, limit, pair)
        if out or pair:
            record_view(data_root, [each.pair for each in listed])
        if out:
            with writing(out.absolute()) as unfinished:
                unfinished.write_text(_page(data_root, listed), encoding="utf-8")
            click.echo(
                f"{len(listed)} pairs written; the file holds personal data: keep it where "
                "the register is kept, and delete it"
            )
        elif pair:
            _show(data_root, listed[0], machine=machine)
        else:
            _list(listed, machine=machine)
    except ReviewError as error:
        raise CommandError(str(error)) from None


def _list_contradictions(data_root: DataRoot, limit: int, *, machine: bool) -> None:
    from assets.register import contradictions

    listed = contradictions.listed(data_root, limit)
    if machine:
        as_json([asdict(contradiction) for contradiction in listed])
    elif not listed:
        click.echo("No statements contradict each other.")
    else:
        header = ["kind", "registrant", "other", "identifier", "source", "record", "stated on"]
        rows = [
            ["" if cell is None else str(cell) for cell in astuple(contradiction)]
            for contradiction in listed
        ]
        click.echo(table(header, rows))
        click.echo("\nWhat each kind means and what to do: docs/operators-guide.md#contradictions")


def _decide(data_root: DataRoot, pair: str | None, *, same: bool, machine: bool) -> None:
    from assets.register import review as pairs
    from pipelines.writer_lock import writer

    if not pair:
        raise click.UsageError("say which PAIR is decided; `register review` lists them")
    with writer(data_root):
        pairs.decide(data_root, [pair], datetime.now(data_root.policy.zone).date(), same=same)
    if machine:
        as_json({"pair": pair, "same": same})
    else:
        click.echo(
            f"recorded: {pair} is {'one person' if same else 'two people'}; the next "
            "`register refresh` acts on it"
        )


def _evidence(pair: GreyPair) -> str:
    return ", ".join(
        f"{field} {level} {bits:+.1f}" for field, level, bits in pair.explained["steps"]
    )


def _list(pairs: list[GreyPair], *, machine: bool) -> None:
    if machine:
        as_json(
            [
                {
                    "pair": pair.pair,
                    "together": pair.together,
                    "proven": pair.proven,
                    **{key: pair.explained[key] for key in ("weight", "steps")},
                }
                for pair in pairs
            ]
        )
    elif not pairs:
        click.echo("There is no pair to look at.")
    else:
        click.echo(
            table(
                ["pair", "bits", "now", "evidence"],
                [
                    [pair.pair, pair.weight, "one" if pair.together else "two", _evidence(pair)]
                    for pair in pairs
                ],
            )
        )


def _show(data_root: DataRoot, pair: GreyPair, *, machine: bool) -> None:
    from assets.register import review as pairs

    fields = pairs.side_by_side(data_root, pair)
    if machine:
        as_json(
            {"pair": pair.pair, "together": pair.together, "side_by_side": fields, **pair.explained}
        )
        return
    click.echo(table(["", "one", "other"], fields))
    steps = [
        ["any pair", "", f"{pair.explained['start']:+.1f}"],
        *([field, level, f"{bits:+.1f}"] for field, level, bits in pair.explained["steps"]),
    ]
    click.echo(
        "\n" + table(["field", "level", "bits"], [*steps, ["weight", "", f"{pair.weight:+.1f}"]])
    )
    click.echo(
        f"\nNow {'one person' if pair.together else 'two people'}. `register review "
        f"{pair.pair} --decide same` or `--decide different`."
    )


def _page(data_root: DataRoot, listed: list[GreyPair]) -> str:
    from assets.record_linkage.waterfall import svg
    from assets.register import review as pairs

    parts = []
    for pair in listed:
        rows = "".join(
            f"<tr><th>{escape(what)}</th><td>{escape(left)}</td><td>{escape(right)}</td></tr>"
            for what, left, right in pairs.side_by_side(data_root, pair)
        )
        drawn = svg(
            "one person" if pair.together else "two people",
            pair.explained["start"],
            pair.explained["steps"],
            pair.weight,
        )
        parts.append(f"<h2>{pair.pair}</h2><table>{rows}</table>{drawn}")
    return f'<!doctype html><meta charset="utf-8"><title>Pairs to look at</title>{"".join(parts)}'
