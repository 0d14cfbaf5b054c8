"""The declaration of every column: category, purposes, bases, sources, retention and clause.

A model gives each column a category; all else follows from the category in policy.yaml. `check` is
the start-up check: the pipeline does not run with a column that the policy does not cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas import companies, information_duty, marts, quarantine, raw, register, retention, staged
from schemas.activities import ACTIVITIES
from schemas.columns import TableModel, categories, table_name
from schemas.policy.model import Policy
from schemas.policy.refused import PolicyRefusedError
from schemas.vocabulary import WITH_ROW, AppliesTo


class DeclarationError(PolicyRefusedError):
    """A table has a column that the policy does not cover; the message names table, column and what
    to change."""


@dataclass(frozen=True)
class Declaration:
    """The permitted use of a column, and its retention."""

    category: str
    purposes: tuple[str, ...]
    bases: tuple[str, ...]
    sources: tuple[str, ...]
    retention: tuple[str, ...]  # codes of rules
    clause: str

    def tags(self) -> dict[str, str]:
        """As tags in the UI: category and clause, by which the policy decides all else; none for a
        technical column, which shares its row's."""
        if self.category == "technical":
            return {}
        return {"category": self.category, "clause": self.clause}


def _register_tables() -> tuple[type[TableModel], ...]:
    return tuple(
        model
        for module in (register, retention)
        for model in vars(module).values()
        if isinstance(model, type)
        and issubclass(model, TableModel)
        and model.__module__ == module.__name__
    )


# Layer -> its tables.
LAYERS: dict[str, tuple[type[TableModel], ...]] = {
    "raw": (raw.Raw,),
    "staged": (*staged.CANONICAL.values(), quarantine.Outcome),
    "quarantine": (quarantine.Quarantine,),
    "register": (
        *_register_tables(),
        *(activity.published for activity in ACTIVITIES),
        *companies.PUBLISHED,
        information_duty.Informed,
    ),
    **{f"marts.{purpose}": (*models, marts.About) for purpose, models in marts.MARTS.items()},
}
# Layers with one retention rule for all rows.
OWN_RETENTION: dict[str, AppliesTo] = {"raw": "raw", "quarantine": "quarantine"}


def declared(policy: Policy, model: type[TableModel], layer: str = "") -> dict[str, Declaration]:
    """Column -> what it declares. Technical columns live as long as the rest of their row. Raises
    DeclarationError."""
    by_column = categories(model)
    unknown = sorted(
        f"{table_name(model)}.{name} ({category!r})"
        for name, category in by_column.items()
        if category not in policy.categories
    )
    if unknown:
        raise DeclarationError(
            f"no category of policy.yaml covers {', '.join(unknown)}: add it under `categories`, "
            "or correct the column's category"
        )
    ends = _row_ends(policy, by_column.values(), layer)
    return {name: _declaration(policy, category, ends) for name, category in by_column.items()}


def _row_ends(policy: Policy, kinds: Iterable[str], layer: str) -> tuple[str, ...]:
    """The retention rules of a row: of the table, its contents, or else the registrant."""
    if layer in OWN_RETENTION:
        return (policy.rule(OWN_RETENTION[layer])[0],)
    rules = dict.fromkeys(
        code for kind in kinds for code in policy.categories[kind].retention if code != WITH_ROW
    )
    return tuple(rules) or (policy.rule("prospects")[0], policy.rule("customers")[0])


def _declaration(policy: Policy, name: str, row_ends: tuple[str, ...]) -> Declaration:
    category = policy.categories[name]
    bases = dict.fromkeys(
        basis
        for purpose in category.purposes
        if purpose in policy.purposes
        for basis in policy.purposes[purpose].bases
    )
    retention = tuple(
        dict.fromkeys(
            code
            for rule in category.retention
            for code in (row_ends if rule == WITH_ROW else (rule,))
        )
    )
    return Declaration(
        name,
        category.purposes,
        tuple(bases),
        tuple(sorted(policy.origins(name))),
        retention,
        category.clause,
    )


def check(policy: Policy, layers: Mapping[str, tuple[type[TableModel], ...]] = LAYERS) -> None:
    """Check all tables against the policy.

    Raises:
        DeclarationError: The policy does not cover a column.
        PurposeError: A mart has a column that its purpose may not use.
    """
    for layer, models in layers.items():
        for model in models:
            for column, declaration in declared(policy, model, layer.split(".")[0]).items():
                if not policy.categories[declaration.category].stored:
                    raise DeclarationError(
                        f"{layer} {table_name(model)}.{column} holds {declaration.category!r}, "
                        "which policy.yaml says is not stored: drop the column"
                    )
                if not declaration.retention:
                    raise DeclarationError(
                        f"{layer} {table_name(model)}.{column} has no retention: give category "
                        f"{declaration.category!r} a rule in policy.yaml"
                    )
    marts.check_purposes(policy)
