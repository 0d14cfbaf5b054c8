"""What people, exporters, forms and mail clients write: removal and proof each find it by
themselves.

And what is somebody else's stays byte for byte.
"""

from __future__ import annotations

import json
from datetime import date
from html import escape
from urllib.parse import quote

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.erasure.proof import tokens
from assets.erasure.proof.text_search import Texts
from assets.ingest import suppression
from assets.ingest.mentions import suppressed_texts
from assets.ingest.mentions.redaction import MARK, Record, Redaction
from assets.ingest.mentions.scanning import Prefilter
from assets.ingest.mentions.spellings import Spellings
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect

CODE, YOUNG = "140285-9164", "010203A913F"
KNOWN = (
    f"identity_code:{CODE}",
    f"identity_code:{YOUNG}",
    "email:aino.lahtija@example.fi",
    "phone:+358409990111",
    "visitor_id:a1a1a1a1a1a1a1a1",
    "customer_number:C7000001",
    "contact_id:880001112223",
)
REDACTION = Redaction(Spellings(KNOWN, "FI"))
PREFILTER = Prefilter(REDACTION.spellings.fragments)
PROOF = Texts({identifier: ["Q1"] for identifier in KNOWN})

PHONES = [
    "40.999.0111", "0 4 0 9 9 9 0 1 1 1", "040_999_0111", "040/999/0111", "040·999·0111",
    "040\n999\n0111", "040 – 999 – 01 11", "0409990111/0501234567", "0409990111-0501234567",
    "tel_0409990111_x", "puh0409990111", "p0409990111", "0409990111gsm", "00 358 40 999 0111",
    "+358\\40\\9990111", "040|999|0111", "+358 (0) 40 999 0111", "+358409990111;ext=12",
    "٠٤٠ ٩٩٩ ٠١١١",
]  # fmt: skip
ADDRESSES = [
    "aino.lahtija [at] example.fi", "aino.lahtija(at)example.fi", "aino.lahtija at example.fi",
    "aino.lahtija ät example.fi", "aino.lahtija_at_example.fi", "aino.lahtija (miuku) example.fi",
    "aino piste lahtija at example piste fi", "aino[dot]lahtija[at]example[dot]fi",
    "aino.lahtija {at} example {dot} fi", "aino.lahtija snabel-a example.fi",
    "aino.lahtija=40example.fi", "aino=2Elahtija=40example=2Efi", "aino.lahtija=\n@example.fi",
    "=61=69=6E=6F.lahtija@example.fi", "aino.lahtija@example。fi", "aino.lahtija@example .fi",
    "aino.lahtija@ example . fi", "aino.lahtija@\nexample.fi", "\u0430ino.lahtija@example.fi",
    "aino.lahtija@ex\u0430mple.fi", "aino.lahtija@example.fi-osoitteeseen",
    "aino.lahtija@<wbr>example.fi", "aino.lahtija<span>@</span>example.fi",
    "aino.lahtija@example,fi",
]  # fmt: skip
CODES = [
    "hetu140285-9164", "140285-9164hetu", "140285\n9164", "140285//9164", "140285_9164",
    "140285.9164", "140285--9164", "14.02.85-9164", "14.02.1985-9164", "14.2.1985-9164",
    "19850214-9164", "1985-02-14-9164", "1 4 0 2 8 5 - 9 1 6 4", "140285=2D9164",
    "140285&ndash;9164", "140285-916", "140285 9164", "010203 A 913 F", "01.02.2003A913F",
    "010203A-913F", "hetu010203A913F",
]  # fmt: skip
IDS = [
    "C-7000001", "C 7000001", "C7 000 001", "c_7000001", "C/7000001", "\u04217000001",
    "880 001 112 223", "880-001-112-223", "8800 0111 2223", "a1a1 a1a1 a1a1 a1a1",
    "pk_id=A1A1A1A1A1A1A1A1.167",
]  # fmt: skip
PLACES = {
    "all of a field": lambda text: json.dumps({"note": text}, ensure_ascii=False),
    "running text": lambda text: json.dumps({"note": f"see {text} there"}, ensure_ascii=False),
    "escaped": lambda text: json.dumps({"note": f"ä {text} ä"}),
    "escaped twice": lambda text: json.dumps({"note": json.dumps([text])}),
    "unreadable": lambda text: f'{{"note": "see {text} there", "class": ',
}


def proven(text: str) -> bool:
    hits = PROOF.in_array(pa.array([text]))
    return bool(hits.usual + hits.unusual)


