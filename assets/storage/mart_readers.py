"""Which group of the operating system may read which mart: `readers.yaml` in the data root.

    customer_care: care-team
    analytics: analysts

Without the file, marts are their owner's only.
"""

from __future__ import annotations

import grp
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from assets.storage.safe_errors import PlainError
from schemas.vocabulary import PURPOSES

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot


class ReadersError(PlainError):
    """`readers.yaml` cannot be followed."""


def readers(data_root: DataRoot) -> Mapping[str, int]:
    """Return the number of the group that may read each mart, by purpose.

    Raises:
        ReadersError: It is not a mapping of purposes to groups that exist.
    """
    if not data_root.readers.exists():
        return {}
    try:
        listed = yaml.safe_load(data_root.readers.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeError):
        listed = None
    if not isinstance(listed, dict) or not listed.keys() <= set(PURPOSES):
        raise ReadersError("readers.yaml: each line is a mart and a group: `customer_care: care`")
    numbers = {}
    for purpose, group in listed.items():
        try:
            numbers[purpose] = grp.getgrnam(str(group)).gr_gid
        except KeyError:
            raise ReadersError(f"readers.yaml: {purpose}: the system has no such group") from None
    return numbers


def give(data_root: DataRoot, purpose: str, *paths: Path) -> None:
    """Let the mart's group read those of the files that exist, or nobody where it has none.

    Raises:
        ReadersError: The file is invalid, or this user is not a member of the group.
    """
    group = readers(data_root).get(purpose)
    for path in paths:
        if not path.exists():
            continue
        try:
            os.chown(path, -1, os.getegid() if group is None else group)
        except PermissionError:
            raise ReadersError(
                f"readers.yaml: {purpose}: this user must be a member of the group"
            ) from None
        path.chmod(0o600 if group is None else 0o640)
