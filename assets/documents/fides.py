"""The record of processing as a Fides manifest: datasets, and the system's privacy declarations."""

from __future__ import annotations

from datetime import date
from typing import Any

import yaml

from schemas.columns import TableModel, categories, table_name
from schemas.declarations import LAYERS
from schemas.fides import ANY_CATEGORY, BASES, DATA_CATEGORIES, DATA_SUBJECTS, DATA_USES, TRANSFERS
from schemas.meanings import meanings_of
from schemas.policy import transfers
from schemas.policy.model import Policy

ORGANIZATION = "controller"


def manifest(policy: Policy, today: date) -> str:
    """Return the manifest as YAML; transfers have a legal basis if it is in force on `today`."""
    return yaml.safe_dump(
        {
            "organization": [_organization(policy)],
            "dataset": [_dataset(layer, models) for layer, models in LAYERS.items()],
            "system": [_system(policy, today)],
        },
        sort_keys=False,
        allow_unicode=True,
        width=160,
    )


def _organization(policy: Policy) -> dict[str, Any]:
    controller = policy.controller
    return {
        "fides_key": ORGANIZATION,
        "name": controller.name,
        "controller": {
            "name": controller.name,
            "address": controller.address,
            "email": controller.email,
            "phone": controller.phone,
        },
    }


def _key(layer: str) -> str:
    return layer.replace("marts.", "mart_")


def _dataset(layer: str, models: tuple[type[TableModel], ...]) -> dict[str, Any]:
    return {
        "fides_key": _key(layer),
        "organization_fides_key": ORGANIZATION,
        "name": layer,
        "collections": [
            {
                "name": table_name(model),
                "description": (model.__doc__ or "").strip(),
                "fields": _fields(model),
            }
            for model in models
        ],
    }


def _fields(model: type[TableModel]) -> list[dict[str, Any]]:
    texts = meanings_of(model)
    return [
        {"name": name, "description": texts[name] or None, "data_categories": _categories(category)}
        for name, category in categories(model).items()
    ]


def _categories(*names: str) -> list[str]:
    return list(
        dict.fromkeys(key for name in names for key in DATA_CATEGORIES.get(name, ANY_CATEGORY))
    )


def _system(policy: Policy, today: date) -> dict[str, Any]:
    mechanisms = {
        TRANSFERS[each]
        for recipient in policy.recipients.values()
        if not transfers.in_eea(recipient.country)
        for each in transfers.mechanisms_in_force(policy, recipient, today)
        if each in TRANSFERS
    }
    return {
        "fides_key": "register",
        "organization_fides_key": ORGANIZATION,
        "name": policy.register_name.name.get("en", "register"),
        "description": f"Policy {policy.version} ({policy.fingerprint}), as of {today}",
        "system_type": "Application",
        "responsibility": ["Controller"],
        "administrating_department": policy.contact.role.get("en"),
        "dataset_references": [_key(layer) for layer in LAYERS],
        "uses_profiling": any(
            f"marts.{name}" in LAYERS for name in ("analytics", "products_and_services")
        ),
        "does_international_transfers": bool(mechanisms),
        "legal_basis_for_transfers": sorted(mechanisms),
        "privacy_declarations": [
            _declaration(policy, name, basis)
            for name, purpose in policy.purposes.items()
            for basis in purpose.bases
        ],
    }


def _declaration(policy: Policy, name: str, basis: Any) -> dict[str, Any]:
    used = [key for key, category in policy.categories.items() if name in category.purposes]
    periods = {
        f"{code} {policy.retention[code].period}"
        for category in used
        for code in policy.categories[category].retention
        if code in policy.retention
    }
    return {
        "name": f"{name} ({basis})",
        "data_categories": _categories(*used) or list(ANY_CATEGORY),
        "data_use": DATA_USES[name],
        "data_subjects": list(DATA_SUBJECTS),
        "dataset_references": [_key(f"marts.{name}")] if f"marts.{name}" in LAYERS else [],
        "legal_basis_for_processing": BASES[basis],
        "retention_period": ", ".join(sorted(periods)),
    }
