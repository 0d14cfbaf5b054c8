"""The population register's `perustiedot`: basic data of every registered person."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    either,
    iso_date,
    join,
    json_date,
    number,
    only,
    padded,
    pick,
    replaced,
    vocabulary,
)
from pipelines.synthetic.cases import case_code
from pipelines.synthetic.contact_points import ContactPoints
from pipelines.synthetic.identity_codes import with_wrong_check
from pipelines.synthetic.lives import Lives
from pipelines.synthetic.people import People
from pipelines.synthetic.places import draw_addresses
from pipelines.synthetic.planting import Chunk, in_case
from pipelines.synthetic.population_register import groups
from pipelines.synthetic.records import Records, nullable

_FOREIGN_LETTERS = (
    ("Zeljko", "Željko"),
    ("Sarune", "Šarūnė"),
    ("Lukasz", "Łukasz"),
    ("Ngoc", "Ngọc"),
)
_UNTIL = {
    "protected_until_2120": "2120-02-28",
    "protected_until_2999": "2999-02-28",
    "protected_until_2100": "2100-12-31",
    "protected_uncensored_history": "2120-02-28",
    "protected_with_address": "2120-02-28",
    "protected_contact_address": "2999-02-28",
    "protected_group_names": "",
}
_PROHIBITION_CASES = (
    "direct_marketing_prohibition",
    "customer_register_prohibition",
    "contact_disclosure_prohibition",
    "directory_prohibition",
    "genealogy_prohibition",
)
_RELIGION = vocabulary(["EI_USKONTOKUNTAA", "EVANKELISLUTERILAINEN", "ORTODOKSINEN", "MUU"])
_MARITAL = vocabulary(["NAIMATON", "AVIOLIITOSSA", "ERONNUT", "LESKI", "EI_TIETOA"])
_CITIZENSHIP = vocabulary(["246", "752", "233", "826"])


def protection_group(until: str, attribute: str = "", *, active: bool = True) -> str:
    """TURVAKIELTO, with an end date unless that is empty."""
    end = f',"turvaLoppuPv":{{"arvo":"{until}","tarkkuus":"PAIVA"}}' if until else ""
    return groups.constant(
        "TURVAKIELTO", f'{end},"turvakieltoAktiivinen":{str(active).lower()}', attribute
    )


class _BasicData:
    """One chunk's basic data: the people in it, their cases, and the record texts as they grow."""

    def __init__(
        self, chunk: Chunk, everybody: People, lives: Lives, points: ContactPoints
    ) -> None:
        self.rng = chunk.rng("perustiedot")
        self.chunk, self.everybody, self.lives, self.points = chunk, everybody, lives, points
        self.rows = np.flatnonzero(lives.in_basic)
        self.people = everybody.take(self.rows)
        self.case = lives.basic_case[self.rows]
        self.count = len(self.rows)
        self.home = self.people.home
        self.since = lives.since[self.rows]
        head = np.searchsorted(everybody.household, self.people.household)
        self.head = everybody.take(head)
        self.head_code = lives.basic_code.take(groups.arrow(head))
        self.head_given = groups.given_text(self.head.given, self.head.second)
        self.head_family = groups.family_text(lives.basic_family[head])

    def has(self, *cases: str) -> Mask:
        """Return which records are in one of the cases."""
        return in_case(self.case, *cases)

    def some(self, share: float, among: Mask | None = None) -> Ints:
        """Return a random share of the rows, or of those `among`."""
        drawn = self.rng.random(self.count) < share
        return np.flatnonzero(drawn if among is None else drawn & among)

    def record_groups(self) -> Text:
        """All groups of each record."""
        all_groups = groups.Groups(
            groups.sex_group(np.where(self.has("sex_missing"), 2, self.people.sex))
        )
        self._names(all_groups)
        self._birth_and_death(all_groups)
        self._language(all_groups)
        self._home(all_groups)
        self._rarer_addresses(all_groups)
        self._choices(all_groups)
        self._not_for_us(all_groups)
        return all_groups.text()

    def _names(self, out: groups.Groups) -> None:
        given = groups.given_text(self.people.given, self.lives.basic_second[self.rows])
        family = groups.family_text(self.lives.basic_family[self.rows])
        given = either(self.has("trailing_spaces"), join(given, " "), given)
        family = either(
            self.has("basic_data_replacement_character"), join(family, "\ufffd"), family
        )
        utf8 = given
        for way, (ascii_name, real_name) in enumerate(_FOREIGN_LETTERS):
            where = self.has("utf8_name_differs") & (
                self.people.person % len(_FOREIGN_LETTERS) == way
            )
            given, utf8 = (
                either(where, join(given, " ", ascii_name), given),
                either(where, join(utf8, " ", real_name), utf8),
            )
        dated = only(
            self.rng.random(self.count) < 0.3, groups.date_field("alkupv", self.people.birth + 40)
        )
        named = ~self.has("newborn_without_name")
        out.add(
            groups.name_group(
                given, family, ',"etunimiUTF8":"', utf8, '","sukunimiUTF8":"', family, '"', dated
            ),
            named,
        )
        own = self.some(0.25, named)
        out.add_rows(
            own,
            groups.group(
                "KUTSUMANIMI",
                ',"nimilaji":"NYKYINEN_KUTSUMANIMI","nimi":"',
                groups.given_text(self.people.given[own], np.full(len(own), -1)),
                '"',
            ),
        )
        married_before = (self.people.former >= 0) & (
            self.people.former != self.lives.basic_family[self.rows]
        )
        former = np.flatnonzero(married_before & named)
        out.add_rows(
            former,
            groups.name_history(
                "EDELLINEN_SUKUNIMI",
                groups.family_text(self.people.former[former]),
                groups.date_field("loppupv", self.since[former]),
            ),
        )

    def _birth_and_death(self, out: groups.Groups) -> None:
        birth = self.people.birth + np.where(
            self.has("birth_date_differs"), 1 + self.people.person % 300, 0
        )
        day = json_date(birth)
        for case, precision in (("birth_month_only", "KUUKAUSI"), ("birth_year_only", "VUOSI")):
            day = either(
                self.has(case),
                join('{"arvo":"', iso_date(birth), f'","tarkkuus":"{precision}"}}'),
                day,
            )
        day = either(self.has("birth_date_unknown"), '{"tarkkuus":"EI_TIEDOSSA"}', day)
        day = either(
            self.has("basic_data_impossible_date"), '{"arvo":"1975-02-30","tarkkuus":"PAIVA"}', day
        )
        out.add(groups.group("SYNTYMAPAIVA", ',"syntymapv":', day))
        dead = np.flatnonzero(self.has("deceased", "deceased_without_date"))
        ancient = self.people.birth[dead] < -25_500
        died = np.where(
            ancient,
            self.people.birth[dead] + 30_000 + self.people.person[dead] % 4_000,
            self.chunk.days.last_no - 30 - self.rng.integers(0, 2_500, len(dead)),
        )
        out.add_rows(dead, groups.death_group(died, dated=~self.has("deceased_without_date")[dead]))
        declared = np.flatnonzero(self.has("declared_dead"))
        out.add_rows(
            declared,
            groups.group(
                "KUOLLEEKSIJULISTAMISPAIVA",
                ',"kuollut":true',
                groups.date_field(
                    "kuolleeksijulistamispv", np.full(len(declared), self.chunk.days.last_no - 700)
                ),
            ),
        )

    def _language(self, out: groups.Groups) -> None:
        language = np.where(self.has("language_98"), groups.LANGUAGE_98, self.people.language)
        out.add(
            groups.language_group(
                "AIDINKIELI", language, groups.date_field("alkupv", self.people.birth + 60)
            )
        )
        rows = self.some(0.08)
        out.add_rows(
            rows,
            groups.language_group(
                "ASIOINTIKIELI",
                self.people.language[rows],
                groups.date_field("alkupv", self.since[rows]),
            ),
        )

    def _home(self, out: groups.Groups) -> None:
        abroad = self.has("foreign_address", "foreign_address_998")
        hidden = self.has(*(case for case in _UNTIL if case != "protected_with_address"))
        house = number(self.home.house)
        for case, text in (
            ("street_number_letters", "6a-6b"),
            ("street_number_range", "5-7"),
            ("street_number_house", "10h5"),
        ):
            house = either(self.has(case), text, house)
        door = either(self.has("apartment_000"), "000", padded(self.home.apartment, 3))
        home = self.home
        if self.has("apartment_000").any():
            at_zero = np.where(
                self.has("apartment_000"), np.maximum(home.apartment, 1), home.apartment
            )
            home = type(home)(home.postcode, home.street, home.house, home.stair, at_zero)
        street = home.street_names(self.has("street_without_swedish"), self.has("trailing_spaces"))
        visible = ~abroad & ~hidden
        out.add(
            groups.address_group(
                groups.HOME, home, self.since, street=street, house=house, apartment=door
            ),
            visible,
        )
        out.add(groups.dwelling_group(home, self.since), visible)
        out.add(
            groups.municipality_group(home, self.since, legacy=self.has("legacy_move_date")),
            visible,
        )
        foreign = np.flatnonzero(abroad)
        country = np.where(
            self.has("foreign_address_998")[foreign],
            groups.COUNTRY_998,
            self.people.person[foreign] % 5,
        )
        out.add_rows(foreign, groups.foreign_group(country, self.since[foreign]))
        out.add(groups.censored(), hidden & ~self.has("protected_group_names"))
        out.add(groups.censored(group_names=True), self.has("protected_group_names"))
        for case, until in _UNTIL.items():
            out.add(protection_group(until), self.has(case))
        rows = np.flatnonzero(self.has("protected_contact_address"))
        box = join("PL ", number(100 + self.people.person[rows] % 900))
        address = self.home.take(rows)
        out.add_rows(
            rows,
            groups.group(
                "KOTIMAINEN_YHTEYSOSOITE",
                ',"yhteysosoite":{"fi":"',
                box,
                '","sv":"',
                box,
                '"},',
                address.post_office(),
            ),
        )
        self._visible = visible

    def _rarer_addresses(self, out: groups.Groups) -> None:
        other = draw_addresses(self.rng, self.people.language)
        in_clear = self._visible | self.has("protected_uncensored_history")
        before, left = self.since - 900, self.since - 1
        rows = self.some(0.03, self._visible)
        out.add_rows(
            rows,
            groups.address_group(
                "TILAPAINEN_KOTIMAINEN_OSOITE", other.take(rows), self.since[rows]
            ),
        )
        rows = self.some(0.03, self._visible)
        box = join("PL ", number(1 + self.people.person[rows] % 999))
        out.add_rows(
            rows,
            groups.postal_group(
                box, other.take(rows), groups.date_field("alkupv", self.since[rows])
            ),
        )
        always = self.has("protected_uncensored_history")
        for name, share in (
            ("EDELLINEN_KOTIKUNTA", 0.12),
            ("SYNTYMAKOTIKUNTA", 0.12),
            ("EDELLINEN_KOTIMAINEN_ASUINPAIKKATUNNUS", 0.06),
        ):
            rows = np.union1d(self.some(share, in_clear), np.flatnonzero(always))
            place, start, end = other.take(rows), before[rows], left[rows]
            if name == "EDELLINEN_KOTIKUNTA":
                out.add_rows(rows, groups.former_municipality_group(place, start, end))
            elif name == "SYNTYMAKOTIKUNTA":
                out.add_rows(rows, groups.group(name, ',"kuntakoodi":"', place.municipality(), '"'))
            else:
                out.add_rows(rows, groups.dwelling_group(place, start, end, name=name))
        rows = self.some(0.05, self._visible)
        mail = self.points.email.take(self.rows[rows])
        out.add_rows(
            rows,
            groups.group("SAHKOPOSTIOSOITE", ',"sahkopostiosoite":"', mail, '","lajikoodi":"1"'),
        )

    def _choices(self, out: groups.Groups) -> None:
        for name, case in zip(groups.PROHIBITIONS, _PROHIBITION_CASES, strict=True):
            rows = np.flatnonzero(self.has(case))
            out.add_rows(rows, groups.group(name, groups.date_field("alkupv", self.since[rows])))
        code = self.lives.basic_code.take(self.rows)
        out.add(
            groups.group(
                "HENKILOTUNNUS_KORJAUS",
                ',"aktiivinenHenkilotunnus":"',
                code,
                '","edellisetHenkilotunnukset":[],"muutettuHenkilotunnus":"',
                code,
                '","voimassaolo":"AKTIIVI"',
            ),
            self.has("code_correction_in_basic_data"),
        )
        out.add(
            groups.constant("HENKILOTUNNUS_KORJAUS"), self.has("empty_correction_in_basic_data")
        )
        out.add(groups.constant("JOKU_MUU", ',"tieto":"x"'), self.has("basic_data_unknown_group"))

    def _not_for_us(self, out: groups.Groups) -> None:
        """Family, citizenship and religion: on some records, there to be dropped."""

        def drawn(values: Text, shares: list[float]) -> Text:
            return pick(values, self.rng.choice(len(values), self.count, p=shares))

        def sampled(share: float) -> Mask:
            return self.rng.random(self.count) < share

        out.add(
            groups.group(
                "SIVIILISAATY",
                ',"siviilisaaty":"',
                drawn(_MARITAL, [0.4, 0.35, 0.15, 0.06, 0.04]),
                '"',
            ),
            sampled(0.4),
        )
        out.add(
            groups.group(
                "USKONTOKUNTALAJI",
                ',"uskontokuntalaji":"',
                drawn(_RELIGION, [0.35, 0.6, 0.02, 0.03]),
                '"',
            ),
            sampled(0.4),
        )
        out.add(groups.constant("USKONTOKUNTA", ',"uskontokunta":275'), sampled(0.15))
        out.add(groups.constant("HISTORIAA_USKONTOKUNNASTA", ',"uskontokunta":590'), sampled(0.02))
        out.add(
            groups.group(
                "KANSALAISUUS",
                ',"henkilonKansalaisuudet":[{"kansalaisuuskoodi":"',
                drawn(_CITIZENSHIP, [0.94, 0.02, 0.03, 0.01]),
                '","voimassaolo":"AKTIIVI"}]',
            ),
            sampled(0.5),
        )
        minor = self.people.child & (self.people.age(self.chunk.days.last_no) < 18)
        partner = ~self.people.child & (self.people.person != self.head.person) & sampled(0.6)
        for rows, name, field, more in (
            (
                np.flatnonzero(minor),
                "HUOLTAJA",
                "huoltaja",
                ',"huoltajanLaji":"LAKISAATEINEN_HUOLTAJA","oikeudet":[]',
            ),
            (
                np.flatnonzero(partner),
                "AVIOLIITTO",
                "puoliso",
                ',"voimassaolo":"AKTIIVI","jarjestysnumero":1',
            ),
            (
                self.some(0.25, self.people.child),
                "PERHESUHDE",
                "henkilo",
                ',"rooli":"VANHEMPI","voimassaolo":"AKTIIVI"',
            ),
        ):
            with_code = ~self.has("guardian_without_code")[rows]
            person = groups.related(
                field,
                self.head_code.take(groups.arrow(rows)),
                self.head_given.take(rows),
                self.head_family.take(rows),
                self.head.birth[rows],
                with_code=with_code,
            )
            out.add_rows(rows, groups.group(name, person, more))


