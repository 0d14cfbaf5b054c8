"""Formats that are no JSON become JSON objects by a stated rule, and odd files codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.ingest.file_formats import batches, decoding, reading
from assets.sources.formats import (
    Csv,
    Field,
    FixedWidth,
    Format,
    JsonArray,
    JsonDocument,
    TabSeparated,
    TextLines,
    XmlRecords,
)
from schemas.delivery import RefusedDeliveryError

Row = tuple[Any, list[str]]


def read(
    tmp_path: Path,
    data: str | bytes,
    declared: Format,
    codec: str = "utf-8-sig",
    name: str = "file",
) -> list[Row]:
    """The records of a file as values, or as text where that is no JSON; and their faults."""
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    rows = [row for batch in reading.records(path, codec, declared) for row in batch.to_pylist()]
    assert [row["record_no"] for row in rows] == list(range(len(rows)))
    return [(_value(row["payload"]), row["faults"]) for row in rows]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def refusal(tmp_path: Path, data: str | bytes, declared: Format, **more: str) -> str:
    with pytest.raises(RefusedDeliveryError) as refused:
        read(tmp_path, data, declared, **more)
    return str(refused.value)


class TestJson:
    def test_an_array_is_found_by_the_keys_on_the_way_to_it(self, tmp_path: Path) -> None:
        text = '{"n": [[1]], "other": {"rows": [9]}, "data": {"x": {"rows": [8]}, "rows": [1, 2]}}'
        assert read(tmp_path, text, JsonArray(("data", "rows"))) == [(1, []), (2, [])]

    @pytest.mark.parametrize("text", ['{"data": [{"rows": [1]}]}', '[{"data": {"rows": [1]}}]'])
    def test_an_array_in_a_list_is_not_it(self, tmp_path: Path, text: str) -> None:
        assert "missing" in refusal(tmp_path, text, JsonArray(("data", "rows")))

    @pytest.mark.parametrize("chunk", [1, 2, 3, 7])
    def test_escapes_and_strings_go_on_in_the_next_chunk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(decoding, "CHUNK", chunk)
        records = ["\\", '\\"', '"],[', "a\\\\", {"b\\": ["\\\\\\"]}]
        read_records = [value for value, _ in read(tmp_path, json.dumps(records), JsonArray())]
        assert read_records == records

    def test_a_document_is_one_record(self, tmp_path: Path) -> None:
        assert read(tmp_path, '\n{"a": [1,\n2]}\n', JsonDocument()) == [({"a": [1, 2]}, [])]
        assert read(tmp_path, " \n", JsonDocument()) == []

    def test_what_goes_on_behind_the_records_is_refused(self, tmp_path: Path) -> None:
        behind = '{"rows":[{"a":1}],"x":"' + "y" * (5 << 20) + '"}'
        assert "goes on" in refusal(tmp_path, behind + "z" * (9 << 20), JsonArray(("rows",)))


class TestCsv:
    def test_another_delimiter_and_another_generation_of_the_header(self, tmp_path: Path) -> None:
        declared = Csv(("id", "name"), ";", {"name": ("Full Name", "Nimi")})
        for header in ("id;name", "ID;full name", "nimi;id"):
            cells = {"id": "1", "name": 'Aino; "A"'}
            row = ";".join(
                cells[key].join('""').replace('"A"', '""A""')
                for key in (["name", "id"] if header[0] == "n" else ["id", "name"])
            )
            assert read(tmp_path, f"{header}\n{row}\n", declared) == [(cells, [])]

    def test_two_generations_in_one_header_are_refused(self, tmp_path: Path) -> None:
        declared = Csv(("name",), also_called={"name": ("Nimi",)})
        assert "the same column twice" in refusal(tmp_path, "Nimi,name\n1,2\n", declared)

    def test_an_extra_blank_cell_is_read_by_the_delimiter(self, tmp_path: Path) -> None:
        assert read(tmp_path, "a;b\n1;2;\n1\n", Csv(("a",), ";")) == [
            ({"a": "1", "b": "2"}, []),
            (1, ["REC-CSV-FIELDS"]),
        ]


class TestTabSeparated:
    DECLARED = TabSeparated(("a", "b", "c"))

    def test_a_line_is_an_object_without_its_empty_values(self, tmp_path: Path) -> None:
        text = '1\t\t"x\n\\N\tå\t \r\n'
        assert read(tmp_path, text, self.DECLARED) == [
            ({"a": "1", "c": '"x'}, []),
            ({"a": "\\N", "b": "å", "c": " "}, []),
        ]

    def test_a_wrong_count_is_the_fault_of_the_line(self, tmp_path: Path) -> None:
        text = "1\t2\n1\t2\t3\n1\t2\t3\t4\n\n"
        assert read(tmp_path, text, self.DECLARED) == [
            ({"a": "1", "b": "2", "c": "3"}, []),
            ("1\t2", ["REC-FIELDS"]),
            ("1\t2\t3\t4", ["REC-FIELDS"]),
        ]

    def test_an_event_of_131_fields(self, tmp_path: Path) -> None:
        declared = TabSeparated(tuple(f"f{number}" for number in range(131)))
        line = "\t".join(str(number) for number in range(131))
        rows = read(tmp_path, f"{line}\n" * 3 + f"{line}\t\n", declared)
        assert [faults for _, faults in rows] == [[], [], [], ["REC-FIELDS"]]
        assert rows[0][0] == {f"f{number}": str(number) for number in range(131)}


class TestFixedWidth:
    DECLARED = FixedWidth((Field("code", 1, 5), Field("name", 6, 6), Field("letter", 13, 1)))

    def test_fields_are_cut_out_by_their_place(self, tmp_path: Path) -> None:
        text = "00100Åbo   xA\r\n00200       B   \n"
        assert read(tmp_path, text.encode("iso-8859-1"), self.DECLARED, "iso-8859-1") == [
            ({"code": "00100", "name": "Åbo", "letter": "A"}, []),
            ({"code": "00200", "letter": "B"}, []),
        ]

    @pytest.mark.parametrize("line", ["00100Åbo   x", "0", "00100Åbo   xAx", "\0"])
    def test_a_line_of_another_length_is_a_fault(self, tmp_path: Path, line: str) -> None:
        (row,) = read(tmp_path, line + "\n", self.DECLARED)
        assert row[1] == ["REC-LINE-LENGTH"]


def test_a_line_of_text_is_a_record(tmp_path: Path) -> None:
    text = '1.2.3.4 - - [x] "GET /\\" HTTP/1.1"\n\n  ä\t\n'
    assert read(tmp_path, text, TextLines()) == [
        ({"line": '1.2.3.4 - - [x] "GET /\\" HTTP/1.1"'}, []),
        ({"line": "ä"}, []),
    ]


class TestXml:
    DECLARED = XmlRecords("{urn:x}Person", repeating=("Namn",))

    def test_an_element_becomes_an_object_whatever_its_prefix(self, tmp_path: Path) -> None:
        inside = (
            '<{p}Person id="1"><{p}Namn>Åke &amp; <![CDATA[<B>]]></{p}Namn><{p}Tom/>'
            '<{p}A typ="x"> 2 </{p}A><{p}B>1</{p}B><{p}B><{p}C/></{p}B></{p}Person>'
        )
        expected = {
            "@id": "1",
            "Namn": ["Åke & <B>"],
            "Tom": "",
            "A": {"@typ": "x", "#text": "2"},
            "B": ["1", {"C": ""}],
        }
        for prefix, declared in (("", "xmlns"), ("q:", "xmlns:q")):
            text = f'<{prefix}Svar {declared}="urn:x">{inside.format(p=prefix)}</{prefix}Svar>'
            assert read(tmp_path, text, self.DECLARED) == [(expected, [])]

    def test_attributes_of_one_name_in_two_namespaces_both_stay(self, tmp_path: Path) -> None:
        text = '<s xmlns:a="urn:a" xmlns:b="urn:b"><p a:x="1" b:x="2" x="3"/></s>'
        ((value, _),) = read(tmp_path, text, XmlRecords("p"))
        assert sorted(value["@x"]) == ["1", "2", "3"]

    def test_only_elements_of_the_namespace_at_the_depth_are_records(self, tmp_path: Path) -> None:
        text = (
            '<s xmlns="urn:x"><Person><Person>inner</Person></Person><x><Person/></x>'
            '<Person xmlns="urn:y"/></s>'
        )
        assert read(tmp_path, text, self.DECLARED) == [({"Person": "inner"}, [])]
        assert read(tmp_path, "<a><b>1</b></a>", XmlRecords("a", depth=0)) == [({"b": "1"}, [])]

    def test_a_record_may_be_of_any_namespace(self, tmp_path: Path) -> None:
        text = '<s xmlns="urn:x"><p>1</p><p xmlns="">2</p><q/></s>'
        assert read(tmp_path, text, XmlRecords("{*}p")) == [
            ({"#text": "1"}, []),
            ({"#text": "2"}, []),
        ]

    def test_other_elements_than_records_are_not_taken_for_an_empty_delivery(
        self, tmp_path: Path
    ) -> None:
        fault = '<Svar xmlns="urn:y"><Person>in another namespace</Person></Svar>'
        why = refusal(tmp_path, fault, self.DECLARED)
        assert "DEL-STRUCTURE" in why
        assert "Person" in why
        assert read(tmp_path, "<Svar/>", self.DECLARED) == []

    def test_the_manifest_says_the_encoding_and_the_declaration_agrees(
        self, tmp_path: Path
    ) -> None:
        text = '<?xml version="1.0" encoding="{}"?><s><p>Åbo</p></s>'
        declared = XmlRecords("p")
        for encoding, codec in (("ISO-8859-1", "iso-8859-1"), ("UTF-16", "utf-16-le")):
            data = text.format(encoding).encode(codec)
            assert read(tmp_path, data, declared, codec) == [({"#text": "Åbo"}, [])]
        data = text.format("UTF-8").encode()
        assert "DEL-ENCODING" in refusal(tmp_path, data, declared, codec="iso-8859-1")

    @pytest.mark.parametrize(
        "text",
        [
            '<!DOCTYPE s [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><s><Person>&b;</Person></s>',
            '<!DOCTYPE s SYSTEM "file:///etc/passwd"><s/>',
            "<s><Person>&nbsp;</Person></s>",
            "<s><Person>cut",
            "<s><Person></s>",
            "<s/><s/>",
            "",
            "\0",
            "<s>\0</s>",
            '{"a": 1}',
        ],
    )
    def test_what_is_no_plain_xml_is_refused(self, tmp_path: Path, text: str) -> None:
        assert "DEL-STRUCTURE" in refusal(tmp_path, text, self.DECLARED)

    def test_a_record_too_large_or_too_deep_counts_and_the_others_go_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "LARGEST_RECORD", 1000)
        large = "x" * 2000
        deep = "<a>" * 120 + "</a>" * 120
        text = f"<s><p>{large}</p><p>{large}y</p><p>{deep}</p><p>fine</p></s>"
        rows = read(tmp_path, text, XmlRecords("p"))
        assert [faults for _, faults in rows] == [
            ["REC-TOO-LARGE"],
            ["REC-TOO-LARGE"],
            ["REC-TOO-DEEP"],
            [],
        ]
        assert rows[0][0].keys() == {"sha256"}
        assert rows[0][0] != rows[1][0]

    def test_an_endless_document_is_refused_before_it_fills_the_memory(
        self, tmp_path: Path
    ) -> None:
        assert "nest" in refusal(tmp_path, "<a>" * 20_000, XmlRecords("p"))
        assert "without an end" in refusal(tmp_path, '<a b="' + "x" * (40 << 20), XmlRecords("p"))
