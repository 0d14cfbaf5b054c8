"""The page of rules names every code that the product can give, so that nobody meets one that is
explained nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from assets.documents import source_rules
from assets.register.linkage_round import LINK_RULES
from assets.sources.all_sources import SOURCES as ALL_SOURCES
from schemas import backup, eligibility, fetching, files, holds, profiles, proof, requests, staged
from schemas.columns import TableModel
from schemas.delivery import REFUSALS
from schemas.policy import conflicts
from schemas.policy.loader import load_policy
from schemas.raw import FAULTS
from schemas.validation import BUILT_IN

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
CODE = re.compile(r"[A-Z]+(-[A-Z0-9]+)+")
SOURCES = source_rules.modules()

CATALOGUES: dict[str, Mapping[str, object]] = {
    "refusals": REFUSALS,
    "faults": FAULTS,
    "fetches": fetching.CODES,
    "links": dict.fromkeys(LINK_RULES, ""),
    "retention": load_policy().retention,
    "eligibility": eligibility.CODES,
    "profiles": profiles.CODES,
    "conflicts": conflicts.CODES,
    "proof": proof.CODES,
    "backup": backup.CODES,
    "files": files.CODES,
    "requests": requests.CODES,
    "holds": holds.CODES,
}


def models(module: ModuleType) -> Iterator[type[TableModel]]:
    """The module's own models of tables."""
    for member in vars(module).values():
        if (
            isinstance(member, type)
            and issubclass(member, TableModel)
            and member.__module__ == module.__name__
            and member.to_schema().name != member.__name__
        ):
            yield member


def codes(model: type[TableModel]) -> set[str]:
    """The codes that are written out on a model's rules."""
    schema = model.to_schema()
    checks = [
        *schema.checks,
        *(check for column in schema.columns.values() for check in column.checks),
    ]
    flags = {
        column.metadata["code"] for column in schema.columns.values() if "code" in column.metadata
    }
    return flags | {str(check.name) for check in checks if CODE.fullmatch(str(check.name))}


def flags_of_frames(source: str) -> set[str]:
    """The codes by which a source's frames flag rows that are used."""
    return {
        code
        for declared in ALL_SOURCES
        if declared.name == source
        for dataset in declared.datasets
        for frame in dataset.frames
        for code in frame.flags
    }


def missing(wanted: set[str]) -> list[str]:
    return sorted(code for code in wanted if f"`{code}`" not in PAGE)


@pytest.mark.parametrize(
    "catalogue",
    CATALOGUES.values(),
    ids=CATALOGUES,
)
def test_the_page_names_every_code_of_the_catalogue(catalogue: dict[str, object]) -> None:
    assert missing(set(catalogue)) == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_page_and_the_catalogue_name_every_rule_of_the_source(source: str) -> None:
    given = {
        code for module in SOURCES[source] for model in models(module) for code in codes(model)
    }
    given |= flags_of_frames(source)
    assert given
    assert given == set(source_rules.codes(source))
    assert missing(given) == []


def test_the_page_names_every_rule_of_the_canonical_frames() -> None:
    given = {code for model in staged.CANONICAL.values() for code in codes(model)}
    assert len(given) > 4
    assert missing(given) == []


def test_the_page_lists_the_endings_of_the_codes_of_columns() -> None:
    assert missing({f"<TABLE>-<COLUMN>-{ending}" for ending in BUILT_IN.values()}) == []


def test_the_page_says_of_a_source_s_rules_what_the_catalogue_says() -> None:
    texts = [text for source in SOURCES for text in source_rules.codes(source).values()]
    texts += [
        text
        for catalogue in (
            REFUSALS,
            FAULTS,
            fetching.CODES,
            eligibility.CODES,
            profiles.CODES,
            conflicts.CODES,
            requests.CODES,
        )
        for text in catalogue.values()
    ]
    assert [text for text in texts if text not in PAGE] == []


def test_the_page_names_no_rule_that_is_not_given() -> None:
    known = {
        "MART-UNDECLARED",
        "MART-WAL",
        "MART-REIDENTIFIES",
        *(code for catalogue in CATALOGUES.values() for code in catalogue),
    }
    for module in (staged, *(module for modules in SOURCES.values() for module in modules)):
        for model in models(module):
            known |= codes(model)
    for source in SOURCES:
        known |= flags_of_frames(source)
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert sorted(code for code in listed if code not in known and "<" not in code) == []
