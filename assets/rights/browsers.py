"""The owner of a browser: the one registrant with the only accounts that have signed in on it, with
every visit before and after.

Read are the visits themselves, staged or in raw only, for the register does not know a browser that
came since it was built, nor one that it has left apart. A browser on which accounts of several have
signed in is shared, and belongs to none of them; nor does what nobody signed in for there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view, create_view
from assets.storage.sessions import connect
from schemas.raw import Raw
from schemas.staged import Visits

# What an account on the website may be named by.
_ACCOUNTS = ("user_id", "email", "customer_number")


@dataclass
class Browsers:
    """Cookies under which accounts of a registrant have signed in, as `visitor_id:<value>`: no
    other account has (`alone`), or others have, too (`shared`).
    """

    alone: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)


def signed_in(data_root: DataRoot, known: Mapping[str, set[str]]) -> dict[str, Browsers]:
    """Return, by id of the request, the cookies under which accounts of the registrant have signed
    in.

    Args:
        known: identifiers `<type>:<canonical value>` that are the registrant's alone, by id of the
            request.
    """
    accounts = [
        (request_id, identifier.split(":", 1)[1])
        for request_id, identifiers in known.items()
        for identifier in identifiers
        if identifier.split(":", 1)[0] in _ACCOUNTS
    ]
    if not accounts:
        return {}
    with connect(data_root) as connection:
        create_view(data_root, connection, "raw", Raw, data_root.files("raw", "website"))
        create_staged_view(data_root, connection, Visits)
        connection.execute(
            """CREATE TEMP TABLE accounts AS
            SELECT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS account""",
            [[request_id for request_id, _ in accounts], [account for _, account in accounts]],
        )
        rows = connection.execute(
            """WITH visits AS (
                SELECT visitor_id AS cookie, user_id AS account FROM staged_visits
                UNION
                SELECT substr(cookie, 12), substr(account, 9) FROM (
                    SELECT
                        list_filter(identifiers, lambda identifier:
                            starts_with(identifier, 'visitor_id:'))[1] AS cookie,
                        list_filter(identifiers, lambda identifier:
                            starts_with(identifier, 'user_id:'))[1] AS account
                    FROM raw)),
            theirs AS (
                SELECT DISTINCT request_id, cookie FROM visits JOIN accounts USING (account)
                WHERE cookie IS NOT NULL)
            SELECT request_id, 'visitor_id:' || cookie, EXISTS (
                FROM visits WHERE visits.cookie = theirs.cookie AND account IS NOT NULL
                AND NOT EXISTS (
                    FROM accounts AS mine WHERE mine.account = visits.account
                    AND mine.request_id = theirs.request_id))
            FROM theirs"""
        ).fetchall()
    found: dict[str, Browsers] = {}
    for request_id, cookie, is_shared in rows:
        of_request = found.setdefault(request_id, Browsers())
        (of_request.shared if is_shared else of_request.alone).add(cookie)
    return found
