"""The saved state of a linkage run, in a database of its own: all that incremental linking needs to
link later records.

Besides the tables of all stages: `linkage_about` (one row: the columns, blocking rules and model),
`linkage_index(key, id)`, the keys of all blocking rules as 32 bits, `linkage_oversized(key)`, those
that were split, and `linkage_frequent(kind, value, share)`, the shares of values that several
records have. In `linkage_clusters(id, first)`, `first` is the record that gives the cluster its id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.blocking_rules import (
    MAX_BLOCK_SIZE,
    BlockingRule,
    part_names,
    rules_named,
)
from assets.record_linkage.dates import DatePart
from assets.record_linkage.format_inference import TableFormat
from assets.record_linkage.model import Model
from assets.record_linkage.standardisation import RecordFormat
from assets.record_linkage.u_probabilities import ValueShares
from assets.record_linkage.value_hashes import HashArray, Positions, ValueHashes, group_equal
from assets.storage.safe_errors import PlainError

VERSION = 3
NOT_COPIED = {"linkage_clusters", "linkage_cluster_ids"}
"""Tables that are saved in another form."""
CONTACTS = ("emails", "phones")
NUMBER, CONTACT, COPY = 60, 61, 63
"""Salts of keys that belong to no blocking rule: identity numbers, contacts (a salt each), and all
values."""
ShortKeys = NDArray[np.uint32]


class LinkageStateError(PlainError):
    """The file has no state that this program can continue from; the message says what to do."""


@dataclass(frozen=True)
class Configuration:
    """What a run has inferred from its data, and later records are linked with.

    Attributes:
        record_format: The columns of the records, and the formats of the table.
        rules: The blocking rules.
        scheme: The scheme of the identity numbers.
        model: The match weights.
        rare: By column with shares, log2 of the share of a value that is not frequent.
    """

    record_format: RecordFormat
    rules: tuple[BlockingRule, ...]
    scheme: str
    model: Model
    rare: dict[str, float]

    def to_json(self) -> str:
        """As JSON."""
        table_format = self.record_format.table_format
        document = {
            "version": VERSION,
            "duckdb": duckdb.__version__,
            "columns": self.record_format.columns,
            "habits": {
                "dates_begin": table_format.first_date_part,
                "family_first": table_format.family_first,
                "years_only": table_format.years_only,
            },
            "passes": [part_names(rule) for rule in self.rules],
            "scheme": self.scheme,
            "rare": self.rare,
            "model": json.loads(self.model.to_json()),
        }
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """Raises LinkageStateError for the state of another version."""
        document = json.loads(text)
        if document["version"] != VERSION or document["duckdb"] != duckdb.__version__:
            raise LinkageStateError(
                "the stages were kept by another version of this program; "
                "link all records again with --stages"
            )
        columns, formats = tuple(document["columns"]), document["habits"]
        table_format = TableFormat(
            DatePart(formats["dates_begin"]),
            bool(formats["family_first"]),
            bool(formats.get("years_only", False)),
        )
        return cls(
            RecordFormat(columns, table_format),
            tuple(rules_named(columns, document["passes"])),
            document["scheme"],
            Model.from_json(json.dumps(document["model"])),
            {name: float(share) for name, share in document["rare"].items()},
        )


def save(
    connection: duckdb.DuckDBPyConnection,
    into: str,
    configuration: Configuration,
    hashes: ValueHashes,
    shares: ValueShares,
) -> None:
    """Copy the stages into the attached database `into`, with what later records need."""
    run = connection.execute
    tables = run(
        """SELECT table_name FROM duckdb_tables()
        WHERE temporary AND table_name LIKE 'linkage_%'
        ORDER BY ALL"""
    ).fetchall()
    for (name,) in tables:
        if name not in NOT_COPIED:
            run(f"CREATE TABLE {into}.{name} AS FROM temp.{name}")
    run(
        f"""CREATE TABLE {into}.linkage_clusters AS
        SELECT clusters.id, named_after.id AS first
        FROM temp.linkage_clusters AS clusters
        JOIN temp.linkage_cluster_ids AS ids USING (first)
        JOIN temp.linkage_keys AS named_after ON named_after.key = ids.cluster"""
    )
    run(f"CREATE TABLE {into}.linkage_about AS SELECT ? AS about", [configuration.to_json()])
    run(
        f"""CREATE TABLE IF NOT EXISTS {into}.linkage_decided
        (one VARCHAR, other VARCHAR, same BOOLEAN)"""
    )
    run(f"CREATE TABLE IF NOT EXISTS {into}.linkage_aliases (old VARCHAR, new VARCHAR)")
    oversized = oversized_keys(hashes, configuration.rules)
    _create(connection, f"{into}.linkage_oversized", pa.table({"key": oversized}))
    run(f"CREATE TABLE {into}.linkage_index (key UINTEGER, id INTEGER)")
    for salt in salts(configuration):
        keys, positions = salted_keys(hashes, configuration, oversized, salt)
        index = pa.table({"key": keys, "id": hashes.ids[positions].astype(np.int32)})
        connection.register("linkage_new_keys", index)
        run(f"INSERT INTO {into}.linkage_index FROM linkage_new_keys")
        connection.unregister("linkage_new_keys")
    _create(connection, f"{into}.linkage_frequent", _frequent(hashes, shares, configuration.rare))


def _frequent(hashes: ValueHashes, shares: ValueShares, rare: dict[str, float]) -> pa.Table:
    """The values (hashes) with a share above that of a rare one: kind, value, share."""
    schema = pa.schema([("kind", pa.string()), ("value", pa.uint64()), ("share", pa.float32())])
    tables = [schema.empty_table()]
    for name, rare_share in rare.items():
        value, first = np.unique(hashes.single(name), return_index=True)
        share = shares.log2[name][first]
        frequent = (share > rare_share + 0.01) & (value != 0)
        kind = pa.array([name] * int(frequent.sum()), pa.string())
        tables.append(pa.table([kind, value[frequent], share[frequent]], schema=schema))
    return pa.concat_tables(tables)


def load(connection: duckdb.DuckDBPyConnection, state: str) -> Configuration:
    """The configuration of the attached database `state`. Raises LinkageStateError."""
    try:
        row = connection.execute(f"SELECT about FROM {state}.linkage_about").fetchone()
    except duckdb.Error:
        row = None
    if row is None:
        raise LinkageStateError(
            "the file has no stages that records can be linked to; "
            "make it with `register link ... --stages`"
        )
    return Configuration.from_json(row[0])


def oversized_keys(hashes: ValueHashes, rules: tuple[BlockingRule, ...]) -> ShortKeys:
    """The keys, of all rules, of more than `MAX_BLOCK_SIZE` records that a splitter divides."""
    oversized = [np.zeros(0, np.uint32)]
    for salt, rule in enumerate(rules):
        if rule.parts and rule.splitter:
            keys = rule.keys(hashes)[1]
            order, starts, sizes = group_equal(keys)
            oversized.append(short_keys(keys[order[starts[sizes > MAX_BLOCK_SIZE]]], salt))
    return np.unique(np.concatenate(oversized))


def salts(configuration: Configuration) -> list[int]:
    """The salts of the rules that have keys, and of the other keys that are looked up."""
    columns = configuration.record_format.columns
    return (
        [salt for salt, rule in enumerate(configuration.rules) if rule.parts]
        + ([NUMBER] if configuration.scheme != "none" else [])
        + [CONTACT + number for number, name in enumerate(CONTACTS) if name in columns]
    )


def salted_keys(
    hashes: ValueHashes, configuration: Configuration, oversized: ShortKeys, salt: int
) -> tuple[ShortKeys, Positions]:
    """The keys of one salt, and the positions of the records that have them."""
    if salt >= CONTACT:
        lists = hashes.of_list(CONTACTS[salt - CONTACT])
        values = np.concatenate([np.zeros(0, np.uint64), *(value for _, value in lists)])
        return short_keys(values, salt), np.concatenate(
            [np.zeros(0, np.int64), *(positions for positions, _ in lists)]
        )
    if salt == NUMBER:
        value = hashes.single("number")
        filled = np.flatnonzero(value)
        return short_keys(value[filled], salt), filled
    rule = configuration.rules[salt]
    positions, whole = rule.keys(hashes)
    keys = short_keys(whole, salt)
    if not rule.splitter or not len(oversized):
        return keys, positions
    crowded = np.isin(keys, oversized)
    if not crowded.any():
        return keys, positions
    split_positions, split = rule.keys(hashes, split=True)
    inside = np.isin(split_positions, positions[crowded])
    return (
        np.concatenate([keys[~crowded], short_keys(split[inside], salt + 32)]),
        np.concatenate([positions[~crowded], split_positions[inside]]),
    )


def short_keys(keys: HashArray, salt: int) -> ShortKeys:
    """32 bits of each key, different ones for each salt.

    Two keys in four billion coincide, and make a pair that is compared in vain.
    """
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    mixed_in = np.uint64(salt * 0x632BE59BD9B4E019 & 0xFFFFFFFFFFFFFFFF)
    short: ShortKeys = (((keys ^ mixed_in) * multiplier) >> np.uint64(32)).astype(np.uint32)
    return short


def _create(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("linkage_created", table)
    connection.execute(f"CREATE TABLE {name} AS FROM linkage_created")
    connection.unregister("linkage_created")


def saved_shares(
    connection: duckdb.DuckDBPyConnection,
    state: str,
    configuration: Configuration,
    hashes: ValueHashes,
) -> ValueShares:
    """The saved population's shares: those of frequent values, and one for all others."""
    log2 = {}
    rare_shares = configuration.rare
    hashes.load(rare_shares)
    for name, rare in rare_shares.items():
        rows = connection.execute(
            f"""SELECT value, share
            FROM {state}.linkage_frequent
            WHERE kind = ?
            ORDER BY value""",
            [name],
        ).fetchnumpy()
        value = np.asarray(rows["value"], np.uint64)
        share = np.asarray(rows["share"], np.float32)
        values = hashes.single(name)
        log2[name] = np.full(len(values), rare, np.float32)
        if len(value):
            at = np.minimum(np.searchsorted(value, values), len(value) - 1)
            log2[name] = np.where(value[at] == values, share[at], log2[name]).astype(np.float32)
    model = configuration.model
    return ValueShares(hashes.ids, log2, model.agreement, rare_shares, model.dependence)
