"""The record of processing activities (GDPR 30(1)), from the policy and the models of the tables.

(a) controller, (b) purposes, (c) people and data, (d) recipients, (e) transfers, (f) time limits,
(g) security.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from assets.documents import stored_data
from assets.documents.pages import code, codes, table, text
from schemas.citations import cited
from schemas.columns import categories, table_name
from schemas.declarations import LAYERS, OWN_RETENTION
from schemas.policy import transfers
from schemas.policy.model import Policy

# The people in the register, by a category of data that only they have.
PEOPLE = {
    "contract": "customers, and former customers",
    "name": "prospects and other contacts",
    "company": "contact persons of companies",
    "website": "visitors to the website",
    "participation": "participants in events",
    "credit": "applicants for credit",
}
# GDPR 30(1)(g). Measures of the product with their module, no promises of the organisation.
SECURITY = {
    "Folders of the data root are readable by their owner only (0700), files "
    "likewise (0600)": "assets/storage/data_root.py",
    "The user interface listens on the loopback address only": "pipelines/cli/ui.py",
    "One read-only database per purpose; a column that the policy does not allow for the purpose "
    "stops the start": "schemas/declarations.py",
    "A database is checked row by row before it replaces the published one, by "
    "one rename": "assets/marts/building.py",
    "Analysis sees keyed pseudonyms (HMAC-SHA256); the key is kept apart from "
    "the data": "assets/storage/secrets.py",
    "A database without names has rows that at least the policy's floor of registrants share, and "
    "is compared with every other before it is published": "assets/marts/reidentification.py",
    "Passwords are dropped and IP addresses shortened before anything is stored": "assets/sources",
    "Runs, logs, metadata and error messages hold ids, counts and rule codes, and no "
    "personal data": "assets/dagster_support/metadata.py",
    "Deliveries are taken in only when SHA-256, size and number of records are those of their "
    "manifest": "assets/ingest/deliveries.py",
    "Every file is synced and put in place by one rename; one process writes "
    "at a time": "pipelines/writer_lock.py",
    "Erasure rewrites every file that holds the person, keeps a keyed hash against their return, "
    "and proves that nothing is left": "assets/erasure/erasing.py",
    "What is past its time is removed from every layer at "
    "each refresh": "assets/retention/sweep.py",
    "Dependencies are locked by their hashes": "requirements.lock",
}


def record(policy: Policy, today: date) -> dict[str, Any]:
    """Return the record as data; `holds` is whether a transfer mechanism is in force on `today`."""
    places = stored_data.columns()
    return {
        "policy": {"version": policy.version, "hash": policy.fingerprint},
        "as_of": str(today),
        "register": policy.register_name.name["en"]
        if "en" in policy.register_name.name
        else next(iter(policy.register_name.name.values())),
        "controller": policy.controller.model_dump(),
        "contact": policy.contact.model_dump(mode="json"),
        "purposes": [_purpose(policy, name) for name in policy.purposes],
        "people": people(),
        "categories": [_category(policy, name, places.get(name, [])) for name in policy.categories],
        "recipients": [_recipient(policy, name, today) for name in policy.recipients],
        "time_limits": [
            {
                "code": code,
                **rule.model_dump(mode="json", exclude={"period"}),
                "period": str(rule.period),
            }
            for code, rule in policy.retention.items()
        ],
        "deadlines": {
            "requests": str(policy.requests.answered_within),
            "extension": str(policy.requests.extended_by),
            "informing": str(policy.article_14.informed_within),
        },
        "security": [{"measure": measure, "where": where} for measure, where in SECURITY.items()],
    }


def people() -> list[str]:
    """Return the kinds of people in the register, by the data that it has."""
    stored = stored_data.columns()
    return [who for category, who in PEOPLE.items() if category in stored]


def _purpose(policy: Policy, name: str) -> dict[str, Any]:
    entry = policy.purposes[name]
    models = LAYERS.get(f"marts.{name}", ())
    return {
        "purpose": name,
        "name": dict(entry.name),
        "clause": entry.clause,
        "bases": list(entry.bases),
        "minimum_age": entry.minimum_age,
        "categories": [
            category for category, what in policy.categories.items() if name in what.purposes
        ],
        "mart": {table_name(model): list(categories(model)) for model in models},
    }


def _category(policy: Policy, name: str, places: list[stored_data.Place]) -> dict[str, Any]:
    entry = policy.categories[name]
    columns: dict[str, list[str]] = {}
    for place in places:
        columns.setdefault(f"{place.layer}.{place.table}", []).append(place.column)
    return {
        "category": name,
        "name": dict(entry.name),
        "clause": entry.clause,
        "stored": entry.stored,
        "special": entry.special,
        "sources": sorted(policy.origins(name)),
        "read_from": stored_data.really_from(policy, name),
        "derived_from": list(entry.derived_from),
        "purposes": list(entry.purposes),
        "retention": list(entry.retention),
        "columns": columns,
    }


def _recipient(policy: Policy, name: str, today: date) -> dict[str, Any]:
    entry = policy.recipients[name]
    return {
        "recipient": name,
        "name": dict(entry.name),
        "clause": entry.clause,
        "country": entry.country,
        "in_eea": transfers.in_eea(entry.country),
        "checked": str(entry.checked),
        "purposes": list(entry.purposes),
        "mechanisms": [
            {"mechanism": each, "holds": objection is None, "objection": objection}
            for each in entry.mechanisms
            for objection in [transfers.objection(policy, entry, each, today)]
        ],
        "transfer_holds": transfers.allowed(policy, entry, today),
    }


def markdown(policy: Policy, today: date) -> str:
    """Return the record for people, in English."""
    content = record(policy, today)
    parts = [
        _heading(content),
        _purposes(content),
        _people_and_data(content),
        _recipients(content),
        _time_limits(content),
        _security(content),
    ]
    return "\n".join(line for part in parts for line in (*part, ""))


def _heading(content: dict[str, Any]) -> list[str]:
    controller, contact = content["controller"], content["contact"]
    return [
        "# Record of processing activities",
        "",
        f"{cited('gdpr_30')}. As of {content['as_of']}; policy "
        f"{text(content['policy']['version'])} ({code(content['policy']['hash'])}). Generated: "
        f"change "
        "`schemas/policy.yaml` or the models, not this page.",
        "",
        "## (a) Controller",
        "",
        table(
            ["what", "who"],
            [
                [
                    "Controller",
                    text(
                        ", ".join(
                            str(controller[key]) for key in ("name", "address", "phone", "email")
                        )
                    ),
                ],
                [
                    "Contact",
                    text(
                        ", ".join(
                            (
                                next(iter(contact["role"].values())),
                                contact["address"],
                                contact["email"],
                            )
                        )
                    ),
                ],
                ["Register", text(content["register"])],
            ],
        ),
    ]


def _purposes(content: dict[str, Any]) -> list[str]:
    rows = [
        [
            code(entry["purpose"]),
            text(entry["name"].get("en", entry["purpose"])),
            entry["clause"],
            text(", ".join(entry["bases"])),
            str(entry["minimum_age"] or "-"),
            f"{len(entry['mart'])} tables, {sum(map(len, entry['mart'].values()))} columns"
            if entry["mart"]
            else "no mart is built",
            codes(entry["categories"]),
        ]
        for entry in content["purposes"]
    ]
    return [
        "## (b) Purposes",
        "",
        table(
            [
                "purpose",
                "name",
                "clause",
                "bases",
                "minimum age",
                "mart",
                "categories that it may use",
            ],
            rows,
        ),
    ]


def _people_and_data(content: dict[str, Any]) -> list[str]:
    rows = []
    for entry in content["categories"]:
        layers: dict[str, int] = {}
        for where, columns in entry["columns"].items():
            layer = (
                where.split(".")[0]
                if not where.startswith("marts")
                else where.rsplit(".", 1)[0].replace("marts.", "mart ")
            )
            layers[layer] = layers.get(layer, 0) + len(columns)
        counted = ", ".join(f"{layer}: {count}" for layer, count in layers.items())
        special = " (special category: explicit consent)" if entry["special"] else ""
        name = entry["name"].get("en", entry["category"]) + special
        rows.append(
            [
                code(entry["category"]),
                text(name),
                entry["clause"],
                text(counted)
                if counted
                else ("dropped on arrival" if not entry["stored"] else "none: not stored"),
                codes(entry["read_from"]),
            ]
        )
    marts = [
        [code(entry["purpose"]), code(name), codes(columns)]
        for entry in content["purposes"]
        for name, columns in entry["mart"].items()
    ]
    return [
        "## (c) People and data",
        "",
        *(f"- {who}" for who in content["people"]),
        "",
        table(["category", "name", "clause", "columns per layer", "sources that are read"], rows),
        "",
        "Columns of each mart:",
        "",
        table(["purpose", "table", "columns"], marts),
    ]


def _recipients(content: dict[str, Any]) -> list[str]:
    rows = []
    for entry in content["recipients"]:
        mechanisms = (
            "; ".join(
                each["objection"] or f"{each['mechanism']} holds" for each in entry["mechanisms"]
            )
            or "none"
        )
        transfer = "none needed" if entry["in_eea"] else mechanisms
        may = "yes" if entry["transfer_holds"] else "no: exports are refused"
        rows.append(
            [
                code(entry["recipient"]),
                text(entry["name"].get("en", "")),
                entry["country"],
                codes(entry["purposes"]),
                text(transfer),
                entry["checked"],
                may,
            ]
        )
    return [
        "## (d), (e) Recipients and transfers",
        "",
        f"Whether data may go there is as of {content['as_of']} "
        f"({cited('gdpr_44', 'schrems_ii', 'scc_2021', 'dpf')}).",
        "",
        table(
            [
                "recipient",
                "name",
                "country",
                "purposes",
                "mechanisms",
                "last checked",
                "may receive",
            ],
            rows,
        ),
    ]


def _time_limits(content: dict[str, Any]) -> list[str]:
    rules = [
        [
            code(entry["code"]),
            text(entry["applies_to"]),
            text(entry["clock"]),
            entry["period"],
            entry["effect"],
            entry["basis"],
            text(entry["source"] or "-"),
        ]
        for entry in content["time_limits"]
    ]
    ends = [
        [code(entry["category"]), codes(entry["retention"])]
        for entry in content["categories"]
        if entry["columns"]
    ]
    code_of = {
        entry["applies_to"]: code(entry["code"]) for entry in reversed(content["time_limits"])
    }
    whole = ", ".join(f"{layer}: {code_of[what]}" for layer, what in OWN_RETENTION.items())
    days = content["deadlines"]
    return [
        "## (f) Time limits",
        "",
        "Basis: P the policy says so, L law, A an authority's recommendation, C the company's "
        "choice.",
        "",
        table(
            ["rule", "applies to", "clock starts at", "period", "effect", "basis", "source"], rules
        ),
        "",
        f"Which rules end which category (`with_row`: with the rest of its row). Whole layers end "
        f"by a rule of their own: {whole}.",
        "",
        table(["category", "rules"], ends),
        "",
        f"Requests are answered within {days['requests']}, extended by {days['extension']} at "
        f"most; "
        f"registrants with data from others only are informed within {days['informing']}.",
    ]


def _security(content: dict[str, Any]) -> list[str]:
    return [
        "## (g) Security",
        "",
        table(
            ["measure", "where"],
            [[text(entry["measure"]), code(entry["where"])] for entry in content["security"]],
        ),
    ]
