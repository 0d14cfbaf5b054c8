"""The record of processing activities (GDPR 30(1)): (a) controller, (b) purposes, (c) people and data, (d) recipients,
(e) transfers, (f) time limits, (g) security; made from the policy, the tables' models and what the pipeline does.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from assets.documents import stored_data
from assets.documents.conflicts import transfer_holds
from assets.documents.pages import code, codes, table, text
from schemas import law
from schemas.citations import cited
from schemas.columns import categories, table_name
from schemas.declarations import LAYERS, OWN_RETENTION
from schemas.policy import Policy

# Whom the register is about, each known by a category of data that is held.
PEOPLE = {
    "contract": "customers, and former customers",
    "name": "prospects and other contacts",
    "company": "contact persons of companies",
    "website": "visitors to the website",
    "participation": "participants in events",
    "credit": "applicants for credit",
}
# GDPR 30(1)(g). Each is what the product does, with the place that does it; promises of the organisation are not among them.
SECURITY = {
    "Folders of the data root are readable by their owner only (0700), files likewise (0600)": "assets/storage/data_root.py",
    "The user interface listens on the loopback address only": "pipelines/cli/ui.py",
    "One read-only database per purpose; a column that the policy does not allow for the purpose stops the start": "schemas/declarations.py",
    "A database is checked row by row before it replaces the published one, by one rename": "assets/marts/building.py",
    "Analysis sees keyed pseudonyms (HMAC-SHA256); the key is kept apart from the data": "assets/storage/data_root.py",
    "Passwords are dropped and IP addresses shortened before anything is stored": "assets/sources",
    "Runs, logs, metadata and error messages hold ids, counts and rule codes, and no personal data": "assets/dagster_support/metadata.py",
    "Deliveries are taken in only when SHA-256, size and number of records are those of their manifest": "assets/ingest/deliveries.py",
    "Every file is synced and put in place by one rename; one process writes at a time": "pipelines/writer_lock.py",
    "Erasure rewrites every file that holds the person, keeps a keyed hash against their return, and proves that nothing is left": "assets/erasure/erasing.py",
    "What is past its time is removed from every layer at each refresh": "assets/retention/sweep.py",
    "Dependencies are locked by their hashes": "requirements.lock",
}


def record(policy: Policy, today: date) -> dict[str, Any]:
    """The record as data. `holds` of a transfer mechanism is whether it holds on `today`."""
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
        "people": [who for category, who in PEOPLE.items() if category in places],
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


def _purpose(policy: Policy, name: str) -> dict[str, Any]:
    one = policy.purposes[name]
    models = LAYERS.get(f"marts.{name}", ())
    return {
        "purpose": name,
        "name": dict(one.name),
        "clause": one.clause,
        "bases": list(one.bases),
        "minimum_age": one.minimum_age,
        "categories": [
            category for category, what in policy.categories.items() if name in what.purposes
        ],
        "mart": {table_name(model): list(categories(model)) for model in models},
    }


def _category(policy: Policy, name: str, places: list[stored_data.Place]) -> dict[str, Any]:
    one = policy.categories[name]
    columns: dict[str, list[str]] = {}
    for place in places:
        columns.setdefault(f"{place.layer}.{place.table}", []).append(place.column)
    return {
        "category": name,
        "name": dict(one.name),
        "clause": one.clause,
        "stored": one.stored,
        "special": one.special,
        "sources": sorted(policy.origins(name)),
        "read_from": stored_data.really_from(policy, name),
        "derived_from": list(one.derived_from),
        "purposes": list(one.purposes),
        "retention": list(one.retention),
        "columns": columns,
    }


def _recipient(policy: Policy, name: str, today: date) -> dict[str, Any]:
    one = policy.recipients[name]
    return {
        "recipient": name,
        "name": dict(one.name),
        "clause": one.clause,
        "country": one.country,
        "in_eea": law.in_eea(one.country),
        "checked": str(one.checked),
        "purposes": list(one.purposes),
        "mechanisms": [
            {"mechanism": each, "holds": law.mechanism_holds(each, one.checked, today)}
            for each in one.mechanisms
        ],
        "transfer_holds": transfer_holds(policy, name, today),
    }


def markdown(policy: Policy, today: date) -> str:
    """The record for people, in English."""
    told = record(policy, today)
    parts = [
        _heading(told),
        _purposes(told),
        _people_and_data(told),
        _recipients(told),
        _time_limits(told),
        _security(told),
    ]
    return "\n".join(line for part in parts for line in (*part, ""))


def _heading(told: dict[str, Any]) -> list[str]:
    controller, contact = told["controller"], told["contact"]
    return [
        "# Record of processing activities",
        "",
        f"{cited('gdpr_30')}. As of {told['as_of']}; policy {text(told['policy']['version'])} ({code(told['policy']['hash'])}). Generated: change "
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
                            str(controller[one]) for one in ("name", "address", "phone", "email")
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
                ["Register", text(told["register"])],
            ],
        ),
    ]


def _purposes(told: dict[str, Any]) -> list[str]:
    rows = [
        [
            code(one["purpose"]),
            text(one["name"].get("en", one["purpose"])),
            one["clause"],
            text(", ".join(one["bases"])),
            str(one["minimum_age"] or "-"),
            f"{len(one['mart'])} tables, {sum(map(len, one['mart'].values()))} columns"
            if one["mart"]
            else "no mart is built",
            codes(one["categories"]),
        ]
        for one in told["purposes"]
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


def _people_and_data(told: dict[str, Any]) -> list[str]:
    rows = []
    for one in told["categories"]:
        layers: dict[str, int] = {}
        for where, columns in one["columns"].items():
            layer = (
                where.split(".")[0]
                if not where.startswith("marts")
                else where.rsplit(".", 1)[0].replace("marts.", "mart ")
            )
            layers[layer] = layers.get(layer, 0) + len(columns)
        counted = ", ".join(f"{layer}: {count}" for layer, count in layers.items())
        name = f"{one['name'].get('en', one['category'])}{' (special category: explicit consent)' if one['special'] else ''}"
        rows.append(
            [
                code(one["category"]),
                text(name),
                one["clause"],
                text(counted)
                if counted
                else ("dropped on arrival" if not one["stored"] else "none: not held"),
                codes(one["read_from"]),
            ]
        )
    marts = [
        [code(one["purpose"]), code(name), codes(columns)]
        for one in told["purposes"]
        for name, columns in one["mart"].items()
    ]
    return [
        "## (c) People and data",
        "",
        *(f"- {who}" for who in told["people"]),
        "",
        table(["category", "name", "clause", "columns per layer", "sources that are read"], rows),
        "",
        "Columns of each mart:",
        "",
        table(["purpose", "table", "columns"], marts),
    ]


def _recipients(told: dict[str, Any]) -> list[str]:
    rows = []
    for one in told["recipients"]:
        mechanisms = (
            ", ".join(
                f"{each['mechanism']} ({'holds' if each['holds'] else 'does not hold'})"
                for each in one["mechanisms"]
            )
            or "none"
        )
        told_of = "none needed" if one["in_eea"] else mechanisms
        may = "yes" if one["transfer_holds"] else "no: exports are refused"
        rows.append(
            [
                code(one["recipient"]),
                text(one["name"].get("en", "")),
                one["country"],
                codes(one["purposes"]),
                text(told_of),
                one["checked"],
                may,
            ]
        )
    return [
        "## (d), (e) Recipients and transfers",
        "",
        f"Whether data may go there is as of {told['as_of']} ({cited('gdpr_44', 'schrems_ii', 'scc_2021', 'dpf')}).",
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


def _time_limits(told: dict[str, Any]) -> list[str]:
    rules = [
        [
            code(one["code"]),
            text(one["applies_to"]),
            text(one["clock"]),
            one["period"],
            one["effect"],
            one["basis"],
            text(one["source"] or "-"),
        ]
        for one in told["time_limits"]
    ]
    ends = [
        [code(one["category"]), codes(one["retention"])]
        for one in told["categories"]
        if one["columns"]
    ]
    whole = ", ".join(
        f"{layer}: {code(next(one['code'] for one in told['time_limits'] if one['applies_to'] == what))}"
        for layer, what in OWN_RETENTION.items()
    )
    days = told["deadlines"]
    return [
        "## (f) Time limits",
        "",
        "Basis: P the policy says so, L law, A an authority's recommendation, C the company's choice.",
        "",
        table(
            ["rule", "applies to", "clock starts at", "period", "effect", "basis", "source"], rules
        ),
        "",
        f"Which rules end which category (`with_row`: with the rest of its row). Whole layers end by a rule of their own: {whole}.",
        "",
        table(["category", "rules"], ends),
        "",
        f"Requests are answered within {days['requests']}, extended by {days['extension']} at most; "
        f"whoever's data came from others only is told within {days['informing']}.",
    ]


def _security(told: dict[str, Any]) -> list[str]:
    return [
        "## (g) Security",
        "",
        table(
            ["measure", "where"],
            [[text(one["measure"]), code(one["where"])] for one in told["security"]],
        ),
    ]
