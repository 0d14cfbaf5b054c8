"""Survivorship: for each attribute of a registrant the most trusted source, and its latest value.

Of equally trusted sources the latest statement counts; ties end by record, so that the same
statements give the same golden record whatever the order in which they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import duckdb

from assets.register import registrant_state
from assets.storage.relations import Relation, Scope
from schemas.columns import categories, duckdb_types
from schemas.policy.model import Policy
from schemas.register import (
    AddressHistory,
    ContactPointHistory,
    NameHistory,
    Provenance,
    Registrants,
)
from schemas.staged import CANONICAL

ADDRESS_PREFERENCE = (
    "permanent",
    "postal",
    "temporary",
    "permanent_abroad",
    "postal_abroad",
    "temporary_abroad",
)
"""Kinds of addresses in the order in which they are preferred: for survivorship and for linkage."""


def preferred_address(kind: str) -> str:
    """SQL: the rank of an address of this kind, the lowest preferred."""
    return f"list_position({list(ADDRESS_PREFERENCE)}, {kind})"


class Pick(NamedTuple):
    """How an attribute group is chosen.

    Attributes:
        columns: Column of the golden record -> its value, as SQL.
        relation: The current statements that it is chosen from.
        condition: Which of them.
        dated: The relation has `newest`, the rank of a fact by its start.
        preference: What is preferred before trust, as SQL.
    """

    columns: Mapping[str, str]
    relation: str
    condition: str
    dated: bool = True
    preference: str = "1"


_CURRENT = "kind = '{0}' AND is_current"
_LANGUAGE = "coalesce(language, native_language)"
PICKS: dict[str, Pick] = {
    "name": Pick(
        {"given_names": "given_names", "family_name": "family_name"},
        "current_names",
        _CURRENT.format("official"),
    ),
    "call_name": Pick({"call_name": "given_names"}, "current_names", _CURRENT.format("call")),
    "birth_date": Pick(
        {"birth_date": "birth_date", "birth_date_precision": "birth_date_precision"},
        "current_persons",
        "birth_date IS NOT NULL",
        dated=False,
    ),
    "language": Pick(
        {"language": _LANGUAGE},
        "current_persons",
        f"{_LANGUAGE} IS NOT NULL",
        dated=False,
        preference="language IS NULL",
    ),
    "email": Pick({"email": "value"}, "current_contact_points", _CURRENT.format("email")),
    "phone": Pick({"phone": "value"}, "current_contact_points", _CURRENT.format("phone")),
    "address": Pick(
        {column: column for column in ("street", "postcode", "town", "country")},
        "current_addresses",
        "kind <> 'municipality' AND is_current AND street IS NOT NULL",
    ),
    "municipality": Pick(
        {"municipality_code": "municipality_code"},
        "current_addresses",
        _CURRENT.format("municipality"),
    ),
    "company": Pick(
        {"company_name": "company_name", "job_title": "job_title"},
        "statements_company_contacts",
        "true",
        dated=False,
    ),
}
_LOCATIONS = ("address", "municipality")


@cache
def comes_from() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Return register table -> column -> the staged (table, column) pairs that it comes from.

    Columns of golden records are read off `PICKS`.
    """
    import sqlglot  # here, because only the lineage that the UI shows needs it
    from sqlglot import exp

    registrants = {}
    for pick in PICKS.values():
        table = pick.relation.removeprefix("current_").removeprefix("statements_")
        for name, value in pick.columns.items():
            columns = sqlglot.parse_one(value, dialect="duckdb").find_all(exp.Column)
            registrants[name] = [(table, column.name) for column in columns]
    for number in ("identity_code", "customer_number"):
        registrants[number] = [("identifiers", "value")]
    registrants |= {
        "deceased": [("persons", "deceased")],
        "death_date": [("persons", "death_date")],
        "protected": [("persons", "protected")],
    }
    # A table that is named as a staged one has its columns, with the registrant's id.
    same = {
        table: {column: [(table, column)] for column in categories(model)}
        for table, model in CANONICAL.items()
    }
    choices = {
        column: [("marketing_choices", column)]
        for column in categories(CANONICAL["marketing_choices"])
    }
    log = {**choices, "said_at": [("marketing_choices", "stated_at")]}
    contents = [
        ("visit_actions", column)
        for column in ("url", "content_name", "content_piece", "search_category")
    ]
    interests = {"topic": contents, "times": contents, "last_seen_on": [("visits", "started_at")]}
    return {
        **same,
        "registrants": registrants,
        "choices": choices,
        "choice_log": log,
        "interests": interests,
    }


