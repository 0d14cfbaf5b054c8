"""Taking who is being erased out of the backups, too: each generation unpacked, rid of them, and sealed again under a new key.

The old key is destroyed, so that copies of the old file that were carried elsewhere can never be opened again. Cost: every
generation is read, its register built, and it is written anew; generations in other folders than the data root's own are
not known here, and stay until their keys are destroyed.
"""

from __future__ import annotations

import shutil
from datetime import date

from assets.backup import generations, restoring
from assets.register import building as register
from assets.requests import ledger
from assets.storage.data_root import Home


def renew(home: Home, today: date) -> int:
    """Renew every whole generation in `backups/`; answers how many. Only while the writer's lock is held; repeating changes nothing."""
    erasing = {
        identifier
        for request in ledger.every(home)
        if request.state == "erasing"
        for identifier in request.resolved
    }
    there = [one.name for one in generations.every(home, None) if one.has_file and one.has_key]
    for name in there:
        new, _, _ = restoring.prepare(home, None, name, erasing)
        register.build(new, today)
        generations.replace(home, None, name, new)
        shutil.rmtree(new.root)
    return len(there)
