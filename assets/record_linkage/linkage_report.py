"""A run as one HTML page: charts as static SVG, no script and nothing to fetch.

Match weights, the levels' probabilities, blocking rules, cluster sizes, how much of each column is
filled, and examples of pairs; values of records only on request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import altair as alt
import duckdb
import pyarrow as pa
import vl_convert

from assets.record_linkage import waterfall
from assets.record_linkage.expectation_maximisation import HOUSEHOLD, RANDOM

if TYPE_CHECKING:
    from assets.record_linkage.engine import Linked

EXAMPLES = (20.0, 8.0, 2.0, 0.5, -0.5, -3.0)
"""Bits: a pair near each of these weights is an example."""
STYLE = """body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; color: #222 }
table { border-collapse: collapse } td, th { padding: .2em .8em; border-bottom: 1px solid #ddd;
text-align: left } td.number { text-align: right } h2 { margin-top: 2em }"""


def page(connection: duckdb.DuckDBPyConnection, linked: Linked, *, values: bool = False) -> str:
    """The page, of the tables of a run that was explained.

    Args:
        values: Show the standardised values of the examples.
    """
    report = linked.report
    parts = [
        f"<p>{report.records:,} records are {report.clusters:,} people; the largest has "
        f"{report.largest_cluster:,} records. {report.candidate_pairs:,} pairs were compared.</p>",
        "<h2>Match weights</h2>",
        "<p>Log2 of the odds of being one person, of the pairs above -20 bits.</p>",
        _columns(_weights(connection), "weight in bits", "pairs"),
        "<h2>Cluster sizes</h2>",
        _columns(_sizes(connection), "records of a person", "people"),
        "<h2>Evidence of each field</h2>",
        _table(
            ("field", "filled", "bits in a match, mean"),
            ((row["name"], f"{row['filled']:.0%}", row["bits"]) for row in report.fields),
        ),
        "<h2>Probabilities of the levels</h2>",
        "<p>m: in pairs of one person; u: in random pairs.</p>",
        _table(("field", "level", "m", "u"), _levels(linked)),
        "<h2>Blocking rules</h2>",
        _table(
            ("rule", "pairs", "new pairs", "new links", "split keys", "dropped keys"),
            (
                [
                    row[name]
                    for name in ("name", "pairs", "new_pairs", "new_links", "split", "dropped")
                ]
                for row in report.blocking_rules
            ),
        ),
        "<h2>Records that cannot be linked</h2>",
        f"<p>{report.unlinkable:,} records have so little that even an equal record would not be "
        "linked to them.</p>",
        "<h2>Examples</h2>",
        *_examples(connection, linked, values=values),
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Linkage report</title>\n'
        f"<style>{STYLE}</style>\n<h1>Linkage report</h1>\n{body}\n</html>\n"
    )


def _columns(rows: Sequence[tuple[float, float]], x: str, y: str) -> str:
    """A chart of columns."""
    if not rows:
        return "<p>None.</p>"
    data = pa.table({"at": [int(at) for at, _ in rows], "count": [int(n) for _, n in rows]})
    chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(x=alt.X("at:O", title=x), y=alt.Y("count:Q", title=y))
        .properties(width=800, height=240)
    )
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))


def _table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    def cell(value: object) -> str:
        number = isinstance(value, int | float)
        text = f"{value:,}" if isinstance(value, int) else escape(str(value))
        return f'<td class="number">{text}</td>' if number else f"<td>{text}</td>"

    lines = "".join(f"<tr>{''.join(map(cell, row))}</tr>\n" for row in rows)
    names = "".join(f"<th>{escape(str(name))}</th>" for name in head)
    return f"<table><tr>{names}</tr>\n{lines}</table>"


def _weights(connection: duckdb.DuckDBPyConnection) -> list[tuple[float, float]]:
    return connection.execute(
        """SELECT least(floor(weight), 30)::INTEGER AS bits, count(*)
        FROM linkage_pairs WHERE weight > -20 GROUP BY ALL ORDER BY ALL"""
    ).fetchall()


def _sizes(connection: duckdb.DuckDBPyConnection) -> list[tuple[float, float]]:
    return connection.execute(
        """SELECT n, count(*)
        FROM (SELECT least(count(*), 20) AS n FROM linkage_clusters GROUP BY first)
        GROUP BY n ORDER BY n"""
    ).fetchall()


def _levels(linked: Linked) -> Iterable[tuple[object, ...]]:
    model = linked.model
    share = model.priors[:HOUSEHOLD] / model.priors[:HOUSEHOLD].sum()
    for position, field in enumerate(model.fields):
        for number, level in enumerate(model.levels[position], 1):
            m = float(share @ model.theta[:HOUSEHOLD, position, number])
            u = float(model.theta[RANDOM, position, number])
            yield field, level, f"{m:.3f}", f"{u:.2g}"


def _examples(
    connection: duckdb.DuckDBPyConnection, linked: Linked, *, values: bool
) -> Iterable[str]:
    """The waterfall of a pair near each of some weights."""
    for number, bits in enumerate(EXAMPLES, 1):
        rows = (
            connection.execute(
                f"""SELECT * FROM linkage_explained
            ORDER BY abs(weight - {bits}), one, other LIMIT 1"""
            )
            .to_arrow_table()
            .to_pylist()
        )
        for row in rows:
            steps = [
                (field, row[field], row[f"{field}_bits"])
                for field in linked.model.fields
                if row[field] != "missing"
            ]
            linked_or_not = "one person" if row["linked"] else "two people"
            yield waterfall.svg(
                f"pair {number}: {linked_or_not}", row["start"], steps, row["weight"]
            )
            if values:
                yield _values(connection, row["one"], row["other"])


def _values(connection: duckdb.DuckDBPyConnection, left: object, right: object) -> str:
    """The standardised values of two records."""
    records = (
        connection.execute(
            """SELECT records.* EXCLUDE (id)
            FROM linkage_records AS records JOIN linkage_keys AS keys USING (id)
            WHERE key IN (?, ?) ORDER BY key""",
            [left, right],
        )
        .to_arrow_table()
        .to_pylist()
    )
    names = [name for name in records[0] if any(record[name] for record in records)]
    return _table(names, ([record[name] or "" for name in names] for record in records))
