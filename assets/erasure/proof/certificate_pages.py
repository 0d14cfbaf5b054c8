"""A certificate as Markdown and as HTML, to be read by a person; the JSON beside them is what
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

TITLE = "Certificate of erasure"
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 "
    "1em}table{border-collapse:collapse}"
    "td,th{border:1px solid #999;padding:.2em .6em;text-align:left;word-break:break-all}"
)

Table = tuple[str, Sequence[str], list[list[object]]]


def _tables(said: dict[str, Any], digest: str) -> list[Table]:
    software, policy = said["software"], said["policy"]
    about = [
        ["request", said["request_id"]],
        ["received", said["received_at"]],
        ["issued", said["issued_at"]],
        ["number in the chain", said["sequence"]],
        ["hash of the one before", said["previous"]],
        ["hash of this one", digest],
        ["software", f"{software['name']} {software['version']}, rules {software['rules']}"],
        ["policy", f"{policy['version']}, hash {policy['hash']}"],
        *_backups(said.get("backups")),
        *_bound(said.get("suppression")),
    ]
    decisions = [
        [category, one["decision"], one["rows"], one.get("ground", ""), one.get("until", "")]
        for category, one in said["decisions"].items()
    ]
    return [
        ("This certificate", ("what", "value"), about),
        ("What was decided", ("category", "decision", "rows", "ground", "until"), decisions),
        (
            "What was removed",
            ("layer", "rows"),
            [[layer, rows] for layer, rows in said["rows_removed"].items()],
        ),
        (
            "What was redacted within records of others",
            ("layer", "count"),
            [[layer, count] for layer, count in said.get("redacted", {}).items()],
        ),
        (
            "What may remain, and why",
            ("what", "count", "reason"),
            [[one["what"], one["count"], one["reason"]] for one in said.get("remains", ())],
        ),
        (
            "What was verified, and how",
            ("what", "how", "examined"),
            [[one["what"], one.get("how", ""), one["examined"]] for one in said["proof"]],
        ),
        (
            "What to know",
            ("code", "where", "count"),
            [[one["code"], one["where"], one["count"]] for one in said["warnings"]],
        ),
        ("Files rewritten", ("file", "SHA-256 before", "SHA-256 after"), _hashes(said["files"])),
        ("Built anew", ("file", "SHA-256 before", "SHA-256 after"), _hashes(said["published"])),
    ]


def _backups(held: dict[str, Any] | None) -> list[list[object]]:
    """Return no rows for older certificates, which do not list backups."""
    if not held:
        return []
    return [
        [
            "backups from before that can still be opened",
            f"{held['generations']}, the last until {held['until']}"
            if held["generations"]
            else "none",
        ]
    ]


def _bound(bound: dict[str, Any] | None) -> list[list[object]]:
    """Older certificates are not bound."""
    if not bound:
        return []
    return [
        ["fingerprint of the pepper", bound["pepper"]],
        ["hashes on the suppression list", bound["hashes"]],
    ]


def _hashes(files: Iterable[dict[str, str | None]]) -> list[list[object]]:
    return [[path["file"], path["before"] or "none", path["after"] or "gone"] for path in files]


def markdown(said: dict[str, Any], digest: str) -> str:
    """The certificate as Markdown."""
    lines = [f"# {TITLE}", ""]
    for title, header, rows in _tables(said, digest):
        if rows:
            lines += [
                f"## {title}",
                "",
                "| " + " | ".join(header) + " |",
                "|" + "---|" * len(header),
            ]
            lines += [
                "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
                for row in rows
            ] + [""]
    lines += [
        "## What no verification of files can rule out",
        "",
        *(f"- {risk}" for risk in said["residual_risks"]),
        "",
    ]
    return "\n".join(lines)


def html(said: dict[str, Any], digest: str) -> str:
    """The certificate as one page of HTML that loads nothing."""
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title>'
        f"<style>{_STYLE}</style><h1>{TITLE}</h1>"
    ]
    for title, header, rows in _tables(said, digest):
        if rows:
            cells = "".join(
                "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
                for row in rows
            )
            parts.append(
                f"<h2>{escape(title)}</h2><table><tr>"
                + "".join(f"<th>{escape(name)}</th>" for name in header)
                + f"</tr>{cells}</table>"
            )
    parts.append(
        "<h2>What no verification of files can rule out</h2><ul>"
        + "".join(f"<li>{escape(risk)}</li>" for risk in said["residual_risks"])
        + "</ul>"
    )
    return "\n".join(parts) + "</html>\n"
