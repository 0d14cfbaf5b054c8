"""`register profile`: what is worked out about one registrant, and why (GDPR 15(1)(h) and 22)."""

from __future__ import annotations

from dataclasses import asdict

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.output import as_json, table


@click.command()
@click.argument("registrant_id")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def profile(registrant_id: str, machine: bool) -> None:
    """Print the profile values of REGISTRANT_ID that are in use, each with its rule, what the rule looked at, and the day."""
    from assets.marts import profile_explanation

    found = profile_explanation.profile(existing_home(), registrant_id)
    if machine:
        as_json(
            {
                "admitted": found is not None,
                **({} if found is None else {"values": [asdict(one) for one in found]}),
            }
        )
    elif found is None:
        click.echo("Not profiled: the registrant is not admitted to analytics.")
    elif not found:
        click.echo("Nothing has been worked out about the registrant.")
    else:
        click.echo(
            table(
                ["attribute", "value", "rule", "looked at", "as of"],
                [[one.attribute, one.value, one.rule, one.inputs, one.as_of] for one in found],
            )
        )
        click.echo(
            "\n"
            + "\n".join(
                f"{rule}: {meaning}."
                for rule, meaning in sorted({one.rule: one.meaning for one in found}.items())
            )
        )
