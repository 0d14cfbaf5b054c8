"""The website's visits in the format of Matomo's Live.getLastVisitsDetails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    choose,
    clock,
    either,
    iso_date,
    iso_time,
    join,
    json_text,
    number,
    only,
    pick,
    vocabulary,
)
from pipelines.synthetic.cases import NO_CASE, case_code
from pipelines.synthetic.contact_points import ContactPoints
from pipelines.synthetic.crm.contacts import ContactKeys
from pipelines.synthetic.people import CUSTOMER, PROSPECT, WEBSITE_ONLY, People
from pipelines.synthetic.places import places, towns
from pipelines.synthetic.planting import Chunk, Planting, Sequence, in_case
from pipelines.synthetic.records import NOBODY, Records, nullable
from pipelines.synthetic.website.actions import ORDER, SEARCH, Actions

_DEFECTS = (
    "visit_without_id",
    "visit_without_time",
    "visit_negative_duration",
    "visit_absurd_revenue",
    "visit_emoji_keyword",
    "visit_numbers_as_text",
    "visit_order",
    "visit_to_be_reexported",
    "visit_over_25_months",
    "visit_masked_ip",
    "visit_ipv6",
    "visit_email_as_user",
    "visit_customer_as_user",
    "visit_located",
    "visit_misleading_local_time",
)


def _device(kind: str, brand: str, model: str, system: tuple[str, str, str], *browser: str) -> str:
    """One device as JSON fields; `browser` is its name, version and code, and the resolution."""
    name, version, code = system
    browser_name, browser_version, browser_code, size = browser
    return (
        f'"deviceType":"{kind}","deviceBrand":"{brand}","deviceModel":"{model}",'
        f'"operatingSystem":"{name} {version}",'
        f'"operatingSystemName":"{name}","operatingSystemCode":"{code}",'
        f'"operatingSystemVersion":"{version}",'
        f'"browser":"{browser_name} {browser_version}","browserName":"{browser_name}",'
        f'"browserCode":"{browser_code}",'
        f'"browserVersion":"{browser_version}","resolution":"{size}"'
    )


_WINDOWS, _MAC, _ANDROID, _IOS = (
    ("Windows", "10", "WIN"),
    ("Mac", "14.4", "MAC"),
    ("Android", "14", "AND"),
    ("iOS", "17.5", "IOS"),
)
_DEVICES = vocabulary(
    [
        _device(
            "Smartphone",
            "Samsung",
            "Galaxy S21",
            _ANDROID,
            "Chrome Mobile",
            "126.0",
            "CM",
            "360x800",
        ),
        _device("Smartphone", "Apple", "iPhone", _IOS, "Mobile Safari", "17.5", "MF", "390x844"),
        _device(
            "Smartphone", "OnePlus", "Nord", _ANDROID, "Firefox Mobile", "127.0", "FM", "412x915"
        ),
        _device(
            "Smartphone",
            "Xiaomi",
            "Redmi Note 12",
            _ANDROID,
            "Samsung Browser",
            "25.0",
            "SB",
            "393x873",
        ),
        _device(
            "Desktop", "Unknown", "Generic Desktop", _WINDOWS, "Chrome", "126.0", "CH", "1366x768"
        ),
        _device(
            "Desktop",
            "Unknown",
            "Generic Desktop",
            _WINDOWS,
            "Microsoft Edge",
            "125.0",
            "PS",
            "1920x1080",
        ),
        _device(
            "Desktop", "Unknown", "Generic Desktop", _WINDOWS, "Firefox", "127.0", "FF", "1536x864"
        ),
        _device("Desktop", "Apple", "Generic Desktop", _MAC, "Safari", "17.4", "SF", "1440x900"),
        _device("Tablet", "Apple", "iPad", _IOS, "Mobile Safari", "16.7", "MF", "820x1180"),
        _device(
            "Tablet",
            "Samsung",
            "Galaxy Tab A8",
            _ANDROID,
            "Chrome Mobile",
            "120.0",
            "CM",
            "800x1280",
        ),
    ]
)


def _referrer(kind: str, label: str, name: str | None, url: str | None, keyword: str | None) -> str:
    values = ",".join(
        f'"{field}":{"null" if value is None else json_text(value)}'
        for field, value in (
            ("referrerName", name),
            ("referrerUrl", url),
            ("referrerKeyword", keyword),
        )
    )
    return f'"referrerType":"{kind}","referrerTypeName":"{label}",{values}'


_REFERRERS = vocabulary(
    [
        _referrer("direct", "Direct Entry", None, None, None),
        _referrer(
            "search", "Search Engines", "Google", "https://www.google.com/", "Keyword not defined"
        ),
        _referrer(
            "search",
            "Search Engines",
            "Bing",
            "https://www.bing.com/search",
            "sähkösopimus vertailu",
        ),
        _referrer(
            "website", "Websites", "blogi.example.org", "https://blogi.example.org/artikkeli", None
        ),
        _referrer("campaign", "Campaigns", "kevat-2026", None, "uutiskirje"),
        _referrer("social", "Social Networks", "Facebook", "https://l.facebook.com/", None),
    ]
)
_REFERRER_SHARES = np.cumsum([0.42, 0.30, 0.06, 0.08, 0.09, 0.05])
_HEX = vocabulary(f"{value:04x}" for value in range(1 << 16))
_NETWORKS = vocabulary(["192.0.2.", "198.51.100.", "203.0.113."])
_LANGUAGES = vocabulary(
    [
        '"languageCode":"fi","language":"Finnish"',
        '"languageCode":"sv","language":"Swedish"',
        '"languageCode":"en-gb","language":"English"',
    ]
)
_NOWHERE = '"region":null,"city":null,"latitude":null,"longitude":null'
_CITIES = vocabulary(
    f'"region":{json_text(row["region"])},"city":{json_text(row["city"])},'
    f'"latitude":"{row["latitude"]}","longitude":"{row["longitude"]}"'
    for row in towns()
)


def mixed(values: Ints, salt: int) -> np.ndarray:
    """64 bits that look random, the same for the same number.

    Salts are further apart than numbers are, or one number's would be another one's.
    """
    state = (np.asarray(values).astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(state ^ (state >> np.uint64(27)))


def hexadecimal(values: np.ndarray) -> Text:
    """64-bit numbers as 16 hexadecimal digits."""
    quarters = [
        ((values >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
        for shift in (48, 32, 16, 0)
    ]
    return join(*(pick(_HEX, quarter) for quarter in quarters))


def visitor_id(person: Ints, device: Ints) -> Text:
    """The cookie of a person's first or second device."""
    return hexadecimal(mixed(person * 2 + device, 17))


