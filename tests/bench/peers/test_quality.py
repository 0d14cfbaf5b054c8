"""The evaluator in SQL counts what a slow, obvious one counts."""

from __future__ import annotations

import itertools
from dataclasses import astuple
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.assets.record_linkage.invented import identity_code
from tests.bench.peers.quality import Quality, of_files, quality

RECORDS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=25)


def slowly(records: list[tuple[int, int]]) -> Quality:
    """Pair by pair, and record by record: (truth, cluster)."""
    pairs = list(itertools.combinations(records, 2))
    joined = [first[0] == other[0] for first, other in pairs if first[1] == other[1]]
    true = [first[1] == other[1] for first, other in pairs if first[0] == other[0]]
    precise, recalled = [], []
    for truth, cluster in records:
        mates = [other for other in records if other[1] == cluster]
        same = [other for other in records if other[0] == truth]
        both = [other for other in mates if other[0] == truth]
        precise.append(len(both) / len(mates))
        recalled.append(len(both) / len(same))
    return Quality(
        sum(joined) / len(joined) if joined else 1.0,
        sum(true) / len(true) if true else 1.0,
        sum(precise) / len(records),
        sum(recalled) / len(records),
    )


def counted(records: list[tuple[int | None, int]]) -> Quality:
    with duckdb.connect() as connection:
        connection.register(
            "judged",
            pa.table(
                {
                    "truth": [person for person, _ in records],
                    "cluster": [other for _, other in records],
                }
            ),
        )
        return quality(connection, "judged")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(RECORDS)
def test_counts_as_the_slow_one_does(records):
    assert astuple(counted(records)) == pytest.approx(astuple(slowly(records)))


def test_says_what_is_known_of_small_cases():
    perfect = counted([(1, 7), (1, 7), (2, 8)])
    assert (perfect.f1, perfect.bcubed) == (1.0, 1.0)
    # Two of one person and a stranger in one cluster: one pair of three is right.
    assert counted([(1, 7), (1, 7), (2, 7)]).precision == pytest.approx(1 / 3)
    assert counted([(1, 7), (1, 8), (1, 8)]).recall == pytest.approx(1 / 3)
    nobody = counted([(1, 7), (1, 8)])
    assert (nobody.precision, nobody.recall, nobody.f1) == (1.0, 0.0, 0.0)


def test_leaves_out_records_of_unknown_truth():
    assert counted([(1, 7), (1, 7), (None, 7)]) == counted([(1, 7), (1, 7)])


def test_refuses_where_no_truth_is_known():
    with pytest.raises(ValueError, match="truth"):
        counted([(None, 1)])


class TestFiles:
    def written(
        self, folder: Path, codes: list[str | None], clusters: dict[str, list[object]]
    ) -> tuple[str, str]:
        people, joined = folder / "people.parquet", folder / "clusters.parquet"
        pq.write_table(
            pa.table(
                {
                    "uid": list(range(len(codes))),
                    "cluster": ["a"] * len(codes),
                    "identity_code": pa.array(codes, pa.string()),
                }
            ),
            people,
        )
        pq.write_table(pa.table(clusters), joined)
        return str(people), str(joined)

    def test_two_valid_codes_in_a_cluster_are_counted(self, tmp_path):
        code, other = identity_code("1971-06-24", 1), identity_code("1971-06-24", 2)
        broken = other[:-1] + ("A" if other[-1] != "A" else "B")
        codes = [code, other, code, f" {code.lower()} ", code, broken, None]
        measured = of_files(
            *self.written(
                tmp_path, codes, {"uid": list(range(7)), "cluster": [1, 1, 2, 2, 3, 3, 3]}
            )
        )
        assert measured.two_codes == 1

    @pytest.mark.parametrize(
        "uids", [[0], [0, 1, 1]], ids=["a row without a cluster", "a row with two"]
    )
    def test_every_row_needs_one_cluster(self, tmp_path, uids):
        with pytest.raises(ValueError, match="one cluster"):
            of_files(*self.written(tmp_path, [None, None], {"uid": uids, "cluster": uids}))
