"""What fails says in Dagster what it counted, which command shows it, and where the guide is."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from assets.dagster_support.metadata import without_values
from assets.storage.safe_errors import PlainError

KEY = dg.AssetKey(["staged", "crm"])
SMALL = dg.AssetCheckResult(
    asset_key=KEY,
    check_name="quarantine_is_small",
    passed=False,
    metadata={"quarantined": 12, "rules": "CRM-DATE"},
)
EXPLAINED = (
    "quarantined 12; `register quarantine --source crm` shows which; what to do is in "
    "docs/operators-guide.md#quarantine_is_small"
)


@without_values
def yields() -> Iterator[object]:
    yield dg.MaterializeResult(asset_key=KEY)
    yield SMALL


@without_values
def returns() -> dg.MaterializeResult:
    return dg.MaterializeResult(asset_key=KEY, check_results=[SMALL])


@without_values
def nothing_past_its_time() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, metadata={"staged": 3})


def test_a_check_that_an_asset_yields_or_returns() -> None:
    assert [getattr(event, "description", None) for event in yields()] == [None, EXPLAINED]
    [result] = returns().check_results
    assert result.description == EXPLAINED


def test_a_check_of_its_own_is_named_by_its_function() -> None:
    assert nothing_past_its_time().description == (
        "staged 3; what to do is in docs/operators-guide.md#nothing_past_its_time"
    )


def test_what_passes_or_has_its_own_words_stays_as_it_is() -> None:
    for result in (SMALL._replace(passed=True), SMALL._replace(description="its own")):
        assert without_values(lambda each=result: each)() == result


@pytest.mark.parametrize(
    ("error", "description"),
    [
        (
            PlainError("FILE-MISSING: lake/raw"),
            "FILE-MISSING: lake/raw; what to do is in "
            "docs/operators-guide.md#a-file-is-damaged-or-lost",
        ),
        (
            PlainError("no space"),
            "no space; what to do is in docs/operators-guide.md#looking-at-a-run",
        ),
    ],
)
def test_a_failure_names_the_section_of_its_code_or_of_runs(
    error: PlainError, description: str
) -> None:
    @without_values
    def fails() -> None:
        raise error

    with pytest.raises(dg.Failure) as raised:
        fails()
    assert raised.value.description == description
