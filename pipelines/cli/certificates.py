"""`register certificates`: handed out, timestamped, and the key by which anybody checks them."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError


@click.group()
def certificates() -> None:
    """Hand out certificates of erasure so that anybody can check them."""


@certificates.command("export")
@click.argument("request_ids", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="The folder to make, with the certificates, the public key and verify_certificates.py.",
)
def export_command(request_ids: tuple[str, ...], out: Path) -> None:
    """Copy the certificates of REQUEST_IDS, or all of them, to a folder to be handed out.

    `python verify_certificates.py` there checks them without the register and its secrets. A
    registrant is given their own only; an auditor all, with the signed log of heads.
    """
    from assets.erasure.proof.certificate_export import export
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    with writer(data_root):
        files = export(data_root, out, request_ids)
    click.echo(f"{len(files)} files in {out}")


@certificates.command("key")
def key() -> None:
    """Print the public key and its fingerprint, to be published where people can find them."""
    from assets.storage import signing_key

    data_root = existing_data_root()
    click.echo(signing_key.public_key(data_root).decode(), nl=False)
    click.echo(f"SHA-256 (DER): {signing_key.fingerprint(data_root)}")


@certificates.command("timestamp")
@click.option(
    "--url", envvar="REGISTER_TIMESTAMP_URL", required=True, help="The authority's address."
)
@click.option(
    "--ca",
    "authority",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="REGISTER_TIMESTAMP_CA",
    required=True,
    help="The authority's root certificates, PEM: its answer is verified before it is stored.",
)
def timestamp(url: str, authority: Path) -> None:
    """Have an authority timestamp all certificates issued so far (RFC 3161).

    It is sent a hash. The options can stand in REGISTER_TIMESTAMP_URL and REGISTER_TIMESTAMP_CA.
    """
    from assets.erasure.proof.timestamps import stamp
    from pipelines.writer_lock import writer

    try:
        roots = authority.read_bytes()
    except OSError as error:
        raise CommandError(f"--ca cannot be read: {error.strerror}") from None
    data_root = existing_data_root()
    with writer(data_root):
        answer = stamp(data_root, url, roots)
    click.echo(f"timestamp: {answer.relative_to(data_root.root)}")
