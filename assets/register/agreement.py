"""How far two records agree, field by field, and what each degree of agreement weighs.

Fellegi and Sunter's model with three kinds of pair instead of two: the *same person*, two *strangers*, and two people of
one *household*. Agreeing on surname, address and telephone says "same household"; only the first name and the birth date
say which member. A pair must therefore beat both rivals, so a pair's weight is

    -log2(2^-(weight against strangers) + 2^-(weight against the household))

that is, log2 of the odds that it is one person. `LEVELS` holds every number; nothing is trained. Conditions and
probabilities become SQL over two rows `l` and `r` of the table `personae` (see candidates.py).
"""

from __future__ import annotations

from dataclasses import dataclass

# A link by score needs odds of 2^4 = 16 to 1 (measured at this weight: 100 to 1); see docs/decisions/first-linkage.md for what other thresholds cost.
THRESHOLD = 4.0
# Log2 of the prior odds of a household pair against a matching pair: a person has about as many records as relatives.
HOUSEHOLD_PRIOR = 1.0
# Strangers grow with the register: N records make N rivals for each. Below this many the register is a sample of a larger world.
LEAST_POPULATION = 10_000

EMAIL, PHONE, SOLE_EMAIL, SOLE_PHONE = 1, 2, 4, 8
"""Bits of a candidate's `contact`: what the two share, and whether all that hold it bear one first name."""


@dataclass(frozen=True)
class Level:
    """One degree of agreement of a field: how often it occurs in a pair of the same person, of strangers, of a household.

    `stranger` is a probability or, where `of` names a share column, a factor on the value's share in the data
    (the larger of the two records'), which is the adjustment for frequent names. The first level that holds counts.
    """

    field: str
    name: str
    condition: str
    same: float
    stranger: float
    household: float
    of: str = ""


def rare_spelling(column: str) -> str:
    """SQL: one spelling is so much rarer than the other that it looks like its misspelling; Anna and Anni are two names."""
    low, high = f"least(l.{column}, r.{column})", f"greatest(l.{column}, r.{column})"
    return f"{low} <= greatest(3, {high} // 50)"


