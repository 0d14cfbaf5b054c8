"""Events in people's lives, as the population register will report them: cases, and end states.

Decided once, before any source writes, so that all sources agree on a person. `People` is the final
state; `Lives` is the state of the first day's basic data, and the change messages to come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.synthetic.arrow_text import Ints, Mask, Text, choose, replaced
from pipelines.synthetic.cases import NO_CASE, PERUSTIEDOT, PLANTED
from pipelines.synthetic.identity_codes import IdentityCodes
from pipelines.synthetic.names import draw_family, draw_given
from pipelines.synthetic.people import CUSTOMER, YEAR, People
from pipelines.synthetic.planting import Chunk, Planting

# Change scenarios by what they do to the person; rare ones first, so that they find somebody.
_PROTECTING = (
    "protection_added",
    "protection_flag_only",
    "protection_after_fresh_address",
    "protection_before_fresh_address",
    "protection_past_end",
    "protection_until_2120",
    "protection_until_2999",
    "protection_until_2100",
)
_PROTECTED_BEFORE = (
    "protected_until_2120",
    "protected_until_2999",
    "protected_until_2100",
    "protected_group_names",
    "protected_uncensored_history",
    "protected_contact_address",
    "protected_with_address",
)
_DECEASED_BEFORE = ("deceased_without_date", "declared_dead")
_CODE_CORRECTIONS = ("code_correction", "code_correction_null_active", "code_correction_third_code")
_DEFECTS = (
    "change_of_unknown_person",
    "change_duplicate_key",
    "change_code_broken",
    "change_code_missing",
    "change_code_checksum",
    "change_without_groups",
    "change_without_time",
    "change_broken",
    "change_unknown_group",
    "change_context_only",
    "change_at_21z",
    "code_correction_empty_group",
)
_ORDINARY = (
    "protection_to_be_lifted",
    "protection_to_be_lifted_with_address",
    "move_to_be_undone",
    "death_to_be_undone",
    "email_change",
    "language_change",
    "temporary_address",
    "postal_address",
    "prohibition_added",
    "prohibition_removed",
    "family_and_religion_only",
    "move_abroad",
    "call_name_change",
)
_DYING = ("death_without_date", "death")
_ABROAD = ("foreign_address_998", "foreign_address")
_BASIC_OF_ANYBODY = (
    "birth_date_differs",
    "birth_month_only",
    "birth_year_only",
    "birth_date_unknown",
    "sex_missing",
    "street_number_letters",
    "street_number_range",
    "street_number_house",
    "apartment_000",
    "trailing_spaces",
    "utf8_name_differs",
    "language_98",
    "legacy_move_date",
    "direct_marketing_prohibition",
    "customer_register_prohibition",
    "contact_disclosure_prohibition",
    "directory_prohibition",
    "genealogy_prohibition",
    "code_correction_in_basic_data",
    "empty_correction_in_basic_data",
    "basic_data_unknown_group",
    "basic_data_duplicate_key",
    "basic_data_code_checksum",
    "basic_data_code_missing",
    "basic_data_impossible_date",
    "basic_data_replacement_character",
)


@dataclass(frozen=True)
class Lives:
    """Cases and end states, an element per person; `changes` has the rows of each scenario."""

    in_basic: Mask
    basic_day: Ints
    basic_case: Ints
    changes: dict[str, Ints]
    basic_family: Ints
    basic_second: Ints
    basic_code: Text
    protected: Mask
    deceased: Mask
    prohibited: Mask  # direct marketing, in the basic data
    since: Ints  # lives in the first day's home since this day (days since 1970)

    @property
    def changed_later(self) -> Mask:
        """Who is delivered or changed by the population register after the first day."""
        later = self.basic_day > 0
        for rows in self.changes.values():
            later[rows] = True
        return later


def draw_lives(chunk: Chunk, people: People, codes: IdentityCodes) -> tuple[People, Lives]:
    """Draw everybody's life; return the people with their final names and codes."""
    rng = chunk.rng("lives")
    count = len(people)
    today = chunk.days.last_no
    age = people.age(today)
    adult, registered = age >= 18, people.in_register
    planting = Planting(chunk, rng, count)
    basic_day = chunk.days.bulk(rng, count, 0.95)
    changes: dict[str, Ints] = {}
    protected, deceased = np.zeros(count, np.bool_), np.zeros(count, np.bool_)

    twins = registered & people.twin
    planting.take("twin", np.flatnonzero(twins))
    planting.take("same_code_other_century_sign", np.flatnonzero(people.sign_pair))
    basic_day[people.sign_pair | people.twin] = 0
    infants = registered & (people.birth > today - 120)
    changes["newborn"] = planting.rows("newborn", infants)
    planting.rows("newborn_without_name", infants)
    planting.rows("guardian_without_code", registered & people.child & (age < 18))
    ancient = np.flatnonzero(registered & (people.birth < -25_500) & planting.free)
    planting.take("deceased", ancient)
    deceased[ancient] = True

    steady = registered & adult & (people.birth >= -25_500)
    customers = steady & (people.kind == CUSTOMER)
    for case in _PROTECTED_BEFORE:
        protected[planting.rows(case, steady, one_of=customers)] = True
    early = steady & (basic_day == 0)
    for case in _PROTECTING:
        changes[case] = planting.rows(case, early, one_of=customers)
        protected[changes[case]] = True
    for case in _DECEASED_BEFORE:
        deceased[planting.rows(case, steady)] = True

    for case in _DEFECTS:
        changes[case] = planting.rows(case, early)
    corrections = np.concatenate(
        [
            changes.setdefault(case, planting.rows(case, customers & early))
            for case in _CODE_CORRECTIONS
        ]
    ).astype(np.int64)
    unmarried = early & (people.former < 0)
    for case in ("change_newer_first", "name_change_marriage"):
        changes[case] = planting.rows(
            case, unmarried & (customers if case == "change_newer_first" else steady)
        )
    changes["given_name_change"] = planting.rows("given_name_change", early)
    for case in _ORDINARY:
        changes[case] = planting.rows(case, early)
    for case in _DYING:
        changes[case] = planting.rows(case, early & (age > 45), one_of=customers)
        deceased[changes[case]] = True
    before = today - chunk.days.count - 10
    settled = registered & (basic_day == 0) & (people.birth < before)
    changes["move"] = _moving_households(people, planting, settled)
    since = np.maximum(
        people.birth, before - np.floor(rng.exponential(6 * YEAR, count)).astype(np.int64)
    )
    since = np.minimum(since, people.birth + int(70 * YEAR))
    for case in _ABROAD:
        planting.rows(case, steady)
    deceased[planting.rows("deceased", steady & (age > 60))] = True
    planting.rows("street_without_swedish", registered & people.home.bilingual())
    for case in _BASIC_OF_ANYBODY:
        planting.rows(case, registered, one_of=customers)

    people, basic_family, basic_second, basic_code = _rename(
        rng, people, changes, corrections, codes
    )
    without_basic = np.zeros(count, np.bool_)
    without_basic[np.r_[changes["newborn"], changes["change_of_unknown_person"]]] = True
    of_basic_data = [code for code, case in enumerate(PLANTED) if case.dataset == PERUSTIEDOT]
    basic_case = choose(np.isin(planting.case, of_basic_data), planting.case, np.int16(NO_CASE))
    return people, Lives(
        in_basic=registered & ~without_basic,
        basic_day=basic_day,
        basic_case=basic_case,
        changes=changes,
        basic_family=basic_family,
        basic_second=basic_second,
        basic_code=basic_code,
        protected=protected,
        deceased=deceased,
        prohibited=planting.has("direct_marketing_prohibition"),
        since=since,
    )


