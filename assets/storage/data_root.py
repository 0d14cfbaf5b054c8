"""One data root: where everything of one register lies, and how its files are read and written.

    inbox/<source>/<day>/             what sources deliver
    lake/deliveries/<source>/<day>/   the book of deliveries, one JSON each, nothing personal
    lake/raw/<source>/<day>/          one Parquet file per delivery
    lake/staged/<source>/<day>/<delivery>/<table>.parquet
    lake/quarantine/<source>/<day>/<delivery>.parquet
    lake/register/<table>.parquet
    lake/informed.parquet             who has been told that we have their data from others (GDPR 14): ids and days
    marts/<purpose>.duckdb  requests/  secrets/  outbox/  dagster/  spill/

Every file of the lake is written under a temporary name in its own folder, synced, and put in place by one rename;
a reader sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.storage.atomic_files import UNFINISHED, writing
from assets.storage.quoting import literal, parquet
from assets.storage.safe_errors import PlainError
from schemas.columns import TableModel, arrow_schema, duckdb_columns, table_name
from schemas.identifiers import install
from schemas.policy import Policy, load_policy

ROW_GROUP = 122_880
Batch = TypeVar("Batch")
Answer = TypeVar("Answer")


class PepperError(PlainError):
    """The secret key is not where it was."""


class Home:
    """The data root at `root`. Cheap to make; makes its folders (0700) when first asked to."""

    def __init__(self, root: Path, policy: Policy | None = None) -> None:
        self.root = root.absolute()
        self.policy = policy or load_policy()
        self.inbox = self.root / "inbox"
        self.lake = self.root / "lake"
        self.marts = self.root / "marts"
        self.requests = self.root / "requests"
        self.secrets = self.root / "secrets"
        self.dagster = self.root / "dagster"
        self.spill = self.root / "spill"
        self.outbox = self.root / "outbox"

    def create(self) -> None:
        """Make the folders, readable by their owner only."""
        folders = (
            self.root,
            self.inbox,
            self.lake,
            self.marts,
            self.requests,
            self.secrets,
            self.dagster,
            self.spill,
            self.outbox,
        )
        for folder in (*folders, self.requests / "inbox"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def sweep(self) -> None:
        """Remove what a killed run left behind: unfinished files and spilled data. Only while the writer's lock is held.

        Requests and their keys are written without the lock, so what is unfinished among them is left over when its process has ended.
        """
        unlocked = (self.requests, self.outbox, self.secrets)
        for folder in (self.lake, self.marts, *unlocked):
            for leftover in folder.rglob(f"{UNFINISHED}*"):
                process = leftover.name.removeprefix(UNFINISHED).split("-")[0]
                if (
                    folder in unlocked
                    and process.isdigit()
                    and int(process) != os.getpid()
                    and _is_running(int(process))
                ):
                    continue
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        for spilled in self.spill.iterdir():
            if not spilled.name.isdigit() or not _is_running(int(spilled.name)):
                shutil.rmtree(spilled, ignore_errors=True)

    @property
    def pepper(self) -> bytes:
        """The secret key of suppression hashes and pseudonyms; made once, kept outside the lake.

        Raises:
            PepperError: There is none, and what was made with it is there: with another one, nobody
                who was erased would be known again.
        """
        path = self.secrets / "pepper"
        if not path.exists():
            if self._is_peppered():
                raise PepperError(
                    "secrets/pepper is missing, and this data root was made with it: restore it "
                    "from a backup (`register restore`) or from where secrets/ is kept"
                )
            with writing(path) as unfinished:
                unfinished.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()

    def _is_peppered(self) -> bool:
        """Whether there is anything that the pepper was used for, or that came in while there was one."""
        made = (self.requests / "suppressions.parquet", self.register("membership"))
        return any(path.exists() for path in made) or bool(self.files("raw"))

    @contextmanager
    def connect(self, *, side_by_side: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """An in-memory DuckDB with the house's macros, bounded memory, and spill inside the data root.

        For work that is done batch by batch `side_by_side`, each statement keeps to its own thread: for so few rows DuckDB's
        own threads cost more than they give.
        """
        spill = self.spill / str(os.getpid())
        spill.mkdir(mode=0o700, parents=True, exist_ok=True)
        with duckdb.connect(
            config={
                "temp_directory": str(spill),
                "memory_limit": os.environ.get("REGISTER_MEMORY", "4GB"),
                "preserve_insertion_order": True,
                **({"threads": 1} if side_by_side else {}),
            }
        ) as connection:
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            install(connection, self.policy.country, self.policy.time_zone)
            yield connection

    def keyed_hash(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the macro `keyed_hash(text)`: HMAC-SHA256 under the pepper, as hex digits. Name the domain in the text."""
        inner, outer = (
            bytes(byte ^ pad for byte in self.pepper.ljust(64, b"\0")).hex() for pad in (0x36, 0x5C)
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP MACRO keyed_hash(text) AS sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(text))))"
        )

    def files(self, layer: str, source: str = "*", day: str = "*", name: str = "*") -> list[Path]:
        """The layer's Parquet files, sorted; for staged, `name` is `<delivery>/<table>`."""
        return sorted((self.lake / layer).glob(f"{source}/{day}/{name}.parquet"))

    def view(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        model: type[TableModel],
        files: Iterable[Path],
    ) -> None:
        """Make the view `name` over Parquet files that hold `model`, plus source, day and delivery_id from their path.

        A view over no file is an empty table of the model's shape, so that SQL need not care.
        """
        paths = list(files)
        if not paths:
            extra = ", source VARCHAR, day DATE, delivery_id VARCHAR"
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {name} ({duckdb_columns(model)}{extra})"
            )
            return
        depth = 2 if paths[0].is_relative_to(self.lake / "staged") else 1
        parts = f"string_split(substr(filename, {len(str(self.lake)) + 2}), '/')"
        delivery = f"{parts}[4]" if depth == 2 else f"replace({parts}[4], '.parquet', '')"
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * EXCLUDE (filename), {parts}[2] AS source, "
            f"{parts}[3]::DATE AS day, {delivery} AS delivery_id "
            f"FROM {parquet(*paths, filename=True)}"
        )

    def staged(self, connection: duckdb.DuckDBPyConnection, model: type[TableModel]) -> None:
        """Make the view `staged_<table>` over every staged file of the table."""
        table = table_name(model)
        self.view(connection, f"staged_{table}", model, self.files("staged", name=f"*/{table}"))

    def register(self, table: str) -> Path:
        return self.lake / "register" / f"{table}.parquet"


