"""The page speaks each of the policy's languages: every table, column and rule that it shows has a
name in it.
"""

from __future__ import annotations

import pytest

from assets.register.building import TABLES
from assets.rights.access import labels
from assets.rights.access.gathering import NOT_SHOWN
from schemas import eligibility, profiles
from schemas.columns import categories
from schemas.policy.loader import load_policy
from schemas.staged import CANONICAL

POLICY = load_policy()
SHOWN = {**{name: model for name, model in TABLES.items() if name not in NOT_SHOWN}, **CANONICAL}
NEVER = {"registrant_id", "record_no", "position"}


@pytest.mark.parametrize("language", POLICY.languages)
def test_every_table_and_column_has_a_name(language: str) -> None:
    words = labels.words()
    columns = {column for model in SHOWN.values() for column in categories(model)} - NEVER
    assert (
        sorted(column for column in columns if language not in words["columns"].get(column, {}))
        == []
    )
    assert sorted(table for table in SHOWN if language not in words["tables"].get(table, {})) == []
    assert sorted(code for code, texts in words["texts"].items() if language not in texts) == []


@pytest.mark.parametrize("language", POLICY.languages)
def test_every_rule_has_a_meaning(language: str) -> None:
    codes = {**eligibility.CODES, **profiles.CODES}
    for code, english in codes.items():
        meaning = labels.meaning(code, language)  # type: ignore[arg-type]
        assert meaning != code
        assert "{" not in meaning
        assert language == "en" or meaning != english


@pytest.mark.parametrize(
    ("wished", "chosen"),
    [("fi", "fi"), ("sv", "sv"), ("en", "en"), ("de", "en"), ("viro", "en"), (None, "fi")],
)
def test_the_language_is_the_registrants_or_a_language_of_the_policy(
    wished: str | None, chosen: str
) -> None:
    assert labels.chosen(POLICY, wished) == chosen
