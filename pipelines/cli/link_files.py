"""What `register link` reads and writes: tables, roles, a model; all outputs or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.cli.main import CommandError

if TYPE_CHECKING:
    import duckdb

    from assets.record_linkage.model import Model
    from assets.record_linkage.roles import Roles

USUAL_KEYS = ("uid", "unique_id", "record_id", "record_key", "id")
CSV = (".csv", ".tsv", ".txt")
DATABASES = (".duckdb", ".ddb", ".db")
COMPRESSED = (".gz", ".zst")


def check_outputs(inputs: Mapping[str, Path | None], outputs: Mapping[str, Path | None]) -> None:
    """Refuse an output that is an input, another output, or no plain file.

    Args:
        inputs: By option, the files that are read.
        outputs: By option, the files that are written.

    Raises:
        CommandError: Names both options.
    """
    seen = {_identity(path): option for option, path in inputs.items() if path}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.exists() and not path.is_file():
            raise CommandError(f"{option}: {path} is no plain file")
        if other := seen.get(_identity(path)):
            raise CommandError(f"{option} and {other} are one file, {path}; give another")
        seen[_identity(path)] = option


def _identity(path: Path) -> object:
    """Equal for two names of one file."""
    try:
        status = path.stat()
    except OSError:
        return path.resolve()
    return status.st_dev, status.st_ino


@contextmanager
def writing_all(outputs: Mapping[str, Path | None]) -> Iterator[dict[str, Path]]:
    """Yield a temporary path for each output; all are put in place at the end, or none."""
    from assets.storage.atomic_files import writing

    with ExitStack() as stack:
        try:
            unfinished = {
                option: stack.enter_context(writing(path.absolute()))
                for option, path in outputs.items()
                if path
            }
        except OSError as error:
            raise CommandError(f"cannot write {error.filename}: {error.strerror}") from None
        yield unfinished


def read_roles(path: Path) -> Roles:
    """The roles of a YAML file."""
    import yaml

    from assets.record_linkage.roles import Roles, RolesError

    try:
        text = path.read_text(encoding="utf-8")
        repeated = _repeated_key(yaml.compose(text, yaml.SafeLoader))
        if repeated is not None:
            raise CommandError(f"{path}: {repeated} is there twice; give each column one role")
        return Roles.of(yaml.safe_load(text))
    except OSError as error:
        raise CommandError(f"cannot read the roles {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise CommandError(
            f"{path} is not YAML; write a line `column: role` for each column"
        ) from None
    except RolesError as error:
        raise CommandError(f"{path}: {error}") from None


def _repeated_key(node: object) -> str | None:
    """A key that a mapping of the document has twice: YAML keeps the last one silently."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return None
    keys = [key.value for key, _ in node.value]
    twice = next((str(key) for key in keys if keys.count(key) > 1), None)
    inner = (_repeated_key(value) for _, value in node.value)
    return twice or next((key for key in inner if key), None)


def read_model(path: Path) -> Model | None:
    """The model of a file, None if there is no file."""
    from assets.record_linkage.model import Model, ModelError

    if not path.exists():
        return None
    try:
        model = Model.from_json(path.read_text(encoding="utf-8"))
        model.check_learned()
    except OSError as error:
        raise CommandError(f"cannot read the model {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path}: this is no model") from None
    except ModelError as error:
        raise CommandError(f"{path}: {error}") from None
    return model


def read_table(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    roles: Roles | None = None,
    table: str | None = None,
) -> None:
    """Make a table of a file's rows, in its order, with the columns of roles and possible keys.

    Args:
        table: The table of a DuckDB file, if it has several.
    """
    import duckdb

    from assets.storage.quoting import name as identifier

    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    try:
        reader = _reader(connection, path, table)
        there = [column for column, *_ in connection.execute(f"DESCRIBE FROM {reader}").fetchall()]
        asked = (
            {column for columns in roles.columns.values() for column in columns}
            if roles
            else set(there)
        )
        # If a column is missing, the message lists those that exist.
        wanted = (
            [column for column in there if column in asked or column.lower() in USUAL_KEYS]
            if asked <= set(there)
            else there
        )
        connection.execute(
            f"""CREATE TEMP TABLE {name} AS
            SELECT {", ".join(identifier(column) for column in wanted)}
            FROM {reader}"""
        )
    except duckdb.IOException as error:
        known = "permission denied" if "Permission denied" in str(error) else "it cannot be read"
        raise CommandError(f"{path}: {known}; is it whole, and yours?") from None
    except duckdb.Error:
        raise CommandError(
            f"{path} can be read neither as Parquet nor, by its name, as CSV in UTF-8 (.csv, "
            ".csv.gz) or as a DuckDB file (.duckdb); give one of them"
        ) from None


