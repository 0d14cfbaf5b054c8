"""Reading and checking the policy file: REGISTER_POLICY, or the one that is shipped.

`load_policy` returns a valid policy, or raises PolicyError with every fault in it: the line, the
clause, what is wrong and what to do. Legal constraints are in `schemas.policy.legal_constraints`
and `marketing_constraints`;
the check of the pipeline's own tables is in `schemas.declarations`.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from schemas.policy import (
    consistency,
    legal_constraints,
    marketing_constraints,
    retention_constraints,
)
from schemas.policy.diagnostics import PolicyError, explained
from schemas.policy.model import Policy
from schemas.policy.yaml_file import parse

POLICY_FILE = Path(__file__).parent.parent / "policy.yaml"
VARIABLE = "REGISTER_POLICY"
# Of a file that is no policy at all, the first errors say it.
_MAX_ERRORS = 100


def policy_file() -> Path:
    """The policy file in force: that of the environment variable REGISTER_POLICY, if it is set."""
    return Path(os.environ.get(VARIABLE) or POLICY_FILE).absolute()


def load_policy(path: Path | None = None) -> Policy:
    """Read and check a policy file (default: the one in force), once in a process.

    Raises:
        PolicyError: Every fault, with its line and remedy.
    """
    return _load((path or policy_file()).absolute())


@lru_cache
def _load(path: Path) -> Policy:
    written = parse(path)
    try:
        policy = Policy.model_validate(written.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)[:_MAX_ERRORS]
        raise PolicyError(path, written, explained(errors, written, Policy)) from None
    if faults := [
        *consistency.faults(policy),
        *legal_constraints.faults(policy),
        *retention_constraints.faults(policy),
        *marketing_constraints.faults(policy),
    ]:
        raise PolicyError(path, written, faults)
    return policy
