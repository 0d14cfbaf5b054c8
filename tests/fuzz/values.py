"""Odd values, as JSON text and, where CSV can carry them, as the text of a cell.

Collected from public bug reports and from what exports really contain: placeholders, dates that
are words, numbers that only some parsers accept, texts with invisible characters.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Odd:
    """`json_text` replaces the value; `cell` is None where only JSON can carry it.

    `alone`: the file as a whole may become unreadable; the record is delivered in one of its own.
    """

    what: str
    json_text: str
    cell: str | None = None
    alone: bool = False


DATES = (
    "99999-01-01", "0000-01-01", "0001-01-01", "infinity", "-infinity", "epoch", "today", "now",
    "tomorrow", "yesterday", "0044-03-15 (BC)", "44-03-15 BC", "-0044-03-15", "-2026-11-20",
    "+2026-11-20", "9999-12-31", "9999-12-31T23:59:59Z", "294247-01-10", "5881580-07-11",
    "5881580-07-10", "290309-12-22 (BC)", "2262-04-12", "1677-09-21", "1677-09-20", "2100-01-01",
    "2999-02-28", "2120-02-28", "2200-01-01", "1000-01-01", "1582-10-10", "1752-09-05",
    "1840-01-01", "2026/11/20", "2026.11.20", "20.11.2026", "20261120", "2026-11", "2026",
    "2026-W47", "2026-324", "2026-2-3", "2026-02-30", "2026-13-01", "2026-00-00", "2019-01-00",
    "0000-00-00", "1900-02-29", "2024-02-29", "11/20/2026", "13/13/2026", "1/1/0001",
    "12/31/9999 11:59 PM", "11/20/26", "2026-11-20 (BC)", "2026-11-20T24:00:00Z",
    "2026-11-20T23:59:60Z", "2016-12-31T23:59:60Z", "2026-11-20T25:00:00Z",
    "2026-11-20T10:00:00+02", "2026-11-20T10:00:00+02:00", "2026-11-20T10:00:00+0200",
    "2026-11-20T10:00:00+99:99", "2026-11-20T10:00:00-16:00", "2026-11-20T10:00:00 Europe/Helsinki",
    "2026-11-20T10:00:00.123456789123Z", "2026-11-20T10:00", "2026-11-20 10:00:00",
    "2026-11-20T10:00:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
    "99999-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "infinityT00:00:00Z", "2026-11-20+02:00",
    "2026-11-20 +02", "2026-10-25T03:30:00", "1794800000", "-1", "0", "1794800000000", "946684799",
    "4102444800", "4102444801", "1e10", "1e300", "46346", "46346.5", "Invalid date",
    "Fri Nov 20 2026", "Fri, 20 Nov 2026 10:00:00 GMT", "20 marraskuuta 2026", "２０２６-11-20",
    "2026‑11‑20", "2026-11-20\u200b", "\u00a02026-11-20", " 2026-11-20 ", "2026-11-20\n",
    "2026-11-20'", "PT0S", "P1Y",
)  # fmt: skip
NUMBERS = (
    "nan", "NaN", "inf", "-inf", "Infinity", "-0", "-0.00", "+5", "1e400", "-1e400", "1e-400",
    "9" * 5000, "0." + "3" * 5000, "1.24E+11", "1,24E+11", "10.005", "0.125", "10,50", "1 000,00",
    "1,000.00", "1.000,00", "１２", "٣", "½", "1_000", "0x1F", "0b1", "010",
    "1.", ".5", "--1", "1-1",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551616",
    "99999999999999999.99", "999999999999999999999999.99", "-0.01", "-100.00", "€10", "10 EUR",
    "1e5", "2147483648", "4294967296", "999999999", "1000000000", "172801", "99999999999",
)  # fmt: skip
PLACEHOLDERS = (
    "", " ", "\u00a0", "\u200b", "-", "--", "_", ".", "?", "x", "X", "0", "00", "000000",
    "0000000000", "1", "123", "123456", "123456789", "111111-1111", "N/A", "n/a", "NA", "#N/A",
    "#REF!", "#NAME?", "NULL", "null", "Null", "None", "nil", "undefined", "unknown", "Unknown",
    "tuntematon", "okänd", "ei ole", "ei tiedossa", "puuttuu", "(not set)", "(none)",
    "[object Object]", "{{userId}}", "${user.id}", "%USERID%", "<null>", "anonymous", "guest",
    "test", "true", "false", "TRUE", "False", "K", "E", "kyllä", "ei", "Y", "2", "on", "[]", "{}",
    '""', "NaN", "DELETED", "xxx@xxx.xx", "noreply@example.fi", "ei@ole.fi", "test@test.com",
)  # fmt: skip
IDENTIFIERS = (
    "o'brien@example.fi", "mailto:aino@example.fi", "Aino <aino@example.fi>",
    "aino@example.fi, eero@example.fi", "aino@example.fi;eero@example.fi", "aino@example.fi.",
    "AINO@EXAMPLE.FI", "aino@EXAMPLE.fi ", "aino@müller.fi", "aino@xn--mller-kva.fi",
    "aino@xn--\u00e4.fi", "aino@xn--99999999.fi", "äinö@example.fi", "ai\u0308no@example.fi",
    "aino@example..fi", "aino@@example.fi", "aino", "@example.fi", "aino@", "aino@localhost",
    "aino@[192.0.2.1]", "\"aino ä\"@example.fi", "aino\u200b@example.fi", "\u202eaino@example.fi",
    "aino@example.fi\t", "aino＠example.fi", "aino@example。fi", "a" * 65 + "@example.fi",
    "a@" + "b" * 64 + ".fi", "a@" + "b." * 130 + "fi", "aino@ex ample.fi", "aino@example.fi\x00",
    "aino%40example.fi", "aino@.fi", "aino@-example.fi", "aino@example.fi#x", "aino@ﬀ.fi",
    "+358 (0)40 1234567", "+358 040 1234567", "00358401234567", "0035840", "tel:+358401234567",
    "358401234567", "040 123 4567", "040-1234567 / 050-7654321", "040ABCDEFG", "+", "+0",
    "+999999999999999999", "1" * 400, "+358401234567;ext=12", "+358401234567 x12",
    "０４０１２３４５６７",
    "\u202a+358401234567\u202c", "112", "+46 70 123 45 67", "010190-900C", "010190-900c",
    " 010190-900C ", "010190 900C", "010190\u2212900C", "010190–900C", "010190-900D", "010190-000C",
    "010190-001X", "320190-900C", "290201-900X", "010190*900C", "0101909000C", "０１０１９０-900C",
    "199001011234", "19900101-1234", "9001011234", "900101+1234", "010190", "010190-",
    "010190+900C", "010190Y900C", "100", "0100", "00100", "00000", "99999", "1234567", "FI-00100",
    "FI00100", "00100 HELSINKI", "100.0", "00 100", "１２３４５", "0123456-7", "1234567-1",
    "0000000-0",
    "FI01234567", "123-4", "1.24E+11", "880001112223.0",
)  # fmt: skip
TEXTS = (
    "zero\u200bwidth", "\u202ertl", "no\u00a0break", "nfd a\u0308", "emoji 👩‍👩‍👧", "o'brien",
    "d''arc", "back\\slash", "trailing\\", "a\"b", "\"", "'", "''", "`",
    "; DROP TABLE registrants; --", "' OR 1=1 --", "$1", "$$", "?", "%s", "{0}", "line\nbreak",
    "carriage\r\nreturn", "tab\there", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)",
    "<script>alert(1)</script>", "&amp;", "<!--", "]]>", "\ufeffbom", "bom\ufeffinside", "\ufffd",
    "\x7f", "\x85", "\u2028", "\u2029", "\ue000", "\U0010ffff", "\ufdd0", "İstanbul", "ﬁ", "ẞ", "ǆ",
    "Å", "𝒜", "a" * 1001, "å" * 300, "a b" * 20, "(", ")", "[", "*", "(?i)", "\\1", "^$", "..",
    "../../etc/passwd", "https://example.fi/?a=1&b=2", "javascript:alert(1)", "{\"a\":1}", "[1,2]",
    "{", "}", "]", ",", ":", "|", "email:x", "identity_code:010190-900C", "/", "1:2", "TRUE AND",
    "\\N", "\\x00", "\\u0041", "%00", "a;b;c", ";;;",
)  # fmt: skip
CONTROLS = ("nul\x00inside", "\x00", "bell\x07", "esc\x1b[31m", "\x1f", "unit\x1e")

# JSON that a strict parser refuses and others accept, or that is of another shape than the field's.
_TOKENS = {
    "null": "null", "true": "true", "false": "false", "number 0": "0", "number 1": "1",
    "number 2": "2", "number -1": "-1", "number 1.5": "1.5", "-0": "-0", "-0.0": "-0.0",
    "1e400": "1e400", "-1e400": "-1e400", "1e-400": "1e-400", "1.24E+11": "1.24E+11",
    "integer of 5000 digits": "9" * 5000, "fraction of 5000 digits": "0." + "1" * 5000,
    "integer above 64 bits": "18446744073709551616", "integer above 128 bits": "1" + "0" * 39,
    "NaN": "NaN", "nan": "nan", "Infinity": "Infinity", "-Infinity": "-Infinity", "inf": "inf",
    "-inf": "-inf", "None": "None", "True": "True", "undefined": "undefined",
    "number with leading zero": "012", "number with plus": "+1", "number with point only": "1.",
    "number that begins with point": ".5", "hexadecimal number": "0x1F",
    "number with underscore": "1_000", "empty list": "[]", "empty object": "{}",
    "list of null": "[null]", "list of text": '["odd"]', "list of list": "[[]]",
    "list of list of object": '[[{"arvo":"odd"}]]', "list of object": '[{"arvo":"2020-01-01"}]',
    "list of empty object": "[{}]", "list of numbers": "[1,2,3]",
    "list of mixed": '["odd",1,null,{},[],true]', "object": '{"odd":"odd"}',
    "object with null": '{"fi":null,"sv":null}',
    "object of objects": '{"fi":{"fi":{}},"arvo":{"arvo":[]}}',
    "object with list": '{"arvo":[1],"tarkkuus":["PAIVA"],"fi":[1]}',
    "date without value": '{"tarkkuus":"PAIVA"}', "date null": '{"arvo":null,"tarkkuus":null}',
    "date as number": '{"arvo":20200101,"tarkkuus":1}',
    "date with unknown precision": '{"arvo":"2020-01-01","tarkkuus":"SADAS"}',
    "date of month": '{"arvo":"2020-01","tarkkuus":"KUUKAUSI"}',
    "date of year": '{"arvo":"2020","tarkkuus":"VUOSI"}',
    "date infinity": '{"arvo":"infinity","tarkkuus":"PAIVA"}',
    "date epoch": '{"arvo":"epoch","tarkkuus":"PAIVA"}',
    "date far": '{"arvo":"99999-01-01","tarkkuus":"PAIVA"}',
    "date year 0": '{"arvo":"0000-01-01","tarkkuus":"PAIVA"}',
    "date 9999": '{"arvo":"9999-12-31","tarkkuus":"PAIVA"}',
    "date before Christ": '{"arvo":"0044-03-15 (BC)"}', "trailing comma in list": "[1,]",
    "trailing comma in object": '{"odd":1,}', "comma only": "[,]", "missing comma": "[1 2]",
    "comment": '/* odd */"odd"', "single quotes": "'odd'", "unquoted text": "odd",
    "unquoted key": "{odd:1}", "missing value": "", "repeated key": '{"a":1,"a":2}',
    "repeated escaped key": '{"a":1,"\\u0061":2}',
    "repeated date": '{"arvo":"2020-01-01","arvo":"2021-01-01"}', "empty key": '{"":1}',
    "wide key": '{"' + "k" * 70_000 + '":1}', "key with quote": '{"a\\"b\'c":1}',
    "key with NUL": '{"a\\u0000b":1}', "key with lone surrogate": '{"\\ud800":1}',
    "escaped text": '"\\u0041\\u00e4\\/"', "lone high surrogate": '"odd\\ud800"',
    "lone low surrogate": '"\\udc00odd"', "surrogates swapped": '"\\udc00\\ud800"',
    "surrogate pair": '"\\ud83d\\ude00"', "escaped NUL": '"odd\\u0000odd"', "only NUL": '"\\u0000"',
    "escaped BOM": '"\\ufeffodd"', "escaped noncharacter": '"\\uffff"', "bad escape": '"\\x41"',
    "short escape": '"\\u12"', "escape at end": '"odd\\\\"', "raw tab in text": '"a\tb"',
    "raw control in text": '"a\x01b"', "raw NUL in text": '"a\x00b"', "raw DEL in text": '"a\x7fb"',
    "text of 1 MB": '"' + "x" * 1_000_000 + '"',
    "list of 20,000": "[" + ",".join(["1"] * 20_000) + "]", "nested 98 lists": "[" * 98 + "]" * 98,
    "nested 101 lists": "[" * 101 + "]" * 101,
    "nested 101 objects": '{"a":' * 101 + "1" + "}" * 101,
    "nested 3000 lists": "[" * 3000 + "]" * 3000, "white space around": '  "odd"  ',
    "form feed": '\f"odd"', "no-break space around": '\u00a0"odd"', "BOM before": '\ufeff"odd"',
    "two values": '"odd" "odd"', "text then key": '"odd":"odd"',
}  # fmt: skip
_FILE_BREAKING = {
    "unclosed text": '"odd', "unclosed object": '{"odd":1', "unclosed list": "[1",
    "closed list": "1]", "closed object": "1}", "line comment": '"odd" // odd\n',
    "raw line break in text": '"a\nb"', "raw line break": '\n"odd"\n',
    "text of 5 MB": '"' + "y" * 5_000_000 + '"',
}  # fmt: skip


def _named(kind: str, text: str) -> str:
    shown = json.dumps(text)
    return f"{kind} {shown if len(shown) <= 60 else f'{shown[:40]}... of {len(text)}'}"


def text_value(kind: str, text: str) -> Odd:
    """A text as JSON, properly escaped, and as a cell."""
    return Odd(_named(kind, text), json.dumps(text, ensure_ascii=False), text)


def catalogue() -> list[Odd]:
    """Every odd value, each once."""
    kinds = {
        "date": DATES,
        "number": NUMBERS,
        "placeholder": PLACEHOLDERS,
        "identifier": IDENTIFIERS,
        "text": TEXTS,
        "control": CONTROLS,
    }
    values = [text_value(kind, text) for kind, texts in kinds.items() for text in texts]
    tokens = [Odd(f"JSON {what}", text) for what, text in _TOKENS.items()]
    breaking = [Odd(f"JSON {what}", text, alone=True) for what, text in _FILE_BREAKING.items()]
    large = [Odd("text of 1 MB", '"' + "z" * 1_000_000 + '"', "z" * 1_000_000)]
    return list({odd.json_text: odd for odd in (*values, *tokens, *breaking, *large)}.values())


def random_values(rng: random.Random, original: str, count: int) -> Iterator[Odd]:
    """Values of no catalogue: parts of odd values around the original, random dates, characters."""
    texts = (*DATES, *NUMBERS, *PLACEHOLDERS, *IDENTIFIERS, *TEXTS, *CONTROLS)
    for _ in range(count):
        first, second = (text[:40] for text in rng.sample(texts, 2))
        yield text_value("random", rng.choice(_ways(rng, original[:200], first, second))())


def _ways(rng: random.Random, original: str, first: str, second: str):
    def cut() -> str:
        place = rng.randrange(len(original) + 1)
        return original[:place] + first + original[place:]

    def characters() -> str:
        ranges = ((0x00, 0x7F), (0x80, 0x2FF), (0x300, 0x36F), (0x2000, 0x206F), (0xE000, 0x10FFFF))
        low, high = rng.choice(ranges)
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 12)))

    def moment() -> str:
        year = rng.choice((0, 1, 999, 1582, 1900, 2026, 2262, 9999, 10_000, 99_999, 294_247))
        year += rng.randint(-1, 1)
        day = f"{year:04d}-{rng.randint(0, 13):02d}-{rng.randint(0, 32):02d}"
        time = rng.choice(
            ("", "T00:00:00Z", " 24:00", "T23:59:59+14:00", "T12:00:00+02", " 1:00 PM")
        )
        return day + time

    def number() -> str:
        digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((1, 9, 18, 30))))
        return rng.choice(("", "-", "+")) + digits + rng.choice(("", ".5", "e9", "E+11", ",1"))

    return (
        lambda: original + first,
        lambda: first + original,
        cut,
        lambda: first + second,
        lambda: original[: rng.randrange(len(original) + 1)],
        lambda: original[::-1],
        original.swapcase,
        characters,
        lambda: original + characters(),
        moment,
        number,
    )
