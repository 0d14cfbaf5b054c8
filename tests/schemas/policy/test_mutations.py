"""Any change of the policy file loads, or is refused with line and remedy, within a second."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy.loader import POLICY_FILE
from tests.support.changed_policy import faults, written
from tests.support.examples import examples

SECONDS = 1.0
MESSAGE = re.compile(r"line \d+( \(P\d[.\d]*\))?: .+: .+; .+|policy-\d+\.yaml: and \d+ more; .+")

Path_ = tuple[str | int, ...]


def parts(content: Any, where: Path_ = ()) -> Iterator[Path_]:
    """The places of all parts of a policy, outermost first."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inner:
        yield (*where, key)
        if isinstance(value, dict | list):
            yield from parts(value, (*where, key))


PARTS = list(parts(written()))
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.lists(st.text(max_size=10), max_size=4),
    st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3),
    st.sampled_from(["", " ", "P4.9", "99 years", "0 days", "NO", "3 yaers", "\u200b", "[", "~"]),
)


def put(content: Any, where: Path_, value: Any) -> None:
    for key in where[:-1]:
        content = content[key]
    content[where[-1]] = value


def take(content: Any, where: Path_) -> Any:
    for key in where[:-1]:
        content = content[key]
    return content.pop(where[-1])


def judged(tmp_path: Path, text: str | bytes) -> list[str]:
    start = time.monotonic()
    lines = faults(tmp_path, text)
    assert time.monotonic() - start < SECONDS
    for line in lines:
        assert MESSAGE.fullmatch(line), line
        assert line.isprintable()
    return lines


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_any_parts_replaced_taken_out_or_moved(folder: Path, data: st.DataObject) -> None:
    content = written()
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(parts(content))
        where = data.draw(st.sampled_from(places))
        match data.draw(st.sampled_from(["put", "take", "rename", "copy"])):
            case "put":
                put(content, where, data.draw(VALUES))
            case "take":
                take(content, where)
            case "rename":
                moved = take(content, where)
                if isinstance(where[-1], str):
                    put(content, (*where[:-1], data.draw(st.text(max_size=12))), moved)
            case _:
                other = data.draw(st.sampled_from(list(parts(content))))
                part: Any = content
                for key in where:
                    part = part[key]
                put(content, other, copy.deepcopy(part))
    judged(folder, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))


@settings(max_examples=examples(60), deadline=None)
@given(
    cut=st.lists(
        st.tuples(st.integers(0, 20_000), st.integers(0, 40), st.binary(max_size=12)),
        min_size=1,
        max_size=3,
    )
)
def test_any_bytes_replaced(folder: Path, cut: list[tuple[int, int, bytes]]) -> None:
    content = POLICY_FILE.read_bytes()
    for start, length, new in cut:
        content = content[:start] + new + content[start + length :]
    judged(folder, content)


@settings(max_examples=examples(60), deadline=None)
@given(
    start=st.integers(0, 20_000),
    new=st.text(alphabet="[]{}:,-&*!|>'\"%@`#?~<\n\t \\0aé", min_size=1, max_size=30),
    times=st.integers(1, 2_000),
)
def test_any_notation_of_yaml_put_in(folder: Path, start: int, new: str, times: int) -> None:
    text = POLICY_FILE.read_text(encoding="utf-8")
    judged(folder, text[:start] + new * times + text[start:])


@pytest.mark.parametrize("where", PARTS[:: max(1, len(PARTS) // 150)], ids=str)
def test_each_part_taken_out(where: Path_, tmp_path: Path) -> None:
    """What may be left out may be left out; the rest is missed where it was, and nowhere else."""
    content = written()
    take(content, where)
    lines = judged(tmp_path, yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    assert len(lines) <= 3, lines
