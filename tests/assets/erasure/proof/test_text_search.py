"""An identifier is found in every text of every column, in any spelling, however often it is
escaped.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.erasure.proof import text_search
from assets.erasure.proof.text_search import Hits, Texts
from tests.support.examples import examples
from tests.support.spellings import OTHERS, THEIRS

CODE, EMAIL, PHONE = "140285-912A", "aino.lahtija@example.fi", "+358409990111"
REQUESTED = {f"identity_code:{CODE}": ["Q1"], f"email:{EMAIL}": ["Q1"], f"phone:{PHONE}": ["Q2"]}


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts(REQUESTED)


def counts(hits: Hits) -> dict[str, int]:
    return dict(hits.usual + hits.unusual)


COLUMNS = {
    "text": pa.array(["somebody", f"about {CODE} here"]),
    "list": pa.array([[], ["x", f"identity_code:{CODE}"]]),
    "dictionary": pa.array(["somebody", CODE]).dictionary_encode(),
    "structure": pa.array([{"a": None}, {"a": CODE}]),
    "large text": pa.array([None, CODE], pa.large_string()),
    "bytes": pa.array([b"\xff", CODE.encode()]),
    "map": pa.array([[("a", CODE)]], pa.map_(pa.string(), pa.string())),
    "not ASCII": pa.array([f"Äiti {CODE}"]),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_it_is_found_in_compressed_parquet_of_any_column(
    texts: Texts, tmp_path: Path, column: str
) -> None:
    path = tmp_path / "one.parquet"
    pq.write_table(
        pa.table({"value": COLUMNS[column]}), path, compression="zstd", write_statistics=False
    )
    assert counts(text_search.in_parquet(texts, path)) == {"Q1": 1}


def test_it_is_found_in_a_column_of_numbers() -> None:
    texts = Texts({"contact_id:880001112223": ["Q1"]})
    assert counts(texts.in_array(pa.array([1, 880001112223, -5]))) == {"Q1": 1}
    assert counts(texts.in_array(pa.array([2**64 - 1], pa.uint64()))) == {}


def test_it_is_found_in_a_mart(texts: Texts) -> None:
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS mart")
        connection.execute(f"CREATE TABLE mart.people AS SELECT '{CODE.lower()}' AS note")
        assert counts(text_search.in_duckdb(texts, connection, "mart")) == {"Q1": 1}


def json_escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


ESCAPED = {
    "URL": quote(EMAIL, safe=""),
    "URL twice": quote(quote(EMAIL, safe=""), safe=""),
    "every letter in a URL": "".join(f"%{ord(character):02x}" for character in EMAIL),
    "JSON": json_escaped(EMAIL),
    "JSON in JSON": json.dumps({"note": json_escaped(f"ä {EMAIL}")}),
    "HTML": "".join(f"&#{ord(character)};" for character in EMAIL),
    "HTML, hexadecimal": "".join(f"&#x{ord(character):x};" for character in EMAIL),
    "HTML by name": EMAIL.replace("@", "&commat;").replace(".", "&period;"),
    "HTML of HTML": escape("".join(f"&#{ord(character)};" for character in EMAIL)),
    "behind an escaped line break": f"note\\n{EMAIL}",
    "an invisible letter, escaped": EMAIL.replace("@", "\\u200b@"),
    "capitals": EMAIL.upper(),
}


@pytest.mark.parametrize("how", ESCAPED)
def test_it_is_found_however_it_is_escaped(texts: Texts, how: str) -> None:
    for around in ("{}", 'x="{}"', "/find?q={}&page=2"):
        text = around.format(ESCAPED[how])
        assert counts(texts.in_array(pa.array([text]))) == {"Q1": 1}
        assert counts(texts.in_content(text.encode())) == {"Q1": 1}


def test_digits_of_another_script_are_digits(texts: Texts) -> None:
    assert counts(texts.in_array(pa.array(["٠٤٠ ٩٩٩ ٠١١١"]))) == {"Q2": 1}


@pytest.mark.parametrize("identifier", THEIRS)
def test_every_spelling_is_found_among_many_texts(identifier: str) -> None:
    texts = Texts({identifier: ["Q1"]})
    for text in THEIRS[identifier]:
        hits = texts.in_array(pa.array(["somebody else", text, "and a third"]))
        assert counts(hits) == {"Q1": 1}, text


@pytest.mark.parametrize("identifier", OTHERS)
def test_a_longer_identifier_of_somebody_else_is_no_match_and_is_recognised_as_longer(
    identifier: str,
) -> None:
    texts = Texts({identifier: ["Q1"]})
    for text in OTHERS[identifier]:
        assert counts(texts.in_array(pa.array([text]))) == {}, text
    longer = texts.in_array(pa.array([identifier.partition(":")[2] + "99"]))
    assert (counts(longer), longer.embedded) in (({}, {identifier}), ({"Q1": 1}, set()))


def test_usual_and_other_spellings_are_counted_apart(texts: Texts) -> None:
    hits = texts.in_array(pa.array([f"{EMAIL} 040 999 0111 140285 912A"]))
    assert (hits.usual, hits.unusual) == ({"Q1": 1}, {"Q1": 1, "Q2": 1})


def test_adjacent_texts_are_not_joined(texts: Texts) -> None:
    assert (
        counts(texts.in_array(pa.array(["140285", "-912A", "aino.lahtija@", "example.fi"]))) == {}
    )


@settings(deadline=None, max_examples=examples(60), derandomize=True)
@given(before=st.text(max_size=40), after=st.text(max_size=40), rows=st.integers(0, 3))
def test_it_is_found_among_any_texts(before: str, after: str, rows: int) -> None:
    texts = Texts(REQUESTED)
    column = pa.array([before] * rows + [f"{before} ;{EMAIL}; {after}"] + [after] * rows)
    assert counts(texts.in_array(column)).get("Q1", 0) >= 1


def test_a_text_longer_than_a_chunk_is_searched_whole(
    texts: Texts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_search, "CHUNK", 2048)
    path = tmp_path / "log"
    for offset in (0, 2000, 2040, 4090):
        path.write_bytes(b"." * offset + f" {EMAIL.upper()} ".encode() + b"." * 3000)
        assert counts(text_search.in_file(texts, path)).get("Q1", 0) >= 1
