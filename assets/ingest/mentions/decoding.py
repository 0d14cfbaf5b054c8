"""A text as a reader would see it, with the position in the original of each of its characters.

URL encoding, JSON and HTML escapes are undone, several times over; then characters are replaced by
their plain ones (NFKC, decimal digits, dashes, blanks), and invisible ones are dropped.

Some signs mean one thing to a program and another to a person: `=40` in quoted-printable or in a
URL, `(at)`, a Cyrillic letter. So a text has two readings, and an identifier may be in either.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from schemas.token_rules import AT_IN_WORDS, DOT_IN_WORDS, QUOTED, SPREADSHEET, TAG, ascii_alike
from schemas.unusual_spellings import visible_character

# A text that was encoded more often than this was not written by a program that we know of.
ROUNDS = 4
_ESCAPE = re.compile(
    r"(?P<url>(?:%[0-9A-Fa-f]{2})+)"
    r"|\\u(?P<hex>[0-9A-Fa-f]{4})|\\x(?P<byte>[0-9A-Fa-f]{2})|\\(?P<short>[\"\\/bfnrt])"
    r"|(?P<html>&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
_QUOTED = re.compile(QUOTED)
_QUOTED_RUN = re.compile(r"=\r?\n|(?:=[0-9A-Fa-f]{2})+")
_TAG = re.compile(TAG)
_SPREADSHEET = re.compile(SPREADSHEET)
_AT_IN_WORDS, _DOT_IN_WORDS = re.compile(AT_IN_WORDS), re.compile(DOT_IN_WORDS)
# A letter and what is written above or below it, which may be characters of their own.
_COMPOSED = re.compile(r"\w[\u0300-\u036f]+|.", re.DOTALL)
_BLANKS = str.maketrans(dict.fromkeys("\t\n\r\v\f", " "))
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
    decoded = _unescaped(text)
    return _with_blanks(decoded if decoded.text.isascii() else _plain(decoded))


def readings(text: str) -> list[Decoded]:
    """Return the text as programs read it, and, where that differs, as a person does: unfolded from
    quoted-printable and HTML, with signs instead of words, ASCII letters, and numbers of
    spreadsheets in digits.
    """
    unescaped = _unescaped(text)
    plain = unescaped if unescaped.text.isascii() else _plain(unescaped)
    read = unescaped
    if _QUOTED.search(read.text):
        read = _replaced(read, _QUOTED_RUN, _unquoted)
    if "<" in read.text:
        read = _replaced(read, _TAG, lambda _: "")
    if not read.text.isascii():
        read = _alike(_plain(read))
    read = _replaced(read, _AT_IN_WORDS, lambda _: "@")
    read = _replaced(read, _DOT_IN_WORDS, lambda _: ".")
    read = _replaced(read, _SPREADSHEET, _whole_number)
    first, second = _with_blanks(plain), _with_blanks(read)
    return [first] if first.text == second.text else [first, second]


def _unescaped(text: str) -> Decoded:
    decoded = Decoded(text, list(range(len(text))), list(range(1, len(text) + 1)))
    for _ in range(ROUNDS):
        if not _ESCAPE.search(decoded.text):
            break
        decoded = _without_escapes(decoded)
    return decoded


def _with_blanks(given: Decoded) -> Decoded:
    return Decoded(given.text.translate(_BLANKS), given.starts, given.ends)


def _alike(given: Decoded) -> Decoded:
    return Decoded("".join(map(ascii_alike, given.text)), given.starts, given.ends)


def _replaced(
    given: Decoded, pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str]
) -> Decoded:
    """Replace matches; each character of a replacement stands for the whole match."""
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for match in pattern.finditer(given.text):
        begin, end = match.span()
        new = replacement(match)
        pieces += [given.text[done:begin], new]
        starts += given.starts[done:begin] + [given.starts[begin]] * len(new)
        ends += given.ends[done:begin] + [given.ends[end - 1]] * len(new)
        done = end
    if not done:
        return given
    pieces.append(given.text[done:])
    return Decoded("".join(pieces), starts + given.starts[done:], ends + given.ends[done:])


def _whole_number(written: re.Match[str]) -> str:
    """The digits of a spreadsheet's number; one that has lost some of them stays as it is."""
    digits, _, exponent = written[0].lower().partition("e")
    return digits[0] + digits[2:] if int(exponent) == len(digits) - 2 else written[0]


def _unquoted(run: re.Match[str]) -> str:
    """What a run of quoted-printable stands for; what it does not print stays as it is."""
    if run[0].endswith("\n"):
        return ""
    content = bytes.fromhex(run[0].replace("=", ""))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return text if text.isprintable() else run[0]


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
            return [(character, 3 * len(character.encode())) for character in content.decode()]
        except UnicodeDecodeError:
            return [(chr(byte), 3) for byte in content]
    if code := match["hex"] or match["byte"]:
        return [(chr(int(code, 16)), len(match[0]))]
    if short := match["short"]:
        return [(_SHORT.get(short, short), 2)]
    text = html.unescape(match[0])
    if text == match[0]:
        return [(character, 1) for character in text]
    # An entity of two characters (there are a few) has its width in the last one.
    return [(character, 1) for character in text[:-1]] + [(text[-1], len(match[0]) - len(text) + 1)]


def _plain(given: Decoded) -> Decoded:
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _COMPOSED.finditer(given.text):
        character = match[0]
        plain = character if character.isascii() else _plain_character(character)
        pieces.append(plain)
        starts += [given.starts[match.start()]] * len(plain)
        ends += [given.ends[match.end() - 1]] * len(plain)
    return Decoded("".join(pieces), starts, ends)


def _plain_character(character: str) -> str:
    """What a letter with the marks that follow it, or any other character, is to a reader."""
    if len(character) == 1 and visible_character(character) == "":
        return ""
    if character in "。｡":
        return "."
    plain = unicodedata.normalize("NFKC", character)
    digit = unicodedata.decimal(plain, None) if len(plain) == 1 else None
    return "".join(map(visible_character, plain)) if digit is None else str(digit)
