"""`register graph`: the declared relations by folder, and what each of them reads."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("graph")
@click.option(
    "--mermaid", is_flag=True, help="As Mermaid flowcharts, one for each folder and stage."
)
@click.option(
    "--into",
    "pages",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Put the flowcharts into this Markdown page, between its markers.",
)
def graph_command(*, mermaid: bool, pages: tuple[Path, ...]) -> None:
    """Print the relations that functions make for each other, in dependency order."""
    from pipelines import relation_graph

    for page in pages:
        text = page.read_text(encoding="utf-8")
        page.write_text(relation_graph.in_page(text), encoding="utf-8")
    if mermaid:
        click.echo(relation_graph.flowcharts())
    elif not pages:
        click.echo(relation_graph.listing())
