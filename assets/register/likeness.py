"""What the linkage engine is told of source persons: the role of each column, and the model; and who cannot be one person."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from assets.linkage.fields import BORN, given
from assets.linkage.model import Model
from assets.linkage.roles import Roles
from assets.sample.names import read_reference

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

GIVEN = given(("called",))
CLASHING = f"""
    WITH members AS (SELECT cohort, base, linkage_records.* FROM {{}} JOIN bases USING (base) JOIN linkage_records USING (id)),
    compared AS (
        SELECT l.base AS one, r.base AS other, {GIVEN.level()} AS given, {BORN.level()} AS born
        FROM members AS l JOIN members AS r ON l.cohort = r.cohort AND l.base < r.base)
    SELECT one, other FROM compared WHERE given > 0 OR born > 0
    GROUP BY one, other HAVING bool_and(given = {len(GIVEN.levels)} OR born > 2)"""
"""SQL: `one, other`: bases of the same group (a table `cohort, base`) that cannot be one person by name or birth date.

Two bases clash when every pair of their records that can be compared does: a person whose first name was changed agrees
through the record with the earlier name. Cost grows with the square of a group's records.
"""


@cache
def first_names() -> tuple[str, ...]:
    """The established first names of the countries that the product is used in."""
    return tuple(row["name"] for row in read_reference("given_names.csv"))


@cache
def usual_model() -> Model:
    """What the invented population taught (see docs/decisions/linkage-engine.md): levels and weights, nobody's values."""
    return Model.from_json(
        files("assets.register").joinpath("model.json").read_text(encoding="utf-8")
    )
