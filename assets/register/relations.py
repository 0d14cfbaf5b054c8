"""The relations of a build of the register: which there are, and how they depend on one another.

Each is declared beside the function that makes it; here they are collected, put in dependency
order, and drawn. A house test compares all of them with the statements of a real build.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType

from assets.register import (
    aggregates,
    choices,
    clocks,
    contradictions,
    corrected_codes,
    corrections,
    current_statements,
    disputed_identifiers,
    eligibility,
    entity_resolution,
    expired_registrants,
    interests,
    link_report,
    linkage_configuration,
    linkage_round,
    membership,
    pair_cache,
    protected_identity,
    relationships,
    source_statements,
    statutory_segregation,
    survivorship,
    weak_links,
)
from assets.register.building import WRITTEN
from assets.storage.relations import Relation, Scope, ordered
from schemas.columns import TableModel, duckdb_types, table_name
from schemas.quarantine import Outcome, Quarantine
from schemas.staged import CANONICAL

STAGES: dict[str, tuple[ModuleType, ...]] = {
    "source statements": (source_statements, corrected_codes, protected_identity),
    "retention": (clocks, expired_registrants, statutory_segregation),
    "current statements": (current_statements,),
    "entity resolution": (
        membership,
        entity_resolution,
        pair_cache,
        linkage_configuration,
        linkage_round,
        disputed_identifiers,
        weak_links,
        link_report,
    ),
    "relationships": (relationships, aggregates, interests),
    "survivorship": (survivorship, corrections, contradictions),
    "choices and eligibility": (choices, eligibility),
}
"""Stage of a build -> the modules that declare its relations."""
INPUTS, TABLES = "staged layer", "register tables"


@cache
def stages() -> dict[str, tuple[Relation, ...]]:
    """Return every relation of a build by its stage, inputs first and published tables last."""
    declared = {
        stage: tuple(relation for module in modules for relation in _declared(module))
        for stage, modules in STAGES.items()
    }
    return {INPUTS: tuple(_inputs()), **declared, TABLES: tuple(_published())}


def relations() -> list[Relation]:
    """Return every relation of a build in dependency order."""
    return ordered(relation for stage in stages().values() for relation in stage)


def _declared(module: ModuleType) -> Iterator[Relation]:
    """Yield the relations that a module declares, alone or by name in a dictionary."""
    for value in vars(module).values():
        if isinstance(value, Relation):
            yield value
        elif isinstance(value, dict):
            yield from (entry for entry in value.values() if isinstance(entry, Relation))


def _inputs() -> Iterator[Relation]:
    """Yield the staged tables and the quarantine."""
    of_path = {"source": "VARCHAR", "day": "DATE", "delivery_id": "VARCHAR"}
    models: list[type[TableModel]] = [*CANONICAL.values(), Outcome, Quarantine]
    for model in models:
        name = table_name(model)
        yield Relation(
            name=name if model is Quarantine else f"staged_{name}",
            summary=" ".join((model.__doc__ or name).split("\n\n", maxsplit=1)[0].split()),
            columns={**duckdb_types(model), **of_path},
            scope=Scope.RECORD,
            external=True,
        )


def _published() -> Iterator[Relation]:
    """Yield the tables of the register that are written from a relation of another name."""
    for name, model in WRITTEN.items():
        if table_name(model) != name:
            yield Relation.of(model, scope=Scope.COMPONENT, reads=(name,))


def mermaid(of: Iterable[str] = ()) -> str:
    """Return the graph of relations as a Mermaid flowchart, one subgraph for each stage.

    Dashed arrows are relations that later steps read to amend one that was made before.

    Args:
        of: Draw only these relations and what they depend on; all of them, if none is given.
    """
    shown = _dependencies(of)
    lines = ["flowchart LR"]
    for number, (stage, members) in enumerate(stages().items()):
        names = [relation.name for relation in members if relation.name in shown]
        if names:
            lines += [f'  subgraph s{number}["{stage}"]', *(f"    {name}" for name in names)]
            lines.append("  end")
    for relation in relations():
        if relation.name in shown:
            lines += [f"  {read} --> {relation.name}" for read in relation.reads]
            lines += [
                f"  {read} -.-> {relation.name}"
                for read in relation.amended_from
                if read in shown and read not in relation.reads
            ]
    return "\n".join(lines)


def overview() -> str:
    """Return the graph of stages as a Mermaid flowchart; arrows have the number of relations."""
    stage_of = {relation.name: stage for stage, members in stages().items() for relation in members}
    number_of = {stage: number for number, stage in enumerate(stages())}
    read: dict[tuple[str, str], set[str]] = {}
    for relation in relations():
        for name in relation.reads:
            edge = stage_of[name], stage_of[relation.name]
            if edge[0] != edge[1]:
                read.setdefault(edge, set()).add(name)
    nodes = [
        f'  s{number}["{stage}<br/>{len(stages()[stage])} relations"]'
        for stage, number in number_of.items()
    ]
    edges = [
        f"  s{number_of[start]} -->|{len(names)}| s{number_of[end]}"
        for (start, end), names in sorted(read.items(), key=lambda item: _place(item[0], number_of))
    ]
    return "\n".join(["flowchart TD", *nodes, *edges])


def _place(edge: tuple[str, str], number_of: dict[str, int]) -> tuple[int, int]:
    return number_of[edge[0]], number_of[edge[1]]


def _dependencies(of: Iterable[str]) -> set[str]:
    """Return the names of these relations and of everything that they depend on."""
    by_name = {relation.name: relation for relation in relations()}
    waiting = list(of) or list(by_name)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += by_name[name].reads
    return reached
