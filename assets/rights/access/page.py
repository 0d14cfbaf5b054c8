"""The package as one page that a person reads: no script, nothing from elsewhere, every value
escaped.

What data is used for, on which bases, who receives it, how long it is kept, and the rights are the
privacy notice's own words, which are made of the same policy and stand at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from assets.documents import grammar, notice
from assets.documents.grammar import day as day_in_words
from assets.documents.pages import CONTENT_POLICY, STYLE, WIDE
from assets.rights.access import labels, recipients, spreadsheets
from assets.rights.access.gathering import Gathered, Row
from schemas.policy.model import Policy
from schemas.vocabulary import Language

# Words that may be broken anywhere, such as hashes: on paper they would push other columns out.
_LONG = re.compile(r"\S{25,}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:[0-9]{2})")


@dataclass(frozen=True)
class Grid:
    """A table of the page."""

    title: str
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Section:
    """A part of the page; `nothing` is the text where it has no table."""

    title: str
    grids: list[Grid]
    nothing: str

    @property
    def rows(self) -> int:
        """The number of rows of all its tables."""
        return sum(len(grid.rows) for grid in self.grids)


def html(policy: Policy, gathered: Gathered, language: Language, now: datetime) -> bytes:
    """The page in a language of the policy."""

    def text(key: str) -> str:
        return labels.text(key, language)

    as_of = day_in_words(date.fromisoformat(gathered.as_of), language) if gathered.as_of else "-"
    environment = Environment(
        loader=PackageLoader("assets.rights.access", ""),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["long"] = lambda value: bool(_LONG.search(value))
    page = environment.get_template("page.html.jinja").render(
        language=language,
        content_policy=CONTENT_POLICY,
        style=STYLE,
        title=text("title").format(register=policy.register_name.name[language]),
        made=text("made").format(day=day_in_words(now.date(), language), as_of=as_of),
        intro=text("intro"),
        withheld=text("withheld").format(redacted=text("redacted"), **gathered.withheld),
        contents=text("contents"),
        asking=text("asking").format(
            role=policy.contact.role[language],
            email=policy.contact.email,
            address=policy.contact.address,
        ),
        wide=WIDE,
        nothing=text("nothing"),
        sections=_sections(policy, gathered, language, now.date()),
        notice_title=text("notice"),
        notice=_notice(policy, language, now.date()),
    )
    return page.encode()


def _notice(policy: Policy, language: Language, today: date) -> str:
    """The notice without its title, its headings one level lower: parts of this page."""
    markdown = notice.markdown(policy, language, today).split("\n", 1)[1]
    return (
        MarkdownIt("commonmark", {"html": False, "xhtmlOut": True})
        .enable("table")
        .render(re.sub(r"^#", "##", markdown, flags=re.MULTILINE))
    )


def _sections(policy: Policy, gathered: Gathered, language: Language, today: date) -> list[Section]:
    nothing = labels.text("nothing", language)

    def section(key: str, grids: list[Grid], otherwise: str = nothing) -> Section:
        return Section(labels.text(key, language), grids, otherwise)

    def grids(tables: dict[str, list[Row]]) -> list[Grid]:
        return [
            _grid(policy, labels.name("tables", name, language), rows, language)
            for name, rows in tables.items()
            if rows
        ]

    registrants = gathered.register.get("registrants", [])
    register = [
        _details(policy, labels.name("tables", "registrants", language), row, language)
        for row in registrants
    ]
    released = (
        [section("released", [_released(policy, record, language) for record in gathered.released])]
        if gathered.released
        else []
    )
    return [
        section(
            "register",
            register
            + grids(
                {name: rows for name, rows in gathered.register.items() if name != "registrants"}
            ),
        ),
        section("marts", [_mart(policy, mart, language) for mart in gathered.marts]),
        section(
            "profile", _profile(policy, gathered, language), labels.text("no_profile", language)
        ),
        section("received", _recipients(policy, gathered, language, today)),
        section("held", grids(gathered.retained)),
        section("statements", grids(gathered.statements)),
        section("records", [_record(policy, record, language) for record in gathered.records]),
        *released,
    ]


def _details(policy: Policy, title: str, row: Row, language: Language) -> Grid:
    header = [labels.name("columns", column, language) for column in ("attribute", "value")]
    return Grid(
        title,
        header,
        [
            [labels.name("columns", name, language), _value(policy, name, value, language)]
            for name, value in row.items()
            if _is_filled(value)
        ],
    )


def _grid(policy: Policy, title: str, rows: Iterable[Row], language: Language) -> Grid:
    """The rows, without columns that none of them fills."""
    listed = list(rows)
    names = [
        name
        for name in dict.fromkeys(name for row in listed for name in row)
        if any(_is_filled(row.get(name)) for row in listed)
    ]
    return Grid(
        title,
        [labels.name("columns", name, language) for name in names],
        [[_value(policy, name, row.get(name), language) for name in names] for row in listed],
    )


def _mart(policy: Policy, row: Row, language: Language) -> Grid:
    rows = []
    for channel in row["channels"]:
        by = labels.name("texts", f"channel_{channel['channel']}", language)
        state = labels.text("in" if channel["admitted"] else "out", language)
        for rule in channel["rules"]:
            rule_cells = [
                labels.text(f"effect_{rule['effect']}", language),
                labels.meaning(rule["code"], language),
                rule["code"],
            ]
            rows.append(
                [
                    by,
                    state,
                    *rule_cells,
                    _value(policy, "source", rule["source"], language),
                    _value(policy, "since", rule["since"], language),
                ]
            )
    header = [
        labels.name("columns", key, language)
        for key in ("channel", "outcome", "effect", "meaning", "rule", "source", "since")
    ]
    return Grid(policy.purposes[row["mart"]].name[language], header, rows)


def _profile(policy: Policy, gathered: Gathered, language: Language) -> list[Grid]:
    rows = [
        {
            **{key: attribute[key] for key in ("attribute", "value", "inputs", "as_of", "rule")},
            "meaning": labels.meaning(attribute["rule"], language),
        }
        for attribute in gathered.profile or ()
    ]
    return [_grid(policy, labels.text("profile", language), rows, language)] if rows else []


def _recipients(policy: Policy, gathered: Gathered, language: Language, today: date) -> list[Grid]:
    rows = [
        {
            "recipient": row["name"],
            "country": row["country"],
            "purposes": grammar.joined(
                [policy.purposes[name].name[language] for name in row["purposes"]], language
            ),
            "receives": row["receives"],
        }
        for row in recipients.receiving(policy, gathered, language, today)
    ]
    return [_grid(policy, labels.text("received", language), rows, language)] if rows else []


def _record(policy: Policy, row: Row, language: Language) -> Grid:
    source = _value(policy, "source", row["source"], language)
    outcome = labels.name("texts", f"outcome_{row['outcome']}", language)
    return _as_delivered(
        [
            source,
            row["dataset"],
            row["delivered_on"],
            str(row["record_no"]),
            outcome,
            *row["rules"],
        ],
        row["content"],
        language,
    )


def _released(policy: Policy, row: Row, language: Language) -> Grid:
    source = _value(policy, "source", row["source"], language)
    return _as_delivered(
        [
            source,
            row["dataset"],
            row["delivered_on"],
            str(row["record_no"]),
            *filter(None, [row["field"]]),
        ],
        row["content"],
        language,
    )


def _as_delivered(title: list[str], content: Any, language: Language) -> Grid:
    header = [labels.name("columns", key, language) for key in ("attribute", "value")]
    return Grid(
        " · ".join(title),
        header,
        [
            [path, labels.redacted(str(value), language)]
            for path, value in spreadsheets.leaves(content)
        ],
    )


def _is_filled(value: Any) -> bool:
    return value is not None and value != ""


def _value(policy: Policy, column: str, value: Any, language: Language) -> str:
    """The value as a person reads it: what policy and labels name by its name, days and moments as
    the language writes them, in the policy's time zone.
    """
    if not _is_filled(value):
        return ""
    if isinstance(value, bool):
        return labels.text("yes" if value else "no", language)
    text = str(value)
    if column == "attribute":
        return labels.name("columns", text, language)
    if column in ("source", "overrides", "ended_by") and text in policy.sources:
        return policy.sources[text].name[language]
    if column == "purpose" and text in policy.purposes:
        return policy.purposes[text].name[language]
    return _dated(policy, text, language) or labels.value(column, text, language)


def _dated(policy: Policy, text: str, language: Language) -> str:
    """A day or moment in ISO 8601 in words; empty for any other text."""
    if _MOMENT.fullmatch(text):
        return grammar.moment(datetime.fromisoformat(text).astimezone(policy.zone), language)
    return grammar.day(date.fromisoformat(text), language) if _DAY.fullmatch(text) else ""
