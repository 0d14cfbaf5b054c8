"""`register notify`: what is wrong and to where it is sent, and a test of the channels."""

from __future__ import annotations

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json


@click.command("notify")
@click.option("--test", "testing", is_flag=True, help="Send a message to every channel now.")
@MACHINE
def notify_command(testing: bool, machine: bool) -> None:
    """Show the channels and the problems that they were sent and that are not over.

    The URLs of channels are in secrets/notification-channels of the data root, one a line, or in
    REGISTER_NOTIFY. They are never shown.
    """
    from pipelines import notifications

    root = existing_data_root().root
    if not testing:
        names = [channel.name for channel in notifications.channels(root)]
        problems = notifications.lasting(root)
        if machine:
            as_json({"channels": names, "problems": problems})
        else:
            click.echo("Channels: " + ", ".join(names))
            click.echo("\n".join(f"- {what}" for what in problems) or "No problem is known.")
        return
    sent = dict(notifications.test_messages(root))
    if machine:
        as_json(sent)
    else:
        for name, has_arrived in sent.items():
            click.echo(f"{name}: {'sent' if has_arrived else 'NOT sent'}")
    if failed := [name for name, has_arrived in sent.items() if not has_arrived]:
        raise CommandError(
            f"{', '.join(failed)} did not take the message: check the URL in "
            "secrets/notification-channels or REGISTER_NOTIFY, and the network"
        )
