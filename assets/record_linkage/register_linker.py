"""Linkage that is done over and over, on people who come and go: nothing is learned, and nothing is compared twice.

The model, with its passes, is given; so who is who depends on who is there and on nothing that happened before. A pair's
levels depend on the two records alone: they are remembered under a stamp of both, in the table
`linkage_remembered(one, other, stamp, pattern)`, and a pair is compared only if its stamp is new. `linkage_used` are those of the
last round.

A wrong merge costs more than a missed one: it shows one person's data to another. So, beyond the weights:

- names alone, however rare, identify nobody, and without a first name nobody is identified;
- another first name, or a birth date that no slip explains, keeps two apart, through third records too;
- two usual first names are two names, however alike (Anna, Anni): a misspelling is much rarer than
  what it misspells;
- first names a letter or two apart are one person's only if no contact speaks against it, and
  birth dates that differ in the decade only are not (father and son, born on one day). Such pairs
  are doubted: kept apart like the others, and weighed so that a person looks at them, for they may
  be a slip as well as two of one household.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage import (
    blocking_rules,
    calibration,
    candidates,
    contacts,
    expectation_maximisation,
    explain,
    fields,
    scoring,
    standardisation,
    u_probabilities,
)
from assets.record_linkage.average_linkage import components, refine
from assets.record_linkage.clustering import CERTAIN, WHOLE
from assets.record_linkage.expectation_maximisation import Ints
from assets.record_linkage.fields import BITS, Field
from assets.record_linkage.model import Model, levels_of_fields
from assets.record_linkage.roles import Roles
from assets.record_linkage.text_standardisation import (
    another_letter,
    folded,
    sound,
    undoubled,
    words,
)
from assets.record_linkage.value_hashes import Hashes, mixed
from assets.storage.queries import count

LEAST_POPULATION = 10_000
"""Fewer people than this are a part of a larger world: a name that is rare among them is less so there."""
UNPROVEN = 1.0
"""Bits: the most that a pair weighs of which only the names are known to agree, or that is
doubted."""
SURE = 4.0
"""Bits: what a link must weigh; odds of sixteen to one."""
RARER, FEW = 50, 3
"""A spelling that is so much rarer than the other, or borne by so few, is its misspelling."""
LABELLED = 8
"""Of the pairs that both have a code, one in so many is compared all the same, to see whether weights are right."""
LATER, SHORT, VARIANT, OTHER_LETTER, ESTABLISHED, GENERATION = 56, 57, 58, 59, 60, 62
"""Bits of the flags in a remembered pattern."""
DOUBTED = 61
"""Bit of the flag in a compared pattern: maybe two of one household; a person decides."""
DOUBTED_PAIR = f"((pattern >> {DOUBTED}) & 1 = 1)"
SHORT_NAME = 5
"""First names of so few letters that differ in a letter far away on the keyboard are two names
(Aino, Aina); longer ones may be variants of one (Ekaterina, Ekaterine)."""
BELIEVED = 0.1
"""As much of a learned model is what was believed beforehand."""
GREY = (-2.0, 8.0)
"""Bits: pairs whose odds are between one to four and 250 to one deserve a person's look."""


@dataclass(frozen=True)
class Weighed:
    """What one round did, in counts; `passes` has a row per pass."""

    shared_contacts: int
    passes: list[dict[str, object]] = field(default_factory=list)


