"""What every column of every table declares: category, purposes, bases, sources, retention, clause; and whether the policy has it.

A model says of each column only its category; all else follows from what policy.yaml says of the category. `check` is the
start-up check: the pipeline does not run with a column that the policy does not cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from schemas import information_duty, marts, quarantine, raw, register, staged
from schemas.columns import TableModel, categories, table_name
from schemas.policy import Policy
from schemas.vocabulary import WITH_ROW, AppliesTo


class DeclarationError(Exception):
    """A table has a column that the policy does not cover; the message names table, column and what to change."""


@dataclass(frozen=True)
class Declaration:
    """What may be done with a column, and until when."""

    category: str
    purposes: tuple[str, ...]
    bases: tuple[str, ...]
    sources: tuple[str, ...]
    retention: tuple[str, ...]  # codes of rules
    clause: str

    def tags(self) -> dict[str, str]:
        """As the UI shows it on the column: a tag for each purpose, basis and retention rule."""
        several = {"purpose": self.purposes, "basis": self.bases, "retention": self.retention}
        return {
            "category": self.category,
            "clause": self.clause,
            **{f"{kind}/{name}": "" for kind, names in several.items() for name in names},
        }


def _register_tables() -> tuple[type[TableModel], ...]:
    return tuple(
        one
        for one in vars(register).values()
        if isinstance(one, type)
        and issubclass(one, TableModel)
        and one is not TableModel
        and one.__module__ == register.__name__
    )


# Layer -> its tables.
LAYERS: dict[str, tuple[type[TableModel], ...]] = {
    "raw": (raw.Raw,),
    "staged": (*staged.CANONICAL.values(), quarantine.Outcome),
    "quarantine": (quarantine.Quarantine,),
    "register": (*_register_tables(), information_duty.Informed),
    **{f"marts.{purpose}": (*models, marts.About) for purpose, models in marts.MARTS.items()},
}
# Tables whose rows end by a rule of their own, whatever is in them.
OWN_RETENTION: dict[str, AppliesTo] = {"raw": "raw", "quarantine": "quarantine"}


def declared(policy: Policy, model: type[TableModel], layer: str = "") -> dict[str, Declaration]:
    """Column -> what it declares. Technical columns live as long as the rest of their row. Raises DeclarationError."""
    told = categories(model)
    unknown = sorted(
        f"{table_name(model)}.{name} ({category!r})"
        for name, category in told.items()
        if category not in policy.categories
    )
    if unknown:
        raise DeclarationError(
            f"no category of policy.yaml covers {', '.join(unknown)}: add it under `categories`, or correct the column's category"
        )
    ends = _row_ends(policy, told.values(), layer)
    return {name: _declaration(policy, category, ends) for name, category in told.items()}


def _row_ends(policy: Policy, kinds: Iterable[str], layer: str) -> tuple[str, ...]:
    """The rules that end a row: those of the table, or of what is in it, or else of the registrant it belongs to."""
    if layer in OWN_RETENTION:
        return (policy.rule(OWN_RETENTION[layer])[0],)
    found = dict.fromkeys(
        code for kind in kinds for code in policy.categories[kind].retention if code != WITH_ROW
    )
    return tuple(found) or (policy.rule("prospects")[0], policy.rule("customers")[0])


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
            code for one in category.retention for code in (row_ends if one == WITH_ROW else (one,))
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
    """Raise DeclarationError for a column that the policy does not cover, PurposeError for one that its mart may not hold."""
    for layer, models in layers.items():
        for model in models:
            for column, one in declared(policy, model, layer.split(".")[0]).items():
                if not policy.categories[one.category].stored:
                    raise DeclarationError(
                        f"{layer} {table_name(model)}.{column} holds {one.category!r}, which policy.yaml says is not stored: drop the column"
                    )
                if not one.retention:
                    raise DeclarationError(
                        f"{layer} {table_name(model)}.{column} has no retention: give category {one.category!r} a rule in policy.yaml"
                    )
    marts.check_purposes(policy)
