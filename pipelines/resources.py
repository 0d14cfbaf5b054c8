"""What runs are given: the data root, locked for their length."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from assets.storage.data_root import Home
from pipelines.writer_lock import home_path, writer


@dg.resource
def home_resource(context: dg.InitResourceContext) -> Iterator[Home]:
    """The data root, locked for the length of the run. A run that died with the lock is reported as failed."""
    home = Home(home_path())
    with writer(home, context.run.run_id if context.run else "", instance=context.instance):
        yield home