def in_turn(
    connection: duckdb.DuckDBPyConnection,
    batches: Iterable[Batch],
    work: Callable[[duckdb.DuckDBPyConnection, Batch], Answer],
) -> Iterator[Answer]:
    """`work(cursor, batch)` of every batch on a thread per processor, answered in the order of the batches.

    A cursor shares the connection's database and its bound on memory, but not its temporary tables. No more batches are
    taken than there are threads, so memory stays flat.
    """

    def one(batch: Batch) -> Answer:
        with connection.cursor() as cursor:
            return work(cursor, batch)

    count = os.cpu_count() or 1
    going: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(count) as threads:
        for batch in batches:
            going.append(threads.submit(one, batch))
            if len(going) == count:
                yield going.popleft().result()
        while going:
            yield going.popleft().result()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_parquet(
    path: Path, model: type[TableModel], batches: Iterable[pa.Table], row_group: int = ROW_GROUP
) -> int:
    """Write batches of `model` to one file, atomically; answers the number of rows. No batch makes an empty file."""
    schema = arrow_schema(model)
    rows = 0
    writer: pq.ParquetWriter | None = None
    with writing(path) as unfinished:
        for batch in batches:
            writer = writer or pq.ParquetWriter(
                unfinished, schema, compression="zstd", compression_level=1
            )
            writer.write_table(batch.select(schema.names).cast(schema), row_group_size=row_group)
            rows += batch.num_rows
        if writer is None:
            pq.write_table(schema.empty_table(), unfinished)
        else:
            writer.close()
    return rows


def copy_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write a query's rows to one file, atomically; answers their number. Never holds the result in memory."""
    with writing(path) as unfinished:
        counted = connection.execute(
            f"COPY ({query}) TO {literal(unfinished)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP})"
        ).fetchone()
    return int(counted[0]) if counted else 0


def delivery_day(text: str) -> date | None:
    """The date that a folder's name spells, or None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None