def _moving_households(people: People, planting: Planting, among: Mask) -> Ints:
    """Rows of whole households that move together, until there are as many moves as asked for."""
    untouched = np.bincount(people.household, ~planting.free)[people.household] == 0
    heads = np.zeros(len(people), np.bool_)
    heads[np.unique(people.household, return_index=True)[1]] = True
    chosen = planting.rows("move", among & untouched & heads)
    movers = np.flatnonzero(
        np.isin(people.household, people.household[chosen]) & among & planting.free
    )
    planting.take("move", movers)
    return np.union1d(chosen, movers)


def _rename(
    rng: np.random.Generator,
    people: People,
    changes: dict[str, Ints],
    corrections: Ints,
    codes: IdentityCodes,
) -> tuple[People, Ints, Ints, Text]:
    """Return the people in their final state, and names and codes of the basic data."""
    married = np.r_[changes["name_change_marriage"], changes["change_newer_first"]].astype(np.int64)
    former, second = people.former.copy(), people.second.copy()
    former[married] = draw_family(rng, people.language[married])
    same = married[former[married] == people.family[married]]
    former[same] = (former[same] + 1) % 1_000
    basic_family = people.family.copy()
    basic_family[married] = former[married]
    renamed = changes["given_name_change"]
    basic_second = second.copy()
    second[renamed] = draw_given(rng, people.sex[renamed], people.language[renamed])
    same = renamed[second[renamed] == basic_second[renamed]]
    basic_second[same] = -1
    code = replaced(people.code, corrections, codes.issue(people.birth[corrections]))
    return (
        replace(people, former=former, second=second, code=code),
        basic_family,
        basic_second,
        people.code,
    )
