"""What a registrant may take elsewhere (GDPR 20): what they provided themselves, processed on
consent or contract.

Decided by policy.yaml alone. *Provided*: stated by a source that is no third party, whichever of
theirs it is, in a column of a category that is derived from nothing. *On consent or contract*: one
of the category's purposes has that basis, and the registrant has a contract or order, or has
consented to that purpose; or each row of the category has a consent of its own. All of the register
is processed automatically.
"""

from __future__ import annotations

from typing import Any

from assets.documents.stored_data import technical, with_consent
from assets.rights.access.gathering import Gathered, Row
from schemas.columns import categories
from schemas.declarations import Declaration, declared
from schemas.policy.model import Policy
from schemas.staged import CANONICAL

# What stands beside the provided values, so that a row can be understood: its source and time.
_BESIDE = ("source", "stated_at")
# Marks rather than data: which kind of row it is.
_KINDS = ("kind", "type")


def portable(policy: Policy, gathered: Gathered) -> dict[str, list[Row]]:
    """Canonical table -> rows of what the registrant provided; without what a later statement of
    the same source has taken back.
    """
    bases = purposes_on(gathered, policy)
    taken = {}
    for table, rows in gathered.statements.items():
        model = CANONICAL[table]
        declarations = declared(policy, model, "staged")
        kept = [
            _kept(policy, row, declarations, bases)
            for row in rows
            if row.get("op") in (None, "state") and row["source"] in policy.sources
        ]
        if any(kept):
            taken[table] = _distinct([row for row in kept if row], [*_KINDS, *categories(model)])
    return taken


def purposes_on(gathered: Gathered, policy: Policy) -> set[str]:
    """The purposes for which this registrant's data is processed on consent or contract."""
    agreed = bool(gathered.register.get("contracts") or gathered.register.get("orders"))
    consented = {
        row["purpose"] for row in gathered.register.get("choices", []) if row["choice"] == "granted"
    }
    return {
        name
        for name, purpose in policy.purposes.items()
        if (agreed and "contract" in purpose.bases)
        or ("consent" in purpose.bases and name in consented)
    }


def _kept(
    policy: Policy, row: Row, declarations: dict[str, Declaration], purposes: set[str]
) -> Row | None:
    """The row's portable columns, or None when it has none."""
    if policy.sources[row["source"]].third_party:
        return None
    values = {
        name: row[name]
        for name, declaration in declarations.items()
        if row.get(name) is not None and _is_portable(policy, declaration, purposes)
    }
    if not values:
        return None
    return {
        **{name: row[name] for name in _BESIDE},
        **{name: row[name] for name in _KINDS if row.get(name)},
        **values,
    }


def _is_portable(policy: Policy, declaration: Declaration, purposes: set[str]) -> bool:
    category = policy.categories[declaration.category]
    provided = not category.derived_from and not technical(policy, declaration.category)
    by_purpose = {"consent", "contract"} & set(declaration.bases) and purposes & set(
        declaration.purposes
    )
    return provided and (declaration.category in with_consent() or bool(by_purpose))


def _distinct(rows: list[Row], order: list[str]) -> list[Row]:
    """Each row once, by its latest statement: sources repeat themselves in every delivery."""
    seen: dict[Any, Row] = {}
    for row in rows:
        content = tuple(
            sorted((name, str(value)) for name, value in row.items() if name != "stated_at")
        )
        if content not in seen or str(row["stated_at"]) > str(seen[content]["stated_at"]):
            seen[content] = row
    names = list(dict.fromkeys([*_BESIDE, *order]))
    return sorted(
        ({name: row[name] for name in names if name in row} for row in seen.values()),
        key=lambda row: [str(row.get(name, "")) for name in names],
    )
