"""The codes of `register backup` and `register restore`: why a backup is not made or restored."""

from __future__ import annotations

CODES = {
    "BACKUP-SEAL": (
        "the backup is not what was written: a piece was changed, moved or left out, its end is "
        "missing, or the key is another"
    ),
    "BACKUP-UNKNOWN": "there is no generation of that name, or its file or its key is not there",
    "BACKUP-PEPPER": "there are requests but no pepper: those suppressed cannot be determined",
    "BACKUP-CONTENT": "the backup holds something else than files of the register",
    "BACKUP-REPLAY": (
        "what was restored still holds someone who has been erased; nothing was changed"
    ),
}
