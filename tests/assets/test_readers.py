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

from assets import readers
from schemas.delivery import RefusedDeliveryError

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
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
    monkeypatch.setattr(readers, "CHUNK", chunk)
    path = written(tmp_path / "file", json.dumps(records, **style).encode(codec))
    found = payloads(readers.read_json_array(path, codec, readers.ElementSplitter(None)))
    assert [json.loads(one) for one in found] == records


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
    monkeypatch.setattr(readers, "CHUNK", chunk)
    envelope = {
        **{f"a{name}": value for name, value in before.items()},
        "muutokset": records,
        **{f"b{name}": value for name, value in after.items()},
    }
    splitter = readers.ElementSplitter("muutokset")
    found = payloads(
        readers.read_json_array(
            written(tmp_path / "file", json.dumps(envelope, **style).encode()),
            "utf-8-sig",
            splitter,
        )
    )
    assert [json.loads(one) for one in found] == records
    assert splitter.envelope() == {**envelope, "muutokset": []}


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
    monkeypatch.setattr(readers, "CHUNK", chunk)
    envelope = {"sivu": {"muutokset": inner}, "teksti": '"muutokset": [', "muutokset": records}
    found = payloads(
        readers.read_json_array(
            written(tmp_path / "file", json.dumps(envelope).encode()),
            "utf-8-sig",
            readers.ElementSplitter("muutokset"),
        )
    )
    assert [json.loads(one) for one in found] == records


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
    monkeypatch.setattr(readers, "CHUNK", chunk)
    text = between.join(json.dumps(one) for one in records) + end
    found = payloads(
        readers.read_json_lines(written(tmp_path / "file", text.encode()), "utf-8-sig")
    )
    assert [json.loads(one) for one in found] == records


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
    monkeypatch.setattr(readers, "CHUNK", chunk)
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [["Record ID", "Nimi, koko", 'a"b'], *rows]
    )
    path = written(tmp_path / "file", file.getvalue().encode(codec))
    expected = [dict(zip(["Record ID", "Nimi, koko", 'a"b'], row, strict=True)) for row in rows]
    assert [json.loads(one) for one in payloads(readers.read_csv(path, codec))] == expected


@pytest.mark.parametrize("text", ["a,b\n1,2\n1,2,3\n4,5\n", "a,b\n1\n4,5\n"])
def test_a_row_with_other_fields_than_the_header_is_kept_and_marked(
    tmp_path: Path, text: str
) -> None:
    rows = [
        row
        for batch in readers.read_csv(written(tmp_path / "file", text.encode()), "utf-8-sig")
        for row in batch.to_pylist()
    ]
    assert sorted((row["payload"], tuple(row["faults"])) for row in rows if row["faults"]) == [
        (text.split("\n")[2 if "3" in text else 1], ("REC-CSV-FIELDS",))
    ]
    assert len(rows) == text.count("\n") - 1
    assert [row["record_no"] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "[",
        "[1",
        "[1,",
        '["',
        '[{"a": 1}',
        "nimi",
        "]",
        '{"perustiedot": [1, 2}',
        '{"perustiedot": [1, 2]',
        '{"muut": []}',
        "[1] 2",
        "null",
        '"["',
    ],
)
@pytest.mark.parametrize("key", [None, "perustiedot"])
@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_a_file_that_is_not_an_array_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, key: str | None, chunk: int
) -> None:
    if key is None and text.startswith("{"):
        pytest.skip("where an array is expected a lone object is one record")
    monkeypatch.setattr(readers, "CHUNK", chunk)
    with pytest.raises(RefusedDeliveryError) as refused:
        payloads(
            readers.read_json_array(
                written(tmp_path / "file", text.encode()), "utf-8-sig", readers.ElementSplitter(key)
            )
        )
    assert refused.value.code == "DEL-STRUCTURE"


@pytest.mark.parametrize("read", [readers.read_json_lines, readers.read_csv])
@pytest.mark.parametrize("chunk", [7, 1000])
def test_bytes_of_another_encoding_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Any, chunk: int
) -> None:
    monkeypatch.setattr(readers, "CHUNK", chunk)
    with pytest.raises(RefusedDeliveryError) as refused:
        payloads(read(written(tmp_path / "file", 'a\n"Mäkinen"\n'.encode("cp1252")), "utf-8-sig"))
    assert refused.value.code == "DEL-ENCODING"
    assert "kinen" not in str(refused.value)


def test_half_a_character_at_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedDeliveryError, match="DEL-ENCODING"):
        payloads(
            readers.read_json_lines(written(tmp_path / "file", '"Mä'.encode()[:-1]), "utf-8-sig")
        )


def test_a_lone_object_where_an_array_is_expected_is_one_record(tmp_path: Path) -> None:
    text = '{"result": "error", "message": "[, ]"}'
    assert payloads(
        readers.read_json_array(
            written(tmp_path / "file", text.encode()), "utf-8-sig", readers.ElementSplitter(None)
        )
    ) == [text]