SWAPPED_NAMES = (
    "l.given = r.family AND jaro_winkler_similarity(r.given, l.family) >= 0.88 OR r.given = l.family AND jaro_winkler_similarity(l.given, r.family) >= 0.88"
)
LEVELS = (
    # First name. Relatives hardly ever share one; that is what tells a household's members apart.
    Level("given", "missing", "l.given IS NULL OR r.given IS NULL", 1, 1, 1),
    # Matti Virtanen against Virtanen Matti: one source in a hundred swaps the two boxes now and then.
    Level("given", "transposed", f"l.given <> r.given AND ({SWAPPED_NAMES})", 0.01, 0.01, 0.0001, "given"),
    # Same first given name.
    Level("given", "exact", "l.given = r.given AND length(l.given) > 1", 0.80, 1, 0.003, "given"),
    # One goes by a call name which is the other's name; as good as exact, for the few whose call name is not their first.
    Level("given", "call", "l.called = r.given OR r.called = l.given OR l.called = r.called", 0.08, 0.25, 0.0008, "given"),
    # M. against Matti: one in twelve strangers has that initial, and relatives a little more.
    Level("given", "initial", "least(length(l.given), length(r.given)) = 1 AND (l.given[1] = r.given[1] OR l.used[1] = r.used[1])", 0.025, 0.0025, 0.009),
    # One's name is among the other's later given names, which relatives like to share: says little, forbids nothing.
    # Where the call name is known, it is the one that people use.
    Level(
        "given",
        "later",
        "l.called IS NULL AND list_contains(l.tokens, r.used) OR r.called IS NULL AND list_contains(r.tokens, l.used)",
        0.02,
        0.01,
        0.012,
    ),
    # Kati and Katiina: a short form, or two sisters.
    Level("given", "short", "least(length(l.used), length(r.used)) >= 3 AND (starts_with(l.used, r.used) OR starts_with(r.used, l.used))", 0.02, 0.003, 0.004),
    # A slip of the pen.
    Level("given", "near", f"{rare_spelling('used_count')} AND jaro_winkler_similarity(l.used, r.used) >= 0.88", 0.03, 0.2, 0.0006, "given"),
    # Another name altogether: never linked, whatever the weight (see VETO).
    Level("given", "differs", "true", 0.01, 1, 0.95),
    # Surname. Relatives mostly share it, so it weighs against strangers only.
    Level("family", "missing", "l.family IS NULL OR r.family IS NULL", 1, 1, 1),
    Level("family", "exact", f"l.family = r.family OR l.given <> r.given AND ({SWAPPED_NAMES})", 0.88, 1, 0.75, "family"),
    # A former surname, or a part of a double one.
    Level("family", "former", "list_has_any(l.family_names, r.family_names)", 0.05, 0.3, 0.03, "family"),
    Level("family", "near", f"{rare_spelling('family_count')} AND jaro_winkler_similarity(l.family, r.family) >= 0.90", 0.04, 0.2, 0.01, "family"),
    # A marriage that nobody has told of.
    Level("family", "differs", "true", 0.03, 1, 0.20),
    # Birth date: the day itself one in 25,000 or so, more where the data have placeholders such as 1 January 1970.
    Level("birth", "missing", "l.birth IS NULL OR r.birth IS NULL", 1, 1, 1),
    # In a household: twins.
    Level("birth", "exact", "l.birth = r.birth", 0.95, 1, 0.006, "birth"),
    # 5 March against 3 May.
    Level("birth", "swapped", "l.birth[1:4] = r.birth[1:4] AND l.birth[6:7] = r.birth[9:10] AND l.birth[9:10] = r.birth[6:7]", 0.008, 0.00002, 0.0002),
    Level("birth", "digit", "hamming(l.birth, r.birth) = 1", 0.02, 0.0015, 0.003),
    # Never linked, whatever the weight (see VETO).
    Level("birth", "differs", "true", 0.01, 1, 0.99),
    # Address: street name and house number (flats are written in too many ways), with the postcode or the town.
    Level("address", "street", "l.building = r.building AND (l.postcode = r.postcode OR l.town = r.town)", 0.65, 1, 0.88, "place"),
    Level("address", "postcode", "l.postcode = r.postcode", 0.08, 0.002, 0.03),
    Level("address", "missing", "l.postcode IS NULL OR r.postcode IS NULL", 1, 1, 1),
    # Has moved.
    Level("address", "differs", "true", 0.27, 1, 0.09),
    # E-mail and telephone, those that three or more people share left out. Families share both.
    Level("email", "same", f"(contact & {EMAIL}) <> 0", 0.55, 0.000002, 0.12),
    Level("email", "missing", "NOT (l.has_email AND r.has_email)", 1, 1, 1),
    Level("email", "differs", "true", 0.45, 1, 0.88),
    Level("phone", "same", f"(contact & {PHONE}) <> 0", 0.60, 0.000002, 0.15),
    Level("phone", "missing", "NOT (l.has_phone AND r.has_phone)", 1, 1, 1),
    Level("phone", "differs", "true", 0.40, 1, 0.85),
)
FIELDS = tuple(dict.fromkeys(level.field for level in LEVELS))
SHARES = {"given": 0.003, "family": 0.001, "birth": 0.00004, "place": 0.000002}
"""What share of a population an ordinary value has: the smoothing of shares in small data."""


def level_of(field: str) -> str:
    """SQL: the name of the field's level for the rows `l` and `r`."""
    cases = " ".join(f"WHEN {level.condition} THEN '{level.name}'" for level in LEVELS if level.field == field)
    return f"CASE {cases} END"


