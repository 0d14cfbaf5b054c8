"""`register report`: record of processing, conflicts, traceability, duty to inform; `inform`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import TextIO, get_args

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.document_output import give
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE, MINUTE
from pipelines.cli.output import as_json, table
from schemas.vocabulary import Language

OUT = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; default: print it.",
)
INTO = click.option(
    "--into",
    "page",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put it into this Markdown page, between its markers; default: print it.",
)
AS_OF = click.option("--as-of", type=DAY, help="The day that counts; default: today.")


def _today(as_of: datetime | None) -> date:
    from schemas.policy.loader import load_policy

    return (as_of or datetime.now(load_policy().zone)).date()


@click.group()
def report() -> None:
    """Reports that the controller is accountable for, from the policy and the running system."""


@report.command("processing")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "html", "json", "fides"]),
    default="md",
    show_default=True,
    help="`fides`: a Fides manifest in YAML.",
)
@AS_OF
@OUT
def report_processing(form: str, as_of: datetime | None, out: Path | None) -> None:
    """The record of processing activities (GDPR Art. 30)."""
    from assets.documents import fides, pages, processing
    from schemas.policy.loader import load_policy

    policy, today = load_policy(), _today(as_of)
    if form == "json":
        give(json.dumps(processing.record(policy, today), ensure_ascii=False, indent=1), out)
    elif form == "fides":
        give(fides.manifest(policy, today), out)
    else:
        text = processing.markdown(policy, today)
        give(pages.html(text, "en") if form == "html" else text, out)


@report.command("conflicts")
@click.option(
    "--format", "form", type=click.Choice(["md", "html", "json"]), default="md", show_default=True
)
@click.option(
    "--lang",
    type=click.Choice(get_args(Language)),
    default="en",
    show_default=True,
    help="The language of the proposed texts.",
)
@AS_OF
@OUT
def report_conflicts(form: str, lang: Language, as_of: datetime | None, out: Path | None) -> None:
    """Where the policy, the law and the data disagree, with severity, article and proposed text."""
    from assets.documents import conflicts, pages
    from schemas.policy.loader import load_policy

    policy, today = load_policy(), _today(as_of)
    disagreements = conflicts.conflicts(policy, today)
    if form == "json":
        data = {
            "as_of": str(today),
            "policy": policy.version,
            "counts": conflicts.per_severity(disagreements),
            "conflicts": [conflict.as_data() for conflict in disagreements],
        }
        give(json.dumps(data, ensure_ascii=False, indent=1), out)
    else:
        text = conflicts.markdown(policy, today, lang)
        give(pages.html(text, "en") if form == "html" else text, out)


def _assessment(which: str, form: str, as_of: datetime | None, out: Path | None) -> None:
    from assets.documents import assessments, pages
    from schemas.policy.loader import load_policy

    policy, today = load_policy(), _today(as_of)
    if form == "json":
        data = assessments.as_data(policy, today, assessments.assessed(policy, today, which))
        give(json.dumps(data, ensure_ascii=False, indent=1), out)
    else:
        text = assessments.markdown(policy, today, which)
        give(pages.html(text, "en") if form == "html" else text, out)


FORM = click.option(
    "--format", "form", type=click.Choice(["md", "html", "json"]), default="md", show_default=True
)


@report.command("balancing")
@FORM
@AS_OF
@OUT
def report_balancing(form: str, as_of: datetime | None, out: Path | None) -> None:
    """The balancing test of each legitimate interest; what only the controller can say is OPEN."""
    _assessment("balancing", form, as_of, out)


@report.command("impact")
@FORM
@AS_OF
@OUT
def report_impact(form: str, as_of: datetime | None, out: Path | None) -> None:
    """The outline of a data protection impact assessment (GDPR 35(7)); open questions counted."""
    _assessment("impact", form, as_of, out)


def _tests() -> Path:
    from assets.documents import traceability

    return traceability.TESTS


@report.command("traceability")
@click.option(
    "--tests",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=_tests,
    help="Where the tests are.",
)
@OUT
def report_traceability(tests: Path, out: Path | None) -> None:
    """Each clause of the policy, with the columns, rules, assets and tests that implement it."""
    from assets.documents import traceability
    from schemas.policy.loader import load_policy

    give(traceability.markdown(load_policy(), traceability.marked(tests)), out)


@report.command("data-model")
@OUT
def report_data_model(out: Path | None) -> None:
    """Every table and column, with type, category, purposes and meaning; Mermaid diagrams."""
    from assets.documents import data_model
    from schemas.policy.loader import load_policy

    give(data_model.markdown(load_policy()), out)


@report.command("dashboard")
@AS_OF
@OUT
def report_dashboard(as_of: datetime | None, out: Path | None) -> None:
    """The register at a glance, as one page of HTML: intake, quarantine, linkage, consents,
    retention, requests and erasures."""
    from assets.documents import dashboard

    data_root, today = existing_data_root(), _today(as_of)
    give(dashboard.html(data_root, today), out)


@report.command("commands")
@OUT
def report_commands(out: Path | None) -> None:
    """Every command with its options, as Markdown."""
    from pipelines.cli.command_reference import markdown

    give(markdown(), out)


@report.command("rules")
@INTO
def report_rules(page: Path | None) -> None:
    """The rules of each source's records: code and meaning."""
    from assets.documents import source_rules

    _give_part(source_rules, page)