class Standing:
    """Works on tables of one connection: makes `linkage_said` once, and the tables of a round by `weigh`.

    `table` has the column `id` (INTEGER, each once) besides those of the roles. `first_names` are
    established first names of the country: two of them are two names even where the data are too
    few to show it. Raises RolesError, ModelError.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        roles: Roles,
        model: Model,
        first_names: Sequence[str] = (),
    ) -> None:
        self.connection = connection
        sql, self.columns = standardisation.spelt(
            connection, table, roles, "id", standardisation.habits_of(connection, table, roles)
        )
        self.fields: tuple[Field, ...] = fields.fields_of(self.columns)
        self.model = model
        self.compared = 0
        self.lists = tuple(column for column in ("emails", "phones") if column in self.columns)
        single = ", ".join(
            column for column in self.columns if column not in (*self.lists, "mailbox")
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE linkage_said AS SELECT *, hash({single}) AS stamp FROM ({sql})"
        )
        self._know_names(first_names)
        known = hashlib.sha256("|".join(sorted(first_names)).encode()).hexdigest()
        self.version = hashlib.sha256(f"{self._pattern()}{known}".encode()).hexdigest()[:16]
        connection.execute(
            "CREATE TEMP TABLE IF NOT EXISTS linkage_remembered (one INTEGER, other INTEGER, stamp UBIGINT, pattern UBIGINT)"
        )

    def _know_names(self, first_names: Sequence[str]) -> None:
        """Add to `linkage_said` how each first name sounds, with and without doubled letters, and
        whether it is an established one."""
        if self._place("given") is None:
            return
        run = self.connection.execute
        self.connection.register(
            "linkage_listed", pa.table({"name": pa.array(list(first_names), pa.string())})
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_first_names AS
            WITH listed AS (
                SELECT DISTINCT unnest({words(folded("name"))}) AS given FROM linkage_listed),
            sounds AS (
                SELECT given, {sound("given")} AS sound
                FROM (SELECT DISTINCT given FROM linkage_said WHERE given IS NOT NULL))
            SELECT given, sound, {undoubled("sound")} AS plain_sound,
                listed.given IS NOT NULL AS established
            FROM sounds LEFT JOIN listed USING (given)"""
        )
        self.connection.unregister("linkage_listed")
        run(
            """CREATE OR REPLACE TEMP TABLE linkage_said AS
            SELECT linkage_said.*, sound, plain_sound, established
            FROM linkage_said LEFT JOIN linkage_first_names USING (given)"""
        )
        run("DROP TABLE linkage_first_names")

    def suggest(self) -> list[blocking_rules.Pass]:
        """The passes that the people of the last round suggest; for learning."""
        return blocking_rules.choose(Hashes(self.connection), self.columns)

    def named(self, *spelt: tuple[str, ...]) -> list[blocking_rules.Pass]:
        """Passes by the names of their atoms."""
        return blocking_rules.named(self.columns, spelt)

    def weigh(self, chosen: list[blocking_rules.Pass] | None = None) -> Weighed:
        """Make `linkage_pairs(one, other, passes, pattern, weight, clash, proven)` of those in `linkage_nodes(id, node, code)`.

        Pairs of one node are left out, and pairs of two codes but for a sample.
        """
        run = self.connection.execute
        run(
            "CREATE OR REPLACE TEMP TABLE linkage_records AS FROM linkage_said SEMI JOIN linkage_nodes USING (id)"
        )
        run("CREATE OR REPLACE TEMP TABLE linkage_used (one INTEGER, other INTEGER, stamp UBIGINT)")
        run(
            "CREATE OR REPLACE TEMP TABLE linkage_marks AS SELECT id, node, code FROM linkage_nodes SEMI JOIN linkage_records USING (id)"
        )
        run(
            "CREATE OR REPLACE TEMP VIEW linkage_codes AS SELECT id, code FROM linkage_marks WHERE code IS NOT NULL"
        )
        shared = contacts.drop_shared(self.connection, self.columns)
        self.people = max(self._count("SELECT count(*) FROM linkage_records"), 1)
        self.hashes = Hashes(self.connection)
        shares = u_probabilities.shares_of(
            self.hashes, self.fields, None if chosen else self.model.alike
        )
        shares.publish(self.connection)
        self.usual = shares.alike
        opened = candidates.open_passes(
            self.connection,
            self.hashes,
            chosen or blocking_rules.named(self.columns, self.model.passes),
            self._allowed(),
        )
        self._compare("linkage_candidates", "linkage_compared")
        if chosen:
            self._learn(chosen)
        self._weigh("linkage_compared", "linkage_pairs")
        return Weighed(
            shared_contacts=shared,
            passes=[asdict(one) for one in opened],
        )

    def _allowed(self) -> candidates.Allowed:
        """Which pairs may be compared: of two nodes that have not two codes, and a sample of those that have any, to see whether weights are right."""
        marks = self.connection.execute(
            "SELECT id, node, coalesce(code, -1) AS code FROM linkage_marks"
        ).fetchnumpy()
        node, code = (
            np.full(int(self.hashes.ids.max(initial=-1)) + 1, -1, np.int64) for _ in range(2)
        )
        node[marks["id"]], code[marks["id"]] = marks["node"], marks["code"]

        def allowed(one: Ints, other: Ints) -> NDArray[np.bool_]:
            coded = (code[one] >= 0) & (code[other] >= 0)
            answer: NDArray[np.bool_] = np.where(
                coded,
                mixed(one.astype(np.uint64), other.astype(np.uint64)) % LABELLED == 0,
                node[one] != node[other],
            )
            return answer

        return allowed

    def explain(self, pairs: str) -> None:
        """Make `linkage_reasons` (explain.py) of these of the weighed pairs; what is capped for want of proof shows in `start`."""
        explain.reasons(self.connection, self.fields, self._scaled(), pairs)

    def cluster(self, label: Ints, code: Ints, apart: Ints) -> Ints:
        """The smallest node of everybody's cluster, (records,), of the weighed pairs.

        `label` is everybody's node, `code` a node's identity code (-1: none), `apart` (k, 2) pairs of nodes that somebody has said are
        two. Makes `linkage_groups(id, part)`, the components that were looked at as wholes.
        """
        known = "JOIN linkage_nodes AS l ON l.id = one JOIN linkage_nodes AS r ON r.id = other"
        strong = self._rows(
            f"SELECT l.node AS one, r.node AS other FROM linkage_pairs {known} WHERE weight >= {SURE} AND l.node <> r.node"
        )
        group = components(len(label), strong[0], strong[1])[label]
        self._complete(group, label)
        inside = f"{known} JOIN linkage_groups AS g ON g.id = one JOIN linkage_groups AS h ON h.id = other WHERE g.part = h.part AND l.node <> r.node"
        edges = self._rows(
            f"SELECT l.node AS one, r.node AS other, round(weight * 100)::BIGINT AS hundredths FROM linkage_pairs {inside}"
        )
        foes = self._rows(
            f"""SELECT least(l.node, r.node) AS one, greatest(l.node, r.node) AS other FROM linkage_pairs {inside} AND clash IS NOT NULL
            GROUP BY ALL HAVING bool_and(clash)"""
        )
        vetoes = np.concatenate([np.stack(foes, axis=1).astype(np.int64), apart])
        sizes = np.bincount(
            label[self._rows("SELECT id FROM linkage_marks")[0]], minlength=len(label)
        ).astype(np.float64)
        return refine(
            len(label),
            np.concatenate([edges[0], vetoes[:, 0]]),
            np.concatenate([edges[1], vetoes[:, 1]]),
            np.concatenate([edges[2] / 100, np.full(len(vetoes), -CERTAIN)]),
            np.concatenate([np.zeros(len(edges[0]), np.bool_), np.ones(len(vetoes), np.bool_)]),
            code,
            size=sizes,
            strong=SURE,
        )[label]

    def _complete(self, group: Ints, label: Ints) -> None:
        """Make `linkage_groups(id, part)` of the components of several nodes, and weigh the pairs in them that no pass has found."""
        nodes = np.bincount(
            group[np.flatnonzero(label == np.arange(len(label)))], minlength=len(group)
        )
        there = np.flatnonzero(nodes[group] > 1)
        self.connection.register(
            "linkage_parts",
            pa.table({"id": there.astype(np.int32), "part": group[there].astype(np.int32)}),
        )
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE linkage_groups AS FROM linkage_parts SEMI JOIN linkage_marks USING (id)"
        )
        self.connection.unregister("linkage_parts")
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE linkage_unseen AS
            WITH members AS (
                SELECT id, part, node FROM linkage_groups JOIN linkage_marks USING (id) QUALIFY count(*) OVER (PARTITION BY part) BETWEEN 3 AND {WHOLE})
            SELECT l.id AS one, r.id AS other, 0::UINTEGER AS passes FROM members AS l JOIN members AS r ON l.part = r.part AND l.id < r.id AND l.node <> r.node
            ANTI JOIN linkage_pairs AS known ON known.one = l.id AND known.other = r.id"""
        )
        self._compare("linkage_unseen", "linkage_compared_late")
        self._weigh("linkage_compared_late", "linkage_late")
        self.connection.execute("INSERT INTO linkage_pairs FROM linkage_late")
        for table in ("linkage_unseen", "linkage_compared_late", "linkage_late"):
            self.connection.execute(f"DROP TABLE {table}")

    def _compare(self, pairs: str, into: str) -> None:
        """Make `into(one, other, passes, pattern, rare_personal, rare_shared)`; pairs that are not remembered are `compared`."""
        run = self.connection.execute
        told = ", ".join(f"{side}.{column}" for side in "lr" for column in ("stamp", *self.lists))
        both = "JOIN linkage_records AS l ON l.id = one JOIN linkage_records AS r ON r.id = other"
        run(
            f"""CREATE OR REPLACE TEMP TABLE linkage_stamped AS
            SELECT one, other, passes, hash({told}, '{self.version}') AS stamp
            FROM {pairs} {both}"""
        )
        run(
            "CREATE OR REPLACE TEMP TABLE linkage_fresh AS FROM linkage_stamped ANTI JOIN linkage_remembered USING (one, other, stamp)"
        )
        run("INSERT INTO linkage_used SELECT one, other, stamp FROM linkage_stamped")
        run(
            f"INSERT INTO linkage_remembered SELECT one, other, linkage_fresh.stamp, {self._pattern()} FROM linkage_fresh {both}"
        )
        shares = ", ".join(
            f"greatest(ls.{name}_share, rs.{name}_share) AS {name}_share"
            for name in fields.share_columns(self.fields)
        )
        run(
            f"""CREATE OR REPLACE TEMP TABLE {into} AS
            SELECT one, other, passes, pattern, {scoring.rarity(self.fields, shared=False)} AS rare_personal,
                {scoring.rarity(self.fields, shared=True)} AS rare_shared FROM (
                SELECT one, other, passes,
                    {self._judged_names()} AS pattern{", " + shares if shares else ""}
                FROM linkage_stamped JOIN linkage_remembered USING (one, other, stamp) {scoring.BOTH_SHARES})"""
        )
        self.compared += self._count("SELECT count(*) FROM linkage_fresh")
        run("DROP TABLE linkage_stamped; DROP TABLE linkage_fresh")

    def _pattern(self) -> str:
        """SQL: the levels of two records, and above them flags of how their first names relate."""
        if self._place("given") is None:
            return fields.pattern(self.fields)
        flags = {
            LATER: fields.LATER,
            SHORT: "starts_with(l.given, r.given) OR starts_with(r.given, l.given)",
            VARIANT: """l.sound = r.sound OR l.plain_sound = r.plain_sound
                AND abs(length(l.sound) - length(r.sound)) = 1""",
            OTHER_LETTER: another_letter("l.given", "r.given", SHORT_NAME),
            ESTABLISHED: "l.established AND r.established",
        }
        if self._place("born") is not None:
            flags[GENERATION] = "hamming(l.born, r.born) = 1 AND l.born[1:3] <> r.born[1:3]"
        shifted = [f"(coalesce(({flag}), false)::UBIGINT << {bit})" for bit, flag in flags.items()]
        return f"({fields.pattern(self.fields)} + {' + '.join(shifted)})"

    def _judged_names(self) -> str:
        """SQL: the levels alone, and `DOUBTED`. Two usual first names that are alike are two names,
        or a long and a short form of one; what else is alike is one name unless the contacts
        differ; two spellings are as good as a slip."""
        levels, place = f"(pattern & {(1 << LATER) - 1})", self._place("given")
        if place is None:
            return levels
        near, alike, differs = (self._level("given", name) for name in ("near", "alike", "differs"))
        level = f"((pattern >> {BITS * place}) & 7)"
        doubted = f"({levels} + {1 << DOUBTED}::UBIGINT)"

        def flag(bit: int) -> str:
            return f"((pattern >> {bit}) & 1 = 1)"

        def moved(to: int, levels: str = levels) -> str:
            return f"({levels} + ({to} - {level}::BIGINT) * {1 << BITS * place})"

        low, high = (
            "least(ls.given_share, rs.given_share)",
            "greatest(ls.given_share, rs.given_share)",
        )
        few = f"log2(({FEW - 1} + {u_probabilities.IMAGINED * self.usual['given']!r}) / {self.people + u_probabilities.IMAGINED})"
        usual = f"({flag(ESTABLISHED)} OR {low} > greatest({few}, {high} - log2({RARER})))"
        two = f"({usual} AND NOT {flag(VARIANT)})"
        same, other = self._same_contact(), self._other_contact()
        return f"""(CASE WHEN {flag(GENERATION)} THEN {doubted}
            WHEN NOT {level} IN ({near}, {alike}) OR {flag(LATER)} THEN {levels}
            WHEN {two} AND {flag(SHORT)} AND {other} THEN {moved(alike, doubted)}
            WHEN {two} AND {flag(SHORT)} THEN {moved(alike)}
            WHEN {two} AND NOT {same} AND NOT {self._at("born", "exact", "slip")}
                THEN {moved(differs)}
            WHEN {two} OR {flag(OTHER_LETTER)} OR {other} THEN {doubted}
            WHEN {flag(VARIANT)} THEN {moved(near)}
            ELSE {levels} END)::UBIGINT"""

    def _weigh(self, compared: str, into: str) -> None:
        scoring.weigh(self.connection, self.fields, self._scaled(), compared, "linkage_weighed")
        self.connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE {into} AS
            SELECT one, other, passes, pattern,
                CASE WHEN {self._proven()} AND NOT {DOUBTED_PAIR} THEN weight
                    ELSE least(weight, {UNPROVEN})::FLOAT END AS weight,
                {self._clash()} AS clash, {self._proven()} AS proven
            FROM linkage_weighed"""
        )
        self.connection.execute("DROP TABLE linkage_weighed")

    def _scaled(self) -> Model:
        """The model for as many people as there are: matches grow with people, strangers with their square."""
        people = max(self.people, LEAST_POPULATION)
        mix = self.model.mix * (self.model.records / people if self.model.records else 1.0)
        mix[expectation_maximisation.RANDOM] = max(
            1.0 - mix[: expectation_maximisation.RANDOM].sum(), 0.5
        )
        return replace(self.model, mix=mix, alike=self.model.alike)

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
        place = self._place(name)
        if place is None:
            return "false"
        numbers = ", ".join(str(self._level(name, level)) for level in levels)
        return f"(pattern >> {BITS * place}) & 7 IN ({numbers})"

    def _proven(self) -> str:
        """SQL: whether more than names agrees. A home proves nothing of an initial, another surname
        or other contacts: many live in one house, and some have one name."""
        whole = (
            f"NOT {self._at('given', 'initial', 'alike')} AND NOT {self._at('family', 'differs')}"
        )
        house = f"{self._at('street', 'exact')} AND {self._at('house', 'exact')}"
        place = f"({house} OR {self._at('postcode', 'exact')})"
        home = f"{place} AND {whole} AND NOT {self._other_contact()}"
        contact = f"({self._at('email', 'exact')} OR {self._at('phone', 'exact')}) AND NOT ({self._at('given', 'initial')} AND {self._at('family', 'differs')})"
        proofs = (self._at("born", "exact", "slip"), f"({home})", f"({contact})")
        return f"NOT {self._at('given', 'missing')} AND ({' OR '.join(proofs)})"

    def _clash(self) -> str:
        """SQL: whether two records cannot be of one person; null if nothing can be said."""
        born = [level.name for level in fields.BORN.levels[2:]]
        nothing = f"{self._at('given', 'missing')} AND {self._at('born', 'missing') if self._place('born') is not None else 'true'}"
        differs = f"{self._at('given', 'differs')} OR {self._at('born', *born)}"
        return f"CASE WHEN {nothing} THEN NULL ELSE {DOUBTED_PAIR} OR {differs} END"

    def _place(self, name: str) -> int | None:
        return next((place for place, one in enumerate(self.fields) if one.name == name), None)

    def _level(self, name: str, level: str) -> int:
        one = self.fields[self._place(name) or 0]
        return 0 if level == "missing" else 1 + [each.name for each in one.levels].index(level)

    def _learn(self, chosen: list[blocking_rules.Pass]) -> None:
        """Put in the model's place what these data teach, calibrated where there are codes."""
        random = u_probabilities.of_levels(self.connection, self.hashes, self.fields, self.usual)
        seen = scoring.counted(self.connection, self.fields, "linkage_compared")
        learned = expectation_maximisation.learn(
            self.fields, seen, [one.fields for one in chosen], random
        )
        # Others' people differ from those that were learned from: part is believed beforehand.
        theta = (1 - BELIEVED) * learned + BELIEVED * expectation_maximisation.beginnings(
            self.fields, random
        )
        mix = expectation_maximisation.mix_of(theta, seen, self.people)
        self.model = Model(
            tuple(one.name for one in self.fields),
            levels_of_fields(self.fields),
            theta,
            mix,
            self.usual,
            records=self.people,
        )
        self._weigh("linkage_compared", "linkage_pairs")
        fitted = self.calibrated()
        self.model = replace(self.model, slope=fitted.slope, offset=fitted.offset)

    def calibrated(self) -> calibration.Calibrated:
        """By the pairs that both have a code; the code itself is no evidence in any weight."""
        rows = self.connection.execute(
            """SELECT weight::DOUBLE AS weight, (l.code = r.code)::DOUBLE AS same, count(*)::DOUBLE AS n
            FROM linkage_pairs JOIN linkage_codes AS l ON l.id = one JOIN linkage_codes AS r ON r.id = other GROUP BY ALL ORDER BY ALL"""
        ).fetchnumpy()
        weight, same, pairs = (
            np.asarray(rows[name], np.float64) for name in ("weight", "same", "n")
        )
        return calibration.calibrate(weight, same, pairs)

    def _rows(self, query: str) -> list[Ints]:
        """The query's columns as arrays, rows in order."""
        found = self.connection.execute(f"{query} ORDER BY ALL").fetchnumpy()
        return [np.asarray(column, np.int64) for column in found.values()]

    def _count(self, query: str) -> int:
        return count(self.connection, query)
