"""Snowplow's events and the web server's log, and what the register takes from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.register.relationships import SESSIONS
from assets.sources.website.website import SOURCE
from tests.assets.sources.test_contact_provider import ANYTHING
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

EVENTS, REQUESTS = SOURCE.datasets[1:]
BROWSER = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0"


def event(**fields: str) -> dict[str, str]:
    return {
        "event_id": "e1",
        "event": "page_view",
        "domain_sessionid": "s1",
        "domain_userid": "0a1b2c3d4e5f6071",
        "collector_tstamp": "2026-11-01 10:00:00.125",
        "user_ipaddress": "198.51.100.7",
        "page_url": "https://www.example.fi/tuotteet",
        **fields,
    }


def described(schema: str, **data: Any) -> str:
    return json.dumps({"data": {"schema": f"iglu:x/{schema}/jsonschema/1-0-0", "data": data}})


class TestEvents:
    @pytest.mark.clause("P5.8")
    def test_a_session_is_a_visit(self) -> None:
        done = stage(EVENTS, [event(), event(event_id="e2", domain_sessionid="s2")])
        assert [row["visit"] for row in done.tables["visits"]] == ["snowplow|s1", "snowplow|s2"]
        assert done.tables["visits"][0]["started_at"] == datetime(
            2026, 11, 1, 10, 0, 0, 125_000, UTC
        )

    def test_only_what_is_read_reaches_the_disk(self) -> None:
        row = event(geo_city="Espoo", ip_isp="Provider", contexts="{}", tr_total="1")
        kept = keep(EVENTS, [row]).payloads[0]
        assert not any(text in kept for text in ("Espoo", "Provider", "contexts", "100.7"))
        assert "198.51.100.0" in kept

    def test_a_line_of_another_length_keeps_nothing(self) -> None:
        assert keep(EVENTS, ["a\tb"]).payloads == ["{}"]

    def test_a_signed_in_visitor_is_the_account(self) -> None:
        done = stage(EVENTS, [event(user_id="Maija@Example.fi")])
        assert {(row["type"], row["value"]) for row in done.tables["identifiers"]} == {
            ("email", "maija@example.fi"),
            ("user_id", "maija@example.fi"),
            ("visitor_id", "0a1b2c3d4e5f6071"),
        }

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (
                {
                    "event_name": "ad_impression",
                    "unstruct_event": described("ad", bannerId="b", campaignId="k"),
                },
                {"content_name": "k", "content_piece": "b", "content_interaction": None},
            ),
            (
                {
                    "event_name": "ad_click",
                    "unstruct_event": described("ad", targetUrl="https://a.example.fi"),
                },
                {"content_target": "https://a.example.fi", "content_interaction": "click"},
            ),
            (
                {
                    "event_name": "site_search",
                    "unstruct_event": described("s", terms=["sähkö", "hinta"]),
                },
                {"search_keyword": "sähkö hinta"},
            ),
            (
                {"event": "struct", "se_action": "Search", "se_label": "sähkö"},
                {"search_keyword": "sähkö"},
            ),
        ],
    )  # fmt: skip
    def test_advertisements_and_searches_are_actions(
        self, fields: dict[str, str], expected: dict[str, str | None]
    ) -> None:
        row = stage(EVENTS, [event(**fields)]).only("visit_actions")
        assert {name: row[name] for name in expected} == expected

    @pytest.mark.parametrize(
        ("fields", "code"),
        [({"event_id": ""}, "SNOWPLOW-EVENT"), ({"collector_tstamp": "soon"}, "SNOWPLOW-TIME")],
    )
    def test_an_event_that_cannot_be_used_says_why(self, fields: dict[str, str], code: str) -> None:
        assert codes(EVENTS, event(**fields)) == {code}

    def test_the_register_puts_the_events_of_a_session_together(self) -> None:
        with duckdb.connect() as connection:
            connection.execute(
                """CREATE TABLE statements_visits AS SELECT * FROM (VALUES
                ('snowplow|s1', TIMESTAMP '2026-11-01 10:00:00', NULL::BIGINT, NULL, 'k1', 'd'),
                ('snowplow|s1', TIMESTAMP '2026-11-01 10:05:00', NULL, 'C1', 'k2', 'd'),
                ('1|77', TIMESTAMP '2026-11-01 10:00:00', 5, NULL, 'k3', 'd'))
                AS rows(visit, started_at, duration_s, user_id, record_key, delivery_id)"""
            )
            sessions = connection.execute(
                f"SELECT * REPLACE (hour(started_at) AS started_at) FROM ({SESSIONS})"
            ).fetchall()
            assert sessions == [("snowplow|s1", 10, 300, "C1", "k2", "d")]


def line(
    path: str = "/tuotteet?x=1",
    referrer: str = "-",
    agent: str = BROWSER,
    status: int = 200,
    head: str = "www.example.fi 198.51.100.7 - Maija",
) -> dict[str, str]:
    at = "[01/Nov/2026:10:00:00 +0200]"
    return {"line": f'{head} {at} "GET {path} HTTP/2.0" {status} 512 "{referrer}" "{agent}"'}


class TestRequests:
    @pytest.mark.parametrize("referrer", ["-", "https://haku.example.com/"])
    def test_the_first_page_of_a_visit_is_one_of_nobody(self, referrer: str) -> None:
        done = stage(REQUESTS, [line(referrer=referrer)])
        visit = done.only("visits")
        assert (visit["person_key"], visit["ip"], visit["browser_name"], visit["channel"]) == (
            None,
            "198.51.100.0",
            "Firefox",
            "browser",
        )
        assert done.only("visit_actions")["url"] == "https://www.example.fi/tuotteet"

    def test_who_signed_in_and_what_was_asked_for_reach_no_disk(self) -> None:
        kept = keep(REQUESTS, [line(referrer="https://haku.example.com/?q=maija")]).payloads[0]
        assert not any(text in kept for text in ("Maija", "maija", "x=1", "100.7"))

    @pytest.mark.parametrize(
        ("row", "code"),
        [
            (line(agent="ExampleBot/1.0"), "LOG-BOT"),
            (line(agent="-"), "LOG-BOT"),
            (line(path="/logo.png"), "LOG-NO-PAGE"),
            (line(status=404), "LOG-NO-PAGE"),
            (line(referrer="https://www.example.fi/"), "LOG-WITHIN"),
            ({"line": "nonsense"}, "LOG-LINE"),
        ],
    )
    def test_everything_else_has_a_code(self, row: dict[str, str], code: str) -> None:
        assert codes(REQUESTS, row) == {code}

    def test_a_line_without_a_host_is_read(self) -> None:
        assert codes(REQUESTS, line(head="2001:db8:1:2::5 - -")) == set()


@settings(deadline=None, max_examples=examples(15))
@given(
    st.lists(
        st.dictionaries(st.sampled_from([*event(), "unstruct_event", "line"]), ANYTHING), min_size=1
    )
)
def test_every_record_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    for dataset in (EVENTS, REQUESTS):
        done = stage(dataset, rows)
        staged = {row["record_no"] for row in done.tables["visits"]}
        failed = {number for number, given_codes in done.codes.items() if given_codes}
        assert staged | failed == set(range(len(rows)))
