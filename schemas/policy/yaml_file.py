"""Reading a policy file's YAML: bounded in size and depth, with the line of each part.

Only what a policy needs: mappings with texts as keys, lists, and plain values. Anchors and aliases
(a few of which stand for billions of values), tags and merged keys are refused.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Hashable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from schemas.policy.diagnostics import Fault, PolicyError, Where, Written

# The shipped file has 20 kB and five levels.
MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
# The shipped file has some 1,500.
MAX_VALUES = 6_000
# The longest notation of a number or a day.
MAX_VALUE = 30


_DIGITS = re.compile(r"[+-]?(0|[1-9][0-9]*)")


class _PythonParser(Reader, Scanner, Parser):
    """The parser of a PyYAML that was built without the one in C, which is twenty times as fast."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


_Parser: Any = yaml.cyaml.CParser if yaml.__with_libyaml__ else _PythonParser  # type: ignore[attr-defined]


class _PolicyLoader(Composer, _Parser, SafeConstructor, Resolver):  # type: ignore[misc]
    """Composes and constructs plain YAML only."""

    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)
        for part in (Composer, SafeConstructor, Resolver):
            part.__init__(self)
        self.depth = self.values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors and aliases are refused", event)
        if getattr(event, "tag", None):
            raise _refused("tags are refused", event)
        self.depth += 1
        self.values += 1
        if self.values > MAX_VALUES:
            raise _refused(f"it has more than {MAX_VALUES} values", event)
        if self.depth > MAX_DEPTH:
            raise _refused(f"it is nested more than {MAX_DEPTH} levels deep", event)
        try:
            return super().compose_node(parent, index)  # type: ignore[arg-type]
        finally:
            self.depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Hashable:
        """A value that its notation promises and that does not exist (30 February) is a text.

        So is a number that no field can have, a number in another notation than digits (YAML reads
        `010` as 8 and `1:30` as 90), and a moment.
        """
        if isinstance(node, yaml.ScalarNode) and len(node.value) > MAX_VALUE:
            return str(node.value)
        try:
            value: Hashable = super().construct_object(node, deep)
        except (ValueError, OverflowError):
            return str(node.value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value if _DIGITS.fullmatch(node.value) else str(node.value)
        return str(node.value) if isinstance(value, datetime) else value


def _refused(problem: str, event: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def parse(path: Path) -> Written:
    """Read a YAML file; raises PolicyError if it is no YAML mapping, or repeats a key."""
    text = _text(path)
    try:
        loader = _PolicyLoader(text)
        root = loader.get_single_node()
        lines: dict[Where, int] = {}
        faults = list(_walk(root, (), lines)) if isinstance(root, yaml.MappingNode) else []
        data: Any = loader.construct_document(root) if root is not None and not faults else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, text.count("\n") + 1) if mark else 1
        raise _unreadable(
            path, f"the file is not plain YAML: {error.problem}", _REMEDY, line
        ) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        problem = f"the file is not YAML: {getattr(error, 'reason', type(error).__name__)}"
        line = text.count("\n", 0, position) + 1
        raise _unreadable(path, problem, "take the character out", line) from None
    if not isinstance(root, yaml.MappingNode):
        fix = "begin with `version:`, as the shipped policy.yaml does"
        raise _unreadable(path, "the file is not a mapping", fix)
    if faults:
        raise PolicyError(path, Written(data, lines), faults)
    return Written(data, lines)


_REMEDY = "correct the line, or the one before it"


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _unreadable(path, "it is not a file", "name a policy file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or type(error).__name__})"
        raise _unreadable(path, problem, "put a policy file there") from None
    if len(content) > MAX_BYTES:
        raise _unreadable(
            path,
            f"the file has more than {MAX_BYTES // 1024} KiB",
            "a policy has some 20: name the right file, or shorten it",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"the file is not UTF-8 (byte 0x{content[error.start]:02x})"
        raise _unreadable(path, problem, "save it as UTF-8", line) from None


def _unreadable(path: Path, problem: str, fix: str, line: int = 1) -> PolicyError:
    return PolicyError(path, Written({}, {(): line}), [Fault((), problem, fix)])


def _walk(node: yaml.Node, where: Where, lines: dict[Where, int]) -> Iterator[Fault]:
    """Record where each part begins; yields keys that are no text or repeated.

    Of repeated keys, YAML would take the last.
    """
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                lines[*where, "key"] = line
                problem = f"the key on line {line} is no text"
                yield Fault(
                    (*where, "key"), problem, "write a name, in quotes if it looks like a value"
                )
                continue
            inner = (*where, key.value)
            lines[inner] = line
            if key.value in first:
                problem = f"the key stands twice, on lines {first[key.value]} and {line}"
                yield Fault(inner, problem, "keep one of them")
            first.setdefault(key.value, line)
            yield from _walk(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _walk(value, (*where, number), lines)