def assert_both(text: str, *, readable: bool = True) -> None:
    redacted = REDACTION.text(text, Record(readable=readable))
    assert MARK in redacted, text
    assert proven(text), text
    assert not proven(redacted), redacted
    assert PREFILTER.candidates(pa.array(["nobody", text])).tolist() == [1], text


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [*PHONES, *ADDRESSES, *CODES, *IDS])
def test_it_is_redacted_and_proven_wherever_it_stands(text: str, place: str) -> None:
    assert_both(PLACES[place](text), readable=place != "unreadable")


SEPARATORS = st.sampled_from(["", " ", "-", ".", "/", "_", " - ", "\u2009", "·", "//", "\n"])
ENCODINGS = st.sampled_from(
    [
        str,
        str.upper,
        lambda text: quote(text, safe=""),
        lambda text: quote(quote(text, safe=""), safe=""),
        escape,
        lambda text: "".join(f"&#{ord(sign)};" for sign in text),
        lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    ]
)
PARTS = (
    ["040", "999", "0111"],
    ["358", "40", "9990111"],
    ["140285-", "9164"],
    ["14", "02", "85-", "9164"],
    ["010203A", "913F"],
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(PARTS), SEPARATORS, ENCODINGS, st.sampled_from(sorted(PLACES)))
def test_any_separator_in_any_encoding(
    parts: list[str], separator: str, encoding: object, place: str
) -> None:
    assert callable(encoding)
    written = encoding(f"about {separator.join(parts)} now")
    assert_both(PLACES[place](written), readable=place != "unreadable")


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(["@", " @ ", "(at)", " [at] ", " at ", "=40", "%40", "&#64;", "\\u0040"]),
    st.sampled_from([".", " .", "[.]", " (dot) ", " piste ", "。"]),
    st.sampled_from(sorted(PLACES)),
)
def test_any_sign_of_an_address(at: str, dot: str, place: str) -> None:
    text = f"write aino.lahtija{at}example{dot}fi today"
    assert_both(PLACES[place](text), readable=place != "unreadable")


OTHERS = st.one_of(
    st.integers(0, 10**9 - 1).map(lambda n: f"{n:09d}"),
    st.dates().map(lambda day: f"{day:%d.%m.%Y}"),
    st.datetimes().map(lambda moment: moment.isoformat(" ")),
    st.integers(0, 10**7).map(lambda n: f"invoice {n} EUR {n % 997}.50"),
    st.integers(10**6, 10**7 - 1).filter(lambda n: n != 9990111).map(lambda n: f"040 {n}"),
    st.integers(1, 899).map(lambda n: f"150386-{n:03d}A"),
    st.integers(0, 10**6 - 1).filter(lambda n: n != 1).map(lambda n: f"C-7{n:06d}"),
    st.sampled_from(
        [
            "o'aino.lahtija@example.fi", "maija+aino.lahtija@example.fi", "maino@example.fi",
            "aino.lahtija@example.fi.example", "140285A9164", "0409990112", "+46 40 999 0111",
            "0409990111.50", "C7000001-2", "XC7000001", "1 880 001 112 223", "matti 2024",
        ]
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(OTHERS, max_size=6))
def test_what_is_somebody_elses_stays_byte_for_byte(words: list[str]) -> None:
    text = json.dumps({"note": " ; ".join(words)})
    if "409990111" not in words:
        assert REDACTION.text(text, Record()) == text


# Of these a hash cannot be made without knowing what to look for
# (docs/decisions/mentions-in-text.md).
NOT_BY_HASH = ("40.999.0111", "140285-916", "C7 000 001", "a1a1 a1a1 a1a1 a1a1")


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("listed") / "data")
    data_root.create()
    with connect(data_root) as connection:
        connection.execute(
            "CREATE TABLE erased_identifiers AS SELECT unnest(?::VARCHAR[]) AS id", [[*KNOWN]]
        )
        query = "SELECT id AS identifier, 'Q1' AS request_id FROM erased_identifiers"
        suppression.add(data_root, connection, query, date(2026, 11, 23))
    return data_root


@pytest.mark.parametrize("spelling", [*PHONES, *ADDRESSES, *CODES, *IDS])
def test_after_the_erasure_intake_and_the_nightly_proof_match_it_by_its_hash(
    listed: DataRoot, spelling: str
) -> None:
    text = PLACES["running text"](spelling)
    with connect(listed) as connection:
        suppression.prepare(listed, connection)
        suppressed_texts.prepare(listed, connection)
        by_intake = suppressed_texts.listed_in(connection, pa.array([text]))
        tokens.prepare(listed, connection)
        connection.execute("CREATE TABLE searched AS SELECT ? AS text", [text])
        tokens.find(connection, "FROM searched")
        by_proof = connection.execute(
            "FROM text_tokens JOIN suppressed ON token = suppression_token(identifier)"
        ).fetchall()
    assert bool(by_intake) == (spelling not in NOT_BY_HASH)
    assert by_proof or spelling in NOT_BY_HASH
