"""One run of Splink, in a process of its own:

    python -m tests.bench.peers.splink_run SETTINGS PEOPLE OUT --model FILE [--thresholds]

trains and writes the model, or uses it if it is there; links, and writes `uid, cluster` for every
row. With `--thresholds` OUT is a folder instead, and clusters are written for every threshold of
`THRESHOLDS`: which is best is only known with hindsight.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import duckdb
from splink import DuckDBAPI, Linker
from splink.internals.splink_dataframe import SplinkDataFrame

from tests.bench.peers.splink_settings import CONFIGURATIONS, EM_PAIRS, U_PAIRS, Configuration

FIXED = 0.95
"""The probability from which pairs are joined, the same for all sets."""
THRESHOLDS = (
    0.01,
    0.05,
    0.2,
    0.5,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    0.995,
    0.999,
    0.9999,
    0.99999,
    0.999999,
)
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", choices=sorted(CONFIGURATIONS))
    parser.add_argument("people", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--thresholds", action="store_true")
    asked = parser.parse_args()
    logging.getLogger("splink").setLevel(logging.ERROR)
    configuration = CONFIGURATIONS[asked.settings]()
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE people AS FROM read_parquet(?)", [str(asked.people)])
        connection.execute(f"CREATE TABLE prepared AS {configuration.prepare}")
        linker = _linker(connection, configuration, asked.model)
        if asked.thresholds:
            pairs = linker.inference.predict(threshold_match_probability=min(THRESHOLDS))
            for threshold in THRESHOLDS:
                _write(connection, linker, pairs, threshold, asked.out / f"{threshold}.parquet")
        else:
            pairs = linker.inference.predict(threshold_match_probability=FIXED)
            _write(connection, linker, pairs, FIXED, asked.out)
    print(json.dumps({"threshold": FIXED}))


def _linker(
    connection: duckdb.DuckDBPyConnection, configuration: Configuration, model: Path
) -> Linker:
    """With the model if it is there; otherwise trained, and the model written."""
    api = DuckDBAPI(connection=connection)
    tables = _tables(connection, api, configuration.source)
    if model.exists():
        return Linker(tables, json.loads(model.read_text()))
    linker = Linker(tables, configuration.settings())
    training = linker.training
    training.estimate_probability_two_random_records_match(
        configuration.certain, recall=configuration.recall
    )
    training.estimate_u_using_random_sampling(max_pairs=U_PAIRS, seed=SEED)
    for rule in configuration.training:
        training.estimate_parameters_using_expectation_maximisation(rule, max_pairs=EM_PAIRS)
    linker.misc.save_model_to_json(str(model))
    return linker


def _tables(connection: duckdb.DuckDBPyConnection, api: DuckDBAPI, source: str) -> object:
    """The prepared people, or a table for each source."""
    if not source:
        return api.register("prepared")
    values = connection.execute(f"SELECT DISTINCT {source} FROM prepared ORDER BY ALL").fetchall()
    for number, (value,) in enumerate(values):
        connection.execute(
            f"CREATE TABLE source_{number} AS FROM prepared WHERE {source} = '{value}'"
        )
    return [api.register(f"source_{number}") for number in range(len(values))]


def _write(
    connection: duckdb.DuckDBPyConnection,
    linker: Linker,
    pairs: SplinkDataFrame,
    threshold: float,
    out: Path,
) -> None:
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=threshold
    )
    connection.execute(
        f"COPY (SELECT uid, cluster_id AS cluster FROM {clusters.physical_name}) TO '{out}' "
        "(FORMAT parquet, COMPRESSION zstd)"
    )


if __name__ == "__main__":
    main()