def basic_data(chunk: Chunk, everybody: People, lives: Lives, points: ContactPoints) -> Records:
    """The records of `perustiedot`, exact duplicates and unchanged re-sendings among them."""
    data = _BasicData(chunk, everybody, lives, points)
    right = lives.basic_code.take(data.rows)
    code = either(data.has("basic_data_code_checksum"), with_wrong_check(right), right)
    twice_keyed = only(data.has("basic_data_duplicate_key"), join('"henkilotunnus":"', code, '",'))
    text = join(
        "{", twice_keyed, '"henkilotunnus":"', code, '","tietoryhmat":[', data.record_groups(), "]}"
    )
    missing = np.flatnonzero(data.has("basic_data_code_missing"))
    text = replaced(
        text,
        missing,
        pc.replace_substring_regex(text.take(missing), r'^\{"henkilotunnus":"[^"]*",', "{"),
    )
    day = lives.basic_day[data.rows]
    records = Records(
        text=text,
        day=day,
        native_key=nullable(only(~data.has("basic_data_code_missing"), code)),
        person=data.people.person,
        case=data.case.copy(),
        about=chunk.days.day_no[day],
    )
    plain = np.flatnonzero(data.case < 0)
    picked = data.rng.permutation(plain)
    again = picked[: chunk.wanted("basic_data_again")]
    twice = picked[len(again) :][: chunk.wanted("basic_data_exact_duplicate")]
    later = records.take(again)
    later.day[:] = chunk.days.next(later.day)
    later.about[:] = chunk.days.day_no[later.day]
    later.case[:] = case_code("basic_data_again")
    return Records.concat([records, later]).with_duplicates(twice, "basic_data_exact_duplicate")
