"""Interests: only what was chosen, only topics of the policy, nothing that tells of a special
category.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from assets.register import interests
from schemas.policy.loader import load_policy
from schemas.policy.model import Policy, Topic
from schemas.sensitive import SENSITIVE, sensitive

pytestmark = pytest.mark.clause("P4.4", "P5.8")

TODAY = date(2026, 11, 20)
SITE = "https://www.example.fi"
TOPICS = {
    "electricity": ["tuotteet/sahko*", "*vaihda sähkö*"],
    "offers": ["kampanja*", "tarjoukset"],
    "odd": ["a%b_c*", "back\\slash"],
    "catch": ["*palvelu*"],
}


def policy(topics: dict[str, list[str]]) -> Policy:
    shipped = load_policy()
    named = {
        name: Topic(name={"fi": name, "sv": name, "en": name}, contents=tuple(contents))
        for name, contents in topics.items()
    }
    return shipped.model_copy(
        update={"profiles": shipped.profiles.model_copy(update={"interests": named})}
    )


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute("SET TimeZone = 'UTC'")
        made.execute(
            "CREATE TABLE consented_visits (registrant_id VARCHAR, visit VARCHAR, "
            "started_at TIMESTAMPTZ, consented VARCHAR[])"
        )
        made.execute(
            """CREATE TABLE statements_visit_actions (visit VARCHAR, url VARCHAR,
                search_keyword VARCHAR, search_category VARCHAR, content_name VARCHAR,
            content_piece VARCHAR, content_interaction VARCHAR)"""
        )
        yield made


def visited(
    connection: duckdb.DuckDBPyConnection,
    *actions: dict[str, str],
    registrant: str | None = "R",
    started: datetime | None = None,
    consented: tuple[str, ...] = ("profiling",),
) -> None:
    visit = f"1|{connection.execute('SELECT count(*) FROM consented_visits').fetchone()}"
    connection.execute(
        "INSERT INTO consented_visits VALUES (?, ?, ?, ?)",
        [registrant, visit, started or datetime(2026, 11, 1, 12, tzinfo=UTC), list(consented)],
    )
    fields = (
        "url",
        "search_keyword",
        "search_category",
        "content_name",
        "content_piece",
        "content_interaction",
    )
    for action in actions:
        connection.execute(
            "INSERT INTO statements_visit_actions VALUES (?, ?, ?, ?, ?, ?, ?)",
            [visit, *(action.get(name) for name in fields)],
        )


def interests_of(
    connection: duckdb.DuckDBPyConnection, topics: dict[str, list[str]] | None = None
) -> list[tuple[Any, ...]]:
    interests.gather(connection, policy(TOPICS if topics is None else topics), TODAY)
    return connection.execute(
        "SELECT registrant_id, topic, times, last_seen_on FROM registrant_interests ORDER BY ALL"
    ).fetchall()


DAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("action", "topics"),
    [
        ({"url": f"{SITE}/tuotteet/sahko/porssi"}, ["electricity"]),
        ({"url": f"{SITE}/Tuotteet/SAHKO"}, ["electricity"]),
        ({"url": f"{SITE}/kampanja?utm=1#top"}, ["offers"]),
        ({"url": f"{SITE}/Vaihda%20s%C3%A4hk%C3%B6"}, ["electricity"]),
        ({"url": f"{SITE}/a%25b_c"}, ["odd"]),
        ({"url": f"{SITE}/a%25bxc"}, []),
        ({"url": f"{SITE}/back%5Cslash"}, ["odd"]),
        ({"url": f"{SITE}/uutiset/kampanja"}, []),
        ({"url": f"{SITE}/%FF%FEkampanja"}, []),
        ({"url": "kampanja"}, []),
        (
            {
                "content_name": "banner",
                "content_piece": "Vaihda sähkö nyt",
                "content_interaction": "click",
            },
            ["electricity"],
        ),
        ({"content_name": "tarjoukset", "content_interaction": "click"}, ["offers"]),
        ({"search_category": "tarjoukset", "search_keyword": "lasku"}, ["offers"]),
        # An action that fits a topic twice counts once.
        (
            {
                "url": f"{SITE}/kampanja",
                "content_name": "tarjoukset",
                "content_interaction": "click",
            },
            ["offers"],
        ),
        (
            {
                "url": f"{SITE}/kampanja",
                "content_name": "vaihda sähkö",
                "content_interaction": "click",
            },
            ["electricity", "offers"],
        ),
        # What was only shown, searched for, or stands in an address's query tells nothing.
        ({"content_name": "tarjoukset", "content_piece": "Vaihda sähkö nyt"}, []),
        ({"url": f"{SITE}/haku?q=kampanja", "search_keyword": "kampanja"}, []),
        ({"url": f"{SITE}/kampanja", "search_keyword": "kampanja"}, []),
        ({"url": f"{SITE}/?kampanja"}, []),
        ({"url": f"{SITE}/#kampanja"}, []),
        ({}, []),
    ],
)
def test_what_is_chosen_counts_for_its_topics(
    connection: duckdb.DuckDBPyConnection, action: dict[str, str], topics: list[str]
) -> None:
    visited(connection, action)
    assert interests_of(connection) == [("R", topic, 1, DAY) for topic in topics]


@pytest.mark.parametrize(
    "page",
    [
        "palvelut/terveyspalvelut",
        "mielenterveyspalvelu",
        "palvelu/hiv-testi",
        "p%C3%A4ihdepalvelu",
        "ammattiliiton-palvelut",
    ],
)
def test_content_about_a_special_category_never_counts_whatever_the_pattern(
    connection: duckdb.DuckDBPyConnection, page: str
) -> None:
    visited(connection, {"url": f"{SITE}/{page}"}, {"url": f"{SITE}/palvelut"})
    assert interests_of(connection) == [("R", "catch", 1, DAY)]


def test_times_are_added_up_over_visits_and_the_latest_day_is_kept(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    page = {"url": f"{SITE}/kampanja"}
    visited(connection, page, page, page, started=datetime(2026, 3, 1, tzinfo=UTC))
    visited(connection, page, started=datetime(2026, 11, 18, 23, 30, tzinfo=UTC))
    assert interests_of(connection) == [("R", "offers", 4, date(2026, 11, 19))]


def test_only_visits_that_are_kept_under_a_registrant_and_not_of_tomorrow_count(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    page = {"url": f"{SITE}/kampanja"}
    visited(connection, page, registrant=None)
    visited(connection, page, started=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    connection.execute(
        "INSERT INTO statements_visit_actions (visit, url) VALUES ('gone', ?)", [page["url"]]
    )
    assert interests_of(connection) == []


def test_without_topics_there_are_no_interests(connection: duckdb.DuckDBPyConnection) -> None:
    visited(connection, {"url": f"{SITE}/kampanja"})
    assert interests_of(connection, {}) == []


WORDS = {
    "health (GDPR 9)": ["Mielenterveys", "Sjukförsäkring", "lääkäri", "HIV", "allergy"],
    "religion or belief (GDPR 9)": ["Seurakunnat", "kyrkan", "islam"],
    "politics (GDPR 9)": ["politiikka", "riksdagen", "political"],
    "trade union membership (GDPR 9)": ["ammattiliitto", "fackförbund", "trade_union"],
    "ethnic origin (GDPR 9)": ["ethnicity", "maahanmuuttajat", "invandrare"],
    "sexual life or orientation (GDPR 9)": ["seksi", "LGBT", "sexuality"],
    "genetic or biometric data (GDPR 9)": ["biometrics"],
    "offences (GDPR 10)": ["rikosrekisteri", "brottslighet"],
    "credit data (527/2007)": ["luottotiedot", "maksuhäiriö", "betalningsanmärkning"],
}


def test_each_kind_of_sensitive_word_is_known_in_the_languages_of_the_register() -> None:
    assert {what: {sensitive(word) for word in words} for what, words in WORDS.items()} == {
        what: {what} for what in SENSITIVE
    }


@pytest.mark.parametrize(
    "word",
    [
        "elavbrott",
        "selection",
        "Kirkkonummi",
        "Laakso",
        "Romania",
        "polis",
        "tuotteet/vakuutus",
        "sähkö",
        "europarty",
    ],
)
def test_words_that_only_look_like_them_are_let_through(word: str) -> None:
    assert sensitive(word) is None


@pytest.mark.parametrize("word", [word for words in WORDS.values() for word in words])
def test_sql_and_python_agree_on_them(connection: duckdb.DuckDBPyConnection, word: str) -> None:
    visited(connection, {"content_name": f"{word} palvelu", "content_interaction": "click"})
    assert interests_of(connection) == []
