"""`register verify`: proves erasures again, and that no certificate was changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table
from pipelines.log_lines import log

if TYPE_CHECKING:
    from assets.backup.damage import Damage
    from assets.erasure.proof.chain_heads import Head
    from assets.erasure.proof.findings import Finding
    from assets.storage.backup_generations import Remaining
    from assets.storage.data_root import DataRoot


@click.command("verify")
@click.argument("request_id", required=False)
@click.option(
    "--certificates",
    "chain",
    is_flag=True,
    help="Look at the certificates instead: has one been changed, removed, moved or added?",
)
@click.option(
    "--files",
    "files",
    is_flag=True,
    help="Read every file instead: is one missing, or not what was written?",
)
@MACHINE
def verify_command(request_id: str | None, chain: bool, files: bool, machine: bool) -> None:
    """Prove the erasure of a request, or of all that were carried out; exits with 1 on findings.

    While a request is open, its identifiers are searched in every byte of the data root; afterwards
    they are unknown, and their keyed hashes are compared with every identifier in every layer.
    """
    from assets.erasure.proof import certificate_checks, certificates
    from assets.erasure.proof.verification import HOW, verify
    from assets.requests import ledger
    from pipelines.writer_lock import check_suppressions, writer

    if files + chain + bool(request_id) > 1:
        raise click.UsageError("--files, --certificates and a request do not go together")
    data_root = existing_data_root()
    if files:
        _verify_files(data_root, machine)
        return
    if is_empty(data_root):
        if machine:
            as_json({"proven": False, "findings": [], "examined": []})
        else:
            click.echo("Nothing to prove: the data root holds no data, no mart and no request.")
        return
    data_root.create()
    if chain:
        elsewhere = _head_in_dagster(data_root)
        findings = certificate_checks.check(data_root, elsewhere)
        if not findings:
            check_suppressions(data_root)
        _print(
            findings,
            [
                [
                    "certificates",
                    "form, hash, seal and signed head",
                    len(certificates.issued(data_root)),
                ],
                [
                    "heads elsewhere",
                    "in backups/ and in Dagster",
                    len(elsewhere) + _backed_up(data_root),
                ],
            ],
            machine,
        )
        return
    try:
        chosen = [ledger.load(data_root, request_id).request_id] if request_id else None
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    with writer(data_root):
        proof = verify(data_root, chosen)
    _print(
        proof.findings,
        [[what, HOW[what], count] for what, count in sorted(proof.examined.items())],
        machine,
        proof.backups,
    )


def _verify_files(data_root: DataRoot, machine: bool) -> None:
    """Print what is lost or damaged, by layer, source, day and delivery."""
    from assets.backup.damage import examine
    from pipelines.writer_lock import writer

    with writer(data_root, checked=False):
        examined = examine(data_root)
    if machine:
        as_json(
            {
                "damages": [vars(damage) for damage in examined.damages],
                "compared": examined.compared,
                "unrecorded": examined.unrecorded,
            }
        )
    else:
        layers = sorted({*examined.compared, *examined.unrecorded})
        rows = [[layer, examined.compared[layer], examined.unrecorded[layer]] for layer in layers]
        click.echo(table(["layer", "files compared", "not recorded yet"], rows))
        if examined.damages:
            click.echo("\n" + damages_table(examined.damages))
    if examined.damages:
        first = examined.damages[0]
        raise CommandError(
            f"{len(examined.damages)} files are lost or damaged, first {first.code} {first.path}; "
            "`register repair` says what can be made again, and from what"
        )


def damages_table(damages: Iterable[Damage]) -> str:
    """Return the table of damages for people."""
    return table(
        ["rule", "layer", "source", "day", "delivery", "file"],
        [
            [each.code, each.layer, each.source, each.day, each.delivery, each.path]
            for each in damages
        ],
    )


def _backed_up(data_root: DataRoot) -> int:
    from assets.erasure.proof import chain_heads

    return int((data_root.root / "backups" / chain_heads.COPY).exists())


def _head_in_dagster(data_root: DataRoot) -> dict[str, Head]:
    """Return the head of the chain that the last erasure left in Dagster's storage, if any."""
    from dagster import AssetKey

    from assets.erasure.proof.chain_heads import Head
    from pipelines.dagster_home import is_begun
    from pipelines.dagster_instance import DamagedHistoryError, naming_damage, opened

    if not is_begun(data_root.root):
        return {}
    try:
        with opened() as instance, naming_damage():
            done = instance.fetch_materializations(AssetKey(["erasure", "closed"]), limit=1)
    except DamagedHistoryError as error:
        log(f"not compared with Dagster's copy of the head: {error}", "warning")
        return {}
    for record in done.records:
        noted = record.asset_materialization.metadata if record.asset_materialization else {}
        if "chain_sequence" in noted:
            sequence, request_id, digest = (
                noted[f"chain_{name}"].value for name in ("sequence", "request_id", "hash")
            )
            return {"Dagster": Head(int(str(sequence)), str(request_id), str(digest))}
    return {}


def is_empty(data_root: DataRoot) -> bool:
    """Return whether nothing was ingested and nothing has run: a proof would examine nothing."""
    from assets.requests import ledger

    began = (data_root.dagster / "dagster.yaml", data_root.root / "backups")
    return (
        not any(path.exists() for path in began)
        and not data_root.files("raw")
        and not any(data_root.marts.glob("*"))
        and not ledger.every(data_root, opened=False)
    )


def _print(
    findings: list[Finding],
    examined: list[list[object]],
    machine: bool,
    backups: Remaining | None = None,
) -> None:
    from assets.erasure.proof.findings import failures

    rows = [
        [finding.code, finding.where, finding.count, finding.request_id]
        for finding in sorted(findings)
    ]
    if machine:
        as_json(
            {
                "proven": not failures(findings),
                "findings": [
                    dict(zip(("code", "where", "count", "request_id"), row, strict=True))
                    for row in rows
                ],
                **({"backups": backups.as_data()} if backups else {}),
                "examined": [
                    dict(zip(("what", "how", "examined"), row, strict=True)) for row in examined
                ],
            }
        )
    else:
        click.echo(table(["what", "how", "examined"], examined))
        if rows:
            click.echo("\n" + table(["rule", "where", "count", "request"], rows))
        if backups and backups.generations:
            click.echo(
                "\nBackups from before the erasure that can still be opened: "
                f"{backups.generations}; the last is destroyed on {backups.until}."
            )
    if failures(findings):
        raise CommandError(
            f"not proven: {len(failures(findings))} findings, first {rows[0][0]} in "
            f"{rows[0][1]}; docs/rules.md says what each means"
        )
    if not machine:
        click.echo("\nProven.")
