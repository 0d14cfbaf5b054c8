"""The declared relations as text: a list, Mermaid flowcharts, and the pages that show them."""

from __future__ import annotations

from collections import defaultdict

from assets.documents.marked_pages import with_part
from assets.register.relations import stages
from assets.storage.relations import Relation
from pipelines.relations import everything, groups

STAGES, EACH_GROUP = "stages of a build", "every relation"


def listing() -> str:
    """Return every relation by group, in dependency order: name, scope, what it reads, summary."""
    return "\n\n".join(
        "\n".join([f"# {group}", *map(_entry, _members(group))]) for group in groups()
    )


def _entry(relation: Relation) -> str:
    lines = [f"{relation.name}  ({relation.scope})  {relation.summary}"]
    if relation.reads:
        lines.append(f"    reads {', '.join(relation.reads)}")
    if relation.amended_from:
        lines.append(f"    amended from {', '.join(relation.amended_from)}")
    if relation.merge:
        lines.append(f"    merged: {relation.merge}")
    return "\n".join(lines)


def overview() -> str:
    """Return the stages of a build as a Mermaid flowchart; an arrow has the number of relations
    read.
    """
    numbers = {stage: number for number, stage in enumerate(stages())}
    group_of = _group_of()
    read: dict[tuple[int, int], set[str]] = defaultdict(set)
    for stage, members in stages().items():
        for relation in members:
            for name in relation.reads:
                if group_of[name] != stage:
                    read[numbers[group_of[name]], numbers[stage]].add(name)
    nodes = [
        f'  s{number}["{stage}<br/>{len(stages()[stage])} relations"]'
        for stage, number in numbers.items()
    ]
    edges = [f"  s{start} -->|{len(names)}| s{end}" for (start, end), names in sorted(read.items())]
    return "\n".join(["flowchart TD", *nodes, *edges])


def group_flowchart(group: str) -> str:
    """Return one group as a Mermaid flowchart, with what it reads of other groups.

    Dashed arrows: later steps read the relation to amend one that was made before.
    """
    group_of = _group_of()
    members = _members(group)
    read = {name for relation in members for name in (*relation.reads, *relation.amended_from)}
    inputs = defaultdict(list)
    for name in sorted(read - {relation.name for relation in members}):
        inputs[group_of[name]].append(name)
    lines = ["flowchart LR"]
    for number, (other, names) in enumerate(inputs.items()):
        lines += [f'  subgraph s{number}["{other}"]', *(f"    {name}" for name in names), "  end"]
    for relation in members:
        lines.append(f"  {relation.name}")
        lines += [f"  {name} --> {relation.name}" for name in relation.reads]
        lines += [f"  {name} -.-> {relation.name}" for name in relation.amended_from]
    return "\n".join(lines)


def flowcharts() -> str:
    """Return the stages, and each group with its relations, as Markdown with Mermaid flowcharts."""
    parts = [_fenced(overview())]
    for group, members in groups().items():
        if any(relation.reads or relation.amended_from for relation in members):
            title = group if group.startswith("assets/") else group.capitalize()
            parts.append(f"### {title}\n\n{_fenced(group_flowchart(group))}")
    return "\n".join(parts)


def in_page(text: str) -> str:
    """Return a Markdown page with the flowcharts of today between its markers."""
    for name, content in ((STAGES, _fenced(overview())), (EACH_GROUP, flowcharts())):
        text = with_part(text, name, content)
    return text


def _fenced(flowchart: str) -> str:
    return f"```mermaid\n{flowchart}\n```\n"


def _group_of() -> dict[str, str]:
    return {relation.name: group for group, members in groups().items() for relation in members}


def _members(group: str) -> list[Relation]:
    """Return the relations of a group in dependency order."""
    names = {relation.name for relation in groups()[group]}
    return [relation for relation in everything() if relation.name in names]
