"""What changes the fingerprint of the staging rules: code that decides, and nothing else."""

from __future__ import annotations

import ast

import pytest

from assets.staging.rules_fingerprint import code_of, rule_modules, rules_fingerprint

RULE = '''"""What a rule does."""

LIMIT = 3


def passes(count: int) -> bool:
    """Whether the count is allowed."""
    return count < LIMIT  # strictly
'''


def code(text: str) -> str:
    return code_of(ast.parse(text))


def test_a_docstring_a_comment_and_the_layout_are_no_rules() -> None:
    assert code(RULE) == code(
        RULE.replace("What a rule does.", "Another sentence.")
        .replace("Whether the count is allowed.", "Is it allowed?")
        .replace("  # strictly", "")
        .replace("LIMIT = 3\n\n", "LIMIT = 3\n")
    )


COLUMN = """
from schemas.columns import column, flag

amount = column("order", "total in the currency", required=True, ge=0)
dated = flag("ORDER-TIME")
"""


def test_what_a_column_means_is_no_rule() -> None:
    assert code(COLUMN) == code(
        COLUMN.replace("total in the currency", "what was paid").replace(
            'flag("ORDER-TIME")', 'flag("ORDER-TIME", description="its time is readable")'
        )
    )


def test_the_declaration_of_a_relation_is_no_rule() -> None:
    relation = 'ROWS = Relation("rows", "A row.", {"n": "BIGINT"}, Scope.RECORD)\n'
    assert code(RULE + relation) == code(RULE)


@pytest.mark.parametrize(
    ("declared", "instead"),
    [
        ('"order"', '"contract"'),
        ("required=True", "required=False"),
        ("ge=0", "ge=1"),
        ('"ORDER-TIME"', '"ORDER-AMOUNT"'),
        ("amount", "total"),
    ],
)
def test_what_a_column_requires_is_one(declared: str, instead: str) -> None:
    assert code(COLUMN) != code(COLUMN.replace(declared, instead, 1))


def test_arguments_of_another_function_of_that_name_are_rules() -> None:
    other = COLUMN.replace("schemas.columns", "elsewhere")
    assert code(other) != code(other.replace("total in the currency", "what was paid"))


def test_a_limit_and_a_comparison_are() -> None:
    assert code(RULE) != code(RULE.replace("LIMIT = 3", "LIMIT = 4"))
    assert code(RULE) != code(RULE.replace("count < LIMIT", "count <= LIMIT"))


def test_the_fingerprint_is_the_same_each_time() -> None:
    first = rules_fingerprint()
    rules_fingerprint.cache_clear()
    assert rules_fingerprint() == first
    assert len(first) == 16


def test_it_covers_the_schemas_sources_and_staging_that_decide_and_no_more() -> None:
    modules = set(rule_modules())
    assert {
        "schemas.values",
        "schemas.staged",
        "schemas.sources.crm",
        "assets.sources.crm.contacts",
        "assets.staging.staged",
        "assets.staging.shared_keys",
    } <= modules
    assert not modules & {
        "schemas.marts",
        "schemas.policy.legal_constraints",
        "assets.staging.assets",
    }
