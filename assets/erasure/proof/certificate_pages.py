"""A certificate as Markdown and as HTML, to be read by a person; the JSON beside them is what
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from assets.documents.pages import STYLE

TITLE = "Certificate of erasure"
Table = tuple[str, Sequence[str], list[list[object]]]


def _tables(certificate: dict[str, Any], digest: str) -> list[Table]:
    software, policy = certificate["software"], certificate["policy"]
    about = [
        ["request", certificate["request_id"]],
        ["received", certificate["received_at"]],
        ["issued", certificate["issued_at"]],
        *_identity(certificate.get("identity")),
        ["number in the chain", certificate["sequence"]],
        ["hash of the one before", certificate["previous"]],
        ["hash of this one", digest],
        ["software", f"{software['name']} {software['version']}, rules {software['rules']}"],
        ["policy", f"{policy['version']}, hash {policy['hash']}"],
        *_backups(certificate.get("backups")),
        *_bound(certificate.get("suppression")),
        *_signed(certificate.get("signing_key")),
    ]
    decisions = [
        [
            category,
            decision["decision"],
            decision["rows"],
            decision.get("ground", ""),
            decision.get("until", ""),
        ]
        for category, decision in certificate["decisions"].items()
    ]
    return [
        ("This certificate", ("what", "value"), about),
        ("What was decided", ("category", "decision", "rows", "ground", "until"), decisions),
        (
            "What was removed",
            ("layer", "rows"),
            [[layer, rows] for layer, rows in certificate["rows_removed"].items()],
        ),
        (
            "What was redacted within records of others",
            ("layer", "count"),
            [[layer, count] for layer, count in certificate.get("redacted", {}).items()],
        ),
        (
            "What may remain, and why",
            ("what", "count", "reason"),
            [
                [kind["what"], kind["count"], kind["reason"]]
                for kind in certificate.get("remains", ())
            ],
        ),
        (
            "What was verified, and how",
            ("what", "how", "examined"),
            [
                [step["what"], step.get("how", ""), step["examined"]]
                for step in certificate["proof"]
            ],
        ),
        (
            "What to know",
            ("code", "where", "count"),
            [
                [warning["code"], warning["where"], warning["count"]]
                for warning in certificate["warnings"]
            ],
        ),
        (
            "Files rewritten",
            ("file", "SHA-256 before", "SHA-256 after"),
            _hashes(certificate["files"]),
        ),
        (
            "Rebuilt",
            ("file", "SHA-256 before", "SHA-256 after"),
            _hashes(certificate["published"]),
        ),
    ]


def _backups(backups: dict[str, Any] | None) -> list[list[object]]:
    """Return no rows for older certificates, which do not list backups."""
    if not backups:
        return []
    return [
        [
            "backups from before that can still be opened",
            f"{backups['generations']}, the last until {backups['until']}"
            if backups["generations"]
            else "none",
        ]
    ]


def _identity(identity: dict[str, str] | None) -> list[list[object]]:
    """Return no rows for older certificates, which do not say how the identity was verified."""
    if not identity:
        return []
    if identity["means"] == "none":
        return [["identity verified by", "nobody; it was decided to go on without"]]
    return [
        [
            "identity verified by",
            f"{identity['means']} ({identity['level']}), at {identity['at']}",
        ]
    ]


def _bound(bound: dict[str, Any] | None) -> list[list[object]]:
    """Return no rows for older certificates, which are not bound."""
    if not bound:
        return []
    return [
        ["fingerprint of the pepper", bound["pepper"]],
        ["hashes on the suppression list", bound["hashes"]],
    ]


def _signed(signing_key: str | None) -> list[list[object]]:
    """Return no rows for older certificates, which do not name the key."""
    return [["key that signs the chain, SHA-256", signing_key]] if signing_key else []


def _hashes(files: Iterable[dict[str, str | None]]) -> list[list[object]]:
    return [[path["file"], path["before"] or "none", path["after"] or "removed"] for path in files]


def markdown(certificate: dict[str, Any], digest: str) -> str:
    """Return the certificate as Markdown."""
    lines = [f"# {TITLE}", ""]
    for title, header, rows in _tables(certificate, digest):
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
        *(f"- {risk}" for risk in certificate["residual_risks"]),
        "",
    ]
    return "\n".join(lines)


def html(certificate: dict[str, Any], digest: str) -> str:
    """Return the certificate as one page of HTML that loads nothing."""
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title>'
        f"<style>{STYLE}</style><h1>{TITLE}</h1>"
    ]
    for title, header, rows in _tables(certificate, digest):
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
        + "".join(f"<li>{escape(risk)}</li>" for risk in certificate["residual_risks"])
        + "</ul>"
    )
    return "\n".join(parts) + "</html>\n"
