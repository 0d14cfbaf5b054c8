"""The house rules: which way imports go, how large a module may be, what its name must tell, what
must be declared.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dateutil.relativedelta import relativedelta

from assets.marts.queries import QUERIES
from assets.register.building import TABLES
from assets.sources.all_sources import SOURCES
from schemas import delivery, marts, raw
from schemas.columns import TableModel, categories, column, descriptions, table_name
from schemas.declarations import LAYERS as TABLES_OF_LAYERS
from schemas.marts import MARTS, About, PurposeError, check_purposes
from schemas.meanings import meanings
from schemas.policy.loader import POLICY_FILE, load_policy
from schemas.quarantine import Outcome, Quarantine
from schemas.staged import CANONICAL
from schemas.validation import BUILT_IN, FLAGGED

HOUSE = Path(__file__).parents[1]
LAYERS = ("schemas", "assets", "pipelines")
MAY_IMPORT = {"schemas": {"schemas"}, "assets": {"assets", "schemas"}, "pipelines": set(LAYERS)}
MODULES = sorted(path for layer in LAYERS for path in (HOUSE / layer).rglob("*.py"))
POLICY = load_policy()


def name_of(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Every module that is imported anywhere in the file, inside functions too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: a relative import"
            yield node.module or ""


def test_imports_go_from_pipelines_to_assets_to_schemas() -> None:
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in MODULES
        for name in imported(path)
        if name.split(".")[0] in (*LAYERS, "tests")
        and name.split(".")[0] not in MAY_IMPORT[path.relative_to(HOUSE).parts[0]]
    ]
    assert wrong == []


def test_only_assets_py_their_support_and_the_pipelines_know_dagster() -> None:
    """The logic beside an asset runs without Dagster."""
    knows = {
        path
        for path in MODULES
        if any(name.split(".")[0].startswith("dagster") for name in imported(path))
        or any(name.startswith("assets.dagster_support") for name in imported(path))
    }
    assert [
        name_of(path)
        for path in knows
        if path.name != "assets.py"
        and not name_of(path).startswith(("assets/dagster_support/", "pipelines/"))
    ] == []


def test_no_logic_imports_an_assets_py() -> None:
    wrong = [
        name_of(path)
        for path in MODULES
        if name_of(path).startswith("assets/")
        and path.name != "assets.py"
        and any(name.endswith(".assets") for name in imported(path))
    ]
    assert wrong == []


# The order in which data flows; a folder imports those before it (docs/decisions/layout.md).
STAGES = (
    "storage",
    "dagster_support",
    "requests",
    "sources",
    "ingest",
    "connectors",
    "staging",
    "record_linkage",
    "register",
    "retention",
    "marts",
    "documents",
    "rights",
    "erasure",
    "backup",
    "supervision",
)


def imported_modules(path: Path) -> Iterator[str]:
    """Every module of ours that is imported anywhere in the file, `from x import module`
    included.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_stage_imports_a_later_stage() -> None:
    assert {path.name for path in (HOUSE / "assets").iterdir() if path.is_dir()} - {
        "__pycache__"
    } == set(STAGES)
    wrong = [
        f"{name_of(path)} imports {name}"
        for stage in STAGES
        for path in (HOUSE / "assets" / stage).rglob("*.py")
        for name in imported_modules(path)
        if (later := re.match(r"assets\.(\w+)", name))
        and later[1] in STAGES
        and STAGES.index(later[1]) > STAGES.index(stage)
    ]
    assert wrong == []


# Module that writes or removes files without recording them -> where; nothing of it is in lake/.
UNRECORDED = {
    "assets/backup/exchange.py": "the note of an exchange, in the data root",
    "assets/backup/generations.py": "backups/, secrets/backup-keys/",
    "assets/backup/intact_copies.py": "puts back what its folder has recorded",
    "assets/backup/restoring.py": "requests/, secrets/",
    "assets/erasure/emptied_deliveries.py": "requests/evidence/",
    "assets/erasure/proof/chain_heads.py": "backups/",
    "assets/erasure/proof/evidence.py": "requests/evidence/",
    "assets/ingest/deliveries.py": "inbox/",
    "assets/ingest/delivering.py": "inbox/",
    "assets/marts/audience_export.py": "a file that the user names",
    "assets/requests/encrypted_identity.py": "secrets/request-keys/",
    "assets/rights/access/archive.py": "a file that the user names",
    "assets/rights/outbound_messages.py": "outbox/",
    "assets/rights/recipient_notices.py": "requests/notices/, outbox/",
    "assets/rights/rectification.py": "inbox/",
    "assets/rights/request_inbox.py": "requests/inbox/, requests/refused/",
    "assets/rights/withdrawal.py": "inbox/",
    "assets/rights/withheld_messages.py": "requests/, outbox/",
    "assets/storage/secrets.py": "secrets/",
    "assets/storage/suppression_state.py": "the suppression list, which has a record of its own",
    "pipelines/cli/link_files.py": "a file that the user names",
    "pipelines/cli/recipient_notices.py": "a file that the user names",
    "pipelines/cli/review.py": "a file that the user names",
    "pipelines/dagster_home.py": "dagster/",
    "pipelines/heartbeat.py": "watch/",
    "pipelines/notifications.py": "watch/",
}


