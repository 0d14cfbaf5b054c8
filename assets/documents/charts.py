"""Charts as SVG without scripts: readable on paper, and in one colour where they can be.

The specifications are Altair's, drawn by vl-convert; importing both takes some two seconds, so that
is done where a chart is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WIDTH = 560
"""Of the plot in pixels; with its labels it fits on A4."""


def per_day(rows: Sequence[tuple[str, str, int]], counted: str) -> str:
    """Return bars per day, a panel for each series with a scale of its own, so that a small series
    is readable beside a large one.

    Args:
        rows: Series, day (YYYY-MM-DD), count.
        counted: What is counted, for the axis.
    """
    import altair as alt
    import pandas as pd

    data = pd.DataFrame(rows, columns=["series", "day", "count"])
    return _svg(
        alt.Chart(data)
        .mark_bar(color="#4e79a7", width={"band": 0.8})
        .encode(
            x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
            y=alt.Y("count:Q", title=None, axis=alt.Axis(tickCount=2)),
            row=alt.Row(
                "series:N",
                title=counted,
                header=alt.Header(labelAngle=0, labelAlign="left"),
                spacing=8,
            ),
        )
        .properties(width=WIDTH, height=32)
        .resolve_scale(y="independent")
    )


def shares(rows: Sequence[tuple[str, str, int]], counted: str) -> str:
    """Return a bar per series, divided by kind; the numbers stand in the parts.

    Args:
        rows: Series, kind, count.
        counted: What is counted, for the axis.
    """
    import altair as alt
    import pandas as pd

    data = pd.DataFrame(rows, columns=["series", "kind", "count"])
    base = alt.Chart(data).encode(
        y=alt.Y("series:N", title=None),
        x=alt.X("count:Q", title=counted, stack="zero"),
        order=alt.Order("kind:N"),
    )
    return _svg(
        alt.layer(
            base.mark_bar(stroke="white").encode(
                color=alt.Color("kind:N", title=None, scale=alt.Scale(scheme="tableau10"))
            ),
            base.mark_text(align="right", dx=-3, fontSize=9).encode(
                text="count:Q", detail="kind:N"
            ),
        ).properties(width=WIDTH, height={"step": 24})
    )


def _svg(chart: Any) -> str:
    import vl_convert

    return str(vl_convert.vegalite_to_svg(chart.to_dict()))
