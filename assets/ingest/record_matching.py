"""Record matching: which records concern which people, by the identifiers that they declare.

A record concerns somebody when it carries one of their decisive identifiers, or a contact or cookie
of theirs alone and nothing that makes it certainly somebody else's. Records that name somebody in
their text only are attributed in `mentions`.
"""

from __future__ import annotations

import duckdb

from assets.storage.relations import Relation, Scope

# A record that carries one of these is about the person it names, even if its e-mail address or
# phone reaches others.
STRONG = ("identity_code", "customer_number", "contact_id", "visitor_id", "user_id")

# A record that carries one of these is attributed with certainty. A browser may be used by several
# people.
DECISIVE = tuple(kind for kind in STRONG if kind != "visitor_id")

# A CRM record is of the party with the valid identity code that it carries, else of the contact,
# else of the customer number. A number that several people's records name is one person's own where
# it is the party of the record.
OWN = ("own_contact_id", "own_customer_number")
# A visit by nobody who was signed in, on a browser on which accounts of several people have signed
# in, is as much of one as of the other.
OWN_BROWSER = "own_visitor_id"
_OF_TYPE = "list_filter(identifiers, lambda named: starts_with(named, '{}:'))"
_CONTACT, _CUSTOMER = _OF_TYPE.format("contact_id"), _OF_TYPE.format("customer_number")
_CODES = f"""list_filter({_OF_TYPE.format("identity_code")},
    lambda named: identity_code_valid(substr(named, strlen('identity_code:') + 1)))"""
_ACCOUNT = f"CASE WHEN len({_CONTACT}) > 0 THEN {_CONTACT} ELSE {_CUSTOMER} END"
PARTY = f"CASE WHEN len({_CODES}) > 0 THEN {_CODES} ELSE {_ACCOUNT} END"
"""The identifiers that determine the owner of a CRM record: SQL over the column `identifiers`."""
WITH_OWN = f"""list_concat(identifiers, CASE
    WHEN len({_OF_TYPE.format("visit")}) > 0 AND len({_OF_TYPE.format("user_id")}) = 0
        THEN list_transform({_OF_TYPE.format("visitor_id")}, lambda named: 'own_' || named)
    WHEN len({_CONTACT}) + len({_CUSTOMER}) = 0 OR len({_CODES}) > 0 THEN []
    ELSE list_transform({_ACCOUNT}, lambda named: 'own_' || named) END)"""
"""The identifiers of a record, and its account where that is the party, or its browser where nobody
was signed in: SQL over the column `identifiers`.
"""

CERTAINLY_ANOTHERS = """split_part(identifier, ':', 1) = 'identity_code'
            AND identity_code_valid(substr(identifier, strlen('identity_code:') + 1))
        OR identifier IN (SELECT identifier FROM known_to_register)"""


KNOWN_TO_REGISTER = Relation(
    name="known_to_register",
    summary="Strong identifiers of registrants.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)
MATCHES = Relation(
    name="matches",
    summary="Records about somebody who is looked for, and by which identifier.",
    columns={"identifier": "VARCHAR", "strong": "BOOLEAN"},
    reads=("suppressed", "matching_identifiers"),
    amended_from=("known_to_register",),
    scope=Scope.COMPONENT,
    external=True,
)


def find_matches(
    connection: duckdb.DuckDBPyConnection, rows: str, listed: str, key: str = "record_no"
) -> None:
    """Make `matches`: which records are about which people, by which identifier, set-wise for any
    number of either.

    `know_register` comes first.

    Args:
        rows: a table with `identifiers` and the columns of `key`, as raw has it.
        listed: a table with `identifier` and what else a match must have, such as a request's id.
        key: the columns that name a record. `matches` has these, `strong` and those of `listed`.
    """
    named = f"SELECT {key}, unnest({WITH_OWN}) AS identifier FROM {rows}"
    connection.execute(
        f"""{MATCHES.create} AS
        SELECT * FROM (
            SELECT *, split_part(identifier, ':', 1) IN {(*DECISIVE, *OWN, OWN_BROWSER)} AS strong
            FROM ({named}) JOIN (FROM {listed}) USING (identifier))
        QUALIFY strong OR NOT bool_or(strong) OVER (PARTITION BY {key})"""
    )
    # The register is read only where a contact or a cookie alone matches.
    if connection.execute("SELECT 1 FROM matches WHERE NOT strong LIMIT 1").fetchone():
        besides = f"""SELECT ({key}) FROM ({named})
            SEMI JOIN (FROM matches WHERE NOT strong) USING ({key})
            WHERE identifier NOT IN (SELECT identifier FROM matches)"""
        by_cookie = f"""SELECT ({key}) FROM matches GROUP BY {key}
            HAVING bool_and(split_part(identifier, ':', 1) = 'visitor_id')"""
        connection.execute(
            f"""DELETE FROM matches WHERE NOT strong
            AND (({key}) IN ({besides} AND ({CERTAINLY_ANOTHERS}))
            OR ({key}) IN ({by_cookie})
                AND ({key}) IN ({besides} AND split_part(identifier, ':', 1) = 'user_id'))"""
        )
