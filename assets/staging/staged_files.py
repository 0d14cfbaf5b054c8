"""Whether everything staged is what was written, before anything is built of it."""

from __future__ import annotations

from assets.ingest import deliveries
from assets.staging.staged import staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import SUMS, DamagedFileError, check_folder


def check(data_root: DataRoot) -> None:
    """Compare the staged tables of every delivery with what is recorded of them.

    A table that is not there would be taken for one without rows, a bit that has turned for another
    value. Cost: hashing everything staged, once in a process.

    Raises:
        DamagedFileError: The first that is missing or has another size.
    """
    for entry in deliveries.ledger(data_root):
        if entry.staged_with and not entry.removing:
            folder = staged_folder(data_root, entry)
            if data_root.is_recorded and not (folder / SUMS).exists():
                raise DamagedFileError("FILE-MISSING", folder)
            check_folder(folder)
