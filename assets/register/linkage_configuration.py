"""Linkage configuration: what the engine is given of source persons, and who cannot be one person.

The role of each column, the model, established first names; the comparison of people who share an
identifier. What the engine makes and the register reads is declared here.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from assets.record_linkage.fields import BORN, FAMILY, given_name
from assets.record_linkage.model import Model
from assets.record_linkage.roles import Roles
from assets.storage.relations import Relation, Scope
from schemas.reference.tables import read_reference

ROLES = Roles.of(
    {
        "given_names": "given_name",
        "call_name": "call_name",
        "family_name": "family_name",
        "former_family_names": "other_name",
        "birth_date": "birth_date",
        "street": "street",
        "postcode": "postcode",
        "town": "town",
        "emails": "email",
        "phones": "phone",
    }
)

_STANDARDISED = {
    "id": "INTEGER",
    "called": "VARCHAR",
    "born": "VARCHAR",
    "born_year": "VARCHAR",
    "street": "VARCHAR",
    "house": "VARCHAR",
    "postcode": "VARCHAR",
    "emails": "VARCHAR[]",
    "phones": "VARCHAR[]",
    "given": "VARCHAR",
    "family": "VARCHAR",
    "names": "VARCHAR[]",
    "stamp": "UBIGINT",
}
_COMPARED = {"one": "INTEGER", "other": "INTEGER", "pattern": "UBIGINT"}
_SCORED = {**_COMPARED, "weight": "FLOAT", "proven": "BOOLEAN"}

STANDARDISED = Relation(
    name="linkage_standardised",
    summary="The linkage engine's standardised records of all source persons.",
    columns=_STANDARDISED,
    reads=("linkage_people",),
    scope=Scope.RECORD,
    external=True,
)
STANDARDISED_OF_ROUND = Relation(
    name="linkage_records",
    summary="The linkage engine's standardised records of the persons of a round.",
    columns=_STANDARDISED,
    reads=("linkage_standardised", "linkage_nodes"),
    scope=Scope.RECORD,
    external=True,
)
PAIR_CACHE = Relation(
    name="linkage_pair_cache",
    summary="Pairs that the linkage engine need not compare again, by the stamp of both records.",
    columns={**_COMPARED, "stamp": "UBIGINT"},
    reads=(),
    amended_from=("earlier_comparisons", "linkage_numbers"),
    scope=Scope.GLOBAL,
    merge="As `earlier_comparisons`.",
    external=True,
)
SCORED_PAIRS = Relation(
    name="linkage_pairs",
    summary="The linkage engine's candidate pairs, with their comparison levels and weight.",
    columns={**_SCORED, "passes": "UINTEGER", "clash": "BOOLEAN"},
    reads=("linkage_records", "linkage_nodes", "linkage_pair_cache"),
    scope=Scope.GLOBAL,
    merge="Candidates and the frequency of values are those of the records of all shards.",
    external=True,
)
USED_PAIRS = Relation(
    name="linkage_used",
    summary="The pairs of the round that have cached comparison levels.",
    columns={"one": "INTEGER", "other": "INTEGER", "stamp": "UBIGINT"},
    reads=("linkage_pairs",),
    scope=Scope.GLOBAL,
    merge="As `linkage_pairs`.",
    external=True,
)
REASONS = Relation(
    name="linkage_reasons",
    summary="Grey and typical pairs: level and bits of each field.",
    columns={**_SCORED, "together": "BOOLEAN", "grey": "BOOLEAN", "start": "FLOAT"},
    reads=("linkage_pairs", "judged_pairs", "typical_pairs"),
    scope=Scope.GLOBAL,
    merge="As `linkage_pairs`.",
    external=True,
)

GIVEN = given_name(("called",))
CLASHING = f"""
    WITH members AS (
        SELECT cohort, base, linkage_records.*
        FROM {{}} JOIN bases USING (base) JOIN linkage_records USING (id)),
    compared AS (
        SELECT l.base AS one, r.base AS other, {GIVEN.level()} AS given, {BORN.level()} AS born
        FROM members AS l JOIN members AS r ON l.cohort = r.cohort AND l.base < r.base)
    SELECT one, other
    FROM compared WHERE given > 0 OR born > 0
    GROUP BY one, other HAVING bool_and(given = {len(GIVEN.levels)} OR born > 2)"""
"""SQL: `one, other`: clusters of one group (a table `cohort, base`) that cannot be one person by
name or birth date.

Two clusters clash when every pair of their records that can be compared does: a person whose first
name was changed agrees through the record with the earlier name. Cost grows with the square of a
group's records.
"""

MANY_PEOPLE = 3
"""An identifier of so many people who differ is nobody's."""
MANY_CONTACTS = 10
"""One person does not have so many e-mail addresses, or telephones, under one identifier."""
MANY_FACTS = 60
"""So many different names and birth dates in one group are not compared: they are no one person."""


