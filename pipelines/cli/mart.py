"""`register mart`: encryption of marts, and who may read them."""

from __future__ import annotations

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json
from schemas.vocabulary import PURPOSES

CHOSEN = click.argument("marts", nargs=-1, type=click.Choice(PURPOSES))


@click.group()
def mart() -> None:
    """Encrypt marts, exchange their keys, and hand them to groups of the system."""


@mart.command()
@CHOSEN
@MACHINE
def encrypt(marts: tuple[str, ...], machine: bool) -> None:
    """Encrypt MARTS, or all, now and whenever they are built. What DuckDB spills is, too."""
    _encrypt(marts or PURPOSES, machine)


@mart.command()
@CHOSEN
@MACHINE
def rotate(marts: tuple[str, ...], machine: bool) -> None:
    """Exchange the keys of MARTS, or of all that are encrypted, and destroy the old ones.

    Copies of the old files can then be opened only by who has copied the key too.
    """
    from assets.storage import mart_encryption

    data_root = existing_data_root()
    encrypted = [purpose for purpose in PURPOSES if mart_encryption.keys(data_root, purpose)]
    _encrypt(marts or encrypted, machine)


@mart.command()
@CHOSEN
def decrypt(marts: tuple[str, ...]) -> None:
    """Write MARTS, or all, without encryption again, and destroy their keys."""
    from assets.marts import encrypting
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    with writer(data_root):
        encrypting.decrypt(data_root, marts or PURPOSES)


@mart.command()
@click.argument("purpose", metavar="MART", type=click.Choice(PURPOSES))
def key(purpose: str) -> None:
    """Print the SQL that opens MART from any DuckDB, its key included: keep it secret."""
    from assets.marts import encrypting

    click.echo(encrypting.statement(existing_data_root(), purpose))


@mart.command()
def share() -> None:
    """Give marts and keys to the groups that readers.yaml names, now; each refresh does."""
    from assets.marts import encrypting
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    with writer(data_root):
        encrypting.share(data_root)


def _encrypt(marts: tuple[str, ...] | list[str], machine: bool) -> None:
    from assets.marts import encrypting
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    with writer(data_root):
        rewritten = encrypting.encrypt(data_root, marts)
    if machine:
        as_json({"keys": len(marts), "rewritten": rewritten})
    else:
        click.echo(f"{len(marts)} marts have a new key; {len(rewritten)} were written again")
