"""The population register's `muutokset`: one or two messages per person of a scenario."""

from __future__ import annotations

import numpy as np

from pipelines.synthetic.arrow_text import Ints, Text, either, iso_time, join, only
from pipelines.synthetic.cases import case_code
from pipelines.synthetic.contact_points import ContactPoints
from pipelines.synthetic.identity_codes import with_wrong_check
from pipelines.synthetic.lives import Lives
from pipelines.synthetic.people import People
from pipelines.synthetic.places import draw_addresses
from pipelines.synthetic.planting import Chunk, in_case, local_midnight
from pipelines.synthetic.population_register import groups
from pipelines.synthetic.population_register.scenarios import BODIES, Cast
from pipelines.synthetic.records import Records, nullable

# A scenario of two messages: the case of the second one.
_FOLLOWED_BY = {
    "move_to_be_undone": "move_undone",
    "death_to_be_undone": "death_undone",
    "protection_to_be_lifted": "protection_lifted",
    "protection_to_be_lifted_with_address": "protection_lifted_with_address",
    "change_broken": "change_after_broken",
    "change_newer_first": "change_older_last",
}
_TAKES_BACK = ("move_undone", "death_undone")


class _Changes:
    """Writes the messages of one chunk, scenario by scenario."""

    def __init__(self, chunk: Chunk, people: People, lives: Lives, points: ContactPoints) -> None:
        self.rng = chunk.rng("muutokset")
        self.chunk, self.people, self.lives, self.points = chunk, people, lives, points
        new_homes = draw_addresses(
            self.rng, people.language[np.unique(people.household, return_index=True)[1]]
        )
        self.homes, self.new_homes = people.home, new_homes.take(people.household)
        self.move_day = chunk.days.later(self.rng, int(people.household[-1]) + 1)[people.household]

    def messages(self, scenario: str) -> list[Records]:
        """The one or two messages of each person of a scenario."""
        rows = self.lives.changes.get(scenario, np.array([], np.int64)).astype(np.int64)
        if len(rows) == 0:
            return []
        days = self.chunk.days
        first = self.move_day[rows] if scenario == "move" else days.later(self.rng, len(rows))
        second = np.maximum(first, days.later(self.rng, len(rows)))
        if scenario == "change_newer_first":  # the older change comes later
            return [
                self._records(scenario, rows, first, days.day_no[first] - 2),
                self._records(_FOLLOWED_BY[scenario], rows, second, days.day_no[first] - 9),
            ]
        sent = [self._records(scenario, rows, first, days.day_no[first] - 2)]
        if scenario in _FOLLOWED_BY:
            case, registered_on = _FOLLOWED_BY[scenario], days.day_no[second] - 1
            on = days.day_no[first] - 3 if case in _TAKES_BACK else registered_on - 1
            sent.append(self._records(case, rows, second, registered_on, on))
        return sent

    def _cast(self, rows: Ints, on: Ints) -> Cast:
        people = self.people.take(rows)
        return Cast(
            people=people,
            old_home=self.homes.take(rows),
            new_home=self.new_homes.take(rows),
            old_code=self.lives.basic_code.take(groups.arrow(rows)),
            family_before=groups.family_text(self.lives.basic_family[rows]),
            second_before=self.lives.basic_second[rows],
            email=self.points.email.take(groups.arrow(rows)),
            since=self.lives.since[rows],
            on=on,
            rng=self.rng,
        )

    def _records(
        self, case: str, rows: Ints, day: Ints, registered_on: Ints, on: Ints | None = None
    ) -> Records:
        cast = self._cast(rows, registered_on - 1 if on is None else on)
        code = with_wrong_check(cast.old_code) if case == "change_code_checksum" else cast.old_code
        at_midnight = self.rng.random(len(rows)) < 0.6
        moment = local_midnight(registered_on)
        moment = np.where(
            at_midnight, moment, moment + self.rng.integers(6 * 3600, 18 * 3600, len(rows))
        )
        time = either(
            at_midnight, iso_time(moment, ending=".000Z"), iso_time(moment, ending=".568Z")
        )
        if case == "change_at_21z":
            time = iso_time((registered_on - 1) * 86_400 + 21 * 3600, ending=".000Z")
        if case == "change_code_broken":
            text = join('{"henkilotunnus":"rikkinainen_tietue","bogus":[],"bogus":"', time, '"}')
            code = groups.repeated("rikkinainen_tietue", len(rows))
        else:
            twice = (
                '"muutospv":"2019-09-24T21:00:00.000Z",' if case == "change_duplicate_key" else ""
            )
            body = (
                ""
                if case == "change_without_groups"
                else join('"tietoryhmat":[', BODIES[case](cast), "]")
            )
            known = "" if case == "change_code_missing" else join('"henkilotunnus":"', code, '"')
            when = "" if case == "change_without_time" else join('"muutospv":"', time, '"')
            parts = [part for part in (known, body, when) if not isinstance(part, str)]
            text = join("{" + twice, *_listed(parts), "}")
        missing = case == "change_code_missing"
        return Records(
            text=text,
            day=day,
            native_key=nullable(only(np.full(len(rows), not missing), code)),
            person=cast.people.person,
            case=np.full(len(rows), case_code(case), np.int16),
            about=registered_on,
        )


def _listed(parts: list[Text]) -> list[Text | str]:
    listed: list[Text | str] = []
    for part in parts:
        listed.extend([",", part] if listed else [part])
    return listed


def changes(chunk: Chunk, people: People, lives: Lives, points: ContactPoints) -> Records | None:
    """The change messages, in no order; None where nothing happens."""
    drawn = _Changes(chunk, people, lives, points)
    parts = [part for scenario in BODIES for part in drawn.messages(scenario)]
    if not parts:
        return None
    records = Records.concat(parts).shuffled(drawn.rng)
    records = records.take(np.argsort(~in_case(records.case, "change_newer_first"), kind="stable"))
    twice = np.flatnonzero(in_case(records.case, "move", "email_change"))
    return records.with_duplicates(
        twice[: chunk.wanted("change_exact_duplicate")], "change_exact_duplicate"
    )