@dataclass(frozen=True)
class _Visits:
    """The visits of one chunk, an element each."""

    who: Ints
    case: Ints
    day: Ints
    start: Ints
    device: Ints
    identity: Ints
    site: Ints
    actions: Actions
    columns: dict[str, Text]

    def take(self, rows: Ints, actions: Actions) -> _Visits:
        return _Visits(
            self.who[rows],
            self.case[rows],
            self.day[rows],
            self.start[rows],
            self.device[rows],
            self.identity[rows],
            self.site[rows],
            actions,
            {name: column.take(pa.array(rows)) for name, column in self.columns.items()},
        )

    def is_case(self, *names: str) -> Mask:
        return in_case(self.case, *names)

    def text(self) -> Text:
        """Each visit's JSON object."""
        last, actions = self.actions.last_second(), self.actions
        duration = choose(self.is_case("visit_negative_duration"), -5, last - self.start)
        quote = only(self.is_case("visit_numbers_as_text"), '"')
        local_start = self.start + choose(
            self.is_case("visit_misleading_local_time"), -11 * 3600, 2 * 3600
        )
        local_last = last + (local_start - self.start)
        times = join(
            '"serverTimestamp":',
            quote,
            number(self.start),
            quote,
            ',"firstActionTimestamp":',
            quote,
            number(self.start),
            quote,
            ',"lastActionTimestamp":',
            quote,
            number(last),
            quote,
            ",",
        )
        orders = actions.count(ORDER)
        return join(
            '{"idSite":',
            quote,
            number(self.site),
            quote,
            only(
                ~self.is_case("visit_without_id"),
                join(',"idVisit":', quote, number(self.identity), quote),
            ),
            ',"visitIp":"',
            self.columns["ip"],
            '","visitorId":"',
            self.columns["visitor"],
            '","fingerprint":"',
            self.columns["fingerprint"],
            '","userId":',
            self.columns["user"],
            ',"visitorType":"',
            either(self.identity % 3 == 0, "returning", "new"),
            '","visitCount":"',
            number(1 + self.identity % 9),
            '",',
            only(~self.is_case("visit_without_time"), times),
            '"serverDate":"',
            iso_date(local_start // 86_400),
            '","lastActionDateTime":"',
            iso_time(local_last, " ", ""),
            '","visitLocalTime":"',
            clock(local_start),
            '","visitLocalHour":"',
            number(local_start % 86_400 // 3_600),
            '","siteName":"Esimerkkikauppa","siteCurrency":"EUR","visitDuration":',
            quote,
            number(duration),
            quote,
            ',"searches":',
            number(actions.count(SEARCH)),
            ',"actions":',
            number(actions.how_many),
            ',"interactions":',
            number(actions.how_many),
            ',"goalConversions":',
            number(orders),
            ',"events":0',
            ',"visitEcommerceStatus":"',
            either(orders > 0, "ordered", "none"),
            '",',
            self.columns["referrer"],
            ",",
            self.columns["language"],
            ",",
            pick(_DEVICES, self.device),
            ',"country":"Finland","countryCode":"fi",',
            self.columns["place"],
            ',"actionDetails":',
            actions.text(),
            "}",
        )

    def records(self, people: People) -> Records:
        key = only(
            ~self.is_case("visit_without_id"), join(number(self.site), "|", number(self.identity))
        )
        about = self.start // 86_400
        return Records(
            self.text(), self.day, nullable(key), people.person[self.who], self.case, about
        )


def _addresses(rng: np.random.Generator, people: People, who: Ints, planting: Planting) -> Text:
    """A household's IP address, from the blocks that are for documentation only."""
    home = mixed(
        people.person[who] - (who - np.searchsorted(people.household, people.household[who])), 23
    ).astype(np.int64)
    masked = planting.has("visit_masked_ip")
    host = choose(masked, 0, 1 + np.abs(home // 7) % 254)
    four = join(pick(_NETWORKS, np.abs(home) % 3), number(host))
    six = join(
        "2001:db8:",
        pick(_HEX, np.abs(home // 11) % 65_536),
        "::",
        pick(_HEX, rng.integers(1, 65_536, len(who))),
    )
    return either(planting.has("visit_ipv6"), six, four)


def draw_visits(
    chunk: Chunk,
    people: People,
    points: ContactPoints,
    contact_keys: ContactKeys,
    numbers: Sequence,
) -> tuple[Records | None, Ints]:
    """The visits, and the rows of the people who have made any."""
    rng, days = chunk.rng("visits"), chunk.days
    share, often = np.zeros(4), np.zeros(4)
    share[[CUSTOMER, PROSPECT, WEBSITE_ONLY]] = 0.30, 0.30, 1.0
    often[[CUSTOMER, PROSPECT, WEBSITE_ONLY]] = 5.1, 4.4, 2.0
    visiting = rng.random(len(people)) < share[people.kind]
    visitors = np.flatnonzero(visiting)
    who = rng.permutation(np.repeat(visitors, 1 + rng.poisson(often[people.kind[visitors]])))
    count = len(who)
    if count == 0:
        return None, visitors
    planting = Planting(chunk, rng, count)
    customers = people.kind[who] == CUSTOMER
    known = contact_keys.record_id[who] >= 0
    for case in _DEFECTS:
        planting.rows(
            case,
            customers
            if case == "visit_customer_as_user"
            else known
            if case == "visit_email_as_user"
            else None,
        )
    day = days.bulk(rng, count, 0.4)
    old = planting.has("visit_over_25_months")
    day[old] = 0
    age = np.minimum(rng.exponential(120, count), 700).astype(np.int64)
    age[old] = rng.integers(790, 1_250, int(old.sum()))
    start = (days.day_no[day] - 1 - choose(day == 0, age, 0)) * 86_400 + rng.integers(
        0, 84_000, count
    )
    device_no = rng.integers(0, 2, count) * (rng.random(count) < 0.4)
    identity = numbers.take(count)
    email = join('"', points.email.take(pa.array(who)), '"')
    customer_number = join('"', contact_keys.customer_number.take(pa.array(who)), '"')
    user = either(planting.has("visit_email_as_user"), email, "null")
    user = either(planting.has("visit_customer_as_user"), customer_number, user)
    city = places().city[people.home.postcode[who]]
    city = choose(city < 0, people.person[who] % len(towns()), city)
    columns = {
        "ip": _addresses(rng, people, who, planting),
        "visitor": visitor_id(people.person[who], device_no),
        "fingerprint": hexadecimal(mixed(people.person[who] * 2 + device_no, 1 << 48)),
        "user": user,
        "referrer": pick(
            _REFERRERS,
            np.searchsorted(
                _REFERRER_SHARES, rng.random(count) * _REFERRER_SHARES[-1], side="right"
            ),
        ),
        "language": pick(_LANGUAGES, people.language[who]),
        "place": either(planting.has("visit_located"), pick(_CITIES, city), _NOWHERE),
    }
    actions = Actions.draw(
        rng,
        start,
        orders=planting.has("visit_order"),
        absurd=planting.has("visit_absurd_revenue"),
        emoji=planting.has("visit_emoji_keyword"),
        identity=identity,
    )
    label = planting.case.copy()
    site = choose(planting.has("visit_misleading_local_time"), 2, 1)
    visits = _Visits(
        who,
        planting.case,
        day,
        start,
        (people.person[who] + device_no * 5) % len(_DEVICES),
        identity,
        site,
        actions,
        columns,
    )
    running = np.flatnonzero(label == case_code("visit_to_be_reexported"))
    longer = visits.take(
        running,
        Actions(
            *(
                pc.take(value, pa.array(running)) if isinstance(value, pa.Array) else value[running]
                for value in vars(actions).values()
            )
        ),
    )
    first = visits.take(running, actions.shortened(running))
    rest = np.flatnonzero(label != case_code("visit_to_be_reexported"))
    planting.label("website_only", people.kind[who] == WEBSITE_ONLY)
    everything = visits.records(people)
    everything = _assembled(
        chunk,
        rng,
        everything,
        first=first.records(people),
        longer=longer.records(people),
        rest=rest,
    )
    return everything, visitors


def _assembled(
    chunk: Chunk,
    rng: np.random.Generator,
    everything: Records,
    *,
    first: Records,
    longer: Records,
    rest: Ints,
) -> Records:
    """All visits with re-exported ones twice (short, then long), errors and duplicates."""
    longer.day[:] = chunk.days.next(longer.day)
    longer.case[:] = case_code("visit_reexported_longer")
    errors = chunk.wanted("visit_error_element", rng)
    day = chunk.days.bulk(rng, errors, 0.4)
    failed = Records(
        text=pa.repeat('{"result":"error","message":"The visit could not be processed."}', errors),
        day=day,
        native_key=pa.nulls(errors, pa.string()),
        person=np.full(errors, NOBODY),
        case=np.full(errors, case_code("visit_error_element"), np.int16),
        about=chunk.days.day_no[day],
    )
    plain = everything.take(rest)
    twice = rng.permutation(np.flatnonzero(plain.case == NO_CASE))
    twice = twice[: chunk.wanted("visit_exact_duplicate")]
    return Records.concat([first, plain, longer, failed]).with_duplicates(
        twice + len(first), "visit_exact_duplicate"
    )