TRUST = Relation(
    name="trust",
    summary="How trusted each source of the policy is; the lowest number most.",
    columns={"source": "VARCHAR", "trust": "INTEGER"},
    scope=Scope.BROADCAST,
)
PICKED = {
    attribute: Relation(
        name=f"picked_{attribute}",
        summary=f"The {attribute.replace('_', ' ')} of each registrant, and where it is from.",
        columns={
            "registrant_id": "VARCHAR",
            **{name: duckdb_types(Registrants)[name] for name in pick.columns},
            "source": "VARCHAR",
            "delivery_id": "VARCHAR",
            "record_key": "VARCHAR",
            "stated_at": "TIMESTAMPTZ",
        },
        reads=(pick.relation, "membership", "trust", "registrant_state"),
        scope=Scope.COMPONENT,
    )
    for attribute, pick in PICKS.items()
}
_PICKED_NAMES = tuple(relation.name for relation in PICKED.values())
GOLDEN_RECORDS = Relation(
    name="golden_records",
    summary="One row per registrant: its state, and the chosen value of every attribute.",
    columns={
        **registrant_state.REGISTRANT_STATE.columns,
        **{
            name: duckdb_types(Registrants)[name]
            for pick in PICKS.values()
            for name in pick.columns
        },
    },
    reads=("registrant_state", *_PICKED_NAMES),
    amended_from=("registrant_corrections", "post_towns"),
    scope=Scope.COMPONENT,
)
PICKED_PROVENANCE = Relation(
    name="picked_provenance",
    summary="Where each chosen value came from: source, delivery and record.",
    columns=duckdb_types(Provenance),
    reads=_PICKED_NAMES,
    scope=Scope.COMPONENT,
)
CONFLICTS = Relation(
    name="conflicts",
    summary="The attributes of a registrant that have several values in force.",
    columns={"attribute": "VARCHAR", "registrant_id": "VARCHAR", "between_sources": "BOOLEAN"},
    reads=(
        "current_names",
        "current_persons",
        "current_contact_points",
        "current_addresses",
        "statements_company_contacts",
        "membership",
    ),
    scope=Scope.COMPONENT,
)
NAME_HISTORY = Relation(
    name="name_history",
    summary="Names of a registrant, past and present.",
    columns=duckdb_types(NameHistory),
    reads=("current_names", "membership"),
    amended_from=("corrected_values", "registrant_corrections", "golden_records"),
    scope=Scope.COMPONENT,
)
ADDRESS_HISTORY = Relation(
    name="address_history",
    summary="Addresses and home municipalities of a registrant, past and present.",
    columns=duckdb_types(AddressHistory),
    reads=("current_addresses", "membership", "registrant_state"),
    amended_from=("corrected_values", "registrant_corrections", "golden_records"),
    scope=Scope.COMPONENT,
)
CONTACT_POINT_HISTORY = Relation(
    name="contact_point_history",
    summary="E-mail addresses and phones of a registrant, past and present.",
    columns=duckdb_types(ContactPointHistory),
    reads=("current_contact_points", "membership"),
    amended_from=(
        "corrected_values",
        "registrant_corrections",
        "golden_records",
        "staged_marketing_choices",
    ),
    scope=Scope.COMPONENT,
)


