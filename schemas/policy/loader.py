"""Reading and checking `policy.yaml`.

`load_policy` returns a valid policy, or raises PolicyError with every fault in it: the line, the
clause, what is wrong and what to do. Legal constraints are in `schemas.policy.legal_constraints`;
the check of the pipeline's own tables is in `schemas.declarations`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from schemas.policy import consistency, legal_constraints
from schemas.policy.diagnostics import PolicyError, explained, parse
from schemas.policy.model import Policy

POLICY_FILE = Path(__file__).parent.parent / "policy.yaml"


@lru_cache
def load_policy(path: Path = POLICY_FILE) -> Policy:
    """Read and check the policy file; raises PolicyError with every fault, its line and remedy."""
    written = parse(path)
    try:
        policy = Policy.model_validate(written.data)
    except ValidationError as error:
        raise PolicyError(
            path, written, [explained(each, written, Policy) for each in error.errors()]
        ) from None
    if faults := [*consistency.faults(policy), *legal_constraints.faults(policy)]:
        raise PolicyError(path, written, faults)
    return policy
