"""Rules about pairs of source persons, beyond their weights: what proves a match, and what excludes
one.

A false match costs more than a missed one: it discloses one person's data to another. Therefore:

- names alone, however rare, identify no person, and neither does a record without a first name;
- a different first name, or a birth date that no slip explains, keeps two apart, through third
  records too;
- two common first names are two names, however alike (Anna, Anni): a misspelling is much rarer than
  the name itself;
- first names a letter or two apart are one person's only if no contact differs, and birth dates
  that differ in the decade only are not (father and son, born on one day). Such pairs are doubtful:
  kept apart like the others, and weighted for clerical review, for they may be a slip as well as
  two of one household.
"""

from __future__ import annotations

from dataclasses import dataclass

from assets.record_linkage import fields, u_probabilities
from assets.record_linkage.fields import LEVEL_BITS, Field
from assets.record_linkage.text_standardisation import differs_beyond_typo

RARER, FEW = 50, 3
"""A spelling so many times rarer than the other, or of so few people, is a misspelling of it."""
LATER_NAME, SHORT, VARIANT, OTHER_LETTER, ESTABLISHED, GENERATION = 56, 57, 58, 59, 60, 62
"""Bits of the flags in a cached pattern."""
DOUBTFUL = 61
"""Bit of the flag in a compared pattern: maybe two of one household; for clerical review."""
IS_DOUBTFUL = f"((pattern >> {DOUBTFUL}) & 1 = 1)"
SHORT_NAME = 5
"""First names of so few letters that differ in letters distant on the keyboard are two names (Aino,
Aina); longer ones may be variants of one (Ekaterina, Ekaterine)."""


@dataclass(frozen=True)
class PairRules:
    """SQL of the rules, for records with these fields."""

    fields: tuple[Field, ...]

    def has(self, name: str) -> bool:
        """Whether the field is compared."""
        return any(field.name == name for field in self.fields)

    def cached_pattern(self) -> str:
        """SQL: the levels of two records `l` and `r`, and above them flags of how their first names
        relate."""
        if not self.has("given"):
            return fields.pattern(self.fields)
        flags = {
            LATER_NAME: fields.LATER_NAME,
            SHORT: "starts_with(l.given, r.given) OR starts_with(r.given, l.given)",
            VARIANT: """l.sound = r.sound OR l.plain_sound = r.plain_sound
                AND abs(length(l.sound) - length(r.sound)) = 1""",
            OTHER_LETTER: differs_beyond_typo("l.given", "r.given", SHORT_NAME),
            ESTABLISHED: "l.established AND r.established",
        }
        if self.has("born"):
            flags[GENERATION] = "hamming(l.born, r.born) = 1 AND l.born[1:3] <> r.born[1:3]"
        shifted = [f"(coalesce(({flag}), false)::UBIGINT << {bit})" for bit, flag in flags.items()]
        return f"({fields.pattern(self.fields)} + {' + '.join(shifted)})"

    def pattern(self, people: int, agreement: float) -> str:
        """SQL: the levels of a cached pattern, adjusted, and `DOUBTFUL`.

        Two common first names that are alike are two names, or a long and a short form of one;
        other alike names are one name unless the contacts differ; two phonetic variants are as
        good as a slip.

        Args:
            people: The number of people.
            agreement: The probability that two random people have the same first name.
        """
        levels = f"(pattern & {(1 << LATER_NAME) - 1})"
        if not self.has("given"):
            return levels
        shift = LEVEL_BITS * self._position("given")
        near, alike, differs = (self._level("given", name) for name in ("near", "alike", "differs"))
        level = f"((pattern >> {shift}) & 7)"
        doubtful = f"({levels} + {1 << DOUBTFUL}::UBIGINT)"

        def flag(bit: int) -> str:
            return f"((pattern >> {bit}) & 1 = 1)"

        def moved(to: int, levels: str = levels) -> str:
            return f"({levels} + ({to} - {level}::BIGINT) * {1 << shift})"

        lower = "least(ls.given_share, rs.given_share)"
        higher = "greatest(ls.given_share, rs.given_share)"
        prior = u_probabilities.PRIOR_RECORDS
        few = f"log2(({FEW - 1} + {prior * agreement!r}) / {people + prior})"
        rare = f"greatest({few}, {higher} - log2({RARER}))"
        common = f"({flag(ESTABLISHED)} OR {lower} > {rare})"
        two = f"({common} AND NOT {flag(VARIANT)})"
        same, other = self._same_contact(), self._other_contact()
        return f"""(CASE
            WHEN {flag(GENERATION)} THEN {doubtful}
            WHEN NOT {level} IN ({near}, {alike}) OR {flag(LATER_NAME)} THEN {levels}
            WHEN {two} AND {flag(SHORT)} AND {other} THEN {moved(alike, doubtful)}
            WHEN {two} AND {flag(SHORT)} THEN {moved(alike)}
            WHEN {two} AND NOT {same} AND NOT {self._at("born", "exact", "slip")}
                THEN {moved(differs)}
            WHEN {two} OR {flag(OTHER_LETTER)} OR {other} THEN {doubtful}
            WHEN {flag(VARIANT)} THEN {moved(near)}
            ELSE {levels} END)::UBIGINT"""

    def proven(self) -> str:
        """SQL: whether more than names agrees.

        A home proves nothing with an initial, another surname or other contacts: many live in one
        house, and some have one name.
        """
        whole = (
            f"NOT {self._at('given', 'initial', 'alike')} AND NOT {self._at('family', 'differs')}"
        )
        house = f"{self._at('street', 'exact')} AND {self._at('house', 'exact')}"
        address = f"({house} OR {self._at('postcode', 'exact')})"
        home = f"{address} AND {whole} AND NOT {self._other_contact()}"
        initials = f"({self._at('given', 'initial')} AND {self._at('family', 'differs')})"
        contact = f"{self._same_contact()} AND NOT {initials}"
        proofs = (self._at("born", "exact", "slip"), f"({home})", f"({contact})")
        return f"NOT {self._at('given', 'missing')} AND ({' OR '.join(proofs)})"

    def clash(self) -> str:
        """SQL: whether two records cannot be of one person; null if nothing can be concluded."""
        other_dates = [level.name for level in fields.BORN.levels[2:]]
        no_date = self._at("born", "missing") if self.has("born") else "true"
        differs = f"{self._at('given', 'differs')} OR {self._at('born', *other_dates)}"
        return f"""CASE WHEN {self._at("given", "missing")} AND {no_date} THEN NULL
            ELSE {IS_DOUBTFUL} OR {differs} END"""

    def _same_contact(self) -> str:
        """SQL: whether a contact is the same."""
        return f"({self._at('email', 'exact')} OR {self._at('phone', 'exact')})"

    def _other_contact(self) -> str:
        """SQL: whether contacts differ and none is the same; jani.aho@ is no slip for joni.aho@."""
        differ = (
            self._at("email", "local part", "near", "differs"),
            self._at("phone", "slip", "differs"),
        )
        return f"(NOT {self._same_contact()} AND ({' OR '.join(differ)}))"

    def _at(self, name: str, *levels: str) -> str:
        """SQL: whether the field is on one of the levels."""
        if not self.has(name):
            return "false"
        numbers = ", ".join(str(self._level(name, level)) for level in levels)
        return f"(pattern >> {LEVEL_BITS * self._position(name)}) & 7 IN ({numbers})"

    def _position(self, name: str) -> int:
        return [field.name for field in self.fields].index(name)

    def _level(self, name: str, level: str) -> int:
        levels = self.fields[self._position(name)].levels
        return 0 if level == "missing" else 1 + [each.name for each in levels].index(level)
