"""The relations of incremental linking: what arrives, and what of the saved state is looked at."""

from __future__ import annotations

from assets.storage.relations import Relation, Scope

ALL_KEYS = Relation(
    name="incoming_all_keys",
    summary="The keys of all records of the table that is linked.",
    columns={"id": "INTEGER", "row": "BIGINT"},
    scope=Scope.RECORD,
    external=True,
)
INCOMING_KEYS = Relation(
    name="incoming_keys",
    summary="New and changed records, numbered after those that are saved.",
    columns={"id": "INTEGER", "row": "BIGINT", "place": "UBIGINT", "incoming": "INTEGER"},
    reads=("incoming_all_keys",),
    scope=Scope.RECORD,
    external=True,
)
INCOMING_RECORDS = Relation(
    name="incoming_records",
    summary="The standardised new and changed records.",
    columns={"id": "INTEGER"},
    reads=("incoming_keys", "linkage_records"),
    scope=Scope.RECORD,
    external=True,
)
REPLACED = Relation(
    name="incoming_replaced",
    summary="Saved records that new ones replace.",
    columns={"id": "INTEGER"},
    reads=("incoming_all_keys",),
    scope=Scope.RECORD,
)
LOOKUP = Relation(
    name="incoming_lookup",
    summary="The keys by which new records are looked up.",
    columns={"key": "UINTEGER", "new": "INTEGER", "salt": "UTINYINT"},
    reads=("linkage_records",),
    scope=Scope.RECORD,
)
INCOMING_MATCHES = Relation(
    name="incoming_matches",
    summary="Records that share a key with a new one.",
    columns={"new": "INTEGER", "id": "INTEGER", "salt": "UTINYINT"},
    reads=("incoming_lookup", "incoming_replaced"),
    amended_from=("incoming_keys", "incoming_replaced"),
    scope=Scope.GLOBAL,
    merge="Each new record is looked up in all shards.",
)
AFFECTED = Relation(
    name="incoming_affected",
    summary="Saved records in clusters that may change.",
    columns={"id": "INTEGER"},
    reads=("incoming_replaced",),
    scope=Scope.COMPONENT,
)
INCOMING_DECISIONS = Relation(
    name="incoming_decisions",
    summary="Saved and new decisions on pairs of keys.",
    columns={"one": "VARCHAR", "other": "VARCHAR", "same": "BOOLEAN"},
    scope=Scope.COMPONENT,
)
INCOMING_ALIASES = Relation(
    name="incoming_aliases",
    summary="Saved and new corrections of identity numbers.",
    columns={"old": "VARCHAR", "new": "VARCHAR"},
    scope=Scope.BROADCAST,
)
MEMBERS = Relation(
    name="incoming_members",
    summary="Saved records that are looked at again.",
    columns={"id": "INTEGER"},
    reads=("incoming_affected", "incoming_matches", "incoming_replaced"),
    scope=Scope.COMPONENT,
)
SUBSET = Relation(
    name="incoming_subset",
    summary="The records that are looked at, numbered from 0 in the order of their saved ids.",
    columns={"saved": "INTEGER", "id": "INTEGER"},
    reads=("incoming_keys", "incoming_members"),
    scope=Scope.COMPONENT,
)
SAVED_PAIRS = Relation(
    name="incoming_saved_pairs",
    summary="Saved pairs of the records that are looked at.",
    columns={
        "one": "INTEGER",
        "other": "INTEGER",
        "passes": "UINTEGER",
        "pattern": "UBIGINT",
        "weight": "FLOAT",
    },
    reads=("incoming_subset",),
    scope=Scope.COMPONENT,
)
