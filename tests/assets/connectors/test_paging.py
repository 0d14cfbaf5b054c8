"""Pages follow each other to their end, and a server that lies about the end is found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from assets.connectors.paging import Cursor, Offset, Paging, Single, page_of, pages
from assets.connectors.web_api import Access, FetchError, Request, WebApi
from tests.support.fetching import Time
from tests.support.vendor_server import Reply, Seen, serving

AFTER = Cursor(("next", "after"), "after")
DONE = Cursor(("url",), until=("done",))
KEY = Cursor(("key",), "key", until=("done",), number=True)
ROWS = ("rows",)


def fetched(
    answer: Callable[[Seen], Any],
    paging: Paging,
    fields: Mapping[str, object] | None = None,
    keys: tuple[str, ...] = ROWS,
    most: int = 50,
) -> list[str]:
    """The texts of all records."""
    with serving(lambda seen: Reply(answer(seen))) as server:
        api = WebApi(server.url, Access(), Time().clock)
        try:
            return [
                text
                for page in pages(api, Request("list", fields or {}), keys, paging, {}, most)
                for text in page.records.to_pylist()
            ]
        finally:
            api.close()


def test_an_answer_without_pages_is_complete() -> None:
    assert fetched(lambda _: {"rows": [1, 2]}, Single()) == ["1", "2"]


def test_offsets_go_on_by_what_came_until_a_page_is_empty() -> None:
    """The server sends two at most, whatever it is asked for."""

    def answer(seen: Seen) -> Any:
        first = int(seen.fields["offset"])
        return [1, 2, 3, 4, 5][first : first + 2]

    assert fetched(answer, Offset("offset"), {"offset": 0, "limit": 500}, ()) == list("12345")


def test_a_cursor_is_followed_over_an_empty_page() -> None:
    answers = {
        None: {"rows": [1], "next": {"after": "a"}},
        "a": {"rows": [], "next": {"after": "b"}},
        "b": {"rows": None, "next": {"after": "c"}},
        "c": {"rows": [2]},
    }
    assert fetched(lambda seen: answers[seen.fields.get("after")], AFTER) == ["1", "2"]


def test_a_cursor_may_be_an_address() -> None:
    def answer(seen: Seen) -> Any:
        last = seen.path == "/query/2"
        return {"rows": [seen.path], "done": last} | ({} if last else {"url": "/query/2"})

    assert fetched(answer, DONE) == ['"/list"', '"/query/2"']


def test_a_key_is_followed_until_the_server_is_up_to_date() -> None:
    """Its keys come as numbers and as texts."""

    def answer(seen: Seen) -> Any:
        key = int(seen.fields["key"])
        return {"rows": [key], "key": str(key + 1), "done": key == 12}

    assert fetched(answer, KEY, {"key": 10}) == ["10", "11", "12"]


@pytest.mark.parametrize(
    ("answer", "paging", "code"),
    [
        (lambda _: {"rows": [1], "next": {"after": "a"}}, AFTER, "FETCH-REPEATED"),
        (lambda _: {"rows": [], "next": {"after": "a"}}, AFTER, "FETCH-REPEATED"),
        (lambda _: {"rows": [1]}, Offset("offset"), "FETCH-REPEATED"),
        (
            lambda s: {"rows": [int(s.fields["offset"]) % 2]},
            Offset("offset"),
            "FETCH-REPEATED",
        ),
        (lambda s: {"rows": [s.target], "next": {"after": s.target}}, AFTER, "FETCH-ENDLESS"),
        (lambda s: {"rows": [s.target], "key": "9", "done": False}, KEY, "FETCH-REPEATED"),
        (lambda s: {"rows": [s.target], "key": "x", "done": False}, KEY, "FETCH-ERROR-BODY"),
        (lambda _: {"rows": [1], "done": False}, DONE, "FETCH-ERROR-BODY"),
        (lambda _: {"rows": [1], "url": "https://evil.example.fi/"}, DONE, "FETCH-REDIRECT"),
        (lambda _: {"result": "error", "message": "Maija"}, Single(), "FETCH-ERROR-BODY"),
        (lambda _: {"success": False, "rows": []}, Single(), "FETCH-ERROR-BODY"),
        (lambda _: {"status": "error", "rows": [1]}, Single(), "FETCH-ERROR-BODY"),
        (lambda _: {}, Single(), "FETCH-ERROR-BODY"),
        (lambda _: b"<html>Maija</html>", Single(), "FETCH-NOT-JSON"),
        (lambda _: b'{"rows": [1, 2', Single(), "FETCH-NOT-JSON"),
        (lambda _: b'{"rows": [1], "rows": [2]}', Single(), "FETCH-NOT-JSON"),
        (lambda _: b'{"rows": 7}', Single(), "FETCH-NOT-JSON"),
        (lambda _: b'{"rows": ["\xff"]}', Single(), "FETCH-NOT-JSON"),
        (lambda _: b"[" * 200_000, Single(), "FETCH-NOT-JSON"),
        (lambda _: b"", Single(), "FETCH-NOT-JSON"),
    ],
)
def test_what_is_no_page_or_has_no_end_is_found_out(
    answer: Callable[[Seen], Any], paging: Paging, code: str
) -> None:
    with pytest.raises(FetchError) as raised:
        fetched(answer, paging, {"offset": 0, "key": 10})
    assert raised.value.code == code
    assert "Maija" not in str(raised.value)


def test_records_stay_as_they_were_sent() -> None:
    """A repeated key, a long number and a wrong text are for ingest to judge."""
    body = b'{"rows": [{"a":1, "a":2}, 12345678901234567890.10, {wrong}]}'
    assert page_of(body, ROWS).records.to_pylist() == [
        '{"a":1, "a":2}',
        "12345678901234567890.10",
        "{wrong}",
    ]


def test_a_record_on_two_pages_comes_twice() -> None:
    """Nothing is left out here: staging knows what repeats a record word for word."""
    answers = {None: {"rows": [1, 2], "next": {"after": "a"}}, "a": {"rows": [2, 3]}}
    assert fetched(lambda seen: answers[seen.fields.get("after")], AFTER) == ["1", "2", "2", "3"]
