"""Conversion of a vendor's text to a date, moment, amount or count: DuckDB macros for all sources.

A bare `TRY_CAST` accepts more than calendar dates: `infinity`, `epoch`, `2026/11/20`, `2026-11-20
(BC)`, the year 99999. Python and pandas cannot read such values later, or they exceed every real
date when the latest one counts. These macros accept the documented forms and nothing else, within
years that any period of the policy can be added to.

All return null for null and for any other form; none raises, whatever the text. Blanks around a
text do not count. The rule that a null breaks is the source's.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

FIRST_YEAR, LAST_YEAR = 1000, 2199
"""The years in which a date can lie: what Python, pandas and the periods of a policy can all work
with.

The rule of a column, such as PERSON-BIRTH-YEAR, decides whether a date is plausible.
"""

OPEN_ENDED_FROM = 2100
"""An end of validity in or after this year means that there is no end: 2100-12-31, 2120-02-28,
2999-12-31, 9999-12-31."""

FIRST_DAY, LAST_DAY = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
# An offset moves a moment at the edge of those years by less than a day.
FIRST_MOMENT = datetime(FIRST_YEAR - 1, 12, 31, tzinfo=UTC)
LAST_MOMENT = datetime(LAST_YEAR + 1, 1, 1, 23, 59, 59, tzinfo=UTC)

_YEAR = "(1[0-9]|20|21)[0-9]{2}"
_DAY = "-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_OFFSET = "(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)"
_EXPORT_ISO = f"{_YEAR}{_DAY}( {_TIME})?"
_EXPORT_US = f"[0-9]{{1,2}}/[0-9]{{1,2}}/{_YEAR}( [0-9]{{1,2}}:[0-9]{{2}} [AaPp][Mm])?"

MACROS = f"""
-- The filled text of a field; null where the vendor put an object or a list.
CREATE OR REPLACE MACRO stated_text(value) AS
    CASE WHEN left(ltrim(value), 1) IN ('{{', '[')
        THEN CASE WHEN json_valid(value) THEN NULL ELSE filled(value) END
        ELSE filled(value) END;

-- A calendar date, YYYY-MM-DD.
CREATE OR REPLACE MACRO calendar_day(text) AS
    CASE WHEN regexp_full_match(trim(text), '{_YEAR}{_DAY}') THEN TRY_CAST(trim(text) AS DATE) END;

-- Whether a text is the last day of something: a calendar date, of whatever later year.
CREATE OR REPLACE MACRO is_end_day(text) AS
    CASE WHEN regexp_full_match(trim(text), '[1-9][0-9]{{3}}{_DAY}')
        THEN TRY_CAST(trim(text) AS DATE) IS NOT NULL ELSE false END;

-- The last day of something; null also for a day that stands for no end.
CREATE OR REPLACE MACRO end_day(text) AS
    CASE WHEN year(calendar_day(text)) < {OPEN_ENDED_FROM} THEN calendar_day(text) END;

-- A calendar date that is written as the moment at its midnight UTC, without that time.
CREATE OR REPLACE MACRO without_midnight(text) AS
    regexp_replace(trim(text), 'T00:00(:00([.]0+)?)?(Z|[+]00(:?00)?)$', '');

-- ISO 8601 with Z or an offset, with or without seconds; a time without an offset is ambiguous.
CREATE OR REPLACE MACRO moment(text) AS
    CASE WHEN regexp_full_match(trim(text), '{_YEAR}{_DAY}[T ]{_TIME}{_OFFSET}') THEN
        TRY_CAST(CASE WHEN substr(trim(text), 17, 1) = ':' THEN trim(text)
            ELSE left(trim(text), 16) || ':00' || substr(trim(text), 17) END AS TIMESTAMPTZ) END;

-- The latest moment that a delivery can state: a day past the end of its own day, which begins at
-- `delivered_at`.
CREATE OR REPLACE MACRO latest_moment(delivered_at) AS delivered_at + INTERVAL 2 DAY;

-- The moment of a line of a web server's log, that its delivery can speak of.
CREATE OR REPLACE MACRO log_moment(text, delivered_at) AS
    CASE WHEN regexp_full_match(text,
            '[0-9]{{2}}/[A-Z][a-z]{{2}}/20[0-9]{{2}}:[0-9:]{{8}} [+-](0[0-9]|1[0-4])[0-9]{{2}}')
        AND try_strptime(text, '%d/%b/%Y:%H:%M:%S %z') <= latest_moment(delivered_at)
    THEN try_strptime(text, '%d/%b/%Y:%H:%M:%S %z') END;

-- A moment that its delivery can speak of.
CREATE OR REPLACE MACRO past_moment(text, delivered_at) AS
    CASE WHEN moment(text) <= latest_moment(delivered_at) THEN moment(text) END;

-- A calendar date that its delivery can speak of as past.
CREATE OR REPLACE MACRO past_day(text, delivered_at) AS
    CASE WHEN calendar_day(text) <= latest_moment(delivered_at) THEN calendar_day(text) END;

-- The moment at which a day begins in UTC.
CREATE OR REPLACE MACRO utc_midnight(day) AS timezone('UTC', day::TIMESTAMP);

-- The calendar day of a moment in UTC.
CREATE OR REPLACE MACRO utc_day(moment) AS moment::DATE;

-- The time of a CRM's export, in one of its two forms; a day without a time is midnight.
CREATE OR REPLACE MACRO export_time(text) AS
    CASE WHEN regexp_full_match(trim(text), '{_EXPORT_ISO}|{_EXPORT_US}') THEN
        try_strptime(trim(text), ['%Y-%m-%d %H:%M', '%m/%d/%Y %I:%M %p', '%Y-%m-%d', '%m/%d/%Y',
            '%Y-%m-%d %H:%M:%S']) END;
CREATE OR REPLACE MACRO export_day(text) AS export_time(text)::DATE;

-- Seconds since 1970, between 2000 and the latest moment that the delivery can speak of.
CREATE OR REPLACE MACRO epoch_moment(text, delivered_at) AS
    CASE WHEN regexp_full_match(trim(text), '[0-9]{{9,10}}([.][0-9]+)?')
        AND TRY_CAST(trim(text) AS DOUBLE) BETWEEN 946684800 AND epoch(latest_moment(delivered_at))
    THEN make_timestamptz((TRY_CAST(trim(text) AS DOUBLE) * 1000000)::BIGINT) END;

-- An amount with a decimal point and at most two decimals: one with more is refused, not rounded.
CREATE OR REPLACE MACRO money(text) AS
    CASE WHEN regexp_full_match(trim(text), '-?0*[0-9]{{1,16}}([.][0-9]{{1,2}}0*)?')
        THEN TRY_CAST(trim(text) AS DECIMAL(18, 2)) END;

-- A count of up to nine digits.
CREATE OR REPLACE MACRO whole_number(text) AS
    CASE WHEN regexp_full_match(trim(text), '[0-9]{{1,9}}') THEN TRY_CAST(trim(text) AS BIGINT) END;
"""
