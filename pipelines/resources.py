"""Resources of runs: the data root, locked while they run."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from assets.storage.data_root import Home
from pipelines.writer_lock import home_path, writer


@dg.resource
def home_resource(context: dg.InitResourceContext) -> Iterator[Home]:
    """Yield the data root, locked for the run; a run that died with the lock is reported."""
    home = Home(home_path())
    with writer(home, context.run.run_id if context.run else "", instance=context.instance):
        yield home
