"""`register profile`: the derived values of a registrant, explained (GDPR 15(1)(h), 22)."""

from __future__ import annotations

from dataclasses import asdict

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table


@click.command()
@click.argument("registrant_id")
@MACHINE
def profile(registrant_id: str, machine: bool) -> None:
    """Print the profile values of REGISTRANT_ID in use, with rule, inputs and day."""
    from assets.marts import profile_explanation

    values = profile_explanation.profile(existing_data_root(), registrant_id)
    if machine:
        as_json(
            {
                "admitted": values is not None,
                **({} if values is None else {"values": [asdict(value) for value in values]}),
            }
        )
    elif values is None:
        click.echo("Not profiled: the registrant is not eligible for analytics.")
    elif not values:
        click.echo("Nothing has been worked out about the registrant.")
    else:
        click.echo(
            table(
                ["attribute", "value", "rule", "looked at", "as of"],
                [[row.attribute, row.value, row.rule, row.inputs, row.as_of] for row in values],
            )
        )
        click.echo(
            "\n"
            + "\n".join(
                f"{rule}: {meaning}."
                for rule, meaning in sorted({row.rule: row.meaning for row in values}.items())
            )
        )
