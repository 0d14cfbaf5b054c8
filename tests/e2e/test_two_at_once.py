"""Two refreshes at once, and a reader that holds a mart open: nobody is disturbed, nothing is
corrupt.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from assets.storage.data_root import DataRoot
from tests.support.commands import (
    AS_OF,
    LAST_DAY,
    LONGEST,
    Refreshed,
    console_script,
    environment,
    refresh,
    start,
)
from tests.support.data_roots import (
    contents,
    copied,
    differing,
    inbox_files,
    ledger_entries,
    leftovers,
    mart_tables,
    unfinished_runs,
)
from tests.support.deliveries import csv, put
from tests.support.namesakes import contact


def test_two_concurrent_refreshes_end_like_a_single_refresh(
    refreshed: Refreshed, sampled: Path, tmp_path: Path
) -> None:
    root = copied(sampled, tmp_path / "data")
    both = [start(root, "refresh", *AS_OF) for _ in range(2)]
    outputs = [process.communicate(timeout=2 * LONGEST) for process in both]
    assert [process.returncode for process in both] == [0, 0], [err for _, err in outputs]
    waited = [err for _, err in outputs if err]
    assert waited in ([], ["waiting: another run is writing to this data root\n"])
    assert differing(contents(root), refreshed.contents) == []
    assert ledger_entries(root) == ledger_entries(refreshed.root)
    assert inbox_files(root) == leftovers(root) == unfinished_runs(root) == []


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
tables = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
content = "string_agg(r::VARCHAR, chr(10) ORDER BY r::VARCHAR)"
query = f"SELECT count(*), md5({content}) FROM {{}} AS r"
for _ in range(2):
    print([connection.execute(query.format(table)).fetchone() for table in tables], flush=True)
    sys.stdin.readline()
"""


def test_a_reader_that_holds_a_mart_open_keeps_reading_the_old_rows(
    refreshed: Refreshed, tmp_path: Path
) -> None:
    root = copied(refreshed.root, tmp_path / "data")
    new = [contact("880007770001", "Uusi", "Tulokas", "uusi@example.fi", "1970-01-01")]
    put(DataRoot(root), "crm", LAST_DAY, "contacts", csv(new), len(new))
    marts = sorted((root / "marts").glob("*.duckdb"))
    before = {mart: mart_tables(mart) for mart in marts}
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(mart)],
            env=environment(root),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mart in marts
    ]
    seen = [reader.stdout.readline() for reader in readers if reader.stdout]
    ended = refresh(root)
    assert (ended.code, ended.err) == (0, "")
    answers = [reader.communicate("\n\n", timeout=LONGEST)[0] for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * len(marts)
    assert answers == seen
    assert (
        mart_tables(root / "marts" / "customer_care.duckdb")
        != before[root / "marts" / "customer_care.duckdb"]
    )


def test_a_mart_cannot_be_written_by_its_reader(refreshed: Refreshed, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(refreshed.root / "marts", root / "marts")
    asked = console_script(root, "sql", "customer_care", "DELETE FROM registrants")
    assert asked.code == 1
    assert asked.err.count("\n") == 1
    assert mart_tables(root / "marts" / "customer_care.duckdb") == mart_tables(
        refreshed.root / "marts" / "customer_care.duckdb"
    )
