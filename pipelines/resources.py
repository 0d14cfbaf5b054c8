"""Resources of runs: the data root, locked while they run; the run is tagged with its policy."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from assets.connectors.connector import Fetching
from assets.dagster_support.runs import tag_run
from assets.storage.actor import acting
from assets.storage.data_root import DataRoot
from pipelines.dagster_instance import check_settings
from pipelines.users import USER_TAG
from pipelines.writer_lock import data_root_path, writer


@dg.resource
def fetching_resource(context: dg.InitResourceContext) -> Fetching:
    """Return what connectors work with; the data root is locked for moments only."""
    data_root = DataRoot(data_root_path())
    data_root.create()
    tag_run(context, data_root.policy)
    return Fetching(data_root, lambda: writer(data_root, instance=context.instance))


@dg.resource
def data_root_resource(context: dg.InitResourceContext) -> Iterator[DataRoot]:
    """Yield the data root, locked for the run; a run that died with the lock is reported."""
    yield from _locked(context, checked=True)


@dg.resource
def unchecked_data_root_resource(context: dg.InitResourceContext) -> Iterator[DataRoot]:
    """Yield the data root as `data_root_resource`, whatever has become of pepper and suppression
    list: for what lists damages, and writes nothing.
    """
    yield from _locked(context, checked=False)


def _locked(context: dg.InitResourceContext, *, checked: bool) -> Iterator[DataRoot]:
    data_root = DataRoot(data_root_path())
    if context.instance:
        check_settings(context.instance)
    run_id = context.run.run_id if context.run else ""
    user = context.run.tags.get(USER_TAG, "") if context.run else ""
    with writer(data_root, run_id, instance=context.instance, checked=checked), acting(user):
        tag_run(context, data_root.policy)
        yield data_root
