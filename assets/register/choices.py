"""Consents and prohibitions: the whole log per registrant, and what of it holds on a day.

- Whom a word concerns: the registrant that it names; and for one about an e-mail address or phone, those it reaches. A
  refusal concerns everyone whom the address has ever reached; a grant only the one whom it reaches today, for of a shared
  address nobody can show who consented (GDPR 7(1)).
- What somebody erased had together with others is nobody's consent: a grant under it from before
  counts no more, so that what one has said never becomes the other's. Refusals under it go on to
  protect whom it reaches.
- Consent: the latest of grant and withdrawal per purpose and channel; of two at the same time the withdrawal.
- Prohibitions, objections, restrictions and requests for review stand until they are lifted, whatever is granted later:
  a prohibition by its own origin, the registrant's other words by any later event of the consent log. What is lifted for
  a shared address is lifted for what was said about that address, and no more.
- A grant or a lifting that is dated after the register's day does not count yet; a refusal does.
- A telephone ban of a prohibition list ends after three years.
"""

from __future__ import annotations

from datetime import date

import duckdb

from schemas.eligibility import LIST_ORIGIN, LIST_YEARS, STATUSES
from schemas.policy import Policy


def gather(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `held_choice_log`, a row per registrant and statement, and `held_choices`, what holds per purpose and channel.

    Reads `said_marketing_choices`, `consents_of_erased`, `staged_contact_points`, `renamed`,
    `membership` and `held_contact_points`.
    """
    _concerned(connection, policy)
    _log(connection, policy, today)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE held_choices AS
        SELECT registrant_id, purpose, channel, choice, origin, text_version, said_at AS chosen_at FROM held_choice_log WHERE holds
        QUALIFY row_number() OVER (PARTITION BY registrant_id, purpose, channel
            ORDER BY list_position({list(STATUSES)}, choice), said_at DESC, origin, said DESC, position DESC) = 1"""
    )


def _concerned(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """`concerned(registrant_id, counts, …)`: every statement under each registrant that it
    concerns; `counts`: it is theirs alone.

    A grant by what somebody erased had as well (`consents_of_erased`, which need not be there)
    concerns nobody.
    """
    connection.execute(
        "CREATE TEMP TABLE IF NOT EXISTS consents_of_erased (subject VARCHAR, until DATE)"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE concerned AS
        WITH words AS (
            SELECT one.* FROM said_marketing_choices AS one
            LEFT JOIN consents_of_erased AS erased ON erased.subject = one.subject
                AND choice = 'granted'
                AND timezone('{policy.time_zone}', said.moment)::DATE <= until
            WHERE until IS NULL),
        reached_ever AS (
            SELECT registrant_id, kind || ':' || match_key AS subject FROM held_contact_points
            UNION
            SELECT registrant_id, kind || ':' || match_key FROM staged_contact_points AS one LEFT JOIN renamed USING (person_key)
            JOIN membership ON membership.person_key = coalesce(renamed.now, one.person_key) WHERE match_key IS NOT NULL),
        reached_alone AS (
            SELECT kind || ':' || match_key AS subject, any_value(registrant_id) AS registrant_id
            FROM held_contact_points WHERE is_current GROUP BY ALL HAVING count(DISTINCT registrant_id) = 1),
        by_person AS (
            SELECT registrant_id, true AS counts, one.*
            FROM words AS one JOIN membership USING (person_key)),
        by_contact AS (
            SELECT ever.registrant_id, alone.registrant_id IS NOT NULL AS counts, one.*
            FROM words AS one JOIN reached_ever AS ever USING (subject)
            LEFT JOIN reached_alone AS alone ON alone.subject = one.subject AND alone.registrant_id = ever.registrant_id
            WHERE choice <> 'granted' OR alone.registrant_id IS NOT NULL)
        SELECT * FROM (FROM by_person UNION ALL BY NAME FROM by_contact)
        QUALIFY row_number() OVER (PARTITION BY registrant_id, said.delivery_id, said.record_no, position, purpose, channel, origin ORDER BY counts DESC) = 1"""
    )


def _log(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE held_choice_log AS
        WITH dated AS (
            SELECT *, timezone('{policy.time_zone}', said.moment)::DATE AS said_on, {{'said': said, 'position': position}} AS nth,
                said.moment AS said_at, starts_with(origin, 'consents:') AS logged
            FROM concerned),
        compared AS (
            SELECT *,
                max(said_at) FILTER (choice = 'granted' AND counts AND said_on <= DATE '{today}') OVER theme AS granted_last,
                max(said_at) FILTER (choice = 'withdrawn') OVER theme AS withdrawn_last,
                greatest(max(said_at) FILTER (lifts AND counts AND logged) OVER theme, max(said_at) FILTER (lifts AND logged) OVER same_subject) AS lifted_last,
                greatest(max(said_at) FILTER (lifts AND counts) OVER its_own, max(said_at) FILTER (lifts) OVER its_own_subject) AS own_lifted_last,
                max(nth) FILTER (lifts) OVER its_own AS own_lifted_nth
            FROM (SELECT *, choice = 'lifted' AND said_on <= DATE '{today}' AS lifts FROM dated)
            WINDOW theme AS (PARTITION BY registrant_id, purpose, channel), same_subject AS (PARTITION BY registrant_id, purpose, channel, subject),
                its_own AS (PARTITION BY registrant_id, purpose, channel, origin),
                its_own_subject AS (PARTITION BY registrant_id, purpose, channel, origin, subject))
        SELECT * EXCLUDE (counts, said_on, nth, logged, granted_last, withdrawn_last, lifts, lifted_last, own_lifted_last, own_lifted_nth, stated_at),
            split_part(subject, ':', 1) AS subject_type, said.delivery_id AS delivery_id,
            coalesce(CASE
                WHEN choice = 'granted' THEN counts AND said_on <= DATE '{today}' AND said_at = granted_last AND coalesce(said_at > withdrawn_last, true)
                WHEN choice = 'withdrawn' THEN said_at = withdrawn_last AND coalesce(said_at >= granted_last, true)
                WHEN choice = 'lifted' THEN false
                WHEN choice = 'prohibited' AND starts_with(origin, '{LIST_ORIGIN}') AND channel = 'phone'
                    AND said_on < (DATE '{today}' - INTERVAL {LIST_YEARS} YEAR)::DATE THEN false
                WHEN choice = 'prohibited' AND logged THEN coalesce(said_at >= own_lifted_last, true)
                WHEN choice = 'prohibited' THEN coalesce(nth > own_lifted_nth, true)
                ELSE coalesce(said_at >= lifted_last, true)
            END, false) AS holds
        FROM compared"""
    )
