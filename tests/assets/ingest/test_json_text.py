"""What is taken in as JSON, every parser reads: DuckDB's, which is lenient, and Python's."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.ingest import intake, json_text
from assets.ingest.file_formats.batches import DEEPEST_RECORD
from assets.sources import credit_bureau
from assets.sources.source import STATEMENT_MACROS
from schemas.identifiers import install
from tests.support.examples import examples

DUCKDB = duckdb.connect()
install(DUCKDB)
DUCKDB.execute(STATEMENT_MACROS)
REPORTS = credit_bureau.SOURCE.datasets[0]

SPACE = st.sampled_from(["", "", "", " ", "\n", "\t \r\n"])
SCALAR = st.sampled_from(
    [
        "1", "-0", "1.5e3", "null", "true", '""', '"a, ]"', '": nan,"', '"\\"x\\": "', '"\\u00e4"',
        "nan", "-NaN", "NaN", "inf", "-Infinity", "INF", "01", "+1", ".5", "5.", "0x1", "True",
        "1e308", "1e309", "-1E+400", "1e-999", "1" * 150 + "e99", "1" * 250 + "e99", "9" * 308,
        "9" * 309, "1" * 5000, "1." + "1" * 5000, '"\\ud800"', '"\\ud83d\\ude00"', '"\x01"', "'a'",
        '"\\x41"', "undefined", "/**/1", "1//", "\u00a01", '"\u2028"', "Ä", "",
    ]
)  # fmt: skip
KEY = st.sampled_from(['"a"', '"b"', '"\\u0061"', '"ä"', "a", '""', '"\\ud800"', '"x\\"y"'])
COMMA = st.sampled_from([",", ",", ", ", " ,", ",,"])
END = st.sampled_from(["", "", "", ","])


def _joined(parts: list[str], comma: str, end: str) -> str:
    return comma.join(parts) + end


VALUE = st.recursive(
    SCALAR,
    lambda inner: st.one_of(
        st.builds(
            lambda *parts: f"[{parts[0]}{_joined(*parts[1:])}]",
            SPACE,
            st.lists(st.builds(str.__add__, SPACE, inner), max_size=3),
            COMMA,
            st.builds(str.__add__, END, SPACE),
        ),
        st.builds(
            lambda *parts: "{" + parts[0] + _joined(*parts[1:]) + "}",
            SPACE,
            st.lists(st.builds("{}{}:{}".format, KEY, SPACE, inner), max_size=3),
            COMMA,
            st.builds(str.__add__, END, SPACE),
        ),
    ),
    max_leaves=5,
)
NEARLY_JSON = st.builds('{{"a":{}{}}}'.format, VALUE, st.builds(str.__add__, END, SPACE))


def faults(*payloads: str) -> list[list[str]]:
    """The codes that intake gives each record."""
    batch = pa.table(
        {
            "record_no": pa.array(range(len(payloads)), pa.int64()),
            "payload": pa.array(payloads, pa.string()),
            "faults": pa.array([[]] * len(payloads), pa.list_(pa.string())),
        }
    )
    with DUCKDB.cursor() as connection:
        stored = intake.store(connection, "credit_bureau", REPORTS, batch, suppressing=False)
    return stored["faults"].to_pylist()


def read_by_all(text: str) -> bool:
    """Whether DuckDB reads the text and Python reads it by JSON's standard, each number finite."""
    read = DUCKDB.execute("SELECT json_valid(?)", [text]).fetchone()
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False).encode()
        for number in _numbers(value):
            float(number)
    except (ValueError, OverflowError):
        return False
    return bool(read and read[0])


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for inner in value.values() for number in _numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in _numbers(inner)]
    return [value] if isinstance(value, int | float) else []


@settings(max_examples=examples(60))
@given(records=st.lists(NEARLY_JSON, min_size=1, max_size=40))
@example(
    records=['{"a":1,}', '{"a":[1 , ]}', '{"a":nan}', '{"a":1e999}', '{"a":' + "1" * 5000 + "}"]
)
def test_a_record_is_rec_json_exactly_when_some_parser_does_not_read_it(records: list[str]) -> None:
    verdicts = [{"REC-JSON"} <= set(codes) for codes in faults(*records)]
    assert verdicts == [not read_by_all(record) for record in records]


@pytest.mark.parametrize(
    "record",
    [
        '{"a":1,"a":2,}',
        '{"a\\/b":nan}',
        '{"a":{"b":1,"b":' + "1" * 5000 + "}}",
        '{"a":' * 3000 + "nan" + "}" * 3000,
        '{"a":' + "[" * 3000 + "1," + "]" * 3000 + "}",
    ],
)
def test_no_record_stops_those_beside_it(record: str) -> None:
    """Escaped and repeated keys, depth and leniency together: one code each, the others go on."""
    assert [bool(codes) for codes in faults('{"a":1}', record, '{"a":2}')] == [False, True, False]


def test_a_record_that_only_duckdb_reads_is_found_by_its_identifiers() -> None:
    """An erasure request finds its record, though that is in quarantine."""
    batch = pa.table(
        {
            "record_no": pa.array([0], pa.int64()),
            "payload": ['{"socialSecurityNumber":"010180-9110","creditClass":"A",}'],
            "faults": pa.array([[]], pa.list_(pa.string())),
        }
    )
    with DUCKDB.cursor() as connection:
        stored = intake.store(connection, "credit_bureau", REPORTS, batch, suppressing=False)
    assert stored["identifiers"].to_pylist() == [["identity_code:010180-9110"]]


def without(*records: str) -> list[str]:
    bare = json_text.without_passwords(pa.array(records))
    return list(records) if bare is None else bare.to_pylist()


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "OLD_PASSWORD",
        "Lo\u0308senord",
        "\\u006cösenord",
        "ｓａｌａｓａｎａ",
        "pass\u00adword",
        'a\\"password',
    ],
)
def test_a_password_is_dropped_at_any_depth_and_the_rest_stays(key: str) -> None:
    record = '{"a":[{"KEY":"hunter-1","b":"ä"}],"KEY":{"c":"hunter-2"},"d":1}'.replace("KEY", key)
    other = '{"a":"password: salasana","b":"say \\"password\\": x"}'
    assert without(record, other) == ['{"a":[{"b":"ä"}],"d":1}', other]


def test_a_record_that_cannot_be_taken_apart_loses_all_with_its_password() -> None:
    assert without('{"Password":"hunter-1",}', '{"b":{"salasana":"hunter-2', '{"b":1,}') == [
        "{}",
        "{}",
        '{"b":1,}',
    ]


def test_the_deepest_allowed_record_is_sound() -> None:
    deepest = '{"a":' + "[" * (DEEPEST_RECORD - 1) + "]" * (DEEPEST_RECORD - 1) + "}"
    assert faults(deepest) == [[]]
