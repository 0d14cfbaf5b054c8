"""What changes the fingerprint of the staging rules: code that decides, and nothing else."""

from __future__ import annotations

import ast

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
        "assets.sources.crm",
        "assets.staging.staged",
        "assets.staging.shared_keys",
    } <= modules
    assert not modules & {
        "schemas.marts",
        "schemas.policy.legal_constraints",
        "assets.staging.assets",
    }
