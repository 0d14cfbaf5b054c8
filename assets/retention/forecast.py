"""The retention forecast of the next 24 months, also for another day or other periods."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from math import log1p
from xml.sax.saxutils import escape

from assets.register import building, forecast_counts
from assets.register.forecast_counts import Due, Forecast, OnHold, months
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect

# Of a cell, and of what stands before and above the cells, in pixels.
WIDTH, HEIGHT, LEFT, HEAD = 38, 20, 200, 50
CAPTION = "what will be past its time, by rule and month"
ALL_RULES = "all rules"


def simulate(data_root: DataRoot, today: date) -> Forecast:
    """Return the forecast as of `today` under the data root's policy. Writes nothing.

    Cost: that of building the register.
    """
    with connect(data_root) as connection:
        building.resolve(data_root, connection, today)
        return forecast_counts.forecast(data_root, connection, today)


def latest(data_root: DataRoot) -> tuple[date, Forecast] | None:
    """Return the forecast of the last build, and its day."""
    path = data_root.lake / "register" / building.FORECAST
    if not path.exists():
        return None
    forecast = json.loads(path.read_text())
    return date.fromisoformat(forecast["as_of"]), Forecast(
        [Due(**entry) for entry in forecast["due"]],
        # A register that an older version built has none.
        [OnHold(**entry) for entry in forecast.get("on_hold", [])],
    )


def as_data(today: date, forecast: Forecast) -> dict[str, object]:
    """Return the forecast for machines: totals by month, every count, and what a hold keeps."""
    return {
        "as_of": str(today),
        "months": {month: _total(forecast.due, month) for month in months(today)},
        "due": [asdict(entry) for entry in forecast.due],
        "on_hold": [asdict(entry) for entry in forecast.on_hold],
    }


def _total(due: Iterable[Due], month: str) -> int:
    return sum(entry.rows for entry in due if entry.month == month)


def per_rule(due: Iterable[Due]) -> dict[str, int]:
    """Return rule -> how much it will remove in all months of the forecast."""
    counts: Counter[str] = Counter()
    for entry in due:
        counts[entry.rule] += entry.rows
    return dict(sorted(counts.items()))


def bars(today: date, due: Iterable[Due], width: int = 40) -> list[tuple[str, int, str]]:
    """Return month, number and a bar of at most `width` characters, for the terminal."""
    rows = list(due)
    totals = {month: _total(rows, month) for month in months(today)}
    most = max(totals.values()) or 1
    return [(month, total, "█" * -(-total * width // most)) for month, total in totals.items()]


def chart(today: date, due: Iterable[Due]) -> str:
    """Return the forecast as an SVG: a row per rule, a column per month, and in each cell the
    number, shaded by its logarithm, so that the largest month leaves the others readable.
    """
    shown = months(today)
    counts: Counter[tuple[str, str]] = Counter()
    for entry in due:
        for row in (ALL_RULES, entry.rule):
            counts[row, entry.month] += entry.rows
    rows = [ALL_RULES, *sorted({rule for rule, _ in counts} - {ALL_RULES})]
    most = max(counts.values(), default=0)
    drawn = [
        f'<text x="{LEFT + number * WIDTH + 4}" y="{HEAD - 6}" transform="rotate(-45 '
        f'{LEFT + number * WIDTH + 14} {HEAD - 6})">{month}</text>'
        for number, month in enumerate(shown)
    ]
    for number, row in enumerate(rows):
        top = HEAD + number * HEIGHT
        drawn.append(f'<text x="0" y="{top + 14}">{escape(row)}</text>')
        drawn += [
            _cell(LEFT + column * WIDTH, top, f"{month} {row}", counts[row, month], most)
            for column, month in enumerate(shown)
            if counts[row, month]
        ]
    width, height = LEFT + len(shown) * WIDTH + 30, HEAD + len(rows) * HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{CAPTION}" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11">{"".join(drawn)}</svg>'
    )


def _cell(left: int, top: int, title: str, rows: int, most: int) -> str:
    shade = 0.1 + 0.9 * log1p(rows) / log1p(most)
    number = f"{rows:,}" if rows < 10_000 else f"{rows // 1_000:,}k"
    return (
        f'<rect x="{left}" y="{top}" width="{WIDTH - 2}" height="{HEIGHT - 2}" fill="#4e79a7" '
        f'fill-opacity="{shade:.2f}"><title>{escape(title)}: {rows:,}</title></rect>'
        f'<text x="{left + WIDTH // 2 - 1}" y="{top + 14}" text-anchor="middle" '
        f'fill="{"#fff" if shade > 0.7 else "#111"}">{number}</text>'
    )
