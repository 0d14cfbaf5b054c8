"""Links of records that are known by little: by a mailbox or telephone alone, and by a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.record_linkage.contacts import is_impersonal
from assets.register import disputed_identifiers
from assets.register.linkage_configuration import CLASHING
from assets.storage.relations import Relation, Scope

if TYPE_CHECKING:
    from assets.register.linkage_round import LinkageRound

CONTACT_ONLY = {"email": ("LINK-EMAIL-ONLY", 10.0), "phone": ("LINK-PHONE-ONLY", 10.0)}
VISITOR = ("LINK-VISITOR-ID", 10.0)

CONTACT_HOLDERS = Relation(
    name="contact_holders",
    summary="The records of each personal e-mail address, or of each telephone.",
    columns={"id": "INTEGER", "contact": "VARCHAR"},
    reads=("linkage_people", "linkage_nodes", "record_identifiers"),
    scope=Scope.COMPONENT,
)
SHARED_BROWSERS = Relation(
    name="shared_browsers",
    summary="The records of browsers of several clusters; `signed_in`: with an account.",
    columns={
        "value": "VARCHAR",
        "id": "INTEGER",
        "base": "INTEGER",
        "code": "INTEGER",
        "signed_in": "BOOLEAN",
    },
    reads=("record_identifiers", "bases"),
    scope=Scope.COMPONENT,
)
DISPUTED_BROWSERS = Relation(
    name="disputed_browsers",
    summary="Browsers of people who are known to be different.",
    columns={"value": "VARCHAR", "reason": "VARCHAR"},
    reads=("shared_browsers", "browser_cohorts", "bases", "linkage_records"),
    scope=Scope.COMPONENT,
)
BROWSER_COHORTS = Relation(
    name="browser_cohorts",
    summary="The clusters of each shared browser.",
    columns={"cohort": "VARCHAR", "base": "INTEGER"},
    reads=("shared_browsers",),
    scope=Scope.COMPONENT,
)

_HOLDERS = """
    SELECT contact_holders.contact, contact_holders.id, base,
        base IN (
            SELECT base FROM bases
            SEMI JOIN (
                FROM linkage_records WHERE given IS NOT NULL OR family IS NOT NULL
            ) USING (id)) AS named,
        base IN (
            SELECT base FROM bases JOIN record_identifiers USING (id)
            WHERE type IN ('identity_code', 'customer_number')) AS numbered
    FROM contact_holders JOIN bases USING (id)"""
"""SQL: each record of a contact; whether its cluster has a name, and a number."""


def link_contacts(linkage: LinkageRound) -> None:
    """Join records with only an e-mail address, then those with only a telephone.

    To each other where no named person has the contact; then to the only one who has it.
    """
    for kind, (code, weight) in CONTACT_ONLY.items():
        _link_contact(linkage, kind, code, weight)


def _link_contact(linkage: LinkageRound, kind: str, code: str, weight: float) -> None:
    run = linkage.connection.execute
    run(
        CONTACT_HOLDERS.create_table(
            f"""SELECT DISTINCT id, contact
            FROM (
                SELECT id, unnest({kind}s) AS contact
                FROM linkage_people SEMI JOIN linkage_nodes USING (id)
                UNION ALL
                SELECT id, value FROM record_identifiers WHERE type = '{kind}')
            WHERE contact IS NOT NULL AND NOT {is_impersonal("lower(contact)")}"""
        )
    )
    linkage.join(
        f"""WITH holders AS ({_HOLDERS}),
        unnamed AS (
            SELECT contact, min(id) FILTER (NOT numbered) AS first
            FROM holders GROUP BY contact HAVING NOT bool_or(named))
        SELECT DISTINCT first AS one, id AS other, '{code}' AS pass, {weight}::DOUBLE AS weight
        FROM holders JOIN unnamed USING (contact)
        WHERE NOT numbered AND id <> first"""
    )
    linkage.join(
        f"""WITH holders AS ({_HOLDERS}),
        pairs AS (
            SELECT nameless.base, owner.base AS owner, nameless.id AS holder,
                owner.id AS person
            FROM holders AS nameless JOIN holders AS owner USING (contact)
            WHERE NOT nameless.named AND NOT nameless.numbered AND owner.named)
        SELECT least(min(holder), min(person)) AS one,
            greatest(min(holder), min(person)) AS other,
            '{code}' AS pass, {weight}::DOUBLE AS weight
        FROM pairs GROUP BY base HAVING min(owner) = max(owner)""",
        compare_from=2,
    )
    run("DROP TABLE contact_holders")


def link_visitors(linkage: LinkageRound) -> None:
    """Join a browser's visits to the one person who used it.

    A browser of two people who are known to be different joins nobody.
    """
    run = linkage.connection.execute
    run(
        SHARED_BROWSERS.create_table(
            """SELECT value, id, base, code,
                base IN (
                    SELECT base FROM bases JOIN record_identifiers USING (id)
                    WHERE type = 'user_id') AS signed_in
            FROM record_identifiers JOIN bases USING (id)
            WHERE type = 'visitor_id'
            QUALIFY min(base) OVER (PARTITION BY value) <> max(base) OVER (PARTITION BY value)"""
        )
    )
    run(BROWSER_COHORTS.create_table("SELECT DISTINCT value AS cohort, base FROM shared_browsers"))
    run(
        DISPUTED_BROWSERS.create_table(
            f"""SELECT value,
                CASE WHEN bool_or(codes) THEN 'identity_codes' ELSE 'people_differ' END AS reason
            FROM (
                SELECT value, count(DISTINCT code) > 1 AS codes
                FROM shared_browsers GROUP BY value
                HAVING codes OR count(DISTINCT base) FILTER (signed_in) > 1
                UNION ALL
                SELECT l.cohort, false
                FROM ({CLASHING.format("browser_cohorts")}) AS clash
                JOIN browser_cohorts AS l ON l.base = clash.one
                JOIN browser_cohorts AS r ON r.base = clash.other AND r.cohort = l.cohort)
            GROUP BY value"""
        )
    )
    disputed_identifiers.record(linkage.connection, "visitor_id", "FROM disputed_browsers")
    code, weight = VISITOR
    linkage.join(
        f"""WITH undisputed AS (
            SELECT value, id, min(id) OVER (PARTITION BY value) AS first
            FROM shared_browsers ANTI JOIN disputed_browsers USING (value))
        SELECT DISTINCT first AS one, id AS other, '{code}' AS pass, {weight}::DOUBLE AS weight
        FROM undisputed WHERE id <> first""",
        compare_from=2,
        accounts_apart=True,
    )
    for table in ("shared_browsers", "browser_cohorts", "disputed_browsers"):
        run(f"DROP TABLE {table}")
