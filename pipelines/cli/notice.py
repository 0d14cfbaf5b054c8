"""`register notice`: the privacy notice, from the policy and the running system."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import get_args

import click

from pipelines.cli.document_output import give
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY
from schemas.vocabulary import Language


@click.command()
@click.option(
    "--lang",
    type=click.Choice(get_args(Language)),
    required=True,
    help="Finnish, Swedish or English.",
)
@click.option(
    "--format", "form", type=click.Choice(["md", "html"]), default="md", show_default=True
)
@click.option(
    "--as-of",
    type=DAY,
    help="The day for which it is written; default: today.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; default: print it.",
)
def notice(lang: Language, form: str, as_of: datetime | None, out: Path | None) -> None:
    """Write the privacy notice, in ten sections, from the policy in force and the system."""
    from assets.documents import notice as notices
    from assets.documents.pages import html
    from schemas.policy.loader import load_policy

    policy = load_policy()
    if lang not in policy.languages:
        raise CommandError(
            f"the policy is not in {lang!r}: add it to `languages` of policy.yaml, and to "
            "every name there"
        )
    today = (as_of or datetime.now(policy.zone)).date()
    text = notices.markdown(policy, lang, today)
    give(html(text, lang) if form == "html" else text, out)