def test_files_of_the_lake_are_written_by_the_functions_that_record_them() -> None:
    """`atomic_files` is for files elsewhere, and each module that uses it says where. That nothing
    in the lake is without a record is in tests/e2e/test_damaged_files.py.
    """
    writers = {f"assets.storage.atomic_files.{name}" for name in ("writing", "write_all", "remove")}
    assert {name_of(path) for path in MODULES if writers & {*imported_modules(path)}} == {
        *UNRECORDED
    }
    whole = [path for path in MODULES if "import atomic_files" in path.read_text(encoding="utf-8")]
    assert [name_of(path) for path in whole] == ["assets/storage/recorded_files.py"]


def test_packages_import_nothing() -> None:
    """So that the command line loads a module, not a stage."""
    packages = [path for path in MODULES if path.name == "__init__.py"]
    assert [name_of(path) for path in packages if list(imported(path))] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_every_file_name_states_its_content() -> None:
    empty = {"utils", "util", "common", "helpers", "helper", "core", "base", "misc", "tools", "lib"}
    everything = [*MODULES, *(HOUSE / "tests").rglob("*.py")]
    assert [
        name_of(path)
        for path in everything
        if empty & {part.removesuffix(".py").strip("_") for part in path.relative_to(HOUSE).parts}
    ] == []


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Public functions and classes of the module."""
    yield from (
        node
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_what_they_offer_say_what_they_are(path: Path) -> None:
    tree = parsed(path)
    assert ast.get_docstring(tree), f"{name_of(path)} has no docstring"
    assert [node.name for node in public(tree) if not ast.get_docstring(node)] == []


def catalogue() -> set[str]:
    """Every rule code that is documented: reader's faults, refusals, retention rules, and the CODES
    of the modules of schemas.
    """
    import importlib
    import pkgutil

    import schemas

    codes = {*raw.FAULTS, *delivery.REFUSALS, *POLICY.retention}
    for module in pkgutil.walk_packages(schemas.__path__, "schemas."):
        codes |= set(getattr(importlib.import_module(module.name), "CODES", {}))
    return codes


PREFIXES = sorted({code.partition("-")[0] for code in catalogue() if isinstance(code, str)})
CODE = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-[A-Z0-9][A-Z0-9-]*[A-Z0-9]\b")


def test_every_rule_code_in_the_code_is_in_a_catalogue() -> None:
    used: dict[str, str] = {}
    for path in MODULES:
        if name_of(path).startswith("pipelines/synthetic/"):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                used |= dict.fromkeys(CODE.findall(node.value), name_of(path))
    assert {code: where for code, where in used.items() if code not in catalogue()} == {}


def test_every_rule_of_a_model_has_a_code() -> None:
    """What lands in quarantine is a code, never the name that a check happens to have."""
    wrong = []
    for model in every_model():
        schema = model.to_schema()
        checks = [
            *schema.checks,
            *(check for col in schema.columns.values() for check in col.checks),
        ]
        wrong += [
            f"{table_name(model)}: {check.error}"
            for check in checks
            if not (
                CODE.fullmatch(str(check.error))
                or str(check.error).startswith((*BUILT_IN, FLAGGED))
            )
        ]
        wrong += [
            name
            for name, col in schema.columns.items()
            if any(check.error == FLAGGED for check in col.checks) and "code" not in col.metadata
        ]
    assert wrong == []


def every_model() -> list[type[TableModel]]:
    vendors = {dataset.vendor for source in SOURCES for dataset in source.datasets}
    published = {model for models in MARTS.values() for model in models}
    return [
        raw.Raw,
        Quarantine,
        Outcome,
        About,
        *CANONICAL.values(),
        *TABLES.values(),
        *sorted(published | vendors, key=lambda model: model.__qualname__),
    ]


@pytest.mark.clause("P5")
@pytest.mark.parametrize("model", every_model(), ids=lambda model: model.__name__)
def test_every_column_has_a_category_of_the_policy(model: type[TableModel]) -> None:
    assert {
        name: category
        for name, category in categories(model).items()
        if category not in POLICY.categories
    } == {}


@pytest.mark.clause("P4", "P4.3", "P4.5")
@pytest.mark.parametrize("purpose", MARTS)
def test_every_column_of_a_mart_may_be_used_for_its_purpose(purpose: str) -> None:
    wrong = [
        f"{table_name(model)}.{name}"
        for model in (*MARTS[purpose], About)
        for name, category in categories(model).items()
        if not POLICY.allows(category, purpose)
    ]
    assert wrong == []


def test_every_purpose_of_the_policy_has_its_mart_and_every_source_its_entry() -> None:
    assert set(MARTS) == set(QUERIES) == set(POLICY.purposes)
    assert {source.name for source in SOURCES} <= set(POLICY.sources)
    for purpose, models in MARTS.items():
        assert {table_name(model) for model in models} == set(QUERIES[purpose])


@pytest.mark.clause("P4.2")
def test_only_permitted_marts_contain_identity_codes_and_credit_data() -> None:
    holding = {
        category: {
            purpose
            for purpose, models in MARTS.items()
            if any(category in categories(model).values() for model in models)
        }
        for category in ("identity_code", "credit")
    }
    assert holding == {
        "identity_code": {"contracts", "credit_decision", "legal_claims"},
        "credit": {"credit_decision"},
    }
    direct = {
        "name",
        "contact",
        "address",
        "identity_code",
        "customer_number",
        "registrant_id",
        "birth_date",
        "website_identifier",
        "credit",
        "company",
    }
    for pseudonymous in ("analytics", "products_and_services"):
        assert not direct & {
            category for model in MARTS[pseudonymous] for category in categories(model).values()
        }


def test_a_column_that_the_policy_does_not_allow_stops_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Grown(TableModel):
        identity_code: marts.Text = column("identity_code")

        class Config:
            name = "grown"

    monkeypatch.setitem(marts.MARTS, "analytics", (*marts.MARTS["analytics"], Grown))
    with pytest.raises(PurposeError, match=r"grown\.identity_code"):
        check_purposes(POLICY)


@pytest.mark.parametrize("purpose", MARTS)
def test_a_category_that_loses_its_purpose_stops_the_build(purpose: str) -> None:
    policy = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    used = sorted(
        {category for model in MARTS[purpose] for category in categories(model).values()}
        - {"technical"}
    )[0]
    policy["categories"][used]["purposes"] = tuple(
        kept for kept in policy["categories"][used]["purposes"] if kept != purpose
    )
    with pytest.raises(PurposeError, match=used):
        check_purposes(type(POLICY).model_validate(policy))


def test_a_column_without_a_category_of_the_policy_may_be_used_for_nothing() -> None:
    assert not any(POLICY.allows("unheard_of", purpose) for purpose in POLICY.purposes)


def test_periods_are_calendar_periods() -> None:
    assert all(
        relativedelta(**{rule.period.unit: rule.period.count}) or rule.period.count == 0
        for rule in POLICY.retention.values()
    )


def test_sources_read_dates_and_moments_through_the_macros_of_schemas_values() -> None:
    """A bare cast takes `infinity`, `epoch` or the year 99999 for a date."""
    cast = re.compile(
        r"AS (DATE|TIME\w*)\)|(?<!NULL)::(DATE|TIME)|strptime|make_(date|timestamp)",
        re.IGNORECASE,
    )
    wrong = [
        f"{name_of(path)}: {match.group()}"
        for path in (HOUSE / "assets" / "sources").rglob("*.py")
        for match in cast.finditer(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_paths_get_into_sql_through_the_module_that_quotes_them_only() -> None:
    """An apostrophe in REGISTER_HOME ends a path that is put between quotes as it is."""
    composed = re.compile(
        r"read_(parquet|csv|json)\w*\((?![?{])|parquet\(\{\w+!r|(ATTACH|COPY|TO) '"
        r"|'\{[^}]*\b(path|file)\b"
    )
    wrong = [
        f"{name_of(path)}:{number}"
        for path in MODULES
        if path.name != "quoting.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if composed.search(line) and "def " not in line and "readers." not in line
    ]
    assert wrong == []


def test_no_column_of_any_layer_lacks_a_meaning() -> None:
    lacking = {
        f"{layer}.{table_name(model)}.{name}"
        for layer, models in TABLES_OF_LAYERS.items()
        for model in models
        for name, meaning in meanings()[model].items()
        if not meaning or meaning.lower() == name.replace("_", " ")
    }
    assert lacking == set(), "describe it in its model: schemas/"


def test_no_column_of_a_vendors_record_lacks_a_meaning() -> None:
    lacking = {
        f"{table_name(dataset.vendor)}.{name}"
        for source in SOURCES
        for dataset in source.datasets
        for name, meaning in descriptions(dataset.vendor).items()
        if not meaning
    }
    assert lacking == set(), "describe it in its model: schemas/sources/"
