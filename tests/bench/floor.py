"""The floor: a bare DuckDB load of the delivery files into one DuckDB file. Nothing is checked, resolved or published.

    python -m tests.bench.floor INBOX DATABASE

Prints {"rows": {table: n}, "seconds": {table: s}}. One table per dataset, a row per delivered record.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import duckdb

from assets.deliveries import MANIFEST
from assets.sources import SOURCES

# What DuckDB calls the encodings that it reads by itself. A file in another is first rewritten as UTF-8.
ENCODINGS = {"utf-8": "utf-8", "iso-8859-1": "latin-1", "utf-16le": "utf-16"}


@dataclass(frozen=True)
class Load:
    """The files of one dataset in one encoding."""

    dataset: str
    encoding: str
    paths: tuple[str, ...]

    @property
    def table(self) -> str:
        return self.dataset if self.encoding == "utf-8" else f"{self.dataset}_{ENCODINGS[self.encoding].replace('-', '_')}"


def loads(inbox: Path, scratch: Path) -> list[Load]:
    """What there is to load, by what the manifests say; a delivery that came twice is loaded twice, as it is read twice."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for manifest in sorted(inbox.rglob(f"*{MANIFEST}")):
        said = json.loads(manifest.read_text())
        path, encoding = Path(str(manifest).removesuffix(MANIFEST)), said["encoding"]
        if encoding not in ENCODINGS:
            copy = scratch / f"{len(found)}-{path.name}"
            copy.write_text(path.read_text(encoding=encoding), encoding="utf-8")
            path, encoding = copy, "utf-8"
        found[said["dataset"], encoding].append(str(path))
    return [Load(dataset, encoding, tuple(paths)) for (dataset, encoding), paths in sorted(found.items())]


def query(load: Load) -> str:
    """How one would load the files by hand, as DuckDB guesses their columns; an envelope's array becomes rows."""
    dataset = next(one for source in SOURCES for one in source.datasets if one.name == load.dataset)
    paths, largest = list(load.paths), max(Path(path).stat().st_size for path in load.paths)
    if dataset.format == "csv":
        return f"SELECT * FROM read_csv({paths!r}, header = true, encoding = '{ENCODINGS[load.encoding]}', union_by_name = true, ignore_errors = true)"
    if dataset.format == "json_lines":
        return f"SELECT * FROM read_ndjson({paths!r}, union_by_name = true, ignore_errors = true)"
    if dataset.array_key is None:
        return f"SELECT * FROM read_json({paths!r}, union_by_name = true)"
    # The envelope is one JSON object as long as the file.
    return f"""SELECT unnest("{dataset.array_key}") AS record
        FROM read_json({paths!r}, columns = {{'{dataset.array_key}': 'JSON[]'}}, maximum_object_size = {largest + 1})"""


def main(inbox: Path, database: Path) -> None:
    rows, seconds = {}, {}
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect(str(database)) as connection:
        for load in loads(inbox, Path(scratch)):
            started = time.monotonic()
            connection.execute(f'CREATE TABLE "{load.table}" AS {query(load)}')
            seconds[load.table] = round(time.monotonic() - started, 3)
            rows[load.table] = (connection.execute(f'SELECT count(*) FROM "{load.table}"').fetchone() or (0,))[0]
    print(json.dumps({"rows": rows, "seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
