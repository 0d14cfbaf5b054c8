"""Removing the people being erased from the backups: generations are rewritten without them.

It is encrypted under a new key and the old key is destroyed, so that copies of the old file that
were carried elsewhere can never be opened again. Cost: every generation is read, its register
built, and it is written again. Generations outside the data root's own folder are not known here,
and stay until their keys are destroyed.
"""

from __future__ import annotations

import shutil
from datetime import date

from assets.backup import generations, restoring
from assets.register import building as register
from assets.requests import ledger
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot


def renew(data_root: DataRoot, today: date) -> int:
    """Renew all whole generations in `backups/`; return how many. Idempotent, under the lock."""
    erasing = {
        identifier
        for request in ledger.every(data_root)
        if request.state == "erasing"
        for identifier in request.resolved
    }
    names = [each.name for each in backup_generations.every(data_root, None) if each.is_whole]
    for name in names:
        new, _, _ = restoring.prepare(data_root, None, name, erasing)
        register.build(new, today)
        generations.replace(data_root, None, name, new)
        shutil.rmtree(new.root)
    return len(names)
