"""Replacing mentions of somebody in records that are about somebody else, wherever in a text they
stand.

What a record states of its own person in a field for it stays: its own identifiers, and a
bare number that is a whole field, which is a number of that field's kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
from duckdb.func import ARROW

from assets.ingest.mentions.spellings import OPAQUE, Mention, Spellings
from assets.storage.sessions import not_used_again
from schemas.token_rules import LONG, is_whole_field

MARK = "[redacted]"
_SEVERAL = re.compile(r"[\s,;]")
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")

# In which fields it may stand, and how an identifier shows what it is. Digits alone may be any
# number.
_SHOWS_ITS_KIND = (
    (("email", "user_id"), re.compile("@")),
    (("phone",), re.compile(r"^\+[0-9]")),
    ((), re.compile(r"^[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-Z]$", re.IGNORECASE)),
)


@dataclass(frozen=True)
class Record:
    """What of a record decides which mentions in it are redacted.

    Attributes:
        own: The values of its own identifiers. An identity code that is spelled oddly is none.
        readable: Whether it is an object without faults.
        decided: Whether somebody decided that all mentions in it are redacted.
        codes: What it declares as identity codes, in whatever spelling.
    """

    own: frozenset[str] = frozenset()
    readable: bool = True
    codes: frozenset[str] = frozenset()
    decided: bool = False


@dataclass
class Redaction:
    """Redacts the texts of `records`, by number; `install` makes it a function of SQL."""

    spellings: Spellings
    records: Mapping[int, Record] = field(default_factory=dict)

    def find(self, text: str, record: Record) -> list[Mention]:
        """The mentions in a text that are to be redacted in a record that is not theirs."""
        return [
            mention
            for mention in self.spellings.find(text, wide=record.decided)
            if not _is_own(mention, text, record)
            and (
                record.decided
                or not record.readable
                or text[mention.start : mention.end] in record.codes
                or (
                    (mention.sure or _is_long_number(mention))
                    and not _is_field_number(mention, text)
                )
            )
        ]

    def text(self, text: str, record: Record) -> str:
        """The text without them."""
        for start, end in reversed(_merged(self.find(text, record))):
            if record.readable and _is_outside_strings(text, start):
                number = _NUMBER.match(text, start)
                rest = max(end, number.end() if number else end)
                text = f'{text[:start]}"{MARK}"{text[rest:]}'
            else:
                text = f"{text[:start]}{MARK}{text[end:]}"
        return text

    def identifiers(self, identifiers: list[str], record: Record) -> list[str]:
        """A record's own identifiers without them: what is no identifier as a whole may hold
        several.
        """
        return [self.text(identifier, record) for identifier in identifiers]

    def install(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make `redacted_text(record_no, text)` of this redaction; it replaces an earlier one's."""

        def redacted(numbers: pa.ChunkedArray, texts: pa.ChunkedArray) -> pa.Array:
            pairs = zip(numbers.to_pylist(), texts.to_pylist(), strict=True)
            return pa.array(
                [
                    text if text is None else self.text(text, self.records.get(number, Record()))
                    for number, text in pairs
                ],
                pa.string(),
            )

        with suppress(duckdb.Error):
            connection.remove_function("redacted_text")
        not_used_again(connection)
        connection.create_function(
            "redacted_text", redacted, ["BIGINT", "VARCHAR"], "VARCHAR", type=ARROW
        )


def record_of(identifiers: Iterable[str], faults: Iterable[str]) -> Record:
    """A record as raw has it. An address, a phone or a code in a field for something else is no
    identifier of the record's own, where it shows what it is.
    """
    pairs = [identifier.partition(":") for identifier in identifiers]
    return Record(
        frozenset(
            value
            for kind, _, value in pairs
            if kind != "identity_code"
            and not any(
                kind not in fields and form.search(value) for fields, form in _SHOWS_ITS_KIND
            )
        ),
        not list(faults),
        frozenset(value for kind, _, value in pairs if kind == "identity_code"),
    )


def _is_own(mention: Mention, text: str, record: Record) -> bool:
    """Whether it is an identifier of the record's own, or lies within one."""
    own = record.own
    if mention.identifier.partition(":")[2] in own or text[mention.start : mention.end] in own:
        return True
    if record.decided:
        # What is no identifier as a whole may be one of the registrant's, damaged.
        return False
    inside = text[mention.start : mention.end].lower()
    return any(
        inside in longer and _covers(text, longer, mention)
        for longer in map(str.lower, own)
        if longer.count("@") < 2 and not _SEVERAL.search(longer)
    )


def _covers(text: str, longer: str, mention: Mention) -> bool:
    around = max(0, mention.start - len(longer))
    at = text.lower().find(longer, around, mention.end + len(longer))
    return 0 <= at <= mention.start and mention.end <= at + len(longer)


def _is_long_number(mention: Mention) -> bool:
    """Whether it is a phone without its zero, as spreadsheets write it, or an identity code without
    its sign, that is hardly a number of something else.
    """
    kind = mention.identifier.partition(":")[0]
    return kind in ("phone", "identity_code") and mention.end - mention.start >= LONG


def _is_field_number(mention: Mention, text: str) -> bool:
    """Whether it is an opaque number that is all there is in its field: of a visit, an order, a
    device. A phone or code without anything that shows that it is one may be such a number.
    """
    kind, _, value = mention.identifier.partition(":")
    opaque = kind in OPAQUE and (value.isdigit() or kind == "visitor_id")
    if not opaque and (kind not in ("phone", "identity_code") or mention.sure):
        return False
    bare = text[mention.start : mention.end].isalnum()
    return bare and is_whole_field(text[: mention.start], text[mention.end :])


def _is_outside_strings(text: str, at: int) -> bool:
    """Whether a place in JSON is in none of its strings; a text that is not JSON has no such
    place.
    """
    before = text[:at]
    return text.startswith("{") and re.sub(r"\\.", "", before).count('"') % 2 == 0


def _merged(mentions: Iterable[Mention]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for mention in sorted(mentions):
        if spans and mention.start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], mention.end))
        else:
            spans.append((mention.start, mention.end))
    return spans
