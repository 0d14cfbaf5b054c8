"""The kinds of conflict between a policy, the law and the data; read from `conflicts.yaml`.

None of them refuses the policy: the controller decides. What is refused is in
`schemas.policy.legal_constraints` and `schemas.policy.consistency`. Source: docs/law.md, "Where the
policy is stale or incomplete", and what can be computed beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter

from schemas.policy.model import Strict
from schemas.vocabulary import Language

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


class Kind(Strict):
    """A kind of conflict: meaning, keys of `schemas.citations`, and a proposal for the notice, with
    what the controller has to write in brackets: a policy that has it as it is, is refused.
    """

    meaning: str
    severity: Severity
    citations: tuple[str, ...]
    proposal: Mapping[Language, str]


KINDS = TypeAdapter(dict[str, Kind]).validate_python(
    yaml.safe_load(Path(__file__).with_name("conflicts.yaml").read_text(encoding="utf-8"))
)
CODES = {code: kind.meaning for code, kind in KINDS.items()}
