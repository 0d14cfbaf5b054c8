"""Consents and prohibitions: the whole log per registrant, and what of it is in force on a day.

- A choice concerns the registrant that it names; one about an e-mail address or phone concerns
  those that the address reaches. A refusal concerns everyone that the address has ever reached; a
  grant only the registrant that it reaches today, for of a shared address nobody can show who
  consented (GDPR 7(1)).
- An identifier that an erased person shared with others proves no consent: a grant under it from
  before counts no more, so that one person's consent never becomes another's. Refusals under it
  still protect everyone it reaches.
- Consent: the latest of grant and withdrawal per purpose and channel; of two at the same time the
  withdrawal.
- Prohibitions, objections, restrictions and requests for review stand until they are lifted,
  whatever is granted later: a prohibition by its own origin, the registrant's other choices by any
  later event of the consent log. What is lifted for a shared address is lifted for the choices
  about that address, and no more.
- A grant or a lifting that is dated after the register's day does not count yet; a refusal does.
- A telephone ban of a prohibition list ends after three years, or when its list says; that of
  another number goes on.
- An erasure that waits for a hold restricts its registrant until it is carried out or closed.
- What somebody refused before all else of them was removed counts when they are known again
  (`lasting_refusals`). Of that, what they stated themselves ends by a later consent of theirs to
  the same use on the same channel: they have stated nothing else since.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import current_statements, holds, lasting_refusals
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.eligibility import FROM_LIST, LIST_YEARS, STATUSES
from schemas.policy.model import Policy
from schemas.register import ChoiceLog, Choices
from schemas.requests import RESTRICTED_UNDER

CONSENTS_OF_ERASED = Relation(
    name="consents_of_erased",
    summary="Identifiers of erased persons that others have too, and the day up to which no grant "
    "under them counts.",
    columns={"subject": "VARCHAR", "until": "DATE"},
    reads=("statements_marketing_choices",),
    scope=Scope.COMPONENT,
    external=True,
)
RESTRICTED_BY_ERASURE = Relation(
    name="restricted_by_erasure",
    summary="Registrants of erasures that wait for a hold, as choices: restricted meanwhile.",
    columns={
        "registrant_id": "VARCHAR",
        "counts": "BOOLEAN",
        **current_statements.STATEMENTS["marketing_choices"].columns,
    },
    reads=("registrants_on_hold",),
    scope=Scope.COMPONENT,
)
CONCERNED = Relation(
    name="concerned_registrants",
    summary="Every choice under each registrant that it concerns; `counts`: it is theirs alone.",
    columns={
        "registrant_id": "VARCHAR",
        "counts": "BOOLEAN",
        **current_statements.STATEMENTS["marketing_choices"].columns,
    },
    reads=(
        "statements_marketing_choices",
        "returned_refusals",
        "restricted_by_erasure",
        "consents_of_erased",
        "contact_point_history",
        "name_history",
        "address_history",
        "staged_contact_points",
        "renamed_persons",
        "membership",
    ),
    scope=Scope.COMPONENT,
)
REGISTRANT_CHOICE_LOG = Relation(
    name="registrant_choice_log",
    summary="Every choice of a registrant, and whether it is in force.",
    columns={
        **duckdb_types(ChoiceLog),
        "statement": current_statements.STATEMENTS["marketing_choices"].columns["statement"],
        "position": "BIGINT",
        "subject": "VARCHAR",
    },
    reads=("concerned_registrants",),
    scope=Scope.COMPONENT,
)
REGISTRANT_CHOICES = Relation(
    name="registrant_choices",
    summary="What is in force per registrant, purpose and channel: the most restrictive choice.",
    columns=duckdb_types(Choices),
    reads=("registrant_choice_log",),
    scope=Scope.COMPONENT,
)


def gather(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make the relations of this module as of `today`."""
    lasting_refusals.find_returned(connection)
    _restricted_by_erasure(connection, today)
    _concerned(connection, policy)
    _log(connection, policy, today)
    lasting_refusals.forget_ended(connection)
    connection.execute(
        REGISTRANT_CHOICES.create_table(
            f"""SELECT registrant_id, purpose, channel, choice, origin, text_version,
                said_at AS chosen_at
            FROM registrant_choice_log WHERE holds
            QUALIFY row_number() OVER (PARTITION BY registrant_id, purpose, channel
                ORDER BY list_position({list(STATUSES)}, choice), said_at DESC, origin,
                    statement DESC, position DESC) = 1"""
        )
    )


