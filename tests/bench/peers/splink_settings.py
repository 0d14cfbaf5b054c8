"""Splink, configured as its documentation advises for each kind of column; it is the peer, and is
to be at its best.

Names: NameComparison, or ForenameSurnameComparison where the two are swapped now and then, with
term frequencies. Birth dates: DateOfBirthComparison. British postcodes: PostcodeComparison, others
by edits. E-mail: EmailComparison. Blocking rules are wider than in the tutorials where that found
more. Where the data need standardising, which Splink leaves to its users, it is done here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import splink.comparison_level_library as cll
import splink.comparison_library as cl
from splink import SettingsCreator, block_on
from splink.internals.blocking_rule_creator import BlockingRuleCreator
from splink.internals.comparison_creator import ComparisonCreator

from tests.bench.peers.kinds import KINDS

U_PAIRS = 1e6
"""Random pairs for estimating u: Splink's own default; five times as many took longer and changed
nothing.
"""

EM_PAIRS = 2e6
"""Pairs that one training run looks at, at most: without a bound a million people with common names
took minutes and 5 GB.
"""


@dataclass(frozen=True)
class Configuration:
    """`prepare` selects from `people`; `certain` are rules that find `recall` of all matches; one
    training run for each of `training`; `source` is the column of the sources that are linked.
    """

    prepare: str
    comparisons: list[ComparisonCreator]
    blocking: list[str | BlockingRuleCreator]
    certain: list[str | BlockingRuleCreator]
    recall: float
    training: list[BlockingRuleCreator]
    source: str = ""

    def settings(self) -> SettingsCreator:
        """For deduplication of one table, or for linking the sources in it."""
        return SettingsCreator(
            link_type="link_only" if self.source else "dedupe_only",
            unique_id_column_name="uid",
            comparisons=self.comparisons,
            blocking_rules_to_generate_predictions=self.blocking,
            retain_matching_columns=False,
            retain_intermediate_calculation_columns=False,
        )


def _frequent(comparison: ComparisonCreator) -> ComparisonCreator:
    return comparison.configure(term_frequency_adjustments=True)


def febrl() -> Configuration:
    """As the documentation's febrl3 example, with the parts of the address besides, and wider
    blocking.
    """
    return Configuration(
        (
            "SELECT uid, given_name, surname, street_number, address_1, suburb, postcode, "
            "date_of_birth, soc_sec_id FROM people"
        ),
        [
            cl.NameComparison("given_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison(
                "date_of_birth", input_is_string=True, datetime_format="%Y%m%d"
            ),
            cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
            _frequent(cl.ExactMatch("street_number")),
            _frequent(cl.DamerauLevenshteinAtThresholds("postcode", [1, 2])),
            _frequent(cl.JaroWinklerAtThresholds("address_1", [0.9])),
            _frequent(cl.JaroWinklerAtThresholds("suburb", [0.9])),
        ],
        [
            block_on("soc_sec_id"),
            block_on("given_name", "surname"),
            "l.given_name = r.surname and l.surname = r.given_name",
            block_on("date_of_birth"),
            block_on("address_1"),
            block_on("surname", "postcode"),
            block_on("given_name", "postcode"),
            block_on("postcode", "street_number"),
            block_on("suburb", "street_number"),
        ],
        [
            block_on("soc_sec_id"),
            (
                "l.given_name = r.given_name and l.surname = r.surname and l.date_of_birth = "
                "r.date_of_birth"
            ),
            (
                "l.given_name = r.surname and l.surname = r.given_name and l.date_of_birth = "
                "r.date_of_birth"
            ),
        ],
        0.9,
        [block_on("date_of_birth"), block_on("surname"), block_on("given_name")],
    )


def fake() -> Configuration:
    """As the tutorial on these very people, with wider blocking."""
    return Configuration(
        "SELECT uid, first_name, surname, dob, city, lower(email) AS email FROM people",
        [
            cl.NameComparison("first_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            _frequent(cl.ExactMatch("city")),
            cl.EmailComparison("email"),
        ],
        [
            block_on("first_name"),
            block_on("surname"),
            block_on("dob"),
            block_on("email"),
            block_on("substr(email, 1, 5)"),
            block_on("city", "substr(dob, 1, 4)"),
        ],
        [
            "l.first_name = r.first_name and levenshtein(r.dob, l.dob) <= 1",
            "l.surname = r.surname and levenshtein(r.dob, l.dob) <= 1",
            "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
            block_on("email"),
        ],
        0.7,
        [block_on("first_name", "surname"), block_on("dob"), block_on("email")],
    )


def historical() -> Configuration:
    """As the documentation's example on these very people, with wider blocking."""
    return Configuration(
        """SELECT uid, first_name, surname,
            nullif(concat_ws(' ', first_name, surname), '') AS whole_name, dob, birth_place,
            postcode_fake, occupation
        FROM people""",
        [
            cl.ForenameSurnameComparison(
                "first_name", "surname", forename_surname_concat_col_name="whole_name"
            ),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            _frequent(cl.ExactMatch("birth_place")),
            _frequent(cl.ExactMatch("occupation")),
        ],
        [
            block_on("substr(first_name, 1, 3)", "substr(surname, 1, 4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on("dob", "postcode_fake"),
            block_on("substr(postcode_fake, 1, 3)", "dob"),
            block_on("substr(postcode_fake, 1, 3)", "first_name"),
            block_on("substr(postcode_fake, 1, 3)", "surname"),
            block_on("substr(first_name, 1, 2)", "substr(surname, 1, 2)", "substr(dob, 1, 4)"),
        ],
        [
            "l.first_name = r.first_name and l.surname = r.surname and l.dob = r.dob",
            (
                "substr(l.first_name,1,2) = substr(r.first_name,1,2) and l.surname = r.surname "
                "and substr(l.postcode_fake,1,2) = substr(r.postcode_fake,1,2)"
            ),
            "l.dob = r.dob and l.postcode_fake = r.postcode_fake",
        ],
        0.6,
        [block_on("first_name", "surname"), block_on("dob")],
    )


def rldata() -> Configuration:
    """Few and clean columns: every pair that shares one of them is looked at."""
    return Configuration(
        """SELECT uid, fname_c1 AS given, lname_c1 AS family, "by" AS year, bm AS month, bd AS day,
            concat_ws('-', lpad("by", 4, '0'), lpad(bm, 2, '0'), lpad(bd, 2, '0')) AS born
                FROM people""",
        [
            cl.NameComparison("given"),
            cl.NameComparison("family"),
            cl.DateOfBirthComparison("born", input_is_string=True),
        ],
        [
            block_on("given"),
            block_on("family"),
            block_on("born"),
            block_on("year", "month"),
            block_on("year", "day"),
            block_on("month", "day"),
        ],
        [
            "l.given = r.given and l.family = r.family and l.born = r.born",
            "l.family = r.family and l.born = r.born",
            "l.given = r.given and l.born = r.born",
        ],
        0.8,
        [block_on("given", "family"), block_on("born")],
    )


def _address() -> ComparisonCreator:
    """One comparison: street and postcode go together, and would count twice."""
    return cl.CustomComparison(
        output_column_name="address",
        comparison_levels=[
            cll.NullLevel("address"),
            cll.ExactMatchLevel("address").configure(tf_adjustment_column="address"),
            cll.And(cll.JaroWinklerLevel("home", 0.9), cll.ExactMatchLevel("postcode")),
            cll.ExactMatchLevel("postcode").configure(tf_adjustment_column="postcode"),
            cll.ElseLevel(),
        ],
    )


_STANDARDISED = r"""
    SELECT *, home || ' ' || postcode AS address FROM (
    SELECT uid, given[1] AS given, family,
        strftime(coalesce(try_strptime(birth_date, '%Y-%m-%d'),
        try_strptime(birth_date, '%m/%d/%Y')), '%Y-%m-%d') AS born,
        nullif(regexp_extract(lower(strip_accents(street)), '^\D*\d*'), '') AS home, postcode,
            lower(strip_accents(town)) AS town,
        lower(trim(email)) AS email,
            nullif(right(regexp_replace(phone, '\D', '', 'g'), 8), '') AS phone{more}
    FROM (SELECT *, string_split(lower(strip_accents(trim(given_names))), ' ') AS given,
        lower(strip_accents(trim(family_name))) AS family FROM people))"""


def sampled(*, codes: bool = False) -> Configuration:
    """Register and CRM: first names in full here and call names there, swapped now and then;
    contacts that only the CRM has.
    """
    configuration = Configuration(
        _STANDARDISED.format(more=""),
        [
            cl.NameComparison("given"),
            cl.NameComparison("family"),
            cl.DateOfBirthComparison("born", input_is_string=True),
            _address(),
            cl.EmailComparison("email"),
            _frequent(cl.ExactMatch("phone")),
        ],
        [
            block_on("email"),
            block_on("phone"),
            block_on("given", "family", "born"),
            block_on("family", "born"),
            block_on("given", "born"),
            block_on("given", "family", "postcode"),
            block_on("home", "postcode", "given"),
            block_on("home", "postcode", "family"),
            block_on("home", "born"),
        ],
        [
            block_on("given", "family", "born"),
            block_on("email", "given"),
            block_on("given", "family", "home", "postcode"),
        ],
        0.8,
        [block_on("born"), block_on("given", "family")],
    )
    if not codes:
        return configuration
    return Configuration(
        _STANDARDISED.format(more=", upper(trim(identity_code)) AS code"),
        [*configuration.comparisons, cl.DamerauLevenshteinAtThresholds("code", [1])],
        [block_on("code"), *configuration.blocking],
        [block_on("code"), *configuration.certain],
        0.9,
        configuration.training,
    )


def sampled_codes() -> Configuration:
    """The same with the identity codes that are known."""
    return sampled(codes=True)


_COMPARED = {
    "birth_date": lambda name: cl.DateOfBirthComparison(name, input_is_string=True),
    "birth_year": lambda name: cl.LevenshteinAtThresholds(name, [1]),
    "birth_month": cl.ExactMatch,
    "birth_day": cl.ExactMatch,
    "email": cl.EmailComparison,
    "phone": lambda name: _frequent(cl.ExactMatch(name)),
    "free_text": lambda name: _frequent(cl.ExactMatch(name)),
    "town": lambda name: _frequent(cl.JaroWinklerAtThresholds(name, [0.9])),
    "postcode": lambda name: _frequent(cl.ExactMatch(name)),
    "street": lambda name: _frequent(cl.JaroWinklerAtThresholds(name, [0.9])),
    "organisation": lambda name: _frequent(cl.JaroWinklerAtThresholds(name, [0.9])),
}
"""Splink's comparison of each role; names by NameComparison."""


def of_roles(roles: dict[str, str]) -> Configuration:
    """Splink for a table of which only the roles are known: generic comparisons, and all pairs of
    columns that are not equal too often as blocking rules."""
    compared = {name: role for name, role in roles.items() if role not in ("source", "key")}
    source = next((name for name, role in roles.items() if role == "source"), "")
    names = [name for name, role in compared.items() if role.endswith("_name")]
    strong = [name for name, role in compared.items() if role != "free_text"]
    columns = ", ".join(f'nullif(trim("{name}"::VARCHAR), \'\') AS "{name}"' for name in compared)
    blocking = [
        block_on(*pair)
        for number, name in enumerate(strong)
        for pair in ((name, other) for other in strong[number + 1 :])
    ]
    blocking += [block_on(name) for name in names if compared[name] == "full_name"]
    others = [name for name in strong if name not in names]
    return Configuration(
        f"SELECT uid, {columns}{f', {source}' if source else ''} FROM people",
        [
            _frequent(_COMPARED.get(role, cl.NameComparison)(name))
            if role.endswith("_name")
            else _COMPARED[role](name)
            for name, role in compared.items()
        ],
        blocking,
        [block_on(*strong[:3])],
        0.6,
        [block_on(*names[:2]), *(block_on(name) for name in others[:1])],
        source,
    )


CONFIGURATIONS = {
    make.__name__: make for make in (febrl, fake, historical, rldata, sampled, sampled_codes)
} | {name: partial(of_roles, kind.roles) for name, kind in KINDS.items()}
