"""The data root of commands that read, which must exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.cli.main import CommandError

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot
    from schemas.policy.model import Policy


def existing_data_root(policy: Policy | None = None) -> DataRoot:
    """Return the data root; none is made, so that an empty one proves nothing.

    Raises:
        CommandError: REGISTER_HOME, or ./data, is not a data root: it has no folder `lake`.
        LayoutError: This version would misread it.
    """
    from assets.storage import layout
    from assets.storage.data_root import DataRoot
    from pipelines.writer_lock import data_root_path

    data_root = DataRoot(data_root_path(), policy)
    if not data_root.lake.is_dir():
        raise CommandError(f"no data root at {data_root.root}: set REGISTER_HOME")
    layout.check(data_root.lake)
    return data_root
