"""Text built column by column with Arrow's string kernels: no Python loop per record.

Indexes are numpy integers, -1 for "nothing"; texts are Arrow string arrays; "" is
"leave it out".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Text: TypeAlias = pa.Array
Ints: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any]]]
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

FIRST_DAY = date(1830, 1, 1)
_EPOCH = date(1970, 1, 1)
_FIRST = (FIRST_DAY - _EPOCH).days
_DAYS = (date(2130, 1, 1) - FIRST_DAY).days


def vocabulary(values: Iterable[str]) -> Text:
    """An array to pick from."""
    return pa.array(list(values), pa.string())


def pick(values: Text, index: Ints) -> Text:
    """The value at each index; null where the index is -1."""
    return values.take(pa.array(index, mask=np.asarray(index) < 0))


def join(*parts: Text | str) -> Text:
    """The parts concatenated row by row; null counts as empty. One part must be an array."""
    ready = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*ready, "", null_handling="replace", null_replacement="")


def only(mask: Mask, text: Text | str) -> Text:
    """Return the text where the mask is true, else empty."""
    return pc.if_else(pa.array(mask), text, "")


def either(mask: Mask, yes: Text | str, no: Text | str) -> Text:
    """Return one text where the mask is true, the other elsewhere."""
    return pc.if_else(pa.array(mask), yes, no)


def spread(text: Text, rows: Ints, length: int) -> Text:
    """`text[i]` at row `rows[i]`, empty at every other row."""
    index = np.full(length, len(text), np.int64)
    index[rows] = np.arange(len(text))
    return pa.concat_arrays([text.cast(pa.string()), pa.array([""], pa.string())]).take(
        pa.array(index)
    )


def replaced(text: Text, rows: Ints, values: Text) -> Text:
    """`text` with `values[i]` at row `rows[i]`."""
    if len(rows) == 0:
        return text
    index = np.arange(len(text))
    index[rows] = len(text) + np.arange(len(rows))
    return pa.concat_arrays([text, values.cast(pa.string())]).take(pa.array(index))


def number(values: Ints) -> Text:
    """Whole numbers as text."""
    return pa.array(values).cast(pa.string())


def padded(values: Ints, width: int) -> Text:
    """Whole numbers with leading zeros."""
    return pc.ascii_lpad(number(values), width, "0")


def money(cents: Ints) -> Text:
    """Cents as units with a decimal point and two decimals."""
    return join(number(cents // 100), ".", padded(cents % 100, 2))


def json_text(value: str) -> str:
    """A JSON string literal, quotes included; letters stay as they are."""
    return json.dumps(value, ensure_ascii=False)


def csv_field(value: str) -> str:
    """A CSV field, quoted when it must be."""
    if any(character in value for character in ',"\n\r'):
        return '"' + value.replace('"', '""') + '"'
    return value


def empty(length: int) -> Text:
    """As many empty texts."""
    return pa.repeat("", length)


def choose(mask: Mask, yes: Any, no: Any) -> Any:
    """numpy.where: one value or the other, row by row."""
    return np.where(mask, yes, no)


@cache
def _dates(form: str) -> Text:
    days = np.arange(_FIRST, _FIRST + _DAYS).astype("datetime64[D]")
    iso = np.datetime_as_string(days)
    match form:
        case "iso":
            values: Sequence[str] = iso.tolist()
        case "json":
            values = [f'{{"arvo":"{text}","tarkkuus":"PAIVA"}}' for text in iso]
        case "code":
            values = [text[8:10] + text[5:7] + text[2:4] for text in iso]
        case "us":
            values = [f"{int(text[5:7])}/{int(text[8:10])}/{text[:4]}" for text in iso]
        case _:
            raise ValueError(form)
    return vocabulary(values)


@cache
def _times(form: str) -> Text:
    if form == "us":
        return vocabulary(
            f"{(m // 60 - 1) % 12 + 1}:{m % 60:02d} {'AM' if m < 720 else 'PM'}"
            for m in range(1440)
        )
    return vocabulary(f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86400))


def iso_date(days: Ints) -> Text:
    """Days since 1970 as YYYY-MM-DD."""
    return pick(_dates("iso"), np.asarray(days) - _FIRST)


def json_date(days: Ints) -> Text:
    """Days since 1970 as the population register writes them: {"arvo":"...","tarkkuus":"PAIVA"}."""
    return pick(_dates("json"), np.asarray(days) - _FIRST)


def code_date(days: Ints) -> Text:
    """Days since 1970 as the six digits that begin an identity code."""
    return pick(_dates("code"), np.asarray(days) - _FIRST)


def clock(seconds: Ints) -> Text:
    """The time of day of epoch seconds, HH:MM:SS."""
    return pick(_times("iso"), np.asarray(seconds) % 86400)


def iso_time(seconds: Ints, separator: str = "T", ending: str = "Z") -> Text:
    """Epoch seconds as a date and a time."""
    seconds = np.asarray(seconds)
    return join(iso_date(seconds // 86400), separator, clock(seconds), ending)


def us_time(seconds: Ints) -> Text:
    """Epoch seconds as 3/15/2024 2:30 PM."""
    seconds = np.asarray(seconds)
    return join(
        pick(_dates("us"), seconds // 86400 - _FIRST),
        " ",
        pick(_times("us"), seconds % 86400 // 60),
    )