def _reader(connection: duckdb.DuckDBPyConnection, path: Path, table: str | None) -> str:
    """SQL of the rows of a file, by its name."""
    from assets.storage.quoting import file as csv_file
    from assets.storage.quoting import literal, parquet
    from assets.storage.quoting import name as identifier

    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2:-1] if suffixes[-1:] and suffixes[-1] in COMPRESSED else suffixes[-1:]
    if kind and kind[0] in CSV:
        return f"read_csv({csv_file(path)}, all_varchar = true)"
    if not kind or kind[0] not in DATABASES:
        return parquet(path)
    connection.execute(f"ATTACH {literal(path)} AS given (READ_ONLY)")
    tables = [
        str(row[0])
        for row in connection.execute(
            """SELECT table_name FROM information_schema.tables
            WHERE table_catalog = 'given'
            ORDER BY table_name"""
        ).fetchall()
    ]
    chosen = table or (tables[0] if len(tables) == 1 else None)
    if chosen not in tables:
        raise CommandError(f"{path} has the tables {', '.join(tables)}; name one by --table")
    return f"given.{identifier(chosen)}"


def read_filled(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, columns: dict[str, str]
) -> None:
    """Make a table of these columns of a file, all of them filled in every row."""
    import duckdb

    read_table(connection, path, f"{name}_file")
    try:
        cast = ", ".join(f"{column}::{kind} AS {column}" for column, kind in columns.items())
        connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {cast} FROM {name}_file")
    except duckdb.BinderException:
        raise CommandError(f"{path} needs the columns {', '.join(columns)}") from None
    except duckdb.ConversionException:
        raise CommandError(
            f"{path}: the column same says something other than true or false"
        ) from None
    missing = " OR ".join(f"{column} IS NULL" for column in columns)
    empty = connection.execute(f"SELECT count(*) FROM {name} WHERE {missing}").fetchone()
    if empty and empty[0]:
        raise CommandError(f"{path}: {empty[0]} rows leave one of {', '.join(columns)} empty")


def with_key(connection: duckdb.DuckDBPyConnection, roles: Roles) -> Roles:
    """Return roles with a key: where none is named, a usual key column with unique values."""
    from assets.record_linkage.roles import Role, Roles, role_of

    if roles.has(Role.KEY):
        return roles
    taken = {column for columns in roles.columns.values() for column in columns}
    for name, *_ in connection.execute("DESCRIBE records").fetchall():
        if name.lower() in USUAL_KEYS and name not in taken and role_of(name):
            row = connection.execute(
                f'SELECT count(*) = count(DISTINCT "{name}") FROM records'
            ).fetchone()
            if row and row[0]:
                return Roles({**roles.columns, Role.KEY: (name,)})
    return roles


def clusters_sql(roles: Roles) -> str:
    """SQL of a row per row of the file, with its key and its cluster."""
    from assets.record_linkage.roles import Role
    from assets.storage.quoting import name as identifier

    key = roles.first(Role.KEY)
    named = (
        f"key AS {identifier(key if key.lower() not in ('row', 'cluster') else 'key')}, "
        if key
        else ""
    )
    return f"SELECT row, {named}cluster FROM temp.linkage_out ORDER BY row"


PAIRS_SQL = """SELECT
    least(lk.key, rk.key) AS one,
    greatest(lk.key, rk.key) AS other,
    weight,
    round(1 / (1 + pow(2, -weight)), 4) AS probability,
    lc.first = rc.first AS linked
FROM linkage_pairs
JOIN linkage_keys AS lk ON lk.id = linkage_pairs.one
JOIN linkage_keys AS rk ON rk.id = linkage_pairs.other
JOIN linkage_clusters AS lc ON lc.id = linkage_pairs.one
JOIN linkage_clusters AS rc ON rc.id = linkage_pairs.other
WHERE weight >= 0 OR lc.first = rc.first
ORDER BY weight DESC, one, other"""
"""SQL of the compared pairs that are rather one person than two, or in one cluster."""


def write_table(
    connection: duckdb.DuckDBPyConnection, query: str, path: Path, unfinished: Path
) -> None:
    """Write a query's rows as CSV, if `path` says so, or as Parquet."""
    import duckdb

    from assets.storage.quoting import literal

    how = "FORMAT parquet, COMPRESSION zstd"
    if path.suffix.lower() in CSV:
        how = "FORMAT csv, HEADER"
    try:
        connection.execute(f"COPY ({query}) TO {literal(unfinished)} ({how})")
    except duckdb.IOException as error:
        full = "no space left" if "No space left" in str(error) else "the disk refuses it"
        raise CommandError(f"cannot write {path}: {full}") from error
