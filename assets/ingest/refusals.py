"""Lasting refusals: the memory that somebody has refused a use, when nothing else is left of them.

Prohibitions, objections and withdrawals outlive the person as keyed hashes of their identifiers and
contact points, in `requests/refusals.parquet`. They are compared with people who are known by one
of these again: when a delivery is taken in for a purpose that was refused (`prepare`), and when
eligibility is evaluated (`assets.register.lasting_refusals`, which also writes them). They are a
reason to keep nothing else.

HMAC-SHA256 under the pepper in `secrets/`, in a domain of their own: the hashes cannot be compared
with those of the suppression list.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import create_keyed_hash
from schemas.columns import duckdb_types
from schemas.eligibility import channels, concerned
from schemas.refusals import LASTING, LastingRefusals
from schemas.staged import CHOICE_PURPOSES
from schemas.vocabulary import CHANNELS

REFUSALS = KeptFile(
    "requests/refusals.parquet",
    "what people who have left or were erased had refused",
    "somebody who comes back counts as never having refused",
    duckdb_types(LastingRefusals),
)
REFUSAL_HASH = "keyed_hash('refusal|' || {0})"
"""SQL: the hash of an identifier or contact point, as `<type>:<canonical value>`."""
ASKED_FOR = ("direct_marketing", "targeted_advertising", "analytics")
"""Purposes whose deliveries are compared with refusals. What serves a contract or the care of a
customer comes in, and eligibility decides on its use.
"""

REFUSED_USE = Relation(
    name="refused_use",
    summary="Keyed hashes of those who refuse the purpose of a delivery altogether.",
    columns={"token": "VARCHAR", "refused_on": "DATE"},
    reads=("lasting_refusals",),
    scope=Scope.BROADCAST,
    temporary=False,
)


def load(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> int:
    """Make `lasting_refusals` and the macro `keyed_hash`; return the number of rows."""
    create_keyed_hash(data_root, connection)
    connection.execute(f"CREATE OR REPLACE TABLE lasting_refusals AS {REFUSALS.rows(data_root)}")
    return count(connection, "SELECT count(*) FROM lasting_refusals")


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, purpose: str) -> bool:
    """Make `refused_use(token, refused_on)`: who has refused a purpose altogether.

    Returns:
        Whether anybody has; always false of a purpose that is not compared (`ASKED_FOR`).
    """
    if purpose not in ASKED_FOR or not load(data_root, connection):
        return False
    wholly = ", ".join(str(refusal) for refusal in _refusing(purpose))
    connection.execute(
        f"""{REFUSED_USE.create} AS
        SELECT token,
            max(timezone('{data_root.policy.time_zone}', stated_at)::DATE) AS refused_on
        FROM lasting_refusals
        WHERE (purpose, channel, choice) IN ({wholly})
        GROUP BY token"""
    )
    return bool(count(connection, "SELECT count(*) FROM refused_use"))


def _refusing(purpose: str) -> list[tuple[str, str, str]]:
    """Return the choices (purpose, channel, choice) that refuse the purpose on all its channels."""
    return [
        (about, channel, choice)
        for about in CHOICE_PURPOSES
        for channel in CHANNELS
        for choice in LASTING
        if {*channels(purpose)} <= {*concerned(about, channel, choice).get(purpose, ())}
    ]


def without_refused(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """Return rows of raw without those about somebody who has refused the delivery's purpose.

    What they gave themselves after the refusal stays. `prepare` comes first.
    """
    connection.register("delivered_rows", rows)
    refused = connection.execute(
        f"""SELECT DISTINCT record_no
        FROM (SELECT record_no, given_on, unnest(identifiers) AS identifier FROM delivered_rows)
        JOIN refused_use ON token = {REFUSAL_HASH.format("identifier")}
        WHERE coalesce(given_on <= refused_on, true)"""
    ).to_arrow_table()["record_no"]
    return rows.filter(pc.invert(pc.is_in(rows["record_no"], value_set=refused.combine_chunks())))


def due_for_review(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    """Return how many refusals are kept for longer than the policy's period of review."""
    load(data_root, connection)
    over = data_root.policy.rule("suppressions")[1].period.before(today)
    return count(
        connection,
        f"SELECT count(DISTINCT refusal) FROM lasting_refusals WHERE kept_since <= DATE '{over}'",
    )
