"""Build a mart's file, validate it against its models and the policy, publish it by one rename.

Never changed in place: a DuckDB file has one writer and locks out readers, and deleted rows stay
readable in its bytes (docs/decisions/proof-of-erasure.md). A reader that has the published file
open keeps reading that file.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from assets.marts import differencing, eligible
from assets.marts.profiles import under_floor
from assets.marts.queries import QUERIES
from assets.marts.reidentification import Match, matches
from assets.register import build_state
from assets.register.building import TABLES as REGISTER
from assets.register.published_tables import read_register
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach_new, opened
from assets.storage.mart_readers import give
from assets.storage.queries import count
from assets.storage.quoting import literal
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect, create_keyed_hash
from schemas.columns import TableModel, arrow_schema, duckdb_columns, table_name
from schemas.eligibility import channels
from schemas.marts import MARTS, REIDENTIFIES, About
from schemas.meanings import meanings_of
from schemas.policy.legal_constraints import PSEUDONYMOUS
from schemas.validation import failures

BATCH_ROWS = 250_000


class MartCheckError(PlainError):
    """A built mart violates its models; the message has tables, rules and counts only."""


def candidate_path(data_root: DataRoot, purpose: str) -> Path:
    """Return the path at which a mart is built."""
    return data_root.lake / "built" / f"{purpose}.duckdb"


def mart_path(data_root: DataRoot, purpose: str) -> Path:
    """Return the path at which a mart is published."""
    return data_root.marts / f"{purpose}.duckdb"


def build(data_root: DataRoot, purpose: str, today: date) -> dict[str, int]:
    """Build the mart beside the published one, from the register; return rows per table."""
    filled = {}
    with (
        connect(data_root) as connection,
        recorded_files.writing(candidate_path(data_root, purpose)) as unfinished,
    ):
        create_keyed_hash(data_root, connection)
        over_register(data_root, connection, purpose, today)
        # One checkpoint, at the end: an earlier one would leave a header that leads to tables,
        # which the proof of erasure reports as a change in place.
        connection.execute("SET checkpoint_threshold = '1TB'")
        attach_new(data_root, connection, unfinished, "mart", purpose)
        for model in MARTS[purpose]:
            filled[table_name(model)] = _fill(
                connection, model, QUERIES[purpose][table_name(model)]
            )
        _describe(data_root, connection, purpose, today)
        connection.execute("DETACH mart; RESET checkpoint_threshold")
    build_state.note_mart_made(data_root, purpose)
    return filled


def over_register(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, purpose: str, today: date
) -> None:
    """Create what the purpose's queries read: the register's tables, `eligible_*` and variables.

    A name that merely occurs in a query counts as read.
    """
    connection.execute(f"SET VARIABLE today = DATE '{today}'")
    connection.execute(f"SET VARIABLE time_zone = '{data_root.policy.time_zone}'")
    connection.execute(f"SET VARIABLE segment_floor = {data_root.policy.profiles.segment_floor}")
    visits = data_root.policy.purposes[purpose].visits
    measured = visits is not None and visits.by == "own_measurement"
    connection.execute(f"SET VARIABLE measured = {measured}")
    for channel in channels("direct_marketing"):
        products = list(data_root.policy.marketed_by(channel))
        connection.execute(f"SET VARIABLE products_by_{channel} = {products}::VARCHAR[]")
    read = set(re.findall(r"\w+", " ".join(QUERIES[purpose].values()))) | {"admission"}
    for table in REGISTER.keys() & read:
        read_register(data_root, connection, table, REGISTER[table])
    eligible.create_views(connection, purpose, read)


def _fill(connection: duckdb.DuckDBPyConnection, model: type[TableModel], query: str) -> int:
    name = table_name(model)
    connection.execute(f"CREATE TABLE mart.{name} ({duckdb_columns(model)})")
    columns = ", ".join(f'"{column}"' for column in arrow_schema(model).names)
    connection.execute(
        f"INSERT INTO mart.{name} BY NAME SELECT {columns} FROM ({query}) ORDER BY ALL"
    )
    _comment(connection, model)
    return count(connection, f"SELECT count(*) FROM mart.{name}")


def _comment(connection: duckdb.DuckDBPyConnection, model: type[TableModel]) -> None:
    """Put into the file what the table and each of its columns mean."""
    name = table_name(model)
    sentence = " ".join((model.__doc__ or name).split("\n\n")[0].split())
    connection.execute(f"COMMENT ON TABLE mart.{name} IS {literal(sentence)}")
    for column, meaning in meanings_of(model).items():
        connection.execute(f'COMMENT ON COLUMN mart.{name}."{column}" IS {literal(meaning)}')


def _describe(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, purpose: str, today: date
) -> None:
    policy = data_root.policy
    connection.execute(f"CREATE TABLE mart.about ({duckdb_columns(About)})")
    connection.execute(
        "INSERT INTO mart.about VALUES (?, ?, ?, ?, ?, ?)",
        [
            purpose,
            policy.purposes[purpose].clause,
            ", ".join(policy.purposes[purpose].bases),
            policy.version,
            policy.fingerprint,
            today,
        ],
    )
    _comment(connection, About)


def check(data_root: DataRoot, purpose: str) -> dict[str, int]:
    """Validate every row of the candidate; return failed rows per rule code, empty if valid.

    Undeclared tables or columns of the file count as MART-UNDECLARED.
    """
    with opened(data_root, candidate_path(data_root, purpose)) as connection:
        return _check(data_root, connection, purpose)


def _check(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, purpose: str
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    connection.execute("SET TimeZone = 'UTC'")
    present = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
    ).fetchall()
    both: list[type[TableModel]] = [*MARTS[purpose], About]
    declared = {(table_name(model), name) for model in both for name in arrow_schema(model).names}
    undeclared = set(present) ^ declared
    if undeclared:
        counts["MART-UNDECLARED"] = len(undeclared)
    for model in MARTS[purpose]:
        reader = connection.execute(f"SELECT * FROM {table_name(model)}").to_arrow_reader(
            BATCH_ROWS
        )
        for batch in reader:
            failed = failures(model, pa.Table.from_batches([batch]))
            counts.update(failed["code"].to_pylist())
    if purpose == "analytics" and (
        small := under_floor(connection, data_root.policy.profiles.segment_floor)
    ):
        counts["PROFILE-SEGMENT-FLOOR"] = small
    if Path(f"{candidate_path(data_root, purpose)}.wal").exists():
        counts["MART-WAL"] = 1
    return dict(counts)


def reidentified(data_root: DataRoot, purpose: str) -> list[Match]:
    """Return what of the candidate matches somebody in another mart, as that will be published.

    Empty for a mart that has names: it hides nobody.
    """
    if purpose not in PSEUDONYMOUS:
        return []
    newest = {
        mart: next(
            (
                path
                for path in (candidate_path(data_root, mart), mart_path(data_root, mart))
                if path.exists()
            ),
            None,
        )
        for mart in MARTS
    }
    files = {mart: path for mart, path in newest.items() if path}
    return matches(data_root, purpose, files) if purpose in files else []


def differences_of_few(data_root: DataRoot, purpose: str) -> dict[str, int]:
    """Return the number of groups per table by which the candidate and the published mart differ
    in fewer registrants than the floor; nothing before the first publication.
    """
    published, candidate = mart_path(data_root, purpose), candidate_path(data_root, purpose)
    if purpose not in PSEUDONYMOUS or not (published.exists() and candidate.exists()):
        return {}
    return differencing.small_differences(data_root, purpose, published, candidate)


def publish(data_root: DataRoot, purpose: str) -> dict[str, int]:
    """Replace the published mart by the candidate; nothing to do if it is published already.

    Returns:
        Rows per table.

    Raises:
        MartCheckError: A check failed; the published mart stays.
    """
    candidate, published = candidate_path(data_root, purpose), mart_path(data_root, purpose)
    if not candidate.exists() and published.exists():
        return rows(data_root, purpose)
    with opened(data_root, candidate) as connection:
        failed = _check(data_root, connection, purpose)
        counts = _rows(connection, purpose)
    if found := reidentified(data_root, purpose):
        failed[REIDENTIFIES] = len(found)
    if failed:
        shown = ", ".join(f"{code} ({number})" for code, number in sorted(failed.items()))
        raise MartCheckError(f"{purpose}: {shown}")
    give(data_root, purpose, candidate)
    recorded_files.move(candidate, published)
    build_state.note_published(data_root, purpose)
    return counts


def rows(data_root: DataRoot, purpose: str) -> dict[str, int]:
    """Return rows per table of the published mart."""
    with opened(data_root, mart_path(data_root, purpose)) as connection:
        return _rows(connection, purpose)


def _rows(connection: duckdb.DuckDBPyConnection, purpose: str) -> dict[str, int]:
    return {
        table_name(model): count(connection, f"SELECT count(*) FROM {table_name(model)}")
        for model in MARTS[purpose]
    }


def per_rule(data_root: DataRoot, purpose: str) -> dict[str, int]:
    """Count registrants per rule that decides on the purpose, on any channel."""
    with connect(data_root) as connection:
        read_register(data_root, connection, "admission", REGISTER["admission"])
        rows = connection.execute(
            """SELECT code, count(DISTINCT registrant_id)
            FROM admission
            WHERE purpose = ?
            GROUP BY code
            ORDER BY code""",
            [purpose],
        )
        return dict(rows.fetchall())
