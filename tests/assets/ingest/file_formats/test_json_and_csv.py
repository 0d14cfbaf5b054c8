"""However a file is cut into chunks, its records come out whole, in order, and none is lost."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.ingest.file_formats import batches, decoding, reading
from assets.ingest.file_formats.batches import FileFacts
from assets.sources.formats import Csv, Format, JsonArray, JsonLines
from schemas.delivery import RefusedDeliveryError
from tests.support.examples import examples

AWKWARD = st.text(
    st.one_of(
        st.sampled_from('"\\[]{},:\n\t äöÅ€𝄞\u2028'), st.characters(exclude_categories=("Cs",))
    ),
    max_size=12,
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    AWKWARD,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(AWKWARD, inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(AWKWARD, VALUES, max_size=4)
CHUNKS = st.integers(1, 40)
CODECS = st.sampled_from(["utf-8-sig", "utf-16-le"])
STYLE = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])
SEVERAL = settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def payloads(batches: Any) -> list[str]:
    """All payloads; and the numbers must count them."""
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["record_no"] for row in rows] == list(range(len(rows)))
    return [row["payload"] for row in rows]


@SEVERAL
@given(records=st.lists(VALUES, max_size=6), chunk=CHUNKS, style=STYLE, codec=CODECS)
def test_a_top_level_array_comes_apart_into_its_elements(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[Any],
    chunk: int,
    style: dict[str, Any],
    codec: str,
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    path = written(tmp_path / "file", json.dumps(records, **style).encode(codec))
    elements = payloads(reading.records(path, codec, JsonArray()))
    assert [json.loads(element) for element in elements] == records


@SEVERAL
@given(
    records=st.lists(OBJECTS, max_size=6), before=OBJECTS, after=OBJECTS, chunk=CHUNKS, style=STYLE
)
def test_an_array_under_a_key_comes_apart_and_its_envelope_is_known(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[Any],
    before: dict[str, Any],
    after: dict[str, Any],
    chunk: int,
    style: dict[str, Any],
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    envelope = {
        **{f"a{name}": value for name, value in before.items()},
        "muutokset": records,
        **{f"b{name}": value for name, value in after.items()},
    }
    facts = FileFacts()
    path = written(tmp_path / "file", json.dumps(envelope, **style).encode())
    elements = payloads(reading.records(path, "utf-8-sig", JsonArray(("muutokset",)), facts))
    assert [json.loads(element) for element in elements] == records
    assert facts.envelope == {**envelope, "muutokset": []}


@SEVERAL
@given(
    inner=st.lists(OBJECTS, max_size=3),
    records=st.lists(OBJECTS, min_size=1, max_size=3),
    chunk=CHUNKS,
)
def test_only_the_array_at_the_top_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inner: list[Any],
    records: list[Any],
    chunk: int,
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    envelope = {"sivu": {"muutokset": inner}, "teksti": '"muutokset": [', "muutokset": records}
    path = written(tmp_path / "file", json.dumps(envelope).encode())
    elements = payloads(reading.records(path, "utf-8-sig", JsonArray(("muutokset",))))
    assert [json.loads(element) for element in elements] == records


@SEVERAL
@given(
    records=st.lists(VALUES, max_size=8),
    chunk=CHUNKS,
    end=st.sampled_from(["", "\n", "\r\n", "\n\n \n"]),
    between=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_lines_come_one_by_one_and_blank_ones_do_not_count(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: list[Any],
    chunk: int,
    end: str,
    between: str,
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    text = between.join(json.dumps(record) for record in records) + end
    path = written(tmp_path / "file", text.encode())
    lines = payloads(reading.records(path, "utf-8-sig", JsonLines()))
    assert [json.loads(line) for line in lines] == records


FIELD = st.text(
    st.one_of(st.sampled_from("\"',;\n äö€\\"), st.characters(exclude_categories=("Cs", "Cc"))),
    max_size=10,
)


@SEVERAL
@given(
    rows=st.lists(st.lists(FIELD, min_size=3, max_size=3), max_size=6),
    chunk=st.integers(200, 400),
    end=st.sampled_from(["\n", "\r\n"]),
    codec=CODECS,
)
def test_csv_rows_come_as_objects_of_text(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[list[str]],
    chunk: int,
    end: str,
    codec: str,
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [["Record ID", "Nimi, koko", 'a"b'], *rows]
    )
    path = written(tmp_path / "file", file.getvalue().encode(codec))
    expected = [dict(zip(["Record ID", "Nimi, koko", 'a"b'], row, strict=True)) for row in rows]
    read_rows = payloads(reading.records(path, codec, Csv(())))
    assert [json.loads(payload) for payload in read_rows] == expected


@pytest.mark.parametrize("text", ["a,b\n1,2\n1,2,3\n4,5\n", "a,b\n1\n4,5\n"])
def test_a_row_with_other_fields_than_the_header_is_kept_and_marked(
    tmp_path: Path, text: str
) -> None:
    path = written(tmp_path / "file", text.encode())
    rows = [
        row for batch in reading.records(path, "utf-8-sig", Csv(())) for row in batch.to_pylist()
    ]
    assert sorted((row["payload"], tuple(row["faults"])) for row in rows if row["faults"]) == [
        (text.split("\n")[2 if "3" in text else 1], ("REC-CSV-FIELDS",))
    ]
    assert len(rows) == text.count("\n") - 1
    assert [row["record_no"] for row in rows] == list(range(len(rows)))


NO_ARRAY = ["", "   ", "[", "[1", "[1,", '["', '[{"a": 1}', "nimi", "]", "[1] 2", "null", '"["']
# Where an array is expected, a lone object is one record.
NO_ARRAY_IN_OBJECT = ['{"perustiedot": [1, 2}', '{"perustiedot": [1, 2]', '{"muut": []}']


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *((text, None) for text in NO_ARRAY),
        *((text, "perustiedot") for text in NO_ARRAY + NO_ARRAY_IN_OBJECT),
    ],
)
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_file_that_is_not_an_array_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, key: str | None, chunk: int
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    with pytest.raises(RefusedDeliveryError) as refused:
        array(tmp_path, text, key)
    assert refused.value.code == "DEL-STRUCTURE"


@pytest.mark.parametrize("declared", [JsonLines(), Csv(())])
@pytest.mark.parametrize("chunk", [7, 1000])
def test_bytes_of_another_encoding_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: Format, chunk: int
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    path = written(tmp_path / "file", 'a\n"Mäkinen"\n'.encode("cp1252"))
    with pytest.raises(RefusedDeliveryError) as refused:
        payloads(reading.records(path, "utf-8-sig", declared))
    assert refused.value.code == "DEL-ENCODING"
    assert "kinen" not in str(refused.value)


def test_half_a_character_at_the_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "file", '"Mä'.encode()[:-1])
    with pytest.raises(RefusedDeliveryError, match="DEL-ENCODING"):
        payloads(reading.records(path, "utf-8-sig", JsonLines()))


def test_a_lone_object_where_an_array_is_expected_is_one_record(tmp_path: Path) -> None:
    text = '{"result": "error", "message": "[, ]"}'
    assert array(tmp_path, text, None) == [text]


def read(
    tmp_path: Path, text: str | bytes, declared: tuple[str, ...] = (), codec: str = "utf-8-sig"
) -> tuple[FileFacts, list[dict[str, Any]]]:
    """What was found out about a CSV file, and its rows."""
    data = text.encode() if isinstance(text, str) else text
    facts = FileFacts()
    path = written(tmp_path / "file", data)
    rows = [
        row
        for batch in reading.records(path, codec, Csv(declared), facts)
        for row in batch.to_pylist()
    ]
    assert [row["record_no"] for row in rows] == list(range(len(rows)))
    return facts, rows


def objects(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    assert [row["faults"] for row in rows] == [[]] * len(rows)
    return [json.loads(row["payload"]) for row in rows]


def refusal(tmp_path: Path, text: str | bytes, declared: tuple[str, ...] = ()) -> str:
    with pytest.raises(RefusedDeliveryError) as refused:
        read(tmp_path, text, declared)
    return str(refused.value)


@pytest.mark.parametrize(
    "cell",
    [
        "Email",
        "email",
        " EMAIL ",
        "Email\u00a0",
        "\u200bEmail",
        "Ema\u00adil",
        "Ｅmail",
        "\ufeffEmail",
    ],
)
def test_a_declared_column_gets_its_declared_name(tmp_path: Path, cell: str) -> None:
    _, rows = read(tmp_path, f"Record ID,{cell}\n1,a@example.fi\n", ("Record ID", "Email"))
    assert objects(rows) == [{"Record ID": "1", "Email": "a@example.fi"}]


def test_other_columns_keep_their_name_trimmed(tmp_path: Path) -> None:
    _, rows = read(tmp_path, "Record ID, Oma  Kenttä\u00a0\n1,x\n", ("Record ID",))
    assert objects(rows) == [{"Record ID": "1", "Oma  Kenttä": "x"}]


@pytest.mark.parametrize(
    "names",
    [
        ["rows", "Rows 2", "delivered", "payload", "c0", "_1"],
        ["batch", "c1", "c0", 'a"b', "it's", "a\nb"],
        ["json_object", "select", "*", "$1", "{}", "a\\b"],
    ],
)
def test_no_name_of_a_column_disturbs(tmp_path: Path, names: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([names, [str(place) for place in range(len(names))]])
    _, rows = read(tmp_path, file.getvalue())
    assert objects(rows) == [{name: str(place) for place, name in enumerate(names)}]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("email,Email", "columns 1 and 2 differ in nothing but capitals or blanks"),
        ("Record ID,Email,Email\u00a0", "same column twice (Email): columns 2 and 3"),
        ("Record ID,Ｅmail,Email", "same column twice (Email): columns 2 and 3"),
        ("Record ID,oma,OMA", "same column twice: columns 2 and 3"),
        ("Record ID,A\u0308,ä", "same column twice: columns 2 and 3"),
    ],
)
def test_columns_that_become_one_refuse_the_file(tmp_path: Path, cells: str, reason: str) -> None:
    message = refusal(tmp_path, f"{cells}\n1,2,3\n", ("Record ID", "Email"))
    assert message.startswith("DEL-STRUCTURE: ")
    assert reason in message
    assert "OMA" not in message


@pytest.mark.parametrize("row", ["1,x,,", "1,x", "1,x,", "1,x, ,\u00a0", "1,x,,,,"])
def test_blank_trailing_columns_are_ignored_and_counted(tmp_path: Path, row: str) -> None:
    """Excel leaves out delimiters of blank cells after some rows, or writes more."""
    facts, rows = read(
        tmp_path, f"Record ID,Email,, \u200b\n2,y,,\n{row}\n", ("Record ID", "Email")
    )
    assert facts.blank_columns == 2
    assert objects(rows) == [{"Record ID": "2", "Email": "y"}, {"Record ID": "1", "Email": "x"}]


def test_blank_fields_beyond_the_header_are_no_misfits(tmp_path: Path) -> None:
    _, rows = read(tmp_path, 'Record ID,Email\n1,"x\ny",,\n', ("Record ID", "Email"))
    assert objects(rows) == [{"Record ID": "1", "Email": "x\ny"}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Record ID,Email,,\n1,x,,salainen\n", "column 4 has values but no name"),
        ("Record ID,,Email\n1,,x\n", "column 2 of the header is blank"),
        (",Record ID\n,1\n", "column 1 of the header is blank"),
        (",,\n1,2,3\n", "column 1 of the header is blank"),
    ],
)
def test_a_blank_column_that_may_mean_something_refuses_the_file(
    tmp_path: Path, text: str, reason: str
) -> None:
    message = refusal(tmp_path, text, ("Record ID", "Email"))
    assert reason in message
    assert "twice" not in message
    assert "salainen" not in message


@pytest.mark.parametrize(
    "cell", ["password", "Lo\u0308senord", "ＳＡＬＡＳＡＮＡ", "Old pass\u00adword 2"]
)
def test_a_password_column_is_not_read_not_even_from_misfits(tmp_path: Path, cell: str) -> None:
    text = f"Record ID,{cell},Email\n1,hunter-1,x\n2,hunter-2\n3,hunter-3,x,y\n"
    facts, rows = read(tmp_path, text, ("Record ID", "Email"))
    assert facts.dropped_columns == 1
    assert json.loads(rows[0]["payload"]) == {"Record ID": "1", "Email": "x"}
    assert [row["faults"] for row in rows[1:]] == [["REC-CSV-FIELDS"]] * 2
    assert len({row["payload"] for row in rows}) == 3
    assert "hunter" not in repr(rows)


def test_the_declared_columns_that_are_missing_are_known(tmp_path: Path) -> None:
    facts, _ = read(tmp_path, "email ,x\n1,2\n", ("Record ID", "Email", "City"))
    assert facts.missing_columns == ["Record ID", "City"]


@pytest.mark.parametrize(
    "text", ["Record ID;Email\n1;x\n", "Record ID\tEmail\n1\tx\n", "sep=,\nRecord ID,Email\n1,x\n"]
)
def test_a_file_without_any_declared_column_is_refused(tmp_path: Path, text: str) -> None:
    assert "none of the dataset's columns" in refusal(tmp_path, text, ("Record ID", "Email"))


def test_a_file_of_another_encoding_is_refused_as_that(tmp_path: Path) -> None:
    wide = "Record ID,Email\n1,x\n".encode("utf-16-le")
    assert refusal(tmp_path, wide, ("Record ID",)).startswith("DEL-ENCODING: ")
    for codec, mark in (
        ("iso-8859-1", "utf-8-sig"),
        ("cp1252", "utf-16"),
        ("utf-16-le", "utf-16-be"),
    ):
        data = "\ufeffRecord ID,Email\n1,x\n".encode(mark.removesuffix("-sig"))
        with pytest.raises(RefusedDeliveryError, match="byte-order mark"):
            read(tmp_path, data, ("Record ID",), codec)


@pytest.mark.parametrize("text", ["", "\ufeff", "Record ID,Email", "Record ID,Email\r\n", "\n\n"])
def test_a_file_without_rows_has_no_records(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, ("Record ID",))[1] == []


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_lines_end_as_they_end(tmp_path: Path, end: str) -> None:
    text = end.join(["Record ID,Email", '1,"a', 'b"', "2,x", ""])
    assert [row["Record ID"] for row in objects(read(tmp_path, text, ("Record ID",))[1])] == [
        "1",
        "2",
    ]


def test_awkward_fields_stay_as_they_are(tmp_path: Path) -> None:
    long = "x" * (batches.LARGEST_RECORD + 1)
    _, rows = read(tmp_path, f'Record ID,Email\n1,a"b\n2,\0\n3,{long}\n', ("Record ID",))
    assert [row["Email"] for row in objects(rows)] == ['a"b', "\0", long]


def test_a_quotation_mark_that_is_not_closed_is_named(tmp_path: Path) -> None:
    text = 'Record ID,Email\n1,"' + "salainen\n" * (decoding.CHUNK // 3)
    assert "is a quotation mark not closed?" in refusal(tmp_path, text, ("Record ID",))


def test_a_file_may_have_thousands_of_columns(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(3000)]
    _, rows = read(tmp_path, "\n".join([",".join(names), ",".join(names)]) + "\n")
    assert objects(rows) == [{name: name for name in names}]


@pytest.mark.parametrize(
    "text",
    [
        '{"muutokset":[{"a":1}],"muutokset":[{"a":2}]}',
        '{"muut\\u006fkset":[{"a":1}],"muutokset":[{"a":2}]}',
        '{"muutokset":[{"a":1}],"muut\\u006fkset":1}',
        '{"x":1,"muutokset":[{"a":1}],"x":2}',
        '{"x":{"y":1,"y":2},"muutokset":[{"a":1}]}',
    ],
)
def test_a_key_that_comes_twice_around_the_records_refuses_the_file(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(RefusedDeliveryError, match="a key comes twice"):
        array(tmp_path, text)


def array(tmp_path: Path, text: str, key: str | None = "muutokset") -> list[str]:
    path = written(tmp_path / "file", text.encode())
    return payloads(reading.records(path, "utf-8-sig", JsonArray((key,) if key else ())))


@pytest.mark.parametrize(
    "before",
    ['"x\\"muutokset":[9],', '"x":{"muutokset":[9]},', '"x":["muutokset",[9]],', '"x":[9],'],
)
def test_the_array_is_matched_by_its_whole_key(tmp_path: Path, before: str) -> None:
    assert array(tmp_path, "{" + before + ' "muutokset" : [{"a":1}]}') == ['{"a":1}']


@pytest.mark.parametrize("chunk", [1, 1000])
@pytest.mark.parametrize("text", ['[{"a":1},]', "[,]", '[,{"a":1}]', '[{"a":1},,{"b":1}]'])
def test_a_comma_too_many_in_the_array_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, text: str
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", chunk)
    with pytest.raises(RefusedDeliveryError, match="comma too many"):
        array(tmp_path, text, None)


@pytest.mark.parametrize("around", ['{"n":NaN,"muutokset":[]}', '{"n":1,"muutokset":[],}'])
def test_what_surrounds_the_records_is_strict_json(tmp_path: Path, around: str) -> None:
    with pytest.raises(RefusedDeliveryError, match="surrounds the array"):
        array(tmp_path, around)


def test_elements_that_are_no_objects_come_as_they_are(tmp_path: Path) -> None:
    elements = ["1", '"a,b"', "null", "[1,[2]]", "/* x */ {}", '{"a":1}']
    assert array(tmp_path, " [" + " ,\n".join(elements) + "] ", None) == elements


@pytest.mark.parametrize("text", ['{"x":1', '{"x":["' + "y" * 100, "[" + '"' + "y" * 100])
def test_what_never_ends_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(decoding, "CHUNK", 1)
    monkeypatch.setattr(batches, "LARGEST_UNFINISHED", 5)
    with pytest.raises(RefusedDeliveryError, match="DEL-STRUCTURE"):
        array(tmp_path, text, None if text[0] == "[" else "muutokset")
    path = written(tmp_path / "file", text.encode())
    with pytest.raises(RefusedDeliveryError, match="endless line"):
        payloads(reading.records(path, "utf-8-sig", JsonLines()))


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedDeliveryError, match="DEL-UNREADABLE"):
        payloads(reading.records(tmp_path, "utf-8-sig", JsonLines()))
