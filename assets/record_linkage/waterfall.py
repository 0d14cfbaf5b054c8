"""Waterfall: a pair's weight as a picture, field by field, from the prior to the odds.

Plain SVG of levels and bits; it has no personal values.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

ROW, LEFT, WIDTH, MARGIN = 22, 190, 420, 8


def svg(what: str, start: float, steps: Sequence[Sequence[object]], weight: float) -> str:
    """Return the waterfall of one pair.

    Args:
        what: The title.
        start: The prior, in bits.
        steps: Field, level and bits; they lead from `start` to `weight`.
        weight: log2 of the odds of being one person.
    """
    rows: list[tuple[str, float, float]] = [("any pair", 0.0, start)]
    for field, level, bits in steps:
        rows.append((f"{field}: {level}", rows[-1][2], rows[-1][2] + float(str(bits))))
    rows.append(("weight in bits", 0.0, weight))
    low, high = min(0.0, *(min(row[1:]) for row in rows)), max(0.0, *(max(row[1:]) for row in rows))
    scale = WIDTH / max(high - low, 1.0)

    def place(bits: float) -> float:
        return round(LEFT + (bits - low) * scale, 1)

    drawn = [f'<text x="{MARGIN}" y="{ROW - 6}" font-weight="bold">{escape(what)}</text>']
    for number, (name, before, after) in enumerate(rows, 1):
        y = number * ROW
        colour = (
            "#555555" if number in (1, len(rows)) else "#2e7d32" if after >= before else "#c62828"
        )
        drawn.append(f'<text x="{MARGIN}" y="{y + 15}">{escape(name)}</text>')
        width = max(round(abs(after - before) * scale, 1), 1)
        drawn.append(
            f'<rect x="{place(min(before, after))}" y="{y + 4}" '
            f'width="{width}" height="{ROW - 8}" fill="{colour}"/>'
        )
        drawn.append(f'<text x="{LEFT + WIDTH + MARGIN}" y="{y + 15}">{after - before:+.1f}</text>')
    height = (len(rows) + 1) * ROW + MARGIN
    axis = (
        f'<line x1="{place(0)}" y1="{ROW}" x2="{place(0)}" y2="{height - MARGIN}" '
        'stroke="#999999"/>'
    )
    size = f'width="{LEFT + WIDTH + 70}" height="{height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
        f"{axis}{''.join(drawn)}</svg>"
    )
