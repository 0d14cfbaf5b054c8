"""A text as a reader would see it, with the position in the original of each of its characters.

URL encoding, JSON and HTML escapes are undone, several times over; then characters are replaced by
their plain ones (NFKC, decimal digits, dashes), and invisible ones are dropped.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

from schemas.unusual_spellings import visible_character

# A text that was encoded more often than this was not written by a program that we know of.
ROUNDS = 4
_ESCAPE = re.compile(
    r"(?P<url>(?:%[0-9A-Fa-f]{2})+)"
    r"|\\u(?P<hex>[0-9A-Fa-f]{4})|\\x(?P<byte>[0-9A-Fa-f]{2})|\\(?P<short>[\"\\/bfnrt])"
    r"|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Decoded:
    """`text`, and where each of its characters begins and ends in the original."""

    text: str
    starts: list[int]
    ends: list[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original from which the span of `text` was decoded."""
        return self.starts[start], self.ends[end - 1]


def decode(text: str) -> Decoded:
    """Undo the encodings of a text."""
    decoded = Decoded(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for _ in range(ROUNDS):
        if not _ESCAPE.search(decoded.text):
            break
        decoded = _without_escapes(decoded)
    return decoded if decoded.text.isascii() else _plain(decoded)


def _without_escapes(given: Decoded) -> Decoded:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in _ESCAPE.finditer(given.text):
        begin, end = match.span()
        pieces.append(given.text[done:begin])
        starts += given.starts[done:begin]
        ends += given.ends[done:begin]
        done = end
        at = begin
        for character, width in _characters(match):
            pieces.append(character)
            starts.append(given.starts[at])
            ends.append(given.ends[at + width - 1])
            at += width
    pieces.append(given.text[done:])
    return Decoded("".join(pieces), starts + given.starts[done:], ends + given.ends[done:])


def _characters(match: re.Match[str]) -> list[tuple[str, int]]:
    """The characters that an escape stands for, each with how many characters of the escape."""
    if run := match["url"]:
        content = bytes.fromhex(run.replace("%", ""))
        try:
            return [(one, 3 * len(one.encode())) for one in content.decode()]
        except UnicodeDecodeError:
            return [(chr(byte), 3) for byte in content]
    if code := match["hex"] or match["byte"]:
        return [(chr(int(code, 16)), len(match[0]))]
    if short := match["short"]:
        return [(_SHORT.get(short, short), 2)]
    text = html.unescape(match[0])
    if text == match[0]:
        return [(one, 1) for one in text]
    # An entity of two characters (there are a few) has its width in the last one.
    return [(one, 1) for one in text[:-1]] + [(text[-1], len(match[0]) - len(text) + 1)]


def _plain(given: Decoded) -> Decoded:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, character in enumerate(given.text):
        plain = character if character.isascii() else _plain_character(character)
        pieces.append(plain)
        starts += [given.starts[index]] * len(plain)
        ends += [given.ends[index]] * len(plain)
    return Decoded("".join(pieces), starts, ends)


def _plain_character(character: str) -> str:
    if visible_character(character) == "":
        return ""
    plain = unicodedata.normalize("NFKC", character)
    digit = unicodedata.decimal(plain, None) if len(plain) == 1 else None
    return "".join(map(visible_character, plain)) if digit is None else str(digit)
