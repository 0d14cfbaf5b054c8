"""The data root of commands that read, which must exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.cli.main import CommandError

if TYPE_CHECKING:
    from assets.storage.data_root import Home
    from schemas.policy import Policy


def existing_home(policy: Policy | None = None) -> Home:
    """Return the data root; none is made, so that an empty one proves nothing.

    Raises:
        CommandError: REGISTER_HOME, or ./data, is not a data root: it has no folder `lake`.
    """
    from assets.storage.data_root import Home
    from pipelines.writer_lock import home_path

    home = Home(home_path(), policy)
    if not home.lake.is_dir():
        raise CommandError(f"no data root at {home.root}: set REGISTER_HOME")
    return home