def _agreement(name: str, last: int) -> str:
    """SQL: `<name>_agrees` of two groups if any of their records do, `<name>_differs` if some
    differ and none agrees."""
    return f"""coalesce(bool_or({name} BETWEEN 1 AND {last}), false) AS {name}_agrees,
            coalesce(bool_or({name} > {last}), false) AND NOT {name}_agrees AS {name}_differs"""


def _same_script(column: str) -> str:
    """SQL: whether two names are of one script: a transliteration is no other name."""
    return f"regexp_matches(l.{column}, '[a-z]') = regexp_matches(r.{column}, '[a-z]')"


PEOPLE_DIFFER = f"""
    WITH bearers AS MATERIALIZED (
        SELECT DISTINCT base, given, called, family, list_sort(list_distinct(names)) AS names,
            born, born_year
        FROM (SELECT DISTINCT base FROM {{0}}) JOIN bases USING (base) JOIN linkage_standardised
            USING (id)
        WHERE given IS NOT NULL OR family IS NOT NULL OR born_year IS NOT NULL),
    reached AS MATERIALIZED (
        SELECT base, flatten(list(emails)) AS emails, flatten(list(phones)) AS phones,
            list(street || coalesce(house, '') || coalesce(postcode, ''))
                FILTER (street IS NOT NULL) AS homes
        FROM (SELECT DISTINCT base FROM bearers)
        JOIN bases USING (base) JOIN linkage_standardised USING (id) GROUP BY base),
    few AS (
        SELECT cohort FROM {{0}} JOIN bearers USING (base) GROUP BY cohort
        HAVING count(DISTINCT base) > 1
            AND count(DISTINCT (given, family, born)) <= {MANY_FACTS}
            AND count(*) <= {2 * MANY_FACTS}),
    members AS (
        SELECT cohort, bearers.* FROM {{0}} SEMI JOIN few USING (cohort) JOIN bearers USING (base)),
    compared AS (
        SELECT l.cohort, l.base AS one, r.base AS other,
            CASE WHEN {_same_script("given")} THEN {GIVEN.level()} ELSE 0 END AS given,
            CASE WHEN {_same_script("family")} THEN {FAMILY.level()} ELSE 0 END AS family,
            {BORN.level()} AS born
        FROM members AS l JOIN members AS r ON l.cohort = r.cohort AND l.base < r.base),
    pairs AS (
        SELECT cohort, one, other,
            {_agreement("given", len(GIVEN.levels) - 1)},
            {_agreement("family", len(FAMILY.levels) - 1)},
            {_agreement("born", 2)}
        FROM compared GROUP BY cohort, one, other),
    judged AS (
        SELECT pairs.*, coalesce(list_has_any(l.emails, r.emails), false)
                OR coalesce(list_has_any(l.phones, r.phones), false) AS contact_agrees,
            NOT contact_agrees AND (coalesce(len(l.emails) > 0 AND len(r.emails) > 0, false)
                OR coalesce(len(l.phones) > 0 AND len(r.phones) > 0, false)) AS contact_differs,
            coalesce(list_has_any(l.homes, r.homes), false) AS home_agrees
        FROM pairs JOIN reached AS l ON l.base = one JOIN reached AS r ON r.base = other)
    SELECT cohort, one, other,
        given_differs AND born_differs
            OR family_differs AND born_differs AND NOT contact_agrees AND NOT home_agrees
            OR given_differs AND family_differs AND NOT born_agrees AND contact_differs AS differ,
        given_differs AND NOT born_agrees OR born_differs AND NOT given_agrees AS unlike
    FROM judged ANTI JOIN linkage_decided_same USING (one, other)"""
"""SQL: of all pairs of clusters of one group (a table `cohort, base`), whether they are two people
as far as they can be compared: `differ` is proof of two, `unlike` only if it is true of several.

Two clusters are two people when their first names and birth dates differ; or surname and birth
date, and no contact or home is the same; or the whole name and all contacts, and the birth date is
not the same. What agrees in any of their records agrees. What is missing proves nothing: a surname,
a contact or an address may have changed, but not all that is known.
"""


@cache
def first_names() -> tuple[str, ...]:
    """Return the established first names of the countries that the product is used in."""
    return tuple(row["name"] for row in read_reference("given_names.csv"))


@cache
def usual_model() -> Model:
    """Return the model that was trained on the invented population: levels and weights, no values.

    See docs/decisions/linkage-engine.md.
    """
    return Model.from_json(
        files("assets.register").joinpath("model.json").read_text(encoding="utf-8")
    )
