"""Headers of a message (RFC 5322, RFC 2047), and fields of the reports in it (RFC 3464, RFC 5965).

Written by hand, and linear: the standard library's parsers take time with the square of what a
sender may choose, decode by any codec that Python has, and keep the body.
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from collections.abc import Callable, Iterator
from typing import Any

Fields = dict[str, Any]

_NAME = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_WORD = re.compile(r"=\?([A-Za-z0-9_-]{1,40})(?:\*[A-Za-z-]*)?\?([qQbB])\?([^?]*)\?=")
_TEXT_CODEC = re.compile(
    r"ascii|utf-8|iso8859-\d+|cp125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|iso2022_jp"
    r"|euc_(jp|kr)"
)
_BOUNDARY = re.compile(rb"boundary[ \t]*=[ \t]*(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.I)
_OF_FIELDS = (
    "message/feedback-report",
    "message/delivery-status",
    "message/disposition-notification",
)
_OF_HEADERS = ("message/rfc822", "text/rfc822-headers", "message/global")
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
# More parts, or groups of fields, than a report has.
_MOST = 1_000


def fields(head: bytes, codec: str, repeating: frozenset[str]) -> tuple[Fields, bool]:
    """Return the headers by name in small letters, and whether all lines are headers.

    Args:
        head: The lines before the body.
        codec: What letters beyond ASCII are in, if there are any.
        repeating: Names that are a list also when there is one.
    """
    values: dict[str, list[str]] = {}
    fine = True
    for line in _unfolded(head):
        name = _NAME.match(line)
        if not name:
            fine = False
            continue
        value = line[name.end() :].decode(codec, errors="replace").strip()
        values.setdefault(name.group()[:-1].decode("ascii").strip().lower(), []).append(
            decoded_words(value)
        )
    return {
        name: every if len(every) > 1 or name in repeating else every[0]
        for name, every in values.items()
    }, fine


def _unfolded(head: bytes) -> Iterator[bytes]:
    parts: list[bytes] = []
    for line in head.split(b"\n"):
        if parts and line[:1] in (b" ", b"\t"):
            parts.append(line.rstrip(b"\r"))
            continue
        if parts:
            yield b"".join(parts)
        parts = [stripped] if (stripped := line.rstrip(b"\r")) else []
    if parts:
        yield b"".join(parts)


def decoded_words(text: str) -> str:
    """Return a header with its encoded words (RFC 2047) decoded; others stay as they are."""
    pieces: list[str] = []
    waiting: tuple[str, bytes] | None = None  # the words before, of one character set
    end = 0
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        charset, content = _content(word)
        if charset is None:
            continue
        if waiting and not between.strip():
            between = ""
        if waiting and (between or waiting[0] != charset):
            pieces.append(waiting[1].decode(waiting[0], errors="replace"))
            waiting = None
        pieces.append(between)
        waiting = (charset, (waiting[1] if waiting else b"") + content)
        end = word.end()
    if waiting:
        pieces.append(waiting[1].decode(waiting[0], errors="replace"))
    return "".join((*pieces, text[end:]))


def _content(word: re.Match[str]) -> tuple[str | None, bytes]:
    """Return the character set and the bytes of an encoded word; no set for what cannot be one."""
    charset, how, text = word.groups()
    try:
        name = codecs.lookup(charset).name
        data = text.encode("ascii")
        if how in "qQ":
            return (name if _TEXT_CODEC.fullmatch(name) else None), quopri.decodestring(
                data, header=True
            )
        return (name if _TEXT_CODEC.fullmatch(name) else None), binascii.a2b_base64(
            data + b"=" * (-len(data) % 4)
        )
    except (LookupError, ValueError):
        return None, b""


def is_report(head: bytes) -> bool:
    """Return whether the message is a `multipart/report`."""
    return _media_type(head)[0] == "multipart/report"


def _media_type(head: bytes) -> tuple[str, bytes]:
    """Return the media type in small letters, and the whole value of Content-Type."""
    value = _value(head, b"content-type")
    return value.split(b";")[0].strip().lower().decode("ascii", errors="replace"), value


def _value(head: bytes, name: bytes) -> bytes:
    for line in _unfolded(head):
        key, colon, value = line.partition(b":")
        if colon and key.strip().lower() == name:
            return value.strip()
    return b""


def reports(head: bytes, body: bytes, codec: str, repeating: frozenset[str]) -> list[Fields]:
    """Return the groups of fields in the parts of a report, each with its part's media type."""
    boundary = _BOUNDARY.search(_media_type(head)[1]) if body else None
    if not boundary:
        return []
    made: list[Fields] = []
    for part in (b"\n" + body).split(b"\n--" + (boundary[1] or boundary[2]))[1:_MOST]:
        part_head, content = _apart(part.partition(b"\n")[2])
        kind = _media_type(part_head)[0]
        if kind in _OF_FIELDS:
            content = _UNPACKED.get(_value(part_head, b"content-transfer-encoding").lower(), bytes)(
                content
            )
            groups = _BLANK_LINE.split(content, _MOST)
        elif kind in _OF_HEADERS:
            groups = [_apart(content)[0]]
        else:
            continue
        for group in groups:
            named, _ = fields(group, codec, repeating)
            if named:
                made.append({"type": kind, "fields": named})
    return made


def _apart(text: bytes) -> tuple[bytes, bytes]:
    """Return what is before the first blank line, and what is behind it."""
    if text.lstrip(b"\r")[:1] == b"\n":
        return b"", text
    blank = _BLANK_LINE.search(text)
    return (text[: blank.start()], text[blank.end() :]) if blank else (text, b"")


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except ValueError:
        return b""


_UNPACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"base64": _from_base64,
    b"quoted-printable": quopri.decodestring,
}
