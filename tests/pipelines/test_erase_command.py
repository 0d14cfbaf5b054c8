"""`register erase` carries out all named requests in one run, whatever lies between."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from pipelines.cli.erasure import make_adjacent

CLOSED, FIRST, UNWANTED, SECOND, NEW = "Q1", "Q2", "Q3", "Q4", "Q5"


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ([FIRST, UNWANTED, SECOND, NEW], [CLOSED, FIRST, UNWANTED, SECOND, NEW]),
        ([FIRST, SECOND], [CLOSED, UNWANTED, NEW, FIRST, SECOND]),
        ([SECOND], [CLOSED, FIRST, UNWANTED, SECOND, NEW]),
        ([NEW, FIRST], [CLOSED, UNWANTED, SECOND, NEW, FIRST]),
    ],
)
def test_requests_that_are_wanted_lie_side_by_side_and_none_is_lost(
    tmp_path: Path, wanted: list[str], keys: list[str]
) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("requests", [CLOSED, FIRST, UNWANTED, SECOND])
        make_adjacent(instance, wanted, [FIRST, UNWANTED, SECOND, NEW])
        assert list(instance.get_dynamic_partitions("requests")) == keys
