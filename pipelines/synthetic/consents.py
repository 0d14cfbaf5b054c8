"""The consent log: grants, withdrawals and prohibitions, by every kind of key of a person."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    either,
    iso_time,
    join,
    number,
    only,
    pick,
    vocabulary,
)
from pipelines.synthetic.cases import CONSENT_LOG, NO_CASE, case_code
from pipelines.synthetic.contact_points import SPELLINGS, ContactPoints, phone_text
from pipelines.synthetic.crm.contacts import ContactKeys
from pipelines.synthetic.formats import Format
from pipelines.synthetic.lives import Lives
from pipelines.synthetic.people import People
from pipelines.synthetic.planting import Chunk, in_case
from pipelines.synthetic.records import NOBODY, Records, nullable
from pipelines.synthetic.samples import Drawn, Sample
from pipelines.synthetic.website.visits import visitor_id

CONSENT_COLUMNS = (
    "event_ts,subject_key_type,subject_key,purpose,channel,status,source,evidence,text_version,"
    "language"
)
CONSENTS = Format(
    "consents",
    "consents",
    CONSENT_LOG,
    "direct_marketing",
    "consent-log-{day}.csv",
    header=f"{CONSENT_COLUMNS}\n",
)
_KEY_TYPES = vocabulary(
    ["email", "phone", "cookie", "customer_number", "contact_id", "henkilotunnus"]
)
_EMAIL, _PHONE, _COOKIE, _CUSTOMER, _CONTACT, _CODE = range(6)
_PURPOSES = vocabulary(
    [
        "direct_marketing",
        "analytics",
        "profiling",
        "targeted_advertising",
        "products_and_services",
    ]
)
_MARKETING, _ANALYTICS, _PROFILING, _TARGETED, _PRODUCTS = range(5)
# What the website's banner asks for.
_ASKED = (_ANALYTICS, _PROFILING, _TARGETED, _PRODUCTS)
_CHANNELS = vocabulary(["email", "sms", "phone", "post", "web", "all"])
_BY_EMAIL, _BY_SMS, _BY_PHONE, _BY_POST, _BY_WEB, _BY_ALL = range(6)
_STATUS = vocabulary(["granted", "withdrawn", "prohibited", "maybe"])
_GRANTED, _WITHDRAWN, _PROHIBITED, _MAYBE = range(4)
_SOURCES = vocabulary(
    [
        "web-form",
        "tcf2",
        "list-unsubscribe-post",
        "customer-service",
        "vtj:SUORAMARKKINOINTIKIELTO",
        "prohibition-list",
    ]
)
_FORM, _TCF, _UNSUBSCRIBE, _SERVICE, _REGISTER, _LIST = range(6)
_VERSIONS = vocabulary(["", "2023-05", "2024-01", "2025-03"])
_LANGUAGES = vocabulary(["fi", "sv", "en"])


def tcf_string(purposes: int, decisecond: int) -> str:
    """A TCF 2 core string (264 bits): purposes are a bit mask, the time tenths of a second."""
    fields = (
        (2, 6),
        (decisecond, 36),
        (decisecond, 36),
        (31, 12),
        (1, 12),
        (1, 6),
        (5, 6),
        (8, 6),
        (120, 12),
        (2, 6),
        (1, 1),
        (0, 1),
        (0, 12),
        (purposes, 24),
        (0, 24),
        (0, 1),
        (5, 6),
        (8, 6),
        (0, 17),
        (0, 17),
        (0, 12),
    )
    bits = "".join(format(value, f"0{width}b") for value, width in fields).ljust(264, "0")
    return base64.urlsafe_b64encode(int(bits, 2).to_bytes(33, "big")).decode()


@cache
def _tcf() -> tuple[Text, Text]:
    """Whole strings, and the same broken off."""
    whole = [
        tcf_string((0xFFC000, 0xF3C000)[n % 2], 16_000_000_000 + n * 9_000_000) for n in range(64)
    ]
    return vocabulary(whole), vocabulary(text[:20] for text in whole)


@dataclass
class _Log:
    """Consent events as columns; each `add` appends some."""

    chunk: Chunk
    people: People
    rng: np.random.Generator
    parts: list[Records] = field(default_factory=list)

    def add(
        self,
        who: Ints,
        *,
        kind: int | Ints,
        key: Text,
        purpose: int | Ints,
        channel: int | Ints,
        status: int | Ints,
        source: int,
        case: str | Ints,
        seconds: Ints,
        day: Ints,
        evidence: Text | str = "",
        versioned: Mask | bool = True,
    ) -> None:
        """Events of these people (-1: nobody); codes are indexes into the vocabularies."""
        count = len(who)
        if count == 0:
            return

        def words(values: Text, code: int | Ints) -> Text:
            return pick(values, np.broadcast_to(code, count))

        version = pick(_VERSIONS, np.where(np.broadcast_to(versioned, count), 1 + seconds % 3, 0))
        language = only(
            np.broadcast_to(versioned, count), pick(_LANGUAGES, self.people.language[who])
        )
        text = join(
            iso_time(seconds),
            ",",
            words(_KEY_TYPES, kind),
            ",",
            key,
            ",",
            words(_PURPOSES, purpose),
            ",",
            words(_CHANNELS, channel),
            ",",
            words(_STATUS, status),
            ",",
            words(_SOURCES, np.asarray(source)),
            ",",
            evidence,
            ",",
            version,
            ",",
            language,
        )
        codes = np.full(count, case_code(case), np.int16) if isinstance(case, str) else case
        person = np.where(who >= 0, self.people.person[who], NOBODY)
        self.parts.append(Records(text, day, nullable(key), person, codes, seconds // 86_400))

    def when(self, count: int, share: float = 0.7) -> tuple[Ints, Ints]:
        """Delivery days and epoch seconds of new events: years back on the first day."""
        day = self.chunk.days.bulk(self.rng, count, share)
        age = np.where(day == 0, self.rng.integers(0, 1_000, count), 0)
        return day, (self.chunk.days.day_no[day] - 1 - age) * 86_400 + self.rng.integers(
            0, 86_400, count
        )

    def planted(self, case: str, among: Ints) -> Ints:
        """Some of these rows, as many as the case asks for."""
        return self.rng.permutation(among)[: self.chunk.wanted(case, self.rng)]


def draw(chunk: Chunk, drawn: Drawn) -> list[tuple[Format, Records]]:
    """Return the consent events of the chunk, by all kinds of keys."""
    people, lives, points = drawn.people, drawn.lives, drawn.points
    contact_keys, visitors = drawn.contact_keys, drawn.visitors
    log = _Log(chunk, people, chunk.rng("consents"))
    _choices(log, points, contact_keys)
    _cookies(log, visitors)
    _prohibitions(log, lives, points, contact_keys)
    _strangers(log)
    if not log.parts:
        return []
    records = Records.concat(log.parts).shuffled(log.rng)
    twice = np.flatnonzero(records.case == NO_CASE)
    again = log.planted("consent_exact_duplicate", twice)
    return [(CONSENTS, records.with_duplicates(again, "consent_exact_duplicate"))]


def _choices(log: _Log, points: ContactPoints, contact_keys: ContactKeys) -> None:
    """Marketing and profiling choices of people with a contact, and those they took back."""
    rng, people = log.rng, log.people
    minor = people.age(log.chunk.days.last_no)[contact_keys.rows] < 18
    who = np.repeat(contact_keys.rows, np.maximum(rng.poisson(0.72, len(contact_keys.rows)), minor))
    count = len(who)
    minor = people.age(log.chunk.days.last_no)[who] < 18
    arrow = pa.array(who)
    kind = np.searchsorted(np.cumsum([0.62, 0.18, 0.11, 0.09]), rng.random(count), side="right")
    kind = np.array([_EMAIL, _PHONE, _CUSTOMER, _CONTACT])[np.minimum(kind, 3)]
    no_number = (kind == _CUSTOMER) & pc.equal(
        contact_keys.customer_number.take(arrow), ""
    ).to_numpy(zero_copy_only=False)
    kind = np.where(no_number | (kind == _PHONE) & (points.phone[who] < 0), _EMAIL, kind)
    email = points.email.take(arrow)
    drawn = rng.random(count)
    purpose = np.where(drawn < 0.2, _TARGETED, _MARKETING)
    purpose = np.where(minor | (drawn < 0.12), _PROFILING, purpose)
    case = np.where(minor, case_code("minor_consent"), NO_CASE).astype(np.int16)
    plain = np.flatnonzero(case == NO_CASE)
    for name, among in (
        ("consent_without_key", plain),
        ("consent_unknown_status", plain),
        ("consent_without_text_version", plain),
        ("consent_key_in_capitals", plain[kind[plain] == _EMAIL]),
    ):
        case[log.planted(name, among[case[among] == NO_CASE])] = case_code(name)
    email = either(in_case(case, "consent_key_in_capitals"), pc.utf8_upper(email), email)
    key = either(
        kind == _EMAIL,
        email,
        either(
            kind == _CUSTOMER,
            contact_keys.customer_number.take(arrow),
            number(contact_keys.record_id[who]),
        ),
    )
    key = either(
        kind == _PHONE, phone_text(points.phone[who], rng.integers(0, SPELLINGS, count)), key
    )
    key = only(~in_case(case, "consent_without_key"), key)
    channel = np.where(kind == _PHONE, _BY_SMS, np.where(kind == _EMAIL, _BY_EMAIL, _BY_ALL))
    channel = np.where(purpose == _PROFILING, _BY_ALL, channel)
    status = np.where(rng.random(count) < 0.85, _GRANTED, _WITHDRAWN)
    status = np.where(in_case(case, "consent_unknown_status"), _MAYBE, status)
    day, seconds = log.when(count)
    log.add(
        who,
        kind=kind,
        key=key,
        purpose=purpose,
        channel=channel,
        status=status,
        source=_FORM,
        case=case,
        seconds=seconds,
        day=day,
        versioned=~in_case(case, "consent_without_text_version"),
    )
    rows = log.planted(
        "consent_withdrawn", np.flatnonzero((status == _GRANTED) & (case == NO_CASE))
    )
    later = np.maximum(log.chunk.days.next(day[rows]), log.chunk.days.later(rng, len(rows)))
    moment = np.maximum(
        log.chunk.days.day_no[later] * 86_400 - rng.integers(0, 3_600, len(rows)),
        seconds[rows] + 60,
    )
    log.add(
        who[rows],
        kind=kind[rows],
        key=key.take(pa.array(rows)),
        purpose=purpose[rows],
        channel=channel[rows],
        status=_WITHDRAWN,
        source=_UNSUBSCRIBE,
        case="consent_withdrawn",
        seconds=moment,
        day=later,
    )


def _cookies(log: _Log, visitors: Ints) -> None:
    """Choices in the website's banner: TCF strings, some of them broken off, and plain ones."""
    rng = log.rng
    whole, broken = _tcf()
    for case, evidence in (("tcf_valid", whole), ("tcf_truncated", broken)):
        who = log.planted(case, visitors)
        day, seconds = log.when(len(who))
        log.add(
            who,
            kind=_COOKIE,
            key=visitor_id(log.people.person[who], np.zeros(len(who), np.int64)),
            purpose=np.where(rng.random(len(who)) < 0.6, _ANALYTICS, _TARGETED),
            channel=_BY_WEB,
            status=_GRANTED,
            source=_TCF,
            case=case,
            seconds=seconds,
            day=day,
            evidence=pick(evidence, rng.integers(0, len(evidence), len(who))),
        )
    # Most answer the banner before the visits of the year, and accept it as a whole.
    who = visitors[rng.random(len(visitors)) < 0.8]
    day = np.zeros(len(who), np.int64)
    asked_on = log.chunk.days.day_no[day] - rng.integers(330, 385, len(who))
    seconds = asked_on * 86_400 + rng.integers(0, 86_400, len(who))
    status = np.where(rng.random(len(who)) < 0.9, _GRANTED, _WITHDRAWN)
    for purpose in _ASKED:
        log.add(
            who,
            kind=_COOKIE,
            key=visitor_id(log.people.person[who], np.zeros(len(who), np.int64)),
            purpose=purpose,
            channel=_BY_WEB,
            status=status,
            source=_FORM,
            case=np.full(len(who), NO_CASE, np.int16),
            seconds=seconds,
            day=day,
        )


