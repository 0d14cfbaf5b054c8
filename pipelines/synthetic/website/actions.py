"""Visitors' actions (pages, searches, advertisements, orders), as Matomo's actionDetails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    clock,
    either,
    join,
    json_text,
    money,
    number,
    only,
    pick,
    vocabulary,
)

SITE = "https://kauppa.example.fi"
MOST_ACTIONS = 4

_PAGES = (
    "",
    "tuotteet",
    "tuotteet/sahko",
    "tuotteet/vakuutus",
    "tuotteet/mobiili",
    "hinnat",
    "asiakaspalvelu",
    "yhteys",
    "oma-tili",
    "ostoskori",
    "kampanja",
    "tietosuoja",
    "sv/produkter",
    "sv/priser",
    "en/products",
    "en/pricing",
)
_KEYWORDS = (
    "sähkösopimus",
    "halvin netti",
    "vakuutus auto",
    "elavtal",
    "flytta",
    "cancel contract",
    "yhteystiedot",
    "lasku",
    "faktura",
    "5g",
    "pörssisähkö",
    "muutto",
    'lainaus "merkit"',
    "avoimet työpaikat",
    "kesäale",
)
_EMOJI = ("sähkö ⚡", "🏠 vakuutus", "🎁 lahjakortti", "halpa 📱 liittymä", "👨‍👩‍👧 perhe")
_ADS = (
    ("ImageAd", "/ads/kesa.jpg", SITE + "/kampanja"),
    ("ImageAd", "/ads/talvi.jpg", SITE + "/tuotteet"),
    ("Text Ad", "Vaihda sähkö nyt", SITE + "/tuotteet/sahko"),
    ("Video Ad", "esittely.mov", ""),
    ("ImageAd", "Unknown", ""),
)

PAGE, SEARCH, SHOWN, CLICKED, ORDER = range(5)


def _page(index: int, path: str) -> str:
    title = json_text(path.rsplit("/", 1)[-1].capitalize() or "Etusivu")
    return (
        f'"type":"action","url":"{SITE}/{path}","pageTitle":{title},"pageIdAction":{index + 2},'
        f'"title":{title},"subtitle":"{SITE}/{path}"'
    )


def _search(index: int, keyword: str) -> str:
    category = '"tuotteet"' if index % 2 else "null"
    return (
        f'"type":"search","url":"{SITE}/haku","pageTitle":{json_text(keyword)},'
        f'"siteSearchKeyword":{json_text(keyword)},'
        f'"siteSearchCategory":{category},"siteSearchCount":{index * 7 % 40}'
    )


def _ad(ad: tuple[str, str, str], interaction: str) -> str:
    name, piece, target = map(json_text, ad)
    return (
        f'"type":"13","url":"{SITE}/","contentName":{name},"contentPiece":{piece},'
        f'"contentTarget":{target},'
        f'"contentInteraction":{json_text(interaction) if interaction else "null"}'
    )


_BODIES = (
    vocabulary(_page(index, path) for index, path in enumerate(_PAGES)),
    vocabulary(_search(index, keyword) for index, keyword in enumerate(_KEYWORDS)),
    vocabulary(_ad(ad, "") for ad in _ADS),
    vocabulary(_ad(ad, "click") for ad in _ADS),
)
_EMOJI_BODIES = vocabulary(_search(index, keyword) for index, keyword in enumerate(_EMOJI))
_BODY_START = np.cumsum([0, *(len(bodies) for bodies in _BODIES)])
_KIND_SHARES = np.cumsum([0.56, 0.20, 0.15, 0.09])
_ALL = vocabulary(
    [text for bodies in _BODIES for text in bodies.to_pylist()] + _EMOJI_BODIES.to_pylist()
)


@dataclass(frozen=True)
class Actions:
    """The actions of many visits: kinds and times by slot (a column each), and their number."""

    how_many: Ints
    kind: Ints
    body: Ints
    second: Ints  # epoch second of each action
    revenue: Text
    identity: Ints  # a number for each visit, another for each

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        start: Ints,
        *,
        orders: Mask,
        absurd: Mask,
        emoji: Mask,
        identity: Ints,
    ) -> Actions:
        """Two to four actions for each visit that starts at these epoch seconds."""
        count = len(start)
        shape = (count, MOST_ACTIONS)
        kind = np.searchsorted(_KIND_SHARES, rng.random(shape) * _KIND_SHARES[-1], side="right")
        kind[:, 0] = PAGE
        body = np.empty(shape, np.int64)
        for slot in range(MOST_ACTIONS):
            sizes = np.array([len(bodies) for bodies in _BODIES])
            body[:, slot] = _BODY_START[kind[:, slot]] + np.floor(
                rng.random(count) * sizes[kind[:, slot]]
            ).astype(np.int64)
        kind[emoji, 1] = SEARCH
        body[emoji, 1] = _BODY_START[-1] + rng.integers(0, len(_EMOJI), int(emoji.sum()))
        kind[orders | absurd, 1] = ORDER
        gaps = np.floor(rng.exponential(70, shape)).astype(np.int64) + 2
        gaps[:, 0] = 0
        revenue = either(absurd, "9999999999", money(rng.integers(900, 60_000, count)))
        return cls(
            rng.integers(2, MOST_ACTIONS + 1, count),
            kind,
            body,
            start[:, None] + np.cumsum(gaps, 1),
            revenue,
            identity,
        )

    def shortened(self, rows: Ints) -> Actions:
        """The first two actions of these visits: what was known while they were still going on."""
        return Actions(
            np.full(len(rows), 2),
            self.kind[rows],
            self.body[rows],
            self.second[rows],
            self.revenue.take(rows),
            self.identity[rows],
        )

    def count(self, kind: int) -> Ints:
        """How many actions of a kind each visit has."""
        within = np.arange(MOST_ACTIONS)[None, :] < self.how_many[:, None]
        return np.asarray(((self.kind == kind) & within).sum(1))

    def last_second(self) -> Ints:
        """The epoch second of each visit's last action."""
        return self.second[np.arange(len(self.how_many)), self.how_many - 1]

    def text(self) -> Text:
        """The actionDetails array of each visit."""
        parts: list[Text | str] = ["["]
        for slot in range(MOST_ACTIONS):
            second = self.second[:, slot]
            order = join(
                '"type":"ecommerceOrder","orderId":"W',
                number(self.identity),
                '","revenue":',
                self.revenue,
                ',"revenueShipping":0,"items":',
                number(self.how_many),
                ',"itemDetails":[]',
            )
            body = (
                either(self.kind[:, slot] == ORDER, order, pick(_ALL, self.body[:, slot]))
                if slot == 1
                else pick(_ALL, self.body[:, slot])
            )
            action = join(
                "," if slot else "",
                "{",
                body,
                ',"pageId":',
                number(self.identity * MOST_ACTIONS + slot),
                ',"pageviewPosition":"',
                str(slot + 1),
                '","serverTimePretty":"',
                clock(second + 7_200),
                '","timestamp":',
                number(second),
                "}",
            )
            parts.append(action if slot < 2 else only(self.how_many > slot, action))
        return join(*parts, "]")
