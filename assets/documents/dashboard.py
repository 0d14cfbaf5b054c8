"""The register at a glance: one page with charts and their numbers, without scripts or requests.

Counts that group registrants or their records are shown from the policy's floor of few on; smaller
ones are left out of the numbers and of every sum. What the controller has to do, its requests and
certificates, is counted whole: a number of requests says nothing of anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import Any, TypeVar

from assets.documents import charts
from assets.documents.pages import CONTENT_POLICY, STYLE
from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.register import build_state
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import ledger, service_level
from assets.retention import forecast
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.requests import RIGHTS

DAYS = 30
"""Days of a trend, compared with as many before."""
Key = TypeVar("Key")
_CHOICES = """SELECT channel, choice, count(DISTINCT registrant_id)
FROM choices
WHERE purpose = 'direct_marketing'
GROUP BY channel, choice"""


@dataclass(frozen=True)
class Part:
    """A part of the page: a chart if there is anything to draw, and all of its numbers.

    Attributes:
        text: What is counted, in a sentence or two.
        chart: An SVG; empty for none.
    """

    title: str
    text: str
    chart: str
    header: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


def parts(data_root: DataRoot, today: date) -> list[Part]:
    """Return the parts of the dashboard as of a day. Reads the ledgers and the last build."""
    floor = data_root.policy.profiles.segment_floor
    entries = deliveries.ledger(data_root)
    return [
        _intake(entries, today, floor),
        _quarantine(entries, today, floor),
        _linkage(build_state.read(data_root), floor),
        _choices(data_root, floor),
        _forecast(data_root, floor),
        *_requests(data_root, today),
    ]


def html(data_root: DataRoot, today: date) -> str:
    """Return the dashboard as a whole page."""
    policy = data_root.policy
    title = f"The {policy.register_name.name['en']} on {today}"
    body = "\n".join(_section(part) for part in parts(data_root, today))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}"/>\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n"
        f"<p>Policy of {escape(policy.version)}. Counts of registrants and records under "
        f"{policy.profiles.segment_floor} are left out, also of sums.</p>\n{body}\n"
        f"</body>\n</html>\n"
    )


def _section(part: Part) -> str:
    label = escape(f"{part.title}; the numbers are in the table below", quote=True)
    figure = f'<figure role="img" aria-label="{label}">{part.chart}</figure>' if part.chart else ""
    head = "".join(f"<th>{escape(name)}</th>" for name in part.header)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in part.rows)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return (
        f"<h2>{escape(part.title)}</h2>\n<p>{escape(part.text)}</p>\n{figure}\n"
        f"{table if part.rows else '<p>Nothing to show.</p>'}"
    )


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f'<td class="number">{value:,}</td>'
    return f"<td>{escape(str(value))}</td>"


def over_floor(counts: Mapping[Key, int], floor: int) -> dict[Key, int]:
    """Return the counts of at least `floor`, in the order of their keys."""
    return {key: count for key, count in counts.items() if count >= floor}


def _intake(entries: Iterable[Entry], today: date, floor: int) -> Part:
    listed = list(entries)
    first = str(today - timedelta(days=2 * DAYS))
    by_day: Counter[tuple[str, str]] = Counter()
    by_source: dict[str, Counter[str]] = {}
    for entry in listed:
        by_day[entry.source, entry.day] += entry.delivered
        counts = by_source.setdefault(entry.source, Counter())
        for name in ("delivered", "staged"):
            counts[name] += getattr(entry, name)
    latest = {entry.source: entry.day for entry in listed}
    shown = over_floor(by_day, floor)
    drawn = [(*key, count) for key, count in sorted(shown.items()) if key[1] >= first]
    rows = tuple(
        (source, latest[source], _few(counts["delivered"], floor), _staged(counts, floor))
        for source, counts in sorted(by_source.items())
    )
    return Part(
        "Intake",
        f"Records delivered by source: the chart by day, of the last {2 * DAYS} days; the table of "
        "all deliveries that the lake still has.",
        charts.per_day(drawn, "records delivered") if drawn else "",
        ("source", "last delivery", "delivered", "staged"),
        rows,
    )


def _staged(counts: Mapping[str, int], floor: int) -> int | str:
    """Return the number of staged records, unless it would disclose a small number of others."""
    others = counts["delivered"] - counts["staged"]
    return f"all but under {floor}" if 0 < others < floor else _few(counts["staged"], floor)


def _few(count: int, floor: int) -> int | str:
    return count if count >= floor else f"under {floor}"


def _quarantine(entries: Iterable[Entry], today: date, floor: int) -> Part:
    by_day: Counter[tuple[str, str]] = Counter()
    for entry in entries:
        by_day.update({(code, entry.day): count for code, count in (entry.codes or {}).items()})
    now, before = (_between(by_day, today - timedelta(days=DAYS * age), DAYS) for age in (0, 1))
    shown = over_floor(now, floor)
    drawn = [
        (code, day, count)
        for (code, day), count in sorted(over_floor(by_day, floor).items())
        if code in shown
    ]
    return Part(
        "Quarantine by rule",
        f"Failures of each rule in deliveries of the last {DAYS} days, and of the {DAYS} before.",
        charts.per_day(drawn, "failures") if drawn else "",
        ("rule", f"last {DAYS} days", f"{DAYS} days before"),
        tuple(
            (code, count, _few(before[code], floor))
            for code, count in sorted(shown.items(), key=lambda item: (-item[1], item[0]))
        ),
    )


def _between(by_day: Mapping[tuple[str, str], int], last: date, days: int) -> Counter[str]:
    """Return code -> count of the days up to and with the last."""
    first, end = str(last - timedelta(days=days - 1)), str(last)
    counts: Counter[str] = Counter()
    for (code, day), count in by_day.items():
        if first <= day <= end:
            counts[code] += count
    return counts


def _linkage(state: Mapping[str, Any], floor: int) -> Part:
    links = state.get("counts", {}).get("links", {})
    sizes = over_floor(links.get("sizes", {}), floor)
    named = {
        "registrants": sum(sizes.values()),
        "pairs compared": links.get("compared_pairs", 0),
        "pairs in doubt, for a person": links.get("to_review", 0),
        "clusters with two identity codes": links.get("two_code_clusters", 0),
        "ids kept since the last build": links.get("succession", {}).get("ids_kept", 0),
        "registrants merged since the last build": links.get("succession", {}).get("merged", 0),
        "registrants split since the last build": links.get("succession", {}).get("split", 0),
    }
    by_rule = over_floor(links.get("links", {}), floor)
    rows = (
        *((name, count) for name, count in over_floor(named, floor).items()),
        *((f"links by {rule}", count) for rule, count in sorted(by_rule.items())),
        *((f"registrants of {size} source persons", count) for size, count in sizes.items()),
    )
    drawn = [("registrants", f"of {size}", count) for size, count in sizes.items()]
    return Part(
        "Who is who",
        "Registrants by the number of persons of sources that are one; and how sure that is.",
        charts.shares(drawn, "registrants") if drawn else "",
        ("what", "count"),
        rows,
    )


def _choices(data_root: DataRoot, floor: int) -> Part:
    with connect(data_root) as connection:
        read_register(data_root, connection, "choices", TABLES["choices"])
        counts = {
            (str(channel), str(choice)): int(count)
            for channel, choice, count in connection.execute(_CHOICES).fetchall()
        }
    rows = [(*key, count) for key, count in sorted(over_floor(counts, floor).items())]
    return Part(
        "Direct marketing by channel",
        "Registrants by what is in force on each channel: consent given or withdrawn, objected, "
        "prohibited.",
        charts.shares(rows, "registrants") if rows else "",
        ("channel", "choice", "registrants"),
        tuple(rows),
    )


def _forecast(data_root: DataRoot, floor: int) -> Part:
    latest = forecast.latest(data_root)
    due = [entry for entry in latest[1].due if entry.rows >= floor] if latest else []
    return Part(
        "Retention forecast",
        "What will be past its time in each of the coming 24 months, by rule.",
        forecast.chart(latest[0], due) if latest and due else "",
        ("rule", "in 24 months"),
        tuple(forecast.per_rule(due).items()),
    )


def _requests(data_root: DataRoot, today: date) -> list[Part]:
    requests = ledger.every(data_root, opened=False)
    unanswered = [request for request in requests if not request.answered]
    soon = data_root.policy.requests.warned_before.after(today)
    counts = {right: Counter[str]() for right in RIGHTS}
    for request in requests:
        counts[request.right]["received"] += 1
    for request in unanswered:
        due = request.due_on(data_root)
        state = "overdue" if due < today else "due soon" if due <= soon else "open"
        counts[request.right][state] += 1
    states = ("received", "open", "due soon", "overdue")
    erased = service_level.of_erasures(requests)
    proven = Counter(
        str(request.closed_at)[:7] for request in requests if service_level.is_erased(request)
    )
    level = (
        f" From receipt to proof: {erased.median_days} days in the median, "
        f"{erased.days_of_95_percent} for 95 of 100."
        if erased.erasures
        else ""
    )
    return [
        Part(
            "Requests and deadlines",
            "Requests by right: all that were received, and of those that are not answered yet how "
            "many are within their time, close to their day, or past it.",
            "",
            ("right", *states),
            tuple(
                (right, *(count[state] for state in states))
                for right, count in counts.items()
                if count
            ),
        ),
        Part(
            "Erasures with certificates",
            f"Erasures that were proven, by month.{level}",
            "",
            ("month", "certificates"),
            tuple(sorted(proven.items())),
        ),
    ]
