"""Certificates handed out, with what anybody needs to check them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from assets.erasure.proof import certificates, chain_heads, receipts, verify_certificates
from assets.erasure.proof.chain_heads import PUBLIC_KEY, folder
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError


class ExportError(PlainError):
    """The certificates cannot be handed out."""


def export(data_root: DataRoot, out: Path, request_ids: Sequence[str]) -> list[Path]:
    """Copy certificates to a new folder, and return what is in it.

    Args:
        data_root: The data root.
        out: A folder that does not exist yet.
        request_ids: The certificates of these, each to be checked alone. None: all, with the log of
            heads and the timestamps, for an auditor.

    Raises:
        ExportError: A request has no certificate, there is none at all, or the folder exists.
    """
    issued = certificates.issued(data_root)
    if unknown := sorted({*request_ids} - issued):
        raise ExportError(f"no certificate was issued for {', '.join(unknown)}")
    if not issued:
        raise ExportError("no certificate has been issued")
    if out.exists():
        raise ExportError("the folder to write to exists already: give a new one")
    # Certificates of older versions get theirs now.
    receipts.write_missing(data_root, certificates.in_order(data_root))
    names = [
        certificates.path_of(data_root, request_id, kind).name
        for request_id in request_ids or sorted(issued)
        for kind in ("json", "md", "html", receipts.KIND)
    ]
    if not request_ids:
        names += [chain_heads.LOG, *sorted(path.name for path in folder(data_root).glob("tree-*"))]
    out.mkdir(mode=0o700, parents=True)
    sources = [folder(data_root) / name for name in (*names, PUBLIC_KEY)]
    for path in (*sources, Path(verify_certificates.__file__)):
        shutil.copyfile(path, out / path.name)
    return sorted(out.iterdir())
