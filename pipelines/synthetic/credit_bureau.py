"""The credit bureau's reports, a JSON object a line: classes on several scales, and remarks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Text,
    choose,
    either,
    iso_date,
    join,
    money,
    number,
    only,
    pick,
    vocabulary,
)
from pipelines.synthetic.cases import CREDIT_REPORTS, case_code
from pipelines.synthetic.formats import Format
from pipelines.synthetic.identity_codes import with_wrong_check
from pipelines.synthetic.people import CUSTOMER, PROSPECT, REGISTER_ONLY, People
from pipelines.synthetic.planting import Chunk, Planting, Sequence, in_case
from pipelines.synthetic.records import NOBODY, Records, nullable
from pipelines.synthetic.samples import Drawn, Sample

CREDIT = Format(
    "credit", "credit_bureau", CREDIT_REPORTS, "credit_decision", "credit-reports-{day}.jsonl"
)
LATER_CREDIT = Format(
    "credit-later",
    "credit_bureau",
    CREDIT_REPORTS,
    "credit_decision",
    "credit-reports-{day}-latin1.jsonl",
    encoding="iso-8859-1",
)
_SCALES = (
    ('"scale":"1-5, 1 best"', ["1", "2", "3", "4", "5"]),
    ('"scale":"1-5, 5 best"', ["5", "4", "3", "2", "1"]),
    ('"scale":"AAA-C"', ['"AAA"', '"AA+"', '"A"', '"B"', '"C"']),
)
_CLASSES = vocabulary(
    f'"creditClass":{grade},{scale}' for scale, grades in _SCALES for grade in grades
)
_PURPOSES = vocabulary(["1", "2", "3", "5", "7", "A"])
_PURPOSE_SHARES = np.cumsum([0.45, 0.2, 0.12, 0.03, 0.08, 0.05])
_OTHER_PURPOSES = vocabulary(["8", "9"])
_KINDS = vocabulary(
    [
        '"remarkType":"PaymentRemark","remarkCode":"UMV","remarkSource":"Ulosottovirasto"',
        '"remarkType":"PaymentRemark","remarkCode":"TSU","remarkSource":"Käräjäoikeus"',
        '"remarkType":"DebtArrangementRemark","remarkCode":"VJ1",'
        '"remarkSource":"Oikeusrekisterikeskus"',
    ]
)
_BANS = vocabulary(
    [
        '"remarkType":"BusinessBanRemark","remarkCode":"LTV",'
        '"remarkSource":"Oikeusrekisterikeskus"',
        '"remarkType":"OwnCreditBanRemark","remarkCode":"OLK","remarkSource":"Henkilö itse"',
        '"remarkType":"GuardianshipRemark","remarkCode":"EDV",'
        '"remarkSource":"Digi- ja väestötietovirasto"',
    ]
)
_CREDITORS = vocabulary(
    ["Esimerkki Oy", "Perintä Malli Oy", "Öljy ja Sähkö Näyte Ab", "Testi Rahoitus Oyj"]
)
_DEFECTS = (
    "credit_broken_line",
    "credit_without_identity",
    "credit_purpose_unknown",
    "credit_other_purpose",
    "credit_code_checksum",
    "credit_birth_date_differs",
    "credit_purpose_missing",
    "credit_ban",
    "credit_expired",
    "credit_paid",
)
_REMARKED = ("credit_ban", "credit_expired", "credit_paid")


def business_ids(numbers: Ints) -> Text:
    """Business ids that start with 9 (a series not in use), with a right check digit."""

    def checked(digits: Ints) -> Ints:
        weighted = sum(
            digits // 10 ** (6 - place) % 10 * weight
            for place, weight in enumerate((7, 9, 10, 5, 8, 4, 2))
        )
        return np.asarray(np.asarray(weighted) % 11)

    digits = 9_000_000 + numbers % 999_999
    digits = choose(
        checked(digits) == 1, digits + choose(digits % 10 == 9, -1, 1), digits
    )  # remainder 1 has no digit
    left = checked(digits)
    return join(number(digits), "-", number(choose(left == 0, 0, 11 - left)))


def _midnight(days: Ints) -> Text:
    return join('"', iso_date(days), 'T00:00:00Z"')


class _Reports:
    """Writes the reports of one chunk."""

    def __init__(self, chunk: Chunk, people: People, remark_ids: Sequence) -> None:
        self.rng = chunk.rng("credit")
        self.chunk, self.people, self.remark_ids = chunk, people, remark_ids
        self.today = chunk.days.last_no

    def _remark(self, case: Ints, day: Ints) -> Text:
        """One remark for each report, of the kind that its case asks for."""
        count = len(case)
        ban = in_case(case, "credit_ban")
        noted = day - self.rng.integers(20, 950, count)
        noted = choose(
            in_case(case, "credit_expired"), day - self.rng.integers(1_150, 1_700, count), noted
        )
        expires = noted + 1_095
        expires = choose(ban & (self.rng.random(count) < 0.5), -1, expires)
        paid = in_case(case, "credit_paid") | (self.rng.random(count) < 0.1) & ~ban
        body = join(
            pick(_KINDS, self.rng.integers(0, len(_KINDS), count)),
            ',"remarkDate":',
            _midnight(noted),
            ',"amount":',
            money(self.rng.integers(2_000, 900_000, count)),
            ',"creditor":"',
            pick(_CREDITORS, self.rng.integers(0, len(_CREDITORS), count)),
            '"',
        )
        banned = join(
            pick(_BANS, self.rng.integers(0, len(_BANS), count)),
            ',"remarkDate":',
            _midnight(noted),
            ',"amount":null,"creditor":null',
        )
        settled = np.minimum(noted + self.rng.integers(3, 200, count), day - 1)
        return join(
            '{"remarkId":"R',
            number(self.remark_ids.take(count)),
            '",',
            either(ban, banned, body),
            ',"remarkPaidDate":',
            either(paid, _midnight(settled), "null"),
            ',"remarkExpiresDate":',
            either(expires < 0, "null", _midnight(choose(expires < 0, 0, expires))),
            "}",
        )

    def records(
        self, identity: Text, key: Text, *, birth: Ints | None, person: Ints, case: Ints, day: Ints
    ) -> Records:
        """Reports with these identities (the JSON fields that name the person or company)."""
        count, rng = len(day), self.rng
        reported_on = self.chunk.days.day_no[day]
        remarked = np.isin(case, [case_code(name) for name in _REMARKED]) | (
            rng.random(count) < 0.16
        )
        more = remarked & (rng.random(count) < 0.3)
        case = choose(~remarked & (case < 0), np.int16(case_code("credit_clean")), case)
        remarks = join(
            "[",
            only(remarked, self._remark(case, reported_on)),
            only(more, join(",", self._remark(np.full(count, -1), reported_on))),
            "]",
        )
        grade = np.minimum(rng.geometric(0.42, count) - 1 + 2 * remarked, 4)
        purpose = pick(
            _PURPOSES,
            np.searchsorted(_PURPOSE_SHARES, rng.random(count) * _PURPOSE_SHARES[-1], side="right"),
        )
        purpose = either(case == case_code("credit_purpose_unknown"), "Z", purpose)
        other = pick(_OTHER_PURPOSES, rng.integers(0, len(_OTHER_PURPOSES), count))
        purpose = either(case == case_code("credit_other_purpose"), other, purpose)
        born: Text | str = "" if birth is None else join('"dateOfBirth":', _midnight(birth), ",")
        text = join(
            "{",
            identity,
            born,
            pick(_CLASSES, rng.integers(0, 3, count) * 5 + grade),
            ',"remarks":',
            remarks,
            only(
                case != case_code("credit_purpose_missing"), join(',"purposeCode":"', purpose, '"')
            ),
            "}",
        )
        text = either(
            case == case_code("credit_broken_line"), pc.utf8_slice_codeunits(text, 0, 60), text
        )
        return Records(text, day, key, person, case, reported_on)


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return the reports of the first day, and those of later ones."""
    people, companies = drawn.people, drawn.numbers("companies in reports")
    reports = _Reports(chunk, people, drawn.numbers("remarks"))
    rng, days = reports.rng, chunk.days
    share = np.zeros(4)
    share[[CUSTOMER, PROSPECT, REGISTER_ONLY]] = 0.35, 0.012, 0.035
    adult = people.age(days.last_no) >= 18
    who = rng.permutation(np.flatnonzero((rng.random(len(people)) < share[people.kind]) & adult))
    planting = Planting(chunk, rng, len(who))
    for case in _DEFECTS:
        planting.rows(case)

    day = days.bulk(rng, len(who), 0.7)
    code = people.code.take(pa.array(who))
    code = either(planting.has("credit_code_checksum"), with_wrong_check(code), code)
    birth = people.birth[who] + planting.has("credit_birth_date_differs") * 31
    known = ~planting.has("credit_without_identity")
    identity = only(known, join('"socialSecurityNumber":"', code, '",'))
    people_reports = reports.records(
        identity,
        nullable(only(known, code)),
        birth=birth,
        person=people.person[who],
        case=planting.case,
        day=day,
    )

    renewed = rng.permutation(np.flatnonzero(planting.free))
    renewed = renewed[: chunk.wanted("credit_renewed")]
    again = np.maximum(days.next(day[renewed]), days.later(rng, len(renewed)))
    newer = reports.records(
        identity.take(pa.array(renewed)),
        code.take(pa.array(renewed)),
        birth=birth[renewed],
        person=people.person[who[renewed]],
        case=np.full(len(renewed), case_code("credit_renewed"), np.int16),
        day=again,
    )

    count = chunk.wanted("credit_business", rng)
    company = business_ids(companies.take(count) * 7_919)
    of_companies = reports.records(
        join('"businessId":"', company, '",'),
        company,
        birth=None,
        person=np.full(count, NOBODY),
        case=np.full(count, case_code("credit_business"), np.int16),
        day=days.bulk(rng, count, 0.7),
    )

    everything = Records.concat([people_reports, newer, of_companies])
    if len(everything) == 0:
        return []
    everything = everything.shuffled(rng)
    plain = np.flatnonzero(everything.case == case_code("credit_clean"))
    twice = plain[: chunk.wanted("credit_exact_duplicate")]
    everything = everything.with_duplicates(twice, "credit_exact_duplicate")
    first, later = np.flatnonzero(everything.day == 0), np.flatnonzero(everything.day > 0)
    return [(CREDIT, everything.take(first)), (LATER_CREDIT, everything.take(later))]


SAMPLE = Sample(formats=(CREDIT, LATER_CREDIT), draw=draw)