def _prohibitions(
    log: _Log, lives: Lives, points: ContactPoints, contact_keys: ContactKeys
) -> None:
    """Prohibitions from the register and from a list, and grants that try to override them."""
    forbidding = np.flatnonzero(lives.prohibited)
    day, seconds = log.when(len(forbidding))
    code = lives.basic_code.take(pa.array(forbidding))
    log.add(
        forbidding,
        kind=_CODE,
        key=code,
        purpose=_MARKETING,
        channel=_BY_ALL,
        status=_PROHIBITED,
        source=_REGISTER,
        case="register_prohibition",
        seconds=seconds,
        day=day,
        versioned=False,
    )
    reachable = np.zeros(len(log.people), np.bool_)
    reachable[contact_keys.rows] = True
    place = log.planted("grant_after_prohibition", np.flatnonzero(reachable[forbidding]))
    again = np.maximum(log.chunk.days.next(day[place]), log.chunk.days.later(log.rng, len(place)))
    moment = np.maximum(log.chunk.days.day_no[again] * 86_400 - 1_800, seconds[place] + 60)
    who = forbidding[place]
    log.add(
        who,
        kind=_EMAIL,
        key=points.email.take(pa.array(who)),
        purpose=_MARKETING,
        channel=_BY_EMAIL,
        status=_GRANTED,
        source=_FORM,
        case="grant_after_prohibition",
        seconds=moment,
        day=again,
    )
    listed = log.planted(
        "list_prohibition", contact_keys.rows[points.phone[contact_keys.rows] >= 0]
    )
    day, seconds = log.when(len(listed))
    log.add(
        listed,
        kind=_PHONE,
        key=phone_text(points.phone[listed], log.rng.integers(0, SPELLINGS, len(listed))),
        purpose=_MARKETING,
        channel=_BY_PHONE,
        status=_PROHIBITED,
        source=_LIST,
        case="list_prohibition",
        seconds=seconds,
        day=day,
        versioned=False,
    )


def _strangers(log: _Log) -> None:
    """Keys that no other source knows."""
    count = len(log.planted("consent_of_unknown_key", np.arange(len(log.people))))
    day, seconds = log.when(count)
    key = join("tuntematon.", number(log.rng.integers(100_000, 999_999, count)), "@example.org")
    log.add(
        np.full(count, -1),
        kind=_EMAIL,
        key=key,
        purpose=_MARKETING,
        channel=_BY_EMAIL,
        status=_GRANTED,
        source=_FORM,
        case="consent_of_unknown_key",
        seconds=seconds,
        day=day,
    )


SAMPLE = Sample(formats=(CONSENTS,), draw=draw)
