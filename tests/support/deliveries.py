"""Deliveries with their manifests, in the inbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assets.storage.data_root import DataRoot


def put(
    data_root: DataRoot,
    source: str,
    day: str,
    dataset: str,
    data: bytes,
    records: int,
    name: str = "",
    **manifest: Any,
) -> Path:
    """Deliver bytes with a correct manifest, except for the fields in `manifest`."""
    folder = data_root.inbox / source / day
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or f"{dataset}-{hashlib.sha256(data).hexdigest()[:8]}.dat")
    path.write_bytes(data)
    declared = {
        "dataset": dataset,
        "schema_version": "1",
        "encoding": "utf-8",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "records": records,
        "period": {"from": day, "to": day},
        "purpose": "customer_care",
        **manifest,
    }
    path.with_name(path.name + ".manifest.json").write_text(json.dumps(declared))
    return path


def changes(
    data_root: DataRoot, day: str, messages: list[Any], key: int = 1, **manifest: Any
) -> Path:
    body = json.dumps(
        {"viimeisinKirjausavain": key, "muutokset": messages, "ajanTasalla": True},
        ensure_ascii=False,
    )
    return put(
        data_root, "population_register", day, "muutokset", body.encode(), len(messages), **manifest
    )


def basic_data(data_root: DataRoot, day: str, persons: list[Any], **manifest: Any) -> Path:
    body = json.dumps({"perustiedot": persons, "ajanTasalla": True}, ensure_ascii=False)
    return put(
        data_root,
        "population_register",
        day,
        "perustiedot",
        body.encode(),
        len(persons),
        **manifest,
    )


def csv(rows: list[dict[str, str]]) -> bytes:
    """Rows as CSV with every field quoted."""
    names = list(rows[0])
    lines = [",".join(names)] + [
        ",".join('"' + row.get(name, "").replace('"', '""') + '"' for name in names) for row in rows
    ]
    return ("\n".join(lines) + "\n").encode()


Deliver = Callable[..., Path]