@report.command("datasets")
@INTO
def report_datasets(page: Path | None) -> None:
    """The datasets of each source, and what their files and records are."""
    from assets.documents import datasets

    _give_part(datasets, page)


def _give_part(document: ModuleType, page: Path | None) -> None:
    """Print a generated part, or put it into its page."""
    if page:
        page.write_text(document.in_page(page.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        click.echo(document.markdown())


@report.command("informing")
@MACHINE
@AS_OF
def report_informing(machine: bool, as_of: datetime | None) -> None:
    """Registrants to inform that others gave us their data, and by when (GDPR 14); ids only."""
    from assets.register import information_duty

    data_root, today = existing_data_root(), _today(as_of)
    data_root.create()
    registrants, counts = (
        information_duty.due(data_root, today),
        information_duty.counts(data_root, today),
    )
    if machine:
        as_json(
            {
                "as_of": str(today),
                "counts": counts,
                "due": [asdict(registrant) for registrant in registrants],
            }
        )
        return
    header = ["registrant", "obtained", "due", "sources", "state", "with first message"]
    rows = [
        [
            registrant.registrant_id,
            str(registrant.obtained_on),
            str(registrant.due_on),
            ", ".join(registrant.sources),
            "overdue" if registrant.overdue else "due",
            "yes" if registrant.with_first_message else "",
        ]
        for registrant in registrants
    ]
    click.echo(
        table(header, rows)
        + "\n\n"
        + table(["state", "registrants"], [[state, count] for state, count in counts.items()])
    )


@report.command("supervisory")
@click.option(
    "--pack",
    type=click.Choice(["edpb"]),
    default="edpb",
    show_default=True,
    help="The questions of the EDPB's coordinated actions of 2025 and 2026.",
)
@click.option("--since", type=DAY, help="Requests received from this day; default: a year ago.")
@FORM
@AS_OF
@OUT
def report_supervisory(
    pack: str, since: datetime | None, form: str, as_of: datetime | None, out: Path | None
) -> None:
    """What an authority asks about erasure and transparency, answered from the ledgers.

    Each answer names its evidence; `no evidence` where only the controller can answer.
    """
    from dateutil.relativedelta import relativedelta

    from assets.documents import pages
    from assets.supervision import pack as supervisory

    data_root, today = existing_data_root(), _today(as_of)
    first = since.date() if since else today - relativedelta(years=1)
    gathered = supervisory.gather(data_root, today, first)
    if form == "json":
        data = {"pack": pack, **supervisory.as_data(data_root, today, first, gathered)}
        give(json.dumps(data, ensure_ascii=False, indent=1), out)
    else:
        content = supervisory.markdown(data_root, today, first, gathered)
        give(pages.html(content, "en") if form == "html" else content, out)


@report.command("breach")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--aware",
    type=MINUTE,
    help="When you became aware of it (local time); default: now.",
)
@click.option(
    "--ids",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file to write the ids of the affected registrants to, to inform them (GDPR 34).",
)
@FORM
@OUT
def report_breach(
    paths: tuple[Path, ...], aware: datetime | None, ids: Path | None, form: str, out: Path | None
) -> None:
    """The worksheet of a breach: registrants, categories and counts of what is in PATHS (GDPR 33).

    PATHS are files or folders of the data root, such as marts/customer_care.duckdb or
    lake/staged/crm. What happened, what follows and what was done is OPEN.
    """
    from assets.documents import pages
    from assets.supervision import breach

    data_root = existing_data_root()
    zone = data_root.policy.zone
    now = datetime.now(zone)
    since = aware.replace(tzinfo=zone) if aware else now
    worksheet = breach.assess(data_root, paths, now)
    if form == "json":
        data = {
            "aware": since.isoformat(timespec="minutes"),
            "notify_by": (since + breach.NOTIFY_WITHIN).isoformat(timespec="minutes"),
            "registrants": worksheet.registrants,
            "risks": worksheet.risks,
            "categories": worksheet.categories,
            "files": [asdict(file) for file in worksheet.files],
        }
        give(json.dumps(data, ensure_ascii=False, indent=1), out)
    else:
        content = breach.markdown(data_root.policy, worksheet, since)
        give(pages.html(content, "en") if form == "html" else content, out)
    if ids:
        give("".join(f"{registrant_id}\n" for registrant_id in worksheet.ids), ids)


@click.command()
@click.argument("registrant_ids", nargs=-1)
@click.option(
    "--list",
    "listed",
    type=click.File(),
    help="A file with an id on each line; `-` for standard input.",
)
@click.option("--sent", type=DAY, required=True, help="The day on which they were informed.")
@MACHINE
def inform(
    registrant_ids: tuple[str, ...], listed: TextIO | None, sent: datetime, machine: bool
) -> None:
    """Record that registrants were informed that their data came from others (GDPR Art. 14)."""
    from assets.register import information_duty
    from pipelines.writer_lock import writer

    lines = [line.strip() for line in listed] if listed else []
    wanted = [*registrant_ids, *(line for line in lines if line)]
    if not wanted:
        raise click.UsageError("give registrant ids, or --list FILE")
    data_root = existing_data_root()
    data_root.create()
    try:
        with writer(data_root):
            new = information_duty.record(data_root, wanted, sent.date(), _today(None))
    except information_duty.InformingError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"recorded": new})
    else:
        click.echo(
            f"{new} recorded as informed on {sent.date()}; {len(set(wanted)) - new} were "
            "recorded already."
        )
