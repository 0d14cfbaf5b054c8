"""A vendor's text is a date, a moment or a number in the documented forms only; whatever else it
is, nothing raises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.sources.source import STATEMENT_MACROS
from schemas import values
from schemas.identifiers import install

DELIVERED = datetime(2026, 11, 19, 22, tzinfo=UTC)
ODD = [
    "", " ", "infinity", "-infinity", "epoch", "now", "today", "nan", "inf", "-inf", "1e400",
    "9" * 5000, "99999-01-01", "0000-01-01", "0000-00-00", "5881580-07-10", "2026-11-20 BC",
    "2026-11-20 (BC)", "2026/11/20", "2026-11-20+02", "20.11.2026", "2026-02-30", "2026-13-01",
    "２０２６-11-20", "2026-11-20\n", "2026-11-20\t", "2026-11-20T00:00:00", "{}",
    "[]", "\x00", "'",
]  # fmt: skip
ALL = (
    "stated_text", "calendar_day", "is_end_day", "end_day", "without_midnight", "moment",
    "export_time", "export_day", "money", "whole_number",
)  # fmt: skip
OF_A_DELIVERY = ("past_moment", "past_day", "epoch_moment")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as made:
        made.execute("SET TimeZone = 'UTC'")
        install(made)
        made.execute(STATEMENT_MACROS)
        yield made


def read(connection: duckdb.DuckDBPyConnection, macro: str, text: str | None) -> Any:
    more = ", $2" if macro in OF_A_DELIVERY else ""
    given_with = [text, DELIVERED] if more else [text]
    row = connection.execute(f"SELECT {macro}($1::VARCHAR{more})", given_with).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    "macro", ["calendar_day", "end_day", "moment", "export_day", "past_day", "past_moment"]
)
@pytest.mark.parametrize("text", ODD)
def test_what_is_no_date_is_none(
    connection: duckdb.DuckDBPyConnection, macro: str, text: str
) -> None:
    assert read(connection, macro, text) is None


@given(
    text=st.one_of(st.text(), st.sampled_from(ODD), st.from_regex(r"[0-9+-]{1,12}[T :.Z0-9+-]*"))
)
def test_no_text_raises_and_no_date_lies_outside_the_years(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    for macro in (*ALL, *OF_A_DELIVERY):
        value = read(connection, macro, text)
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            assert values.FIRST_MOMENT <= moment <= values.LAST_MOMENT
        elif isinstance(value, date):
            assert values.FIRST_DAY <= value <= values.LAST_DAY


@given(day=st.dates())
def test_a_calendar_date_reads_as_itself_or_lies_outside_the_years(
    connection: duckdb.DuckDBPyConnection, day: date
) -> None:
    inside = values.FIRST_DAY <= day <= values.LAST_DAY
    assert read(connection, "calendar_day", f" {day.isoformat()} ") == (day if inside else None)
    open_ended = not inside or day.year >= values.OPEN_ENDED_FROM
    assert read(connection, "end_day", day.isoformat()) == (None if open_ended else day)
    assert read(connection, "is_end_day", day.isoformat()) == (day >= values.FIRST_DAY)


@pytest.mark.parametrize(
    "text", ["9999-12-31", "2999-12-31", "2999-02-28", "2120-02-28", "2100-12-31"]
)
def test_a_day_that_stands_for_no_end_is_an_open_end(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    assert read(connection, "is_end_day", text) is True
    assert read(connection, "end_day", text) is None


@pytest.mark.parametrize("text", ["infinity", "2999-02-29", "9999-99-99", "99999-12-31", "", "x"])
def test_not_every_far_end_is_one(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(connection, "is_end_day", text) is False


NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T12:00:00Z", "2026-11-01T12:00:00.000Z", "2026-11-01T12:00Z",
        "2026-11-01 12:00:00+00",
        "2026-11-01 14:00:00+02", "2026-11-01T14:00+0200", "2026-11-01T14:00:00.0+02:00",
        "2026-11-01T06:30:00-05:30", "2026-11-02 02:00:00+14", "2026-11-01T12:00:00.000000000Z",
    ],
)  # fmt: skip
def test_iso_8601_with_an_offset_is_a_moment(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    assert read(connection, "moment", text) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-01T12:00:00", "2026-11-01", "2026-11-01T24:00:00Z", "2026-11-01T23:59:60Z",
        "2026-11-01T12:00:00+15", "2026-11-01T12:00:00+14:30", "2026-11-01T12:00:00+2",
        "2026-11-01T12:60:00Z", "2026-11-01T12Z", "2026-11-01T12:00:00.Z", "2026-11-01T12:00:00 Z",
        "2026-02-30T12:00:00Z", "infinity", "99999-01-01T00:00:00Z", "2026-11-01T12:00:00Z BC",
    ],
)  # fmt: skip
def test_what_is_not_is_none(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(connection, "moment", text) is None


@given(
    at=st.datetimes(datetime(1000, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001
    offset=st.integers(-14 * 60, 14 * 60),
    separator=st.sampled_from("T "),
)
def test_a_moment_reads_as_itself_whatever_its_offset(
    connection: duckdb.DuckDBPyConnection, at: datetime, offset: int, separator: str
) -> None:
    moment = at.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert read(connection, "moment", moment.isoformat(separator)) == moment


def test_what_a_delivery_says_of_the_future_is_not_read(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """It would beat every later statement. A day past the end of the delivery's own day is let
    pass."""
    assert read(connection, "past_moment", "2026-11-21T21:59:59Z") is not None
    assert read(connection, "past_moment", "2026-11-21T22:00:01Z") is None
    assert read(connection, "past_day", "2026-11-21") == date(2026, 11, 21)
    assert read(connection, "past_day", "2026-11-22") is None
    assert read(connection, "epoch_moment", str(int(DELIVERED.timestamp()))) == DELIVERED
    assert read(connection, "epoch_moment", str(int(DELIVERED.timestamp()) + 3 * 86400)) is None
    assert read(connection, "epoch_moment", "946684799") is None


@given(amount=st.decimals(-(10**15), 10**15, places=2))
def test_an_amount_reads_as_itself(connection: duckdb.DuckDBPyConnection, amount: Decimal) -> None:
    assert read(connection, "money", f"{amount:f}") == amount
    assert read(connection, "money", f"{amount:f}00") == amount
    assert read(connection, "money", f"{amount:f}1") is None


@pytest.mark.parametrize(
    "text",
    [
        "1.234",
        "12,50",
        "1 000.00",
        "1,000.00",
        "1e3",
        "nan",
        "inf",
        "",
        "9" * 17,
        "0x10",
        "1.",
        "+1",
    ],
)
def test_what_would_be_rounded_or_guessed_is_no_amount(
    connection: duckdb.DuckDBPyConnection, text: str
) -> None:
    assert read(connection, "money", text) is None


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "9" * 5000, "-1", "1.5", "1e2", "", "٣"])
def test_what_is_no_count_is_none(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(connection, "whole_number", text) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-20", date(2026, 11, 20)), ("2026-11-20 08:05", date(2026, 11, 20)),
        ("11/20/2026", date(2026, 11, 20)), ("1/5/2026 8:05 PM", date(2026, 1, 5)),
        ("20/11/2026", None), ("2026-11-20T08:05", None), ("11/20/99999", None), ("2026-1-5", None),
    ],
)  # fmt: skip
def test_a_crm_s_export_has_two_forms(
    connection: duckdb.DuckDBPyConnection, text: str, day: date | None
) -> None:
    assert read(connection, "export_day", text) == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-20T00:00:00Z", date(2026, 11, 20)),
        ("2026-11-20T00:00:00.000+00:00", date(2026, 11, 20)),
        ("2026-11-20", date(2026, 11, 20)), ("2026-11-20T08:00:00Z", None),
        ("2026-11-20T00:00:00", None),
    ],
)  # fmt: skip
def test_midnight_utc_may_stand_behind_a_bureau_s_date(
    connection: duckdb.DuckDBPyConnection, text: str, day: date | None
) -> None:
    (read_day,) = connection.execute(
        "SELECT calendar_day(without_midnight($1))", [text]
    ).fetchone() or (None,)
    assert read_day == day