def pick(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `golden_records` (without location for the protected), `picked_provenance`, `conflicts`
    and the histories."""
    connection.execute(TRUST.create_empty())
    connection.executemany(
        "INSERT INTO trust VALUES (?, ?)",
        [(name, source.trust) for name, source in policy.sources.items()],
    )
    for attribute in PICKS:
        connection.execute(PICKED[attribute].create_table(_picked(attribute)))
    _conflicts(connection)
    columns = ", ".join(
        f"picked_{attribute}.{name}"
        for attribute, chosen in PICKS.items()
        for name in chosen.columns
    )
    joins = " ".join(f"LEFT JOIN picked_{attribute} USING (registrant_id)" for attribute in PICKS)
    connection.execute(
        GOLDEN_RECORDS.create_table(
            f"SELECT registrant_state.*, {columns} FROM registrant_state {joins}"
        )
    )
    connection.execute(
        PICKED_PROVENANCE.create_table(
            " UNION ALL ".join(
                f"""SELECT registrant_id, '{attribute}' AS attribute, source, delivery_id,
                    record_key, stated_at, false AS rectified
                FROM picked_{attribute}"""
                for attribute in PICKS
            )
        )
    )
    _histories(connection)


def _picked(attribute: str) -> str:
    """SQL: the chosen value of one attribute of each registrant."""
    columns, relation, condition, dated, preference = PICKS[attribute]
    allowed = (
        "AND NOT state.withheld AND (lifted_at IS NULL OR statement.moment >= lifted_at)"
        if attribute in _LOCATIONS
        else ""
    )
    order = [preference, "trust"]
    if attribute == "address":
        order.append(preferred_address("kind"))
    if dated:
        order.append("newest")
    order += ["statement DESC", "record_key", "person_key"]
    if relation != "current_persons":
        order.append("position")
    values = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"""SELECT registrant_id, {values}, source, statement.delivery_id AS delivery_id,
            record_key, statement.moment AS stated_at
        FROM (SELECT * FROM {relation} WHERE {condition})
        JOIN membership USING (person_key)
        JOIN trust USING (source)
        JOIN registrant_state AS state USING (registrant_id)
        WHERE true {allowed}
        QUALIFY row_number() OVER (PARTITION BY registrant_id ORDER BY {", ".join(order)}) = 1"""


def _conflicts(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `conflicts`: what survivorship had to choose from.

    Of each source person the newest value counts, without case; of addresses, those of one kind.
    """
    connection.execute(CONFLICTS.create_table(" UNION ALL ".join(map(_conflicting, PICKS))))


def _conflicting(attribute: str) -> str:
    """SQL: the registrants with several values of one attribute."""
    chosen = PICKS[attribute]
    values = ", ".join(chosen.columns.values())
    newest = "AND newest = 1" if chosen.dated else ""
    kind = ", kind" if attribute == "address" else ""
    return f"""SELECT '{attribute}' AS attribute, registrant_id,
            bool_or(between_sources) AS between_sources
        FROM (
            SELECT registrant_id, min(source) <> max(source) AS between_sources
            FROM (
                SELECT person_key, source{kind}, lower(concat_ws('|', {values})) AS content
                FROM {chosen.relation} WHERE {chosen.condition} {newest})
            JOIN membership USING (person_key)
            GROUP BY registrant_id{kind} HAVING min(content) <> max(content))
        GROUP BY registrant_id"""


def _histories(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the histories: every fact that was never taken back, by registrant.

    Where the population register protects the identity, other sources' locations are left out as
    well; after the protection is lifted, only those stated since come back.
    """
    connection.execute(
        NAME_HISTORY.create_table(
            """SELECT DISTINCT registrant_id, kind, given_names, family_name,
                valid_from, valid_to,
                is_current AND (newest = 1 OR kind = 'former') AS is_current, source
            FROM current_names JOIN membership USING (person_key)"""
        )
    )
    connection.execute(
        ADDRESS_HISTORY.create_table(
            """SELECT DISTINCT registrant_id, kind, street, street_sv, postcode, town, town_sv,
                municipality_code, country, valid_from, valid_to,
                is_current AND newest = 1 AS is_current, source
            FROM current_addresses
            JOIN membership USING (person_key)
            JOIN registrant_state AS state USING (registrant_id)
            WHERE NOT state.withheld
                AND (lifted_at IS NULL OR statement.moment >= lifted_at)"""
        )
    )
    connection.execute(
        CONTACT_POINT_HISTORY.create_table(
            """SELECT registrant_id, kind, arg_min(value, (newest, statement)) AS value,
                match_key, bool_or(is_current) AS is_current, source
            FROM current_contact_points JOIN membership USING (person_key)
            WHERE value IS NOT NULL GROUP BY ALL"""
        )
    )
