"""The sample deliveries hold what their manifests say, are the same every time, and hold every
planted case.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from operator import getitem
from pathlib import Path

import duckdb
import pytest
from stdnum.fi import hetu, ytunnus

from assets.ingest.file_formats import reading
from assets.sources.all_sources import SOURCES
from assets.sources.formats import Csv, JsonArray, JsonLines
from pipelines.synthetic.assembly import SampleSummary, write_sample
from pipelines.synthetic.cases import LATER_DAY_CASES, REDELIVERY, every_case
from schemas.delivery import ENCODINGS
from schemas.reference.tables import read_reference

LAST_DAY = date(2026, 11, 20)
IDENTITY_CODE = re.compile(
    r"(?<![0-9A-Za-z])[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y](?![0-9A-Za-z])"
)
FORMATS = {dataset.name: dataset.format for source in SOURCES for dataset in source.datasets}


@dataclass(frozen=True)
class Delivery:
    """A data file with its manifest."""

    path: Path

    @cached_property
    def manifest(self) -> dict[str, object]:
        return dict(json.loads(self.path.with_name(self.path.name + ".manifest.json").read_text()))

    @property
    def dataset(self) -> str:
        return str(self.manifest["dataset"])

    @cached_property
    def text(self) -> str:
        return self.path.read_bytes().decode(ENCODINGS[str(self.manifest["encoding"])])

    @cached_property
    def records(self) -> list[object]:
        """The records as the format counts them: JSON elements, lines, or CSV rows as lists of
        fields.
        """
        declared = FORMATS[self.dataset]
        match declared:
            case JsonArray(keys):
                return list(reduce(getitem, keys, json.loads(self.text)))
            case JsonLines():
                return [line for line in self.text.split("\n") if line.strip()]
            case Csv():
                rows = csv.reader(io.StringIO(self.text, newline=""), delimiter=declared.delimiter)
                return [*rows][1:]
            case _:
                codec = ENCODINGS[str(self.manifest["encoding"])]
                batches = reading.records(self.path, codec, declared)
                return [text for batch in batches for text in batch["payload"].to_pylist()]

    @property
    def header(self) -> list[str]:
        return next(csv.reader(io.StringIO(self.text, newline="")))


@dataclass(frozen=True)
class Sample:
    """A written sample."""

    folder: Path
    summary: SampleSummary

    @property
    def deliveries(self) -> Iterator[Delivery]:
        for path in sorted((self.folder / "inbox").rglob("*")):
            if path.is_file() and not path.name.endswith(".manifest.json"):
                yield Delivery(path)

    def of(self, dataset: str) -> Iterator[Delivery]:
        return (delivery for delivery in self.deliveries if delivery.dataset == dataset)

    def truth(self, query: str) -> list[tuple[object, ...]]:
        with duckdb.connect() as connection:
            for table in ("records", "people"):
                connection.execute(
                    f"CREATE VIEW {table} AS FROM '{self.folder}/truth/{table}.parquet'"
                )
            return connection.execute(query).fetchall()

    def hashes(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def written(folder: Path, *, registrants: int, seed: int, days: int) -> Sample:
    summary = write_sample(
        folder / "inbox",
        folder / "truth",
        registrants=registrants,
        seed=seed,
        days=days,
        last_day=LAST_DAY,
    )
    return Sample(folder, summary)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return written(tmp_path_factory.mktemp("sample"), registrants=2_000, seed=7, days=4)


def test_same_arguments_give_same_bytes(tmp_path: Path) -> None:
    once = written(tmp_path / "once", registrants=600, seed=3, days=3)
    again = written(tmp_path / "again", registrants=600, seed=3, days=3)
    assert once.hashes() == again.hashes()


def test_writing_over_an_earlier_sample_leaves_only_the_new_one(tmp_path: Path) -> None:
    first = written(tmp_path, registrants=200, seed=3, days=2).hashes()
    assert written(tmp_path, registrants=200, seed=3, days=2).hashes() == first


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    first = written(tmp_path / "one", registrants=200, seed=3, days=2).hashes()
    second = written(tmp_path / "other", registrants=200, seed=4, days=2).hashes()
    shared = {name for name in first.keys() & second.keys() if first[name] == second[name]}
    assert not any(name.endswith((".csv", ".parquet", ".jsonl")) for name in shared)


def test_every_manifest_holds(sample: Sample) -> None:
    for delivery in sample.deliveries:
        data, manifest = delivery.path.read_bytes(), delivery.manifest
        assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
        assert manifest["bytes"] == len(data)
        assert manifest["records"] == len(delivery.records)
        period = manifest["period"]
        assert isinstance(period, dict)
        day = delivery.path.parent.name
        assert period["from"] <= period["to"] <= day


def test_summary_counts_what_lies_in_the_inbox(sample: Sample) -> None:
    deliveries = list(sample.deliveries)
    assert sample.summary == SampleSummary(
        deliveries=len(deliveries),
        records=sum(len(delivery.records) for delivery in deliveries),
        people=2_000,
        bytes=sum(delivery.path.stat().st_size for delivery in deliveries),
    )


def test_truth_knows_every_record_by_delivery_day_and_dataset(sample: Sample) -> None:
    delivered: dict[tuple[str, str, str], int] = {}
    for delivery in sample.deliveries:
        source, day = delivery.path.parts[-3:-1]
        if delivery.records:
            key = (source, delivery.dataset, day)
            delivered[key] = delivered.get(key, 0) + len(delivery.records)
    delivered_truth = sample.truth(
        "SELECT source, dataset, delivery_day, count(*) FROM records GROUP BY ALL"
    )
    assert {
        (source, dataset, str(day)): count for source, dataset, day, count in delivered_truth
    } == delivered


@pytest.mark.parametrize(("seed", "days"), [(7, 4), (1, 3), (11, 1)])
def test_every_case_is_planted_at_two_thousand_registrants(
    sample: Sample, tmp_path: Path, seed: int, days: int
) -> None:
    if seed != 7:
        sample = written(tmp_path, registrants=2_000, seed=seed, days=days)
    planted = {
        name
        for (name,) in sample.truth('SELECT DISTINCT "case" FROM records WHERE "case" IS NOT NULL')
    }
    wanted = {case.name for case in every_case()} - (LATER_DAY_CASES if days == 1 else set())
    assert planted == wanted


def test_cases_stay_in_their_dataset(sample: Sample) -> None:
    pairs = sample.truth(
        'SELECT DISTINCT "case", dataset FROM records WHERE "case" IS NOT NULL AND "case" <> '
        "'redelivery'"
    )
    assert set(pairs) == {
        (case.name, case.dataset) for case in every_case() if case is not REDELIVERY
    }


def test_identity_codes_are_valid_test_codes_and_unique(sample: Sample) -> None:
    codes = [str(code) for (code,) in sample.truth("SELECT identity_code FROM people")]
    assert len(set(codes)) == len(codes) == 2_000
    for code in codes:
        assert hetu.is_valid(code, allow_temporary=True)
        assert "900" <= code[7:10] <= "999"


def test_identity_codes_bear_their_birth_date_and_every_century_sign(tmp_path: Path) -> None:
    people = written(tmp_path, registrants=12_000, seed=5, days=1).truth(
        "SELECT identity_code, birth_date FROM people"
    )
    assert {str(code)[6] for code, _ in people} == set("+-YXWVUABCDEF")
    for code, birth in people:
        assert isinstance(birth, date)
        assert str(code)[:6] == birth.strftime("%d%m%y")
        assert str(code)[6] in {18: "+", 19: "-YXWVU", 20: "ABCDEF"}[birth.year // 100]


def test_no_file_carries_a_code_outside_the_test_series(sample: Sample) -> None:
    count = 0
    for delivery in sample.deliveries:
        for code in IDENTITY_CODE.findall(delivery.text):
            assert code[7] == "9", f"{delivery.dataset} holds a code outside the test series"
            count += 1
    assert count > 2_000


def test_json_parses_except_planted_broken_lines(sample: Sample) -> None:
    broken = 0
    for delivery in sample.of("credit_reports"):
        for line in delivery.records:
            try:
                json.loads(str(line))
            except json.JSONDecodeError:
                broken += 1
    assert [(broken,)] == sample.truth(
        "SELECT count(*) FROM records WHERE \"case\" = 'credit_broken_line'"
    )


def test_csv_rows_have_as_many_fields_as_the_header_except_planted_ones(sample: Sample) -> None:
    misfits = 0
    for dataset in ("contacts", "contracts", "orders", "consent_log"):
        for delivery in sample.of(dataset):
            width = len(delivery.header)
            misfits += sum(len(row) != width for row in delivery.records if isinstance(row, list))
    planted = sample.truth(
        "SELECT count(*) FROM records WHERE regexp_full_match(\"case\", '.*too_(many|few)_fields')"
    )
    assert [(misfits,)] == planted


def test_postcodes_agree_with_towns(sample: Sample) -> None:
    towns = {
        row["postcode"]: {row["town_fi"], row["town_sv"]} for row in read_reference("postcodes.csv")
    }
    checked = 0
    for delivery in sample.of("perustiedot"):
        for record in delivery.records:
            assert isinstance(record, dict)
            for group in record["tietoryhmat"]:
                if "postinumero" in group:
                    assert set(group["postitoimipaikka"].values()) == towns[group["postinumero"]]
                    checked += 1
    for delivery in sample.of("contacts"):
        postcode, city = delivery.header.index("Postal Code"), delivery.header.index("City")
        for row in delivery.records:
            assert isinstance(row, list)
            if len(row) == len(delivery.header) and row[postcode]:
                assert row[city].upper() in towns[row[postcode]]
                checked += 1
    assert checked > 1_500


def test_twins_share_birth_date_and_surname_but_not_their_names(sample: Sample) -> None:
    twins = sample.truth("""
        SELECT one.given_names, other.given_names, one.family_name = other.family_name
        FROM people AS one JOIN people AS other ON one.household = other.household
            AND one.person + 1 = other.person
        JOIN records ON records.person = one.person AND records."case" = 'twin'
        WHERE one.birth_date = other.birth_date""")
    assert twins
    assert all(first != second and same_family for first, second, same_family in twins)


def test_codes_that_differ_by_sign_only_are_two_people(sample: Sample) -> None:
    pairs = sample.truth("""
        SELECT count(*) FROM people AS one JOIN people AS other
        ON one.identity_code[:6] = other.identity_code[:6]
            AND one.identity_code[8:] = other.identity_code[8:]
        AND one.identity_code < other.identity_code""")
    assert pairs[0][0] != 0


def test_business_ids_are_valid(sample: Sample) -> None:
    ids = [
        report["businessId"]
        for delivery in sample.of("credit_reports")
        for report in map(_parsed, delivery.records)
        if "businessId" in report
    ]
    assert ids
    assert all(ytunnus.is_valid(identity) and identity.startswith("9") for identity in ids)


def _parsed(line: object) -> dict[str, str]:
    try:
        return dict(json.loads(str(line)))
    except json.JSONDecodeError:
        return {}


def test_redelivered_files_are_byte_identical_to_earlier_ones(sample: Sample) -> None:
    seen: dict[object, Path] = {}
    again = 0
    for delivery in sorted(sample.deliveries, key=lambda delivered: delivered.path.parent.name):
        earlier = seen.setdefault(delivery.manifest["sha256"], delivery.path)
        if earlier != delivery.path:
            assert earlier.parent.name < delivery.path.parent.name
            again += 1
    assert again >= 3


def test_a_move_sends_the_new_address_first_and_a_past_end_after(sample: Sample) -> None:
    codes = {
        code for (code,) in sample.truth("SELECT native_key FROM records WHERE \"case\" = 'move'")
    }
    moves = 0
    for delivery in sample.of("muutokset"):
        for message in delivery.records:
            assert isinstance(message, dict)
            if message.get("henkilotunnus") not in codes:
                continue
            new, old = message["tietoryhmat"][:2]
            assert (new["muutosattribuutti"], old["muutosattribuutti"]) == ("LISATTY", "MUUTETTU")
            assert old["loppupv"]["arvo"] < new["alkupv"]["arvo"] < str(LAST_DAY)
            moves += 1
    assert moves >= len(codes) > 0


def test_an_empty_change_set_is_delivered(sample: Sample) -> None:
    assert any(delivery.manifest["records"] == 0 for delivery in sample.of("muutokset"))


def test_volumes_are_those_of_the_plan(tmp_path: Path) -> None:
    sample = written(tmp_path, registrants=10_000, seed=2, days=2)
    query = (
        "SELECT dataset, count(*) FROM records WHERE \"case\" IS DISTINCT FROM 'redelivery' GROUP "
        "BY 1"
    )
    counts = {dataset: count for dataset, count in sample.truth(query)}  # noqa: C416
    planned = {
        "perustiedot": 7_000, "muutokset": 800, "contacts": 6_000, "contracts": 3_500,
        "orders": 6_000,
        "visits": 12_000, "consent_log": 12_500, "credit_reports": 1_200,
    }  # fmt: skip
    for dataset, expected in planned.items():
        assert counts[dataset] == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("registrants", [1, 50])
def test_few_registrants_are_enough(tmp_path: Path, registrants: int) -> None:
    sample = written(tmp_path, registrants=registrants, seed=1, days=2)
    assert sample.summary.people == registrants
    if registrants == 50:
        datasets = {delivery.dataset for delivery in sample.deliveries if delivery.records}
        assert datasets >= {
            "perustiedot",
            "contacts",
            "contracts",
            "orders",
            "visits",
            "consent_log",
            "credit_reports",
        }


def test_truth_inside_the_inbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the inbox"):
        write_sample(tmp_path, tmp_path / "truth", registrants=1, seed=1, days=1, last_day=LAST_DAY)
