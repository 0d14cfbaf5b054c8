"""The relations of a build of the register: which there are, by stage and in dependency order.

Each is declared beside the function that makes it. A house test compares all of them with the
statements of a real build; `pipelines.relation_graph` draws them with those of other folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from types import ModuleType

from assets.register import (
    aggregates,
    choices,
    clocks,
    companies,
    components,
    contradictions,
    corrected_codes,
    corrections,
    current_statements,
    disputed_identifiers,
    eligibility,
    entity_resolution,
    expired_registrants,
    holds,
    incremental,
    interests,
    kept_ids,
    lasting_refusals,
    link_report,
    linkage_configuration,
    linkage_round,
    membership,
    next_changes,
    no_purpose,
    pair_cache,
    post_towns,
    protected_identity,
    registrant_state,
    relationships,
    source_statements,
    statutory_segregation,
    survivorship,
    visit_consents,
    weak_links,
)
from assets.register.building import WRITTEN
from assets.storage.relations import Relation, Scope, declared, ordered
from schemas.columns import TableModel, table_name
from schemas.quarantine import Outcome, Quarantine
from schemas.staged import CANONICAL

STAGES: dict[str, tuple[ModuleType, ...]] = {
    "source statements": (source_statements, corrected_codes, protected_identity),
    "retention": (
        holds,
        clocks,
        expired_registrants,
        statutory_segregation,
        lasting_refusals,
        no_purpose,
    ),
    "current statements": (current_statements,),
    "entity resolution": (
        membership,
        kept_ids,
        entity_resolution,
        pair_cache,
        linkage_configuration,
        linkage_round,
        disputed_identifiers,
        weak_links,
        link_report,
    ),
    "relationships": (relationships, companies, aggregates),
    "survivorship": (registrant_state, survivorship, post_towns, corrections, contradictions),
    "choices and eligibility": (choices, visit_consents, interests, eligibility),
    "incremental builds": (components, next_changes, incremental),
}
"""Stage of a build -> the modules that declare its relations."""
INPUTS, TABLES = "staged layer", "register tables"


@cache
def stages() -> dict[str, tuple[Relation, ...]]:
    """Return every relation of a build by its stage, inputs first and published tables last."""
    of_stages = {
        stage: tuple(relation for module in modules for relation in declared(module))
        for stage, modules in STAGES.items()
    }
    return {INPUTS: tuple(_inputs()), **of_stages, TABLES: tuple(_published())}


def relations() -> list[Relation]:
    """Return every relation of a build in dependency order."""
    return ordered(relation for stage in stages().values() for relation in stage)


def _inputs() -> Iterator[Relation]:
    """Yield the staged tables and the quarantine."""
    models: list[type[TableModel]] = [*CANONICAL.values(), Outcome]
    yield from (Relation.of_files(model, f"staged_{table_name(model)}") for model in models)
    yield Relation.of_files(Quarantine, "quarantine")


def _published() -> Iterator[Relation]:
    """Yield the tables of the register that are written from a relation of another name."""
    for name, model in WRITTEN.items():
        if table_name(model) != name:
            table = Relation.of(model, scope=Scope.COMPONENT, reads=(name,))
            yield replace(table, external=True)
