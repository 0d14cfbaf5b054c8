"""The floor: a bare DuckDB load of the delivery files into one DuckDB file. Nothing is checked,
resolved or published.

`plan` says how the files are loaded; the load itself runs in a process of its own that imports
nothing but DuckDB:

    python floor.py PLAN DATABASE

and prints {"rows": {table: n}, "seconds": {table: s}}: one table per dataset, a row per delivered
record.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import duckdb

# What DuckDB calls the encodings that it reads by itself; a file in another is rewritten as UTF-8
# beforehand.
ENCODINGS = {"utf-8": "utf-8", "iso-8859-1": "latin-1", "utf-16le": "utf-16"}


def plan(inbox: Path, scratch: Path) -> dict[str, str]:
    """Table -> query that loads it, by what the manifests say. A delivery that came twice is loaded
    twice, as it is read twice.
    """
    from assets.ingest.deliveries import MANIFEST

    files: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for number, manifest in enumerate(sorted(inbox.rglob(f"*{MANIFEST}"))):
        declared = json.loads(manifest.read_text())
        path, encoding = (
            manifest.with_name(manifest.name.removesuffix(MANIFEST)),
            declared["encoding"],
        )
        if encoding not in ENCODINGS:
            copy = scratch / f"{number}-{path.name}"
            copy.write_text(path.read_text(encoding=encoding), encoding="utf-8")
            path, encoding = copy, "utf-8"
        files[declared["dataset"], encoding].append(path)
    return {
        dataset
        if encoding == "utf-8"
        else f"{dataset}_{ENCODINGS[encoding].replace('-', '_')}": _query(dataset, encoding, paths)
        for (dataset, encoding), paths in sorted(files.items())
    }


def _query(name: str, encoding: str, files: list[Path]) -> str:
    """How one would load the files by hand, as DuckDB guesses their columns; an envelope's array
    becomes rows of JSON.
    """
    from assets.sources.all_sources import SOURCES
    from assets.sources.formats import Csv, JsonArray, JsonLines

    dataset = next(
        candidate for source in SOURCES for candidate in source.datasets if candidate.name == name
    )
    paths = [str(path) for path in files]
    if isinstance(dataset.format, Csv):
        return (
            f"SELECT * FROM read_csv({paths!r}, header = true, encoding = '{ENCODINGS[encoding]}"
            "', union_by_name = true, ignore_errors = true)"
        )
    if isinstance(dataset.format, JsonLines):
        return f"SELECT * FROM read_ndjson({paths!r}, union_by_name = true, ignore_errors = true)"
    assert isinstance(dataset.format, JsonArray)
    if not dataset.format.keys:
        return f"SELECT * FROM read_json({paths!r}, union_by_name = true)"
    # The envelope is one JSON object as long as the file.
    largest = max(path.stat().st_size for path in files)
    (key,) = dataset.format.keys
    return f"""SELECT unnest("{key}") AS record
        FROM read_json({paths!r}, columns = {{'{key}': 'JSON[]'}},
            maximum_object_size = {largest + 1})"""


def load(planned: dict[str, str], database: Path) -> dict[str, dict[str, float]]:
    rows, seconds = {}, {}
    with duckdb.connect(str(database)) as connection:
        for table, query in planned.items():
            started = time.monotonic()
            connection.execute(f'CREATE TABLE "{table}" AS {query}')
            seconds[table] = round(time.monotonic() - started, 3)
            rows[table] = (
                connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() or (0,)
            )[0]
    return {"rows": rows, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(load(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))))