def weight_of(field: str, rival: str) -> str:
    """SQL: log2 of how much likelier the field's level is in one person than in the rival (stranger, household)."""
    cases = " ".join(
        f"WHEN '{level.name}' THEN log2({level.same!r} / ({getattr(level, rival)!r}"
        + (f" * {level.of}_share" if level.of and rival == "stranger" else "")
        + "))"
        for level in LEVELS
        if level.field == field
    )
    return f"CASE {field} {cases} END"


# Different first names, or birth dates that no slip explains: twins, siblings and spouses share all the rest.
VETO = "given = 'differs' OR birth = 'differs'"
# A name alone, however rare, identifies nobody.
CORROBORATED = "birth IN ('exact', 'swapped', 'digit') OR address IN ('street', 'postcode') OR email = 'same' OR phone = 'same'"
# The first name agrees well enough for a shared mailbox or telephone to settle it. An initial is enough with the surname.
FIRST_NAME_AGREES = "given IN ('exact', 'call', 'transposed') OR given = 'near' AND closeness >= 0.92 OR given = 'initial' AND family = 'exact'"


def shared(contact: int, sole: int) -> str:
    """SQL: the pair shares this kind of contact and the first name; strangers by surname only if nobody else holds it."""
    return f"(contact & {contact}) <> 0 AND ({FIRST_NAME_AGREES}) AND (family <> 'differs' OR (contact & {sole}) <> 0)"


def scored(candidates: str, people: int) -> str:
    """SQL: `one, other, pass, weight, vetoed` of the candidates (`one, other, contact`) that a rule of linkage accepts.

    One pass over the candidates, two look-ups each; `people` is the number of records.
    """
    levels = ", ".join(f"{level_of(field)} AS {field}" for field in FIELDS)
    shares = ", ".join(f"greatest(l.{name}_share, r.{name}_share) AS {name}_share" for name in SHARES)
    against = {rival: " + ".join(weight_of(field, rival) for field in FIELDS) for rival in ("stranger", "household")}
    return f"""
        WITH compared AS (
            SELECT one, other, contact, {levels}, {shares},
                CASE WHEN contact <> 0 THEN jaro_winkler_similarity(l.used, r.used) END AS closeness
            FROM {candidates} JOIN personae AS l ON l.id = one JOIN personae AS r ON r.id = other),
        weighed AS (
            SELECT *, {against["stranger"]} - log2({max(people, LEAST_POPULATION)}) AS from_strangers,
                {against["household"]} - {HOUSEHOLD_PRIOR} AS from_household
            FROM compared),
        judged AS (
            SELECT one, other, {VETO} AS vetoed,
                -log2(pow(2, -from_strangers) + pow(2, -from_household)) AS score,
                CASE WHEN {shared(EMAIL, SOLE_EMAIL)} THEN 'LINK-EMAIL-NAME'
                    WHEN {shared(PHONE, SOLE_PHONE)} THEN 'LINK-PHONE-NAME'
                    WHEN score >= {THRESHOLD} AND given <> 'missing' AND ({CORROBORATED}) THEN 'LINK-SCORE' END AS pass
            FROM weighed)
        SELECT one, other, pass, round(greatest(score, {THRESHOLD}), 2) AS weight, vetoed FROM judged WHERE pass IS NOT NULL"""


def clashing(groups: str) -> str:
    """SQL: `one, other`: bases of the same group (table `cohort, base`) that cannot be one person by name or birth date.

    Two bases clash when every pair of their records that can be compared does: a person whose first name was changed
    agrees through the record with the earlier name. Cost grows with the square of a group's records.
    """
    return f"""
        WITH members AS (SELECT cohort, base, personae.* FROM {groups} JOIN bases USING (base) JOIN personae USING (id)),
        compared AS (
            SELECT l.base AS one, r.base AS other, {level_of("given")} AS given, {level_of("birth")} AS birth
            FROM members AS l JOIN members AS r ON l.cohort = r.cohort AND l.base < r.base)
        SELECT one, other FROM compared WHERE NOT (given = 'missing' AND birth = 'missing')
        GROUP BY one, other HAVING bool_and({VETO})"""
