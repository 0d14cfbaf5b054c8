"""A file that is no plain YAML, or no file, is refused at once, with the line."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from schemas.policy.diagnostics import PolicyError
from schemas.policy.loader import POLICY_FILE, load_policy
from schemas.policy.yaml_file import MAX_BYTES, MAX_DEPTH
from tests.support.changed_policy import edited, faults

# The longest that any file may take.
SECONDS = 1.0


def bomb(levels: int) -> str:
    """Aliases of aliases: nine to the power of `levels` values in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, levels)
    ]
    return "\n".join(lines)


MANY = "it has more than 6000 values"
UNREADABLE: list[tuple[str, str | bytes, str]] = [
    ("a bomb of aliases", bomb(40), "line 1: the file: the file is not plain YAML: anchors"),
    ("an alias", "version: '1'\ncontroller: &one {}\ncontact: *one\n", "line 2: the file: "),
    ("an alias of nothing", "version: *nothing\n", "line 1: the file: the file is not plain YAML"),
    ("an alias of itself", "a: &a [*a]\n", "anchors and aliases are refused"),
    ("a merged key", "a: &a {b: 1}\nc:\n  <<: *a\n", "anchors and aliases are refused"),
    ("a merge of nothing", "version: '1'\n<<: {version: '2'}\n", "line 2 "),
    ("a tag", "version: !!python/object/apply:os.system [id]\n", "tags are refused"),
    ("a tag of YAML", "version: !!binary aGVq\n", "tags are refused"),
    ("brackets in brackets", "a: " + "[" * 100_000, f"more than {MAX_DEPTH} levels deep"),
    ("braces in braces", "a: " + "{b: " * 50_000, f"more than {MAX_DEPTH} levels deep"),
    ("lists in lists", "a: " + "- " * 100_000, "not plain YAML"),
    ("lists by indentation", "\n".join(" " * n + "-" for n in range(600)), "levels deep"),
    ("keys of keys", "? " * 100_000, f"more than {MAX_DEPTH} levels deep"),
    (
        "not UTF-8",
        b"version: '1'\ncontroller:\n  name: \xc4sk\n",
        "line 3: the file: the file is not UTF-8 (byte 0xc4)",
    ),
    ("UTF-16", "version: '1'".encode("utf-16"), "line 1: the file: the file is not UTF-8"),
    (
        "a control character",
        "version: '1'\nname: a\x07b\n",
        "line 2: the file: the file is not YAML",
    ),
    ("too large", "# " + "x" * MAX_BYTES, "the file has more than 256 KiB"),
    ("two documents", "version: '1'\n---\nversion: '2'\n", "not plain YAML"),
    (
        "a key that is a list",
        "version: '1'\n[a, b]: c\n",
        "line 2: key: the key on line 2 is no text",
    ),
    (
        "a key that is a number",
        "version: '1'\n2019: c\n",
        "line 2: key: the key on line 2 is no text",
    ),
    (
        "a key that is a yes",
        "purposes:\n  on: {}\n",
        "line 2 (P4): purposes.key: the key on line 2 is no text",
    ),
    ("an unclosed quote", "version: '1\n", "not plain YAML"),
    (
        "a tab",
        "version: '1'\ncontroller:\n\tname: a\n",
        "line 3: the file: the file is not plain YAML",
    ),
    ("nothing", "", "the file is not a mapping; begin with `version:`"),
    ("a list", "- a", "the file is not a mapping"),
    ("a long number", f"version: {'9' * 100_000}\n", "is missing"),
    ("a long sexagesimal", f"version: 1{':59' * 60_000}\n", "is missing"),
    ("a long text", f"version: {'a' * 200_000}\n", "is missing"),
    ("many keys", "\n".join(f"k{number}: {number}" for number in range(2_900)), "more; correct"),
    ("too many keys", "\n".join(f"k{number}: 1" for number in range(15_000)), MANY),
    ("many entries", "purposes: [" + "a, " * 5_000 + "a]", "stands where fields belong"),
    ("too many entries", "purposes: [" + "a, " * 80_000 + "a]", MANY),
    (
        "many wrong bases",
        "purposes:\n  analytics: {bases: [" + "a, " * 5_000 + "a]}",
        "is none of what it may be",
    ),
]


@pytest.mark.parametrize(
    ("text", "message"),
    [(text, message) for _, text, message in UNREADABLE],
    ids=[name for name, _, _ in UNREADABLE],
)
def test_what_is_no_plain_yaml_is_refused_within_a_second(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    start = time.process_time()
    lines = faults(tmp_path, text)
    assert time.process_time() - start < SECONDS
    assert any(message in line for line in lines), lines
    assert len(lines) <= 51
    assert all(len(line) < 2_000 for line in lines)


def test_a_bomb_in_an_otherwise_right_file_is_refused_on_its_line(tmp_path: Path) -> None:
    text = POLICY_FILE.read_text(encoding="utf-8")
    (fault,) = faults(tmp_path, f"{text}\nbomb: &bomb [*bomb]\n")
    assert fault.startswith(f"line {text.count(chr(10)) + 2}: the file: ")


@pytest.mark.parametrize("number", ["1:30", "020", "0x14", "0b10100", "2_0"])
def test_a_number_in_another_notation_than_digits_is_none(number: str, tmp_path: Path) -> None:
    """YAML reads 1:30 as 90, and 020 as 16."""
    text, line = edited("segment_floor: 20", f"segment_floor: {number}")
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"line {line} (P4.4): profiles.segment_floor: '{number}' is no whole")


def test_a_moment_is_no_day(tmp_path: Path) -> None:
    text, _ = edited("    country: FI\n    mechanisms: []\n    checked: 2019-06-27",
        "    country: FI\n    mechanisms: []\n    checked: 2019-06-27T10:00:00Z")  # fmt: skip
    (fault,) = faults(tmp_path, text)
    assert "'2019-06-27T10:00:00Z' is no day of the calendar; write YYYY-MM-DD" in fault


@pytest.mark.parametrize("key", ["  region:", "categories:", "    mandatory:"])
def test_a_repeated_key_names_both_lines(key: str, tmp_path: Path) -> None:
    lines = POLICY_FILE.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines, 1) if line.startswith(key))
    lines.insert(first - 1, f"{key} {{}}")
    (fault,) = faults(tmp_path, "\n".join(lines))
    assert fault.startswith(f"line {first + 1} ")
    assert f"the key stands twice, on lines {first} and {first + 1}; keep one of them" in fault


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path, b"\xef\xbb\xbf" + POLICY_FILE.read_bytes()) == []


def test_the_line_is_that_of_the_mistake(tmp_path: Path) -> None:
    text, line = edited("period: 25 months", "period: 2 yaers")
    (fault,) = faults(tmp_path, text)
    assert fault.startswith(f"line {line} (P8.2): retention.RET-VISITS-25M.period: ")
    assert "'2 yaers'" in fault


class TestFiles:
    """What the path names."""

    def test_a_file_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PolicyError, match=r"cannot be read \(No such file"):
            load_policy(tmp_path / "policy.yaml")

    def test_a_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(PolicyError, match="it is not a file"):
            load_policy(tmp_path)

    def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(
        self, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "policy.yaml")
        with pytest.raises(PolicyError, match="it is not a file"):
            load_policy(tmp_path / "policy.yaml")

    def test_an_endless_file_is_refused(self) -> None:
        with pytest.raises(PolicyError, match="it is not a file"):
            load_policy(Path("/dev/zero"))
