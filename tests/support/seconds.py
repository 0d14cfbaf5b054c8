"""How long each test file takes: the slowest begin first, and the daily loop leaves them out.

`tests/seconds.json` has the seconds of each file that takes more than one, as last measured by
`make seconds`. A file that is not in it takes half a second.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

MEASURED = Path(__file__).parents[1] / "seconds.json"
UNMEASURED = 0.5
QUICK = 50.0  # seconds of the daily loop's tests together, on one processor


def seconds() -> dict[str, float]:
    """The seconds of each slow file by its path from the root of the repository."""
    measured: dict[str, float] = json.loads(MEASURED.read_text(encoding="utf-8"))
    return measured


def quick(files: set[str]) -> set[str]:
    """As many of the quickest files as fit into the daily loop."""
    measured = seconds()
    taken, total = set(), 0.0
    for file in sorted(files, key=lambda file: (measured.get(file, UNMEASURED), file)):
        total += measured.get(file, UNMEASURED)
        if total > QUICK:
            break
        taken.add(file)
    return taken


def file_of(nodeid: str) -> str:
    return nodeid.split("::", maxsplit=1)[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only the quickest files")
    parser.addoption("--measure", action="store_true", help="write tests/seconds.json")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--measure") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Measuring(), "measuring")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow if only quick files are wanted; else put the slowest files first."""
    measured = seconds()
    if config.getoption("--quick"):
        taken = quick({file_of(item.nodeid) for item in items})
        config.hook.pytest_deselected(
            items=[item for item in items if file_of(item.nodeid) not in taken]
        )
        items[:] = [item for item in items if file_of(item.nodeid) in taken]
    items.sort(key=lambda item: -measured.get(file_of(item.nodeid), 0))


class Measuring:
    """Adds up the phases of all tests of a file."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.total[file_of(report.nodeid)] += report.duration  # type: ignore[assignment]

    def pytest_sessionfinish(self) -> None:
        slow = {file: round(total, 1) for file, total in self.total.most_common() if total > 1}
        MEASURED.write_text(json.dumps(slow, indent=2) + "\n", encoding="utf-8")
