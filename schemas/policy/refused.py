"""The error of a policy that the pipeline does not start with."""

from __future__ import annotations


class PolicyRefusedError(Exception):
    """The policy, or what tables and sources need of it, is refused.

    The message is about the policy file and the code only: it may be shown.
    """