WAITING_ID = "erasures"
"""In the place of a delivery: an erasure waits for a hold."""


def _restricted_by_erasure(connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `restricted_by_erasure`. `today` is in the place of when it was stated."""
    now = f"TIMESTAMPTZ '{today} 00:00:00+00'"
    values = {
        "registrant_id": "registrant_id",
        "counts": "true",
        "record_no": "nth",
        "record_key": "hold",
        "position": "0",
        "stated_at": now,
        "purpose": f"'{RESTRICTED_UNDER}'",
        "channel": "'all'",
        "choice": "'restricted'",
        "origin": "'self:erasure'",
        "source": "'self'",
        "day": f"DATE '{today}'",
        "delivery_id": f"'{WAITING_ID}'",
        "statement": f"""{{'moment': {now}, 'sequence': 0, 'day': DATE '{today}',
            'period_last': DATE '{today}', 'delivery_id': '{WAITING_ID}', 'record_no': nth}}""",
    }
    columns = ", ".join(
        f"({values.get(name, 'NULL')})::{kind} AS {name}"
        for name, kind in RESTRICTED_BY_ERASURE.columns.items()
    )
    connection.execute(
        RESTRICTED_BY_ERASURE.create_table(
            f"""SELECT {columns}
            FROM (
                SELECT registrant_id, hold, dense_rank() OVER (ORDER BY hold) AS nth
                FROM registrants_on_hold WHERE ground = '{holds.WAITING_ERASURE}'
                GROUP BY registrant_id, hold)"""
        )
    )


def _concerned(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Make `concerned_registrants`; a grant under `consents_of_erased` concerns nobody."""
    connection.execute(
        CONCERNED.create_table(
            f"""WITH counted AS (
                SELECT stated.*
                FROM statements_marketing_choices AS stated
                LEFT JOIN consents_of_erased AS erased
                    ON erased.subject = stated.subject AND choice = 'granted'
                    AND timezone('{policy.time_zone}', statement.moment)::DATE <= until
                WHERE until IS NULL),
            reached_ever AS (
                SELECT registrant_id, kind || ':' || match_key AS subject
                FROM contact_point_history
                UNION
                SELECT registrant_id, kind || ':' || match_key
                FROM staged_contact_points AS staged
                LEFT JOIN renamed_persons USING (person_key)
                JOIN membership ON membership.person_key
                    = coalesce(renamed_persons.current_key, staged.person_key)
                WHERE match_key IS NOT NULL
                UNION
                SELECT registrant_id,
                    'postal:' || postal_key(given_names, family_name, street, postcode)
                FROM name_history JOIN address_history USING (registrant_id)
                WHERE address_history.country IS NULL
                    AND (SELECT count(*) FROM counted WHERE starts_with(subject, 'postal:')) > 0),
            reached_alone AS (
                SELECT kind || ':' || match_key AS subject,
                    any_value(registrant_id) AS registrant_id
                FROM contact_point_history
                WHERE is_current GROUP BY ALL HAVING count(DISTINCT registrant_id) = 1),
            by_person AS (
                SELECT registrant_id, true AS counts, counted.*
                FROM counted JOIN membership USING (person_key)),
            by_contact AS (
                SELECT ever.registrant_id, alone.registrant_id IS NOT NULL AS counts, counted.*
                FROM counted
                JOIN reached_ever AS ever USING (subject)
                LEFT JOIN reached_alone AS alone ON alone.subject = counted.subject
                    AND alone.registrant_id = ever.registrant_id
                WHERE choice <> 'granted' OR alone.registrant_id IS NOT NULL)
            SELECT * FROM (
                FROM by_person
                UNION ALL BY NAME FROM by_contact
                UNION ALL BY NAME FROM returned_refusals
                UNION ALL BY NAME FROM restricted_by_erasure)
            QUALIFY row_number() OVER (
                PARTITION BY registrant_id, statement.delivery_id, statement.record_no,
                    position, purpose, channel, origin
                ORDER BY counts DESC) = 1"""
        )
    )


def _log(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `registrant_choice_log`.

    A choice is compared with the latest grant, withdrawal and lifting: of the same purpose and
    channel (`theme`), of the same subject there, and of its own origin.
    """
    connection.execute(
        REGISTRANT_CHOICE_LOG.create_table(
            f"""WITH dated AS (
                SELECT *,
                    timezone('{policy.time_zone}', statement.moment)::DATE AS made_on,
                    {{'statement': statement, 'position': position}} AS nth,
                    statement.moment AS said_at, starts_with(origin, 'consents:') AS logged,
                    statement.delivery_id = '{lasting_refusals.LASTING_ID}' AS remembered
                FROM concerned_registrants),
            compared AS (
                SELECT *,
                    max(said_at) FILTER (
                        choice = 'granted' AND counts AND made_on <= DATE '{today}'
                    ) OVER theme AS granted_last,
                    max(said_at) FILTER (choice = 'withdrawn') OVER theme AS withdrawn_last,
                    greatest(
                        max(said_at) FILTER (lifts AND counts AND logged) OVER theme,
                        max(said_at) FILTER (lifts AND logged) OVER same_subject
                    ) AS lifted_last,
                    greatest(
                        max(said_at) FILTER (lifts AND counts) OVER same_origin,
                        max(said_at) FILTER (lifts) OVER same_origin_and_subject
                    ) AS own_lifted_last,
                    CASE WHEN {FROM_LIST}
                        THEN max(nth) FILTER (lifts) OVER same_origin_and_subject
                        ELSE max(nth) FILTER (lifts) OVER same_origin END AS own_lifted_nth
                FROM (
                    SELECT *, choice = 'lifted' AND made_on <= DATE '{today}' AS lifts
                    FROM dated)
                WINDOW theme AS (PARTITION BY registrant_id, purpose, channel),
                    same_subject AS (PARTITION BY registrant_id, purpose, channel, subject),
                    same_origin AS (PARTITION BY registrant_id, purpose, channel, origin),
                    same_origin_and_subject AS (
                        PARTITION BY registrant_id, purpose, channel, origin, subject))
            SELECT registrant_id, purpose, channel, choice, said_at, origin,
                split_part(subject, ':', 1) AS subject_type, text_version, language, evidence,
                coalesce({_in_force(today)}, false) AS holds,
                source, statement.delivery_id AS delivery_id, record_key, statement, position,
                subject
            FROM compared WHERE NOT remembered OR coalesce({_in_force(today)}, false)"""
        )
    )


def _in_force(today: date) -> str:
    """SQL: whether a compared choice is in force on the day; null counts as not."""
    oldest_ban = f"(DATE '{today}' - INTERVAL {LIST_YEARS} YEAR)::DATE"
    return f"""CASE
        WHEN statement.delivery_id = '{WAITING_ID}' THEN true
        WHEN remembered AND choice <> 'withdrawn' AND {lasting_refusals.OWN_WORD}
            AND coalesce(said_at < granted_last, false) THEN false
        WHEN choice = 'granted' THEN counts AND made_on <= DATE '{today}'
            AND said_at = granted_last AND coalesce(said_at > withdrawn_last, true)
        WHEN choice = 'withdrawn'
            THEN said_at = withdrawn_last AND coalesce(said_at >= granted_last, true)
        WHEN choice = 'lifted' THEN false
        WHEN choice = 'prohibited' AND {FROM_LIST}
            AND channel = 'phone' AND made_on < {oldest_ban} THEN false
        WHEN choice = 'prohibited' AND logged THEN coalesce(said_at >= own_lifted_last, true)
        WHEN choice = 'prohibited' THEN coalesce(nth > own_lifted_nth, true)
        ELSE coalesce(said_at >= lifted_last, true)
    END"""
