"""What a run leaves, in a database of its own, for records that come later: everything `arrivals` needs to link them to those that are there.

Besides the tables of all stages: `linkage_about` (one row: roles' columns, passes, model), `linkage_index(key, id)`, the keys of all passes
as 32 bits, `linkage_oversized(key)`, those that were split, `linkage_frequent(kind, value, share)`, the shares of values that several
records have. `linkage_clusters(id, first)` has the record there that the cluster is called after.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.blocking_rules import Pass, named, spelling
from assets.record_linkage.candidates import CAP
from assets.record_linkage.dates import First
from assets.record_linkage.format_inference import Habits
from assets.record_linkage.model import Model
from assets.record_linkage.standardisation import Spelling
from assets.record_linkage.u_probabilities import Shares
from assets.record_linkage.value_hashes import Hashed, Hashes, Places, in_order
from assets.storage.safe_errors import PlainError

VERSION = 3
NAMED = {"linkage_clusters", "linkage_names"}
"""Tables that are kept in another form."""
CONTACTS = ("emails", "phones")
NUMBER, CONTACT = 60, 61
"""Salts of keys that are no pass's: identity numbers, contacts."""
Short = NDArray[np.uint32]


class KeptError(PlainError):
    """The file holds no stages that this program can go on from; the message says what to do."""


@dataclass(frozen=True)
class About:
    """What was found out of the data, and is not found out anew: how they are spelt, by which keys they were compared, what agreement weighs."""

    spelling: Spelling
    passes: tuple[Pass, ...]
    scheme: str
    model: Model
    rare: dict[str, float]
    """Of each column that has shares, log2 of the share of a value that is not frequent."""

    def to_json(self) -> str:
        """As text."""
        said = {
            "version": VERSION,
            "duckdb": duckdb.__version__,
            "columns": self.spelling.columns,
            "habits": asdict(self.spelling.habits),
            "passes": [spelling(one) for one in self.passes],
            "scheme": self.scheme,
            "rare": self.rare,
            "model": json.loads(self.model.to_json()),
        }
        return json.dumps(said)

    @classmethod
    def from_json(cls, text: str) -> About:
        """Raises KeptError for what another version has kept."""
        said = json.loads(text)
        if said["version"] != VERSION or said["duckdb"] != duckdb.__version__:
            raise KeptError(
                "the stages were kept by another version of this program; link all records anew with --stages"
            )
        columns = tuple(said["columns"])
        return cls(
            Spelling(
                columns,
                Habits(First(said["habits"]["dates_begin"]), bool(said["habits"]["family_first"])),
            ),
            tuple(named(columns, said["passes"])),
            said["scheme"],
            Model.from_json(json.dumps(said["model"])),
            {name: float(share) for name, share in said["rare"].items()},
        )


def keep(
    connection: duckdb.DuckDBPyConnection, into: str, about: About, hashes: Hashes, shares: Shares
) -> None:
    """Copy the stages into the attached database `into`, and beside them what later records need."""
    made = "SELECT table_name FROM duckdb_tables() WHERE temporary AND table_name LIKE 'linkage_%' ORDER BY ALL"
    for (name,) in connection.execute(made).fetchall():
        if name not in NAMED:
            connection.execute(f"CREATE TABLE {into}.{name} AS FROM temp.{name}")
    connection.execute(
        f"""CREATE TABLE {into}.linkage_clusters AS SELECT clusters.id, called.id AS first
        FROM temp.linkage_clusters AS clusters JOIN temp.linkage_names AS names USING (first) JOIN temp.linkage_keys AS called ON called.key = names.cluster"""
    )
    connection.execute(f"CREATE TABLE {into}.linkage_about AS SELECT ? AS about", [about.to_json()])
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {into}.linkage_decided (one VARCHAR, other VARCHAR, same BOOLEAN)"
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {into}.linkage_aliases (old VARCHAR, new VARCHAR)"
    )
    oversized = oversized_of(hashes, about.passes)
    _put(connection, f"{into}.linkage_oversized", pa.table({"key": oversized}))
    connection.execute(f"CREATE TABLE {into}.linkage_index (key UINTEGER, id INTEGER)")
    for salt in salts(about):
        keys, places = salted(hashes, about, oversized, salt)
        _put(
            connection,
            f"{into}.linkage_index",
            pa.table({"key": keys, "id": hashes.ids[places].astype(np.int32)}),
            add=True,
        )
    frequent = []
    for name in about.rare:
        value, first = np.unique(hashes.single(name), return_index=True)
        share = shares.logs[name][first]
        there = (share > about.rare[name] + 0.01) & (value != 0)
        frequent.append(
            pa.table(
                {
                    "kind": pa.array([name] * int(there.sum()), pa.string()),
                    "value": value[there],
                    "share": share[there],
                }
            )
        )
    empty = pa.table(
        {
            "kind": pa.array([], pa.string()),
            "value": pa.array([], pa.uint64()),
            "share": pa.array([], pa.float32()),
        }
    )
    _put(connection, f"{into}.linkage_frequent", pa.concat_tables([empty, *frequent]))


