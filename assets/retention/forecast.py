"""The retention forecast of the next 24 months, also for another day or other periods."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from xml.sax.saxutils import escape

from assets.register import building, forecast_counts
from assets.register.forecast_counts import Due, Forecast, OnHold, months
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect

WIDTH, HEIGHT, LEFT, FOOT, LEGEND = 960, 320, 70, 50, 200
COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#76b7b2",
    "#edc948",
    "#b07aa1",
    "#ff9da7",
    "#9c755f",
    "#bab0ac",
)


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


def bars(today: date, due: Iterable[Due], width: int = 40) -> list[tuple[str, int, str]]:
    """Return month, number and a bar of at most `width` characters, for the terminal."""
    rows = list(due)
    totals = {month: _total(rows, month) for month in months(today)}
    most = max(totals.values()) or 1
    return [(month, total, "█" * -(-total * width // most)) for month, total in totals.items()]


def chart(today: date, due: Iterable[Due]) -> str:
    """Return the forecast as an SVG: a bar per month, stacked by rule. Numbers and codes only."""
    rows = list(due)
    shown = months(today)
    rules = sorted({entry.rule for entry in rows})
    most = max([_total(rows, month) for month in shown]) or 1
    step, scale = (WIDTH - LEFT) / len(shown), (HEIGHT - FOOT) / most
    drawn = []
    for number, month in enumerate(shown):
        top, left = float(HEIGHT - FOOT), LEFT + number * step
        for entry in (entry for entry in rows if entry.month == month):
            height = entry.rows * scale
            top -= height
            title = f"{month} {entry.rule} {entry.category}: {entry.rows:,}"
            colour = COLOURS[rules.index(entry.rule) % len(COLOURS)]
            drawn.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{step * 0.8:.1f}" '
                f'height="{height:.1f}" fill="{colour}"><title>{escape(title)}</title></rect>'
            )
        drawn.append(
            f'<text x="{left + step * 0.4:.1f}" y="{HEIGHT - FOOT + 12}" transform="rotate(45 '
            f'{left:.1f} {HEIGHT - FOOT + 12})">{month}</text>'
        )
    drawn += [
        f'<text x="{LEFT - 6}" y="{HEIGHT - FOOT - part * (HEIGHT - FOOT) / 4 + 8:.1f}" '
        f'text-anchor="end">{most * part // 4:,}</text>'
        for part in range(5)
    ]
    for number, rule in enumerate(rules):
        drawn.append(
            f'<rect x="{WIDTH + 10}" y="{number * 18 + 4}" width="12" height="12" '
            f'fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        drawn.append(f'<text x="{WIDTH + 28}" y="{number * 18 + 14}">{escape(rule)}</text>')
    size = f'width="{WIDTH + LEGEND}" height="{HEIGHT}" viewBox="0 0 {WIDTH + LEGEND} {HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" '
        f'font-size="11">{"".join(drawn)}</svg>'
    )