def read_about(connection: duckdb.DuckDBPyConnection, kept: str) -> About:
    """What the attached database `kept` was kept with. Raises KeptError."""
    try:
        row = connection.execute(f"SELECT about FROM {kept}.linkage_about").fetchone()
    except duckdb.Error:
        row = None
    if row is None:
        raise KeptError(
            "the file has no stages that records can be linked to; make it with `register link ... --stages`"
        )
    return About.from_json(row[0])


def oversized_of(hashes: Hashes, passes: tuple[Pass, ...]) -> Short:
    """The keys, of all passes, that more than `CAP` records have and a second key splits."""
    found = [np.zeros(0, np.uint32)]
    for salt, one in enumerate(passes):
        if one.atoms and one.second:
            keys = one.keys(hashes)[1]
            order, begins, sizes = in_order(keys)
            found.append(short(keys[order[begins[sizes > CAP]]], salt))
    return np.unique(np.concatenate(found))


def salts(about: About) -> list[int]:
    """The numbers of the passes that have keys, and of what else is looked up."""
    numbered = [NUMBER] if about.scheme != "none" else []
    return (
        [salt for salt, one in enumerate(about.passes) if one.atoms]
        + numbered
        + [CONTACT + n for n, name in enumerate(CONTACTS) if name in about.spelling.columns]
    )


def salted(hashes: Hashes, about: About, oversized: Short, salt: int) -> tuple[Short, Places]:
    """The keys of one pass, and whose they are."""
    if salt >= CONTACT:
        several = hashes.every(CONTACTS[salt - CONTACT])
        values = np.concatenate([np.zeros(0, np.uint64), *(value for _, value in several)])
        return short(values, salt), np.concatenate(
            [np.zeros(0, np.int64), *(places for places, _ in several)]
        )
    if salt == NUMBER:
        value = hashes.single("number")
        there = np.flatnonzero(value)
        return short(value[there], salt), there
    one = about.passes[salt]
    places, whole = one.keys(hashes)
    keys = short(whole, salt)
    crowded = (
        np.isin(keys, oversized) if one.second and len(oversized) else np.zeros(len(keys), np.bool_)
    )
    if not crowded.any():
        return keys, places
    split_places, split = one.keys(hashes, split=True)
    inside = np.isin(split_places, places[crowded])
    return np.concatenate([keys[~crowded], short(split[inside], salt + 32)]), np.concatenate(
        [places[~crowded], split_places[inside]]
    )


def short(keys: Hashed, salt: int) -> Short:
    """32 bits of each key, others in each pass; two keys in four billion fall together, and make a pair that is compared for nothing."""
    multiplier = np.uint64(0x9E3779B97F4A7C15)
    answer: Short = (
        ((keys ^ np.uint64(salt * 0x632BE59BD9B4E019 & 0xFFFFFFFFFFFFFFFF)) * multiplier)
        >> np.uint64(32)
    ).astype(np.uint32)
    return answer


def _put(
    connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table, *, add: bool = False
) -> None:
    connection.register("linkage_put", table)
    connection.execute(
        f"INSERT INTO {name} FROM linkage_put"
        if add
        else f"CREATE TABLE {name} AS FROM linkage_put"
    )
    connection.unregister("linkage_put")
